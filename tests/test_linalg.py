"""Linear algebra through NumPy's names: its numbers, and slopes of first and second order.

The oracle is a difference quotient of NumPy's own function, which knows nothing of any rule.
"""

import itertools

import numpy as np
import pytest
from numeric import scale, slope

import tinygrad_neuron as tn
from tinygrad_neuron import Value, linalg
from tinygrad_neuron.errors import NoDerivativeError, UnsupportedError

RNG = np.random.default_rng(7)
X = RNG.normal(size=(2, 3))
Y = RNG.normal(size=(3, 4))
Z = RNG.normal(size=(4, 2))
SIX = RNG.normal(size=(6, 6)) + 4.0 * np.eye(6)
SQUARE = RNG.normal(size=(3, 3)) + 2.0 * np.eye(3)
STACK = RNG.normal(size=(2, 3, 3)) + 2.0 * np.eye(3)
POSITIVE = STACK @ np.swapaxes(STACK, -1, -2) + np.eye(3)
TALL = RNG.normal(size=(2, 4, 3))
WIDE = np.swapaxes(TALL, -1, -2)
T3 = RNG.normal(size=(2, 3, 4))
T4 = RNG.normal(size=(4, 3, 2))
V3 = RNG.normal(size=3)
V4 = RNG.normal(size=4)
REAL = np.array([[1.0, 0.5, 0.2], [0.3, 2.5, 0.1], [0.7, 0.4, 4.0]])  # its eigenvalues are real
LOW = np.outer([1.0, 2.0, 3.0, 0.5], [1.0, -1.0, 0.5]) + np.outer([0.0, 1.0, 1.0, 2.0], [2, 1, 0])


def weighted(y):
    """One number that every entry of a result has a different say in."""
    parts = y if isinstance(y, tuple) else (y,)
    total = 0.0
    for part in parts:
        weight = np.cos(1.0 + np.arange(np.size(plain(part)))).reshape(np.shape(plain(part)))
        total = total + np.sum(part * (weight if weight.ndim else float(weight)))
    return total


def plain(x):
    """The numbers of a Value."""
    return x.data if isinstance(x, Value) else x


def close(gradient, f, args, i):
    """The gradient by argument i is the slope seen in f, along some ways to move."""
    rng = np.random.default_rng(3)
    for _ in range(3):
        way = rng.choice([-1.0, 1.0], np.shape(args[i])) * scale(args[i])
        seen, doubt = slope(
            lambda x: plain(f(*args[:i], x, *args[i + 1 :])), np.asarray(args[i], float), way
        )
        said = np.sum(plain(gradient) * way)
        size = np.sum(np.abs(plain(gradient) * way))
        assert doubt <= 1e-6 * max(size, 1e-3)
        assert abs(said - seen) <= 4.0 * doubt + 1e-11 * (1.0 + size), (said, seen, doubt)


def check(f, *args):
    """NumPy's numbers; slopes of first order; slopes of the gradient, also by what it is owed."""
    expected, recorded = f(*args), f(*map(Value, args))
    np.testing.assert_allclose(plain(weighted(recorded)), weighted(expected), rtol=1e-12)

    def loss(*xs):
        return weighted(f(*xs))

    every = tuple(range(len(args)))
    gradients = tn.grad(loss, every)(*args)
    for i in every:
        close(gradients[i], loss, args, i)

    def of_gradient(*xs):
        shares = tn.grad(lambda *ys: loss(*ys) + 0.25 * loss(*ys) ** 2, every)(*xs)
        return sum(np.sum(share * np.cos(np.arange(1.0, share.size + 1).reshape(share.shape)))
                   for share in shares)  # fmt: skip

    seconds = tn.grad(of_gradient, every)(*args)
    for i in every:
        close(seconds[i], of_gradient, args, i)


# ------------------------------------------------------------------------------- products

