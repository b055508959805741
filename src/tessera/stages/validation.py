"""From a study to its comparison with published simulations: its two ensembles, measures, tables and a figure."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from tessera.data import files, ledger, store, workers
from tessera.errors import ConfigError, DataError
from tessera.provenance import provenance
from tessera.simulation import run
from tessera.simulation.loading import Inflow
from tessera.stages import ensembles, sections
from tessera.study import Simulated, Study
from tessera.study.ensembles import Split
from tessera.study.microstructures import Population
from tessera.validation import comparison, measures, page
from tessera.validation.published import SAMPLES

BEGIN, END = "<!-- generated: {} -->\n", "<!-- end -->"
COARSER, FEW = 4, 3  # cells that a quick one makes one of, along each direction; its cases
BLOCK = 4  # cells across of a block in which nothing changes across
log = logging.getLogger("tessera")


def validate(study: Study, results: Path, out: Path, *, quick: bool = False) -> None:
    """Simulate what is missing of both ensembles of a study and compare them with published figures.

    Parameters
    ----------
    study
        Its ensembles are simulated: micro single pores, meso a population in a part of the box.
    results
        Folder of the simulations; whole cases of the same key are kept.
    out
        A page in Markdown, made or with marks between which the tables land; its name with `.json`, `.pdf` and `.png`
        is that of the comparison and its figure.
    quick
        Whether a few coarse cases do, which show that all works, and nothing else.

    Raises
    ------
    ConfigError
        The ensembles are not those that the published figures speak of.
    """
    if quick:
        study = quickened(study)
    part, velocity = _comparable(study)
    cases = {scale: _simulated(study, scale, results) for scale in ("micro", "meso")}
    compared = comparison.of_ensembles(
        [*_each(cases["micro"])], [*_each(cases["meso"])], _fed_block(study), part, velocity
    )
    spent = sum(ledger.total([path], "core_seconds") for path in cases.values())
    numbers = {scale: study.ensembles[scale].split.total for scale in cases}
    content = {
        "study": study.name,
        "quick": quick,
        "material": study.material.model_dump(),
        "cases": numbers,
        "core_seconds": spent,
    } | compared
    said = f"{numbers['micro']} micro and {numbers['meso']} meso cases, {spent:.0f} core-seconds."
    found = provenance(study.name, content["material"], ("physics", "simulation", "validation"))
    fill(out, "validation", page.tables(compared, said))
    files.write_json(out.with_suffix(".json"), json.loads(json.dumps(content | {"provenance": found})))
    page.draw(compared, out.with_suffix(".png"))
    agreeing = sum(one["agrees"] for one in compared["figures"].values())
    log.info("%s: %d of %d figures agree; %s", out, agreeing, len(compared["figures"]), said)


def quickened(study: Study) -> Study:
    """Return a study of a few coarse cases of the same boxes."""
    scales: dict[str, Any] = {}
    for scale in ("micro", "meso"):
        what = study.ensembles[scale]
        assert isinstance(what, Simulated)
        ny, nx = what.cells
        scales[scale] = what.model_copy(
            update={
                "cells": (ny // COARSER, nx // COARSER),
                "cell_size": what.cell_size * COARSER,
                "cases": FEW,
                "split": Split(train=1, validation=1, test=1),
                "shard": FEW,
            }
        )
    return study.model_copy(update={"ensembles": study.ensembles.model_copy(update=scales)})


def _comparable(study: Study) -> tuple[comparison.Part, float]:
    """Return where the meso pores are and the particle velocity [m/s]; refuse ensembles of another kind."""
    for scale, sample in SAMPLES.items():
        what = study.ensembles[scale]
        if not isinstance(what, Simulated):
            raise ConfigError(f"ensembles.{scale}: expected one that the study simulates, got an imported one")
        if what.snapshots <= max(sample.snapshots):
            raise ConfigError(
                f"ensembles.{scale}.snapshots: expected more than {max(sample.snapshots)}, got {what.snapshots}"
            )
    meso = study.ensembles["meso"]
    assert isinstance(meso, Simulated)
    if not isinstance(meso.microstructure, Population):
        raise ConfigError(f"ensembles.meso.microstructure: expected a population, got {meso.microstructure.kind}")
    solid = study.material.eos
    low, high = meso.velocities(solid.rest_density, solid.shock_speed)
    if low != high:
        raise ConfigError(f"ensembles.meso: expected one particle velocity, got {low:g} to {high:g} m/s")
    pores = meso.microstructure.part
    return (pores.x.bounds, pores.y.bounds), low


def _simulated(study: Study, scale: str, results: Path) -> Path:
    """Simulate what is missing of an ensemble; return its manifest."""
    what, folder = study.ensembles[scale], results / scale
    assert isinstance(what, Simulated)
    folder.mkdir(parents=True, exist_ok=True)
    design, out = folder / "design.nc", folder / "ensemble.json"
    ensembles.draw_design(study, scale, design)
    shards = [folder / "shards" / f"shard_{number:04d}.json" for number in range(what.shards)]
    shards[0].parent.mkdir(exist_ok=True)
    workers.each(_simulate, [*enumerate(shards)], study, scale, design)
    ensembles.assemble(study, scale, design, shards, out)
    return out


def _simulate(shard: tuple[int, Path], study: Study, scale: str, design: Path) -> None:
    ensembles.simulate_shard(study, scale, design, shard[0], shard[1])


def _fed_block(study: Study) -> xr.Dataset:
    """Return a block without pores, on meso cells, fed by an inlet that prescribes its velocity alone."""
    what, (law, kinetics) = study.ensembles["meso"], sections.laws(study)
    assert isinstance(what, Simulated)
    velocity, _ = sections.velocities(study, what)
    return run.simulate(
        np.ones((BLOCK, what.computed_cells[1])),
        law=law,
        reaction=kinetics,
        loading=Inflow(velocity),
        cell_size=what.computed_cell_size,
        snapshots=measures.EARLY[1] + 1,
        interval=what.interval,
        viscosity=study.material.viscosity,
        conductivity=study.material.conductivity,
        strength=sections.strength(study),
        spall=study.material.spall,
        temperature=what.temperature,
        **study.solver.model_dump(),
    )


def _each(manifest: Path) -> Iterator[xr.Dataset]:
    """Yield the cases of an ensemble, fields (time, y, x), one at a time."""
    together = store.open_zarr(manifest)
    for case in range(together.sizes["case"]):
        yield together.isel(case=case).load()


def fill(path: Path, name: str, tables: str) -> None:
    """Put tables between the marks of a page that bear a name; make a page where there is none."""
    mark = BEGIN.format(name)
    text = path.read_text(encoding="utf-8") if path.exists() else mark + END
    before, begin, rest = text.partition(mark)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise DataError(f"{path}: expected the marks {mark.strip()} and {END}, got none")
    files.write_text(path, before + begin + tables + end + after)


__all__ = ["fill", "quickened", "validate"]
