"""Every index that NumPy reads, and `v.at[index]`, which stands in for writing.

The value is NumPy's; what each entry is owed is counted by `bincount` on positions, or seen by
moving that entry in NumPy's own in-place operation.
"""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from numeric import slope

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.errors import ImmutableError, UnsupportedError


def entries(shape, seed=0):
    """Different binary fractions, none of them 0, at least 1/8 apart."""
    n = int(np.prod(shape))
    drawn = np.random.default_rng(seed).permutation(n) - n // 2
    return ((drawn + 0.5) / 8.0).reshape(shape)[()]


V, M, C = entries(5), entries((3, 4)), entries((2, 3, 4))


# ------------------------------------------------------------------------------- the indices


@st.composite
def mixed(draw, shape):
    """Along each axis a number, a slice, a list or an array of numbers, or a mask; new axes."""
    ndim = draw(st.integers(1, len(shape)))
    n = draw(st.integers(1, 3))
    parts = []
    for side in shape[:ndim]:
        number = st.integers(-side, side - 1)
        several = st.lists(number, min_size=n, max_size=n)
        mask = st.permutations([True] * min(n, side) + [False] * (side - min(n, side)))
        masks = [mask.map(np.array)] if n <= side else []
        parts.append(
            draw(st.one_of(number, st.slices(side), several, several.map(np.array), *masks))
        )
    if ndim < len(shape) and draw(st.booleans()):
        parts.insert(draw(st.integers(0, ndim)), draw(st.sampled_from([None, ...])))
    return tuple(parts)


def indices(shape):
    """Anything between the brackets."""
    basic = hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True)
    if not shape:
        return basic | st.sampled_from([True, False, np.array(True)])
    return st.one_of(
        basic,
        hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=4)),
        hnp.arrays(bool, shape),
        hnp.arrays(bool, shape[:1]),
        st.lists(st.integers(-shape[0], shape[0] - 1)).map(lambda k: [*k, 0]),
        mixed(shape),
    )


@st.composite
def indexed(draw, max_dims=3):
    """An array, and an index into it."""
    shape = draw(st.just(()) | hnp.array_shapes(max_dims=max_dims, max_side=4))
    return entries(shape, draw(st.integers(0, 99))), draw(indices(shape))


def positions(x, index):
    """Which entry of x each taken one is."""
    return np.arange(np.size(x)).reshape(np.shape(x))[index]


# -------------------------------------------------------------------------------------- taking


@given(case=indexed())
def test_taking_is_numpys_and_owed_as_often_as_taken(case):
    """The numbers, the shape, and a weight for every time an entry was taken."""
    x, index = case
    v = Value(x)
    y = v[index]
    wanted = np.asarray(x)[index]
    assert y.shape == wanted.shape
    np.testing.assert_array_equal(y.data, wanted)
    weights = entries(wanted.shape, seed=5)
    tn.sum(y * weights).backward()
    owed = np.bincount(positions(x, index).ravel(), np.ravel(weights), minlength=np.size(x))
    np.testing.assert_allclose(v.grad, owed.reshape(np.shape(x)), atol=1e-15)
    assert np.shape(v.grad) == np.shape(x)


@given(case=indexed())
def test_taking_at_second_order(case):
    """sum(x[index]**2) has twice the count of each entry on the diagonal of its Hessian."""
    x, index = case
    gradient = tn.grad(lambda x: tn.sum(Value(x)[index] ** 2))
    times = np.bincount(positions(x, index).ravel(), minlength=np.size(x)).reshape(np.shape(x))
    np.testing.assert_allclose(gradient(x).data, 2.0 * times * x)
    np.testing.assert_array_equal(tn.grad(lambda x: tn.sum(gradient(x)))(x).data, 2.0 * times)


@pytest.mark.parametrize(
    "index",
    [
        np.s_[::-1],
        np.s_[..., None, ::-2],
        np.s_[1, :, -1],
        np.s_[[0, 1, 0], :, [1, 1, -1]],
        np.s_[:, [0, 2], 1:],
        np.s_[np.array([[0], [1]]), [2, 0], None, 0],
        np.s_[:, np.array([True, False, True])],
        np.s_[[True, False]],
        np.s_[0, [[1, 2], [0, 0]], ::2],
        np.s_[np.int64(1), np.uint8(2)],
        np.s_[[], 0],
        np.s_[2:, 5:],
        np.ix_([1, 0], [0, 2], [3]),
        C > 0,
        np.nonzero(C > 0),
        True,
    ],
    ids=str,
)
def test_indices_people_write(index):
    """Each of them, by name."""
    test_taking_is_numpys_and_owed_as_often_as_taken.hypothesis.inner_test((C, index))


