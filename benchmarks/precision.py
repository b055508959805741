"""Compare hotspots in single and double precision: three cases, all physics, both precisions.

A round pore of 1.26 um in cells of 35 nm; an irregular pore of the micro scale; a small packing of the meso scale.
At several times: area above 875 K, mean and largest temperature there, and of the round pore, whose flow is
mirror-symmetric, the largest difference of temperature between a cell and its mirror image; and the largest
difference between the precisions.

Writes build/benchmarks/precision.json.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from tessera.data import files
from tessera.provenance import git_revision, versions
from tessera.simulation import design, run
from tessera.simulation.loading import Piston
from tessera.simulation.microstructure import Packing, SinglePore
from tessera.stages import sections
from tessera.study import load

OUT = Path(__file__).parents[1] / "build" / "benchmarks" / "precision.json"
STUDY = load([Path(__file__).parents[1] / "config" / "config.yaml"])
LAW, KINETICS = sections.laws(STUDY)
HOT = 875.0  # [K]
PISTON = 1000.0  # [m/s]


def round_pore() -> tuple[np.ndarray, float, int, float]:
    """Return solid shares of a round pore, the cells' width [m], how many snapshots, and how far apart [s]."""
    cell_size, fine = 3.5e-8, 4
    y, x = (np.mgrid[: 160 * fine, : 256 * fine] + 0.5) / fine
    inside = (y - 80.0) ** 2 + (x - 80.0) ** 2 < (0.5 * 1.26e-6 / cell_size) ** 2
    return 1.0 - inside.reshape(160, fine, 256, fine).mean(axis=(1, 3)), cell_size, 7, 5.16e-10


def drawn(
    cells: tuple[int, int], cell_size: float, snapshots: int, interval: float, what: Any
) -> tuple[np.ndarray, float, int, float]:
    """Return solid shares of a drawn microstructure, and the rest as `round_pore` does."""
    case = design.design(
        name="precision",
        seed=2,
        cases=1,
        split=dict.fromkeys(design.SPLITS, 0),
        cells=cells,
        cell_size=cell_size,
        snapshots=snapshots,
        interval=interval,
        refine=1,
        particle_velocity=(PISTON, PISTON),
        microstructure=what,
    ).isel(case=0)
    return design.solid_fraction(case), cell_size, snapshots, interval


def cases() -> dict[str, tuple[np.ndarray, float, int, float]]:
    """Return the three cases by name."""
    pore = SinglePore((1.2e-6, 1.6e-6), (0.27, 0.36), (0.40, 0.60))
    pores = Packing((0.06, 0.10), (7.2e-7, 1.3e-6), (2.2e-6, 3.0e-6), gap=3.2e-7, inlet=8.0e-7)
    return {
        "round pore": round_pore(),
        "irregular pore": drawn((160, 256), 3.5e-8, 7, 5.16e-10, pore),
        "packing": drawn((128, 192), 8.04e-8, 7, 8.0e-10, pores),
    }


def simulated(solid: np.ndarray, cell_size: float, snapshots: int, interval: float, precision: str) -> xr.Dataset:
    """Return the fields of a case."""
    return run.simulate(
        solid,
        law=LAW,
        reaction=KINETICS,
        strength=sections.strength(STUDY),
        viscosity=STUDY.material.viscosity,
        conductivity=STUDY.material.conductivity,
        loading=Piston(PISTON),
        cell_size=cell_size,
        snapshots=snapshots,
        interval=interval,
        precision=precision,
    )


def hotspots(single: xr.Dataset, double: xr.Dataset, cell_size: float, mirrored: bool) -> list[dict[str, Any]]:
    """Return what each snapshot with a hotspot shows: time [s], and pairs of (single, double precision).

    Pairs are of area [m2], mean and largest temperature [K], and asymmetry [K] of a flow that should mirror itself;
    `difference` is the largest one of temperature between the precisions in any cell [K].
    """
    rows: list[dict[str, Any]] = []
    for number, at in enumerate(single["time"].values):
        both = [done["temperature"].values[number].astype(float) for done in (single, double)]
        hot = [temperature > HOT for temperature in both]
        if not all(mask.any() for mask in hot):
            continue
        row: dict[str, Any] = {"time": float(at), "difference": float(np.abs(both[0] - both[1]).max())}
        row["area"] = [float(mask.sum() * cell_size**2) for mask in hot]
        row["mean"] = [float(temperature[mask].mean()) for temperature, mask in zip(both, hot, strict=True)]
        row["largest"] = [float(temperature.max()) for temperature in both]
        mirrors = [float(np.abs(temperature - temperature[::-1]).max()) for temperature in both]
        row["asymmetry"] = mirrors if mirrored else [None, None]
        rows.append(row)
    return rows


def measured() -> dict[str, dict[str, Any]]:
    """Return the hotspots of each case, and its core-seconds by precision."""
    found = {}
    for name, what in cases().items():
        single, double = (simulated(*what, precision) for precision in ("float32", "float64"))
        rows = hotspots(single, double, what[1], name == "round pore")
        found[name] = {"rows": rows, "core_seconds": [one.attrs["core_seconds"] for one in (single, double)]}
    return found


def main() -> int:
    """Compare both precisions."""
    found = measured()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), "cases": found})
    shown = Table("case", "ns", "um2, 32/64", "mean K", "largest K", "asymmetry K", "difference K")
    for name, what in found.items():
        for row in what["rows"]:
            pairs = [
                "/".join(f"{value * 1e12:.4f}" for value in row["area"]),
                "/".join(f"{value:.2f}" for value in row["mean"]),
                "/".join(f"{value:.1f}" for value in row["largest"]),
                "/".join("-" if value is None else f"{value:g}" for value in row["asymmetry"]),
            ]
            shown.add_row(name, f"{row['time'] * 1e9:.2f}", *pairs, f"{row['difference']:.3f}")
    console = Console()
    console.print(shown)
    console.print("written to build/benchmarks/precision.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
