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
)
