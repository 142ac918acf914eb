"""All of NumPy's surface: each public function does with a Value what the table in the docs says.

The table is made by calling each function once (docs/numpy_surface.py). Here the same calls are
compared with NumPy on plain numbers, and their gradients with what is seen when the numbers move.
"""

import ast
import importlib.util
import inspect
import math
import sys
import warnings
from pathlib import Path

import mpmath
import numpy as np
import pytest
from numeric import scale, slope

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.errors import MissingMethodError, TinygradNeuronError, UnsupportedError
from tinygrad_neuron.numpy_functions import answer

PAGE = Path(__file__).parents[1] / "docs" / "numpy_surface.py"


def read_surface():
    """The module that makes the table; it stands beside the page, not in the package."""
    spec = importlib.util.spec_from_file_location("numpy_surface", PAGE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


surface = read_surface()
FUNCTIONS = [f for prefix in surface.NAMESPACES for f in surface.functions(prefix)]


def of_kind(*kinds):
    """The functions of the table of one kind or several, each under its name."""
    chosen = [f for f in FUNCTIONS if f.kind in kinds]
    return pytest.mark.parametrize("f", chosen, ids=[f.names[0] for f in chosen])


# ------------------------------------------------------------------------------------ tools


def plain(part):
    """What a part of a result is without its history."""
    return part.data if isinstance(part, Value) else part


def same(ours, theirs, tolerance=1e-12):
    """Two results part by part: NumPy's values, in NumPy's shapes."""
    ours, theirs = surface.parts(ours), surface.parts(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(map(plain, ours), theirs, strict=True):
        assert np.shape(a) == np.shape(b)
        if np.asarray(b).dtype.kind in "fc":
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=1e-14)
        else:
            np.testing.assert_array_equal(a, b)


def check(name, arguments):
    """One call: its value is NumPy's, and its gradient the slope that is seen; the gradients.

    What comes back as plain numbers has no gradient, so no slope may be seen there either.
    """
    leaves = surface.values()
    result = surface.called(name, arguments, leaves)
    if name == "empty_like":
        return {}
    same(result, surface.called(name, arguments, surface.NUMBERS))
    moves = [np.asarray(plain(part)).dtype.kind in "fc" for part in surface.parts(result)]
    gradients = surface.gradients(result, leaves)
    rng = np.random.default_rng(0)
    for leaf, x in surface.NUMBERS.items():
        way = rng.choice([-1.0, 1.0], np.shape(x)) * scale(x)

        def weighted(x, leaf=leaf):
            numbers = {**surface.NUMBERS, leaf: np.asarray(x)}
            parts = surface.parts(surface.called(name, arguments, numbers))
            return surface.weighted([p for p, m in zip(parts, moves, strict=True) if m])

        seen, doubt = slope(weighted, np.asarray(x), way)
        said = np.sum(gradients.get(leaf, 0.0) * way)
        assert doubt <= 1e-6 * max(1.0, abs(seen)), f"{name} by {leaf}: {seen} ± {doubt} is vague"
        assert abs(said - seen) <= 4.0 * doubt + 1e-10, f"{name} by {leaf}: {said}, seen {seen}"
    return gradients


# ------------------------------------------------------------------------------- the table


def test_no_function_is_missing_and_none_stands_twice():
    """Every public callable of the installed NumPy has its row: `functions` raises without one."""
    named = [name for f in FUNCTIONS for name in f.names]
    assert sorted(named) == sorted(n for p in surface.NAMESPACES for n in surface.public(p))
    assert {f.kind for f in FUNCTIONS} == surface.KINDS.keys()
    assert not surface.calls().keys() & set(surface.NO_NUMBERS.split())
    page = surface.page()
    assert all(f"`{name.rpartition('.')[2]}`" in page for name in named)


def test_a_function_without_a_call_is_noticed(monkeypatch):
    """What a later NumPy adds has to be decided, by whoever adds its example call."""
    monkeypatch.setattr(np, "brand_new", lambda x: x, raising=False)
    with pytest.raises(LookupError, match=r"np\.brand_new"):
        surface.page()


@of_kind("differentiable")
def test_a_gradient_passes(f):
    """NumPy's value, and the slope that is seen: not 0."""
    if f.names[0] == "intersect1d":  # a number that moves alone is no longer in both
        return
    assert any(np.any(g) for g in check(f.names[0], f.call).values())


@of_kind("flat")
def test_no_gradient_passes_where_nothing_moves(f):
    """NumPy's value, and the slope is 0 as it is seen to be."""
    assert not any(np.any(g) for g in check(f.names[0], f.call).values())


@of_kind("ends")
def test_an_answer_is_numpys(f):
    """A place, a count, a yes or no or a text: what NumPy says of the plain numbers."""
    ours = surface.called(f.names[0], f.call, surface.values())
    assert not any(map(surface.moving, surface.parts(ours)))
    same(ours, surface.called(f.names[0], f.call, surface.NUMBERS))


@of_kind("refused")
def test_what_is_refused_is_refused_by_name(f, tmp_path, monkeypatch):
    """At the call, with a remedy; where NumPy asks the Value, by the name of the function."""
    monkeypatch.chdir(tmp_path)  # save would write a file
    with pytest.raises((TinygradNeuronError, TypeError, ValueError)) as caught:
        surface.called(f.names[0], f.call, surface.values())
    assert f.advice
    function = surface.found(f.names[0])
    if isinstance(function, np.ufunc) or hasattr(function, "_implementation"):
        assert isinstance(caught.value, UnsupportedError) and caught.value.hint
        assert function.__name__ in str(caught.value)
    assert not list(tmp_path.iterdir())


def as_keywords(f):
    """The arguments of a call by the names that NumPy gives them, if it gives them all one."""
    call = ast.parse(f"function{f.call}", mode="eval").body
    try:
        takes = list(inspect.signature(surface.found(f.names[0])).parameters.values())
    except ValueError:
        return None
    named = [p.name for p in takes if p.kind is p.POSITIONAL_OR_KEYWORD]
    if (
        takes[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD
        or len(named) < len(call.args)
        or not isinstance(call.func, ast.Name)
    ):
        return None
    keywords = [ast.keyword(n, x) for n, x in zip(named, call.args, strict=False)]
    renamed = ast.Call(call.func, [], [*keywords, *call.keywords])
    return ast.unparse(ast.fix_missing_locations(renamed)).removeprefix("function")


@of_kind("differentiable", "flat", "ends")
def test_arrays_may_be_given_by_numpys_keywords(f):
    """`np.sum(a=v)` is `np.sum(v)`, or the keyword is refused by name; it is never passed over."""
    arguments = as_keywords(f)
    if arguments is None or f.names[0] == "empty_like":
        return
    try:
        surface.called(f.names[0], arguments, surface.NUMBERS)
    except TypeError:  # NumPy's own signature says what NumPy does not take
        return
    by_position = surface.called(f.names[0], f.call, surface.values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        by_name = surface.called(f.names[0], arguments, surface.values())
    same(by_name, [plain(part) for part in surface.parts(by_position)], 0.0)


def test_what_numpy_would_do_anyway_may_be_said():
    """A keyword that says what holds without it is no reason to refuse."""
    v = Value([1.0, 2.0])
    np.testing.assert_array_equal(np.stack([v, v], casting="same_kind").data, [[1, 2], [1, 2]])
    np.testing.assert_array_equal(np.reshape(v, (2, 1), order="C").data, [[1], [2]])
    with pytest.raises(UnsupportedError, match="order"):
        np.reshape(v, (2, 1), order="F")


# --------------------------------------------------------- more calls, of what has more settings

MORE = """
linspace(v, w, 4)
linspace(s, w, 4, endpoint=False, axis=-1)
linspace(s, 2.0, 4, retstep=True)
linspace(s, 2.0, 1)
linspace(s, 2.0, 0)
logspace(v, w, 3, base=2.0 + S[0], axis=1)
logspace(s, v, 3, False)
geomspace(v, w, 4)
geomspace(-v, -w, 4, endpoint=False, axis=1)
full_like(M, v)
bincount([0, 2, 2], v, minlength=5)
histogram(v, 3, weights=w)
histogram(v, 3, density=True)
histogram(v, 3, range=(0.0, 1.0), weights=w, density=True)
histogram(v, [0.0, 0.4, 0.7], weights=w)
histogram(v, "auto")
histogram(v[:1], 2)
histogram_bin_edges(M, 3, (0.0, 1.0))
cov(M, S[:2], ddof=0)
cov(M.T, rowvar=False, bias=True)
cov(M, fweights=[1, 2, 1], aweights=w)
cov(M, aweights=w)
cov(M, fweights=[3, 2, 1])
corrcoef(S, M)
corrcoef(v)
polyval(v, M)
polyval(v, s)
polyder(w, 2)
polyint(v, 2, [0.5, 0.25])
polyint(v, 2, s)
polyadd(v, s)
polysub(s, w)
polymul(v, [0.0, 1.0, 2.0])
polydiv(v, w[:2])
polydiv(s, w)
polyfit(v, S, 1, w=w)
vander(v, 4, increasing=True)
vander(v, 0)
poly(S)
roots([0.0, 1.0, -3.0, 1.0, 0.0] * np.append(1.0 + M[:1], w[:2]))
roots([0.0, 0.0] * v[:2])
roots([0.0, 2.0] * v[:2])
union1d(v, [0.7, 2.0])
setdiff1d(v, [0.7, 2.0], assume_unique=True)
setxor1d(M, [0.7, 2.0])
apply_along_axis(lambda row: row[:2], 1, M)
apply_along_axis(lambda row: np.outer(row, row), 0, M)
apply_along_axis(np.argmax, 0, M)
apply_over_axes(lambda x, axis: np.sum(x, axis, keepdims=True), M, (0, 1))
size(M, 1)
pad(M, 1, mode="median")
pad(M, ((1, 0), (2, 1)), mode="median", stat_length=2)
subtract.reduce(M)
subtract.reduce(M, axis=1, keepdims=True)
divide.reduce(S, axis=-1, initial=2.0)
logaddexp.reduce(M, axis=None)
logaddexp.reduce(M, axis=1, initial=s, where=[True, False, True])
logaddexp2.reduce(M, axis=(0, 1))
hypot.reduce(M, axis=1, keepdims=True)
hypot.reduce(M, initial=s, where=[[True], [False]])
fmax.reduce(M)
fmin.reduce(M, axis=None, initial=0.125)
maximum.accumulate(M, axis=1)
minimum.accumulate(M)
subtract.accumulate(M, axis=1)
logaddexp.accumulate(M)
fmax.accumulate(v)
hypot.accumulate(v)
subtract.accumulate(M[:0])
add.reduceat(M, [0, 2, 1], axis=1)
multiply.reduceat(v, [0, 1])
maximum.reduceat(M, [1, 0])
divide.reduceat(S, [0, 2], axis=-1)
histogram(M, 2, (0.5, 0.5))
"""


@pytest.mark.parametrize("call", MORE.strip().splitlines())
def test_the_settings_are_numpys(call):
    """Value and gradient again, with keywords, other shapes and both ends."""
    name, _, arguments = call.partition("(")
    function, _, method = name.partition(".")
    check(name if not method else function, f"{'.' * bool(method)}{method}({arguments}")


REFUSED = """
linspace(s, 2, 5, dtype=int)
linspace(s, 2.0, device="gpu")
geomspace(s, -1.0, 5)
geomspace(s, 0.0, 5)
linspace(s, 2.0, -1)
polyfit(v, w, 1, full=True)
polyfit(v, w, 1, cov=True)
polyval(v, np.poly1d([1.0, 2.0]))
polyadd(M, v)
polyint(v, 2, [1.0, 2.0, 3.0])
vander(M)
bincount([0, 1], v)
bincount(v)
bincount([0, 1, 2], v[:2])
polydiv(v, 0.0 * v[:1], 3)
cov(M, aweights=v[:2])
cov(M[None])
pad(v, 1, mode="empty")
apply_along_axis(np.sum, 0, M[:, :0])
subtract.reduce(M, axis=None)
subtract.reduce(M, where=[True, False, True])
subtract.reduce(M[:0])
subtract.accumulate(M, dtype=int)
add.reduceat(v, [0], dtype=np.float32)
power.reduce(v)
arctan2.accumulate(v)
vecdot.reduce(v)
"""


@pytest.mark.parametrize("call", REFUSED.strip().splitlines())
def test_what_cannot_be_done_is_refused(call):
    """By an error, as NumPy would or by name: never by another number."""
    name, _, arguments = call.partition("(")
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        eval(f"np.{name}({arguments}", {"np": np, **surface.values()})


def test_too_few_samples_warn_as_numpys():
    """Of one sample nothing varies together: nan, and a word about it."""
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        ours = np.cov(Value([2.0]))
    with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        np.testing.assert_array_equal(ours.data, np.cov([2.0]))


# ------------------------------------------------------------------------- methods of arrays


def test_every_attribute_of_an_array_is_there_or_says_what_to_type():
    """What arrays have and Values have not is named, with the remedy, as an AttributeError."""
    v = Value([[3.0, 1.0], [2.0, 4.0]], name="v")
    for name in dir(np.ndarray):
        if name.startswith("_") or hasattr(v, name):
            continue
        with pytest.raises(AttributeError) as caught:
            getattr(v, name)
        assert isinstance(caught.value, MissingMethodError), name
        assert f".{name}," in str(caught.value)
        assert caught.value.hint


def test_the_remedies_of_missing_methods_run():
    """What an error advises can be typed."""
    weights, index, x, kth, shape = Value([3.0, 1.0]), 0, 2.0, 1, (2, 2)
    for missing in tn.doors.ONLY_ARRAYS:
        with pytest.raises(MissingMethodError, match=r"weights|places") as caught:
            getattr(weights, missing.name)
        if missing.name not in ("choose", "to_device"):
            eval(caught.value.hint, {"np": np, "weights": weights, "x": x} | locals())


def test_small_questions_about_a_value():
    """Bytes, device, entries in a row, and whether a number is among them."""
    v = Value(np.array([[1.0, 2.0]], np.float32))
    assert (v.itemsize, v.nbytes, v.device) == (4, 8, "cpu")
    assert [x.item() for x in v.flat] == [1.0, 2.0]
    assert 2.0 in v and 3.0 not in v and Value(1.0) in v


# ------------------------------------------------------------------------------------ folds


def test_nothing_is_numpys_nothing():
    """Of no numbers a reduction is what NumPy says, if it says anything; so are edges."""
    none = Value(np.zeros((0, 2)))
    assert np.logaddexp2.reduce(none).tolist() == [-np.inf, -np.inf]
    with pytest.raises(ValueError, match="no identity"):
        np.subtract.reduce(none)
    assert np.histogram_bin_edges(none, 2).tolist() == [0.0, 0.5, 1.0]


def test_ties_for_the_largest_so_far_share():
    """Each result goes in equal parts to the entries up to there that reached it."""
    x = Value([1.0, 3.0, 2.0, 3.0, 3.0, math.nan, 1.0])
    np.maximum.accumulate(x).backward(np.arange(1.0, 8.0))
    third = 5.0 / 3.0
    np.testing.assert_allclose(x.grad, [1, 7 + third, 0, 2 + third, third, 13, 0], rtol=1e-15)
    y = Value([-1.0, -3.0, -3.0])
    np.minimum.accumulate(y).backward(np.ones(3))
    assert y.grad.tolist() == [1.0, 1.5, 0.5]


def test_numbers_that_are_in_both_share():
    """A number of a union that both rows have is owed half to each."""
    a, b = Value([1.0, 2.0]), Value([2.0, 3.0])
    np.union1d(a, b).backward([1.0, 10.0, 100.0])
    assert (a.grad.tolist(), b.grad.tolist()) == ([1.0, 5.0], [5.0, 100.0])


def test_a_matrix_may_be_read_row_by_row():
    """A function that takes a row of Values sees Values."""
    seen = []
    np.apply_along_axis(lambda row: seen.append(type(row)) or row.sum(), 1, Value(np.eye(2)))
    assert seen == [Value, Value]


# ------------------------------------------------------------------- where a number is missing

NAN = math.nan


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (tn.relu, [NAN, 1.0, -1.0, 0.0], [1, 1, 0, 0]),
        (np.max, [1.0, NAN, 3.0], [0, 1, 0]),
        (np.max, [NAN, NAN, 3.0], [0.5, 0.5, 0]),
        (np.min, [1.0, NAN, 3.0], [0, 1, 0]),
        (np.sort, [1.0, NAN, 3.0], [1, 1, 1]),
        (np.median, [1.0, NAN, 3.0], [0, 1, 0]),
        (np.nanmax, [1.0, NAN, 3.0], [0, 0, 1]),
        (lambda x: np.clip(x, 0.0, 1.0), [NAN, 0.5, 2.0], [1, 1, 0]),
        (lambda x: np.maximum(x, 1.0), [NAN, 2.0, 0.5], [1, 1, 0]),
        (lambda x: np.minimum(1.0, x), [NAN, 2.0, 0.5], [1, 0, 1]),
        (lambda x: np.maximum(x, NAN), [1.0, NAN], [0, 0.5]),
        (lambda x: np.minimum(x, np.array([NAN, 2.0])), [NAN, 1.0], [0.5, 1]),
        (lambda x: np.fmax(x, NAN), [1.0, NAN], [1, 0.5]),
        (lambda x: x.at[0].max(1.0), [NAN, 2.0], [1, 1]),
    ],
)
def test_what_is_missing_is_owed_what_came_of_it(f, x, expected):
    """Where nan is what was chosen, as NumPy chooses it before any number, it gets the gradient."""
    leaf = Value(x)
    with np.errstate(invalid="ignore"):
        tn.sum(f(leaf)).backward()
    np.testing.assert_array_equal(leaf.grad, expected)


def test_a_single_number_that_is_missing():
    """As in arrays."""
    x = Value(NAN)
    tn.relu(x).backward()
    assert x.grad == 1.0


@pytest.mark.parametrize("f", [tn.maximum, tn.minimum])
def test_single_numbers_that_are_missing(f):
    """As in arrays: nan before a number, two of them a tie."""
    for a, b, expected in ((NAN, 1.0, (1, 0)), (1.0, NAN, (0, 1)), (NAN, NAN, (0.5, 0.5))):
        pair = Value(a), Value(b)
        f(*pair).backward()
        assert (pair[0].grad, pair[1].grad) == expected


# --------------------------------------------------------------------- slopes of slopes, far out


def second(f, a, b, first, then):
    """The derivative by one input of the derivative by another."""
    inner = tn.grad(f, argnums=first)
    with np.errstate(all="ignore"):
        return tn.grad(lambda a, b: inner(a, b), argnums=then)(a, b).item()


@pytest.mark.parametrize("a", [1e-200, 1e-100, 0.3, 3.0, 1e100, 1e200])
@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0)])
def test_the_mixed_slope_of_a_power(a, first, then):
    """a**(b - 1) (1 + b log a), in either order, also where a**b has left the range of floats."""
    exact = mpmath.mpf(a) * (1 + 2 * mpmath.log(a))
    assert second(tn.power, a, 2.0, first, then) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("first", [0, 1])
