"""Neurons and networks with scikit-learn's face: fit, predict and score, in pipelines and searches.

The models are those of `nn`, learnt by `fitting` and `optim`; here is what scikit-learn asks for
around them (extra `sklearn`).
"""

from tinygrad_neuron.estimators.classifiers import (
    MLPClassifier as MLPClassifier,
    NeuronClassifier as NeuronClassifier,
)
from tinygrad_neuron.estimators.regressors import (
    MLPRegressor as MLPRegressor,
    NeuronRegressor as NeuronRegressor,
)
