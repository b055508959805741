"""From a study to its ensembles: design, simulate, assemble, scale."""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tessera import journal
from tessera.data import card, files, ledger, scaling, schema, store
from tessera.errors import DataError, ValidityError
from tessera.physics import eos, reaction
from tessera.provenance import digest, file_digest, provenance, source_digest
from tessera.simulation import design as designs
from tessera.simulation import microstructure, run
from tessera.study import Imported, Simulated, Study

SOURCES = ("physics", "simulation")
log = logging.getLogger("tessera")


def draw_design(study: Study, scale: str, out: Path) -> None:
    """Draw the design of an ensemble and store it."""
    what = _simulated(study, scale)
    drawn = designs.design(
        name=scale,
        seed=study.seed,
        cases=what.cases,
        split={"train": what.split.train, "validation": what.split.validation, "test": what.split.test},
        cells=what.cells,
        cell_size=what.cell_size,
        snapshots=what.snapshots,
        interval=what.interval,
        average=what.average,
        particle_velocity=what.particle_velocity.bounds,
        microstructure=_microstructure(what),
    )
    section = {"seed": study.seed, "ensemble": what.model_dump()}
    drawn.attrs |= provenance(study.name, section, ("simulation",)) | {"scale": scale}
    store.save_netcdf(drawn, out)


def simulate_shard(study: Study, scale: str, design: Path, shard: int, out: Path) -> None:
    """Simulate the cases of a shard, keep those that are whole and of the same key, and list them."""
    what, drawn = _simulated(study, scale), _open_design(study, scale, design)
    cases = drawn["case"].values[shard * what.shard : (shard + 1) * what.shard]
    if cases.size == 0:
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
    made, paths = {}, {int(case): out.parent / f"case_{case:04d}.nc" for case in cases}
    spent = _spent(out, [path for path in paths.values() if path.is_file()])
    with bar:
        task = bar.add_task("", total=len(cases) * (what.snapshots - 1), scale=scale, case=int(cases[0]))
        for position, (case, path) in enumerate(paths.items()):
            bar.update(task, case=case, completed=position * (what.snapshots - 1))
            result = _simulated_once(study, scale, drawn.sel(case=case), path, lambda: bar.advance(task))
            if result is not None:
                spent[path.name] = result.attrs.pop("core_seconds")
                ledger.write(out, {"cases": spent})
                store.save_netcdf(result, path)
                log.info("%s: simulated in %.1f core-seconds", path, spent[path.name])
            made[path.name] = file_digest(path)
            journal.progress(f"simulate {scale}", len(made) / len(paths), f"{len(made)} of {len(paths)} cases")
    whose = {"study": study.name, "scale": scale, "key": _key(study, scale, None)}
    together = sum(spent.values()) if spent.keys() == made.keys() else math.nan
    ledger.write(out, {"cases": spent, "core_seconds": together})
    files.write_json(out, {**whose, "shard": shard, "cases": made})


def assemble(study: Study, scale: str, design: Path, shards: list[Path], out: Path) -> None:
    """Assemble the cases of all shards as one Zarr store that keeps the schema."""
    drawn = _open_design(study, scale, design)
    paths: dict[str, Path] = {}
    for shard in shards:
        for name, checksum in _listed(study, scale, shard).items():
            paths[name] = _whole_case(shard.parent / Path(name).name, checksum, shard)
    expected = [f"case_{case:04d}.nc" for case in drawn["case"].values]
    if sorted(paths) != sorted(expected):
        raise DataError(f"{out}: expected {len(expected)} cases as in {design}, got {len(paths)} from the shards")
    lazy = [xr.open_dataset(paths[name], engine="netcdf4", chunks={}, decode_timedelta=False) for name in expected]
    removed = [float(case.attrs["removed_energy_share"]) for case in lazy]
    together = xr.concat(
        [case.drop_attrs(deep=False) for case in lazy],
        dim="case",
        coords="minimal",
        compat="override",
        join="exact",
    )
    for name in schema.DESIGNED:  # as the design says: joined texts are cut to the length of the first
        values = drawn[name].values
        together.coords[name] = ("case", values.astype(str) if values.dtype.kind in "OSU" else values)
    together = schema.describe(together.chunk({"case": 1, "time": -1, "y": -1, "x": -1}))
    together = card.with_ranges(together)
    together.attrs |= (
        _attrs(study, scale)
        | card.attributes()
        | {
            "title": f"{scale} ensemble of study {study.name}",
            "scale": scale,
            "largest_removed_energy_share": float(np.max(removed)),
        }
    )
    schema.check(together, str(out))
    ledger.write(out, {"core_seconds": ledger.total(shards, "core_seconds")})
    store.save_zarr(together, out, {"scale": scale, **schema.facts(together)})
    for case in lazy:
        case.close()


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


