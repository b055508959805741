"""Costs by hand arithmetic: what the stages took, what a model was billed, and when it pays off."""

import math

import numpy as np
import pytest
import xarray as xr

from tessera.data import schema
from tessera.errors import DataError
from tessera.evaluation import costs

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
MICRO_SPLIT = ["train", "train", "train", "test"]


def measured(folder, name, s=10.0, cpu_time=9.0, max_rss=200.0):
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{s}\t0:00:10\t{max_rss}\t900.0\t1.0\t1.0\t0.0\t1.0\t97.0\t{cpu_time}\n")
    return path


def simulations(split):
    return xr.Dataset(coords={"case": np.arange(len(split)), "split": ("case", split), "time": np.arange(5)})


def predicted(model, n_meso, seed=0, training=60.0, prediction=4.0, cases=2, members=0):
    """Return a prediction, and what was spent on it by name."""
    shape = ((members,) if members else ()) + (cases, 2, 2, 2)
    dims = ("sample", *schema.DIMS) if members else schema.DIMS
    attrs = {"model": model, "n_meso": n_meso, "seed": seed, "start_frame": 0}
    name = f"{model}/n{n_meso}_s{seed}"
    spent = {f"models/{name}": training, f"predictions/meso/{name}_test": prediction}
    return xr.Dataset({"temperature": (dims, np.zeros(shape))}, coords={"case": np.arange(cases)}, attrs=attrs), spent


def bill(*predictions, meso=1000.0, micro=80.0, shared=300.0):
    """Return the bill where ten meso cases cost `meso`, and four micro cases, three to learn from, `micro`."""
    spent = {"ensembles/meso": meso, "ensembles/micro": micro, "models/coupled": shared}
    for _, ours in predictions:
        spent |= ours
    found = costs.bill(
        {next(reversed(ours)).removeprefix("predictions/"): one for one, ours in predictions},
        {"meso": simulations(["train"] * 8 + ["test"] * 2), "micro": simulations(MICRO_SPLIT)},
        {name: seconds for name, seconds in spent.items() if seconds is not None},
    )
    return found.set_index(["model", "n_meso"])


def test_the_bill_of_the_latent_model_by_hand():
    row = bill(predicted("tessera", 2)).loc[("tessera", 2)]
    assert row["data"] == 2 * 100.0 + 0.75 * 80.0
    assert (row["shared"], row["training"]) == (300.0, 60.0)
    assert (row["simulation"], row["prediction"], row["speed_up"]) == (100.0, 2.0, 50.0)
    assert row["break_even"] == 7.0  # (260 + 300 + 60) / (100 - 2) = 6.3
    assert 7 * 100.0 >= 620.0 + 7 * 2.0 and 6 * 100.0 < 620.0 + 6 * 2.0


def test_a_rival_pays_for_neither_micro_cases_nor_tokenizers():
    row = bill(predicted("parcv2", 4)).loc[("parcv2", 4)]
    assert (row["data"], row["shared"]) == (400.0, 0.0)
    assert row["break_even"] == math.ceil(460.0 / 98.0)


def test_a_prediction_is_one_member_of_one_case():
    row = bill(predicted("tessera", 2, prediction=24.0, cases=3, members=4)).loc[("tessera", 2)]
    assert (row["prediction"], row["speed_up"]) == (2.0, 50.0)


def test_a_predicted_snapshot_is_compared_with_a_simulated_one():
    row = bill(predicted("tessera", 2)).loc[("tessera", 2)]
    assert row["frame"] == 2.0  # the only snapshot after the start
    assert row["frame_ratio"] == 2.0 / (100.0 / 4.0)  # 100 s bought four snapshots


def test_seeds_are_averaged_and_numbers_of_cases_are_not():
    found = bill(
        predicted("tessera", 2, 0, training=50.0),
        predicted("tessera", 2, 1, training=70.0),
        predicted("tessera", 4, 0, training=90.0),
    )
    assert found["training"].to_dict() == {("tessera", 2): 60.0, ("tessera", 4): 90.0}


def test_a_model_slower_than_simulating_never_pays_off():
    found = bill(predicted("parcv2", 4, prediction=200.0), predicted("cnext", 4, prediction=300.0))
    assert found["speed_up"].to_dict() == {("parcv2", 4): 1.0, ("cnext", 4): pytest.approx(2 / 3)}
    assert (found["break_even"] == math.inf).all()


@pytest.mark.parametrize("unsaid", ["shared", "training", "prediction", "meso"])
def test_what_is_not_said_makes_the_break_even_undefined_and_not_never(unsaid):
    given = {"training": {"training": math.nan}, "prediction": {"prediction": math.nan}}
    one = predicted("tessera", 2, **given.get(unsaid, {}))
    row = bill(one, **({"shared": math.nan} if unsaid == "shared" else {"meso": None} if unsaid == "meso" else {}))
    assert math.isnan(row.loc[("tessera", 2), "break_even"])


