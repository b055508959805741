"""Measure how fast networks learn, and for which part of the time the loop waits for its data.

Each kind of network is trained for some updates by the stage that trains it, at the widths of the demo, on ensembles of
the demo's shape whose fields are made up: a front that passes pores. Then some are trained on cases that stay on disk,
for they may take but a twentieth of their size. Seconds are by the clock, of the second epoch, on one thread beside
the threads that read. Figures of a machine with other work on it say little; the waiting is a ratio and says more.

Writes build/benchmarks/training.json; fails where a limit is passed.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from rich.console import Console
from rich.table import Table

from tessera.data import files, ledger, schema, store
from tessera.provenance import git_revision, versions
from tessera.stages import ensembles, networks, write_study
from tessera.study import Study, load
from tessera.study.study import validate

REPOSITORY = Path(__file__).parents[1]
OUT = REPOSITORY / "build" / "benchmarks" / "training.json"
EPOCH, EPOCHS = 16, 2  # updates of an epoch; the first one warms up
LIMITS = {"cpu": 0.10, "cuda": 0.05}  # of the time, waiting
PLACES = {"memory": "in memory", "disk": "on disk"}
SMALL = 20  # how many times larger than what they may take in memory cases on disk are


def study_of(folder: Path, memory: float | None = None) -> Study:
    """Return the demo with budgets of a few updates; its horizons are those of the end of a budget."""
    content = load([REPOSITORY / "config" / "config.yaml"]).model_dump(mode="json")
    for training in _trainings(content):
        training |= {"budget": {"updates": EPOCH * EPOCHS, "core_seconds": None}, "epoch": EPOCH}
        training["horizons"] = [{"until": 1.0, "steps": training["horizons"][-1]["steps"]}]
    if memory is not None:
        content["memory"] = memory
    study = validate(content, "benchmark")
    write_study(study, folder / "study.json")
    return study


def _trainings(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        if "budget" in content:
            yield content
        for part in content.values():
            yield from _trainings(part)


def write_ensemble(study: Study, scale: str, folder: Path) -> None:
    """Write an ensemble of a scale's shape: pores that a front heats as it passes, with noise that packs as badly."""
    what = study.ensembles[scale]
    (ny, nx), snapshots = what.cells, what.snapshots
    ensembles.draw_design(study, scale, folder / f"{scale}.nc")
    drawn = store.open_netcdf(folder / f"{scale}.nc")
    axes = {
        "time": np.arange(snapshots) * what.interval,
        "y": (np.arange(ny) + 0.5) * what.cell_size,
        "x": (np.arange(nx) + 0.5) * what.cell_size,
    }
    cases = drawn.sizes["case"]
    shape = (cases, snapshots, ny, nx)
    like = {name: (schema.DIMS, np.broadcast_to(np.float32(0.0), shape)) for name in schema.SIMULATED}
    names = {name: drawn[name] for name in schema.DESIGNED}
    whole = schema.describe(xr.Dataset(like, coords=axes | names))
    whole.attrs |= {"study": study.name, "scale": scale}

    def read(name: str, at: dict[str, int]) -> np.ndarray:
        return shock(at["case"], shape[1:])[name]

    store.save_zarr(whole, folder / f"{scale}.json", schema.facts(whole), read=read)
    ensembles.fit_scales(study, scale, folder / f"{scale}.json", folder / f"{scale}_scales.json")


def shock(case: int, shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """Return the fields of a case, each (time, y, x) in SI units."""
    rng = np.random.default_rng(case)
    when, y, x = np.ogrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j, 0 : 1 : shape[2] * 1j]
    behind = 1.0 / (1.0 + np.exp(np.clip(80.0 * (x - 1.1 * when), -50.0, 50.0)))
    pores = np.zeros(shape[1:])
    for centre_y, centre_x in rng.uniform(0.1, 0.9, (6, 2)):
        pores = np.maximum(pores, np.exp(-(((y[0] - centre_y) / 0.05) ** 2) - ((x[0] - centre_x) / 0.05) ** 2))
    rough = 1.0 + 1e-3 * rng.standard_normal(shape)
    made = {
        "temperature": 300.0 + behind * (200.0 + 1500.0 * pores) * rough,
        "pressure": 9.0e9 * behind * rough,
        "microstructure": 1.0 - pores * (1.0 - behind),
        "velocity_x": 1000.0 * behind * rough,
        "velocity_y": 200.0 * behind * pores * np.sign(y - 0.5) * rough,
    }
    return {name: values.astype(np.float32) for name, values in made.items()}


