"""A model as data, and back: what it holds, by name, and nothing that would have to be run.

A description is JSON. Numbers of parameters and arrays stand beside it, under what a person would
type to reach them: `layers[0].w`. Classes and functions are named, and looked up by whoever reads:
those of this package, and those that are handed in.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import is_dataclass
from types import FunctionType
from typing import Any

import numpy as np

from tinygrad_neuron import nn, ops
from tinygrad_neuron.errors import ModelFileError, NotSavableError
from tinygrad_neuron.graph import Primitive, tidy
from tinygrad_neuron.nn import ACTIVATIONS, Module
from tinygrad_neuron.value import Value

Array = Any
Told = Any  # what JSON can say
Known = Iterable[Callable[..., Any]]  # classes and functions

PLAIN = (type(None), bool, int, float, str)
DEEPEST = 100  # things inside things; a model that holds itself has no end

FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(ops, name)
    for name in dir(ops)
    if isinstance(getattr(ops, name), Primitive | FunctionType) and not name.startswith("_")
} | ACTIVATIONS
CLASSES: dict[str, type] = {
    name: thing
    for name, thing in vars(nn).items()
    if isinstance(thing, type) and issubclass(thing, Module)
}


def described(thing: Any) -> tuple[Told, dict[str, Array]]:
    """A model, or any container of Values and arrays, as a description and its arrays.

    Raises `NotSavableError` (TN193) for what only running code could bring back.
    """
    writer = _Writer()
    return writer.told(thing, ""), writer.arrays


def rebuilt(
    told: Told, arrays: Mapping[str, Array], known: Known = (), path: object = "the file"
) -> Any:
    """What a description describes.

    Raises `ModelFileError` (TN143) for a class or a function that is not known, and what Python
    raises for a description that makes no sense.
    """
    reader = _Reader(arrays, {thing.__name__: thing for thing in known}, path)
    thing = reader.built(told, 0)
    unused = arrays.keys() - reader.used
    if unused:
        raise ValueError(f"nothing takes the array {min(unused)!r}")
    return thing


class _Writer:
    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.places: dict[int, str] = {}  # of what was told already, by its id
        self.depth = 0

    def told(self, thing: Any, place: str) -> Told:
        if isinstance(thing, PLAIN) and not isinstance(thing, np.generic):
            return thing
        if id(thing) in self.places:
            return {"same": self.places[id(thing)]}
        if self.depth > DEEPEST:
            raise _not_savable(place, "lies too deep, or holds itself", "a model without circles")
        self.places[id(thing)] = place
        self.depth += 1
        told = self._told(thing, place)
        self.depth -= 1
        return told

    def _told(self, thing: Any, place: str) -> Told:
        if isinstance(thing, Value):
            return self._value(thing, place)
        if isinstance(thing, np.ndarray | np.generic):
            return {"array": self._kept(thing, place), "place": place}
        if isinstance(thing, np.random.Generator):
            state = json.dumps(thing.bit_generator.state, default=lambda array: array.tolist())
            return {"generator": json.loads(state), "place": place}
        if type(thing) in (list, tuple):
            held = [self.told(part, f"{place}[{i}]") for i, part in enumerate(thing)]
            return {type(thing).__name__: held, "place": place}
        if type(thing) is dict:
            return self._dict(thing, place)
        if isinstance(thing, Primitive | FunctionType):
            return self._function(thing, place)
        return self._object(thing, place)

    def _kept(self, array: Array, place: str) -> str:
        name = place.removeprefix(".") or "value"
        if np.asarray(array).dtype.kind not in "biufc":
            raise _not_savable(place, f"is an array of {array.dtype}", "an array of numbers")
        self.arrays[name] = array
        return name

    def _value(self, value: Value, place: str) -> Told:
        if value.primitive is not None:
            raise _not_savable(
                place,
                f"is a result of {value.primitive.name}",
                "leaves, and what follows from them",
            )
        name = getattr(value, "name", None)
        return {"value": self._kept(np.asarray(value.data), place), "name": name, "place": place}

    def _dict(self, thing: dict[Any, Any], place: str) -> Told:
        if not all(isinstance(key, PLAIN) for key in thing):
            raise _not_savable(place, "has keys that are no numbers and no text", "text for keys")
        pairs = [[key, self.told(part, f"{place}[{key!r}]")] for key, part in thing.items()]
        return {"dict": pairs, "place": place}

    def _function(self, function: Any, place: str) -> Told:
        name = function.__name__
        if not name.isidentifier():
            raise _not_savable(
                place,
                "is a function without a name",
                "def f(x): ...  and  tn.load(path, known=[f])",
            )
        return {"function": name, "own": FUNCTIONS.get(name) is not function, "place": place}

    def _object(self, thing: Any, place: str) -> Told:
        kind = type(thing)
        if not (isinstance(thing, Module) or is_dataclass(thing)) or not hasattr(thing, "__dict__"):
            raise _not_savable(
                place, f"is a {kind.__name__}", "modules, dataclasses, containers, numbers and text"
            )
        held = [[key, self.told(part, f"{place}.{key}")] for key, part in vars(thing).items()]
        own = CLASSES.get(kind.__name__) is not kind
        return {"kind": kind.__name__, "own": own, "holds": held, "place": place}


class _Reader:
    def __init__(self, arrays: Mapping[str, Array], known: Mapping[str, Any], path: object) -> None:
        self.arrays, self.known, self.path = arrays, known, path
        self.places: dict[str, Any] = {}
        self.used: set[str] = set()

    def built(self, told: Told, depth: int) -> Any:
        if isinstance(told, PLAIN):
            return told
        if depth > DEEPEST + 1:
            raise ValueError("it lies too deep")
        if "same" in told:
            return self.places[told["same"]]
        thing = self._built(told, depth + 1)
        self.places[told["place"]] = thing
        return thing

    def _built(self, told: Told, depth: int) -> Any:
        if "value" in told:
            return Value(tidy(self._array(told["value"])), name=_text(told["name"]))
        if "array" in told:
            return self._array(told["array"])
        if "generator" in told:
            return _generator(told["generator"])
        if "list" in told:
            return [self.built(part, depth) for part in told["list"]]
        if "tuple" in told:
            return tuple(self.built(part, depth) for part in told["tuple"])
        if "dict" in told:
            return {_key(key): self.built(part, depth) for key, part in told["dict"]}
        if "function" in told:
            return self._named(told["function"], told["own"], FUNCTIONS)
        return self._object(told, depth)

    def _array(self, name: str) -> Array:
        self.used.add(name)
        return self.arrays[name]

    def _named(self, name: str, own: bool, ours: Mapping[str, Any]) -> Any:
        if not own:
            return ours[name]
        if name not in self.known:
            raise ModelFileError(
                f"{self.path} names {name!r:.60}, which is not part of this package.",
                why="Nothing is imported because a file says so.",
                hint=f"from where it stands import {name:.60};  tn.load(path, known=[{name:.60}])",
                name=name,
            )
        return self.known[name]

    def _object(self, told: Told, depth: int) -> Any:
        kind = self._named(told["kind"], told["own"], CLASSES)
        thing = kind.__new__(kind)
        for key, part in told["holds"]:
            if callable(getattr(kind, _text(key), None)):
                raise ValueError(f"a {kind.__name__} computes its {key}")
            vars(thing)[key] = self.built(part, depth)
        return thing


def _generator(state: Any) -> np.random.Generator:
    kinds = {"PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"}
    if state["bit_generator"] not in kinds:
        raise ValueError(f"there is no generator {state['bit_generator']!r}")
    bits = getattr(np.random, state["bit_generator"])(0)
    bits.state = state
    return np.random.Generator(bits)


def _text(told: Any) -> Any:
    if not isinstance(told, str | None):
        raise TypeError(f"{told!r} where a text belongs")
    return told


def _key(told: Any) -> Any:
    if not isinstance(told, PLAIN):
        raise TypeError(f"{told!r} is no key")
    return told


def _not_savable(place: str, what: str, hint: str) -> NotSavableError:
    return NotSavableError(
        f"{place.removeprefix('.') or 'What is to be saved'} {what}.",
        why="A file holds numbers and names, and runs nothing when it is read.",
        hint=hint,
    )
