"""What else is measured of a case beside errors and hotspot quantities: relative errors, structure and front.

Every measure is said once in `UNITS`, per field or by name. One that speaks of snapshots also stands for the whole
case, as its mean over the snapshots in which it is defined.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tessera.evaluation import front, metrics, regions, spectrum

WINDOWS = {"first_5": slice(0, 5), "6_to_12": slice(5, 12), "after_12": slice(12, None)}  # steps, as The Well has them
QUANTILES = {"q95": 0.95, "q99": 0.99, "q99_9": 0.999}
HOT = 600.0  # K, above which a temperature belongs to the tail of its distribution
FLOOR = 1e-4  # least variance of a snapshot, as a part of that of the case
LOST = 1.0  # VRMSE from which a roll-out says no more than a mean would
UNRELATED = 0.8  # correlation below which a roll-out has lost the pattern
RELATIVE = ("vrmse", "nrmse")
PER_FIELD = (*RELATIVE, "correlation", "survival", "survival_correlation")
UNITS = {
    "diverged": "1",
    "hotspot_count": "1",
    "hotspot_count_error": "1",
    "hotspot_matched_area_error": "m2",
    "hotspot_onset_error": "s",
    "hotspot_onset_missed": "1",
    "temperature_wasserstein": "K",
    "temperature_wasserstein_hot": "K",
    **{f"temperature_{name}_error": "K" for name in QUANTILES},
    **{f"temperature_spectrum_{band}": "1" for band in spectrum.BANDS},
    **{f"temperature_spectral_error_{band}": "1" for band in spectrum.BANDS},
    "front_position_error": "m",
    "front_position_bias": "m",
    "front_position_rms": "m",
    "front_position_cells": "1",
    "front_steepest_error": "m",
    "front_speed_error": "m s-1",
    "front_thickness_error": "m",
    "front_thickness_bias": "m",
    "front_overshoot_error": "1",
}


class Frame(NamedTuple):
    """What measures are relative to.

    Attributes
    ----------
    threshold
        Temperature above which a cell is hot [K].
    cell_area
        Area of a cell [m2].
    time, x
        Times of the snapshots [s] and cell centres [m].
    """

    threshold: float
    cell_area: float
    time: np.ndarray
    x: np.ndarray


Measured = tuple[dict[str, np.ndarray], dict[str, float]]


def units(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the unit of every measure, for the fields that there can be and their units."""
    found = {f"{name}_{kind}": "1" for name in fields for kind in PER_FIELD}
    for name, unit in fields.items():
        found[f"{name}_mean_error"] = unit
        for window in WINDOWS:
            found |= {f"{name}_rmse_{window}": unit} | {f"{name}_{kind}_{window}": "1" for kind in RELATIVE}
    return found | UNITS


def measure(
    ours: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray], frame: Frame, *, ignited: bool = False
) -> Measured:
    """Return the measures of a case, of every snapshot and of the whole.

    Parameters
    ----------
    ours, real
        Prediction, by field of shape (sample, time, y, x), and truth (time, y, x), SI.
    frame
        Threshold, cell area, times and places.
    ignited
        Whether there is a hotspot before the first of these snapshots: nobody had to predict its onset.
    """
    snapshots, whole = _relative(ours, real)
    broken = [~np.isfinite(members).all(axis=(-2, -1)) for members in ours.values()]
    snapshots["diverged"] = np.any(broken, axis=0).mean(axis=0)
    parts = [_hotspots(ours["temperature"], real["temperature"], frame, ignited), _structure(ours, real)]
    if "pressure" in ours:
        parts.append(_front(ours["pressure"], real["pressure"], frame))
    for found in parts:
        snapshots |= found[0]
        whole |= found[1]
    for name, series in snapshots.items():
        if name not in whole:
            whole[name] = metrics.gather(series).mean
    return snapshots, whole


