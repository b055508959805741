"""The one way of all formats: units, splits, orientation and gaps are settled here, and nothing is guessed."""

from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

from tessera.data import schema
from tessera.errors import ConfigError, DataError
from tessera.formats import importing, mapping
from tessera.formats.source import Entry
from tests.formats.shock import CELL_SIZE, INTERVAL, shocked

PLACES = {name: {"channel": number, "units": schema.FIELDS[name].units} for number, name in enumerate(schema.SIMULATED)}
SAID = {
    "format": "parctorch",
    "shock": "left",
    "fields": PLACES,
    "cell_size": "52 nm",
    "interval": "0.17 ns",
    "particle_velocity": "950 m/s",
    "orientation": {"y": "rising", "x": "rising"},
    "split": {"train": 1, "validation": 1, "test": 1},
}


class Arrays(NamedTuple):
    """A set in memory, as an opened format is one."""

    values: list[dict[str, np.ndarray]]
    entries: tuple[Entry, ...]
    units: dict[str, str | None]
    snapshots: int = 5
    cells: tuple[int, int] = (12, 20)
    interval: float | None = None
    cell_size: float | None = None
    start: float = 0.0
    rising: dict[str, bool] | None = None

    def read(self, number):
        return self.values[number]


@pytest.fixture(scope="module")
def truth():
    return shocked()


@pytest.fixture
def source(truth):
    values = [{name: truth[name].values[case] for name in schema.SIMULATED} for case in range(3)]
    return Arrays(values, tuple(Entry(f"c{n}") for n in range(3)), dict.fromkeys(schema.SIMULATED))


def read(source, **said):
    content = {name: value for name, value in (SAID | said).items() if value is not None}
    return xr.concat(list(importing.read(source, mapping.parse(content, "map"), "set")), "case")


def altered(source, change):
    return source._replace(values=[change(dict(case)) for case in source.values])


def test_what_is_read_keeps_the_schema_and_every_value(source, truth):
    found = read(source)
    schema.check(found, "found")
    for name in schema.SIMULATED:
        np.testing.assert_array_equal(found[name], truth[name])
    for name in schema.COORDINATES:
        np.testing.assert_allclose(found[name], truth[name], rtol=1e-15)
    assert found["split"].values.tolist() == ["train", "validation", "test"]
    assert found["name"].values.tolist() == ["c0", "c1", "c2"]
    np.testing.assert_array_equal(found["particle_velocity"], [950.0] * 3)
    np.testing.assert_allclose(found["porosity"], truth["porosity"])


def test_units_and_ranges_become_si(source, truth):
    def normalised(case):
        return case | {"pressure": case["pressure"] / 1e9, "microstructure": 1.0 - case["microstructure"]}

    places = PLACES | {
        "pressure": {"channel": 1, "units": "GPa"},
        "microstructure": {"channel": 2, "units": "1", "range": [1.0, 0.0]},
    }
    found = read(altered(source, normalised), fields=places)
    np.testing.assert_allclose(found["pressure"], truth["pressure"], rtol=1e-6)
    np.testing.assert_allclose(found["microstructure"], truth["microstructure"], atol=1e-6)


def test_axes_that_fall_are_turned_and_velocities_stay(source, truth):
    def upside_down(case):
        return {name: value[:, ::-1] for name, value in case.items()}

    found = read(altered(source, upside_down), orientation={"y": "falling", "x": "rising"})
    for name in schema.SIMULATED:
        np.testing.assert_array_equal(found[name], truth[name])


def test_a_shock_from_the_right_is_mirrored_with_its_velocity(source, truth):
    def mirrored(case):
        turned = {name: value[..., ::-1] for name, value in case.items()}
        return turned | {"velocity_x": -turned["velocity_x"]}

    found = read(altered(source, mirrored), shock="right")
    for name in schema.SIMULATED:
        np.testing.assert_array_equal(found[name], truth[name])


def test_the_first_snapshots_and_cells_can_be_kept(source, truth):
    found = read(source, snapshots=4, cells=[8, 16])
    for name in schema.SIMULATED:
        np.testing.assert_array_equal(found[name], truth[name][:, :4, :8, :16])
    assert found["x"].size == 16 and found["y"].size == 8 and found["time"].size == 4


def test_what_does_not_change_is_held(source, truth):
    def first(case):
        return {"temperature": case["temperature"], "initial_microstructure": case["microstructure"][0]}

    places = {"temperature": PLACES["temperature"], "initial_microstructure": PLACES["microstructure"]}
    known = altered(source, first)._replace(units=dict.fromkeys(places))
    found = read(known, fields=places)
    for snapshot in range(5):
        np.testing.assert_array_equal(found["initial_microstructure"][:, snapshot], truth["microstructure"][:, 0])
    np.testing.assert_allclose(found["porosity"], truth["porosity"])


def test_what_the_files_say_need_not_be_said_again(source, truth):
    known = source._replace(
        entries=tuple(Entry(f"c{n}", split, 900.0 + n) for n, split in enumerate(truth["split"].values)),
        interval=INTERVAL,
        cell_size=CELL_SIZE,
        start=1e-9,
        rising={"y": True, "x": True},
        units={name: schema.FIELDS[name].units for name in schema.SIMULATED},
    )
    places = {name: {"channel": place["channel"]} for name, place in PLACES.items()}
    gone = dict.fromkeys(("cell_size", "interval", "orientation", "split", "particle_velocity"))
    found = read(known, fields=places, **gone)
    np.testing.assert_allclose(found["time"], truth["time"] + 1e-9)
    np.testing.assert_array_equal(found["particle_velocity"], [900.0, 901.0, 902.0])
    assert found["split"].values.tolist() == truth["split"].values.tolist()


