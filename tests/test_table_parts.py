"""A table in several files learns what the same rows in one file would teach."""

import numpy as np
import pytest

from tinygrad_neuron import tables
from tinygrad_neuron.cli import main
from tinygrad_neuron.lesson.mistakes import TableError, UsageError
from tinygrad_neuron.tables import parts

da = pytest.importorskip("dask.array", reason="needs the extra `cluster`: dask")
dask = pytest.importorskip("dask")
COLOURS = np.array(["blue", "green", "red"])


@pytest.fixture(autouse=True)
def in_this_thread():
    """Files are read one after the other."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture
def files(tmp_path):
    """Three files of unequal length, as a pattern, and all their rows in one."""
    rng = np.random.default_rng(3)
    rows = []
    for k, n in enumerate((30, 20, 25)):
        x, kind = rng.normal(5.0, 2.0, n), COLOURS[rng.integers(0, 3, n)]
        y = 2.0 * x + (kind == "red") + 0.1 * rng.normal(size=n)
        lines = [f"{float(a)!r},{b},{float(c)!r}" for a, b, c in zip(x, kind, y, strict=True)]
        (tmp_path / f"part-{k}.csv").write_text("\n".join(["x,kind,y", *lines, ""]))
        rows += lines
    (tmp_path / "all.csv").write_text("\n".join(["x,kind,y", *rows, ""]))
    return str(tmp_path / "part-*.csv"), str(tmp_path / "all.csv")


def test_all_files_at_once_teach_what_one_file_teaches(files):
    """Columns, weights and quality of a full-batch training are those in memory."""
    settings = {"hidden": (), "batch_size": None, "validation": 0.0, "epochs": 20}
    mine = tables.train_parts(files[0], "y", **settings)
    theirs = tables.train(files[1], "y", **settings)
    for ours, other in zip(mine.model.columns, theirs.model.columns, strict=True):
        assert type(ours) is type(other) and ours.name == other.name
    assert mine.model.columns[1] == theirs.model.columns[1]
    assert mine.model.columns[0].mean == pytest.approx(theirs.model.columns[0].mean, rel=1e-12)
    assert mine.model.columns[0].scale == pytest.approx(theirs.model.columns[0].scale, rel=1e-12)
    for name, weights in theirs.model.state().items():
        np.testing.assert_allclose(mine.model.state()[name], weights, rtol=1e-9, atol=1e-12)
    for name, number in theirs.quality.items():
        assert mine.quality[name] == pytest.approx(number, rel=1e-9)
    assert (mine.rows, mine.held) == (75, 0)


def test_texts_are_told_apart_in_batches_of_one_file_each(files):
    """A target of texts, minibatches, whole files held back."""
    trained = tables.train_parts(files[0], "kind", validation=0.3, epochs=2, batch_size=8)
    assert trained.held in (20, 25, 30) and 0.0 <= trained.quality["accuracy"] <= 1.0
    assert set(trained.model.predict(files[1])) <= set(COLOURS)


def test_the_command_takes_a_pattern(files, tmp_path, capsys):
    """`train 'part-*.csv'` saves a model that `predict` understands."""
    model = str(tmp_path / "model.npz")
    assert main(["train", files[0], "--target", "y", "--epochs", "2", "--save", model]) == 0
    assert "75 rows" in capsys.readouterr().out
    assert main(["predict", model, files[1]]) == 0


def test_mistakes_are_told_with_the_file(files, tmp_path):
    """A column that changes its kind, a pattern of nothing, a median, a scheduler for one file."""
    (tmp_path / "part-9.csv").write_text("x,kind,y\nhigh,red,1.0\nlow,red,2.0\n")
    with pytest.raises(TableError, match=r"Column 'x' of .*part-9.csv is of texts"):
        tables.train_parts(files[0], "y")
    with pytest.raises(TableError, match="names no file"):
        tables.train_parts(str(tmp_path / "nothing-*.csv"), "y")
    with pytest.raises(UsageError, match="median"):
        tables.train_parts(files[0], "y", impute="median")
    assert main(["train", files[1], "--target", "y", "--scheduler", "tcp://127.0.0.1:1"]) != 0


def test_spreads_of_parts_join_to_that_of_all():
    """Mean and sum of squares, without the digits that a difference of large sums would lose."""
    x = 1e8 + np.random.default_rng(0).normal(size=50)
    pieces = [x[:7], x[7:30], x[30:]]
    one = parts.Spread(0, 0.0, 0.0)._replace(n=7, mean=pieces[0].mean())
    one = one._replace(squares=((pieces[0] - one.mean) ** 2).sum())
    for piece in pieces[1:]:
        mean = piece.mean()
        one = one.joined(parts.Spread(len(piece), mean, ((piece - mean) ** 2).sum()))
    assert one.mean == pytest.approx(x.mean(), rel=1e-15)
    assert one.squares == pytest.approx(((x - x.mean()) ** 2).sum(), rel=1e-7)
