"""Derivatives of higher order, and of many numbers: what each library is called with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_neuron as tn
from suite.work import Contender, again

Answer = Callable[[], Any]
rng = np.random.default_rng(0)
W = rng.normal(size=(50, 50)) / 7.0
X = rng.normal(size=50)
P, V = rng.normal(size=(2, 100))


def layer(tanh: Callable[[Any], Any], w: Any, x: Any) -> Any:
    """50 numbers in, 50 out."""
    return tanh(w @ x)


def rosenbrock(x: Any) -> Any:
    """The valley that optimisers are tried on, in 100 dimensions."""
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def true_jacobian() -> Any:
    """Of the layer at X."""
    return (1.0 - np.tanh(W @ X) ** 2)[:, None] * W


def true_hessian() -> Any:
    """Of the valley at P: three diagonals."""
    inside = 1200.0 * P[:-1] ** 2 - 400.0 * P[1:] + 2.0
    beside = np.diag(-400.0 * P[:-1], 1)
    return np.diag(np.append(inside, 0.0) + np.append(0.0, np.full(99, 200.0))) + beside + beside.T


def true_product() -> Any:
    """That Hessian times V, without the Hessian."""
    out = np.zeros(100)
    out[:-1] = (1200.0 * P[:-1] ** 2 - 400.0 * P[1:] + 2.0) * V[:-1] - 400.0 * P[:-1] * V[1:]
    out[1:] += 200.0 * V[1:] - 400.0 * P[:-1] * V[:-1]
    return out


TRUTH = {"jacobian": true_jacobian, "hessian": true_hessian, "hvp": true_product}


@dataclass(frozen=True)
class Higher:
    """A derivative, by its name above."""

    name: str
    of: str
    optimiser = ""
    of_numbers = threaded = batched = False
    tolerance = 1e-9
    size = 10_000


def contender(name: str, group: str, work: Higher, answer: Answer) -> Contender:
    """One library's answer, as numbers to compare and as a step to time."""

    def numbers() -> Any:
        found = answer()
        return np.ravel(found.data if isinstance(found, tn.Value) else np.asarray(found))

    return Contender(name, group, numbers, again(answer))


def product(p: Any, v: Any) -> Any:
    """Ours, of a Hessian and a vector."""
    return tn.hvp(rosenbrock, (p,), (v,))


OURS: dict[str, Answer] = {
    "jacobian": lambda: tn.jacobian(lambda x: layer(tn.tanh, W, x))(X),
    "hessian": lambda: tn.hessian(rosenbrock)(P),
    "hvp": lambda: product(P, V),
}
OURS_COMPILED: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "jacobian": (tn.jacobian(lambda x: layer(tn.tanh, W, x)), (X,)),
    "hessian": (tn.hessian(rosenbrock), (P,)),
    "hvp": (product, (P, V)),
}


# ---- peers, as they come and compiled ----


def autograd(of: str) -> Answer:
    """Rows one after the other; its arrays have no `.sum()` in every version."""
    import autograd as ag
    import autograd.numpy as anp

    def valley(x: Any) -> Any:
        return anp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    if of == "jacobian":
        jacobian = ag.jacobian(lambda x: layer(anp.tanh, W, x))
        return lambda: jacobian(X)
    f = ag.hessian(valley) if of == "hessian" else ag.hessian_vector_product(valley)
    return lambda: f(*((P,) if of == "hessian" else (P, V)))


def torch_function(of: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """`torch.func`: backward for the Jacobian, forward over backward for the others."""
    import torch
    from torch import func

    w, x, p, v = (torch.tensor(a) for a in (W, X, P, V))
    return {
        "jacobian": (func.jacrev(lambda x: layer(torch.tanh, w, x)), (x,)),
        "hessian": (func.hessian(rosenbrock), (p,)),
        "hvp": (lambda p, v: func.jvp(func.grad(rosenbrock), (p,), (v,))[1], (p, v)),
    }[of]


def jax_function(of: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Backward for the Jacobian, forward over backward for the others."""
    import jax

    w, x, p, v = map(jax.numpy.asarray, (W, X, P, V))
    return {
        "jacobian": (jax.jacrev(lambda x: layer(jax.numpy.tanh, w, x)), (x,)),
        "hessian": (jax.hessian(rosenbrock), (p,)),
        "hvp": (lambda p, v: jax.jvp(jax.grad(rosenbrock), (p,), (v,))[1], (p, v)),
    }[of]


def casadi_function(of: str) -> tuple[Any, list[Any], list[Any]]:
    """Symbols, what is computed of them, and numbers."""
    import casadi as ca

    x = ca.SX.sym("x", 50 if of == "jacobian" else 100)
    if of == "jacobian":
        return [x], [ca.jacobian(ca.tanh(ca.mtimes(ca.DM(W), x)), x)], [X]
    valley = ca.sum1(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)
    if of == "hessian":
        return [x], [ca.hessian(valley, x)[0]], [P]
    v = ca.SX.sym("v", 100)
    return [x, v], [ca.jtimes(ca.gradient(valley, x), x, v)], [P, V]


def pytensor_function(of: str) -> tuple[list[Any], Any, list[Any]]:
    """Symbols, what is computed of them, and numbers."""
    import pytensor as pt
    import pytensor.gradient
    import pytensor.tensor as tensor

    x, v = tensor.dvector("x"), tensor.dvector("v")
    if of == "jacobian":
        return [x], pytensor.gradient.jacobian(tensor.tanh(tensor.constant(W) @ x), x), [X]
    slope = pt.grad(rosenbrock(x), x)
    if of == "hessian":
        return [x], pytensor.gradient.jacobian(slope, x), [P]
    return [x, v], pt.grad((slope * v).sum(), x), [P, V]


NAMES = {
    "Hessian times vector, Rosenbrock 100": "hvp",
    "Hessian, Rosenbrock 100": "hessian",
    "Jacobian, 50 to 50": "jacobian",
}


def works() -> Iterator[Higher]:
    """All three."""
    for name, of in NAMES.items():
        yield Higher(name, of)
