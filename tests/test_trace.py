"""A trace says what the engine did: its numbers are those of `backward()`, to the bit."""

import ast
import json
import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tinygrad_neuron as tn
from tinygrad_neuron import Value, ops
from tinygrad_neuron.errors import NoPathError, TraceFileError, UnsupportedError
from tinygrad_neuron.train import descend
from tinygrad_neuron.views import dumps, formulas, load, save, trace_of, validated
from tinygrad_neuron.views.trace import SCHEMA, decoded, encoded

SEED = {"w1": 0.0, "x1": 256.0, "w2": 0.0, "x2": 212.0, "b": 0.0, "y": 1492.0}


def seed(**changed):
    """The neuron of the lesson, and its leaves."""
    v = {name: Value(x, name=name) for name, x in (SEED | changed).items()}
    z = v["w1"] * v["x1"] + v["w2"] * v["x2"] + v["b"]
    e = z - v["y"]
    return e**2, [v["w1"], v["w2"], v["b"]], {"z": z, "e": e}


def seed_trace(**changed):
    """Its trace, with one update."""
    J, wrt, names = seed(**changed)
    return trace_of(J, wrt=wrt, alpha=4e-6, names=names)


def named(trace, name):
    """A node by its name."""
    return next(node for node in trace["nodes"] if node["name"] == name)


def of_kind(trace, kind):
    """The events of one kind."""
    return [event for event in trace["events"] if event["kind"] == kind]


# ------------------------------------------------------------------------------- the lesson


def test_the_lesson_has_12_nodes_and_19_events():
    """Start, six operations, the seed, eight ways back and three updates."""
    trace = seed_trace()
    assert len(trace["nodes"]) == 12
    kinds = [event["kind"] for event in trace["events"]]
    assert kinds == ["start", *["forward"] * 6, "seed", *["backward"] * 8, *["update"] * 3]
    assert trace["title"] == "(w1*x1 + w2*x2 + b - y)**2"


def test_event_14_hands_632608_to_w2():
    """The numbers of the lesson, with the formula beside them."""
    event = seed_trace()["events"][14]
    assert event["adds"] == -632608.0
    assert (event["upstream"], event["local"], event["formula"]) == (-2984.0, 212.0, "x2")
    assert (event["before"], event["after"]) == (0.0, -632608.0)


def test_the_gradients_and_updates_of_the_lesson():
    """(-763904, -632608, -2984), and alpha = 4e-6 moves w1 to 3.055616."""
    trace = seed_trace()
    assert [named(trace, n)["gradient"] for n in ("w1", "w2", "b")] == [-763904, -632608, -2984]
    new = [event["new"] for event in of_kind(trace, "update")]
    assert new == pytest.approx([3.055616, 2.530432, 0.011936], rel=1e-15)


def test_a_nudge_is_foretold_and_measured():
    """w1 grown by 0.001 changes J by about -763.9; really by -763.84."""
    nudge = seed_trace()["nudges"][0]
    assert nudge["foretold"] == -763.904
    assert nudge["measured"] == pytest.approx((256e-3 - 1492) ** 2 - 1492**2, rel=1e-12)


def test_what_leads_to_no_learnable_leaf_has_no_gradient():
    """Nobody asked about x1."""
    trace = seed_trace()
    assert named(trace, "x1")["gradient"] is None
    assert named(trace, "x1")["kind"] == "constant"
    inputs = {event["input"] for event in of_kind(trace, "backward")}
    assert named(trace, "x1")["id"] not in inputs


# ------------------------------------------------------------------------- laws of all traces

UNARY = (ops.sin, ops.tanh, ops.sigmoid, ops.relu, ops.negative, ops.softplus)
BINARY = (ops.add, ops.subtract, ops.multiply, ops.maximum)


