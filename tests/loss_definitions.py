"""Every loss as a textbook defines it, in mpmath: nothing here is arranged to be accurate.

`DEFINITIONS[name](prediction, *others, **parameters)` is given mpmath numbers, and rows as lists
of them; labels are ints.
"""

import mpmath as mp

HALF = mp.mpf(1) / 2
Q, MARGIN, ALPHA, BETA = map(mp.mpf, (0.7, 0.35, 0.3, 0.7))  # what a float of them is


def sigma(x):
    """The logistic function."""
    return 1 / (1 + mp.exp(-x))


def relu(x):
    """The positive part."""
    return max(mp.mpf(0), x)


def times(a, b):
    """a · b(), where nothing times anything is nothing."""
    return a * b() if a else mp.mpf(0)


def huber(r, d):
    """Half the square up to d, straight beyond."""
    return r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2)


def smoothed_hinge(m, gamma):
    """The hinge with its corner rounded off."""
    h = relu(1 - m)
    return h * h / (2 * gamma) if h <= gamma else h - gamma / 2


def modified_huber(m):
    """The squared hinge, straight beyond -1."""
    return relu(1 - m) ** 2 if m >= -1 else -4 * m


def distance_weighted(m, q):
    """Marron's."""
    return 1 - m if m <= q / (q + 1) else (q**q / (q + 1) ** (q + 1)) / m**q


def bce(x, t, w=1):
    """Cross-entropy of one logit."""
    return -times(w * t, lambda: mp.log(sigma(x))) - times(1 - t, lambda: mp.log(sigma(-x)))


def focal(x, t, gamma=2, alpha=None):
    """Lin's."""
    yes, no = (1, 1) if alpha is None else (alpha, 1 - alpha)
    p, q = sigma(x), sigma(-x)
    return -times(yes * t, lambda: q**gamma * mp.log(p)) - times(
        no * (1 - t), lambda: p**gamma * mp.log(q)
    )


def tweedie(z, t, power=1.5):
    """Half the unit deviance, by power."""
    m, p = mp.exp(z), mp.mpf(power)
    if p == 1:
        return (t * mp.log(t / m) if t else 0) - t + m
    if p == 2:
        return mp.log(m / t) + t / m - 1
    return t ** (2 - p) / ((1 - p) * (2 - p)) - t * m ** (1 - p) / (1 - p) + m ** (2 - p) / (2 - p)


def gaussian_nll(m, t, s):
    """-log of the normal density."""
    v = mp.exp(s)
    return HALF * (mp.log(2 * mp.pi * v) + (m - t) ** 2 / v)


def lse(x):
    """log Σ e^x."""
    return mp.log(sum(mp.exp(v) for v in x))


def shares(t, count):
    """A target as shares, be it a label."""
    return [mp.mpf(k == t) for k in range(count)] if isinstance(t, int) else t


def cross_entropy(x, t):
    """-Σ t log softmax(x)."""
    return mp.fsum(
        times(s, lambda v=v: lse(x) - v) for s, v in zip(shares(t, len(x)), x, strict=True)
    )


def others(x, y):
    """All but one."""
    return [v for k, v in enumerate(x) if k != y]


def sparsemax(x, y):
    """By the threshold of the largest support that holds."""
    z = sorted(x, reverse=True)
    k = max(k for k in range(1, len(z) + 1) if 1 + k * z[k - 1] > sum(z[:k]))
    tau = (sum(z[:k]) - 1) / k
    return HALF + HALF * sum(v * v - tau * tau for v in z[:k]) - x[y]


def norm(x, p=2):
    """The p-norm."""
    return mp.fsum(abs(v) ** p for v in x) ** (mp.mpf(1) / p)


def minus(a, b):
    """a - b, for rows."""
    return [u - v for u, v in zip(a, b, strict=True)]


def dot(a, b):
    """The product of rows."""
    return mp.fsum(u * v for u, v in zip(a, b, strict=True))


def cosine(a, b):
    """The cosine of the angle between rows."""
    return dot(a, b) / norm(a) / norm(b)


def tversky(p, t, alpha=HALF, beta=HALF, smooth=0):
    """1 - TP / (TP + α FP + β FN), with `smooth` below."""
    tp, fp = dot(p, t), dot(p, [1 - v for v in t])
    fn = dot([1 - v for v in p], t)
    wrong = alpha * fp + beta * fn
    return wrong / (tp + wrong + smooth) if tp + wrong + smooth else mp.mpf(0)


def dice(p, t, smooth=0):
    """1 - 2 |A ∩ B| / (|A| + |B|), with `smooth` below."""
    whole = mp.fsum(p) + mp.fsum(t)
    return (whole - 2 * dot(p, t)) / (whole + smooth) if whole + smooth else mp.mpf(0)


def pairwise(function):
    """A sum over the pairs whose order is known."""
    return lambda x, t: mp.fsum(
        function(u - v)
        for u, a in zip(x, t, strict=True)
        for v, b in zip(x, t, strict=True)
        if a > b
    )


