"""The README keeps its promises: two commands, and a page short enough to be read."""

import re
import shlex
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
COMMANDS = re.findall(r"^```sh\n(.*?)\n```$", README, re.M | re.S)


def steps(command: str) -> list[list[str]]:
    """The parts of a command joined by &&, each as its words."""
    return [shlex.split(part) for part in command.split(" && ")]


def test_there_are_two_commands_of_one_line():
    """One runs the main job and one passes the tests: nothing else has to be typed."""
    main_job, tests = COMMANDS
    assert (steps(main_job)[-1], steps(tests)[-1]) == (
        [".venv/bin/python", "-m", "tinygrad_neuron", "tour"],
        [".venv/bin/python", "-m", "pytest"],
    )


def test_each_command_does_its_own_set_up():
    """Either can come first: both make the environment and install into it, nowhere else."""
    for command in COMMANDS:
        make, install, _ = steps(command)
        assert make == ["python3", "-m", "venv", ".venv"]
        assert install[:4] == [".venv/bin/python", "-m", "pip", "install"]


def test_it_says_what_it_is_in_ten_lines():
    """What stands before the first heading fits on a card."""
    title, _, rest = README.partition("\n\n")
    assert title == "# tinygrad_neuron"
    assert len(rest.partition("\n## ")[0].strip().splitlines()) <= 10


def test_its_first_example_is_ten_lines():
    """The first block of Python is short enough to be typed."""
    first = re.search(r"^```python\n(.*?)^```$", README, re.M | re.S)
    assert first is not None
    assert len([line for line in first[1].splitlines() if line.strip()]) <= 10


def test_every_file_it_leads_to_exists():
    """No link is dead."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (Path(__file__).parents[1] / link).exists()] == []
