"""What can be typed, a module for each command.

`add_options(parser)` says what goes with it, `run(options)` does it, `screen(result, look)` shows
the result to a person and `record(result)` to a program. A result knows whether it `succeeded` and
whether it was `interrupted`. `epilogue(result, options)`, where there is one, gives the lines that
follow the screen. `cli` lists the commands.
"""
