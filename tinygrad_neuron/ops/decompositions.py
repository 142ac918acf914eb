"""A matrix as a product of simpler ones: triangles, turns, stretches.

A primitive gives one array, a factorisation several: what belongs together is *packed* into one
array, and the public functions take their parts out of it. A rule takes the gradient apart in the
same places.

Where two singular values or eigenvalues are equal, the vectors that belong to them are not
determined, and have no derivative: a rule that is asked for one says so. The values themselves then
have a kink (they are sorted); equal ones share what they are owed, as everywhere in this package.
"""

from typing import Any, NamedTuple

import numpy as np

from tinygrad_neuron.errors import THE_INPUT, NoDerivativeError, UnsupportedError, refuse
from tinygrad_neuron.graph import Array, dtype_of, is_complex, plain, primitive
from tinygrad_neuron.ops.elementwise import absolute, where
from tinygrad_neuron.ops.linalg import (
    MATRICES,
    adjoint,
    as_array,
    as_floats,
    chain,
    eye_like,
    inv,
    lower,
    matmul,
    matrix_diagonal,
    solutions,
)
from tinygrad_neuron.ops.parts import conj, imag, real_part
from tinygrad_neuron.ops.reductions import max, min, sum
from tinygrad_neuron.ops.shape import (
    concatenate,
    expand_dims,
    ndim_of,
    shape_of,
    swap,
)


class EigResult(NamedTuple):
    """Eigenvalues, and the eigenvectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """Eigenvalues in ascending order, and the eigenvectors as columns."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """A matrix with orthonormal columns, and an upper triangle."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """Left vectors as columns, singular values in descending order, right vectors as rows."""

    U: Array
    S: Array
    Vh: Array


# -------------------------------------------------------------------- what is not determined


def rounding(values: Array) -> Array:
    """How large a difference among these values can be rounding alone: one for each stack."""
    n = shape_of(values)[-1]
    largest = max(absolute(values), axis=-1, keepdims=True) if n else 0.0
    return 4.0 * n * float(np.finfo(dtype_of(values)).eps) * largest


def _differences(values: Array) -> tuple[Array, Array]:
    """w[j] - w[i] at place i, j, and where the two are further apart than rounding."""
    gap = expand_dims(values, axis=-2) - expand_dims(values, axis=-1)
    return gap, absolute(gap) > expand_dims(rounding(values), axis=-1)


def _divided(x: Array, apart: Array, divisor: Array) -> Array:
    """x / divisor between values that differ, and 0 between equal ones and on the diagonal."""
    return where(apart, x / where(apart, divisor, 1.0), 0.0)


def _shared(g: Array, apart: Array) -> Array:
    """What values are owed; equal ones get the mean of what they are owed together."""
    equal = ~apart
    count = sum(equal, axis=-1)
    return sum(where(equal, expand_dims(g, axis=-2), 0.0), axis=-1) / count


def _tied(apart: Array) -> Any:
    """Which values are equal to another one: plain answers."""
    return np.count_nonzero(~np.asarray(plain(apart)), axis=-1) > 1


def _only_first(share: Array, function: str, undetermined: Any) -> Array:
    """A gradient that has no gradient itself, where there are vectors that are not determined."""
    if not np.any(undetermined):
        return share
    why = "two of its values are equal, or one is 0"
    return fixed(share, refusal=f"{function} has no second derivative here: {why}.")


def _owed_by_fixed(g: Array, y: Array, x: Array, refusal: str) -> Array:
    if refusal and np.any(plain(g)):
        raise NoDerivativeError(
            refusal,
            why="It would be made of vectors that the matrix does not determine.",
            hint="add a small matrix that tells the values apart, and from 0",
        )
    return g


@primitive(_owed_by_fixed, holomorphic=True)
def fixed(x: Array, *, refusal: str = "") -> Array:
    """x as it is; with a refusal, that is the answer to whoever asks for its derivative."""
    return np.positive(x)


def _refuse_tied(function: str, apart: Array, *owed: Array) -> None:
    """Raise where a vector is owed something whose value another one has as well."""
    _refuse_undetermined(function, _tied(apart), "two of its values are equal", *owed)


def _refuse_undetermined(function: str, which: Any, why: str, *owed: Array) -> None:
    """Raise if one of these columns is owed anything but 0."""
    for g in owed:
        if np.any(np.any(np.asarray(plain(g)) != 0.0, axis=-2) & which):
            raise NoDerivativeError(
                f"The vectors of {function}({THE_INPUT}) have no derivative here: {why}.",
                why="Any turn among the vectors of equal values would do: none is *the* vector.",
                hint="use the values only, or the vectors whose values stand alone;  or add a "
                "small matrix that tells them apart",
                function=function,
            )


def _refuse_phase(function: str, g: Array, *turns: Array) -> None:
    """Raise where a result changes when complex vectors are turned by a phase.

    Each of the turns says what such a phase is owed by the vectors of one side.
    """
    if not is_complex(g):
        return
    owed: Any = np.imag(np.sum([np.diagonal(plain(t), axis1=-2, axis2=-1) for t in turns], axis=0))
    if np.any(np.abs(owed) > 64.0 * np.finfo(owed.dtype).eps * np.linalg.norm(plain(g))):
        raise NoDerivativeError(
            f"The complex vectors of {function}({THE_INPUT}) have no derivative each.",
            why="A vector times exp(i t) is as good: its phase is the factorisation's choice.",
            hint="a result that phases do not change: abs(v), v @ v.conj().T, v / v[0]",
            function=function,
        )


def _turned_together(turn: Array, s: Array, positive: Array) -> Array:
    """What the left and right vectors of a singular value owe where their phases turn apart."""
    return where(positive, 1j * imag(matrix_diagonal(turn)) / where(positive, s, 1.0), 0.0)


def _on_diagonal(values: Array) -> Array:
    """Matrices with these values on the diagonal."""
    return _diagonal_of(expand_dims(values, axis=-1), shape_of(values)[-1])


def _diagonal_of(x: Array, n: int) -> Array:
    """The matrices with zeros beside the diagonal."""
    return where(np.eye(n, dtype=bool), x, 0.0)


# ------------------------------------------------------------------------------- Cholesky


def _triangle(g: Array, upper: bool = False) -> Array:
    """The gradient of a symmetric matrix of which one triangle was read: both shares in one.

    Of a Hermitian one the diagonal is real, and NumPy reads the real part of it.
    """
    strict = lower(g, -1) + lower(adjoint(g), -1)
    both = strict + _diagonal_of(real_part(g), shape_of(g)[-1])
    return adjoint(both) if upper else both


def _owed_to_square(g: Array, y: Array, a: Array) -> Array:
    """Seeger et al. 2017, table 2, of the triangle that is read."""
    half = lower(matmul(adjoint(y), lower(g)))
    half = half - 0.5 * _diagonal_of(half, shape_of(half)[-1])
    left = solutions(adjoint(y), half)
    return _triangle(adjoint(solutions(adjoint(y), adjoint(left))))


@primitive(_owed_to_square, holomorphic=False, foreign=MATRICES)
def square_root(a: Array) -> Array:
    """The lower triangle L with L @ L' = a; only the lower triangle of a is read."""
    return np.linalg.cholesky(a)


