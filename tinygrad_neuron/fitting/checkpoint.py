"""A training on disk, as far as it has come: enough to go on bit for bit in another process."""

from pathlib import Path
from typing import Any

from tinygrad_neuron.errors import CheckpointError
from tinygrad_neuron.saving import archive, restored
from tinygrad_neuron.saving.archive import PathLike
from tinygrad_neuron.saving.description import described

FORMAT = "tinygrad_neuron.training"

Told = dict[str, Any]


def write(path: PathLike, about: Told, progress: Told) -> None:
    """Write how far a training has come, all at once."""
    archive.write(path, FORMAT, *described({"about": about, "progress": progress}))


def read(path: PathLike, about: Told) -> Told | None:
    """How far the same training had come; None if nothing was written yet.

    Raises `CheckpointError` (TN192) if it was another training, and `ModelFileError` (TN143) if the
    file is not what was written.
    """
    if not Path(path).exists():
        return None
    content = restored(path, *archive.read(path, FORMAT))
    if not isinstance(content, dict) or not {"about", "progress"} <= content.keys():
        raise archive.damaged(path, "it does not say how far the training was")
    _compare(path, content["about"], about)
    progress: Told = content["progress"]
    return progress


def _compare(path: PathLike, then: Told, now: Told) -> None:
    """Raise for the first thing in which two trainings differ."""
    for name in now:
        if then.get(name) != now[name]:
            raise CheckpointError(
                f"{path} holds a training with another {name}: {then.get(name)!r:.60}, and this "
                f"has {now[name]!r:.60}.",
                why="To go on from there would give what neither of them would have given.",
                hint=f"the same {name} as then;  or another path, or delete {path}",
                name=name,
            )
