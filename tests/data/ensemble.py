"""A small ensemble that keeps the schema, from a seed."""

import numpy as np
import xarray as xr

from tessera.data import schema


def ensemble(cases=4, snapshots=5, ny=8, nx=16, seed=0):
    """Return random fields of dims (case, time, y, x) with the coordinates of the schema."""
    rng = np.random.default_rng(seed)
    shape = (cases, snapshots, ny, nx)
    split = ["train"] * (cases - 2) + ["validation", "test"]
    dataset = xr.Dataset(
        {name: (schema.DIMS, rng.normal(300.0, 20.0, shape).astype("float32")) for name in schema.SIMULATED},
        coords={
            "case": np.arange(cases),
            "time": np.arange(snapshots) * 1.72e-10,
            "y": (np.arange(ny) + 0.5) * 7e-8,
            "x": (np.arange(nx) + 0.5) * 7e-8,
            "split": ("case", split),
            "particle_velocity": ("case", np.full(cases, 1000.0)),
            "seed": ("case", np.arange(cases)),
            "porosity": ("case", np.full(cases, 0.1)),
            "pores": ("case", np.ones(cases, int)),
        },
    )
    return schema.describe(dataset)
