"""Others that compile symbols: CasADi and PyTensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from suite import higher
from suite.functions import functions
from suite.peers import refuse_rows, turns
from suite.work import (
    Contender,
    UnfitError,
    Work,
    again,
    begun,
    flat,
    gradient,
    inside,
    looping,
    updated,
)

# ---- CasADi ----

MAPPED = 100  # steps in one call of a loop
JIT = {
    "jit": True,
    "compiler": "shell",
    "jit_options": {"flags": ["-O3", "-march=native"], "verbose": False},
}


def casadi(work: Work) -> Iterator[Contender]:
    """Its virtual machine and its C, on buffers: numbers are not converted at each call."""
    import casadi as ca

    for kind in (ca.MX, ca.SX):
        kind.__matmul__ = lambda a, b: ca.mtimes(a, b)
    if isinstance(work, higher.Higher):
        symbols, results, given = higher.casadi_function(work.of)
        yield from casadi_ways(work, symbols, results, given)
    elif work.optimiser:
        yield from casadi_training(work)
    else:
        yield from casadi_gradient(work)


def casadi_functions() -> Any:
    """Its own; a mean and a sigmoid are made of them."""
    import casadi as ca

    def scan(step: Any, carry: Any, xs: Any, length: int) -> Any:
        return functions().scan(step, carry, xs, length)

    return functions(
        ca,
        mean=lambda x: ca.sum1(ca.sum2(x)) / x.numel(),
        sigmoid=lambda x: 1.0 / (1.0 + ca.exp(-x)),
        relu=lambda x: ca.fmax(x, 0.0),
        sum=lambda x: ca.sum1(ca.sum2(x)),
        concatenate=lambda xs: ca.vertcat(*xs),
        scan=scan,
    )


def casadi_gradient(work: Work) -> Iterator[Contender]:
    """A loss and its gradient."""
    import casadi as ca

    given = [*work.parameters, *work.data]
    if any(np.ndim(x) > 1 for x in given):
        raise UnfitError("its arrays do not broadcast and have two axes")
    if work.operations > 250_000:
        raise UnfitError("an expression of so many operations takes minutes")
    symbol = ca.MX if any(map(np.ndim, given)) else ca.SX
    symbols = [symbol.sym(f"x{i}", *np.atleast_2d(x).T.shape) for i, x in enumerate(given)]
    count = len(work.parameters)
    loss = work.loss(casadi_functions(), symbols[:count], symbols[count:])
    slopes = ca.gradient(loss, ca.vertcat(*symbols[:count]))
    if not work.of_numbers:
        slopes = ca.gradient(loss, symbols[0])
    else:
        together = ca.SX.sym("p", count)
        f = ca.Function("f", [ca.vertcat(*symbols)], [loss])
        loss = f(together)
        slopes, symbols = ca.gradient(loss, together), [together]
        given = [np.array([float(x) for x in given])]
    few = 0 < work.operations <= 3000 or work.name.startswith("scalar")
    yield from casadi_ways(work, symbols, [slopes, loss], given, few)


def casadi_ways(
    work: Any, symbols: Any, results: Any, given: Any, few: bool = True
) -> Iterator[Contender]:
    """The virtual machine, and C where the expression is short enough for a C compiler."""
    yield casadi_buffered("CasADi", work, symbols, results, given, {})
    if few:
        yield casadi_buffered("CasADi, C", work, symbols, results, given, JIT)


def casadi_buffered(
    name: str, work: Any, symbols: Any, results: Any, given: Any, settings: Any
) -> Contender:
    """A function on memory that it keeps."""
    import casadi as ca

    function = ca.Function("f", symbols, results, settings)
    buffer, evaluate = function.buffer()
    places = [np.asfortranarray(np.asarray(x, float)).reshape(-1, order="F") for x in given]
    answers = [np.zeros(function.nnz_out(i)) for i in range(len(results))]
    for i, x in enumerate(places):
        buffer.set_arg(i, memoryview(x))
    for i, x in enumerate(answers):
        buffer.set_res(i, memoryview(x))

    def answer(kept: Any = (buffer, function, places)) -> Any:
        evaluate()  # on memory of the buffer's, which must not be freed
        dense = ca.DM(function.sparsity_out(0), answers[0]).full()
        return dense.ravel()

    return Contender(name, "CasADi", answer, again(evaluate))


def casadi_training(work: Work) -> Iterator[Contender]:
    """Steps that are mapped one after the other: as long as the table is small, all in C."""
    import casadi as ca

    if work.batched or (work.sample is None and work.dtype != np.float64):
        raise UnfitError("no batches here")
    if work.size > 1_000_000:
        raise UnfitError("a table of that size takes minutes")
    if work.optimiser == "adam" or (work.sample is None and len(work.parameters) > 2):
        raise UnfitError("its arrays do not broadcast")
    sizes = [np.size(x) for x in work.parameters]
    weights = ca.SX.sym("w", sum(sizes))
    slope = casadi_rows(work, weights) if work.sample is not None else casadi_table(work)
    state = ca.MX.sym("w", sum(sizes))
    start = flat(work.parameters)
    for name, settings in (("CasADi, mapaccum", {}), ("CasADi, mapaccum in C", JIT)):
        if settings and work.size > 100_000:
            continue
        step = ca.Function("step", [state], [state - work.alpha * slope(state)])
        yield casadi_loop(name, step, start, settings)


def casadi_rows(work: Work, weights: Any) -> Any:
    """The mean slope, of a loss of numbers traced for one row and mapped over all."""
    import casadi as ca

    rows = [np.atleast_2d(np.asarray(x, float).T) for x in work.data]  # a sample in each column
    symbols = [ca.SX.sym(f"d{i}", x.shape[0]) for i, x in enumerate(rows)]
    following = iter(range(weights.numel()))
    tree = [shaped(x, weights, following) for x in work.parameters]
    data = [
        [s[i] for i in range(s.numel())] if np.ndim(x) > 1 else s[0]
        for s, x in zip(symbols, work.data, strict=True)
    ]
    assert work.sample is not None
    loss = work.sample(casadi_functions(), tree, *data)
    one = ca.Function("one", [weights, *symbols], [ca.gradient(loss, weights)])
    count = rows[0].shape[1]
    many = one.map("many", "serial", count, [0], []) if count > 1 else one
    argument = ca.MX.sym("w", weights.numel())
    mean = ca.sum2(many(argument, *map(ca.DM, rows))) / count
    return ca.Function("slope", [argument], [mean])


def shaped(x: Any, weights: Any, following: Any) -> Any:
    """Symbols in lists, as the numbers of an array lie."""
    if np.ndim(x):
        return [shaped(one, weights, following) for one in x]
    return weights[next(following)]


def casadi_table(work: Work) -> Any:
    """The slope, by products with the whole table."""
    import casadi as ca

    d = np.size(work.parameters[0])
    argument = ca.MX.sym("w", d + 1)
    loss = work.loss(casadi_functions(), [argument[:d], argument[d]], list(map(ca.DM, work.data)))
    return ca.Function("slope", [argument], [ca.gradient(loss, argument)])


def casadi_loop(name: str, step: Any, start: Any, settings: Any) -> Contender:
    """Calls of a hundred steps each; the answer is of five."""
    import casadi as ca

    state = ca.MX.sym("w", len(start))
    loops = {}
    for count in (MAPPED, 5):
        last = step.fold(count)(state)
        loops[count] = ca.Function("loop", [state], [last], settings)

    def run(steps: int) -> Any:
        now = ca.DM(start)
        for _ in range(steps // MAPPED):
            now = loops[MAPPED](now)
        return now

    def answer() -> Any:
        return loops[5](ca.DM(start)).full().ravel()

    return Contender(name, "CasADi", answer, run, whole=True, portions=MAPPED)


# ---- PyTensor ----


def pytensor(work: Work) -> Iterator[Contender]:
    """Its default mode; the inputs are not checked at each call, and parameters are shared."""
    import pytensor as pt

    if isinstance(work, higher.Higher):
        symbols, result, given = higher.pytensor_function(work.of)
        function = pt.function(symbols, result, trust_input=True)
        yield higher.contender("PyTensor", "PyTensor", work, lambda: function(*given))
        return
    refuse_rows(work)
    if work.of_numbers and work.operations > 1000 and not work.length:
        raise UnfitError("thousands of operations take minutes to compile")
    if work.optimiser:
        yield pytensor_training(work)
    else:
        yield pytensor_gradient(work)


def pytensor_functions() -> Any:
    """Its own, and its scan."""
    import pytensor
    import pytensor.tensor as tensor
    from pytensor.tensor import special

    def scan(step: Any, carry: Any, xs: Any, length: int) -> Any:
        def one(*given: Any) -> Any:
            return step(list(given[len(xs) :]), given[: len(xs)])

        carried = [tensor.as_tensor(x, dtype="float64") for x in carry]
        found = pytensor.scan(
            one, sequences=list(xs), outputs_info=carried, n_steps=length, return_updates=False
        )
        return [x[-1] for x in (found if isinstance(found, list) else [found])]

    def cross_entropy(z: Any, labels: Any) -> Any:
        rows = tensor.arange(labels.shape[0])
        return -special.log_softmax(z, axis=1)[rows, labels].mean()

    return functions(
        tensor,
        relu=lambda x: tensor.maximum(x, 0.0),
        cross_entropy=cross_entropy,
        scan=scan,
        shape=lambda x: x.type.shape,
    )


def pytensor_gradient(work: Work) -> Contender:
    """A loss and its gradient."""
    import pytensor as pt
    import pytensor.tensor as tensor

    given = [np.asarray(x) for x in (*work.parameters, *work.data)]
    symbols = [tensor.TensorType(x.dtype, x.shape)() for x in given]
    count = len(work.parameters)
    loss = work.loss(pytensor_functions(), symbols[:count], symbols[count:])
    results = [loss, *pt.grad(loss, symbols[:count])]
    function = pt.function(symbols, results, trust_input=True)

    def step() -> Any:
        value, *slopes = function(*given)
        return value, slopes

    return gradient("PyTensor", "PyTensor", step)


def pytensor_training(work: Work) -> Contender:
    """A step that updates what it shares; small ones hold the data as well."""
    import pytensor as pt
    import pytensor.tensor as tensor

    first = [np.asarray(x) for x in work.batch(0)]
    data = [tensor.TensorType(x.dtype, x.shape)() for x in first]
    start = [np.asarray(x) for x in work.parameters]
    state = begun(work, [pt.shared(x) for x in start], lambda x: pt.shared(0.0 * x.get_value()))
    if work.optimiser == "adam":
        state[2] = [pt.shared(0.0 * x) for x in start]
        state[3:] = [pt.shared(np.asarray(1.0, work.dtype)) for _ in range(2)]
    parameters = inside(work, state)
    loss = work.loss(pytensor_functions(), parameters, data)
    new = updated(work, state, pt.grad(loss, parameters), tensor.sqrt)
    pairs = zip(leaves_of(state), leaves_of(new), strict=True)
    updates = [(old, x.astype(old.dtype)) for old, x in pairs]
    function = pt.function(data, loss, updates=updates, trust_input=True)
    batches = [work.batch(k) for k in range(turns(work))]

    def begin() -> None:
        for shared in leaves_of(state):
            shared.set_value(0.0 * shared.get_value())
        for shared, x in zip(parameters, start, strict=True):
            shared.set_value(x)
        for shared in state[3:] if work.optimiser == "adam" else ():
            shared.set_value(np.asarray(1.0, work.dtype))

    def steps(_: None, count: int) -> None:
        for k in range(count):
            function(*batches[k % len(batches)])

    def read(_: None) -> Any:
        return [shared.get_value() for shared in parameters]

    return looping("PyTensor", "PyTensor", begin, steps, read)


def leaves_of(tree: Any) -> Iterator[Any]:
    """What is in lists in lists."""
    for one in tree:
        if isinstance(one, list):
            yield from leaves_of(one)
        else:
            yield one