PRODUCTS = {
    "inner": (np.inner, X, Y.T),
    "inner of stacks": (np.inner, T3, T3[0]),
    "inner of vectors": (np.inner, V3, V3[::-1]),
    "inner with a number": (np.inner, 2.0, V3),
    "outer": (np.outer, V3, X),
    "linalg.outer": (np.linalg.outer, V3, V4),
    "vdot": (np.vdot, X, X[::-1]),
    "vecdot": (np.vecdot, T3, V4),
    "vecdot along": (lambda a, b: np.vecdot(a, b, axis=0), X, X[::-1]),
    "linalg.vecdot": (lambda a, b: np.linalg.vecdot(a, b, axis=1), T3, T3[::-1]),
    "matvec": (np.matvec, T3, V4),
    "vecmat": (np.vecmat, V3, T3),
    "tensordot": (np.tensordot, T3, Y),
    "tensordot 1": (lambda a, b: np.tensordot(a, b, 1), X, Y),
    "tensordot 0": (lambda a, b: np.tensordot(a, b, axes=0), X, V4),
    "tensordot of named": (lambda a, b: np.tensordot(a, b, axes=([1, 0], [1, 2])), T3, T4),
    "tensordot from the right": (lambda a, b: np.tensordot(a, b, axes=(-1, 0)), T3, T4),
    "linalg.tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), X, Y),
    "kron": (np.kron, X, Y),
    "kron of unlike": (np.kron, V3, X),
    "kron with a number": (np.kron, 3.0, X),
    "kron of stacks": (np.kron, T3[:, :2], X),
    "cross": (np.linalg.cross, X, V3),
    "cross along": (lambda a, b: np.linalg.cross(a, b, axis=0), X.T, X.T[:, ::-1]),
    "matmul": (np.linalg.matmul, T3, Z),
    "matrix_transpose": (np.linalg.matrix_transpose, T3),
    "multi_dot": (lambda *xs: np.linalg.multi_dot(xs), X, Y, Z, X),
    "multi_dot with vectors": (lambda *xs: np.linalg.multi_dot(xs), V3, Y, Z @ X, V3),
    "multi_dot of two": (lambda *xs: np.linalg.multi_dot(xs), X, Y),
    **{
        f"matrix_power {n}": (lambda a, n=n: np.linalg.matrix_power(a, n), STACK / 2.0)
        for n in (-3, -1, 1, 2, 3, 5, 6)
    },
    "linalg.trace": (lambda a: np.linalg.trace(a, offset=-1), T3),
    "linalg.diagonal outside": (lambda a: np.linalg.diagonal(a, offset=5), X),
    "linalg.diagonal below": (lambda a: np.linalg.diagonal(a, offset=-1), T3),
    "linalg.diagonal": (lambda a: np.linalg.diagonal(a, offset=1), T3),
}


@pytest.mark.parametrize("case", PRODUCTS.values(), ids=PRODUCTS)
def test_products(case):
    """One product in many clothes."""
    check(*case)


EINSUMS = [
    ("ij,jk->ik", X, Y),
    ("ij,jk", X, Y),
    ("ba", X),
    ("Ba", X),
    ("ij->", X),
    ("ij->j", X),
    ("ii->i", SQUARE),
    ("ii", SQUARE),
    ("ii->", SQUARE),
    ("iij->ij", STACK.transpose(1, 2, 0)),
    ("iii->i", RNG.normal(size=(3, 3, 3))),
    ("iii", RNG.normal(size=(3, 3, 3))),
    ("ii,i->i", SQUARE, V3),
    ("ii,jj->", SQUARE, SQUARE.T),
    ("ii,ij->j", SQUARE, SQUARE.T),
    ("...ij,...jk->...ik", T3, Z),
    ("...ij,jk", T3, Z),
    ("i...,i...->...", T3, T3[:, :1]),
    ("i...->...", T3),
    ("...->...", T3),
    ("...", T3),
    ("...i->i...", T3),
    ("...i,...i", T3, X[..., None]),
    ("...ii->...i", STACK),
    ("...ii", STACK),
    ("...,...", T3, 2.0),
    ("ij,kl->il", X, Y),
    ("ij,k->i", X, V4),
    ("i,j->ij", V3, V4),
    ("i,i,i->i", V3, V3[::-1], V3 + 1.0),
    ("ij,jk,kl->il", X, Y, Z),
    ("ij,jk,kl,lm->im", X, Y, Z, X),
    ("i,ij,j->", X[:, 0], X, V3),
    (",ij->ij", 2.0, X),
    (",->", 2.0, 3.0),
    ("ij,ij->ij", X[:1], X),
    ("ij,ij->", X[:, :1], X[:1]),
    ("ijk,ljm->ilkm", T3, T4),
    (" i j , j k -> i k ", X, Y),
]


@pytest.mark.parametrize("optimize", [False, True, "optimal"])
@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
def test_einsum(case, optimize):
    """Every way to write one, with and without an order of products."""
    text, *operands = case
    check(lambda *xs: np.einsum(text, *xs, optimize=optimize), *operands)


LISTS = [
    lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [0, 2]),
    lambda a, b: np.einsum(a, [0, 1], b, [1, 2]),
    lambda a, b: np.einsum(a, [5, 1], b, [1, 2]),
    lambda a, b: np.einsum(a, [..., 1], b, [1, 2], [2, ...]),
    lambda a, b: np.einsum(a, [0, 1], b, [1, ...]),
]


@pytest.mark.parametrize("f", LISTS)
def test_einsum_with_labels_as_lists(f):
    """Operands and labels take turns."""
    check(f, X, Y)


def test_einsum_takes_a_path():
    """A path that was found before is followed forward; what is owed finds its own."""
    path = np.einsum_path("ij,jk,kl->il", X, Y, Z)[0]
    check(lambda a, b, c: np.einsum("ij,jk,kl->il", a, b, c, optimize=path), X, Y, Z)


@pytest.mark.parametrize(
    ("text", "operands"),
    [
        ("ij,jk->ik", (X,)),
        ("ijk->i", (X,)),
        ("...ijk->i", (X,)),
        ("...i......->i", (X,)),
        ("...i->i", (X,)),
        ("i;j", (X,)),
        ("ij,jk->il", (X, Y)),
        ("ij,jk->ik", (X, Z)),
        ("ij->ii", (X,)),
    ],
)
def test_an_einsum_that_does_not_fit_is_refused(text, operands):
    """As NumPy refuses it: with a ValueError."""
    with pytest.raises(ValueError):
        np.einsum(text, *operands)
    with pytest.raises(ValueError):
        np.einsum(text, *map(Value, operands))


