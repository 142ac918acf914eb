"""Estimators of numbers."""

from typing import Any, Self

import numpy as np
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from tinygrad_neuron.estimators.base import UNSCALED, Estimator, Scale, scale, takes_small_steps
from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.mechanism import Loss

ANY_NUMBER = ("same", "real")  # kinds of targets: they may be moved and stretched


class Regressor(MultiOutputMixin, RegressorMixin, Estimator):
    """An estimator of one number for each row, or of several."""

    def predict(self, X: Any) -> Array:
        """What the model says of each row: (N,), or (N, k) of k targets."""
        said = self._output(X)
        return said.reshape(len(said), *self.targets_)

    @available_if(takes_small_steps)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn a little from more rows: one pass, in the scale of the first that came."""
        first = not hasattr(self, "model_")
        X, y = self._read(X, y, first)
        return self._go_on(X, y, self._weights(X, y, sample_weight), first)

    _numeric = True

    def _targets(self, X: Array, y: Array, first: bool) -> Array:
        if first:
            self.targets_ = y.shape[1:]
        return y.astype(X.dtype)

    def _outputs(self, y: Array) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

    def _target(self, numbers: Array) -> Array:
        return numbers[:, 0] if numbers.shape[1] == 1 else numbers

    def _scale_of_targets(self, y: Array, weight: Array) -> Scale:
        loss = self._loss()
        moves = not isinstance(loss, Loss) or loss.targets[0] in ANY_NUMBER
        if not (self.standardize and moves):
            return UNSCALED
        center, spread = scale(y.reshape(len(y), -1), weight)
        return (center, spread) if len(center) > 1 else (center[0], spread[0])


class NeuronRegressor(Regressor):
    """One linear neuron for each target: w·x + b, by any loss.

    With the squared error it is least squares, to the last digits: L-BFGS runs until rounding stops
    it. Inputs are standardised on the way and targets of real numbers too, while `coef_` and
    `intercept_` are in the units of the table.

    | parameter | meaning |
    |---|---|
    | `loss` | a name (`losses`), a `Loss`, or a function of prediction and target |
    | `optimizer` | `"lbfgs"`, all rows at once; a name from `optim`; or a function of parameters |
    | `alpha` | the learning rate, of a named optimiser |
    | `epochs` | passes through the rows at most |
    | `batch_size` | rows for an update; None for all, `"auto"` for 200 |
    | `l2` | λ in the penalty λ/2N · Σw², of the standardised weights |
    | `standardize` | whether inputs and targets are brought to mean 0 and spread 1 |
    | `random_state` | the first weights and the order of rows |
    | `compile` | whether updates may be computed by a program, where that pays |

    After `fit`: `coef_`, `intercept_`, `model_` (a module), `history_`, `n_iter_`.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> round(NeuronRegressor().fit(X, y).score(X, y), 4)
    0.5177
    """

    def __init__(
        self,
        *,
        loss: Any = "squared_error",
        optimizer: Any = "lbfgs",
        alpha: float = 0.01,
        epochs: int = 1000,
        batch_size: int | str | None = "auto",
        l2: float = 0.0,
        standardize: bool = True,
        random_state: Any = None,
        compile: bool = True,  # noqa: A002  # as of `fit`
    ) -> None:
        self.loss = loss
        self.optimizer = optimizer
        self.alpha = alpha
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.standardize = standardize
        self.random_state = random_state
        self.compile = compile

    @property
    def coef_(self) -> Array:
        """The weights, (inputs,) or (targets, inputs), in the units of the table."""
        return linear_part(self)[0].reshape(*self.targets_, -1)

    @property
    def intercept_(self) -> Array:
        """The biases, one number or (targets,), in the units of the targets."""
        return linear_part(self)[1].reshape(self.targets_)[()]


class MLPRegressor(Regressor):
    """A network of layers: `hidden` of them say how many neurons each has.

    Its parameters are those of `NeuronRegressor`, and

    | parameter | meaning |
    |---|---|
    | `hidden` | neurons in each hidden layer |
    | `activation` | of the hidden layers: a name (`nn.ACTIVATIONS`) or a function |
    | `validation` | a share of the rows that is not learnt from, but judged by |
    | `patience` | epochs without a lower loss (there, if there is one) that end it |

    >>> x = np.linspace(-3.0, 3.0, 200)[:, None]
    >>> network = MLPRegressor(hidden=(16,), optimizer="lbfgs", random_state=0)
    >>> bool(network.fit(x, np.sin(x[:, 0])).score(x, np.sin(x[:, 0])) > 0.999)
    True
    """

    def __init__(
        self,
        *,
        hidden: Any = (100,),
        activation: Any = "relu",
        loss: Any = "squared_error",
        optimizer: Any = "adam",
        alpha: float = 0.01,
        epochs: int = 200,
        batch_size: int | str | None = "auto",
        l2: float = 1e-4,
        standardize: bool = True,
        validation: float | None = None,
        patience: int | None = None,
        random_state: Any = None,
        compile: bool = True,  # noqa: A002  # as of `fit`
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.alpha = alpha
        self.epochs = epochs
        self.batch_size = batch_size
        self.l2 = l2
        self.standardize = standardize
        self.validation = validation
        self.patience = patience
        self.random_state = random_state
        self.compile = compile


def linear_part(estimator: Estimator) -> tuple[Array, Array]:
    """Weights and biases of a model without hidden layers, in the units of its table."""
    scaled = estimator.model_
    layer = scaled.model.layers[0]
    unit = np.broadcast_to(scaled.unit, layer.b.shape)
    weights = layer.w.data * unit[:, None] / scaled.spread
    return weights, layer.b.data * unit + scaled.offset - weights @ np.broadcast_to(
        scaled.center, weights.shape[1:]
    )