@pytest.mark.parametrize("key", ["cell_size", "interval", "orientation", "split"])
def test_what_neither_says_is_refused_by_its_key(source, key):
    with pytest.raises(DataError, match=rf"^set: {key}: expected it in the mapping, for the files do not say it"):
        read(source, **{key: None})


def test_a_unit_that_neither_says_is_refused(source):
    with pytest.raises(DataError, match=r"^set: fields\.pressure\.units: expected it in the mapping"):
        read(source, fields=PLACES | {"pressure": {"channel": 1}})


@pytest.mark.parametrize(
    ("known", "said", "line"),
    [
        ({"interval": 2e-10}, {}, r"interval: expected 2e-10, as the files say, got 1.7e-10"),
        ({"cell_size": 1e-7}, {}, r"cell_size: expected 1e-07, as the files say, got 5.2e-08"),
        (
            {"rising": {"y": False, "x": True}},
            {},
            r"orientation.y: expected falling, as the coordinate says, got rising",
        ),
        ({"units": {**dict.fromkeys(PLACES), "pressure": "GPa"}}, {}, r"fields.pressure.units: expected 'GPa'"),
        ({}, {"fields": {"pressure": {"channel": 1, "units": "K"}}}, r"expected a unit of the kind of 'Pa', got 'K'"),
        ({}, {"split": {"train": 1, "validation": 1, "test": 2}}, r"split: expected 3 cases together, got 4"),
        ({}, {"split": {"train": ["c9"], "validation": ["c1"], "test": ["c2"]}}, r"split: expected names of cases"),
        ({}, {"split": {"train": ["c0"], "validation": ["c1"], "test": ["c1"]}}, r"split: expected each case in one"),
        ({}, {"snapshots": 6}, r"snapshots: expected at most 5, got 6"),
        ({}, {"cells": [12, 21]}, r"cells: expected at most 20 along x, got 21"),
        ({"cells": (20, 12)}, {}, r"case c0: temperature: expected \(time, y, x\) of \(5, 20, 12\)"),
    ],
)
def test_what_contradicts_is_refused(source, known, said, line):
    with pytest.raises(DataError, match=line):
        read(source._replace(**known), **said)


def swapped_axes(case):
    """Rows taken for columns: the shock seems to run along y."""
    return {name: np.ascontiguousarray(value.swapaxes(1, 2)) for name, value in case.items()}


def swapped_velocities(case):
    return case | {"velocity_x": case["velocity_y"], "velocity_y": case["velocity_x"]}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            lambda case: case | {"temperature": case["temperature"] - 273.15},
            r"temperature: expected 200 to .* check its",
        ),
        (lambda case: case | {"temperature": case["temperature"] / 2000.0}, r"temperature: expected 200 .*normalised"),
        (lambda case: case | {"microstructure": 255.0 * case["microstructure"]}, r"microstructure: expected -0.001 to"),
        (
            lambda case: case | {"microstructure": 1.0 - case["microstructure"]},
            r"expected mostly solid .* range: \[1, 0\]",
        ),
        (swapped_velocities, r"velocity_x: expected the larger one, .* check the order of the velocities"),
        (lambda case: case | {"velocity_x": -case["velocity_x"]}, r"velocity_x: expected a mean above zero"),
        (lambda case: {n: v[..., ::-1] for n, v in case.items()}, r"expected a shock from the left, .* shock: right"),
        (lambda case: case | {"pressure": case["pressure"] * np.nan}, r"pressure: expected finite values, got nan at"),
        (lambda case: case | {"pressure": case["pressure"].astype(object)}, r"pressure: expected numbers, got object"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(source, change, line):
    with pytest.raises(DataError, match=line):
        read(altered(source, change))


def test_swapped_axes_are_seen_by_the_way_of_the_shock(source):
    turned = altered(source, swapped_axes)._replace(cells=(20, 12))
    with pytest.raises(DataError, match=r"case c0: expected a shock along x, .* H and W are swapped"):
        read(turned)
    assert read(turned, shock="none").sizes["y"] == 20


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"format": "matlab"}, "format: expected"),
        ({"fields": {}}, "fields: expected at least one field, got none"),
        ({"fields": {"heat": {"units": "K"}}}, "heat"),
        ({"fields": {"pressure": {"channel": 1, "variable": "P"}}}, "either channel or variable, got both"),
        ({"fields": {"pressure": {"channel": 1, "units": "Pa", "range": [1, 1]}}}, "two different values"),
        ({"fields": {n: PLACES["microstructure"] for n in ("microstructure", "initial_microstructure")}}, "got both"),
        ({"cell_size": "52"}, "cell_size: expected a number and a unit"),
        ({"cell_size": "-52 nm"}, "cell_size: expected more than zero"),
        ({"interval": "52 nm"}, "interval: expected a unit of the kind of 's'"),
        ({"shock": "up"}, "shock: expected 'left', 'right' or 'none', got 'up'"),
        ({"orientation": {"y": "up", "x": "rising"}}, "orientation.y: expected"),
        ({"colour": "blue"}, "colour: expected a known key"),
        ({"snapshots": 1}, "snapshots: expected greater than or equal to 3"),
    ],
)
def test_a_mistake_in_a_mapping_is_one_line_with_its_key(change, line):
    with pytest.raises(ConfigError) as caught:
        mapping.parse(SAID | change, "map.yaml")
    said = str(caught.value)
    assert said.startswith("map.yaml: ") and line in said, said
