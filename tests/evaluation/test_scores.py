"""The score table: tidy, every value with its unit, fair to every model, and strict about what it compares."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tessera.data import schema
from tessera.errors import DataError
from tessera.evaluation import scores
from tests.evaluation.synthetic import START, THRESHOLD, ensemble, prediction

KEY = ["model", "n_meso", "seed", "scale", "case", "time", "metric"]
WHOLE_CASE = {"hotspot_area_rmse", "hotspot_temperature_rmse", "hotspot_area_rate_rmse"}
WHOLE_CASE |= {"hotspot_temperature_rate_rmse", "pore_area_rmse", "hotspot_mismatch"}


@pytest.fixture(scope="module")
def truth():
    return ensemble()


@pytest.fixture(scope="module")
def made(truth):
    return {
        "perfect": prediction(truth, "tessera", 2, 0, noise=0.0),
        "fair": prediction(truth, "parcv2", 4, 0, noise=0.05),
        "poor": prediction(truth, "cnext", 2, 1, noise=0.3, lag=3),
        "members": prediction(truth, "tessera", 2, 1, noise=0.1, members=3),
    }


@pytest.fixture(scope="module")
def table(truth, made):
    return score(truth, made)


def score(truth, made, **changed):
    return scores.table(truth, made, **{"scale": "meso", "threshold": THRESHOLD, "start": START, **changed})


def alone(truth, one):
    return score(truth, {"alone": one}).query("model == 'tessera'")


def value(table, model, metric, seed=None, case=None, time=None):
    rows = table[(table["model"] == model) & (table["metric"] == metric)]
    rows = rows[rows["seed"] == seed] if seed is not None else rows
    rows = rows[rows["case"] == case] if case is not None else rows
    rows = rows[rows["time"].isna()] if time is None else rows[rows["time"] == time]
    return rows["value"].mean()


def flat(temperatures, cells=2):
    """An ensemble of one test case whose temperature is uniform in every snapshot but for one hotter cell."""
    count = len(temperatures)
    values = np.full((1, count, cells, cells), 300.0, "float32")
    values[0, :, 0, 0] = temperatures
    dataset = ensemble(shape=(count, cells, cells), splits=["test"])
    return dataset.assign(temperature=dataset["temperature"].copy(data=values))


def test_the_table_is_tidy(table):
    assert list(table.columns) == scores.COLUMNS
    assert not table.duplicated(KEY).any()
    assert table.notna()["value"].any()
    assert set(table["scale"]) == {"meso"}
    assert set(table["case"]) == {2, 3}


def test_every_metric_has_its_unit(table):
    known = scores.units(3)
    for metric, unit in table[["metric", "unit"]].drop_duplicates().itertuples(index=False):
        assert known[metric] == unit
    assert known["temperature_rmse"] == "K"
    assert known["hotspot_area_rate_rmse"] == "m2 s-1"
    assert known["hotspot_iou"] == "1"


def test_every_error_of_the_table_knows_which_way_is_better(table):
    neither = {*scores.QUANTITIES, "hotspot_count"}
    neither |= {metric for metric in table["metric"] if metric.endswith(("_spread", "_bias")) or "_rank_" in metric}
    for metric in set(table["metric"]):
        higher = metric == "hotspot_iou" or "_survival" in metric or metric.endswith("_correlation")
        assert scores.better(metric) == (None if metric in neither else "higher" if higher else "lower"), metric


def test_only_snapshots_after_the_start_are_scored(truth, table):
    later = truth["time"].values[START + 1 :]
    assert set(table["time"].dropna()) == set(later)
    rates = table[table["metric"].str.endswith("_rate") & table["time"].notna()]
    assert set(rates["time"]) == set(later[:-1])


def test_truth_and_persistence_are_models_without_training(table):
    for model in ("truth", "persistence"):
        rows = table[table["model"] == model]
        assert len(rows)
        assert rows["n_meso"].isna().all() and rows["seed"].isna().all()
    assert set(table.query("model == 'truth'")["metric"]) == set(scores.QUANTITIES)


def test_persistence_holds_the_start_frame(truth, table):
    case = truth.sel(case=2)
    later = truth["time"].values[-1]
    expected = np.sqrt(np.mean((case["temperature"][START] - case["temperature"][-1]).values.astype(float) ** 2))
    assert value(table, "persistence", "temperature_rmse", case=2, time=later) == pytest.approx(expected)


def test_a_perfect_prediction_has_no_error(table):
    perfect = table[(table["model"] == "tessera") & (table["seed"] == 0)]
    errors = perfect[perfect["metric"].str.endswith(("_rmse", "_mismatch"))]
    assert set(errors["metric"]) >= WHOLE_CASE
    assert (errors["value"].dropna() == 0.0).all()
    assert (perfect[perfect["metric"] == "hotspot_iou"]["value"].dropna() == 1.0).all()
    assert value(table, "tessera", "hotspot_iou", seed=0) == 1.0
    for metric in scores.QUANTITIES:
        ours, real = (table[(table["model"] == model) & (table["metric"] == metric)] for model in ("tessera", "truth"))
        ours = ours[(ours["seed"] == 0) & ours["time"].notna()]
        np.testing.assert_array_equal(ours["value"], real["value"])


def test_a_better_prediction_ranks_above_a_worse_one(table):
    for metric in ("temperature_rmse", "pressure_rmse", "velocity_y_rmse", "hotspot_area_rmse"):
        perfect = value(table, "tessera", metric, seed=0)
        assert perfect < value(table, "parcv2", metric) < value(table, "cnext", metric), metric
    assert value(table, "tessera", "hotspot_iou", 0) > value(table, "parcv2", "hotspot_iou")
    assert value(table, "parcv2", "hotspot_iou") > value(table, "cnext", "hotspot_iou")


def test_errors_of_a_case_by_hand():
    truth = flat([300.0, 300.0, 1000.0, 1200.0])
    made = prediction(truth, "tessera", 2, 0, noise=0.0)
    shifted = made["temperature"].values.copy()
    shifted[0, 2, 0, 1], shifted[0, 3, 0, 0] = 900.0, 1100.0
    table = alone(truth, made.assign(temperature=made["temperature"].copy(data=shifted)))
    cell, interval, later = schema.cell_size(truth) ** 2, schema.interval(truth), truth["time"].values[2:]
    expected = {
        "temperature_rmse": np.sqrt((300.0**2 + 50.0**2) / 2),
        "hotspot_area_rmse": cell * np.sqrt(0.5),
        "hotspot_temperature_rmse": np.sqrt((50.0**2 + 100.0**2) / 2),
        "hotspot_area_rate_rmse": cell / interval,
        "hotspot_temperature_rate_rmse": 50.0 / interval,
        "hotspot_iou": 0.75,
        "hotspot_mismatch": 0.0,
    }
    for metric, worked in expected.items():
        assert value(table, "tessera", metric) == pytest.approx(worked, rel=1e-6, abs=0.0), metric
    assert value(table, "tessera", "hotspot_area", time=later[0]) == pytest.approx(2 * cell, abs=0.0)
    assert value(table, "tessera", "hotspot_temperature", time=later[0]) == 950.0
    assert value(table, "tessera", "hotspot_area_rate", time=later[0]) == pytest.approx(-cell / interval)


def test_without_a_hotspot_its_temperature_and_overlap_are_undefined():
    truth = flat([300.0, 300.0, 400.0, 500.0])
    table = score(truth, {"made": prediction(truth, "tessera", 2, 0, noise=0.0)})
    for model in ("truth", "tessera"):
        rows = table[(table["model"] == model) & (table["metric"] == "hotspot_temperature")]
        assert len(rows) == 2 and rows["value"].isna().all()
    for metric in ("hotspot_temperature_rmse", "hotspot_temperature_rate_rmse", "hotspot_iou"):
        assert np.isnan(value(table, "tessera", metric))
    assert value(table, "tessera", "hotspot_mismatch") == 0.0
    assert value(table, "tessera", "hotspot_area_rmse") == 0.0


def test_a_hotspot_that_is_only_there_in_one_is_a_mismatch_and_not_an_error_of_thousands_of_kelvin():
    truth = flat([300.0, 300.0, 1000.0, 1000.0])
    made = prediction(truth, "tessera", 2, 0, noise=0.0)
    late = made["temperature"].values.copy()
    late[0, 2, 0, 0] = 800.0
    table = alone(truth, made.assign(temperature=made["temperature"].copy(data=late)))
    assert value(table, "tessera", "hotspot_mismatch") == 0.5
    assert value(table, "tessera", "hotspot_iou") == 0.5
    assert value(table, "tessera", "hotspot_temperature_rmse") == 0.0


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_prediction_that_is_not_finite_gains_nothing(truth, broken):
    made = prediction(truth, "tessera", 2, 0, noise=0.0)
    values = made["temperature"].values.copy()
    values[:, -1, 0, 0] = broken
    table = alone(truth, made.assign(temperature=made["temperature"].copy(data=values)))
    for metric in ("temperature_rmse", "hotspot_area_rmse", "hotspot_temperature_rmse", "hotspot_area_rate_rmse"):
        assert value(table, "tessera", metric) == np.inf, metric
    assert value(table, "tessera", "hotspot_iou", time=truth["time"].values[-1]) == 0.0
    assert value(table, "tessera", "hotspot_mismatch") == pytest.approx(1 / (truth.sizes["time"] - 1 - START))
    assert value(table, "tessera", "pressure_rmse") == 0.0


KINDS = ("crps", "spread", *(f"rank_{place}" for place in range(4)))


def test_members_are_judged_by_their_mean_and_by_what_they_add(truth, made, table):
    members = made["members"]
    mean = members.mean("sample", dtype="float64")["temperature"].sel(case=2).values
    real = truth["temperature"].sel(case=2).values.astype(float)
    expected = np.sqrt(np.mean((mean - real)[START + 1 :] ** 2, axis=(1, 2)))
    later = truth["time"].values[START + 1 :]
    for time, worked in zip(later, expected, strict=True):
        assert value(table, "tessera", "temperature_rmse", seed=1, case=2, time=time) == pytest.approx(worked)
    several = set(table[(table["model"] == "tessera") & (table["seed"] == 1)]["metric"])
    single = set(table[table["model"] == "parcv2"]["metric"])
    of = (*scores.ENSEMBLE_QUANTITIES, *scores.ENSEMBLE_FIELDS)
    extra = {f"{name}_{kind}" for name in of for kind in KINDS} | {"temperature_energy"}
    assert several - single == extra
    areas = members["temperature"].sel(case=2)[:, -1] > THRESHOLD
    areas = areas.sum(("y", "x")).values * schema.cell_size(truth) ** 2
    found = value(table, "tessera", "hotspot_area_spread", seed=1, case=2, time=later[-1])
    assert found == pytest.approx(areas.std(ddof=1))


def test_equal_members_are_worth_one(truth):
    one = prediction(truth, "tessera", 2, 0, noise=0.1)
    twice = xr.concat([one, one], "sample").transpose("sample", ...)
    twice = schema.describe(twice.assign_coords({name: one[name] for name in schema.DESIGNED}))
    single, double = alone(truth, one), alone(truth, twice)
    energies = (double["metric"] == "temperature_energy") & double["time"].notna()
    errors = single[(single["metric"] == "temperature_rmse") & single["time"].notna()]
    np.testing.assert_allclose(double[energies]["value"], errors["value"])
    shared = double[double["metric"].isin(single["metric"].unique())].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, single.reset_index(drop=True))
    spreads = double[double["metric"].str.endswith("_spread")]["value"].dropna()
    assert len(spreads) and (spreads == 0.0).all()


def test_the_order_of_predictions_and_cases_does_not_matter(truth, made, table):
    turned = {name: one.isel(case=[1, 0]) for name, one in reversed(made.items())}
    pd.testing.assert_frame_equal(score(truth, turned), table)


def test_quantities_are_told_by_both_conventions_and_at_every_threshold():
    truth = flat([300.0, 300.0, 400.0, 1250.0])
    table = score(truth, {"made": prediction(truth, "tessera", 2, 0, noise=0.0)})
    cell, interval, later = schema.cell_size(truth) ** 2, schema.interval(truth), truth["time"].values[2:]
    found = [value(table, "truth", "hotspot_temperature_zero", time=time) for time in later]
    assert found == [0.0, 1250.0]
    assert value(table, "truth", "hotspot_temperature_zero_rate", time=later[0]) == pytest.approx(1250.0 / interval)
    assert np.isnan(value(table, "truth", "hotspot_temperature_rate", time=later[0]))
    hotter = [value(table, "truth", f"hotspot_area_{level:.0f}K", time=later[1]) for level in scores.SWEEP]
    assert hotter == pytest.approx([cell if level < 1250.0 else 0.0 for level in scores.SWEEP], abs=0.0)


def test_a_hotspot_at_the_start_leaves_the_onset_undefined():
    for first, known in ((300.0, True), (1000.0, False)):
        truth = flat([300.0, first, 1000.0, 1000.0])
        table = alone(truth, prediction(truth, "tessera", 2, 0, noise=0.0))
        assert np.isnan(value(table, "tessera", "hotspot_onset_error")) != known


def test_pores_that_grow_again_are_compared_by_how_much():
    truth = flat([300.0] * 5)
    solid = np.ones((1, 5, 2, 2), "float32")
    truth = truth.assign(microstructure=truth["microstructure"].copy(data=solid))
    made, solid = prediction(truth, "tessera", 2, 0, noise=0.0), solid.copy()
    solid[0, 2:, 0, 0] = [0.75, 1.0, 0.5]  # of the area of a cell, 0.25, 0 and 0.5 are pore
    table = alone(truth, made.assign(microstructure=made["microstructure"].copy(data=solid)))
    found = value(table, "tessera", "pore_area_regrowth_error")
    assert found == pytest.approx(0.5 * schema.cell_size(truth) ** 2, abs=0.0)


def test_ranks_are_of_every_snapshot_or_cell_after_the_start(truth, table):
    counted = table[(table["model"] == "tessera") & (table["seed"] == 1) & (table["case"] == 2)]
    steps = truth.sizes["time"] - 1 - START
    for name, total in (("hotspot_area", steps), ("temperature", steps * truth.sizes["y"] * truth.sizes["x"])):
        ranks = counted[counted["metric"].str.startswith(f"{name}_rank_")]["value"]
        assert len(ranks) == 4 and ranks.sum() == pytest.approx(total)


def test_a_prediction_may_leave_fields_out_but_for_the_temperature(truth, made):
    hot = made["fair"][["temperature"]]
    table = score(truth, {"hot": hot}).query("model == 'parcv2'")
    assert "pressure_rmse" not in set(table["metric"])
    assert value(table, "parcv2", "temperature_rmse") > 0.0
    with pytest.raises(DataError, match="cold: expected field 'temperature'"):
        score(truth, {"cold": made["fair"].drop_vars("temperature")})


def with_attribute(name, changed):
    return lambda one: one.assign_attrs({name: changed})


def without_attribute(name):
    def drop(one):
        return one.drop_attrs(deep=False).assign_attrs({k: v for k, v in one.attrs.items() if k != name})

    return drop


def with_axis(name, factor):
    return lambda one: one.assign_coords({name: one[name] * factor}).pipe(schema.describe)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (with_attribute("scale", "micro"), "odd: scale: expected 'meso', got 'micro'"),
        (with_attribute("start_frame", 2), "odd: start_frame: expected 1, got 2"),
        (without_attribute("seed"), "odd: expected attributes of a prediction, got none named seed"),
        (without_attribute("model"), "odd: expected attributes of a prediction, got none named model"),
        (with_axis("time", 1.001), "odd: time: expected the 8 values of the truth"),
        (with_axis("x", 2.0), "odd: x: expected the 36 values of the truth"),
        (lambda one: one.isel(y=slice(0, 12)), "odd: y: expected the 24 values of the truth, got other 12"),
        (lambda one: one.isel(time=slice(0, 6)), "odd: time: expected the 8 values of the truth, got other 6"),
        (lambda one: one.isel(case=[0]), r"odd: case: expected \[2, 3\], as scored before, got \[2\]"),
        (lambda one: one.assign_coords(case=[2, 9]).pipe(schema.describe), r"odd: case: expected cases of the truth"),
        (with_attribute("model", "parcv2"), "odd: expected a run not scored before, got parcv2, n_meso 4, seed 0"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(truth, made, harm, said):
    odd = harm(made["poor"].assign_attrs(n_meso=4, seed=0))
    with pytest.raises(DataError, match=said):
        score(truth, {"fair": made["fair"], "odd": odd})
