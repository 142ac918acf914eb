"""Tables: what columns become is learnt once and remembered, and no cell is taken for another."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tinygrad_neuron import Neuron, cli, save, tables
from tinygrad_neuron.commands import train as train_command
from tinygrad_neuron.errors import ModelFileError
from tinygrad_neuron.fitting import stepping
from tinygrad_neuron.lesson.mistakes import TableError, UsageError
from tinygrad_neuron.tables import Categories, Numbers, TableModel, sheet_of, train
from tinygrad_neuron.tables.columns import learnt

RNG = np.random.default_rng(0)
AGE = RNG.uniform(20, 60, 60).round(1)
KIND = RNG.choice(["oak", "ash", "elm"], 60)
HEIGHT = (0.3 * AGE + 2.0 * (KIND == "oak") - (KIND == "elm")).round(3)
TREES = {"age": AGE, "kind": KIND, "height": HEIGHT}
QUICK = {"hidden": (8,), "epochs": 30}


def file(tmp_path, columns=None, name="trees.csv", separator=","):
    """A table as a file of text."""
    columns = TREES if columns is None else columns
    path = tmp_path / name
    with path.open("w", newline="") as out:
        writer = csv.writer(out, delimiter=separator)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return str(path)


def run(capsys, *arguments):
    """What a command prints, and its exit code."""
    code = cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


class Frame:
    """As much of a data frame as is needed: its columns, each by its name."""

    def __init__(self, columns):
        self.held = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return np.array(self.held[name], object)


# ------------------------------------------------------------------------------ reading


def test_one_table_in_four_forms(tmp_path):
    """CSV, TSV, arrays and a data frame give the same model, bit for bit."""
    arrays = tmp_path / "trees.npz"
    np.savez_compressed(arrays, **TREES)
    forms = [
        file(tmp_path),
        file(tmp_path, name="trees.tsv", separator="\t"),
        arrays,
        Frame(TREES),
        TREES,
    ]
    models = [train(form, "height", **QUICK).model for form in forms]
    states = [{n: x.tobytes() for n, x in model.state().items()} for model in models]
    assert all(state == states[0] for state in states)
    assert len({tuple(model.predict(TREES)) for model in models}) == 1


def test_arrays_of_two_dimensions_are_columns(tmp_path):
    """x of shape (N, 3) is x0, x1 and x2."""
    np.savez(tmp_path / "t.npz", x=np.ones((4, 3)), y=np.arange(4))
    assert sheet_of(tmp_path / "t.npz").names == ("x0", "x1", "x2", "y")


def test_arrays_of_objects_are_not_read(tmp_path):
    """A table runs nothing, as a model does not."""
    np.savez(tmp_path / "t.npz", x=np.array([{}], object))
    with pytest.raises(TableError, match="object"):
        sheet_of(tmp_path / "t.npz")


@pytest.mark.parametrize(
    "columns", [{"x": [1.0, 2.0], "y": [1.0]}, {}, {"x": []}], ids=["uneven", "none", "empty"]
)
def test_columns_of_one_length(columns):
    """Every row has a cell in every column."""
    with pytest.raises(TableError, match="lengths"):
        sheet_of(columns)


def test_what_is_no_table():
    """A number, and a file that is not there."""
    with pytest.raises(TableError, match="int is no table"):
        sheet_of(3)
    for path in ("none.csv", "none.npz"):
        with pytest.raises(TableError, match="No such file"):
            sheet_of(path)


# ------------------------------------------------------------------------------ columns


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_numbers_have_mean_0_and_spread_1(cells):
    """Unless they are all the same: then they are 0."""
    sheet = sheet_of({"x": cells})
    column = learnt(sheet, "x")
    x = column.encoded(sheet)[:, 0]
    assert abs(x.mean()) < 1e-6
    assert x.std() == pytest.approx(1.0, abs=1e-6) or column.scale == 1.0


@given(st.lists(st.sampled_from(["a", "b", "ü", "3 m"]), min_size=1, max_size=30))
def test_texts_become_a_single_1(cells):
    """In the column of their text, in the order of the alphabet, whatever their order in rows."""
    sheet = sheet_of({"x": cells})
    column = learnt(sheet, "x")
    x = column.encoded(sheet)
    assert column.values == tuple(sorted(set(cells)))
    assert [column.values[i] for i in x.argmax(axis=1)] == cells
    assert (x.sum(axis=1) == 1).all() and set(x.ravel()) <= {0.0, 1.0}


def test_what_was_learnt_is_remembered(tmp_path):
    """Another table is standardised by the mean and the spread of the first, after saving too."""
    model = train(TREES, "height", **QUICK).model
    path = tmp_path / "model.npz"
    save(model, path)
    twin = tables.load(path)
    row = {"age": [33.0], "kind": ["ash"], "unused": ["?"]}
    assert twin.predict(row) == model.predict(row)
    z = model.inputs(row)
    assert z[0, 0] == (33.0 - AGE.mean()) / AGE.std()
    assert z[0, 1:].tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("empty", ["", "NA", "nan", "?", "null"])
def test_missing_cells_are_named_with_their_line(tmp_path, empty):
    """Refused, however a person writes that there is nothing."""
    ages = [str(x) for x in AGE]
    ages[4] = empty
    path = file(tmp_path, {**TREES, "age": ages})
    with pytest.raises(TableError, match=r"trees\.csv:6, column 'age': the cell is empty"):
        train(path, "height", **QUICK)


@pytest.mark.parametrize(("impute", "fill"), [("mean", 2.0), ("median", 1.0)])
def test_missing_cells_are_imputed_on_request(impute, fill):
    """By what was learnt from the first table, also where the second has none at all."""
    sheet = sheet_of({"x": [1.0, None, 1.0, 4.0], "kind": ["a", "b", None, "b"]})
    assert learnt(sheet, "x", impute).fill == fill
    kinds = learnt(sheet, "kind", impute)
    assert kinds.fill == "b"
    assert kinds.encoded(sheet_of({"kind": [None]})).tolist() == [[0.0, 1.0]]


def test_a_missing_target_is_never_imputed():
    """It would be made up, and then learnt."""
    with pytest.raises(TableError, match="'y'"):
        train({"x": [1.0, 2.0], "y": [1.0, None]}, "y", impute="mean")


def test_a_slip_does_not_make_categories(tmp_path):
    """One cell that is no number among numbers is an error with its line."""
    ages = [*map(str, AGE[:-1]), "3o.5"]
    with pytest.raises(TableError, match=r"trees\.csv:61, column 'age': '3o\.5'"):
        train(file(tmp_path, {**TREES, "age": ages}), "height")


def test_numbers_that_are_names():
    """Only when it is said: 3.0 is then the text 3."""
    sheet = sheet_of({"zip": [3.0, 10.0, 3.0]})
    assert isinstance(learnt(sheet, "zip"), Numbers)
    assert learnt(sheet, "zip", None, ["zip"]).values == ("10", "3")


def test_texts_that_name_rows_are_refused():
    """A column of names says nothing about another row."""
    with pytest.raises(TableError, match="different texts"):
        learnt(sheet_of({"name": [f"tree {i}" for i in range(30)]}), "name")


def test_a_category_that_was_not_there():
    """An error with its place, and those that were."""
    model = train(TREES, "height", **QUICK).model
    with pytest.raises(TableError, match=r"row 2, column 'kind': 'fir'.*\n.*ash, elm and oak"):
        model.predict({"age": [1.0, 2.0], "kind": ["oak", "fir"]})


# ------------------------------------------------------------------------------ learning


def test_the_loss_follows_the_target():
    """Numbers, one of two texts, one of several."""
    two = {**TREES, "kind": np.where(KIND == "oak", "oak", "other")}
    found = [
        train(table, target, **QUICK).model for table, target in
        [(TREES, "height"), (two, "kind"), (TREES, "kind")]
    ]  # fmt: skip
    losses = [model.loss for model in found]
    assert losses == ["squared_error", "binary_cross_entropy", "cross_entropy"]
    assert set(found[1].predict(two)) <= {"oak", "other"}
    for model, table in zip(found[1:], [two, TREES], strict=True):
        p = model.probabilities(table)
        assert np.allclose(p.sum(axis=1), 1.0)
        likeliest = [model.target.values[i] for i in p.argmax(axis=1)]
        assert likeliest == model.predict(table)
    assert found[0].probabilities(TREES) is None


@pytest.mark.parametrize("loss", ["huber", "mae", "log_cosh"])
def test_numbers_by_another_loss(loss):
    """The relation is learnt to a small part of its spread, in the units of the table."""
    trained = train(TREES, "height", loss=loss, hidden=(), epochs=400, alpha=0.05)
    assert trained.quality["root_mean_square_error"] < 0.05
    assert np.allclose(trained.model.predict(TREES), HEIGHT, rtol=0, atol=0.5)
    assert trained.quality["spread_of_target"] == pytest.approx(3.5, rel=0.4)


@pytest.mark.parametrize("loss", ["hinge", "focal", "logistic", "cross_entropy"])
def test_two_texts_by_another_loss(loss):
    """Signs, answers or classes, as the loss wants them."""
    table = {"x": np.linspace(-1, 1, 40), "y": ["no"] * 20 + ["yes"] * 20}
    model = train(table, "y", loss=loss, hidden=(), epochs=100, alpha=0.1).model
    assert model.predict({"x": [-1.0, 1.0]}) == ["no", "yes"]


@pytest.mark.parametrize(
    ("settings_", "word"),
    [
        ({"loss": "hinge"}, "does not go with"),
        ({"target": "kind", "loss": "mse"}, "does not go with"),
        ({"columns": ["height"]}, "used once"),
        ({"columns": ["age", "age"]}, "used once"),
    ],
)
def test_settings_that_do_not_suit(settings_, word):
    """Refused by what they are."""
    with pytest.raises(UsageError, match=word):
        train(TREES, **{"target": "height", **settings_})


def test_a_target_of_one_text():
    """There is nothing to tell apart."""
    with pytest.raises(UsageError, match="every row"):
        train({"x": [1.0, 2.0], "y": ["a", "a"]}, "y")


def test_a_column_that_is_not_there():
    """With the one that was meant."""
    with pytest.raises(TableError, match="did you mean 'height'"):
        train(TREES, "hight")


def test_a_constant_column_does_no_harm():
    """It becomes 0, not nan: a pixel that is never lit."""
    trained = train({**TREES, "dark": np.zeros(60)}, "height", **QUICK)
    assert all(np.isfinite(trained.model.predict({**TREES, "dark": np.zeros(60)})))


@settings(max_examples=10, deadline=None)
@given(st.permutations(list(TREES)))
def test_the_order_of_columns_does_not_matter(order):
    """A model finds its columns by name."""
    assert MODEL.predict({name: TREES[name] for name in order}) == MODEL.predict(TREES)


MODEL = train(TREES, "height", **QUICK).model


# ------------------------------------------------------------------------------ the files


def test_a_file_of_something_else(tmp_path):
    """A saved network that knows no table, and one whose parts do not fit."""
    save(Neuron(2), tmp_path / "neuron.npz")
    with pytest.raises(ModelFileError, match="knows no table"):
        tables.load(tmp_path / "neuron.npz")
    save(TableModel([Numbers("x", 0.0, 1.0)], Numbers("y", 0.0, 1.0), Neuron(2), "mse"),
         tmp_path / "wide.npz")  # fmt: skip
    with pytest.raises(ModelFileError, match="do not fit"):
        tables.load(tmp_path / "wide.npz")
    save(TableModel([Categories("x", "ab")], None, None, "mse"), tmp_path / "none.npz")
    with pytest.raises(ModelFileError, match="do not fit"):
        tables.load(tmp_path / "none.npz")


def by_hand(table):
    """The columns of TREES as a person would lay them out for an exported program."""
    kinds = np.array(table["kind"])[:, None] == ["ash", "elm", "oak"]
    return np.column_stack([table["age"], kinds.astype(float)])


@pytest.mark.parametrize(
    ("target", "loss"),
    [("height", None), ("kind", None), ("oak", None), ("oak", "hinge")],
)
def test_an_exported_model_takes_the_numbers_of_the_table(tmp_path, target, loss):
    """Unstandardised in, units or probabilities out; the columns stand at the top."""
    table = {**TREES, "oak": np.where(KIND == "oak", "yes", 'no """ \\')}
    inputs = ["age", "kind"] if target == "height" else ["age", "height"]
    model = train(table, target, columns=inputs, loss=loss, **QUICK).model
    path = tmp_path / "predict.py"
    model.export(path)
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    x = by_hand(table) if target == "height" else np.column_stack([AGE, HEIGHT])
    found = scope["predict"](x)
    if target == "height":
        assert np.allclose(found, model.predict(table), rtol=1e-12, atol=0)
        assert "x[:, 3]: kind = oak" in scope["__doc__"]
    elif loss == "hinge":
        assert np.allclose(found, model.scores(table), rtol=1e-12, atol=1e-14)
    else:
        p = model.probabilities(table)
        assert np.allclose(found, p if target == "kind" else p[:, 1], rtol=1e-12, atol=0)