def test_the_mixed_slope_of_a_power_of_zero(first):
    """The same in either order at 0."""
    for b in (0.0, 1.0, 2.0, 3.0):
        expected = 1.0 if b in (0.0, 1.0) else 0.0
        assert second(tn.power, 0.0, b, first, 1 - first) == expected


POINTS = [1e-200, -1e-200, 1e-100, 1.0, 1e100, 1e200]


@pytest.mark.parametrize("a", POINTS)
@pytest.mark.parametrize("b", POINTS)
def test_the_second_slopes_of_an_angle(a, b):
    """-2ab/r^4 and (a^2 - b^2)/r^4, and inf with their sign where floats do not reach."""
    x, y = mpmath.mpf(a), mpmath.mpf(b)
    r4 = (x * x + y * y) ** 2
    exact = {(0, 0): -2 * x * y / r4, (0, 1): (x * x - y * y) / r4, (1, 1): 2 * x * y / r4}
    for (first, then), true in exact.items():
        for order in {(first, then), (then, first)}:
            assert second(tn.arctan2, a, b, *order) == pytest.approx(float(true), rel=1e-14, abs=0)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.7), (-2.0, 0.5), (1e-60, 2e-60)])
def test_the_third_slope_of_an_angle(a, b):
    """2b(3a^2 - b^2)/r^6."""
    f = tn.grad(tn.grad(tn.grad(lambda a: tn.arctan2(a, b))))
    x, y = mpmath.mpf(a), mpmath.mpf(b)
    exact = 2 * y * (3 * x * x - y * y) / (x * x + y * y) ** 3
    assert f(a).item() == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("f", [np.linalg.det, lambda a: tn.sum(np.linalg.qr(a)[0] ** 3)])
