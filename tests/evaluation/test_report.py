"""The report of a study: what its results say, every figure with its file, and nothing else."""

import base64
import io
import math
import shutil

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import yaml
from PIL import Image

from tessera.data import ledger, outputs
from tessera.errors import DataError
from tessera.evaluation import costs, figures, summary, verdict
from tessera.provenance import git_revision
from tessera.stages import evaluation
from tessera.study import load
from tests.evaluation import markup, synthetic

SECTIONS = ["headline", "setting", "ensemble", "tokens", "rollouts-meso", "rollouts-micro"]
SECTIONS += ["hotspots-meso", "hotspots-micro", "scores", "costs", "training", "provenance"]
MODELS = ("tessera", "parcv2", "cnext", "persistence")


@pytest.fixture(scope="module")
def elements(results):
    return markup.read(results / "report" / "index.html")


@pytest.fixture(scope="module")
def named(elements):
    return markup.by_id(elements)


@pytest.fixture(scope="module")
def short(results):
    return summary.summarise(summary.load(results / "scores" / "meso.parquet"))


@pytest.fixture
def sketched(monkeypatch):
    """Leave out what takes long, the drawing: pictures are one pixel, files are empty."""
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")

    def sketch(_figure, pdf):
        pdf.touch()
        return figures.Saved(pixel.getvalue(), 1, 1, pdf)

    monkeypatch.setattr(figures, "save", sketch)


def told(study, folder, out):
    """Return the elements of a report by name."""
    evaluation.report(study, folder, out / "index.html")
    return markup.by_id(markup.read(out / "index.html"))


def test_every_part_is_there(elements):
    assert [one.attributes["id"] for one in elements if one.tag == "section"] == SECTIONS


@pytest.mark.parametrize("scale", ["meso", "micro"])
def test_the_scores_are_those_of_the_summary(results, named, scale):
    read = pd.read_csv(results / "scores" / f"{scale}.csv", na_values=["undefined"]).set_index(["model", "metric"])
    shown = 0
    for (model, metric), row in read.iterrows():
        cell = named.get(f"scores-{scale}-{model}-{metric}")
        if cell is not None:
            assert float(cell.attributes["data-value"]) == pytest.approx(row["mean"], rel=1e-5, nan_ok=True)
            shown += 1
    assert shown > 40
    assert named[f"scores-{scale}-tessera-hotspot_area_crps"].said != "undefined"


def test_the_best_of_the_headline_is_in_bold(named, short):
    for metric in verdict.HEADLINES:
        cells = {model: named[f"headline-{model}-{metric}"] for model in MODELS}
        values = {model: float(cell.attributes["data-value"]) for model, cell in cells.items()}
        assert values["parcv2"] == verdict.value(short, "parcv2", 4, metric)
        known = [value for value in values.values() if not math.isnan(value)]
        wanted = max(known) if metric == "hotspot_iou" else min(known)
        best = [model for model, cell in cells.items() if cell.attributes.get("class") == "best"]
        assert best == [model for model, value in values.items() if value == wanted], metric


def test_differences_of_the_headline_are_paired_by_case(results, named):
    table = summary.load(results / "scores" / "meso.parquet")
    assert "small" not in [named["headline-tessera-temperature_rmse"].tag]
    cell = named["headline-parcv2-temperature_rmse"]
    _, low, high = summary.difference(table, ("parcv2", 4), ("tessera", 2), "temperature_rmse")
    said = [float(word.replace(",", "")) for word in cell.said.split()[1:] if word != "to"]
    assert said == [pytest.approx(low, rel=0.05), pytest.approx(high, rel=0.05)] and low > 0.0


def test_who_beats_whom_is_that_of_the_duel(results, named, short):
    table = summary.load(results / "scores" / "meso.parquet")
    for rival in (("parcv2", 4), ("cnext", 2), ("persistence", None)):
        found = verdict.duel(short, ("tessera", 2), rival, table)
        assert named[f"duel-{rival[0]}"].said == f"{len(found.won)} of {len(found.judged)}"


def test_of_overlaps_the_highest_is_best(named):
    values = {model: float(named[f"scores-meso-{model}-hotspot_iou"].attributes["data-value"]) for model in MODELS}
    best = max(values, key=values.get)
    assert named[f"scores-meso-{best}-hotspot_iou"].attributes.get("class") == "best"
    assert best == "tessera"


def test_the_verdict_is_the_sentence_about_these_numbers(named, short):
    assert named["verdict"].said == verdict.sentence(short)


def test_costs_are_those_of_the_bill(results, elements, named):
    study, evidence = synthetic.study(), results / "predictions" / "meso"
    stores = [f"{model}/n{n}_s{s}" for model, n, s in synthetic.runs("meso")]
    opened = {name: evaluation.store.open_zarr(evidence / f"{name}_test.json") for name in stores}
    both = {scale: evaluation.store.open_zarr(results / f"ensembles/{scale}.json") for scale in ("meso", "micro")}
    spent = {f"predictions/{name}": 0.8 for name in stores} | {f"models/{name}": 40.0 for name in stores}
    spent |= {f"ensembles/{scale}": 12.0 * one.sizes["case"] for scale, one in both.items()}
    bill = costs.bill(opened, both, spent | {"models/coupled": 40.0 * (2 * len(study.tokenizer.fields) + 1)})
    start = elements.index(named["table-models"])
    cells = [one for one in elements[start:] if one.tag == "td"][: 7 * len(bill)]
    for row, expected in zip((cells[7 * n : 7 * n + 7] for n in range(len(bill))), bill.itertuples(), strict=True):
        values = [float(cell.attributes["data-value"]) for cell in row[4:]]
        assert values == [expected.training + expected.shared, expected.frame, expected.frame_ratio]
    start = elements.index(named["table-costs-models"])
    cells = [one for one in elements[start:] if one.tag == "td"]
    rows = [cells[8 * row : 8 * row + 8] for row in range(len(bill))]
    for row, expected in zip(rows, bill.itertuples(), strict=True):
        values = [float(cell.attributes["data-value"]) for cell in row[1:7]]
        assert values == [
            expected.data,
            expected.shared,
            expected.training,
            expected.prediction,
            expected.simulation,
            expected.speed_up,
        ]
        assert row[7].said == f"{expected.break_even:.0f} cases"


