"""Made-up cases whose every measure is known."""

import numpy as np
import xarray as xr

CELLS, CELL, INTERVAL = (80, 120), 4.12e-7, 3.95e-10
FRONT, VELOCITY = 4950.0, 1000.0
RAMP = 2.0  # cells from no pressure to all of it
PART = ((0.05, 0.556), (0.12, 0.878))


def meso(snapshots=38, inflow=550.0, radius=np.zeros_like, burnt=3800.0, shocked=580.0, velocity=VELOCITY):
    """Return a shock that runs through a block, with discs of burnt matter in rows of shocked matter."""
    time = np.arange(snapshots) * INTERVAL
    y, x = ((np.arange(cells) + 0.5) * CELL for cells in CELLS)
    shape = (snapshots, *CELLS)
    behind = np.broadcast_to(x < FRONT * time[:, None, None], shape)
    ramp = np.clip(0.5 + (FRONT * time[:, None, None] - x) / (RAMP * CELL), 0.0, 1.0) * (time[:, None, None] > 0.0)
    fed = np.broadcast_to(x < velocity * time[:, None, None], shape)
    inner = ((y > 0.12 * CELLS[0] * CELL) & (y < 0.878 * CELLS[0] * CELL))[None, :, None] & np.ones(shape, bool)
    temperature = np.where(fed, inflow, np.where(behind, np.where(inner, shocked, 495.0), 300.0))
    for disc in (20e-6, 30e-6):
        for height in (10e-6, 22e-6):
            away = np.hypot(y[:, None] - height, x - disc)[None]
            temperature = np.where(away < radius(time)[:, None, None], burnt, temperature)
    return xr.Dataset(
        {
            "temperature": (("time", "y", "x"), temperature),
            "pressure": (("time", "y", "x"), 9.35e9 * np.broadcast_to(ramp, shape)),
            "velocity_x": (("time", "y", "x"), np.where(behind, VELOCITY, 0.0)),
            "microstructure": (("time", "y", "x"), np.ones(shape)),
        },
        coords={"time": time, "y": y, "x": x},
    )
