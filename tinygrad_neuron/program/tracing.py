"""From a run to a program: a function is run on Values that must not be looked at, and read off."""

import inspect
import keyword
import sys
from bisect import bisect
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any, ClassVar

import numpy as np

from tinygrad_neuron.containers import leaves, mapped, parts, rebuilt
from tinygrad_neuron.errors import OURS, LeftGraphError, TraceError, name_of
from tinygrad_neuron.graph import (
    MANY,
    Array,
    Node,
    Primitive,
    any_foreign,
    dtype_of,
    history,
    plain,
    tick,
    tidy,
)
from tinygrad_neuron.hooks import on_grad
from tinygrad_neuron.modes import recording, standing_in
from tinygrad_neuron.ops import broadcast_to, positive, stop_gradient, transpose
from tinygrad_neuron.ops.shape import shape_of
from tinygrad_neuron.program.excuses import without_idle_excuses
from tinygrad_neuron.program.lines import Line, Name, Variable, fresh_name, is_array
from tinygrad_neuron.program.program import Program
from tinygrad_neuron.program.rewriting import rewritten
from tinygrad_neuron.value import Value

Function = Callable[..., Any]
TITLES = {  # of what `transforms` makes of a function
    "value_and_gradient": "{}_and_gradient",
    "gradient": "{}_gradient",
    "jacobian_of": "{}_jacobian",
}
MARKS = frozenset({stop_gradient, on_grad})  # which a gradient alone sees
ALIASES = frozenset({positive, *MARKS})  # the same number: in a program, the same name


class Traced(Value):
    """A Value of a run that stands for all runs: its shape is known, its number is not."""

    __slots__ = ()

    traced: ClassVar[bool] = True

    def _look(self, *_: Any, **__: Any) -> Any:
        name = name_of(self, "v")
        raise LeftGraphError(
            f"A trace was asked for the number of {name}, a Value of shape {self.shape}.",
            why="The program is for all inputs, and this number would be that of one.",
            hint=f"where({name} > 0, a, b)  instead of  if {name} > 0;  np.exp({name}) instead of "
            f"math.exp({name});  and without float(), .item(), .data and np.asarray()",
        )

    data = property(_look)
    __array__: Any = _look
    __bool__ = __float__ = __int__ = __complex__ = __index__ = _look
    only = item = tolist = _look

    def backward(self, seed: Array = None) -> None:
        """Gradients left on nodes are no part of a result: refused."""
        raise TraceError(
            "backward() was called in a trace.",
            why="It leaves gradients on Values, and a program is what a function returns.",
            hint="program_of(value_and_grad(f))(*examples)",
        )

    def detach(self) -> Value:
        """The same number as a constant."""
        return stop_gradient(self)

    def in_turn(self, g: Array) -> None:
        """A sweep noted: what is recorded from now on answers what this is owed."""
        turns = _turns.get()
        if turns is not None:
            turns.append((tick(), self, g))

    def __repr__(self) -> str:
        return f"<traced {self.name or 'Value'}: shape {self.shape}, {self.dtype}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)


Turn = tuple[int, Node, Array]
_turns: ContextVar[list[Turn] | None] = ContextVar("turns", default=None)


def program_of(f: Function) -> Callable[..., Program]:
    """The function that runs `f` once more on examples, and gives the program of what it computed.

    A program holds for all inputs of the examples' shapes and dtypes. An argument may be a number,
    an array, a Value, or a list, tuple or dict of them; a bool, a text or None is kept as it is.
    What `f` is does not matter: `program_of(value_and_grad(loss))` is the program of a gradient.

    >>> from tinygrad_neuron import program_of, value_and_grad
    >>> def loss(w, b):
    ...     error = w * 256 + b - 1492
    ...     return error**2
    >>> program = program_of(value_and_grad(loss))(0.0, 0.0)
    >>> print(program.source)
    def loss_and_gradient(w, b):
        error = w * 256 + b - 1492
        loss = error ** 2
    <BLANKLINE>
        # backward: what each line owes to what it used
        d_error = 2 * error  # loss = error ** 2
        d_w = d_error * 256  # w * 256
        return loss, d_w
    >>> program.run(1.0, 0.0)
    (1527696.0, -632832.0)

    `f` is run twice, and both runs must do the same. Raises `LeftGraphError` (TN105) where `f`
    branches on a number or takes one out of the graph, and `TraceError` (TN165) where it draws
    random numbers, or uses a Value that it was not given.
    """

    def traced(*examples: Any, **settings: Any) -> Program:
        program, again = (_traced_once(f, examples, settings) for _ in range(2))
        _same(program, again)
        return without_idle_excuses(program)

    return traced


