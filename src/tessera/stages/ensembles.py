"""From a study to its ensembles: design, simulate, assemble, scale."""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tessera import journal
from tessera.data import card, cases, files, ledger, scaling, schema, store, workers
from tessera.errors import DataError, ValidityError
from tessera.provenance import digest, file_digest, provenance, source_digest
from tessera.simulation import design as designs
from tessera.simulation import run
from tessera.stages import sections
from tessera.study import Imported, Simulated, Study
from tessera.study.microstructures import Population

SOURCES = ("physics", "simulation")
log = logging.getLogger("tessera")


def draw_design(study: Study, scale: str, out: Path) -> None:
    """Draw the design of an ensemble and store it."""
    what = simulated(study, scale)
    drawn = designs.design(
        name=scale,
        seed=study.seed,
        cases=what.cases,
        split={"train": what.split.train, "validation": what.split.validation, "test": what.split.test},
        cells=what.computed_cells,
        cell_size=what.computed_cell_size,
        snapshots=what.snapshots,
        interval=what.interval,
        refine=what.refine,
        particle_velocity=sections.velocities(study, what),
        microstructure=sections.microstructure_of(what),
    )
    section = {"seed": study.seed, "ensemble": what.model_dump()}
    drawn.attrs |= provenance(study.name, section, ("simulation",)) | {"scale": scale}
    if "image" in drawn:
        drawn.attrs["images"] = json.dumps(dict(zip(drawn["image"].values, drawn["image_sha256"].values, strict=True)))
    _report(drawn, scale, what)
    store.save_netcdf(drawn, out)


