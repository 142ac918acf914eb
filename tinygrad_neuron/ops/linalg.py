"""Matrices. If y = a @ b, then a is owed g @ b' and b is owed a' @ g: the rest is shapes.

Most of what NumPy offers here is that one product in other clothes. Two more rules are needed, for
the inverse and for the solution of a system; those of the factorisations are in `decompositions`.
"""

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import Any

import numpy as np

from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.errors import refuse
from tinygrad_neuron.graph import Array, Node, dtype_of, from_list, primitive
from tinygrad_neuron.ops.elementwise import astype, where
from tinygrad_neuron.ops.parts import conj
from tinygrad_neuron.ops.reductions import sum
from tinygrad_neuron.ops.shape import expand_dims, ndim_of, reshape, shape_of, swap, transpose

MATRICES = "which of a matrix's numbers are zero or equal decides how it is done"


def as_array(x: Array) -> Array:
    """A node as it is, a list with nodes in it as a node, and anything else as an array."""
    if isinstance(x, list | tuple):
        x = from_list(x)
    return x if isinstance(x, Node) or is_foreign(x) else np.asarray(x)


def as_floats(x: Array) -> Array:
    """`as_array`, with whole numbers in floating point."""
    x = as_array(x)
    return x if dtype_of(x).kind in "fc" else astype(x, dtype=float)


def adjoint(x: Array) -> Array:
    """The transpose of each matrix in a stack, conjugated where it is complex."""
    return swap(conj(x))


def to_end(x: Array, axes: Sequence[int]) -> Array:
    """x with these axes last, in this order."""
    n = ndim_of(x)
    last = [axis % n for axis in axes]
    order = (*(k for k in range(n) if k not in last), *last)
    return x if order == tuple(range(n)) else transpose(x, axes=order)


def lower(x: Array, k: int = 0) -> Array:
    """The lower triangle of each matrix, from diagonal number k down, and zeros above."""
    rows, columns = shape_of(x)[-2:]
    return where(np.tri(rows, columns, k, dtype=bool), x, 0.0)


def eye_like(x: Array) -> Array:
    """The unit matrix in the size and precision of x."""
    return np.eye(shape_of(x)[-1], dtype=dtype_of(x))


# ---------------------------------------------------------------------------- the product


def _left_share(g: Array, y: Array, a: Array, b: Array) -> Array:
    """What a is owed. A vector takes part as a row (a) or a column (b) and is one again after."""
    if ndim_of(b) == 1:
        return expand_dims(g, axis=-1) * b if ndim_of(a) > 1 else g * b
    if ndim_of(a) == 1:
        return matmul(b, expand_dims(g, axis=-1))[..., 0]
    return g @ swap(b)


def _right_share(g: Array, y: Array, a: Array, b: Array) -> Array:
    """What b is owed: the mirror image."""
    if ndim_of(a) == 1:
        return expand_dims(g, axis=-2) * expand_dims(a, axis=-1) if ndim_of(b) > 1 else g * a
    if ndim_of(b) == 1:
        return matmul(swap(a), expand_dims(g, axis=-1))[..., 0]
    return swap(a) @ g


@primitive(
    _left_share,
    _right_share,
    holomorphic=True,
    numpy=(np.matmul, np.linalg.matmul),
    broadcasts=True,
    steep=False,
)
def matmul(a: Array, b: Array) -> Array:
    """Rows of a against columns of b; stacks of matrices broadcast."""
    return np.matmul(a, b)


def dot(a: Array, b: Array) -> Array:
    """NumPy's dot: of numbers, vectors and matrices; beyond, b's last but one axis is summed.

    >>> from tinygrad_neuron import Value, dot
    >>> dot(Value([1.0, 2.0]), [3.0, 4.0])
    Value(11.0)
    """
    if not (ndim_of(a) and ndim_of(b)):
        return a * b
    if ndim_of(b) <= 2:
        return matmul(a, b)
    k = ndim_of(b) - 2
    columns = transpose(b, axes=(k, *range(k), k + 1))
    flat = reshape(columns, shape=(shape_of(b)[k], -1))
    return reshape(matmul(a, flat), shape=shape_of(a)[:-1] + shape_of(b)[:k] + shape_of(b)[k + 1 :])


def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """Products summed over some axes of a and of b: the last and the first n, or those named."""
    a, b = as_array(a), as_array(b)
    if isinstance(axes, int | np.integer):
        ours, theirs = list(range(-int(axes), 0)), list(range(int(axes)))
    else:
        ours, theirs = ([int(k) for k in np.atleast_1d(each)] for each in axes)
    n, m = shape_of(a), shape_of(b)
    if [n[k] for k in ours] != [m[k] for k in theirs]:
        raise ValueError(f"tensordot: axes {ours} of {n} and {theirs} of {m} differ in length")
    a = to_end(a, ours)
    b = to_end(b, theirs)
    summed = len(ours)
    left, right = shape_of(a)[: ndim_of(a) - summed], shape_of(b)[: ndim_of(b) - summed]
    length = prod(n[k] for k in ours)
    rows = reshape(a, shape=(prod(left), length))
    columns = swap(reshape(b, shape=(prod(right), length)))
    return reshape(matmul(rows, columns), shape=left + right)


