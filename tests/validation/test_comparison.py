"""Verdicts: what agrees, what is near, what lies inside the ensemble; and how they are shown."""

import itertools
import math
import re
from copy import deepcopy

import numpy as np
import pytest

from tessera.validation import comparison, page
from tessera.validation.published import FIGURES, SAMPLES
from tests.validation import flows


def compared(**more):
    cases = [flows.meso(radius=lambda time, k=k: (100.0 + 20.0 * k) * time + 1e-6, **more) for k in range(4)]
    return comparison.of_ensembles(cases, cases, cases[0], flows.PART, flows.VELOCITY)


@pytest.fixture(scope="module")
def agreeing():
    return compared()


def test_figures_within_their_slack_agree_and_others_do_not(agreeing):
    missed = compared(inflow=495.0, burnt=3500.0)["figures"]
    assert {name for name, one in agreeing["figures"].items() if not one["agrees"]} == set()
    wrong = {name for name, one in missed.items() if not one["agrees"]}
    assert wrong == {"inflow_temperature", "plateau_low", "plateau", "plateau_high"}


def test_what_is_undefined_does_not_agree():
    assert not FIGURES["growth"].agrees(math.nan)
    assert FIGURES["bulk_temperature"].agrees(517.0)
    assert not FIGURES["bulk_temperature"].agrees(517.1)


def test_the_chance_to_go_beyond_is_that_of_all_orders():
    """Of two ours and three theirs, by counting the places that ours can take."""
    orders = list(itertools.combinations(range(5), 2))
    for beyond in range(3):
        counted = sum(set(range(5 - beyond, 5)) <= set(ours) for ours in orders)
        assert comparison.chance(beyond, 2, 3) == pytest.approx(counted / len(orders))
    assert comparison.chance(1, 60, 134) == pytest.approx(60 / 194)


def test_cases_beyond_an_extreme_are_counted(agreeing):
    assert agreeing["figures"]["velocity_lowest"]["beyond"] == 0
    assert "beyond" not in agreeing["figures"]["growth"]
    cases = [flows.meso(radius=lambda time, k=k: (100.0 + 20.0 * k) * time + 1e-6) for k in range(4)]
    for fast in cases[:2]:
        fast["velocity_x"][-1, 0, 0] = -1996.0
    found = comparison.of_ensembles(cases[1:], cases, cases[0], flows.PART, flows.VELOCITY)["figures"]
    lowest = found["velocity_lowest"]
    assert (lowest["cases"], lowest["beyond"], lowest["agrees"]) == (7, 3, False)
    assert found["velocity_highest"]["beyond"] == 0
    said = page.tables(comparison.of_ensembles(cases[1:], cases, cases[0], flows.PART, flows.VELOCITY), "Said.")
    assert f"| 134 | 3 of 7 | {100.0 * lowest['chance']:.0f} % |" in said


def test_the_hottest_cells_are_told_for_each_scale():
    cases = [flows.meso(radius=lambda time: 100.0 * time + 1e-6) for _ in range(2)]
    cases[0]["temperature"][-1, 0, :2] = np.array([7000.0, 9000.0])
    hot = int((cases[0]["temperature"] > 875.0).sum())
    found = comparison.of_ensembles(cases[:1], cases[1:], cases[0], flows.PART, flows.VELOCITY)
    cells = found["single_cells"]
    assert cells["micro"]["highest"]["mean"] == 9000.0
    assert cells["micro"]["fierce"]["mean"] == pytest.approx(2 / hot)
    assert cells["meso"]["fierce"]["mean"] == 0.0
    assert "| micro | 9000 (9000 to 9000) K |" in page.tables(found, "Said.")


def test_a_sample_agrees_if_the_mean_is_near_or_the_ensemble_holds_it(agreeing):
    for scale, sample in SAMPLES.items():
        for name, slack in (("hot", 0.3), ("temperature", 0.1)):
            for row in agreeing["samples"][scale][name]:
                if row["snapshot"] not in sample.compared:
                    assert "agrees" not in row
                    continue
                near = abs(row["mean"] / row["published"] - 1.0) <= slack
                inside = row["low"] <= row["published"] <= row["high"]
                assert (row["near"], row["inside"], row["agrees"]) == (near, inside, near or inside)


def test_a_sample_within_a_wide_ensemble_agrees_though_its_mean_is_far():
    sizes = (0.0, 0.0, 0.0, 7e-6)
    cases = [flows.meso(radius=lambda time, size=size: np.full(time.size, size)) for size in sizes]
    row = comparison.of_ensembles(cases, cases, cases[0], flows.PART, flows.VELOCITY)["samples"]["meso"]["hot"][0]
    assert (row["near"], row["inside"], row["agrees"]) == (False, True, True)


def test_a_table_says_by_which_criterion_a_sample_agrees(agreeing):
    changed = deepcopy(agreeing)
    here = changed["samples"]["meso"]["hot"][-1]
    for near, inside, said in (
        (True, True, "yes, near, inside"),
        (True, False, "yes, near"),
        (False, True, "yes, inside"),
        (False, False, "**no**"),
    ):
        here |= {"near": near, "inside": inside, "agrees": near or inside}
        row = next(line for line in page.tables(changed, "Said.").splitlines() if line.startswith("| 27 |"))
        assert row.split(" | ")[3] == said


def test_tables_and_figure_show_every_quantity(agreeing, tmp_path):
    text = page.tables(agreeing, "Said.")
    assert text.startswith("Said.\n")
    for figure in FIGURES.values():
        assert figure.quantity in text
    for line in text.splitlines():
        if line.startswith("| 27 |") and "K |" in line:
            assert "0.1145" in line and "3347 K" in line
    assert len(re.findall(r"^\| \d+ \|", text, re.MULTILINE)) == 20
    page.draw(agreeing, tmp_path / "dns.png")
    assert (tmp_path / "dns.png").read_bytes().startswith(b"\x89PNG")
