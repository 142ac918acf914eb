"""Saving: every bit comes back, nothing is run, and a file that was harmed says so."""

import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import MLP, Layer, Neuron, Value, nn
from tinygrad_neuron.errors import ModelFileError, NotSavableError
from tinygrad_neuron.saving import archive
from tinygrad_neuron.saving.description import described


def mish(z):
    """An activation of one's own (Misra, 2019)."""
    return z * tn.tanh(tn.softplus(z))


class Twice(nn.Module):
    """A network of one's own, which uses one layer twice."""

    def __init__(self, rng=0):
        self.layer = Layer(3, 3, activation=mish, rng=rng)
        self.again = self.layer
        self.scale = Value(np.float32(0.5), name="scale")

    def __call__(self, x):
        return self.again(self.layer(x)) * self.scale


@dataclass
class Pair:
    """A container of one's own."""

    left: Value
    right: tuple


def network():
    """A network with one of every part that stands between layers."""
    return nn.Sequential(
        Layer(3, 8, activation="tanh", rng=0),
        nn.BatchNorm(8),
        nn.Dropout(0.5, rng=1),
        nn.LayerNorm(8),
        Layer(8, 2, nonlin=False, rng=2),
        tn.softmax,
    )


MODELS = {
    "neuron": Neuron(2, activation="sigmoid", rng=0),
    "float32": MLP(2, [8, 1], rng=0).cast(np.float32),
    "network": network(),
    "embedding": nn.Embedding(5, 3, rng=0),
    "own": Twice(),
    "container": {"w": Value([1.0, -0.0, 5e-324]), 2: [Value(0.1, name="b"), None, True, "é"]},
    "dataclass": Pair(Value(1.0 + 2.0j), (np.arange(6, dtype=np.int8).reshape(2, 3), 1e300)),
    "empty": {"none": np.zeros((0, 3)), "inf": float("inf"), "whole": 2**70},
    "columns": [Value(np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4))))],
    "state": network().state(),
    "value": Value(2.0, name="w"),
}
KNOWN = (Twice, Pair, mish)


def same(a, b):
    """Whether two models are alike to the last bit, and in what they hold."""
    (told, arrays), (told_too, arrays_too) = described(a), described(b)
    assert told == told_too
    assert list(arrays) == list(arrays_too)
    for name, array in arrays.items():
        other = np.asarray(arrays_too[name])
        array = np.asarray(array)
        assert (array.dtype, array.shape) == (other.dtype, other.shape)
        assert array.tobytes() == other.tobytes()


def by_columns():
    """A network whose weights lie in memory column after column."""
    model = MLP(3, [64, 32, 1], rng=0)
    for layer in model.layers:
        layer.w = Value(np.asfortranarray(layer.w.data))
    return model


def saved(tmp_path, model=None):
    """The path of a file that a model was saved to."""
    path = tmp_path / "model.npz"
    tn.save(MODELS["neuron"] if model is None else model, path)
    return path


def refused(path, *words, known=()):
    """The error of a file that is refused, whose text has these words."""
    with pytest.raises(ModelFileError) as raised:
        tn.load(path, known=known)
    for word in (str(path), *words):
        assert word in str(raised.value), raised.value
    return raised.value


# --------------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("name", MODELS)
def test_every_bit_comes_back(tmp_path, name):
    """Shapes, dtypes, names, order, signed zeros, and what is neither: settings, functions."""
    same(tn.load(saved(tmp_path, MODELS[name]), known=KNOWN), MODELS[name])


def test_a_model_that_comes_back_says_the_same(tmp_path):
    """Of the same rows, bit for bit; and it draws the same random numbers while it learns."""
    x = np.random.default_rng(3).normal(size=(7, 3))
    model = network()
    with nn.training():
        model(x)
    twin = tn.load(saved(tmp_path, model))
    assert np.array_equal(model(x).data, twin(x).data)
    with nn.training():
        assert np.array_equal(model(x).data, twin(x).data)


def test_what_was_shared_is_shared(tmp_path):
    """A layer that is used twice is one layer, with parameters that are counted once."""
    twin = tn.load(saved(tmp_path, Twice()), known=KNOWN)
    assert twin.again is twin.layer
    assert len(twin.parameters()) == 3


def test_numpy_reads_the_numbers(tmp_path):
    """Under the names one would type; the description is text."""
    model = MLP(2, [3, 1], rng=0)
    with np.load(saved(tmp_path, model), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["layers[1].w"], model.layers[1].w.data)
        assert json.loads(arrays["description.json"])["format"] == "tinygrad_neuron.model"


