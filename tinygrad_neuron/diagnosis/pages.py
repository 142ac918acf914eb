"""The long version of each message: what happened to whom, an example that runs, and a picture."""

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True)
class Page:
    """A message in full. `example` raises or warns it; `silent` is like it, and says nothing."""

    title: str
    story: str
    example: str = ""
    silent: str = ""
    look: str = ""


def _page(title: str, story: str, example: str = "", silent: str = "", look: str = "") -> Page:
    return Page(title, dedent(story).strip(), dedent(example).strip(), dedent(silent).strip(), look)


SEED_LOOP = """
    from tinygrad_neuron import Value, teaching

    w1, w2 = Value(0.0, name="w1"), Value(0.0, name="w2")
    with teaching():
        for step in range({steps}):
            for w in (w1, w2):
                w.zero_grad()
            J = (w1 * 256 + w2 * 212 - 1492) ** 2
            J.backward()
            for w in (w1, w2):
                w.data {update}
"""

PAGES = {
    "TN101": _page(
        "A gradient from an earlier step was never cleared",
        """
        Gradients add up. That is what makes x*x right: x is used twice, and both uses have a say.
        It is also what makes several backward passes for one update possible. So backward() never
        clears anything by itself, and whoever updates must. Without clearing, each step is made of
        all the gradients so far: the descent has momentum that nothing dampens. On the neuron of
        the lesson the error then swings between -1492 and +1532 with a period of 13.24 steps.
        """,
        """
        from tinygrad_neuron import Value, teaching

        w1, w2 = Value(0.0, name="w1"), Value(0.0, name="w2")
        with teaching():
            for step in range(2):
                J = (w1 * 256 + w2 * 212 - 1492) ** 2
                J.backward()
                for w in (w1, w2):
                    w.data -= 1e-6 * w.grad
        """,
        """
        from tinygrad_neuron import Value, teaching

        w = Value(0.0, name="w")
        with teaching():
            for row, target in ((256, 1492), (212, 1000)):  # two rows, one update: they add up
                ((w * row - target) ** 2).backward()
            w.data -= 1e-6 * w.grad
        """,
        "learn --alpha 1e-6",
    ),
    "TN102": _page(
        "Reading a gradient that does not exist yet",
        """
        A gradient answers "how does J move with w", so there is none before a J was chosen and
        backward() called on it. A silent 0 would look like an answer: a graph full of zeros is the
        most common first picture of a neuron.
        """,
        """
        from tinygrad_neuron import Value

        w = Value(0.5, name="w")
        w.data -= 0.1 * w.grad
        """,
        """
        from tinygrad_neuron import Value

        w = Value(0.5, name="w")
        if not w.grad:
            print(w.grad)
        """,
        'step "(w*x - y)**2"',
    ),
    "TN103": _page(
        "backward() on something that is not one number",
        """
        Descent lowers one number. Four errors have four gradients each, and nothing says which of
        them matters how much; a mean says so, a seed says so, and backward() alone does not.
        """,
        """
        from tinygrad_neuron import Value

        errors = Value([1.0, -2.0, 0.5, 3.0], name="errors") ** 2
        errors.backward()
        """,
        """
        from tinygrad_neuron import Value

        errors = Value([1.0, -2.0, 0.5, 3.0], name="errors") ** 2
        errors.mean().backward()
        """,
    ),
    "TN104": _page(
        "The loss does not depend on this weight",
        """
        There is no path from the loss back to the weight: it is not in the expression, or on the
        way it was replaced by a plain number with .data, .item() or detach(). That is not the same
        as a gradient of 0, where there is a path and a factor on it is 0.
        """,
        """
        from tinygrad_neuron import Value, trace_of

        used, idle = Value(1.0, name="used"), Value(2.0, name="idle")
        trace_of((used * idle.data - 3.0) ** 2, wrt=[used, idle])
        """,
        """
        from tinygrad_neuron import Value, trace_of

        used, other = Value(1.0, name="used"), Value(2.0, name="other")
        trace_of((used * other - 3.0) ** 2, wrt=[used, other])
        """,
        'draw "(w1*x1 + b - y)**2"',
    ),
    "TN105": _page(
        "A number left the graph",
        """
        math.exp needs a plain number and gives one back: what came from the weights no longer
        knows it, and the gradient stops there without a word. So float(v), int(v), math.*, and an
        assignment into an array are refused where v depends on a leaf. NumPy's functions are not:
        np.exp(v) is recorded.
        """,
        """
        import math
        from tinygrad_neuron import Value

        z = Value(2.0, name="w") * 3
        math.exp(z)
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value

        z = Value(2.0, name="w") * 3
        np.exp(z)
        """,
    ),
    "TN106": _page(
        "Data changed between forward and backward",
        """
        J was computed with one w, and its slope would be taken at another: a mixture of both that
        is the gradient of nothing. So a leaf that is younger than its result is refused.
        """,
        """
        from tinygrad_neuron import Value

        w = Value(0.0, name="w")
        J = (w * 256 - 1492) ** 2
        w.data = 3.0
        J.backward()
        """,
        """
        from tinygrad_neuron import Value

        w = Value(0.0, name="w")
        J = (w * 256 - 1492) ** 2
        J.backward()
        w.data = 3.0
        """,
    ),
    "TN107": _page(
        "The update became part of the graph",
        """
        w = w - alpha * w.grad makes a new Value, computed from the old one. The next loss then
        depends on the whole history of updates, each step costs more than the last, and the name w
        no longer stands for something that can be learnt. An update changes the data of a leaf.
        """,
        """
        from tinygrad_neuron import Value, teaching

        w = Value(0.0, name="w")
        with teaching():
            for step in range(4):
                J = (w * 256 - 1492) ** 2
                J.backward()
                w = w - 1e-6 * w.grad
        """,
        SEED_LOOP.format(steps=4, update="-= 1e-6 * w.grad"),
    ),
    "TN108": _page(
        "Uphill: the sign of the update",
        """
        The gradient points where the loss grows. A step goes against it, whatever its sign: at
        w = 0 the gradient of the lesson's neuron is -763904, the loss falls when w1 grows, and
        w1 - alpha * (-763904) is larger than w1. Adding the gradient, or "decreasing the weights",
        goes the wrong way.
        """,
        SEED_LOOP.format(steps=2, update="+= 1e-6 * w.grad"),
        SEED_LOOP.format(steps=2, update="-= 1e-6 * w.grad"),
        "step --alpha 4e-6",
    ),
    "TN109": _page(
        "Learning rate too large",
        """
        Along a step the gradient changes by the curvature times the step. With curvature lambda
        each step multiplies the error by 1 - alpha*lambda: below alpha = 2/lambda that is less
        than 1 in size and the error shrinks, above it grows without end. lambda is measured, from
        two gradients and the step between them, so the limit is known after one step too many. On
        the lesson's neuron lambda is 220960; alpha = 0.001 is 110.5 times above 2/220960 = 9.05e-06
        and multiplies the error by -219.96.
        """,
        SEED_LOOP.format(steps=2, update="-= 0.001 * w.grad"),
        SEED_LOOP.format(steps=20, update="-= 8e-6 * w.grad"),
        "learn --alpha 0.001     and     sweep",
    ),
    "TN110": _page(
        "Learning rate far too small",
        """
        The opposite of TN109: every step keeps nearly all of the error. 1/lambda, half of the
        limit, would be best in the direction that was measured.
        """,
        SEED_LOOP.format(steps=200, update="-= 1e-8 * w.grad"),
        SEED_LOOP.format(steps=200, update="-= 1e-6 * w.grad"),
        "learn --alpha 1e-8     and     sweep",
    ),
    "TN111": _page(
        "Inputs of very different scales",
        """
        The curvature for a weight grows with the square of its input. A column of house sizes in
        the thousands beside one of shares below 1 gives curvatures a million times apart, and one
        alpha must serve both: too large for the first, or far too small for the second.
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, teaching

        X = np.array([[4000.0, 0.02], [3500.0, 0.03], [5200.0, 0.01]])
        w = Value(np.zeros(2), name="w")
        with teaching():
            ((X @ w - np.ones(3)) ** 2).mean().backward()
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, teaching

        X = np.array([[256.0, 212.0], [120.0, 310.0]])
        w = Value(np.zeros(2), name="w")
        with teaching():
            ((X @ w - np.ones(2)) ** 2).mean().backward()
        """,
    ),
    "TN112": _page(
        "Shapes that broadcast by accident",
        """
        A column of predictions less a row of targets is a square table: every prediction against
        every target. The mean of its squares has a minimum, so training runs and nothing looks
        wrong; what it learns is the mean of the targets for every input. The losses of this
        package refuse it, and in teaching mode your own subtraction is told.
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, teaching

        w = Value(1.0, name="w")
        with teaching():
            prediction = w * np.arange(4.0)[:, None]
            ((prediction - np.arange(4.0)) ** 2).mean().backward()
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, teaching

        x = Value(np.arange(4.0), name="x")
        with teaching():
            ((x[:, None] - x) ** 2).mean().backward()  # all pairs, and meant so
        """,
    ),
    "TN113": _page(
        "A gradient of the wrong shape",
        """
        A gradient says how the result moves with each entry, so it has the shape of its input. In
        a rule of your own for an input that was stretched, what it is owed must be added up over
        the axes that were stretched: elementwise() does so, primitive() leaves it to you.
        """,
        """
        import numpy as np
        import tinygrad_neuron as tn

        @tn.primitive(lambda g, y, a: np.sum(g))
        def double(a):
            return 2.0 * a

        tn.grad(lambda a: tn.sum(double(a)))(np.ones(3))
        """,
        """
        import numpy as np
        import tinygrad_neuron as tn

        @tn.primitive(lambda g, y, a: 2.0 * g)
        def double(a):
            return 2.0 * a

        tn.grad(lambda a: tn.sum(double(a)))(np.ones(3))
        """,
    ),
    "TN114": _page(
        "The gradient is wrong",
        """
        A wrong gradient can still lower the loss, only worse, which is why it is so hard to see.
        Finite differences see it: this package checks your own rules when they are first used
        (TN161), and check_grad and assert_grad check any function (TN160).
        """,
        look='check "sin(w*x) + b"',
    ),
    "TN115": _page(
        "Whole-number weights",
        """
        Learning moves weights a little: the first step of the lesson is +3.055616, and an array of
        integers would keep 3. Whole numbers are fine for constants, and a single number like
        Value(3) becomes 3.0.
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value

        Value(np.array([0, 0]), name="w")
        """,
        """
        from tinygrad_neuron import Value

        Value(0, name="w")
        """,
    ),
    "TN116": _page(
        "Dead relu",
        """
        Below 0 the slope of relu is 0. A unit whose input is below 0 for every row owes nothing to
        the weights before it, so they do not move, so it stays below 0. One step that was too long
        is enough, and starting at exactly 0 as well.
        """,
        """
        from tinygrad_neuron import Value, relu, teaching

        w, b = Value(-1.0, name="w"), Value(0.0, name="b")
        with teaching():
            for step in range(2):
                w.zero_grad(), b.zero_grad()
                ((relu(w * 3.0) + b - 2.0) ** 2).backward()
                b.data -= 0.1 * b.grad
        """,
        """
        from tinygrad_neuron import Value, relu, teaching

        w, b = Value(1.0, name="w"), Value(0.0, name="b")
        with teaching():
            for step in range(2):
                w.zero_grad(), b.zero_grad()
                ((relu(w * 3.0) + b - 2.0) ** 2).backward()
                b.data -= 0.1 * b.grad
        """,
        'explain "(relu(w*x) - y)**2" w=-1 x=3 y=2',
    ),
    "TN117": _page(
        "Saturated sigmoid or tanh",
        """
        Far from 0 a sigmoid is flat. The lesson's raw inputs and w = (1, 1) give z = 468, where its
        slope is exactly 0 in floating point: however wrong the answer, the weights hear nothing of
        it. A saturated answer that is right is no problem, and not told.
        """,
        """
        from tinygrad_neuron import Value, sigmoid, teaching

        w1, w2 = Value(1.0, name="w1"), Value(1.0, name="w2")
        with teaching():
            ((sigmoid(w1 * 256 + w2 * 212) - 0.0) ** 2).backward()
        """,
        """
        from tinygrad_neuron import Value, sigmoid, teaching

        w1, w2 = Value(1.0, name="w1"), Value(1.0, name="w2")
        with teaching():
            ((sigmoid(w1 * 256 + w2 * 212) - 1.0) ** 2).backward()
        """,
        'explain "(sigmoid(w1*256 + w2*212) - y)**2" w1=1 w2=1 y=0 --wrt w1 w2',
    ),
    "TN118": _page(
        "The first inf or nan",
        """
        One log(0) makes everything after it nan, and every gradient before it: by the time it is
        seen it has been everywhere. The first operation that made it is what matters, with its
        line. Outside of teaching mode explain_nonfinite() finds it.
        """,
        """
        from tinygrad_neuron import Value, log, sigmoid, teaching

        z = Value(-800.0, name="z")
        with teaching():
            p = sigmoid(z)
            (-log(p)).backward()
        """,
        """
        from tinygrad_neuron import Value, sqrt, teaching, where

        x = Value(0.0, name="x")
        with teaching():
            where(x > 0, sqrt(x), x).backward()  # an infinite slope in a branch not chosen
        """,
    ),
    "TN119": _page(
        "Twins: equal units stay equal",
        """
        Two units with the same weights compute the same, are owed the same, and are moved the same:
        they are one unit, for ever. That is why hidden layers start from random numbers. A single
        neuron may start at 0: it has no twin.
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, tanh, teaching

        X, y = np.array([[0.0, 1.0], [1.0, 0.5], [1.0, 1.0]]), np.array([1.0, 0.0, 1.0])
        W, v = Value(np.full((2, 2), 0.5), name="W"), Value(np.ones(2), name="v")
        with teaching():
            for step in range(2):
                W.zero_grad(), v.zero_grad()
                ((tanh(X @ W) @ v - y) ** 2).mean().backward()
                W.data -= 0.1 * W.grad
                v.data -= 0.1 * v.grad
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, tanh, teaching

        X, y = np.array([[0.0, 1.0], [1.0, 0.5], [1.0, 1.0]]), np.array([1.0, 0.0, 1.0])
        W, v = Value([[0.5, -0.2], [0.1, 0.7]], name="W"), Value(np.ones(2), name="v")
        with teaching():
            for step in range(2):
                W.zero_grad(), v.zero_grad()
                ((tanh(X @ W) @ v - y) ** 2).mean().backward()
                W.data -= 0.1 * W.grad
                v.data -= 0.1 * v.grad
        """,
    ),
    "TN120": _page(
        "A loss without a bottom",
        """
        "The difference between prediction and target" is no loss: being too small counts as good,
        and it falls for ever, on the lesson's neuron by 110.48 in every step. A loss costs
        something whichever way the answer is wrong.
        """,
        """
        from tinygrad_neuron import Value, teaching

        w1, w2 = Value(0.0, name="w1"), Value(0.0, name="w2")
        with teaching():
            for step in range(7):
                for w in (w1, w2):
                    w.zero_grad()
                J = w1 * 256 + w2 * 212 - 1492
                J.backward()
                for w in (w1, w2):
                    w.data -= 0.001 * w.grad
        """,
        SEED_LOOP.format(steps=7, update="-= 4e-6 * w.grad"),
        "learn --loss error",
    ),
    "TN121": _page(
        "A branch on what is learnt",
        """
        `if v > 0:` runs one branch, and only that one is in the graph: the gradient is that of the
        branch, and the choice has none. Often that is what is meant, as at a corner like relu's.
        Where both branches should be there, where() has them.
        """,
        """
        from tinygrad_neuron import Value, teaching

        v = Value(2.0, name="v")
        with teaching():
            if v * 3 > 5:
                y = v * v
        """,
        """
        from tinygrad_neuron import Value, teaching, where

        v = Value(2.0, name="v")
        with teaching():
            where(v * 3 > 5, v * v, v).backward()
        """,
    ),
    "TN122": _page(
        "round, floor or a comparison in the path",
        """
        A function made of steps is flat between them. A weight whose every way to the loss leads
        through one has no gradient, and will not move, however wrong the answer.
        """,
        """
        from tinygrad_neuron import Value, floor, teaching

        w, b = Value(2.5, name="w"), Value(0.0, name="b")
        with teaching():
            ((floor(w * 3.0) + b - 2.0) ** 2).backward()
        """,
        """
        from tinygrad_neuron import Value, floor, teaching

        w = Value(2.5, name="w")
        with teaching():
            ((w - floor(w) - 0.3) ** 2).backward()  # there is another way
        """,
    ),
    "TN123": _page(
        "A negative base under an exponent that is learnt",
        """
        The slope of a**b in b is a**b * log(a), and a negative number has no real logarithm.
        """,
        """
        from tinygrad_neuron import Value, teaching

        a, b = Value(-2.0, name="a"), Value(3.0, name="b")
        with teaching():
            (a**b).backward()
        """,
        """
        from tinygrad_neuron import Value, teaching

        a = Value(-2.0, name="a")
        with teaching():
            (a**3).backward()
        """,
    ),
    "TN124": _page(
        "Random numbers that are others in each run",
        """
        default_rng() without a seed starts somewhere else each time, so that two runs cannot be
        compared: was it the change, or luck? `doctor` notices it in a script.
        """,
        look="doctor script.py",
    ),
    "TN125": _page(
        "A sum in place of a mean",
        """
        The curvature of a sum of 100 rows is that of 100 rows together, so the largest alpha that
        is stable is 100 times smaller than for their mean. With a mean, alpha need not change when
        rows are added.
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, teaching

        x, y = np.arange(1.0, 11.0), 3.0 * np.arange(1.0, 11.0)
        w = Value(0.0, name="w")
        with teaching():
            for step in range(2):
                w.zero_grad()
                ((w * x - y) ** 2).sum().backward()
                w.data -= 0.01 * w.grad
        """,
        """
        import numpy as np
        from tinygrad_neuron import Value, teaching

        x, y = np.arange(1.0, 11.0), 3.0 * np.arange(1.0, 11.0)
        w = Value(0.0, name="w")
        with teaching():
            for step in range(2):
                w.zero_grad()
                ((w * x - y) ** 2).mean().backward()
                w.data -= 0.01 * w.grad
        """,
    ),
    "TN128": _page(
        "A deep chain of slopes",
        """
        On its way back a gradient is multiplied by the slope of each activation. Those of a sigmoid
        are 0.25 at most, and ten of them leave 9.5e-07 of it; slopes and weights above 1 do the
        opposite.
        """,
        """
        from tinygrad_neuron import Value, sigmoid, teaching

        w = Value(0.5, name="w")
        h = w
        with teaching():
            for layer in range(12):
                h = sigmoid(h)
            ((h - 1.0) ** 2).backward()
        """,
        """
        from tinygrad_neuron import Value, relu, teaching

        w = Value(0.5, name="w")
        h = w
        with teaching():
            for layer in range(12):
                h = relu(h)
            ((h - 1.0) ** 2).backward()
        """,
    ),
    "TN130": _page(
        "A name that nothing has",
        """
        The nearest names are given, because it was most likely a slip of the fingers.
        """,
        """
        import tinygrad_neuron as tn

        tn.losses.get("mean_squared")
        """,
        """
        import tinygrad_neuron as tn

        tn.losses.get("mse")
        """,
    ),
}
