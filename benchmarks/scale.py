"""Measure a study of 10,000 micro and 1,000 meso cases: its dry run, its jobs on a cluster, its files, its memory.

The dry run is Snakemake's own, of config/large.yaml. Its jobs then run in a simulation: a number of nodes, durations
from what a case costs (benchmarks/solver.py measures it), some seconds that Slurm takes of each job. The memory of
assemble, scales and score is that of the commands, on ensembles of two sizes, larger than what they may allocate.

Writes build/benchmarks/scale.json; fails where a limit is passed.
"""

import heapq
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import psutil
import xarray as xr
from rich.console import Console

from tessera.data import cases, files, schema, shards, store
from tessera.provenance import file_digest, git_revision, versions
from tessera.stages import ensembles, write_study
from tessera.study import Study, load

REPOSITORY = Path(__file__).parents[1]
OUT = REPOSITORY / "build" / "benchmarks" / "scale.json"
CONFIG = REPOSITORY / "config"
OVERLAYS = (CONFIG / "paper.yaml", CONFIG / "large.yaml")
LIMITS = {"dry_run_seconds": 60.0, "dry_run_memory": 2 * 2**30, "overhead": 0.05, "growth": 64 * 2**20}
SLURM_SECONDS = 5.0  # that a job waits and ends beside its work
NODES, CORES = 4, 16
CASE_SECONDS = {"micro": 2.2, "meso": 10.0}  # benchmarks/solver.py, by the ratio of the cells' widths
OTHER_SECONDS = 600.0  # of a job that is no simulation: a guess, which does not count as work of simulations
SIZES, ALLOWED = (100, 300), 2**30  # cases of the ensembles; bytes that a command may allocate
RUN = r"""
import re, resource, sys
allowed = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
from tessera import invocation
code, line = invocation.call()
print(line, file=sys.stderr)
print(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
sys.exit(code)
"""


class Job(NamedTuple):
    """A job of the graph: its rule, its scale where it has one, the jobs that it waits for."""

    rule: str
    scale: str
    needs: tuple[int, ...]


def snakemake(folder: Path, *words: str) -> tuple[str, float, int]:
    """Return what Snakemake prints on the large study, its elapsed time [s] and largest memory, children included."""
    command = [sys.executable, "-m", "snakemake", *words, "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", *map(str, OVERLAYS)]
    begin, largest = time.perf_counter(), 0
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, stdout=said, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None:
                largest = max(largest, _memory(process.pid))
                time.sleep(0.02)
        took = time.perf_counter() - begin
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"snakemake {' '.join(words)}: expected exit code 0, got {process.returncode}")
        return said.read(), took, largest


