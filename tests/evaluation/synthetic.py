"""A small study whose results keep every schema: a moving front, hot blobs that grow, marred predictions.

It is the demo study by another name; whom it predicts and where results lie follow from it, as in the workflow.
"""

import json
from pathlib import Path

import numpy as np
import xarray as xr

from tessera.data import files, ledger, schema, seals, store
from tessera.evaluation import scores, summary
from tessera.study import Study, load

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
THRESHOLD = 875.0
START = 1
MARRED = {"tessera": (0.08, 0), "parcv2": (0.3, 2), "cnext": (0.15, 1), "coarse4": (0.05, 1)}  # noise, cells late
MEMBERS = {"tessera": 2}
SHAPES = {"micro": ((6, 16, 24), 7.0e-8, 1.72e-10), "meso": ((8, 24, 36), 1.608e-7, 3.95e-10)}
SPLITS = {"micro": ["train", "train", "validation", "test", "test"], "meso": ["train", "validation", "test", "test"]}


def study(models=("tessera", "parcv2", "cnext")) -> Study:
    """Return the study that the results belong to."""
    return load([CONFIG]).model_copy(update={"name": "synthetic", "models": tuple(models)})


def runs(scale, models=("tessera", "parcv2", "cnext")) -> list[tuple[str, int, int]]:
    """Return (model, meso cases, seed) of every prediction that the study makes at a scale."""
    known = {model: study().runs(model) for model in models}
    if scale == "micro" and "tessera" in known:
        known["tessera"] = [(0, 0)]
    return [(model, n_meso, seed) for model, pairs in known.items() for n_meso, seed in pairs]


def ensemble(scale="meso", *, shape=None, splits=None, blobs=6, seed=3):
    """Return an ensemble of dims (case, time, y, x); `shape` is (snapshots, ny, nx)."""
    default, cell, interval = SHAPES[scale]
    snapshots, ny, nx = shape or default
    splits, rng = splits or SPLITS[scale], np.random.default_rng(seed)
    cases = [_case(rng, snapshots, ny, nx, 1 if scale == "micro" else blobs) for _ in splits]
    count = len(splits)
    dataset = xr.Dataset(
        {name: (schema.DIMS, np.stack([case[name] for case in cases]).astype("float32")) for name in schema.SIMULATED},
        coords={
            "case": np.arange(count),
            "time": np.arange(snapshots) * interval,
            "y": (np.arange(ny) + 0.5) * cell,
            "x": (np.arange(nx) + 0.5) * cell,
            "split": ("case", splits),
            "particle_velocity": ("case", np.full(count, 1000.0)),
            "seed": ("case", np.arange(count)),
            "porosity": ("case", np.array([1.0 - case["microstructure"][0].mean() for case in cases])),
            "pores": ("case", np.full(count, 1 if scale == "micro" else blobs)),
        },
    )
    described = schema.describe(dataset)
    described.attrs |= {"study": "synthetic", "scale": scale, "section_digest": "0" * 16, "source_digest": "1" * 16}
    described.attrs |= {"git_revision": "unknown", "version": "0", "title": scale}
    described.attrs["versions"] = json.dumps({"python": "3", "numpy": "2"})
    return described


def prediction(truth, model, n_meso, seed, *, scale="meso", noise=0.1, members=0, lag=0):
    """Return what a model that is off by `noise` and late by `lag` cells would predict of the test cases."""
    rng = np.random.default_rng([n_meso, seed, int(1000 * noise)])
    test = truth.isel(case=np.flatnonzero(truth["split"].values == "test")).copy(deep=True)
    for name in schema.SIMULATED:
        real = test[name].values
        size = max(members, 1)
        made = np.repeat(real[None], size, axis=0)
        deviation = noise * real.std() * rng.normal(size=(size, 1, 1, *real.shape[2:]))
        growth = np.linspace(0.0, 1.0, real.shape[1])[:, None, None]
        moved = np.roll(made, -lag, axis=-1) + deviation * growth
        moved[:, :, : START + 1] = made[:, :, : START + 1]
        dims = ("sample", *schema.DIMS) if members else schema.DIMS
        test[name] = (dims, (moved if members else moved[0]).astype("float32"))
    test = schema.describe(test)
    test.attrs |= {"model": model, "n_meso": n_meso, "seed": seed, "scale": scale, "split": "test"}
    test.attrs |= {"start_frame": START}
    return test


