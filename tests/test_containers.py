"""Containers of numbers: taken apart, mapped and put together, dataclasses among them."""

from collections import namedtuple
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.containers import alongside, leaves, mapped, rebuilt
from tinygrad_neuron.errors import IntegerWeightError, UnsupportedError


@dataclass
class Layer:
    """Weights as people keep them."""

    w: Any
    b: Any


@dataclass(frozen=True)
class Frozen:
    """The same, which nobody changes."""

    w: Any
    b: Any


@dataclass(frozen=True, slots=True)
class Slotted:
    """The same without a dictionary."""

    w: Any
    b: Any


@dataclass
class Checked:
    """A class that looks at what it is given, and would refuse a gradient."""

    w: Any
    b: Any

    def __post_init__(self):
        if self.w < 0.0:
            raise ValueError("a weight is positive")


@dataclass
class Scaled:
    """A class that changes what it is given: built again, it would change it again."""

    w: Any
    b: Any
    scale: InitVar[float] = 10.0

    def __post_init__(self, scale):
        self.w = self.w * scale


@dataclass
class Child(Layer):
    """A field more than its parent, and one that is computed when it is asked for."""

    c: Any = 1.0

    @cached_property
    def square(self):
        """Computed from what this instance holds."""
        return self.w * self.w


class Named(NamedTuple):
    """A tuple with names for its places."""

    w: Any
    b: Any


Old = namedtuple("Old", "w b")

RECORDS = [Layer, Frozen, Slotted, Checked, Named, Old]


def numbers(record):
    """The fields as plain numbers."""
    return [np.asarray(part.data).tolist() for part in leaves(record)]


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_comes_apart_and_together(kind):
    """In the order of its fields; the first one is left as it was."""
    record = kind(1.0, 2.0)
    assert list(leaves(record)) == [1.0, 2.0]
    assert mapped(lambda x: x * 3.0, record) == kind(3.0, 6.0)
    assert rebuilt(record, [4.0, 5.0]) == kind(4.0, 5.0)
    assert list(alongside(record, kind(6.0, 7.0))) == [6.0, 7.0]
    assert record == kind(1.0, 2.0)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_gradient_is_built_like_its_record(kind):
    """x**2 y at (3, -5): slopes 2xy = -30 and x**2 = 9."""
    gradient = tn.grad(lambda p: p.w**2 * p.b)(kind(3.0, -5.0))
    assert type(gradient) is kind
    assert [gradient.w.item(), gradient.b.item()] == [-30.0, 9.0]


def test_records_in_every_container():
    """Records in a dict in a list in a record, with arrays of several shapes."""
    model = Layer(
        [{"in": Frozen(np.ones((2, 3)), np.zeros(2))}, (Slotted(2.0, 3.0),)], Named(4.0, 5.0)
    )

    def f(m):
        hidden = m.w[0]["in"].w @ [1.0, 2.0, 3.0] + m.w[0]["in"].b
        return hidden.sum() * m.w[1][0].w + m.w[1][0].b * m.b.w - m.b.b

    gradient = tn.grad(f)(model)
    assert numbers(gradient) == [[[2.0, 4.0, 6.0]] * 2, [2.0, 2.0], 12.0, 4.0, 3.0, -1.0]
    assert isinstance(gradient.w[0]["in"], Frozen)
    assert isinstance(gradient.b, Named)


def test_the_transforms_take_records():
    """vjp, jvp, jacobian, hessian and hvp against the slopes of w**2 b written out."""
    p, f = Frozen(3.0, 5.0), lambda p: p.w**2 * p.b
    y, pullback = tn.vjp(lambda p: Layer(f(p), p.b), p)
    assert isinstance(y, Layer)
    assert numbers(pullback(Layer(1.0, 10.0))) == [30.0, 19.0]
    assert [v.item() for v in tn.jvp(f, (p,), (Frozen(1.0, 10.0),))] == [45.0, 120.0]
    assert numbers(tn.jacobian(f)(p)) == [30.0, 9.0]
    assert numbers(tn.hessian(f)(p)) == [10.0, 6.0, 6.0, 0.0]
    assert numbers(tn.hvp(f, (p,), (Frozen(1.0, 10.0),))) == [70.0, 6.0]