def _memory(pid: int) -> int:
    total = 0
    try:
        for one in (first := psutil.Process(pid), *first.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def graph(text: str) -> dict[int, Job]:
    """Return the jobs of a graph in the language of dot."""
    needs: dict[int, list[int]] = {}
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", text, re.MULTILINE):
        needs.setdefault(int(after), []).append(int(before))
    said = {int(number): label for number, label in re.findall(r'^\s*(\d+)\[label = "([^"]*)"', text, re.MULTILINE)}

    def scale(number: int) -> str:
        found = re.search(r"scale: (\w+)", said[number])
        inherited = next((scale(one) for one in needs.get(number, []) if said[one].startswith("design")), "")
        return found[1] if found else inherited

    return {n: Job(label.partition("\\n")[0], scale(n), tuple(needs.get(n, ()))) for n, label in said.items()}


def schedule(jobs: dict[int, Job], seconds: dict[int, float], slots: int, overhead: float) -> float:
    """Return when the last job ends [s]: each takes a slot for its own time and the overhead, in order of readiness."""
    waiting = {number: len(job.needs) for number, job in jobs.items()}
    after: dict[int, list[int]] = {}
    for number, job in jobs.items():
        for one in job.needs:
            after.setdefault(one, []).append(number)
    ready = [number for number, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            number = heapq.heappop(ready)
            heapq.heappush(running, (now + overhead + seconds[number], number))
        now, done = heapq.heappop(running)
        for number in after.get(done, []):
            waiting[number] -= 1
            if waiting[number] == 0:
                heapq.heappush(ready, number)
    return now


def scheduled(study: Study, jobs: dict[int, Job]) -> dict[str, Any]:
    """Return how the large study goes on a cluster, and what Slurm costs it."""
    durations = {}
    for number, job in jobs.items():
        what = study.ensembles[job.scale] if job.rule == "cases" else None
        durations[number] = CASE_SECONDS[job.scale] * what.shard if what else OTHER_SECONDS
    simulated = [durations[number] for number, job in jobs.items() if job.rule == "cases"]
    spent = len(simulated) * SLURM_SECONDS
    first = {number: job for number, job in jobs.items() if job.rule in {"design", "cases"}}
    alone = sum(study.ensembles[scale].cases for scale in CASE_SECONDS) * SLURM_SECONDS
    return {
        "slots": NODES * CORES,
        "overhead_seconds_per_job": SLURM_SECONDS,
        "simulation_jobs": len(simulated),
        "shortest_simulation_job_seconds": min(simulated),
        "makespan_of_simulations": schedule(first, durations, NODES * CORES, SLURM_SECONDS),
        "makespan": schedule(jobs, durations, NODES * CORES, SLURM_SECONDS),
        "overhead": spent / (spent + sum(simulated)),
        "overhead_of_one_job_per_case": alone / (alone + sum(simulated)),
    }


def counted(study: Study, jobs: dict[int, Job]) -> dict[str, int]:
    """Return the number of files that the simulations and their ensembles leave."""
    found = {"of_shards": 0, "of_stores": 0, "without_sharding": 0}
    for scale in CASE_SECONDS:
        what = study.ensembles[scale]
        shape = (what.cases, what.snapshots, *what.cells)
        field = xr.DataArray(da.zeros(shape, dtype="float32", chunks=-1), dims=schema.DIMS, name="field")
        found["of_shards"] += 4 * what.shards  # cases, manifest, log, benchmark
        found["of_stores"] += len(what.fields) * (1 + len(list(shards.places(field))))
        found["without_sharding"] += what.cases * (1 + len(what.fields))
    return found | {"jobs": len(jobs)}


def shock(position: float, shape: tuple[int, int, int], seed: int) -> xr.Dataset:
    """Return a smooth case that packs well: a front that runs along x over snapshots of (y, x)."""
    time_, y, x = np.ogrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j, 0 : 1 : shape[2] * 1j]
    front = (x < position + time_).astype("float32") * (1.0 + 0.1 * np.round(8 * y)) + np.float32(seed % 7)
    scale = {"temperature": 1000.0, "pressure": 1e10, "microstructure": 0.1, "velocity_x": 800.0, "velocity_y": 1.0}
    fields = {name: (schema.DIMS[1:], (300.0 + scale[name] * front).astype("float32")) for name in schema.SIMULATED}
    return schema.describe(xr.Dataset(fields))


def write_ensemble(folder: Path, study: Study, count: int, size: int) -> list[Path]:
    """Write the study, a design and shards of a made-up micro ensemble of some cases; return the shards."""
    what = study.ensembles.micro
    split = {"train": count - 4, "validation": 2, "test": 2}
    changed = what.model_dump() | {"cases": count, "shard": size, "split": split}
    content = study.model_dump(mode="json")
    content["ensembles"]["micro"] = changed
    write_study(Study.model_validate_json(json.dumps(content)), folder / "study.json")
    small = load([folder / "study.json"])
    ensembles.draw_design(small, "micro", folder / "design.nc")
    drawn = store.open_netcdf(folder / "design.nc")
    shape, found = (what.snapshots, *what.cells), []
    for number, start in enumerate(range(0, count, size)):
        shard, chosen = folder / f"shard_{number:04d}.json", drawn.isel(case=slice(start, start + size))
        names = {name: ("case", chosen[name].values) for name in schema.DESIGNED}
        axes = {
            "time": np.arange(shape[0]) * what.interval,
            "y": (np.arange(shape[1]) + 0.5) * what.cell_size,
            "x": (np.arange(shape[2]) + 0.5) * what.cell_size,
        }
        numbers = chosen["case"].values.tolist()
        account = {name: ("time", np.zeros(shape[0])) for name in schema.ACCOUNT}
        made = (shock(0.1, shape, case).assign(key="0", core_seconds=1.0, steps=1, **account) for case in numbers)
        like = schema.describe(xr.Dataset(coords=axes | names))
        extremes = store.stream_netcdf(like, made, cases.joined(shard))
        ranges = {name: both for name, both in extremes.items() if name in schema.FIELDS}
        said = {"study": small.name, "scale": "micro", "cases": numbers, "extremes": ranges}
        files.write_json(shard, {**said, "sha256": file_digest(cases.joined(shard))})
        found.append(shard)
    return found


def call(allowed: int, *words: str | Path) -> tuple[int, float]:
    """Run a command of tessera that may allocate so much; return its largest memory [bytes] and elapsed time [s]."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", RUN, str(allowed), *map(str, words)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {result.stderr[-2000:]}")
    return int(result.stdout.split()[-1]) * 1024, time.perf_counter() - begin


def commands(folder: Path, written: list[Path], allowed: int) -> dict[str, dict[str, float]]:
    """Run assemble, scales and score on an ensemble; return what each took."""
    which = ["--study", folder / "study.json", "--scale", "micro"]
    truth, made = folder / "truth.json", folder / "prediction.json"
    found = {}

    def note(name: str, *words: str | Path) -> None:
        memory, seconds = call(allowed, name, *which, *words)
        found[name] = {"memory": memory, "seconds": seconds}

    note("assemble", "--design", folder / "design.nc", "--out", truth, *written)
    note("scales", "--ensemble", truth, "--out", folder / "scales.json")
    dataset = store.open_zarr(truth)
    test = dataset.isel(case=np.flatnonzero(dataset["split"].values == "test"))
    start = load([folder / "study.json"]).evaluation.start
    test.attrs |= {"model": "cnext", "n_meso": 4, "seed": 0, "start_frame": start}
    store.save_zarr(test, made)
    scores = ["--out", folder / "scores.parquet", "--summary", folder / "scores.csv", made]
    note("score", "--ensemble", truth, *scores)
    return found


def measure(study: Study, count: int) -> dict[str, Any]:
    """Return what the commands take on an ensemble of some cases."""
    with tempfile.TemporaryDirectory(prefix="tessera-scale-") as name:
        written = write_ensemble(Path(name), study, count, 50)
        found = commands(Path(name), written, ALLOWED)
        dataset = store.open_zarr(Path(name) / "truth.json", verified=False)
        return {"cases": count, "bytes": dataset.nbytes, "allowed": ALLOWED, "commands": found}


def main() -> int:
    """Measure and compare with the limits; return 1 if one is passed."""
    console, study = Console(), load([CONFIG / "config.yaml", *OVERLAYS])
    with tempfile.TemporaryDirectory(prefix="tessera-scale-") as name:
        _, took, memory = snakemake(Path(name), "--dry-run", "--quiet", "all")
        dot, _, _ = snakemake(Path(name), "--dag")
    jobs = graph(dot)
    plan = {"dry_run_seconds": took, "dry_run_memory": memory}
    plan["jobs"] = dict(sorted(Counter(job.rule for job in jobs.values()).items()))
    run, left = scheduled(study, jobs), counted(study, jobs)
    sizes = [measure(study, count) for count in SIZES]
    small, large = (size["commands"] for size in sizes)
    growth = {name: large[name]["memory"] - small[name]["memory"] for name in large}
    found = {"plan": plan, "cluster": run, "files": left, "memory": sizes, "growth": growth, "limits": LIMITS}
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), **found})
    console.print(found)
    console.print("written to build/benchmarks/scale.json")
    reached = {"overhead": run["overhead"], "growth": max(growth.values())}
    reached |= {name: plan[name] for name in ("dry_run_seconds", "dry_run_memory")}
    much = [name for name, value in reached.items() if value > LIMITS[name]]
    for name in much:
        console.print(f"{name}: expected at most {LIMITS[name]:g}, got {reached[name]:g}")
    return 1 if much else 0


if __name__ == "__main__":
    sys.exit(main())
