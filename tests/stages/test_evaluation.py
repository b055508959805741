"""Scores and report of a small study: made from its results, refused by name, nothing half written."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from tessera.data import files, ledger, outputs, schema, seals, store
from tessera.errors import DataError
from tessera.evaluation import summary
from tessera.stages import evaluation, write_study
from tests.evaluation import synthetic

PREDICTION = "predictions/meso/parcv2/n4_s0_test.json"
HISTORY = "models/tokenizer/pressure.jsonl"


@pytest.fixture
def copied(results, tmp_path):
    """Return a copy of the results, without the report, that may be harmed."""
    return shutil.copytree(results, tmp_path / "results", ignore=shutil.ignore_patterns("report"))


def predictions(folder, scale="meso"):
    runs = [*synthetic.runs(scale), *((solver, 0, 0) for solver in synthetic.study().solvers(scale))]
    return [folder / f"predictions/{scale}/{model}/n{n_meso}_s{seed}_test.json" for model, n_meso, seed in runs]


def score(folder, out, scale="meso"):
    ensemble = folder / "ensembles" / f"{scale}.json"
    files = out / f"{scale}.parquet", out / f"{scale}.csv"
    evaluation.score(synthetic.study(), scale, ensemble, predictions(folder, scale), *files)


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


def of_another_study(path):
    dataset = store.open_zarr(path).load()
    store.save_zarr(dataset.assign_attrs(study="another"), path)


def scores_of_another_study(path):
    table = summary.load(path)
    table.attrs["study"] = "another"
    summary.save(table, path, path.with_suffix(".csv"))


def truncated(path):
    path.write_bytes(path.read_bytes()[:-20])


def damaged(path):
    chunk = next(each for each in path.with_suffix(".zarr").glob("temperature/c/**/*") if each.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])


def without_a_run(path):
    table = summary.load(path)
    summary.save(table[table["model"] != "cnext"], path, path.with_suffix(".csv"))


def sealed(lines):
    """Return the text of a history with its checksum."""
    return "".join(json.dumps(line) + "\n" for line in seals.of_lines(lines))


def says(text):
    return lambda path: path.write_text(text)


def gone(path):
    path.unlink()


@pytest.mark.parametrize("scale", ["micro", "meso"])
def test_score_writes_the_table_and_its_summary(results, tmp_path, scale):
    score(results, tmp_path, scale)
    assert listing(tmp_path) == [f"{scale}.csv", f"{scale}.parquet"]
    for name in listing(tmp_path):
        assert (tmp_path / name).read_bytes() == (results / "scores" / name).read_bytes()
    table = summary.load(tmp_path / f"{scale}.parquet")
    trained = table[table["n_meso"].notna()][["model", "n_meso", "seed"]].drop_duplicates()
    assert sorted(trained.itertuples(index=False, name=None)) == sorted(synthetic.runs(scale))


def test_the_score_knows_the_threshold_and_start_of_its_study(results, tmp_path):
    study = synthetic.study()
    cold = study.evaluation.model_copy(update={"hotspot_temperature": 1e6})
    ensemble, out = results / "ensembles" / "meso.json", tmp_path / "meso.parquet"
    study = study.model_copy(update={"evaluation": cold})
    evaluation.score(study, "meso", ensemble, predictions(results), out, tmp_path / "meso.csv")
    table = summary.load(out)
    assert (table[table["metric"] == "hotspot_area"]["value"] == 0.0).all()
    late = study.model_copy(update={"evaluation": study.evaluation.model_copy(update={"start": 2})})
    with pytest.raises(DataError, match=r"n2_s0_test\.json: start_frame: expected 2, got 1"):
        evaluation.score(late, "meso", ensemble, predictions(results), out, tmp_path / "meso.csv")


@pytest.mark.parametrize(
    ("path", "harm", "said"),
    [
        (PREDICTION, gone, "expected a file, found none"),
        (PREDICTION, of_another_study, "expected a file of study 'synthetic', got one of 'another'"),
        (PREDICTION, says('{"store": '), "expected a JSON object"),
        ("ensembles/meso.json", gone, "expected a file, found none"),
        ("ensembles/meso.json", of_another_study, "expected a file of study 'synthetic', got one of 'another'"),
    ],
)
def test_score_refuses_by_name_and_writes_nothing(copied, tmp_path, path, harm, said):
    harm(copied / path)
    with pytest.raises(DataError, match=f"{path}: {said}"):
        score(copied, tmp_path / "out")
    assert listing(tmp_path / "out") == []


def test_score_notices_a_damaged_store(copied, tmp_path):
    damaged(copied / PREDICTION)
    with pytest.raises(DataError, match=r"n4_s0_test\.zarr: expected checksum .*; delete n4_s0_test\.json to rebuild"):
        score(copied, tmp_path / "out")
    assert listing(tmp_path / "out") == []


def test_score_refuses_a_prediction_of_another_grid_by_its_path(copied, tmp_path):
    dataset = store.open_zarr(copied / PREDICTION).load()
    store.save_zarr(dataset.isel(x=slice(0, 20)), copied / PREDICTION)
    with pytest.raises(DataError, match=f"{PREDICTION}: x: expected the 36 values of the truth, got other 20"):
        score(copied, tmp_path / "out")


def test_the_report_is_one_page_and_its_figures(results):
    made = listing(results / "report")
    assert [name for name in made if not name.endswith(".pdf")] == ["figures", "index.html", "outputs.json"]
    assert {"figures/costs.pdf", "figures/rollout_meso_temperature.pdf", "figures/training.pdf"} <= set(made)
    assert not [path for path in results.rglob("*") if ".part" in path.name]


@pytest.mark.parametrize(
    ("path", "harm", "said"),
    [
        (PREDICTION, gone, "expected a file, found none"),
        (PREDICTION, of_another_study, "expected a file of study 'synthetic', got one of 'another'"),
        ("predictions/micro/tessera/n0_s0_test.json", gone, "expected a file, found none"),
        ("scores/meso.parquet", scores_of_another_study, "expected a file of study 'synthetic', got one of 'another'"),
        ("ensembles/micro.json", of_another_study, "expected a file of study 'synthetic', got one of 'another'"),
        ("reconstructions/micro.json", gone, "expected a file, found none"),
        ("scores/micro.parquet", gone, "expected a score table, found none"),
        ("scores/meso.parquet", truncated, "expected a whole Parquet file"),
        ("scores/meso.parquet", without_a_run, "expected scores of cnext 2 0, found none"),
        (HISTORY, gone, "expected the history of a training, found none"),
        (HISTORY, truncated, "expected one JSON object per line, got "),
        (HISTORY, says(""), "expected lines with numbers named updates"),
        (HISTORY, says("[1, 2]\n"), "expected one JSON object per line, got "),
        (HISTORY, says('{"updates": "much"}\n'), "expected lines with numbers named updates"),
        (HISTORY, says('{"updates": 4}\n'), "expected checksum inside, got none"),
        ("models/tessera/n2_s0.jsonl", gone, "expected the history of a training, found none"),
        ("models/decoupled/velocity_y.jsonl", gone, "expected the history of a training, found none"),
        ("benchmarks/scores/meso.tsv", says("nothing\n"), "expected columns s, cpu_time, max_rss"),
    ],
)
def test_the_report_refuses_by_name_and_writes_nothing(copied, path, harm, said):
    harm(copied / path)
    before = listing(copied)
    with pytest.raises(DataError, match=f"{path}: {said}") as caught:
        evaluation.report(synthetic.study(), copied, copied / "report" / "index.html")
    assert "\n" not in str(caught.value)
    assert listing(copied) == before


def test_reports_of_equal_results_differ_in_what_was_measured_alone(results, copied):
    for name in ("ensembles/meso.json", "models/coupled.jsonl", "predictions/meso/parcv2/n4_s0_test.json"):
        ledger.write(copied / name, {"core_seconds": 777.0})
    (copied / "benchmarks" / "scores" / "meso.tsv").unlink()
    evaluation.report(synthetic.study(), copied, copied / "report" / "index.html")
    ours, theirs = ((folder / outputs.PAGE).read_text() for folder in (results, copied))
    assert ours != theirs and outputs.unmeasured(ours) == outputs.unmeasured(theirs)
    assert outputs.digests(results) == outputs.digests(copied) == outputs.recorded(copied / outputs.RECORD)
    costs = "report/figures/costs.pdf"
    assert (results / costs).read_bytes() != (copied / costs).read_bytes()


def test_what_a_run_cost_may_be_unknown(copied):
    for folder in copied.rglob(ledger.FOLDER):
        shutil.rmtree(folder)
    shutil.rmtree(copied / "benchmarks")
    files.write_text(ledger.place(copied / "ensembles" / "micro.json"), "{")
    evaluation.report(synthetic.study(), copied, copied / "report" / "index.html")
    measured = (copied / outputs.PAGE).read_text().split(outputs.MEASURED[0])[1]
    assert "Simulations took unknown at micro scale and unknown at meso scale" in measured


def test_a_report_that_fails_half_way_leaves_the_one_before(copied, monkeypatch):
    page, figure = copied / "report" / "index.html", copied / "report" / "figures" / "old.pdf"
    files.write_text(page, "the page before")
    files.write_text(figure, "a figure before")
    before = listing(copied)

    def fails(_evidence, folder):
        (folder / "new.pdf").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluation, "compose", fails)
    with pytest.raises(OSError, match="No space left"):
        evaluation.report(synthetic.study(), copied, page)
    assert listing(copied) == before
    assert (page.read_text(), figure.read_text()) == ("the page before", "a figure before")


def test_histories_may_hold_what_training_writes(copied):
    lines = [{"stage": "only", "epoch": 1, "updates": 4, "loss_fields": 0.1, "error": np.inf}]
    lines += [{"stage": "only", "epoch": 2, "updates": 8, "loss_fields": 0.1, "error": np.nan}]
    path = copied / HISTORY
    path.write_text(sealed(lines))
    gathered = evaluation._gather(synthetic.study(), copied)
    assert gathered.histories["tokenizer/pressure"]["updates"].tolist() == [4, 8]
    names = {f"{stage}/{field}" for stage in ("tokenizer", "decoupled") for field in schema.SIMULATED} | {"coupled"}
    assert set(gathered.histories) == names | {"tessera/n2_s0", "parcv2/n4_s0", "cnext/n2_s0"}


@pytest.mark.parametrize(
    ("path", "harm"),
    [(PREDICTION, gone), (HISTORY, truncated), ("ensembles/meso.json", of_another_study)],
)
def test_the_command_says_it_in_one_line(copied, tmp_path, path, harm):
    write_study(synthetic.study(), tmp_path / "study.json")
    harm(copied / path)
    before = listing(copied)
    call = [sys.executable, "-m", "tessera", "report", "--study", tmp_path / "study.json"]
    call += ["--results", copied, "--out", copied / "report" / "index.html"]
    result = subprocess.run(list(map(str, call)), capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith(f"tessera report: {copied / path}: expected ")
    assert listing(copied) == before


def test_the_score_command_says_it_in_one_line(copied, tmp_path):
    write_study(synthetic.study(), tmp_path / "study.json")
    gone(copied / PREDICTION)
    call = [sys.executable, "-m", "tessera", "score", "--study", tmp_path / "study.json", "--scale", "meso"]
    call += ["--ensemble", copied / "ensembles" / "meso.json", "--out", tmp_path / "out" / "meso.parquet"]
    call += ["--summary", tmp_path / "out" / "meso.csv", *predictions(copied)]
    result = subprocess.run(list(map(str, call)), capture_output=True, text=True, check=False)
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.strip().splitlines()
    assert line == f"tessera score: {copied / PREDICTION}: expected a file, found none"
    assert listing(tmp_path / "out") == []