def simulate_shard(study: Study, scale: str, design: Path, shard: int, out: Path) -> None:
    """Simulate the cases of a shard, keep those that are whole and of the same key, and list them."""
    what, drawn = simulated(study, scale), open_design(study, scale, design)
    numbers = drawn["case"].values[shard * what.shard : (shard + 1) * what.shard]
    if numbers.size == 0:
        raise DataError(f"--shard: expected a number below {what.shards}, got {shard}")
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("simulate {task.fields[scale]} case {task.fields[case]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    keys = {int(case): _key(study, scale, drawn.sel(case=case)) for case in numbers}
    spent = _spent(out, [*keys])
    with bar:
        task = bar.add_task("", total=len(keys) * (what.snapshots - 1), scale=scale, case=int(numbers[0]))
        for position, (case, key) in enumerate(keys.items()):
            bar.update(task, case=case, completed=position * (what.snapshots - 1))
            path = cases.place(out, case)
            if cases.kept(out, case, key) is not None:
                log.info("%s: whole and of the same key, kept", path)
            else:
                keeper = run.Keeper(path.with_suffix(".checkpoint"), key)
                result = _simulated_once(study, scale, drawn.sel(case=case), key, lambda: bar.advance(task), keeper)
                spent[path.stem] = result.attrs.pop("core_seconds")
                ledger.write(out, {"cases": spent})
                store.save_netcdf(result, path)
                keeper.forget()
                log.info("%s: simulated in %.1f core-seconds", path, spent[path.stem])
            done = position + 1
            journal.progress(f"simulate {scale}", done / len(keys), f"{done} of {len(keys)} cases")
    like = schema.describe(xr.Dataset(coords=_designed(drawn.sel(case=numbers))))
    like.attrs |= _attrs(study, scale) | {"title": f"{scale} cases of study {study.name}", "scale": scale}
    extremes = cases.join(out, like, keys)
    ledger.write(out, {"cases": spent, "core_seconds": sum(spent.values()) if len(spent) == len(keys) else math.nan})
    whose = {"study": study.name, "scale": scale, "key": _key(study, scale, None)}
    content = {"shard": shard, "cases": [*keys], "extremes": extremes, "sha256": file_digest(cases.joined(out))}
    files.write_json(out, {**whose, **content})


def assemble(study: Study, scale: str, design: Path, shards: list[Path], out: Path) -> None:
    """Assemble the cases of all shards as one Zarr store that keeps the schema, one case of a field at a time."""
    import dask.array as da  # as slow as a kernel to load, and no simulation needs it

    drawn = open_design(study, scale, design)
    listed = {path: _listed(study, scale, path) for path in shards}
    lying = {
        case: (cases.joined(path).resolve(), row) for path in shards for row, case in enumerate(listed[path].cases)
    }
    expected = drawn["case"].values.tolist()
    if sorted(lying) != sorted(expected):
        raise DataError(f"{out}: expected {len(expected)} cases as in {design}, got {len(lying)} from the shards")
    workers.each(_check_joined, [(path.resolve(), shard.sha256) for path, shard in listed.items()])
    heads = [cases.head(cases.joined(path)) for path in shards]
    lazy = {
        name: (schema.DIMS, da.zeros((len(expected), *heads[0][name].shape[1:]), dtype=heads[0][name].dtype))
        for name in schema.fields_of(heads[0])
    }
    for path, shard in listed.items():
        if shard.extremes.keys() != lazy.keys():
            raise DataError(f"{path}: extremes: expected those of {', '.join(lazy)}, got {', '.join(shard.extremes)}")
    axes = {name: heads[0][name].variable for name in schema.COORDINATES}
    order = [case for path in shards for case in listed[path].cases]
    rows = [order.index(case) for case in expected]
    accounts = {
        name: (("case", "time"), np.concatenate([head[name].values for head in heads])[rows]) for name in schema.ACCOUNT
    }
    together = schema.describe(xr.Dataset(lazy, coords=axes | _designed(drawn) | accounts))
    for name, field in together.data_vars.items():
        lows, highs = zip(*(shard.extremes[str(name)] for shard in listed.values()), strict=True)
        field.attrs["actual_range"] = np.array([min(lows), max(highs)], dtype=field.dtype)
    together.attrs |= (
        _attrs(study, scale)
        | card.attributes()
        | {
            "title": f"{scale} ensemble of study {study.name}",
            "scale": scale,
        }
    )
    if "images" in drawn.attrs:
        together.attrs["images"] = drawn.attrs["images"]
    schema.check(together, str(out))
    ledger.write(out, {"core_seconds": ledger.total(shards, "core_seconds")})
    facts = {"scale": scale, **schema.facts(together)}
    store.save_zarr(together, out, facts, read=partial(cases.read, lying=[lying[case] for case in expected]))


def adopt(study: Study, scale: str, imported: Path, out: Path) -> None:
    """Take an imported store as an ensemble of the study.

    Raises
    ------
    DataError
        The store is broken, breaks the schema, or is not what the study was checked against.
    """
    what = study.ensembles[scale]
    if not isinstance(what, Imported):
        raise DataError(f"ensembles.{scale}: expected a key `import`, got a scale that the study simulates")
    dataset = store.open_zarr(imported)
    schema.check(dataset, str(imported), fields=schema.fields_of(dataset))
    found = schema.facts(dataset)
    differs = [name for name, value in what.facts.model_dump(mode="json").items() if found[name] != value]
    if differs:
        name = differs[0]
        raise DataError(f"{imported}: {name}: expected {what.facts.model_dump(mode='json')[name]}, got {found[name]}")
    dataset.attrs |= provenance(study.name, _section(study, scale), ("data", "stages/ensembles")) | {"scale": scale}
    store.save_zarr(dataset, out, {"scale": scale, **found})


def fit_scales(study: Study, scale: str, ensemble: Path, out: Path) -> None:
    """Fit the scales of an ensemble on its training split."""
    dataset = store.open_zarr(ensemble)
    schema.check(dataset, str(ensemble), fields=schema.fields_of(dataset))
    _check_scale(study, scale, ensemble, dataset.attrs)
    found = scaling.fit(dataset, schema.fields_of(dataset), str(ensemble))
    scaling.save(found, out, provenance(study.name, _section(study, scale), ("data/scaling",)) | {"scale": scale})


def solved(
    study: Study,
    scale: str,
    drawn: xr.Dataset,
    solid: np.ndarray,
    cell_size: float,
    refine: int,
    advance: Callable[[], Any] | None = None,
    keeper: run.Keeper | None = None,
) -> xr.Dataset:
    """Return a case of a design, solved on a grid.

    Parameters
    ----------
    study, scale, drawn
        The study, a scale that it simulates, and a case of its design.
    solid, cell_size, refine
        Share of solid in each computed cell (y, x) [1], their width [m], and how many of them a stored one averages.
    advance, keeper
        Called after each snapshot; keeps checkpoints.
    """
    what, case = simulated(study, scale), int(drawn["case"])
    law, kinetics = sections.laws(study)
    return run.simulate(
        solid,
        law=law,
        reaction=kinetics,
        loading=sections.loading_of(what, float(drawn["particle_velocity"])),
        cell_size=cell_size,
        snapshots=what.snapshots,
        interval=what.interval,
        refine=refine,
        viscosity=study.material.viscosity,
        conductivity=study.material.conductivity,
        strength=sections.strength(study),
        spall=study.material.spall,
        sides=what.sides,
        temperature=what.temperature,
        case=case,
        progress=advance,
        keeper=keeper,
        **study.solver.model_dump(),
    )


def _simulated_once(
    study: Study, scale: str, drawn: xr.Dataset, key: str, advance: Callable[[], Any], keeper: run.Keeper
) -> xr.Dataset:
    """Return a simulated case."""
    what, case = simulated(study, scale), int(drawn["case"])
    solid, cell_size = designs.solid_fraction(drawn), what.computed_cell_size
    result = solved(study, scale, drawn, solid, cell_size, what.refine, advance, keeper)
    for name in _said(drawn):
        result = result.assign_coords({name: drawn[name].values[()]})
    described = schema.describe(result)
    described.attrs |= _attrs(study, scale) | {
        "title": f"{scale} case {case} of study {study.name}",
        "key": key,
    }
    return described


def _spent(out: Path, numbers: Sequence[int]) -> dict[str, float]:
    """Return what cases are known to have cost, in whichever shard they were simulated."""
    records = [*sorted(ledger.place(out).parent.glob("shard_*.json")), out]  # its own has the last word
    known = [ledger.numbers(ledger.read(out.with_name(record.name)), "cases") for record in records]
    found = {name: seconds for each in known for name, seconds in each.items()}
    return {name: found[name] for case in numbers if (name := cases.place(out, case).stem) in found}


def simulated(study: Study, scale: str) -> Simulated:
    """Return what a scale simulates; refuse a scale that the study imports."""
    what = study.ensembles[scale]
    if isinstance(what, Imported):
        raise DataError(f"ensembles.{scale}: expected a scale that the study simulates, got one that it imports")
    return what


def _section(study: Study, scale: str) -> dict[str, Any]:
    what = study.ensembles[scale]
    if isinstance(what, Imported):
        return {"ensemble": what.model_dump()}
    ensemble = what.model_dump(exclude={"cases", "split", "shard"})
    return {
        "ensemble": ensemble,
        "material": study.material.model_dump(),
        "solver": study.solver.model_dump(),
    }


def _key(study: Study, scale: str, drawn: xr.Dataset | None) -> str:
    case = None if drawn is None else {name: drawn[name].values.tolist() for name in sorted(map(str, drawn.variables))}
    return digest({"case": case, "section": _section(study, scale), "sources": source_digest(*SOURCES)})


def _attrs(study: Study, scale: str) -> dict[str, str]:
    return provenance(study.name, _section(study, scale), SOURCES)


def open_design(study: Study, scale: str, design: Path) -> xr.Dataset:
    drawn = store.open_netcdf(design)
    _check_scale(study, scale, design, drawn.attrs)
    missing = [name for name in schema.DESIGNED if name not in drawn.coords or drawn[name].dims != ("case",)]
    if missing or drawn["case"].dtype.kind != "i" or np.unique(drawn["case"]).size < drawn.sizes["case"]:
        raise DataError(f"{design}: expected cases by number and of each {', '.join(schema.DESIGNED)}, got others")
    return drawn


def _said(drawn: xr.Dataset) -> list[str]:
    """Return the names of what a design says of its cases and their data shall say as well."""
    return [*schema.DESIGNED, *(name for name in schema.STATISTICS if name in drawn.coords)]


def _designed(drawn: xr.Dataset) -> dict[str, tuple[str, np.ndarray]]:
    """Return what a design says of its cases, texts as plain arrays of them."""
    values = {name: drawn[name].values for name in _said(drawn)}
    return {name: ("case", each.astype(str) if each.dtype.kind in "OSU" else each) for name, each in values.items()}


class _Shard(BaseModel):
    """What the manifest of a shard says of its cases."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    cases: list[int]
    extremes: dict[str, tuple[float, float]]
    sha256: str


def _listed(study: Study, scale: str, shard: Path) -> _Shard:
    """Return what the manifest of a shard says of its cases."""
    said = files.read_json(shard)
    _check_scale(study, scale, shard, said)
    try:
        return _Shard.model_validate_json(json.dumps(said))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(f"{shard}: {key}: expected the manifest of a shard to say it, got {first['msg']}") from None


def _check_scale(study: Study, scale: str, path: Path, said: Mapping[Any, Any]) -> None:
    """Refuse a file of another study, or of its other scale."""
    files.check_study(path, said.get("study"), study.name)
    if said.get("scale") != scale:
        raise DataError(f"{path}: expected a file of the {scale} scale, got one of {said.get('scale')!r}")


def _report(drawn: xr.Dataset, scale: str, what: Simulated) -> None:
    """Log what the cases are like, and of each that misses its porosity by how much."""
    ranges = (
        f"{name} {drawn[name].values.min():.4g} to {drawn[name].values.max():.4g}" for name in ("porosity", "pores")
    )
    log.info("%s: %d cases, %s", scale, drawn.sizes["case"], ", ".join(ranges))
    if isinstance(what.microstructure, Population):
        tolerance = what.microstructure.tolerance
        for case, asked, reached in zip(
            drawn["case"].values, drawn["asked_porosity"].values, drawn["porosity"].values, strict=True
        ):
            if abs(asked - reached) > tolerance:
                said = (
                    f"expected porosity {asked:.4f} within {tolerance:g}, got {reached:.4f}: {abs(asked - reached):.4f}"
                )
                log.warning("%s case %d: %s %s; kept", scale, case, said, "short" if reached < asked else "over")


def _check_joined(shard: tuple[Path, str]) -> None:
    """Refuse cases of a shard that do not have the checksum of its manifest."""
    manifest, checksum = shard
    path = cases.joined(manifest)
    if not path.is_file():
        raise DataError(f"{path}: expected simulated cases, found none; delete {manifest} to simulate them again")
    found = file_digest(path)
    if found != checksum:
        raise DataError(f"{path}: expected checksum {checksum[:12]}, got {found[:12]}; delete it and {manifest}")


__all__ = ["ValidityError", "adopt", "assemble", "draw_design", "fit_scales", "simulate_shard"]
