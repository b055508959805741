"""Populations: of the statistics that were asked, gaps kept, the same from the same seed, honest when full."""

import itertools
import math
import re
import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ive

from tessera.errors import ValidityError
from tessera.simulation.morphology.distributions import AnyDirection, Lognormal, Quantiles, Uniform, VonMises
from tessera.simulation.morphology.gaps import distance
from tessera.simulation.morphology.outlines import outline
from tessera.simulation.morphology.population import Population, share
from tessera.simulation.morphology.statistics import measure, neighbours

CELLS, CELL = (160, 240), 1.0e-7
BOX = CELLS[0] * CELLS[1] * CELL**2
ASKED = Population(
    porosity=(0.06, 0.06),
    tolerance=0.002,
    diameter=Lognormal(1.0e-6, 0.35, 4.0e-7, 3.0e-6),
    aspect=Uniform(1.0, 3.0),
    orientation=VonMises(0.6, 4.0),
    roughness=Uniform(0.05, 0.2),
    correlation=0.5,
    gap=2.0e-7,
    inlet=8.0e-7,
)


def drawn(what, seed, cells=CELLS):
    return what.draw(np.random.default_rng(seed), cells, CELL)[0]


def area(pores):
    return sum(math.pi / 4.0 * pore.diameter**2 for pore in pores)


sizes = st.one_of(
    st.tuples(st.floats(3e-7, 1e-6), st.floats(1.0, 3.0)).map(lambda pair: Uniform(pair[0], pair[0] * pair[1])),
    st.tuples(st.floats(4e-7, 1e-6), st.floats(0.05, 1.0)).map(lambda pair: Lognormal(*pair, 3e-7, 3e-6)),
    st.tuples(st.floats(3e-7, 8e-7), st.floats(1.0, 2.0)).map(
        lambda pair: Quantiles((0.0, 0.7, 1.0), (pair[0], pair[0] * pair[1], 2e-6))
    ),
)
populations = st.builds(
    Population,
    porosity=st.tuples(st.floats(0.0, 0.1), st.floats(0.1, 0.3)),
    part=st.just(((0.0, 1.0), (0.0, 1.0))),
    tolerance=st.just(0.004),
    diameter=sizes,
    aspect=st.floats(1.0, 4.0).map(lambda high: Uniform(1.0, high)),
    orientation=st.one_of(st.just(AnyDirection()), st.builds(VonMises, st.floats(-6.0, 6.0), st.floats(0.0, 100.0))),
    roughness=st.floats(0.0, 0.4).map(lambda high: Uniform(0.0, high)),
    correlation=st.floats(0.15, 1.5),
    gap=st.floats(0.0, 5e-7),
    inlet=st.floats(0.0, 3e-6),
    refuse=st.just(True),
)


@settings(max_examples=40, deadline=None)
@given(populations, st.integers(0, 2**31 - 1))
def test_any_population_keeps_what_it_promises_or_says_that_it_cannot(what, seed):
    cells = (80, 120)
    box = cells[0] * cells[1] * CELL**2
    try:
        pores, asked = what.draw(np.random.default_rng(seed), cells, CELL)
    except ValidityError as error:
        assert re.search(r"expected porosity 0\.\d+ within 0\.004, got 0\.\d+: 0\.\d+ (short|over)", str(error))
        return
    assert what.porosity[0] <= asked <= what.porosity[1]
    covered = share(pores, cells, CELL)
    assert covered.mean() == pytest.approx(area(pores) / box, rel=1e-9, abs=1e-15)
    assert covered.mean() == pytest.approx(asked, abs=0.004)
    outlines = [outline(pore) for pore in pores]
    assume(outlines)
    assert neighbours(outlines).min() >= what.gap
    points = np.concatenate(outlines)
    assert points[:, 0].min() >= max(what.inlet, 0.5 * what.gap) - 1e-18
    assert points[:, 1].min() >= 0.5 * what.gap - 1e-18
    assert (points.max(axis=0) <= np.array(cells[::-1]) * CELL - 0.5 * what.gap + 1e-18).all()
    for pore in pores:
        assert what.diameter.low <= pore.diameter <= what.diameter.high
        assert what.aspect.low <= pore.aspect <= what.aspect.high
        assert 0.0 <= pore.angle <= math.pi
        assert what.roughness.low <= pore.roughness <= what.roughness.high
    assert what.draw(np.random.default_rng(seed), cells, CELL) == (pores, asked)


