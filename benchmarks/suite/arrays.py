"""Work on arrays that is differentiated once: elementwise, matrices, reuse, mixtures, LSTM."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from suite.work import Arrays, Work

# ---- entry by entry ----


def elementwise(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """mean(log1p(exp(-y * (tanh(x) * sin(x) + x * x)))), entry by entry."""
    (x,), (y,) = parameters, data
    return f.mean(f.log1p(f.exp(-y * (f.tanh(x) * f.sin(x) + x * x))))


def elementwise_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Everything that both passes need is computed once."""
    (x,), (y,) = parameters, data
    t, s = np.tanh(x), np.sin(x)
    e = np.exp(-y * (t * s + x * x))
    slope = (1.0 - t * t) * s + t * np.cos(x) + 2.0 * x
    return np.log1p(e).mean(), [-y * (e / (1.0 + e)) * slope / x.size]


def an_elementwise(name: str, n: int, dtype: Any) -> Work:
    """The elementwise loss of n numbers."""
    rng = np.random.default_rng(1492)
    x, y = rng.normal(size=n).astype(dtype), np.sign(rng.normal(size=n)).astype(dtype)
    tolerance = 1e-9 if dtype is np.float64 else 1e-5
    made = Work(name, elementwise, elementwise_by_hand, [x], [y])
    return Work(**{**vars(made), "tolerance": tolerance, "threaded": n >= 100_000})


# ---- three layers of 1024 ----


