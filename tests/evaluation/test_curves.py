"""Line figures: lines are the means, errors and histories that they claim to be."""

import numpy as np
import pandas as pd
import pytest

from tessera.evaluation import calibration, curves, figures, scores, summary
from tests.evaluation.synthetic import START, THRESHOLD, ensemble, prediction


@pytest.fixture(scope="module")
def truth():
    return ensemble()


@pytest.fixture(scope="module")
def table(truth):
    made = {
        "few": prediction(truth, "tessera", 2, 0, noise=0.1, members=2),
        "more": prediction(truth, "tessera", 4, 0, noise=0.05),
        "again": prediction(truth, "tessera", 4, 1, noise=0.05),
        "rival": prediction(truth, "parcv2", 4, 0, noise=0.2, lag=1),
    }
    return scores.table(truth, made, scale="meso", threshold=THRESHOLD, start=START)


def line(axes, label):
    (found,) = [drawn for drawn in axes.get_lines() if drawn.get_label() == label]
    return found


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def box(artist):
    """Return the ends of what is drawn as fractions of the figure: left, bottom, right, top."""
    figure = artist.get_figure(root=True)
    figure.canvas.draw()
    size = figure.get_size_inches() if artist is figure else figure.get_size_inches() * figure.dpi
    return (artist.get_tightbbox(figure.canvas.get_renderer()).get_points() / size).ravel()


def chosen(table, model, metric, n_meso=None):
    rows = table[(table["model"] == model) & (table["metric"] == metric) & table["time"].notna()]
    return rows[rows["n_meso"].isna()] if n_meso is None else rows[rows["n_meso"] == n_meso]


def test_hotspot_lines_are_means_over_cases_and_seeds_in_shown_units(table):
    figure = curves.hotspots(table)
    for axes, metric in zip(figure.axes, curves.HOTSPOTS, strict=True):
        drawn = line(axes, "tessera, 4 meso cases")
        expected = chosen(table, "tessera", metric, 4).groupby("time")["value"].mean()
        np.testing.assert_allclose(drawn.get_xdata(), expected.index / 1e-9)
        np.testing.assert_allclose(drawn.get_ydata(), expected / figures.UNITS[scores.units()[metric]].size)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "hotspot area (µm²)",
        "hotspot temperature (K)",
        "rate of hotspot area (µm²/ns)",
        "rate of hotspot temperature (K/ns)",
    ]


def test_the_truth_comes_first_and_every_run_has_its_line(table):
    runs = ["tessera, 2 meso cases", "tessera, 4 meso cases", "PARCv2, 4 meso cases"]
    assert legend(curves.hotspots(table)) == ["simulation", *runs]
    floors = ["persistence", "advected persistence", "travelling persistence"]
    assert legend(curves.errors(table, ("temperature_rmse",))) == [*runs, *floors]
    few = table[~table["model"].isin(["advected", "travelling"])]
    assert legend(curves.errors(few, ("temperature_rmse",))) == [*runs, "persistence"]


def test_runs_of_a_model_share_its_colour_and_differ_in_dash(table):
    axes = curves.hotspots(table).axes[0]
    few, more = (line(axes, f"tessera, {n_meso} meso cases") for n_meso in (2, 4))
    assert few.get_color() == more.get_color() == figures.colour("tessera")
    assert few.get_linestyle() != more.get_linestyle()


@pytest.mark.parametrize("said", ["CNextU-Net", "CNextU-Net by a long, long recipe of its own"])
def test_any_number_of_runs_finds_room_in_the_legend(truth, said):
    kinds = [("tessera", 4), ("tessera", 9), ("tessera", 18)]
    kinds += [(model, n_meso) for model in ("parcv2", "cnext") for n_meso in (4, 18)]
    made = {str(run): prediction(truth, *run, 0, noise=0.1) for run in kinds}
    table = scores.table(truth, made, scale="meso", threshold=THRESHOLD, start=START)
    with figures.naming({"cnext": said}):
        both = curves.hotspots(table), curves.errors(table, ("temperature_rmse", "hotspot_area"))
    for figure, lines in zip(both, (8, 10), strict=True):
        left, bottom, right, top = box(figure)
        assert min(left, bottom) >= 0.0 and max(right, top) <= 1.0
        assert len(legend(figure)) == lines
        _, low, _, _ = box(figure.legends[0])
        assert max(box(axes)[3] for axes in figure.axes if axes.get_visible()) < low