@pytest.mark.parametrize(
    ("call", "keyword"),
    [
        (lambda v: np.einsum("ij->i", v, dtype=np.float32), "dtype"),
        (lambda v: np.einsum("ij->i", v, casting="no"), "casting"),
        (lambda v: np.linalg.svd(v, hermitian=True), "hermitian"),
        (lambda v: np.linalg.pinv(v, hermitian=True), "hermitian"),
        (lambda v: np.vecdot(v, v, dtype=np.float32), "dtype"),
        (lambda v: np.vecmat(v, v, axes=[(-1,), (-2, -1), (-1,)]), "axes"),
        (lambda v: np.matvec(v, v, casting="no"), "casting"),
        (lambda v: np.linalg.trace(v, dtype=np.float32), "dtype"),
        (lambda v: np.outer(v, v, out=np.empty((9, 9))), "out"),
        (lambda v: np.linalg.multi_dot([v, v], out=np.empty((3, 3))), "out"),
        (lambda v: np.linalg.qr(v[:, :2], mode="complete"), "complete"),
        (lambda v: np.linalg.qr(v, mode="raw"), "raw"),
    ],
)
def test_what_is_not_honoured_is_refused_by_name(call, keyword):
    """A keyword is understood or refused."""
    with pytest.raises(UnsupportedError, match=keyword):
        call(Value(SQUARE))


# ----------------------------------------------------------------------------------- norms

VECTOR_ORDERS = [None, 2, 1, np.inf, -np.inf, 0, 3, 2.5, 4, -1, -2, 0.5]
MATRIX_ORDERS = [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf]


@pytest.mark.parametrize("axis", [0, -1, (1,)])
@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_vector_norms(order, axis):
    """Every order, along any axis."""
    check(lambda x: np.linalg.norm(x, order, axis), T3)


@pytest.mark.parametrize("axis", [None, 1, (0, 2)])
@pytest.mark.parametrize("order", [o for o in VECTOR_ORDERS if o is not None])
def test_norms_of_several_axes_read_as_one(order, axis):
    """`linalg.vector_norm`, with axes kept."""
    check(lambda x: np.linalg.vector_norm(x, axis=axis, ord=order, keepdims=True), T3)


@pytest.mark.parametrize("axis", [(-2, -1), (2, 0), (0, 1)])
@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_matrix_norms(order, axis):
    """Every order, in any two axes."""
    check(lambda x: np.linalg.norm(x, order, axis, keepdims=True), T3)


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_norms_of_one_matrix(order):
    """Without an axis, and through `matrix_norm`."""
    check(lambda x: np.linalg.norm(x, order), X)
    if order is not None:
        check(lambda x: np.linalg.matrix_norm(x, ord=order), T3)


def test_the_norm_of_everything():
    """No order and no axis: one number, for any shape."""
    for x in (T3, V3, np.array(2.0)):
        check(np.linalg.norm, x)
        check(lambda x: np.linalg.norm(x, keepdims=True), x)


@pytest.mark.parametrize("order", [2, 3, 1.5, -1, 0.5])
@pytest.mark.parametrize("size", [1e-200, 1e200, 1e-320, 2e307])
def test_norms_of_any_size(order, size):
    """The unit vector does not know how long the vector was; no square over- or underflows."""
    x = size * np.array([0.75, 1.0])
    y, slopes = tn.value_and_grad(lambda x: np.linalg.norm(x, order))(x)
    unit, expected = tn.value_and_grad(lambda x: np.linalg.norm(x, order))(x / size)
    tolerance = 1e-13 if size > 1e-300 else 1e-2  # of the smallest numbers few digits are left
    np.testing.assert_allclose(y.data / size, unit.data, rtol=tolerance)
    np.testing.assert_allclose(slopes.data, expected.data, rtol=tolerance)


@pytest.mark.parametrize("order", VECTOR_ORDERS)
def test_the_zero_vector_has_slope_zero(order):
    """Nor does a zero vector beside others spoil them."""
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    slopes = tn.grad(lambda x: np.linalg.norm(x, order, 1).sum())(x).data
    alone = tn.grad(lambda x: np.linalg.norm(x, order))(x[1]).data
    assert np.all(slopes[0] == 0.0)
    np.testing.assert_allclose(slopes[1], alone)
    second = tn.grad(lambda x: np.sum(tn.grad(lambda x: np.linalg.norm(x, order) ** 2)(x)))
    assert np.all(np.isfinite(second(x[0]).data))


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_the_zero_matrix_has_slope_zero(order):
    """It is the shortest among all slopes there."""
    x = np.zeros((2, 3))
    assert np.all(tn.grad(lambda x: np.linalg.norm(x, order))(x).data == 0.0)


