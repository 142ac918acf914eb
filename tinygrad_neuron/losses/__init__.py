"""How wrong a prediction is, as one number: plain functions of Values.

A loss is written as the expression for one example; its gradient follows from the expression, as
accurate as the value. `mechanism` adds reduction, weights, masks, checks and a name to all of them.
"""

from tinygrad_neuron.losses.binary import (
    binary_cross_entropy as binary_cross_entropy,
    hinge as hinge,
)
from tinygrad_neuron.losses.compare import residual as residual, same_shape as same_shape
from tinygrad_neuron.losses.ctc import ctc as ctc
from tinygrad_neuron.losses.distances import (
    alpha_divergence as alpha_divergence,
    beta_divergence as beta_divergence,
    bhattacharyya as bhattacharyya,
    chi_squared as chi_squared,
    earth_mover as earth_mover,
    hellinger2 as hellinger2,
    itakura_saito as itakura_saito,
    renyi as renyi,
    total_variation as total_variation,
    wasserstein as wasserstein,
)
from tinygrad_neuron.losses.forecasts import (
    crps_ensemble as crps_ensemble,
    crps_gaussian as crps_gaussian,
    laplace_nll as laplace_nll,
    negative_binomial_nll as negative_binomial_nll,
    student_nll as student_nll,
)
from tinygrad_neuron.losses.kinds import KINDS as KINDS, LIMITS as LIMITS
from tinygrad_neuron.losses.mechanism import (
    Loss as Loss,
    loss as loss,
    unchecked as unchecked,
)
from tinygrad_neuron.losses.multiclass import cross_entropy as cross_entropy
from tinygrad_neuron.losses.overlap import (
    box_ciou as box_ciou,
    box_diou as box_diou,
    box_giou as box_giou,
    box_iou as box_iou,
    jaccard as jaccard,
    lovasz_hinge as lovasz_hinge,
    lovasz_softmax as lovasz_softmax,
)
from tinygrad_neuron.losses.registry import (
    LOSSES as LOSSES,
    elsewhere as elsewhere,
    get as get,
    names as names,
)
from tinygrad_neuron.losses.regression import (
    absolute_error as absolute_error,
    huber as huber,
    squared_error as squared_error,
)
from tinygrad_neuron.losses.robust import (
    barron as barron,
    cauchy as cauchy,
    expectile as expectile,
    geman_mcclure as geman_mcclure,
    tukey as tukey,
    welsch as welsch,
)

mse = squared_error  # as everybody types it
