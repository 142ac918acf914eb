"""What each public function of NumPy does with a Value: seen by calling it, and written as a table.

One example call for each function is all that is written by hand. Whether a gradient passes, and
what an error advises, is asked of the package and the NumPy that are installed.
"""

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import tinygrad_neuron as tn
from tinygrad_neuron import Value
from tinygrad_neuron.errors import TinygradNeuronError

NAMESPACES = {"": np, "linalg.": np.linalg, "fft.": np.fft}

NUMBERS = {
    "s": 0.375,
    "v": np.array([0.3125, 0.71875, 0.4375]),
    "w": np.array([0.625, 0.28125, 0.875]),
    "M": np.array([[0.25, 0.5, 0.75], [0.875, 0.125, 0.625]]),
    "S": np.array([[2.0, 0.5, 0.25], [0.5, 1.0, 0.125], [0.25, 0.125, 0.5]]),
}
"""What the calls are made with: a number, two rows, a table, a symmetric positive matrix."""

CALLS = {
    # ------------------------------------------------------------------ numbers, one by one
    "(v)": """
        abs absolute acos arccos angle arccos asin arcsin arcsinh asinh arctan atan arctanh atanh
        around cbrt ceil conj conjugate copy cos cosh deg2rad degrees exp exp2 expm1 fabs fix floor
        frexp i0 imag iscomplex iscomplexobj isfinite isinf isnan isneginf isposinf isreal isrealobj
        log log10 log1p log2 logical_not modf nan_to_num negative positive rad2deg radians real
        real_if_close reciprocal rint round sign signbit sin sinc sinh sqrt square tan tanh trunc
        unwrap isnat spacing bitwise_count
    """,
    "(1.0 + v)": "acosh arccosh",
    "(v, w)": """
        add arctan2 atan2 copysign divide equal float_power floor_divide fmax fmin fmod greater
        greater_equal heaviside hypot isclose allclose array_equal array_equiv less less_equal
        logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter
        not_equal pow power remainder mod subtract true_divide divmod gcd lcm left_shift right_shift
        bitwise_left_shift bitwise_right_shift convolve correlate cross dot inner kron outer vdot
        vecdot linalg.cross linalg.outer linalg.vecdot union1d setxor1d setdiff1d
        append broadcast_arrays meshgrid polyadd polydiv polymul polysub polyval isin
        may_share_memory shares_memory result_type common_type cov broadcast
    """,
    "(v, np.array([0.71875, 0.3125]))": "intersect1d",
    "(v > 0.4)": "bitwise_not invert bitwise_invert packbits",
    "(v > 0.4, w > 0.4)": "bitwise_and bitwise_or bitwise_xor",
    "(v, 2)": "ldexp",
    "(v, 0.4, w)": "clip",
    # ---------------------------------------------------------------------- many into fewer
    "(M)": """
        all any amax amin max min argmax argmin nanargmax nanargmin average count_nonzero cumprod
        cumsum mean median nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar nancumprod
        nancumsum prod ptp std sum var corrcoef diff ediff1d gradient trapezoid
        ravel transpose permute_dims matrix_transpose squeeze atleast_1d atleast_2d atleast_3d flip
        fliplr flipud rot90 unstack diag diagflat diagonal tril triu trace linalg.diagonal
        linalg.trace linalg.matrix_transpose linalg.norm linalg.matrix_norm linalg.vector_norm
        linalg.svdvals linalg.pinv linalg.matrix_rank linalg.cond argsort argwhere flatnonzero
        nonzero sort unique unique_all unique_counts unique_inverse unique_values sort_complex
        array2string array_repr array_str min_scalar_type ndim shape size iterable isscalar
        empty_like ones_like zeros_like tril_indices_from triu_indices_from isfortran
        fft.fftshift fft.ifftshift
    """,
    "(M[0])": "cumulative_prod cumulative_sum",
    "(M, 0.4)": "quantile percentile nanquantile nanpercentile",
    "(v, 3)": "vander",
    "(v, w, v * w)": "interp",
    "(v, w, 1)": "polyfit",
    "(v)  # a row": "poly polyder polyint trim_zeros lexsort poly1d",
    "(np.array([1.0, -3.0, 1.0]) * v)": "roots",
    "([0, 1, 1], weights=v)": "bincount",
    "(v, 4)": "histogram histogram_bin_edges",
    "(v, w, 4)": "histogram2d",
    "(M, 2)": "histogramdd",
    "(v, [0.4, 0.6])": "digitize",
    "([0.1, 0.4, 0.9], v)": "searchsorted",
    # -------------------------------------------------------------------- grids and arrangement
    "(s, 2.0, 5)": "linspace geomspace logspace",
    "(M, s)": "full_like",
    "(M, float)": "astype can_cast",
    "(M, (3, 2))": "reshape resize",
    "(M, 0, 1)": "swapaxes moveaxis",
    "(M, 1)": "rollaxis expand_dims roll repeat array_split",
    "(M, 2)  # times": "tile",
    "(M, 3)": "hsplit",
    "(M, 2)  # parts": "split vsplit",
    "(M[None], 3)": "dsplit",
    "(M, (4, 2, 3))": "broadcast_to",
    "([v, w])": "concatenate concat stack vstack hstack dstack column_stack block row_stack",
    "(M, 1)  # wide": "pad",
    "(v, 1)": "delete partition argpartition",
    "(v, 1, s)": "insert",
    "(v > 0.4, v)": "extract compress",
    "(v > 0.4, v, w)": "where",
    "([v > 0.4], [w], s)": "select",
    "(v, [v > 0.4], [np.exp, np.sin])": "piecewise",
    "([0, 1, 1], [v, w])": "choose",
    "(v, [2, 0])": "take",
    "(v, np.array([2, 0]), 0)": "take_along_axis",
    "(v > 0.4)  # yes or no": "ix_",
    "(np.packbits(v > 0.4))": "unpackbits",
    "(S)": """
        diag_indices_from linalg.det linalg.inv linalg.cholesky linalg.eig linalg.eigh
        linalg.eigvals linalg.eigvalsh linalg.qr linalg.slogdet linalg.svd
    """,
    "(np.sum, 0, M)": "apply_along_axis",
    "(np.sum, M, [0])": "apply_over_axes",
    "(lambda i: i * s, (3,))": "fromfunction",
    # ------------------------------------------------------------------------------- matrices
    "(M, v)": "matmul matvec linalg.matmul",
    "(w, S)": "vecmat",
    "('ij,j', M, v)": "einsum einsum_path",
    "(M, v, 1)": "tensordot",
    "(M, v, axes=1)": "linalg.tensordot",
    "([M, S, v])": "linalg.multi_dot",
    "(S, 2)": "linalg.matrix_power",
    "(S, v)": "linalg.solve linalg.lstsq",
    "(S.reshape(3, 1, 3, 1), v[:, None])": "linalg.tensorsolve",
    "(S.reshape(3, 1, 3, 1))": "linalg.tensorinv",
    "(v)  # a signal": "fft.fft fft.ifft fft.hfft fft.ihfft fft.irfft fft.rfft",
    "(M)  # a picture": """
        fft.fft2 fft.fftn fft.ifft2 fft.ifftn fft.irfft2 fft.irfftn fft.rfft2 fft.rfftn
    """,
    # ------------------------------------------------------------------------- writing, files
    "(np.zeros(3), v)": "copyto",
    "(S, 0.0)": "fill_diagonal",
    "(np.zeros(3), [0, 1, 2], v)": "put",
    "(np.zeros(3), [0, 1, 2], v, 0)": "put_along_axis",
    "(np.zeros(3), [True, True, True], v)": "place putmask",
    "('file', v)": "save savetxt savez savez_compressed",
    # --------------------------------------------------------------------- whole numbers, dates
    "(np.argsort(v), (3,))": "unravel_index",
    "([[0, 1]], (3,))  # of v's places": "ravel_multi_index",
    "(v, 1)  # days": "busday_offset",
    "(v, w)  # days": "busday_count",
    "(v)  # days": "is_busday datetime_as_string",
    # ------------------------------------------------------------- what makes an array of it
    "(v)  # an array of it": """
        array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix
        require from_dlpack frombuffer matrix ndenumerate nditer
    """,
    "([[v]])": "bmat",
    "(v, float)": "fromiter",
    "(3, s)": "full kaiser",
    "(s)": """
        arange bartlett blackman hamming hanning format_float_positional format_float_scientific
        bool bool_ byte bytes_ cdouble clongdouble complex128 complex192 complex256 complex64
        csingle datetime64 double float128 float16 float32 float64 float96 half int16 int32 int64
        int8 int_ intc intp long longdouble longlong object_ short single str_ timedelta64 ubyte
        uint uint16 uint32 uint64 uint8 uintc uintp ulong ulonglong ushort void
    """,
    "(np.exp)(v)": "vectorize",
    "(np.exp, 1, 1)(v)": "frompyfunc",
}
"""Arguments, and the functions that are called with them; a comment tells equal ones apart."""

