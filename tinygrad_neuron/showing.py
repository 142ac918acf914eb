"""How a thing shows itself: by a view that stands far above it, and is imported when it is asked.

A view knows the graph, the descents and the layers; they must not know it. So they name it only.
"""

from importlib import import_module
from typing import Any


def view(module: str, name: str) -> Any:
    """A function of the package's views by name, as `view("plots", "loss_curve")`."""
    return getattr(import_module(f"tinygrad_neuron.views.{module}"), name)