def test_an_undefined_value_leaves_a_gap_and_not_a_zero(table):
    none = table.assign(value=table["value"].where(table["metric"] != "hotspot_temperature"))
    assert np.isnan(line(curves.hotspots(none).axes[1], "simulation").get_ydata()).all()


def test_field_errors_are_root_mean_squares_over_cases_and_seeds(table):
    axes = curves.errors(table, ("temperature_rmse",)).axes
    assert axes[0].get_yscale() == "log" and [one.get_visible() for one in axes] == [True, False, False, False]
    rows = chosen(table, "tessera", "temperature_rmse", 4)
    expected = rows.assign(value=rows["value"] ** 2).groupby("time")["value"].mean() ** 0.5
    np.testing.assert_allclose(line(axes[0], "tessera, 4 meso cases").get_ydata(), expected)


def test_errors_of_a_quantity_are_taken_from_the_truth(table):
    axes = curves.errors(table, ("hotspot_area",)).axes[0]
    ours = chosen(table, "parcv2", "hotspot_area", 4).set_index(["case", "time"])["value"]
    real = chosen(table, "truth", "hotspot_area").set_index(["case", "time"])["value"]
    expected = ((ours - real) ** 2).groupby("time").mean() ** 0.5 / 1e-12
    drawn = line(axes, "PARCv2, 4 meso cases").get_ydata()
    np.testing.assert_allclose(drawn, expected.where(expected > 0.0))
    assert axes.get_ylabel() == "RMSE of hotspot area (µm²)"


def test_a_prediction_without_error_or_without_bound_has_no_point_and_no_warning(truth):
    perfect = prediction(truth, "tessera", 2, 0, noise=0.0)
    broken = prediction(truth, "parcv2", 4, 0, noise=0.0)
    broken["temperature"][:] = np.nan
    made = {"perfect": perfect, "broken": broken}
    table = scores.table(truth, made, scale="meso", threshold=THRESHOLD, start=START)
    figure = curves.errors(table, ("temperature_rmse", "hotspot_area"))
    for axes in figure.axes[:2]:
        for label in ("tessera, 2 meso cases", "PARCv2, 4 meso cases"):
            assert np.isnan(line(axes, label).get_ydata()).all()
    curves.hotspots(table)


def test_a_run_that_breaks_leaves_the_axes_and_is_marked_where_it_does(truth, table):
    broken = prediction(truth, "other", 2, 0, noise=0.1)
    broken["temperature"][:, 5:] += 1e7
    made = {
        "rival": prediction(truth, "parcv2", 4, 0, noise=0.2),
        "ours": prediction(truth, "tessera", 2, 0, noise=0.1),
    }
    table = scores.table(truth, {**made, "broken": broken}, scale="meso", threshold=THRESHOLD, start=START)
    axes = curves.errors(table, ("temperature_rmse",)).axes[0]
    usual = max(line(axes, f"{name} cases").get_ydata().max() for name in ("PARCv2, 4 meso", "tessera, 2 meso"))
    assert usual < axes.get_ylim()[1] < 1e6
    time = truth["time"].values[5] / 1e-9
    marks = [one for one in axes.get_lines() if one.get_marker() == "^"]
    assert (time, figures.colour("other", ["other"])) in [(one.get_xdata()[0], one.get_color()) for one in marks]


