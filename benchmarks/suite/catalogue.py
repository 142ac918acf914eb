"""All workloads by name, made when their turn comes, and all libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from suite import c, compilers, higher, ours, peers
from suite.arrays import a_mixture, an_elementwise, an_lstm, the_layers, the_reuse
from suite.scalars import a_chain, an_expression, the_uses
from suite.training import a_neuron, the_digits, the_moons
from suite.work import Entrant

NEURONS = ((1, 2), (100, 2), (10_000, 10), (1_000_000, 10))
PRECISIONS = {"float64": np.float64, "float32": np.float32}

WORKLOADS: dict[str, Callable[[str], Any]] = {
    "scalar expression, 20 operations": an_expression,
    **{f"neuron, {n:,} x {d}": partial(a_neuron, rows=n, features=d) for n, d in NEURONS},
    **{
        f"linear neuron, {n:,} x {d}": partial(a_neuron, rows=n, features=d, is_linear=True)
        for n, d in NEURONS
    },
    "moons 2-16-16-1, 100 rows, as scalars": partial(the_moons, of_numbers=True),
    "moons 2-16-16-1, 100 rows, as tensors": partial(the_moons, of_numbers=False),
    **{
        f"digits 64-128-64-10, {title}, {optimiser.capitalize() if optimiser == 'adam' else 'SGD'},"
        f" {precision}": partial(the_digits, rows=rows, dtype=dtype, optimiser=optimiser)
        for rows, title in ((32, "batch 32"), (1797, "all 1,797"))
        for optimiser in ("sgd", "adam")
        for precision, dtype in PRECISIONS.items()
    },
    **{
        f"elementwise, n = 1e{power}, {precision}": partial(
            an_elementwise, n=10**power, dtype=dtype
        )
        for precision, dtype in PRECISIONS.items()
        for power in (3, 5, 7)
    },
    **{f"chain, n = 1e{power}": partial(a_chain, n=10**power) for power in (3, 4, 5, 6)},
    "wide reuse, 1,000 scalars": partial(the_uses, n=1000),
    "wide reuse, an array of 1,000": partial(the_reuse, n=1000),
    **{
        f"3 layers of 1024, batch 1024, {precision}": partial(the_layers, n=1024, dtype=dtype)
        for precision, dtype in PRECISIONS.items()
    },
    **{name: partial(higher.Higher, of=of) for name, of in higher.NAMES.items()},
    "GMM, d = 10, K = 25, n = 1000": partial(a_mixture, d=10, k=25, n=1000),
    "LSTM, 128 characters": partial(an_lstm, characters=128, h=14),
}

# a name, the package it needs, and how it enters
ENTRANTS: dict[str, tuple[str, Entrant]] = {
    "NumPy by hand": ("numpy", peers.by_hand),
    "floats by hand": ("numpy", peers.floats_by_hand),
    "C": ("numpy", c.by_hand_in_c),
    "ours, recorded": ("tinygrad_neuron", ours.recorded),
    "ours, compiled": ("tinygrad_neuron", ours.compiled),
    "ours, whole loop": ("tinygrad_neuron", ours.loop),
    "ours, native": ("numba", ours.native),
    "ours, native whole loop": ("numba", ours.native_loop),
    "PyTorch": ("torch", peers.pytorch),
    "torch.compile": ("torch", peers.torch_compiled),
    "JAX": ("jax", peers.jax),
    "jax.jit": ("jax", peers.jax_compiled),
    "CasADi": ("casadi", compilers.casadi),
    "PyTensor": ("pytensor", compilers.pytensor),
    "autograd": ("autograd", peers.autograd),
    "MyGrad": ("mygrad", peers.mygrad),
    "DeZero": ("dezero", peers.dezero),
    "micrograd": ("micrograd", peers.micrograd),
}
OURS = ("ours, recorded", "ours, NumPy", "ours, native")
