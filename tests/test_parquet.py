"""Tables from Parquet files, and from pandas: the same rows teach the same."""

import numpy as np
import pytest

from tinygrad_neuron import tables
from tinygrad_neuron.cli import main
from tinygrad_neuron.errors import MissingExtraError
from tinygrad_neuron.lesson.mistakes import TableError
from tinygrad_neuron.tables.sheet import sheet_of

pandas = pytest.importorskip("pandas", reason="needs the extra `parquet`: dask[dataframe]")
pytest.importorskip("pyarrow", reason="needs the extra `parquet`: dask[dataframe]")
pytest.importorskip("dask.dataframe", reason="needs the extra `parquet`: dask[dataframe]")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dask")
ROWS = 60


@pytest.fixture
def frame():
    """Numbers, texts and whole numbers in pandas' own kinds of columns."""
    rng = np.random.default_rng(5)
    x, kind = rng.normal(size=ROWS), rng.choice(["blue", "red"], ROWS)
    y = 3.0 * x + (kind == "red")
    return pandas.DataFrame({"x": x, "kind": kind, "count": np.arange(ROWS) % 4, "y": y})


def test_a_file_gives_what_the_frame_and_its_text_give(frame, tmp_path):
    """The same columns of the same cells, bit for bit."""
    frame.to_parquet(tmp_path / "table.parquet")
    frame.to_csv(tmp_path / "table.csv", index=False, float_format="%.17g")
    of_parquet = sheet_of(tmp_path / "table.parquet").columns
    assert of_parquet == sheet_of(frame).columns == sheet_of(tmp_path / "table.csv").columns


def test_what_is_missing_is_missing(tmp_path):
    """pandas' NA in columns of whole numbers and texts, nan and None."""
    frame = pandas.DataFrame({
        "whole": pandas.array([1, None, 3], dtype="Int64"),
        "text": pandas.array(["a", None, "c"], dtype="string"),
        "real": [0.5, np.nan, 1.5],
    })  # fmt: skip
    frame.to_parquet(tmp_path / "holes.parquet")
    wanted = {"whole": [1.0, None, 3.0], "text": ["a", None, "c"], "real": [0.5, None, 1.5]}
    assert sheet_of(frame).columns == wanted
    assert sheet_of(tmp_path / "holes.parquet").columns == wanted


def test_files_of_parquet_are_a_table(frame, tmp_path, monkeypatch, capsys):
    """At the terminal, one file or several; the model predicts a Parquet file too."""
    monkeypatch.chdir(tmp_path)
    for k in range(3):
        frame[k::3].to_parquet(f"part-{k}.parquet", index=False)
    settings = ["--target", "y", "--epochs", "2", "--hidden", "4"]
    assert main(["train", "part-*.parquet", *settings, "--save", "model.npz"]) == 0
    assert "60 rows" in capsys.readouterr().out
    assert main(["predict", "model.npz", "part-0.parquet"]) == 0
    assert main(["train", "part-0.parquet", *settings]) == 0


def test_what_is_no_parquet_is_named(tmp_path):
    """A text under that name, and no file at all."""
    (tmp_path / "text.parquet").write_text("x,y\n1,2\n")
    for name in ("text.parquet", "none.parquet"):
        with pytest.raises(TableError, match=name):
            sheet_of(tmp_path / name)


def test_without_its_reader_the_extra_is_named(monkeypatch):
    """What to install."""
    monkeypatch.setitem(__import__("sys").modules, "dask.dataframe", None)
    with pytest.raises(MissingExtraError, match=r"tinygrad_neuron\[parquet\]"):
        tables.train("table.parquet", "y")
