"""What is said about learning that fails: when, in which words, and when nothing is said."""

import json
import threading
import warnings

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import LearningWarning, Value, backward, modes, teaching, value
from tinygrad_neuron.cli import main
from tinygrad_neuron.commands.why import KINDS, known, told_by
from tinygrad_neuron.diagnosis.messages import WARNINGS
from tinygrad_neuron.diagnosis.pages import PAGES
from tinygrad_neuron.errors import NotFiniteError, TinygradNeuronError

EXAMPLES = [code for code, page in PAGES.items() if page.example]


def said(text):
    """The codes of what a piece of code says while it is run."""
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            exec(compile(text, "example.py", "exec"), {})
        except TinygradNeuronError as error:
            return [*_codes(told), error.code]
    return _codes(told)


def _codes(told):
    assert all(isinstance(w.message, LearningWarning) for w in told)
    return [w.message.code for w in told]


def descent(steps, move, *, loss=None, clear=True):
    """What is said of a descent on the lesson's equation whose update is `move(w, k)`."""
    w1, w2 = Value(0.0, name="w1"), Value(0.0, name="w2")
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        with teaching():
            for k in range(steps):
                for w in (w1, w2):
                    if clear:
                        w.zero_grad()
                J = (w1 * 256 + w2 * 212 - 1492) ** 2 if loss is None else loss(w1, w2, k)
                J.backward()
                for w in (w1, w2):
                    move(w, k)
    return [w.message for w in told]


def codes(messages):
    """Their numbers."""
    return [message.code for message in messages]


def stepping(alpha):
    """A plain update."""

    def move(w, k):
        w.data -= alpha * w.grad

    return move


# ------------------------------------------------------------------------- every message


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_of_a_page_says_what_the_page_is_about(code):
    """Each message is triggered where `why` says that it is."""
    assert code in said(PAGES[code].example)


@pytest.mark.parametrize("code", [code for code in EXAMPLES if PAGES[code].silent])
def test_what_is_like_it_and_right_is_not_told(code):
    """Each message stays silent where nothing is wrong."""
    assert said(PAGES[code].silent) == []


@pytest.mark.parametrize("code", EXAMPLES)
def test_a_message_has_its_parts(code):
    """Place, what happened, why, what to type: at most seven lines, all of them short enough."""
    place, *body = told_by(PAGES[code].example, code).splitlines()
    assert place.split(" ")[1] == f"[{code}]"
    assert "example.py:" in place
    assert 2 <= len(body) <= 6
    assert any(line.startswith("  do:  ") for line in body)
    assert all(len(line) < 240 for line in body)


@pytest.mark.parametrize("code", sorted(WARNINGS))
def test_every_warning_has_a_page(code):
    """With an example, but for the one that only `doctor` sees."""
    assert PAGES[code].story
    assert bool(PAGES[code].example) == (code != "TN124")


TEXTS = {
    "TN101": """\
StaleGradientWarning [TN101] example.py:7  J.backward()
w1 still holds the gradient -763904, computed before w1 changed from 0 to 0.763904. The new one, \
-595112, was added to it: -1.35902e+06.
Gradients add up on purpose, so old ones must be cleared once for each update; without it a \
descent swings for ever instead of settling.
  do:  for p in (w1, w2): p.zero_grad()   before backward()
  more: why TN101""",
    "TN108": """\
UphillWarning [TN108] example.py:9  J.backward()
The last step went up: the loss rose from 2.22606e+06 to 3.31849e+06. w1 was moved by -0.763904, \
and its gradient was -763904.
A negative gradient means "the loss falls when w1 grows": a step goes against it.
  do:  w1.data -= alpha * w1.grad     (minus, also when the gradient is negative)
  more: why TN108""",
    "TN109": """\
DivergenceWarning [TN109] example.py:9  J.backward()
The loss grew 48382 times in one step (2.226e+06 -> 1.077e+11). alpha = 0.001 is 110.5 times too \
large: the measured curvature is 220960.
Descent is stable only below 2/220960 = 9.05e-06. Each step multiplies the error by -219.96.
  do:  alpha = 4.53e-06 (best)   or   divide the inputs by 100 and keep alpha = 0.001
  more: why TN109""",
    "TN120": """\
NoMinimumWarning [TN120] example.py:9  J.backward()
The loss falls by 110.48 in every step and is now -2044.4.
A plain difference can fall for ever: being "too small" counts as good.
  do:  J = e**2   or   J = abs(e),   so that being wrong either way costs something
  more: why TN120""",
}


@pytest.mark.parametrize("code", TEXTS)
def test_the_text_of_a_message_on_the_lessons_equation(code):
    """Word for word, with the numbers of the lesson."""
    assert told_by(PAGES[code].example, code) == TEXTS[code]