def inner(a: Array, b: Array) -> Array:
    """The last axis of a against the last axis of b, for all of the others."""
    a, b = as_array(a), as_array(b)
    return tensordot(a, b, axes=(-1, -1)) if ndim_of(a) and ndim_of(b) else a * b


def vdot(a: Array, b: Array, /) -> Array:
    """All products of entries of the same place, added up; both are read as vectors.

    Of complex vectors the first is conjugated, as in NumPy; so it is in `vecdot` and `vecmat`.
    """
    a, b = conj(as_array(a)), as_array(b)
    return matmul(reshape(a, shape=(-1,)), reshape(b, shape=(-1,)))


def vecdot(x1: Array, x2: Array, /, *, axis: int = -1, **settings: Any) -> Array:
    """The products of vectors with vectors along an axis; the other axes broadcast."""
    refuse("np.vecdot", **settings)
    x1, x2 = (to_end(as_array(x), (axis,)) for x in (x1, x2))
    x1 = conj(x1)
    return matmul(expand_dims(x1, axis=-2), expand_dims(x2, axis=-1))[..., 0, 0]


def matvec(x1: Array, x2: Array, /, **settings: Any) -> Array:
    """Stacks of matrices times stacks of vectors."""
    refuse("np.matvec", **settings)
    return matmul(as_array(x1), expand_dims(as_array(x2), axis=-1))[..., 0]


def vecmat(x1: Array, x2: Array, /, **settings: Any) -> Array:
    """Stacks of vectors times stacks of matrices."""
    refuse("np.vecmat", **settings)
    return matmul(expand_dims(conj(as_array(x1)), axis=-2), as_array(x2))[..., 0, :]


def outer(a: Array, b: Array, out: None = None) -> Array:
    """Every entry of a times every entry of b; both are read as vectors."""
    refuse("np.outer", out=out)
    a, b = as_array(a), as_array(b)
    return reshape(a, shape=(-1, 1)) * reshape(b, shape=(1, -1))


def outer_of_vectors(x1: Array, x2: Array, /) -> Array:
    """`linalg.outer`: every entry of x1 times every entry of x2, which have one axis each."""
    if ndim_of(x1) != 1 or ndim_of(x2) != 1:
        raise ValueError(f"linalg.outer is of two vectors, not {shape_of(x1)} and {shape_of(x2)}")
    return outer(x1, x2)


def kron(a: Array, b: Array) -> Array:
    """Each entry of a replaced by that entry times b."""
    a, b = as_array(a), as_array(b)
    n = max(ndim_of(a), ndim_of(b))
    ours, theirs = ((1,) * (n - ndim_of(x)) + shape_of(x) for x in (a, b))
    coarse = reshape(a, shape=tuple(k for each in ours for k in (each, 1)))
    fine = reshape(b, shape=tuple(k for each in theirs for k in (1, each)))
    return reshape(coarse * fine, shape=tuple(k * m for k, m in zip(ours, theirs, strict=True)))


def cross_of_vectors(x1: Array, x2: Array, /, *, axis: int = -1) -> Array:
    """`linalg.cross`: the vectors at right angles to both, in three dimensions."""
    x1, x2 = as_array(x1), as_array(x2)
    if shape_of(x1)[axis] != 3 or shape_of(x2)[axis] != 3:
        raise ValueError(f"linalg.cross is of vectors with 3 entries along axis {axis}")
    a, b = to_end(x1, (axis,)), to_end(x2, (axis,))
    ahead, behind = [1, 2, 0], [2, 0, 1]
    y = a[..., ahead] * b[..., behind] - a[..., behind] * b[..., ahead]
    n = ndim_of(y)
    order = list(range(n - 1))
    order.insert(axis % n, n - 1)
    return transpose(y, axes=tuple(order))


