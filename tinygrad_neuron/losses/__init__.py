"""How wrong a prediction is, as one number: plain functions of Values.

A loss is written as the expression for one example; its gradient follows from the expression, as
accurate as the value. `mechanism` adds reduction, weights, masks, checks and a name to all of them.
"""

from tinygrad_neuron.losses.algebra import (
    mul0 as mul0,
    xlog1py as xlog1py,
    xlogy as xlogy,
)
from tinygrad_neuron.losses.binary import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_probs as binary_cross_entropy_probs,
    brier as brier,
    distance_weighted as distance_weighted,
    exponential as exponential,
    focal as focal,
    hinge as hinge,
    logistic as logistic,
    modified_huber as modified_huber,
    perceptron as perceptron,
    poly1_binary as poly1_binary,
    savage as savage,
    sigmoid_loss as sigmoid_loss,
    smoothed_hinge as smoothed_hinge,
    sparsemax_binary as sparsemax_binary,
    squared_hinge as squared_hinge,
    squared_margin as squared_margin,
)
from tinygrad_neuron.losses.checking import (
    check_loss as check_loss,
)
from tinygrad_neuron.losses.compare import (
    residual as residual,
    same_shape as same_shape,
)
from tinygrad_neuron.losses.ctc import ctc as ctc
from tinygrad_neuron.losses.decorrelation import (
    barlow_twins as barlow_twins,
    cross_covariance as cross_covariance,
    decov as decov,
    vicreg as vicreg,
)
from tinygrad_neuron.losses.description import (
    describe as describe,
)
from tinygrad_neuron.losses.deviances import (
    gamma_deviance as gamma_deviance,
    gaussian_kl as gaussian_kl,
    gaussian_nll as gaussian_nll,
    poisson as poisson,
    poisson_deviance as poisson_deviance,
    tweedie as tweedie,
)
from tinygrad_neuron.losses.distances import (
    alpha_divergence as alpha_divergence,
    beta_divergence as beta_divergence,
    bhattacharyya as bhattacharyya,
    chi_squared as chi_squared,
    earth_mover as earth_mover,
    generalized_kl as generalized_kl,
    hellinger2 as hellinger2,
    itakura_saito as itakura_saito,
    js_divergence as js_divergence,
    kl_divergence as kl_divergence,
    renyi as renyi,
    total_variation as total_variation,
    wasserstein as wasserstein,
)
from tinygrad_neuron.losses.embedding import (
    angular as angular,
    arcface as arcface,
    circle as circle,
    contrastive as contrastive,
    cosface as cosface,
    cosine_distance as cosine_distance,
    cosine_embedding as cosine_embedding,
    hinge_embedding as hinge_embedding,
    info_nce as info_nce,
    lifted as lifted,
    margin_ranking as margin_ranking,
    multi_similarity as multi_similarity,
    n_pairs as n_pairs,
    nca as nca,
    proxy_nca as proxy_nca,
    sphereface as sphereface,
    sup_con as sup_con,
    triplet as triplet,
)
from tinygrad_neuron.losses.forecasts import (
    crps_ensemble as crps_ensemble,
    crps_gaussian as crps_gaussian,
    laplace_nll as laplace_nll,
    negative_binomial_nll as negative_binomial_nll,
    student_nll as student_nll,
)
from tinygrad_neuron.losses.kinds import (
    KINDS as KINDS,
    LIMITS as LIMITS,
)
from tinygrad_neuron.losses.labelling import (
    crf as crf,
)
from tinygrad_neuron.losses.mechanism import (
    Loss as Loss,
    loss as loss,
    unchecked as unchecked,
)
from tinygrad_neuron.losses.multiclass import (
    crammer_singer as crammer_singer,
    cross_entropy as cross_entropy,
    cross_entropy_probs as cross_entropy_probs,
    fenchel_young as fenchel_young,
    focal_multiclass as focal_multiclass,
    generalized_cross_entropy as generalized_cross_entropy,
    multiclass_perceptron as multiclass_perceptron,
    multilabel_cross_entropy as multilabel_cross_entropy,
    multilabel_margin as multilabel_margin,
    multilabel_soft_margin as multilabel_soft_margin,
    negative_sampling as negative_sampling,
    nll as nll,
    poly_cross_entropy as poly_cross_entropy,
    sparsemax as sparsemax,
    weston_watkins as weston_watkins,
)
from tinygrad_neuron.losses.overlap import (
    box_ciou as box_ciou,
    box_diou as box_diou,
    box_giou as box_giou,
    box_iou as box_iou,
    jaccard as jaccard,
    lovasz_hinge as lovasz_hinge,
    lovasz_softmax as lovasz_softmax,
)
from tinygrad_neuron.losses.ranking import (
    bpr as bpr,
    listmle as listmle,
    listnet as listnet,
    pairwise_hinge as pairwise_hinge,
    pairwise_logistic as pairwise_logistic,
    pairwise_soft_zero_one as pairwise_soft_zero_one,
    pairwise_squared as pairwise_squared,
    poly1_listnet as poly1_listnet,
    unique_softmax as unique_softmax,
)
from tinygrad_neuron.losses.registry import (
    LOSSES as LOSSES,
    elsewhere as elsewhere,
    get as get,
    names as names,
)
from tinygrad_neuron.losses.regression import (
    absolute_error as absolute_error,
    absolute_percentage_error as absolute_percentage_error,
    epsilon_insensitive as epsilon_insensitive,
    huber as huber,
    log_cosh as log_cosh,
    logistic_error as logistic_error,
    periodic as periodic,
    power_error as power_error,
    pseudo_huber as pseudo_huber,
    quantile as quantile,
    smooth_l1 as smooth_l1,
    squared_epsilon_insensitive as squared_epsilon_insensitive,
    squared_error as squared_error,
    squared_log_error as squared_log_error,
    symmetric_percentage_error as symmetric_percentage_error,
)
from tinygrad_neuron.losses.robust import (
    barron as barron,
    cauchy as cauchy,
    expectile as expectile,
    geman_mcclure as geman_mcclure,
    tukey as tukey,
    welsch as welsch,
)
from tinygrad_neuron.losses.segmentation import (
    dice as dice,
    focal_tversky as focal_tversky,
    generalized_dice as generalized_dice,
    tversky as tversky,
)

mse = squared_error  # as everybody types it