def results(folder: Path) -> Path:
    """Write all that the report reads, as the workflow leaves it, and return the folder."""
    for scale in ("micro", "meso"):
        truth, found = ensemble(scale), {}
        store.save_zarr(truth, folder / "ensembles" / f"{scale}.json", {"scale": scale})
        ledger.write(folder / "ensembles" / f"{scale}.json", {"core_seconds": 12.0 * truth.sizes["case"]})
        solvers = [(solver, 0, 0) for solver in study().solvers(scale)]
        for model, n_meso, seed in [*runs(scale), *solvers]:
            noise, lag = MARRED[model]
            members = MEMBERS.get(model, 0)
            made = prediction(truth, model, n_meso, seed, scale=scale, noise=noise, lag=lag, members=members)
            if (model, n_meso, seed) in solvers:
                del made.attrs["n_meso"], made.attrs["seed"]
            path = folder / "predictions" / scale / model / f"n{n_meso}_s{seed}_test.json"
            store.save_zarr(made, path)
            ledger.write(path, {"core_seconds": 0.8})
            found[str(path)] = made
        table = scores.table(truth, found, scale=scale, threshold=THRESHOLD, start=START)
        table.attrs["study"] = "synthetic"
        summary.save(table, folder / "scores" / f"{scale}.parquet", folder / "scores" / f"{scale}.csv")
    decoded = prediction(ensemble("micro"), "tokenizer", 0, 0, scale="micro", noise=0.05)
    store.save_zarr(decoded, folder / "reconstructions" / "micro.json")
    _benchmarks(folder / "benchmarks")
    _histories(folder / "models")
    return folder


def _case(rng, snapshots, ny, nx, blobs):
    y, x = np.meshgrid(np.linspace(0, ny / nx, ny), np.linspace(0, 1, nx), indexing="ij")
    front = np.linspace(0.02, 1.6, snapshots)[:, None, None]
    behind = 1.0 / (1.0 + np.exp(np.clip(60.0 * (x - front), -50.0, 50.0)))
    temperature, solid = 300.0 + 210.0 * behind, np.ones((snapshots, ny, nx))
    for _ in range(blobs):
        cy, cx, size = rng.uniform(0.1, 0.55), rng.uniform(0.2, 0.85), rng.uniform(0.04, 0.09)
        age = np.clip(front - cx, 0.0, None)
        distance = np.hypot(y - cy, x - cx - 0.05 * age)
        hot = np.exp(-((distance / (0.02 + 0.05 * np.sqrt(age))) ** 2)) * (age > 0)
        temperature = temperature + 3200.0 * hot * (1.0 - np.exp(-12.0 * age))
        solid = solid * (1.0 - (np.hypot(y - cy, x - cx) < size) * (1.0 - behind))
    return {
        "temperature": temperature,
        "pressure": 9.4e9 * behind * (1.0 + 0.2 * np.sin(9.0 * x + 7.0 * y + 3.0 * front)),
        "microstructure": np.clip(solid, 0.0, 1.0),
        "velocity_x": 1000.0 * behind,
        "velocity_y": 150.0 * behind * np.sin(12.0 * y),
    }


def _benchmarks(folder: Path) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    jobs = {
        "cases/micro_0000": 31.0,
        "cases/meso_0000": 95.0,
        "cases/meso_0001": 92.0,
        "tokenizer/temperature": 52.0,
        "tokenizer/pressure": 51.0,
        "latents/micro": 4.0,
        "decoupled/temperature": 21.0,
        "coupled": 84.0,
        "transfer/n2_s0": 262.0,
        "parcv2/n4_s0": 305.0,
        "cnext/n2_s0": 303.0,
        "prediction/meso_tessera_n2_s0_test": 3.0,
        "scores/meso": 2.0,
    }
    for name, seconds in jobs.items():
        row = f"{seconds}\t0:00:10\t{300 + seconds:.2f}\t900.0\t200.0\t210.0\t0.0\t1.0\t97.0\t{seconds * 0.97:.2f}\n"
        files.write_text(folder / f"{name}.tsv", header + row)
    files.write_text(folder / "study.tsv", header + "0.2\t0:00:00\tNA\tNA\tNA\tNA\tNA\tNA\t0.0\t0.1\n")


def _histories(folder: Path) -> None:
    names = [f"{stage}/{field}" for stage in ("tokenizer", "decoupled") for field in schema.SIMULATED] + ["coupled"]
    names += [f"{model}/n{n_meso}_s{seed}" for model, n_meso, seed in runs("meso")]
    for number, name in enumerate(names):
        lines = []
        for epoch in range(1, 9):
            line = {"stage": "only", "epoch": epoch, "updates": 100 * epoch}
            line |= {"learning_rate": 1e-3, "loss_fields": 0.4 / (epoch + number), "loss_hot": 0.1 / (epoch + number)}
            if epoch % 2 == 0:  # a validation that would cost more than the training is left out
                line["error"] = 0.6 / (epoch + number) + 0.01
            lines.append(line)
        sealed = seals.of_lines(lines)
        files.write_text(folder / f"{name}.jsonl", "".join(json.dumps(line) + "\n" for line in sealed))
        ledger.write(folder / f"{name}.jsonl", {"core_seconds": 40.0})
