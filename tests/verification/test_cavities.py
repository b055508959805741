"""What is read from the axis of a collapsing cavity."""

import numpy as np
import pytest

from tessera.verification.cavities import LARGE, SMALL, Axis, axis


def test_the_impact_is_found_backwards_along_the_shock_it_sent():
    read = Axis(early=0.08, late=0.22, near=0.03, far=0.28)  # the shock goes at 2.5 km/s
    assert read.impact == pytest.approx(3e-4 - 0.03 / 2500.0)
    assert read.jet == pytest.approx((0.4 - 0.22) / (1e-4 - 0.03 / 2500.0))


def test_the_shock_needs_its_way_to_the_first_contact():
    assert SMALL.contact == pytest.approx(0.861e-6, rel=1e-3)  # 2.4 mm at 2787 m/s
    assert LARGE.contact == pytest.approx(21.61e-6, rel=1e-3)  # 5 cm at 2314 m/s


def test_places_are_read_where_the_profiles_pass_their_levels():
    cell, wall, far = 0.005, LARGE.centre - LARGE.radius, LARGE.centre + LARGE.radius
    x = (np.arange(240) + 0.5) * cell

    def air(way: float) -> np.ndarray:
        return np.where((x > wall + way) & (x < far), 1.0, 1000.0)

    def shocked(way: float) -> np.ndarray:
        return np.where(x < far + way, 2e9, 1e5)

    profiles = [(air(0.08), x), (air(0.22), x), (x, shocked(0.03)), (x, shocked(0.28))]
    read = axis(LARGE, cell, [(rho[None], p[None]) for rho, p in profiles])
    assert read == pytest.approx((0.08, 0.22, 0.03, 0.28), abs=cell)
