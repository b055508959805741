"""Changes of a study, one at a time: what is refused, what the table says, what is kept."""

import logging
from math import nan
from pathlib import Path

import pytest
import yaml

from tessera.data import files
from tessera.errors import ConfigError
from tessera.stages import sensitivity
from tessera.validation import page

CONFIG = Path(__file__).parents[2] / "config"
COARSE = {
    "name": "coarse",
    "ensembles": {"micro": {"cells": [40, 64], "cell_size": 1.02e-7}},
    "evaluation": {"snapshots": {"meso": [3, 8]}},
}
GROUP = {"scale": "micro", "cases": [3, 5], "snapshots": [6, 9], "changes": {"hotter": {}}}


def vary(folder, **group):
    study, changes = folder / "coarse.yaml", folder / "changes.yaml"
    study.write_text(yaml.safe_dump(COARSE))
    changes.write_text(yaml.safe_dump({"groups": [GROUP | group]}))
    sensitivity.vary(
        [CONFIG / "config.yaml", CONFIG / "validation.yaml", study], changes, folder / "results", folder / "page.md"
    )


@pytest.mark.parametrize(
    ("group", "line"),
    [
        ({"cases": [48]}, "groups.0.cases: expected numbers below 48, got 48"),
        ({"snapshots": [6, 20]}, "groups.0.snapshots: expected numbers below 20, got 20"),
        ({"cases": [3, 3]}, "cases: .*each once"),
        ({"scale": "nano"}, "scale: expected 'micro' or 'meso', got 'nano'"),
        ({"changes": {}}, "changes"),
        ({"changes": {"no heat": {"material": {"conductvity": 0.0}}}}, "groups.0.changes.no heat.*conductvity"),
        ({"changes": {"bare": {"ensembles": {"micro": {"import": "elsewhere"}}}}}, "elsewhere"),
    ],
)
def test_changes_that_make_no_cases_are_one_line_before_any_is_simulated(tmp_path, group, line):
    with pytest.raises(ConfigError, match=line):
        vary(tmp_path, **group)
    assert not (tmp_path / "results").exists() and not (tmp_path / "page.md").exists()


def test_hotspots_that_go_out_or_never_were_have_no_difference():
    group = {
        "scale": "micro",
        "cases": [3],
        "snapshots": [6, 9],
        "unchanged": {"hot": [0.0, 0.2], "temperature": [nan, 1e3]},
    }
    out = {"hot": [0.1, 0.0], "temperature": [900.0, nan]}
    assert "| cold | -, -100 % | -, - % |" in page.sensitivities([group | {"changes": {"cold": out}}])


@pytest.mark.slow
def test_the_table_says_what_each_change_does_and_keeps_what_was_simulated(tmp_path, caplog):
    caplog.set_level(logging.INFO, "tessera")
    cold = {"reaction": {"kind": "inert"}}
    changes = {
        "as it is": {},
        "no reaction": {"material": cold},
        "cells half as wide": {"ensembles": {"micro": {"refine": 2}}},
    }
    for kept in (0, 6):
        caplog.clear()
        vary(tmp_path, changes=changes)
        assert caplog.text.count("kept") == kept  # of two cases each: as it is, changed to what it is, and two changes
    group = files.read_json(tmp_path / "sensitivity.json")["groups"][0]
    assert group["changes"]["as it is"]["hot"] == group["unchanged"]["hot"]
    assert group["changes"]["no reaction"]["temperature"][-1] < group["unchanged"]["temperature"][-1]
    text = (tmp_path / "page.md").read_text()
    assert "Micro cases 3 and 5, at snapshots 6 and 9:" in text
    assert "| as it is | +0, +0 % | +0, +0 % |" in text
    assert "| cells half as wide |" in text
