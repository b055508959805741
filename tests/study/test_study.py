"""A study is strict: each mistake is one line with the key, what was expected and what was got."""

from pathlib import Path

import pytest

from tessera.errors import ConfigError
from tessera.stages import write_study
from tessera.study import load, merge, presets
from tessera.study.reading import read
from tessera.study.study import validate

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def demo():
    return presets.expanded(read(CONFIG / "config.yaml"), "study")


def change(content, key, value):
    *path, last = key.split(".")
    for part in path:
        content = content[part]
    content[last] = value


MISTAKES = [
    ("nmae", "demo", "nmae: expected a known key, got 'nmae'"),
    ("a\nb", 1, "a b: expected a known key, got 'a\\nb'"),
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
    ("material.eos", {"kind": "ideal-gas"}, "material.eos: expected a kind of 'mie-gruneisen', 'linear-hugoniot'"),
    ("material.eos.bulk_modulus", 1e10, "material.eos.bulk_modulus: expected a known key, got 'bulk_modulus'"),
    ("material.eos", {"kind": "linear-hugoniot", "gruneisen": 2.5}, "material.eos.gruneisen: expected less than or"),
    (
        "material.eos",
        {"kind": "birch-murnaghan", "gruneisen_linear": 2.1},
        "material.eos.gruneisen_linear: expected a sum with gruneisen_constant above 0 and at most 2, got 2.1",
    ),
    ("material.products", {"kind": "jwl", "omega": 0.0}, "material.products.omega: expected greater than 0, got 0.0"),
    (
        "ensembles.micro.split",
        {"train": 30, "validation": 1, "test": 1},
        "ensembles.micro.split: expected at most 24",
    ),
    ("ensembles.meso.snapshots", 12, "ensembles.meso.snapshots: expected a duration of at least 7.78e-09 s"),
    (
        "ensembles.micro.cells",
        [80, 130],
        "ensembles.micro.cells: expected cells that tokenizer.downsampling",
    ),
    ("ensembles.micro.refine", 0, "ensembles.micro.refine: expected greater than 0, got 0"),
    (
        "ensembles.micro.loading",
        {"kind": "flyer", "velocity": {"low": 2000.0, "high": 2000.0}, "thickness": 1e-6},
        "ensembles.micro.particle_velocity: expected either it or loading, got both",
    ),
    ("ensembles.micro.particle_velocity", None, "particle_velocity: expected either it or loading, got neither"),
    ("ensembles.micro.sides", "closed", "ensembles.micro.sides: expected 'symmetric', 'periodic' or 'open'"),
    (
        "material.strength",
        {"melting": {"kind": "lindemann"}},
        "material.strength.melting: expected a kind of 'kraut-kennedy', 'simon-glatzel', 'never'",
    ),
    ("tokenizer.widths", [8] * 5, "tokenizer.widths: expected 4 or fewer numbers for downsampling 8"),
    ("tokenizer.training.budget", {}, "tokenizer.training.budget: expected either updates or core_seconds"),
    ("rivals.cnext.meso_cases", [5], "rivals.cnext.meso_cases: expected at most 4 training cases, got 5"),
    ("evaluation.snapshots.micro", [20], "evaluation.snapshots.micro: expected at most 19, got [20]"),
    ("ensembles.micro.particle_velocity", {"low": 2.0, "high": 1.0}, "expected low <= high, got 2 and 1"),
    ("ensembles.micro.particle_velocity.low", 0.0, "particle_velocity.low: expected greater than 0, got 0"),
    ("ensembles.micro.cells", [160], "ensembles.micro.cells.1: expected a value, got none"),
    ("ensembles.micro.cell_size", float("nan"), "ensembles.micro.cell_size: expected a finite number, got nan"),
    ("name", "a/b c", "name: expected a match of ^[a-z0-9][a-z0-9_-]*$, got 'a/b c'"),
    ("name", "a" * 300, "name: expected at most 100 characters, got 'aaa"),
    ("models", ["cnext", "cnext"], "models: expected at least one, and each once, got ['cnext', 'cnext']"),
    ("models", ["fno"], "models.0: expected one of tessera, parcv2, cnext, got 'fno'"),
    (
        "rivals.cnext.kind",
        "vit",
        "rivals.cnext: expected a kind of 'cnext', 'fno', 'latentparc', 'parcv1', 'parcv2', got 'vit'",
    ),
    ("rivals.cnext.pretraining", {"epoch": 0}, "rivals.cnext.pretraining.epoch: expected greater than 0, got 0"),
    ("tokenizer.fields", [], "tokenizer.fields: expected at least one, and each once, got []"),
    ("rivals.cnext.seeds", [1, 1], "rivals.cnext.seeds: expected at least one, and each once, got [1, 1]"),
    ("dynamics.transfer.meso_cases", [], "dynamics.transfer.meso_cases: expected at least one"),
    ("rivals.parcv2.widths", [], "rivals.parcv2.widths: expected at least 1 items, got []"),
    ("rivals.parcv2.correction", True, "rivals.parcv2.correction_training: expected a training for this correction"),
    (
        "tokenizer.log_variance_bounds",
        [6.0, -12.0],
        "tokenizer.log_variance_bounds: expected the least first, got [6.0, -12.0]",
    ),
    (
        "dynamics.coupled.comparison",
        {"drawn": True},
        "coupled.comparison.drawn: expected false, for log_variance is false",
    ),
    (
        "dynamics.transfer.comparison",
        {"decoded_fields": ["density"]},
        "dynamics.transfer.comparison.decoded_fields: expected some of tokenizer.fields = ['temperature', 'pressure'",
    ),
    (
        "dynamics.decoupled.comparison",
        {"decoded_fields": ["pressure"]},
        "dynamics.decoupled.comparison.decoded_fields: expected null, for a map has one field, got ['pressure']",
    ),
    ("dynamics.coupled.map.kernel", 4, "dynamics.coupled.map.kernel: expected an odd width, got 4"),
    ("devices", 3, "tokenizer.training.batch: expected a multiple of devices = 3, got 4"),
    ("tokenizer.training.window", 100, "tokenizer.training.window: expected a multiple of tokenizer.downsampling = 8"),
    ("dynamics.transfer.end_to_end.window_rollout", 4, "dynamics.transfer.end_to_end.window_rollout: expected a mult"),
    ("tokenizer.training.betas", [0.9, 1.0], "tokenizer.training.betas.1: expected less than 1, got 1.0"),
    ("dynamics.decoupled.training.horizons", [{"until": 1.0, "steps": [19]}], "expected at most 18 steps, got 19"),
    ("evaluation.start", 30, "evaluation.start: expected a snapshot before the last of micro, 19, got 30"),
]
PORES = [
    ("micro", "diameter.high", 1e-4, "expected at most 5.6e-06 m, for which there is room along y, got 0.0001"),
    (
        "micro",
        "centre_x",
        {"low": 0.0, "high": 0.0},
        "diameter.high: expected at most 0 m, for which there is room along x",
    ),
    ("micro", "centre_y.high", 5.0, "expected less than or equal to 1, got 5.0"),
    ("micro", "diameter.low", 1e-12, "expected at least a cell, 3.5e-08 m, got 1e-12"),
    ("micro", "kind", "magic", "expected a kind of 'single-pore', 'packing', 'population', 'image', got 'magic'"),
    ("meso", "porosity.high", 2.0, "expected less than or equal to 1, got 2.0"),
    ("meso", "smallest_diameter.low", -1e-6, "expected greater than 0, got -1e-06"),
    (
        "meso",
        "largest_diameter",
        {"low": 1e-7, "high": 2e-7},
        "largest_diameter.high: expected at least the smallest, 7.2e-07",
    ),
    ("meso", "largest_diameter.high", 1e-3, "expected less than 2.57e-05 m, for which there is room, got 0.001"),
    ("meso", "inlet", 1.0, "expected less than 3.86e-05 m, for which there is room, got 1"),
    ("meso", "gap", 1.0, "expected less than 2.57e-05 m, for which there is room, got 1"),
]


