"""The contract refuses each broken dataset by name."""

import numpy as np
import pytest

from tessera.data import schema
from tessera.errors import DataError
from tests.data.ensemble import ensemble

BROKEN = {
    "pressure": (lambda d: d.drop_vars("pressure"), "expected field 'pressure'"),
    "dims": (lambda d: d.transpose("time", "case", "y", "x"), "expected dims"),
    "dtype": (
        lambda d: d.assign(temperature=d.temperature.astype("float64", keep_attrs=True)),
        "expected float32",
    ),
    "units": (
        lambda d: d.assign(temperature=d.temperature.assign_attrs(units="C")),
        "expected units 'K', got 'C'",
    ),
    "split": (lambda d: d.assign_coords(split=("case", ["train", "train", "dev", "test"])), "got ['dev']"),
    "no split": (lambda d: d.drop_vars("split"), "expected coordinate 'split'"),
    "time": (
        lambda d: d.assign_coords(time=("time", d.time.values[[0, 1, 3, 2, 4]], d.time.attrs)),
        "time: expected equal rising steps",
    ),
    "x in um": (lambda d: d.assign_coords(x=d.x.assign_attrs(units="um")), "x: expected units 'm', got 'um'"),
    "twice": (lambda d: d.assign_coords(case=[0, 1, 1, 2]), "case: expected each number once"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_dataset_is_refused_by_name(name):
    breaks, line = BROKEN[name]
    with pytest.raises(DataError) as caught:
        schema.check(breaks(ensemble()), "store.zarr")
    assert line in str(caught.value)
    assert str(caught.value).startswith("store.zarr: ")


def test_a_whole_dataset_passes_and_says_its_grid():
    dataset = ensemble()
    schema.check(dataset, "store.zarr")
    assert schema.cell_size(dataset) == pytest.approx(7e-8)
    assert schema.interval(dataset) == pytest.approx(1.72e-10)


def test_members_are_allowed_only_where_asked():
    members = ensemble()
    members = schema.describe(members.map(lambda field: field.expand_dims(sample=2)))
    schema.check(members, "p", sample=True)
    schema.check(members, "p", sample=None)
    with pytest.raises(DataError, match="expected dims"):
        schema.check(members, "p")
    with pytest.raises(DataError, match="expected dims"):
        schema.check(ensemble(), "p", sample=True)


def test_cf_attributes_are_on_everything():
    dataset = ensemble()
    for name in dataset.variables:
        assert set(dataset[name].attrs) == {"long_name", "units"}, name
    assert dataset.attrs["Conventions"] == "CF-1.11"
    assert np.isfinite(dataset.time.values).all()
