"""Arguments taken apart into the inputs of a program, if they are of the kind it was made for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_neuron.containers import parts
from tinygrad_neuron.graph import Node, tidy
from tinygrad_neuron.program.lines import Variable
from tinygrad_neuron.program.surroundings import Surroundings

Taker = Callable[[tuple[Any, ...]], Any]
MISS = object()  # what a taker gives where it cannot take


def is_kept(x: Any) -> bool:
    """Whether an argument is no number but one of a few things that are equal or not."""
    return x is None or isinstance(x, bool | str | bytes)


def as_input(x: Any) -> Any:
    """A number as a program takes it: a float, a complex, a NumPy array or a NumPy scalar."""
    if isinstance(x, Node):
        return x._data
    if type(x) is float or is_kept(x):
        return x
    if isinstance(x, int | np.integer):
        return float(x)
    return tidy(np.asarray(x)) if isinstance(x, np.ndarray | np.generic | float | complex) else x


def kind_of(x: Any) -> Any:
    """What two arguments have in common that one program serves: containers, shapes, dtypes."""
    held = parts(x)
    if held is not None:
        return type(x), tuple(held), tuple(map(kind_of, held.values()))
    if is_kept(x):
        return type(x), x
    return (x.dtype.str, x.shape) if isinstance(x, np.ndarray | np.generic) else type(x)


def described(variable: Variable) -> str:
    """An input in few words."""
    if variable.dtype is None:
        return repr(variable.kept)
    return f"{variable.dtype} {variable.shape}" if variable.shape else str(variable.dtype)


def taker(arguments: tuple[Any, ...], surroundings: Surroundings, run: Callable[..., Any]) -> Taker:
    """What runs on the numbers in such arguments; `MISS` for others, or in other surroundings.

    It is written out as Python: that takes a twentieth of the time of going through containers.
    """
    checks = _Checks()
    names = [f"a{i}" for i in range(len(arguments))]
    body = [f"if {said}: return MISS" for said in checks.changed(surroundings)]
    body += [f"if len(args) != {len(names)}: return MISS"]
    body += [f"({', '.join(names)},) = args"] if names else []
    for name, x in zip(names, arguments, strict=True):
        body += checks.of(x, name)
    body.append(f"return run({', '.join(checks.numbers)})")
    checks.things |= {"MISS": MISS, "run": run}
    text = "def take(args):\n    " + "\n    ".join(body)
    exec(compile(text, "<the kinds of arguments>", "exec"), checks.things)
    found: Taker = checks.things["take"]
    return found


@dataclass
class _Checks:
    """The lines of a taker, the numbers they end at, and the things they mention."""

    things: dict[str, Any] = field(default_factory=dict)
    numbers: list[str] = field(default_factory=list)

    def changed(self, surroundings: Surroundings) -> Iterator[str]:
        """What is true when a variable is another thing than it was."""
        for _, cell, seen in surroundings.cells:
            yield f"{self._known(cell)}.cell_contents is not {self._known(seen)}"
        for name, seen in surroundings.names:
            yield f"{self._known(surroundings.scope)}.get({name!r}) is not {self._known(seen)}"

    def of(self, x: Any, name: str) -> Iterator[str]:
        """The lines that return MISS unless `name` is of the kind of x."""
        held = parts(x)
        if held is None:
            self.numbers.append(name)
            yield f"if {self._differs(x, name)}: return MISS"
            return
        kind, keys = self._known(type(x)), self._known(list(held))
        size = f"list({name}) != {keys}" if isinstance(x, dict) else f"len({name}) != {len(held)}"
        record = not isinstance(x, dict | list | tuple)
        yield f"if type({name}) is not {kind}{'' if record else f' or {size}'}: return MISS"
        for i, (key, part) in enumerate(held.items()):
            inner = f"{name}_{i}"
            yield f"{inner} = {name}.{key}" if record else f"{inner} = {name}[{self._known(key)}]"
            yield from self.of(part, inner)

    def _differs(self, x: Any, name: str) -> str:
        kind = f"type({name}) is not {self._known(type(x))}"
        if is_kept(x):
            return f"{kind} or {name} != {self._known(x)}"
        if isinstance(x, np.ndarray):
            return (
                f"{kind} or {name}.dtype is not {self._known(x.dtype)} or {name}.shape != {x.shape}"
            )
        return kind

    def _known(self, thing: Any) -> str:
        name = f"k{len(self.things)}"
        self.things[name] = thing
        return name
