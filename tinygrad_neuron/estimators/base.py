"""What all estimators share: the table is checked and brought to one scale, and a model learns it.

A model sees inputs of mean 0 and spread 1; its targets are in the data's own units, and so is the
loss: the `delta` of a Huber loss is meant in those. Rows that weigh nothing are left out, and a row
that weighs 2 is as good as two rows.
"""

from collections.abc import Callable
from itertools import count
from typing import Any, Self

import numpy as np

from tinygrad_neuron import losses, optim
from tinygrad_neuron.errors import MissingExtraError
from tinygrad_neuron.fitting import History, fit
from tinygrad_neuron.fitting.loop import OPTIMISERS
from tinygrad_neuron.fitting.stepping import Stepping
from tinygrad_neuron.graph import Array, plain
from tinygrad_neuron.losses.mechanism import Loss
from tinygrad_neuron.modes import no_grad
from tinygrad_neuron.nn import MLP, Module
from tinygrad_neuron.optim.minimising import minimise_by, settle_by
from tinygrad_neuron.value import Value

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise MissingExtraError.of("scikit-learn", "sklearn", "An estimator") from error

Measure = Callable[[Value, Array], Value]
Scale = tuple[Array, Array]  # what is 0, and how far it is from there to 1

UNSCALED: Scale = (0.0, 1.0)
SETTLED = 1e-6  # so small a gradient is that of a smooth loss near its lowest: a corner has none
FEW = 200  # numbers, for each of which a gradient is cheap
BATCH = 200  # rows for an update, where nothing is said
EXACT = {"ftol": 0.0, "gtol": 1e-14, "maxcor": 30}  # L-BFGS goes on until rounding stops it


class Scaled(Module):
    """A model between a table in its own units and targets in theirs."""

    def __init__(self, model: MLP, inputs: Scale, targets: Scale, dtype: Any) -> None:
        self.model = model.cast(dtype)
        self.center, self.spread = (np.asarray(x, dtype) for x in inputs)
        self.offset, self.unit = (np.asarray(x, dtype) for x in targets)

    def __call__(self, x: Array) -> Value:
        return self.model((x - self.center) / self.spread) * self.unit + self.offset