def listmle(x, t):
    """The surprise at the true order."""
    order = sorted(range(len(x)), key=lambda k: -t[k])
    s = [x[k] for k in order]
    return mp.fsum(lse(s[i:]) - s[i] for i in range(len(s)))


def unique_softmax(x, t):
    """Each against those that are less relevant."""
    return mp.fsum(
        (mp.mpf(2) ** a - 1) * (lse([u, *(v for v, b in zip(x, t, strict=True) if b < a)]) - u)
        for u, a in zip(x, t, strict=True)
    )


def multilabel_margin(x, t):
    """All pairs of what holds and what does not."""
    return mp.fsum(
        relu(1 - u + v)
        for u, a in zip(x, t, strict=True)
        for v, b in zip(x, t, strict=True)
        if a and not b
    ) / len(x)


def angular(x, y, margin, scale):
    """Cross-entropy with the right angle made larger."""
    turned = mp.cos(mp.acos(x[y]) + margin)
    return cross_entropy([scale * (turned if k == y else v) for k, v in enumerate(x)], y)


def sphereface(x, y, margin=4, scale=64):
    """Cross-entropy with the right angle a multiple."""
    theta = mp.acos(x[y])
    j = mp.floor(margin * theta / mp.pi)
    turned = (-1) ** int(j) * mp.cos(margin * theta) - 2 * j
    return cross_entropy([scale * (turned if k == y else v) for k, v in enumerate(x)], y)


def between(a, p, n, angle=None):
    """The angular loss."""
    middle = [(u + v) / 2 for u, v in zip(a, p, strict=True)]
    steep = mp.tan(mp.mpf(float(mp.pi / 4)) if angle is None else angle) ** 2
    return relu(norm(minus(a, p)) ** 2 - 4 * steep * norm(minus(n, middle)) ** 2)


