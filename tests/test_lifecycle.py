"""Birth, use and death of graphs: a million nodes, no cycles, threads, failures midway."""

import copy
import gc
import pickle
import subprocess
import sys
import threading
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.graph import history

MILLION = 1_000_000


@contextmanager
def without_collector():
    """Python's cycle collector switched off: what is freed is freed by its last user."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("data", [1.0, [1.0]], ids=["numbers", "arrays"])
def test_a_million_operations(data):
    """They record, differentiate and are freed with the default recursion limit, by counting.

    Memory returns with the collector off: there are no cycles.
    """
    length = MILLION if data == 1.0 else MILLION // 10
    assert sys.getrecursionlimit() <= 1000
    x = Value(data)
    with without_collector():
        before = sys.getallocatedblocks()
        y = x
        for _ in range(length // 2):
            y = y * 1.000001
            y = y + 1e-6
        last = weakref.ref(y)
        y.sum().backward() if y.ndim else y.backward()
        np.testing.assert_allclose(x.grad, 1.000001 ** (length // 2), rtol=1e-6)
        del y
        assert last() is None
        assert sys.getallocatedblocks() - before < 10_000  # what Python keeps for later use


def test_a_deep_graph_can_be_walked_and_shown():
    """No function on a graph recurses over it."""
    x = y = Value(1.0, name="x")
    for _ in range(20_000):
        y = y + x
    assert len(history(y)) == 20_001
    assert repr(y) == "Value(20001.0)"
    with pytest.raises(tn.errors.LeftGraphError, match="x"):
        float(y)
    assert tn.grad(tn.grad(lambda x: _power(x, 500)))(1.0).item() == 500 * 499


def _power(x, n):
    y = x
    for _ in range(n - 1):
        y = y * x
    return y


@pytest.mark.parametrize("reach", ["copy", "deepcopy", "pickle"])
def test_a_deep_graph_can_be_copied(reach):
    """Copies and pickles of a result of 20,000 steps."""
    y = Value(1.0)
    for _ in range(20_000):
        y = y + 1.0
    duplicate = {
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "pickle": lambda y: pickle.loads(pickle.dumps(y)),
    }[reach]
    assert duplicate(y).item() == 20_001.0


def everything_once():
    """A bit of everything: forward, backward, recorded gradients, errors."""
    w = Value([1.0, 2.0], name="w")
    y = tn.tanh(w * 3.0 + 1.0).sum() + w[0] * Value(2.0)
    y.backward()
    w.data -= 0.1 * w.grad
    tn.grad(tn.grad(lambda x: tn.sin(x) * x))(1.0)
    tn.value_and_grad(lambda x: tn.sum(x @ x))(np.ones(2))
    repr(w)
    len(history(y))
    with tn.no_grad():
        w * 2.0
    return weakref.ref(w), weakref.ref(y)


def test_nothing_makes_a_cycle():
    """The collector finds nothing to do, and what nobody holds is gone at once."""
    with without_collector():
        everything_once()
        gc.collect()
        alive = everything_once()
        assert [ref() for ref in alive] == [None, None]
        assert gc.collect() == 0


def test_recording_does_not_feed_the_collector():
    """Nodes of an expression in use are few objects for the collector to walk."""
    x = Value(1.0)
    with without_collector():
        before = len(gc.get_objects())
        y = x
        for _ in range(1000):
            y = y * 2.0
        assert len(gc.get_objects()) - before <= 2 * 1000 + 10


def test_training_holds_no_memory():
    """After a warm-up that fills Python's own free lists, a thousand steps leave nothing behind."""
    w = Value(np.zeros(3), name="w")

    def steps(n):
        for _ in range(n):
            loss = tn.mean((np.eye(3) @ w - 1.0) ** 2)
            loss.backward()
            w.data -= 0.1 * w.grad
            w.zero_grad()

    with without_collector():
        steps(4000)
        before = sys.getallocatedblocks()
        steps(1000)
        assert sys.getallocatedblocks() - before < 200


def test_a_gradient_does_not_hold_the_graph():
    """Of `grad` by plain numbers only the number is left."""
    inner = []

    def f(x):
        y = tn.sin(x)
        inner.append(weakref.ref(y))
        return y * y

    with without_collector():
        gradient = tn.grad(f)(1.0)
        assert gradient.inputs == ()
        assert inner[0]() is None


# ------------------------------------------------------------------------------- threads


def in_threads(work, n=4):
    """The results of the same work started together in several threads."""
    gate = threading.Barrier(n)

    def run(k):
        gate.wait()
        return work(k)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


def test_threads_do_not_mix():
    """Each builds, differentiates and updates its own graph, many times over."""

    def work(k):
        answers = set()
        for _ in range(200):
            x = Value(float(k + 1))
            y = x
            for _ in range(20):
                y = y * x
            y.backward()
            answers.add((y.item(), x.grad))
        return answers

    for k, answers in enumerate(in_threads(work)):
        assert answers == {((k + 1.0) ** 21, 21.0 * (k + 1.0) ** 20)}


def test_threads_share_leaves_through_grad():
    """The functional road writes nothing on the leaves that all of them use."""
    w = Value([2.0, 3.0])

    def work(k):
        slope = tn.grad(lambda w, x: tn.sum(w * w * x))
        return [slope(w, np.full(2, float(k))).tolist() for _ in range(200)]

    for k, answers in enumerate(in_threads(work)):
        assert answers == [[4.0 * k, 6.0 * k]] * 200
    assert repr(w.grad) == "not computed yet"


