"""The functions that rearrange: NumPy's numbers, and every gradient back where it came from.

NumPy itself is the oracle: the value is its value, and the slope by an entry is what its function
does when that entry moves. Entries are binary fractions and the functions are linear, or linear
nearby, so both are exact.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_neuron as tn
from tinygrad_neuron import Value, ops
from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.ops import arrange, choosing

OURS = SimpleNamespace(
    **{name: getattr(ops, name) for name in dir(ops) if not name.startswith("_")}
    | {"select": ops.select_first, "take": ops.take_entries}
)
STEP = 2.0**-10


def entries(shape, seed=0):
    """Different binary fractions, none of them 0, at least 1/8 apart."""
    n = int(np.prod(shape))
    drawn = np.random.default_rng(seed).permutation(n) - n // 2
    return ((drawn + 0.5) / 8.0).reshape(shape)


V, M, C, S = entries(5), entries((3, 4)), entries((2, 3, 4)), entries((4, 4))
TIED = np.array([2.0, 1.0, 2.0, 3.0, 1.0, 2.0])
W = entries(2, seed=1)

CASES = {
    "append": [
        (M, lambda np, x: np.append(x, [1.0, 2.0])),
        (M, lambda np, x: np.append(x, x, axis=1)),
        (M, lambda np, x: np.append(M, x, 0)),
    ],
    "array_split": [
        (V, lambda np, x: np.array_split(x, 3)),
        (M, lambda np, x: np.array_split(x, [1, 3], axis=1)),
        (C, lambda np, x: np.array_split(x, 7, -1)),
    ],
    "atleast_1d": [
        (np.float64(0.5), lambda np, x: np.atleast_1d(x)),
        (M, lambda np, x: np.atleast_1d(x, x)),
    ],
    "atleast_2d": [
        (V, lambda np, x: np.atleast_2d(x)),
        (np.float64(0.5), lambda np, x: np.atleast_2d(x)),
        (C, lambda np, x: np.atleast_2d(x)),
    ],
    "atleast_3d": [(x, lambda np, x: np.atleast_3d(x)) for x in (np.float64(0.5), V, M, C)],
    "block": [
        (S, lambda np, x: np.block([[x, S], [S, x]])),
        (V, lambda np, x: np.block([x, 2.0, x])),
        (M, lambda np, x: np.block([[x], [V[:4]]])),
        (M, lambda np, x: np.block(x)),
    ],
    "broadcast_arrays": [
        (V, lambda np, x: np.broadcast_arrays(x, np.reshape(x, (5, 1)))),
        (V, lambda np, x: np.broadcast_arrays(x, entries((2, 1)))[0]),
    ],
    "choose": [
        (C, lambda np, x: np.choose([[1, 0, 0, 1]], x)),
        (V, lambda np, x: np.choose([0, 2, 1, 0, 1], [x, 2.0 * x, V])),
        (V, lambda np, x: np.choose([0, 3, -1, 0, 1], [x, 2.0 * x], mode="wrap")),
        (V, lambda np, x: np.choose([0, 3, -1, 0, 1], [x, 2.0 * x], mode="clip")),
    ],
    "column_stack": [
        (V, lambda np, x: np.column_stack([x, V, x])),
        (M, lambda np, x: np.column_stack((x, x[:, 0]))),
    ],
    "compress": [
        (M, lambda np, x: np.compress([True, False, True], x, axis=0)),
        (M, lambda np, x: np.compress([False, True], x, 1)),
        (M, lambda np, x: np.compress([0, 1, 1, 0, 0, 1], x)),
    ],
    "concat": [(M, lambda np, x: np.concat([x, M], axis=1))],
    "copy": [(M, lambda np, x: np.copy(x)), (np.float64(0.5), lambda np, x: np.copy(x))],
    "delete": [
        (M, lambda np, x: np.delete(x, 1, axis=0)),
        (M, lambda np, x: np.delete(x, [1, 3, -1], 1)),
        (M, lambda np, x: np.delete(x, slice(None, None, 2))),
        (V, lambda np, x: np.delete(x, V > 0)),
    ],
    "diag": [
        *((V, lambda np, x, k=k: np.diag(x, k)) for k in (0, 1, -2)),
        *((M, lambda np, x, k=k: np.diag(x, k)) for k in (0, 1, -2, 9)),
    ],
    "diagflat": [(M, lambda np, x: np.diagflat(x)), (V, lambda np, x: np.diagflat(x, k=-1))],
    "diagonal": [
        (M, lambda np, x: np.diagonal(x)),
        (C, lambda np, x: np.diagonal(x, 1, axis1=-1, axis2=0)),
        (C, lambda np, x: np.diagonal(x, offset=-1, axis1=1, axis2=2)),
    ],
    "dsplit": [(C, lambda np, x: np.dsplit(x, 2)), (C, lambda np, x: np.dsplit(x, [1]))],
    "dstack": [(M, lambda np, x: np.dstack([x, x])), (V, lambda np, x: np.dstack((x, V)))],
    "extract": [
        (M, lambda np, x: np.extract(M > 0, x)),
        (M, lambda np, x: np.extract(x > 0, x)),
    ],
    "flip": [
        *((C, lambda np, x, axis=axis: np.flip(x, axis)) for axis in (None, 0, -1, (0, 2))),
    ],
    "fliplr": [(M, lambda np, x: np.fliplr(x))],
    "flipud": [(M, lambda np, x: np.flipud(x)), (V, lambda np, x: np.flipud(x))],
    "hsplit": [(M, lambda np, x: np.hsplit(x, 2)), (V, lambda np, x: np.hsplit(x, [2, 3]))],
    "hstack": [
        (V, lambda np, x: np.hstack([x, V, x])),
        (M, lambda np, x: np.hstack((M, x))),
        (np.float64(0.5), lambda np, x: np.hstack([x, 2.0, x])),
    ],
    "insert": [
        (V, lambda np, x: np.insert(x, 1, 9.0)),
        (V, lambda np, x: np.insert(x, [1, 1, 4], x[:3])),
        (M, lambda np, x: np.insert(x, 1, x[:, 0], axis=1)),
        (M, lambda np, x: np.insert(M, -1, x[0], 0)),
        (M, lambda np, x: np.insert(x, slice(0, 2), 7.0, axis=0)),
    ],
    "matrix_transpose": [(C, lambda np, x: np.matrix_transpose(x))],
    "meshgrid": [
        (V, lambda np, x: np.meshgrid(x, W)),
        (V, lambda np, x: np.meshgrid(W, x, x[:2], indexing="ij")),
        (V, lambda np, x: np.meshgrid(x, W, sparse=True)),
        (V, lambda np, x: np.meshgrid(x, x[0], copy=False)),
    ],
    "moveaxis": [
        (C, lambda np, x: np.moveaxis(x, 0, -1)),
        (C, lambda np, x: np.moveaxis(x, [0, 1], [-1, 0])),
    ],
    "pad": [
        (V, lambda np, x: np.pad(x, 2)),
        (M, lambda np, x: np.pad(x, ((1, 2), (0, 3)))),
        (M, lambda np, x: np.pad(x, (1, 2), "constant", constant_values=5.0)),
        (M, lambda np, x: np.pad(x, 1, constant_values=((1, 2), (3, 4)))),
        *(
            (M, lambda np, x, mode=mode: np.pad(x, ((1, 0), (2, 9)), mode))
            for mode in ("edge", "reflect", "symmetric", "wrap", "linear_ramp")
        ),
        *(
            (M, lambda np, x, mode=mode: np.pad(x, ((1, 0), (2, 3)), mode=mode))
            for mode in ("maximum", "minimum", "mean")
        ),
        *(
            (M, lambda np, x, mode=mode: np.pad(x, 2, mode=mode, stat_length=(1, 2)))
            for mode in ("maximum", "minimum", "mean")
        ),
        (C, lambda np, x: np.pad(x, 1, "mean", stat_length=99)),
        (C, lambda np, x: np.pad(x, 2, "linear_ramp", end_values=((1, 2), (3, 4), (5, 6)))),
        (M, lambda np, x: np.pad(x, 2, "reflect", reflect_type="even")),
    ],
    "partition": [
        (V, lambda np, x: np.partition(x, 2)),
        (C, lambda np, x: np.partition(x, (0, 2), axis=1)),
        (M, lambda np, x: np.partition(x, 5, axis=None)),
    ],
    "permute_dims": [
        (C, lambda np, x: np.permute_dims(x, [2, 0, 1])),
        (C, lambda np, x: np.permute_dims(x)),
    ],
    "piecewise": [
        (V, lambda np, x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v * 2.0])),
        (M, lambda np, x: np.piecewise(x, [x < -0.5, x > 0.5], [7.0, lambda v: v, 3.0])),
        (V, lambda np, x: np.piecewise(x, x > 0, [lambda v, k: v * k], 3.0)),
        (V, lambda np, x: np.piecewise(x, [V > -9, V > 0], [lambda v: v, lambda v: 2.0 * v])),
        (V, lambda np, x: np.piecewise(x, [x > 9, x < 9], [int, lambda v: 2.0 * v])),
        (np.float64(0.5), lambda np, x: np.piecewise(x, [x < 0, x > 0], [0.0, lambda v: 3 * v])),
    ],
    "ravel": [
        (C, lambda np, x: np.ravel(x)),
        (C, lambda np, x: np.ravel(x, order="F")),
        (np.float64(0.5), lambda np, x: np.ravel(x)),
    ],
    "repeat": [
        (M, lambda np, x: np.repeat(x, 2)),
        (M, lambda np, x: np.repeat(x, [2, 0, 1], axis=0)),
        (np.float64(0.5), lambda np, x: np.repeat(x, 3)),
    ],
    "resize": [
        (V, lambda np, x: np.resize(x, (3, 4))),
        (M, lambda np, x: np.resize(x, 5)),
    ],
    "roll": [
        (M, lambda np, x: np.roll(x, 2)),
        (M, lambda np, x: np.roll(x, -1, axis=0)),
        (C, lambda np, x: np.roll(x, (1, 2), (0, -1))),
    ],
    "rollaxis": [(C, lambda np, x: np.rollaxis(x, 2)), (C, lambda np, x: np.rollaxis(x, 0, 3))],
    "rot90": [
        *((M, lambda np, x, k=k: np.rot90(x, k)) for k in range(-1, 4)),
        (C, lambda np, x: np.rot90(x, axes=(2, 1))),
    ],
    "select": [
        (V, lambda np, x: np.select([x < 0, x < 0.2], [x, 2.0 * x], 3.0)),
        (M, lambda np, x: np.select([M > 0, [True, False, False, True]], [x[0], x], x[:, :1])),
        (V, lambda np, x: np.select([x < 0], [2.0 * x])),
    ],
    "sort": [
        (V, lambda np, x: np.sort(x)),
        (C, lambda np, x: np.sort(x, axis=1)),
        (C, lambda np, x: np.sort(x, axis=None)),
        (M, lambda np, x: np.sort(x, 0, kind="stable")),
        (M, lambda np, x: np.sort(x, stable=True)),
    ],
    "split": [(V, lambda np, x: np.split(x, 5)), (M, lambda np, x: np.split(x, [3, 1], -1))],
    "swapaxes": [(C, lambda np, x: np.swapaxes(x, 0, -1))],
    "take": [
        (M, lambda np, x: np.take(x, [0, -1, 0, 11])),
        (M, lambda np, x: np.take(x, [[0, 3], [-1, 0]], axis=1)),
        (M, lambda np, x: np.take(x, 1, 0)),
        (M, lambda np, x: np.take(x, [4, -9], -1, mode="wrap")),
        (M, lambda np, x: np.take(x, [4, -9], axis=0, mode="clip")),
    ],
    "take_along_axis": [
        (M, lambda np, x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0)),
        (M, lambda np, x: np.take_along_axis(x, np.argsort(x, axis=None), None)),
        (M, lambda np, x: np.take_along_axis(x, np.argsort(x)[:, :2], -1)),
    ],
    "tile": [
        (V, lambda np, x: np.tile(x, 2)),
        (M, lambda np, x: np.tile(x, (2, 1, 3))),
        (np.float64(0.5), lambda np, x: np.tile(x, (2, 2))),
    ],
    "trace": [
        (M, lambda np, x: np.trace(x)),
        (C, lambda np, x: np.trace(x, 1, 2, 0)),
    ],
    "tril": [(x, lambda np, x, k=k: np.tril(x, k)) for x in (V, M, C) for k in (0, 1, -1)],
    "triu": [(x, lambda np, x, k=k: np.triu(x, k)) for x in (V, M, C) for k in (0, 1, -1)],
    "trim_zeros": [
        (V, lambda np, x: np.trim_zeros(x * [0.0, 0.0, 1.0, 1.0, 0.0])),
        (V, lambda np, x: np.trim_zeros(x * [0.0, 0.0, 1.0, 1.0, 0.0], "f")),
        (V, lambda np, x: np.trim_zeros(x * [0.0, 0.0, 1.0, 1.0, 0.0], "b")),
        (V, lambda np, x: np.trim_zeros(x * 0.0)),
        (V, lambda np, x: np.trim_zeros(np.append(x - [0.0, V[1], 0.0, 0.0, 0.0], 0.0))),
    ],
    "unique": [
        (M, lambda np, x: np.unique(x)),
        (V, lambda np, x: np.unique(x, return_index=True)[0]),
        (V, lambda np, x: np.unique(x, True, True, return_counts=True)[0]),
    ],
    "unstack": [(C, lambda np, x: np.unstack(x)), (C, lambda np, x: np.unstack(x, axis=-1))],
    "vsplit": [(M, lambda np, x: np.vsplit(x, 3))],
    "vstack": [
        (V, lambda np, x: np.vstack([x, V, 2.0 * x])),
        (M, lambda np, x: np.vstack((x, V[:4]))),
    ],
}  # fmt: skip
EACH = [
    pytest.param(x, f, id=f"{name}-{i}")
    for name, cases in CASES.items()
    if hasattr(np, name)  # NumPy 2.0 has no unstack
    for i, (x, f) in enumerate(cases)
]
ANSWERS = {"argpartition", "argsort", "argwhere", "empty_like", "flatnonzero", "full_like"} | {
    "nonzero", "ones_like", "zeros_like",
}  # fmt: skip


IN_TEST_SURFACE = {
    *("apply_along_axis", "apply_over_axes", "intersect1d", "setdiff1d", "setxor1d", "union1d"),
    *("UniqueAllResult", "UniqueCountsResult", "UniqueInverseResult"),
    *("unique_all", "unique_counts", "unique_inverse", "unique_values"),
}


def parts(y):
    """The results of a function as a list, also where there is but one."""
    return list(y) if isinstance(y, list | tuple) else [y]


def weights_for(y):
    """A weight for each entry of the results, all different, binary fractions."""
    return [np.asarray(entries(np.shape(part), seed=7)) + 9.0 for part in parts(y)]


def weighted(f, namespace, weights):
    """The sum of all results of f, each entry with its weight."""
    return lambda x: sum(
        tn.sum(part * w) for part, w in zip(parts(f(namespace, x)), weights, strict=True)
    )


def slopes_seen(f, x, weights):
    """How NumPy's function moves, entry by entry."""
    x = np.asarray(x)
    seen = np.zeros(x.shape)
    for k in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[k] = STEP
        ahead, behind = parts(f(np, (x + step)[()])), parts(f(np, (x - step)[()]))
        moves = zip(ahead, behind, weights, strict=True)
        seen[k] = sum(np.sum((a - b) * w) for a, b, w in moves) / (2.0 * STEP)
    return seen