@st.composite
def graphs(draw):
    """A result of several operations on three leaves: numbers, or arrays that broadcast."""
    shapes = draw(st.sampled_from([[(), (), ()], [(3,), (), (2, 3)], [(2, 1), (3,), (1, 3)]]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    leaves = [Value(rng.normal(size=s), name=f"a{i}") for i, s in enumerate(shapes)]
    known = list(leaves)
    for _ in range(draw(st.integers(2, 7))):
        if draw(st.booleans()):
            known.append(draw(st.sampled_from(UNARY))(known[-1]))
        else:
            known.append(draw(st.sampled_from(BINARY))(known[-1], draw(st.sampled_from(known))))
    known.append(known[-1] * leaves[0] + leaves[1] * leaves[2])
    return ops.sum(known[-1]), leaves


@given(graphs())
def test_the_gradients_are_those_of_backward(graph):
    """To the bit, for numbers and for arrays."""
    result, leaves = graph
    trace = trace_of(result)
    result.backward()
    for leaf in leaves:
        assert named(trace, leaf.name)["gradient"] == encoded(leaf.grad)


@given(graphs())
def test_what_is_added_adds_up(graph):
    """Each share goes on where the last one ended, and the last is the gradient."""
    trace = trace_of(graph[0])
    owed = {}
    for event in of_kind(trace, "backward"):
        assert event["before"] == owed.get(event["input"], 0.0)
        owed[event["input"]] = event["after"]
    for node, after in owed.items():
        assert trace["nodes"][node]["gradient"] == after


@given(graphs())
def test_upstream_times_local_is_what_is_added(graph):
    """Wherever an operation works entry by entry and nothing was stretched."""
    trace = trace_of(graph[0])
    for event in of_kind(trace, "backward"):
        if event["local"] is not None and not event["summed"]:
            upstream, slope, adds = (
                np.asarray(x["entries"] if isinstance(x, dict) else x)
                for x in (event["upstream"], event["local"], event["adds"])
            )
            np.testing.assert_allclose(upstream * slope, adds, rtol=1e-14, atol=1e-300)


@given(graphs())
def test_formulas_compute_what_the_engine_computed(graph):
    """The formula of each slope, computed in the numbers of the trace, is its number."""
    trace = trace_of(graph[0])
    scope = {name: getattr(ops, name) for name in dir(ops) if not name.startswith("_")}
    for node in trace["nodes"]:
        x = node["value"]
        x = np.reshape(x["entries"], node["shape"]) if isinstance(x, dict) else x
        scope[node["name"]] = x
    for event in of_kind(trace, "backward"):
        if event["local"] is not None:
            seen = eval(compile(ast.parse(event["formula"], mode="eval"), "formula", "eval"), scope)
            slope = event["local"]
            slope = slope["entries"] if isinstance(slope, dict) else slope
            shape = trace["nodes"][event["node"]]["shape"]
            seen = np.broadcast_to(seen, shape)
            np.testing.assert_allclose(np.ravel(seen), np.ravel(slope), rtol=1e-12, atol=1e-300)


@given(graphs())
def test_a_trace_is_json_and_the_same_run_gives_the_same_bytes(graph):
    """Nothing depends on an address or on a birth."""
    once = dumps(trace_of(graph[0]))
    assert once == dumps(trace_of(graph[0]))
    assert validated(json.loads(once)) == trace_of(graph[0])


def test_another_run_of_the_same_gives_the_same_bytes():
    """Births are later, and nobody sees it."""
    assert dumps(seed_trace()) == dumps(seed_trace())


# --------------------------------------------------------------------------------- the details


def test_a_value_used_twice_adds_up():
    """x*x at 3 is owed 3 by each of its factors: 0 -> 3 -> 6."""
    x = Value(3.0, name="x")
    first, second = of_kind(trace_of(x * x), "backward")
    assert (first["before"], first["after"], second["before"], second["after"]) == (0, 3, 3, 6)
    assert (first["position"], second["position"]) == (0, 1)
    assert first["formula"] == second["formula"] == "x"


def test_a_condition_is_no_way_back():
    """Of where(x > 0, x, 2x) the shares belong to inputs 1 and 2."""
    x = Value(3.0, name="x")
    events = of_kind(trace_of(ops.where(x > 0.0, x, 2.0 * x)), "backward")
    assert [event["position"] for event in events] == [1, 2, 1]


def test_a_value_that_is_condition_and_branch_is_owed_as_a_branch():
    """The condition has no rule, though it is the same Value."""
    x = Value(3.0, name="x")
    (event,) = of_kind(trace_of(ops.where(x, x, 1.0)), "backward")
    assert (event["position"], event["formula"], event["adds"]) == (1, "where(x, 1, 0)", 1.0)


def test_broadcasting_that_is_undone_is_told():
    """A bias of one row was stretched over four, and a plain vector got an axis."""
    row, vector = Value(np.ones((1, 3)), name="row"), Value(np.ones(3), name="vector")
    trace = trace_of((np.ones((4, 3)) * row + vector).sum())
    told = {trace["nodes"][e["input"]]["name"]: e["summed"] for e in of_kind(trace, "backward")}
    assert told["row"] == "sum over axis 0 (was stretched 1->4)"
    assert told["vector"] == "sum over axis 0 (was added, 4 long)"


def test_matrices_have_a_formula_with_the_gradient_that_comes_in():
    """dJ/dW = X.T @ upstream, dJ/dX = upstream @ W.T."""
    X, W = Value(np.ones((4, 3)), name="X"), Value(np.ones((3, 2)), name="W")
    shares = {e["share"] for e in of_kind(trace_of((X @ W).sum()), "backward")}
    assert {"X.T @ upstream", "upstream @ W.T"} < shares


def test_names_come_from_the_variables_of_a_function_with_the_lines_that_made_them():
    """And integer arguments, which are no Values, by the names of their parameters."""

    def loss(w, labels):
        z = w * 3.0
        return ((z - labels) ** 2).sum()

    trace = trace_of(loss, np.ones(2), np.array([0, 1]), wrt=["w"])
    assert named(trace, "z")["code"] == "z = w * 3.0"
    assert named(trace, "z")["place"].startswith("test_trace.py:")
    assert named(trace, "labels")["kind"] == "constant"


def test_names_come_from_the_callers_variables():
    """Also of arrays, which are copied when they are recorded."""
    inputs = np.array([1.0, 2.0])
    weight = Value(2.0)
    score = weight * inputs
    trace = trace_of(score.sum())
    assert [node["name"] for node in trace["nodes"]] == ["weight", "inputs", "score", "J"]


def test_names_are_names_of_python_and_labels_what_was_said():
    """A layer's weight may stand in a formula."""
    w = Value(2.0, name="layers[0].w")
    node = trace_of(w * w)["nodes"][0]
    assert (node["name"], node["label"]) == ("layers_0_w", "layers[0].w")


def test_large_arrays_are_summed_up():
    """65 entries are one too many to list."""
    assert encoded(np.arange(64.0)) == {"entries": [float(k) for k in range(64)]}
    told = encoded(np.arange(65.0))
    assert told == {"min": 0.0, "mean": 32.0, "max": 64.0, "first": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]}


@pytest.mark.parametrize("x", [math.inf, -math.inf, math.nan, 2.5, 1 + 2j, -0.0])
def test_numbers_survive_json(x):
    """Also those that JSON has no number for."""
    again = decoded(json.loads(json.dumps(encoded(x), allow_nan=False)))
    assert repr(again) == repr(x)


def test_a_descent_stands_beside_it():
    """N updates are N + 1 steps, and the verdict has the curvature 220960."""
    w1, w2 = Value(0.0, name="w1"), Value(0.0, name="w2")

    def loss():
        return (w1 * 256 + w2 * 212 - 1492) ** 2

    history = descend(loss, [w1, w2], 4e-6, 3, done=lambda now, first: False)
    told = trace_of(loss(), history=history)["history"]
    assert told["names"] == ["w1", "w2"]
    assert [step["step"] for step in told["steps"]] == [0, 1, 2, 3]
    assert told["steps"][0]["gradient"] == [-763904.0, -632608.0]
    assert told["verdict"]["curvature"] == pytest.approx(220960, rel=1e-9)


def test_a_leaf_that_the_result_does_not_depend_on_is_refused():
    """By name or as a Value, with what it was built from."""
    w, idle = Value(1.0, name="w"), Value(1.0, name="idle")
    for wanted in (idle, "idle"):
        with pytest.raises(NoPathError, match=r"idle gets no gradient.*built from: w"):
            trace_of(w * w, wrt=[wanted])


def test_checkpoints_are_refused():
    """They have forgotten what there is to tell."""
    with pytest.raises(UnsupportedError, match="checkpoint"):
        trace_of(tn.checkpoint(lambda x: x * x)(Value(2.0)))


def test_tracing_leaves_no_gradient():
    """Looking is free."""
    x = Value(3.0)
    trace_of(x * x)
    assert x.gradient is None


def test_a_deep_chain_has_a_trace():
    """No recursion: 2,000 operations, one after the other."""
    x = Value(1.0, name="x")
    y = x
    for _ in range(2_000):
        y = y + 1.0
    assert named(trace_of(y), "x")["gradient"] == 1.0


# ----------------------------------------------------------------------------------- files


def test_a_trace_survives_a_file(tmp_path):
    """What is written is what is read."""
    trace = seed_trace()
    save(trace, tmp_path / "run.json")
    assert load(tmp_path / "run.json") == trace


def broken(**changes):
    """A trace of the lesson with something wrong in it."""
    return seed_trace() | changes


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        ([], "its schema is 'list'"),
        (broken(schema="tinygrad_neuron.trace/2"), "its schema is"),
        ({"schema": SCHEMA}, "it has no events, history, nodes"),
        (broken(nodes=3), "nodes and events are lists"),
        (broken(nodes=[{"id": 0}]), "node 0 has no dtype"),
        (broken(result=99), "its result is 99, and its nodes are 0 to 11"),
        (broken(events=[{"kind": "dance"}]), "event 0 is of kind 'dance'"),
        (broken(events=[{"kind": "forward"}]), "event 0 has no node"),
        (broken(events=[{"kind": "forward", "node": 50}]), "event 0 is about node 50"),
        (broken(nodes=seed_trace()["nodes"][::-1]), "node 0 says that it is node 11"),
    ],
)
def test_what_is_no_trace_is_refused(trace, words):
    """With what is wrong in it."""
    with pytest.raises(TraceFileError, match=words):
        validated(trace)


