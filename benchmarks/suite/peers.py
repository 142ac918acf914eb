"""Others as they come: NumPy by hand, PyTorch, autograd, MyGrad, DeZero, micrograd, JAX."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from suite import higher
from suite.functions import functions
from suite.ours import by_rows, nested
from suite.scalars import expression_by_hand
from suite.work import (
    Contender,
    UnfitError,
    Weights,
    Work,
    again,
    begun,
    flat,
    functional,
    gradient,
    inside,
    looping,
    threads,
    updated,
)

BY_HAND = "NumPy by hand"


def by_hand(work: Work) -> Iterator[Contender]:
    """What a person would write instead of a library."""
    if isinstance(work, higher.Higher):
        yield higher.contender(BY_HAND, BY_HAND, work, higher.TRUTH[work.of])
        return
    yield functional(BY_HAND, BY_HAND, work, work.by_hand)


def floats_by_hand(work: Work) -> Iterator[Contender]:
    """The chain rule on Python's floats."""
    if isinstance(work, higher.Higher) or not work.of_numbers or work.optimiser:
        raise UnfitError("single numbers only")
    parameters = [float(x) for x in work.parameters]
    step = work.by_hand
    if step is expression_by_hand:
        step = partial(expression_by_hand, f=math)
    yield gradient("floats by hand", "floats by hand", lambda: step(parameters, ()))


# ---- libraries whose `backward` leaves the gradients on the parameters ----


def with_backward(
    name: str,
    work: Work,
    f: Any,
    tensor: Callable[[Any, bool], Any],
    array: Callable[[Any], Any],
    forget: Callable[[Any], object],
    data: Callable[[Any], Any] = lambda x: x,
) -> Contender:
    """One whose tensors hold NumPy's arrays in `.data`, which NumPy moves."""
    refuse_rows(work)
    batches = [list(map(data, work.batch(k))) for k in range(turns(work))]

    def slopes(leaves: Any, k: int = 0) -> list[Any]:
        for leaf in leaves:
            forget(leaf)
        work.loss(f, leaves, batches[k % len(batches)]).backward()
        return [array(leaf) for leaf in leaves]

    if not work.optimiser:
        leaves = [tensor(x, True) for x in work.parameters]
        return Contender(name, name, lambda: flat(slopes(leaves)), again(partial(slopes, leaves)))

    def begin() -> Any:
        weights = Weights(work)
        weights.now = [np.asarray(x) for x in weights.now]
        return weights, [tensor(x, True) for x in weights.now]

    def steps(course: Any, count: int) -> None:
        weights, leaves = course
        for k in range(count):
            weights.move([g.reshape(p.shape) for p, g in zip(weights.now, slopes(leaves, k))])  # noqa: B905
            for leaf, x in zip(leaves, weights.now, strict=True):
                leaf.data = x.reshape(leaf.data.shape)

    return looping(name, name, begin, steps, lambda course: course[0].now)


def refuse_rows(work: Work) -> None:
    """A loss of numbers that descends is for libraries of numbers."""
    if isinstance(work, higher.Higher):
        raise UnfitError("no second derivatives here")
    if work.of_numbers and work.optimiser:
        raise UnfitError("tensors of one number each")


def turns(work: Work) -> int:
    """How many batches there are."""
    return len(work.data[0]) if work.batched else 1


def no_longer_than(work: Work, most: int, why: str) -> None:
    """Refuses a chain that a library cannot finish."""
    if work.length > most:
        raise UnfitError(why)