def test_entries_at_zero():
    """For order 3 the slope there is 0; for 1/2 it is a cusp, and 0 is its shortest slope."""
    for order in (3, 0.5, 1.5, -1):
        slopes = tn.grad(lambda x, order=order: np.linalg.norm(x, order))(np.array([0.0, 2.0])).data
        assert slopes[0] == 0.0
        assert np.isfinite(slopes[1])


def test_equal_singular_values_share_the_largest_norm():
    """At the unit matrix every direction is the largest: 1/3 for each."""
    np.testing.assert_allclose(
        tn.grad(lambda x: np.linalg.norm(x, 2))(np.eye(3)).data, np.eye(3) / 3.0, atol=1e-15
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.linalg.norm(v, "nuc", 0),
        lambda v: np.linalg.norm(v, 3, (0, 1)),
        lambda v: np.linalg.norm(v, 2),
        lambda v: np.linalg.norm(v, axis=(0, 0)),
        lambda v: np.linalg.norm(v, axis=(0, 1, 2)),
    ],
)
def test_norms_that_are_not_are_refused(call):
    """As NumPy refuses them."""
    for x in (T3, Value(T3)):
        with pytest.raises(ValueError):
            call(x)


# -------------------------------------------------------------------- inverses and systems

SYSTEMS = {
    "inv": (np.linalg.inv, STACK),
    "solve": (np.linalg.solve, STACK, np.stack([SQUARE, SQUARE])),
    "solve for a vector": (np.linalg.solve, SQUARE, V3),
    "solve stacks for a vector": (np.linalg.solve, STACK, V3),
    "solve one for a stack": (np.linalg.solve, SQUARE, T3),
    "solve a stack for a matrix": (np.linalg.solve, STACK, X.T),
    "tensorsolve": (np.linalg.tensorsolve, SIX.reshape(2, 3, 6), X),
    "tensorsolve by axes": (
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(2, 0)),
        SIX.reshape(2, 3, 3, 2).transpose(3, 0, 2, 1),
        X,
    ),
    "tensorinv": (np.linalg.tensorinv, SIX.reshape(2, 3, 3, 2)),
    "tensorinv 1": (lambda a: np.linalg.tensorinv(a, ind=1), SIX.reshape(6, 3, 2)),
    "det": (np.linalg.det, STACK),
    "det of one": (np.linalg.det, SQUARE),
    "det of 1": (np.linalg.det, SQUARE[:1, :1]),
    "det of 2": (np.linalg.det, SQUARE[:2, :2]),
    "slogdet": (lambda a: np.linalg.slogdet(a).logabsdet, STACK - 2.5 * np.eye(3)),
    "slogdet as a pair": (lambda a: np.linalg.slogdet(a)[0] * np.linalg.slogdet(a)[1], SQUARE),
    "pinv": (np.linalg.pinv, TALL),
    "pinv of wide": (lambda a: np.linalg.pinv(a, rcond=1e-10), WIDE),
    "pinv of square": (lambda a: np.linalg.pinv(a, rtol=None), SQUARE),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], TALL[0], Z),
    "lstsq of a vector": (lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0], TALL[0], V4),
    "lstsq residuals": (lambda a, b: np.linalg.lstsq(a, b)[1], TALL[0], Z),
    "lstsq residual": (lambda a, b: np.linalg.lstsq(a, b, rcond=-1)[1], TALL[0], V4),
    "lstsq values": (lambda a, b: np.linalg.lstsq(a, b)[3] + 0.0 * b[0, 0], TALL[0], Z),
    "lstsq of wide": (lambda a, b: np.linalg.lstsq(a, b)[0], WIDE[0], V3),
    **{
        f"cond {p}": (lambda a, p=p: np.linalg.cond(a, p), POSITIVE)
        for p in (None, 2, -2, 1, -1, np.inf, -np.inf, "fro")
    },
}


@pytest.mark.parametrize("case", SYSTEMS.values(), ids=SYSTEMS)
def test_systems(case):
    """Inverses, solutions and determinants."""
    check(*case)


def test_least_squares_says_what_numpy_says():
    """Rank, and residuals that are empty where NumPy's are."""
    for a, b in ((TALL[0], Z), (TALL[0], V4), (WIDE[0], V3), (LOW, V4)):
        ours, theirs = np.linalg.lstsq(Value(a), b), np.linalg.lstsq(a, b)
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(plain(one), other, rtol=1e-11, atol=1e-13)


def test_the_rank_stays_the_same():
    """Of a matrix of rank 2 the pseudo-inverse has a slope in directions that keep the rank."""
    left = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 1.0], [0.5, 2.0]])

    def f(left):
        return weighted(np.linalg.pinv(left @ LOW[:2], 1e-10))

    gradient = tn.grad(f)(left)
    close(gradient, f, (left,), 0)


def minor(a, rows, columns):
    """The determinant of what is left without these rows and columns, by NumPy."""
    kept = np.delete(np.delete(a, rows, 0), columns, 1)
    return np.linalg.det(kept) if kept.size else 1.0


def cofactors(a):
    """The gradient of the determinant, one minor at a time."""
    n = len(a)
    return np.array([[(-1) ** (i + j) * minor(a, i, j) for j in range(n)] for i in range(n)])


