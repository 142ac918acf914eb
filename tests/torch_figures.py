"""PyTorch's figures for layers, optimisers and schedules, as `torch_figures.json` holds them.

Made with PyTorch 2.13 by `python tests/torch_figures.py`; the tests only read what it wrote. The
problems are stated here in NumPy, so that both sides start from the same numbers.
"""

import json
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_suffix(".json")
STEPS = (1, 2, 3, 10, 50, 100)
START = np.array([[1.0, -2.0, 0.5], [3.0, -0.25, 0.0]])
LOSSES = [5.0, 4.0, 3.0, 3.0, 2.9999, 3.5, 3.0, 2.0, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 1.0]

# name -> our class and settings, PyTorch's class and settings; alpha and lr are 0.03
RECIPES = {
    "descent": ("GradientDescent", {}, "SGD", {}),
    "descent with decay": ("GradientDescent", {"decay": 0.1}, "SGD", {"weight_decay": 0.1}),
    "momentum": ("Momentum", {"beta": 0.8}, "SGD", {"momentum": 0.8}),
    "momentum with decay": (
        "Momentum",
        {"decay": 0.1},
        "SGD",
        {"momentum": 0.9, "weight_decay": 0.1},
    ),
    "nesterov": ("Nesterov", {}, "SGD", {"momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {"rho": 0.9}, "RMSprop", {"alpha": 0.9}),
    "adagrad": ("Adagrad", {}, "Adagrad", {}),
    "adam": ("Adam", {}, "Adam", {}),
    "adam with decay": ("Adam", {"decay": 0.1}, "Adam", {"weight_decay": 0.1}),
    "adam, other betas": (
        "Adam",
        {"betas": (0.8, 0.95), "eps": 1e-3},
        "Adam",
        {"betas": (0.8, 0.95), "eps": 1e-3},
    ),
    "adamw": ("AdamW", {}, "AdamW", {"weight_decay": 0.01}),
    "adamw, strong decay": ("AdamW", {"decay": 0.5}, "AdamW", {"weight_decay": 0.5}),
}


def slope(w):
    """The gradient of a bowl that is steeper in some directions, with ripples."""
    return w * [[1.0, 10.0, 0.1], [3.0, 0.5, 5.0]] + 0.5 * np.sin(3.0 * w) + 0.2


def rows():
    """A batch of 5 rows of 3, what is owed to them, and weights to scale and shift by."""
    rng = np.random.default_rng(1492)
    x, g = rng.normal(1.0, 2.0, (5, 3)), rng.normal(size=(5, 3))
    return x, g, np.array([1.5, -0.5, 2.0]), np.array([0.1, 0.2, -0.3])


def labels():
    """Labels with repetitions, a table of 4 rows, and what is owed to the rows taken."""
    rng = np.random.default_rng(7)
    return np.array([[0, 3, 3], [1, 0, 3]]), rng.normal(size=(4, 2)), rng.normal(size=(2, 3, 2))


def main() -> None:
    """Ask PyTorch, and write what it says."""
    import torch

    torch.set_default_dtype(torch.float64)
    figures = {"recipes": recipes(torch), "layers": layers(torch), "schedules": schedules(torch)}
    FILE.write_text(json.dumps(figures) + "\n")


def recipes(torch):
    """Where each optimiser is after so many steps."""
    found = {}
    for name, (_, _, kind, settings) in RECIPES.items():
        w = torch.tensor(START, requires_grad=True)
        optimiser = getattr(torch.optim, kind)([w], lr=0.03, **settings)
        found[name] = []
        for step in range(1, 101):
            w.grad = torch.tensor(slope(w.detach().numpy()))
            optimiser.step()
            if step in STEPS:
                found[name].append(w.tolist())
    return found


def layers(torch):
    """Results, gradients and running means."""
    x, g, w, b = rows()
    layer_norm, batch_norm = torch.nn.LayerNorm(3), torch.nn.BatchNorm1d(3)
    found = {}
    for name, norm in (("layer_norm", layer_norm), ("batch_norm", batch_norm)):
        norm.weight.data, norm.bias.data = torch.tensor(w), torch.tensor(b)
        found[name] = passed(torch, norm, x, g)
    found["batch_norm"] |= {
        "mean": batch_norm.running_mean.tolist(),
        "variance": batch_norm.running_var.tolist(),
    }
    found["batch_norm_after"] = passed(torch, batch_norm.eval(), x, g)
    places, table, owed = labels()
    embedding = torch.nn.Embedding(4, 2, _weight=torch.tensor(table))
    y = embedding(torch.tensor(places))
    y.backward(torch.tensor(owed))
    found["embedding"] = {"y": y.tolist(), "w": embedding.weight.grad.tolist()}
    return found


def passed(torch, norm, x, g):
    """One row of figures: the result, and what x, w and b are owed."""
    x = torch.tensor(x, requires_grad=True)
    norm.zero_grad()
    y = norm(x)
    y.backward(torch.tensor(g))
    return {
        "y": y.tolist(),
        "x": x.grad.tolist(),
        "w": norm.weight.grad.tolist(),
        "b": norm.bias.grad.tolist(),
    }


def schedules(torch):
    """The learning rate at each step."""
    lr = torch.optim.lr_scheduler

    def course(make, steps):
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
        schedule, found = make(optimiser), []
        for _ in range(steps):
            found.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            schedule.step()
        return found

    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    plateau, told = lr.ReduceLROnPlateau(optimiser, factor=0.5, patience=2), []
    for loss in LOSSES:
        plateau.step(loss)
        told.append(optimiser.param_groups[0]["lr"])
    return {
        "stepwise": course(lambda o: lr.StepLR(o, 10, gamma=0.5), 45),
        "cosine": course(lambda o: lr.CosineAnnealingLR(o, 40, eta_min=0.01), 41),
        "warm_up": course(lambda o: lr.LinearLR(o, start_factor=0.1, total_iters=9), 20),
        "one_cycle": course(lambda o: lr.OneCycleLR(o, 0.3, total_steps=45), 44),
        "plateau": told,
    }


if __name__ == "__main__":
    main()
