"""A trained model as a program of its own: NumPy source that needs nothing of this package."""

import base64
import copy
import inspect
import keyword
import re
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.errors import NotSavableError
from tinygrad_neuron.graph import plain
from tinygrad_neuron.literals import literal
from tinygrad_neuron.nn.module import named
from tinygrad_neuron.program import Program, program_of
from tinygrad_neuron.program.source import WRITTEN
from tinygrad_neuron.value import Value

Array = Any

ROWS = (5, 2, 1)  # how many a program must be the same for
LINE = 76  # characters of a line of encoded numbers
RESERVED = {"x", "np", "predict", "base64", "math", "functools", "itertools", "operator"}


def export(model: Any, path: str | Path, example: Array, *, about: str = "") -> None:
    """Write a model as a Python file whose `predict(x)` needs NumPy alone.

    `example` is rows as the model is given them, of shape (N, ...): the file takes as many rows as
    there are, of that width. It gives the bits that the model gives. What a classifier's scores are
    to become is part of the model: `Sequential(network, softmax)`.

    >>> import os, tempfile
    >>> from tinygrad_neuron import Neuron
    >>> path = os.path.join(tempfile.mkdtemp(), "predict.py")
    >>> export(Neuron(2, activation="tanh", rng=0), path, np.zeros((3, 2)))
    >>> print(Path(path).read_text().partition("def ")[2])
    predict(x):
        return np.tanh(x @ w + b)
    <BLANKLINE>

    Raises `NotSavableError` (TN193) for a model that treats one number of rows otherwise than
    another, and `TraceError` (TN165) for one that looks at its numbers.
    """
    rows = np.asarray(plain(example))
    Path(path).write_text(source(model, rows, about), encoding="utf-8")


def source(model: Any, example: Array, about: str = "") -> str:
    """The text of such a file."""
    texts = [_text(model, np.resize(example, (n, *example.shape[1:])), about) for n in ROWS]
    if len(set(texts)) > 1:
        raise NotSavableError(
            f"{type(model).__name__} does other things with {ROWS[0]} rows than with {ROWS[-1]}.",
            why="A program is one straight line, for any number of rows or for none.",
            hint="operations along the last axis, which do not ask how many rows there are",
        )
    return texts[0]


def _text(model: Any, rows: Array, about: str) -> str:
    """The source of a program, with its parameters and constants above the function."""
    parameters = _named(model)
    program = _program(model, rows, parameters)
    numbers = {**{name: plain(p) for name, p in parameters.items()}, **program.constants}
    head, _, function = program.source.partition("def predict(")
    for name, x in program.constants.items():
        head = head.replace(f"{name} = {literal(x)}\n", "")  # it stands below, in its own way
    encoded = {name: _written(x) for name, x in numbers.items()}
    shape = ", ".join(["N", *map(str, rows.shape[1:])])
    told = f"What a trained model says of rows x of shape ({shape}); made by tinygrad_neuron."
    told = "\n\n".join([told, _harmless(about) + "\n"]) if about else told
    imports = [line for line in head.split("\n") if line.startswith("import ")]
    if any("base64" in text for text in encoded.values()):
        imports = sorted({"import base64", *imports})
    helpers = "\n".join(line for line in head.split("\n") if not line.startswith("import "))
    blocks = [
        f'"""{told}"""',
        "\n".join([line for line in imports if "numpy" not in line]),
        "import numpy as np",
        helpers.strip(),
        "\n".join(f"{name} = {text}" for name, text in encoded.items()),
        f"\ndef predict(x){function.partition(')')[2]}",
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _named(model: Any) -> dict[str, Value]:
    """The parameters, each by a name of its own that Python takes."""
    found: dict[str, Value] = {}
    for name, kept in named(model).items():
        if isinstance(kept, Value):
            identifier = _identifier(name)
            while identifier in found:
                identifier += "_"
            found[identifier] = kept
    return found


def _identifier(name: str) -> str:
    """`layers[0].w` as a name that Python takes: `layers_0_w`.

    >>> _identifier("layers[0].w"), _identifier("parts['é é'].b")
    ('layers_0_w', 'parts_é_é_b')
    """
    joined = re.sub(r"\W+", "_", name).strip("_")
    if not joined.isidentifier():
        return f"w_{joined}"
    return f"{joined}_" if joined in RESERVED or keyword.iskeyword(joined) else joined


def _program(model: Any, rows: Array, parameters: dict[str, Any]) -> Program:
    """What the model computes, with its parameters as arguments."""

    def predict(x: Any, *numbers: Any) -> Any:
        places = zip(parameters.values(), numbers, strict=True)
        return copy.deepcopy(model, {id(p): number for p, number in places})(x)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = ["x", *parameters]
    signature = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    predict.__signature__ = signature  # type: ignore[attr-defined]
    return program_of(predict)(rows, *(plain(p) for p in parameters.values()))


def _harmless(text: str) -> str:
    """A text that ends no docstring, whatever a column is called."""
    printable = "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
    return printable.replace("\\", "/").replace('"', "'")


def _written(x: Array) -> str:
    """Numbers as an expression, bit for bit and as they lie in memory."""
    if np.ndim(x) > 1 and x.flags.f_contiguous and not x.flags.c_contiguous:
        return f"{_written(x.T)}.T"  # the bits of a product depend on it
    return literal(x) if np.size(x) <= WRITTEN else _encoded(x)


def _encoded(x: Array) -> str:
    text = base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()
    lines = "\n".join(f'    "{text[i : i + LINE]}"' for i in range(0, len(text), LINE))
    return f'np.frombuffer(base64.b64decode(\n{lines}\n), "{x.dtype.str}").reshape({x.shape})'
