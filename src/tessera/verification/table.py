"""The findings as a page of Markdown and as JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from tessera.verification.findings import AT_LEAST, RELATIVE, UNITS, Case, Found, Row

TITLE = """# Verification

What the solver computes, against exact solutions, published values and conservation laws. `tessera verify` computes
every case with the solver itself and writes this page, its figures and `verification.json` beside it with all digits;
it leaves with exit code 1 if a bound is missed. Nothing here is written by hand.

Errors are relative to the expected value in percent; of orders and of values that are held to a bound themselves, the
plain difference. Where a value comes in two rows, the first compares with the exact solution of the law, which is
what the scheme is to be judged by, and the second with the published number, which also judges the law. A dash in the
last column is a value that is told without a bound.
"""
WORDS = {True: "pass", False: "**FAIL**", None: "-"}


def document(cases: Sequence[Case], found: Mapping[str, Found], origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return all findings as JSON-able values, SI."""
    return {
        "origin": dict(origin),
        "cases": {
            case.name: {"title": case.title, "rows": [_entry(row) for row in found[case.name].rows]} for case in cases
        },
    }


def page(
    cases: Sequence[Case], found: Mapping[str, Found], origin: Mapping[str, Any], pictures: Mapping[str, str]
) -> str:
    """Return the page; `pictures` names the figure of each case that has one, relative to it."""
    parts = [TITLE, _summary(cases, found), _origin(origin)]
    for case in cases:
        one = found[case.name]
        parts.append(f"## {case.title}\n\n`tessera verify --only {case.name}`. {case.about}\n")
        parts.append(_table(one.rows))
        parts += [f"{note}\n" for note in one.notes]
        if case.name in pictures:
            parts.append(f"![{case.title}]({pictures[case.name]})\n")
    return "\n".join(parts)


def anchor(title: str) -> str:
    """Return the name under which a page links to a heading."""
    return title.lower().replace(" ", "-").translate({ord(letter): None for letter in ",.:()/"})


def missed(found: Mapping[str, Found]) -> list[str]:
    """Return the rows whose bound is missed, by case and quantity."""
    return [f"{name}: {row.quantity}" for name, one in found.items() for row in one.rows if row.passed is False]


def _entry(row: Row) -> dict[str, Any]:
    return {
        "quantity": row.quantity,
        "unit": UNITS[row.unit][1],
        "expected": row.expected,
        "got": row.got,
        "error": row.error,
        "kind": row.kind,
        "bound": row.bound,
        "passed": row.passed,
        "source": row.source,
    }


def _summary(cases: Sequence[Case], found: Mapping[str, Found]) -> str:
    lines = ["| Case | Bounds kept | Largest share of a bound |", "| --- | --- | --- |"]
    for case in cases:
        bound = [row for row in found[case.name].rows if row.passed is not None]
        kept = sum(bool(row.passed) for row in bound)
        tightest = max(bound, key=_share, default=None)
        said = "" if tightest is None else f"{100.0 * _share(tightest):.0f} %, {tightest.quantity}"
        lines.append(f"| [{case.title}](#{anchor(case.title)}) | {kept} of {len(bound)} | {said} |")
    return "\n".join(lines) + "\n"


def _share(row: Row) -> float:
    """Return how much of its bound a row uses up [1]."""
    if row.bound is None:
        return 0.0
    if row.kind == RELATIVE:
        return abs(row.error or 0.0) / row.bound if row.bound > 0.0 else float(row.got != row.expected)
    if row.kind == AT_LEAST:
        return row.bound / row.got if row.got > 0.0 else float("inf")
    return row.got / row.bound if row.bound > 0.0 else float(row.got > 0.0)


def _origin(origin: Mapping[str, Any]) -> str:
    return (
        f"Computed with tessera {origin['version']}, sources `{origin['source_digest']}` as of revision "
        f"`{origin['revision']}`, numpy {origin['numpy']}, numba {origin['numba']}.\n"
    )


def _table(rows: Sequence[Row]) -> str:
    head = "| Quantity | Expected | Got | Error | Bound | | Expected value from |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = (row.quantity, _value(row.expected, row), _value(row.got, row), _error(row), _bound(row))
        lines.append(f"| {' | '.join(cells)} | {WORDS[row.passed]} | {row.source} |")
    return "\n".join(lines) + "\n"


def _value(value: float | None, row: Row) -> str:
    return "" if value is None else f"{value / UNITS[row.unit][0]:.5g} {row.unit}".strip()


def _error(row: Row) -> str:
    if row.error is None:
        return ""
    if row.kind == RELATIVE or (row.bound is None and row.expected):
        return f"{100.0 * row.error:+.2g} %"
    return f"{row.error / UNITS[row.unit][0]:+.2g} {row.unit}".strip()


def _bound(row: Row) -> str:
    if row.bound is None:
        return ""
    if row.kind == RELATIVE:
        return f"± {100.0 * row.bound:.3g} %"
    return f"{'≥' if row.kind == AT_LEAST else '≤'} {row.bound / UNITS[row.unit][0]:.3g} {row.unit}".strip()