def layers(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Three products with relu between them, and the mean square of what comes out."""
    (a, b, c), (x,) = parameters, data
    h = f.relu(f.relu(x @ a) @ b) @ c
    return f.mean(h * h)


def layers_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Eight products of matrices."""
    (a, b, c), (x,) = parameters, data
    h1 = np.maximum(x @ a, 0.0)
    h2 = np.maximum(h1 @ b, 0.0)
    h3 = h2 @ c
    z3 = (2.0 / h3.size) * h3
    z2 = (z3 @ c.T) * (h2 > 0.0)
    z1 = (z2 @ b.T) * (h1 > 0.0)
    return (h3 * h3).mean(), [x.T @ z1, h1.T @ z2, h2.T @ z3]


def the_layers(name: str, n: int, dtype: Any) -> Work:
    """Weights of n by n, and n rows."""
    rng = np.random.default_rng(1492)
    weights = [(rng.normal(size=(n, n)) / math.sqrt(n)).astype(dtype) for _ in range(3)]
    data = [rng.normal(size=(n, n)).astype(dtype)]
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    made = Work(name, layers, layers_by_hand, weights, data)
    return Work(**{**vars(made), "tolerance": tolerance, "threaded": True})


# ---- numbers that are used again ----

USES = 5


def reuse(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Each entry times its five neighbours, so that each is used ten times."""
    (x,) = parameters
    n = len(x) if isinstance(x, list) else x.shape[0]
    ring = f.concatenate([x, x[:USES]])
    total = x * ring[1 : n + 1]
    for k in range(2, USES + 1):
        total = total + x * ring[k : n + k]
    return f.sum(total)


def reuse_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """The sum of all ten neighbours."""
    (x,) = parameters
    n = len(x)
    ring = np.concatenate([x[-USES:], x, x[:USES]])
    total = np.zeros_like(x)
    for k in range(1, USES + 1):
        total += ring[USES + k : USES + k + n]
    value = (x * total).sum()
    for k in range(1, USES + 1):
        total += ring[USES - k : USES - k + n]
    return value, [total]


def the_reuse(name: str, n: int) -> Work:
    """An array of n."""
    x = np.random.default_rng(1492).normal(size=n)
    return Work(name, reuse, reuse_by_hand, [x], [])


# ---- a mixture of Gaussians, as in ADBench ----

GAMMA, DEGREES = 1.0, 0  # of the Wishart prior


def mixture(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """The log posterior of a Gaussian mixture, signs as in ADBench.

    A component has a weight alpha, a mean, the logarithms q of a diagonal and the numbers l below
    it, of the factor of its inverse covariance.
    """
    (alphas, means, q, below), (x, scatter, eye) = parameters, data
    (k, d), (n, _) = f.shape(means), f.shape(x)
    diagonal = f.exp(q)
    factors = f.reshape(below @ scatter, (k, d, d)) + f.reshape(diagonal, (k, 1, d)) * eye
    apart = x - f.reshape(means, (k, 1, d))
    scaled = f.matmul(apart, factors)
    logs = f.sum(q, 1)
    inner = f.reshape(alphas + logs, (k, 1)) - 0.5 * f.sum(scaled * scaled, 2)
    prior = 0.5 * GAMMA**2 * (f.sum(diagonal * diagonal) + f.sum(below * below))
    prior = prior - DEGREES * f.sum(logs)
    fit = f.sum(f.logsumexp(inner, 0)) - n * f.logsumexp(alphas, 0)
    return fit + prior + mixture_constant(n, d, k)


def mixture_constant(n: int, d: int, k: int) -> float:
    """What does not depend on the parameters."""
    freedom = d + DEGREES + 1
    gammas = sum(math.lgamma(0.5 * freedom - 0.5 * j) for j in range(d))
    multivariate = 0.25 * d * (d - 1) * math.log(math.pi) + gammas
    wishart = freedom * d * math.log(GAMMA / math.sqrt(2.0)) - multivariate
    return -0.5 * n * d * math.log(2.0 * math.pi) - k * wishart


def mixture_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """The responsibilities first; everything else is a sum of them."""
    (alphas, means, q, below), (x, scatter, eye) = parameters, data
    (k, d), n = means.shape, len(x)
    diagonal = np.exp(q)
    factors = (below @ scatter).reshape(k, d, d) + diagonal[:, None, :] * eye
    apart = x - means[:, None, :]
    scaled = apart @ factors
    logs = q.sum(1)
    inner = (alphas + logs)[:, None] - 0.5 * (scaled * scaled).sum(2)
    top = inner.max(0)
    share = np.exp(inner - top)
    total = share.sum(0)
    share /= total
    weight = np.exp(alphas - alphas.max())
    value = (np.log(total) + top).sum() - n * (np.log(weight.sum()) + alphas.max())
    value += 0.5 * GAMMA**2 * ((diagonal**2).sum() + (below**2).sum()) - DEGREES * logs.sum()
    slope = -share[:, :, None] * scaled
    d_factors = apart.transpose(0, 2, 1) @ slope
    d_means = -(slope @ factors.transpose(0, 2, 1)).sum(1)
    counts = share.sum(1)
    inside = np.diagonal(d_factors, axis1=1, axis2=2)
    d_q = counts[:, None] - DEGREES + diagonal * (inside + GAMMA**2 * diagonal)
    d_below = d_factors.reshape(k, d * d) @ scatter.T + GAMMA**2 * below
    return value + mixture_constant(n, d, k), [
        counts - n * weight / weight.sum(),
        d_means,
        d_q,
        d_below,
    ]


def a_mixture(name: str, d: int, k: int, n: int) -> Work:
    """k components, n points of d numbers."""
    rng = np.random.default_rng(1492)
    rows, columns = np.tril_indices(d, -1)
    scatter = np.zeros((len(rows), d * d))
    scatter[np.arange(len(rows)), columns * d + rows] = 1.0  # the transposed factor's place
    shapes = (k,), (k, d), (k, d), (k, len(rows))
    parameters = [rng.normal(size=shape) for shape in shapes]
    return Work(
        name, mixture, mixture_by_hand, parameters, [rng.normal(size=(n, d)), scatter, np.eye(d)]
    )


# ---- an LSTM, as in ADBench ----


def lstm(f: Any, parameters: Arrays, data: Arrays) -> Any:
    """Two layers of cells without products of matrices; each character is predicted."""
    (weights, first, last), (state, text) = parameters, data
    h = text.shape[1]
    per_layer = [(weights[2 * k], weights[2 * k + 1]) for k in range(2)]

    def step(carry: Any, characters: Any) -> Any:
        *cells, total = carry
        given, following = characters
        x, moved = given * first, []
        for k, (weight, bias) in enumerate(per_layer):
            hidden, cell = cells[2 * k], cells[2 * k + 1]
            gates = f.concatenate([x, hidden, x, hidden]) * weight + bias
            forget, enter = f.sigmoid(gates[:h]), f.sigmoid(gates[h : 2 * h])
            leave, change = f.sigmoid(gates[2 * h : 3 * h]), f.tanh(gates[3 * h :])
            cell = cell * forget + enter * change
            x = leave * f.tanh(cell)
            moved += [x, cell]
        said = x * last[0] + last[1]
        normal = said - f.log(f.sum(f.exp(said)) + 2.0)
        return [*moved, total + f.sum(following * normal)]

    carry = [*(state[k] for k in range(4)), f.zero]
    total = f.scan(step, carry, (text[:-1], text[1:]), text.shape[0] - 1)[-1]
    return -total / ((text.shape[0] - 1) * h)


def lstm_by_hand(parameters: Arrays, data: Arrays) -> tuple[Any, list[Any]]:
    """Forward with everything kept, and the same way back."""
    (weights, first, last), (state, text) = parameters, data
    h, count = text.shape[1], (len(text) - 1) * text.shape[1]
    cells, total, kept = list(state), 0.0, []
    for given, following in itertools.pairwise(text):
        x, layers = given * first, []
        for k in range(2):
            hidden, cell = cells[2 * k], cells[2 * k + 1]
            joined = np.concatenate([x, hidden, x, hidden])
            gates = joined * weights[2 * k] + weights[2 * k + 1]
            opened = 1.0 / (1.0 + np.exp(-gates[: 3 * h]))
            change = np.tanh(gates[3 * h :])
            new = cell * opened[:h] + opened[h : 2 * h] * change
            bent = np.tanh(new)
            x = opened[2 * h :] * bent
            layers.append((joined, opened, change, cell, bent))
            cells[2 * k], cells[2 * k + 1] = x, new
        said = x * last[0] + last[1]
        e = np.exp(said)
        all_of_it = e.sum() + 2.0
        total += (following * (said - np.log(all_of_it))).sum()
        kept.append((given, following, layers, x, e / all_of_it))
    return -total / count, _lstm_back(parameters, kept, h, -1.0 / count)


def _lstm_back(parameters: Arrays, kept: Any, h: int, unit: float) -> list[Any]:
    weights, _first, last = parameters
    d_weights, d_first, d_last = (np.zeros_like(x) for x in parameters)
    d_cells = [np.zeros(h) for _ in range(4)]
    for given, following, layers, x, share in reversed(kept):
        d_said = unit * (following - following.sum() * share)
        d_last[0] += d_said * x
        d_last[1] += d_said
        d_x = d_said * last[0]
        for k in (1, 0):
            joined, opened, change, cell, bent = layers[k]
            d_hidden = d_x + d_cells[2 * k]
            forget, enter, leave = opened[:h], opened[h : 2 * h], opened[2 * h :]
            d_cell = d_cells[2 * k + 1] + d_hidden * leave * (1.0 - bent * bent)
            d_opened = np.concatenate([d_cell * cell, d_cell * change, d_hidden * bent])
            d_gates = np.concatenate(
                [d_opened * opened * (1.0 - opened), d_cell * enter * (1.0 - change * change)]
            )
            d_weights[2 * k] += d_gates * joined
            d_weights[2 * k + 1] += d_gates
            d_joined = d_gates * weights[2 * k]
            d_cells[2 * k] = d_joined[h : 2 * h] + d_joined[3 * h :]
            d_cells[2 * k + 1] = d_cell * forget
            d_x = d_joined[:h] + d_joined[2 * h : 3 * h]
        d_first += d_x * given
    return [d_weights, d_first, d_last]


def an_lstm(name: str, characters: int, h: int) -> Work:
    """Of so many characters, each of h numbers."""
    rng = np.random.default_rng(1492)
    parameters = [rng.normal(size=shape) for shape in ((4, 4 * h), (h,), (2, h))]
    data = [rng.normal(size=(4, h)), rng.uniform(size=(characters, h))]
    operations = 40 * characters  # on short arrays, one after the other
    return Work(name, lstm, lstm_by_hand, parameters, data, operations=operations)
