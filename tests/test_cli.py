"""The command: what it prints, where, and the number it leaves behind."""

import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_neuron import cli
from tinygrad_neuron.cli import main
from tinygrad_neuron.commands import terminal
from tinygrad_neuron.lesson.text import BLOCKS
from tinygrad_neuron.lesson.tour import IRIS

ROOT = Path(__file__).parents[1]
TABLE = "a,b,y\n1,0,7\n0,1,2\n1,1,4\n2,5,-6\n-3,2,-7\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a table in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(TABLE)
    return tmp_path


def run(*arguments, **environment):
    """The command as a person's shell starts it."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tinygrad_neuron", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def printed(capsys, *arguments):
    """What the command prints when all is well."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_alone_it_says_what_there_is(capsys, arguments):
    """Every command with one line, and no command that does not exist."""
    out = printed(capsys, *arguments)
    named = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert named == list(cli.COMMANDS) == [
        "guess", "nudge", "learn", "train", "sweep", "predict", "inspect", "tour", "losses",
        "explain", "step", "draw", "doctor", "why", "check", "code",
    ]  # fmt: skip
    assert "learn --alpha 0.001" in out


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(capsys, command):
    """--help prints its options and leaves 0."""
    assert printed(capsys, command, "--help").startswith("usage: ")


def test_the_version(capsys):
    """One line."""
    assert printed(capsys, "--version").startswith("tinygrad_neuron ")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("guess", 0),
        ("guess --tries 3 --tolerance 0.001", 1),
        ("guess --integers --box 0 10 --seed 7", 0),
        ("nudge", 0),
        ("nudge --first y", 1),
        ("nudge --proportional 1/256", 0),
        ("nudge --proportional 0.01", 1),
        ("nudge --together --proportional 0.001", 0),
        ("nudge --start 0.3 0.7 --step 0.1", 1),
        ("nudge --seed 2", 1),
        ("learn", 0),
        ("learn --alpha 0.001", 1),
        ("learn --alpha 1e-8", 1),
        ("learn --alpha 1e-6 --steps 84", 1),
        ("learn --alpha 1e-6 --steps 85", 0),
        ("learn --steps 1e3 --seed 3", 0),
        ("learn --loss raw", 1),
        ("learn --loss abs", 1),
        ("learn --bias trainable --w0 1 2", 0),
        ("learn --w0 -1e-1 -3", 0),
        ("learn --scale 100 --alpha 0.001", 0),
        ("sweep", 0),
        ("sweep --alphas 1 2", 1),
        ("learn data.csv --target y", 0),
        ("learn data.csv --target y --standardize --seed 4", 0),
        ("learn data.csv --target y --columns a --activation tanh --loss huber --steps 5", 1),
        ("learn data.csv --target y --alpha 100", 1),
        ("tour", 0),
        ("tour --seed 1", 0),
    ],
)
def test_the_exit_code_says_whether_it_got_there(folder, capsys, typed, code):
    """0 where it did, 1 where it did not; a screen and clean JSON either way, nothing on stderr."""
    assert main(typed.split()) == code
    screen, nothing = capsys.readouterr()
    assert screen.strip() and nothing == ""
    assert main([*typed.split(), "--json"]) == code
    numbers, nothing = capsys.readouterr()
    assert isinstance(json.loads(numbers, parse_constant=pytest.fail), dict) and nothing == ""


LONG = f"1{'0' * 99}"
THIRTEEN = " + ".join("abcdefghijklm") + " = 30"


