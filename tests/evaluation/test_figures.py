"""Figures: units and colours of the house, scales from the truth alone, bytes that repeat, whole files or none."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.figure import Figure
from PIL import Image

from tessera.data import schema
from tessera.evaluation import figures, gallery, scores
from tests.evaluation.synthetic import ensemble, prediction

REPOSITORY = Path(__file__).parents[2]
DRAWN = """
import sys
from pathlib import Path
from tessera.evaluation import figures, gallery
from tests.evaluation.synthetic import ensemble
truth = ensemble("micro")
figures.save(gallery.ensemble(truth, [0], [1, 3]), Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def truth():
    return ensemble("micro", splits=["train", "test"])


@pytest.fixture(scope="module")
def rollouts(truth):
    made = [prediction(truth, model, 2, 0, scale="micro", noise=0.1) for model in ("tessera", "other")]
    return [gallery.Rollout(one.attrs["model"], "2 meso cases", scores.load_case(one, 1)) for one in made]


def shown(figure):
    """Return the image panels of a figure, colour bars left out, from the top left to the bottom right."""
    panels = [axes for axes in figure.axes if axes.get_images()]
    return sorted(panels, key=lambda axes: (-round(axes.get_position().y0, 6), axes.get_position().x0))


def data(axes):
    return np.asarray(axes.get_images()[0].get_array())


def test_every_unit_of_fields_axes_and_scores_can_be_shown():
    asked = {what.units for what in (schema.FIELDS | schema.COORDINATES | schema.CASE_COORDINATES).values()}
    assert asked | set(scores.units().values()) <= set(figures.UNITS)


@pytest.mark.parametrize(
    ("value", "unit", "text", "symbol"),
    [
        (3.0e9, "Pa", 3.0, "GPa"),
        (2.0e-12, "m2", 2.0, "µm²"),
        (1.0e-12 / 1.0e-9, "m2 s-1", 1.0, "µm²/ns"),
        (5.0e9, "K s-1", 5.0, "K/ns"),
        (2500.0, "m s-1", 2.5, "km/s"),
        (1.72e-10, "s", 0.172, "ns"),
        (875.0, "K", 875.0, "K"),
    ],
)
def test_si_units_become_those_of_the_field(value, unit, text, symbol):
    assert float(figures.convert(value, unit)) == pytest.approx(text, rel=1e-12)
    assert figures.symbol(unit) == symbol
    assert figures.labelled("it", unit) == f"it ({symbol})"


def test_a_number_without_unit_has_no_parentheses():
    assert figures.labelled("overlap", "1") == "overlap"


def test_every_field_has_a_look_and_every_model_its_own_colour():
    assert set(figures.LOOKS) == set(schema.FIELDS)
    assert set(figures.COLOURS) == set(figures.NAMES)
    assert len(set(figures.COLOURS.values()) | set(figures.OTHERS)) == len(figures.COLOURS) + len(figures.OTHERS)
    assert figures.colour("unheard of") in figures.OTHERS


def test_models_without_a_colour_take_the_others_in_turn():
    names = ["parcv2", "b", "a", "c"]
    assert figures.ordered(names) == ["parcv2", "a", "b", "c"]
    assert [figures.colour(name, names) for name in ("a", "b", "c")] == list(figures.OTHERS[:3])
    assert figures.colour("parcv2", names) == figures.COLOURS["parcv2"] == figures.colour("parcv2")
    assert [figures.colour(name, reversed(names)) for name in ("a", "b", "c")] == list(figures.OTHERS[:3])
    assert figures.name("a") == "a"


def test_one_model_that_breaks_does_not_set_the_scale_of_all():
    assert figures.shared([1.0, 2.0, 900.0]) == 4.0  # twice the median
    assert figures.shared([1.0, 1.5]) == 1.5
    assert figures.shared([]) == 1.0


def test_scales_hold_almost_all_of_the_truth():
    values = np.linspace(300.0, 3000.0, 10000)
    assert figures.limits("temperature", values) == (300.0, pytest.approx(3000.0, rel=2e-3))
    assert figures.limits("microstructure", values) == (0.0, 1.0)
    low, high = figures.limits("velocity_y", np.linspace(-200.0, 100.0, 10000))
    assert (low, high) == (-high, pytest.approx(200.0, rel=2e-3))


@pytest.mark.parametrize("field", schema.FIELDS)
@pytest.mark.parametrize("value", [0.0, 300.0, np.nan])
def test_a_uniform_or_undefined_field_still_has_a_scale(field, value):
    low, high = figures.limits(field, np.full((2, 2), value))
    assert np.isfinite([low, high]).all() and low < high


def test_saving_repeats_byte_for_byte_and_leaves_a_whole_pdf(truth, tmp_path):
    first, second = (
        figures.save(gallery.ensemble(truth, [0, 1], [1, 3]), tmp_path / name) for name in ("one.pdf", "two.pdf")
    )
    assert first.png == second.png
    assert first.pdf.read_bytes() == second.pdf.read_bytes()
    assert first.pdf.read_bytes().startswith(b"%PDF") and first.pdf.read_bytes().rstrip().endswith(b"%%EOF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.pdf", "two.pdf"]


def test_another_process_draws_the_same_bytes(tmp_path):
    figures.save(gallery.ensemble(ensemble("micro"), [0], [1, 3]), tmp_path / "one.pdf")
    subprocess.run([sys.executable, "-c", DRAWN, str(tmp_path / "two.pdf")], check=True, cwd=REPOSITORY)
    assert (tmp_path / "one.pdf").read_bytes() == (tmp_path / "two.pdf").read_bytes()


@pytest.mark.parametrize("height", [1.0, 1.006, 3.1415])
def test_the_size_that_is_said_is_that_of_the_picture(height, tmp_path):
    saved = figures.save(figures.canvas(figures.WIDTH, height), tmp_path / "it.pdf")
    assert Image.open(io.BytesIO(saved.png)).size == (saved.width, saved.height)


def test_a_pdf_that_fails_half_way_is_not_there(tmp_path, monkeypatch):
    drawn = Figure.savefig

    def fails(figure, target, **options):
        drawn(figure, target, **options)
        if options["format"] == "pdf":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fails)
    with pytest.raises(OSError, match="No space left"):
        figures.save(figures.canvas(2.0, 1.0), tmp_path / "it.pdf")
    assert list(tmp_path.iterdir()) == []