def second_minors(a):
    """The second derivative of the determinant, one minor at a time."""
    n = len(a)
    full = np.zeros((n,) * 4)
    for i, j, k, m in itertools.product(range(n), repeat=4):
        if i != k and j != m:
            sign = (-1) ** (i + j + k - (k > i) + m - (m > j))
            full[i, j, k, m] = sign * minor(a, [i, k], [j, m])
    return full


SINGULAR = {
    "rank 3 of 4": np.diag([1.0, 2.0, 0.0, 3.0])[[2, 0, 3, 1]] + np.outer(V4, [0, 1, 0, 1]) * 0,
    "rank 2 of 3": np.outer(V3, V3[::-1]) + np.outer([1.0, 0.0, 2.0], [1.0, 1.0, -1.0]),
    "rank 1 of 3": np.outer(V3, V3[::-1]),
    "zeros": np.zeros((3, 3)),
    "one zero": np.zeros((1, 1)),
    "rank 1 of 2": np.array([[1.0, 2.0], [2.0, 4.0]]),
    "nearly singular": np.outer(V3, V3) + 1e-12 * SQUARE,
    "nearly twice": np.outer(V3, V3) + 1e-9 * np.diag([1.0, 0.5, 0.25]),
    "graded": np.diag([1.0, 1e-5, 1e-10, 1e-15]) + np.diag([1e-3, 1e-8, 1e-13], 1),
    "regular": STACK[0],
}


@pytest.mark.parametrize("a", SINGULAR.values(), ids=SINGULAR)
def test_determinants_are_polynomials(a):
    """Cofactors and second minors, with an inverse or without, to all digits of the largest."""
    gradient = tn.grad(np.linalg.det)
    expected = cofactors(a)
    size = max(1e-300, np.abs(a).max())
    tolerance = 1e-13 * size ** (len(a) - 1)
    np.testing.assert_allclose(gradient(a).data, expected, rtol=1e-7, atol=tolerance)
    second = second_minors(a)
    for i, j in np.ndindex(a.shape):
        row = tn.grad(lambda x, i=i, j=j: gradient(x)[i, j])(a).data
        np.testing.assert_allclose(row, second[i, j], rtol=1e-6, atol=1e-13 * max(size, 1.0))


def test_third_derivatives_of_a_determinant():
    """Of a 3 by 3 matrix they are the signs of the permutations, also at zero."""

    def third(a):
        first = tn.grad(np.linalg.det)
        return tn.grad(lambda b: tn.grad(lambda c: first(c)[0, 0])(b)[1, 1])(a).data

    expected = np.zeros((3, 3))
    expected[2, 2] = 1.0
    for a in (np.zeros((3, 3)), SQUARE, SINGULAR["rank 2 of 3"]):
        np.testing.assert_allclose(third(a), expected, atol=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e-90, 1e90, 1e200])
def test_cofactors_do_not_underflow_with_the_determinant(size):
    """Of a 2 by 2 matrix they are its entries, also where their products are no floats."""
    for a in (np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 2.0], [2.0, 4.0]])):
        with np.errstate(over="ignore"):
            slopes = tn.grad(np.linalg.det)(size * a).data
        np.testing.assert_allclose(slopes, size * cofactors(a), rtol=1e-14)


@pytest.mark.parametrize("a", [np.zeros((2, 2)), SINGULAR["rank 1 of 2"], np.diag([1.0, 0.0])])
def test_the_condition_of_a_singular_matrix(a):
    """The number is NumPy's; its derivative does not exist."""
    y = np.linalg.cond(Value(a))
    assert y.data == np.linalg.cond(a) or y.data > 1e15
    with pytest.raises(NoDerivativeError, match="cond"):
        y.backward()


def test_a_norm_of_order_2_is_smooth_at_entries_that_are_0():
    """Whichever primitive computes it: the slope of the slope is 1 / length there."""
    x = np.array([0.0, 0.6, -0.8])
    second = tn.hessian(lambda x: tn.ops.power_norm(x, order=2.0))(x).data
    assert second == pytest.approx(np.eye(3) - np.outer(x, x))


def test_norms_of_what_is_not_finite():
    """A missing number stays missing in the gradient."""
    slopes = tn.grad(np.linalg.norm)(np.array([np.nan, 1.0])).data
    assert np.all(np.isnan(slopes))


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x: np.linalg.norm(x), (0,)),
        (lambda x: np.linalg.det(x), (0, 3, 3)),
        (lambda x: np.linalg.det(x), (2, 0, 0)),
        (lambda x: np.linalg.inv(x), (2, 0, 0)),
        (lambda x: np.linalg.svdvals(x), (0, 3, 3)),
        (lambda x: np.linalg.eigvalsh(x), (2, 0, 0)),
        (lambda x: np.linalg.solve(x, np.ones((0, 3, 2))), (0, 3, 3)),
        (lambda x: np.tensordot(x, np.ones((3, 0)), 1), (2, 3)),
        (lambda x: np.einsum("ij,jk->", x, np.ones((3, 0))), (2, 3)),
        (lambda x: np.kron(x, np.ones((3, 0))), (2, 3)),
        (lambda x: np.inner(x, np.ones(0)), (0,)),
        (lambda x: np.vdot(x, np.ones(0)), (0,)),
    ],
)
def test_empty_arrays(f, shape):
    """The gradient of nothing is 0, or as empty as its Value."""
    slopes = tn.grad(lambda x: np.sum(f(x)))(np.zeros(shape)).data
    assert slopes.shape == shape
    assert np.all(slopes == 0.0)