def test_no_grad_is_for_one_thread():
    """Half of the threads record, the other half do not."""
    x = Value(3.0)

    def work(k):
        lengths = set()
        for _ in range(500):
            if k % 2:
                with tn.no_grad():
                    lengths.add(len((x * x).inputs))
            else:
                lengths.add(len((x * x).inputs))
        return lengths

    assert in_threads(work) == [{2}, {0}, {2}, {0}]


# ------------------------------------------------------------------------ failures midway


def _raise(g, y, x):
    raise KeyboardInterrupt


@pytest.mark.parametrize("data", [2.0, [2.0, 3.0]], ids=str)
def test_a_failing_rule_leaves_no_trace(data):
    """No half-written gradients; the same leaves work on."""
    w = Value(data)
    (w * 1.0).sum().backward()
    before = np.copy(w.grad)

    @tn.elementwise(_raise)
    def explosive(x):
        return x * 1.0

    later = w * 3.0
    loss = (later + explosive(w)).sum()
    with pytest.raises(KeyboardInterrupt):
        loss.backward()
    np.testing.assert_array_equal(w.grad, before)
    assert repr(later.grad) == "not computed yet"
    with pytest.raises(KeyboardInterrupt):
        tn.grad(lambda w: explosive(w).sum())(w)
    (w * 2.0).sum().backward()
    np.testing.assert_array_equal(w.grad, before + 2.0)
    assert tn.grad(lambda x: x * x)(3.0).item() == 6.0


def test_a_failing_function_leaves_no_trace():
    """An exception inside the differentiated function is the caller's, and nothing is left over."""

    def f(x):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        tn.grad(tn.grad(f))(1.0)
    assert tn.grad(tn.grad(lambda x: x**3))(1.0).item() == 6.0


def test_numpys_error_state_is_left_as_it_was():
    """A sweep judges inf and nan itself, and changes nothing for anybody else."""
    before = np.geterr()
    x = Value([0.0, 1.0])
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        tn.sqrt(x).sum().backward()
        inside = np.geterr()
    assert np.geterr() == before
    assert inside["divide"] == "raise"
    np.testing.assert_array_equal(x.grad, [np.inf, 0.5])


def test_the_caller_decides_about_warnings():
    """`np.errstate(divide='raise')` is obeyed in the forward pass, for numbers as for arrays."""
    for zero in (0.0, [0.0]):
        with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
            tn.log(Value(zero))


def test_importing_changes_nothing():
    """No error state, no random numbers, no recursion limit."""
    script = (
        "import sys, numpy as np\n"
        "state = lambda: (np.geterr(), sys.getrecursionlimit(), np.random.get_state()[2],"
        " str(np.get_printoptions()))\n"
        "before = state()\n"
        "import tinygrad_neuron\n"
        "assert state() == before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_gradient_of_a_result_is_its_own() -> None:
    """`+` hands the same array to both sides; changing one gradient in place changes no other."""
    a, b = tn.Value([1.0, 2.0]), tn.Value([3.0, 4.0])
    square = a * a
    total = square + b
    total.sum().backward()
    b.grad[:] = 7.0
    assert square.grad.tolist() == [1.0, 1.0]
    square.grad[:] = 9.0
    assert square.grad.tolist() == [9.0, 9.0]
    assert total.grad.tolist() == [1.0, 1.0]


def test_what_nobody_writes_to_is_not_copied() -> None:
    """A read-only array with its own memory is used as it is; any other is copied."""
    frozen = np.ones(1000)
    frozen.flags.writeable = False
    assert np.shares_memory(tn.Value(frozen).data, frozen)
    assert not np.shares_memory(tn.Value(frozen[:10]).data, frozen)
    array = np.ones(1000)
    assert not np.shares_memory(tn.Value(array).data, array)
    leaf = tn.Value(frozen)
    leaf.data -= 1.0
    assert frozen.tolist() == [1.0] * 1000


def test_a_gradient_of_many_numbers_frees_what_is_handed_on() -> None:
    """A chain of 50 steps on 1e5 numbers: the sweep needs a few arrays, not 50."""
    x = np.ones(100_000)

    def chain(v: tn.Value) -> tn.Value:
        for _ in range(50):
            v = v * 1.01
        return v.sum()

    tracemalloc.start()
    tn.grad(chain)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (52 + 8) * x.nbytes  # the forward pass keeps its own 50


@pytest.mark.parametrize("start", [3.0, np.array([3.0, -1.0])])
def test_a_loop_by_gradients_that_are_values_remembers_no_steps(start) -> None:
    """p = p - alpha * g makes Values that depend on no leaf: there is nothing to remember."""
    both, p = tn.value_and_grad(lambda w: np.sum((w * 2.0 - 1.0) ** 2)), start
    for _ in range(200):
        loss, g = both(p)
        p = p - 0.05 * g
    assert history(p) == [p]
    assert history(loss) == [loss]
    np.testing.assert_allclose(p.data, np.full(np.shape(start), 0.5), atol=1e-12)


def test_what_depends_on_a_leaf_is_remembered_through_constants() -> None:
    """A constant Value on either side of a leaf takes nothing away from its gradient."""
    w, c = tn.Value(3.0), tn.Value(2.0).detach()
    loss = c * (w * c) + c * c
    loss.backward()
    assert (loss.data, w.grad) == (16.0, 4.0)
    assert (c * c).inputs == ()
