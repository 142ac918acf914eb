"""Einstein's sum: axes with names. Axes of one name move together; names left out are added up.

The rule of an einsum is an einsum: what an operand is owed is the gradient, multiplied by the other
operands and summed over everything that the operand has no axis for. Two things are added where
they are needed: ones along an axis that only this operand had, and a unit matrix for a diagonal.
"""

from collections.abc import Sequence
from itertools import count
from math import prod
from typing import Any

import numpy as np

from tinygrad_neuron.errors import UnsupportedError
from tinygrad_neuron.graph import Array, dtype_of, primitive
from tinygrad_neuron.ops.shape import ndim_of, shape_of

Labels = tuple[int, ...]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # in the order of NumPy
DOTS = -1  # in labels that are not complete yet: the axes that have no name


def _owed_to_operand(
    g: Array,
    y: Array,
    *operands: Array,
    labels: tuple[Labels, ...],
    output: Labels,
    optimize: Any,
    i: int,
) -> Array:
    """g times the other operands, with the axes of this one."""
    others = [k for k in range(len(operands)) if k != i]
    terms = [g, *(operands[k] for k in others)]
    names = [output, *(labels[k] for k in others)]
    known = _lengths(terms, names)
    fresh = (k for k in count() if all(k not in each for each in (output, *labels)))
    target: list[int] = []
    for label, length in zip(labels[i], shape_of(operands[i]), strict=True):
        if label in target:  # a diagonal: only entries where both indices agree have a say
            target.append(next(fresh))
            terms.append(np.eye(length, dtype=dtype_of(g)))
            names.append((label, target[-1]))
            continue
        if known.get(label, 1) < length or label not in known:
            terms.append(np.ones(length, dtype_of(g)))
            names.append((label,))
        target.append(label)
    size = prod(n for term in terms for n in shape_of(term))
    faster = len(terms) > 2 or size > 10**6 or bool(optimize)  # finding a path takes time itself
    return contract(*terms, labels=tuple(names), output=tuple(target), optimize=faster)


def _lengths(operands: Sequence[Array], labels: Sequence[Labels]) -> dict[int, int]:
    """How long each named axis is; one of length 1 is stretched to the others."""
    lengths: dict[int, int] = {}
    for x, names in zip(operands, labels, strict=True):
        for label, n in zip(names, shape_of(x), strict=True):
            lengths[label] = n if lengths.get(label, 1) == 1 else lengths[label]
    return lengths


@primitive(
    _owed_to_operand,
    holomorphic=True,
    broadcasts=True,
)
def contract(
    *operands: Array, labels: tuple[Labels, ...], output: Labels, optimize: Any = False
) -> Array:
    """The einsum of operands whose axes are all labelled, by whole numbers."""
    pairs = [part for pair in zip(operands, map(list, labels), strict=True) for part in pair]
    return np.einsum(*pairs, list(output), optimize=optimize)


def einsum(*operands: Any, optimize: Any = False, **settings: Any) -> Array:
    """Products of operands, summed over indices: `einsum("ij,jk->ik", a, b)` is a @ b.

    Everything that NumPy reads: an output or none, an ellipsis, an index twice in one operand,
    indices that are left out, and labels as lists, `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    >>> from tinygrad_neuron import Value, einsum
    >>> einsum("ii->", Value([[1.0, 2.0], [3.0, 4.0]]))
    Value(5.0)

    Raises `UnsupportedError` (TN131) for the keywords that choose a dtype, an order or an `out`.
    """
    refused = [name for name, value in settings.items() if value is not None]
    if refused:
        raise UnsupportedError(
            f"einsum has no keyword {', '.join(refused)} here.",
            why="A keyword that is not understood would be ignored, and the result wrong.",
            hint="einsum(subscripts, *operands, optimize=...)",
        )
    if isinstance(operands[0], str):
        arrays, labels, output = _from_text(operands[0], operands[1:])
    else:
        arrays, labels, output = _from_lists(operands)
    arrays = tuple(np.asarray(x) if isinstance(x, list | tuple) else x for x in arrays)
    complete, full = _without_dots(arrays, labels, output)
    return contract(*arrays, labels=complete, output=full, optimize=optimize)


def _from_text(text: str, operands: tuple[Any, ...]) -> tuple[Any, list[Labels], Labels | None]:
    """The labels of each operand, and of the output if there is one."""
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum {text!r} has {len(terms)} terms and {len(operands)} operands")
    return operands, [_numbered(term) for term in terms], _numbered(right) if arrow else None


def _numbered(term: str) -> Labels:
    """`"i...j"` as numbers."""
    letters = term.replace("...", "\0")
    if any(c != "\0" and c not in LETTERS for c in letters):
        raise ValueError(f"einsum reads letters, commas, '...' and '->', not {term!r}")
    return tuple(DOTS if c == "\0" else LETTERS.index(c) for c in letters)


def _from_lists(operands: tuple[Any, ...]) -> tuple[Any, list[Labels], Labels | None]:
    """`einsum(a, [0, 1], b, [1, 2], [0, 2])`: operands and labels take turns."""
    output = _of_list(operands[-1]) if len(operands) % 2 else None
    paired = operands[: len(operands) // 2 * 2]
    return paired[::2], [_of_list(part) for part in paired[1::2]], output


def _of_list(labels: Sequence[Any]) -> Labels:
    return tuple(DOTS if label is Ellipsis else int(label) for label in labels)


def _without_dots(
    operands: Sequence[Array], labels: list[Labels], output: Labels | None
) -> tuple[tuple[Labels, ...], Labels]:
    """The same labels with a number for each axis that an ellipsis stands for."""
    named = [label for term in labels for label in term if label != DOTS]
    spare = [k for k in range(len(LETTERS)) if k not in named and k not in (output or ())]
    lengths = [ndim_of(x) - len(t) + 1 for x, t in zip(operands, labels, strict=True) if DOTS in t]
    unnamed = tuple(spare[: max(lengths, default=0)])
    complete = tuple(_filled(t, unnamed, ndim_of(x)) for x, t in zip(operands, labels, strict=True))
    if output is None:  # what appears once, in order, after the axes without a name
        return complete, (*unnamed, *sorted(k for k in set(named) if named.count(k) == 1))
    if unnamed and DOTS not in output:
        raise ValueError("einsum: the operands have '...' for some axes, and the output has not")
    return complete, _filled(output, unnamed, len(output) - (DOTS in output) + len(unnamed))


def _filled(term: Labels, unnamed: Labels, ndim: int) -> Labels:
    """A term with its ellipsis written out; the axes without a name are counted from the right."""
    if term.count(DOTS) != (1 if DOTS in term else 0):
        raise ValueError("einsum: a term has at most one '...'")
    if DOTS not in term:
        if len(term) != ndim:
            raise ValueError(f"einsum: {len(term)} indices for an operand with {ndim} axes")
        return term
    missing = ndim - len(term) + 1
    if missing < 0:
        raise ValueError(f"einsum: {len(term) - 1} indices for an operand with {ndim} axes")
    at = term.index(DOTS)
    return (*term[:at], *unnamed[len(unnamed) - missing :], *term[at + 1 :])