def test_bands_give_way_where_runs_are_many(truth, table):
    assert curves.banded(table) and len(curves.hotspots(table).axes[0].collections) == 4  # three runs and the truth
    kinds = [("tessera", 1), ("tessera", 2), ("parcv2", 4), ("cnext", 2), ("other", 2)]
    made = {str(run): prediction(truth, *run, 0, noise=0.1) for run in kinds}
    many = scores.table(truth, made, scale="meso", threshold=THRESHOLD, start=START)
    assert not curves.banded(many) and len(curves.hotspots(many).axes[0].collections) == 1


def test_areas_over_thresholds_are_means_over_cases_and_seeds(truth, table):
    axes = curves.exceedance(table).axes
    last = truth["time"].values[-1]
    names = [f"hotspot_area_{level:.0f}K" for level in scores.SWEEP]
    for label, model, n_meso in (("simulation", "truth", None), ("tessera, 4 meso cases", "tessera", 4)):
        rows = [chosen(table, model, name, n_meso) for name in names]
        expected = [one[one["time"] == last]["value"].mean() / 1e-12 for one in rows]
        drawn = line(axes[1], label)
        np.testing.assert_allclose(drawn.get_xdata(), scores.SWEEP)
        np.testing.assert_allclose(drawn.get_ydata(), np.where(np.array(expected) > 0.0, expected, np.nan))
    assert axes[1].get_title() == figures.instant(last) and axes[0].get_yscale() == "log"


def test_calibration_shows_coverage_and_ranks_of_models_with_members(table):
    figure = calibration.chart(table)
    assert legend(figure) == ["tessera, 2 meso cases"]
    ours = table[(table["model"] == "tessera") & (table["n_meso"] == 2)]
    for column, name in enumerate((*scores.ENSEMBLE_QUANTITIES, *scores.ENSEMBLE_FIELDS)):
        counts = summary.ranks(ours, name)
        above, below = (line(figure.axes[column + 3 * row], "tessera, 2 meso cases") for row in (0, 1))
        assert above.get_xdata().tolist() == [pytest.approx(1 / 3)]
        assert above.get_ydata().tolist() == [pytest.approx(counts[1] / counts.sum())]
        np.testing.assert_allclose(below.get_ydata(), counts / counts.mean())
    assert calibration.chart(table[table["model"] == "parcv2"]) is None


def record(training, validation, model="tessera"):
    made = pd.DataFrame({"progress": [1.0, 2.0, 3.0], "training": training, "validation": validation})
    made.attrs |= {"progress": "updates", "model": model}
    return made


def test_histories_show_training_and_every_validation_there_was():
    made = {"coupled": record([3.0, 2.0, 1.0], [0.5, np.nan, 0.3]), "zero": record([0.0] * 3, [np.nan] * 3, "parcv2")}
    coupled, zero = curves.histories(made).axes
    assert coupled.get_title() == "coupled" and coupled.get_xlabel() == "updates"
    assert line(coupled, "training").get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert line(coupled, "validation").get_xdata().tolist() == [1.0, 3.0]  # a line from the first to the last
    assert line(coupled, "validation").get_ydata().tolist() == [0.5, 0.3]
    assert (coupled.get_yscale(), zero.get_yscale()) == ("log", "linear")
    assert line(zero, "training").get_color() == figures.colour("parcv2")


@pytest.mark.parametrize(("count", "visible"), [(1, 1), (4, 4), (5, 5), (14, 14)])
def test_there_is_a_panel_per_training(count, visible):
    figure = curves.histories({str(number): record([1.0] * 3, [1.0] * 3) for number in range(count)})
    assert sum(axes.get_visible() for axes in figure.axes) == visible


@pytest.mark.parametrize(
    ("model", "n_meso", "label"),
    [
        ("tessera", 0, "tessera, micro only"),
        ("parcv2", 1, "PARCv2, 1 meso case"),
        ("cnext", 4, "CNextU-Net, 4 meso cases"),
        ("truth", None, "simulation"),
        ("persistence", pd.NA, "persistence"),
    ],
)
def test_a_run_is_called_by_what_it_learnt_from(model, n_meso, label):
    assert curves.label(model, n_meso) == label
