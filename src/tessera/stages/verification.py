"""The verification of the solver: compute the cases, write the page, the figures and the numbers."""

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tessera import provenance
from tessera.data import files
from tessera.verification import pictures, suite, table
from tessera.verification.findings import Case, Found

SOURCES = ("physics", "simulation", "verification")
PAGE, NUMBERS, FIGURES = "verification.md", "verification.json", Path("figures", "verification")


def verify(only: list[str], out: Path | None, quick: bool) -> bool:
    """Run cases of the verification and tell how they went.

    Parameters
    ----------
    only
        Names of cases; none for all.
    out
        Folder for the page, its figures and the numbers; None writes nothing.
    quick
        Leave out what takes more than a few seconds.

    Returns
    -------
    Whether all bounds are kept.
    """
    cases = suite.chosen(only, quick)
    found = _run(cases)
    if out is not None:
        _write(cases, found, out)
    missed = table.missed(found)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for line in missed:
        console.print(f"missed: {line}")
    held = sum(row.passed is not None for one in found.values() for row in one.rows)
    console.print(f"{len(cases)} cases, {held - len(missed)} of {held} bounds kept")
    return not missed


def _run(cases: list[Case]) -> dict[str, Found]:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("", total=len(cases))

        def tell(case: Case, result: Found | None) -> None:
            shown.update(task, description=case.name, advance=0 if result is None else 1)
            if result is not None:
                bad = [row.quantity for row in result.rows if row.passed is False]
                console.print(f"{case.name}: {'missed: ' + ', '.join(bad) if bad else 'pass'}", highlight=False)

        return suite.run(cases, tell)


def _write(cases: list[Case], found: dict[str, Found], out: Path) -> None:
    versions = provenance.versions()
    origin = {
        "version": provenance.__version__,
        "source_digest": provenance.source_digest(*SOURCES),
        "revision": provenance.revision_of(*SOURCES),
        "numpy": versions["numpy"],
        "numba": versions["numba"],
    }
    drawn = {}
    for case in cases:
        if found[case.name].panels:
            name = FIGURES / f"{case.name}.png"
            files.write_bytes(out / name, pictures.drawn(found[case.name].panels))
            drawn[case.name] = name.as_posix()
    files.write_json(out / NUMBERS, table.document(cases, found, origin))
    files.write_text(out / PAGE, table.page(cases, found, origin, drawn))
