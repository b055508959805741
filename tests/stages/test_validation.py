"""The comparison by its command: what it refuses, what it writes, what it keeps."""

import logging
from pathlib import Path

import pytest
import yaml

from tessera.data import files
from tessera.errors import ConfigError, DataError
from tessera.stages import validation
from tessera.study import load
from tessera.validation.published import FIGURES, SAMPLES

CONFIG = Path(__file__).parents[2] / "config"


def study(folder, **ensembles):
    path = folder / "own.yaml"
    path.write_text(
        yaml.safe_dump({"name": "own", "ensembles": ensembles, "evaluation": {"snapshots": {"meso": [3, 8]}}})
    )
    return load([CONFIG / "config.yaml", CONFIG / "validation.yaml", path])


def test_ensembles_that_the_figures_do_not_speak_of_are_refused(tmp_path):
    packing = {
        "kind": "packing",
        "porosity": {"low": 0.02, "high": 0.02},
        "smallest_diameter": {"low": 9e-7, "high": 9e-7},
        "largest_diameter": {"low": 2e-6, "high": 2e-6},
        "gap": 3e-7,
        "inlet": 2e-6,
    }
    for meso, said in (
        ({"microstructure": packing}, "expected a population, got packing"),
        ({"particle_velocity": {"low": 900.0, "high": 1000.0}}, "expected one particle velocity"),
        ({"snapshots": 27}, "expected more than 27, got 27"),
    ):
        with pytest.raises(ConfigError, match=said):
            validation.validate(study(tmp_path, meso=meso), tmp_path, tmp_path / "dns.md")


def test_a_quick_study_has_the_same_boxes(tmp_path):
    whole = study(tmp_path)
    quick = validation.quickened(whole)
    for scale in SAMPLES:
        one, other = whole.ensembles[scale], quick.ensembles[scale]
        assert [n * other.cell_size for n in other.cells] == pytest.approx([n * one.cell_size for n in one.cells])
        assert other.snapshots == one.snapshots


@pytest.mark.slow
def test_a_quick_comparison_is_written_and_its_cases_are_kept(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tessera")
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{validation.BEGIN.format('validation')}old\n{validation.END}\nAfter.\n")
    for kept in (0, 6):
        caplog.clear()
        validation.validate(study(tmp_path), tmp_path / "results", page, quick=True)
        assert caplog.text.count("whole and of the same key, kept") == kept
    said = files.read_json(tmp_path / "page.json")
    assert said["quick"] is True
    assert said["figures"].keys() == FIGURES.keys()
    assert 8.5e9 < said["figures"]["bulk_pressure"]["value"] < 9.6e9  # coarse cells smear the front
    assert 480.0 < said["figures"]["bulk_temperature"]["value"] < 510.0
    areas, warm = (
        {scale: [row["mean"] for row in said["samples"][scale][name]] for scale in SAMPLES}
        for name in ("hot", "temperature")
    )
    assert areas["micro"][:4] == sorted(areas["micro"][:4]) and areas["micro"][3] > 3.0 * areas["micro"][0]
    assert warm["micro"][3] > 2500.0  # four snapshots of a pore that ignites
    assert areas["meso"][1] > areas["meso"][0] > 0.0  # the front meets more pores, whose coarse hotspots then shrink
    assert areas["meso"][2:] == sorted(areas["meso"][2:], reverse=True) and areas["meso"][4] < 0.7 * areas["meso"][2]
    assert min(warm["meso"]) > 875.0 and max(warm["meso"]) < 1500.0  # and do not burn
    text = page.read_text()
    assert text.startswith("Before.\n") and text.endswith("After.\n") and "old" not in text
    assert "3 micro and 3 meso cases" in text
    assert (tmp_path / "page.png").stat().st_size > 0
    page.write_text("No marks.\n")
    with pytest.raises(DataError, match="expected the marks"):
        validation.validate(study(tmp_path), tmp_path / "results", page, quick=True)
