"""Estimators are what scikit-learn takes them for, and linear neurons give the closed form."""

import pickle

import numpy as np
import pytest
from sklearn import datasets, linear_model
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from tinygrad_neuron import losses, tanh
from tinygrad_neuron.estimators import (
    MLPClassifier,
    MLPRegressor,
    NeuronClassifier,
    NeuronRegressor,
)
from tinygrad_neuron.fitting import stepping

FACES = [
    NeuronRegressor(),
    NeuronClassifier(),
    MLPRegressor(hidden=(16,)),
    MLPClassifier(hidden=(16,), alpha=0.01),
    NeuronRegressor(optimizer="adam", alpha=0.1, epochs=100, loss="huber"),
]
DIABETES = datasets.load_diabetes(return_X_y=True)
WINE = datasets.load_wine(return_X_y=True)
CANCER = datasets.load_breast_cancer(return_X_y=True)


@pytest.mark.parametrize("face", FACES, ids=str)
@pytest.mark.filterwarnings("ignore")  # the checks try what is deprecated, and say so
def test_scikit_learn_finds_nothing_to_object_to(face):
    """Every check it has for estimators of this kind; none is expected to fail."""
    found = check_estimator(face, on_fail=None)
    assert [one["check_name"] for one in found if one["status"] in ("failed", "xfail")] == []
    assert len(found) > 50


def test_a_linear_neuron_is_least_squares():
    """To 1e-12 of the largest coefficient, for the orthogonal solution refined once."""
    X, y = DIABETES
    neuron = NeuronRegressor(random_state=0).fit(X, y)
    table = np.column_stack([X, np.ones(len(X))]).astype(np.longdouble)
    q, r = np.linalg.qr(table.astype(float))
    exact = np.linalg.solve(r, q.T @ y)
    exact += np.linalg.solve(r, q.T @ (y - table @ exact).astype(float))  # one refinement
    learnt = np.append(neuron.coef_, neuron.intercept_)
    assert np.abs(learnt - exact).max() < 1e-12 * np.abs(exact).max()


def test_several_targets_are_as_many_neurons():
    """Each column of targets as if it were alone."""
    X, y = DIABETES
    both = NeuronRegressor().fit(X, np.column_stack([y, -2.0 * y]))
    one = NeuronRegressor().fit(X, y)
    np.testing.assert_allclose(both.coef_, [one.coef_, -2.0 * one.coef_], rtol=1e-6, atol=1e-5)
    assert both.predict(X).shape == (len(X), 2)
    assert both.intercept_.shape == (2,)


@pytest.mark.parametrize("data", [WINE, CANCER], ids=["three classes", "two"])
def test_a_neuron_of_classes_is_logistic_regression(data):
    """The same penalty, so the same probabilities as scikit-learn's, on standardised inputs."""
    X, y = data
    table = StandardScaler().fit_transform(X)
    theirs = linear_model.LogisticRegression(C=0.5, tol=1e-10, max_iter=5000).fit(table, y)
    ours = NeuronClassifier(l2=2.0).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(table), atol=2e-5)
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_allclose(np.exp(ours.predict_log_proba(X)), ours.predict_proba(X))