def cholesky(a: Array, /, *, upper: bool = False) -> Array:
    """The lower triangle L with L @ L' = a, or the upper one, L'.

    Only that triangle of a is read, and so only that triangle has a gradient.
    """
    a = as_array(a)
    return adjoint(square_root(adjoint(a))) if upper else square_root(a)


# ------------------------------------------------------------------------------------- QR


def _owed_by_qr(g: Array, y: Array, a: Array) -> Array:
    """Seeger et al. 2017, table 2, for columns instead of rows."""
    m = shape_of(a)[-2]
    q, r, gq, gr = y[..., :m, :], y[..., m:, :], g[..., :m, :], g[..., m:, :]
    gr = swap(lower(swap(gr)))
    dependent = _dependent(r, g)
    r = where(dependent, eye_like(r), r)
    both = matmul(r, adjoint(gr)) - matmul(adjoint(gq), q)
    beside = lower(both, -1)
    folded = beside + adjoint(beside) + _diagonal_of(real_part(both), shape_of(both)[-1])
    share = adjoint(solutions(r, adjoint(gq + matmul(q, folded))))
    if not np.any(plain(dependent)):
        return share
    return fixed(share, refusal="qr has no second derivative here: its columns are dependent.")


def _dependent(r: Array, g: Array) -> Array:
    """Which matrices have columns without a part of their own; none may be owed anything."""
    steps = absolute(matrix_diagonal(r))
    dependent = min(steps, axis=-1) <= rounding(steps)[..., 0]
    if np.any(plain(dependent) & np.any(plain(g) != 0.0, axis=(-2, -1))):
        raise NoDerivativeError(
            f"qr({THE_INPUT}) has no derivative here: its columns are dependent.",
            why="A column without a part of its own leaves the direction of Q's column open.",
            hint="leave the dependent column out, or add a small matrix;  linalg.svd has values "
            "that are defined there",
            function="qr",
        )
    return expand_dims(dependent, axis=(-2, -1))


