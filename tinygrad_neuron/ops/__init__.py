"""The operations, by theme; `PRIMITIVES` is every one that has rules of its own.

There is no registry: a primitive is a name that can be imported from here, and the laws in the
tests, the table in the docs and NumPy's protocols all read this one tuple.
"""

from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.ops.elementwise import (
    absolute as absolute,
    add as add,
    astype as astype,
    cos as cos,
    divide as divide,
    equal as equal,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    floor_divide as floor_divide,
    greater as greater,
    greater_equal as greater_equal,
    isnan as isnan,
    less as less,
    less_equal as less_equal,
    log as log,
    log1p as log1p,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    positive as positive,
    power as power,
    relu as relu,
    remainder as remainder,
    sech2 as sech2,
    select as select,
    sigmoid as sigmoid,
    sign as sign,
    sin as sin,
    softplus as softplus,
    sqrt as sqrt,
    square as square,
    stop_gradient as stop_gradient,
    subtract as subtract,
    tanh as tanh,
    where as where,
)
from tinygrad_neuron.ops.indexing import scatter as scatter, take as take
from tinygrad_neuron.ops.linalg import dot as dot, matmul as matmul
from tinygrad_neuron.ops.reductions import (
    all as all,
    any as any,
    max as max,
    mean as mean,
    min as min,
    sum as sum,
)
from tinygrad_neuron.ops.shape import (
    broadcast_to as broadcast_to,
    concatenate as concatenate,
    expand_dims as expand_dims,
    join as join,
    pile as pile,
    reshape as reshape,
    squeeze as squeeze,
    stack as stack,
    sum_to as sum_to,
    transpose as transpose,
)

PRIMITIVES = tuple(x for x in dict(globals()).values() if isinstance(x, Primitive))
