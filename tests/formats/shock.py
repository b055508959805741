"""A small set with the looks of a shock over a pore, whose every axis and field can be told from the others."""

from collections.abc import Iterable

import numpy as np
import xarray as xr

from tessera.data import schema
from tessera.data.fields import SIMULATED

CELL_SIZE = 5.2e-8  # m
INTERVAL = 1.7e-10  # s
PARTICLE_VELOCITY = 950.0  # m/s


def shocked(
    cases: int = 3,
    snapshots: int = 5,
    ny: int = 12,
    nx: int = 20,
    seed: int = 0,
    *,
    fields: Iterable[str] = SIMULATED,
) -> xr.Dataset:
    """Return cases of the schema: a front runs from the left over a pore above the middle, and heats it.

    The first cases are for training, the last two for validation and test. `fields` can be any of the schema.
    """
    rng = np.random.default_rng(seed)
    each = [_case(snapshots, ny, nx, rng) for _ in range(cases)]
    values = {name: (schema.DIMS, np.stack([one[name] for one in each]).astype("float32")) for name in fields}
    solid = np.array([one["microstructure"][0].astype("float32").mean(dtype="float64") for one in each])
    coords = {
        "case": np.arange(cases),
        "time": INTERVAL * np.arange(snapshots),
        "y": CELL_SIZE * (np.arange(ny) + 0.5),
        "x": CELL_SIZE * (np.arange(nx) + 0.5),
        "split": ("case", ["train"] * (cases - 2) + ["validation", "test"]),
        "name": ("case", [f"pore_{number:03d}" for number in range(cases)]),
        "particle_velocity": ("case", PARTICLE_VELOCITY + 10.0 * np.arange(cases)),
        "porosity": ("case", 1.0 - solid),
    }
    return schema.describe(xr.Dataset(values, coords=coords))


def _case(snapshots: int, ny: int, nx: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return every field of the schema, (time, y, x), in SI."""
    y, x = (np.arange(ny) + 0.5)[:, None] / ny, (np.arange(nx) + 0.5)[None, :] / nx
    centre = 0.68 + 0.04 * rng.random(), 0.38 + 0.04 * rng.random()
    front = np.linspace(0.05, 0.85, snapshots)[:, None, None]
    behind = 0.5 * (1.0 - np.tanh((x - front) * 12.0)) + np.zeros((snapshots, ny, nx))
    distance = np.hypot((y - centre[0]) * ny, (x - centre[1]) * nx) / min(ny, nx)
    closing = np.clip((front - centre[1] + 0.1) / 0.4, 0.0, 1.0)
    radius = 0.22 * (1.0 - 0.8 * closing)
    pore = 0.5 * (1.0 - np.tanh((distance - radius) * 15.0))
    hot = closing * np.exp(-((distance / 0.2) ** 2))
    grain = 1.0 + 0.01 * rng.random((ny, nx))
    solid = 1.0 - pore
    return {
        "temperature": (300.0 + 250.0 * behind + 1400.0 * hot) * grain,
        "pressure": 9.5e9 * behind * (1.0 - 0.5 * pore) * grain,
        "microstructure": solid,
        "velocity_x": 960.0 * behind * grain,
        "velocity_y": -120.0 * hot * np.tanh((y - centre[0]) * 6.0) * grain,
        "density": 1800.0 * (0.05 + 0.95 * solid) * (1.0 + 0.3 * behind),
        "initial_microstructure": np.broadcast_to(solid[0], solid.shape),
    }