NO_NUMBERS = """
    LinAlgError base_repr binary_repr broadcast_shapes busdaycalendar character complexfloating
    datetime_data diag_indices dtype empty errstate eye fft.fftfreq fft.rfftfreq fft.test finfo
    flatiter flexible floating fromfile fromregex fromstring generic genfromtxt get_include
    get_printoptions getbufsize geterr geterrcall identity iinfo indices inexact info integer
    isdtype issubdtype linalg.LinAlgError linalg.test load loadtxt mask_indices memmap mintypecode
    ndarray ndindex nested_iters number ones printoptions promote_types recarray record
    set_printoptions setbufsize seterr seterrcall show_config show_runtime signedinteger test tri
    tril_indices triu_indices typename ufunc unsignedinteger zeros
"""
"""What takes shapes, kinds of numbers, files or settings, and no array of numbers to move."""

INSTEAD = {
    **dict.fromkeys(
        ("array", "asarray", "asanyarray", "asarray_chkfinite", "require"),
        "`Value([v, w])` and `np.stack([v, w])` stay connected",
    ),
    **dict.fromkeys(("ascontiguousarray", "asfortranarray"), "`v` as it is"),
    **dict.fromkeys(("matrix", "asmatrix", "bmat"), "`np.block`, and `@` for products"),
    **dict.fromkeys(("fromiter", "ndenumerate", "nditer"), "`np.stack([... for x in v])`"),
    **dict.fromkeys(("frompyfunc", "vectorize"), "the function itself, or `tn.vmap`"),
    "arange": "`v * np.arange(n)`, `np.linspace(v, w, n)`",
    "full": "`np.full_like(np.empty(shape), v)`",
    "kaiser": "`np.i0(b * np.sqrt(1 - x**2)) / np.i0(b)`",
    "isfortran": "`v` has no order in memory",
    "object_": "a list of Values",
    "broadcast": "`np.broadcast_arrays`",
    **dict.fromkeys(("bartlett", "blackman", "hamming", "hanning"), "a plain number of points"),
    **dict.fromkeys(("format_float_positional", "format_float_scientific"), '`f"{v:.3f}"`'),
    **dict.fromkeys(("from_dlpack", "frombuffer"), "`v.data`"),
    **dict.fromkeys(("datetime64", "timedelta64"), "a Value holds numbers, no dates"),
}
"""What to write instead, where NumPy itself does not ask the Value and so no message can say it."""

