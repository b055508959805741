"""Films: a pixel per stored cell in the colours of the scale, and bytes that repeat."""

import io

import numpy as np
import pytest
from PIL import Image

from tessera.evaluation import figures, film, scores
from tessera.evaluation.gallery import Rollout
from tests.evaluation.synthetic import ensemble


@pytest.fixture(scope="module")
def truth():
    return ensemble("micro", splits=["test"])


@pytest.fixture(scope="module")
def real(truth):
    return scores.load_case(truth, 0)


def pixels(picture):
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def test_a_film_has_a_picture_per_snapshot_and_model(truth, real):
    made = [Rollout("tessera", "2 meso cases", real), Rollout("parcv2", "", {"temperature": real["temperature"]})]
    found = film.film(0, "pressure", real, made, truth["time"].values)
    assert [strip.name for strip in found.strips] == ["simulation", "tessera"]
    assert [len(strip.pictures) for strip in found.strips] == [6, 6]
    assert found.times == ["0.00 ns", "0.17 ns", "0.34 ns", "0.52 ns", "0.69 ns", "0.86 ns"]
    assert found.strips[1].colour == figures.colour("tessera")
    assert found.size == sum(len(picture) for strip in found.strips for picture in strip.pictures)


def test_equal_fields_make_equal_pictures_on_every_run(truth, real):
    films = [film.film(0, "temperature", real, [Rollout("m", "", real)], truth["time"].values) for _ in range(2)]
    assert films[0] == films[1]
    assert films[0].strips[0].pictures == films[0].strips[1].pictures


def test_a_pixel_is_a_cell_in_the_colour_of_its_value_with_y_upwards(truth, real):
    found = film.film(0, "temperature", real, [], truth["time"].values)
    picture = pixels(found.strips[0].pictures[-1])
    values, colours = real["temperature"][-1], np.array(figures.palette("temperature"))
    low, high = figures.limits("temperature", real["temperature"])
    assert picture.shape == (*values.shape, 3)
    level = np.rint(np.clip((values[::-1] - low) / (high - low), 0.0, 1.0) * 255).astype(int)
    nearest = np.abs(picture[:, :, None, :].astype(int) - colours).sum(axis=-1).argmin(axis=-1)
    assert np.abs(nearest - level).max() <= 1
    assert (np.abs(picture.astype(int) - colours[nearest]).max()) == 0


def test_what_is_not_finite_has_the_colour_of_the_undefined(truth, real):
    broken = {"temperature": real["temperature"].copy()}
    broken["temperature"][2, 0, 3] = np.nan
    broken["temperature"][2, 0, 4] = np.inf
    found = film.film(0, "temperature", real, [Rollout("m", "", broken)], truth["time"].values)
    picture = pixels(found.strips[1].pictures[2])
    assert [tuple(picture[-1, column]) for column in (3, 4)] == [figures.UNDEFINED_RGB] * 2
    assert tuple(picture[-1, 5]) != figures.UNDEFINED_RGB


def test_the_scale_is_that_of_the_truth(truth, real):
    wild = {"temperature": np.full_like(real["temperature"], 1e9)}
    calm, odd = (
        film.film(0, "temperature", real, made, truth["time"].values)
        for made in ([], [Rollout("wild", "", wild), Rollout("cold", "", {"temperature": -wild["temperature"]})])
    )
    assert (calm.low, calm.high, calm.strips[0]) == (odd.low, odd.high, odd.strips[0])
    assert calm.low == "300 K" and calm.gradient[0] != calm.gradient[-1]
    ends = [tuple(pixels(strip.pictures[0])[0, 0]) for strip in odd.strips[1:]]
    assert ends == [figures.palette("temperature")[-1], figures.palette("temperature")[0]]


def test_equal_values_have_equal_colours_in_every_strip(truth, real):
    half = {"temperature": 300.0 + (real["temperature"] - 300.0) / 2}
    found = film.film(0, "temperature", real, [Rollout("m", "", half)], truth["time"].values)
    hottest = pixels(found.strips[1].pictures[-1]).reshape(-1, 3).astype(int)
    bright = np.array(figures.palette("temperature")[140:])
    assert np.abs(hottest[:, None] - bright).sum(axis=-1).min() > 0


def test_thinning_keeps_every_other_cell(truth, real):
    full, thin = (film.film(0, "temperature", real, [], truth["time"].values, thin=thin) for thin in (1, 2))
    for one, other in zip(full.strips[0].pictures, thin.strips[0].pictures, strict=True):
        np.testing.assert_array_equal(pixels(one)[::2, ::2], pixels(other))
