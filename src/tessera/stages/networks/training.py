"""What all trainings share: from a section of the study to loop and recipe, from a result to files."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import xarray as xr

from tessera.data import files, ledger, scaling, schema, seals, store
from tessera.data.scaling import Statistics
from tessera.errors import DataError
from tessera.learning import checkpoint as checkpoints
from tessera.learning.processes import rank
from tessera.learning.sampling import Recipe
from tessera.learning.train import Loop, Result, Task, train
from tessera.provenance import digest, file_digest, provenance
from tessera.study import Study, Training

SOURCES = ("data", "learning", "models", "stages/networks")
LARGEST_SEED = 2**31
GRID = ("cell_size", "interval")  # of the last ensemble that a network learned from
MEASURED = ("core_seconds", "validation_seconds", "seconds", "waiting_seconds")  # of an epoch of the history
log = logging.getLogger("tessera")


class Stage(NamedTuple):
    """One training of a network, of which some have several in a row.

    The task is made when its turn comes, for it says which weights learn.
    """

    name: str
    task: Callable[[], Task]
    training: Training


class Learned(NamedTuple):
    """What trainings in a row reached, their history, counted over all of them, and what they cost."""

    result: dict[str, Any]
    history: list[dict[str, Any]]
    cost: dict[str, Any]


def seed_of(study: Study, *what: object) -> int:
    """Return a seed of its own for everything that is random, from the root of the study."""
    return int(digest([study.seed, *what]), 16) % LARGEST_SEED


def device_of(study: Study) -> str:
    """Return where networks run; each process of a training has a device of its own.

    Raises
    ------
    DataError
        The study asks for a GPU and there is none, or not one for each process of this node.
    """
    found, here = torch.cuda.device_count(), rank()
    if study.device == "cuda" and not found:
        raise DataError("device: expected a GPU as the study asks, got none")
    if study.device == "cpu" or not found:
        return "cpu"
    if here.total == 1:
        return "cuda"
    if 1 < found <= here.local:
        raise DataError(f"device: expected a GPU for process {here.local + 1} of this node, got {found}")
    return f"cuda:{here.local if found > 1 else 0}"  # Slurm may show each process its own alone


def recipe_of(training: Training) -> Recipe:
    """Return what is drawn."""
    return Recipe(
        batch=training.batch,
        window=training.window,
        window_rollout=training.window_rollout,
        front=training.front,
        horizons=tuple((part.until, part.steps) for part in training.horizons),
        noise=training.noise,
        replay=training.replay,
        hot_weight=training.hot_weight,
        temperature_weight=training.temperature_weight,
    )


def loop_of(training: Training, seed: int, device: str) -> Loop:
    """Return how it is learned."""
    return Loop(
        epoch=training.epoch,
        updates=training.budget.updates,
        core_seconds=training.budget.core_seconds,
        optimizer=training.optimizer,
        learning_rate=training.learning_rate,
        betas=training.betas,
        weight_decay=training.weight_decay,
        schedule=training.schedule,
        warm_up=training.warm_up,
        clip=training.clip,
        average=training.average,
        seed=seed,
        device=device,
        precision=training.precision,
        compile=training.compile,
        patience=training.patience,
        batch=training.batch,
    )


def learn(
    study: Study,
    stages: Sequence[Stage],
    section: Any,
    inputs: Sequence[Path],
    seed: int,
    state: Path,
) -> Learned:
    """Train all stages in a row.

    Parameters
    ----------
    study, section
        The study, and the part of it that decides this training.
    stages
        The trainings, in order; each starts from the weights that the one before left.
    inputs
        Files that the training learns from.
    seed
        Its seed.
    state
        Folder of the training state.
    """
    key = digest(
        {
            "section": section,
            "inputs": [file_digest(path) for path in inputs],
            "provenance": provenance(study.name, section, SOURCES)["source_digest"],
            "seed": seed,
        }
    )
    lines: list[dict[str, Any]] = []
    spent: list[dict[str, float]] = []
    results: list[Result] = []
    for stage in stages:
        loop = loop_of(stage.training, seed, device_of(study))
        folder = state / stage.name
        results.append(train(stage.task(), loop, state=folder, key=key))
        ours = _lines(folder / key / "history.jsonl", stage.name, lines[-1] | spent[-1] if lines else {})
        spent += [{name: line.pop(name) for name in MEASURED if name in line} for line in ours]
        lines += ours
    core_seconds = sum(result.core_seconds + result.validation_seconds for result in results)
    last = results[-1]
    result = {
        "updates": sum(result.updates for result in results),
        "best_updates": last.best_updates,
        "error": last.best,
    }
    return Learned(result, lines, {"core_seconds": core_seconds, "epochs": spent})


def open_ensemble(study: Study, manifest: Path, fields: Sequence[str]) -> xr.Dataset:
    """Open an ensemble of the study that has some fields; what is held of the first snapshot is made where it is not.

    Raises
    ------
    DataError
        The store is broken, breaks the schema, or is of another study.
    """
    dataset = schema.showing(store.open_zarr(manifest), fields)
    schema.check(dataset, str(manifest), fields=fields)
    files.check_study(manifest, dataset.attrs.get("study"), study.name)
    return dataset


def grid_of(ensemble: xr.Dataset) -> dict[str, float]:
    """Return the width of a cell [m] and the interval of snapshots [s] of an ensemble, to be kept in a checkpoint."""
    return dict(zip(GRID, (schema.cell_size(ensemble), schema.interval(ensemble)), strict=True))


def open_scales(study: Study, path: Path, fields: Sequence[str]) -> dict[str, Statistics]:
    """Read the statistics of some fields.

    Raises
    ------
    DataError
        The file is broken, lacks a field, or is of another study.
    """
    statistics, attrs = scaling.load(path)
    files.check_study(path, attrs.get("study"), study.name)
    first = {"initial_microstructure": statistics["microstructure"]} if "microstructure" in statistics else {}
    statistics = first | statistics  # what is held of the first snapshot is scaled as what it is held of
    missing = [name for name in fields if name not in statistics]
    if missing:
        raise DataError(f"{path}: expected statistics of {', '.join(fields)}, got none of {', '.join(missing)}")
    return {name: statistics[name] for name in fields}


def save(
    study: Study,
    kind: str,
    module: torch.nn.Module,
    statistics: dict[str, Statistics],
    scales: scaling.Scales,
    section: Any,
    facts: dict[str, Any],
    learned: Learned,
    out: Path,
    history: Path,
) -> None:
    """Write the checkpoint of a trained network with its provenance, and its history: both or none.

    Of several processes that share a training, the first writes.
    """
    if rank().place:
        return
    said: dict[str, Any] = {**provenance(study.name, section, SOURCES), **facts}
    done = checkpoints.Checkpoint(kind, module, statistics, scales, said, learned.result)
    ledger.write(history, learned.cost)
    with files.whole(history) as beside:
        beside.write_text("".join(json.dumps(line) + "\n" for line in seals.of_lines(learned.history)))
        checkpoints.save(done, out)
    log.info("%s: %d updates in %.0f core-seconds", out, learned.result["updates"], learned.cost["core_seconds"])


def _lines(path: Path, stage: str, before: dict[str, Any]) -> list[dict[str, Any]]:
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        line = {"stage": stage, **json.loads(text)}
        for name in ("epoch", "updates", "core_seconds"):
            line[name] += before.get(name, 0)
        lines.append(line)
    return lines
