"""How a graph becomes gradients: each node, youngest first, hands on what it is owed.

Read this second. A node that is owed g asks the rule of each of its inputs what that input is owed,
and adds it to what the input was owed already. When a node's turn comes, every node that used it is
younger and has had its turn: its sum is complete. That is all of backpropagation.

What is owed lives in a dictionary of the sweep, never on the nodes: two sweeps cannot mix.
"""

import math
from collections.abc import Container, Mapping, Sequence
from heapq import heapify, heappop, heappush

import numpy as np

from tinygrad_neuron import arrays, graph
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.checkpointing import Segment, checkpointed, reopened
from tinygrad_neuron.errors import (
    ChangedDataError,
    GradientShapeError,
    NoDerivativeError,
    NotScalarError,
    file_and_line,
    imaginary_lost,
    name_of,
    short,
)
from tinygrad_neuron.floats import sweep_floats
from tinygrad_neuron.graph import (
    Array,
    Node,
    Primitive,
    Rule,
    dtype_of,
    is_complex,
    plain,
    primitive,
    tidy,
    unchanged,
)
from tinygrad_neuron.modes import watcher, watching
from tinygrad_neuron.ops import astype, conj, isnan, real, sum_to, where
from tinygrad_neuron.ops.shape import shape_of


def sweep(
    result: Node,
    seed: Array,
    *,
    since: int = 0,
    record: bool = False,
    wanted: Container[Node] | None = None,
) -> dict[Node, Array]:
    """What every node on the way is owed when the result is owed the seed.

    `since`: nodes born earlier are left out, and nothing is computed for them. `record`: the rules
    are fed nodes instead of their numbers, so that the shares are expressions themselves. `wanted`:
    of other results, what they were owed is forgotten, and freed, as soon as it is handed on.
    """
    owed = {result: seed}
    due = [(-result.birth, result)]  # a heap, which gives the smallest first: the youngest
    with np.errstate(all="ignore"):  # inf and nan are judged here, by the zero-cotangent rule
        while due:
            node = heappop(due)[1]
            stays = node.birth <= result.birth if wanted is None else node in wanted
            g = owed[node] if stays else owed.pop(node)
            if node.primitive is checkpointed:
                shares = _inside(node, g, owed, due, wanted if stays or wanted else ())
            else:
                shares = shares_of(node, g, since, record, result.batched)
            for x, share in shares:
                if x in owed:
                    owed[x] = owed[x] + share
                else:
                    owed[x] = share
                    if x.primitive is not None:
                        heappush(due, (-x.birth, x))
    return owed


def _inside(
    node: Node,
    g: Array,
    owed: dict[Node, Array],
    due: list[tuple[int, Node]],
    wanted: Container[Node] | None,
) -> list[tuple[Node, Array]]:
    """A checkpointed result hands on all that it is owed: to itself, computed again.

    Its inside is born now, so it is what comes next; and what else came out of the same call has
    been used by younger nodes only, so that its turn can be now as well.
    """
    segment: Segment = node.settings["segment"]
    ends, gs = [node], [g]
    for _, x in due if node.birth < segment.last else ():
        if x.settings.get("segment") is segment:
            ends.append(x)
            gs.append(owed[x] if wanted is None or x in wanted else owed.pop(x))
    if len(ends) > 1:
        taken = set(ends)
        due[:] = [entry for entry in due if entry[1] not in taken]
        heapify(due)
    for end in ends:
        if end.birth < graph.last_change:
            _refuse_changed(end)
    return list(zip(reopened(ends), gs, strict=True))


