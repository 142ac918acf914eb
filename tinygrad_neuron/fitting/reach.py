"""All that a function reads besides its arguments: noticed when it becomes another thing.

A program goes on with what its function read when it was traced. So one run of the function is
watched: which functions it is made of, in whatever modules. From them and from the objects it was
given everything is found that they can get hold of. What is found in containers, attributes and
variables is compared by identity, arrays by their contents; a leaf may have another number, which
a program reads anew. What cannot be compared, such as a generator of random numbers, is refused.
"""

import dis
import gc
import os
import random
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property, partial
from operator import is_
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
    NoneType,
)
from typing import Any

import numpy as np

from tinygrad_neuron.errors import OURS
from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.losses.mechanism import Loss
from tinygrad_neuron.value import Value

Function = Callable[..., Any]

LIBRARY = (sysconfig.get_path("stdlib") + os.sep, "<frozen")
INSTALLED = os.sep + "site-packages" + os.sep
STILL = {
    *(NoneType, bool, int, float, complex, str, bytes, range, slice, CodeType, type(Ellipsis)),
    *(type(NotImplemented), type(float.real), type(str.join), type(object.__init__)),
}  # fmt: skip
CONTENTS = {list, tuple, dict, set, frozenset, str, bytes, int, float, complex}
PURE = {"math", "cmath", "operator", "_operator", "_functools", "itertools", "numpy"}
BUILTINS = {
    *("abs", "all", "any", "callable", "divmod", "isinstance", "issubclass", "len", "max", "min"),
    *("pow", "repr", "round", "sorted", "sum", "format", "hasattr", "iter", "__build_class__"),
}
CHANGES = {"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "IMPORT_NAME"}
WRAPPERS: Any = property | staticmethod | classmethod | cached_property
HOLDERS = (list, tuple, dict, np.ndarray, Value)  # which may have attributes beside
LARGEST = 1 << 20  # bytes in arrays that are gone through at every call
MANY = 5000  # things


class Unknown(Exception):  # noqa: N818  # no error: an answer, which nobody else sees
    """Why it cannot be known whether a function stays the same."""


class Heard:
    """One run of a function, watched: the functions of Python's that ran, and who else was called.

    What the package and NumPy call among themselves is theirs, unless it is somebody else's.
    """

    def __init__(self) -> None:
        self.codes: set[CodeType] = set()

    def __enter__(self) -> "Heard":
        if sys.getprofile() is not None:
            raise Unknown("somebody measures the time of every call (sys.setprofile)")
        self.problem = ""
        self._collects = gc.isenabled()
        gc.disable()  # what others do then is no part of the run
        sys.setprofile(self._hear)
        return self

    def __exit__(self, *problem: object) -> None:
        sys.setprofile(None)
        if self._collects:
            gc.enable()

    def _hear(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "call" and self._counts(frame):
            self.codes.add(frame.f_code)
        elif event == "c_call" and frame.f_code in self.codes and not _is_pure(function):
            self.problem = self.problem or f"{_called(function)} is called"

    def _counts(self, frame: FrameType) -> bool:
        file = frame.f_code.co_filename
        if file.startswith(OURS) or str(frame.f_globals.get("__name__")).startswith("namedtuple_"):
            return False
        library = file.startswith(LIBRARY) and INSTALLED not in file
        return not library or (frame.f_back is not None and frame.f_back.f_code in self.codes)


def _is_pure(function: Any) -> bool:
    """Whether a function of C's gives the same for the same, and leaves everything as it is."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ndarray | np.generic | np.ufunc) or type(owner) in CONTENTS:
        return True
    if isinstance(owner, type):
        return owner.__module__ in {"builtins", "numpy"}
    module = getattr(function, "__module__", None) or ""
    if module == "builtins":
        return function.__name__ in BUILTINS
    return module.partition(".")[0] in PURE and not module.startswith("numpy.random")


def _called(function: Any) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", repr(function))
    return name if module in (None, "builtins") else f"{module}.{name}"


class Reach:
    """What can be got hold of from some things, by the functions that were heard.

    Raises `Unknown` where it cannot be known whether something stays the same.
    """

    def __init__(self, heard: Heard, **things: Any) -> None:
        if heard.problem:
            raise Unknown(heard.problem)
        self._codes = heard.codes
        self._found: set[CodeType] = set()  # of those that were heard
        self._seen: dict[int, Any] = {}  # which keeps them, so that no other has their place
        self._modules: set[tuple[Any, ...]] = set()
        self.values: list[Value] = []
        self._rows: list[tuple[str, Any, list[Any]]] = []
        self._tables: list[tuple[str, Mapping[Any, Any], list[Any], list[Any]]] = []
        self._variables: list[tuple[str, Callable[[], Any], Any]] = []
        self._arrays: list[tuple[str, Any, bytes]] = []
        self._waiting = list(things.items())
        while self._waiting:
            self._enter(*self._waiting.pop())
        astray = heard.codes - self._found
        if astray:
            code = min(astray, key=lambda code: (code.co_filename, code.co_firstlineno))
            raise Unknown(f"it is not seen from where {code.co_name} is called ({_place(code)})")

    def change(self) -> str:
        """The first thing that is another one than before; nothing if there is none."""
        for name, row, parts in self._rows:
            if len(row) != len(parts) or not _are_same(row, parts):
                return name
        for name, table, keys, parts in self._tables:
            if [*table] != keys or not _are_same(table.values(), parts):
                return name
        for name, read, thing in self._variables:
            if not _is_same(read(), thing):
                return name
        for name, array, contents in self._arrays:
            if array.tobytes() != contents:
                return name
        return ""

    # ------------------------------------------------------------------------ the walk

    def _enter(self, name: str, x: Any) -> None:
        """Look at one thing; what it holds is looked at later."""
        if type(x) in STILL or id(x) in self._seen or _is_ours(x):
            return
        self._seen[id(x)] = x
        if len(self._seen) > MANY:
            raise Unknown(f"it can reach more than {MANY} things, {name} among them")
        look = next((look for kind, look in LOOKS.items() if isinstance(x, kind)), None)
        if look is not None:
            look(self, name, x)
        elif type(x).__basicsize__ > Blank.__basicsize__ or not hasattr(x, "__dict__"):
            raise Unknown(f"{name} is of type {type(x).__name__}, which may change unseen")
        if look is None or (isinstance(x, HOLDERS) and hasattr(x, "__dict__")):
            self._table(name, vars(x))
            self._variable(name, partial(type, x))
            self._waiting += [(kind.__name__, kind) for kind in type(x).__mro__]

    def _value(self, name: str, x: Value) -> None:
        if x.primitive is not None and not x.constant:
            raise Unknown(f"{name} is a result of {x.primitive.name}")
        self.values.append(x)

    def _array(self, name: str, x: Any) -> None:
        size = x.nbytes + sum(len(contents) for _, _, contents in self._arrays)
        if x.dtype.hasobject or size > LARGEST:
            raise Unknown(f"{name} is too large an array to be gone through at every call")
        self._arrays.append((name, x, x.tobytes()))

    def _row(self, name: str, x: Any) -> None:
        if isinstance(x, list):
            self._rows.append((name, x, list(x)))
        self._waiting += [(f"{name}[{i}]", part) for i, part in enumerate(x)]

    def _table(self, name: str, x: Mapping[Any, Any]) -> None:
        self._tables.append((name, x, list(x), list(x.values())))
        self._waiting += [(f"{name}.{key}", part) for key, part in x.items()]

    def _method(self, name: str, x: MethodType) -> None:
        self._waiting += [(name.rpartition(".")[0] or name, x.__self__), (name, x.__func__)]

    def _partial(self, name: str, x: Any) -> None:
        self._waiting += [(name, part) for part in (x.func, x.args, x.keywords)]

    def _wrapper(self, name: str, x: Any) -> None:
        """A property and its like: the functions in it."""
        held = (getattr(x, part, None) for part in ("fget", "__func__", "func"))
        self._waiting += [(name, function) for function in held if function is not None]

    def _class(self, name: str, x: type) -> None:
        if x.__module__ in sys.builtin_module_names or x is object:
            return
        held = vars(x)
        self._tables.append((name, held, list(held), list(held.values())))
        self._waiting += [
            (f"{name}.{key}", part)
            for key, part in held.items()
            if isinstance(part, FunctionType | WRAPPERS) or not key.startswith(("__", "_abc_"))
        ]

    def _function(self, name: str, x: FunctionType) -> None:
        """Its variables, if it was heard: the package's own may call it out of sight."""
        ours = x.__code__.co_filename.startswith(OURS)
        inside = set(_codes(x.__code__))
        if not ours and not inside & self._codes:
            return
        self._found |= inside
        self._table(name, vars(x))
        self._waiting += [(name, x.__defaults__), (name, x.__kwdefaults__)]
        for variable, cell in zip(x.__code__.co_freevars, x.__closure__ or (), strict=True):
            try:
                self._variable(variable, partial(_inside, cell))
            except ValueError:  # nothing in it yet
                raise Unknown(f"{variable} has no value yet") from None
        if not ours:
            self._mentioned(x, inside)

    def _mentioned(self, x: FunctionType, codes: set[CodeType]) -> None:
        """The globals that a function mentions, and what it may take from modules."""
        lines = [line for code in codes for line in dis.get_instructions(code)]
        for line in lines:
            outer = line.opname == "STORE_DEREF" and line.argval in x.__code__.co_freevars
            if line.opname in CHANGES or outer:
                raise Unknown(f"{x.__name__} changes {line.argval} ({_place(x.__code__)})")
        attributes = {x.argval for x in lines if x.opname in ("LOAD_ATTR", "LOAD_METHOD")}
        for name in {x.argval for x in lines if x.opname in ("LOAD_GLOBAL", "LOAD_NAME")}:
            thing = self._variable(name, partial(x.__globals__.get, name), enter=False)
            if isinstance(thing, ModuleType):
                self._module(thing, attributes)
            else:
                self._waiting.append((name, thing))

    def _module(self, module: ModuleType, attributes: set[str]) -> None:
        """What is taken from a module by name; the package and NumPy stay as they are."""
        root = module.__name__.partition(".")[0]
        if module.__name__ == "numpy.random" or (root == "numpy" and "random" in attributes):
            raise Unknown("numpy.random is used")
        if root in (*PURE, "tinygrad_neuron") or (module, *attributes) in self._modules:
            return
        self._modules.add((module, *attributes))
        for name in attributes & vars(module).keys():
            told = f"{module.__name__}.{name}"
            part = self._variable(told, partial(vars(module).get, name), enter=False)
            if isinstance(part, ModuleType):
                self._module(part, attributes)
            else:
                self._waiting.append((told, part))

    def _variable(self, name: str, read: Callable[[], Any], enter: bool = True) -> Any:
        thing = read()
        self._variables.append((name, read, thing))
        if enter:
            self._waiting.append((name, thing))
        return thing

    def _refused(self, name: str, x: Any) -> None:
        raise Unknown(f"{name} is a {type(x).__name__}, which gives other numbers each time")


class Blank:
    """As large as an object is that has attributes and nothing else."""


LOOKS: dict[Any, Callable[[Reach, str, Any], None]] = {
    np.random.Generator | np.random.RandomState | random.Random: Reach._refused,
    Value: Reach._value,
    np.ndarray: Reach._array,
    list | tuple: Reach._row,
    dict: Reach._table,
    FunctionType: Reach._function,
    MethodType: Reach._method,
    partial: Reach._partial,
    WRAPPERS: Reach._wrapper,
    type: Reach._class,
}


def _is_ours(x: Any) -> bool:
    """Whether it stays as it is because the package, NumPy or Python itself made it."""
    if isinstance(x, np.ufunc | np.generic | np.dtype):
        return True
    if isinstance(x, BuiltinFunctionType):
        return _is_pure(x)
    root, _, rest = str(getattr(x, "__module__", "")).partition(".")
    if isinstance(x, type):
        return root in ("tinygrad_neuron", "numpy", *PURE, "builtins", "collections", "typing")
    if isinstance(x, Primitive | Loss):
        return root == "tinygrad_neuron"
    if isinstance(x, FunctionType) or type(x).__module__.partition(".")[0] == "numpy":
        plain = callable(x) and not getattr(x, "__closure__", None)
        return plain and root in ("tinygrad_neuron", "numpy") and not rest.startswith("random")
    return False


def _are_same(things: Collection[Any], before: Collection[Any]) -> bool:
    return all(map(is_, things, before)) or all(map(_is_same, things, before))


def _is_same(x: Any, before: Any) -> bool:
    """Whether it is the same object, or as good as that: a number written down alike."""
    alike = type(x) is type(before) and type(x) in STILL
    return x is before or (alike and repr(x) == repr(before))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """A function's code, and that of the functions inside of it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _inside(cell: Any) -> Any:
    return cell.cell_contents


def _place(code: CodeType) -> str:
    return f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
