"""How an expression becomes a graph: every result remembers what made it.

Read this first. `w * x` calls the primitive `multiply`; it computes, and returns a node that knows
the primitive, the inputs and the number of its birth. Nothing else is stored: going backward,
drawing, explaining and compiling all walk these same nodes.

A result is born after its inputs. Sorted by birth, a graph is therefore in an order in which
everything comes after what it needs, and backward is that order reversed: no recursion, no search.
"""

import functools
import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from tinygrad_neuron import arrays
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.errors import RuleError, UnsupportedError, short
from tinygrad_neuron.modes import Placed, paused_now, pauses, placing, stand_in_now

# A number, an array or a Node: a rule cannot tell which it was given, and that is the point.
Array = Any
Rule = Callable[..., Array]

tick = itertools.count(1).__next__
new = object.__new__
ndarray = np.ndarray  # which recording asks for often
MANY = object()  # in `_b`: the inputs are a tuple, in `_a`
NO_SETTINGS: Mapping[str, Any] = {}
last_change = 0  # the birth of the latest leaf that was given new data, anywhere


class Node:
    """A number or an array, and what it was computed from.

    | slot | holds |
    |---|---|
    | `_data` | a Python float or complex, or a NumPy array, or one with NumPy's protocols |
    | `primitive` | the function that made it; `None` for a leaf |
    | `inputs` | what it was made from, in order: nodes and plain constants |
    | `settings` | the keyword arguments |
    | `birth` | its number in the order in which nodes were made |

    Two economies, both measured. One or two inputs of a float stand in `_a` and `_b` themselves:
    without a tuple, recording is a fifth faster and the sweep a third. And what few nodes have
    (`_settings`, `_name`, `_grad`) stays an empty slot until somebody writes it, which costs
    nothing; the properties read an empty slot as "none".
    """

    __slots__ = (
        "__weakref__", "_a", "_b", "_data", "_grad", "_name", "_settings", "birth", "primitive",
    )  # fmt: skip

    # One Node for many of one shape, their data along a first axis: see `batching`.
    batched: ClassVar[bool] = False
    # A Node whose number must not be looked at, as another run has another: see `program`.
    traced: ClassVar[bool] = False

    _a: Array
    _b: Array
    _data: Array
    _grad: Array
    _name: str | None
    _settings: Mapping[str, Any]
    birth: int
    primitive: "Primitive | None"

    @classmethod
    def computed(
        cls, function: "Primitive", inputs: Sequence[Array], raw: list[Array], settings: Any
    ) -> Array:
        """A primitive's result for inputs of which some are batched."""
        raise NotImplementedError

    @classmethod
    def in_a_trace(cls, function: "Primitive", inputs: Sequence[Array], settings: Any) -> Array:
        """The same where some of the inputs are traced."""
        raise NotImplementedError

    @classmethod
    def made(
        cls,
        data: Array,
        primitive: "Primitive | None",
        inputs: tuple[Array, ...] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> Self:
        """A node around data that is already plain: a float or an array that nobody else writes."""
        node = new(cls)
        node._data = data
        node.primitive = primitive
        node._a = inputs
        node._b = MANY
        if settings:
            node._settings = settings
        node.birth = tick()
        return node

    def renew(self, data: Array) -> None:
        """Give a leaf new data and with it a new birth: younger than what the old data made."""
        global last_change
        self._data = data
        self.birth = last_change = tick()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis; () for a number."""
        return getattr(self._data, "shape", ())

    def only(self) -> Array:
        """The data, for an answer that leaves the graph; what stands for many refuses."""
        return self._data

    def in_turn(self, g: Array) -> None:
        """Told by a sweep that records: from here on, what is made answers that this is owed g."""

    @property
    def inputs(self) -> tuple[Array, ...]:
        """What it was made from, in order: nodes and plain constants; () for a leaf."""
        a, b = self._a, self._b
        if b is MANY:
            return a
        return (a,) if b is None else (a, b)

    @property
    def constant(self) -> bool:
        """Whether no gradient can go on from here: a result that forgot what made it.

        What is made of such alone is such a result too. A loop that lowers a parameter by its
        gradient, both of them Values, would otherwise remember all of its steps.
        """
        return self._b is MANY and not self._a and self.primitive is not None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The keyword arguments it was made with, all of them, defaults included."""
        return getattr(self, "_settings", NO_SETTINGS)

    @property
    def place(self) -> str:
        """The line of code that made it, if it was made inside `places`."""
        return getattr(self.settings, "place", "")

    @property
    def name(self) -> str | None:
        """What a person calls it, or None."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name

    @property
    def gradient(self) -> Array:
        """What `backward()` left here as plain data, or None."""
        return getattr(self, "_grad", None)

    # A node is itself and nothing else: two equal numbers may have different gradients.
    __hash__ = object.__hash__


def plain(x: Array) -> Array:
    """The number or array inside a node; anything else as it is."""
    if not isinstance(x, Node):
        return x
    return x.only() if x.traced else x._data


def to_check(x: Array) -> Array:
    """The number or array inside a node, for a check that raises and decides nothing else.

    In a trace that is the example's number: what the program is run on is not checked.
    """
    return x._data if isinstance(x, Node) else x


def is_traced(x: Array) -> bool:
    """Whether its number is one of many runs, so that nothing may be saved by looking at it."""
    return isinstance(x, Node) and x.traced


def any_foreign(*xs: Array) -> bool:
    """Whether one of them is, or holds, an array of another library."""
    for x in xs:
        if type(x) is not ndarray and is_foreign(x._data if isinstance(x, Node) else x):
            return True
    return False


def only(x: Array) -> Array:
    """The number or array inside a node, where the answer must be one; anything else as it is."""
    return x.only() if isinstance(x, Node) else x


def dtype_of(x: Array) -> "np.dtype[Any]":
    """The NumPy dtype of the numbers in it; float64 for a Python float."""
    data = x._data if isinstance(x, Node) else x
    dtype = getattr(data, "dtype", None)
    return np.asarray(data).dtype if dtype is None else dtype


def is_complex(x: Array) -> bool:
    """Whether the numbers in it are complex by their dtype, whatever their imaginary parts."""
    if isinstance(x, Node):
        x = x._data
    dtype = getattr(x, "dtype", None)
    return type(x) is complex if dtype is None else dtype.kind == "c"


def tidy(data: Array) -> Array:
    """A result as a node keeps it: float64 scalars become Python floats, 5 times faster to use.

    Complex ones become Python's complex, which are weak beside complex64 as floats are.
    """
    if type(data) is np.ndarray and data.ndim:
        return data
    if isinstance(data, np.ndarray):
        data = data[()]
    if type(data) is np.float64:
        return float(data)
    return complex(data) if type(data) is np.complex128 else data


def look_at(node: Node) -> None:
    """Somebody looks at its number, or changes it: refused by what stands in for it, if any."""
    stand_in = stand_in_now()
    if stand_in is not None:
        only(stand_in(node))


def history(*results: Node) -> list[Node]:
    """Every node the results were computed from, oldest first."""
    known = set(results)
    waiting = list(results)
    while waiting:
        for x in waiting.pop().inputs:
            if isinstance(x, Node) and x not in known:
                known.add(x)
                waiting.append(x)
    return sorted(known, key=lambda node: node.birth)


def leaves_behind(result: Node) -> Iterator[Node]:
    """The leaves that a gradient of the result can reach, one by one as they are found."""
    known, waiting = {result}, [result]
    while waiting:
        node = waiting.pop()
        if node.primitive is None:
            yield node
            continue
        for i, x in enumerate(node.inputs):
            if isinstance(x, Node) and x not in known and node.primitive.rule(i) is not None:
                known.add(x)
                waiting.append(x)


class _Row(int):
    """In a graph written as rows: the input is the result of this row."""


def to_rows(result: Node) -> list[tuple[Any, ...]]:
    """A result's graph as a flat list, oldest first, for pickles and deep copies of any depth.

    Leaves stand in it themselves: what is copied together goes on sharing them.
    """
    nodes = [node for node in history(result) if node.primitive is not None or node is result]
    row: dict[Any, Any] = {node: _Row(i) for i, node in enumerate(nodes)}
    return [
        (
            (type(node), node._data, node.primitive),
            tuple(row.get(x, x) if isinstance(x, Node) else x for x in node.inputs),
            (dict(node.settings), node.name, node.gradient),
        )
        for node in nodes
    ]


def from_rows(rows: list[tuple[Any, ...]]) -> Node:
    """The result of a graph that was written by `to_rows`, as new nodes."""
    nodes: list[Node] = []
    for (kind, data, function), inputs, (settings, name, grad) in rows:
        found = tuple(nodes[x] if isinstance(x, _Row) else x for x in inputs)
        node = kind.made(data, function, found, settings)
        node._name, node._grad = name, grad
        nodes.append(node)
    return nodes[-1]


# -------------------------------------------------------------------------------- primitives

arrays.NATIVE.append(Node)


class Domain(NamedTuple):
    """Where an input may lie, and where the function has a corner there.

    `low` and `high` are open bounds; `kinks` the points without a single slope.
    """

    low: float = -math.inf
    high: float = math.inf
    kinks: tuple[float, ...] = ()


ANYWHERE = Domain()
POSITIVE = Domain(low=0.0)


def _parameters(forward: Callable[..., Array]) -> tuple[int, bool, dict[str, Any]]:
    """How many arrays a function takes, whether that is any number, and its settings' defaults."""
    code = getattr(forward, "__code__", None)
    if code is None or hasattr(forward, "__signature__"):
        parameters = inspect.signature(forward).parameters.values()
        arrays = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
        variadic = any(p.kind is p.VAR_POSITIONAL for p in arrays)
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        return len(arrays), variadic, defaults
    # as the signature says, which takes so long to read that importing the package would show it
    n, given = code.co_argcount, forward.__kwdefaults__ or {}
    settings = code.co_varnames[n : n + code.co_kwonlyargcount]
    variadic = bool(code.co_flags & inspect.CO_VARARGS)
    return n + variadic, variadic, {s: given.get(s, inspect.Parameter.empty) for s in settings}


class Primitive:
    """A function of arrays with one rule for each input: what that input is owed.

    A rule is `(g, y, *inputs, **settings) -> share`, where g is the gradient owed to the output
    (the cotangent) and y the output. `None` instead of a rule says "flat": no gradient passes.
    Call it with plain numbers and it is plain NumPy; recording starts where a Node enters.
    """

    def __init__(
        self,
        forward: Callable[..., Array],
        rules: tuple[Any, ...],
        *,
        elementwise: bool = False,
        broadcasts: bool = False,
        from_the_end: bool = False,
        steep: bool = True,
        holomorphic: bool | None = None,
        scalar: Any = None,
        foreign: Callable[..., Array] | str | None = None,
        domains: tuple[Domain, ...] = (),
        kink: str = "",
        numpy: tuple[Callable[..., Any], ...] = (),
    ) -> None:
        functools.update_wrapper(self, forward)
        self.name = forward.__name__
        self.forward, self.rules = forward, rules
        self.elementwise = elementwise
        self.broadcasts = broadcasts or elementwise  # the sweep adds up what was stretched
        self.from_the_end = from_the_end  # settings count axes from the last one
        self.steep = steep  # may a slope be inf or nan? Then the zero-cotangent rule looks after it
        # True: a rule with the complex derivative, which the sweep conjugates; False: a rule that
        # says itself what a complex input is owed; None: a rule for real numbers only
        self.holomorphic = holomorphic
        self.real_only = holomorphic is None and any(rules)
        self.scalar = scalar  # the same function for Python floats
        self.foreign = foreign  # and for arrays of other libraries, or why they cannot have it
        self.domains, self.kink = domains, kink  # where it is defined, and the slope at corners
        self.numpy = numpy  # the functions of NumPy's it stands for
        self._read_signature()
        # its nodes, when they are made of floats, are such that `sweep_floats` can take them
        self.short = bool(scalar) and None not in rules and self.arity <= 2

    def _read_signature(self) -> None:
        """Arrays stand by position, settings are keywords; there is one rule for each array."""
        self.arity, self.variadic, self.defaults = _parameters(self.forward)
        if len(self.rules) != self.arity:
            raise RuleError(
                f"{self.name} has {self.arity} inputs and {len(self.rules)} rules.",
                why="Each input needs the rule that says what it is owed, or None for flat.",
                hint=f"@primitive(rule, ...) above def {self.name}: one rule for each input",
            )
        for rule in filter(None, self.rules):
            self._check_rule(rule)

    def _check_rule(self, rule: Rule) -> None:
        if rule is unchanged:
            return
        wanted = 2 + self.arity + len(self.defaults) + self.variadic
        code = getattr(rule, "__code__", None)  # a signature takes 20 times as long to read
        if code and code.co_argcount + code.co_kwonlyargcount == wanted:
            return
        takes = list(inspect.signature(rule).parameters)
        if len(takes) != wanted:
            raise RuleError(
                f"A rule of {self.name} takes ({', '.join(takes)}).",
                why=f"It takes g, y, the {self.arity} inputs and every setting: {wanted} in all.",
                hint=f"def rule(g, y, {', '.join(inspect.signature(self.forward).parameters)})",
            )

    def rule(self, i: int) -> Rule | None:
        """The rule for input number i."""
        if not self.variadic:
            return self.rules[i]
        shared = self.rules[0]
        return shared and (lambda g, y, *xs, **settings: shared(g, y, *xs, i=i, **settings))

    def __call__(self, *inputs: Array, **settings: Any) -> Any:
        bare = self.short and len(inputs) == self.arity and not settings
        if bare and type(inputs[0]) is type(inputs[-1]) is float:  # a rule at work on floats
            return self._of_floats(inputs)
        if pauses and (stand_in := stand_in_now()) is not None:
            inputs = tuple(map(stand_in, inputs))
        if len(inputs) != self.arity and not self.variadic:
            inputs = self._positional(inputs, settings)
        if settings or self.defaults:
            settings = self._complete(settings)
        kind: type[Node] | None = None
        raw, floats, constants, moves = [], self.scalar is not None, False, False
        foreign = False
        for x in inputs:
            if isinstance(x, Node):
                moves = moves or not x.constant
                mine = type(x)
                if kind is not mine and (kind is None or issubclass(mine, kind) or mine.batched):
                    kind = mine  # the most specific one
                x = x._data
            elif isinstance(x, ndarray):
                constants = True
            elif isinstance(x, (list, tuple)):  # 5 times faster than a union
                return self(*map(from_list, inputs), **settings)
            if type(x) is not float:
                floats = False
                if type(x) is not ndarray and is_foreign(x):
                    foreign = constants = True
            raw.append(x)
        if self.real_only and kind is not None and not floats:
            self._refuse_complex(raw)
        if floats:
            data = self._of_floats(raw)
        elif kind is not None and kind.batched:
            if any(map(is_traced, inputs)):
                return kind.in_a_trace(self, inputs, settings)
            data = kind.computed(self, inputs, raw, settings)
        elif foreign:
            data = arrays.forward(self, raw, settings)
        else:
            data = self.forward(*raw, **settings)
            if type(data) is not ndarray or not data.ndim:
                data = tidy(data)
        if kind is None:
            return data
        if not moves:
            return kind.made(data, self)
        if pauses:
            if paused_now():
                return kind.made(data, self)
            if placing:
                settings = Placed(settings)
        node = kind.made(data, self, tuple(map(kept, inputs)) if constants else inputs, settings)
        if floats and self.short:
            node._a, node._b = (*inputs, None)[:2]
        return node

    def _refuse_complex(self, raw: Sequence[Array]) -> None:
        """Raise for complex numbers: the rule was written for real ones, and would be wrong."""
        for x in raw:
            if is_complex(x):
                raise UnsupportedError(
                    f"{self.name} has no derivative rule for complex numbers: {short(x)}.",
                    why="Its rule is about real numbers, and of complex ones would be wrong.",
                    hint=f"{self.name} of abs(z), of z.real and of z.imag;  in a declaration, "
                    "holomorphic=True if the rule holds for complex numbers too",
                    function=self.name,
                )

    def _of_floats(self, raw: Sequence[float]) -> Array:
        try:
            return self.scalar(*raw)
        except (ArithmeticError, ValueError):  # NumPy knows inf and nan there: 1/0, log(0)
            return tidy(self.forward(*(np.float64(x) for x in raw)))

    def _positional(self, inputs: tuple[Array, ...], settings: dict[str, Any]) -> tuple[Array, ...]:
        """`sum(x, 0)` is `sum(x, axis=0)`: what follows the arrays are settings, in order."""
        arrays, extra = inputs[: self.arity], inputs[self.arity :]
        if len(arrays) < self.arity or len(extra) > len(self.defaults):
            takes = ", ".join(inspect.signature(self.forward).parameters)
            raise TypeError(f"{self.name}({takes}) was called with {len(inputs)} arguments")
        settings.update(zip(self.defaults, extra, strict=False))
        return arrays

    def _complete(self, settings: dict[str, Any]) -> dict[str, Any]:
        if not settings.keys() <= self.defaults.keys():
            raise self._unknown(settings)
        return {**self.defaults, **settings}

    def _unknown(self, settings: Mapping[str, Any]) -> UnsupportedError:
        surplus = ", ".join(k for k in settings if k not in self.defaults)
        return UnsupportedError(
            f"{self.name} has no keyword {surplus}.",
            why="A keyword that is not understood would be ignored, and the result wrong.",
            hint=f"{self.name}({', '.join(inspect.signature(self.forward).parameters)})",
        )

    __qualname__: str  # from update_wrapper

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> str:
        return self.__qualname__


def kept(x: Array) -> Array:
    """An input as the graph keeps it: of an array that somebody could still write to, a copy."""
    if type(x) is not np.ndarray or frozen(x):
        return arrays.copied(x) if is_foreign(x) else x
    if x.dtype.hasobject:
        raise UnsupportedError(
            f"An array of dtype object, shape {x.shape}, is not an array of numbers.",
            why="NumPy would compute entry by entry in Python, and no rule could follow.",
            hint="array.astype(float);  for a list with Values in it, stack([v, w])",
        )
    x = x.copy()
    x.flags.writeable = False
    return x


def frozen(x: "np.ndarray[Any, Any]") -> bool:
    """Whether nobody writes to an array any more: it need not be copied."""
    return not x.flags.writeable and x.base is None


def from_list(x: Array) -> Array:
    """A list as an array; as a node that is connected to them, where it holds nodes."""
    if not isinstance(x, list | tuple):
        return x
    node = first_node(x)
    return np.asarray(x) if node is None else type(node)(x)  # type: ignore[call-arg]


def first_node(nested: Any) -> Node | None:
    """The first node in a (nested) list, if there is one."""
    if not isinstance(nested, list | tuple):
        return nested if isinstance(nested, Node) else None
    found = (first_node(part) for part in nested)
    return next((node for node in found if node is not None), None)


def unchanged(g: Array, y: Array, *inputs: Array) -> Array:
    """The rule of a sum: what the output is owed is handed on as it is."""
    return g


def primitive(*rules: Rule | None, **traits: Any) -> Callable[[Callable[..., Array]], Primitive]:
    """Declare a function whole: its rules, and on the next lines the function.

    `numpy=` names the NumPy function it stands for; `steep=False` promises that no slope is ever
    inf or nan, whatever the input; `holomorphic=True` that the function has a complex derivative
    and the rule is made of it. Without a word on that, complex Values are refused.
    """
    return lambda forward: Primitive(forward, rules, **traits)


def elementwise(*rules: Rule | None, **traits: Any) -> Callable[[Callable[..., Array]], Primitive]:
    """A primitive that follows NumPy's broadcasting; the sweep undoes it, never the rule.

    `scalar=` is the same function for Python floats, from `math` or `operator`.
    """
    return primitive(*rules, elementwise=True, **traits)
