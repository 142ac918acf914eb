"""One file with arrays by name and a description: a `.npz` that nothing runs when it is read.

Members are stored and not compressed, so a file cannot unfold into more than it is, and each has
its CRC-32, so what was damaged is found out. `numpy.load(path)["layers[0].w"]` reads one as well.
A file takes its name when it is complete and on the disk: whoever is killed in the middle of a
write leaves what was there before.
"""

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from tinygrad_neuron.errors import ModelFileError

Array = Any
Arrays = dict[str, Array]
PathLike = str | os.PathLike[str]

DESCRIPTION = "description.json"
ENDING = ".npy"
NUMBERS = "biufc"  # the kinds of dtypes that are plain numbers
LATEST = 1  # version of the format
TIME = (1980, 1, 1, 0, 0, 0)  # of every member: the same content gives the same bytes
PART = ".part"  # at the end of the name of a file that is not complete

# what the modules of zip files, arrays and JSON raise for what they cannot read
BROKEN = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError,
    RuntimeError, SyntaxError, TypeError, ValueError, zipfile.BadZipFile,
)  # fmt: skip


def write(path: PathLike, format: str, content: Any, arrays: Mapping[str, Array]) -> None:  # noqa: A002
    """Write a description, anything that JSON can say, and the arrays that it speaks of.

    Raises `ModelFileError` (TN143) where nothing can be written.
    """
    description = {"format": format, "version": LATEST, "content": content}

    def fill(file: IO[bytes]) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as members:
            members.writestr(_member(DESCRIPTION), json.dumps(description, indent=1))
            for name, array in arrays.items():
                with members.open(_member(name + ENDING), "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)

    replace(path, fill)


def _member(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, TIME)


def replace(path: PathLike, fill: Callable[[IO[bytes]], None]) -> None:
    """Give a file new content all at once: readers see the old or the new, whatever happens.

    The content goes into a file beside it, to the disk, and then takes the name.
    """
    goal = Path(os.path.realpath(path))  # behind a link, which stays one
    part = goal.with_name(goal.name + PART)
    try:
        with part.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(goal)
        _sync_folder(goal.parent)
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be written: {error.strerror}.",
            why="What was there before is unchanged.",
            hint="another path, in a folder that exists and has room",
        ) from error


def _sync_folder(folder: Path) -> None:
    """Have the disk remember a new name; Windows does so by itself and opens no folders."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: PathLike, format: str) -> tuple[Any, Arrays]:  # noqa: A002
    """The description and the arrays in a file of this format.

    Raises `ModelFileError` (TN143), which says what is wrong with it.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(file, path, format)
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: {error.strerror or error}.", hint="check the path"
        ) from error
    except ModelFileError:
        raise
    except BROKEN as error:
        raise damaged(path, str(error) or type(error).__name__) from error


def _read(file: IO[bytes], path: PathLike, wanted: str) -> tuple[Any, Arrays]:
    if file.read(2) != b"PK":
        raise foreign(path, "it is no archive")
    with zipfile.ZipFile(file) as members:
        _check_sizes(members, os.fstat(file.fileno()).st_size)
        if DESCRIPTION not in members.namelist():
            raise foreign(path, f"there is no {DESCRIPTION} in it")
        description = json.loads(members.read(DESCRIPTION))
        if not isinstance(description, dict) or description.get("format") != wanted:
            raise foreign(path, f'it does not say "format": "{wanted}"')
        if description.get("version") != LATEST:
            raise _of_another_version(path, description.get("version"))
        return description["content"], arrays_in(members)


def _check_sizes(members: zipfile.ZipFile, size: int) -> None:
    """Refuse what is compressed, or overlaps: it could unfold into any amount of memory."""
    infos = members.infolist()
    if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
        raise ValueError("a member is compressed")
    if sum(info.file_size for info in infos) > size:
        raise ValueError("its members claim to be larger than the file")
    if len({info.filename for info in infos}) < len(infos):
        raise ValueError("two members have one name")


def arrays_in(members: zipfile.ZipFile, kinds: str = NUMBERS) -> Arrays:
    """The arrays in an archive by name. Raises what NumPy and the archive raise."""
    return {
        name.removesuffix(ENDING): _array(members.read(name), kinds)
        for name in members.namelist()
        if name.endswith(ENDING)
    }


def _array(content: bytes, kinds: str) -> Array:
    """An array of the numbers that follow its header, if they are as many as that says."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, by_columns, dtype = read_header(stream)
    if dtype.kind not in kinds:
        raise ValueError(f"an array of {dtype}")
    if min(shape, default=0) < 0:  # which would mean to NumPy: as many as there are
        raise ValueError(f"an array of shape {shape}")
    flat = np.frombuffer(content[stream.tell() :], dtype).astype(dtype.newbyteorder("="))
    return flat.reshape(shape, order="F" if by_columns else "C")


def damaged(path: PathLike, reason: str) -> ModelFileError:
    """What to raise for a file that is ours and cannot be used."""
    return ModelFileError(
        f"{path} is damaged: {reason}.",
        why="With numbers missing or changed it would be something else than what was saved.",
        hint="save it again, or take a copy of it",
    )


def foreign(path: PathLike, reason: str) -> ModelFileError:
    return ModelFileError(
        f"{path} was not written by this package: {reason}.",
        hint="a file that tn.save(model, path) wrote, or train --save",
    )


def _of_another_version(path: PathLike, version: Any) -> ModelFileError:
    return ModelFileError(
        f"{path} has version {version!r:.20} of the format; this reads {LATEST}.",
        hint="save it again with this version of the package",
    )
