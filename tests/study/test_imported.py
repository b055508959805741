"""A study of imported ensembles: one key in place of a section, and models that lack a field left out."""

import json
from pathlib import Path

import pytest

from tessera.data import schema, store
from tessera.errors import ConfigError, DataError
from tessera.stages import ensembles, write_study
from tessera.study import Imported, Simulated, load
from tests.formats.shock import shocked

CONFIG = Path(__file__).parents[2] / "config"
SHOWN = {"micro": [1, 3], "meso": [1, 3]}


@pytest.fixture
def imported(tmp_path):
    """Return what imports a data set: it gives the path of the manifest."""

    def saved(name="meso", **how):
        dataset = shocked(cases=6, snapshots=8, ny=16, nx=24, **how)
        path = tmp_path / f"{name}.json"
        store.save_zarr(dataset, path, schema.facts(dataset))
        return path

    return saved


@pytest.fixture
def study(tmp_path):
    """Return what loads the smoke study with other sections."""

    def loaded(**sections):
        overlay = tmp_path / "overlay.yaml"
        overlay.write_text(json.dumps({"evaluation": {"snapshots": SHOWN}, **sections}))
        return load([CONFIG / "config.yaml", CONFIG / "smoke.yaml", overlay])

    return loaded


def scales(**paths):
    return {scale: {"import": str(path)} for scale, path in paths.items()}


def test_one_key_takes_the_place_of_a_simulated_ensemble(study, imported, tmp_path):
    found = study(ensembles=scales(meso=imported()))
    meso = found.ensembles.meso
    assert isinstance(meso, Imported) and isinstance(found.ensembles.micro, Simulated)
    assert (meso.cells, meso.snapshots, meso.split.train) == ((16, 24), 8, 4)
    assert found.able == found.models and found.left_out() == {}
    write_study(found, tmp_path / "study.json")
    again = load([tmp_path / "study.json"])
    assert again.model_dump(mode="json") == found.model_dump(mode="json")


def test_an_imported_ensemble_can_be_replaced_by_another(study, imported, tmp_path):
    first = study(ensembles=scales(meso=imported()))
    write_study(first, tmp_path / "study.json")
    (tmp_path / "other.yaml").write_text(json.dumps({"ensembles": scales(meso=imported("other"))}))
    again = load([tmp_path / "study.json", tmp_path / "other.yaml"])
    assert again.ensembles.meso.store.endswith("other.json")


@pytest.mark.parametrize(
    ("fields", "left_out", "tokens"),
    [
        (schema.SIMULATED, {}, schema.SIMULATED),
        (
            ("temperature", "pressure", "microstructure"),
            {"parcv2": "it needs velocity_x, velocity_y, which ensembles.meso has not"},
            ("temperature", "pressure", "microstructure"),
        ),
        (
            ("temperature", "pressure", "initial_microstructure"),
            {"parcv2": "it needs velocity_x, velocity_y, which ensembles.meso has not"},
            ("temperature", "pressure"),
        ),
    ],
)
def test_models_that_lack_a_field_are_left_out_and_the_others_stay(study, imported, fields, left_out, tokens):
    found = study(ensembles=scales(meso=imported(fields=fields)))
    assert found.left_out() == left_out
    assert found.able == tuple(model for model in found.models if model not in left_out)
    assert found.token_fields == tokens


def test_a_field_that_both_scales_have_gets_a_tokenizer(study, imported):
    fields = ("temperature", "pressure", "initial_microstructure")
    micro, meso = imported("micro", fields=fields), imported("meso", fields=fields)
    found = study(ensembles=scales(micro=micro, meso=meso), tokenizer={"fields": list(fields)})
    assert found.token_fields == fields


def test_ensembles_that_can_teach_no_model_are_refused(study, imported):
    with pytest.raises(ConfigError, match=r"models: expected one that can learn .*cnext: it needs pressure"):
        study(ensembles=scales(meso=imported(fields=("temperature", "microstructure"))))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"cells": None}, "cells: expected the manifest of an ensemble to say it"),
        ({"snapshots": 2}, "snapshots"),
        ({"interval": -1.0}, "interval"),
        ({"split": {"train": 0, "validation": 1, "test": 1}}, "split.train"),
        ({"fields": "temperature"}, "fields"),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(study, imported, change, line):
    path = imported()
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=rf"ensembles\.meso\.import: .*meso\.json: {line}"):
        study(ensembles=scales(meso=path))


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}"])
def test_what_is_no_manifest_is_refused(study, tmp_path, content):
    path = tmp_path / "meso.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"ensembles\.meso\.import: .*meso\.json: .*expected"):
        study(ensembles=scales(meso=path))


def test_other_keys_beside_an_import_are_refused(study, imported):
    with pytest.raises(ConfigError, match=r"ensembles\.meso\.shard: expected a known key"):
        study(ensembles={"meso": {"import": str(imported()), "shard": 3}})


def test_cells_that_a_tokenizer_does_not_divide_matter_to_tessera_alone(study, tmp_path):
    dataset = shocked(cases=6, snapshots=8, ny=15, nx=24)
    store.save_zarr(dataset, tmp_path / "odd.json", schema.facts(dataset))
    with pytest.raises(ConfigError, match=r"ensembles\.meso\.cells: expected cells that tokenizer"):
        study(ensembles=scales(meso=tmp_path / "odd.json"))
    assert study(ensembles=scales(meso=tmp_path / "odd.json"), models=["cnext"]).able == ("cnext",)


def test_an_imported_store_is_taken_whole(study, imported, tmp_path):
    path = imported()
    found = study(ensembles=scales(meso=path))
    ensembles.adopt(found, "meso", path, tmp_path / "adopted" / "meso.json")
    taken, given = store.open_zarr(tmp_path / "adopted" / "meso.json"), store.open_zarr(path)
    for name in schema.SIMULATED:
        assert taken[name].identical(given[name])
    assert (taken.attrs["study"], taken.attrs["scale"]) == ("smoke", "meso")
    ensembles.fit_scales(found, "meso", tmp_path / "adopted" / "meso.json", tmp_path / "scales.json")


def test_a_store_that_is_not_what_the_study_was_checked_against_is_refused(study, imported, tmp_path):
    found = study(ensembles=scales(meso=imported()))
    other = shocked(cases=6, snapshots=9, ny=16, nx=24)
    store.save_zarr(other, tmp_path / "other.json", schema.facts(other))
    with pytest.raises(DataError, match=r"other\.json: snapshots: expected 8, got 9"):
        ensembles.adopt(found, "meso", tmp_path / "other.json", tmp_path / "out.json")
    with pytest.raises(DataError, match=r"ensembles\.micro: expected a key `import`"):
        ensembles.adopt(found, "micro", imported(), tmp_path / "out.json")
    with pytest.raises(DataError, match=r"ensembles\.meso: expected a scale that the study simulates"):
        ensembles.draw_design(found, "meso", tmp_path / "design.nc")
    assert not (tmp_path / "out.json").exists()