def test_every_figure_has_a_whole_file_and_every_file_a_figure(results, elements):
    linked = {one.attributes["href"] for one in elements if one.attributes.get("href", "").endswith(".pdf")}
    made = {f"figures/{path.name}": path.read_bytes() for path in (results / "report" / "figures").iterdir()}
    assert linked == set(made) and len(made) == 18
    for content in made.values():
        assert content.startswith(b"%PDF") and content.rstrip().endswith(b"%%EOF")
    assert sorted(path.name for path in (results / "report").iterdir()) == ["figures", "index.html", "outputs.json"]


def test_pictures_are_as_large_as_the_page_says(elements):
    images = [one.attributes for one in elements if one.tag == "img" and "width" in one.attributes]
    assert len(images) == 18
    for image in images:
        picture = Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2])))
        assert picture.size == (int(image["width"]), int(image["height"]))


def test_the_study_on_the_page_is_the_study_that_was_run(named, tmp_path):
    text = "".join(named["settings"].text).removeprefix("All settings of the study").removeprefix("study.yaml")
    assert yaml.safe_load(text) == synthetic.study().model_dump(mode="json")
    link = named["study"].attributes
    assert link["download"] == "study.yaml"
    (tmp_path / "study.yaml").write_bytes(base64.b64decode(link["href"].partition(",")[2]))
    assert load([tmp_path / "study.yaml"]) == synthetic.study()


def test_the_page_says_how_to_run_it_elsewhere_and_what_should_come_out(results, elements, named):
    lines = "".join(named["commands-provenance"].text).splitlines()
    assert lines[0] == f"git checkout {git_revision().removesuffix('+')}"
    assert lines[-1] == "tessera reproduce results/synthetic --against published.json"
    start = elements.index(named["table-checksums"])
    cells = [one.said for one in elements[start:] if one.tag == "td"]
    told = dict(zip(cells[::2], cells[1::2], strict=True))
    known = outputs.recorded(results / outputs.RECORD)
    assert told == {name: known[name] for name in told}
    assert {"ensembles/meso.zarr", "scores/meso.parquet", "predictions/micro/tessera/n0_s0_test.zarr"} <= set(told)


@pytest.mark.usefixtures("sketched")
def test_what_does_not_exist_is_told_as_undefined(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results")
    path = folder / "scores" / "meso.parquet"
    table = summary.load(path)
    none = table["metric"].str.startswith("hotspot_temperature")
    summary.save(table.assign(value=table["value"].where(~none)), path, path.with_suffix(".csv"))
    named = told(synthetic.study(), folder, tmp_path / "report")
    for model in MODELS:
        for metric in ("hotspot_temperature_rmse", "hotspot_temperature_rate_rmse"):
            cell = named[f"headline-{model}-{metric}"]
            assert (cell.said, cell.attributes.get("class")) == ("undefined", None)
            assert math.isnan(float(cell.attributes["data-value"]))
    assert "of 6 headline scores" in named["verdict"].said


@pytest.mark.usefixtures("sketched")
def test_the_size_of_a_network_is_that_of_its_checkpoint_and_operations_those_recorded(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results")
    weights = {"map.weight": np.zeros((3, 4)), "tokenizer.latent_mean": np.zeros(7)}
    safetensors.numpy.save_file(weights, folder / "models" / "tessera" / "n2_s0.safetensors")
    ledger.write(folder / "predictions/meso/tessera/n2_s0_test.json", {"core_seconds": 0.8, "flop_per_frame": 3e9})
    evaluation.report(synthetic.study(), folder, tmp_path / "report" / "index.html")
    elements = markup.read(tmp_path / "report" / "index.html")
    start = elements.index(markup.by_id(elements)["table-models"])
    cells = [one.said for one in elements[start:] if one.tag == "td"]
    assert cells[:4] == ["tessera, 2 meso cases", "12", "61,683,003", "3"]
    assert cells[8:11] == ["unknown", "23,452,618", "unknown"]


@pytest.mark.usefixtures("sketched")
def test_what_is_no_checkpoint_is_refused(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "results")
    (folder / "models" / "tessera" / "n2_s0.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0[1, 2")
    with pytest.raises(DataError, match=r"n2_s0\.safetensors: expected a checkpoint, got "):
        evaluation.report(synthetic.study(), folder, tmp_path / "report" / "index.html")


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize("models", [("parcv2",), ("tessera",)])
def test_of_what_lies_in_the_results_only_what_the_study_asks_for_is_told(results, tmp_path, models):
    named = told(synthetic.study(models), results, tmp_path / "report")
    assert ("tokens" in named) == ("tessera" in models)
    assert ("headline-tessera-temperature_rmse" in named) == ("tessera" in models)
    assert ("headline-parcv2-temperature_rmse" in named) == ("parcv2" in models)
    assert "headline-cnext-temperature_rmse" not in named
