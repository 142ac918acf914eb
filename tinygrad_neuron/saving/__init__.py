"""Models as files: one `.npz` each, with a description inside, that runs nothing when read."""

from typing import Any

from tinygrad_neuron.errors import ModelFileError
from tinygrad_neuron.saving import archive
from tinygrad_neuron.saving.archive import BROKEN, PathLike
from tinygrad_neuron.saving.description import Known, described, rebuilt
from tinygrad_neuron.saving.exporting import export as export

FORMAT = "tinygrad_neuron.model"


def save(model: Any, path: PathLike) -> None:
    """Write a model to one file: what it is, and its numbers bit for bit.

    A model is a module, or a container of Values, arrays, numbers and text. The file is a `.npz`
    that `numpy.load` opens too, with a `description.json` in it.

    >>> import os, tempfile
    >>> from tinygrad_neuron import MLP, load
    >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
    >>> save(MLP(2, [8, 1], activation="tanh", rng=0), path)
    >>> load(path)
    MLP of [Layer(2 -> 8, tanh), Layer(8 -> 1, linear)]

    Raises `NotSavableError` (TN193) for what only running code could bring back, such as a lambda,
    and `ModelFileError` (TN143) where the file cannot be written; what was there before then stays.
    """
    archive.write(path, FORMAT, *described(model))


def load(path: PathLike, *, known: Known = ()) -> Any:
    """The model in a file that `save` wrote; nothing in the file is run.

    `known` are your own classes and functions that it is made of: `load(path, known=[MyNetwork])`.

    Raises `ModelFileError` (TN143), which says what is wrong with the file.
    """
    content, arrays = archive.read(path, FORMAT)
    return restored(path, content, arrays, known)


def restored(path: PathLike, content: Any, arrays: Any, known: Known = ()) -> Any:
    """What a description from a file describes; raises `ModelFileError` (TN143) if it does not."""
    try:
        return rebuilt(content, arrays, known, path)
    except ModelFileError:
        raise
    except BROKEN as error:
        raise archive.damaged(path, str(error) or type(error).__name__) from error
