"""A table, one neuron on it, and the neuron as a file: nothing is dropped, nothing is run."""

import json
import math

import numpy as np
import pytest

from tinygrad_neuron.lesson import fit, model, predict
from tinygrad_neuron.lesson.mistakes import ModelFileError, TableError, UsageError
from tinygrad_neuron.lesson.table import read
from tinygrad_neuron.lesson.text import Look
from tinygrad_neuron.lesson.tour import IRIS

# y = 2 a - 3 b + 5, without noise
EXACT = "a,b,y\n1,0,7\n0,1,2\n1,1,4\n2,5,-6\n-3,2,-7\n"
# yes from a = 3 on, with one exception
LABELS = "a,y\n0,0\n1,0\n2,1\n3,0\n4,1\n5,1\n"
SIGNS = LABELS.replace(",0\n", ",-1\n")


@pytest.fixture
def file(tmp_path):
    """A function that writes a file and gives its path."""

    def write(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def refused(path, *columns):
    """The error of reading a file, or of using some of its columns."""
    with pytest.raises(TableError, match="TN142") as caught:
        read(path).numbers(columns)
    return caught.value


# ------------------------------------------------------------------------------- reading a table


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n-3.5,4e2\n",
        "a,b\r\n1,2\r\n-3.5,4e2\r\n",
        b"\xef\xbb\xbfa,b\n1,2\n-3.5,4e2",
        '"a","b"\n"1","2"\n" -3.5 ",4e2\n\n\n',
        " a , b \n 1 , 2 \n-3.5,400\n",
    ],
)
def test_the_ways_a_file_may_be_written(file, content):
    """Both line ends, a byte order mark, quotes, blanks, empty lines at the end."""
    table = read(file(content))
    assert table.names == ("a", "b")
    assert table.numbers(["b", "a"]).tolist() == [[2.0, 1.0], [400.0, -3.5]]
    assert table.lines == (2, 3)


def test_a_quoted_cell_may_hold_anything(file):
    """A comma, a quote and a line break in a cell that is not used; lines are counted on."""
    table = read(file('name,x\n"Smith, ""J""\nLondon",1\nLee,2\n'))
    assert table.numbers(["x"]).ravel().tolist() == [1.0, 2.0]
    assert table.lines == (2, 4)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("", "the cell is empty"),
        ("  ", "the cell is empty"),
        ("abc", "'abc' is not a number"),
        ("?", "'?' is not a number"),
        ("1_000", "'1_000' is not a number"),
        ("٣", "'٣' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("nan", "'nan' is not a finite number"),
        ("NA", "'NA' is not a number"),
        ("-inf", "'-inf' is not a finite number"),
        ("1e999", "'1e999' is not a finite number"),
        ("x" * 99, f"'{'x' * 40}...' is not a number"),
    ],
)
def test_a_cell_that_is_no_number_is_named(file, cell, problem):
    """File, line and column, and that nothing is left out silently."""
    path = file(f"a,b\n1,2\n3,{cell}\n5,6\n")
    error = refused(path, "a", "b")
    assert f"{path}:3, column 'b': {problem}." in str(error)
    assert (error.data["line"], error.data["column"]) == (3, "b")
    assert "correct or delete line 3" in error.hint
    assert read(path).numbers(["a"]).ravel().tolist() == [1.0, 3.0, 5.0]


def test_a_column_of_words_says_which_columns_could_be_used(file):
    """The columns that hold numbers are named."""
    error = refused(file("kind,a,b\nrose,1,2\n"), "kind", "a")
    assert "--columns a b" in error.hint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n3\n", ":3 has 1 cell, and the header 2"),
        ("a,b\n1,2,3\n", ":2 has 3 cells, and the header 2"),
        ("a,b\n1,2\n\n3,4\n", ":3 is an empty line between rows"),
        ("a,b,a\n1,2,3\n", ":1, column 3 is called 'a', as column 1 is"),
        ("a,,b\n1,2,3\n", ":1, column 2 has no name"),
        ("1,2\n3,4\n", ":1 holds numbers where the names"),
        ("a;b\n1;2\n", "has no comma but ';'"),
        ("a\tb\n1\t2\n", "has no comma but '\\t'"),
        ('a,b\n1,"2\n', ":2 is not CSV"),
        ('a,b\n1,"2"3\n', ":2 is not CSV"),
        (b"a,b\n1,\xff\n", "is not UTF-8 text"),
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_table_is_refused(file, content, problem):
    """Whatever is wrong with its shape is said with the line."""
    path = file(content)
    assert problem in str(refused(path))


def test_a_file_that_is_not_there(tmp_path):
    """The system's own words, and no traceback of a codec."""
    assert "No such file or directory" in str(refused(str(tmp_path / "none.csv")))
    assert "Is a directory" in str(refused(str(tmp_path)))


def test_a_column_that_is_not_there(file):
    """The names that are, and the one that was perhaps meant."""
    error = refused(file("price,size\n1,2\n"), "prize")
    assert "has no column 'prize'; did you mean 'price'?" in str(error)
    assert "Its columns are price and size." in str(error)


# ---------------------------------------------------------------------------- learning from it