UPON = {"large": ["paper"], "tuning": ["models"]}  # overlays of overlays, as they say of themselves


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIG.glob("*.yaml")))
def test_every_file_here_is_a_study_of_its_own_name(name):
    files = dict.fromkeys(["config", *UPON.get(name, []), name])
    study = load([CONFIG / f"{file}.yaml" for file in files])
    assert study.name == ("demo" if name == "config" else name)
    for overlay in [*UPON.get(name, []), *([] if name == "config" else [name])]:
        assert f"config/{overlay}.yaml" in (CONFIG / f"{name}.yaml").read_text()


@pytest.mark.parametrize(("key", "value", "line"), MISTAKES, ids=[key for key, _, _ in MISTAKES])
def test_a_mistake_is_one_line_with_its_key(demo, key, value, line):
    change(demo, key, value)
    with pytest.raises(ConfigError) as caught:
        validate(demo, "study")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cells_that_latents_of_a_rival_cannot_say_are_refused(demo):
    demo["rivals"]["parc"] = {
        **{key: demo["rivals"]["cnext"][key] for key in ("meso_cases", "seeds", "training")},
        **{"kind": "latentparc", "label": "LatentPARC", "hidden": 4, "latent_channels": 4, "width": 8},
        **{"padding": "zeros", "autoencoder_training": demo["rivals"]["cnext"]["training"]},
    }
    demo["models"] = ["cnext", "parc"]
    demo["evaluation"]["coarsening"] = []
    demo["ensembles"]["meso"]["cells"] = [160, 242]
    with pytest.raises(ConfigError, match="latents of 4 along x, got 242"):
        validate(demo, "study")
    demo["models"] = ["cnext"]
    validate(demo, "study")