class Bench:
    """The stages, and what each of them took.

    Parameters
    ----------
    study
        What they are told.
    data
        Folder of the ensembles.
    folder
        Where their results land.
    """

    def __init__(self, study: Study, data: Path, folder: Path) -> None:
        self.study, self.data, self.folder = study, data, folder
        self.found: dict[str, dict[str, float]] = {}

    def fit(self, name: str, stage: Callable[..., None], *what: Any) -> Path:
        """Train a network, note what it took, and return its checkpoint."""
        out = self.folder / f"{name}.safetensors"
        stage(self.study, *what, self.folder / "state" / name, out, out.with_suffix(".jsonl"))
        epochs = ledger.read(out.with_suffix(".jsonl"))["epochs"]
        stages = len(epochs) // EPOCHS
        spent = [epochs[n * EPOCHS : (n + 1) * EPOCHS] for n in range(stages)]
        seconds, waiting = (sum(one[-1][key] - one[0][key] for one in spent) for key in ("seconds", "waiting_seconds"))
        updates = stages * EPOCH * (EPOCHS - 1)
        self.found[name] = {"updates_per_second": updates / seconds, "waiting": waiting / seconds}
        return out

    def rivals(self) -> None:
        """Train what learns from meso cases alone."""
        for name in self.study.rivals:
            cases, meso = self.study.ensembles.meso.split.train, self.data / "meso.json"
            self.fit(name, networks.fit_rival, name, cases, 0, meso, None, self.data / "meso_scales.json")

    def tokenizer(self, field: str) -> Path:
        """Train the tokenizer of a field."""
        micro = self.data / "micro.json"
        return self.fit(f"tokenizer {field}", networks.fit_tokenizer, field, self.data / "micro_scales.json", [micro])

    def dynamics(self) -> None:
        """Train tokenizers and latent dynamics, in their order."""
        tokens = [self.tokenizer(field) for field in self.study.token_fields]
        for scale in ("micro", "meso"):
            networks.encode(self.study, self.data / f"{scale}.json", tokens, self.folder / f"{scale}_latents.json")
        latents = {scale: self.folder / f"{scale}_latents.json" for scale in ("micro", "meso")}
        maps = [
            self.fit(f"decoupled {field}", networks.fit_decoupled, field, latents["micro"])
            for field in self.study.token_fields
        ]
        micro, meso = (self.data / f"{scale}.json" for scale in ("micro", "meso"))
        coupled = self.fit("coupled", networks.fit_coupled, latents["micro"], micro, tokens, maps)
        cases = self.study.ensembles.meso.split.train
        self.fit("transfer", networks.fit_transfer, cases, 0, latents["meso"], meso, coupled)


def measure(folder: Path) -> dict[str, Any]:
    """Return what was found with cases in memory and on disk."""
    study = study_of(folder)
    for scale in ("micro", "meso"):
        write_ensemble(study, scale, folder)
    memory = Bench(study, folder, folder / "memory")
    memory.rivals()
    memory.dynamics()
    size = min(store.open_zarr(folder / f"{scale}.json", verified=False).nbytes for scale in ("micro", "meso"))
    disk = Bench(study_of(folder, size / SMALL), folder, folder / "disk")
    disk.rivals()
    disk.tokenizer("temperature")
    return {"memory": memory.found, "disk": disk.found, "disk_bytes": size, "disk_memory": size / SMALL}


def table(found: dict[str, Any]) -> Table:
    """Return what was found as a table for a terminal."""
    shown = Table("network", "cases", "updates/s", "waiting")
    for where in PLACES:
        for name, row in found[where].items():
            shown.add_row(name, PLACES[where], f"{row['updates_per_second']:.1f}", f"{100.0 * row['waiting']:.1f} %")
    return shown


def main() -> int:
    """Measure and compare with the limits; return 1 if one is passed."""
    torch.set_num_threads(1)
    console, begin = Console(), time.perf_counter()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory(prefix="tessera-training-") as name:
        found = measure(Path(name))
    found |= {"device": device, "threads": torch.get_num_threads(), "limit": LIMITS[device]}
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), **found})
    console.print(table(found))
    console.print(f"written to build/benchmarks/training.json in {time.perf_counter() - begin:.0f} s")
    much = [
        f"{name}, cases {PLACES[where]}: expected to wait at most"
        f" {100.0 * LIMITS[device]:g} % of the time, got {100.0 * row['waiting']:.1f} %"
        for where in PLACES
        for name, row in found[where].items()
        if row["waiting"] > LIMITS[device]
    ]
    for line in much:
        console.print(line)
    return 1 if much else 0


if __name__ == "__main__":
    sys.exit(main())
