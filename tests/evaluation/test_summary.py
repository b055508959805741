"""The summary: means over cases and seeds worked by hand, and files that come back as they were."""

import io
import math

import numpy as np
import pandas as pd
import pytest

from tessera.errors import DataError
from tessera.evaluation import scores, summary
from tests.evaluation.synthetic import START, THRESHOLD, ensemble, prediction


def rows(model, n_meso, metric, values, unit="K"):
    """Return whole-case rows, one per (seed, case): value."""
    return [[model, n_meso, seed, "meso", case, math.nan, metric, v, unit] for (seed, case), v in values.items()]


def frame(*parts):
    table = pd.DataFrame([row for part in parts for row in part], columns=scores.COLUMNS)
    return table.astype({"n_meso": "Int64", "seed": "Int64"})


TABLE = frame(
    rows("tessera", 2, "temperature_rmse", {(0, 5): 1.0, (0, 6): 2.0, (1, 5): 3.0, (1, 6): 6.0}),
    rows("tessera", 2, "hotspot_temperature_rmse", {(0, 5): 7.0, (0, 6): math.nan}),
    rows("tessera", 4, "hotspot_temperature_rmse", {(0, 5): math.nan, (0, 6): math.nan}),
    rows("parcv2", 4, "temperature_rmse", {(0, 5): 1.0, (0, 6): math.inf}),
    rows("persistence", None, "temperature_rmse", {(None, 5): 8.0, (None, 6): 10.0}),
    [["tessera", 2, 0, "meso", 5, 1e-9, "temperature_rmse", 1e9, "K"]],
)


@pytest.fixture(scope="module")
def table():
    truth = ensemble()
    made = {"one": prediction(truth, "tessera", 2, 0), "two": prediction(truth, "tessera", 2, 1, noise=0.2)}
    made["many"] = prediction(truth, "ensemble", 2, 0, members=3)
    return scores.table(truth, made, scale="meso", threshold=THRESHOLD, start=START)


def line(short, model, n_meso, metric):
    known = short[(short["model"] == model) & (short["metric"] == metric)]
    known = known[known["n_meso"].isna()] if n_meso is None else known[known["n_meso"] == n_meso]
    assert len(known) == 1
    return known.iloc[0]


def test_means_are_over_cases_and_seeds_and_of_whole_cases_alone():
    found = line(summary.summarise(TABLE), "tessera", 2, "temperature_rmse")
    assert (found["mean"], found["cases"], found["seeds"], found["undefined"]) == (3.0, 2, 2, 0)
    assert found["std"] == pytest.approx(math.sqrt(14.0 / 3.0))
    assert (found["better"], found["unit"], found["scale"]) == ("lower", "K", "meso")


def test_an_undefined_value_is_left_out_and_counted():
    short = summary.summarise(TABLE)
    some, none = (line(short, "tessera", n_meso, "hotspot_temperature_rmse") for n_meso in (2, 4))
    assert (some["mean"], some["undefined"]) == (7.0, 1)
    assert math.isnan(none["mean"]) and none["undefined"] == 2


def test_an_infinite_value_stays_in():
    found = line(summary.summarise(TABLE), "parcv2", 4, "temperature_rmse")
    assert found["mean"] == math.inf and math.isnan(found["std"])


def test_models_without_training_have_a_line_too():
    found = line(summary.summarise(TABLE), "persistence", None, "temperature_rmse")
    assert (found["mean"], found["std"], found["cases"]) == (9.0, math.sqrt(2.0), 2)


def test_one_line_per_model_meso_cases_and_metric(table):
    short = summary.summarise(table)
    assert list(short.columns) == summary.COLUMNS
    assert not short.duplicated(["model", "n_meso", "metric"]).any()
    curves = {f"{name}_curve_rmse" for name in scores.QUANTITIES}
    ranks = {metric for metric in table["metric"] if "_rank_" in metric}
    of = (*scores.ENSEMBLE_QUANTITIES, *scores.ENSEMBLE_FIELDS)
    pooled = {f"{name}_{kind}" for name in of for kind in ("coverage", "calibration_error", "spread_skill")}
    assert set(short["metric"]) == (set(table[table["time"].isna()]["metric"]) | curves | pooled) - ranks
    trained = short[short["model"] == "tessera"]
    assert set(trained["seeds"]) == {2} and set(trained["cases"]) == {2}


