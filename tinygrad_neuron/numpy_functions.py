"""NumPy's own functions on Values: which of ours answers for which of NumPy's.

`np.exp(v)` asks `v` through `__array_ufunc__`, `np.sum(v)` through `__array_function__`; both end
here. A function without an answer is refused by name: it would return a number with no path back.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from tinygrad_neuron import fft, linalg, ops
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.ops.folds import fold, folds
from tinygrad_neuron.ops.shape import ndim_of
from tinygrad_neuron.ops.steps import answering

Function = Callable[..., Any]


def _named_alike(ours: ModuleType, theirs: Any) -> dict[Function, Function]:
    """Our functions that have a name of NumPy's: each answers for the function of that name."""
    return {
        getattr(theirs, name): function
        for name, function in vars(ours).items()
        if callable(function) and callable(getattr(theirs, name, None))
    }


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`np.where` with two branches, or with none, when it is `nonzero`."""
    if x is None and y is None:
        return ops.nonzero(condition)
    return ops.where(condition, x, y)


def _size(a: Any, axis: Any = None) -> Any:
    """`np.size`: how many entries, or along an axis."""
    return np.size(np.empty(a.shape, bool), axis)


QUESTIONS = (
    *("array2string", "array_repr", "array_str", "can_cast", "common_type", "digitize"),
    *("diag_indices_from", "einsum_path", "isin", "ix_", "lexsort", "may_share_memory"),
    *("min_scalar_type", "packbits", "ravel_multi_index", "result_type", "shares_memory"),
    *("tril_indices_from", "triu_indices_from", "unpackbits", "unravel_index"),
)
"""What NumPy itself answers about the plain numbers: places, kinds, texts."""

FROM_NUMPY: dict[Function, Function] = {
    **{name: function for function in ops.PRIMITIVES for name in function.numpy},
    **{getattr(np, name): answering(getattr(np, name)) for name in QUESTIONS},
    **_named_alike(ops, np),
    **_named_alike(linalg, np.linalg),
    **_named_alike(fft, np.fft),
    # those of another name, or of another meaning under the same name
    np.degrees: ops.rad2deg,
    np.radians: ops.deg2rad,
    np.select: ops.select_first,
    np.take: ops.take_entries,
    np.where: _where,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: _size,
}


def call_function(function: Function, args: Any, settings: Any) -> Any:
    """`np.sum(v, axis=0)`: the answer of our function of that name."""
    if function not in FROM_NUMPY:
        raise _unsupported(_numpy_name(function))
    if settings:
        args, settings = _in_place(function, args, settings)
    try:
        return FROM_NUMPY[function](*args, **settings)
    except UnsupportedError:
        raise
    except TypeError:
        _check_signature(function, args, settings)
        raise


def _in_place(function: Function, args: Any, settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """The arguments, where arrays that NumPy's own keywords name (`a=v`) stand by position.

    What NumPy would do anyway (`casting="same_kind"`) need not be known here.
    """
    ours, defaults = _keywords(FROM_NUMPY[function]), _defaults(function)
    args, settings = list(args), dict(settings)
    for name in list(defaults)[len(args) :]:
        if name not in settings or name in ours or defaults[name] is not ARRAY:
            break
        args.append(settings.pop(name))
    known = {k: x for k, x in settings.items() if k in ours or not _same(x, defaults.get(k, ARRAY))}
    return args, known


ARRAY = inspect.Parameter.empty


@cache
def _defaults(function: Function) -> dict[str, Any]:
    """What each argument of a function of NumPy's is unless it is given, as far as it tells."""
    try:
        takes = inspect.signature(function).parameters.values()
    except ValueError:  # some that are written in C
        return {}
    return {p.name: p.default for p in takes}


def _same(given: Any, default: Any) -> bool:
    """Whether a keyword says what holds without it."""
    return given is default or (isinstance(default, str) and given == default)


@cache
def _keywords(function: Function) -> frozenset[str]:
    """The names by which one of ours takes its arguments; a primitive's arrays have none."""
    names = list(inspect.signature(function).parameters)
    return frozenset(names[function.arity :] if isinstance(function, Primitive) else names)


def _check_signature(function: Function, args: Any, settings: Any) -> None:
    """Raise by name if the function was called with what our own does not take."""
    if isinstance(FROM_NUMPY[function], Primitive):
        return  # it has looked itself
    takes = inspect.signature(FROM_NUMPY[function])
    try:
        takes.bind(*args, **settings)
    except TypeError as error:
        raise UnsupportedError(
            f"{_numpy_name(function)} {error} for Values.",
            why="A keyword that is not understood would be ignored, and the result wrong.",
            hint=f"{_numpy_name(function)}{takes}",
        ) from None


