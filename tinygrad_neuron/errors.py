"""Every way to be wrong, each with the numbers, the reason and what to type instead.

An error's text has up to five parts: where it happened and the line that did it, what happened
with the numbers, why, and what to do. `.code` names the kind (TN103), `.data` holds the numbers,
`.hint` what to type, so that a program can read what a person reads.
"""

import linecache
import os
import sys
from collections.abc import Callable
from inspect import unwrap
from types import FrameType
from typing import Any

import numpy as np

# the frames between a mistake and the engine that noticed it: the engine's own, and NumPy's
OURS = tuple(os.path.dirname(module) + os.sep for module in (__file__, np.__file__))


def caller() -> FrameType | None:
    """The innermost frame that runs a person's own code: the line to show."""
    frame: FrameType | None = sys._getframe(1)
    while frame and frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    return frame


def place(frame: FrameType | None) -> str:
    """`train.py:14  J.backward()`: a frame as a person finds it in an editor."""
    if frame is None:
        return ""
    path, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(path, line, frame.f_globals).strip()
    name = "cell" if "ipykernel_" in path else os.path.basename(path)
    return f"{name}:{line}  {source}".rstrip()


def name_of(thing: object, otherwise: str = "the Value") -> str:
    """What the person calls this Value: its own name, else the variable that holds it."""
    named = getattr(thing, "name", None)
    if isinstance(named, str) and not hasattr(thing, "__dask_graph__"):  # whose name is a hash
        return named
    frame = None if isinstance(thing, int | float | str) else caller()  # they are shared by all
    for scope in (frame.f_locals, frame.f_globals) if frame else ():
        for name, value in scope.items():
            if value is thing and not name.startswith("_"):
                return name
    return otherwise


def file_and_line(function: Callable[..., Any]) -> str:
    """`ops.py:12`: where a function was written."""
    code = getattr(unwrap(function), "__code__", None)
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}" if code else "a builtin"


def short(data: Any) -> str:
    """A number to six digits, or the shape and dtype of an array."""
    if getattr(data, "shape", ()):
        return f"an array of shape {data.shape}, {data.dtype}"
    return f"{data:g}"


class TinygradNeuronError(Exception):
    """The base of every error here: `code`, `data` (the numbers) and `hint` (what to type)."""

    code = "TN100"

    def __init__(self, what: str, *, why: str = "", hint: str = "", **data: Any) -> None:
        self.data = data
        self.hint = hint
        self.place = place(caller())
        remedy = f"  do:  {hint}" if hint else ""
        body = "\n".join(part for part in (what, why, remedy) if part)
        super().__init__(f"[{self.code}] {self.place}\n{body}")

    def __reduce__(self) -> Any:
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(
    kind: type[TinygradNeuronError], args: tuple[Any, ...], state: dict[str, Any]
) -> TinygradNeuronError:
    """An error out of a pickle: what was said where it happened, not where it is read."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class GradientNotComputedError(TinygradNeuronError, TypeError):
    """A gradient was used before `backward()` made one."""

    code = "TN102"


class NotScalarError(TinygradNeuronError, ValueError):
    """A gradient was asked of something that is not one number."""

    code = "TN103"


class NoPathError(TinygradNeuronError, ValueError):
    """A gradient asked for by something that the result does not depend on."""

    code = "TN104"


class LeftGraphError(TinygradNeuronError, TypeError):
    """A number was about to leave the graph, and its gradient with it."""

    code = "TN105"


class ChangedDataError(TinygradNeuronError, RuntimeError):
    """A leaf changed after a result was computed from it."""

    code = "TN106"


class BroadcastError(TinygradNeuronError, ValueError):
    """Two shapes that would broadcast where they must be equal."""

    code = "TN112"


class GradientShapeError(TinygradNeuronError, ValueError):
    """A rule, or a seed, whose shape is not the shape of what it belongs to."""

    code = "TN113"


class IntegerWeightError(TinygradNeuronError, TypeError):
    """Whole numbers where something must be able to move a little."""

    code = "TN115"


class NotFiniteError(TinygradNeuronError, ArithmeticError):
    """A loss or a gradient that is inf or nan, while somebody is being taught."""

    code = "TN118"


class UnsupportedError(TinygradNeuronError, TypeError):
    """A function, method or keyword that has no rule here."""

    code = "TN131"


def imaginary_lost(what: str) -> UnsupportedError:
    """The refusal to make a real number of a complex one by forgetting half of it."""
    return UnsupportedError(
        f"{what} is complex, and would have to become real.",
        why="Its imaginary part would be lost without anybody seeing it.",
        hint="z.real, z.imag or abs(z) says which real number is meant",
    )


def refuse(function: str, **settings: Any) -> None:
    """Raise for a keyword of NumPy's that was given, so is not None, and would be ignored."""
    for name, given in settings.items():
        if given is not None:
            raise UnsupportedError(
                f"{function} does not take {name}={given!r:.60} for a Value.",
                why="An array holds plain numbers: the gradient would stop there."
                if name == "out"
                else "A keyword that is not understood would be ignored, and the result wrong.",
                hint=f"{function}(...) without {name}",
                function=function,
            )


