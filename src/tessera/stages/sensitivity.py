"""From a study and changes of it, one at a time, to a table of what each does to the hotspots."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tessera.data import cases, files, workers
from tessera.errors import ConfigError
from tessera.provenance import digest, provenance
from tessera.stages import ensembles
from tessera.stages.validation import fill
from tessera.study import Study, load, variants
from tessera.study.variants import Group
from tessera.validation import measures, page

DESIGN = "design.nc"


def vary(paths: list[Path], changes: Path, results: Path, out: Path) -> None:
    """Simulate cases of a study as it is and with each change, and tell what the change does to their hotspots.

    Parameters
    ----------
    paths
        Study file and overlays.
    changes
        Groups of changes, see `tessera.study.variants`.
    results
        Folder of the simulations, by what was changed; whole cases of the same key are kept.
    out
        A page in Markdown, made or with marks between which the tables land; `sensitivity.json` beside it says the
        numbers.

    Raises
    ------
    ConfigError
        A change makes no study, or a group asks for cases or snapshots that the study does not have.
    """
    study, groups = load(paths), variants.load(changes).groups
    asked: dict[tuple[Path, int], Study] = {}
    for position, group in enumerate(groups):
        for name, change in _all(group).items():
            varied = load(paths, change, f"{changes}: groups.{position}.changes.{name}")
            alone = _alone(varied, group, f"{changes}: groups.{position}")
            asked |= {(_folder(results, group, change), case): alone for case in group.cases}
    for folder, varied in {folder: varied for (folder, _), varied in asked.items()}.items():
        folder.mkdir(parents=True, exist_ok=True)
        ensembles.draw_design(varied, folder.parent.name, folder / DESIGN)
    workers.each(_simulate, [*asked.items()])
    said = [_compared(group, results) for group in groups]
    fill(out, "sensitivity", page.sensitivities(said))
    found = provenance(study.name, study.material.model_dump(), ("physics", "simulation", "validation"))
    files.write_json(out.with_name("sensitivity.json"), {"groups": said, "provenance": found})


def _alone(study: Study, group: Group, where: str) -> Study:
    """Return the study with one case a shard; refuse cases and snapshots that it does not have."""
    what = ensembles.simulated(study, group.scale)
    for key, asked, count in (("cases", group.cases, what.cases), ("snapshots", group.snapshots, what.snapshots)):
        if max(asked) >= count:
            raise ConfigError(f"{where}.{key}: expected numbers below {count}, got {max(asked)}")
    only = what.model_copy(update={"shard": 1})
    return study.model_copy(update={"ensembles": study.ensembles.model_copy(update={group.scale: only})})


def _all(group: Group) -> dict[str, dict[str, Any]]:
    """Return the changes of a group by name, none of them first."""
    return {"": {}, **group.changes}


def _folder(results: Path, group: Group, change: Mapping[str, Any]) -> Path:
    """Return where the cases of a change lie."""
    return results / group.scale / digest(change)[:12]


def _shard(folder: Path, case: int) -> Path:
    return folder / f"shard_{case:04d}.json"


def _simulate(asked: tuple[tuple[Path, int], Study]) -> None:
    """Simulate one case of a changed study."""
    (folder, case), study = asked
    ensembles.simulate_shard(study, folder.parent.name, folder / DESIGN, case, _shard(folder, case))


def _compared(group: Group, results: Path) -> dict[str, Any]:
    """Return means over the cases per snapshot, as it is and with each change: area [1], temperature [K]."""
    means = {name: _means(group, _folder(results, group, change)) for name, change in _all(group).items()}
    said = {"scale": group.scale, "cases": [*group.cases], "snapshots": [*group.snapshots], "unchanged": means.pop("")}
    return said | {"changes": {name: {"overlay": group.changes[name], **each} for name, each in means.items()}}


def _means(group: Group, folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[np.ndarray]] = {"hot": [], "temperature": []}
    for case in group.cases:
        fields = cases.among(cases.joined(_shard(folder, case)), case)
        assert fields is not None, case  # for its shard is whole
        at = measures.hotspots(fields, group.snapshots)
        for name, values in found.items():
            values.append(at[name])
    return {name: np.mean(values, axis=0).tolist() for name, values in found.items()}


__all__ = ["vary"]
