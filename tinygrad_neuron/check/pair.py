"""A function and its pullback as a check sees them: rows of float64 numbers in, rows out.

Whatever a person hands in (a function of Values, a gradient written by hand, one from elsewhere) is
made into one `Pair`. It takes arrays apart and puts them together, and counts evaluations.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.backward import sweep
from tinygrad_neuron.containers import alongside, leaves, parts, rebuilt
from tinygrad_neuron.errors import CheckInputError
from tinygrad_neuron.graph import Array, Node, dtype_of, is_complex, plain, tidy
from tinygrad_neuron.modes import no_grad, recording
from tinygrad_neuron.ops import conj, real, sum as total_of
from tinygrad_neuron.transforms import grad
from tinygrad_neuron.value import Value

Row = np.ndarray[Any, np.dtype[Any]]
Arrays = list[Array]
Function = Callable[[Arrays], Arrays]
Pull = Callable[[Arrays], Arrays]


class Pair:
    """A function of arrays, its pullback, and the inputs at which they are compared.

    `function(xs)` gives the results; `linear(xs)` gives the pullback there: from what each result
    is owed to what each input is owed. `of_values` is the function of Values behind it, if any.
    `backdrop` is what the rounding of each result is relative to, where its terms cancel.
    """

    analytic = True  # unless it is known not to be: then a complex step is not tried

    def __init__(
        self,
        function: Function,
        linear: Callable[[Arrays], Pull],
        inputs: Sequence[Array],
        names: Sequence[str],
        of_values: Callable[[list[Any]], list[Any]] | None = None,
    ) -> None:
        self.function, self.linear, self.of_values = function, linear, of_values
        self.given = [np.array(x) for x in inputs]
        self.inputs = [in_double(x) for x in self.given]
        self.names = list(names)
        self.shapes = [x.shape for x in self.inputs]
        self.ends = _ends(self.inputs)
        self.evaluations = self.pullbacks = 0
        self.start = row(self.inputs)
        self.result = self.values(self.inputs)
        self.result_shapes = [np.shape(y) for y in self.result]
        self.result_ends = _ends(self.result)
        self.here = row(self.result)
        self.backdrop = np.abs(self.here)
        self._pull: Pull | None = None

    def values(self, xs: Arrays) -> Arrays:
        """The results for arrays."""
        self.evaluations += 1
        with np.errstate(all="ignore"):
            return self.function(xs)

    def at(self, x: Row) -> Row:
        """All results in a row for all inputs in a row; nan where the function refuses them."""
        try:
            y = row(self.values(self.apart(x)))
        except (ArithmeticError, ValueError):
            return np.full(len(self.here), np.nan)
        return y if len(y) == len(self.here) else np.full(len(self.here), np.nan)

    def apart(self, x: Row) -> Arrays:
        """All inputs in a row as the arrays they were."""
        return _arrays(x, self.inputs, self.ends)

    def cotangents(self, v: Row) -> Arrays:
        """Weights in a row as arrays with the shapes of the results."""
        return [np.array(part) for part in _arrays(v, self.result, self.result_ends)]

    def pull(self, vs: Arrays) -> Arrays:
        """What each input is owed here, when each result is owed its cotangent."""
        if self._pull is None:
            self._pull = self.linear(self.inputs)
        self.pullbacks += 1
        with np.errstate(all="ignore"):
            return self._pull(vs)

    def owed(self, v: Row) -> Row:
        """What all inputs in a row are owed, for weights in a row."""
        return row(self.pull(self.cotangents(v)))

    def owed_at(self, x: Row, v: Row) -> Row:
        """The same at other inputs."""
        self.pullbacks += 1
        with np.errstate(all="ignore"):
            return row(self.linear(self.apart(x))(self.cotangents(v)))

    def complex_slope(self, way: Row) -> Row | None:
        """How the results move along a direction, by a complex step; None if they refuse one.

        f(x + i h u) = f(x) + i h f'(x) u + O(h^2): no difference, so no rounding, and h can be as
        small as one likes (W. Squire and G. Trapp, SIAM Review 40, 1998).
        """
        if not self.analytic or any(map(is_complex, self.inputs)):
            return None
        h = 2.0**-100
        self.evaluations += 1
        try:
            with np.errstate(all="ignore"):
                ys = [np.asarray(y) for y in self.function(self.apart(self.start + 1j * h * way))]
        except Exception:  # whatever a function says to a number it was not written for
            return None
        if not ys or any(y.dtype.kind != "c" for y in ys):
            return None
        y = np.concatenate([y.ravel() for y in ys])
        if len(y) != len(self.here) or not np.allclose(y.real, self.here, rtol=1e-12, atol=0.0):
            return None
        return y.imag / h

    def place(self, i: int) -> tuple[int, str, tuple[int, ...]]:
        """The input that number i of the row belongs to; what that is called, and its index there.

        Of a complex input `z`, the real and the imaginary part.
        """
        k = int(np.searchsorted(self.ends, i, side="right")) - 1
        x, name, place = self.inputs[k], self.names[k], i - self.ends[k]
        if is_complex(x):
            place, part = divmod(place, 2)
            name = f"{name}{PARTS[part]}"
        index = np.unravel_index(place, x.shape) if x.ndim else ()
        return k, name, tuple(map(int, index))


PARTS = (".real", ".imag")


def in_double(x: Array) -> Array:
    """An array in double precision."""
    return x.astype(np.complex128 if is_complex(x) else np.float64)


def row(arrays: Arrays) -> Row:
    """Arrays as one row of float64; a complex number is two, its real and its imaginary part."""
    if len(arrays) == 1:
        return _flat(arrays[0])
    return np.concatenate([np.zeros(0), *map(_flat, arrays)])


def _flat(x: Array) -> Row:
    if is_complex(x):
        return np.asarray(x, np.complex128).ravel().view(np.float64)
    return np.asarray(x, np.float64).ravel()


def _arrays(numbers: Row, like: Arrays, ends: list[int]) -> Arrays:
    """A row as the arrays that it was made from, or as others like them."""
    parts = zip(ends, ends[1:], like, strict=False)
    return [
        (numbers[a:b].view(np.complex128) if is_complex(x) else numbers[a:b]).reshape(np.shape(x))
        for a, b, x in parts
    ]


def _ends(arrays: Arrays) -> list[int]:
    """Where each array begins in the row of all, and where the last one ends."""
    counts = [np.size(x) * (2 if is_complex(x) else 1) for x in arrays]
    return np.cumsum([0, *counts], dtype=int).tolist()


# ----------------------------------------------------------------------- from functions of Values


def of_values(f: Callable[..., Any], args: tuple[Any, ...]) -> Pair:
    """The pair of a function of Values and the engine's own gradient of it."""
    moving, names, filled = taken_apart(args, f)
    return of_function(lambda xs: list(leaves(f(*filled(xs)))), moving, names)