# ------------------------------------------------------------------------------ the commands


def test_train_predict_inspect(tmp_path, capsys):
    """One story: what train saves, predict and inspect read."""
    path, model = file(tmp_path), tmp_path / "model.npz"
    code, out, _ = run(capsys, "train", path, "--target", "height", "--hidden", 8, "--epochs", 30,
                       "--save", model, "--export", tmp_path / "predict.py")  # fmt: skip
    assert code == 0 and "def predict(x):" in (tmp_path / "predict.py").read_text()
    assert "60 rows, height from age and kind" in out
    assert "held back are off by" in out and out.splitlines()[-1].startswith("Saved.")
    code, out, _ = run(capsys, "predict", model, path)
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0 and len(rows) == 60
    assert [float(row["height"]) for row in rows] == HEIGHT.tolist()
    assert [float(row["height_predicted"]) for row in rows] == tables.load(model).predict(path)
    code, out, _ = run(capsys, "inspect", model)
    assert code == 0
    for part in ("age", "number, mean", "3 categories: ash, elm and oak", "(8, 4)", "30 epochs"):
        assert part in out


def test_programs_can_be_turned_off(tmp_path, capsys, monkeypatch):
    """Updates are computed by programs where that pays, unless somebody says no."""
    monkeypatch.setattr(stepping, "PAYS", 8)
    seen = []

    def noted(*arguments, **settings):
        seen.append(tables.train(*arguments, **settings))
        return seen[-1]

    monkeypatch.setattr(train_command, "train", noted)
    for word in ([], ["--no-compile"]):
        run(capsys, "train", file(tmp_path), "--target", "height", "--epochs", 5, *word)
    ours, plain = (trained.history for trained in seen)
    assert (ours.compiled, ours.eager) == (10, "")
    assert (plain.compiled, plain.eager) == (0, "compile=False")
    np.testing.assert_allclose(ours.losses, plain.losses, rtol=1e-12)


