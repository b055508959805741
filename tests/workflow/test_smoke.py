"""The smoke study, run by Snakemake from design to report: what it leaves behind, and that it is real."""

import json

import numpy as np
import pandas as pd
import pytest

from tessera import journal
from tessera.data import ledger, outputs, schema, store

pytestmark = pytest.mark.slow
MODELS = ("tessera", "parcv2", "cnext")
RUNS = [("micro", "tessera", 0), ("meso", "tessera", 1)] + [
    (scale, model, 1) for scale in ("micro", "meso") for model in ("parcv2", "cnext")
]
SNAPSHOTS = {"micro": 10, "meso": 14}
CASES = {"micro": 4, "meso": 3}
every_scale = pytest.mark.parametrize("scale", CASES)
every_run = pytest.mark.parametrize(("scale", "model", "cases"), RUNS)


@pytest.fixture
def results(smoke):
    return smoke.folder / "results" / "smoke"


def ensemble(results, scale):
    return store.open_zarr(results / "ensembles" / f"{scale}.json")


def prediction(results, scale, model, cases):
    return store.open_zarr(results / "predictions" / scale / model / f"n{cases}_s0_test.json")


def test_a_second_run_has_nothing_to_do(smoke):
    assert smoke.planned() == {}


@every_scale
def test_ensembles_keep_the_schema_and_say_where_they_come_from(results, scale):
    dataset = ensemble(results, scale)
    schema.check(dataset, scale)
    assert dict(dataset.sizes)["case"] == CASES[scale]
    assert dict(dataset.sizes)["time"] == SNAPSHOTS[scale]
    assert {"train", "validation", "test"} == set(dataset["split"].values)
    for attribute in ("study", "section_digest", "source_digest", "version", "git_revision", "versions"):
        assert dataset.attrs[attribute], attribute


@every_scale
def test_simulations_show_a_shock_that_crosses_and_pores_that_heat_up(results, scale):
    dataset = ensemble(results, scale).load()
    start, end = dataset.isel(time=0), dataset.isel(time=-1)
    np.testing.assert_allclose(start["velocity_x"], 0.0, atol=1e-3)
    assert float(start["microstructure"].min()) < 0.5, "expected pores at time 0"
    outlet = end["velocity_x"].isel(x=-1).mean()
    assert float(outlet) > 0.5 * float(dataset["particle_velocity"].mean()), "expected the shock at the outlet"
    assert float(end["temperature"].max()) > 1.5 * float(end["temperature"].median()), "expected hot spots"


@every_run
def test_predictions_keep_the_schema_and_are_neither_the_truth_nor_a_copy_of_its_start(results, scale, model, cases):
    predicted, whole = prediction(results, scale, model, cases).load(), ensemble(results, scale).load()
    truth = whole.isel(case=np.flatnonzero(whole["split"].values == "test"))
    assert predicted.attrs["model"] == model
    assert ("sample" in predicted.dims) == (model == "tessera")
    start = int(predicted.attrs["start_frame"])
    one = predicted["temperature"].isel(sample=0) if "sample" in predicted.dims else predicted["temperature"]
    assert one.sizes["time"] == SNAPSHOTS[scale]
    np.testing.assert_array_equal(one.isel(time=start), truth["temperature"].isel(time=start))
    later = one.isel(time=slice(start + 1, None))
    assert np.isfinite(later).all()
    assert not np.array_equal(later, truth["temperature"].isel(time=slice(start + 1, None)))
    assert not np.array_equal(later.isel(time=0), one.isel(time=start))


@every_scale
def test_scores_are_one_tidy_table_with_every_model(results, scale):
    table = pd.read_parquet(results / "scores" / f"{scale}.parquet")
    assert {"model", "n_meso", "seed", "case", "time", "metric", "value", "unit"} <= set(table.columns)
    assert set(MODELS) <= set(table["model"])
    assert not pd.read_csv(results / "scores" / f"{scale}.csv").empty