def test_gaps_are_kept_between_outlines_where_circles_would_be_wrong():
    """So dense that a smaller gap would be used, and so long that circles around pores must overlap."""
    crowded = ASKED._replace(porosity=(0.25, 0.25), aspect=Uniform(3.0, 3.0), gap=1.5e-7)
    pores = drawn(crowded, 1)
    outlines = [outline(pore) for pore in pores]
    pairs = list(itertools.combinations(range(len(pores)), 2))
    assert min(distance(outlines[i], outlines[j], 1e-6) for i, j in pairs) >= crowded.gap
    reach = [
        np.hypot(*(points - [pore.centre_x, pore.centre_y]).T).max()
        for points, pore in zip(outlines, pores, strict=True)
    ]
    overlapping = sum(
        math.hypot(pores[i].centre_x - pores[j].centre_x, pores[i].centre_y - pores[j].centre_y) < reach[i] + reach[j]
        for i, j in pairs
    )
    assert overlapping > 10
    assert measure(outlines)["gap_least"] < 1.05 * crowded.gap


def test_many_pores_have_the_statistics_that_were_asked():
    pores = drawn(ASKED, 0, (1200, 1600))
    assert len(pores) > 1000
    said = measure([outline(pore) for pore in pores])
    assert said["diameter_mean"] == pytest.approx(1.0e-6 * math.exp(0.35**2 / 2.0), rel=0.04)
    assert said["aspect_ratio_mean"] == pytest.approx(2.0, rel=0.04)
    assert said["orientation"] == pytest.approx(0.6, abs=0.05)
    assert said["alignment"] == pytest.approx(ive(1, 4.0) / ive(0, 4.0), abs=0.06)
    assert said["roughness_mean"] == pytest.approx(0.125, rel=0.1)
    assert share(pores, (1200, 1600), CELL).mean() == pytest.approx(0.06, abs=1e-5)


def test_thousands_of_pores_are_placed_in_seconds():
    drawn(ASKED, 0)  # compiles
    began = time.process_time()
    pores = drawn(ASKED, 0, (2000, 2600))
    assert len(pores) > 2500
    assert time.process_time() - began < 20.0


def test_places_are_alike_all_over_the_box():
    """Of small pores the mean place is the middle of what is free of the inlet."""
    few = ASKED._replace(porosity=(0.02, 0.02), diameter=Uniform(3e-7, 3e-7))
    pores = drawn(few, 2, (600, 800))
    assert len(pores) > 1000
    x, y = np.mean([[pore.centre_x, pore.centre_y] for pore in pores], axis=0)
    assert x == pytest.approx(0.5 * (80e-6 + few.inlet), rel=0.04)
    assert y == pytest.approx(30e-6, rel=0.04)


@pytest.mark.parametrize("seed", range(3))
def test_a_full_population_says_how_much_is_missing_in_bounded_time(seed):
    began = time.process_time()
    with pytest.raises(ValidityError) as caught:
        drawn(ASKED._replace(porosity=(0.7, 0.7)), seed)
    assert time.process_time() - began < 20.0
    said = re.fullmatch(
        r"population: expected porosity 0\.7000 within 0\.002, got (0\.\d+): (0\.\d+) short, "
        r"(\d+) of (\d+) pores without room",
        str(caught.value),
    )
    assert said, caught.value
    got, missing, without, wanted = map(float, said.groups())
    assert got + missing == pytest.approx(0.7, abs=2e-4)
    assert 0.2 < got < 0.6
    assert 1 <= without < wanted


def test_a_full_population_may_stay_as_full_as_it_gets():
    full = ASKED._replace(porosity=(0.7, 0.7), refuse=False)
    pores = drawn(full, 0)
    assert 0.3 < area(pores) / BOX < 0.6
    assert neighbours([outline(pore) for pore in pores]).min() >= full.gap


def test_a_pore_larger_than_the_porosity_is_refused():
    with pytest.raises(ValidityError, match=r"expected porosity 0\.0010 within 0\.0001, got 0\.0000: 0\.0010 short"):
        drawn(ASKED._replace(porosity=(0.001, 0.001), tolerance=1e-4, diameter=Uniform(2e-6, 2e-6)), 0)


def test_no_porosity_is_no_pore():
    assert drawn(ASKED._replace(porosity=(0.0, 0.0)), 0) == []


def test_pores_keep_to_their_part_of_the_box_and_fill_it_to_their_porosity():
    piece = ASKED._replace(part=((0.25, 0.75), (0.1, 0.6)), inlet=0.0)
    pores, asked = piece.draw(np.random.default_rng(4), CELLS, CELL)
    assert asked == pytest.approx(0.06 * 0.25)
    points = np.concatenate([outline(pore) for pore in pores])
    length, height = CELLS[1] * CELL, CELLS[0] * CELL
    assert points[:, 0].min() >= 0.25 * length + 0.5 * piece.gap
    assert points[:, 0].max() <= 0.75 * length - 0.5 * piece.gap
    assert points[:, 1].min() >= 0.1 * height + 0.5 * piece.gap
    assert points[:, 1].max() <= 0.6 * height - 0.5 * piece.gap
    assert area(pores) == pytest.approx(0.06 * 0.25 * BOX, abs=0.002 * 0.25 * BOX)