def test_masks_and_numbers_may_be_values():
    """`v[v > 0]` and `v[argmax]`: which entries is plain, and flat."""
    v = Value(M)
    tn.sum(v[v > 0] * 2.0).backward()
    np.testing.assert_array_equal(v.grad, 2.0 * (M > 0))
    np.testing.assert_array_equal(v[(v > 0) & (v < 0.5)].data, M[(M > 0) & (M < 0.5)])


@pytest.mark.parametrize("index", [3, (0, 0, 0), [0, 7], 0.5, "a", np.ones(2)], ids=str)
def test_what_is_no_index_is_numpys_error(index):
    """An IndexError, as for an array."""
    for x in (M, Value(M)):
        with pytest.raises(IndexError):
            x[index]


# ------------------------------------------------------------------------------------ updating

UPDATES = {
    "set": lambda x, index, new: x.__setitem__(index, new),
    "add": lambda x, index, new: np.add.at(x, index, new),
    "multiply": lambda x, index, new: np.multiply.at(x, index, new),
    "mul": lambda x, index, new: np.multiply.at(x, index, new),
    "max": lambda x, index, new: np.maximum.at(x, index, new),
    "min": lambda x, index, new: np.minimum.at(x, index, new),
}
each = pytest.mark.parametrize("how", UPDATES)


def updated(how, x, index, new):
    """A copy of x, changed by NumPy in place."""
    x = np.array(x)
    UPDATES[how](x, index, new)
    return x


def check_gradient(gradient, f, x, weights):
    """Entry by entry, the weighted sum of f moves as the gradient says."""
    assert np.shape(gradient) == np.shape(x)
    for k in np.ndindex(np.shape(x)):
        way = np.zeros(np.shape(x))
        way[k] = 1.0
        seen, doubt = slope(f, x, way)
        doubt = 4.0 * np.sum(doubt * np.abs(weights)) + 1e-12
        assert abs(np.asarray(gradient)[k] - np.sum(seen * weights)) <= doubt < 1e-6


@st.composite
def updates(draw):
    """An array, an index, and new entries for it: as many, or fewer that are stretched."""
    x, index = draw(indexed(max_dims=2))
    shape = np.asarray(x)[index].shape
    shape = draw(st.sampled_from([shape, shape[1:], (1,) * len(shape), ()]))
    return x, index, entries(shape, seed=3) + 1 / 32


@each
@given(case=updates())
def test_updates_are_numpys_and_owed_what_is_seen(how, case):
    """To the array and to what was put there; v itself stays as it was."""
    x, index, new = case
    v, n = Value(x), Value(new)
    y = getattr(v.at[index], how)(n)
    wanted = updated(how, x, index, new)
    np.testing.assert_allclose(y.data, wanted, rtol=1e-15)
    assert y.shape == wanted.shape
    np.testing.assert_array_equal(v.data, x)
    weights = entries(wanted.shape, seed=4)
    tn.sum(y * weights).backward()
    check_gradient(v.grad, lambda x: updated(how, x, index, new), x, weights)
    check_gradient(n.grad, lambda new: updated(how, x, index, new), new, weights)


@each
@given(case=updates())
def test_updates_at_second_order(how, case):
    """Between v and the new entries too: against the slopes of the gradient of cubes."""
    start, index = case[::2], case[1]
    ways = [entries(np.shape(x), seed=6) for x in start]

    def first(*moving):
        cubes = lambda x, new: tn.sum(getattr(x.at[index], how)(new) ** 3)  # noqa: E731
        shares = tn.grad(cubes, argnums=(0, 1))(*moving)
        return sum(tn.sum(share * way) for share, way in zip(shares, ways, strict=True))

    second = tn.grad(first, argnums=(0, 1))(*start)
    for i, x in enumerate(start):
        f = lambda x, i=i: first(*start[:i], x, *start[i + 1 :]).data  # noqa: E731
        seen, doubt = slope(f, np.asarray(x), ways[i])
        assert abs(np.sum(second[i].data * ways[i]) - seen) <= 4.0 * doubt + 1e-12