def mygrad(work: Work) -> Iterator[Contender]:
    """Its tensors; data stay NumPy arrays."""
    refuse_rows(work)
    no_longer_than(work, 100_000, "not asked for a million")
    import mygrad as mg

    f = functions(
        mg,
        mg.nnet,
        sigmoid=mg.nnet.sigmoid,
        relu=mg.nnet.relu,
        cross_entropy=mg.nnet.softmax_crossentropy,
        logsumexp=lambda x, axis: (
            mg.logsumexp(x, axis=axis)
            if hasattr(mg, "logsumexp")
            else mg.log(mg.sum(mg.exp(x - x.data.max()), axis=axis)) + x.data.max()
        ),
    )
    yield with_backward(
        "MyGrad",
        work,
        f,
        lambda x, learns: mg.tensor(x, copy=False) if learns else x,
        lambda leaf: leaf.grad,
        lambda leaf: leaf.null_grad(),
    )


def dezero(work: Work) -> Iterator[Contender]:
    """Its functions have no log1p and no mean; it was written when NumPy had an `int`."""
    refuse_rows(work)
    no_longer_than(work, 100_000, "not asked for a million")
    np.int = int  # type: ignore[attr-defined]
    import dezero
    import dezero.functions as df

    def matmul(x: Any, w: Any) -> Any:
        if w.ndim == 1:
            return df.reshape(df.matmul(x, df.reshape(w, (w.size, 1))), (x.shape[0],))
        return df.matmul(x, w)

    f = functions(
        df,
        log1p=lambda x: df.log(1.0 + x),
        mean=lambda x: df.sum(x) / x.size,
        cross_entropy=df.softmax_cross_entropy,
    )
    for name in ("concatenate", "logsumexp"):
        vars(f).pop(name, None)
    dezero.Variable.__matmul__ = matmul
    yield with_backward(
        "DeZero",
        work,
        f,
        lambda x, _: dezero.Variable(np.asarray(x)),
        lambda leaf: leaf.grad.data,
        lambda leaf: leaf.cleargrad(),
        lambda x: x if x.dtype.kind == "i" else dezero.Variable(x),
    )


def micrograd(work: Work) -> Iterator[Contender]:
    """Single numbers only; sine and exponential are made of what it has."""
    from micrograd.engine import Value

    if isinstance(work, higher.Higher):
        raise UnfitError("single numbers only")
    sys.setrecursionlimit(10_000_000)
    f = functions(
        relu=lambda x: x.relu(),
        tanh=unary(Value, math.tanh, lambda x: 1.0 - math.tanh(x) ** 2),
        exp=unary(Value, math.exp, math.exp),
        sin=unary(Value, math.sin, math.cos),
        sigmoid=unary(Value, logistic, lambda x: logistic(x) * (1.0 - logistic(x))),
    )
    if work.optimiser:
        make = partial(nested, leaf=Value)
        yield by_rows(
            "micrograd", "micrograd", work, f, make, lambda x, new: setattr(x, "data", new)
        )
        return
    if not work.of_numbers:
        raise UnfitError("single numbers only")
    leaves = [Value(float(x)) for x in work.parameters]

    def step() -> None:
        for x in leaves:
            x.grad = 0.0
        work.loss(f, leaves, ()).backward()

    def answer() -> Any:
        step()
        return flat([[x.grad] for x in leaves])

    yield Contender("micrograd", "micrograd", answer, again(step))


def logistic(x: float) -> float:
    """1 / (1 + e⁻ˣ)."""
    return 1.0 / (1.0 + math.exp(-x))


def unary(value: Any, function: Callable[[float], float], slope: Callable[[float], float]) -> Any:
    """A function for micrograd, as its own are written."""

    def of(x: Any) -> Any:
        out = value(function(x.data), (x,), function.__name__)

        def back() -> None:
            x.grad += slope(x.data) * out.grad

        out._backward = back
        return out

    return of


# ---- libraries that differentiate a function ----


