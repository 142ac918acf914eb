"""What a command computes with: a formula or a module's function, and inputs typed name=value."""

import ast
import difflib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_neuron.check import samples
from tinygrad_neuron.expressions import parse
from tinygrad_neuron.lesson.mistakes import UsageError
from tinygrad_neuron.lesson.text import words

SAMPLERS: dict[str, Callable[..., samples.Sampler]] = {
    "random": samples.ordinary,
    "positive": samples.positive,
    "integers": samples.integers_below,
}
CALL = re.compile(r"(?P<name>[a-z]+)\((?P<numbers>[\d,\s]*)\)")
ASSIGNED = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>.+)", re.DOTALL)
MISSING = inspect.Parameter.empty
Parameters = dict[str, Any]  # by name, with their defaults
Typed = tuple[Callable[..., Any], Parameters, Parameters]  # a function, its inputs and settings


def function_of(target: str) -> Typed:
    """A formula as a function of its names, or a function of a module."""
    return _imported(target) if ":" in target else _formula(target)


def _formula(text: str) -> Typed:
    expression = parse(text)
    return expression, dict.fromkeys(expression.names, MISSING), {}


def _imported(target: str) -> Typed:
    """A function of a module, its inputs and its settings."""
    function = _found(*target.strip().split(":", 1))
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise UsageError(
            f"{target} takes any number of inputs, *{next(iter(parameters)).name}.",
            hint="write a function that names them, and check that",
        )
    named = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    inputs = {p.name: p.default for p in named if p.kind is not p.KEYWORD_ONLY}
    settings = {p.name: p.default for p in named if p.kind is p.KEYWORD_ONLY}
    return function, inputs, settings


def _found(module: str, name: str) -> Callable[..., Any]:
    if os.getcwd() not in sys.path:  # the installed command does not look where it is started
        sys.path.insert(0, os.getcwd())
    try:
        thing: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise UsageError(f"{error}.", hint="start where the module is, and leave out .py") from None
    for part in name.split("."):
        if not hasattr(thing, part):
            near = difflib.get_close_matches(part, dir(thing), n=1)
            guess = f"; did you mean {near[0]}?" if near else "."
            raise UsageError(f"{module} has no {name}{guess}")
        thing = getattr(thing, part)
    if not callable(thing):
        raise UsageError(f"{module}:{name} is not a function but {thing!r:.60}.")
    return getattr(thing, "function", thing)  # of a test made by @given_gradcheck


# ---------------------------------------------------------------------------------- the inputs


def assigned(typed: Sequence[str], known: list[str]) -> dict[str, str]:
    """The values by name, as text."""
    found = {}
    for text in typed:
        parts = ASSIGNED.fullmatch(text)
        if not parts:
            raise UsageError(f"{text.strip()!r} is not an input.", hint="x=1.5   or   x=random(3)")
        if parts["name"] not in known:
            names = f"Its inputs are {words(known)}." if known else "It has no inputs."
            raise UsageError(f"There is no input {parts['name']}.", why=names)
        found[parts["name"]] = parts["value"].strip()
    return found


def number_or_array(name: str, text: str, rng: np.random.Generator) -> Any:
    """A number, an array of numbers, or one that is drawn."""
    call = CALL.fullmatch(text)
    if call and call["name"] in SAMPLERS:
        numbers = [int(n) for n in call["numbers"].split(",") if n.strip()]
        if numbers or call["name"] != "integers":
            return SAMPLERS[call["name"]](*numbers)(rng)
    try:
        x = np.asarray(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        x = np.asarray(text)
    if x.dtype.kind not in "fiub":
        raise UsageError(
            f"{name}={text} is neither a number nor an array of numbers.",
            hint=f"{name}=1.5   {name}=[1.0, 2.0]   {name}=random(3, 4)   {name}=positive(3)",
        )
    return x if x.ndim else float(x)


def setting(text: str) -> Any:
    """A setting as Python writes it; else the word itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def named(
    function: Callable[..., Any], names: Iterable[str], settings: dict[str, Any]
) -> Callable[..., Any]:
    """The function with its settings, of inputs that have these names."""

    def f(*inputs: Any) -> Any:
        return function(*inputs, **settings)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in names]
    f.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return f