@pytest.mark.parametrize("text", ["", "{", "\x00", "[1, 2"])
def test_a_file_that_is_no_json_is_refused(tmp_path, text):
    """By its path."""
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(TraceFileError, match=r"run\.json"):
        load(path)


# ---------------------------------------------------------------------------------- formulas


@pytest.mark.parametrize(
    ("function", "i", "inputs", "formula"),
    [
        (ops.power, 0, [Value(3.0), 2.0], "2a"),
        (ops.power, 0, [Value(3.0), 3.0], "3a**2"),
        (ops.multiply, 1, [Value(3.0), Value(2.0)], "a"),
        (ops.divide, 1, [Value(3.0), Value(2.0)], "-y/b"),
        (ops.sigmoid, 0, [Value(3.0)], "y*sigmoid(-x)"),
        (ops.tanh, 0, [Value(3.0)], "sech2(x)"),
        (ops.exp, 0, [Value(3.0)], "y"),
        (ops.log, 0, [Value(3.0)], "1/x"),
        (ops.relu, 0, [Value(3.0)], "where(x <= 0, 0, 1)"),
        (ops.maximum, 0, [Value(3.0), 2.0], "where(a == y, where(y == 2, 0.5, 1), 0)"),
        (ops.subtract, 1, [Value(3.0), Value(2.0)], "-1"),
    ],
)
def test_slopes_read_off_the_rules(function, i, inputs, formula):
    """As a person would write them."""
    assert formulas.compact(formulas.local(function, i, inputs, function.defaults)) == formula


def test_nearly_every_elementwise_rule_has_a_formula():
    """Of those that work entry by entry, all but three that look at their numbers."""
    without = set()
    for function in ops.PRIMITIVES:
        inputs = [Value(0.5)] * function.arity
        for i in range(function.arity if function.elementwise else 0):
            rule = function.rule(i)
            if rule and formulas.local(function, i, inputs, function.defaults) is None:
                without.add(function.name)
    assert without <= {"alpha_contrast", "beta_contrast"}
