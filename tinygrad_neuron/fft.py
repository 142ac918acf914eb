"""NumPy's `fft` under its own names: `fft.rfft(a)` as `np.fft.rfft(a)`.

Both take Values; these take plain arrays as well. What each does is told beside its rule, in
`ops.fft`. Frequencies are plain numbers: `np.fft.fftfreq` and `np.fft.rfftfreq` make them.
"""

from tinygrad_neuron.ops.fft import (
    fft as fft,
    fft2 as fft2,
    fftn as fftn,
    fftshift as fftshift,
    hfft as hfft,
    ifft as ifft,
    ifft2 as ifft2,
    ifftn as ifftn,
    ifftshift as ifftshift,
    ihfft as ihfft,
    irfft as irfft,
    irfft2 as irfft2,
    irfftn as irfftn,
    rfft as rfft,
    rfft2 as rfft2,
    rfftn as rfftn,
)

__all__ = [
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]