class ImmutableError(TinygradNeuronError, TypeError):
    """An attempt to change a Value that others were computed from, or that was computed."""

    code = "TN132"


class MissingMethodError(TinygradNeuronError, AttributeError):
    """A method or an attribute of NumPy's arrays that a Value does not have."""

    code = "TN137"


class RuleError(TinygradNeuronError, TypeError):
    """A primitive declared without exactly one rule for each input."""

    code = "TN133"


class UnknownNameError(TinygradNeuronError, LookupError):
    """Something asked for by a name that nothing has."""

    code = "TN130"


class LayerError(TinygradNeuronError, ValueError):
    """A neuron or a layer asked for what it cannot be or take: a width, an activation."""

    code = "TN134"


class LossError(TinygradNeuronError, ValueError):
    """A loss asked about what it is not defined for: such a label, such a setting, nothing."""

    code = "TN135"


class LossCheckError(TinygradNeuronError, AssertionError):
    """A loss that lacks what losses have: `check_loss` says which properties, and by how much."""

    code = "TN145"


class ModelFileError(TinygradNeuronError, ValueError):
    """A file that does not hold the model, the neuron or the training that it should."""

    code = "TN143"


class TrainingDataError(TinygradNeuronError, ValueError):
    """Examples that a model cannot be fitted to: none, too few, or not as many as targets."""

    code = "TN190"


class NonFiniteError(TinygradNeuronError, ArithmeticError):
    """A training whose loss is no longer a number: `history` tells the way there.

    The model has the weights with which the loss was last finite.
    """

    code = "TN191"
    history: Any = None


class CheckpointError(TinygradNeuronError, ValueError):
    """A checkpoint of another training than the one that is to go on."""

    code = "TN192"


class NotSavableError(TinygradNeuronError, TypeError):
    """Something that a file cannot hold, because only running code could bring it back."""

    code = "TN193"


class DescentError(TinygradNeuronError, ValueError):
    """A descent that would lead nowhere: nothing to move, or no step to move it by."""

    code = "TN136"


class StateError(TinygradNeuronError, ValueError):
    """A state that cannot be taken, or that belongs to another model or optimiser."""

    code = "TN185"


class RecomputedError(TinygradNeuronError, RuntimeError):
    """A checkpointed function that did something else when it was called again."""

    code = "TN150"


class GradientCheckError(TinygradNeuronError, AssertionError):
    """A gradient that was asserted and did not pass its check; `report` holds what was found."""

    code = "TN160"
    report: Any = None


class WrongRuleError(TinygradNeuronError, ValueError):
    """A person's own primitive whose rule is not the slope of its function."""

    code = "TN161"
    report: Any = None


class CheckInputError(TinygradNeuronError, TypeError):
    """A gradient check of something that cannot be checked."""

    code = "TN162"


class TraceError(TinygradNeuronError, TypeError):
    """A function that no program stands for, or an input that a program was not made for."""

    code = "TN165"


class TraceFileError(TinygradNeuronError, ValueError):
    """A file, or data, that does not hold a trace."""

    code = "TN175"


class DrawingError(TinygradNeuronError, ValueError):
    """A picture that nobody could read."""

    code = "TN176"


class MissingExtraError(TinygradNeuronError, ImportError):
    """Something that needs a library which is not installed."""

    code = "TN180"

    @classmethod
    def of(cls, library: str, extra: str, what: str) -> "MissingExtraError":
        """What needs the library, and the extra of this package that brings it."""
        return cls(
            f"{what} needs {library}, which is not installed.",
            why="This package itself needs NumPy only; what not everybody uses is an extra.",
            hint=f"pip install 'tinygrad_neuron[{extra}]'   or   pip install {library}",
            extra=extra,
        )


class PictureError(TinygradNeuronError, ValueError):
    """A picture asked of what it cannot show, or not so that a person could read it."""

    code = "TN181"


class PartitionError(TinygradNeuronError, ValueError):
    """Data in partitions that cannot be learnt from partition by partition."""

    code = "TN200"


THE_INPUT = "<input>"  # in the text of a rule, which is fed numbers: whoever calls it has the name


class NoDerivativeError(TinygradNeuronError, ValueError):
    """A gradient asked for where there is none: of a vector that its matrix does not determine."""

    code = "TN138"

    def about(self, value: object) -> "NoDerivativeError":
        """The same error with the name of the Value that it is about."""
        self.args = (str(self).replace(THE_INPUT, name_of(value, "the matrix")),)
        return self
