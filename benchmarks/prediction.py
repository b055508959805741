"""Measure what a predicted snapshot costs: operations, time on one and two cores and on a GPU, memory in tiles.

Models of the demo's widths predict its meso frames, as `tessera predict` does, by weights that learned nothing: they
cost as much. The solver computes a case of the same frames in the same run, and its cost per frame is the measure.
Operations are two per multiply-add, as torch counts them; those of the paper's widths stand beside what others counted
of the published code in the same way. Processor time counts, the clock where there are two cores or a GPU; each figure
is the least of several.

Writes build/benchmarks/prediction.json; fails where the memory of a tiled mosaic grows by more than its fields.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from solver import SCALES, case
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tessera.data import files
from tessera.data.scaling import Scale, Statistics
from tessera.learning.checkpoint import Checkpoint
from tessera.models import build
from tessera.models.state import State
from tessera.models.tessera import Tessera
from tessera.provenance import git_revision, versions
from tessera.stages.networks import forecasts, tokens
from tessera.stages.networks.forecasts import Forecast
from tessera.study import Study, load

REPOSITORY = Path(__file__).parents[1]
OUT = REPOSITORY / "build" / "benchmarks" / "prediction.json"
CONFIG = REPOSITORY / "config"
STUDIES = {"demo": [], "models": [CONFIG / "models.yaml"], "paper": [CONFIG / "paper.yaml"]}
PUBLISHED = [  # 10^9 operations, counted by running the code at the commit named
    ("parcv2", "advance", [128, 256], 1255.0, "PARCtorch 52adf47, a step of RK4"),
    ("parcv2", "advance", [320, 480], 5883.0, "PARCtorch 52adf47, a step of RK4"),
    ("tessera", "decode a field", [160, 256], 84.3, "Multiscale-Latent-Dynamics 64e2a0b"),
    ("tessera", "decode a field", [320, 480], 316.0, "Multiscale-Latent-Dynamics 64e2a0b"),
    ("tessera", "encode a field", [160, 256], 12.7, "Multiscale-Latent-Dynamics 64e2a0b"),
    ("tessera", "encode a field", [320, 480], 47.5, "Multiscale-Latent-Dynamics 64e2a0b"),
    ("tessera", "apply the maps once", [160, 256], 7.1, "Multiscale-Latent-Dynamics 64e2a0b"),
    ("tessera", "apply the maps once", [320, 480], 26.7, "Multiscale-Latent-Dynamics 64e2a0b"),
    ("cnext", "advance", [128, 256], 19.3, "The Well 1.2.0, 18,571,565 parameters"),
]
FRAMES, REPEATS = 6, 3
TILE, SIDES = 512, (1024, 2048, 4096)  # cells
LIMIT = (
    64 * 2**20
)  # bytes that a tiled mosaic may take beyond its fields and tokens, from the least side to the largest
LARGE = """
import re, sys
import torch
from tessera.learning import tiling
from tessera.models import build
arguments, side, tile = {ARGUMENTS}, {SIDE}, {TILE}
with torch.no_grad():
    model = build("tessera", arguments).eval()
    unit, channels = model.downsampling, arguments["step"]["channels"]
    latents = model.encode(dict.fromkeys(model.fields, torch.zeros(1, 8 * unit, 8 * unit)))
    shown = {name: token.mean.repeat(1, 1, side // unit // 8, side // unit // 8) for name, token in latents.items()}
    tiling.decode(model, {name: token._replace(mean=shown[name]) for name, token in latents.items()}, tile)
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""


def studies() -> dict[str, Study]:
    """Return the demo and the study of the paper."""
    return {name: load([CONFIG / "config.yaml", *overlays]) for name, overlays in STUDIES.items()}


def arguments(study: Study) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return the kind and the arguments of the networks of a study that predict, by the names of the models."""
    dynamics, fields = study.dynamics, list(study.token_fields)
    step = {
        "fields": fields,
        "channels": study.tokenizer.latent_channels,
        "log_variance": dynamics.log_variance,
        "decoupled_map": dynamics.decoupled.map.model_dump(),
        "coupled_map": dynamics.coupled.map.model_dump(),
        "substeps": dynamics.transfer.substeps,
    }
    rivals = {
        name: (rival.kind, {"fields": list(study.seen(name)), **_placed(rival.network)})
        for name, rival in study.rivals.items()
    }
    return {"tessera": ("tessera", {"fields": fields, "tokenizer": tokens.arguments(study), "step": step})} | rivals


def _placed(network: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a network with a width of cells where the grid would say it; any costs the same."""
    return network | ({"spacing": 1.0} if network.get("spacing", 1.0) is None else {})


def counted(kind: str, given: dict[str, Any], cells: list[int]) -> dict[str, float]:
    """Return the operations of each part of a prediction on some cells (y, x); nothing is computed."""
    with torch.device("meta"):
        model = build(kind, given).eval().requires_grad_(False)
    state = {name: torch.empty(1, *cells, device="meta") for name in given["fields"]}
    if not isinstance(model, Tessera):
        return {"advance": operations(lambda: model(state))}
    fields = len(model.fields)
    found = {
        "encode a field": operations(lambda: model.encode(state)) / fields,
        "decode a field": operations(lambda: model.decode(model.encode(state))) / fields,
        "apply the maps once": operations(lambda: model.step(model.encode(state))),
    }
    found["decode a field"] -= found["encode a field"]
    found["apply the maps once"] -= fields * found["encode a field"]
    found["apply the maps once"] /= model.step.substeps
    return found | {"advance": model.step.substeps * found["apply the maps once"] + fields * found["decode a field"]}


def operations(work: Callable[[], object]) -> float:
    """Return the floating-point operations of a function."""
    with FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())


def all_operations(study: Study) -> list[dict[str, Any]]:
    """Return the operations of the paper's widths beside those that were counted of published code."""
    built, rows, found = arguments(study), [], {}
    for model, part, cells, published, source in PUBLISHED:
        key = (model, *cells)
        if key not in found:
            found[key] = counted(*built[model], cells)
        row = {"model": model, "part": part, "cells": cells, "operations": found[key][part]}
        rows.append(row | {"published": 1e9 * published, "source": source})
    return rows


def learned_nothing(kind: str, given: dict[str, Any], cells: tuple[int, int], device: str) -> tuple[Forecast, State]:
    """Return a model that is ready to predict, and a state of a few numbers."""
    torch.manual_seed(0)
    module: nn.Module = build(kind, given).eval().requires_grad_(False)
    known = dict.fromkeys(given["fields"], Statistics(0.0, 1.0, -3.0, 3.0))
    scales = dict.fromkeys(given["fields"], Scale(0.0, 1.0))
    forecast = forecasts.ready(Checkpoint(kind, module, known, scales, {}, {}), device, 0, cells, None)
    return forecast, {name: torch.randn(1, *cells, device=device) for name in given["fields"]}


def speed(kind: str, given: dict[str, Any], cells: tuple[int, int]) -> dict[str, Any]:
    """Return what a predicted frame takes: core-seconds on one core, seconds by the clock on two, and on a GPU."""
    row: dict[str, Any] = {"model": kind, "cells": list(cells)}
    row["parameters"] = sum(one.numel() for one in build(kind, given).parameters())
    row["operations"] = counted(kind, given, list(cells))["advance"]
    row["core_seconds"] = best(kind, given, cells, "cpu", 1, time.process_time)
    row["seconds_on_two_cores"] = best(kind, given, cells, "cpu", 2, time.perf_counter)
    row["load"] = os.getloadavg()[0]  # of the machine, which takes from the clock
    row["seconds_on_gpu"] = None
    if torch.cuda.is_available():
        row["seconds_on_gpu"] = best(kind, given, cells, "cuda", 1, time.perf_counter)
    return row


def best(
    kind: str, given: dict[str, Any], cells: tuple[int, int], device: str, threads: int, clock: Callable[[], float]
) -> float:
    """Return the least time per frame; each frame arrives on the processor, so that a GPU has to end its work."""
    torch.set_num_threads(threads)
    forecast, first = learned_nothing(kind, given, cells, device)
    spent = []
    for _ in range(REPEATS + 1):  # the first one warms up
        began = clock()
        for _ in forecasts.later(forecast, first, FRAMES):
            pass
        spent.append((clock() - began) / FRAMES)
    torch.set_num_threads(1)
    return min(spent[1:])


def memory(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the largest memory [bytes] of a process that decodes one field of large mosaics, in tiles and at once."""
    field = given["fields"][:1]
    one = {**given, "fields": field, "step": {**given["step"], "fields": field}}
    unit, channels = given["tokenizer"]["downsampling"], given["tokenizer"]["latent_channels"]
    rows = []
    for tile in (TILE, None):
        for side in SIDES:
            script = LARGE
            for word, value in {"ARGUMENTS": one, "SIDE": side, "TILE": tile}.items():
                script = script.replace(f"{{{word}}}", repr(value))
            with tempfile.TemporaryFile("w+") as said:
                subprocess.run([sys.executable, "-c", script], check=True, stdout=said)
                said.seek(0)
                taken = int(said.read()) * 1024
            row = {"side": side, "tile": tile, "bytes": taken}
            rows.append(row | {"data": 4 * side**2 * (1 + channels / unit**2)})
    return rows


def growth(rows: list[dict[str, Any]]) -> float:
    """Return how much more a tiled mosaic takes beyond its data at the largest side than at the least [bytes]."""
    beyond = [row["bytes"] - row["data"] for row in rows if row["tile"]]
    return beyond[-1] - beyond[0]


def table(found: dict[str, Any]) -> Table:
    """Return the costs of a frame as a table for a terminal."""
    shown = Table("model", "GFLOP/frame", "frames/s, one core", "two cores", "GPU", "times the solver")
    for row in found["models"]:
        rates = (row[name] for name in ("core_seconds", "seconds_on_two_cores", "seconds_on_gpu"))
        texts = ["-" if spent is None else f"{1.0 / spent:.2f}" for spent in rates]
        shown.add_row(row["model"], f"{row['operations'] / 1e9:.2f}", *texts, f"{row['times_solver']:.1f}")
    return shown


def main() -> int:
    """Measure all; return 1 if a limit is passed."""
    known = studies()
    built = arguments(known["models"])
    cells = known["demo"].ensembles.meso.cells
    scale = SCALES["meso"]
    solved = case("meso", scale)
    frame = solved["core_seconds"] / (scale.snapshots - 1)
    models = []
    for name, (kind, given) in built.items():
        if name.endswith(("-micro", "-long")):
            continue  # the same network as without
        row = speed(kind, given, tuple(cells))
        models.append({**row, "model": name} | {"times_solver": frame / row["core_seconds"]})
    held = memory(built["tessera"][1])
    found = {
        "revision": git_revision(),
        "versions": versions(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "solver": {**solved, "snapshots": scale.snapshots, "core_seconds_per_frame": frame},
        "models": models,
        "operations": all_operations(known["paper"]),
        "memory": {"rows": held, "growth": growth(held), "limit": LIMIT},
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(OUT, found)
    console = Console()
    console.print(table(found))
    for name in ("solver", "operations", "memory"):
        console.print(f"{name}: {json.dumps(found[name])}", soft_wrap=True, highlight=False)
    late = found["memory"]["growth"] > LIMIT
    if late:
        console.print(
            f"memory in tiles: expected to grow by at most {LIMIT} bytes, got {found['memory']['growth']:.0f}"
        )
    console.print("written to build/benchmarks/prediction.json")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
