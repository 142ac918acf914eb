"""The notation: what can be written with a Value, each piece one line onto the operations.

`a + b` is `ops.add(a, b)`; `np.exp(v)` is `ops.exp(v)`. Nothing is computed here.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_neuron import arrays, ops
from tinygrad_neuron.arrays import is_foreign
from tinygrad_neuron.backward import backward
from tinygrad_neuron.doors import ONLY_ARRAYS, Data, Method, NotComputed
from tinygrad_neuron.errors import (
    GradientShapeError,
    ImmutableError,
    IntegerWeightError,
    LeftGraphError,
    UnsupportedError,
    imaginary_lost,
    name_of,
    short,
)
from tinygrad_neuron.floats import binary_method, reflected_method, unary_method
from tinygrad_neuron.graph import (
    MANY,
    Array,
    Node,
    any_foreign,
    dtype_of,
    first_node,
    from_rows,
    frozen,
    history,
    is_complex,
    leaves_behind,
    look_at,
    only,
    plain,
    tick,
    tidy,
    to_rows,
)
from tinygrad_neuron.hooks import Look, on_grad
from tinygrad_neuron.modes import pauses, watcher, watching
from tinygrad_neuron.numpy_functions import call_function, call_ufunc
from tinygrad_neuron.ops.indexing import At, plain_index
from tinygrad_neuron.showing import view

SCALARS = (float, complex)  # what a single number of full precision is inside


class Value(Node):
    """A number or an array that remembers how it was made, and so can tell its gradient.

    Made from a number, an array or (nested) lists of numbers it is a *leaf*: something to
    differentiate by. Made by an operation it knows its inputs. A single number is a Python float
    or complex inside; an array keeps its floating or complex dtype and is copied. An array of
    another library that speaks NumPy's protocols, Dask's or CuPy's, stays what it is.

    >>> w = Value(3.0, name="w")
    >>> loss = (w * 256 - 1492) ** 2
    >>> loss.backward()
    >>> loss, w.grad
    (Value(524176.0, grad=1.0), -370688.0)

    A list that contains Values is stacked, and stays connected to them:

    >>> Value([w, 2.0])
    Value([3.0, 2.0])

    Raises `IntegerWeightError` (TN115) for an array of integers: it could not move a little.
    """

    __slots__ = ()

    def __init__(self, data: Any, name: str | None = None) -> None:
        if type(data) is not float and first_node(data) is not None:
            self._become(_stacked(data))
        else:
            self._data = data if type(data) is float else _leaf_data(data, name)
            self.primitive = None
            self._a = ()
            self._b = MANY
            self.birth = tick()
        if name is not None:
            self._name = name

    def _become(self, other: Node) -> None:
        """This node, with another's history: what a constructor can do instead of returning it."""
        self._data, self.birth, self.primitive = other._data, other.birth, other.primitive
        self._a, self._b, self._settings = other._a, other._b, other.settings
        if other.batched or other.traced:  # what must not be looked at must not pass for data
            self.__class__ = type(other)  # type: ignore[assignment]

    # ------------------------------------------------------------------ what it holds

    @property
    def data(self) -> Any:
        """The number, or the array as a read-only view.

        On a leaf, `w.data = x`, `w.data -= x` and `w.data[i] = x` give it new numbers, in its own
        shape and dtype; results made from the old ones then refuse `backward()` (TN106).
        """
        if pauses:
            look_at(self)
        data = self._data
        if not isinstance(data, np.ndarray):
            return arrays.copied(data) if is_foreign(data) else data
        view = data.view(Data)
        view.owner = self if self.primitive is None else None
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, new: Any) -> None:
        if pauses:
            look_at(self)
        if self.primitive is not None:
            raise ImmutableError(
                f"{name_of(self)} is the result of {self.primitive.name}; only leaves take data.",
                why="Its number follows from its inputs, and others may follow from it.",
                hint="change the leaf it came from, and compute it again",
            )
        if isinstance(new, Data) and new.owner is self and new.base is self._data:
            return  # `w.data -= x` has been through Data.__isub__ and comes back here
        self.renew(self._renewed(new))

    def _renewed(self, new: Any) -> Array:
        """New data for this leaf: a copy, in the old shape and dtype."""
        if is_complex(new) and not is_complex(self):
            raise imaginary_lost(f"What is written into {name_of(self)}, which is real,")
        if is_foreign(new) and not is_foreign(self._data):
            (new,) = arrays.in_memory([new])
        if type(self._data) in SCALARS and np.ndim(new) == 0:
            return type(self._data)(new)
        fresh = self._converted(new)
        if fresh.shape != self.shape:
            raise GradientShapeError(
                f"{name_of(self)} has shape {self.shape}; the new data has {fresh.shape}.",
                why="A leaf keeps its shape: its gradient and its optimiser's memory go with it.",
                hint="make a new leaf:  Value(data)",
                given=fresh.shape,
                wanted=self.shape,
            )
        return tidy(fresh)

    def _converted(self, new: Any) -> Any:
        """New data in the old precision, and in an array of the same library."""
        if not is_foreign(self._data):
            return np.array(new, dtype=self.dtype)  # refuses a Value that depends on a leaf
        if np.ndim(new) == 0 and not is_foreign(new):
            return np.full_like(self._data, only(new))
        if type(new) is not type(self._data):
            raise UnsupportedError(
                f"{name_of(self)} is a {type(self._data).__module__} array; the new data is not.",
                why="A leaf stays where it is: what was computed beside it is there as well.",
                hint="make a new leaf:  Value(data)",
            )
        return ops.astype(arrays.copied(new), dtype=self.dtype)

    @property
    def grad(self) -> Any:
        """How the last result moves with this, after `backward()`; before, "not computed yet".

        A float or an array with the shape and dtype of the Value, its own copy. Until there is one,
        it is false, equals None, and says so (TN102) when it is used as a number.
        """
        grad = self.gradient
        if type(grad) is np.ndarray and not grad.flags.writeable:  # lent to it by the sweep
            grad = self._grad = grad.copy()
        return NotComputed(self) if grad is None else grad

    @grad.setter
    def grad(self, new: Any) -> None:
        if new is None or isinstance(new, NotComputed):
            self._grad = None
        elif np.ndim(plain(new)) == 0 and is_complex(new) <= is_complex(self):
            self._grad = self._full(plain(new))
        else:
            self._grad = self._renewed(plain(new))

    def zero_grad(self) -> None:
        """Set the gradient to zero, so that the next `backward()` starts afresh."""
        if pauses:
            look_at(self)
        self._grad = 0.0 if type(self._data) is float else self._full(0.0)

    def _full(self, number: Array) -> Array:
        """This number in every entry, in an array of the same library."""
        if is_foreign(self._data):
            return np.full_like(self._data, number)
        return tidy(np.full(self.shape, number, self.dtype))

    @property
    def ndim(self) -> int:
        """How many axes; 0 for a number."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many entries."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """How many bytes an entry takes."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """How many bytes all entries take."""
        return self.size * self.itemsize

    @property
    def flat(self) -> "Value":
        """All entries in a row, to go through or to index."""
        return ops.ravel(self)

    @property
    def device(self) -> str:
        """Where the numbers are: "cpu", as NumPy says of its arrays."""
        return str(getattr(self._data, "device", "cpu"))

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The NumPy dtype; float64 for a Python float."""
        return dtype_of(self)

    @property
    def T(self) -> "Value":  # noqa: N802  # NumPy's name
        """The transpose."""
        return ops.transpose(self)

    @property
    def real(self) -> "Value":
        """The real part; of a real Value all of it."""
        return ops.real(self)

    @property
    def imag(self) -> "Value":
        """The imaginary part; of a real Value 0."""
        return ops.imag(self)

    def item(self) -> Any:
        """The number as plain Python: an explicit way out of the graph."""
        return np.asarray(self._number()).item()

    def tolist(self) -> Any:
        """The numbers as (nested) plain Python lists."""
        return np.asarray(self._number()).tolist()

    def _number(self) -> Array:
        """The data in memory: what is still to be computed is computed for it."""
        if pauses:
            look_at(self)
        return arrays.in_memory([self._data])[0]

    def detach(self) -> "Value":
        """The same number as a constant: it owes nothing to what came before."""
        return type(self).made(self._data, ops.stop_gradient)

    # ------------------------------------------------------------------ gradients

    def backward(self, seed: Array = None) -> None:
        """Compute, for every Value this one depends on, how it moves this one; leave it in `.grad`.

        On leaves gradients add up over calls; `zero_grad()` clears them. `seed` weighs the entries
        of a Value that is not a single number.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward()
        >>> x.grad
        6.0

        Raises `NotScalarError` (TN103) without a seed for more than one number,
        `ChangedDataError` (TN106) if a leaf was changed since, and `GradientShapeError` (TN113).
        """
        backward(self, seed)

    def on_grad(self, look: Look) -> "Value":
        """The same number, whose gradient on its way back is shown to `look`.

        `look` is called in every sweep that comes by, with the gradient when it is complete: a
        float or a read-only array, or a Value where the sweep is recorded. If it returns another,
        of the same shape and dtype, that one goes on; None leaves it as it is. Use the new Value in
        place of this one, which stays as it was:

        >>> w = Value(3.0)
        >>> (w.on_grad(lambda g: g / 2) ** 2).backward()
        >>> w.grad
        3.0

        Raises `GradientShapeError` (TN113) in the sweep for a gradient of another shape or dtype,
        and `UnsupportedError` (TN131) where there is no way back: in `jvp` and `linearize`.
        """
        return on_grad(self, look=look)

    # ------------------------------------------------------------------ operators

    __add__ = binary_method(ops.add)
    __radd__ = reflected_method(ops.add)
    __sub__ = binary_method(ops.subtract)
    __rsub__ = reflected_method(ops.subtract)
    __mul__ = binary_method(ops.multiply)
    __rmul__ = reflected_method(ops.multiply)
    __truediv__ = binary_method(ops.divide)
    __rtruediv__ = reflected_method(ops.divide)
    __pow__ = binary_method(ops.power)
    __rpow__ = reflected_method(ops.power)
    __floordiv__ = binary_method(ops.floor_divide)
    __rfloordiv__ = reflected_method(ops.floor_divide)
    __mod__ = binary_method(ops.remainder)
    __rmod__ = reflected_method(ops.remainder)
    __matmul__ = binary_method(ops.matmul)
    __rmatmul__ = reflected_method(ops.matmul)
    __neg__ = unary_method(ops.negative)
    __pos__ = unary_method(ops.positive)
    __abs__ = unary_method(ops.absolute)
    __and__ = binary_method(ops.logical_and)
    __rand__ = reflected_method(ops.logical_and)
    __or__ = binary_method(ops.logical_or)
    __ror__ = reflected_method(ops.logical_or)
    __xor__ = binary_method(ops.logical_xor)
    __rxor__ = reflected_method(ops.logical_xor)
    __invert__ = unary_method(ops.logical_not)

    def __divmod__(self, other: Any) -> tuple["Value", "Value"]:
        return ops.divmod(self, other)

    def __rdivmod__(self, other: Any) -> tuple["Value", "Value"]:
        return ops.divmod(other, self)

    def __round__(self, ndigits: int | None = None) -> "Value":
        return ops.round(self, decimals=ndigits or 0)

    __lt__ = binary_method(ops.less)
    __le__ = binary_method(ops.less_equal)
    __gt__ = binary_method(ops.greater)
    __ge__ = binary_method(ops.greater_equal)
    __eq__ = binary_method(ops.equal)
    __ne__ = binary_method(ops.not_equal)
    __hash__ = Node.__hash__

    # ------------------------------------------------------------------ functions as methods

    exp = unary_method(ops.exp)
    log = unary_method(ops.log)
    log1p = unary_method(ops.log1p)
    expm1 = unary_method(ops.expm1)
    sqrt = unary_method(ops.sqrt)
    square = unary_method(ops.square)
    sin = unary_method(ops.sin)
    cos = unary_method(ops.cos)
    tanh = unary_method(ops.tanh)
    sigmoid = unary_method(ops.sigmoid)
    relu = unary_method(ops.relu)
    softplus = unary_method(ops.softplus)

    # NumPy's keywords, and their order, are those of the functions

    def sum(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """All entries added up, or those along an axis."""
        return ops.sum(self, axis, *more, **settings)

    def mean(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The mean of all entries, or along an axis."""
        return ops.mean(self, axis, *more, **settings)

    def prod(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """All entries multiplied, or those along an axis."""
        return ops.prod(self, axis, *more, **settings)

    def max(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The largest entry, or along an axis; ties share the gradient equally."""
        return ops.max(self, axis, *more, **settings)

    def min(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The smallest entry, or along an axis; ties share the gradient equally."""
        return ops.min(self, axis, *more, **settings)

    def var(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The variance of all entries, or along an axis."""
        return ops.var(self, axis, *more, **settings)

    def std(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The standard deviation of all entries, or along an axis."""
        return ops.std(self, axis, *more, **settings)

    def cumsum(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The running sums along an axis, or of all entries in a row."""
        return ops.cumsum(self, axis, *more, **settings)

    def cumprod(self, axis: Any = None, *more: Any, **settings: Any) -> "Value":
        """The running products along an axis, or of all entries in a row."""
        return ops.cumprod(self, axis, *more, **settings)

    def all(self, axis: Any = None, *more: Any, **settings: Any) -> Any:
        """Whether every entry holds, as a plain answer."""
        return ops.all(self, axis, *more, **settings)

    def any(self, axis: Any = None, *more: Any, **settings: Any) -> Any:
        """Whether some entry holds, as a plain answer."""
        return ops.any(self, axis, *more, **settings)

    def argmax(self, axis: Any = None, *more: Any, **settings: Any) -> Any:
        """The place of the first largest entry, as a plain answer."""
        return ops.argmax(self, axis, *more, **settings)

    def argmin(self, axis: Any = None, *more: Any, **settings: Any) -> Any:
        """The place of the first smallest entry, as a plain answer."""
        return ops.argmin(self, axis, *more, **settings)

    def searchsorted(self, v: Any, *more: Any, **settings: Any) -> Any:
        """Where v would stand among the sorted entries, as a plain answer."""
        return ops.searchsorted(self, v, *more, **settings)

    def dot(self, other: Array) -> "Value":
        """NumPy's dot product with another array."""
        return ops.dot(self, other)

    def reshape(self, *shape: Any) -> "Value":
        """The same numbers in another shape: `v.reshape(2, 3)` or `v.reshape((2, 3))`."""
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> "Value":
        """The axes in another order; reversed where none is given."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return ops.transpose(self, axes=tuple(order) if order else None)

    def squeeze(self, axis: Any = None) -> "Value":
        """Without the axes of length 1."""
        return ops.squeeze(self, axis=axis)

    def clip(self, min: Any = None, max: Any = None) -> "Value":  # noqa: A002  # NumPy's names
        """No lower than a minimum, no higher than a maximum."""
        return ops.clip(self, min, max)

    def round(self, decimals: int = 0) -> "Value":
        """The nearest numbers with this many decimals; flat."""
        return ops.round(self, decimals=decimals)

    def astype(self, dtype: Any) -> "Value":
        """In another precision."""
        return ops.astype(self, dtype=dtype)

    # ------------------------------------------------------------------ arranged differently

    @property
    def mT(self) -> "Value":  # noqa: N802  # NumPy's name
        """The transpose of each matrix in a stack."""
        return ops.matrix_transpose(self)

    @property
    def at(self) -> At:
        """`v.at[index].set(x)`, `.add`, `.multiply`, `.max`, `.min`: changed copies of v."""
        return At(self)

    conj = conjugate = unary_method(ops.conjugate)
    argpartition = Method("argpartition")
    argsort = Method("argsort")
    copy = Method("copy")
    diagonal = Method("diagonal")
    flatten = Method("ravel")
    nonzero = Method("nonzero")
    ravel = Method("ravel")
    repeat = Method("repeat")
    swapaxes = Method("swapaxes")
    take = Method("take_entries")
    trace = Method("trace")

    def compress(self, condition: Any, axis: Any = None) -> "Value":
        """The entries along an axis, or of all, where the condition holds."""
        return ops.compress(condition, self, axis)

    # ------------------------------------------------------------------ as a container

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{name_of(self)} is a single number and has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator["Value"]:
        return (self[i] for i in range(len(self)))

    def __contains__(self, x: Any) -> bool:
        return bool(np.any(only(self) == only(x)))

    def __getitem__(self, index: Any) -> "Value":
        return ops.take(self, index=plain_index(index))

    def __setitem__(self, index: Any, new: Any) -> None:
        name = name_of(self, "v")
        raise ImmutableError(
            f"{name} cannot be changed in place.",
            why="Results that were computed from it need it as it was.",
            hint=f"{name}.at[i].set(x) makes a changed copy;  w.data[i] = x changes a leaf",
        )

    # ------------------------------------------------------------------ leaving the graph

    def __float__(self) -> float:
        return float(self._leaving("float(v)"))

    def __int__(self) -> int:
        return int(self._leaving("int(v)"))

    def __complex__(self) -> complex:
        return complex(self._leaving("complex(v)"))

    def __index__(self) -> int:
        if not np.issubdtype(self.dtype, np.integer):
            raise TypeError(f"{name_of(self)} is not a whole number and cannot be an index")
        return int(self._data)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self._leaving("making an array of it"), dtype=dtype)

    def __bool__(self) -> bool:
        if self.size != 1:
            name = name_of(self)
            raise LeftGraphError(
                f"Whether {name} is true is {self.size} questions: it has shape {self.shape}.",
                hint=f"({name} > 0).all()   or   ({name} > 0).any()   or   where({name} > 0, a, b)",
            )
        if watching and watcher() is not None:
            watcher().asked(self)
        return bool(self._number())

    def _leaving(self, how: str) -> Array:
        """The plain data, if no gradient is lost with it."""
        if self.dtype.kind in "fc" and any(True for _ in leaves_behind(self)):
            raise _left_graph(self, how)
        return self._number()

    # ------------------------------------------------------------------ as text

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        grad = "" if self.gradient is None else f", grad={_text(self.gradient)}"
        usual = self.dtype in (np.float64, np.complex128, np.bool_)
        dtype = "" if usual else f", dtype={self.dtype}"
        return f"{type(self).__name__}({_text(self._data)}{dtype}{name}{grad})"

    def __str__(self) -> str:
        return _text(self._data)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        if any_foreign(*history(self)):  # to draw numbers they would have to be computed
            return {"text/plain": repr(self)}
        return view("notebook", "mimebundle")(self, include, exclude)

    def __format__(self, spec: str) -> str:
        if not self.shape:
            return format(self.item(), spec)
        if not spec:
            return _text(self._data)
        return np.array2string(
            self._data, separator=", ", formatter={"all": lambda x: format(x, spec)}
        )

    # ------------------------------------------------------------------ copies and pickles

    def __copy__(self) -> "Value":
        twin = type(self).made(self._data, self.primitive, self.inputs, self.settings)
        twin._name, twin._grad = self.name, self.gradient
        return twin

    def __reduce__(self) -> Any:
        return from_rows, (to_rows(self),)

    # ------------------------------------------------------------------ NumPy's own functions

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        return call_ufunc(ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        return call_function(function, args, settings)


for missing in ONLY_ARRAYS:
    setattr(Value, missing.name, missing)


# ------------------------------------------------------------------------------ making leaves


def _stacked(nested: Any) -> Node:
    """A (nested) list with Values in it, as one Value that is connected to them."""
    if isinstance(nested, Node):
        return ops.positive(nested)
    rows = [x if first_node(x) is None else _stacked(x) for x in nested]
    dtype = np.result_type(*(x.dtype for x in rows if isinstance(x, Value)))
    return ops.stack([np.asarray(x, dtype) if isinstance(x, list | tuple) else x for x in rows])


def _leaf_data(data: Any, name: str | None) -> Array:
    """A leaf's own copy of what a person handed over: a number, or an array that can move."""
    if isinstance(data, int | float) and not isinstance(data, np.generic):
        return float(data)
    array: Array
    if is_foreign(data):
        array = arrays.copied(data)
    else:
        array = data if type(data) is np.ndarray and frozen(data) else np.array(data)
    whole = array.dtype.kind in "iub"
    if whole and (not array.ndim or isinstance(data, list | tuple)):
        array = array.astype(np.float64)
    elif whole:
        raise _whole_numbers(array, name)
    elif array.dtype.kind not in "fc":
        raise IntegerWeightError(
            f"A Value holds floating-point numbers; this is {array.dtype}.",
            why=f"It was made from {type(data).__name__} {str(data)[:60]!r}.",
            hint="Value(3.0)   or   Value([1.0, 2.0])   or   Value(array.astype(float))",
        )
    return tidy(array)


def _whole_numbers(array: "np.ndarray[Any, Any]", name: str | None) -> IntegerWeightError:
    return IntegerWeightError(
        f"{name or 'A Value'} cannot be made from an array of {array.dtype}, shape {array.shape}.",
        why="It must be able to move a little: a step of 0.3 from a whole number would be lost.",
        hint="Value(array.astype(float));  whole numbers are fine as constants in an expression",
        dtype=str(array.dtype),
    )


# ------------------------------------------------------------------------------ small helpers


def _text(data: Any) -> str:
    """Numbers without NumPy's noise: 1.0, [1.0, 2.0]."""
    if isinstance(data, np.ndarray):
        return np.array2string(data, separator=", ", threshold=24, formatter={"all": _one})
    return _one(data)


def _one(x: Any) -> str:
    if is_complex(x):
        return str(x).strip("()")
    return str(x.item() if x.dtype != np.float32 else x) if isinstance(x, np.generic) else repr(x)


def _left_graph(value: Node, how: str) -> LeftGraphError:
    name = name_of(value, "v")
    leaves = sorted({node.name for node in leaves_behind(value) if node.name})
    origin = f" ({', '.join(leaves[:4])})" if leaves and leaves != [name] else ""
    return LeftGraphError(
        f"{how.replace('(v)', f'({name})')} needs a plain number, and {name} is "
        f"{short(value._data)} with a history{origin}.",
        why="It would forget where the number came from, and the gradient would stop here.",
        hint=f"np.exp({name}), stack([{name}, ...]) and the like stay connected;  "
        f"{name}.item()  or  {name}.data  is the way out",
        leaves=leaves,
    )