@pytest.mark.parametrize(("scale", "key", "value", "line"), PORES, ids=[key for _, key, _, _ in PORES])
def test_pores_that_no_box_holds_are_refused_before_any_is_drawn(demo, scale, key, value, line):
    change(demo, f"ensembles.{scale}.microstructure.{key}", value)
    with pytest.raises(ConfigError) as caught:
        validate(demo, "study")
    assert f": ensembles.{scale}.microstructure" in str(caught.value)
    assert line in str(caught.value)


def test_a_long_value_is_cut_in_the_message(demo):
    change(demo, "ensembles.micro.cells", list(range(1000)))
    with pytest.raises(ConfigError) as caught:
        validate(demo, "study")
    assert "ensembles.micro.cells: expected at most 2 items, got [0, 1," in str(caught.value)
    assert len(str(caught.value)) < 200


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


TEXTS = [
    ("a: [1", "line 1, column 6: expected YAML, got"),
    ("a:\n\tb: 1\n", "line 2, column 1: expected YAML, got"),
    ("a: 1\n---\nb: 2\n", "expected YAML, got"),
    ("a: *b\n", "line 1, column 4: expected YAML, got found undefined alias"),
    ("a: !!python/object:os.system x\n", "line 1, column 4: expected YAML, got"),
    ("? [1]\n: 2\n", "expected YAML, got"),
    ("\x00", "expected YAML, got"),
    ("", "expected a mapping of keys, got NoneType"),
    ("- 1\n- 2\n", "expected a mapping of keys, got list"),
    ("seed: 2020-01-01\n", "expected plain YAML values, got"),
    ("solver: &a {b: *a}\n", "expected plain YAML values, got"),
    ("a: " + "[" * 3000 + "]" * 3000, "expected the sections of a file, got many more inside each other"),
    ("seed: 1\nname: x\nseed: 2\n", "line 3, column 1: expected YAML, got the key 'seed' twice"),
    ("solver: {cfl: 0.5, cfl: 0.6}\n", "line 1, column 20: expected YAML, got the key 'cfl' twice"),
]


@pytest.mark.parametrize(("text", "got"), TEXTS, ids=[text[:20] for text, _ in TEXTS])
def test_a_file_that_is_no_study_is_refused_in_one_line(tmp_path, text, got):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load([path])
    assert str(path) in str(caught.value)
    assert got in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_merged_key_may_stand_again(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("a: &a {b: 1, c: 2}\nd: &d {<<: *a, b: 3}\ne: {<<: [*d, *a], c: 4}\n")
    assert read(path) == {"a": {"b": 1, "c": 2}, "d": {"b": 3, "c": 2}, "e": {"b": 3, "c": 4}}


@pytest.mark.parametrize("text", ["4e-6", "4.e-6", "4.0e-06", "0.000004", ".4E-5"])
def test_a_number_may_be_written_in_any_common_way(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(f"value: {text}\n")
    assert read(path) == {"value": 4e-6}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: expected a readable file"):
        load([tmp_path / "none.yaml"])
