"""From a checkpoint to predictions: a store of the same schema as the simulations."""

import logging
import time
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from rich.console import Console
from rich.progress import track

from tessera import journal
from tessera.data import ledger, schema, store
from tessera.errors import DataError
from tessera.learning import checkpoint as checkpoints
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import State, bounds, select
from tessera.learning.frames import frames as read_frames
from tessera.learning.rollout import Carry, Emulator, Tokens, emulator, inflow, roll
from tessera.models import PARTS
from tessera.provenance import file_digest, provenance
from tessera.stages.networks import training
from tessera.stages.networks.training import SOURCES
from tessera.study import Study

log = logging.getLogger("tessera")


def predict(study: Study, path: Path, ensemble: Path, split: str, out: Path) -> None:
    """Roll a model out from the first snapshots of a split.

    Snapshots up to the study's `evaluation.start` are copies of the truth; the model sees the last of them.
    """
    checkpoint = checkpoints.load(path, study=study.name)
    if checkpoint.kind in PARTS:
        raise DataError(f"{path}: expected a checkpoint that predicts, got one of kind {checkpoint.kind!r}")
    fields = list(checkpoint.scales)
    dataset = select(training.open_ensemble(study, ensemble, fields), split, str(ensemble))
    device, start = training.device_of(study), study.evaluation.start
    model = checkpoint.module.to(device)
    limits = bounds(checkpoint.statistics, checkpoint.scales)
    rolled = emulator(model, limits)
    members = study.evaluation.samples if isinstance(rolled, Tokens) else 1
    generator = torch.Generator().manual_seed(training.seed_of(study, "predict", checkpoint.facts["n_meso"]))
    spent, cases = 0.0, []
    numbers = range(dataset.sizes["case"])
    console = Console(stderr=True)
    for number in track(numbers, "predict", console=console, transient=True, disable=not console.is_terminal):
        truth = dataset.isel(case=[number])
        first = read_frames(truth, checkpoint.scales, device).at(start)
        begin = time.process_time()
        drawn = [
            _rolled(rolled, first, dataset.sizes["time"] - 1 - start, generator, checkpoint) for _ in range(members)
        ]
        spent += time.process_time() - begin
        known = {name: truth[name].values[0, : start + 1] for name in fields}
        cases.append([{name: np.concatenate([known[name], one[name]]) for name in fields} for one in drawn])
        log.info("%s: case %d predicted", out, int(truth["case"].values[0]))
        journal.progress("predict", len(cases) / len(numbers), f"{len(cases)} of {len(numbers)} cases")
    result = _dataset(dataset, cases, fields, isinstance(rolled, Tokens))
    result.attrs |= {
        **provenance(study.name, {"checkpoint": file_digest(path), "start": start, "members": members}, SOURCES),
        "title": f"prediction of the {split} cases by {checkpoint.facts['model']} of study {study.name}",
        "model": checkpoint.facts["model"],
        "n_meso": checkpoint.facts["n_meso"],
        "seed": checkpoint.facts["seed"],
        "scale": str(dataset.attrs.get("scale", ensemble.stem)),
        "split": split,
        "start_frame": start,
    }
    ledger.write(out, {"core_seconds": spent})
    store.save_zarr(result, out)


@torch.no_grad()
def _rolled(
    rolled: Emulator, first: State, steps: int, generator: torch.Generator, checkpoint: Checkpoint
) -> dict[str, np.ndarray]:
    """Return the snapshots that follow a state, SI, each (time, y, x).

    A model of tokens begins with tokens drawn from what its encoder says about the state. Where it evolves
    variances it takes the means on and draws each snapshot anew when decoding, as the paper does.
    """
    carried: Carry
    if isinstance(rolled, Tokens) and not rolled.variances:
        carried = rolled.draw(first, generator)
    else:
        carried = rolled.begin(first)
    found: dict[str, list[np.ndarray]] = {name: [] for name in first}
    limits = bounds(checkpoint.statistics, checkpoint.scales)
    known = {name: value for name, value in first.items() if name in schema.HELD}
    for now in roll(rolled, carried, steps, inflow(rolled, carried)):
        drawn = isinstance(rolled, Tokens) and rolled.variances
        shown = rolled.show_drawn(now, generator) if drawn else rolled.show(now)  # type: ignore[attr-defined]
        for name, value in (limits.clamp(shown) | known).items():
            found[name].append(checkpoint.scales[name].invert(value[0].cpu().numpy()).astype(np.float32))
    return {name: np.stack(values) for name, values in found.items()}


def _dataset(
    truth: xr.Dataset, cases: list[list[dict[str, np.ndarray]]], fields: list[str], sampled: bool
) -> xr.Dataset:
    """Return predictions as (sample, case, time, y, x), or without sample for a model of one member."""
    variables = {}
    for name in fields:
        values = np.stack([np.stack([member[name] for member in case]) for case in cases], axis=1)
        variables[name] = (("sample", *schema.DIMS), values) if sampled else (schema.DIMS, values[0])
    kept = schema.coordinates_of(truth, *schema.COORDINATES)
    return schema.describe(xr.Dataset(variables, coords=kept))