def test_the_same_model_gives_the_same_bytes(tmp_path):
    """No date and no order of chance: a file can be compared with another."""
    assert saved(tmp_path).read_bytes() == saved(tmp_path).read_bytes()


def test_names_of_ones_own_are_asked_for(tmp_path):
    """Nothing is imported because a file says so."""
    path = saved(tmp_path, Twice())
    refused(path, "Twice", "known=[Twice]")
    refused(path, "mish", known=[Twice])


def test_a_function_with_the_name_of_ours_is_ones_own(tmp_path):
    """A person's `tanh` does not come back as ours."""

    def tanh(z):
        return z

    path = saved(tmp_path, Neuron(1, activation=tanh, rng=0))
    refused(path, "tanh")
    assert tn.load(path, known=[tanh]).activation is tanh


@pytest.mark.parametrize(
    ("thing", "word"),
    [
        (Neuron(1, activation=lambda z: z), "activation"),
        ([Value(1.0) * 2.0], "[0]"),
        ({"file": io.BytesIO()}, "BytesIO"),
        ({"names": np.array(["a"], object)}, "object"),
        ({(1, 2): 3}, "keys"),
        (object(), "What is to be saved"),
    ],
)
def test_what_cannot_be_saved_is_named(tmp_path, thing, word):
    """What only running code could bring back is refused before it is missed."""
    with pytest.raises(NotSavableError, match=re.escape(word)):
        saved(tmp_path, thing)
    assert not (tmp_path / "model.npz").exists()


def test_what_holds_itself_is_refused(tmp_path):
    """A description has an end."""
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(NotSavableError, match="too deep"):
        saved(tmp_path, deep)


# ------------------------------------------------------------------------------- harmed files


@settings(max_examples=300)
@given(data=st.data())
def test_a_harmed_file_is_an_error_or_the_same_model(tmp_path_factory, data):
    """Bytes changed, cut off or added: never another model, and never another error."""
    model = MODELS["float32"]
    path = saved(tmp_path_factory.mktemp("harmed"), model)
    content = bytearray(path.read_bytes())
    places = st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, max_size=3)):
        content[place] ^= data.draw(st.integers(1, 255))
    begin = data.draw(st.sampled_from([0, 0, 0, 1]))
    end = data.draw(st.one_of(st.just(len(content)), places))
    path.write_bytes(content[begin:end] + data.draw(st.sampled_from([b"", b"\0", b"PK"])))
    try:
        found = tn.load(path)
    except ModelFileError as error:
        assert str(path) in str(error)
    else:
        same(found, model)


@settings(max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    (
                        "value",
                        "name",
                        "place",
                        "array",
                        "list",
                        "tuple",
                        "dict",
                        "function",
                        "own",
                        "kind",
                        "holds",
                        "same",
                        "generator",
                    )
                ),
                inner | st.sampled_from(["w", "Neuron", "tanh", "__class__", "state"]),
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_any_description_is_read_or_refused(tmp_path_factory, content):
    """Whatever JSON says: something made of what is known, or our error."""
    path = tmp_path_factory.mktemp("any") / "model.npz"
    archive.write(path, "tinygrad_neuron.model", content, {"w": np.ones(2)})
    try:
        tn.load(path)
    except ModelFileError as error:
        assert error.code == "TN143"


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"hello", b"PK\3\4" + b"\0" * 50, pickle.dumps({"w": 1.0}), b"\x89PNG\r\n", b"{}"],
    ids=["empty", "two letters", "text", "zeros", "pickle", "image", "json"],
)
def test_foreign_files_are_named(tmp_path, content):
    """A file of something else is refused, with what reads and writes ours."""
    path = tmp_path / "other.npz"
    path.write_bytes(content)
    error = refused(path)
    if content[:2] != b"PK":
        assert "was not written by this package" in str(error)


def test_a_file_that_is_not_there(tmp_path):
    """The operating system's reason, and a folder is no file."""
    refused(tmp_path / "none.npz", "No such file")
    refused(tmp_path)


# ------------------------------------------------------------------------------ hostile files


def forged(tmp_path, members, *, compression=zipfile.ZIP_STORED):
    """An archive with these members."""
    path = tmp_path / "forged.npz"
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def description(content, version=1, form="tinygrad_neuron.model"):
    """The member that says what the others are."""
    told = {"format": form, "version": version, "content": content}
    return ("description.json", json.dumps(told))