class Estimator(BaseEstimator):
    """A model, how it learns, and what it learnt; subclasses say which, and of what targets."""

    hidden: Any = ()
    activation: Any = None
    validation: float | None = None
    patience: int | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn a table X, rows by columns, and a target for each row."""
        X, y = self._read(X, y, first=True)
        weight = self._weights(X, y, sample_weight)
        X, y, weight = X[weight > 0.0], y[weight > 0.0], weight[weight > 0.0]
        self._begin(X, y, weight)
        self.history_ = self._learn(X, y, weight)
        self.n_iter_ = max(1, len(self.history_.losses))
        return self

    def _read(self, X: Any, y: Any, first: bool, **known: bool) -> tuple[Array, Array]:
        """The table and its targets as arrays of numbers that a model can take."""
        X, y = validate_data(
            self, X, y, reset=first, dtype=[np.float64, np.float32], multi_output=self._numeric,
            y_numeric=self._numeric,
        )  # fmt: skip
        return X, self._targets(X, y, first, **known)

    def _weights(self, X: Array, y: Array, given: Any) -> Array:
        weight = np.asarray(_check_sample_weight(given, X, dtype=X.dtype, ensure_non_negative=True))
        if not weight.any():
            raise ValueError("Every sample_weight is 0: there is nothing to learn from.")
        return self._weighted(y, weight)

    def _weighted(self, y: Array, weight: Array) -> Array:
        """The weights, with those of the classes."""
        return weight

    def _begin(self, X: Array, y: Array, weight: Array) -> None:
        """A new model, scaled to a table."""
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        self.seed_, nout = int(seed), self._outputs(y)
        model = MLP(X.shape[1], [*self.hidden, nout], activation=self.activation, rng=seed)
        inputs = scale(X, weight) if self.standardize else UNSCALED
        self.model_ = Scaled(model, inputs, self._scale_of_targets(y, weight), X.dtype)

    def _scale_of_targets(self, y: Array, weight: Array) -> Scale:
        return UNSCALED

    def _learn(self, X: Array, y: Array, weight: Array) -> History:
        """Move the model's parameters down the loss of a table."""
        if self.optimizer == "lbfgs":
            return self._minimised(X, y, weight)
        return self._in_steps(
            X, y, weight, optimizer=self._optimiser, epochs=self.epochs,
            validation=self.validation, patience=self.patience,
        )  # fmt: skip

    def _in_steps(self, X: Array, y: Array, weight: Array, **settings: Any) -> History:
        """Batch after batch; weights travel beside the targets."""
        target, loss = self._target(y.reshape(len(y), -1)), self._loss()
        if (weight != 1.0).any():
            loss, target = weighed(loss, target), np.column_stack([target, weight])
        return fit(
            self.model_, (X, target), loss=self._penalised(loss, weight.sum()),
            batch_size=BATCH if self.batch_size == "auto" else self.batch_size, seed=self.seed_,
            progress=False, compile=self.compile, **settings,
        )  # fmt: skip

    def _optimiser(self, parameters: list[Value]) -> optim.Optimiser:
        kind = OPTIMISERS.get(str(self.optimizer).lower())
        made = kind(parameters, self.alpha) if kind else self.optimizer(parameters)
        self.optimiser_ = made
        return made

    def _minimised(self, X: Array, y: Array, weight: Array) -> History:
        """All rows at once, by SciPy's L-BFGS."""
        target, loss = self._target(y.reshape(len(y), -1)), self._loss()
        if (weight != 1.0).any():
            loss, target = weighed(loss, target), np.column_stack([target, weight])
        measure, model = self._penalised(loss, weight.sum()), self.model_
        first = abs(measure(model(X), target).item()) or 1.0
        stepping = Stepping(
            lambda x, y: measure(model(x), y) / first,
            {"model": model, "loss": measure},
            self.compile,
        )
        seen = count()
        path: list[float] = []

        def step() -> float:
            return stepping(X, target, next(seen))

        def note(intermediate_result: Any) -> None:
            path.append(first * float(intermediate_result.fun))

        options = {**EXACT, "maxiter": self.epochs}
        parameters = model.parameters()
        found = minimise_by(step, parameters, options=options, callback=note)
        # scores of classes may all rise together and say the same: they have no single lowest place
        single = self._numeric and len(found.x) <= FEW
        if single and np.abs(found.jac).max() < SETTLED:
            settle_by(step, parameters)
        numbers = list(map(float, range(1, len(path) + 1)))
        columns = {"epoch": numbers, "update": numbers, "loss": path}
        return History(columns, "budget", None, stepping.compiled, stepping.eager)

    def _penalised(self, loss: Measure, total: float) -> Measure:
        """A loss with the penalty of the weights; the biases have none."""
        matrices = [p for p in self.model_.parameters() if p.ndim == 2] if self.l2 else []
        factor = self.l2 / (2.0 * total)

        def penalised(prediction: Value, target: Array) -> Value:
            result = loss(prediction, target)
            for w in matrices:
                result = result + factor * (w * w).sum()
            return result

        return penalised

    def _loss(self) -> Any:
        return losses.get(self.loss) if isinstance(self.loss, str) else self.loss

    def _output(self, X: Any) -> Array:
        """What the model says of each row."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        with no_grad():
            return np.asarray(plain(self.model_(X)))

    def _go_on(self, X: Array, y: Array, weight: Array, first: bool) -> Self:
        """One more pass over more rows, with the optimiser as it was left."""
        if first:
            self._begin(X, y, weight)
            self._optimiser(self.model_.parameters())
        self.history_ = self._in_steps(X, y, weight, optimizer=lambda _: self.optimiser_, epochs=1)
        self.n_iter_ = 1 if first else self.n_iter_ + 1
        return self


def takes_small_steps(estimator: Estimator) -> bool:
    """Whether rows may come little by little: L-BFGS wants all of them at once."""
    if estimator.optimizer == "lbfgs":
        raise AttributeError("there is no partial_fit with optimizer='lbfgs', but with 'adam'")
    return True


def scale(X: Array, weight: Array) -> Scale:
    """Mean and spread of each column; 1 for a column that does not vary."""
    center = np.average(X, axis=0, weights=weight)
    spread = np.sqrt(np.average((X - center) ** 2, axis=0, weights=weight))
    still = spread <= 10 * np.finfo(X.dtype).eps * np.abs(center)
    return center, np.where(still, 1.0, spread)


def weighed(loss: Any, like: Array) -> Measure:
    """A loss of targets like these, with a column of weights behind them.

    Raises ValueError for a function of one's own.
    """
    if not isinstance(loss, Loss):
        raise ValueError(
            f"{getattr(loss, '__name__', loss)} gives one number for all rows, so they cannot "
            "be weighed: tinygrad_neuron.losses.loss makes a loss of a function for each row"
        )

    def measure(prediction: Value, table: Array) -> Value:
        target, weight = table[:, :-1].astype(like.dtype), table[:, -1]
        if like.ndim == 1:
            target = target[:, 0]
        if prediction.ndim > 1 and not loss.rows:
            weight = np.broadcast_to(weight[:, None], prediction.shape)
        each = loss(prediction, target, reduction="none")
        result: Value = (weight * each).sum() / weight.sum()  # none is 0, so all of them are there
        return result

    return measure
