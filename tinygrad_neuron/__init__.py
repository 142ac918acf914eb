"""A neuron learns: autodiff on NumPy, small enough to read.

Reading order: `graph` (how an expression becomes a graph), `backward` (how a graph becomes
gradients), `optim` (how gradients become better weights).
"""

from tinygrad_neuron import (
    errors as errors,
    linalg as linalg,
    losses as losses,
    ops as ops,
    optim as optim,
)
from tinygrad_neuron.graph import (
    elementwise as elementwise,
    history as history,
    no_grad as no_grad,
    primitive as primitive,
)
from tinygrad_neuron.nn import MLP as MLP, Layer as Layer, Neuron as Neuron
from tinygrad_neuron.ops import (
    absolute as absolute,
    broadcast_to as broadcast_to,
    concatenate as concatenate,
    cos as cos,
    dot as dot,
    einsum as einsum,
    exp as exp,
    expand_dims as expand_dims,
    expm1 as expm1,
    inner as inner,
    kron as kron,
    log as log,
    log1p as log1p,
    matmul as matmul,
    max as max,
    maximum as maximum,
    mean as mean,
    min as min,
    minimum as minimum,
    outer as outer,
    relu as relu,
    reshape as reshape,
    sigmoid as sigmoid,
    sin as sin,
    softplus as softplus,
    sqrt as sqrt,
    square as square,
    squeeze as squeeze,
    stack as stack,
    stop_gradient as stop_gradient,
    sum as sum,
    tanh as tanh,
    tensordot as tensordot,
    transpose as transpose,
    vdot as vdot,
    vecdot as vecdot,
    where as where,
)
from tinygrad_neuron.transforms import (
    elementwise_grad as elementwise_grad,
    grad as grad,
    hessian as hessian,
    hvp as hvp,
    jacobian as jacobian,
    jvp as jvp,
    linearize as linearize,
    value_and_grad as value_and_grad,
    vjp as vjp,
    vmap as vmap,
)
from tinygrad_neuron.value import Value as Value

__version__ = "0.1.0"
