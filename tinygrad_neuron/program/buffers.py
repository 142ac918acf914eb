"""Buffers: arrays that results are written into, each handed on when nobody needs it any more."""

from collections import defaultdict
from dataclasses import dataclass, field

from tinygrad_neuron.program.ufuncs import Kind

KEPT = 2**22  # entries of a buffer that is kept from call to call


@dataclass
class Buffers:
    """The arrays that a function writes into, each handed on when nobody needs it any more."""

    mark: str
    kinds: list[Kind] = field(default_factory=list)
    free: dict[Kind, list[str]] = field(default_factory=lambda: defaultdict(list))

    def taken(self, kind: Kind) -> str:
        """One that is free."""
        if self.free[kind]:
            return self.free[kind].pop()
        self.kinds.append(kind)
        return f"{self.mark}b{len(self.kinds) - 1}"

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [f"{self.mark}b{i}" for i in range(len(self.kinds))]

    def made(self) -> list[str]:
        """The lines that make them."""
        new = (f"{self.mark}empty({shape}, {dtype.str!r})" for shape, dtype in self.kinds)
        return [f"{name} = {x}" for name, x in zip(self.names, new, strict=True)]
