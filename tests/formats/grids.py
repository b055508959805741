"""Gridded sets as everyone writes them, the least mapping of them, and what importing them must answer."""

import warnings

import numpy as np
import pytest

from tessera.data import schema
from tessera.errors import DataError
from tests.formats.mutations import imported


def said(kind, fields=tuple(schema.SIMULATED), **more):
    """Return the least mapping of a set with a dimension of cases."""
    return {
        "format": kind,
        "shock": "left",
        "fields": {name: {} for name in fields},
        "dims": {"case": "case"},
    } | more


def saved(dataset, path, kind, **options):
    """Write a dataset as xarray does for everyone, and return its path."""
    dataset = dataset.copy(deep=True)
    if kind == "netcdf":
        dataset.to_netcdf(path.with_suffix(".nc"), **options)
        return path.with_suffix(".nc")
    with warnings.catch_warnings(action="ignore"):  # Zarr 3 has no final specification of texts
        dataset.to_zarr(path.with_suffix(".zarr"), **({"zarr_format": 2, "consolidated": False} | options))
    return path.with_suffix(".zarr")


def is_same(cases, expected, *, coordinates=(), fields=None):
    """Assert that imported cases are those expected, bit by bit."""
    assert len(cases) == expected.sizes["case"]
    for number, one in enumerate(cases):
        for name in fields or schema.fields_of(expected):
            np.testing.assert_array_equal(one[name].values[0], expected[name].values[number], err_msg=name)
        for name in ("time", "y", "x"):
            np.testing.assert_array_equal(one[name], expected[name], err_msg=name)
        for name in coordinates:
            assert one[name].values[0] == expected[name].values[number]


def refused(path, content, *words):
    """Assert that a set is refused in one line with these words, when it is opened or read."""
    with pytest.raises(DataError) as caught:
        imported(path, content)
    text = str(caught.value.args[0])
    assert "\n" not in text
    for word in words:
        assert word in text, text