def call_ufunc(ufunc: np.ufunc, method: str, inputs: Any, settings: Any) -> Any:
    """`np.exp(v)`: the answer of our function of that name."""
    name = f"np.{ufunc.__name__}" + f".{method}" * (method != "__call__")
    if settings.get("out"):
        raise UnsupportedError(
            f"{name} cannot write its result, which has a history, into an array.",
            why="The array holds plain numbers: the gradient would stop here.",
            hint="a = a + v   instead of   a += v",
        )
    if ufunc in FROM_NUMPY and folds(ufunc, method):
        return fold(ufunc, method, FROM_NUMPY[ufunc], *inputs, **settings)
    if ufunc not in FROM_NUMPY or not (method == "__call__" or _pairs(ufunc, method)):
        raise _unsupported(name)
    function = FROM_NUMPY[ufunc]
    if not isinstance(function, Primitive) and not settings.keys() <= _keywords(function):
        raise _no_keyword(name, settings)
    return function(*(_outer(*inputs) if method == "outer" else inputs), **settings)


def _pairs(ufunc: np.ufunc, method: str) -> bool:
    """Whether this is `ufunc.outer`, of two numbers at a time."""
    return method == "outer" and ufunc.nin == 2 and ufunc.signature is None


def _outer(a: Any, b: Any) -> tuple[Any, Any]:
    """Two inputs that broadcast to every pair: a with an axis of length 1 for each axis of b."""
    first = ndim_of(a)
    return ops.expand_dims(a, axis=tuple(range(first, first + ndim_of(b)))), b


def _no_keyword(name: str, settings: dict[str, Any]) -> UnsupportedError:
    return UnsupportedError(
        f"{name} has no keyword {', '.join(settings)} for Values.",
        why="A keyword that is not understood would be ignored, and the result wrong.",
        hint=f"{name}(v) without it;  where(mask, {name}(v), other) chooses entries",
    )


def _numpy_name(function: Function) -> str:
    """`np.linalg.svd`: the function as people write it."""
    home = getattr(function, "__module__", "numpy")  # ufuncs have none
    return f"{home}.{function.__name__}".replace("numpy.", "np.")


WRITING = ("np.put", "np.put_along_axis", "np.place", "np.putmask", "np.copyto", "np.fill_diagonal")

WHOLE = "np.{}(v.data.astype(int)), where the numbers are whole"
FILES = "np.{}(file, v.data)"
DATES = "plain arrays of dates: a Value holds numbers"
INSTEAD = {
    **{name: WHOLE.format(name) for name in ("bitwise_count", "gcd", "lcm")},
    **{name: WHOLE.format(name) for name in ("left_shift", "right_shift")},
    **{name: FILES.format(name) for name in ("save", "savetxt", "savez", "savez_compressed")},
    **dict.fromkeys(("busday_count", "busday_offset", "is_busday", "datetime_as_string"), DATES),
    "histogram2d": "np.histogram of one variable;  np.histogram2d(v.data, w.data) for plain counts",
    "histogramdd": "np.histogram of one variable;  np.histogramdd(v.data) for plain counts",
    "nextafter": "v + np.spacing(v.data)",
    "spacing": "np.spacing(v.data), a plain array",
    "sort_complex": "np.sort",
}
"""What to type instead of a function that is refused, where no similar name says it."""


def _unsupported(what: str) -> UnsupportedError:
    if what in WRITING or what.endswith(".at"):
        return UnsupportedError(
            f"{what} writes into an array, and a Value cannot be changed.",
            why="Results that were computed from it need it as it was.",
            hint="v.at[index].set(x), .add(x), .multiply(x), .max(x), .min(x) make changed copies",
            function=what,
        )
    near = difflib.get_close_matches(what, _known(), n=3, cutoff=0.7)
    return UnsupportedError(
        f"{what} has no derivative rule here.",
        why="Without one it would return a number with no path back, and the gradient would be 0.",
        hint=_instead_of(what.removeprefix("np."))
        or ", ".join(near)
        or "write it with the functions of tinygrad_neuron.ops, or declare a "
        "@primitive with its rule",
        function=what,
        near=near,
    )


def _instead_of(name: str) -> str | None:
    """What to type instead of a function, or of a method of a ufunc, if it is known."""
    ufunc, _, method = name.partition(".")
    steps = {
        "reduce": f"functools.reduce(np.{ufunc}, v)",
        "accumulate": f"np.stack(list(itertools.accumulate(v, np.{ufunc})))",
        "reduceat": f"functools.reduce(np.{ufunc}, part)  for part in np.split(v, indices)",
    }
    return INSTEAD.get(name) or steps.get(method)


def _known() -> list[str]:
    """The names of all that is answered for."""
    return sorted({_numpy_name(function) for function in FROM_NUMPY})