@primitive(_owed_by_qr, holomorphic=False, foreign=MATRICES)
def turned(a: Array) -> Array:
    """Q above R, for matrices with at least as many rows as columns."""
    return np.concatenate(np.linalg.qr(a), axis=-2)


def qr(a: Array, mode: str = "reduced") -> Any:
    """Orthonormal columns Q and an upper triangle R with Q @ R = a; mode "r" gives R alone.

    Raises `NoDerivativeError` (TN138), going backward, where the columns (the first ones of a wide
    matrix) are dependent; `UnsupportedError` for the columns that "complete" adds and for "raw".
    """
    a = as_array(a)
    m, n = shape_of(a)[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and m <= n):
        raise UnsupportedError(
            f"qr has no derivative in mode {mode!r} for shape {shape_of(a)}.",
            why="The columns beyond those of the matrix are not determined by it.",
            hint='qr(a)   or   qr(a, mode="r")',
        )
    packed = turned(a[..., :m] if m < n else a)
    q, r = packed[..., :m, :], packed[..., m:, :]
    if m < n:
        r = concatenate([r, matmul(adjoint(q), a[..., m:])], axis=-1)
    return r if mode == "r" else QRResult(q, r)


# ------------------------------------------------------------------------ singular values


def _owed_by_svd(g: Array, y: Array, a: Array) -> Array:
    """Townsend 2016, Differentiating the singular value decomposition, section 3."""
    m, n = shape_of(a)[-2:]
    u, s, v = y[..., :m, :], real_part(y[..., m, :]), y[..., m + 1 :, :]
    gu, gs, gv = g[..., :m, :], real_part(g[..., m, :]), g[..., m + 1 :, :]
    gap, apart = _differences(s)
    positive = s > rounding(s)
    _refuse_tied("svd", apart, gu, gv)
    middle = _on_diagonal(where(positive, _shared(gs, apart), 0.0))
    turns = [matmul(adjoint(vectors), owed) for vectors, owed in ((u, gu), (v, gv))]
    for turn, axis in zip(turns, (-2, -1), strict=True):
        part = _divided(expand_dims(s, axis=axis), apart, _pair_sums(s))  # before it can overflow
        middle = middle + part * _divided(turn - adjoint(turn), apart, gap)
    _refuse_phase("svd", g, *turns)
    if is_complex(y):
        middle = middle + _on_diagonal(_turned_together(turns[0], s, positive))
    share = chain(u, middle, adjoint(v))
    zero = ~np.asarray(plain(positive))
    if m > n:
        _refuse_undetermined("svd", zero, "a singular value is 0", gu)
        share = share + matmul(_outside(u, gu, s, positive), adjoint(v))
    if n > m:
        _refuse_undetermined("svd", zero, "a singular value is 0", gv)
        share = share + matmul(u, adjoint(_outside(v, gv, s, positive)))
    return _only_first(share, "svd", _tied(apart) | zero)


def _pair_sums(values: Array) -> Array:
    """w[j] + w[i] at place i, j."""
    return expand_dims(values, axis=-2) + expand_dims(values, axis=-1)


def _outside(vectors: Array, owed: Array, s: Array, positive: Array) -> Array:
    """The part of what the vectors are owed that leads out of the space they span."""
    out = owed - matmul(vectors, matmul(adjoint(vectors), owed))
    keep = expand_dims(positive, axis=-2)
    return where(keep, out / where(keep, expand_dims(s, axis=-2), 1.0), 0.0)