@pytest.mark.parametrize(
    "arguments",
    [
        ["learn", "--w0", "1e100", "1e100"],
        ["learn", "--equation", f"{LONG}x = {LONG}", "--w0", "1e100"],
        ["learn", "--alpha", "1e300", "--loss", "abs"],
        ["learn", "--alpha", "1e-300"],
        ["learn", "--tolerance", "1e-30"],
        ["learn", "--scale", "1e-100"],
        ["learn", "--scale", "1e100"],
        ["learn", "--w0", "5", "1", "--steps", "0"],
        ["sweep", "--w0", "5", "1", "--steps", "0"],
        ["sweep", "--alphas", "1e300", "1e-300", "--steps", "10"],
        ["nudge", "--start", "1e100", "1"],
        ["nudge", "--step", "1e100"],
        ["nudge", "--proportional", "1e100"],
        ["nudge", "--equation", THIRTEEN, "--proportional", "0.01"],
        ["nudge", "--equation", "x + y = 200001"],
        ["guess", "--box", "-1e100", "1e100", "--tries", "10"],
        ["guess", "--tolerance", "1e100", "--tries", "10"],
        ["guess", "--equation", "x = 100", "--tries", "100"],
        ["guess", "--equation", THIRTEEN, "--tries", "100"],
        ["learn", "big.csv", "--target", "y"],
        ["learn", "big.csv", "--target", "y", "--standardize"],
        ["learn", "flat.csv", "--target", "y", "--activation", "sigmoid"],
        ["learn", "flat.csv", "--target", "y", "--activation", "tanh", "--loss", "abs"],
        ["learn", "wide.csv", "--target", "y", "--steps", "20"],
        ["learn", "data.csv", "--target", "y", "--loss", "abs", "--alpha", "1", "--steps", "99"],
    ],
    ids=lambda arguments: " ".join(arguments)[:50],
)
def test_extreme_numbers_are_told_not_thrown(folder, capsys, arguments):
    """Overflow, underflow, flat losses, many unknowns: a screen and valid JSON, no traceback."""
    Path("big.csv").write_text("a,y\n1e300,1\n-1e300,2\n1,1e300\n")
    Path("flat.csv").write_text("a,y\n468,0\n300,1\n500,0\n")
    names = [f"x{i}" for i in range(30)]
    Path("wide.csv").write_text(
        f"{','.join(names)},y\n{','.join('1' * 30)},1\n{','.join('2' * 30)},3\n"
    )
    code = main(arguments)
    assert code in (0, 1)
    screen, nothing = capsys.readouterr()
    assert screen.strip() and nothing == ""
    assert "alpha inf" not in screen and "nan" not in screen
    assert main([*arguments, "--json"]) == code
    json.loads(capsys.readouterr().out, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("gess", "did you mean 'guess'?"),
        ("dance", "There is no command 'dance'."),
        ("learn --alhpa 3", "did you mean --alpha?"),
        ("learn --alpha", "Argument --alpha: expected one argument."),
        ("learn --alpha -3", "-3 is not above 0"),
        ("learn --alpha nan", "'nan' is not a number"),
        ("learn --alpha 1/0", "'1/0' is not a number"),
        ("learn --steps 1.5", "1.5 is not a whole number"),
        ("learn --alpha 1/", "'1/' is not a number"),
        ("learn --steps 1e17", "1e17 is not a whole number"),
        ("nudge --start 1e101 0", "1e101 is beyond 1e+100"),
        ("learn --steps -1", "-1 is not a whole number"),
        ("learn --loss mse", "--loss mse is not one of square, half-square, abs, raw or huber"),
        ("learn --w0 1", "--w0 got 1 number, and 256*x + 212*y = 1492 has 2 unknowns: x and y."),
        ("learn --target y", "--target belongs to learning from a table"),
        ("learn data.csv", "Which column of data.csv is to be predicted?"),
        ("learn data.csv --target z", "data.csv has no column 'z'"),
        ("learn data.csv --target y --w0 1 2", "--w0 belongs to learning an equation"),
        ("learn data.csv --target y --loss square", "--loss square is not one of mse, abs, huber"),
        ("learn none.csv --target y", "none.csv cannot be read"),
        ("guess --tries 0", "0 is too few"),
        ("guess --box 3 1", "--box 3 1 has no numbers in it."),
        ("guess --box 0.1 0.9 --integers", "--box 0.1 0.9 has no whole numbers in it."),
        ("guess --box 0 1e16 --integers", "--box 0 1e+16 has no exact whole numbers"),
        ("nudge --first z", "--first x or y"),
        ("nudge --start 1 2 3", "--start got 3 numbers"),
        ("nudge --step 1 --proportional 0.1", "not allowed with argument --step"),
        ("sweep --w0 1", "--w0 got 1 number"),
        ("predict none.json data.csv", "none.json cannot be read"),
        (
            "predict data.csv data.csv",
            "data.csv was not written by this package: it is no archive.",
        ),
    ],
)
def test_a_mistake_is_explained_on_stderr(folder, capsys, typed, says):
    """Its kind and code, what is wrong, what to type: and 2, without a traceback."""
    assert main(typed.split()) == 2
    out, err = capsys.readouterr()
    kind, *rest = err.splitlines()
    assert out == "" and says in err
    assert kind.partition(" ")[2].startswith("[TN14")
    assert rest[-1].startswith("  do:  ")


