"""From a checkpoint to predictions: a store of the same schema as the simulations."""

import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from tessera import journal
from tessera.data import ledger, schema, store
from tessera.errors import ConfigError, DataError
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import State, bounds, select
from tessera.learning.frames import frames as read_frames
from tessera.learning.rollout import emulator
from tessera.provenance import digest, file_digest, provenance
from tessera.stages.networks import states, training
from tessera.stages.networks.forecasts import Forecast, dataset, later, operations, predictor, ready
from tessera.stages.networks.states import Initial
from tessera.stages.networks.training import GRID, LARGEST_SEED, SOURCES
from tessera.study import Study

SUFFIXES = (".json", ".nc")
log = logging.getLogger("tessera")


def predict(
    study: Study,
    path: Path,
    ensemble: Path,
    split: str,
    out: Path,
    *,
    members: int | None = None,
    tile: int | None = None,
) -> None:
    """Roll a model out from the first snapshots of a split.

    Snapshots up to the study's `evaluation.start` are copies of the truth; the model sees the last of them.

    Parameters
    ----------
    study, path, ensemble, split, out
        The study, a checkpoint of it, an ensemble and which of its cases, and the manifest of what is predicted.
    members
        How many a probabilistic model draws; None: as many as the study says.
    tile
        Cells along a side of the tiles that tokens are decoded in; None: as large as memory allows.
    """
    checkpoint = predictor(path, study.name)
    fields = list(checkpoint.scales)
    truths = select(training.open_ensemble(study, ensemble, fields), split, str(ensemble))
    start, cells = study.evaluation.start, (truths.sizes["y"], truths.sizes["x"])
    seed = training.seed_of(study, "predict", checkpoint.facts["n_meso"])
    forecast = ready(checkpoint, training.device_of(study), seed, cells, tile)
    members = _members(path, forecast, study.evaluation.samples if members is None and forecast.sampled else members)
    spent, cases = 0.0, []
    numbers = range(truths.sizes["case"])
    for number in _shown(numbers, len(numbers)):
        truth = truths.isel(case=[number])
        first = read_frames(truth, checkpoint.scales, forecast.device).at(start)
        begin = time.process_time()
        drawn = [_stacked(forecast, first, truths.sizes["time"] - 1 - start) for _ in range(members)]
        spent += time.process_time() - begin
        known = {name: truth[name].values[0, : start + 1] for name in fields}
        cases.append([{name: np.concatenate([known[name], one[name]]) for name in fields} for one in drawn])
        log.info("%s: case %d predicted", out, int(truth["case"].values[0]))
        journal.progress("predict", len(cases) / len(numbers), f"{len(cases)} of {len(numbers)} cases")
    values = {
        name: np.stack([np.stack([member[name] for member in case]) for case in cases], axis=1) for name in fields
    }
    result = dataset(values, schema.coordinates_of(truths, *schema.COORDINATES), forecast.sampled)
    result.attrs |= {
        **provenance(study.name, {"checkpoint": file_digest(path), "start": start, "members": members}, SOURCES),
        "title": f"prediction of the {split} cases by {checkpoint.facts['model']} of study {study.name}",
        **_facts(checkpoint, start),
        "scale": str(truths.attrs.get("scale", ensemble.stem)),
        "split": split,
    }
    ledger.write(out, {"core_seconds": spent, "flop_per_frame": operations(forecast, first)})
    store.save_zarr(result, out)