@primitive(_owed_by_svd, holomorphic=False, foreign=MATRICES)
def stretched(a: Array) -> Array:
    """The singular value decomposition as one array: U above S above V."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, s[..., None, :], np.conj(np.swapaxes(vh, -1, -2))], axis=-2)


def svd(
    a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Left vectors, singular values and right vectors with (U * S) @ Vh = a, or the values alone.

    A vector is determined up to its sign, where its singular value stands alone. Raises
    `NoDerivativeError` (TN138), going backward, for vectors of equal singular values, and for a
    result that changes when the vectors turn among each other that `full_matrices` adds.
    """
    refuse("np.linalg.svd", hermitian=hermitian or None)
    a = as_array(a)
    m = shape_of(a)[-2]
    packed = stretched(a)
    s = real_part(packed[..., m, :])
    if not compute_uv:
        return s
    u, v = packed[..., :m, :], packed[..., m + 1 :, :]
    if full_matrices:
        u, v = _completed(u), _completed(v)
    return SVDResult(u, s, adjoint(v))


def _completed(vectors: Array) -> Array:
    """Orthonormal columns, with as many more as there are directions left."""
    rows, columns = shape_of(vectors)[-2:]
    if rows == columns:
        return vectors
    return concatenate([vectors, complement(vectors)], axis=-1)


def _owed_by_complement(g: Array, y: Array, vectors: Array) -> Array:
    """From y' @ vectors = 0. Columns may turn among each other: that must not change the result."""
    turn = matmul(adjoint(plain(y)), plain(g))
    skew = np.abs(turn - adjoint(turn))
    if np.any(skew > 64.0 * np.finfo(skew.dtype).eps * np.linalg.norm(plain(g))):
        raise NoDerivativeError(
            "The vectors that svd(full_matrices=True) adds have no derivative each.",
            why="They span what is left, and any turn among them would do.",
            hint="full_matrices=False;  or a result that a turn does not change, like N @ N.T",
            function="svd",
        )
    inside = solutions(matmul(adjoint(vectors), vectors), matmul(adjoint(vectors), g))
    return -matmul(y, adjoint(inside))


@primitive(_owed_by_complement, holomorphic=False, foreign=MATRICES)
def complement(vectors: Array) -> Array:
    """Orthonormal columns for the directions at right angles to all of these."""
    return np.linalg.qr(vectors, mode="complete")[0][..., np.shape(vectors)[-1] :]


def svdvals(x: Array, /) -> Array:
    """The singular values in descending order; equal ones share what they are owed."""
    return svd(x, compute_uv=False)


# ---------------------------------------------------------------------------- eigenvalues


def _owed_by_eigh(g: Array, y: Array, a: Array, upper: bool) -> Array:
    """Giles 2008, 3.1, of the triangle that is read."""
    w, v, gw, gv = real_part(y[..., 0, :]), y[..., 1:, :], real_part(g[..., 0, :]), g[..., 1:, :]
    gap, apart = _differences(w)
    _refuse_tied("eigh", apart, gv)
    turn = matmul(adjoint(v), gv)
    _refuse_phase("eigh", g, turn)
    middle = _on_diagonal(_shared(gw, apart)) + _divided(0.5 * (turn - adjoint(turn)), apart, gap)
    share = _only_first(chain(v, middle, adjoint(v)), "eigh", _tied(apart))
    return _triangle(share, upper)


@primitive(_owed_by_eigh, holomorphic=False, foreign=MATRICES)
def spectrum(a: Array, *, upper: bool = False) -> Array:
    """The eigenvalues of Hermitian matrices above their eigenvectors; one triangle is read."""
    w, v = np.linalg.eigh(a, "U" if upper else "L")
    return np.concatenate([w[..., None, :], v], axis=-2)


def eigh(a: Array, UPLO: str = "L") -> EighResult:  # noqa: N803 - NumPy's name
    """Eigenvalues, ascending, and eigenvectors of symmetric matrices, of which UPLO is read.

    Only that triangle has a gradient. Raises `NoDerivativeError` (TN138), going backward, for
    vectors of equal eigenvalues.
    """
    packed = _spectrum(a, UPLO)
    return EighResult(real_part(packed[..., 0, :]), packed[..., 1:, :])


def eigvalsh(a: Array, UPLO: str = "L") -> Array:  # noqa: N803 - NumPy's name
    """The eigenvalues of symmetric matrices, ascending; equal ones share what they are owed."""
    return real_part(_spectrum(a, UPLO)[..., 0, :])


def _spectrum(a: Array, uplo: str) -> Array:
    if uplo.upper() not in ("L", "U"):
        raise ValueError(f"UPLO is 'L' or 'U', not {uplo!r}")
    return spectrum(as_array(a), upper=uplo.upper() == "U")


