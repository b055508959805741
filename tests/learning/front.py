"""An exact ensemble to learn from: a front that runs along x at a constant speed and heats what it passes."""

import numpy as np
import torch
import xarray as xr

from tessera.data import scaling, schema
from tessera.learning.frames import frames, select

INTERVAL, CELL = 1.72e-10, 7.0e-8


def ensemble(cases=4, snapshots=8, ny=16, nx=48, speed=4.0, seed=0):
    """Return fields of dims (case, time, y, x); the front moves `speed` cells per snapshot.

    A band of y is a pore until the front has passed, and hot afterwards.
    """
    rng = np.random.default_rng(seed)
    y, x = np.arange(ny)[:, None], np.arange(nx)[None]
    shape = (cases, snapshots, ny, nx)
    made = {name: np.zeros(shape, np.float32) for name in schema.SIMULATED}
    for case in range(cases):
        centre_y, centre_x = rng.uniform(0.3, 0.7) * ny, rng.uniform(0.3, 0.5) * nx
        pore = np.exp(-(((y - centre_y) / 3.0) ** 2) - ((x - centre_x) / 3.0) ** 2)
        for frame in range(snapshots):
            behind = 1.0 / (1.0 + np.exp(x - speed * frame + 0.0 * y))
            made["microstructure"][case, frame] = 1.0 - pore * (1.0 - behind)
            made["pressure"][case, frame] = 9.0e9 * behind
            made["temperature"][case, frame] = 300.0 + behind * (200.0 + 1500.0 * pore)
            made["velocity_x"][case, frame] = 1000.0 * behind
            made["velocity_y"][case, frame] = 200.0 * behind * pore * np.sign(y - centre_y)
    split = ["train"] * (cases - 2) + ["validation", "test"]
    dataset = xr.Dataset(
        {name: (schema.DIMS, values) for name, values in made.items()},
        coords={
            "case": np.arange(cases),
            "time": np.arange(snapshots) * INTERVAL,
            "y": (np.arange(ny) + 0.5) * CELL,
            "x": (np.arange(nx) + 0.5) * CELL,
            "split": ("case", split),
            "particle_velocity": ("case", np.full(cases, 1000.0)),
            "seed": ("case", np.arange(cases)),
            "porosity": ("case", np.full(cases, 0.02)),
            "pores": ("case", np.ones(cases, int)),
        },
    )
    return schema.describe(dataset)


def learned(**options):
    """Return statistics, scales, training and validation frames of such an ensemble."""
    dataset = ensemble(**options)
    statistics = scaling.fit(dataset, schema.SIMULATED, "front")
    scales = scaling.scales(statistics)
    parts = (frames(select(dataset, split, "front"), scales) for split in ("train", "validation"))
    return statistics, scales, *parts


def generator(seed=0):
    """Return a seeded generator."""
    return torch.Generator().manual_seed(seed)