def predict_state(
    path: Path,
    state: Path,
    snapshots: int,
    out: Path,
    *,
    every: int = 1,
    members: int | None = None,
    seed: int = 0,
    tile: int | None = None,
) -> None:
    """Roll a model out from an initial state in a netCDF file; no study is needed.

    Parameters
    ----------
    path, state
        A checkpoint that predicts, and the state, as `tessera.stages.networks.states` reads it.
    snapshots
        How many of the intervals that the model was trained on it is rolled out.
    out
        Where the prediction lands, the state first: one netCDF file, or the manifest of a store.
    every
        Only every so many-th snapshot is kept; tokens of the others are not decoded.
    members, seed
        How many a probabilistic model draws, one unless told, and the seed of its draws.
    tile
        Cells along a side of the tiles that tokens are decoded in; None: as large as memory allows.

    Raises
    ------
    ConfigError
        What is asked for is impossible.
    DataError
        Checkpoint or state is broken, or they do not fit each other.
    """
    if out.suffix not in SUFFIXES:
        raise ConfigError(f"--out: expected a path that ends in {' or '.join(SUFFIXES)}, got {str(out)!r}")
    if snapshots < 1 or every < 1 or snapshots % every:
        raise ConfigError(f"--every: expected a divisor of the {snapshots} snapshots, got {every}")
    checkpoint = predictor(path)
    lacking = [name for name in GRID if name not in checkpoint.facts]
    if lacking:
        raise DataError(f"{path}: expected a checkpoint that says its {lacking[0]}, got one of an older tessera")
    unit = emulator(checkpoint.module, bounds(checkpoint.statistics, checkpoint.scales)).unit
    initial = states.read(
        state, {name: checkpoint.statistics[name] for name in checkpoint.scales}, checkpoint.facts, unit
    )
    own = int(digest([seed, "predict", file_digest(path)]), 16) % LARGEST_SEED
    device = "cuda" if torch.cuda.is_available() else "cpu"
    forecast = ready(checkpoint, device, own, (initial.y.size, initial.x.size), tile)
    members = _members(path, forecast, members)
    begin = time.process_time()
    values = _from(forecast, initial, snapshots, every, members)
    spent = time.process_time() - begin
    times = initial.time + float(checkpoint.facts["interval"]) * every * np.arange(snapshots // every + 1)
    result = dataset(values, _coordinates(initial, times, state.stem), forecast.sampled)
    section = {"checkpoint": file_digest(path), "state": file_digest(state), "members": members, "seed": seed}
    result.attrs |= {
        **provenance(checkpoint.study, section, SOURCES),
        "title": f"prediction from {state.name} by {checkpoint.facts['model']} of study {checkpoint.study}",
        **_facts(checkpoint, 0),
    }
    ledger.write(out, {"core_seconds": spent})
    if out.suffix == ".nc":
        store.save_netcdf(result, out)
    else:
        store.save_zarr(result, out, schema.facts(result))
    log.info("%s: %d snapshots of %s predicted", out, snapshots, state)


def _from(forecast: Forecast, initial: Initial, snapshots: int, every: int, members: int) -> dict[str, np.ndarray]:
    """Return the snapshots of all members, the state first, each (member, case, time, y, x) with one case [SI]."""
    scales, kept = forecast.checkpoint.scales, snapshots // every
    shape = (members, 1, kept + 1, initial.y.size, initial.x.size)
    found = {name: np.empty(shape, np.float32) for name in scales}
    first = {
        name: torch.from_numpy(scale.apply(initial.fields[name])[None].astype(np.float32)).to(forecast.device)
        for name, scale in scales.items()
    }
    parts = (
        (member, number, one)
        for member in range(members)
        for number, one in enumerate(later(forecast, first, snapshots, every), start=1)
    )
    for member in range(members):
        for name in scales:
            found[name][member, 0, 0] = initial.fields[name]
    for done, (member, number, one) in enumerate(_shown(parts, members * kept), start=1):
        for name, value in one.items():
            found[name][member, 0, number] = value
        journal.progress("predict", done / (members * kept), f"{done} of {members * kept} snapshots")
    return found


def _stacked(forecast: Forecast, first: State, steps: int) -> dict[str, np.ndarray]:
    """Return the snapshots that follow a state, SI, each (time, y, x)."""
    snapshots = list(later(forecast, first, steps))
    return {name: np.stack([one[name] for one in snapshots]) for name in first}


def _members(path: Path, forecast: Forecast, asked: int | None) -> int:
    if asked is not None and asked > 1 and not forecast.sampled:
        raise ConfigError(f"--members: expected 1 of {path}, whose model does not draw, got {asked}")
    return asked or 1


def _shown(parts: Any, total: int) -> Any:
    """Return what is iterated over with a bar for people at a terminal."""
    console = Console(stderr=True)
    return track(parts, "predict", total=total, console=console, transient=True, disable=not console.is_terminal)


def _facts(checkpoint: Checkpoint, start: int) -> dict[str, Any]:
    return {**{name: checkpoint.facts[name] for name in ("model", "n_meso", "seed")}, "start_frame": start}


def _coordinates(initial: Initial, times: np.ndarray, name: str) -> dict[str, Any]:
    """Return the coordinates of the one case that starts from a state."""
    axes = {"time": times, "y": initial.y, "x": initial.x, "case": [0]}
    return {**axes, "split": ("case", np.array(["test"])), "name": ("case", np.array([name]))}