def test_singular_beside_regular():
    """In a stack each determinant has its own slope."""
    stack = np.stack([SINGULAR["rank 2 of 3"], SINGULAR["rank 1 of 3"], STACK[0]])
    slopes = tn.grad(lambda a: np.sum(np.linalg.det(a) * [1.0, 2.0, 3.0]))(stack).data
    for k, a in enumerate(stack):
        np.testing.assert_allclose(slopes[k], (k + 1) * cofactors(a), atol=1e-12)


def test_a_logarithm_of_zero_has_no_slope():
    """Unless nothing is owed to it, as behind a `where`."""
    a = np.stack([np.zeros((3, 3)), SQUARE])
    with pytest.raises(NoDerivativeError, match=r"slogdet.*singular"):
        tn.grad(lambda a: np.linalg.slogdet(a)[1].sum())(a)

    def guarded(a):
        size = np.linalg.slogdet(a).logabsdet
        return np.sum(np.where(size > -100.0, size, 0.0))

    slopes = tn.grad(guarded)(a).data
    assert np.all(slopes[0] == 0.0)
    np.testing.assert_allclose(slopes[1], np.linalg.inv(SQUARE).T)


def test_slogdet_of_what_overflows():
    """The determinant of 1e200 times the unit matrix is inf; its logarithm is not."""
    y, slopes = tn.value_and_grad(lambda a: np.linalg.slogdet(a)[1])(1e200 * np.eye(3))
    np.testing.assert_allclose(y.data, 600 * np.log(10.0))
    np.testing.assert_allclose(slopes.data, 1e-200 * np.eye(3))


def test_the_zeroth_power_does_not_move():
    """It is the unit matrix, whatever the matrix."""
    y, slopes = tn.value_and_grad(lambda a: np.sum(np.linalg.matrix_power(a, 0)))(STACK)
    assert y.data == 6.0
    assert np.all(slopes.data == 0.0)


# ---------------------------------------------------------------------------- factorisations


def symmetric(a):
    """A symmetric matrix made of any."""
    return (
        a + np.swapaxes(a, -1, -2)
        if not isinstance(a, Value)
        else a + np.linalg.matrix_transpose(a)
    )


FACTORS = {
    "cholesky": (np.linalg.cholesky, POSITIVE),
    "cholesky, upper": (lambda a: np.linalg.cholesky(a, upper=True), POSITIVE),
    "qr": (lambda a: tuple(np.linalg.qr(a)), TALL),
    "qr of square": (lambda a: tuple(np.linalg.qr(a, "complete")), SQUARE),
    "qr of wide": (lambda a: tuple(np.linalg.qr(a)), WIDE),
    "qr, r": (lambda a: np.linalg.qr(a, mode="r"), TALL),
    "svd": (lambda a: tuple(np.linalg.svd(a)), STACK),
    "svd of tall": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), TALL),
    "svd of wide": (lambda a: tuple(np.linalg.svd(a, False)), WIDE),
    "svd, values": (lambda a: np.linalg.svd(a, compute_uv=False), WIDE),
    "svd, full": (lambda a: np.linalg.svd(a)[1] + np.linalg.svd(a).U[:, 0, :3] ** 2, TALL),
    "svdvals": (np.linalg.svdvals, TALL),
    "eigh": (lambda a: tuple(np.linalg.eigh(a)), POSITIVE),
    "eigh, upper": (lambda a: tuple(np.linalg.eigh(a, UPLO="U")), POSITIVE),
    "eigh of what is not symmetric": (lambda a: tuple(np.linalg.eigh(a)), STACK),
    "eigvalsh": (np.linalg.eigvalsh, POSITIVE),
    "eigvalsh, upper": (lambda a: np.linalg.eigvalsh(a, "U"), POSITIVE),
    "eigh of symmetric": (lambda a: tuple(np.linalg.eigh(symmetric(a))), STACK),
    "eig": (lambda a: tuple(np.linalg.eig(a)), REAL),
    "eigvals": (np.linalg.eigvals, np.stack([REAL, REAL.T @ REAL])),
}


@pytest.mark.parametrize("case", FACTORS.values(), ids=FACTORS)
def test_factorisations(case):
    """Each factor, entry by entry: vectors are determined up to a sign, which stays."""
    check(*case)


def test_what_does_not_depend_on_signs():
    """The closest rotation U V', a projector, a matrix function."""

    def rotation(a):
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return u @ vh

    def projector(a):
        v = np.linalg.eigh(symmetric(a)).eigenvectors[..., -1:]
        return v @ np.linalg.matrix_transpose(v)

    def exponential(a):
        w, v = np.linalg.eigh(symmetric(a))
        return (v * np.exp(w / 8.0)[..., None, :]) @ np.linalg.matrix_transpose(v)

    def span(a):
        q = np.linalg.qr(a).Q
        return q @ np.linalg.matrix_transpose(q)

    check(rotation, TALL)
    check(rotation, STACK)
    check(projector, STACK)
    check(exponential, STACK)
    check(span, TALL)