@pytest.mark.parametrize("standardize", [False, True])
def test_a_linear_neuron_finds_the_line(file, standardize):
    """2 a - 3 b + 5, as the table was made; least squares says the same."""
    found = fit.run(read(file(EXACT)), "y", standardize=standardize)
    assert found.succeeded
    assert found.learnt == pytest.approx([2.0, -3.0, 5.0], abs=1e-7)
    assert found.closed_form == pytest.approx([2.0, -3.0, 5.0])
    assert found.gap < 1e-7


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_start_ends_beside_least_squares(seed):
    """The irises, to 1e-6, from different first weights; the same seed gives the same bits."""
    table = read(str(IRIS))
    found = fit.run(table, "petal_width", standardize=True, seed=seed)
    assert found.gap < 1e-6
    again = fit.run(table, "petal_width", standardize=True, seed=seed)
    assert again.model == found.model


def test_columns_can_be_chosen(file):
    """Only those named are looked at, in their order; a third column may hold words."""
    path = file("kind,b,a,y\nrose,0,1,7\nlily,1,0,2\nrose,1,1,4\n")
    found = fit.run(read(path), "y", columns=["a", "b"])
    assert found.model.inputs == ("a", "b")
    assert found.learnt == pytest.approx([2.0, -3.0, 5.0], abs=1e-6)


def test_more_columns_than_rows_have_no_closed_form(file):
    """Then many weights predict the same, and none of them is the answer."""
    found = fit.run(read(file("a,b,y\n1,2,3\n2,4,6\n")), "y")
    assert found.succeeded and found.closed_form is None and found.gap is None
    assert found.model.predict(np.array([[1.0, 2.0], [2.0, 4.0]])) == pytest.approx([3.0, 6.0])


@pytest.mark.parametrize("loss", ["abs", "huber"])
def test_an_outlier_has_little_say(file, loss):
    """One wrong row of seven: the median of the slopes stays, the mean does not."""
    rows = "".join(f"{a},{2 * a}\n" for a in range(-3, 3))
    path = file(f"a,y\n{rows}3,1000\n")
    robust = fit.run(read(path), "y", loss=loss, alpha=0.01, steps=3000)
    square = fit.run(read(path), "y")
    assert abs(robust.learnt[0] - 2.0) < 0.5 < 30 < abs(square.learnt[0] - 2.0)


@pytest.mark.parametrize(
    ("loss", "activation", "labels"),
    [
        ("bce", None, LABELS),
        ("hinge", None, SIGNS),
        ("mse", "sigmoid", LABELS),
        ("mse", "tanh", SIGNS),
        ("mse", "relu", LABELS),
    ],
)
def test_a_yes_or_no_is_learnt(file, loss, activation, labels):
    """Small a says no, large a yes, whatever the loss and the activation."""
    found = fit.run(
        read(file(labels)), "y", loss=loss, activation=activation, standardize=True, steps=2000
    )
    low, high = found.model.predict(np.array([[0.0], [5.0]]))
    middle = 0.5 if "-1" not in labels else 0.0
    assert low < middle < high
    assert found.verdict.kind in ("converged", "cycling", "budget")