def test_every_function_has_a_case():
    """What is added to the modules is tested here, or is a plain answer."""
    names = {
        name
        for module in (arrange, choosing)
        for name, function in vars(module).items()
        if getattr(function, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    helpers = {"even", "select_first", "take_entries", *IN_TEST_SURFACE}
    assert names - helpers - ANSWERS == CASES.keys() - {"select", "take", "concat"}


@pytest.mark.parametrize(("x", "f"), EACH)
@pytest.mark.parametrize("namespace", [np, OURS], ids=["numpy", "ops"])
def test_the_value_is_numpys(namespace, x, f):
    """Recorded, through NumPy and through the package; in both precisions."""
    for precision in (np.float64, np.float32):
        given = np.asarray(x, precision)[()]
        wanted, found = parts(f(np, given)), parts(f(namespace, Value(given)))
        assert len(found) == len(wanted)
        assert any(isinstance(mine, Value) for mine in found)
        for mine, theirs in zip(found, wanted, strict=True):
            mine = mine.data if isinstance(mine, Value) else mine
            assert np.shape(mine) == np.shape(theirs)
            assert np.asarray(mine).dtype == np.asarray(theirs).dtype
            np.testing.assert_allclose(mine, theirs, rtol=4 * np.finfo(precision).eps)


@pytest.mark.parametrize(("x", "f"), EACH)
def test_plain_arrays_stay_plain(x, f):
    """The package's functions on NumPy's arrays are NumPy's functions."""
    for mine, theirs in zip(parts(f(OURS, x)), parts(f(np, x)), strict=True):
        assert not isinstance(mine, Value)
        np.testing.assert_allclose(mine, theirs, rtol=1e-15)


@pytest.mark.parametrize(("x", "f"), EACH)
def test_the_gradient_is_what_is_seen(x, f):
    """Entry by entry, through `backward` and through `grad`."""
    weights = weights_for(f(np, x))
    seen = slopes_seen(f, x, weights)
    v = Value(x)
    weighted(f, np, weights)(v).backward()
    np.testing.assert_allclose(v.grad, seen, rtol=1e-12, atol=1e-12)
    assert np.shape(v.grad) == np.shape(x)
    np.testing.assert_array_equal(tn.grad(weighted(f, OURS, weights))(x).data, v.grad)


@pytest.mark.parametrize(("x", "f"), EACH)
def test_the_gradient_can_be_differentiated(x, f):
    """The cube of every result has a gradient that is a parabola, so central differences see it."""
    weights = weights_for(f(np, x))
    cubes = weighted(lambda np, x: [part**3 for part in parts(f(np, x))], np, weights)
    way = entries(np.shape(x), seed=3)
    second = tn.grad(lambda x: tn.sum(tn.grad(cubes)(x) * way))(x).data
    ahead, behind = (tn.grad(cubes)(x + step * way).data for step in (2.0**-12, -(2.0**-12)))
    np.testing.assert_allclose(second, (ahead - behind) * 2.0**11, rtol=1e-9, atol=1e-9)


# ------------------------------------------------------------------------------- many shapes

KEEPING = {
    "flip": lambda np, x, rng: np.flip(x, rng.integers(-x.ndim, x.ndim)),
    "roll": lambda np, x, rng: np.roll(x, rng.integers(-5, 5), rng.integers(-x.ndim, x.ndim)),
    "sort": lambda np, x, rng: np.sort(x, axis=rng.integers(-x.ndim, x.ndim)),
    "moveaxis": lambda np, x, rng: np.moveaxis(x, *rng.integers(-x.ndim, x.ndim, 2)),
    "tile": lambda np, x, rng: np.tile(x, rng.integers(0, 3, rng.integers(1, 5))),
    "pad": lambda np, x, rng: np.pad(x, rng.integers(0, 3, (x.ndim, 2))),
    "ramp": lambda np, x, rng: np.pad(x, rng.integers(0, 3, (x.ndim, 2)), "linear_ramp"),
    "repeat": lambda np, x, rng: np.repeat(x, 2, rng.integers(-x.ndim, x.ndim)),
    "array_split": lambda np, x, rng: np.array_split(x, rng.integers(1, 5), x.ndim - 1),
    "diff by roll": lambda np, x, rng: x - np.roll(x, 1),
    "delete": lambda np, x, rng: np.delete(x, [0, -1][: min(x.shape)], 0),
}


@pytest.mark.parametrize("f", KEEPING.values(), ids=KEEPING.keys())
@given(shape=hnp.array_shapes(max_dims=4, max_side=3), seed=st.integers(0, 999))
def test_in_every_shape(f, shape, seed):
    """Axes counted from either end, axes of length 1."""
    x = entries(shape, seed)

    def same_each_time(namespace, x):
        return f(namespace, x, np.random.default_rng(seed))

    test_the_value_is_numpys(np, x, same_each_time)
    test_the_gradient_is_what_is_seen(x, same_each_time)


@pytest.mark.parametrize(
    "f",
    [
        lambda np, x: np.roll(x, 1),
        lambda np, x: np.tile(x, (2, 2)),
        lambda np, x: np.flip(x, 1),
        lambda np, x: np.pad(x, 1),
        lambda np, x: np.vstack([x, x]),
        lambda np, x: np.sort(x, axis=1),
        lambda np, x: np.sort(x, axis=0),
        lambda np, x: np.unique(x),
        lambda np, x: np.ravel(x),
        lambda np, x: np.resize(x, (2, 2)),
        lambda np, x: np.array_split(x, 2, axis=1),
        lambda np, x: np.trim_zeros(x[:, 0]),
        lambda np, x: np.tril(x),
        lambda np, x: np.diag(x[:, 0]),
    ],
)
def test_empty_arrays(f):
    """No rows, three columns: an empty gradient."""
    x = np.zeros((0, 3))
    test_the_value_is_numpys(np, x, f)
    assert tn.grad(weighted(f, np, weights_for(f(np, x))))(x).shape == (0, 3)


# -------------------------------------------------------------------------------- two Values


@pytest.mark.parametrize(
    "f",
    [
        lambda np, a, b: np.insert(a, 1, b, axis=0),
        lambda np, a, b: np.append(a, b),
        lambda np, a, b: np.block([[a, a], [b, b]]),
        lambda np, a, b: np.vstack([a, b, a]),
        lambda np, a, b: np.select([M > 0, M < 0.2], [a, b], 1.0),
        lambda np, a, b: np.choose(M > 0, [a, b]),
        lambda np, a, b: np.meshgrid(a, b),
        lambda np, a, b: np.broadcast_arrays(a, b),
        lambda np, a, b: np.piecewise(a, [M > 0], [lambda v: v, np.sum(b)]),
    ],
)
def test_each_of_two_is_owed_its_own(f):
    """By the first and by the second, whether or not the other is a Value."""
    other = entries(4, seed=5)
    weights = weights_for(f(np, M, other))
    for one, two in ((lambda np, x: f(np, x, other), M), (lambda np, x: f(np, M, x), other)):
        seen = slopes_seen(one, two, weights)
        for namespace in (np, OURS):
            if namespace is np and "piecewise" in f.__code__.co_names and two is other:
                continue  # NumPy asks only the arguments that it dispatches on
            gradient = tn.grad(weighted(one, namespace, weights))(two).data
            np.testing.assert_allclose(gradient, seen, rtol=1e-12)


def test_a_border_may_be_a_value():
    """`constant_values` and `end_values` have gradients too."""
    c = Value(2.0)
    np.pad(Value(V), (1, 2), constant_values=c).sum().backward()
    assert c.grad == 3.0
    pair = Value([1.0, 2.0])
    np.pad(V * Value(1.0), 4, "linear_ramp", end_values=pair).sum().backward()
    np.testing.assert_allclose(pair.grad, [2.5, 2.5])  # 1 + 3/4 + 2/4 + 1/4


def test_borders_of_some_axes():
    """{axis: width} or {axis: pair}, which is younger than NumPy 2.0."""
    for some, all_ in (({1: (1, 2)}, ((0, 0), (1, 2))), ({-2: 3}, ((3, 3), (0, 0)))):
        for mode in ("constant", "wrap", "mean"):
            padded = np.pad(Value(M), some, mode)
            np.testing.assert_array_equal(padded.data, np.pad(M, all_, mode))


def test_full_like_of_a_value():
    """Each of the copies counts."""
    c = Value(2.0)
    full = np.full_like(Value(M), c)
    np.testing.assert_array_equal(full.data, np.full_like(M, 2.0))
    full.sum().backward()
    assert c.grad == M.size


# --------------------------------------------------------------------------------------- ties


def test_sorting_ties_share():
    """The smallest of `sort` is owed as `min` is: equal parts for equal entries."""
    for k, group in enumerate([1.0, 1.0, 2.0, 2.0, 2.0, 3.0]):
        gradient = tn.grad(lambda x, k=k: np.sort(x)[k])(TIED).data
        np.testing.assert_allclose(gradient, (group == TIED) / np.sum(group == TIED))
    np.testing.assert_array_equal(np.sort(Value(TIED)).data, np.sort(TIED))


def test_partition_and_unique_share_ties():
    """As `sort` does; and the numbers are NumPy's to the bit."""
    x = np.array([0.1, 0.3, 0.1, 0.1, 0.7])
    np.testing.assert_array_equal(np.partition(Value(x), 2).data, np.partition(x, 2))
    np.testing.assert_array_equal(np.unique(Value(x)).data, [0.1, 0.3, 0.7])
    third = [1.0 / 3.0, 0.0, 1.0 / 3.0, 1.0 / 3.0, 0.0]
    for first in (lambda x: np.unique(x)[0], lambda x: np.partition(x, 2)[2]):
        np.testing.assert_allclose(tn.grad(first)(x).data, third)


def test_sorting_ties_at_second_order():
    """sum(sort(x)**2) is sum(x**2): if all entries rise together so does its gradient, by 2."""
    gradient = tn.grad(lambda x: tn.sum(np.sort(x) ** 2))
    np.testing.assert_allclose(gradient(TIED).data, 2.0 * TIED)
    np.testing.assert_allclose(tn.grad(lambda x: tn.sum(gradient(x)))(TIED).data, 2.0)


def test_not_a_number_comes_last():
    """nan and inf are sorted as NumPy does, and owed their share."""
    x = np.array([np.nan, 1.0, -np.inf, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(np.sort(Value(x)).data, np.sort(x))
    gradient = tn.grad(lambda x: tn.sum(np.sort(x)[:2]))(x).data
    np.testing.assert_array_equal(gradient, [0.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    np.testing.assert_array_equal(np.unique(Value(x)).data, np.unique(x))


def test_each_line_has_its_own_ties():
    """Equal numbers in two rows have nothing to do with each other."""
    gradient = tn.grad(lambda x: np.sort(x)[0, 0])(np.ones((2, 2))).data
    np.testing.assert_array_equal(gradient, [[0.5, 0.5], [0.0, 0.0]])


# -------------------------------------------------------------------------- methods and answers


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.ravel(),
        lambda x: x.flatten("F"),
        lambda x: x.swapaxes(0, 1),
        lambda x: x.mT,
        lambda x: x.repeat(2, axis=1),
        lambda x: x.take([0, 1, 0], axis=1),
        lambda x: x.diagonal(1),
        lambda x: x.trace(),
        lambda x: x.compress([True, False, True], axis=0),
        lambda x: x.copy(),
    ],
)
def test_methods_are_ndarrays(f):
    """They take what ndarray's take."""
    y = f(Value(M))
    assert isinstance(y, Value)
    np.testing.assert_array_equal(y.data, f(M))
    weights = weights_for(f(M))
    gradient = tn.grad(weighted(lambda _, x: f(x), np, weights))(M).data
    np.testing.assert_array_equal(gradient, slopes_seen(lambda _, x: f(x), M, weights))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.argsort(x, axis=0),
        lambda x: x.argsort(),
        lambda x: np.argpartition(x, 1, axis=1),
        lambda x: x.argpartition(1),
        lambda x: np.nonzero(x > 0)[1],
        lambda x: x.nonzero()[0],
        lambda x: np.where(x > 0)[0],
        lambda x: np.argwhere(x > 0),
        lambda x: np.flatnonzero(x > 0),
        lambda x: np.zeros_like(x),
        lambda x: np.ones_like(x, dtype=int),
        lambda x: np.full_like(x, 7.0, shape=(2, 2)),
        lambda x: np.zeros_like(np.empty_like(x)),
        lambda x: np.unique(x, return_index=True, return_counts=True)[1],
        lambda x: np.unique(x, return_inverse=True)[1].ravel(),
        lambda x: np.unique(x, return_counts=True)[1],
    ],
)
def test_places_and_counts_are_plain(f):
    """What does not move with the numbers is NumPy's array."""
    found = f(Value(M))
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, f(M))


# ------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("call", "keyword"),
    [
        (lambda v: np.pad(v, 1, "empty"), "empty"),
        (lambda v: np.pad(v, 1, lambda *_: None), "mode"),
        (lambda v: np.pad(v, 1, "reflect", reflect_type="odd"), "reflect_type"),
        (lambda v: np.pad(v, 1, "edge", constant_values=3.0), "constant_values"),
        (lambda v: np.ravel(v, order="K"), "order"),
        (lambda v: np.copy(v, order="F"), "order"),
        (lambda v: np.copy(v, subok=True), "subok"),
        (lambda v: np.broadcast_arrays(v, subok=True), "subok"),
        (lambda v: np.vstack([v, v], dtype=np.float32), "dtype"),
        (lambda v: np.hstack([v, v], casting="unsafe"), "casting"),
        (lambda v: np.trace(v, dtype=np.float32), "dtype"),
        (lambda v: np.trace(v, out=np.zeros(())), "out"),
        (lambda v: np.take(v, [0], out=np.zeros(1)), "out"),
        (lambda v: np.take(v, [0], mode="nonsense"), "mode"),
        (lambda v: np.compress([True], v, out=np.zeros(4)), "out"),
        (lambda v: np.choose([0], [v], out=np.zeros(4)), "out"),
        (lambda v: np.sort(v, order="name"), "order"),
        (lambda v: np.partition(v, 1, order="name"), "order"),
        (lambda v: np.unique(v, axis=0), "axis"),
        (lambda v: np.insert(np.arange(3), 0, v[0, 0]), "int64"),
        (lambda v: np.full_like(v, v[0, 0], dtype=int), "int64"),
    ],
)
def test_what_is_not_honoured_is_refused(call, keyword):
    """By its name: ignoring it would give another result than asked for."""
    with pytest.raises(UnsupportedError, match=keyword):
        call(Value(M))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda np, v: np.split(v, 5, axis=1), ValueError),
        (lambda np, v: np.split(v, 2, axis=7), IndexError),
        (lambda np, v: np.dsplit(v, 2), ValueError),
        (lambda np, v: np.vsplit(v[0], 2), ValueError),
        (lambda np, v: np.swapaxes(v, 0, 2), ValueError),
        (lambda np, v: np.moveaxis(v, [0, 1], 0), ValueError),
        (lambda np, v: np.take(v, 4, axis=1), IndexError),
        (lambda np, v: np.take(v, 4, axis=2), ValueError),
        (lambda np, v: np.delete(v, 9, 0), IndexError),
        (lambda np, v: np.vstack([v, v[:, 1:]]), ValueError),
        (lambda np, v: np.block([(v, v)]), TypeError),
        (lambda np, v: np.block([[v], v]), ValueError),
        (lambda np, v: np.select([v > 0], [v, v]), ValueError),
        (lambda np, v: np.select([], []), ValueError),
        (lambda np, v: np.piecewise(v, [v > 0], [1.0, 2.0, 3.0]), ValueError),
        (lambda np, v: np.choose([2], [v, v]), ValueError),
        (lambda np, v: np.diag(np.reshape(v, (1, 3, 4))), ValueError),
        (lambda np, v: np.flip(v, 2), ValueError),
        (lambda np, v: np.fliplr(v[0]), ValueError),
        (lambda np, v: np.matrix_transpose(v[0]), ValueError),
        (lambda np, v: np.pad(v, -1, "edge"), ValueError),
        (lambda np, v: np.pad(v, -1, "mean"), ValueError),
        (lambda np, v: np.pad(v, ((1, 2, 3),)), ValueError),
    ],
)
def test_what_numpy_refuses_is_refused(call, error):
    """With the kind of error that NumPy raises, on its arrays and on Values."""
    for given_ in (M, Value(M)):
        with pytest.raises(error):
            call(np, given_)