def test_of_several_for_one_entry_the_last_is_kept():
    """As in NumPy: the others and the old entry are owed nothing."""
    v, new = Value(V), Value([1.0, 2.0, 3.0])
    y = v.at[[1, 4, 1]].set(new)
    np.testing.assert_array_equal(y.data, [V[0], 3.0, V[2], V[3], 2.0])
    tn.sum(y).backward()
    np.testing.assert_array_equal(v.grad, [1.0, 0.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(new.grad, [0.0, 1.0, 1.0])


@pytest.mark.parametrize("how", ["max", "min"])
def test_all_that_meet_at_one_entry_share_ties(how):
    """Three equal numbers for one entry are owed a third each; at second order nothing."""
    v, new = Value([1.0, 2.0]), Value([1.0, 1.0, 2.0])
    update = lambda v, new: tn.sum(getattr(v.at[[0, 0, 1]], how)(new) * [6.0, 8.0])  # noqa: E731
    update(v, new).backward()
    np.testing.assert_allclose(v.grad, [2.0, 4.0])
    np.testing.assert_allclose(new.grad, [2.0, 2.0, 4.0])
    second = tn.grad(lambda v: tn.sum(tn.grad(update)(v, new.detach()) ** 2))
    np.testing.assert_array_equal(second(Value([1.0, 2.0])).data, [0.0, 0.0])


def test_zeros_among_factors():
    """Each factor is owed the product of the others, whether or not one of all is 0."""
    v, new = Value([5.0, 2.0]), Value([0.0, 3.0, 0.0, 7.0])
    tn.sum(v.at[[0, 0, 1, 0]].multiply(new)).backward()
    np.testing.assert_array_equal(v.grad, [0.0, 0.0])
    np.testing.assert_array_equal(new.grad, [105.0, 0.0, 2.0, 0.0])


def test_factors_that_would_overflow_together():
    """They are multiplied one after the other, as NumPy does."""
    v = Value([1e-200])
    y = v.at[[0, 0]].multiply([1e200, 1e200])
    assert y[0].item() == pytest.approx(1e200)


@each
def test_what_is_not_finite_stays_elsewhere(how):
    """An inf or nan in v does not reach the entries beside it, nor their gradients."""
    v, new = Value([np.inf, 2.0, np.nan]), Value(3.0)
    y = getattr(v.at[1], how)(new)
    np.testing.assert_array_equal(y.data, [np.inf, updated(how, [2.0], 0, 3.0)[0], np.nan])
    tn.sum(y * [5.0, 6.0, 7.0]).backward()
    np.testing.assert_array_equal(v.grad[[0, 2]], [5.0, 7.0])
    assert np.isfinite(v.grad[1])
    assert np.isfinite(new.grad)


@each
def test_precision_is_that_of_v(how):
    """A float32 array stays one; the gradients have the precision of what they belong to."""
    v, new = Value(np.float32([1.0, 2.0])), Value(np.array([0.5]))
    y = getattr(v.at[:1], how)(new)
    assert y.dtype == np.float32
    tn.sum(y).backward()
    assert (v.grad.dtype, new.grad.dtype) == (np.float32, np.float64)
    assert getattr(v.at[0], how)(3).dtype == np.float32


@each
def test_new_entries_that_do_not_fit(how):
    """A ValueError, as in NumPy: nothing is repeated that was not asked for."""
    with pytest.raises(ValueError, match="broadcast"):
        getattr(Value(V).at[:3], how)([1.0, 2.0])


def test_an_index_changed_later_changes_nothing():
    """The caller's array is copied when it is used."""
    for how in UPDATES:
        index, v = np.array([0, 1]), Value(V)
        y = getattr(v.at[index], how)(9.0 if how == "max" else -9.0)
        index[:] = 4
        tn.sum(y).backward()
        assert v.grad[4] == 1.0


def test_writing_is_refused_and_says_what_to_type():
    """`v[i] = x` names `v.at[i].set(x)`."""
    v = Value(V)
    with pytest.raises(ImmutableError, match=r"v\.at\[i\]\.set\(x\)"):
        v[0] = 1.0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("np.put_along_axis", lambda v: np.put_along_axis(v, np.array([0]), 1.0, 0)),
        ("np.put", lambda v: np.put(v, [0], 1.0)),
        ("np.place", lambda v: np.place(v, V > 0, 1.0)),
        ("np.putmask", lambda v: np.putmask(v, V > 0, 1.0)),
        ("np.copyto", lambda v: np.copyto(v, 1.0)),
        ("np.fill_diagonal", lambda v: np.fill_diagonal(v, 1.0)),
        ("np.add.at", lambda v: np.add.at(v, [0], 1.0)),
    ],
)
def test_numpys_functions_that_write_name_at(name, call):
    """They cannot write into a Value; the error says what makes a changed copy."""
    with pytest.raises(UnsupportedError, match=r"\.at\[") as caught:
        call(Value(V))
    assert name in str(caught.value)


def test_a_list_of_updates_in_a_loop():
    """What would be `y[k] = y[k - 1] * x` on an array, by v.at: the gradient of a power."""
    y, x = Value(np.ones(6)), Value(1.5)
    for k in range(1, 6):
        y = y.at[k].set(y[k - 1] * x)
    y[-1].backward()
    assert x.grad == pytest.approx(5.0 * 1.5**4)
