"""Well-conditioned calls of the matrix primitives: no two values close, nothing close to singular.

Vectors are determined up to a sign that the factorisation chooses, so matrices are taken from a
few; a small change of one does not turn a sign.
"""

import numpy as np
from hypothesis import strategies as st

RNG = np.random.default_rng(11)
LABELS = {"optimize": False}


def sixteenths(x):
    """x in short binary fractions."""
    return np.round(16.0 * x) / 16.0


def matrices(*shape, count=4):
    """Arrays of random entries."""
    return [sixteenths(RNG.normal(size=shape)) for _ in range(count)]


def keeps_its_signs(x):
    """Whether small changes of the size that laws make turn no singular vector round."""
    u, _, _ = np.linalg.svd(x, full_matrices=False)
    for _ in range(300):
        way = RNG.choice([-1.0, 1.0], x.shape) * np.maximum(np.abs(x), 0.125) / 48.0
        v, _, _ = np.linalg.svd(x + way, full_matrices=False)
        if np.any(np.sum(u * v, axis=-2) < 0.5):
            return False
    return True


REGULAR = [sixteenths(x) + 3.0 * np.eye(n) for n in (1, 2, 3) for x in matrices(2, n, n)]
REGULAR += [x[0] for x in REGULAR] + [np.stack([x, x[::-1]]) for x in REGULAR]
SYMMETRIC = [x + np.swapaxes(x, -1, -2) + np.diag(16.0 * np.arange(x.shape[-1])) for x in REGULAR]
POSITIVE = [x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1]) for x in REGULAR]
SPREAD = [8.0 * np.eye(m, n) * (1.0 + np.arange(n)) for m, n in ((4, 3), (3, 3), (3, 4), (2, 1))]
STRETCHED = [
    y for s in SPREAD for x in matrices(2, *s.shape, count=12) if keeps_its_signs(y := x + s)
]
TALL = [x for x in STRETCHED if x.shape[-2] >= x.shape[-1]]
REAL = [np.where(x == 0.0, 0.25, x / 4.0) + np.diag(8.0 * np.arange(3)) for x in matrices(2, 3, 3)]
SYSTEMS = [((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 1)), ((2, 2), (2, 2)), ((1, 1), (1, 3))]

EINSUMS = [
    (((2, 3), (3, 2)), ((0, 1), (1, 2)), (0, 2)),
    (((3, 3),), ((0, 0),), (0,)),
    (((3, 3),), ((1, 1),), ()),
    (((2, 2, 2),), ((0, 0, 0),), (0,)),
    (((2, 3),), ((0, 1),), (1,)),
    (((2, 3), (2,)), ((0, 1), (2,)), (2, 0)),
    (((1, 3), (2, 1)), ((0, 1), (0, 1)), (0, 1)),
    (((1, 3), (2, 1)), ((0, 1), (0, 1)), ()),
    (((), (2,), (2, 2)), ((), (0,), (0, 1)), (1,)),
]


def drawn(call, arrays, **settings):
    """One of these arrays as the only input."""
    return st.builds(lambda x: call((x,), dict(settings)), st.sampled_from(arrays))


def calls(call, reductions, arrays):
    """The calls by name; the makers are handed in, because they import these."""
    entries = st.sampled_from([n / 16 for n in range(-63, 64) if abs(n) > 8])

    @st.composite
    def einsums(draw):
        shapes, labels, output = draw(st.sampled_from(EINSUMS))
        inputs = tuple(draw(arrays(shape, entries)) for shape in shapes)
        optimize = draw(st.booleans())
        return call(inputs, {"labels": labels, "output": output, "optimize": optimize})

    @st.composite
    def systems(draw):
        left, right = draw(st.sampled_from(SYSTEMS))
        a = draw(st.sampled_from([x for x in REGULAR if x.shape == left] or [2.0 * np.eye(*left)]))
        return call((a, draw(arrays(right, entries))))

    @st.composite
    def power_norms(draw):
        rows = arrays((2, 2, 3), entries).map(lambda x: call((x,), {"axis": -1}))
        made = draw(reductions(lambda shape: arrays(shape, entries)) | rows)
        order = draw(st.sampled_from([3.0, 2.5, 0.5, -1.0, -2.0]))
        return call(made.inputs, {**made.settings, "order": order})

    return {
        "contract": einsums(),
        "solutions": systems(),
        "fixed": drawn(call, REGULAR),
        "inv": drawn(call, REGULAR),
        "det": drawn(call, [*REGULAR, np.array([[1.0, 2.0], [2.0, 4.0]])]),
        "logabsdet": drawn(call, REGULAR),
        "unitdet": drawn(call, REGULAR),
        "signdet": drawn(call, REGULAR),
        "euclidean": reductions(lambda shape: arrays(shape, entries)),
        "power_norm": power_norms(),
        "square_root": drawn(call, POSITIVE),
        "turned": drawn(call, TALL),
        "complement": drawn(call, [x for x in TALL if np.diff(x.shape[-2:]) == -1]),
        "stretched": drawn(call, STRETCHED),
        "spectrum": drawn(call, SYMMETRIC, upper=False) | drawn(call, SYMMETRIC, upper=True),
        "general_spectrum": drawn(call, REAL),
        "pseudoinverse": drawn(call, STRETCHED, rcond=1e-10),
    }
