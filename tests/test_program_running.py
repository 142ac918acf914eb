"""The text that runs gives what the source gives: of every primitive and loss, small and large."""

import calls
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from test_program_losses import LOSSES, ORDERED, arrays_of
from test_program_source import RULES_THAT_LOOK

from tinygrad_neuron import losses, program_of, sigmoid, value_and_grad
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.ops import PRIMITIVES
from tinygrad_neuron.program import choosing, optimised, stages
from tinygrad_neuron.program.running import runner
from tinygrad_neuron.program.text import Text

FEW = settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
WITH_RULES = [p for p in PRIMITIVES if p.name not in RULES_THAT_LOOK]


@pytest.fixture(autouse=True, scope="module")
def small_regions():
    """Regions already of two blocks, so that the tests need no larger arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "WORTH", 2 * stages.BLOCK)
        yield


def assert_runs_alike(program, inputs, rtol=1e-12):
    """The runner's answers are those of the source, in shape, dtype and number; twice."""
    run = runner(optimised(program))
    for _ in range(2):
        pairs = zip(leaves(run(*inputs)), leaves(program.run_inputs(*inputs)), strict=True)
        for ours, theirs in pairs:
            ours, theirs = np.asarray(ours), np.asarray(theirs)
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
            if ours.tobytes() != theirs.tobytes():
                scale = np.abs(theirs[np.isfinite(theirs)]).max(initial=0.0)
                np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("primitive", WITH_RULES, ids=str)
@FEW
@given(st.data())
def test_every_gradient_runs(primitive, data):
    """With its function, into buffers."""
    call = data.draw(calls.of(primitive))
    y = np.asarray(primitive(*call.inputs, **call.settings))
    if y.dtype.kind != "f" or not call.varying:
        return
    weights = np.cos(np.arange(y.size) + 1.0).reshape(y.shape)

    def loss(*xs):
        return (primitive(*xs, **call.settings) * weights).sum()

    program = program_of(value_and_grad(loss, argnums=tuple(call.varying)))(*call.inputs)
    assert_runs_alike(program, call.inputs)


@pytest.mark.parametrize("primitive", [p for p in WITH_RULES if p.elementwise], ids=str)
@FEW
@given(st.data())
def test_every_function_of_entries_runs_in_blocks(primitive, data):
    """On arrays of more than one block, with a last one that is shorter."""
    call = data.draw(calls.of(primitive))
    y = primitive(*call.inputs, **call.settings)
    floats = all(np.asarray(x).dtype == float for x in (*call.inputs, y))
    if not floats or not np.size(y) or not call.varying or primitive.name == "polygamma":
        return
    n = 2 * stages.BLOCK + 77
    inputs = [np.resize(np.broadcast_to(x, np.shape(y)), n) for x in call.inputs]
    weights = np.cos(np.arange(n) + 1.0)

    def loss(*xs):
        return (primitive(*xs, **call.settings) * weights).sum()

    program = program_of(value_and_grad(loss, argnums=tuple(call.varying)))(*inputs)
    assert "region0(" in Text(optimised(program)).whole()
    assert_runs_alike(program, inputs, rtol=1e-11)


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ORDERED])
def test_every_loss_runs(name):
    """With its gradient, at another prediction than the one it was traced at."""
    at, *others = arrays_of(name, 1)
    program = program_of(value_and_grad(lambda p: losses.LOSSES[name](p, *others)))(at)
    assert_runs_alike(program, [arrays_of(name, 2)[0]])


# ------------------------------------------------------------------------ choices


@settings(max_examples=60)
@given(st.data(), st.sampled_from([np.float32, np.float64]))
def test_a_choice_by_bits_is_a_choice(data, dtype):
    """nan, infinities and zeros with their signs pass as they are; numbers on either side."""
    entries = st.floats(width=8 * np.dtype(dtype).itemsize)
    n = data.draw(st.integers(0, 40))
    a, b = (np.array(data.draw(st.lists(entries, min_size=n, max_size=n)), dtype) for _ in "ab")
    condition = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    x = data.draw(entries)
    number, mask = choosing.as_bits(x, a.dtype), np.empty(n, np.int8)
    for left, right, wanted in (
        (a, b, np.where(condition, a, b)),
        (a, number, np.where(condition, a, dtype(x))),
        (number, b, np.where(condition, dtype(x), b)),
        (a, 0, np.where(condition, a, dtype(0.0))),
    ):
        found = choosing.chosen(condition, left, right, mask)
        assert found.dtype == dtype
        assert found.tobytes() == wanted.tobytes()
        out = np.empty_like(found[::-1])
        assert (
            choosing.chosen(condition, left, right, mask, out[::-1]).tobytes() == wanted.tobytes()
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [choosing.FEW - 1, choosing.FEW, 3 * choosing.FEW])
def test_corners_of_many_entries(n, dtype):
    """Gradients that choose, at ties, nan and infinities, with choices by bits and without."""

    def f(x):
        return np.sum(np.maximum(x, 0.0) * np.abs(x) + np.minimum(x, -1.0) + sigmoid(x))

    x = np.random.default_rng(0).normal(size=n).astype(dtype)
    x[:6] = [0.0, -0.0, np.nan, np.inf, -np.inf, -1.0]
    program = optimised(program_of(value_and_grad(f))(x))
    wanted = program.interpret(x)
    found = runner(program)(x)
    assert found[1].dtype == dtype
    np.testing.assert_array_equal(found[1], wanted[1])
    assert ("chosen" in Text(program).whole()) == (n >= choosing.FEW)