CURVES = frame(
    *(
        [["truth", None, None, "meso", case, time, "hotspot_area", value, "m2"] for time, value in series.items()]
        for case, series in {5: {1.0: 2.0, 2.0: 4.0}, 6: {1.0: 4.0, 2.0: 8.0}}.items()
    ),
    *(
        [["tessera", 2, 0, "meso", case, time, "hotspot_area", value, "m2"] for time, value in series.items()]
        for case, series in {5: {1.0: 4.0, 2.0: 4.0}, 6: {1.0: 2.0, 2.0: 14.0}}.items()
    ),
)


def test_errors_of_cases_cancel_in_the_error_of_the_mean_curve():
    found = line(summary.summarise(CURVES), "tessera", 2, "hotspot_area_curve_rmse")
    # the means are 3 and 6, and 3 and 9: no error at the first time though each case has one, 3 at the second
    assert found["mean"] == pytest.approx(math.sqrt(9.0 / 2.0))
    assert (found["cases"], found["better"], found["unit"]) == (2, "lower", "m2")


def test_an_interval_holds_its_mean_and_narrows_with_cases():
    few, many = (np.random.default_rng(1).normal(5.0, 1.0, size) for size in (8, 800))
    for values in (few, many):
        low, high = summary.interval(values)
        assert low < values.mean() < high
    expected = 2 * 1.96 * many.std() / math.sqrt(800)
    low, high = summary.interval(many)
    assert high - low == pytest.approx(expected, rel=0.1)
    assert summary.interval(np.array([3.0, 3.0, 3.0])) == (3.0, 3.0)
    for values in ([3.0], [math.nan, 3.0], [math.inf, 3.0, 4.0]):
        assert all(map(math.isnan, summary.interval(np.array(values))))


def test_models_are_compared_case_by_case():
    ours, theirs = {(0, n): 10.0 * n for n in range(9)}, {(0, n): 10.0 * n + 1.0 + 0.1 * n for n in range(9)}
    table = frame(rows("tessera", 2, "temperature_rmse", ours), rows("parcv2", 4, "temperature_rmse", theirs))
    mean, low, high = summary.difference(table, ("tessera", 2), ("parcv2", 4), "temperature_rmse")
    assert mean == pytest.approx(-1.4) and low < mean < high < -1.0  # the cases themselves differ by 80
    assert math.isnan(summary.difference(table, ("tessera", 2), ("cnext", 2), "temperature_rmse")[0])


def test_a_rival_that_diverged_in_a_case_is_infinitely_worse():
    ours, theirs = {(0, 1): 1.0, (0, 2): 2.0}, {(0, 1): math.inf, (0, 2): 3.0}
    table = frame(rows("tessera", 2, "temperature_rmse", ours), rows("parcv2", 4, "temperature_rmse", theirs))
    found = summary.difference(table, ("tessera", 2), ("parcv2", 4), "temperature_rmse")
    assert found[0] == -math.inf and math.isnan(found[1]) and math.isnan(found[2])
    turned = summary.difference(table, ("parcv2", 4), ("tessera", 2), "temperature_rmse")
    assert turned[0] == math.inf
    lost = frame(
        *(rows(model, n, "temperature_rmse", {(0, 1): math.inf}) for model, n in (("tessera", 2), ("parcv2", 4)))
    )
    assert math.isnan(summary.difference(lost, ("tessera", 2), ("parcv2", 4), "temperature_rmse")[0])