def of_function(
    results: Callable[[list[Any]], list[Any]],
    inputs: Sequence[Array],
    names: Sequence[str],
    on_arrays: Function | None = None,
) -> Pair:
    """The pair of a function from a list of Values to a list of results.

    `on_arrays` is the same function from arrays to arrays, where there is a shorter way.
    """

    def function(xs: Arrays) -> Arrays:
        with no_grad():
            ys = results([Value(number(x)) for x in xs])
        return [np.asarray(plain(y)) for y in ys if moves(y)]

    def linear(xs: Arrays) -> Pull:
        fresh = [Value(number(x)) for x in xs]
        with recording():
            ys = [y for y in results(fresh) if moves(y)]
        single = len(ys) == 1 and isinstance(ys[0], Node) and not np.shape(plain(ys[0]))
        alone = single and all(type(x._data) is float for x in fresh)
        return lambda vs: (
            _by_floats(results, xs) if alone and vs[0] == 1.0 else _swept(ys, vs, fresh)
        )

    return Pair(on_arrays or function, linear, inputs, names, results)


def number(x: Array) -> Array:
    """A 0-d array as the number in it: the sweep has a road of its own for floats."""
    return x[()] if isinstance(x, np.ndarray) and not x.ndim else x


def _by_floats(results: Callable[[list[Any]], list[Any]], xs: Arrays) -> Arrays:
    def first(*values: Any) -> Any:
        return next(y for y in results(list(values)) if moves(y))

    found = grad(first, tuple(range(len(xs))))(*(float(x) for x in xs))
    return [np.asarray(g.data) for g in found]