def test_vmap_takes_records():
    """Of arguments, of axes and of results."""
    rows = Frozen(np.arange(6.0).reshape(3, 2), 2.0)
    doubled = tn.vmap(lambda p: Layer(p.w * p.b, p.w.sum()), in_axes=(Frozen(0, None),))(rows)
    assert isinstance(doubled, Layer)
    assert numbers(doubled) == [(rows.w * 2.0).tolist(), [1.0, 5.0, 9.0]]
    turned = tn.vmap(lambda p: Layer(p.w, p.b), in_axes=(Frozen(0, None),), out_axes=Layer(1, 0))
    assert numbers(turned(rows)) == [rows.w.T.tolist(), [2.0] * 3]
    with pytest.raises(TypeError, match="axes"):
        tn.vmap(lambda p: p.w, in_axes=((0,),))(rows)


def test_a_setting_is_not_touched():
    """What is not differentiated by stays as it is, whatever it is."""

    @dataclass
    class Options:
        name: str
        steps: int = field(default=3, init=False)

    options, seen = Options("plain"), []
    tn.grad(lambda x, o: (seen.append(o), x * o.steps)[1])(2.0, options)
    tn.vmap(lambda x, o: (seen.append(o), x * o.steps)[1], in_axes=(0, None))(np.ones(2), options)
    tn.checkpoint(lambda x, o: (seen.append(o), x * o.steps)[1])(Value(2.0), options)
    assert [o is options for o in seen] == [True, True, True]


def test_a_constructor_is_not_asked_again():
    """The gradient of 20 b is at the weight that stands there, and may be negative."""
    assert numbers(tn.grad(lambda p: -p.w * p.b)(Checked(2.0, 3.0))) == [-3.0, -2.0]
    assert numbers(tn.grad(lambda p: p.w * p.b)(Scaled(2.0, 3.0))) == [3.0, 20.0]


def test_what_is_computed_when_asked_for_is_computed_anew():
    """A cached number of the old weights is not taken for one of the new."""
    child = Child(3.0, 0.0)
    assert child.square == 9.0
    assert numbers(tn.grad(lambda p: p.square + p.c)(child)) == [6.0, 0.0, 1.0]


@dataclass
class Derived:
    """A field that the constructor computes: which of three numbers is meant?"""

    w: Any
    total: Any = field(init=False)

    def __post_init__(self):
        self.total = self.w * 2.0


@dataclass
class Burdened:
    """An attribute that is no field."""

    w: Any

    def __post_init__(self):
        self.total = self.w * 2.0


@pytest.mark.parametrize("kind", [Derived, Burdened])
def test_a_record_that_nobody_could_copy_is_refused(kind):
    """By the name of what is too much, with what to do instead."""
    with pytest.raises(UnsupportedError, match=rf"{kind.__name__}\.total") as caught:
        tn.grad(lambda p: p.total)(kind(3.0))
    assert "@property" in caught.value.hint


def test_what_is_no_number_is_refused():
    """A name among the weights cannot move a little."""
    with pytest.raises(IntegerWeightError, match="str"):
        tn.grad(lambda p: p.w)(Layer(1.0, "relu"))


@pytest.mark.parametrize(
    ("nested", "other"),
    [
        (Layer(1.0, 2.0), Child(1.0, 2.0, 3.0)),
        (Layer(1.0, 2.0), (1.0, 2.0)),
        (Layer(1.0, 2.0), 1.0),
        ([1.0, 2.0], [1.0]),
        ([1.0], 1.0),
        ({"a": 1.0}, {"b": 1.0}),
    ],
    ids=repr,
)
def test_containers_that_are_not_built_alike(nested, other):
    """Other fields, other keys, another length, no container."""
    with pytest.raises(TypeError, match="built alike"):
        list(alongside(nested, other))


def test_the_class_itself_is_no_container():
    """Only its instances are."""
    assert list(leaves([Layer])) == [Layer]