def test_the_cross_entropy_agrees_with_scikit_learn(file):
    """Logistic regression without a penalty: the same weights."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    found = fit.run(read(file(LABELS)), "y", loss="bce", steps=20_000)
    X, y = np.arange(6.0)[:, None], np.array([0, 0, 1, 0, 1, 1])
    oracle = linear_model.LogisticRegression(C=math.inf, tol=1e-10).fit(X, y)
    assert found.succeeded
    assert found.learnt == pytest.approx([oracle.coef_[0, 0], oracle.intercept_[0]], abs=1e-4)
    assert fit.quality(found) == {"accuracy": oracle.score(X, y)}


@pytest.mark.parametrize(
    ("loss", "activation"), [("bce", "none"), ("bce", "relu"), ("hinge", "sigmoid")]
)
def test_a_loss_that_does_not_suit_the_activation(file, loss, activation):
    """The pair is named, and one that goes together."""
    with pytest.raises(UsageError, match=f"--loss {loss} does not go with"):
        fit.run(read(file(LABELS)), "y", loss=loss, activation=activation)


@pytest.mark.parametrize(("loss", "line"), [("bce", 6), ("hinge", 2)])
def test_a_label_that_the_loss_does_not_know(file, loss, line):
    """The line of the first one is named."""
    path = file(LABELS.replace("4,1", "4,1.5"))
    with pytest.raises(TableError, match="is no label") as caught:
        fit.run(read(path), "y", loss=loss)
    assert caught.value.data["line"] == line


@pytest.mark.parametrize("columns", [["a", "a"], ["a", "y"]])
def test_a_column_is_used_once(file, columns):
    """The target cannot be an input, and no input can come twice."""
    with pytest.raises(UsageError, match="each column can be used once"):
        fit.run(read(file(EXACT)), "y", columns=columns)


def test_a_table_of_the_target_only(file):
    """There is nothing to predict it from."""
    with pytest.raises(UsageError, match="each column can be used once"):
        fit.run(read(file("y\n1\n2\n")), "y")


@pytest.mark.parametrize("constant", [0, 5, 1e9, 0.1])
def test_a_constant_column_cannot_be_standardised(file, constant):
    """It is named; unstandardised it is merely a second bias."""
    path = file("".join(["a,c,y\n", *(f"{a},{constant},{a}\n" for a in range(7))]))
    with pytest.raises(UsageError, match="Column 'c' is"):
        fit.run(read(path), "y", standardize=True)
    assert len(fit.run(read(path), "y", steps=1).learnt) == 3


@pytest.mark.parametrize(
    ("alpha", "kind", "says"),
    [
        (1.0, "diverging", "TN109"),
        (1e-7, "slow", "TN110"),
        (0.007, "budget", "--standardize"),
    ],
)
def test_a_fit_says_how_it_ended(alpha, kind, says):
    """The raw irises: one alpha for columns of different size is hard to find."""
    found = fit.run(read(str(IRIS)), "petal_width", alpha=alpha, steps=300)
    assert found.verdict.kind == kind and says in fit.screen(found, Look(width=80))
    assert found.verdict.curvature == pytest.approx(121.264, rel=1e-3)


# ------------------------------------------------------------------------------ the saved neuron


@pytest.fixture
def learnt(file):
    """A neuron on two columns, with an activation and standardised inputs."""
    return fit.run(read(file(EXACT)), "y", activation="tanh", standardize=True, steps=10).model


def test_a_neuron_comes_back_bit_for_bit(learnt, tmp_path):
    """Saved and loaded it is equal, and predicts the same as the formula says."""
    path = str(tmp_path / "model.json")
    model.save(learnt, path)
    loaded = model.load(path)
    assert loaded == learnt
    X = np.array([[1.0, 2.0], [3.0, -4.0]])
    by_hand = np.tanh(
        (X - np.array(learnt.mean)) / np.array(learnt.scale) @ np.array(learnt.weights)
        + learnt.bias
    )
    assert loaded.predict(X) == pytest.approx(by_hand, rel=1e-14)


def test_predicting_needs_the_columns_only(learnt, file):
    """In any order; the target is shown beside where it is known."""
    known = predict.run(learnt, read(file(EXACT)))
    turned = predict.run(learnt, read(file("b,a\n0,1\n1,0\n", "other.csv")))
    assert known.actual == (7.0, 2.0, 4.0, -6.0, -7.0)
    assert turned.actual is None and turned.predicted == known.predicted[:2]
    assert predict.screen(turned).splitlines()[0] == "y_predicted"
    assert predict.screen(known).splitlines()[1] == f"7.0,{known.predicted[0]!r}"
    with pytest.raises(TableError, match="has no column 'a'"):
        predict.run(learnt, read(file("b,c\n0,1\n", "third.csv")))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "pickle"}, "does not hold a neuron"),
        ({"version": 2}, "has version 2 of the format"),
        ({"weights": [1.0]}, "'weights' should be 2 finite numbers"),
        ({"weights": [1.0, "2"]}, "'weights' should be 2 finite numbers"),
        ({"weights": [1.0, math.nan]}, "'weights' should be 2 finite numbers"),
        ({"weights": [1.0, 10**400]}, "'weights' should be 2 finite numbers"),
        ({"weights": [1.0, True]}, "'weights' should be 2 finite numbers"),
        ({"weights": {"a": 1.0}}, "'weights' should be 2 finite numbers"),
        ({"bias": None}, "'bias' should be 1 finite number"),
        ({"inputs": []}, "'inputs' should be"),
        ({"inputs": "ab"}, "'inputs' should be"),
        ({"inputs": ["a", 1]}, "'inputs' should be"),
        ({"target": 3}, "'target' should be"),
        ({"activation": "exec"}, "'activation' should be one of"),
        ({"activation": ["tanh"]}, "'activation' should be a text"),
        ({"standardize": None}, "'standardize' should be"),
        ({"standardize": {"mean": [0, 0], "scale": [1, 0]}}, "'scale' should be numbers above 0"),
        ({"standardize": {"mean": [0], "scale": [1, 1]}}, "'mean' should be 2 finite numbers"),
    ],
)
def test_a_damaged_file_is_refused(learnt, tmp_path, change, problem):
    """What is missing or wrong in it is named."""
    path = tmp_path / "model.json"
    model.save(learnt, str(path))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelFileError, match="TN143") as caught:
        model.load(str(path))
    assert problem in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\x80\x04K\x01.", b"[" * 100_000])
def test_a_foreign_file_is_refused(file, content):
    """No JSON, other JSON, a pickle, a trap for the parser: never run, never a traceback."""
    with pytest.raises(ModelFileError, match="does not hold a neuron"):
        model.load(file(content, "model.json"))


def test_a_place_that_cannot_be_written(learnt, tmp_path):
    """The system's own words."""
    with pytest.raises(ModelFileError, match="cannot be written: No such file or directory"):
        model.save(learnt, str(tmp_path / "none" / "model.json"))
    with pytest.raises(ModelFileError, match="cannot be read: No such file or directory"):
        model.load(str(tmp_path / "none.json"))