DEFINITIONS = {
    "squared_error": lambda x, t: (x - t) ** 2,
    "absolute_error": lambda x, t: abs(x - t),
    "huber": lambda x, t, delta=1: huber(x - t, delta),
    "smooth_l1": lambda x, t, beta=1: huber(x - t, beta) / beta if beta else abs(x - t),
    "log_cosh": lambda x, t: mp.log(mp.cosh(x - t)),
    "quantile": lambda x, t, q=HALF: q * relu(t - x) + (1 - q) * relu(x - t),
    "epsilon_insensitive": lambda x, t, epsilon=0.1: relu(abs(x - t) - epsilon),
    "squared_epsilon_insensitive": lambda x, t, epsilon=0.1: relu(abs(x - t) - epsilon) ** 2,
    "pseudo_huber": lambda x, t, delta=1: delta**2 * (mp.sqrt(1 + ((x - t) / delta) ** 2) - 1),
    "squared_log_error": lambda x, t: (mp.log(1 + x) - mp.log(1 + t)) ** 2,
    "absolute_percentage_error": lambda x, t: abs((x - t) / t),
    "symmetric_percentage_error": lambda x, t: (
        2 * abs(x - t) / (abs(x) + abs(t)) if x or t else mp.mpf(0)
    ),
    "power_error": lambda x, t, p=3: abs(x - t) ** p,
    "periodic": lambda x, t, period=2 * mp.pi: 1 - mp.cos(2 * mp.pi * (x - t) / period),
    "logistic_error": lambda x, t: -mp.log(4 * mp.exp(x - t) / (1 + mp.exp(x - t)) ** 2),
    "poisson": lambda z, t, full=False: (
        mp.exp(z) - times(t, lambda: z) + (mp.loggamma(t + 1) if full else 0)
    ),
    "tweedie": tweedie,
    "poisson_deviance": lambda z, t: tweedie(z, t, 1),
    "gamma_deviance": lambda z, t: tweedie(z, t, 2),
    "gaussian_nll": gaussian_nll,
    "gaussian_kl": lambda m, s: HALF * (mp.exp(s) + m * m - 1 - s),
    "binary_cross_entropy": lambda x, t, pos_weight=1: bce(x, t, pos_weight),
    "binary_cross_entropy_probs": lambda p, t: (
        -times(t, lambda: mp.log(p)) - times(1 - t, lambda: mp.log(1 - p))
    ),
    "logistic": lambda x, s: mp.log(1 + mp.exp(-s * x)),
    "hinge": lambda x, s, margin=1: relu(margin - s * x),
    "squared_hinge": lambda x, s, margin=1: relu(margin - s * x) ** 2,
    "smoothed_hinge": lambda x, s, gamma=1: smoothed_hinge(s * x, gamma),
    "modified_huber": lambda x, s: modified_huber(s * x),
    "sparsemax_binary": lambda x, s: modified_huber(s * x) / 4,
    "exponential": lambda x, s: mp.exp(-s * x),
    "perceptron": lambda x, s: relu(-s * x),
    "sigmoid_loss": lambda x, s: 1 - mp.tanh(s * x),
    "savage": lambda x, s: sigma(-s * x) ** 2,
    "distance_weighted": lambda x, s, q=1: distance_weighted(s * x, mp.mpf(q)),
    "squared_margin": lambda x, s: (1 - s * x) ** 2,
    "focal": focal,
    "poly1_binary": lambda x, t, epsilon=1: (
        bce(x, t) + epsilon * (t * sigma(-x) + (1 - t) * sigma(x))
    ),
    "brier": lambda x, t: t * sigma(-x) ** 2 + (1 - t) * sigma(x) ** 2,
    "cross_entropy": cross_entropy,
    "nll": lambda x, t: -dot(shares(t, len(x)), x),
    "cross_entropy_probs": lambda p, t: mp.fsum(
        -times(s, lambda v=v: mp.log(v)) for s, v in zip(shares(t, len(p)), p, strict=True)
    ),
    "focal_multiclass": lambda x, y, gamma=2: (
        (1 - mp.exp(-cross_entropy(x, y))) ** gamma * cross_entropy(x, y)
    ),
    "weston_watkins": lambda x, y, margin=1, p=1: mp.fsum(
        relu(margin + v - x[y]) ** p for v in others(x, y)
    ),
    "crammer_singer": lambda x, y, margin=1: relu(margin + max(others(x, y)) - x[y]),
    "multiclass_perceptron": lambda x, y: max(x) - x[y],
    "sparsemax": sparsemax,
    "fenchel_young": lambda x, t: lse(x) - dot(x, t),
    "poly_cross_entropy": lambda x, y, epsilon=1: (
        cross_entropy(x, y) + epsilon * (1 - mp.exp(-cross_entropy(x, y)))
    ),
    "generalized_cross_entropy": lambda x, y, q=Q: (
        (1 - mp.exp(-q * cross_entropy(x, y))) / q if q else cross_entropy(x, y)
    ),
    "negative_sampling": lambda x, y: (
        mp.log(1 + mp.exp(-x[y])) + mp.fsum(mp.log(1 + mp.exp(v)) for v in others(x, y))
    ),
    "multilabel_soft_margin": lambda x, t: mp.fsum(map(bce, x, t)) / len(x),
    "multilabel_margin": multilabel_margin,
    "multilabel_cross_entropy": lambda x, t: (
        mp.log(1 + mp.fsum(mp.exp(v) for v, s in zip(x, t, strict=True) if not s))
        + mp.log(1 + mp.fsum(mp.exp(-v) for v, s in zip(x, t, strict=True) if s))
    ),
    "cosine_distance": lambda a, b: 1 - cosine(a, b),
    "cosine_embedding": lambda a, b, s, margin=0: (
        1 - cosine(a, b) if s > 0 else relu(cosine(a, b) - margin)
    ),
    "contrastive": lambda a, b, y, margin=1: (
        HALF * (y * norm(minus(a, b)) ** 2 + (1 - y) * relu(margin - norm(minus(a, b))) ** 2)
    ),
    "triplet": lambda a, b, c, margin=1, p=2: relu(
        norm(minus(a, b), p) - norm(minus(a, c), p) + margin
    ),
    "hinge_embedding": lambda x, s, margin=1: x if s > 0 else relu(margin - x),
    "margin_ranking": lambda a, b, s, margin=0: relu(margin - s * (a - b)),
    "cosface": lambda x, y, margin=MARGIN, scale=64: cross_entropy(
        [scale * (v - margin if k == y else v) for k, v in enumerate(x)], y
    ),
    "arcface": lambda x, y, margin=HALF, scale=64: angular(x, y, margin, scale),
    "sphereface": sphereface,
    "proxy_nca": lambda d, y: d[y] + lse([-v for v in others(d, y)]),
    "angular": between,
    "bpr": lambda a, b: mp.log(1 + mp.exp(-(a - b))),
    "listnet": lambda x, t: mp.fsum(
        times(s, lambda v=v: lse(x) - v) for s, v in zip(t, x, strict=True)
    ),
    "poly1_listnet": lambda x, t, epsilon=1: mp.fsum(
        s * (lse(x) - v + epsilon * (1 - mp.exp(v - lse(x)))) for s, v in zip(t, x, strict=True)
    ),
    "listmle": listmle,
    "unique_softmax": unique_softmax,
    "pairwise_logistic": pairwise(lambda d: mp.log(1 + mp.exp(-d))),
    "pairwise_hinge": pairwise(lambda d: relu(1 - d)),
    "pairwise_soft_zero_one": pairwise(lambda d: sigma(-d)),
    "pairwise_squared": lambda x, t: mp.fsum(
        ((x[i] - x[j]) - (t[i] - t[j])) ** 2 for i in range(len(x)) for j in range(i)
    ),
    "tversky": tversky,
    "dice": dice,
    "focal_tversky": lambda p, t, alpha=ALPHA, beta=BETA, gamma=0.75: (
        tversky(p, t, alpha, beta) ** gamma
    ),
}