def array_of(header):
    """A member with an array whose header says this, and no numbers."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue()


W = {"array": "w", "place": ""}


def test_a_bomb_is_not_unfolded(tmp_path):
    """A gigabyte of zeros in a megabyte is not read: members are stored."""
    zeros = b"\0" * 10_000_000
    members = [description(W), ("w.npy", zeros)]
    path = forged(tmp_path, members, compression=zipfile.ZIP_DEFLATED)
    refused(path, "compressed")


def test_members_that_overlap_are_refused(tmp_path):
    """A hundred names for the same megabyte are a hundred megabytes."""
    path = forged(tmp_path, [description(W), ("w0.npy", b"\0" * 100_000)])
    with zipfile.ZipFile(path, "a") as file:
        for i in range(1, 5):
            info = zipfile.ZipInfo(f"w{i}.npy")
            original = file.getinfo("w0.npy")
            for name in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(info, name, getattr(original, name))
            file.filelist.append(info)
            file.NameToInfo[info.filename] = info
        file._didModify = True
    refused(path, "larger than the file")


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (-1,), (2**63,), (0, 10**30), (3,)])
def test_a_shape_without_its_numbers_is_refused(tmp_path, shape):
    """Before any memory is asked for."""
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    refused(forged(tmp_path, [description(W), ("w.npy", array_of(header))]), "damaged")


class Trap:
    """What a pickle would run."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_an_array_of_objects_is_never_unpickled(tmp_path):
    """Nor one of texts, which no model holds."""
    out = io.BytesIO()
    np.lib.format.write_array(out, np.array([Trap()], object), allow_pickle=True)
    refused(forged(tmp_path, [description(W), ("w.npy", out.getvalue())]), "object")
    out = io.BytesIO()
    np.save(out, np.array(["text"]))
    refused(forged(tmp_path, [description(W), ("w.npy", out.getvalue())]), "<U4")


def test_nothing_is_written_where_a_member_says(tmp_path):
    """Names that lead out of a folder are names."""
    out = io.BytesIO()
    np.save(out, np.ones(2))
    told = {"array": "../../evil", "place": ""}
    path = forged(tmp_path, [description(told), ("../../evil.npy", out.getvalue())])
    assert np.array_equal(tn.load(path), np.ones(2))
    assert [file.name for file in tmp_path.iterdir()] == ["forged.npz"]


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ({"function": "eval", "own": False, "place": ""}, "eval"),
        ({"function": "os.system", "own": True, "place": ""}, "os.system"),
        ({"kind": "Popen", "own": False, "holds": [], "place": ""}, "Popen"),
        ({"kind": "Neuron", "own": False, "holds": [["__call__", 1]], "place": ""}, "__call__"),
        ({"kind": "Neuron", "own": False, "holds": [["__class__", 1]], "place": ""}, "__class__"),
        ({"kind": "Neuron", "own": False, "holds": [["parameters", 1]], "place": ""}, "parameters"),
        ({"generator": {"bit_generator": "system"}, "place": ""}, "system"),
        ({"value": "absent", "name": None, "place": ""}, "absent"),
        ({"same": "elsewhere"}, "elsewhere"),
        (None, "nothing takes"),
    ],
)
def test_a_description_names_only_what_is_known(tmp_path, content, word):
    """Functions and classes of this package, under their names, and nothing that is a method."""
    out = io.BytesIO()
    np.save(out, np.ones(2))
    refused(forged(tmp_path, [description(content), ("w.npy", out.getvalue())]), word)


def test_depth_has_an_end(tmp_path):
    """Lists in lists in lists, in JSON and in what is built of it."""
    content = "[" * 100_000 + "]" * 100_000
    text = f'{{"format": "tinygrad_neuron.model", "version": 1, "content": {content}}}'
    refused(forged(tmp_path, [("description.json", text)]))
    told = None
    for i in range(300):
        told = {"list": [told], "place": str(i)}
    refused(forged(tmp_path, [description(told)]), "deep")


def test_formats_and_versions(tmp_path):
    """Another format is foreign; another version says which this one reads."""
    refused(forged(tmp_path, [description(1, form="other")]), "not written by this package")
    refused(forged(tmp_path, [description(1, version=99)]), "99")
    refused(forged(tmp_path, [("w.npy", b"")]), "description.json")
    with pytest.warns(UserWarning, match="Duplicate"):
        path = forged(tmp_path, [description(1), description(2)])
    refused(path, "one name")