MEMBERS = frame(
    *(
        [["ensemble", 2, 0, "meso", case, math.nan, f"hotspot_area_rank_{place}", count, "1"]]
        for case, counts in {5: (0.0, 6.0, 0.0), 6: (2.0, 0.0, 0.0)}.items()
        for place, count in enumerate(counts)
    ),
    *(
        [[model, n_meso, seed, "meso", case, time, metric, value, "m2"]]
        for case, time, truth, mean, spread in (
            (5, 1.0, 0.0, 2.0, 3.0),
            (5, 2.0, 4.0, 4.0, 3.0),
            (6, 1.0, 1.0, 9.0, math.nan),
        )
        for model, n_meso, seed, metric, value in (
            ("truth", None, None, "hotspot_area", truth),
            ("ensemble", 2, 0, "hotspot_area", mean),
            ("ensemble", 2, 0, "hotspot_area_spread", spread),
        )
    ),
)


def test_calibration_is_of_all_cases_together():
    short = summary.summarise(MEMBERS)
    # of two members: 6 of 8 values lie between them, where a mean over cases would say a half; a third should
    assert line(short, "ensemble", 2, "hotspot_area_coverage")["mean"] == 0.75
    assert line(short, "ensemble", 2, "hotspot_area_calibration_error")["mean"] == pytest.approx(0.75 - 1 / 3)
    # spreads 3 and 3, errors 2 and 0 where both are known: 3 sqrt(3 / 2) over sqrt(2)
    found = line(short, "ensemble", 2, "hotspot_area_spread_skill")
    assert found["mean"] == pytest.approx(3.0 * math.sqrt(1.5) / math.sqrt(2.0))
    assert found["cases"] == 2 and not short["metric"].str.contains("_rank_").any()


def test_cases_may_be_scored_in_parts_and_put_together_in_any_order(table):
    whole = summary.text(summary.summarise(table))
    parts = [table[table["case"] == case] for case in sorted(table["case"].unique())]
    for order in (parts, parts[::-1]):
        assert summary.text(summary.summarise(pd.concat(order, ignore_index=True))) == whole


def test_the_order_of_rows_does_not_matter(table):
    mixed = table.sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(summary.summarise(mixed), summary.summarise(table))
    assert summary.text(summary.summarise(mixed)) == summary.text(summary.summarise(table))


def test_the_csv_says_what_the_summary_says():
    short = summary.summarise(TABLE)
    text = summary.text(short)
    assert "nan" not in text.lower()
    read = pd.read_csv(io.StringIO(text), na_values=["undefined"], keep_default_na=False)
    assert list(read.columns) == summary.COLUMNS
    assert text.partition("\n")[2].count("undefined") == short[["mean", "std", "low", "high"]].isna().to_numpy().sum()
    np.testing.assert_allclose(read["mean"], short["mean"], rtol=1e-5)
    np.testing.assert_allclose(read["std"], short["std"], rtol=1e-5)
    assert read["metric"].tolist() == short["metric"].tolist()


def test_parquet_comes_back_as_it_was(table, tmp_path):
    summary.save(table, tmp_path / "meso.parquet", tmp_path / "meso.csv")
    read = summary.load(tmp_path / "meso.parquet")
    pd.testing.assert_frame_equal(read, table)
    assert read.attrs == table.attrs == {"scale": "meso", "threshold": THRESHOLD, "start_frame": START}
    assert (tmp_path / "meso.csv").read_text() == summary.text(summary.summarise(table))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["meso.csv", "meso.parquet"]


def test_equal_tables_make_equal_files(table, tmp_path):
    for folder in ("one", "two"):
        summary.save(table, tmp_path / folder / "meso.parquet", tmp_path / folder / "meso.csv")
    for name in ("meso.parquet", "meso.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("kept", [0, 4, 0.5, 0.99])
def test_a_truncated_table_is_refused_by_name(table, tmp_path, kept):
    path = tmp_path / "meso.parquet"
    summary.save(table, path, tmp_path / "meso.csv")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(DataError, match=r"meso\.parquet: expected a whole Parquet file, got ") as caught:
        summary.load(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_score_table_is_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"none\.parquet: expected a score table, found none"):
        summary.load(tmp_path / "none.parquet")
    pd.DataFrame({"value": [1.0]}).to_parquet(tmp_path / "odd.parquet")
    with pytest.raises(DataError, match=r"odd\.parquet: expected columns \['model'"):
        summary.load(tmp_path / "odd.parquet")
