"""Pictures: what is in them is what was measured, and drawing them changes nothing."""

import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron.errors import MissingExtraError, PictureError
from tinygrad_neuron.train import descend
from tinygrad_neuron.views import landscapes, plots

matplotlib = pytest.importorskip("matplotlib", reason="the pictures need matplotlib")


def never(now, first):
    """A goal that is not reached."""
    return False


def lesson(alpha, steps):
    """The equation of the lesson, its weights, and a descent on it from (0, 0)."""
    w = [tn.Value(0.0, name="w1"), tn.Value(0.0, name="w2")]

    def loss():
        return (256 * w[0] + 212 * w[1] - 1492) ** 2

    return loss, w, descend(loss, w, alpha, steps, done=never)


def network():
    """A small network that has been through one backward pass."""
    x = np.random.default_rng(0).normal(size=(20, 2))
    model = tn.MLP(2, [4, 1], activation="tanh", rng=0)
    ((model(x) - x[:, 0]) ** 2).mean().backward()
    return model, x


def lines(figure, axes=0):
    """The lines of a picture by their names."""
    return {line.get_label(): line for line in figure.axes[axes].lines}


def test_a_loss_curve_holds_the_losses():
    """One point for each moment: the start, and one after each update."""
    _, _, history = lesson(4e-6, 5)
    [line] = plots.loss_curve(history).axes[0].lines
    assert line.get_xdata().tolist() == [0, 1, 2, 3, 4, 5]
    assert line.get_ydata().tolist() == [moment.loss for moment in history.moments]
    plain = plots.loss_curve([moment.loss for moment in history.moments])
    assert [x.axes[0].get_xlabel() for x in (plots.loss_curve(history), plain)] == [
        "update",
        "step",
    ]


def test_a_scale_is_logarithmic_where_it_must_be():
    """A hundredfold fall is drawn on it; a halving is not, and a loss below 0 cannot be."""
    scales = [plots.loss_curve(x).axes[0].get_yscale() for x in ([1e3, 1.0], [2.0, 1.0], [9, -1])]
    assert scales == ["log", "linear", "linear"]


def test_several_curves_differ_by_more_than_colour():
    """Each has a dash of its own and its name at its end."""
    axes = plots.loss_curve({"slow": [3.0, 2.0], "fast": [3.0, 1.0]}).axes[0]
    assert len({line.get_linestyle() for line in axes.lines}) == 2
    assert [text.get_text().strip() for text in axes.texts] == ["slow", "fast"]


def test_a_loss_that_is_lost_ends_in_a_cross():
    """What came next is written beside it."""
    axes = plots.loss_curve([1.0, 50.0, np.inf, np.nan]).axes[0]
    assert axes.lines[0].get_ydata().tolist() == [1.0, 50.0]
    assert axes.lines[1].get_marker() == "x" and axes.texts[0].get_text().strip() == "inf next"


def test_a_landscape_shows_the_way_and_the_heights():
    """The way is that of the weights; the colours are those of the loss; the weights come back."""
    loss, w, history = lesson(4e-6, 6)
    figure = plots.landscape(loss, w, history)
    way = np.array([moment.weights for moment in history.moments])
    assert np.allclose(np.transpose(lines(figure)["way"].get_data()), way, rtol=0, atol=1e-12)
    assert lines(figure)["start"].get_data() == ([0.0], [0.0])
    assert [v.item() for v in w] == way[-1].tolist()
    assert figure.axes[0].get_xlabel() == "w1" and figure.axes[1].get_ylabel() == "loss J"


def test_the_heights_of_a_landscape_are_those_of_the_loss():
    """At every point of the plane, and in rows of one height of the second direction."""
    loss, w, history = lesson(4e-6, 3)
    plane = landscapes.plane_of(w, history)
    points = [(0.0, 0.0), (1.0, 0.0), (5.0, 1.0)]
    assert landscapes.heights_at(loss, w, plane, points).tolist() == [1492.0**2, 1236.0**2, 0.0]


def test_a_landscape_of_one_weight_is_a_curve():
    """The steps lie on it."""
    w = tn.Value(3.0, name="w")
    history = descend(lambda: w**2, [w], 0.1, 4, done=never)
    figure = plots.landscape(lambda: w**2, [w], history)
    x, y = lines(figure)["way"].get_data()
    assert np.allclose(y, np.square(x)) and x[0] == 3.0
    assert figure.axes[0].get_xlabel() == "w"


def test_a_landscape_of_many_weights_keeps_distances_in_its_plane():
    """The plane is spanned by orthogonal directions of length 1, and ends where the way does."""
    model, x = network()
    history = descend(lambda: (model(x) ** 2).mean(), model.parameters(), 0.1, 8, done=never)
    plane = landscapes.plane_of(model.parameters(), history)
    assert np.allclose(plane.directions @ plane.directions.T, np.eye(2))
    assert np.allclose(plane.way[-1], 0) and (plane.low < plane.way).all()
    figure = plots.landscape(lambda: (model(x) ** 2).mean(), model, history)
    assert figure.axes[0].get_xlabel() == "furthest direction of the way"


def test_a_straight_way_still_has_a_second_direction():
    """The lesson with a bias goes straight on in three dimensions."""
    w = tn.Value([0.0, 0.0, 0.0])
    history = descend(lambda: ((w * [1.0, 2.0, 3.0]).sum() - 1) ** 2, [w], 0.01, 5, done=never)
    plane = landscapes.plane_of([w], history)
    assert np.allclose(plane.directions @ plane.directions.T, np.eye(2))
    assert np.allclose(plane.way[:, 1], 0, atol=1e-6)