def test_a_weight_of_two_is_two_rows():
    """For least squares, and for classes that are balanced by their weights."""
    X, y = WINE
    twice = np.where(y == 0, 2.0, 1.0)
    again = np.repeat(np.arange(len(y)), twice.astype(int))
    weighed = NeuronClassifier().fit(X, y, sample_weight=twice)
    repeated = NeuronClassifier().fit(X[again], y[again])
    by_class = NeuronClassifier(class_weight={0: 2.0}).fit(X, y)
    np.testing.assert_allclose(weighed.coef_, repeated.coef_, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(weighed.coef_, by_class.coef_, rtol=1e-5, atol=1e-8)


def test_any_loss_by_name_or_function():
    """A quantile by its name, a `Loss` with a setting of its own, and a plain function."""
    X, y = DIABETES

    def upper(prediction, target):
        return losses.quantile(prediction, target, q=0.9)

    above = NeuronRegressor(loss=upper, epochs=200).fit(X, y).predict(X) > y
    assert 0.88 < above.mean() < 0.92
    named = NeuronRegressor(loss="absolute_error", epochs=200).fit(X, y)
    assert np.median(y - named.predict(X)) == pytest.approx(0.0, abs=1.0)
    with pytest.raises(ValueError, match="cannot be weighed"):
        NeuronRegressor(loss=upper).fit(X, y, sample_weight=np.arange(1.0, len(y) + 1.0))


def test_the_loss_is_in_the_units_of_the_targets():
    """A Huber loss with delta 1.35 times 50 fits targets as the one with 1.35 fits a fiftieth."""
    X, y = DIABETES

    def huber(delta):
        return lambda prediction, target: losses.huber(prediction, target, delta=delta)

    large = NeuronRegressor(loss=huber(67.5)).fit(X, y)
    small = NeuronRegressor(loss=huber(1.35)).fit(X, y / 50.0)
    np.testing.assert_allclose(large.coef_, 50.0 * small.coef_, rtol=1e-5)


def test_counts_are_not_shifted():
    """The Poisson loss takes logarithms of rates, and its targets stay what they are."""
    X, y = DIABETES
    theirs = linear_model.PoissonRegressor(alpha=0.0, tol=1e-10, max_iter=1000).fit(X, y)
    ours = NeuronRegressor(loss="poisson", epochs=100).fit(X, y)
    np.testing.assert_allclose(np.exp(ours.predict(X)), theirs.predict(X), rtol=1e-4)


def test_losses_of_signs_are_asked_of_each_class():
    """One column of scores for each of three classes; no probabilities."""
    X, y = WINE
    machine = NeuronClassifier(loss="hinge", l2=0.1, epochs=100).fit(X, y)
    assert machine.decision_function(X).shape == (len(y), 3)
    assert machine.score(X, y) > 0.97
    assert not hasattr(machine, "predict_proba")


def test_in_pipelines_searches_and_cross_validation():
    """As any estimator; a search finds the network that learns."""
    X, y = WINE
    network = make_pipeline(StandardScaler(), MLPClassifier(hidden=(8,), epochs=20, random_state=0))
    found = GridSearchCV(network, {"mlpclassifier__alpha": [1e-6, 0.03]}, cv=3).fit(X, y)
    assert found.best_params_ == {"mlpclassifier__alpha": 0.03}
    assert cross_val_score(found.best_estimator_, X, y, cv=3).mean() > 0.9


def test_rows_may_come_little_by_little():
    """A pass over all rows in one batch is one epoch of `fit`, and the next goes on from there."""
    X, y = WINE
    settings = {"hidden": (8,), "batch_size": None, "random_state": 0}
    whole = MLPClassifier(epochs=3, **settings).fit(X, y)
    parts = MLPClassifier(**settings)
    for _ in range(3):
        parts.partial_fit(X, y)
    np.testing.assert_array_equal(parts.decision_function(X), whole.decision_function(X))
    assert parts.n_iter_ == whole.n_iter_ == 3


def test_later_rows_may_bring_classes_that_were_named():
    """And no others."""
    X, y = WINE
    network = MLPClassifier(hidden=(4,), random_state=0)
    network.partial_fit(X[y == 0], y[y == 0], classes=[0, 1, 2])
    assert network.decision_function(X).shape == (len(y), 3)
    network.partial_fit(X[y == 2], y[y == 2])
    with pytest.raises(ValueError, match="not among"):
        network.partial_fit(X[:1], [7])
    assert not hasattr(NeuronClassifier(), "partial_fit")  # L-BFGS wants all rows at once


def test_early_stopping_keeps_the_best():
    """A share is held back, and where it grows no better the training ends."""
    X, y = DIABETES
    network = MLPRegressor(
        hidden=(64,), alpha=0.01, epochs=500, validation=0.2, patience=5, random_state=0
    )
    history = network.fit(X, y).history_
    assert history.ending == "no better"
    assert network.n_iter_ < 500
    assert history.kept == history.best


def test_seeds_copies_and_pickles():
    """The same seed gives the same bits, and so does what was written and read again."""
    X, y = WINE
    network = MLPClassifier(hidden=(8,), activation=tanh, epochs=5, random_state=3)
    first = network.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(network).fit(X, y).predict_proba(X), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(network)).predict_proba(X), first)
    other = clone(network).set_params(random_state=4).fit(X, y).predict_proba(X)
    assert not np.array_equal(other, first)


def test_single_precision_stays():
    """A table of float32 gives a model and answers of float32."""
    X, y = WINE
    network = MLPClassifier(hidden=(8,), epochs=5, random_state=0).fit(X.astype(np.float32), y)
    assert network.decision_function(X.astype(np.float32)).dtype == np.float32
    assert {p.dtype for p in network.model_.parameters()} == {np.dtype(np.float32)}


def _own(prediction, target):
    return ((prediction - target) ** 2).mean()


@pytest.mark.parametrize(
    "face, data, weighted",
    [
        (MLPClassifier(hidden=(8,), batch_size=32), WINE, False),
        (MLPClassifier(hidden=(8,), batch_size=32, class_weight="balanced"), WINE, False),
        (MLPClassifier(hidden=(8,), batch_size=32, loss="hinge"), WINE, True),
        (MLPRegressor(hidden=(8,), batch_size=None), DIABETES, True),
        (MLPRegressor(hidden=(8,), loss=_own), DIABETES, False),
        (NeuronRegressor(), DIABETES, False),
        (NeuronClassifier(), WINE, True),
    ],
    ids=str,
)
def test_programs_change_nothing(face, data, weighted, monkeypatch):
    """With and without them an estimator says the same of every row."""
    monkeypatch.setattr(stepping, "PAYS", 12)
    X, y = data
    weight = np.linspace(0.0, 2.0, len(y)) if weighted else None
    ours, plain = (
        clone(face).set_params(compile=wanted, epochs=12, random_state=0)
        for wanted in (True, False)
    )
    said, wanted = (one.fit(X, y, sample_weight=weight) for one in (ours, plain))
    assert said.history_.compiled and not wanted.history_.compiled
    assert wanted.history_.eager == "compile=False"
    got, expected = said._output(X), wanted._output(X)
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-10 * np.abs(expected).max())
