"""NumPy's own functions on Values: which of ours answers for which of NumPy's.

`np.exp(v)` asks `v` through `__array_ufunc__`, `np.sum(v)` through `__array_function__`; both end
here. A function without an answer is refused by name: it would return a number with no path back.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, cast

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.ops.shape import ndim_of

Function = Callable[..., Any]


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

HOMES = {"numpy": "ops", "numpy.linalg": "linalg", "numpy.fft": "fft"}
"""Where what has a name of NumPy's is found here: each answers for the function of that name."""

RENAMED: dict[Function, str] = {
    np.degrees: "rad2deg",
    np.radians: "deg2rad",
    np.select: "select_first",
    np.take: "take_entries",
}
"""Those that have another name in `ops`, or whose name means something else there."""

OWN: dict[Function, Function] = {
    np.where: _where,
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.size: _size,
}


@cache
def answer(function: Function) -> Function | None:
    """Our function that answers for one of NumPy's, if there is one.

    It is looked for when it is asked for, and by its name: a table of all would import all.
    """
    if function in OWN:
        return OWN[function]
    if function in RENAMED:
        return cast(Function, getattr(ops, RENAMED[function]))
    found = _named_alike(function) or _question(function)
    return found or next((p for p in ops.PRIMITIVES if function in p.numpy), None)


def _named_alike(function: Function) -> Function | None:
    home = getattr(function, "__module__", "numpy")  # ufuncs have none
    if home not in HOMES or not _is_from(home, function):
        return None
    return getattr(_ours(HOMES[home]), function.__name__, None)


def _question(function: Function) -> Function | None:
    if function.__name__ not in QUESTIONS or not _is_from("numpy", function):
        return None
    return cast(Function, _ours("ops.steps").answering(function))


def _is_from(home: str, function: Function) -> bool:
    """Whether it is NumPy's own: functions of other libraries may have its names."""
    return getattr(import_module(home), function.__name__, None) is function


def _ours(module: str) -> Any:
    """A module of this package that is not imported before it is needed."""
    return import_module(f"tinygrad_neuron.{module}")


def answered() -> Iterator[Function]:
    """Every function of NumPy's that has an answer."""
    for home in map(import_module, HOMES):
        public = [f for name, f in vars(home).items() if not name.startswith("_")]
        yield from (f for f in public if hasattr(f, "__name__") and answer(f))


def call_function(function: Function, args: Any, settings: Any) -> Any:
    """`np.sum(v, axis=0)`: the answer of our function of that name."""
    ours = answer(function)
    if ours is None:
        raise _unsupported(_numpy_name(function))
    if settings:
        args, settings = _in_place(function, ours, args, settings)
    try:
        return ours(*args, **settings)
    except UnsupportedError:
        raise
    except TypeError:
        _check_signature(function, ours, args, settings)
        raise


def _in_place(
    function: Function, ours: Function, args: Any, settings: Mapping[str, Any]
) -> tuple[Any, Any]:
    """The arguments, where arrays that NumPy's own keywords name (`a=v`) stand by position.

    What NumPy would do anyway (`casting="same_kind"`) need not be known here.
    """
    taken, defaults = _keywords(ours), _defaults(function)
    args, settings = list(args), dict(settings)
    for name in list(defaults)[len(args) :]:
        if name not in settings or name in taken or defaults[name] is not ARRAY:
            break
        args.append(settings.pop(name))
    usual = {k for k, x in settings.items() if k not in taken and _same(x, defaults.get(k, ARRAY))}
    return args, {k: x for k, x in settings.items() if k not in usual}


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


def _check_signature(function: Function, ours: Function, args: Any, settings: Any) -> None:
    """Raise by name if the function was called with what our own does not take."""
    if isinstance(ours, Primitive):
        return  # it has looked itself
    takes = inspect.signature(ours)
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
    function = answer(ufunc)
    if function is not None and method != "__call__" and _ours("ops.folds").folds(ufunc, method):
        return _ours("ops.folds").fold(ufunc, method, function, *inputs, **settings)
    if function is None or not (method == "__call__" or _pairs(ufunc, method)):
        raise _unsupported(name)
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
    import difflib

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
    return sorted(set(map(_numpy_name, answered())))