def test_many_weights_without_a_way_have_no_plane():
    """The message says what to add."""
    model, x = network()
    with pytest.raises(PictureError, match=r"17 weights.*\n.*\n.*landscape\(loss, parameters, his"):
        plots.landscape(lambda: model(x).mean(), model)


def test_gradient_flow_is_mean_and_largest():
    """In the order of the parameters, by their names."""
    model, _ = network()
    axes = plots.gradient_flow(model).axes[0]
    names = [tick.get_text() for tick in axes.get_yticklabels()]
    assert names == ["layers[0].w", "layers[0].b", "layers[1].w", "layers[1].b"]
    sizes = [abs(np.asarray(p.grad)) for p in model.parameters()]
    drawn = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 3]
    assert np.allclose(drawn, [[s.mean(), s.max()] for s in sizes])


def test_no_gradient_and_zero_are_words():
    """Neither could stand on a logarithmic scale, and they do not mean the same."""
    a, b, c = tn.Value(1.0, name="a"), tn.Value(2.0, name="b"), tn.Value(3.0, name="c")
    (a**2 + 0.0 * b).backward()
    axes = plots.gradient_flow([a, b, c]).axes[0]
    said = {text.xy[1]: text.get_text() for text in axes.texts}
    assert said == {1: "exactly 0", 2: "no gradient: backward() did not reach it"}


def test_histograms_count_every_entry():
    """Each panel holds all entries of one parameter."""
    model, _ = network()
    figure = plots.weight_histograms(model)
    counted = [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes]
    assert counted == [8, 4, 4, 1]
    assert figure.axes[0].get_title().startswith("layers[0].w\n8: ")


def test_a_decision_boundary_is_where_the_model_is_undecided():
    """At z = 0 for a score and at 0.5 for a probability, which is the same line."""
    x = np.array([[-1.0, 0.0], [1.0, 0.5], [2.0, -1.0], [-2.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    for model in (lambda p: 3.0 * p[:, 0], lambda p: tn.sigmoid(3.0 * p[:, 0])):
        axes = plots.decision_boundary(model, x, y).axes[0]
        boundary = np.concatenate([path.vertices for path in axes.collections[1].get_paths()])
        assert np.allclose(boundary[:, 0], 0.0, atol=0.03)
    groups = [c.get_offsets().tolist() for c in axes.collections[2:]]
    assert groups == [x[y == 0].tolist(), x[y == 1].tolist()]


def test_several_classes_have_several_regions():
    """Three scores make three colours, and markers of three shapes."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), np.arange(30) % 3
    turned = np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    axes = plots.decision_boundary(lambda p: p @ turned.T, x, y).axes[0]
    shapes = {str(c.get_paths()[0].vertices.tolist()) for c in axes.collections[2:]}
    assert len(shapes) == 3 and len({tuple(c) for c in axes.collections[0].get_facecolor()}) == 3


def test_a_boundary_needs_a_plane():
    """Three inputs are refused with what to type."""
    with pytest.raises(PictureError, match=r"shape \(4, 3\).*\n.*x\[:, :2\]"):
        plots.decision_boundary(lambda p: p[:, 0], np.ones((4, 3)), np.ones(4))


@pytest.mark.parametrize("loss", [tn.losses.mse, lambda p, t: (p - t) ** 2])
def test_a_loss_stands_beside_its_gradient(loss):
    """Of the square of the error: x² and 2x."""
    drawn = lines(plots.loss_and_gradient(loss))
    x, y = drawn["loss"].get_data()
    assert np.allclose(y, x**2) and np.allclose(drawn["its gradient"].get_ydata(), 2 * x)


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_one_call_writes_a_file(tmp_path, ending, start):
    """The ending says what is written, and the same picture is the same bytes."""
    one, two = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    for path in (one, two):
        plots.loss_curve([3.0, 2.0, 1.0], path=path)
    assert one.read_bytes().startswith(start) and one.read_bytes() == two.read_bytes()


def test_a_notebook_is_given_svg():
    """Without pyplot, and without anybody asking for a format."""
    root = ET.fromstring(plots.loss_curve([3.0, 2.0, 1.0])._repr_svg_())
    assert root.tag.endswith("svg")


def test_drawing_changes_nothing_global():
    """No pyplot, no parameter of Matplotlib's, no random number."""
    before, loaded = (matplotlib.rcParams.copy(), str(np.random.get_state())), set(sys.modules)
    model, x = network()
    plots.weight_histograms(model)._repr_svg_()
    plots.decision_boundary(model, x, x[:, 0] > 0)
    assert (matplotlib.rcParams.copy(), str(np.random.get_state())) == before
    assert "matplotlib.pyplot" not in set(sys.modules) - loaded


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    plots.figure_class.cache_clear()
    with pytest.raises(MissingExtraError, match=r"matplotlib.*\n.*\n.*tinygrad_neuron\[plot\]"):
        plots.loss_curve([1.0])
    plots.figure_class.cache_clear()


# ------------------------------------------------------------------------------ a descent's own


def test_a_descent_plots_itself(tmp_path):
    """`history.plot()` is the loss curve, and goes into a file as well."""
    _, _, history = lesson(4e-6, 5)
    [line] = history.plot(path=tmp_path / "loss.svg").axes[0].lines
    assert line.get_ydata().tolist() == [moment.loss for moment in history.moments]
    assert (tmp_path / "loss.svg").read_text().startswith("<?xml")
