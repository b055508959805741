"""The score table: truth and predictions, model by model and case by case, as one tidy table.

One row is one value: model, n_meso, seed, scale, case, time, metric, value, unit. A row with a time
speaks of a snapshot; a row whose time is undefined speaks of a whole case. `truth` and the floors (the start
frame held, and moved: `persistence`, `advected`, `travelling`) are models like any other, without n_meso and seed.
Only snapshots after the start frame count: up to it a prediction is a copy of the truth.

Of a model with members, the RMSE of a field is that of the member mean, and a hotspot quantity is the
mean of the members' quantities; `_crps` and `_spread` rows say what the members are worth beyond it.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from tessera.data import schema, workers
from tessera.errors import DataError
from tessera.evaluation import measures, members, metrics, persistence

COLUMNS = ["model", "n_meso", "seed", "scale", "case", "time", "metric", "value", "unit"]
SWEEP = (800.0, 900.0, 1000.0, 1100.0, 1200.0, 1300.0, 1400.0, 1500.0)  # K
QUANTITIES = {
    "hotspot_area": "m2",
    "hotspot_temperature": "K",
    "hotspot_area_rate": "m2 s-1",
    "hotspot_temperature_rate": "K s-1",
    "hotspot_temperature_zero": "K",
    "hotspot_temperature_zero_rate": "K s-1",
    **{f"hotspot_area_{threshold:.0f}K": "m2" for threshold in SWEEP},
    "pore_area": "m2",
}
LOWER = ("_vrmse", "_nrmse", "_error", "_crps", "_energy", "_mismatch", "_missed", "_cells", "_rms", "diverged")
WITHIN = ("rmse_", "_spectrum_", "_spectral_error_", "_wasserstein")
ENSEMBLE_QUANTITIES = ("hotspot_area", "hotspot_temperature")
ENSEMBLE_FIELDS = ("temperature",)


class Setting(NamedTuple):
    """What the quantities are relative to.

    Attributes
    ----------
    frame
        Threshold of hotspots, cell area, times and places.
    interval
        Time between two snapshots [s].
    start
        Snapshot that predictions start from; later ones count.
    """

    frame: measures.Frame
    interval: float
    start: int

    @property
    def later(self) -> measures.Frame:
        """The frame with the times that count."""
        return self.frame._replace(time=self.frame.time[self.start + 1 :])


class Run(NamedTuple):
    """Whose rows these are; `n_meso` and `seed` are None for the truth and what follows from it."""

    model: str
    n_meso: int | None = None
    seed: int | None = None


def units(count: int = 0) -> dict[str, str]:
    """Return the unit of every metric of the table, the ranks among `count` members included."""
    fields = {name: what.units for name, what in schema.FIELDS.items()}
    found = {f"{name}_rmse": unit for name, unit in fields.items()}
    for name, unit in QUANTITIES.items():
        found |= {name: unit, f"{name}_rmse": unit, f"{name}_curve_rmse": unit}
    for name in (*ENSEMBLE_QUANTITIES, *ENSEMBLE_FIELDS):
        unit = QUANTITIES.get(name) or fields[name]
        found |= {f"{name}_crps": unit, f"{name}_spread": unit}
        found |= {f"{name}_{kind}": "1" for kind in ("coverage", "calibration_error", "spread_skill")}
        found |= {f"{name}_rank_{place}": "1" for place in range(count + 1)}
    found |= {f"{name}_energy": fields[name] for name in ENSEMBLE_FIELDS}
    found |= {"hotspot_iou": "1", "hotspot_mismatch": "1", "pore_area_regrowth_error": "m2"}
    return found | measures.units(fields)


def better(metric: str) -> str | None:
    """Return whether `lower` or `higher` values of a metric are better, or None where neither is."""
    if metric.endswith(("_iou", "_survival", "_correlation")):  # of a survival by correlation, too
        return "higher"
    return "lower" if metric.endswith((*LOWER, "_rmse")) or any(part in metric for part in WITHIN) else None


def table(
    truth: xr.Dataset, predictions: Mapping[str, xr.Dataset], *, scale: str, threshold: float, start: int
) -> pd.DataFrame:
    """Return the score table of one scale.

    Parameters
    ----------
    truth
        The ensemble, dims (case, time, y, x).
    predictions
        Prediction stores by what to call them in messages; dims (case, time, y, x), perhaps led by sample.
    scale
        micro or meso.
    threshold
        Temperature above which a cell is hot [K].
    start
        Snapshot that every prediction starts from.

    Raises
    ------
    DataError
        A prediction is of another scale, start, grid, time axis or set of cases than the truth asks for,
        or two are of one run.
    """
    schema.check(truth, f"truth of {scale}", fields={"temperature", *schema.fields_of(truth)})
    frame = measures.Frame(threshold, schema.cell_size(truth) ** 2, truth["time"].values, truth["x"].values)
    setting = Setting(frame, schema.interval(truth), start)
    for where, prediction in predictions.items():
        check(prediction, truth, where, scale=scale, start=start)
    frames = workers.each(_scored, _cases(truth, predictions), truth, list(predictions.values()), setting)
    whole = pd.concat(frames, ignore_index=True).assign(scale=scale)
    whole = whole.astype({"n_meso": "Int64", "seed": "Int64", "case": "int64"})
    whole.attrs = {"scale": scale, "threshold": threshold, "start_frame": start}
    return whole[COLUMNS].sort_values(COLUMNS[:7], ignore_index=True)


def check(prediction: xr.Dataset, truth: xr.Dataset, where: str, *, scale: str, start: int) -> None:
    """Refuse a prediction that cannot be compared with the truth, by name."""
    learnt = {"n_meso", "seed"}
    wanted = {"model", "scale", "start_frame"} | (learnt if learnt & set(prediction.attrs) else set())
    missing = sorted(wanted - set(prediction.attrs))
    if missing:
        raise DataError(f"{where}: expected attributes of a prediction, got none named {', '.join(missing)}")
    schema.check(prediction, where, fields={"temperature", *schema.fields_of(prediction)}, sample=None)
    for name, expected in (("scale", scale), ("start_frame", start)):
        if prediction.attrs[name] != expected:
            raise DataError(f"{where}: {name}: expected {expected!r}, got {prediction.attrs[name]!r}")
    check_axes(prediction, truth, where)
    unknown = sorted(set(prediction["case"].values.tolist()) - set(truth["case"].values.tolist()))
    if unknown:
        raise DataError(f"{where}: case: expected cases of the truth, got {unknown}")


def check_axes(prediction: xr.Dataset, truth: xr.Dataset, where: str) -> None:
    """Refuse a prediction of another grid or other times than the truth, by name."""
    for name in ("time", "y", "x"):
        ours, theirs = truth[name].values, prediction[name].values
        if ours.shape != theirs.shape or not np.allclose(ours, theirs, rtol=1e-6, atol=0.0):
            raise DataError(f"{where}: {name}: expected the {ours.size} values of the truth, got other {theirs.size}")


def run_of(prediction: xr.Dataset) -> Run:
    """Return who made a prediction; who learnt nothing, such as a solver, has neither meso cases nor a seed."""
    attrs = prediction.attrs
    n_meso, seed = (None if name not in attrs else int(attrs[name]) for name in ("n_meso", "seed"))
    return Run(str(attrs["model"]), n_meso, seed)


def load_case(dataset: xr.Dataset, case: int) -> dict[str, np.ndarray]:
    """Return the fields of one case that change, shape (time, y, x) or (sample, time, y, x), float32 in SI units."""
    place = int(np.flatnonzero(dataset["case"].values == case)[0])
    return {
        name: dataset[name].isel(case=place).values for name in schema.fields_of(dataset) if name not in schema.HELD
    }


def quantities(fields: Mapping[str, np.ndarray], setting: Setting) -> dict[str, np.ndarray]:
    """Return the hotspot quantities of snapshots, and the pore area where the microstructure is known.

    Parameters
    ----------
    fields
        By name, shape (..., time, y, x).

    Returns
    -------
    Arrays (..., time), the rates (..., time - 1); `nan` is undefined.
    """
    temperature, (threshold, cell_area, *_) = fields["temperature"], setting.frame
    area = metrics.hotspot_area(temperature, threshold, cell_area)
    hot, hot_zero = (metrics.hotspot_temperature(temperature, threshold, empty) for empty in ("undefined", "zero"))
    found = {
        "hotspot_area": area,
        "hotspot_temperature": hot,
        "hotspot_area_rate": metrics.rate(area, setting.interval),
        "hotspot_temperature_rate": metrics.rate(hot, setting.interval),
        "hotspot_temperature_zero": hot_zero,
        "hotspot_temperature_zero_rate": metrics.rate(hot_zero, setting.interval),
    }
    for level in SWEEP:
        found[f"hotspot_area_{level:.0f}K"] = metrics.hotspot_area(temperature, level, cell_area)
    if "microstructure" in fields:
        found["pore_area"] = metrics.pore_area(fields["microstructure"], setting.frame.cell_area)
    return found


def _cases(truth: xr.Dataset, predictions: Mapping[str, xr.Dataset]) -> list[int]:
    """Return the cases to score: those that every prediction is of, test cases where there is none."""
    cases: list[int] = []
    seen: set[Run] = set()
    for where, prediction in predictions.items():
        found, run = sorted(prediction["case"].values.tolist()), run_of(prediction)
        if cases and found != cases:
            raise DataError(f"{where}: case: expected {cases}, as scored before, got {found}")
        if run in seen:
            raise DataError(
                f"{where}: expected a run not scored before, got {run.model}, n_meso {run.n_meso}, seed {run.seed}"
            )
        cases = found
        seen.add(run)
    return cases or sorted(truth["case"].values[truth["split"].values == "test"].tolist())


def _scored(case: int, truth: xr.Dataset, predictions: list[xr.Dataset], setting: Setting) -> pd.DataFrame:
    """Return the rows of one case: truth, floors, predictions."""
    fields = load_case(truth, case)
    frames = [*_reference_rows(fields, setting, case)]
    frames += [_case_rows(run_of(one), load_case(one, case), fields, setting, case) for one in predictions]
    return pd.concat(frames, ignore_index=True)


def _reference_rows(fields: Mapping[str, np.ndarray], setting: Setting, case: int) -> Iterable[pd.DataFrame]:
    after = {name: field[setting.start + 1 :] for name, field in fields.items()}
    yield _rows(Run("truth"), case, setting.later.time, quantities(after, setting))
    for model, made in persistence.floors(fields, setting.start, interval=setting.interval, x=setting.frame.x):
        yield _case_rows(Run(model), made, fields, setting, case)


def _case_rows(
    run: Run,
    prediction: Mapping[str, np.ndarray],
    truth: Mapping[str, np.ndarray],
    setting: Setting,
    case: int,
) -> pd.DataFrame:
    ours = {name: _members(field)[:, setting.start + 1 :] for name, field in prediction.items()}
    real = {name: truth[name][setting.start + 1 :] for name in ours}
    errors = {f"{name}_rmse": metrics.rmse(_member_mean(field), real[name]) for name, field in ours.items()}
    made, expected = quantities(ours, setting), quantities(real, setting)
    means = {name: metrics.mean_defined(values) for name, values in made.items()}
    overlap = _overlap(ours["temperature"], real["temperature"], setting.frame.threshold)
    whole = {name: metrics.gather(values).root_mean_square for name, values in errors.items()}
    for name, mean in means.items():
        whole[f"{name}_rmse"] = metrics.gather(mean - expected[name]).root_mean_square
    whole["hotspot_iou"] = metrics.gather(overlap).mean
    alone = (means["hotspot_area"] > 0.0) != (expected["hotspot_area"] > 0.0)
    alone |= np.isinf(means["hotspot_area"])
    whole["hotspot_mismatch"] = float(alone.mean())
    if "pore_area" in means:
        whole["pore_area_regrowth_error"] = _regrowth_error(means["pore_area"], expected["pore_area"])
    ignited = bool(metrics.hotspot_mask(truth["temperature"][: setting.start + 1], setting.frame.threshold).any())
    more, more_whole = measures.measure(ours, real, setting.later, ignited=ignited)
    whole |= more_whole
    snapshots = errors | means | {"hotspot_iou": overlap} | more
    if ours["temperature"].shape[0] > 1:
        more, more_whole = _worth(ours, real, made, expected)
        snapshots |= more
        whole |= more_whole
    totals = {name: np.array([value]) for name, value in whole.items()}
    return pd.concat(
        [_rows(run, case, setting.later.time, snapshots), _rows(run, case, np.array([np.nan]), totals)],
        ignore_index=True,
    )


def _worth(
    ours: Mapping[str, np.ndarray],
    real: Mapping[str, np.ndarray],
    made: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
) -> measures.Measured:
    """Return what the members are worth: per snapshot, and of the whole case with counts of ranks."""
    snapshots, whole = {}, {}
    for name in ENSEMBLE_QUANTITIES:
        snapshots[f"{name}_crps"] = members.fair_crps(made[name], expected[name])
        snapshots[f"{name}_spread"] = members.spread(made[name])
    for name in ENSEMBLE_FIELDS:
        snapshots[f"{name}_crps"] = members.field_crps(ours[name], real[name])
        snapshots[f"{name}_energy"] = members.energy_score(ours[name], real[name])
        snapshots[f"{name}_spread"] = members.field_spread(ours[name])
    for name, series in snapshots.items():
        whole[name] = metrics.gather(series).mean
    for name in (*ENSEMBLE_QUANTITIES, *ENSEMBLE_FIELDS):
        kept, true = (ours[name], real[name]) if name in ours else (made[name], expected[name])
        for place, count in enumerate(members.ranks(kept, true)):
            whole[f"{name}_rank_{place}"] = float(count)
    return snapshots, whole


def _regrowth_error(ours: np.ndarray, real: np.ndarray) -> float:
    """Return how far off is the area by which pores grow again from one snapshot to the next [m2]."""
    if np.isinf(ours).any():
        return float("inf")
    again, true = (metrics.gather(np.maximum(np.diff(area), 0.0)) for area in (ours, real))
    return abs(float(again.total - true.total))


def _members(field: np.ndarray) -> np.ndarray:
    return field if field.ndim == 4 else field[None]


def _member_mean(members: np.ndarray) -> np.ndarray:
    return members[0] if members.shape[0] == 1 else members.mean(axis=0, dtype="float64")


def _overlap(members: np.ndarray, truth: np.ndarray, threshold: float) -> np.ndarray:
    real, masks = metrics.hotspot_mask(truth, threshold), metrics.hotspot_mask(members, threshold)
    finite = np.isfinite(members).all(axis=(-2, -1))
    return metrics.mean_defined(np.where(finite, metrics.intersection_over_union(masks, real), 0.0))


def _rows(run: Run, case: int, time: np.ndarray, values: Mapping[str, np.ndarray]) -> pd.DataFrame:
    named, known = [], units(sum(metric.startswith("temperature_rank_") for metric in values))
    for metric, series in values.items():
        content = {"time": time[: series.size], "metric": metric, "value": series, "unit": known[metric]}
        named.append(pd.DataFrame(content))
    found = pd.concat(named, ignore_index=True).assign(model=run.model, case=case)
    return found.assign(n_meso=pd.array([run.n_meso] * len(found), dtype="Int64")).assign(
        seed=pd.array([run.seed] * len(found), dtype="Int64")
    )
