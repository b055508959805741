"""Units by name: what CF, papers and people write becomes SI, and what is no unit is refused."""

import numpy as np
import pytest

from tessera.errors import DataError
from tessera.formats import units


@pytest.mark.parametrize(
    ("written", "target", "factor", "offset"),
    [
        ("K", "K", 1.0, 0.0),
        ("degC", "K", 1.0, 273.15),
        ("GPa", "Pa", 1e9, 0.0),
        ("Mbar", "Pa", 1e11, 0.0),
        ("m s-1", "m s-1", 1.0, 0.0),
        ("m/s", "m s-1", 1.0, 0.0),
        ("mm us^-1", "m s-1", 1e3, 0.0),
        ("km/s", "m s-1", 1e3, 0.0),
        ("g/cm^3", "kg m-3", 1e3, 0.0),
        ("kg m**-3", "kg m-3", 1.0, 0.0),
        ("1", "1", 1.0, 0.0),
        ("%", "1", 0.01, 0.0),
    ],
)
def test_units_are_known_however_they_are_written(written, target, factor, offset):
    known = units.conversion(written, target, "here")
    np.testing.assert_allclose(known, (factor, offset), rtol=1e-12)
    np.testing.assert_allclose(known.apply(np.array([2.0])), 2.0 * factor + offset, rtol=1e-12)


def test_values_in_si_are_handed_on_untouched():
    values = np.array([0.1, 300.0], dtype="float32")
    assert units.conversion("K", "K", "here").apply(values) is values


@pytest.mark.parametrize(
    "written", ["parrot", "m", "", "K K", "9", "__import__('os').abort()", "K**9**9**9", "K9^9", "K" * 1000]
)
def test_what_is_no_unit_of_this_kind_is_refused_in_one_line(written):
    with pytest.raises(DataError, match=r"^here: expected (the name of a unit|a unit of the kind of 'K'), got"):
        units.conversion(written, "K", "here")


@pytest.mark.parametrize(
    ("text", "target", "value"), [("52 nm", "m", 5.2e-8), ("0.17ns", "s", 1.7e-10), ("1 km/s", "m s-1", 1000.0)]
)
def test_a_quantity_is_the_number_that_was_written(text, target, value):
    assert units.quantity(text, target, "here") == value


@pytest.mark.parametrize("text", ["52", "nm", "52 K", "nan nm", "1e999 nm", "1e nm", "", "52 nm; 3"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(DataError, match=r"^here: expected"):
        units.quantity(text, "m", "here")


def test_two_units_can_mean_the_same():
    assert units.same("m/s", "m s-1") and units.same("kelvin", "K")
    assert not units.same("degC", "K") and not units.same("parrot", "K") and not units.same("GPa", "Pa")