def test_the_numbers_of_a_message_are_data():
    """220960, 9.05e-06, 110.48 and -219.96, for programs."""
    (message,) = descent(2, stepping(0.001))
    assert message.data["curvature"] == pytest.approx(220960, rel=1e-12)
    assert message.data["limit"] == pytest.approx(2 / 220960, rel=1e-12)
    assert message.data["excess"] == pytest.approx(110.48, rel=1e-12)
    assert message.data["factor"] == pytest.approx(-219.96, rel=1e-12)
    assert message.hint.startswith("alpha = 4.53e-06 (best)")


# -------------------------------------------------------------------------------- silence


@pytest.mark.parametrize("alpha", [1e-7, 1e-6, 4e-6, 1 / 220960, 8e-6, 9e-6])
def test_a_stable_descent_is_not_told(alpha):
    """Also one that overshoots at every step, and one that lands at once."""
    assert descent(30, stepping(alpha)) == []


def test_a_rate_just_above_the_limit_is_told_when_it_is_so_again():
    """alpha = 1e-05 is 1.105 times too large: once is an accident, as networks have."""
    assert descent(2, stepping(1e-5)) == []
    (message,) = descent(3, stepping(1e-5))
    assert message.data["excess"] == pytest.approx(1.1048, rel=1e-9)


def test_momentum_may_climb():
    """A step that is not along the gradient is no plain descent, whatever the loss does."""
    memory = {}

    def move(w, k):
        memory[w.name] = 0.9 * memory.get(w.name, 0.0) - 4e-6 * w.grad
        w.data += memory[w.name]

    assert descent(30, move) == []


def test_other_rows_are_another_problem():
    """Between two batches the loss may rise, and no curvature can be measured."""
    rows = [(256.0, 212.0, 1492.0), (120.0, 310.0, 9100.0)]

    def loss(w1, w2, k):
        a, b, y = rows[k % 2]
        return (w1 * a + w2 * b - y) ** 2

    assert descent(10, stepping(4e-6), loss=loss) == []


def test_a_step_up_on_other_rows_is_not_told():
    """Nobody knows whether the loss of these rows rose."""

    def loss(w1, w2, k):
        return (w1 * (256.0 + k) + w2 * 212 - 1492) ** 2

    assert descent(3, stepping(-1e-7), loss=loss) == []
    assert codes(descent(2, stepping(-1e-7))) == ["TN108"]


def test_a_saturated_answer_that_is_right_is_not_told():
    """-log(p) has the slope -1 at p = 1, and pulls outward."""
    w = Value(1.0, name="w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching():
            (0.1 - tn.log(tn.sigmoid(w * 468.0))).backward()


def test_two_descents_do_not_mix():
    """Each set of leaves has its own history."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching():
            a, b = Value(1.0, name="a"), Value(1.0, name="b")
            for _ in range(5):
                for w, alpha in ((a, 0.1), (b, 0.2)):
                    w.zero_grad()
                    (w * w).backward()
                    w.data -= alpha * w.grad


def test_a_cause_is_told_once_for_each_descent():
    """A hundred diverging steps are one message."""
    assert codes(descent(8, stepping(0.001))) == ["TN109"]


def test_clearing_by_setting_none_is_clearing():
    """As some people write it."""
    w = Value(1.0, name="w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching():
            for _ in range(3):
                w.grad = None
                (w * w).backward()
                w.data -= 0.1 * w.grad


def test_optimisers_and_layers_are_looked_at_as_well():
    """A network that learns is not told; the same with a rate a thousand times too large is."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)

    def train(alpha):
        net = tn.MLP(3, [5, 1], activation="tanh", rng=np.random.default_rng(1))
        descent = tn.optim.GradientDescent(net.parameters(), alpha=alpha)
        with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
            warnings.simplefilter("always")
            with teaching():
                for _ in range(8):
                    descent.zero_grad()
                    ((net(X) - y) ** 2).mean().backward()
                    descent.step()
        return {w.message.code for w in told}

    assert train(0.05) == set()
    assert "TN109" in train(50.0)


def test_features_that_are_equal_are_no_twins():
    """Two equal columns of inputs make equal weights of one unit, which is no harm."""
    X = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    W = Value(np.zeros((2, 1)), name="W")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching():
            for _ in range(3):
                W.zero_grad()
                ((X @ W)[:, 0] ** 2 + (X @ W)[:, 0]).mean().backward()
                W.data -= 0.01 * W.grad


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), (RNG.normal(size=60) > 0).astype(float)


def minibatches():
    """Other rows in each step: the loss jumps up and down."""
    net = tn.MLP(4, [8, 1], activation="tanh", rng=1)
    optimiser = tn.optim.GradientDescent(net.parameters(), alpha=0.1)
    rng = np.random.default_rng(1)
    for _ in range(30):
        rows = rng.integers(0, 60, 10)
        optimiser.zero_grad()
        tn.losses.binary_cross_entropy(net(X[rows]), Y[rows]).backward()
        optimiser.step()


