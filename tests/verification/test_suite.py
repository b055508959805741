"""The verification says what it found: rows and their bounds, the page, the exit code."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tessera import provenance
from tessera.errors import ConfigError
from tessera.stages import verification
from tessera.verification import suite, table, tubes
from tessera.verification.findings import Case, Found, Row, at_most, near, order, told

DOCS = Path(__file__).parents[2] / "docs"


def test_a_row_is_held_to_its_bound():
    assert near("p", 1.009, 1.0, 0.01, "Pa", "").passed is True
    assert near("p", 1.011, 1.0, 0.01, "Pa", "").passed is False
    assert near("p", -1.0, 1.0, 0.01, "Pa", "").passed is False
    assert at_most("p", 0.0, 0.0, "Pa", "").passed is True
    assert at_most("p", 1e-9, 0.0, "Pa", "").passed is False
    assert order("o", [4.0, 2.0, 1.0], 1.0, 1.0, "").passed is True
    assert order("o", [4.0, 2.0, 1.01], 1.0, 1.0, "").passed is False
    assert told("p", 5.0, 1.0, "Pa", "").passed is None


@pytest.mark.parametrize("row", [near("p", np.nan, 1.0, 0.01, "Pa", ""), at_most("p", np.nan, 1.0, "Pa", "")])
def test_what_is_not_a_number_keeps_no_bound(row: Row):
    assert row.passed is False


def test_the_order_is_over_all_halvings():
    assert order("o", [16.0, 3.0, 1.0], 2.0, 0.0, "").got == pytest.approx(2.0)


def test_an_unknown_case_is_refused_and_costly_ones_may_be_left_out():
    with pytest.raises(ConfigError, match=r"--only: expected some of .*'gas-tubes'.* got .'bogus'"):
        suite.chosen(["bogus"], quick=False)
    quick = [case.name for case in suite.chosen([], quick=True)]
    assert "stiff-tube" in quick and "pore" not in quick
    assert [case.name for case in suite.chosen(["gap", "piston"], quick=False)] == ["piston", "gap"]


def test_quick_cases_keep_their_bounds_and_are_written_down(tmp_path):
    assert verification.verify(["stiff-tube", "gap"], tmp_path, quick=True)
    page, numbers = (tmp_path / "verification.md").read_text(), json.loads((tmp_path / "verification.json").read_text())
    assert [*numbers["cases"]] == ["gap", "stiff-tube"]
    assert numbers["origin"]["source_digest"] == provenance.source_digest("physics", "simulation", "verification")
    for name, content in numbers["cases"].items():
        assert f"## {content['title']}" in page
        assert all(row["passed"] is not False for row in content["rows"])
        assert (tmp_path / "figures" / "verification" / f"{name}.png").is_file()
    assert "| p* | 3.6698 GPa | 3.6709 GPa | +0.031 % | ± 0.1 % | pass |" in page


def test_a_missed_bound_is_told_by_name(monkeypatch, capsys):
    wrong = Case("wrong", "Wrong", "", lambda: Found([near("p", 2.0, 1.0, 0.01, "Pa", "")]))
    monkeypatch.setattr(suite, "CASES", (wrong,))
    monkeypatch.setattr(suite, "NAMES", ["wrong"])
    assert not verification.verify([], None, quick=False)
    said = capsys.readouterr().err
    assert "missed: wrong: p" in said
    assert "1 cases, 0 of 1 bounds kept" in said


def test_the_command_leaves_with_two_where_a_case_is_unknown():
    command = [sys.executable, "-m", "tessera", "verify", "--only", "bogus"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "tessera verify: --only: expected some of" in result.stderr


def test_a_wrong_solver_misses_bounds(monkeypatch):
    """Exact values do not come from what they judge: a scheme with a wrong flux is found."""
    from tessera.verification import lines

    true = lines.tube

    def slow(solution, cells, length, middle, time, **options):
        return true(solution, cells, length, middle, 0.99 * time, **options)

    monkeypatch.setattr(lines, "tube", slow)
    assert [row.quantity for row in tubes.stiff_tube().rows if row.passed is False]


def test_the_page_in_the_repository_has_every_case():
    page, numbers = (DOCS / "verification.md").read_text(), json.loads((DOCS / "verification.json").read_text())
    assert sorted(suite.NAMES) == [*numbers["cases"]]
    for case in suite.CASES:
        assert f"## {case.title}\n" in page
        assert f"(#{table.anchor(case.title)})" in page


def test_the_revision_of_sources_is_that_of_their_last_commit():
    found = provenance.revision_of("physics", "errors")
    assert found == "unknown" or len(found.rstrip("+")) == 12
