"""A study is strict: each mistake is one line with the key, what was expected and what was got."""

from pathlib import Path

import pytest

from tessera.errors import ConfigError
from tessera.stages import write_study
from tessera.study import load, merge
from tessera.study.study import read, validate

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def demo():
    return read(CONFIG / "config.yaml")


def change(content, key, value):
    *path, last = key.split(".")
    for part in path:
        content = content[part]
    content[last] = value


MISTAKES = [
    ("nmae", "demo", "nmae: expected a known key, got 'nmae'"),
    ("ensembles.micro.celss", [1, 2], "ensembles.micro.celss: expected a known key, got 'celss'"),
    ("seed", "one", "seed: expected integer, got 'one'"),
    (
        "ensembles.meso.microstructure.gap",
        "wide",
        "ensembles.meso.microstructure.gap: expected number, got 'wide'",
    ),
    ("solver.cfl", 1.5, "solver.cfl: expected less than or equal to 0.9, got 1.5"),
    ("material.viscosity", "5e-2", "material.viscosity: expected number, got '5e-2'"),
    ("material.reaction", {"kind": "magic"}, "material.reaction: expected"),
    (
        "ensembles.micro.split",
        {"train": 30, "validation": 1, "test": 1},
        "ensembles.micro.split: expected at most 24",
    ),
    ("ensembles.meso.snapshots", 12, "ensembles.meso.snapshots: expected a duration of at least 7.78e-09 s"),
    (
        "ensembles.micro.cells",
        [160, 260],
        "ensembles.micro.cells: expected stored cells that tokenizer.downsampling",
    ),
    (
        "ensembles.micro.cells",
        [160, 257],
        "ensembles.micro.cells: expected a multiple of average = 2 along x, got 257",
    ),
    ("tokenizer.widths", [8] * 5, "tokenizer.widths: expected 4 or fewer numbers for downsampling 8"),
    ("tokenizer.training.budget", {}, "tokenizer.training.budget: expected either updates or core_seconds"),
    ("rivals.cnext.meso_cases", [5], "rivals.cnext.meso_cases: expected at most 4 training cases, got 5"),
    ("evaluation.snapshots.micro", [20], "evaluation.snapshots.micro: expected at most 19, got [20]"),
    ("ensembles.micro.particle_velocity", {"low": 2.0, "high": 1.0}, "expected low <= high, got 2 and 1"),
]


@pytest.mark.parametrize(("key", "value", "line"), MISTAKES, ids=[key for key, _, _ in MISTAKES])
def test_a_mistake_is_one_line_with_its_key(demo, key, value, line):
    change(demo, key, value)
    with pytest.raises(ConfigError) as caught:
        validate(demo, "study")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(demo):
    del demo["solver"]["cfl"]
    with pytest.raises(ConfigError, match=r"solver\.cfl: expected a value, got none"):
        validate(demo, "study")


def test_the_resolved_study_reads_back_equal(demo, tmp_path):
    study = validate(demo, "study")
    write_study(study, tmp_path / "study.json")
    assert load([tmp_path / "study.json"]) == study


def test_an_overlay_says_only_what_differs(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("name: other\nensembles: {micro: {cases: 30}}\n")
    study, demo = load([CONFIG / "config.yaml", overlay]), load([CONFIG / "config.yaml"])
    assert (study.name, study.ensembles.micro.cases) == ("other", 30)
    assert study.ensembles.meso == demo.ensembles.meso


def test_another_kind_replaces_the_whole_mapping():
    base = {"map": {"kind": "unet", "base": 64}, "kept": {"a": 1}}
    assert merge(base, {"map": {"kind": "convnext", "width": 8}}) == {
        "map": {"kind": "convnext", "width": 8},
        "kept": {"a": 1},
    }
    assert merge(base, {"map": {"base": 32}})["map"] == {"kind": "unet", "base": 32}


@pytest.mark.parametrize(("text", "got"), [("a: [1", "expected YAML"), ("- 1\n- 2\n", "got list"), ("\x00", "YAML")])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, got):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=got):
        load([path])


@pytest.mark.parametrize("text", ["4e-6", "4.e-6", "4.0e-06", "0.000004", ".4E-5"])
def test_a_number_may_be_written_in_any_common_way(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(f"value: {text}\n")
    assert read(path) == {"value": 4e-6}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: expected a readable study file"):
        load([tmp_path / "none.yaml"])
