"""Which operation is to blame for a wrong gradient: every rule is asked by itself."""

from tinygrad_neuron.check.report import Report


def find_blame(report, f, inputs, order):
    return report
