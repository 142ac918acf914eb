"""The text that runs gives what the source gives: of every primitive and loss, small and large."""

import calls
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from test_program_losses import LOSSES, ORDERED, arrays_of
from test_program_source import RULES_THAT_LOOK

from tinygrad_neuron import losses, program_of, value_and_grad
from tinygrad_neuron.containers import leaves
from tinygrad_neuron.ops import PRIMITIVES
from tinygrad_neuron.program import optimised, stages
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