# ------------------------------------------------------------------------ all or nothing

KILLED = """
import os, sys, zipfile
import numpy as np
import tinygrad_neuron as tn
from tinygrad_neuron.saving import archive

path, where = sys.argv[1:]

def wait(*_, **__):
    print("here", flush=True)
    sys.stdin.read()

if where == "a member":
    whole = np.lib.format.write_array
    def half(member, array, **settings):
        whole(member, array[: len(array) // 2], **settings)
        member._fileobj.flush() if hasattr(member, "_fileobj") else None
        wait()
    np.lib.format.write_array = half
elif where == "the disk":
    os.fsync = wait
elif where == "the name":
    archive.Path.replace = wait
else:
    archive._sync_folder = wait
tn.save({"w": tn.Value(np.full(100_000, 2.0))}, path)
"""


@pytest.mark.parametrize("where", ["a member", "the disk", "the name", "the folder"])
def test_killed_in_the_middle_of_a_write(tmp_path, where):
    """Whoever is killed leaves the old file or the new one, whole; the next save does not mind."""
    path = tmp_path / "model.npz"
    tn.save({"w": Value(np.ones(100_000))}, path)
    command = [sys.executable, "-c", KILLED, str(path), where]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        assert process.stdout.readline() == "here\n"
        process.kill()
    assert tn.load(path)["w"].data[-1] == (2.0 if where == "the folder" else 1.0)
    tn.save({"w": Value(np.full(3, 3.0))}, path)
    assert tn.load(path)["w"].data.tolist() == [3.0, 3.0, 3.0]


def test_where_nothing_can_be_written(tmp_path):
    """The reason, and what was there is unchanged."""
    with pytest.raises(ModelFileError, match="cannot be written"):
        tn.save(MODELS["neuron"], tmp_path / "none" / "model.npz")


def test_a_link_stays_a_link(tmp_path):
    """What it leads to has the new content."""
    path = saved(tmp_path)
    link = tmp_path / "latest.npz"
    link.symlink_to(path)
    tn.save([1.0], link)
    assert link.is_symlink()
    assert tn.load(path) == [1.0]


# ------------------------------------------------------------------------------- as a program

RUN = """
import sys
sys.modules["tinygrad_neuron"] = None
import importlib.util, numpy as np
spec = importlib.util.spec_from_file_location("predict", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for name in sys.argv[2:]:
    np.save(name + ".out.npy", module.predict(np.load(name)))
"""


def exported(tmp_path, model, batches):
    """What the exported file says of batches, in a process that cannot import the package."""
    path = tmp_path / "predict.py"
    tn.export(model, path, batches[0])
    names = [str(tmp_path / f"{i}.npy") for i in range(len(batches))]
    for name, batch in zip(names, batches, strict=True):
        np.save(name, batch)
    command = [sys.executable, "-W", "error", "-c", RUN, str(path), *names]
    subprocess.run(command, check=True, cwd=tmp_path, env={})
    return [np.load(f"{name}.out.npy") for name in names]


@pytest.mark.parametrize(
    "model",
    [
        Neuron(3, activation="sigmoid", rng=0),
        MLP(3, [64, 32, 1], rng=0),
        MLP(3, [5, 2], activation="softplus", rng=0).cast(np.float32),
        network(),
        Twice(),
        by_columns(),
    ],
    ids=["neuron", "large", "float32", "parts", "own", "by columns"],
)
def test_an_exported_model_gives_the_same_bits(tmp_path, model):
    """For one row and for many, in a process that has NumPy and nothing else."""
    rng = np.random.default_rng(0)
    if isinstance(model, nn.Sequential):
        with nn.training():
            model(rng.normal(size=(50, 3)))
    batches = [rng.normal(size=(n, 3)) for n in (4, 1, 100)]
    for found, batch in zip(exported(tmp_path, model, batches), batches, strict=True):
        wanted = model(batch).data
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()


def test_a_model_that_counts_its_rows_is_not_exported(tmp_path):
    """A straight line cannot say what happens with another number of rows."""

    class Centred(nn.Module):
        def __init__(self):
            self.w = Value(1.0)

        def __call__(self, x):
            return (x - np.sum(x, axis=0) / len(x)) * self.w

    with pytest.raises(NotSavableError, match="rows"):
        tn.export(Centred(), tmp_path / "predict.py", np.ones((3, 2)))