def recurrent():
    """The same weights in each of four steps of time."""
    W, u = Value(0.3 * RNG.normal(size=(5, 5)), name="W"), Value(np.ones(5), name="u")
    for _ in range(3):
        W.zero_grad(), u.zero_grad()
        h = np.zeros(5)
        for t in range(4):
            h = tn.tanh(W @ h + u * X[t, 0])
        ((h.sum() - 1) ** 2).backward()
        W.data -= 0.01 * W.grad
        u.data -= 0.01 * u.grad


def adversaries():
    """Two losses in turn, which pull in opposite directions."""
    g, d = Value(0.0, name="g"), Value(0.1, name="d")
    for _ in range(20):
        g.zero_grad(), d.zero_grad()
        (-tn.log(tn.sigmoid(d * 1.0)) - tn.log(1 - tn.sigmoid(d * g.data))).backward()
        d.data -= 0.1 * d.grad
        g.zero_grad(), d.zero_grad()
        (-tn.log(tn.sigmoid(d * g))).backward()
        g.data -= 0.1 * g.grad


def newton():
    """Steps by the second derivative: along the gradient, by another multiple each time."""
    x = Value(2.0, name="x")
    for _ in range(6):
        x.zero_grad()
        (x**4).backward()
        x.data -= x.grad / (12 * x.data**2)


def arrived():
    """At the minimum nothing moves, and that is right."""
    w = Value(1.0, name="w")
    for _ in range(150):
        w.zero_grad()
        ((w - 3) ** 2).backward()
        w.data -= 0.4 * w.grad


def restarts():
    """One weight put back, to try a large step and small ones."""
    w = Value(1.0, name="w")
    for alpha in (10.0, 1.0, 0.1, 0.01):
        w.data = 1.0
        w.zero_grad()
        ((w * 3 - 3.5) ** 2).backward()
        w.data -= alpha * w.grad


@pytest.mark.parametrize("learn", [minibatches, recurrent, adversaries, newton, arrived, restarts])
def test_ways_of_learning_that_are_right_are_not_told(learn):
    """No message is better than a wrong one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching():
            learn()


# ----------------------------------------------------------------------------------- the mode


def test_outside_nothing_is_told():
    """The same loop without the block."""
    w = Value(0.0, name="w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            ((w * 256 - 1492) ** 2).backward()
            w.data -= 0.001 * w.grad
    assert not modes.watching


def test_outside_nobody_is_asked(monkeypatch):
    """One comparison, and no call: that is all it costs."""

    def asked():
        raise AssertionError("somebody asked")

    for module in (backward, value):
        monkeypatch.setattr(module, "watcher", asked)
    w = Value(3.0)
    (w * w).backward()
    assert (w > 2.0) and w.grad == 6.0


def test_a_block_inside_can_be_without():
    """For a part that is known to be odd."""
    w = Value(0.0, name="w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching(), teaching(on=False):
            for _ in range(3):
                ((w * 256 - 1492) ** 2).backward()
                w.data -= 0.001 * w.grad


def test_messages_can_be_taken_in_place_of_warnings():
    """For who collects them, whatever the filters of warnings say."""
    messages = []
    w = Value(0.0, name="w")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with teaching(tell=messages.append):
            for _ in range(2):
                ((w * 256 - 1492) ** 2).backward()
                w.data -= 1e-6 * w.grad
    assert codes(messages) == ["TN101"]


def test_only_this_thread_is_looked_at():
    """Another one learns as it likes."""

    def learn():
        w = Value(0.0, name="w")
        for _ in range(3):
            ((w * 256 - 1492) ** 2).backward()
            w.data -= 0.001 * w.grad

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with teaching():
            thread = threading.Thread(target=learn)
            thread.start()
            thread.join()
    assert told == []


def test_gradients_are_those_without_a_teacher():
    """Looking changes no number."""
    x = np.linspace(-1, 1, 5)

    def gradient():
        w = Value(np.full(5, 0.3), name="w")
        (tn.tanh(w * x).sum() ** 2).backward()
        return w.grad

    with teaching():
        seen = gradient()
    assert np.array_equal(seen, gradient())


def test_what_was_switched_on_is_switched_off_after_an_error():
    """Also when a script fails inside."""
    with pytest.raises(ZeroDivisionError), teaching():
        raise ZeroDivisionError
    assert not modes.watching and not modes.pauses


def test_the_first_inf_is_an_error_with_its_line():
    """Before it spreads to every gradient."""
    z = Value(-800.0, name="z")
    with (
        pytest.raises(NotFiniteError, match=r"log\(p\) is -inf") as raised,
        np.errstate(all="ignore"),
        teaching(),
    ):
        p = tn.sigmoid(z)
        (-tn.log(p)).backward()
    assert raised.value.data["operation"] == "log"


# ---------------------------------------------------------------------------- why and doctor


def printed(capsys, *arguments, code=0):
    """What a command prints."""
    assert main(arguments) == code
    return capsys.readouterr().out


@pytest.mark.parametrize("typed", ["TN109", "tn109", "109", " TN109 "])
def test_a_message_is_found_by_its_number(capsys, typed):
    """However it is typed: the story, the example, what it says, and what to look at."""
    out = printed(capsys, "why", typed)
    assert out.startswith("TN109  Learning rate too large\n")
    for part in ("-219.96", "For example:", "110.5 times too", "nothing is wrong", "learn --alpha"):
        assert part in out


def test_all_messages_are_listed(capsys):
    """Those of this package and no others, each on its line."""
    out = printed(capsys, "why")
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("TN")]
    assert listed == list(known()) == sorted(KINDS.keys() | PAGES.keys())


@pytest.mark.parametrize("code", sorted(KINDS))
def test_every_message_has_something_to_say(capsys, code):
    """A page, or its first line."""
    assert len(printed(capsys, "why", code)) > 60


def test_a_number_that_is_no_message_is_refused(capsys):
    """By what was typed."""
    assert main(["why", "TN999"]) == 2
    assert "TN999" in capsys.readouterr().err


def script(folder, text):
    """A script in a folder."""
    path = folder / "my_training.py"
    path.write_text(text)
    return str(path)


STALE = """\
from tinygrad_neuron import Value