KINDS = {
    "differentiable": "the gradient is the slope",
    "flat": "computed; the gradient is 0, as the slope is",
    "ends": "the path ends in a plain answer: a place, a count, a yes or no, a text",
    "refused": "an error that names the function and what to use instead",
    "no numbers": "takes shapes, kinds of numbers, files or settings: no Value comes into it",
}


class Function(NamedTuple):
    """A function of NumPy's under all of its names, what it is called with, what it did."""

    names: list[str]
    call: str
    kind: str
    advice: str


# ------------------------------------------------------------------------------------ calling


def public(prefix: str) -> Iterator[str]:
    """The public callables of a namespace."""
    space = NAMESPACES[prefix]
    for name in sorted(dir(space)):
        if not name.startswith("_") and callable(getattr(space, name)):
            yield prefix + name


def found(name: str) -> Any:
    """The function of this name."""
    prefix, _, last = name.rpartition(".")
    return getattr(NAMESPACES[f"{prefix}." if prefix else ""], last)


def calls() -> dict[str, str]:
    """Each function that is called, with its arguments as text."""
    return {
        name: arguments.partition("  #")[0].strip()
        for arguments, names in CALLS.items()
        for name in names.split()
    }


def called(name: str, arguments: str, numbers: dict[str, Any]) -> Any:
    """The result of one call on these numbers, or on Values of them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy's own, that a function is going to leave
        return eval(f"function{arguments}", {"np": np, "function": found(name), **numbers})


def values() -> dict[str, Value]:
    """The numbers as fresh leaves."""
    return {name: Value(data, name=name) for name, data in NUMBERS.items()}


def parts(result: Any) -> list[Any]:
    """The arrays of a result, of which there may be several."""
    if isinstance(result, list | tuple):
        return [part for each in result for part in parts(each)]
    return [result.coeffs] if isinstance(result, np.poly1d) else [result]


def moving(part: Any) -> bool:
    """Whether a part of a result is recorded, and of numbers that can move."""
    return isinstance(part, Value) and part.dtype.kind in "fc"


def weighted(parts_of_result: list[Any]) -> Any:
    """One number that each entry has a different say in."""
    total: Any = 0.0
    for part in parts_of_result:
        kind = np.asarray(part.data if isinstance(part, Value) else part).dtype.kind
        for numbers in (np.real(part), np.imag(part)) if kind == "c" else (part,):
            weights = np.cos(1.0 + np.arange(np.size(numbers))).reshape(np.shape(numbers))
            total = total + tn.sum(numbers * weights)
    return total


def gradients(result: Any, leaves: dict[str, Value]) -> dict[str, Any]:
    """The gradients of a result's weighted sum, by name of the leaf."""
    recorded = [part for part in parts(result) if moving(part)]
    if not recorded:
        return {}
    weighted(recorded).backward()
    return {
        name: x.grad for name, x in leaves.items() if not isinstance(x.grad, type(Value(0.0).grad))
    }


