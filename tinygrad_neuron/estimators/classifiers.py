"""Estimators of classes."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from tinygrad_neuron import losses
from tinygrad_neuron.estimators.base import Estimator, takes_small_steps
from tinygrad_neuron.estimators.regressors import linear_part
from tinygrad_neuron.graph import Array
from tinygrad_neuron.losses.mechanism import Loss
from tinygrad_neuron.ops import sigmoid, softmax

LIKELIHOODS = (losses.cross_entropy, losses.binary_cross_entropy)


def _has_probabilities(estimator: "Classifier") -> bool:
    return estimator._named_loss() in LIKELIHOODS


class Classifier(ClassifierMixin, Estimator):
    """An estimator of one of several classes, by a score for each, or one for two."""

    _numeric = False

    def decision_function(self, X: Any) -> Array:
        """The scores: (N,) of two classes, the second's where it is above 0; else (N, classes)."""
        return self._output(X)

    def predict(self, X: Any) -> Array:
        """The class of each row: the one with the highest score."""
        scores = self.decision_function(X)
        return self.classes_[scores.argmax(axis=1) if scores.ndim > 1 else (scores > 0).astype(int)]

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (N, classes), where the loss is a likelihood."""
        scores = self.decision_function(X)
        if scores.ndim > 1:
            return np.asarray(softmax(scores, axis=1))
        return np.column_stack([sigmoid(-scores), sigmoid(scores)])

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    @available_if(takes_small_steps)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn a little from more rows: one pass, in the scale of the first that came.

        The first call is told all `classes` there will be, unless all of them are in its rows.
        """
        first = not hasattr(self, "model_")
        if first:
            self.classes_ = np.unique(y if classes is None else classes)
        X, y = self._read(X, y, first, known=True)
        return self._go_on(X, y, self._weights(X, y, sample_weight), first)

    def _targets(self, X: Array, y: Array, first: bool, known: bool = False) -> Array:
        """For each row the number of its class."""
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        if first and not known:
            self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"There is one class only, {self.classes_[0]!r}: nothing to tell apart."
            )
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise ValueError(f"y has classes that are not among {self.classes_}: {strange}")
        return np.searchsorted(self.classes_, y).astype(X.dtype)

    def _weighted(self, y: Array, weight: Array) -> Array:
        if self.class_weight is None:
            return weight
        balance = self.class_weight
        if isinstance(balance, dict):
            balance = {i: balance.get(c, 1.0) for i, c in enumerate(self.classes_.tolist())}
        return weight * compute_sample_weight(balance, y.astype(int)).astype(weight.dtype)

    def _named_loss(self) -> Any:
        return super()._loss()

    def _loss(self) -> Any:
        """The loss; of two classes, cross-entropy is that of one score."""
        loss = self._named_loss()
        two = len(self.classes_) == 2
        return losses.binary_cross_entropy if two and loss is losses.cross_entropy else loss

    def _is_of_labels(self) -> bool:
        loss = self._loss()
        return loss.over_classes if isinstance(loss, Loss) else len(self.classes_) > 2

    def _outputs(self, y: Array) -> int:
        return len(self.classes_) if self._is_of_labels() or len(self.classes_) > 2 else 1

    def _target(self, numbers: Array) -> Array:
        """The classes as the loss wants them: their numbers, or yes and no for each score."""
        labels = numbers[:, 0].astype(int)
        if self._is_of_labels():
            return labels
        n = len(self.classes_)
        yes = (labels[:, None] == np.arange(n)) if n > 2 else labels == 1
        loss = self._loss()
        signs = isinstance(loss, Loss) and loss.targets[0] == "sign"
        return (2.0 * yes - 1.0 if signs else 1.0 * yes).astype(numbers.dtype)


class NeuronClassifier(Classifier):
    """One linear neuron for two classes, one for each of more: by default logistic regression.

    Its parameters are those of `NeuronRegressor`, with `l2=1.0`, and `class_weight`: a dictionary,
    `"balanced"` or None. A loss of signs or of yes and no (`"hinge"`) is asked of each class
    against the rest. A function of your own is given scores and, of two classes, 0 and 1, of more
    their numbers. After `fit`: `classes_`, `coef_`, `intercept_`, `model_`, `history_`, `n_iter_`.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> round(NeuronClassifier().fit(X, y).score(X, y), 3)
    0.973
    """

    def __init__(
        self,
        *,
        loss: Any = "cross_entropy",
        optimizer: Any = "lbfgs",
        alpha: float = 0.01,
        epochs: int = 1000,
        batch_size: int | str | None = "auto",
        l2: float = 1.0,
        standardize: bool = True,
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.random_state = random_state
        self.compile = compile

    @property
    def coef_(self) -> Array:
        """The weights, (1 or classes, inputs), in the units of the table."""
        check_is_fitted(self)
        return linear_part(self)[0]

    @property
    def intercept_(self) -> Array:
        """The biases, (1 or classes,)."""
        check_is_fitted(self)
        return linear_part(self)[1]


class MLPClassifier(Classifier):
    """A network that tells classes apart.

    Its parameters are those of `MLPRegressor` and `class_weight`; losses as for `NeuronClassifier`.

    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> network = MLPClassifier(hidden=(8,), activation="tanh", optimizer="lbfgs", random_state=0)
    >>> network.fit(X, ["same", "other", "other", "same"]).predict(X).tolist()
    ['same', 'other', 'other', 'same']
    """

    def __init__(
        self,
        *,
        hidden: Any = (100,),
        activation: Any = "relu",
        loss: Any = "cross_entropy",
        optimizer: Any = "adam",
        alpha: float = 0.01,
        epochs: int = 200,
        batch_size: int | str | None = "auto",
        l2: float = 1e-4,
        standardize: bool = True,
        validation: float | None = None,
        patience: int | None = None,
        class_weight: Any = None,
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
        self.class_weight = class_weight
        self.random_state = random_state
        self.compile = compile
