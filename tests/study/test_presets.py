"""Materials by name: whole, changed in single keys, refused when unknown."""

from pathlib import Path

import pytest
import yaml

from tessera.errors import ConfigError
from tessera.study import load, presets
from tessera.study.material import Material

CONFIG = Path(__file__).parents[2] / "config"
every_preset = pytest.mark.parametrize("name", presets.PRESETS)


def study(tmp_path, *overlays):
    files = []
    for number, overlay in enumerate(overlays):
        files.append(tmp_path / f"{number}.yaml")
        files[-1].write_text(yaml.safe_dump(overlay))
    return load([CONFIG / "config.yaml", *files])


@every_preset
def test_a_preset_is_a_whole_material(name):
    assert Material.model_validate(presets.material(name)).model_dump() == presets.material(name)
    assert presets.material(name).keys() == Material.model_fields.keys()


@every_preset
def test_a_name_stands_for_all_keys_and_keys_beside_it_win(name, tmp_path):
    whole = presets.material(name)
    assert study(tmp_path, {"material": name}).material.model_dump() == whole
    changed = study(tmp_path, {"material": {"preset": name, "viscosity": 0.125}}).material
    assert changed.model_dump() == whole | {"viscosity": 0.125}


def test_an_overlay_changes_single_keys_of_a_preset_below_it(tmp_path):
    found = study(tmp_path, {"material": "hmx-9.5gpa"}, {"material": {"eos": {"slope": 2.0}}}).material
    whole = presets.material("hmx-9.5gpa")
    assert found.model_dump() == whole | {"eos": whole["eos"] | {"slope": 2.0}}


def test_a_preset_replaces_what_an_overlay_below_it_said(tmp_path):
    found = study(tmp_path, {"material": {"viscosity": 0.5}}, {"material": "hmx-9.5gpa"}).material
    assert found.model_dump() == presets.material("hmx-9.5gpa")


@pytest.mark.parametrize("wrong", ["hmx", {"preset": "tnt", "viscosity": 0.1}, {"preset": 3}, 7])
def test_an_unknown_preset_is_one_line_that_lists_them(wrong, tmp_path):
    with pytest.raises(ConfigError, match=r"material.*expected ") as caught:
        study(tmp_path, {"material": wrong})
    assert "\n" not in str(caught.value)
    if wrong != 7:
        assert f"expected a preset of {', '.join(sorted(presets.PRESETS))}, got" in str(caught.value)