w = Value(0.0, name="w")
for step in range(3):
    ((w * 256 - 1492) ** 2).backward()
    w.data -= 1e-6 * w.grad
print("learnt")
"""


def test_a_script_with_a_mistake_is_told_where(capsys, tmp_path):
    """With the line, the message, and exit code 1; what the script prints is printed."""
    out = printed(capsys, "doctor", script(tmp_path, STALE), code=1)
    assert out.startswith("learnt\n")
    assert (
        "StaleGradientWarning [TN101] my_training.py:5  ((w * 256 - 1492) ** 2).backward()" in out
    )
    assert out.endswith("doctor my_training.py: 1 message.\n")


def test_a_script_that_silences_warnings_is_told_all_the_same(capsys, tmp_path):
    """The doctor does not listen to warnings."""
    text = "import warnings\nwarnings.simplefilter('ignore')\n" + STALE
    assert "[TN101]" in printed(capsys, "doctor", script(tmp_path, text), code=1)
    text = "import warnings\nwarnings.simplefilter('error')\n" + STALE
    before = list(warnings.filters)
    assert "[TN101]" in printed(capsys, "doctor", script(tmp_path, text), code=1)
    assert warnings.filters == before


def test_a_script_that_is_right_has_exit_code_0(capsys, tmp_path):
    """And a line that says so."""
    right = STALE.replace("    ((w", "    w.zero_grad()\n    ((w")
    out = printed(capsys, "doctor", script(tmp_path, right))
    assert out.endswith("doctor my_training.py: nothing to say.\n")


def test_the_messages_of_a_script_as_data(capsys, tmp_path):
    """JSON on standard output, what the script prints on standard error."""
    assert main(["doctor", script(tmp_path, STALE), "--json"]) == 1
    out, err = capsys.readouterr()
    assert [message["code"] for message in json.loads(out)["messages"]] == ["TN101"]
    assert err == "learnt\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "import tinygrad_neuron as tn\nw = tn.Value(1.0)\nw.data -= w.grad\n",
            "[TN102] my_training.py:3",
        ),
        ("x = 1\nx / 0\n", "my_training.py:2  x / 0\nZeroDivisionError"),
        ("def f(:\n", "SyntaxError"),
        ("import numpy as np\nnp.random.default_rng()\n", "[TN124] my_training.py:2"),
    ],
)
def test_a_script_that_fails_is_told_where(capsys, tmp_path, text, words):
    """By a message of ours, or by its own exception."""
    assert words in printed(capsys, "doctor", script(tmp_path, text), code=1)


def test_a_script_gets_its_arguments_and_its_folder(capsys, tmp_path):
    """As `python script.py` has it; and an exit is no failure."""
    (tmp_path / "beside.py").write_text("answer = 42\n")
    text = "import sys, beside\nprint(sys.argv[1:], beside.answer, __name__)\nsys.exit(3)\n"
    out = printed(capsys, "doctor", script(tmp_path, text), "5", "x")
    assert out.startswith("['5', 'x'] 42 __main__\n")


def test_a_script_that_is_not_there_is_refused(capsys):
    """By its path."""
    assert main(["doctor", "nowhere.py"]) == 2
    assert "nowhere.py" in capsys.readouterr().err
