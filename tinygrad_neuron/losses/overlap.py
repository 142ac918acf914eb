"""How one set lies over another: Jaccard's index of masks, of scores by Lovász, and of boxes."""

from math import pi
from typing import Any

import numpy as np

from tinygrad_neuron.graph import Array, dtype_of, plain
from tinygrad_neuron.losses.labels import check_labels
from tinygrad_neuron.losses.mechanism import loss
from tinygrad_neuron.ops import (
    arctan2,
    concatenate,
    maximum,
    minimum,
    relu,
    softmax,
    square,
    sum,
    swapaxes,
    take_along_axis,
    where,
)
from tinygrad_neuron.ops.shape import shape_of

# ------------------------------------------------------------------------------------ masks


@loss(
    rows=1, domain="probability", target="unit", formula="(FP + FN) / (TP + FP + FN + s)",
    limits={"smooth": "nonnegative"}, aliases=("iou_loss",), smooth=None,
    source="Rahman and Wang, Optimizing Intersection-over-Union, 2016",
)  # fmt: skip
def jaccard(probs: Array, target: Array, smooth: float = 0.0) -> Array:
    """What one of two masks covers and the other does not, as a share of what either covers.

    A mask lies on the last axis, or on those of `axis=`. Two empty masks agree: 0.

    >>> from tinygrad_neuron import Value
    >>> jaccard(Value([[1.0, 1.0, 0.0, 0.0]]), [[1.0, 0.0, 0.0, 1.0]])
    Value(0.6666666666666666)
    """
    wrong = sum(probs * (1.0 - target) + (1.0 - probs) * target, axis=-1)
    return _share(wrong, wrong + sum(probs * target, axis=-1) + smooth)


def _share(part: Array, whole: Array) -> Array:
    """part / whole, and 0 of nothing."""
    empty = whole == 0.0
    return where(empty, 0.0, part / where(empty, 1.0, whole))


def _lovasz(errors: Array, truth: Any) -> Array:
    """The Lovász extension of Jaccard's loss: errors, largest first, times what each adds to it.

    Taking the k worst as wrong, the loss is 1 - (|truth| - missed) / (|truth| + false). What the
    k-th adds is constant while the order stays, and so is all of the slope.
    """
    order = np.argsort(-plain(errors), axis=-1, kind="stable")
    truth = np.take_along_axis(truth, order, axis=-1)
    size = truth.sum(axis=-1, keepdims=True)
    false, missed = np.cumsum(1.0 - truth, axis=-1), np.cumsum(truth, axis=-1)
    wrong = false + missed
    reached = wrong / np.maximum(size + false, 1.0)
    added = np.diff(reached, axis=-1, prepend=0.0).astype(dtype_of(errors))
    return sum(take_along_axis(errors, order, axis=-1) * added, axis=-1)


@loss(
    rows=1, target="sign", formula="the Lovász extension of 1 - J at max(0, 1 - label · score)",
    source="Berman, Triki and Blaschko, The Lovász-Softmax Loss, 2018", convex=True, smooth=0,
)  # fmt: skip
def lovasz_hinge(scores: Array, labels: Array) -> Array:
    """Jaccard's loss of a whole mask, made convex: the hinge, weighed by what each error costs.

    A mask lies on the last axis, or on those of `axis=`, as labels -1 and 1. For scores of ±1 it is
    twice Jaccard's loss of the mask.

    >>> from tinygrad_neuron import Value
    >>> lovasz_hinge(Value([[1.0, -1.0, -1.0]]), [[1.0, 1.0, -1.0]])
    Value(1.0)
    """
    return _lovasz(relu(1.0 - labels * scores), (plain(labels) > 0.0).astype(float))


@loss(
    rows=2, target="states", formula="mean over the classes of the extension of 1 - J",
    source="Berman, Triki and Blaschko, The Lovász-Softmax Loss, 2018",
)  # fmt: skip
def lovasz_softmax(logits: Array, labels: Array) -> Array:
    """Jaccard's loss of each class that is there, and their mean, for shares by softmax.

    Scores of shape (..., pixels, classes) beside labels of shape (..., pixels).

    >>> from tinygrad_neuron import Value
    >>> lovasz_softmax(Value([[800.0, 0.0], [800.0, 0.0]]), [0, 1])
    Value(0.75)
    """
    count = shape_of(logits)[-1]
    check_labels("lovasz_softmax", labels, labels, count, None)
    shares = swapaxes(softmax(logits), -1, -2)
    truth = np.equal(labels[..., None, :], np.arange(count)[:, None])
    errors = where(truth, 1.0 - shares, shares)
    each = _lovasz(errors, truth.astype(float))
    there = truth.any(axis=-1)
    return sum(where(there, each, 0.0), axis=-1) / np.maximum(there.sum(axis=-1), 1).astype(
        dtype_of(each)
    )


# ------------------------------------------------------------------------------------ boxes