def test_factors_multiply_to_the_matrix():
    """So the gradient of the product is that of the matrix itself."""
    products = [
        lambda a: np.matmul(*np.linalg.qr(a)),
        lambda a: (lambda u, s, vh: (u * s[..., None, :]) @ vh)(*np.linalg.svd(a, False)),
    ]
    weight = RNG.normal(size=TALL.shape)
    for product in products:
        gradient = tn.grad(lambda a, f=product: np.sum(f(a) * weight))(TALL)
        np.testing.assert_allclose(gradient.data, weight, atol=1e-12)


@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30, 1e200])
def test_factorisations_of_any_size(size):
    """Values grow with the matrix, vectors do not; their slopes do the opposite."""
    for f in (lambda a: np.linalg.svdvals(a), lambda a: np.linalg.eigvalsh(a)):
        slopes = tn.grad(lambda a, f=f: weighted(f(a)))(size * POSITIVE)
        expected = tn.grad(lambda a, f=f: weighted(f(a)))(POSITIVE)
        np.testing.assert_allclose(slopes.data, expected.data, rtol=1e-10, atol=1e-13)
    for f in (
        lambda a: np.linalg.svd(a).U,
        lambda a: np.linalg.eigh(a)[1],
        lambda a: np.linalg.qr(a)[0],
    ):
        slopes = tn.grad(lambda a, f=f: weighted(f(a)))(size * POSITIVE)
        expected = tn.grad(lambda a, f=f: weighted(f(a)))(POSITIVE)
        np.testing.assert_allclose(slopes.data * size, expected.data, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (lambda a: np.linalg.eigh(a)[1], np.eye(3)),
        (lambda a: np.linalg.eigh(a)[1][:, 0], np.diag([1.0, 1.0, 2.0])),
        (lambda a: np.linalg.svd(a)[0], np.eye(3)),
        (lambda a: np.linalg.svd(a)[2], -np.eye(2)),
        (lambda a: np.linalg.svd(a, False)[0], LOW),
        (lambda a: np.linalg.svd(a, False)[2], LOW.T),
        (lambda a: np.linalg.qr(a)[0], LOW),
        (lambda a: np.linalg.qr(a)[0], np.zeros((2, 2))),
        (lambda a: np.linalg.eig(a)[0] * [1.0, 2.0], np.eye(2)),
        (lambda a: np.linalg.eigvals(a) ** 2 * [1.0, 2.0], np.array([[1.0, 1.0], [0.0, 1.0]])),
    ],
)
def test_what_is_not_determined_has_no_gradient(f, a):
    """The error names the function, the Value and the condition."""
    name = "(eigh|svd|qr|eig)"
    with pytest.raises(NoDerivativeError, match=name + r"\(w\)"):
        weighted(f(Value(a, name="w"))).backward()


def test_the_vectors_that_are_added():
    """One is determined up to its sign; of more, what they span."""
    check(lambda a: tuple(np.linalg.svd(a)), TALL)
    check(lambda a: tuple(np.linalg.svd(a)), WIDE)

    def outside(a):
        rest = np.linalg.svd(a)[0][:, 2:]
        return rest @ rest.T

    check(outside, TALL[0, :, :2])
    with pytest.raises(NoDerivativeError, match="full_matrices"):
        tn.grad(lambda a: weighted(np.linalg.svd(a)[0]))(TALL[0, :, :2])


def test_what_is_not_used_may_be_undetermined():
    """Nothing owed, nothing passed on: each matrix of a stack for itself."""
    stack = np.stack([np.zeros((3, 3)), np.eye(3), SQUARE])
    for f in (
        lambda a: np.linalg.qr(a)[0],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.eigh(a)[1],
    ):
        slopes = tn.grad(lambda a, f=f: weighted(f(a)[2]))(stack).data
        assert np.all(slopes[:2] == 0.0)
        np.testing.assert_array_equal(
            slopes[2], tn.grad(lambda a, f=f: weighted(f(a)))(SQUARE).data
        )


def test_vectors_that_stand_alone_beside_equal_values():
    """Of 1, 1, 2 the last vector is determined, and so is its slope."""
    a = np.diag([1.0, 1.0, 2.0])

    def f(a):
        v = np.linalg.eigh(symmetric(a) / 2.0)[1][:, 2]
        return np.sum(v * v * [1.0, 2.0, 4.0]) + v[0] * v[2]

    close(tn.grad(f)(a), f, (a,), 0)


