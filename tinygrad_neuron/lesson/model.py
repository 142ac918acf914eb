"""A learnt neuron as a file: JSON that a person can read and that runs nothing when loaded."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_neuron.lesson.mistakes import ModelFileError
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.nn import ACTIVATIONS, Neuron

FORMAT = "tinygrad_neuron.neuron"
VERSION = 1


@dataclass(frozen=True)
class Model:
    """y_hat = f(w . x + b) for the columns of a table, with x standardised as in training.

    `mean` and `scale` are 0 and 1 where the inputs were taken as they were.
    """

    inputs: tuple[str, ...]
    target: str
    weights: tuple[float, ...]
    bias: float
    activation: str
    loss: str
    mean: tuple[float, ...]
    scale: tuple[float, ...]

    def predict(self, X: Any) -> Any:
        """One number for each row of an array with the inputs as columns."""
        neuron = Neuron(len(self.weights), activation=self.activation)
        neuron.w.data, neuron.b.data = self.weights, self.bias
        with no_grad(), np.errstate(all="ignore"):
            return np.asarray(neuron((X - np.array(self.mean)) / np.array(self.scale)).data)

    def in_units_of_the_table(self) -> tuple[Any, float]:
        """The weights and the bias of the same neuron on inputs that are not standardised."""
        w = np.array(self.weights) / np.array(self.scale)
        return w, self.bias - float(w @ np.array(self.mean))


def save(model: Model, path: str) -> None:
    """Write a model; the numbers come back bit for bit."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "inputs": list(model.inputs),
        "target": model.target,
        "weights": list(model.weights),
        "bias": model.bias,
        "activation": model.activation,
        "loss": model.loss,
        "standardize": {"mean": list(model.mean), "scale": list(model.scale)},
    }
    try:
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be written: {error.strerror}.", hint="--save model.json"
        ) from error


def load(path: str) -> Model:
    """The model in a file. Raises ModelFileError, which says what is missing or wrong in it."""
    content = _content(path)
    inputs = content.get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(n, str) for n in inputs):
        raise _damaged(path, "inputs", "a list of the names of columns")
    n = len(inputs)
    standard = content.get("standardize")
    if not isinstance(standard, dict):
        raise _damaged(path, "standardize", "a mean and a scale for each input")
    scale = _numbers(path, standard, "scale", n)
    if min(scale) <= 0:
        raise _damaged(path, "scale", "numbers above 0")
    activation = _text(path, content, "activation")
    if activation not in ACTIVATIONS:
        raise _damaged(path, "activation", f"one of {', '.join(ACTIVATIONS)}")
    return Model(
        inputs=tuple(inputs),
        target=_text(path, content, "target"),
        weights=_numbers(path, content, "weights", n),
        bias=_numbers(path, {"bias": [content.get("bias")]}, "bias", 1)[0],
        activation=activation,
        loss=_text(path, content, "loss"),
        mean=_numbers(path, standard, "mean", n),
        scale=scale,
    )


def _content(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFileError(
            f"{path} cannot be read: {error.strerror}.", hint="learn data.csv ... --save model.json"
        ) from error
    except (ValueError, RecursionError) as error:
        raise _foreign(path, "it is not JSON") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _foreign(path, f'it does not say "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise ModelFileError(
            f"{path} has version {content.get('version')!r} of the format; this reads {VERSION}.",
            hint="learn and save it again with this version of the program",
        )
    return content


def _text(path: str, content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str):
        raise _damaged(path, key, "a text")
    return value


def _numbers(path: str, content: dict[str, Any], key: str, n: int) -> tuple[float, ...]:
    values = content.get(key)
    if not isinstance(values, list) or len(values) != n or not all(map(_is_number, values)):
        raise _damaged(path, key, f"{n} finite number{'' if n == 1 else 's'}")
    return tuple(map(float, values))


def _is_number(value: Any) -> bool:
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _damaged(path: str, key: str, wanted: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is damaged: {key!r} should be {wanted}.",
        why="A neuron with numbers missing would predict something else than what was learnt.",
        hint="learn and save it again",
        key=key,
    )


def _foreign(path: str, reason: str) -> ModelFileError:
    return ModelFileError(
        f"{path} does not hold a neuron: {reason}.", hint="learn data.csv ... --save model.json"
    )
