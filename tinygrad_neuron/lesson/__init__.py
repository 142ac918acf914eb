"""The lesson: from guessing to one neuron on a real table, each part a run and its screen.

Every part is a function that returns plain data, and a screen that is a pure function of it.
"""