# ------------------------------------------------------------------------------------ the table


def answer(name: str, arguments: str) -> tuple[str, str]:
    """What a call with Values does, and what its error advises."""
    leaves = values()
    try:
        result = called(name, arguments, leaves)
    except TinygradNeuronError as error:
        if isinstance(found(name), type):
            return "refused", INSTEAD.get(name, "`v.astype(dtype)`;  `v.item()` for a plain number")
        return "refused", INSTEAD.get(name, f"`{error.hint}`")
    except (TypeError, ValueError, AttributeError) as error:
        return "refused", INSTEAD.get(name, str(error).partition(".")[0])
    if any(np.any(g) for g in gradients(result, leaves).values()):
        return "differentiable", ""
    floating = any(
        moving(part) or (isinstance(part, np.ndarray) and part.dtype.kind == "f")
        for part in parts(result)
    )
    return ("flat" if floating else "ends"), ""


def functions(prefix: str) -> list[Function]:
    """Every function of a namespace, one entry for all the names it has there."""
    groups: dict[int, list[str]] = {}
    for name in public(prefix):
        groups.setdefault(id(found(name)), []).append(name)
    return [described(names) for names in groups.values()]


def described(names: list[str]) -> Function:
    """What a function does, seen in its example call."""
    known, idle = calls(), NO_NUMBERS.split()
    name = next((name for name in names if name in known), None)
    if name is not None:
        return Function(names, known[name], *answer(name, known[name]))
    if any(name in idle for name in names):
        return Function(names, "", "no numbers", "")
    raise LookupError(f"docs/numpy_surface.py has no example call for np.{names[0]}: write one")


def page() -> str:
    """What the words mean, and the tables of all namespaces, as Markdown."""
    words = ["| what happens | means |", "|---|---|", *(f"| {k} | {m} |" for k, m in KINDS.items())]
    return "\n\n".join(["\n".join(words), *map(table, NAMESPACES)])


def table(prefix: str) -> str:
    """One namespace as a table."""
    rows = [f"## np{'.' + prefix[:-1] if prefix else ''}\n"]
    rows += ["| function | example | what happens | instead |", "|---|---|---|---|"]
    for f in functions(prefix):
        names = ", ".join(f"`{name.rpartition('.')[2]}`" for name in f.names)
        example = f"`{f.names[0]}{f.call}`" if f.call else ""
        rows.append(f"| {names} | {example} | {f.kind} | {f.advice.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)
