"""Sets as a laboratory writes them, from a data set of the schema: arrays and text without names or units."""

from pathlib import Path

import numpy as np
import xarray as xr

from tests.formats.shock import CELL_SIZE, INTERVAL

SAYS_ALL = {  # of a mapping file, beside the format and the fields
    "cell_size": f"{CELL_SIZE * 1e9:.15g} nm",
    "interval": f"{INTERVAL * 1e9:.15g} ns",
    "orientation": {"y": "rising", "x": "rising"},
    "shock": "left",
    "split": {"train": 1, "validation": 1, "test": 1},
}
UNITS = {
    "temperature": "K",
    "pressure": "GPa",
    "microstructure": "1",
    "velocity_x": "km/s",
    "velocity_y": "km/s",
    "initial_microstructure": "1",
}
SCALES = {"pressure": 1e9, "velocity_x": 1e3, "velocity_y": 1e3}  # of a value in these units, where it is not SI


def in_units(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Return a field of all cases in the units above, float64, (case, time, y, x)."""
    return dataset[name].values.astype("float64") / SCALES.get(name, 1.0)


def stacked(dataset: xr.Dataset, names: list[str], axis: int) -> np.ndarray:
    """Return fields of all cases along a new axis, as (case, time, y, x) without it, in the units above."""
    return np.stack([in_units(dataset, name) for name in names], axis=axis)


def places(names: list[str]) -> dict[str, dict]:
    """Return the fields of a mapping whose channels are in this order."""
    return {name: {"channel": channel, "units": UNITS[name]} for channel, name in enumerate(names)}


def same_fields(cases: list[xr.Dataset], dataset: xr.Dataset, *, rtol: float = 1e-6) -> None:
    """Assert that imported cases are those of a data set: values, coordinates and splits."""
    found = xr.concat(cases, "case")
    assert found.sizes == dataset.sizes
    for name in found.data_vars:
        scale = float(np.abs(dataset[name]).max())
        np.testing.assert_allclose(found[name], dataset[name], rtol=rtol, atol=rtol * scale, err_msg=str(name))
        assert found[name].attrs == dataset[name].attrs
    for name in ("time", "y", "x"):
        np.testing.assert_allclose(found[name], dataset[name], rtol=1e-12, atol=0.0)
    assert found["split"].values.tolist() == dataset["split"].values.tolist()


def write_parctorch(dataset: xr.Dataset, folder: Path, names: list[str]) -> None:
    """Write (time, channel, y, x), one file for each case."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, values in enumerate(stacked(dataset, names, 2)):
        np.save(folder / f"sim_{number}.npy", values.astype("float32"))