def _swept(ys: list[Any], vs: Arrays, xs: list[Value]) -> Arrays:
    """What each x is owed when each y is owed its cotangent."""
    pairs = [(y, v) for y, v in zip(ys, vs, strict=True) if isinstance(y, Node)]
    if not pairs:
        return [np.zeros(x.shape, x.dtype) for x in xs]
    if len(pairs) == 1:
        y, v = pairs[0]
        owed = sweep(y, tidy(np.asarray(v, dtype_of(y))))
    else:
        with recording():
            parts = [_weighed(y, tidy(np.asarray(v, dtype_of(y)))) for y, v in pairs]
            total = sum(parts[1:], parts[0])
        owed = sweep(total, 1.0)
    return [np.asarray(plain(owed[x])) if x in owed else np.zeros(x.shape, x.dtype) for x in xs]


def _weighed(y: Node, v: Array) -> Any:
    """The real number whose gradient by y is v."""
    return total_of(real(y * conj(v)) if is_complex(y) else y * v)


# --------------------------------------------------------------------- from plain NumPy functions


def of_pullback(f: Callable[..., Any], vjp: Callable[..., Any], args: tuple[Any, ...]) -> Pair:
    """The pair of a NumPy function and `vjp(v, *inputs)`, which gives an answer for each input."""
    moving, names, filled = taken_apart(args, f)
    kind = f(*filled([np.array(x) for x in moving]))

    def linear(xs: Arrays) -> Pull:
        whole = filled(xs)

        def pull(vs: Arrays) -> Arrays:
            found = vjp(rebuilt(kind, vs), *whole)
            found = (found,) if len(args) == 1 and not isinstance(found, tuple) else found
            return _by_each(args, found)

        return pull

    return Pair(lambda xs: [np.asarray(y) for y in leaves(f(*filled(xs)))], linear, moving, names)


def of_gradient(f: Callable[..., Any], gradient: Callable[..., Any], x: Any) -> Pair:
    """The pair of a NumPy function that gives one number, and its gradient, built like x."""
    moving, names, filled = taken_apart((x,), f)

    def linear(xs: Arrays) -> Pull:
        found = _by_each((x,), (gradient(*filled(xs)),))
        return lambda vs: [g * g.dtype.type(vs[0].item()) for g in found]

    return Pair(lambda xs: [np.asarray(y) for y in leaves(f(*filled(xs)))], linear, moving, names)


def _by_each(args: tuple[Any, ...], found: Any) -> Arrays:
    """The gradients that belong to the inputs that move, in their order."""
    if len(found) != len(args):
        raise CheckInputError(
            f"vjp returned {len(found)} gradients for {len(args)} inputs.",
            why="It is compared input by input.",
            hint="return a tuple with one gradient for each input",
        )
    pairs = zip(leaves(args), alongside(args, tuple(found)), strict=True)
    return [np.asarray(plain(g)) for x, g in pairs if moves(x)]


# ------------------------------------------------------------------------------------ arguments


def moves(x: Any) -> bool:
    """Whether it is a number, or an array of numbers, that can change a little."""
    if isinstance(x, float | complex):
        return True
    return isinstance(x, Node | np.ndarray | np.generic) and dtype_of(x).kind in "fc"


def taken_apart(
    args: tuple[Any, ...], f: Callable[..., Any]
) -> tuple[list[Array], list[str], Callable[[Arrays], tuple[Any, ...]]]:
    """The arrays that can move, what to call them, and how the arguments are put together again."""
    every = list(leaves(args))
    places = [i for i, part in enumerate(every) if moves(part)]
    if not places:
        raise CheckInputError(
            "There is nothing that could move a little: no float, no array of floats, no Value.",
            why="A gradient is compared with what the function does nearby.",
            hint="check_grad(f, 2.0)   or   check_grad(f, np.array([1.0, 2.0]))",
        )
    labels = [
        name
        for arg, name in zip(args, parameters(f, len(args)), strict=True)
        for name in _within(arg, name)
    ]

    def filled(xs: Arrays) -> tuple[Any, ...]:
        whole = list(every)
        for i, x in zip(places, xs, strict=True):
            whole[i] = x
        return rebuilt(args, whole)

    return [np.asarray(plain(every[i])) for i in places], [labels[i] for i in places], filled


def parameters(f: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its first arguments; `input 0` where it has no name for one."""
    try:
        found = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a builtin
        found = []
    named = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [named[i] if i < len(named) else f"input {i}" for i in range(count)]


def _within(nested: Any, label: str) -> list[str]:
    """`w`, or `w['bias'][0]`: what to call each number in an argument."""
    held = parts(nested)
    if held is None:
        return [label]
    return [name for key, part in held.items() for name in _within(part, f"{label}[{key!r}]")]
