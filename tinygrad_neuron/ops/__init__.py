"""The operations, by theme; `PRIMITIVES` is every one that has rules of its own.

There is no registry: a primitive is a name that can be imported from here, and the laws in the
tests, the table in the docs and NumPy's protocols all read this one tuple.

What a neuron is made of is imported at once. The other themes are imported when one of their names
is asked for: all of them together would take longer than everything else in the package.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tinygrad_neuron.graph import Primitive
from tinygrad_neuron.ops.elementwise import (
    absolute as absolute,
    add as add,
    astype as astype,
    cos as cos,
    divide as divide,
    equal as equal,
    exp as exp,
    expm1 as expm1,
    floor as floor,
    floor_divide as floor_divide,
    greater as greater,
    greater_equal as greater_equal,
    isnan as isnan,
    less as less,
    less_equal as less_equal,
    log as log,
    log1p as log1p,
    logged_power as logged_power,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    maximum as maximum,
    minimum as minimum,
    multiply as multiply,
    negative as negative,
    not_equal as not_equal,
    positive as positive,
    power as power,
    relu as relu,
    remainder as remainder,
    sech2 as sech2,
    select as select,
    sigmoid as sigmoid,
    sign as sign,
    signum as signum,
    sin as sin,
    softplus as softplus,
    sqrt as sqrt,
    square as square,
    stop_gradient as stop_gradient,
    subtract as subtract,
    tanh as tanh,
    unit as unit,
    where as where,
)
from tinygrad_neuron.ops.indexing import (
    add_at as add_at,
    max_at as max_at,
    multiply_at as multiply_at,
    scatter as scatter,
    set_at as set_at,
    take as take,
)
from tinygrad_neuron.ops.linalg import (
    cross_of_vectors as cross_of_vectors,
    dot as dot,
    inner as inner,
    inv as inv,
    kron as kron,
    matmul as matmul,
    matrix_diagonal as matrix_diagonal,
    matrix_power as matrix_power,
    matrix_trace as matrix_trace,
    matvec as matvec,
    multi_dot as multi_dot,
    outer as outer,
    outer_of_vectors as outer_of_vectors,
    solutions as solutions,
    solve as solve,
    tensordot as tensordot,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
    vdot as vdot,
    vecdot as vecdot,
    vecmat as vecmat,
)
from tinygrad_neuron.ops.parts import (
    conj as conj,
    conjugate as conjugate,
    imag as imag,
    real as real,
)
from tinygrad_neuron.ops.reductions import (
    all as all,
    any as any,
    argmax as argmax,
    argmin as argmin,
    count_nonzero as count_nonzero,
    cumprod as cumprod,
    max as max,
    mean as mean,
    min as min,
    nanargmax as nanargmax,
    nanargmin as nanargmin,
    prod as prod,
    ptp as ptp,
    recurrence as recurrence,
    searchsorted as searchsorted,
    sum as sum,
)
from tinygrad_neuron.ops.shape import (
    broadcast_to as broadcast_to,
    concatenate as concatenate,
    expand_dims as expand_dims,
    join as join,
    pile as pile,
    reshape as reshape,
    squeeze as squeeze,
    stack as stack,
    sum_to as sum_to,
    swap as swap,
    transpose as transpose,
)
from tinygrad_neuron.ops.softmax import (
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    softmax as softmax,
)

if TYPE_CHECKING:
    from tinygrad_neuron.ops.angles import (
        arccos as arccos,
        arccosh as arccosh,
        arcsin as arcsin,
        arcsinh as arcsinh,
        arctan as arctan,
        arctan2 as arctan2,
        arctanh as arctanh,
        cosh as cosh,
        deg2rad as deg2rad,
        direction as direction,
        hypot as hypot,
        i0 as i0,
        inverse_power as inverse_power,
        leg as leg,
        rad2deg as rad2deg,
        sinc as sinc,
        sinh as sinh,
        tan as tan,
    )
    from tinygrad_neuron.ops.arrange import (
        append as append,
        apply_along_axis as apply_along_axis,
        apply_over_axes as apply_over_axes,
        array_split as array_split,
        atleast_1d as atleast_1d,
        atleast_2d as atleast_2d,
        atleast_3d as atleast_3d,
        block as block,
        broadcast_arrays as broadcast_arrays,
        column_stack as column_stack,
        concat as concat,
        copy as copy,
        delete as delete,
        diag as diag,
        diagflat as diagflat,
        diagonal as diagonal,
        dsplit as dsplit,
        dstack as dstack,
        flip as flip,
        fliplr as fliplr,
        flipud as flipud,
        hsplit as hsplit,
        hstack as hstack,
        insert as insert,
        matrix_transpose as matrix_transpose,
        meshgrid as meshgrid,
        moveaxis as moveaxis,
        pad as pad,
        permute_dims as permute_dims,
        ravel as ravel,
        repeat as repeat,
        resize as resize,
        roll as roll,
        rollaxis as rollaxis,
        rot90 as rot90,
        split as split,
        swapaxes as swapaxes,
        tile as tile,
        trace as trace,
        tril as tril,
        trim_zeros as trim_zeros,
        triu as triu,
        unstack as unstack,
        vsplit as vsplit,
        vstack as vstack,
    )
    from tinygrad_neuron.ops.choosing import (
        argpartition as argpartition,
        argsort as argsort,
        argwhere as argwhere,
        choose as choose,
        compress as compress,
        empty_like as empty_like,
        even as even,
        extract as extract,
        flatnonzero as flatnonzero,
        full_like as full_like,
        intersect1d as intersect1d,
        nonzero as nonzero,
        ones_like as ones_like,
        partition as partition,
        piecewise as piecewise,
        select_first as select_first,
        setdiff1d as setdiff1d,
        setxor1d as setxor1d,
        sort as sort,
        take_along_axis as take_along_axis,
        take_entries as take_entries,
        union1d as union1d,
        unique as unique,
        unique_all as unique_all,
        unique_counts as unique_counts,
        unique_inverse as unique_inverse,
        unique_values as unique_values,
        zeros_like as zeros_like,
    )
    from tinygrad_neuron.ops.complex_numbers import (
        angle as angle,
        iscomplex as iscomplex,
        iscomplexobj as iscomplexobj,
        isreal as isreal,
        isrealobj as isrealobj,
        real_if_close as real_if_close,
        sort_complex as sort_complex,
    )
    from tinygrad_neuron.ops.contractions import contract as contract, einsum as einsum
    from tinygrad_neuron.ops.contrasts import (
        alpha_contrast as alpha_contrast,
        beta_contrast as beta_contrast,
        grown as grown,
        log_ratio as log_ratio,
    )
    from tinygrad_neuron.ops.counting import (
        bincount as bincount,
        histogram as histogram,
        histogram_bin_edges as histogram_bin_edges,
    )
    from tinygrad_neuron.ops.decompositions import (
        cholesky as cholesky,
        complement as complement,
        eig as eig,
        eigh as eigh,
        eigvals as eigvals,
        eigvalsh as eigvalsh,
        fixed as fixed,
        general_spectrum as general_spectrum,
        lstsq as lstsq,
        pinv as pinv,
        pseudoinverse as pseudoinverse,
        qr as qr,
        spectrum as spectrum,
        square_root as square_root,
        stretched as stretched,
        svd as svd,
        svdvals as svdvals,
        turned as turned,
    )
    from tinygrad_neuron.ops.fft import (
        fourier as fourier,
        from_half as from_half,
        half_spectrum as half_spectrum,
    )
    from tinygrad_neuron.ops.folds import running_max as running_max
    from tinygrad_neuron.ops.gamma import (
        digamma as digamma,
        gammaln as gammaln,
        gammaln_gap as gammaln_gap,
        polygamma as polygamma,
    )
    from tinygrad_neuron.ops.grids import (
        geomspace as geomspace,
        linspace as linspace,
        logspace as logspace,
    )
    from tinygrad_neuron.ops.lattice import path_sums as path_sums
    from tinygrad_neuron.ops.measures import (
        cond as cond,
        det as det,
        euclidean as euclidean,
        logabsdet as logabsdet,
        magnitude as magnitude,
        matrix_norm as matrix_norm,
        matrix_rank as matrix_rank,
        norm as norm,
        power_norm as power_norm,
        signdet as signdet,
        slogdet as slogdet,
        unitdet as unitdet,
        vector_norm as vector_norm,
    )
    from tinygrad_neuron.ops.polynomials import (
        poly as poly,
        polyadd as polyadd,
        polyder as polyder,
        polydiv as polydiv,
        polyfit as polyfit,
        polyint as polyint,
        polymul as polymul,
        polysub as polysub,
        polyval as polyval,
        roots as roots,
        vander as vander,
    )
    from tinygrad_neuron.ops.powers import (
        cbrt as cbrt,
        clip as clip,
        copysign as copysign,
        exp2 as exp2,
        float_power as float_power,
        fmax as fmax,
        fmin as fmin,
        frexp as frexp,
        heaviside as heaviside,
        ldexp as ldexp,
        log2 as log2,
        log10 as log10,
        logaddexp as logaddexp,
        logaddexp2 as logaddexp2,
        nan_to_num as nan_to_num,
        reciprocal as reciprocal,
    )
    from tinygrad_neuron.ops.running import (
        convolution as convolution,
        convolve as convolve,
        correlate as correlate,
        cross as cross,
        cumsum as cumsum,
        cumulative_prod as cumulative_prod,
        cumulative_sum as cumulative_sum,
        diff as diff,
        ediff1d as ediff1d,
        gradient as gradient,
        interp as interp,
        nancumsum as nancumsum,
        trapezoid as trapezoid,
        unwrap as unwrap,
    )
    from tinygrad_neuron.ops.special import (
        erf as erf,
        expm1mx as expm1mx,
        log1mexp as log1mexp,
        log1psq as log1psq,
        log_of_cosh as log_of_cosh,
    )
    from tinygrad_neuron.ops.statistics import (
        average as average,
        corrcoef as corrcoef,
        cov as cov,
        median as median,
        nancumprod as nancumprod,
        nanmax as nanmax,
        nanmean as nanmean,
        nanmedian as nanmedian,
        nanmin as nanmin,
        nanpercentile as nanpercentile,
        nanprod as nanprod,
        nanquantile as nanquantile,
        nanstd as nanstd,
        nansum as nansum,
        nanvar as nanvar,
        of_rank as of_rank,
        percentile as percentile,
        quantile as quantile,
        std as std,
        var as var,
    )
    from tinygrad_neuron.ops.steps import (
        allclose as allclose,
        array_equal as array_equal,
        array_equiv as array_equiv,
        ceil as ceil,
        divmod as divmod,
        fmod as fmod,
        isclose as isclose,
        isfinite as isfinite,
        isinf as isinf,
        isneginf as isneginf,
        isposinf as isposinf,
        modf as modf,
        rint as rint,
        round as round,
        signbit as signbit,
        trunc as trunc,
    )

    PRIMITIVES: tuple[Primitive, ...]

# The same again, as a program finds it: from a name to the module that has it.
_THEMES = {
    "angles": "arccos arccosh arcsin arcsinh arctan arctan2 arctanh cosh deg2rad direction "
    "hypot i0 inverse_power leg rad2deg sinc sinh tan",
    "arrange": "append apply_along_axis apply_over_axes array_split atleast_1d atleast_2d "
    "atleast_3d block broadcast_arrays column_stack concat copy delete diag diagflat "
    "diagonal dsplit dstack flip fliplr flipud hsplit hstack insert matrix_transpose "
    "meshgrid moveaxis pad permute_dims ravel repeat resize roll rollaxis rot90 split "
    "swapaxes tile trace tril trim_zeros triu unstack vsplit vstack",
    "choosing": "argpartition argsort argwhere choose compress empty_like even extract "
    "flatnonzero full_like intersect1d nonzero ones_like partition piecewise "
    "select_first setdiff1d setxor1d sort take_along_axis take_entries union1d unique "
    "unique_all unique_counts unique_inverse unique_values zeros_like",
    "complex_numbers": "angle iscomplex iscomplexobj isreal isrealobj real_if_close sort_complex",
    "contractions": "contract einsum",
    "contrasts": "alpha_contrast beta_contrast grown log_ratio",
    "counting": "bincount histogram histogram_bin_edges",
    "decompositions": "cholesky complement eig eigh eigvals eigvalsh fixed general_spectrum "
    "lstsq pinv pseudoinverse qr spectrum square_root stretched svd svdvals turned",
    "fft": "fourier from_half half_spectrum",
    "folds": "running_max",
    "gamma": "digamma gammaln gammaln_gap polygamma",
    "grids": "geomspace linspace logspace",
    "lattice": "path_sums",
    "measures": "cond det euclidean logabsdet magnitude matrix_norm matrix_rank norm power_norm "
    "signdet slogdet unitdet vector_norm",
    "polynomials": "poly polyadd polyder polydiv polyfit polyint polymul polysub polyval roots "
    "vander",
    "powers": "cbrt clip copysign exp2 float_power fmax fmin frexp heaviside ldexp log2 log10 "
    "logaddexp logaddexp2 nan_to_num reciprocal",
    "running": "convolution convolve correlate cross cumsum cumulative_prod cumulative_sum diff "
    "ediff1d gradient interp nancumsum trapezoid unwrap",
    "special": "erf expm1mx log1mexp log1psq log_of_cosh",
    "statistics": "average corrcoef cov median nancumprod nanmax nanmean nanmedian nanmin "
    "nanpercentile nanprod nanquantile nanstd nansum nanvar of_rank percentile "
    "quantile std var",
    "steps": "allclose array_equal array_equiv ceil divmod fmod isclose isfinite isinf "
    "isneginf isposinf modf rint round signbit trunc",
}
LATE = {name: theme for theme, names in _THEMES.items() for name in names.split()}

if not TYPE_CHECKING:  # for whom a name that is nowhere would otherwise pass for anything

    def __getattr__(name: str) -> Any:
        if name == "PRIMITIVES":
            globals().update({late: _imported(late) for late in LATE})
            found = tuple(x for _, x in sorted(dict(globals()).items()) if isinstance(x, Primitive))
        elif name in LATE:
            found = _imported(name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = found  # the next time it is there
        return found


def _imported(name: str) -> Any:
    return getattr(importlib.import_module(f"{__name__}.{LATE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *LATE, "PRIMITIVES"})