def program_with_leaves(f: Function, examples: tuple[Any, ...]) -> tuple[Program, list[Node]]:
    """The program of a function that may use leaves of its own, and those leaves.

    They are inputs of the program as well, behind the arguments, in the order of the list. A
    gradient through it is that of its `whole`, which knows where none passes.
    """
    hidden, once_more = _Hidden(tick()), _Hidden(tick())
    program = _traced_once(f, examples, {}, hidden)
    _same(program, _traced_once(f, examples, {}, once_more))
    plain = _without_marks(program)
    short = without_idle_excuses(plain)
    return short if plain is program else replace(short, whole=program), list(hidden.twins)


def _without_marks(program: Program) -> Program:
    """Without the lines that only a gradient sees."""
    known: dict[Any, Any] = {}
    lines = []
    for old in program.lines:
        line = old.renamed(known)
        if line.primitive in MARKS:
            known[line.name] = line.inputs[0]
        else:
            lines.append(line)
    return rewritten(program, lines, known) if known else program


@dataclass
class _Hidden:
    """The leaves that a function uses and was not given, and who stands in for them."""

    since: int
    twins: dict[Node, Any] = field(default_factory=dict)

    def stand_in(self, x: Any) -> Any:
        """Who takes the place of an input of a primitive: itself, unless it is such a leaf."""
        if not isinstance(x, Node) or x.primitive is not None or x.birth > self.since:
            return x
        if x.batched or x.traced:
            return x
        if x not in self.twins:
            twin = self.twins[x] = Traced.made(x._data, None)
            twin.name, twin.birth = x.name, x.birth
        return self.twins[x]

    def names(self, f: Function, taken: set[str]) -> dict[str, Any]:
        """The stand-ins by names: the leaf's own, or that of the variable which holds it."""
        named = {id(thing): name for name, thing in _own_variables(f)}
        return {
            fresh_name(x.name or named.get(id(x)) or "leaf", taken): twin
            for x, twin in self.twins.items()
        }


def _own_variables(f: Function) -> Iterator[tuple[str, Any]]:
    """What a function closes over, and the globals that it mentions, by name."""
    code = inspect.unwrap(f)
    if inspect.isfunction(code):
        seen = inspect.getclosurevars(code)
        for scope in (seen.nonlocals, seen.globals):
            yield from scope.items()


def _same(program: Program, again: Program) -> None:
    """Raise where two runs on the same inputs were not the same."""
    for kind, (ours, theirs) in {
        "constants": (program.constants, again.constants),
        "operations": (program.lines, again.lines),
    }.items():
        if _fingerprint(ours) != _fingerprint(theirs):
            raise TraceError(
                f"{program.name} was run twice on the same inputs, with other {kind}.",
                why="It draws random numbers, or uses something that changes from run to run, "
                "and the program would go on with what it happened to be.",
                hint="pass it as an argument:  f(x, noise)",
            )


def _fingerprint(thing: Any) -> Any:
    """Something that is equal for the same numbers to the bit, nan included."""
    if isinstance(thing, np.ndarray):
        return thing.shape, thing.dtype.str, thing.tobytes()
    if isinstance(thing, Line):
        given = (thing.inputs, thing.settings, thing.shape, thing.dtype)
        return thing.name, thing.primitive, _fingerprint(given)
    if isinstance(thing, Mapping):
        return [(key, _fingerprint(part)) for key, part in thing.items()]
    if isinstance(thing, list | tuple):
        return [_fingerprint(part) for part in thing]
    return type(thing), getattr(thing, "__code__", None) or repr(thing)


# ------------------------------------------------------------------------------- one run


def _traced_once(
    f: Function,
    examples: tuple[Any, ...],
    settings: dict[str, Any],
    hidden: "_Hidden | None" = None,
) -> Program:
    since = tick()
    wanted = dict(zip(_argument_names(f, examples), leaves(examples), strict=True))
    inputs = {name: _stand_in(x, name) for name, x in wanted.items()}
    turns: list[Turn] = []
    token = _turns.set(turns)
    others = standing_in(hidden.stand_in) if hidden else nullcontext()
    try:
        with others, recording(), np.errstate(all="ignore"), listening() as called:
            result = f(*rebuilt(examples, inputs.values()), **settings)
    finally:
        _turns.reset(token)
    arguments = rebuilt(examples, map(Name, inputs))
    if hidden:
        leaves_found = hidden.names(f, set(inputs))
        inputs |= leaves_found
        arguments = (*arguments, *map(Name, leaves_found))
    aliases = ALIASES - MARKS if hidden else ALIASES
    reader = _Reader(f, since, inputs, arguments, turns, called, aliases)
    return reader.program(result)