def test_an_equation_that_begins_with_a_minus(capsys):
    """It is no option; the caret stands under the column that was typed."""
    assert printed(capsys, "learn", "--equation", "-3a+b=2").startswith("-3*a + b = 2 as a neuron")
    assert main(["learn", "--equation", "-3a+=2"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[1].startswith("The equation cannot be read at column 5:")
    assert lines[2:4] == ["  -3a+=2", "      ^"]


def test_the_keys_of_the_json_are_stable(capsys):
    """A program that reads them goes on working."""
    learnt = json.loads(printed(capsys, "learn", "--alpha", "4e-6", "--json"))
    assert list(learnt) == [
        "equation", "names", "inputs", "target", "loss", "scale", "tolerance", "verdict", "history",
    ]  # fmt: skip
    assert learnt["verdict"]["kind"] == "converged" and learnt["verdict"]["updates"] == 10
    assert learnt["history"][1] == {
        "step": 1,
        "weights": pytest.approx([3.055616, 2.530432]),
        "error": pytest.approx(-173.310720),
        "loss": pytest.approx(30_036.6, rel=1e-5),
        "gradient": pytest.approx([-88_735.1, -73_483.7], rel=1e-5),
    }


def test_what_is_not_finite_is_null_in_json(capsys):
    """JSON has no inf: a program gets null, and valid JSON."""
    assert main(["learn", "--alpha", "1e300", "--json"]) == 1
    learnt = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert learnt["history"][-1]["loss"] is None


def test_learning_saving_and_predicting(folder, capsys):
    """The neuron goes into a file, and from the file come the numbers of the table."""
    learn = ["learn", "data.csv", "--target", "y", "--save", "model.json"]
    assert main([*learn, "--alpha", "100"]) == 1
    assert "Nothing was saved" in capsys.readouterr().out and not Path("model.json").exists()
    assert printed(capsys, *learn, "--standardize").endswith("predict model.json data.csv\n")
    out = printed(capsys, "predict", "model.json", "data.csv")
    head, *rows = out.splitlines()
    assert head == "y,y_predicted"
    for row in rows:
        actual, predicted = map(float, row.split(","))
        assert predicted == pytest.approx(actual, abs=1e-6)
    predicted = json.loads(printed(capsys, "predict", "model.json", "data.csv", "--json"))
    assert predicted["actual"] == [7, 2, 4, -6, -7]


def test_the_seed_decides(capsys):
    """The same seed prints the same, another one something else."""
    once, again, other = (printed(capsys, "guess", "--seed", seed) for seed in "556")
    assert once == again != other


@pytest.mark.parametrize("command", [["guess"], ["learn"], ["sweep"], ["tour"]])
def test_interrupting_prints_what_was_reached(monkeypatch, capsys, command):
    """Ctrl-C in the middle: the screen so far, and 130."""

    def interrupted(steps):
        for i, step in enumerate(steps):
            if i == 3:
                raise KeyboardInterrupt
            yield step

    module = importlib.import_module(f"tinygrad_neuron.commands.{command[0]}")
    monkeypatch.setattr(module, "progress", lambda: interrupted)
    monkeypatch.setattr("tinygrad_neuron.lesson.guess.BATCH", 1000)
    assert main(command) == 130
    assert "interrupted after" in capsys.readouterr().out


def test_interrupting_before_anything_was_reached(monkeypatch, capsys):
    """One word, no traceback, and 130."""

    def at_once(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinygrad_neuron.lesson.nudge.run", at_once)
    assert main(["nudge"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_reader_who_has_had_enough(tmp_path):
    """`guess | head -1` ends quietly."""
    done = subprocess.run(
        f"'{sys.executable}' -W error -m tinygrad_neuron learn --json --alpha 1e-7 | head -1",
        shell=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_a_pipe_that_knows_only_ascii():
    """Bars become digits, other letters escapes, and nothing breaks."""
    done = run("learn", "--equation", "2β = 4", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0 and done.stderr == ""
    assert "log scale 1 to 8" in done.stdout and "2*\\u03b2 = 4" in done.stdout


def test_a_pipe_that_knows_more():
    """Bars are blocks, and the tour from a shell ends as it does in a test."""
    done = run("tour", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0 and done.stderr == ""
    assert f"{BLOCKS[-1] * 2}▇▆▅▅▄▃▂▁▁" in done.stdout


def test_from_anywhere_the_irises_are_found(folder, capsys):
    """The shipped table is named so that the command shown can be typed."""
    out = printed(capsys, "tour")
    assert f"learn {IRIS} --target petal_width --standardize" in out


class Terminal(io.StringIO):
    """A stream that says that somebody is looking."""

    encoding = "utf-8"

    def isatty(self):
        """Somebody is."""
        return True


def test_a_progress_bar_only_where_somebody_looks(monkeypatch):
    """tqdm on a terminal, nothing in a pipe or where it is not installed."""
    assert terminal.progress() is iter
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert terminal.progress() is iter
    monkeypatch.undo()
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(terminal.progress()(range(3))) == [0, 1, 2]
    assert sys.stderr.getvalue() == ""  # over in less than a second


def test_a_terminal_gives_its_width(monkeypatch):
    """Screens are as wide as the window; 100 where there is none."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "72")
    assert main(["learn", "--alpha", "0.001"]) == 1
    assert max(map(len, sys.stdout.getvalue().splitlines())) <= 72


def test_what_to_type_next_is_what_was_typed(monkeypatch, tmp_path):
    """The command itself, by name where the path leads to it; else the Python that is at work."""
    for name in ("tinygrad-neuron", "python"):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(0o755)
    script, python = str(tmp_path / "tinygrad-neuron"), str(tmp_path / "python")
    monkeypatch.chdir(tmp_path.parent)
    for path, typed in (("", f"{tmp_path.name}/"), (str(tmp_path), "")):
        monkeypatch.setenv("PATH", path)
        monkeypatch.setattr(sys, "argv", [script])
        assert terminal.program() == f"{typed}tinygrad-neuron"
        monkeypatch.setattr(sys, "argv", ["/somewhere/__main__.py"])
        monkeypatch.setattr(sys, "executable", python)
        assert terminal.program() == f"{typed}python -m tinygrad_neuron"