def test_determinants_and_factors_in_batches(f):
    """The gradients of a batch are those of its matrices, singular ones among them for det."""
    a = np.random.default_rng(0).normal(size=(4, 3, 3))
    if f is np.linalg.det:
        a[1] = a[1, :1]
        a[2] = 0.0
    one_by_one = [tn.grad(f)(each).data for each in a]
    np.testing.assert_allclose(tn.vmap(tn.grad(f))(a).data, one_by_one, rtol=1e-12, atol=1e-14)


def test_a_batch_with_dependent_columns_is_refused():
    """One matrix of many without a derivative is enough."""
    a = np.stack([np.eye(2), np.ones((2, 2))])
    with pytest.raises(tn.errors.NoDerivativeError, match="dependent"):
        tn.vmap(tn.grad(lambda a: tn.sum(np.linalg.qr(a)[0])))(a)


def test_numpys_functions_are_found_by_name():
    """What has NumPy's name in `ops` or `linalg` answers for it, without a list of names."""
    for ours, theirs in ((tn.ops, np), (tn.linalg, np.linalg)):
        for name in dir(ours):
            if callable(getattr(ours, name)) and callable(getattr(theirs, name, None)):
                assert answer(getattr(theirs, name))


def test_what_numpys_linalg_cannot_do_it_says_itself():
    """An error of NumPy's own passes through as it is."""
    with pytest.raises(TypeError, match="float16"):
        np.linalg.det(Value(np.eye(2, dtype=np.float16)))


def test_counts_of_plain_numbers():
    """The functions of the package take plain numbers as NumPy's do."""
    assert tn.bincount([0, 1, 1]).tolist() == [1, 2]


def test_a_missing_method_can_be_looked_at():
    """On the class it is what it is, for whoever lists the attributes."""
    assert Value.sort.instead == "np.sort(v)"