def shares_of(
    node: Node, g: Array, since: int, record: bool, each: bool
) -> list[tuple[Node, Array]]:
    """What each input of a node is owed, in the input's own shape and precision.

    `each`: what all of a batch shared is owed something by each, and not by all together.
    """
    # one function, because all steps pass here: in two, a step of a small network takes 3 % longer
    if node.birth < graph.last_change:
        _refuse_changed(node)
    function: Primitive = node.primitive  # type: ignore[assignment]  # it has inputs
    inputs, settings = node.inputs, node.settings
    feed = record or node.batched  # nodes know where their batch is, and their data do not
    if feed:
        node.in_turn(g)
    y = node if feed else node._data
    args = inputs if feed else [x._data if isinstance(x, Node) else x for x in inputs]
    turned = is_complex(node._data) and inputs and function.holomorphic
    shares = []
    for i, x in enumerate(inputs):
        if not isinstance(x, Node) or x.birth < since:
            continue
        rule = function.rule(i)
        if rule is None or not _moves(x._data):
            continue
        if rule is unchanged:
            share = g
        else:
            if turned:
                rule = _conjugated(rule)
            try:
                share = rule(g, y, *args, **settings)
            except NoDerivativeError as error:
                raise error.about(x) from None
            except (ArithmeticError, ValueError):  # Python's floats refuse 1/0
                if feed or any(np.ndim(arg) for arg in args):
                    raise
                share = rule(*map(_as_numpy, (g, y, *args)), **settings)  # NumPy's say inf
            if function.steep:
                share = excused(share, g)
        target = x._data
        if not (
            type(share) is type(target) is np.ndarray
            and not x.batched  # one for all of a batch has not the shape of its data
            and share.shape == target.shape
            and share.dtype is target.dtype
        ):
            together = node.batched and not (each or x.batched)
            share = _fitted(_of_all(share) if together else share, x, node)
            if not record and isinstance(share, Node) and not share.batched:
                share = share._data  # the batch is behind us
        shares.append((x, share))
    return shares


def _conjugated(rule: Rule) -> Rule:
    """What an input of a complex function is owed, from the rule with its complex derivative f'.

    The gradient that points uphill is g * conj(f'), which is the conjugate of conj(g) * f'.
    """
    return lambda g, *args, **settings: conj(rule(conj(g), *args, **settings))


def _as_numpy(x: Array) -> Array:
    """A number as a NumPy scalar, which knows inf and nan."""
    return np.asarray(x)[()]


def _of_all(share: Array) -> Array:
    """What an input is owed that every one of a batch shared: all of their shares."""
    return share.total() if getattr(share, "batched", False) else share


def _moves(data: Array) -> bool:
    """Whether it is a number that can change a little: yes and no and counts cannot."""
    if type(data) is float:
        return True
    dtype = getattr(data, "dtype", None)
    return type(data) is complex if dtype is None else dtype.kind in "fc"


def _fitted(share: Array, x: Node, node: Node) -> Array:
    """A share as its input keeps it: in its shape and precision; of a real one the real part."""
    target = x._data
    if type(share) is type(target) is float:
        return share
    if is_complex(share) and not is_complex(target):
        share = real(share)  # it cannot move the other way
    given, wanted = shape_of(share), x.shape  # which of many is the shape of one
    if given != wanted:
        if not node.primitive.broadcasts or _misfit(given, wanted):  # type: ignore[union-attr]
            raise _misshapen(share, x, node)
        add_up = sum_to.forward if type(share) is np.ndarray else sum_to
        share = add_up(share, shape=wanted)
    if dtype_of(share) != dtype_of(target):
        share = astype(share, dtype=dtype_of(target))
    return share if isinstance(share, Node) else tidy(share)


def excused(share: Array, g: Array) -> Array:
    """The zero-cotangent rule: where nothing is owed, nothing is passed on, however steep it is.

    0 * inf is nan, but a branch that `where` did not choose has no say, whatever its slope. Both
    must hold, g = 0 and a slope that is not finite: a g that is just 0 here still has derivatives.
    """
    if isinstance(share, Node) and share.traced:
        return unless_idle(share, g)  # for all runs, not for what this one was given
    number = share._data if isinstance(share, Node) else share
    if type(number) is float:
        return 0.0 if number != number and plain(g) == 0.0 else share
    if is_foreign(number):
        return unless_idle(share, g)  # without looking: it would have to be computed for that
    least = np.minimum.reduce(number, None, initial=0.0)  # nan if there is one: the fast way
    if least == least:
        return share
    lost = np.isnan(number)
    unowed = lost & _idle(g, share)
    if isinstance(share, Node) and share.batched:
        unowed = type(share).made(unowed, isnan)
    return where(unowed, 0.0, share)


