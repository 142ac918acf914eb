"""Gradient checks that can be trusted: against finite differences that know their own error."""

from tinygrad_neuron.check.gradients import (
    assert_grad as assert_grad,
    check_grad as check_grad,
    check_gradient as check_gradient,
    check_vjp as check_vjp,
)
from tinygrad_neuron.check.own import elementwise as elementwise, primitive as primitive
from tinygrad_neuron.check.properties import (
    PropertyReport as PropertyReport,
    check_cases as check_cases,
    check_property as check_property,
    check_random as check_random,
    given_gradcheck as given_gradcheck,
)
from tinygrad_neuron.check.report import Finding as Finding, Report as Report