def test_models_are_billed_in_the_order_of_the_report():
    found = bill(predicted("cnext", 2), predicted("other", 1), predicted("parcv2", 4), predicted("tessera", 2))
    assert [model for model, _ in found.index] == ["tessera", "parcv2", "cnext", "other"]


def test_shared_training_is_that_before_meso():
    names = ("tokenizer/pressure", "tokenizer/temperature", "decoupled/pressure", "coupled", "tessera/n1_s0")
    spent = {f"models/{name}": 12.0 for name in names} | {"ensembles/micro": 12.0, "models/parcv2/n4_s0": 12.0}
    assert costs.shared_training(spent) == 48.0
    assert math.isnan(costs.shared_training(spent | {"models/tokenizer/pressure": math.nan}))


def test_benchmarks_know_stage_scale_and_job(tmp_path):
    measured(tmp_path, "cases/micro_0000", s=31.0, cpu_time=30.0, max_rss=331.0)
    measured(tmp_path, "study", s=0.2, cpu_time=0.1, max_rss="NA")
    measured(tmp_path, "prediction/meso_tessera_n2_s0_test", s=3.0, cpu_time="-")
    found = costs.benchmarks(tmp_path).set_index("job")
    assert found.loc["micro_0000"].tolist() == ["cases", "micro", 31.0, 30.0, 331.0]
    assert found.loc["study", ["stage", "scale"]].tolist() == ["study", ""]
    assert math.isnan(found.loc["study", "max_rss"])
    assert found.loc["meso_tessera_n2_s0_test", "scale"] == "meso"
    assert math.isnan(found.loc["meso_tessera_n2_s0_test", "cpu_time"])


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("tokenizer/microstructure", ""),
        ("latents/micro", "micro"),
        ("scores/meso", "meso"),
        ("cases/micro_0012", "micro"),
    ],
)
def test_a_job_is_of_the_scale_that_it_names_and_not_of_a_word_that_begins_like_it(tmp_path, name, scale):
    measured(tmp_path, name)
    assert costs.benchmarks(tmp_path)["scale"].tolist() == [scale]


def test_nothing_measured_is_an_empty_table(tmp_path):
    found = costs.benchmarks(tmp_path / "none")
    assert len(found) == 0 and len(costs.stages(found)) == 0


def test_the_last_of_repeated_measurements_counts(tmp_path):
    path = measured(tmp_path, "scores/meso", s=1.0)
    path.write_text(path.read_text() + "2.0\t0:00:10\t5.0\t1.0\t1.0\t1.0\t0.0\t1.0\t97.0\t1.5\n")
    assert costs.benchmarks(tmp_path)["s"].tolist() == [2.0]


@pytest.mark.parametrize(
    "text", ["", HEADER, "a\tb\n1\t2\n", f"{HEADER}\tfour words in one" + "\tx" * 8 + "\n", "\0\xff"]
)
def test_what_is_no_benchmark_is_refused_by_name(tmp_path, text):
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "meso.tsv").write_text(text)
    with pytest.raises(DataError, match=r"scores/meso\.tsv: expected ") as caught:
        costs.benchmarks(tmp_path)
    assert "\n" not in str(caught.value)


def test_stages_add_up_their_jobs_and_keep_the_largest_memory(tmp_path):
    measured(tmp_path, "cases/meso_0000", s=95.0, cpu_time=90.0, max_rss=300.0)
    measured(tmp_path, "cases/meso_0001", s=92.0, cpu_time=0.0, max_rss=500.0)
    measured(tmp_path, "cases/micro_0000", s=10.0, cpu_time="NA", max_rss="NA")
    measured(tmp_path, "scores/meso", s=2.0, cpu_time=1.0)
    measured(tmp_path, "study", s=99.0)
    found = costs.stages(costs.benchmarks(tmp_path))
    assert found["label"].tolist() == ["simulation, micro", "simulation, meso", "scores, meso"]
    micro, meso, scored = found.itertuples()
    assert (meso.jobs, meso.s, meso.core_seconds, meso.max_rss) == (2, 187.0, 90.0 + 92.0, 500.0)
    assert (micro.core_seconds, scored.core_seconds) == (10.0, 1.0)
    assert math.isnan(micro.max_rss)


def test_the_chart_has_a_bar_per_stage_as_long_as_its_cost(tmp_path):
    measured(tmp_path, "cases/meso_0000", cpu_time=90.0, max_rss=1500.0)
    measured(tmp_path, "coupled", cpu_time=30.0, max_rss="NA")
    (axes,) = costs.chart(costs.stages(costs.benchmarks(tmp_path))).axes
    assert [bar.get_width() for bar in axes.patches] == [90.0, 30.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "simulation, meso",
        "training, fields together",
    ]
    assert [note.get_text() for note in axes.texts] == ["90 s (1 job, 1.50 GB)", "30 s (1 job)"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8, "0.8 s"), (99.4, "99.4 s"), (1234.0, "1,234 s"), (360000.0, "100 h"), (math.nan, "unknown")],
)
def test_core_seconds_are_told_in_three_digits(value, text):
    assert costs.seconds(value) == text
