"""Compare hotspots in single and double precision: three cases, all physics, both precisions.

A round pore of 1.26 um in cells of 35 nm; an irregular pore of the micro scale; a small packing of the meso scale.
At several times: area above 875 K, mean and largest temperature there, and of the round pore, whose flow is
mirror-symmetric, the largest difference of temperature between a cell and its mirror image.

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
from tessera.physics import eos, reaction
from tessera.provenance import git_revision, versions
from tessera.simulation import design, run
from tessera.simulation.microstructure import Packing, SinglePore

OUT = Path(__file__).parents[1] / "build" / "benchmarks" / "precision.json"
HMX = {"density": 1891.0, "sound_speed": 2901.0, "slope": 2.058, "gruneisen": 1.1, "temperature": 300.0}
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
        average=1,
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
        law=eos.mie_gruneisen(**HMX),
        reaction=reaction.Tarver(),
        viscosity=0.05,
        particle_velocity=PISTON,
        cell_size=cell_size,
        snapshots=snapshots,
        interval=interval,
        precision=precision,
    )


def hotspots(done: xr.Dataset, cell_size: float, mirrored: bool) -> list[dict[str, float | None]]:
    """Return time [s], area [m2], mean and largest temperature [K], asymmetry [K] of each snapshot with a hotspot."""
    rows: list[dict[str, float | None]] = []
    for at, temperature in zip(done["time"].values, done["temperature"].values.astype(float), strict=True):
        hot = temperature > HOT
        if hot.any():
            row = {"time": at, "area": hot.sum() * cell_size**2, "mean": temperature[hot].mean()}
            row |= {"largest": temperature.max()}
            mirror = float(np.abs(temperature - temperature[::-1]).max()) if mirrored else None
            rows.append({name: float(value) for name, value in row.items()} | {"asymmetry": mirror})
    return rows


def measured() -> dict[str, dict[str, list[dict[str, float | None]]]]:
    """Return the hotspots of each case by precision."""
    found: dict[str, dict[str, list[dict[str, float | None]]]] = {}
    for name, what in cases().items():
        found[name] = {}
        for precision in ("float32", "float64"):
            found[name][precision] = hotspots(simulated(*what, precision), what[1], name == "round pore")
    return found


def main() -> int:
    """Compare both precisions."""
    found = measured()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    files.write_json(OUT, {"revision": git_revision(), "versions": versions(), "cases": found})
    shown = Table("case", "ns", "area um2, 32/64", "mean K, 32/64", "largest K, 32/64", "asymmetry K, 32/64")
    for name, both in found.items():
        for single, double in zip(both["float32"], both["float64"], strict=True):
            pairs = [
                f"{single['area'] * 1e12:.4f} / {double['area'] * 1e12:.4f}",
                f"{single['mean']:.1f} / {double['mean']:.1f}",
                f"{single['largest']:.0f} / {double['largest']:.0f}",
                "-" if single["asymmetry"] is None else f"{single['asymmetry']:.2g} / {double['asymmetry']:.2g}",
            ]
            shown.add_row(name, f"{single['time'] * 1e9:.2f}", *pairs)
    console = Console()
    console.print(shown)
    console.print("written to build/benchmarks/precision.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