def matrix_power(a: Array, n: int) -> Array:
    """Square matrices times themselves, n times in all; the inverse's powers for a negative n."""
    a = as_array(a)
    if not isinstance(n, int | np.integer):
        raise TypeError(f"matrix_power takes a whole number of times, not {n!r}")
    if n < 0:
        return matrix_power(inv(a), -n)
    if n == 0:  # a has its say, which is 0
        return where(np.ones(shape_of(a), bool), np.broadcast_to(eye_like(a), shape_of(a)), a)
    half = matrix_power(a, n // 2) if n > 1 else None
    square = matmul(half, half) if half is not None else None
    return a if square is None else matmul(square, a) if n % 2 else square


def multi_dot(arrays: Sequence[Array], *, out: None = None) -> Array:
    """A chain of matrices multiplied in the order that costs least; vectors may stand at the ends.

    The order by dynamic programming: Cormen et al., Introduction to Algorithms, 15.2.
    """
    refuse("np.linalg.multi_dot", out=out)
    factors = [as_array(x) for x in arrays]
    if len(factors) < 2:
        raise ValueError("multi_dot takes at least two arrays")
    return _multiplied(factors, _best_splits(_chain_lengths(factors)), 0, len(factors) - 1)


def _chain_lengths(factors: Sequence[Array]) -> list[int]:
    """The lengths along a chain of matrices; a vector is a row in front and a column at the end."""
    first, last = shape_of(factors[0]), shape_of(factors[-1])
    lengths = [shape_of(x)[0] for x in factors[1:]]
    return [first[0] if len(first) > 1 else 1, *lengths, last[1] if len(last) > 1 else 1]


def _best_splits(lengths: Sequence[int]) -> dict[tuple[int, int], int]:
    """Behind which factor to split each part of a chain, so that multiplications are fewest."""
    n = len(lengths) - 1
    cost = {(k, k): 0 for k in range(n)}
    splits = {}
    for i, j in ((i, i + width) for width in range(1, n) for i in range(n - width)):
        cost[i, j], splits[i, j] = min(
            (cost[i, k] + cost[k + 1, j] + lengths[i] * lengths[k + 1] * lengths[j + 1], k)
            for k in range(i, j)
        )
    return splits


def _multiplied(
    factors: Sequence[Array], splits: dict[tuple[int, int], int], i: int, j: int
) -> Array:
    """The product of factors i to j."""
    if i == j:
        return factors[i]
    k = splits[i, j]
    return matmul(_multiplied(factors, splits, i, k), _multiplied(factors, splits, k + 1, j))


# ----------------------------------------------------------------------------- diagonals


def matrix_diagonal(x: Array, /, *, offset: int = 0) -> Array:
    """`linalg.diagonal`: the diagonal of each matrix in a stack, or one beside it."""
    x = as_array(x)
    rows, columns = shape_of(x)[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    steps = np.arange(length)
    return x[..., steps - min(offset, 0), steps + max(offset, 0)]


def matrix_trace(x: Array, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """`linalg.trace`: the diagonal of each matrix in a stack, added up."""
    refuse("np.linalg.trace", dtype=dtype)
    return sum(matrix_diagonal(x, offset=offset), axis=-1)


# ------------------------------------------------------------------- inverses and systems


@primitive(
    lambda g, y, a: -matmul(swap(y), matmul(g, swap(y))),
    holomorphic=True,
    numpy=(np.linalg.inv,),
)
def inv(a: Array) -> Array:
    """The inverse of each matrix: from d(a y) = 0 (Giles 2008, 2.2.3)."""
    return np.linalg.inv(a)


def _owed_to_matrix(g: Array, y: Array, a: Array, b: Array) -> Array:
    return -matmul(solutions(swap(a), g), swap(y))


@primitive(
    _owed_to_matrix,
    lambda g, y, a, b: solutions(swap(a), g),
    holomorphic=True,
    broadcasts=True,
)
def solutions(a: Array, b: Array) -> Array:
    """The y with a @ y = b, for matrices and stacks of them (Giles 2008, 2.3.1)."""
    return np.linalg.solve(a, b)


def solve(a: Array, b: Array) -> Array:
    """The x with a @ x = b, for one vector b or a (stack of) matrices whose columns are solved.

    >>> from tinygrad_neuron import Value, linalg
    >>> linalg.solve(Value([[2.0, 0.0], [0.0, 4.0]]), [2.0, 2.0])
    Value([1.0, 0.5])
    """
    a, b = as_array(a), as_array(b)
    return solutions(a, b) if ndim_of(b) > 1 else solutions(a, expand_dims(b, axis=-1))[..., 0]


def tensorsolve(a: Array, b: Array, axes: Any = None) -> Array:
    """The x with tensordot(a, x, x.ndim) = b."""
    a, b = as_array(a), as_array(b)
    a = a if axes is None else to_end(a, axes)
    unknown = shape_of(a)[ndim_of(b) :]
    x = solve(reshape(a, shape=(-1, prod(unknown))), reshape(b, shape=(-1,)))
    return reshape(x, shape=unknown)


def tensorinv(a: Array, ind: int = 2) -> Array:
    """The inverse of tensordot by a, whose first `ind` axes are the result's."""
    a = as_array(a)
    if ind <= 0:
        raise ValueError("tensorinv: ind must be positive")
    rows, columns = shape_of(a)[:ind], shape_of(a)[ind:]
    return reshape(inv(reshape(a, shape=(prod(rows), -1))), shape=columns + rows)


def chain(*factors: Array) -> Array:
    """The matrix product of all of them, from left to right."""
    return reduce(matmul, factors)
