"""What other libraries call our losses, and where theirs differ: data, not code."""

from typing import NamedTuple


class Foreign(NamedTuple):
    """Another library's name, our loss for it, and in one sentence what differs."""

    library: str
    name: str
    ours: str
    differs: str = ""


ELSEWHERE: tuple[Foreign, ...] = (
    Foreign("torch", "MSELoss", "squared_error"),
    Foreign("torch", "L1Loss", "absolute_error"),
    Foreign("torch", "BCEWithLogitsLoss", "binary_cross_entropy"),
    Foreign(
        "torch",
        "CTCLoss",
        "ctc",
        "scores, batch first, where it takes log-probabilities, frames first; the mean is over "
        "sequences and not divided by their labels; inf has slope 0, as with zero_infinity",
    ),
    Foreign("optax", "ctc_loss", "ctc", "labels end with -1 and frames by lengths, not paddings"),
    Foreign("keras", "CTC", "ctc", "the blank is class 0; labels end with -1"),
)