def _owed_to_share(g: Array, y: Array, share: Array, owed: Array) -> Array:
    return unless_idle(g, owed)


@primitive(
    _owed_to_share,
    None,
    scalar=lambda share, owed: 0.0 if share != share and owed == 0.0 else share,
    holomorphic=True,
    steep=False,
)
def unless_idle(share: Array, owed: Array) -> Array:
    """The share; but 0, and not nan, where nothing is owed, however steep it is there."""
    idle = np.equal(owed, 0.0)
    if np.shape(owed) != np.shape(share):
        idle = np.all(idle)
    return np.where(np.isnan(share) & idle, np.zeros_like(share), share)


def _idle(g: Array, share: Array) -> Array:
    """Where nothing is owed; if not entry by entry, all of the output must be owed nothing."""
    idle = np.equal(plain(g), 0.0)
    if shape_of(g) == shape_of(share):
        return idle
    if isinstance(g, Node) and g.batched:
        return idle.reshape(len(idle), -1).all(axis=1).reshape(-1, *(1,) * len(shape_of(share)))
    return idle.all()


def _misfit(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether adding up broadcast copies could not give the share its input's shape."""
    added = len(given) - len(wanted)
    return added < 0 or any(
        n not in (m, 1) for m, n in zip(given[added:], wanted, strict=True) if m != n
    )


def _misshapen(share: Array, x: Node, node: Node) -> GradientShapeError:
    function: Primitive = node.primitive  # type: ignore[assignment]  # it has inputs
    position = next(i for i, other in enumerate(node.inputs) if other is x)
    given, wanted = shape_of(share), shape_of(x)
    rule = function.rule(position)
    line = f" ({file_and_line(rule)})" if rule else ""
    return GradientShapeError(
        f"The rule of {function.name}{line} for input {position} gave a gradient of shape {given}, "
        f"but that input has shape {wanted}.",
        why="A gradient says how the result moves with each entry, so it has its input's shape.",
        hint="sum the gradient over the axes that were stretched or added in the forward pass",
        primitive=function.name,
        given=given,
        wanted=wanted,
    )


def _refuse_changed(node: Node) -> None:
    """Raise if an input is younger than the node: a leaf was given new data since."""
    changed = [x for x in node.inputs if isinstance(x, Node) and x.birth > node.birth]
    if not changed:
        return
    x = changed[0]
    name = name_of(x, "a leaf")
    raise ChangedDataError(
        f"{name} was changed after {name_of(node, 'the result')} was computed from it; "
        f"it is {short(x._data)} now.",
        why="The gradient would mix the old value, which the result was made of, with the new one.",
        hint="compute the result again, then call backward(), and only then change the weights",
        leaf=x.name,
        now=x._data,
    )


# -------------------------------------------------------------------- the learner's front door


def backward(result: Node, seed: Array = None) -> None:
    """Leave on every node the result depends on, as `.grad`, how the result moves with it.

    On leaves gradients add up from call to call, until `zero_grad`; on the nodes between they are
    those of this call. The seed is what the result itself is owed: 1 for a single number.
    """
    if watching and watcher() is not None:
        watcher().backward(result, seed, leave_gradients)
    else:
        leave_gradients(result, seed)


def leave_gradients(result: Node, seed: Array = None) -> None:
    """What `backward` does."""
    floats = sweep_floats(result, 1.0) if seed is None else None
    if floats is None:
        _deposit(settled(sweep(result, seed_for(result, seed)), [result]))
        return
    nodes, owed, leaves = floats
    for node, g in zip(nodes, owed, strict=True):
        if node is not None:
            node._grad = g
    _deposit(leaves)


def settled(owed: dict[Node, Array], results: Sequence[Node]) -> dict[Node, Array]:
    """What was owed, each where the numbers of its Value are: beside numbers in memory, in memory.

    What is still to be computed for that, the results' own numbers among it, is computed together.
    """
    astray = [x for x, g in owed.items() if is_foreign(g) and not is_foreign(x._data)]
    if not astray:
        return owed
    lazy = [y for y in results if arrays.is_lazy(y._data) and not y.shape]
    moved = [*astray, *(y for y in lazy if y in owed)]
    found = arrays.in_memory([*(y._data for y in lazy), *(owed[x] for x in moved)])
    for y, number in zip(lazy, found, strict=False):
        y._data = tidy(number)  # the same number, which nobody needs to compute again
    return {**owed, **dict(zip(moved, map(tidy, found[len(lazy) :]), strict=True))}


def _deposit(owed: Mapping[Node, Array]) -> None:
    """Write what was owed as `.grad`: in addition on leaves, afresh on results.

    Of results few are ever read: they are lent the sweep's array, and `.grad` copies it. A leaf's
    is its own at once, for an optimiser to work on.
    """
    lent = {id(g) for node, g in owed.items() if node.primitive is not None}
    for node, g in owed.items():
        if type(g) is float:
            pass
        elif node.primitive is not None:
            g = _lent(g)
        else:
            g = own(g, lent)
        if node.primitive is None and node.gradient is not None:
            g = node._grad + g
        node._grad = g


def _lent(g: Array) -> Array:
    """An array for reading only, which tells its holder to copy before it hands it out."""
    if type(g) is not np.ndarray:
        return tidy(g)
    g = g.view()
    g.flags.writeable = False
    return g


def own(g: Array, others: set[int]) -> Array:
    """g, copied where its memory belongs to something else as well; from now on g's is taken."""
    if is_foreign(g):
        again = id(g) in others
        others.add(id(g))
        return arrays.copied(g) if again else g
    if type(g) is not np.ndarray:
        return tidy(g)
    if g.base is not None or id(g) in others:
        return g.copy()
    others.add(id(g))
    return g


def seed_for(result: Node, seed: Array = None) -> Array:
    """What the result is owed: 1 if it is a single number, else what the person says."""
    shape = shape_of(result)
    if seed is None:
        if shape:
            raise _not_scalar(result)
        if is_complex(result):
            raise _not_real(result)
        return like(result, 1.0)
    if is_complex(seed) and not is_complex(result):
        raise imaginary_lost(f"The seed of {name_of(result)}")
    seed = plain(seed)
    if is_foreign(seed):
        seed = astype(seed, dtype=dtype_of(result))
    else:
        seed = np.array(seed, dtype=dtype_of(result))
    if seed.shape != shape:
        name = name_of(result)
        raise GradientShapeError(
            f"The seed has shape {seed.shape} and {name} has shape {shape}.",
            why=f"The seed says how much each entry of {name} counts: one number for each entry.",
            hint=f"{name}.backward(seed=np.ones({shape}))",
            given=seed.shape,
            wanted=shape,
        )
    return like(result, 1.0) * seed if is_foreign(result._data) else tidy(seed)


def like(x: Node, number: float) -> Array:
    """This number in the shape, in the precision and in the kind of array of a node."""
    if is_foreign(x._data):
        return np.full_like(x._data, number)
    return tidy(np.full(shape_of(x), number, dtype_of(x)))


def _not_real(result: Node) -> NotScalarError:
    name = name_of(result, "result")
    return NotScalarError(
        f"{name} is complex, {short(result._data)}: its two parts have a gradient each.",
        why="Descent needs one number to lower, and complex numbers have no order.",
        hint=f"(abs({name}) ** 2).backward()   or   {name}.real.backward()   or   "
        f"{name}.backward(seed=1.0), which is that of the real part",
        shape=(),
    )


def _not_scalar(result: Node) -> NotScalarError:
    name, shape = name_of(result, "result"), shape_of(result)
    return NotScalarError(
        f'{name} has shape {shape}, so "the gradient of {name}" would be {math.prod(shape)} '
        "different gradients.",
        why="Descent needs one number to lower.",
        hint=f"{name}.mean().backward()   or   {name}.backward(seed=weights), a weight for each",
        shape=shape,
    )