def _simulated_once(study: Study, scale: str, drawn: xr.Dataset, path: Path, advance) -> xr.Dataset | None:
    """Return a simulated case, None where it lies there, whole and of the same key."""
    what, case, key = _simulated(study, scale), int(drawn["case"]), _key(study, scale, drawn)
    if path.is_file() and _key_of(path) == key:
        log.info("%s: whole and of the same key, kept", path)
        return None
    result = run.simulate(
        designs.solid_fraction(drawn),
        law=eos.LAWS[study.material.eos.kind](**study.material.eos.model_dump(exclude={"kind"})),
        reaction=reaction.REACTIONS[study.material.reaction.kind](),
        viscosity=study.material.viscosity,
        particle_velocity=float(drawn["particle_velocity"]),
        cell_size=what.cell_size,
        snapshots=what.snapshots,
        interval=what.interval,
        average=what.average,
        case=case,
        progress=advance,
        **study.solver.model_dump(),
    )
    for name in ("case", "split", "particle_velocity", "seed", "porosity", "pores"):
        result = result.assign_coords({name: drawn[name].values[()]})
    described = schema.describe(result)
    described.attrs |= _attrs(study, scale) | {
        "title": f"{scale} case {case} of study {study.name}",
        "key": key,
    }
    return described


def _spent(out: Path, kept: Sequence[Path]) -> dict[str, float]:
    """Return what the cases that lie there are known to have cost, in whichever shard they were simulated."""
    records = [*ledger.place(out).parent.glob("shard_*.json"), out] if kept else []  # its own has the last word
    found = [ledger.numbers(ledger.read(out.with_name(record.name)), "cases") for record in records]
    names = {path.name for path in kept}
    return {name: seconds for cases in found for name, seconds in cases.items() if name in names}


def _simulated(study: Study, scale: str) -> Simulated:
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


def _open_design(study: Study, scale: str, design: Path) -> xr.Dataset:
    drawn = store.open_netcdf(design)
    _check_scale(study, scale, design, drawn.attrs)
    return drawn


def _listed(study: Study, scale: str, shard: Path) -> dict[str, str]:
    """Return the names of the cases that the manifest of a shard lists, and their checksums."""
    said = files.read_json(shard)
    _check_scale(study, scale, shard, said)
    cases = said.get("cases")
    if not isinstance(cases, dict):
        raise DataError(f"{shard}: expected cases and their checksums, got {cases!r}")
    return dict(sorted(cases.items()))


def _check_scale(study: Study, scale: str, path: Path, said: Mapping[Any, Any]) -> None:
    """Refuse a file of another study, or of its other scale."""
    files.check_study(path, said.get("study"), study.name)
    if said.get("scale") != scale:
        raise DataError(f"{path}: expected a file of the {scale} scale, got one of {said.get('scale')!r}")


def _microstructure(what: Simulated):
    pores = what.microstructure
    if pores.kind == "single-pore":
        return microstructure.SinglePore(pores.diameter.bounds, pores.centre_x.bounds, pores.centre_y.bounds)
    return microstructure.Packing(
        porosity=pores.porosity.bounds,
        smallest_diameter=pores.smallest_diameter.bounds,
        largest_diameter=pores.largest_diameter.bounds,
        gap=pores.gap,
        inlet=pores.inlet,
    )


def _key_of(path: Path) -> str | None:
    try:
        with xr.open_dataset(path, engine="netcdf4", decode_timedelta=False) as case:
            return case.attrs.get("key")
    except (OSError, RuntimeError, ValueError) as error:
        log.warning("%s: expected a whole case, got %s; simulated again", path, error)
        return None


def _whole_case(path: Path, checksum: str, shard: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path}: expected a simulated case, found none; delete {shard} to simulate it again")
    found = file_digest(path)
    if found != checksum:
        raise DataError(
            f"{path}: expected checksum {checksum[:12]}, got {found[:12]}; delete it and {shard} to simulate it again"
        )
    return path


__all__ = ["ValidityError", "adopt", "assemble", "draw_design", "fit_scales", "simulate_shard"]