def autograd(work: Work) -> Iterator[Contender]:
    """A function of a list of arrays."""
    if isinstance(work, higher.Higher):
        yield higher.contender("autograd", "autograd", work, higher.autograd(work.of))
        return
    refuse_rows(work)
    no_longer_than(work, 100_000, "not asked for a million")
    import autograd as ag
    import autograd.numpy as anp
    from autograd.scipy.special import expit, logsumexp

    def cross_entropy(z: Any, labels: Any) -> Any:
        rows = anp.arange(len(labels))
        return anp.mean(logsumexp(z, axis=1) - z[rows, labels])

    def sigmoid(x: Any) -> Any:
        return expit(x)

    f = functions(
        anp,
        sigmoid=sigmoid,
        relu=lambda x: anp.maximum(x, 0.0),
        cross_entropy=cross_entropy,
        logsumexp=logsumexp,
    )
    slope = ag.value_and_grad(lambda p, d: work.loss(f, p, d))
    yield functional("autograd", "autograd", work, lambda p, d: slope(list(p), d))


# ---- PyTorch ----


def torch_functions() -> Any:
    """Its own, and its cross entropy."""
    import torch

    return functions(
        torch,
        torch.nn.functional,
        concatenate=torch.cat,
        sum=torch_sum,
        cross_entropy=torch.nn.functional.cross_entropy,
    )


def torch_sum(x: Any, axis: int | None = None) -> Any:
    """Of everything, or along an axis."""
    return x.sum() if axis is None else x.sum(axis)


def pytorch(work: Work, compiled: bool = False) -> Iterator[Contender]:
    """Tensors, and its optimisers: as they come, and fused."""
    import torch

    name = "torch.compile" if compiled else "PyTorch"
    torch.set_num_threads(threads())
    if isinstance(work, higher.Higher):
        f, arguments = higher.torch_function(work.of)
        f = torch.compile(f) if compiled else f
        yield higher.contender(name, name, work, lambda: f(*arguments))
        return
    refuse_rows(work)
    if compiled and work.operations > 1000:
        raise UnfitError("thousands of operations take minutes to compile, or fail")
    torch._dynamo.reset()  # it gives up on a function that was compiled often
    library = torch_functions()
    loss = partial(work.loss, library)
    loss = torch.compile(loss) if compiled else loss
    batches = [[torch.from_numpy(x) for x in work.batch(k)] for k in range(turns(work))]

    def leaves() -> list[Any]:
        return [torch.tensor(np.asarray(x), requires_grad=True) for x in work.parameters]

    def step(parameters: Any, k: int = 0) -> None:
        for p in parameters:
            p.grad = None
        loss(parameters, batches[k % len(batches)]).backward()

    if not work.optimiser:
        yield torch_gradient(name, leaves(), step)
        return
    for fused in (True,) if compiled else (False, True):
        title = f"{name}, fused optimiser" if fused and not compiled else name
        yield torch_training(title, name, work, leaves, step, fused)


def torch_gradient(name: str, parameters: list[Any], step: Callable[[Any], None]) -> Contender:
    """A step, and the gradients it leaves behind."""

    def answer() -> Any:
        step(parameters)
        return flat([p.grad for p in parameters])

    return Contender(name, name, answer, again(partial(step, parameters)))


def torch_training(
    name: str, group: str, work: Work, leaves: Any, step: Callable[[Any, int], None], fused: bool
) -> Contender:
    """With one of its optimisers."""
    import torch

    def begin() -> Any:
        parameters = leaves()
        kind = torch.optim.Adam if work.optimiser == "adam" else torch.optim.SGD
        return parameters, kind(parameters, lr=work.alpha, **({"fused": True} if fused else {}))

    def steps(course: Any, count: int) -> None:
        parameters, optimiser = course
        for k in range(count):
            step(parameters, k)
            optimiser.step()

    def read(course: Any) -> Any:
        return [p.detach().numpy() for p in course[0]]

    return looping(name, group, begin, steps, read)


def torch_compiled(work: Work) -> Iterator[Contender]:
    """`torch.compile` of the loss, and `backward`."""
    yield from pytorch(work, compiled=True)


# ---- JAX ----


