"""Graphs of single numbers: recording and sweeping them by a shorter road, four times as fast.

Read `graph` and `backward` first: nothing here says anything new. In a graph of Python floats the
work is next to nothing and the calls are all of the time, so both are written out without calls.
Graphs of single numbers are how people learn, and that should not be slow.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_neuron import graph
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.graph import MANY, Array, Node, Primitive, new, tick, unchanged
from tinygrad_neuron.modes import pauses

# ---------------------------------------------------------------------------------- recording

# what an operator takes, and of it the plain numbers that a float can stand for beside a float
NUMBERS = (Node, np.ndarray, np.generic, int, float, complex, list, tuple)
EXACT = {int, bool, np.float64, *(np.dtype(code).type for code in np.typecodes["AllInteger"])}


def unary_method(function: Primitive) -> Callable[[Any], Any]:
    """A primitive of one input as a method: `v.exp()`."""
    compute = function.scalar
    if not function.short:
        return _documented(lambda self: function(self), function)

    def method(self: Node) -> Any:
        a = self._data
        if type(a) is not float or pauses or (self._b is MANY and self.primitive and self.constant):
            return function(self)
        try:
            data = compute(a)
        except (ArithmeticError, ValueError):
            return function(self)
        node = new(type(self))
        node._data = data
        node.primitive = function
        node._a = self
        node._b = None
        node.birth = tick()
        return node

    return _documented(method, function)


def binary_method(function: Primitive) -> Callable[[Any, Any], Any]:
    """A primitive of two inputs as an operator: `v * x`."""
    compute = function.scalar
    if not function.short:
        return _documented(lambda self, other: _deferring(function, self, other), function)

    def method(self: Node, other: Array) -> Any:
        a = self._data
        kind = type(self)
        if type(other) is kind:
            b = other._data
        elif type(other) is float:
            b = other
        else:
            b = other = float(other) if type(other) in EXACT else other
        if type(a) is not float or type(b) is not float or pauses:
            return _deferring(function, self, other)
        if self._b is MANY and self.primitive and self.constant:
            return function(self, other)
        try:
            data = compute(a, b)
        except (ArithmeticError, ValueError):
            return function(self, other)
        node = new(kind)
        node._data = data
        node.primitive = function
        node._a = self
        node._b = other
        node.birth = tick()
        return node

    return _documented(method, function)


def reflected_method(function: Primitive) -> Callable[[Any, Any], Any]:
    """The same operator with the Value on the right: `3 * v`."""
    compute = function.scalar
    if not function.short:
        return _documented(lambda self, other: _deferring(function, other, self), function)

    def method(self: Node, other: Array) -> Any:
        b = self._data
        a = float(other) if type(other) in EXACT else other
        if type(a) is not float or type(b) is not float or pauses:
            return _deferring(function, other, self)
        if self._b is MANY and self.primitive and self.constant:
            return function(other, self)
        try:
            data = compute(a, b)
        except (ArithmeticError, ValueError):
            return function(other, self)
        node = new(type(self))
        node._data = data
        node.primitive = function
        node._a = a
        node._b = self
        node.birth = tick()
        return node

    return _documented(method, function)


def _deferring(function: Primitive, a: Array, b: Array) -> Any:
    """An operator's result, or Python's own word that it cannot serve these two."""
    if _is_number(a) and _is_number(b):
        return function(a, b)
    return NotImplemented


def _is_number(x: Array) -> bool:
    return isinstance(x, NUMBERS) or is_foreign(x)


def _documented(method: Any, function: Primitive) -> Any:
    method.__name__ = function.name
    method.__doc__ = function.__doc__
    return method


# ----------------------------------------------------------------------------------- sweeping
#
# The births of one graph are nearly consecutive, so how much younger the result is than a node is
# an index into two lists: the nodes, and what they are owed. They are walked from the front while
# they fill, and a share only ever goes further back. Who was born before the lists end waits, and
# the next pair of lists begins with the youngest of those: births that lie far apart cost nothing.

Nodes = list[Node | None]
Floats = tuple[Nodes, list[float], dict[Node, float]]

_SHORT, _LONG = 32, 4096  # how many births a pair of lists has room for


def sweep_floats(result: Node, seed: float) -> Floats | None:
    """What every node is owed: inner nodes and their gradients side by side, and the leaves.

    None where something else than floats, 1/0, or a changed leaf turns up.
    """
    if result._b is MANY:
        return None
    nodes: Nodes = [result, *[None] * (_SHORT - 1)]
    owed = [seed, *[-0.0] * (_SHORT - 1)]  # -0.0 + g is g for every g, signed zeros included
    found: Nodes = []
    given: list[float] = []
    leaves: dict[Node, float] = {}
    older: dict[Node, float] = {}
    youngest = result.birth
    with np.errstate(all="ignore"):  # a rule may have to ask NumPy for inf or nan
        try:
            while _walk(nodes, owed, youngest, leaves, older):
                found += nodes
                given += owed
                if not older:
                    return found, given, leaves
                nodes, owed, youngest = _window(older, min(len(found), _LONG))
        except (ArithmeticError, ValueError):
            return None
    return None


def _window(older: dict[Node, float], length: int) -> tuple[Nodes, list[float], int]:
    """The next lists, with those of the waiting who were born within their length, and no more."""
    youngest = max(node.birth for node in older)
    nodes: Nodes = [None] * length
    owed = [-0.0] * length
    for node in [node for node in older if youngest - node.birth < length]:
        nodes[youngest - node.birth] = node
        owed[youngest - node.birth] = older.pop(node)
    return nodes, owed, youngest


def _walk(
    nodes: Nodes,
    owed: list[float],
    youngest: int,
    leaves: dict[Node, float],
    older: dict[Node, float],
) -> bool:
    """Hand on what every node in the lists is owed; whether all of it was floats."""
    last_change, length = graph.last_change, len(nodes)
    for node, g in zip(nodes, owed, strict=False):
        if node is None:
            continue
        a, b = node._a, node._b
        if b is MANY:
            if a:
                return False
            continue  # a constant
        if node.birth < last_change and _outdated(node):
            return False
        rules = node.primitive.rules  # type: ignore[union-attr]  # it has inputs
        if b is None:
            share = rules[0](g, node._data, a._data)
        elif type(b) is float:
            rule = rules[0]
            share = g if rule is unchanged else rule(g, node._data, a._data, b)
        elif type(a) is float:
            rule = rules[1]
            share = g if rule is unchanged else rule(g, node._data, a, b._data)
            a = b
        else:
            left, right = a._data, b._data
            rule, other = rules
            share = g if rule is unchanged else rule(g, node._data, left, right)
            second = g if other is unchanged else other(g, node._data, left, right)
            if second != second:
                second = _excused(second, g, node)
            place = youngest - b.birth
            if b.primitive is None:
                leaves[b] = leaves[b] + second if b in leaves else second
            elif place < length:
                owed[place] += second
                nodes[place] = b
            else:
                older[b] = older[b] + second if b in older else second
        if share != share:
            share = _excused(share, g, node)
        place = youngest - a.birth
        if a.primitive is None:
            leaves[a] = leaves[a] + share if a in leaves else share
        elif place < length:
            owed[place] += share
            nodes[place] = a
        else:
            older[a] = older[a] + share if a in older else share
    return True


def _excused(nan: float, g: float, node: Node) -> float:
    """The zero-cotangent rule, as in `backward.excused`: nothing owed, nothing passed on."""
    return 0.0 if g == 0.0 and node.primitive.steep else nan  # type: ignore[union-attr]


def _outdated(node: Node) -> bool:
    """Whether a leaf it was computed from was given new data since."""
    return any(isinstance(x, Node) and x.birth > node.birth for x in node.inputs)
