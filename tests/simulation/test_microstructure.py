"""Pores: the same from the same seed, of the area, place and gap that were asked, and honest when full."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, label

from tessera.errors import ValidityError
from tessera.simulation.microstructure import BLOB, ELLIPSE, Packing, Pore, SinglePore, patch, pore_fraction

CELLS, CELL = (120, 180), 1.0e-7
SINGLE = SinglePore(diameter=(1.5e-6, 4.0e-6), centre_x=(0.27, 0.36), centre_y=(0.4, 0.6))
PACKING = Packing((0.04, 0.10), (7.2e-7, 1.3e-6), (2.2e-6, 4.0e-6), gap=3.0e-7, inlet=1.0e-6)
every_microstructure = pytest.mark.parametrize("what", [SINGLE, PACKING], ids=["single-pore", "packing"])


def drawn(what, seed, cells=CELLS):
    return what.draw(np.random.default_rng(seed), cells, CELL)


def disc_area(pores):
    return sum(math.pi / 4.0 * pore.diameter**2 for pore in pores)


@every_microstructure
def test_the_same_seed_draws_the_same_pores(what):
    assert drawn(what, 3) == drawn(what, 3)
    assert drawn(what, 3) != drawn(what, 4)
    np.testing.assert_array_equal(
        pore_fraction(drawn(what, 3), CELLS, CELL), pore_fraction(drawn(what, 3), CELLS, CELL)
    )


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from([ELLIPSE, BLOB]),
    seed=st.integers(0, 2**31 - 1),
    aspect=st.floats(1.0, 3.0),
    angle=st.floats(0.0, 3.1),
    roughness=st.floats(0.05, 0.45),
)
def test_a_pore_is_one_piece_of_the_area_of_its_disc(kind, seed, aspect, angle, roughness):
    pore = Pore(kind, seed, 4e-6, aspect, angle, roughness, 1.23e-6, 4.56e-6)
    _, _, share = patch(pore, CELL)
    _, pieces = label(share > 0.0, np.ones((3, 3)))
    assert pieces == 1
    assert share.sum() * CELL**2 == pytest.approx(disc_area([pore]), rel=0.05, abs=0.0)


def test_shapes_differ_by_seed_kind_and_angle():
    pore = Pore(ELLIPSE, 7, 4e-6, 1.8, 0.4, 0.3, 6e-6, 6e-6)
    others = [pore._replace(**change) for change in ({"shape_seed": 8}, {"kind": BLOB}, {"angle": 1.4})]
    one, *rest = (pore_fraction([each], CELLS, CELL) for each in (pore, *others))
    assert all(np.abs(one - other).sum() > 30.0 for other in rest)


def test_a_pore_moves_by_whole_cells_unchanged():
    pore = Pore(BLOB, 11, 3e-6, 1.3, 0.7, 0.2, 5.02e-6, 6.04e-6)
    moved = pore._replace(centre_x=pore.centre_x + 20 * CELL, centre_y=pore.centre_y - 10 * CELL)
    here, there = pore_fraction([pore], CELLS, CELL), pore_fraction([moved], CELLS, CELL)
    np.testing.assert_allclose(np.roll(here, (-10, 20), axis=(0, 1)), there, atol=1 / 16)
    assert here.sum() > 0.0


@pytest.mark.parametrize("seed", range(12))
def test_a_single_pore_keeps_its_ranges_and_lies_inside_the_box(seed):
    (pore,) = drawn(SINGLE, seed)
    height, width = (count * CELL for count in CELLS)
    assert SINGLE.diameter[0] <= pore.diameter <= SINGLE.diameter[1]
    assert SINGLE.centre_x[0] * width <= pore.centre_x <= SINGLE.centre_x[1] * width
    assert SINGLE.centre_y[0] * height <= pore.centre_y <= SINGLE.centre_y[1] * height
    share = pore_fraction([pore], CELLS, CELL)
    assert not (share[0].any() or share[-1].any() or share[:, 0].any() or share[:, -1].any())
    assert share.sum() * CELL**2 == pytest.approx(disc_area([pore]), rel=0.05, abs=0.0)


@pytest.mark.parametrize("seed", range(4))
def test_a_packing_has_the_porosity_that_was_asked(seed):
    exact = PACKING._replace(porosity=(0.08, 0.08), smallest_diameter=(9e-7, 9e-7))
    pores = drawn(exact, seed)
    box = CELLS[0] * CELLS[1] * CELL**2
    half = 0.5 * math.pi / 4.0 * (9e-7) ** 2 / box
    assert disc_area(pores) / box == pytest.approx(0.08, abs=half * 1.0001)
    assert pore_fraction(pores, CELLS, CELL).mean() == pytest.approx(0.08, rel=0.04)
    assert all(9e-7 <= pore.diameter <= 4.0e-6 for pore in pores)


@pytest.mark.parametrize("seed", range(3))
def test_packed_pores_keep_their_gap_the_borders_and_the_inlet(seed):
    """Dense enough that a gap half as wide would be used."""
    crowded = PACKING._replace(porosity=(0.18, 0.18), gap=6e-7)
    pores = drawn(crowded, seed)
    shares = [pore_fraction([pore], CELLS, CELL) > 0.0 for pore in pores]
    assert len(pores) > 8
    for number, one in enumerate(shares):
        away = distance_transform_edt(~one) * CELL  # between centres of cells: a cell more than the solid between
        for other in shares[number + 1 :]:
            assert away[other].min() - CELL >= crowded.gap - 1e-12
    everything = np.logical_or.reduce(shares)
    assert not everything[:, : round(crowded.inlet / CELL)].any()
    assert not (everything[0].any() or everything[-1].any() or everything[:, -1].any())


def test_a_packing_that_is_full_says_by_how_much():
    crowded = PACKING._replace(porosity=(0.6, 0.6), gap=6e-7)
    with pytest.raises(ValidityError) as caught:
        drawn(crowded, 0)
    said = re.fullmatch(
        r"packing: expected porosity 0\.6000, got (0\.\d+): no room for pore (\d+) of (\d+), (0\.\d+) short",
        str(caught.value),
    )
    assert said, caught.value
    got, number, wanted, short = map(float, said.groups())
    assert got + short == pytest.approx(0.6, abs=1e-4)
    assert 0.05 < got < 0.5
    assert 1 <= number <= wanted


def test_a_pore_that_cannot_lie_inside_is_refused():
    expected = r"single-pore: expected a pore of 1\.8e-06 to 2e-06 m inside a box of 1\.2e-06 x 2e-06 m, got none in"
    with pytest.raises(ValidityError, match=expected):
        drawn(SINGLE._replace(diameter=(1.8e-6, 2e-6)), 0, (12, 20))