def test_every_training_has_a_history_of_finite_losses(results):
    histories = sorted((results / "models").rglob("*.jsonl"))
    assert len(histories) == 5 + 5 + 1 + 3
    for path in histories:
        epochs = [json.loads(line) for line in path.read_text().splitlines()]
        numbers = [value for epoch in epochs for value in epoch.values() if isinstance(value, float)]
        assert len(epochs) >= 2, path
        assert np.isfinite(numbers).all(), path


def test_checkpoints_open_alone(results):
    from tessera.learning import checkpoint

    for path in sorted((results / "models").rglob("*.safetensors")):
        opened = checkpoint.load(path, study="smoke")
        # a map of latents knows no field; it names the tokenizers whose latents it maps
        assert opened.facts["tokenizers"] if opened.kind == "evolve" else opened.scales, path
        assert opened.kind, path


def test_the_report_and_its_figures_are_there(results):
    page = (results / "report" / "index.html").read_text(encoding="utf-8")
    assert "smoke" in page
    assert all(model in page for model in MODELS)
    figures = sorted((results / "report" / "figures").glob("*.pdf"))
    assert figures
    assert all(figure.read_bytes().startswith(b"%PDF") for figure in figures)


def test_every_job_left_a_log_and_a_benchmark(results):
    jobs = 2 + 4 + 2 + 2 + 5 + 2 + 1 + 5 + 1 + 1 + 2 + 6 + 2 + 2 + 1
    assert len(list((results / "benchmarks").rglob("*.tsv"))) == jobs
    assert len(list((results / "logs").rglob("*.log"))) == jobs


def test_the_checksums_of_all_outputs_are_recorded_and_what_they_cost(results):
    found = outputs.digests(results)
    assert outputs.recorded(results / outputs.RECORD) == found
    assert {"study.json", "report/index.html", "scores/meso.csv", "ensembles/micro.zarr"} <= set(found)
    for name in found:
        if name.startswith(("ensembles/", "models/", "predictions/", "cases/")) and name.endswith(("json", "jsonl")):
            assert ledger.number(ledger.read(results / name), "core_seconds") > 0.0, name


def test_every_log_ends_with_what_its_stage_took(results):
    for path in (results / "logs").rglob("*.log"):
        start, *_, end = journal.events(path)
        assert (start["event"], end["event"]) == ("start", "end"), path
        assert json.loads(path.read_text().splitlines()[-1]) == end, path
        assert end["seconds"] > 0.0 and end["peak_memory"] > 5e7, path


def test_the_run_is_done_and_its_results_are_those_of_its_record(smoke, results):
    said = json.loads(smoke.tessera("status", results, "--json").stdout)
    assert said["counts"] == {"done": len(said["jobs"]), "running": 0, "failed": 0, "stopped": 0, "waiting": 0}
    same = smoke.tessera("reproduce", results)
    assert same.returncode == 0, same.stdout


def test_nothing_half_written_is_left(results):
    assert not [path for path in results.rglob("*") if path.suffix in {".part", ".tmp"} or path.name.startswith(".tmp")]


def test_a_rules_command_gives_the_same_file_by_hand(smoke, results, tmp_path):
    again = tmp_path / "micro.json"
    ensemble_file = results / "ensembles" / "micro.json"
    said = smoke.tessera(
        "scales",
        "--study",
        results / "study.json",
        "--scale",
        "micro",
        "--ensemble",
        ensemble_file,
        "--out",
        again,
    )
    assert said.returncode == 0, said.stdout
    assert again.read_bytes() == (results / "scales" / "micro.json").read_bytes()


def test_snakemakes_own_report_can_be_made(smoke, tmp_path):
    result = smoke.snakemake("--report", str(tmp_path / "report.zip"))
    assert result.returncode == 0, result.stdout
    assert (tmp_path / "report.zip").stat().st_size > 100_000
