"""Measure what import and export cost: memory at two sizes of a set, and for 20 GiB by a line through both; time.

Sets of meso-size cases, all fields, from a seed. Each command runs in a process of its own, whose largest resident
memory counts, imports included. The peer is a copy of the files that it reads.

Writes build/benchmarks/formats.json; fails where the memory for 20 GiB is above its limit.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from tessera.data import files, schema, store
from tessera.provenance import git_revision, versions

OUT = Path(__file__).parents[1] / "build" / "benchmarks" / "formats.json"
SHAPE = (38, 160, 240)  # time, y, x
CASES = (8, 40)
GOAL, LIMIT = 20 * 2**30, 2**30  # bytes of a set and of memory
CELL_SIZE, INTERVAL = 1.608e-7, 3.95e-10
RUN = """
import resource, sys
from tessera import invocation
sys.argv = ["tessera", *sys.argv[1:]]
code, line = invocation.call()
print(line, file=sys.stderr)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
sys.exit(code)
"""


def write_set(folder: Path, cases: int) -> int:
    """Write a set of PARCtorch arrays and its mapping; return its bytes."""
    folder.mkdir()
    rng = np.random.default_rng(cases)
    for case in range(cases):
        values = rng.random((SHAPE[0], len(schema.SIMULATED), *SHAPE[1:]), dtype=np.float32)
        values[:, 0] = 300.0 + 1000.0 * values[:, 0]
        values[:, 2] = 0.5 + 0.5 * values[:, 2]
        np.save(folder / f"case_{case:05d}.npy", values)
    places = {n: {"channel": k, "units": schema.FIELDS[n].units} for k, n in enumerate(schema.SIMULATED)}
    said = {
        "format": "parctorch",
        "shock": "none",
        "fields": places,
        "cell_size": f"{CELL_SIZE} m",
        "interval": f"{INTERVAL} s",
        "orientation": {"y": "rising", "x": "rising"},
        "split": {"train": cases - 2, "validation": 1, "test": 1},
    }
    folder.with_suffix(".yaml").write_text(yaml.safe_dump(said))
    return sum(path.stat().st_size for path in folder.iterdir())


def run(*words: str | Path) -> tuple[int, float]:
    """Run a command of tessera; return its largest memory [bytes] and elapsed time [s]."""
    begin = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", RUN, *map(str, words)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {result.stderr}")
    return int(result.stdout.split()[-1]) * 1024, time.perf_counter() - begin


def copied(source: Path, target: Path) -> float:
    """Return the time of a plain copy of a folder [s]."""
    begin = time.perf_counter()
    shutil.copytree(source, target)
    took = time.perf_counter() - begin
    shutil.rmtree(target)
    return took


def measure(folder: Path, cases: int) -> dict[str, dict[str, Any]]:
    """Return what every import and export of a set of some cases costs."""
    whole = folder / f"set_{cases}"
    size = write_set(whole, cases)
    stored = folder / "stored" / "set.json"
    found: dict[str, dict[str, Any]] = {}

    def note(name: str, source: Path, memory: int, seconds: float) -> None:
        ratio = seconds / copied(source, folder / "copy")
        found[name] = {"bytes": size, "memory": memory, "seconds": seconds, "times_as_long_as_a_copy": ratio}

    note("import parctorch", whole, *run("import", whole, "--mapping", whole.with_suffix(".yaml"), "--out", stored))
    dataset = store.open_zarr(stored)
    fields: dict[str, dict[str, Any]] = {name: {} for name in schema.fields_of(dataset)}
    named = {name: {"variable": name} for name in fields}
    named |= {f"velocity_{axis}": {"variable": "velocity", "component": k} for k, axis in enumerate("xy")}
    for kind in ("parctorch", "netcdf", "well", "vtk"):
        out = folder / kind
        note(f"export {kind}", stored.with_suffix(".zarr"), *run("export", stored, "--format", kind, "--out", out))
        if kind != "vtk":
            mapping = folder / f"{kind}.yaml"
            dims = {"dims": {"time": "elapsed_time"}} if kind == "netcdf" else {}
            places = named if kind == "well" else fields
            mapping.write_text(yaml.safe_dump({"format": kind, "shock": "none", "fields": places, **dims}))
            back = folder / "back" / "set.json"
            note(f"import {kind} of ours", out, *run("import", out, "--mapping", mapping, "--out", back))
            shutil.rmtree(back.parent)
        shutil.rmtree(out)
    shutil.rmtree(whole)
    return found


def main() -> int:
    """Measure two sizes; return 1 if a set of 20 GiB would need more memory than the limit."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="tessera-formats-") as name:
        small, large = (measure(Path(name), cases) for cases in CASES)
    found = {}
    for what, row in large.items():
        first = small[what]
        slope = max(0.0, (row["memory"] - first["memory"]) / (row["bytes"] - first["bytes"]))
        expected = row["memory"] + slope * (GOAL - row["bytes"])
        found[what] = {**row, "small": first, "memory_of_20_gib": expected}
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), "limit": LIMIT, "operations": found})
    shown = Table("", "set [MiB]", "memory [MiB]", "and of the larger", "of 20 GiB", "MiB/s", "copies")
    for what, row in found.items():
        numbers = (row["small"]["bytes"], row["small"]["memory"], row["memory"], row["memory_of_20_gib"])
        rate = row["bytes"] / row["seconds"]
        cells = [f"{number / 2**20:.0f}" for number in (*numbers, rate)]
        shown.add_row(what, *cells, f"{row['times_as_long_as_a_copy']:.1f}")
    console.print(shown)
    console.print("written to build/benchmarks/formats.json")
    much = [what for what, row in found.items() if row["memory_of_20_gib"] > LIMIT]
    for what in much:
        memory = found[what]["memory_of_20_gib"] / 2**20
        console.print(f"{what}: expected at most {LIMIT / 2**20:.0f} MiB for 20 GiB, got {memory:.0f}")
    return 1 if much else 0


if __name__ == "__main__":
    sys.exit(main())