def _owed_by_eig(g: Array, y: Array, a: Array) -> Array:
    """Giles 2008, 3.1, for vectors of length 1 (Boeddeker et al. 2017, 4.7)."""
    w, v, gw, gv = y[..., 0, :], y[..., 1:, :], g[..., 0, :], g[..., 1:, :]
    gap, apart = _differences(w)
    _refuse_tied("eig", apart, gv, expand_dims(gw, axis=-2))
    turn = matmul(adjoint(v), gv)
    _refuse_phase("eig", g, turn)
    along = expand_dims(real_part(matrix_diagonal(turn)), axis=-2)
    moved = turn - matmul(adjoint(v), v) * along
    middle = _on_diagonal(gw) + _divided(moved, apart, conj(gap))
    return _only_first(adjoint(chain(v, adjoint(middle), inv(v))), "eig", _tied(apart))


@primitive(_owed_by_eig, holomorphic=False, foreign=MATRICES)
def general_spectrum(a: Array) -> Array:
    """The eigenvalues of matrices above their eigenvectors: complex, unless all are real."""
    w, v = np.linalg.eig(a)
    return np.concatenate([w[..., None, :], v], axis=-2)


def eig(a: Array) -> EigResult:
    """Eigenvalues and eigenvectors of length 1: complex, unless all eigenvalues are real.

    Raises `NoDerivativeError` (TN138), going backward, where two are equal, and where a result
    changes when a complex eigenvector is turned by a phase, which nothing determines.
    """
    packed = general_spectrum(as_array(a))
    return EigResult(packed[..., 0, :], packed[..., 1:, :])


def eigvals(a: Array) -> Array:
    """The eigenvalues of matrices; where two are equal they have no derivative."""
    return eig(a).eigenvalues


# ------------------------------------------------------------------------- least squares


def _owed_by_pinv(g: Array, y: Array, a: Array, rcond: Any) -> Array:
    """Golub and Pereyra 1973, theorem 4.3: as long as the rank stays."""
    p, ph, gh = y, adjoint(y), adjoint(g)
    share = -chain(ph, g, ph)
    left, right = matmul(gh, p), matmul(p, gh)
    share = share + matmul(left - chain(a, p, left), ph)
    return share + matmul(ph, right - chain(right, p, a))


@primitive(_owed_by_pinv, holomorphic=False, foreign=MATRICES)
def pseudoinverse(a: Array, *, rcond: Any) -> Array:
    """The pseudo-inverse; singular values below rcond times the largest count as 0."""
    return np.linalg.pinv(a, rcond)


def pinv(a: Array, rcond: Any = None, hermitian: bool = False, *, rtol: Any = 1e-15) -> Array:
    """The pseudo-inverse; its derivative is taken as long as the rank stays what it is."""
    refuse("np.linalg.pinv", hermitian=hermitian or None)
    if rcond is not None and rtol != 1e-15:
        raise ValueError("pinv takes rcond or rtol, not both")
    a = as_floats(a)
    cut = rtol if rcond is None else rcond
    if cut is None:
        cut = np.finfo(dtype_of(a)).eps * float(np.max(shape_of(a)[-2:]))
    return pseudoinverse(a, rcond=plain(cut))


def lstsq(a: Array, b: Array, rcond: Any = None) -> tuple[Array, Array, int, Array]:
    """The shortest x with the smallest |a @ x - b|, the squared residuals, the rank, the values.

    The residuals are empty, as NumPy's are, where the rank is not full or there are no more rows
    than columns. The derivative holds as long as the rank stays what it is.
    """
    a, b = as_floats(a), as_floats(b)
    m, n = shape_of(a)
    cut = np.finfo(dtype_of(a)).eps * (m if m > n else n) if rcond is None else rcond
    cut = np.finfo(dtype_of(a)).eps if cut == -1 else cut
    s = svdvals(a)
    rank = int(np.sum(plain(s) > cut * np.max(plain(s), initial=0.0)))
    x = matmul(pinv(a, cut), b)
    if rank < n or m <= n:
        return x, np.empty(0, dtype_of(a)), rank, s
    missed = b - matmul(a, x)
    squares = real_part(sum(missed * conj(missed), axis=0))
    return x, squares if ndim_of(b) > 1 else expand_dims(squares, axis=0), rank, s