def jax_functions() -> Any:
    """Its own, its scan, and the cross entropy that people write in it."""
    import jax
    import jax.numpy as jnp

    def cross_entropy(z: Any, labels: Any) -> Any:
        taken = jnp.take_along_axis(jax.nn.log_softmax(z), labels[:, None], axis=1)
        return -jnp.mean(taken)

    def scan(step: Any, carry: Any, xs: Any, length: int) -> Any:
        carry = jax.tree.map(jnp.asarray, carry)
        return jax.lax.scan(lambda c, x: (step(c, x), None), carry, xs, length=length)[0]

    return functions(
        jnp,
        jax.nn,
        sigmoid=jax.nn.sigmoid,
        relu=jax.nn.relu,
        logsumexp=jax.nn.logsumexp,
        cross_entropy=cross_entropy,
        scan=scan,
    )


def jax(work: Work, compiled: bool = False) -> Iterator[Contender]:
    """Without `jit` and with it; compiled, a training loop is a step at a time, and whole."""
    import jax as library

    library.config.update("jax_enable_x64", True)
    name = "jax.jit" if compiled else "JAX, eager"
    jit = library.jit if compiled else lambda f: f
    if isinstance(work, higher.Higher):
        f, arguments = higher.jax_function(work.of)
        f = jit(f)
        yield higher.contender(name, name, work, lambda: f(*arguments).block_until_ready())
        return
    refuse_rows(work)
    f = jax_functions()
    if not compiled:
        no_longer_than(work, 1000, "an operation takes a third of a millisecond")
        f.scan = functions().scan
    elif work.of_numbers and work.operations > 1000 and not work.length:
        raise UnfitError("1,000 arguments and 10,000 operations take minutes to compile")
    slope = library.value_and_grad(lambda p, d: work.loss(f, p, d))
    start, data = ([library.numpy.asarray(x) for x in xs] for xs in (work.parameters, work.data))
    if not work.optimiser:
        step = jit(slope)
        yield gradient(name, name, lambda: library.block_until_ready(step(start, data)))
        return
    yield from jax_training(name, work, slope, start, data, jit)
    if compiled:
        yield jax_whole(work, slope, start, data)


def jax_step(work: Work, slope: Any) -> Any:
    """The state after a step."""
    import jax

    def step(state: Any, data: Any) -> Any:
        _, slopes = slope(inside(work, state), data)
        return updated(work, state, slopes, jax.numpy.sqrt)

    return step


def jax_training(
    name: str, work: Work, slope: Any, start: Any, data: Any, jit: Any
) -> Iterator[Contender]:
    """A step at a time."""
    import jax as library

    step = jit(jax_step(work, slope))
    batches = [[x[k] for x in data] for k in range(turns(work))] if work.batched else [data]

    def steps(course: list[Any], count: int) -> None:
        state = course[0]
        for k in range(count):
            state = step(state, batches[k % len(batches)])
        course[0] = library.block_until_ready(state)

    def begin() -> list[Any]:
        return [begun(work, start)]

    yield looping(name, name, begin, steps, lambda course: inside(work, course[0]))


def jax_whole(work: Work, slope: Any, start: Any, data: Any) -> Contender:
    """All steps in one `fori_loop`."""
    import jax as library

    step, count = jax_step(work, slope), turns(work)

    def turn(k: Any, given: Any) -> Any:
        state, data = given
        return step(state, [x[k % count] for x in data] if work.batched else data), data

    loop = library.jit(lambda n, state, data: library.lax.fori_loop(0, n, turn, (state, data))[0])

    def run(steps: int) -> Any:
        state = library.tree.map(library.numpy.asarray, begun(work, start))
        return inside(work, library.block_until_ready(loop(steps, state, data)))

    return Contender("jax.jit, fori_loop", "jax.jit", lambda: flat(run(5)), run, whole=True)


def jax_compiled(work: Work) -> Iterator[Contender]:
    """`jax.jit`."""
    yield from jax(work, compiled=True)
