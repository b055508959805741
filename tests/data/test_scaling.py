"""Scales come from the training split alone and can be undone."""

from typing import get_args

import numpy as np
import pytest

from tessera.data import scaling
from tessera.errors import DataError
from tests.data.ensemble import ensemble


def test_only_the_training_split_counts():
    dataset = ensemble()
    before = scaling.fit(dataset, ["temperature"], "e")
    dataset["temperature"][-2:] = 5000.0
    assert scaling.fit(dataset, ["temperature"], "e") == before
    dataset["temperature"][0] = 5000.0
    assert scaling.fit(dataset, ["temperature"], "e") != before


@pytest.mark.parametrize("kind", get_args(scaling.Kind))
def test_scaling_is_undone(kind):
    dataset = ensemble()
    values = dataset.pressure.values.astype("float64")
    scale = scaling.scales(scaling.fit(dataset, ["pressure"], "e"), kind)["pressure"]
    np.testing.assert_allclose(scale.invert(scale.apply(values)), values, rtol=1e-12)


def test_standard_and_range_mean_what_they_say():
    dataset = ensemble()
    train = dataset.temperature.values[:2].astype("float64")
    found = scaling.fit(dataset, ["temperature"], "e")
    standard = scaling.scales(found, "standard")["temperature"].apply(train)
    ranged = scaling.scales(found, "range")["temperature"].apply(train)
    assert standard.mean() == pytest.approx(0.0, abs=1e-9)
    assert standard.std() == pytest.approx(1.0)
    assert (ranged.min(), ranged.max()) == (0.0, 1.0)


def test_velocities_of_both_signs_keep_their_zero_in_range_alone():
    found = {"velocity_y": scaling.Statistics(mean=10.0, std=50.0, minimum=-300.0, maximum=100.0)}
    kinds = {kind: scaling.scales(found, kind)["velocity_y"] for kind in ("range", "extremes", "signed")}
    ends = {kind: [scale.apply(-300.0), scale.apply(0.0), scale.apply(100.0)] for kind, scale in kinds.items()}
    assert ends["range"] == pytest.approx([-1.0, 0.0, 1.0 / 3.0])
    assert ends["extremes"] == pytest.approx([0.0, 0.75, 1.0])
    assert ends["signed"] == pytest.approx([-1.0, 0.5, 1.0])


def test_the_file_reads_back_equal(tmp_path):
    found = scaling.fit(ensemble(), ["temperature", "velocity_y"], "e")
    scaling.save(found, tmp_path / "scales.json", {"study": "s"})
    assert scaling.load(tmp_path / "scales.json") == (found, {"study": "s"})


def test_a_constant_or_broken_field_is_refused():
    dataset = ensemble()
    dataset["pressure"][:] = 1.0
    with pytest.raises(DataError, match="e: pressure: expected a finite field that varies"):
        scaling.fit(dataset, ["pressure"], "e")
    dataset["pressure"][0, 0, 0, 0] = np.nan
    dataset["pressure"][0, 0, 0, 1] = 2.0
    with pytest.raises(DataError, match="pressure"):
        scaling.fit(dataset, ["pressure"], "e")


@pytest.mark.parametrize("text", ["{}", '{"statistics": {"t": {"mean": 1}}, "attrs": {}}', '{"statistics": 3}'])
def test_a_file_that_holds_no_scales_is_refused(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(DataError, match="expected a scale file"):
        scaling.load(tmp_path / "s.json")
