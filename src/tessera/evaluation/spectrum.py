"""Radial power spectra of fields that are not periodic, and how far two of them are apart, by length of wave."""

import numpy as np

BANDS = ("long", "medium", "short")  # thirds of the range of wave numbers, by its logarithm


def radial(field: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return wave numbers [1 / cell] and the power summed over rings of wave number, of fields (..., y, x).

    The mean is taken away and a Hann window put over both axes, for the frame is cut from something larger.

    Returns
    -------
    Wave numbers (ring,), the middle of each ring, and power (..., ring); the mean, ring zero, is left out.
    """
    ny, nx = field.shape[-2:]
    centred = field - field.mean(axis=(-2, -1), keepdims=True)
    window = np.hanning(ny + 2)[1:-1, None] * np.hanning(nx + 2)[None, 1:-1]
    power = np.abs(np.fft.fft2(centred.astype("float64") * window)) ** 2 / window.sum() ** 2
    wave = np.hypot(np.fft.fftfreq(ny)[:, None], np.fft.fftfreq(nx)[None, :])
    width = 1.0 / min(ny, nx)
    ring = np.rint(wave / width).astype(int)
    rings = int(0.5 / width)
    flat, place = power.reshape(-1, ny * nx), ring.ravel()
    sums = np.stack([np.bincount(place, one, minlength=rings + 1)[1 : rings + 1] for one in flat])
    return width * np.arange(1, rings + 1), sums.reshape(*field.shape[:-2], rings)


def distances(prediction: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the magnitude of log10 of the ratio of powers, by band, of fields (..., y, x), each of the leading shape.

    One means that the power of a band is wrong by a factor of ten. Undefined where the truth has no power in a
    band, infinite where the prediction alone has none or is not finite.
    """
    ours, broken = _powers(prediction)
    found = {}
    for band, other in _powers(truth)[0].items():
        known = (ours[band] > 0.0) & (other > 0.0)
        ratio = np.abs(np.log10(np.where(known, ours[band], 1.0) / np.where(known, other, 1.0)))
        missing = np.where(other > 0.0, np.inf, np.nan)
        found[band] = np.where(broken, np.inf, np.where(known, ratio, missing))
    return found


def errors(prediction: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return the power of the error over that of the truth, by band [1], of fields (..., y, x).

    Unlike the distance of spectra it sees waves that are in the wrong place. Known as binned spectral MSE from The
    Well (Ohana et al., arXiv:2412.00568), here normalised. Undefined and infinite as `distances` is.
    """
    off, broken = _powers(np.asarray(prediction, dtype="float64") - truth)
    found = {}
    for band, other in _powers(truth)[0].items():
        share = off[band] / np.where(other > 0.0, other, 1.0)
        found[band] = np.where(broken, np.inf, np.where(other > 0.0, share, np.nan))
    return found


def _powers(field: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the power by band, and where a field is not finite, each of the leading shape."""
    wave, power = radial(np.where(np.isfinite(field), field, 0.0))
    edges = np.geomspace(wave[0], wave[-1] * (1.0 + 1e-9), len(BANDS) + 1)
    found = {}
    for band, low, high in zip(BANDS, edges[:-1], edges[1:], strict=True):
        found[band] = power[..., (wave >= low) & (wave < high)].sum(axis=-1)
    return found, ~np.isfinite(field).all(axis=(-2, -1))