def test_the_same_for_a_program(tmp_path, capsys):
    """JSON of each of the three."""
    path, model = file(tmp_path), tmp_path / "model.npz"
    typed = ("train", path, "--target", "kind", "--epochs", 5, "--save", model, "--json")
    told = json.loads(run(capsys, *typed)[1])
    assert told["loss"] == "cross_entropy" and len(told["history"]["columns"]["loss"]) == 5
    assert set(json.loads(run(capsys, "predict", model, path, "--json")[1])["predicted"]) <= set(
        KIND.tolist()
    )
    told = json.loads(run(capsys, "inspect", model, "--json")[1])
    assert told["parameters"]["layers[0].w"] == [16, 2]
    assert told["learning"]["rows"] == 60


def test_a_neuron_of_the_lesson_is_read_as_well(tmp_path, capsys):
    """predict gives the same numbers as before; inspect shows it as the smallest network."""
    numbers = {"age": AGE, "height": HEIGHT}
    path, model = file(tmp_path, numbers), tmp_path / "model.json"
    typed = ("learn", path, "--target", "height", "--standardize", "--save", model)
    assert run(capsys, *typed)[0] == 0
    out = run(capsys, "predict", model, path)[1]
    predicted = [float(row["height_predicted"]) for row in csv.DictReader(out.splitlines())]
    assert tables.load(model).predict(path) == predicted
    code, out, _ = run(capsys, "inspect", model)
    assert code == 0 and "Neuron(1, linear)" in out


@pytest.mark.parametrize(
    ("typed", "code", "word"),
    [
        (("--epochs", "3"), "TN141", "Which column"),
        (("--target", "height", "--optimizer", "adamm"), "TN141", "adam"),
        (("--target", "height", "--loss", "mes"), "TN130", "mse"),
        (("--target", "height", "--validation", "1.5"), "TN141", "share"),
        (("--target", "heigth"), "TN142", "height"),
        (("--target", "height", "--hiden", "3"), "TN141", "--hidden"),
    ],
)
def test_what_is_typed_wrong(tmp_path, capsys, typed, code, word):
    """Exit code 2, the code of the mistake, and what was meant."""
    status, _, err = run(capsys, "train", file(tmp_path), *typed)
    assert status == 2
    assert f"[{code}]" in err and word in err