def test_equal_values_share():
    """Whatever the order of equal eigenvalues: what they are owed, in equal parts."""
    turn = np.linalg.qr(SQUARE)[0]
    for q in (np.eye(3), turn):
        a = q @ np.diag([1.0, 1.0, 2.0]) @ q.T
        a = (a + a.T) / 2.0
        slopes = tn.grad(lambda a: np.linalg.eigvalsh(symmetric(a) / 2.0)[0])(a).data
        np.testing.assert_allclose(slopes, q @ np.diag([0.5, 0.5, 0.0]) @ q.T, atol=1e-13)
        total = tn.grad(lambda a: np.sum(np.linalg.svdvals(a)))(a).data
        np.testing.assert_allclose(total, np.eye(3), atol=1e-13)


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), np.eye(2)),
        (lambda a: np.sum((np.linalg.eigvalsh(a) - 1.0) ** 2), np.eye(2)),
        (lambda a: np.linalg.norm(a, 2) ** 2, np.eye(2)),
        (lambda a: np.sum(np.linalg.svdvals(a) ** 2), LOW),
    ],
)
def test_a_second_derivative_that_is_not_known_is_refused(f, a):
    """The first one is there; the second would need the vectors, and must not be half of it."""
    assert np.all(np.isfinite(tn.grad(f)(a).data))
    with pytest.raises(NoDerivativeError, match="second derivative"):
        tn.grad(lambda a: weighted(tn.grad(f)(a)))(a)


def test_second_derivatives_where_nothing_is_owed():
    """At the smallest loss the gradient is 0, and the Hessian is not."""
    target = np.linalg.eigvals(REAL)
    check(lambda a: np.sum((np.linalg.eigvals(a) - target) ** 2), REAL)
    values = np.linalg.svd(TALL, full_matrices=False)[1]
    check(lambda a: np.sum((np.linalg.svd(a, False)[1] - values) ** 2), TALL)


def test_a_defective_matrix_is_refused():
    """With a single eigenvector there is no basis to take the derivative in."""
    a = Value([[0.0, 1.0], [0.0, 0.0]], name="jordan")
    with pytest.raises(NoDerivativeError, match="jordan"):
        np.linalg.eigvals(a).sum().backward()


def test_complex_eigenvalues_of_a_real_matrix():
    """A turn has none that are real: i and -i, and i * t after a stretch by t."""
    turn = Value([[0.0, -1.0], [1.0, 0.0]])
    values = np.linalg.eigvals(turn)
    assert np.array_equal(np.sort_complex(values).data, [-1j, 1j])
    (values.imag**2).sum().backward()
    np.testing.assert_allclose(turn.grad, [[0.0, -2.0], [2.0, 0.0]], atol=1e-15)


# --------------------------------------------------------------------------------- by name


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda v: np.tensordot(v, v, axes=([0], [2])), "differ in length"),
        (lambda v: np.linalg.outer(v, v), "two vectors"),
        (lambda v: np.linalg.cross(v[..., :2], v[..., :2]), "3 entries"),
        (lambda v: np.linalg.matrix_power(v, 0.5), "whole number"),
        (lambda v: np.linalg.multi_dot([v]), "two arrays"),
        (lambda v: np.linalg.tensorinv(v, ind=0), "positive"),
        (lambda v: np.linalg.eigh(v[:, :2], UPLO="X"), "UPLO"),
        (lambda v: np.linalg.pinv(v, 1e-3, rtol=1e-3), "not both"),
    ],
)
def test_what_does_not_fit_is_refused(call, words):
    """As NumPy refuses it, and in words."""
    with pytest.raises((TypeError, ValueError), match=words):
        call(Value(T3))


def test_the_namespace_is_numpys():
    """Every function of `np.linalg`, under its name and with the same numbers of arguments."""
    theirs = {name for name in np.linalg.__all__ if callable(getattr(np.linalg, name))}
    assert set(linalg.__all__) == theirs - {"LinAlgError"}


def test_plain_arrays_stay_plain():
    """Recording starts where a Value enters."""
    for name, args in {
        "solve": (SQUARE.tolist(), V3.tolist()),
        "inv": (SQUARE,),
        "norm": ([3, 4],),
        "svdvals": (TALL,),
        "multi_dot": ([X, Y],),
        "matrix_rank": (LOW,),
        "lstsq": (TALL[0], V4),
        "outer": ([1.0, 2.0], [3.0]),
    }.items():
        ours, theirs = getattr(linalg, name)(*args), getattr(np.linalg, name)(*args)
        for one, other in (
            zip(np.atleast_1d(ours), np.atleast_1d(theirs), strict=True)
            if not (isinstance(theirs, tuple))
            else zip(ours, theirs, strict=True)
        ):
            assert not isinstance(one, Value)
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_rank_is_a_plain_number():
    """No gradient passes a count."""
    assert np.linalg.matrix_rank(Value(LOW)) == 2


def test_float32_stays():
    """Values and gradients."""
    for f in (np.linalg.inv, np.linalg.det, np.linalg.svdvals, np.linalg.eigvalsh, np.linalg.norm,
              np.linalg.cholesky, np.linalg.pinv, lambda a: np.einsum("bii->b", a)):  # fmt: skip
        y, g = tn.value_and_grad(lambda a, f=f: np.sum(f(a)))(POSITIVE.astype(np.float32))
        assert (y.dtype, g.dtype) == (np.float32, np.float32)
