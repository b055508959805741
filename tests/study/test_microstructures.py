"""Sections of microstructures: what is impossible is one line, and images are found from the study file."""

import json
import math
from pathlib import Path

import pytest
import yaml

from tessera import invocation
from tessera.errors import ConfigError
from tessera.simulation.morphology.distributions import KINDS
from tessera.stages import write_study
from tessera.study import load
from tessera.study.microstructures import Distribution, Population

CONFIG = Path(__file__).parents[2] / "config"
POPULATION = {
    "kind": "population",
    "porosity": {"low": 0.04, "high": 0.12},
    "diameter": {"kind": "lognormal", "median": 1.5e-6, "spread": 0.4, "low": 7.0e-7, "high": 4.0e-6},
    "aspect": {"kind": "uniform", "low": 1.0, "high": 3.0},
    "orientation": {"kind": "von-mises", "axis": 0.5, "concentration": 2.0},
    "roughness": {"kind": "quantiles", "shares": [0.0, 0.5, 1.0], "values": [0.05, 0.1, 0.3]},
    "gap": 3.0e-7,
    "inlet": 8.0e-7,
}
IMAGE = {"kind": "image", "images": ["sem/a.png"], "pixel_size": 5.0e-8, "pore": "dark"}


def written(folder, microstructure, name="own"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump({"name": name, "ensembles": {"meso": {"microstructure": microstructure}}}))
    return [CONFIG / "config.yaml", path]


def test_a_population_has_the_defaults_that_the_documentation_names(tmp_path):
    found = load(written(tmp_path, POPULATION)).ensembles.meso.microstructure
    assert isinstance(found, Population)
    assert (found.tolerance, found.shortfall, found.correlation) == (0.005, "refuse", 0.4)


def test_every_distribution_of_a_study_can_be_drawn():
    kinds = {kind.model_fields["kind"].annotation.__args__[0] for kind in Distribution.__args__[0].__args__}
    assert kinds == set(KINDS) - {"any", "von-mises"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"diameter": {"kind": "uniform", "low": 1e-8, "high": 1e-6}},
            "diameter: expected at least a cell, 8.04e-08 m",
        ),
        ({"diameter": {"kind": "uniform", "low": 1e-6, "high": 1e-4}}, "diameter: expected less than 2.54e-05 m, for"),
        ({"diameter": {"kind": "uniform", "low": 2e-6, "high": 1e-6}}, "diameter: expected low <= high, got 2e-06 and"),
        (
            {"diameter": {"kind": "gamma"}},
            "diameter: expected a kind of 'uniform', 'lognormal', 'quantiles', got 'gamma'",
        ),
        (
            {"diameter": {**POPULATION["diameter"], "median": 9e-6}},
            "diameter: expected low <= median <= high and low <",
        ),
        ({"aspect": {"kind": "uniform", "low": 0.5, "high": 2.0}}, "aspect: expected 1 to 10, got 0.5 to 2"),
        ({"roughness": {"kind": "uniform", "low": 0.0, "high": 0.9}}, "roughness: expected 0 to 0.5, got 0 to 0.9"),
        (
            {"roughness": {"kind": "quantiles", "shares": [0.0, 1.0], "values": [0.1]}},
            "roughness.values: expected at lea",
        ),
        (
            {"roughness": {"kind": "quantiles", "shares": [0.1, 1.0], "values": [0.1, 0.2]}},
            "roughness.shares: expected rising numbers from 0 to 1",
        ),
        (
            {"roughness": {"kind": "quantiles", "shares": [0.0, 1.0], "values": [0.3, 0.2]}},
            "roughness.values: expected none below the one before",
        ),
        ({"inlet": 1.0}, "inlet: expected to leave room in a box of"),
        ({"correlation": 0.01}, "correlation: expected greater than or equal to 0.15, got 0.01"),
        ({"shortfall": "shrug"}, "shortfall: expected 'refuse' or 'warn', got 'shrug'"),
        ({"shape": 1}, "shape: expected a known key, got 'shape'"),
    ],
)
def test_an_impossible_population_is_one_line(change, line, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, POPULATION | change))
    assert f": ensembles.meso.microstructure.{line}" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"images": []}, "images: expected at least one, and each once, got []"),
        ({"images": ["a.png", "a.png"]}, "images: expected at least one, and each once"),
        ({"images": "a.png"}, "images: expected"),
        ({"pixel_size": 0.0}, "pixel_size: expected greater than 0, got 0.0"),
        ({"pixel_size": 1e-300}, "pixel_size: expected at most 1e+09 pixels along the box, got more"),
        ({"offset": [1e200, 0.0]}, "offset: expected at most 1e+09 pixels along the box, got more"),
        ({"pore": "black"}, "pore: expected 'dark' or 'bright', got 'black'"),
    ],
)
def test_impossible_images_are_one_line(change, line, tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, IMAGE | change))
    assert f": ensembles.meso.microstructure.{line}" in str(caught.value)


def images(study):
    return study.ensembles.meso.microstructure.images


def test_images_are_found_from_the_study_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_bytes((CONFIG / "config.yaml").read_bytes())
    written(tmp_path / "studies", IMAGE | {"images": ["sem/a.png", "../b.png", "/data/c.png"]})
    found = load([Path("config.yaml"), Path("studies/own.yaml")])
    assert images(found) == ("studies/sem/a.png", "b.png", "/data/c.png")


def test_the_resolved_study_names_the_same_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "studies", IMAGE)
    study = load([CONFIG / "config.yaml", Path("studies/own.yaml")])
    write_study(study, Path("results/own/study.json"))
    said = json.loads(Path("results/own/study.json").read_text())["ensembles"]["meso"]["microstructure"]["images"]
    assert said == ["../../studies/sem/a.png"]
    assert load([Path("results/own/study.json")]) == study


def test_a_check_says_which_image_is_not_there(tmp_path, monkeypatch):
    files = written(tmp_path, IMAGE)
    monkeypatch.setattr("sys.argv", ["tessera", "check", *map(str, files)])
    code, line = invocation.call()
    assert code == 2
    assert line.endswith(f"ensembles.meso.microstructure.images.0: expected a file, got none at {tmp_path}/sem/a.png")
    (tmp_path / "sem").mkdir()
    (tmp_path / "sem" / "a.png").touch()
    assert invocation.call()[0] == 0


def test_full_turns_are_axes(tmp_path):
    turned = {"orientation": {"kind": "von-mises", "axis": math.pi, "concentration": 0.0}}
    assert load(written(tmp_path, POPULATION | turned)).ensembles.meso.microstructure.orientation.axis == math.pi
