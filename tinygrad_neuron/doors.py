"""What a person holds of a Value: its numbers, to read and to write, and its gradient to come.

Both exist so that nothing happens unseen. Numbers written into a leaf reach the leaf, which then
knows that older results are out of date; a gradient that is used before there is one says so.
"""

import re
from typing import Any

import numpy as np

from tinygrad_neuron import ops
from tinygrad_neuron.errors import (
    GradientNotComputedError,
    ImmutableError,
    MissingMethodError,
    name_of,
)


class Data(np.ndarray[Any, Any]):
    """A leaf's numbers as a person sees them: to read, and to write so that the leaf notices.

    What is written goes through the leaf, into a copy: whatever was computed from the old numbers
    still has them, and finds out at `backward()` that the leaf is younger than it.
    """

    owner: Any = None  # the leaf; None for a result, a part or a copy

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __setitem__(self, index: Any, new: Any) -> None:
        if self.flags.writeable:  # a copy that somebody made
            super().__setitem__(index, new)
            return
        fresh = np.array(self)
        fresh[index] = new
        self._renew(fresh)

    def __iadd__(self, other: Any) -> "Data":  # type: ignore[misc]
        return self._renew(np.asarray(self) + other)

    def __isub__(self, other: Any) -> "Data":  # type: ignore[misc, override]
        return self._renew(np.asarray(self) - other)

    def __imul__(self, other: Any) -> "Data":  # type: ignore[misc]
        return self._renew(np.asarray(self) * other)

    def __itruediv__(self, other: Any) -> "Data":  # type: ignore[misc, override]
        return self._renew(np.asarray(self) / other)

    def _renew(self, new: Any) -> "Data":
        """Hand the leaf its new numbers, and the line that wrote them the view of them."""
        if self.flags.writeable:
            self[...] = new
            return self
        if self.owner is None:
            raise ImmutableError(
                "These numbers belong to a Value and cannot be written here.",
                why="They are a computed result, or only a part of a leaf's data.",
                hint="w.data[i] = x  in one piece, on a leaf;  or work on a copy: np.array(v.data)",
            )
        if type(new) is np.ndarray and new.shape == self.shape and new.dtype == self.dtype:
            self.owner.renew(new)  # made above, for this: no copy is needed
        else:
            self.owner.data = new
        view: Data = self.owner.data
        return view


class Missing:
    """An attribute of NumPy's arrays that a Value does not have: it says what to type instead.

    A `__getattr__` would say it as well, and make every other attribute of a Value slower to read.
    """

    def __init__(self, name: str, instead: str, why: str) -> None:
        self.name, self.instead, self.why = name, instead, why

    def __get__(self, value: object, owner: type) -> "Missing":
        if value is None:
            return self
        raise MissingMethodError(
            f"A Value has no .{self.name}, which NumPy's arrays have.",
            why=self.why,
            hint=re.sub(r"\bv\b", name_of(value, "v"), self.instead),
            name=self.name,
        )


class Method:
    """An operation as a method, found when it is asked for: what is rare is not imported before."""

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, value: object, owner: type) -> Any:
        function = getattr(ops, self.operation)
        setattr(self.owner, self.name, function)  # the next time it is there
        return function.__get__(value, owner)


WRITES = "It would change the Value, and results that were computed from it need it as it was."
MEMORY = "It is about numbers in memory, which hold no history."
IN_MEMORY = (
    *(
        "__dlpack__",
        "base",
        "byteswap",
        "ctypes",
        "dump",
        "dumps",
        "flags",
        "getfield",
        "setfield",
        "setflags",
    ),
    *("strides", "to_device", "tobytes", "tofile", "view"),
)
ONLY_ARRAYS = (
    Missing("choose", "np.choose(places, [a, b])", "It reads its own entries as whole numbers."),
    Missing("fill", "np.full_like(v, x)", WRITES),
    Missing("itemset", "v.at[index].set(x)", WRITES),
    Missing("partition", "np.partition(v, kth)", WRITES),
    Missing("ptp", "np.ptp(v)", "NumPy 2 has it as a function only."),
    Missing("put", "v.at[index].set(x)", WRITES),
    Missing("resize", "np.resize(v, shape)", WRITES),
    Missing("sort", "np.sort(v)", WRITES),
    *(Missing(name, f"v.data.{name}", MEMORY) for name in IN_MEMORY),
)


class NotComputed:
    """What `.grad` is before `backward()`: false, equal to None, and an error as a number."""

    def __init__(self, value: object) -> None:
        self._value = value

    def _explain(self, *_: Any, **__: Any) -> Any:
        name = name_of(self._value, "it")
        raise GradientNotComputedError(
            f"{name} has no gradient yet: nobody called backward() on a result that uses {name}.",
            why="A gradient answers 'how does the loss move with it', so first there is a loss.",
            hint=f"loss = ...; loss.backward(); then use {name}.grad",
            name=name,
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __abs__ = _explain
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _explain
    __pow__ = __rpow__ = __matmul__ = __rmatmul__ = __round__ = __getitem__ = __len__ = _explain
    __lt__ = __le__ = __gt__ = __ge__ = __float__ = __int__ = __complex__ = __iter__ = _explain
    __array__ = __array_ufunc__ = __array_function__ = _explain

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._explain()

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec else str(self._explain())

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, NotComputed)

    def __hash__(self) -> int:
        return hash(None)

    def __repr__(self) -> str:
        return "not computed yet"
