"""What other libraries call our losses, and where theirs differ: data, not code.

Two differences hold throughout and are not repeated. A weighted mean here is Σwl / Σw; elsewhere it
is often divided by the number of examples. Here shapes must be equal; elsewhere many broadcast.
"""

from typing import NamedTuple


class Foreign(NamedTuple):
    """Another library's name, our loss for it, and what differs."""

    library: str
    name: str
    ours: str
    differs: str = ""


_NO_CLAMP = "it clamps what the impossible costs (log at -100); here that is inf"
_CLIPPED = "it clips probabilities to 1e-7 from 0 and 1; here nothing is clipped"
_GAP = "it gives 0 from a gap of 17 on in float32, with gradient 0; here 4e-8"
_FROM_LOGITS = "from_logits=True is meant: by default it takes probabilities, as {} does here"

ELSEWHERE: tuple[Foreign, ...] = (
    # torch.nn, by class and by function
    Foreign("torch", "MSELoss", "squared_error"),
    Foreign("torch", "mse_loss", "squared_error"),
    Foreign("torch", "L1Loss", "absolute_error"),
    Foreign("torch", "l1_loss", "absolute_error"),
    Foreign("torch", "HuberLoss", "huber", "its weighted mean is divided by the number"),
    Foreign("torch", "huber_loss", "huber", "its weighted mean is divided by the number"),
    Foreign("torch", "SmoothL1Loss", "smooth_l1"),
    Foreign("torch", "smooth_l1_loss", "smooth_l1"),
    Foreign(
        "torch", "BCEWithLogitsLoss", "binary_cross_entropy",
        "its weighted mean is divided by the number; it takes targets outside 0 to 1; nan for a "
        "logit of inf that is right",
    ),
    Foreign(
        "torch", "binary_cross_entropy_with_logits", "binary_cross_entropy",
        "as BCEWithLogitsLoss",
    ),
    Foreign("torch", "BCELoss", "binary_cross_entropy_probs", _NO_CLAMP),
    Foreign("torch", "SoftMarginLoss", "logistic", "it overflows at scores of -100 in float32"),
    Foreign("torch", "soft_margin_loss", "logistic", "it overflows at scores of -100 in float32"),
    Foreign(
        "torch", "CrossEntropyLoss", "cross_entropy",
        "classes lie on its axis 1: pass axis=1 here; it ignores label -100 unasked; with class "
        f"weights labels and one-hot rows disagree there; {_GAP}",
    ),
    Foreign("torch", "NLLLoss", "nll", "it ignores label -100 unasked"),
    Foreign("torch", "nll_loss", "nll", "it ignores label -100 unasked"),
    Foreign("torch", "MultiMarginLoss", "weston_watkins", "it divides by the number of classes"),
    Foreign("torch", "multi_margin_loss", "weston_watkins", "it divides by the number of classes"),
    Foreign("torch", "MultiLabelMarginLoss", "multilabel_margin", "it takes lists of labels ended "
            "by -1; here a row of 0 and 1"),
    Foreign("torch", "MultiLabelSoftMarginLoss", "multilabel_soft_margin"),
    Foreign(
        "torch", "PoissonNLLLoss", "poisson",
        "its full=True takes Stirling's approximation, 3 % off at 2; here log Γ",
    ),
    Foreign("torch", "poisson_nll_loss", "poisson", "as PoissonNLLLoss"),
    Foreign(
        "torch", "GaussianNLLLoss", "gaussian_nll",
        "it takes the variance, clamped at 1e-6, and leaves ½ log 2π out unless full=True; here "
        "the log variance",
    ),
    Foreign("torch", "gaussian_nll_loss", "gaussian_nll", "as GaussianNLLLoss"),
    Foreign("torch", "CosineEmbeddingLoss", "cosine_embedding", "it takes any label in silence"),
    Foreign("torch", "HingeEmbeddingLoss", "hinge_embedding", "it takes any label in silence, and "
            "has slope -1 at the margin; here 0"),
    Foreign("torch", "MarginRankingLoss", "margin_ranking"),
    Foreign("torch", "TripletMarginLoss", "triplet", "it adds 1e-6 to each component, so that the "
            "distance from a to b is not that from b to a"),
    Foreign("torch", "TripletMarginWithDistanceLoss", "triplet", "distance= is the function"),
    Foreign(
        "torch", "CTCLoss", "ctc",
        "it takes log-probabilities, frames first, and divides by the number of labels; its "
        "gradient by them is that by the scores; where labels do not fit it is nan, here 0",
    ),
    Foreign(
        "torch",
        "KLDivLoss",
        "kl_divergence",
        "it takes log-probabilities and probabilities; its mean is over all entries, "
        'reduction="batchmean" is ours; near 0 it is rounding, negative half of the time',
    ),
    Foreign("torch", "kl_div", "kl_divergence", "as KLDivLoss"),
    # optax
    Foreign("optax", "squared_error", "squared_error"),
    Foreign("optax", "l2_loss", "squared_error", "it is half of it"),
    Foreign("optax", "huber_loss", "huber"),
    Foreign("optax", "log_cosh", "log_cosh", "in float32 it is 7 % off at errors of 1e-3"),
    Foreign("optax", "hinge_loss", "hinge", "its slope at the margin is -½; here 0"),
    Foreign("optax", "perceptron_loss", "perceptron"),
    Foreign("optax", "sparsemax_loss", "sparsemax_binary", "it takes labels 0 and 1"),
    Foreign("optax", "multiclass_sparsemax_loss", "sparsemax"),
    Foreign("optax", "multiclass_hinge_loss", "crammer_singer"),
    Foreign("optax", "multiclass_perceptron_loss", "multiclass_perceptron"),
    Foreign("optax", "make_fenchel_young_loss", "fenchel_young", "max_fun= is the function"),
    Foreign("optax", "sigmoid_binary_cross_entropy", "binary_cross_entropy",
            "nan for a logit of inf that is right"),
    Foreign("optax", "softmax_cross_entropy", "cross_entropy", _GAP),
    Foreign("optax", "softmax_cross_entropy_with_integer_labels", "cross_entropy",
            f"label -1 counts as the last class there, and label K as nan; {_GAP}"),
    Foreign("optax", "safe_softmax_cross_entropy", "cross_entropy"),
    Foreign("optax", "poly_loss_cross_entropy", "poly_cross_entropy", "its default epsilon is 2"),
    Foreign("optax", "sigmoid_focal_loss", "focal"),
    Foreign("optax", "cosine_distance", "cosine_distance", "it is nan for a zero row; here 1"),
    Foreign("optax", "triplet_margin_loss", "triplet", "it is wrong for odd norms"),
    Foreign("optax", "ntxent", "sup_con", "it is nan for a row without partner; here 0"),
    Foreign("optax", "ranking_softmax_loss", "listnet"),
    Foreign("optax", "dice_loss", "dice"),
    Foreign("optax", "binary_dice_loss", "dice"),
    Foreign("optax", "ctc_loss", "ctc", "it takes paddings; where labels do not fit it is 1e5"),
    Foreign(
        "optax",
        "kl_divergence",
        "kl_divergence",
        "it takes log-probabilities and probabilities; near 0 it is rounding",
    ),
    Foreign("optax", "kl_divergence_with_log_targets", "kl_divergence"),
    Foreign("optax", "generalized_kl_divergence", "generalized_kl", "it takes log-probabilities"),
    # keras.losses, by class; functions are the same names in another spelling
    Foreign("keras", "MeanSquaredError", "squared_error"),
    Foreign("keras", "MeanAbsoluteError", "absolute_error"),
    Foreign("keras", "MeanAbsolutePercentageError", "absolute_percentage_error",
            "it is 100 times ours, and 1e9 for a target of 0; here that is an error"),
    Foreign("keras", "MeanSquaredLogarithmicError", "squared_log_error", "it clips predictions "
            "below 0, with gradient 0; here -1 and less is an error"),
    Foreign("keras", "Huber", "huber"),
    Foreign("keras", "LogCosh", "log_cosh", "it is negative for errors of 1e-8"),
    Foreign("keras", "Hinge", "hinge", "it turns labels 0 and 1 into signs, if all are"),
    Foreign("keras", "SquaredHinge", "squared_hinge", "as Hinge"),
    Foreign("keras", "CategoricalHinge", "crammer_singer",
            "the true class's own 0 enters its maximum: it can be 2 where ours is 0"),
    Foreign("keras", "Poisson", "poisson", "it takes the rate; here its logarithm"),
    Foreign("keras", "BinaryCrossentropy", "binary_cross_entropy",
            _FROM_LOGITS.format("binary_cross_entropy_probs")),
    Foreign("keras", "CategoricalCrossentropy", "cross_entropy",
            _FROM_LOGITS.format("cross_entropy_probs")),
    Foreign("keras", "SparseCategoricalCrossentropy", "cross_entropy",
            _FROM_LOGITS.format("cross_entropy_probs")),
    Foreign("keras", "BinaryFocalCrossentropy", "focal",
            "from_logits=True is meant; its gradient is nan for gamma below 1 at p = 1"),
    Foreign("keras", "CategoricalFocalCrossentropy", "focal_multiclass",
            "from_logits=True is meant; it weighs by alpha, 0.25 unless told otherwise"),
    Foreign("keras", "CategoricalGeneralizedCrossEntropy", "generalized_cross_entropy",
            "it takes probabilities, and is 0 for q of 1e-9; here q = 0 is cross-entropy"),
    Foreign("keras", "CosineSimilarity", "cosine_distance", "it is ours less 1: -1 for parallel"),
    Foreign("keras", "Dice", "dice", "for two empty masks it is 1; here 0"),
    Foreign("keras", "Tversky", "tversky", "3.15.1 has alpha and beta swapped; for two empty masks "
            "it is 1; here 0"),
    Foreign("keras", "KLDivergence", "generalized_kl", "it clips probabilities to 1e-7"),
    Foreign("keras", "Circle", "circle"),
    Foreign("keras", "CTC", "ctc", "its labels are filled up with 0, the blank; here with -1"),
    # scikit-learn
    Foreign("sklearn", "mean_squared_error", "squared_error"),
    Foreign("sklearn", "mean_absolute_error", "absolute_error"),
    Foreign("sklearn", "mean_squared_log_error", "squared_log_error"),
    Foreign("sklearn", "mean_absolute_percentage_error", "absolute_percentage_error",
            "it divides by 2e-16 for a target of 0; here that is an error"),
    Foreign("sklearn", "mean_pinball_loss", "quantile", "alpha is q"),
    Foreign("sklearn", "mean_poisson_deviance", "poisson_deviance",
            "it is twice ours and takes the mean; here its logarithm"),
    Foreign("sklearn", "mean_gamma_deviance", "gamma_deviance",
            "it is twice ours and takes the mean; here its logarithm"),
    Foreign("sklearn", "mean_tweedie_deviance", "tweedie", "it is twice ours, takes the mean, and "
            "is not continuous in power"),
    Foreign("sklearn", "log_loss", "cross_entropy_probs", _CLIPPED),
    Foreign("sklearn", "hinge_loss", "hinge"),
    Foreign("sklearn", "brier_score_loss", "brier", "it takes probabilities; here logits"),
    Foreign("sklearn", "modified_huber", "modified_huber"),
    Foreign("sklearn", "squared_epsilon_insensitive", "squared_epsilon_insensitive"),
)  # fmt: skip
