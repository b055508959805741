"""What else is measured of a case beside errors and hotspot quantities: relative errors, structure, front, calibration.

Every measure is said once in `UNITS`, per field or by name. One that speaks of snapshots also stands for the whole
case, as its mean over the snapshots in which it is defined.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tessera.evaluation import front, metrics, regions, spectrum

WINDOWS = {"first_5": slice(0, 5), "6_to_12": slice(5, 12), "after_12": slice(12, None)}  # steps, as The Well has them
SWEEP = (800.0, 1000.0, 1250.0, 1500.0)  # K
TAIL = 0.99
FLOOR = 1e-4  # least variance of a snapshot, as a part of that of the case
LOST = 1.0  # VRMSE from which a roll-out says no more than a mean would
PER_FIELD = ["vrmse", "nrmse", "survival", *(f"vrmse_{name}" for name in WINDOWS)]
UNITS = {
    "hotspot_count": "1",
    "hotspot_count_error": "1",
    "hotspot_matched_area_error": "m2",
    "hotspot_onset_error": "s",
    **{f"hotspot_area_{threshold:.0f}K_error": "m2" for threshold in SWEEP},
    "temperature_wasserstein": "K",
    "temperature_tail_error": "K",
    **{f"temperature_spectrum_{band}": "1" for band in spectrum.BANDS},
    "front_position_error": "m",
    "front_speed_error": "m s-1",
}
CALIBRATION = {"coverage": "1", "spread_skill": "1"}


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


def units(fields: Mapping[str, str] | list[str]) -> dict[str, str]:
    """Return the unit of every measure, for the fields that there can be."""
    return {f"{name}_{kind}": "1" for name in fields for kind in PER_FIELD} | UNITS


def measure(ours: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray], frame: Frame) -> Measured:
    """Return the measures of a case, of every snapshot and of the whole.

    Parameters
    ----------
    ours, real
        Prediction, by field of shape (sample, time, y, x), and truth (time, y, x), SI.
    frame
        Threshold, cell area, times and places.
    """
    snapshots, whole = _relative(ours, real)
    for found in (_hotspots(ours["temperature"], real["temperature"], frame), _structure(ours, real)):
        snapshots |= found[0]
        whole |= found[1]
    if "pressure" in ours:
        found = _front(ours["pressure"], real["pressure"], frame)
        snapshots |= found[0]
        whole |= found[1]
    for name, series in snapshots.items():
        if name not in whole:
            whole[name] = metrics.gather(series).mean
    return snapshots, whole


def calibration(members: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return coverage and spread over error of quantities (sample, time) whose truth is (time,)."""
    found = {}
    for name, values in members.items():
        found[f"{name}_coverage"] = metrics.coverage(values, expected[name])
        found[f"{name}_spread_skill"] = metrics.spread_skill(values, expected[name])
    return found


def _relative(ours: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> Measured:
    snapshots, whole = {}, {}
    for name, members in ours.items():
        mean = members[0] if members.shape[0] == 1 else members.mean(axis=0, dtype="float64")
        truth = real[name].astype("float64")
        error = metrics.vrmse(mean, truth, max(FLOOR * truth.var(), np.finfo("float64").tiny))
        snapshots[f"{name}_vrmse"] = error
        snapshots[f"{name}_nrmse"] = metrics.rmse(mean, truth) / max(float(np.ptp(truth)), np.finfo("float64").tiny)
        for window, part in WINDOWS.items():
            whole[f"{name}_vrmse_{window}"] = metrics.gather(error[part]).mean
        lost = error > LOST
        whole[f"{name}_survival"] = float(np.argmax(lost) / lost.size) if lost.any() else 1.0
    return snapshots, whole


def _hotspots(ours: np.ndarray, real: np.ndarray, frame: Frame) -> Measured:
    finite = np.isfinite(ours).all(axis=(-2, -1))
    masks, mask = metrics.hotspot_mask(ours, frame.threshold), metrics.hotspot_mask(real, frame.threshold)
    number, expected = np.where(finite, regions.count(masks), np.inf), regions.count(mask)
    matched = regions.matched_area_error(masks, np.broadcast_to(mask, masks.shape), frame.cell_area)
    snapshots = {
        "hotspot_count": metrics.mean_defined(number),
        "hotspot_count_error": np.abs(number - expected).mean(axis=0),
        "hotspot_matched_area_error": np.where(finite, matched, np.inf).mean(axis=0),
    }
    for threshold in SWEEP:
        areas = metrics.hotspot_area(ours, threshold, frame.cell_area).mean(axis=0)
        error = np.abs(areas - metrics.hotspot_area(real, threshold, frame.cell_area))
        snapshots[f"hotspot_area_{threshold:.0f}K_error"] = error
    begin = regions.onset(masks.any(axis=(-2, -1)).astype("float64"), frame.time)
    late = np.abs(metrics.mean_defined(begin) - regions.onset(mask.any(axis=(-2, -1)).astype("float64"), frame.time))
    return snapshots, {"hotspot_onset_error": float(late)}


def _structure(ours: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> Measured:
    temperature, truth = ours["temperature"], real["temperature"]
    tails, tail = metrics.quantile(temperature, TAIL), metrics.quantile(truth, TAIL)
    snapshots = {
        "temperature_wasserstein": metrics.wasserstein(temperature, truth).mean(axis=0),
        "temperature_tail_error": np.abs(tails - tail).mean(axis=0),
    }
    apart = [spectrum.distances(member, truth) for member in temperature]
    for band in spectrum.BANDS:
        snapshots[f"temperature_spectrum_{band}"] = np.mean([one[band] for one in apart], axis=0)
    return snapshots, {}


def _front(ours: np.ndarray, real: np.ndarray, frame: Frame) -> Measured:
    """Return how far the front is from where it should be, while the true one is inside the frame."""
    finite = np.isfinite(ours).all(axis=(-2, -1))
    made, level = np.where(finite[..., None, None], ours, 0.0), front.plateau(real)
    true = front.positions(real, level, frame.x)
    places = front.bounded(front.positions(made, level, frame.x), made, level, frame.x)
    apart = np.abs(places - true).mean(axis=0)  # of members, per row
    position = np.where(finite.all(axis=0), metrics.mean_defined(apart, axis=-1), np.inf)
    interval = float(frame.time[1] - frame.time[0]) if frame.time.size > 1 else np.nan
    speed = np.abs(front.speeds(places, interval) - front.speeds(true, interval)).mean(axis=0)
    lost = float("inf") if not finite.all() else metrics.gather(speed).mean
    return {"front_position_error": position}, {"front_speed_error": lost}