def _stand_in(example: Any, name: str) -> Any:
    """An example as a Value that is not looked at; what is no number stays."""
    if isinstance(example, bool | str | bytes) or example is None:
        return example
    if any_foreign(example):
        raise TraceError(
            f"{name} is a {type(plain(example)).__module__} array, and a program is of NumPy's.",
            hint="cluster.value_and_grad(f) runs the program on each partition of Dask's",
        )
    if isinstance(example, np.ndarray) and example.dtype.kind in "iub":
        data = example.copy()  # labels and the like: no leaves, but inputs all the same
    else:
        data = example._data if isinstance(example, Node) else Value(example, name=name)._data
    node = Traced.made(data, None)
    node.name = name
    return node


def _argument_names(f: Function, examples: tuple[Any, ...]) -> list[str]:
    """A name for each number in the examples: its parameter's, and its place in a container."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    taken: set[str] = set()
    names = []
    for i, example in enumerate(examples):
        one = parameters[i] if i < len(parameters) else None
        own = one and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        stem = one.name if one and own else getattr(example, "name", None) or f"x{i}"
        for path in _paths(example, stem):
            names.append(fresh_name(path, taken))
    return names


def _paths(nested: Any, stem: str) -> Iterator[str]:
    """`params_w`, `params_b`: where each number stands in a container."""
    held = parts(nested)
    if held is None:
        yield stem
        return
    for key, part in held.items():
        own = getattr(part, "name", None) if isinstance(nested, list | tuple) else None
        yield from _paths(part, f"{stem}_{own or key}")


@contextmanager
def listening(kind: type[Node] = Traced) -> Iterator[dict[Node, str]]:
    """What a person's own variables hold when their function returns: names for the lines.

    A profile function sees the frames; that is the one place where those names still are.
    """
    called: dict[Node, str] = {}

    def look(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "return" or code.co_filename.startswith(OURS):
            return
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        for name, thing in frame.f_locals.items():
            if isinstance(thing, kind) and name not in given and name.isidentifier():
                called.setdefault(thing, name)

    if sys.getprofile() is not None:  # somebody measures: lines without names, then
        yield called
        return
    sys.setprofile(look)
    try:
        yield called
    finally:
        sys.setprofile(None)


# ---------------------------------------------------------------------------- reading off


@dataclass
class _Reader:
    """The nodes of one run, as lines in the order in which they were born."""

    f: Function
    since: int
    inputs: dict[str, Any]
    arguments: tuple[Any, ...]
    turns: list[Turn]
    called: dict[Node, str]
    aliases: Container[Any] = ALIASES
    taken: set[str] = field(default_factory=set)
    names: dict[Node, Any] = field(default_factory=dict)  # or a plain number
    constants: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        debts = reversed(self.turns)  # of several that are owed the same, the youngest
        self.owners = {g: owner for _, owner, g in debts if isinstance(g, Node)}

    def program(self, result: Any) -> Program:
        """The whole of it."""
        self.taken |= {*self.inputs}
        name = fresh_name(_title(self.f), self.taken)
        for given, x in self.inputs.items():
            if isinstance(x, Traced):
                self.names[x] = Name(given)
        nodes = history(*(x for x in leaves(result) if isinstance(x, Node)))
        self._name_results(result, name)
        for node in nodes:
            if node not in self.names:
                self._read(node)
        outputs = mapped(self._operand, result)  # which may need a line, for a constant
        return Program(
            name=name,
            inputs=tuple(_variable(n, x) for n, x in self.inputs.items()),
            constants=self.constants,
            lines=tuple(self.lines),
            outputs=outputs,
            arguments=self.arguments,
        )

    def _name_results(self, result: Any, name: str) -> None:
        """A result without a name is called after the function; others as the person did."""
        own = getattr(inspect.unwrap(self.f), "__name__", "")
        for x in list(leaves(result))[:1]:
            forward = not self.turns or x.birth < self.turns[0][0]
            if (
                forward
                and isinstance(x, Traced)
                and x.primitive not in (None, *ALIASES)
                and own != name
            ):
                self.called.setdefault(x, own)

    def _read(self, node: Node) -> None:
        if node.primitive is None and node.birth < self.since:
            raise _not_given(node)
        if not node.traced or node.primitive is None:
            return  # a constant: written where it is used
        if node._b is MANY and not node._a:
            raise TraceError(
                f"A result of {node.primitive.name} was made under no_grad, in a trace.",
                why="It has forgotten what it was computed from, and would be kept as a number.",
                hint="v.detach()  for a part that no gradient passes",
            )
        if node.primitive in self.aliases:
            self.names[node] = self._operand(node.inputs[0])
            return
        answers = self._answers(node)
        inputs = tuple(self._operand(x, answers) for x in node.inputs)
        line = Line(
            self._name(node),
            node.primitive,
            inputs,
            {key: self._setting(x) for key, x in node.settings.items()},
            *_kind(node._data),
            answers,
        )
        self.names[node] = line.name
        self.lines.append(line)

    def _operand(self, x: Any, answers: Name | None = None) -> Any:
        """What stands for an input in a line: a name, or the number itself."""
        if isinstance(x, Node) and x in self.names:
            return self.names[x]
        data = x._data if isinstance(x, Node) else x
        return self._constant(data, answers) if is_array(data) else tidy(data)

    def _constant(self, data: Any, answers: Name | None) -> Name:
        """An array that was not computed from the inputs, by the name the person gave it."""
        data = np.asarray(data)
        if data.size > 1 and _is_one_number(data):
            number = tidy(data.flat[0])
            return self._extra(broadcast_to, number, {"shape": data.shape}, data, answers)
        for name, known in self.constants.items():
            if _same_array(known, data):
                return Name(name)
            if data.ndim > 1 and _same_array(known.T, data):  # a rule turned it round
                return self._extra(transpose, Name(name), {"axes": None}, data, answers)
        name = fresh_name(_name_in(self.f, data) or "constant", self.taken)
        self.constants[name] = data
        return Name(name)

    def _extra(
        self, function: Primitive, x: Any, settings: Any, data: Any, answers: Name | None
    ) -> Name:
        """A constant as what it was made from: nobody recorded that, for it depends on no input."""
        line = Line(self._fresh("v"), function, (x,), settings, *_kind(data), answers)
        self.lines.append(line)
        return line.name

    def _setting(self, x: Any) -> Any:
        """A setting; a large array in it is a constant as well."""
        if is_array(x) and x.size > 16:
            return self._constant(x, None)
        return tuple(self._setting(part) for part in x) if type(x) is tuple else x

    def _name(self, node: Node) -> Name:
        known = node.name or self.called.get(node)
        if known and known.isidentifier() and not keyword.iskeyword(known):
            return self._fresh(known, given=True)
        owner = self.owners.get(node)
        if owner is not None and isinstance(self.names.get(owner), Name):
            return self._fresh(f"d_{self.names[owner]}", given=self.names[owner].given)
        return self._fresh("v")

    def _fresh(self, stem: str, given: bool = False) -> Name:
        if stem == "v":
            self.count += 1
            stem = f"v{self.count}"
        return Name(fresh_name(stem, self.taken), given)

    def _answers(self, node: Node) -> Name | None:
        """The line whose debt this one pays on; None for what is not part of a gradient."""
        before = bisect(self.turns, node.birth, key=lambda turn: turn[0])
        name = self.names.get(self.turns[before - 1][1]) if before else None
        return name if isinstance(name, Name) and name not in self.inputs else None


def _is_one_number(data: Any) -> bool:
    """Whether all entries are the same; 0.0 and -0.0 are two."""
    first = data.flat[0]
    if (data != first).any():
        return False
    return bool(first != 0) or data.dtype.kind != "f" or len(np.unique(np.signbit(data))) == 1


def _same_array(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _kind(data: Any) -> tuple[tuple[int, ...], Any, bool]:
    return shape_of(data), dtype_of(data), type(data) is float


def _variable(name: str, x: Any) -> Variable:
    if not isinstance(x, Traced):
        return Variable(name, None, None, False, x)
    return Variable(name, *_kind(x._data))


def _title(f: Function) -> str:
    """What to call the program: as the function that was traced."""
    inner = inspect.unwrap(f)
    name = getattr(inner, "__name__", "f")
    name = name if name.isidentifier() else "f"
    return TITLES.get(getattr(f, "__name__", ""), "{}").format(name)


def _name_in(f: Function, data: Any) -> str | None:
    """The name by which a function reaches an array that was not among its arguments."""
    for name, thing in _own_variables(f):
        if isinstance(thing, Sequence | np.ndarray) and _is_same(thing, data):
            return name
    return None


def _is_same(thing: Any, data: Any) -> bool:
    """Whether it is this array, perhaps as a list."""
    try:
        given = np.asarray(thing)
    except (ValueError, TypeError, LeftGraphError):  # ragged, or of Values: no array
        return False
    return given.shape == data.shape and np.array_equal(given, data)


def _not_given(node: Node) -> TraceError:
    name = name_of(node, "a Value")
    return TraceError(
        f"The function uses {name}, a Value of shape {node.shape} that was not an argument.",
        why="Its data may change, and the program would go on with what it is now.",
        hint=f"pass it as an argument;  or, as a constant, {name}.data",
    )
