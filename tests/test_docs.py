"""Everything the README and the documentation show has been run."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, nullcontext
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple

import pytest

import tinygrad_neuron
from tinygrad_neuron.errors import TinygradNeuronError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("examples/*.md"))]

FENCED = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence) *$", re.M | re.S)
CELL_OPTIONS = re.compile(r"\A(---\n.*?^---\n|(:[^\n]*\n)+)", re.M | re.S)
MAGIC = re.compile(r"^%.*$", re.M)
COMMAND = re.compile(r"^\$ (?P<command>.*)\n(?P<output>(?:(?!\$ ).*\n)*)", re.M)
PROGRAM = re.compile(r"(\.venv/bin/)?(tinygrad-neuron|python -m tinygrad_neuron)\b ?")

NEEDS = {"cluster.md": "dask"}  # pages about what a person may lack

Namespace = dict[str, Any]


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line of the page it starts on."""

    language: str
    text: str
    line: int

    @property
    def code(self) -> str:
        """The text without the options of a notebook cell and what only a notebook understands."""
        text = CELL_OPTIONS.sub(lambda options: "\n" * options[0].count("\n"), self.text)
        return MAGIC.sub("", text)

    @property
    def raises(self) -> bool:
        """Whether the cell is there to show an error."""
        options = CELL_OPTIONS.match(self.text)
        return options is not None and "raises-exception" in options[0]


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for found in FENCED.finditer(page):
        language = (found["info"].split() or [""])[0]
        yield Block(language, found["text"], page.count("\n", 0, found.start("text")))


def run_page(text: str, name: str) -> None:
    """Run the Python blocks of a page from the first to the last, in one namespace."""
    namespace: Namespace = {"__name__": "__main__"}
    with chdir("."):  # a page may go elsewhere to write its files
        for block in blocks(text):
            if block.language in ("python", "pycon", "{code-cell}"):
                run_block(block, namespace, name)


def run_block(block: Block, namespace: Namespace, name: str) -> None:
    """Run one block, as an interactive session if it is written as one."""
    if block.code.lstrip().startswith(">>>"):
        run_session(block, namespace, name)
    else:
        run_code(block, namespace, name)


def run_code(block: Block, namespace: Namespace, name: str) -> None:
    """Run a block so that a traceback names the page and its line."""
    code = compile("\n" * block.line + block.code, name, "exec")
    with pytest.raises(TinygradNeuronError) if block.raises else nullcontext():
        exec(code, namespace)


def run_session(block: Block, namespace: Namespace, name: str) -> None:
    """Run a block of prompts and compare what it prints with what the page says."""
    session = doctest.DocTestParser().get_doctest(block.code, namespace, name, name, block.line)
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(session, out=report.append, clear_globs=False)
    namespace.update(session.globs)
    assert result.failed == 0, "".join(report)


def examples(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a page's terminal sessions with the output shown under each."""
    for block in blocks(text):
        if block.language == "console":
            for found in COMMAND.finditer(block.text):
                yield found["command"], found["output"]


def run_example(command: str, shown: str, folder: Path) -> None:
    """Run a terminal command and compare; a line of dots stands for any number of lines."""
    program = PROGRAM.match(command)
    assert program, f"{command!r} does not start this package's program"
    arguments = shlex.split(command[program.end() :])
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_neuron", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    same = doctest.OutputChecker().check_output(shown, done.stdout, doctest.ELLIPSIS)
    assert same, f"$ {command}\n{done.stdout}"


def kinds_of(error: type[TinygradNeuronError]) -> Iterator[type[TinygradNeuronError]]:
    """Every error of the package below this one."""
    for module in walk_packages(tinygrad_neuron.__path__, "tinygrad_neuron."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    waiting = error.__subclasses__()
    for kind in waiting:
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("tinygrad_neuron."):
            yield kind


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page):
    """A person can type what the page shows, from its top to its end."""
    if page.name in NEEDS:
        pytest.importorskip(NEEDS[page.name], reason="an extra that the page is about")
    if "import matplotlib" in page.read_text():
        pytest.importorskip("matplotlib")
    run_page(page.read_text(), str(page))


@pytest.mark.parametrize("page", sorted(DOCS.glob("examples/*.md")), ids=lambda page: page.name)
def test_an_example_states_what_it_reaches(page):
    """Each page measures its network, and fails where the number is not what it says."""
    code = [block.code for block in blocks(page.read_text()) if block.language == "{code-cell}"]
    assert re.search(r"^assert \w+ [<>]", "\n".join(code), re.M)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_terminal_prints_what_a_page_shows(page, tmp_path):
    """The output printed on a page is the output of the command above it."""
    for command, shown in examples(page.read_text()):
        run_example(command, shown, tmp_path)


def test_every_message_is_on_the_page_of_messages():
    """Whoever meets an error finds its number as a heading, and the error raised below it."""
    page = (ROOT / "docs" / "errors.md").read_text()
    explained = set(re.findall(r"^## (TN\d+) ", page, re.M))
    assert {kind.code for kind in kinds_of(TinygradNeuronError)} == explained


@pytest.mark.parametrize(
    "text",
    [
        "```python\nraise OSError\n```\n",
        "```python\nx = 1\n```\n\n```python\nassert x == 2\n```\n",
        "```python\n>>> 1 + 1\n3\n```\n",
        "```pycon\n>>> 1 + 1\n3\n```\n",
        "```{code-cell}\n1 / 0\n```\n",
        "```{code-cell}\n:tags: [raises-exception]\n\n1 / 1\n```\n",
        "```{code-cell}\n---\ntags: [raises-exception]\n---\n1 / 1\n```\n",
    ],
)
def test_a_page_that_is_wrong_is_caught(text):
    """Each kind of block fails when what it says is not so."""
    with pytest.raises((AssertionError, ArithmeticError, OSError, pytest.fail.Exception)):
        run_page(text, "wrong.md")


def test_a_block_that_fails_names_its_line():
    """The traceback leads to the line of the page."""
    with pytest.raises(ZeroDivisionError) as caught:
        run_page("A page.\n\n```python\nx = 0\n1 / x\n```\n", "wrong.md")
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == ("wrong.md", 5)


def test_a_terminal_example_that_is_wrong_is_caught(tmp_path):
    """Output that the command does not print fails the page."""
    [(command, shown)] = examples("```console\n$ tinygrad-neuron --version\nno such line\n```\n")
    with pytest.raises(AssertionError, match="--version"):
        run_example(command, shown, tmp_path)