def _relative(ours: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> Measured:
    snapshots, whole = {}, {}
    for name, members in ours.items():
        mean = members[0] if members.shape[0] == 1 else members.mean(axis=0, dtype="float64")
        truth = real[name].astype("float64")
        error, extent = metrics.rmse(mean, truth), float(np.ptp(truth))
        tiny = np.finfo("float64").tiny
        relative = metrics.vrmse(mean, truth, max(FLOOR * truth.var(), tiny))
        alike = metrics.correlation(mean, truth)
        snapshots[f"{name}_vrmse"], snapshots[f"{name}_correlation"] = relative, alike
        snapshots[f"{name}_nrmse"] = metrics.nrmse(mean, truth, extent)
        snapshots[f"{name}_mean_error"] = _mean_error(mean, truth)
        whole[f"{name}_nrmse"] = metrics.gather(error).root_mean_square / max(extent, tiny)
        for window, part in WINDOWS.items():
            whole[f"{name}_vrmse_{window}"] = metrics.gather(relative[part]).mean
            whole[f"{name}_rmse_{window}"] = metrics.gather(error[part]).root_mean_square
            whole[f"{name}_nrmse_{window}"] = whole[f"{name}_rmse_{window}"] / max(extent, tiny)
        whole[f"{name}_survival"] = metrics.survival(relative > LOST)
        whole[f"{name}_survival_correlation"] = metrics.survival(alike < UNRELATED)
    return snapshots, whole


def _mean_error(prediction: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return how far the mean over y and x is off, shape (time,): what is lost or made of a conserved field."""
    finite = np.isfinite(prediction).all(axis=(-2, -1))
    kept = np.where(finite[:, None, None], prediction, 0.0)
    return np.where(finite, np.abs(kept.mean(axis=(-2, -1), dtype="float64") - truth.mean(axis=(-2, -1))), np.inf)


def _hotspots(ours: np.ndarray, real: np.ndarray, frame: Frame, ignited: bool) -> Measured:
    finite = np.isfinite(ours).all(axis=(-2, -1))
    masks, mask = metrics.hotspot_mask(ours, frame.threshold), metrics.hotspot_mask(real, frame.threshold)
    number, expected = np.where(finite, regions.count(masks), np.inf), regions.count(mask)
    matched = regions.matched_area_error(masks, np.broadcast_to(mask, masks.shape), frame.cell_area)
    snapshots = {
        "hotspot_count": metrics.mean_defined(number),
        "hotspot_count_error": np.abs(number - expected).mean(axis=0),
        "hotspot_matched_area_error": np.where(finite, matched, np.inf).mean(axis=0),
    }
    late, missed = np.nan, np.nan
    if not ignited:
        begin, true = (regions.onset(each.any(axis=(-2, -1)).astype("float64"), frame.time) for each in (masks, mask))
        alone = np.isnan(begin) & ~finite.all(axis=-1)  # it broke before it could ignite
        missed = float((alone | (np.isnan(begin) != np.isnan(true))).mean())
        late = float(np.abs(metrics.mean_defined(begin) - true))
    return snapshots, {"hotspot_onset_error": late, "hotspot_onset_missed": missed}


def _structure(ours: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> Measured:
    temperature, truth = ours["temperature"], real["temperature"]
    tails = metrics.wasserstein(np.maximum(temperature, HOT), np.maximum(truth, HOT))
    snapshots = {
        "temperature_wasserstein": metrics.wasserstein(temperature, truth).mean(axis=0),
        "temperature_wasserstein_hot": tails.mean(axis=0),
    }
    for name, share in QUANTILES.items():
        apart = np.abs(metrics.quantile(temperature, share) - metrics.quantile(truth, share))
        snapshots[f"temperature_{name}_error"] = apart.mean(axis=0)
    for kind, compare in (("spectrum", spectrum.distances), ("spectral_error", spectrum.errors)):
        found = [compare(member, truth) for member in temperature]
        for band in spectrum.BANDS:
            snapshots[f"temperature_{kind}_{band}"] = np.mean([one[band] for one in found], axis=0)
    return snapshots, {}


def _front(ours: np.ndarray, real: np.ndarray, frame: Frame) -> Measured:
    """Return how far the front is from where it should be, while the true one is inside the frame."""
    finite = np.isfinite(ours).all(axis=(-2, -1))
    made, level, x = np.where(finite[..., None, None], ours, 0.0), front.plateau(real), frame.x
    true = front.positions(real, level, x)
    places = front.bounded(front.positions(made, level, x), made, level, x)
    off, sound = places - true, finite.all(axis=0)  # off: of members, per row
    steepest = np.where(np.isnan(true), np.nan, np.abs(front.steepest(made, x) - front.steepest(real, x))).mean(axis=0)
    rms = np.sqrt(metrics.mean_defined(np.square(off).mean(axis=0), axis=-1))
    thick, over = (of(made, level, x) - of(real, level, x) for of in (front.thickness, front.overshoot))
    snapshots = {
        "front_position_error": metrics.mean_defined(np.abs(off).mean(axis=0), axis=-1),
        "front_position_bias": metrics.mean_defined(off.mean(axis=0), axis=-1),
        "front_position_rms": rms,
        "front_position_cells": rms / float(x[1] - x[0]),
        "front_steepest_error": metrics.mean_defined(steepest, axis=-1),
        "front_thickness_error": metrics.mean_defined(np.abs(thick)),
        "front_thickness_bias": metrics.mean_defined(thick),
        "front_overshoot_error": metrics.mean_defined(np.abs(over)),
    }
    snapshots = {name: np.where(sound, series, np.inf) for name, series in snapshots.items()}
    interval = float(frame.time[1] - frame.time[0]) if frame.time.size > 1 else np.nan
    speed = np.abs(front.speeds(places, interval) - front.speeds(true, interval)).mean(axis=0)
    whole = {
        "front_position_rms": metrics.gather(snapshots["front_position_rms"]).root_mean_square,
        "front_speed_error": metrics.gather(speed).mean if finite.all() else np.inf,
    }
    whole["front_position_cells"] = whole["front_position_rms"] / float(x[1] - x[0])
    return snapshots, whole
