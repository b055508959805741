"""What a path holds is found without reading values; what is broken is said, and the others stay."""

import json
import shutil

import pytest

from tessera.data import files, schema, store
from tessera.errors import DataError
from tessera.viewer import stores
from tests.data.ensemble import ensemble
from tests.evaluation import synthetic
from tests.viewer import study


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the results of a whole study, only to be read."""
    return study.results(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def results(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "results")


def places(shelf):
    return [one.place for one in shelf.stores]


def test_a_study_has_its_stores_by_scale_and_the_truth_first(whole):
    shelf = stores.find(whole)
    assert shelf.groups == ["meso", "micro"]
    assert [one.label for one in shelf.of("meso")] == [
        "simulation",
        "tessera, 2 meso cases, seed 0, 2 members",
        "PARCv2, 4 meso cases, seed 0",
        "CNextU-Net, 2 meso cases, seed 0",
    ]
    assert [one.model for one in shelf.of("micro")] == ["truth", "tessera", "parcv2", "cnext", "reconstruction"]
    truth, made = shelf.of("meso")[:2]
    assert (truth.cases, made.cases, truth.members, made.members) == ([0, 1, 2, 3], [2, 3], 0, 2)
    assert truth.fields == [*schema.SIMULATED]
    assert shelf.broken == {}


def test_what_is_no_store_of_the_schema_is_not_looked_at(results):
    before = places(stores.find(results))
    files.write_json(results / "study.json", {"name": "synthetic"})
    shutil.copytree(results / "ensembles", results / "latents")
    assert places(stores.find(results)) == before


def test_opening_reads_no_values(results):
    for manifest in results.rglob("*.json"):
        for field in schema.SIMULATED:
            shutil.rmtree(manifest.with_suffix(".zarr") / field / "c", ignore_errors=True)
    shelf = stores.find(results)
    assert len(shelf.stores) == 9
    assert shelf.broken == {}
    shelf.verify()
    assert (len(shelf.stores), len(shelf.broken), shelf.unverified) == (0, 9, 0)


def test_a_manifest_alone_is_one_store(whole):
    shelf = stores.find(whole / "predictions" / "meso" / "tessera" / "n2_s0_test.json")
    assert [(one.place, one.group, one.model) for one in shelf.stores] == [("n2_s0_test.json", "meso", "tessera")]


def test_a_folder_of_manifests_has_each_by_its_name(tmp_path):
    for name in ("b", "a"):
        store.save_zarr(ensemble(ny=6 if name == "a" else 8), tmp_path / f"{name}.json")
    assert stores.find(tmp_path).groups == ["a", "b"]


@pytest.mark.parametrize("squeezed", [True, False])
def test_a_case_file_is_one_store(tmp_path, squeezed):
    dataset = ensemble().isel(case=[2])
    store.save_netcdf(dataset.squeeze("case") if squeezed else dataset, tmp_path / "case_0002.nc")
    (one,) = stores.find(tmp_path / "case_0002.nc").stores
    assert (one.cases, one.dataset["split"].values.tolist(), one.model) == ([2], ["validation"], "truth")
    assert one.dataset["temperature"].dims == schema.DIMS


def test_where_there_is_no_store_one_line_says_so(whole, tmp_path):
    for path in (tmp_path, tmp_path / "none.json", tmp_path / "none.nc", whole / "ensembles" / "meso.zarr"):
        with pytest.raises(DataError, match=r"expected .*found no"):
            stores.find(path)


def break_checksum(results):
    study.damage(results / "ensembles" / "micro.json")


def break_schema(results):
    said = results / "ensembles" / "micro.zarr" / "pressure" / "zarr.json"
    content = json.loads(said.read_text())
    content["attributes"]["units"] = "bar"
    said.write_text(json.dumps(content))


def break_metadata(results):
    (results / "ensembles" / "micro.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_ty')


def break_manifest(results):
    (results / "ensembles" / "micro.json").write_text("[]")


def break_axis(results):
    store.save_zarr(ensemble(), results / "ensembles" / "micro.json")


@pytest.mark.parametrize(
    ("breaks", "place", "said"),
    [
        (break_checksum, "ensembles/micro.json", "expected checksum"),
        (break_schema, "ensembles/micro.json", "pressure: expected units 'Pa', got 'bar'"),
        (break_metadata, "ensembles/micro.json", "expected a whole Zarr store"),
        (break_manifest, "ensembles/micro.json", "expected a JSON object"),
        (break_axis, "predictions/micro/cnext/n2_s0_test.json", "time: expected the 5 values of the truth"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_broken_is_said_and_the_others_stay(results, breaks, place, said):
    breaks(results)
    shelf = stores.find(results)
    shelf.verify()
    assert said in shelf.broken[place]
    assert str(results) in shelf.broken[place]
    assert place not in places(shelf)
    assert len(shelf.of("meso")) == 4
    assert len(shelf.stores) + len(shelf.broken) == 9


def test_a_store_that_is_removed_while_it_is_verified_is_broken(results):
    shelf = stores.find(results)
    shutil.rmtree(results / "ensembles" / "meso.zarr")
    shelf.verify()
    assert "found none" in shelf.broken["ensembles/meso.json"]
    assert len(shelf.stores) == 8


def test_nothing_but_broken_stores_is_refused(tmp_path):
    dataset = synthetic.ensemble()
    dataset["pressure"].attrs["units"] = "bar"
    store.save_zarr(dataset, tmp_path / "a.json")
    with pytest.raises(DataError, match=r"a\.json: pressure: expected units 'Pa'"):
        stores.find(tmp_path / "a.json")
    store.save_zarr(dataset, tmp_path / "b.json")
    with pytest.raises(DataError, match="expected a whole store, got 2 broken"):
        stores.find(tmp_path)


@pytest.mark.parametrize("size", [{"x": slice(1)}, {"y": slice(1)}, {"time": slice(0)}, {"case": slice(0)}])
def test_a_store_without_cases_snapshots_or_cells_is_refused(tmp_path, size):
    store.save_zarr(ensemble().isel(size), tmp_path / "a.json")
    with pytest.raises(DataError, match=r"expected cases, snapshots and cells, got \d along"):
        stores.find(tmp_path / "a.json")


def test_a_store_without_a_field_of_the_schema_is_refused(tmp_path):
    store.save_zarr(ensemble().drop_vars([*schema.SIMULATED]), tmp_path / "a.json")
    with pytest.raises(DataError, match="expected field 'temperature'"):
        stores.find(tmp_path / "a.json")