def _sides(box: Array) -> tuple[Array, Array]:
    """Width and height; 0 of a box that ends before it begins, as an untrained model's may."""
    return relu(box[..., 2] - box[..., 0]), relu(box[..., 3] - box[..., 1])


def _area(box: Array) -> Array:
    width, height = _sides(box)
    return width * height


def _common(a: Array, b: Array) -> Array:
    """What two boxes share; of two that are apart it ends before it begins."""
    low = maximum(a[..., :2], b[..., :2])
    return concatenate([low, minimum(a[..., 2:], b[..., 2:])], axis=-1)


def _hull(a: Array, b: Array) -> Array:
    """The smallest box around two."""
    low = minimum(a[..., :2], b[..., :2])
    return concatenate([low, maximum(a[..., 2:], b[..., 2:])], axis=-1)


def _overlap(a: Array, b: Array) -> tuple[Array, Array]:
    """Area in common, and area of both together."""
    common = _area(_common(a, b))
    return common, _area(a) + _area(b) - common


@loss(
    rows=1, domain="box", target="target box", aliases=("iou",), smooth=0,
    formula="1 - |A and B| / |A or B|",
    source="Yu, Jiang, Wang, Cao and Huang, UnitBox, 2016",
)  # fmt: skip
def box_iou(box: Array, target: Array) -> Array:
    """1 - intersection over union of boxes (left, low, right, high): 0 for the same one.

    Boxes that are apart cost 1 and have no slope: `box_giou` moves them together. Two without area
    cost 1 as well.

    >>> from tinygrad_neuron import Value
    >>> box_iou(Value([[0.0, 0.0, 2.0, 2.0]]), [[1.0, 0.0, 3.0, 2.0]])
    Value(0.6666666666666667)
    """
    common, whole = _overlap(box, target)
    return 1.0 - _share(common, whole)


@loss(
    rows=1, domain="box", target="target box", aliases=("giou",), smooth=0,
    formula="1 - IoU + |hull less union| / |hull|",
    source="Rezatofighi, Tsoi, Gwak, Sadeghian, Reid and Savarese, Generalized IoU, 2019",
)  # fmt: skip
def box_giou(box: Array, target: Array) -> Array:
    """1 - IoU, and the empty share of the smallest box around both: boxes apart are drawn together.

    From 0 for the same box to 2 for two that are far apart.

    >>> from tinygrad_neuron import Value
    >>> box_giou(Value([[0.0, 0.0, 1.0, 1.0]]), [[3.0, 0.0, 4.0, 1.0]])
    Value(1.5)
    """
    common, whole = _overlap(box, target)
    around = _area(_hull(box, target))
    return 1.0 - _share(common, whole) + _share(around - whole, around)


@loss(
    rows=1, domain="box", target="target box", aliases=("diou",), smooth=0,
    formula="1 - IoU + |centres apart|² / |hull's diagonal|²",
    source="Zheng, Wang, Liu, Li, Ye and Ren, Distance-IoU Loss, 2020",
)  # fmt: skip
def box_diou(box: Array, target: Array) -> Array:
    """1 - IoU, and how far the centres are apart, squared and by the diagonal around both.

    >>> from tinygrad_neuron import Value
    >>> box_diou(Value([[0.0, 0.0, 1.0, 1.0]]), [[3.0, 3.0, 4.0, 4.0]])
    Value(1.5625)
    """
    common, whole = _overlap(box, target)
    return 1.0 - _share(common, whole) + _apart(box, target)


def _apart(a: Array, b: Array) -> Array:
    """How far the centres of two boxes are apart, by the diagonal of what is around both."""
    gap = 0.5 * (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:])
    width, height = _sides(_hull(a, b))
    return _share(sum(square(gap), axis=-1), square(width) + square(height))


@loss(
    rows=1, domain="box", target="target box", aliases=("ciou",), smooth=0,
    formula="DIoU + v² / (1 - IoU + v), v = 4/π² (Δ arctan w/h)²",
    source="Zheng, Wang, Liu, Li, Ye and Ren, Distance-IoU Loss, 2020",
)  # fmt: skip
def box_ciou(box: Array, target: Array) -> Array:
    """`box_diou`, and how much the two differ in their shape, the more the better they overlap.

    Its gradient is that of the whole expression; the authors take the weight of the shape,
    v / (1 - IoU + v), as a constant.

    >>> from tinygrad_neuron import Value
    >>> box_ciou(Value([[0.0, 0.0, 2.0, 2.0]]), [[0.0, 0.0, 2.0, 2.0]])
    Value(0.0)
    """
    common, whole = _overlap(box, target)
    apart = 1.0 - _share(common, whole)
    turn = arctan2(*_sides(box)) - arctan2(*_sides(target))
    shape = (4.0 / pi**2) * square(turn)
    return apart + _apart(box, target) + _share(shape, apart + shape) * shape
