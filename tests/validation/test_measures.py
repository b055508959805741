"""Measures of cases whose answers are known."""

import numpy as np
import pytest

from tessera.validation import measures
from tests.validation import flows


def test_the_bulk_is_read_between_contact_and_front_along_the_edges():
    found = measures.bulk(flows.meso(), flows.VELOCITY)
    assert found["bulk_temperature"] == 495.0  # not the 580 K between the edges
    assert found["contact_speed"] == flows.VELOCITY


def test_matter_that_was_fed_is_no_bulk_however_much_there_is_of_it():
    case = flows.meso(velocity=3000.0)
    assert measures.bulk(case, 3000.0)["bulk_temperature"] == 495.0
    assert measures.inlet(case, 3000.0) == {"inflow_temperature": 550.0}
    assert measures.inlet(flows.meso(), flows.VELOCITY) == {"inflow_temperature": 550.0}


def test_pressure_and_speed_of_the_front_are_read_before_it_meets_the_pore():
    case = flows.meso()
    case["pressure"][:, :, 0] = 1e9  # behind the contact
    case["pressure"][3:] = 2e9  # later
    found = measures.front_state(case, flows.VELOCITY)
    assert found["bulk_pressure"] == pytest.approx(9.35e9)
    assert found["front_speed"] == pytest.approx(flows.FRONT, rel=1e-9)


def test_a_pore_that_holds_the_front_up_does_not_slow_it_along_the_edges():
    case = flows.meso()
    case["pressure"][2, 20:] = case["pressure"][1, 20:]  # as far as to one of the edges
    assert measures.front_state(case, flows.VELOCITY)["front_speed"] == pytest.approx(flows.FRONT, rel=1e-9)


def test_a_front_that_has_left_or_is_not_there_yet_is_undefined_and_no_error():
    still = flows.meso()
    still["pressure"][:] = 0.0
    assert np.isnan(measures.front_state(still, flows.VELOCITY)["front_speed"])


def test_burnt_and_multiply_shocked_matter_are_told_apart():
    case = flows.meso(radius=lambda time: 130.0 * time + 1e-6)
    found = measures.late(case, flows.PART, flows.VELOCITY, flows.FRONT)
    assert found["plateau_low"] == found["plateau"] == found["plateau_high"] == 3800.0
    assert found["multiply_shocked"] == 580.0
    large = measures.late(flows.meso(radius=lambda time: 7e-6 + 0.0 * time), flows.PART, flows.VELOCITY, flows.FRONT)
    assert large["multiply_shocked"] == 580.0  # though most has burnt
    cold = measures.late(flows.meso(), flows.PART, flows.VELOCITY, flows.FRONT)
    assert np.isnan(cold["plateau"])


def test_growth_is_that_of_the_radius_of_discs():
    case = flows.meso(radius=lambda time: 400.0 * time - 2e-6)  # 1.5 and 2.3 um, no two in touch
    assert measures.growth(case) == pytest.approx(400.0, rel=0.08)  # discs of some ten cells across
    assert np.isnan(measures.growth(flows.meso()))


def test_hotspots_are_shares_of_the_frame_above_each_threshold():
    case = flows.meso(radius=lambda time: np.full(time.size, 2e-6), burnt=3000.0)
    found = measures.hotspots(case, (0, 27))
    cells = flows.CELLS[0] * flows.CELLS[1] * flows.CELL**2
    np.testing.assert_allclose(found["hot"], 4 * np.pi * 4e-12 / cells, rtol=0.1)
    np.testing.assert_array_equal(found["hotter"], found["hot"])
    np.testing.assert_array_equal(found["burnt"], 0.0)
    np.testing.assert_array_equal(found["temperature"], 3000.0)


def test_extremes_are_those_of_the_whole_case():
    case = flows.meso()
    case["velocity_x"][3, 2, 1] = -700.0
    found = measures.extremes(case)
    assert found == {"pressure_highest": 9.35e9, "velocity_lowest": -700.0, "velocity_highest": flows.VELOCITY}