def test_an_ensemble_is_shown_case_by_case_on_one_scale(truth):
    panels = shown(gallery.ensemble(truth, [0, 1], [1, 3, 5]))
    assert len(panels) == 2 * 4
    np.testing.assert_array_equal(data(panels[4]), truth["microstructure"].sel(case=1).values[0])
    np.testing.assert_array_equal(data(panels[7]), truth["temperature"].sel(case=1).values[5])
    assert len({panel.get_images()[0].get_clim() for panel in (*panels[1:4], *panels[5:8])}) == 1
    assert [panel.get_title() for panel in panels[1:4]] == ["0.17 ns", "0.52 ns", "0.86 ns"]


def test_rollouts_show_truth_models_and_errors_in_rows(truth, rollouts):
    real = scores.load_case(truth, 1)
    panels = shown(gallery.rollouts(real, rollouts, "pressure", [2, 5], truth["time"].values))
    assert len(panels) == 5 * 2
    np.testing.assert_allclose(data(panels[1]), real["pressure"][5] / 1e9)
    np.testing.assert_allclose(data(panels[5]), rollouts[1].fields["pressure"][5] / 1e9)
    np.testing.assert_allclose(data(panels[7]), data(panels[3]) - data(panels[1]), atol=1e-6)
    assert len({panel.get_images()[0].get_clim() for panel in panels[:6]}) == 1
    low, high = panels[6].get_images()[0].get_clim()
    assert low == -high


def test_nothing_is_drawn_beyond_the_edge(truth, rollouts):
    crowded = ensemble()
    real, times = scores.load_case(truth, 1), truth["time"].values
    drawn = [gallery.ensemble(crowded, [0, 1, 2, 3], [3, 7]), gallery.ensemble(truth, [0, 1], [1, 2, 3, 4, 5])]
    drawn += [gallery.rollouts(real, rollouts, field, [2, 5], times) for field in ("microstructure", "velocity_y")]
    drawn.append(gallery.reconstruction(truth, prediction(truth, "tokenizer", 0, 0, scale="micro"), 1, 4))
    for figure in drawn:
        figure.canvas.draw()
        left, bottom, right, top = figure.get_tightbbox(figure.canvas.get_renderer()).extents
        width, height = figure.get_size_inches()
        assert min(left, bottom, width - right, height - top) >= 0.0


def test_no_model_moves_the_colour_scale(truth, rollouts):
    real = scores.load_case(truth, 1)
    wild = rollouts[0]._replace(fields={"temperature": np.full_like(real["temperature"], 1e6)})
    scales = [
        shown(gallery.rollouts(real, made, "temperature", [5], truth["time"].values))[0].get_images()[0].get_clim()
        for made in ([rollouts[0]], [wild])
    ]
    assert scales[0] == scales[1]


def test_a_model_without_the_field_is_left_out(truth, rollouts):
    real = scores.load_case(truth, 1)
    able = rollouts[0]._replace(fields={"temperature": rollouts[0].fields["temperature"]})
    panels = shown(gallery.rollouts(real, [able, rollouts[1]], "pressure", [2], truth["time"].values, errors=False))
    assert len(panels) == 2


def test_a_reconstruction_shows_each_field_beside_the_truth_and_what_was_lost(truth):
    decoded = prediction(truth, "tokenizer", 0, 0, scale="micro", noise=0.1)[["temperature", "pressure"]]
    panels = shown(gallery.reconstruction(truth, decoded, 1, 4))
    assert len(panels) == 2 * 3
    np.testing.assert_allclose(data(panels[2]), data(panels[1]) - data(panels[0]), atol=1e-3)
    np.testing.assert_allclose(data(panels[3]), truth["pressure"].sel(case=1).values[4] / 1e9)


def test_y_points_upwards_and_what_is_undefined_has_a_colour_of_no_map():
    grid = figures.panels(1, 1, 1.0)
    image = figures.show(grid.axes[0, 0], np.array([[300.0, np.nan], [400.0, 500.0]]), "temperature", (300.0, 500.0))
    assert image.origin == "lower"
    painted = image.cmap(np.ma.masked_invalid([np.nan]))[0, :3]
    assert painted == pytest.approx([part / 255 for part in figures.UNDEFINED_RGB])
    for field in schema.SIMULATED:
        assert figures.UNDEFINED_RGB not in figures.palette(field)
        assert colors.to_hex(np.array(figures.palette(field)[0]) / 255) != colors.to_hex(painted)
