"""The Well: HDF5 files of trajectories with axes (trajectory, time, x, y), split by folder; in and out.

A set is a folder with `data/{train,valid,test}/*.hdf5`. Scalar fields are in the group t0_fields, vectors in
t1_fields, their components last and in the order of the spatial dimensions. Axes along which nothing varies are left
out. The format knows no units, and its coordinates are float32: `write` adds attributes with units and exact steps,
and where a file has them they are believed. Format: https://polymathic-ai.org/the_well/data_format
"""

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import xarray as xr
import yaml

from tessera.data import files, schema
from tessera.errors import DataError
from tessera.formats import axes, hdf5, units
from tessera.formats.axes import Axis
from tessera.formats.mapping import Mapping, Place
from tessera.formats.moments import Moments
from tessera.formats.registry import Progress
from tessera.formats.source import Entry

FOLDERS = {"train": "train", "validation": "valid", "test": "test"}
DIMENSIONS = ("x", "y")
VECTORS = {"velocity": ("velocity_x", "velocity_y")}  # what is written as one
GIVEN = ("particle_velocity", "porosity")  # scalars: what a network may be told of a case
PARAMETERS = (*GIVEN, "pores", "seed")
OUR_NAME = "tessera_case"  # attribute of a file with one trajectory: what we call it


class Well(NamedTuple):
    """An opened set, see `tessera.formats.source.Source`; `trajectories` holds file and number of each case."""

    entries: tuple[Entry, ...]
    snapshots: int
    cells: tuple[int, int]
    interval: float | None
    cell_size: float | None
    start: float
    rising: dict[str, bool]
    units: dict[str, str | None]
    places: dict[str, Place]
    trajectories: tuple[tuple[Path, int], ...]

    def read(self, number: int) -> dict[str, np.ndarray]:
        """Return the fields of a trajectory, (time, y, x), or (y, x) for what does not change."""
        path, trajectory = self.trajectories[number]
        with hdf5.opened(path) as file:
            return {name: self._values(_stored(file, name, place), trajectory) for name, place in self.places.items()}

    def _values(self, stored: "_Stored", trajectory: int) -> np.ndarray:
        count = 1 if stored.held else self.snapshots
        spans = {axis: slice(count) if axis == "time" else slice(None) for axis in stored.varying}
        selection: list[int | slice] = [trajectory] if stored.by_sample else []
        selection += [span for axis, span in spans.items() if stored.varying[axis]]
        selection += [] if stored.component is None else [stored.component]
        values = hdf5.part(stored.dataset, *selection)
        values = values[tuple(slice(None) if varies else np.newaxis for varies in stored.varying.values())]
        if list(stored.varying) != ["time", "y", "x"]:
            values = values.swapaxes(1, 2)
        whole = np.broadcast_to(values, (count, *self.cells))
        return whole[0] if stored.held else whole


def open_set(path: Path, mapping: Mapping) -> Well:
    """Open a set in the format of The Well.

    Parameters
    ----------
    path
        The folder of the set, its folder `data`, or a single file.
    mapping
        Names the variable of each field; vectors other than velocities need their component, too. A field that does
        not change can be our `initial_microstructure`; of one that does, its first snapshot is taken.

    Raises
    ------
    DataError
        There are no files, or one of them is broken, not of this format, not 2-D, or different from the others.
    """
    for field, place in mapping.fields.items():
        if place.variable is None:
            raise DataError(f"{path}: fields.{field}.variable: expected the name of a field of the files, got none")
    found = _files(path)
    headers = [_header(one, mapping) for one, _ in found]
    grid = axes.grid([(str(one), header.axes) for (one, _), header in zip(found, headers, strict=True)], mapping)
    for (one, _), header in zip(found, headers, strict=True):
        if header.units != headers[0].units:
            raise DataError(f"{one}: expected units {headers[0].units}, as in {found[0][0]}, got {header.units}")
    ours, theirs = [header.name for header in headers], hdf5.called(one for one, _ in found)
    known = None not in ours and len(set(ours)) == len(ours)
    entries, trajectories = [], []
    for (one, split), header, name in zip(found, headers, theirs, strict=True):
        for number, velocity in enumerate(header.velocities):
            entries.append(Entry(str(header.name) if known else f"{name}:{number}", split, velocity))
            trajectories.append((one, number))
    return Well(
        tuple(entries),
        **grid._asdict(),
        units=headers[0].units,
        places={str(name): place for name, place in mapping.fields.items()},
        trajectories=tuple(trajectories),
    )


def write(dataset: xr.Dataset, folder: Path, progress: Progress) -> None:
    """Write a store as a set of The Well, one file for each case, with `stats.yaml` and `<name>.yaml`.

    Our solver feeds matter at the left, lets it out at the right, and has walls above and below; of the kinds that the
    format knows, WALL, OPEN and PERIODIC, both ends of x are nearest to OPEN. Of imported data the sides are not
    known, and all are called OPEN. The statistics are those of the training cases; without any there is no file.

    Parameters
    ----------
    dataset
        Keeps the schema.
    folder
        Exists and is empty; its name is that of the set.
    progress
        Called with the name of each case that was written.

    Raises
    ------
    DataError
        `initial_microstructure` changes, or a file cannot be written.
    """
    name, layout = files.goal(folder).name, _layout(dataset)
    statistics = {field: (Moments(), Moments()) for group in layout.values() for field in group}
    for number in range(dataset.sizes["case"]):
        one = dataset.isel(case=number).load()
        case, split = int(one["case"]), str(one["split"].item())
        said = str(one["name"].item()) if "name" in one.coords else f"case_{case:04d}"
        with hdf5.created(folder / "data" / FOLDERS[split] / f"case_{case:04d}.hdf5") as file:
            _write_header(file, one, dataset, name)
            file.attrs[OUR_NAME] = hdf5.plain(said)
            for group, fields in layout.items():
                file.create_group(group).attrs["field_names"] = _list(fields)
                for field, parts in fields.items():
                    values, held = _components(one, parts, said), parts[0] in schema.HELD
                    _write_field(file[group], field, values, parts)
                    if split == "train":
                        _count(statistics[field], values[np.newaxis] if held else values, len(parts))
        progress(said)
    _write_statistics(folder / "stats.yaml", statistics)
    files.write_text(folder / f"{name}.yaml", yaml.safe_dump(_metadata(dataset, layout, name), sort_keys=False))


class _Stored(NamedTuple):
    """A field as a file stores it: whether each of time and the spatial dimensions, in this order, has an axis."""

    dataset: h5py.Dataset
    by_sample: bool
    varying: dict[str, bool]
    component: int | None
    held: bool


class _Header(NamedTuple):
    """What a file says beside values: axes, units of our fields, and of each trajectory its particle velocity."""

    axes: dict[str, Axis]
    units: dict[str, str | None]
    velocities: list[float | None]
    name: str | None


def _files(path: Path) -> list[tuple[Path, str | None]]:
    """Return the files of a set with their splits, in the order of their names, as ours are numbered."""
    if path.is_file():
        return [(path, None)]
    data = path / "data" if (path / "data").is_dir() else path
    folders = {split: data / folder for split, folder in FOLDERS.items() if (data / folder).is_dir()}
    found: list[tuple[Path, str | None]] = [(one, split) for split in folders for one in hdf5.files_in(folders[split])]
    if not found:
        raise DataError(f"{path}: expected data/train, data/valid and data/test with files *.hdf5, found none")
    return sorted(found, key=lambda one: one[0].name)


def _header(path: Path, mapping: Mapping) -> _Header:
    with hdf5.opened(path) as file:
        kind, dims = hdf5.text(file, "grid_type"), hdf5.number(file, "n_spatial_dims")
        if kind != "cartesian" or dims != 2:
            raise DataError(f"expected a cartesian grid of 2 dimensions, got {dims} of a {kind} one")
        count = hdf5.number(file, "n_trajectories")
        if count is None or count != int(count) or not 1 <= count <= hdf5.MOST:
            raise DataError(f"@n_trajectories: expected 1 to {hdf5.MOST} of them (MOST), got {count}")
        dimensions = hdf5.group(file, "dimensions")
        known = {name: _axis(dimensions, name) for name in ("time", *DIMENSIONS)}
        said: dict[str, str | None] = {}
        for name, place in mapping.fields.items():
            stored = _stored(file, name, place)
            sizes = [int(count)] if stored.by_sample else []
            sizes += [known[axis].size for axis, varies in stored.varying.items() if varies]
            sizes += [] if stored.component is None else [len(DIMENSIONS)]
            if stored.dataset.shape != tuple(sizes):
                got = f"got {stored.dataset.shape}"
                raise DataError(f"{hdf5.at(stored.dataset)}: expected {tuple(sizes)}, as its attributes say, {got}")
            said[name] = hdf5.text(stored.dataset, "units")
        ours = hdf5.text(file, OUR_NAME) if count == 1 else None
        return _Header(known, said, _velocities(file, int(count)), ours)


def _axis(dimensions: h5py.Group, name: str) -> Axis:
    found = hdf5.dataset(dimensions, name)
    by_sample = hdf5.flags(found, "sample_varying", 1, default=False)[0]
    by_time = name != "time" and hdf5.flags(found, "time_varying", 1, default=False)[0]
    if by_time or (by_sample and name != "time") or found.ndim != (2 if by_sample else 1):
        raise DataError(f"{hdf5.at(found)}: expected one axis for all trajectories and times, got shape {found.shape}")
    return axes.axis(found)


def _stored(file: h5py.File, name: str, place: Place) -> _Stored:
    """Return where and how a file stores a field."""
    variable, key = str(place.variable), f"fields.{name}"
    dimensions = hdf5.words(hdf5.group(file, "dimensions"), "spatial_dims")
    if sorted(dimensions) != sorted(DIMENSIONS):
        raise DataError(f"@spatial_dims: expected x and y, got {hdf5.plain(', '.join(dimensions))}")
    groups = [hdf5.group(file, group) for group in ("t0_fields", "t1_fields")]
    order = 1 if not hdf5.exists(groups[0], variable) and hdf5.exists(groups[1], variable) else 0
    if not hdf5.exists(groups[order], variable):
        known = hdf5.plain(", ".join(sorted({*groups[0], *groups[1]}))) or "none"
        raise DataError(f"{key}: expected {variable!r}, found {known} in t0_fields and t1_fields")
    found, component = hdf5.dataset(groups[order], variable), place.component
    ours = next((dimensions.index(axis) for axis in DIMENSIONS if name == f"velocity_{axis}"), component)
    if order == 1 and (ours is None or ours >= len(DIMENSIONS) or component not in {None, ours}):
        wanted = f"{ours}, the one along {name[-1]}" if name in VECTORS["velocity"] else "0 or 1, for it is a vector"
        raise DataError(f"{hdf5.at(found)}: {key}.component: expected {wanted}, got {component}")
    if order == 0 and component is not None:
        raise DataError(f"{hdf5.at(found)}: {key}.component: expected none, for it is a scalar, got {component}")
    by_sample, by_time = (hdf5.flags(found, f"{what}_varying", 1)[0] for what in ("sample", "time"))
    varying = dict(zip(dimensions, hdf5.flags(found, "dim_varying", len(dimensions)), strict=True))
    return _Stored(found, by_sample, {"time": by_time, **varying}, ours if order else None, name in schema.HELD)


def _velocities(file: h5py.File, count: int) -> list[float | None]:
    """Return the particle velocity of each trajectory [m/s], where there is a scalar of this name with a unit."""
    unknown: list[float | None] = [None] * count
    if not hdf5.exists(file, "scalars") or not hdf5.exists(hdf5.group(file, "scalars"), "particle_velocity"):
        return unknown
    found = hdf5.dataset(hdf5.group(file, "scalars"), "particle_velocity")
    said = hdf5.text(found, "units")
    if said is None or found.shape not in {(), (count,)}:
        return unknown
    known = units.conversion(said, "m s-1", f"{hdf5.at(found)}: @units")
    values, exact = hdf5.part(found, *[slice(None)] * found.ndim).astype("float64"), hdf5.number(found, "exact")
    if exact is not None and np.allclose(values, exact, rtol=1e-6, atol=0.0):
        values = np.full(values.shape, exact)
    if not np.isfinite(values).all():
        raise DataError(f"{hdf5.at(found)}: expected finite values, got {values.min()}")
    return np.broadcast_to(known.apply(values), (count,)).tolist()


def _layout(dataset: xr.Dataset) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the groups of fields: their names in the format, and our fields that are their components."""
    names = schema.fields_of(dataset)
    vectors: dict[str, tuple[str, ...]] = {name: parts for name, parts in VECTORS.items() if set(parts) <= set(names)}
    inside = {part for parts in vectors.values() for part in parts}
    return {
        "t0_fields": {name: (name,) for name in names if name not in inside},
        "t1_fields": vectors,
        "t2_fields": {},
    }


def _components(one: xr.Dataset, parts: tuple[str, ...], where: str) -> np.ndarray:
    """Return a field of a case: (time, x, y), with components last for a vector, or (x, y) for what does not change."""
    values = [one[part].transpose("time", *DIMENSIONS).values for part in parts]
    if parts[0] in schema.HELD:
        if (values[0] != values[0][:1]).any():
            raise DataError(f"{where}: {parts[0]}: expected the same in all snapshots, got one that changes")
        return values[0][0]
    return values[0] if len(parts) == 1 else np.stack(values, axis=-1)


def _count(moments: tuple[Moments, Moments], snapshots: np.ndarray, width: int) -> None:
    """Take the values of a case and their changes into account, a snapshot at a time; `width`: its components."""
    before = None
    for snapshot in snapshots:
        now = snapshot.reshape(-1, width).astype("float64")
        moments[0].add(now)
        if before is not None:
            moments[1].add(now - before)
        before = now


def _write_header(file: h5py.File, one: xr.Dataset, dataset: xr.Dataset, name: str) -> None:
    """Write all of a file but its fields."""
    said = {key: value for key, value in dataset.attrs.items() if isinstance(value, (str, int, float))}
    parameters = [key for key in PARAMETERS if key in dataset.coords and np.isfinite(dataset[key].values).all()]
    file.attrs.update({key: value for key, value in said.items() if key not in {"Conventions", *dataset.variables}})
    file.attrs.update({key: one[key].item() for key in parameters})
    file.attrs.update({"dataset_name": name, "grid_type": "cartesian", "n_spatial_dims": 2, "n_trajectories": 1})
    file.attrs.update({"simulation_parameters": _list(parameters), "split": str(one["split"].item())})
    dimensions, sides, scalars = map(file.create_group, ("dimensions", "boundary_conditions", "scalars"))
    dimensions.attrs["spatial_dims"] = _list(DIMENSIONS)
    for axis in ("time", *DIMENSIONS):
        found = dimensions.create_dataset(axis, data=one[axis].values.astype("float32"))
        found.attrs.update({f"{what}_varying": False for what in ("sample", "time") if what != axis})
        exact = {"start": float(one[axis][0]), "step": _step(one[axis].values, 0.0 if axis == "time" else 0.5)}
        found.attrs.update({"units": schema.COORDINATES[axis].units, **exact})
    for axis, kind in _sides(dataset).items():
        side = sides.create_group(f"{axis}_{kind.lower()}")
        side.attrs.update({"associated_dims": _list([axis]), "associated_fields": _list([]), "bc_type": kind})
        side.attrs.update({"sample_varying": False, "time_varying": False})
        side["mask"] = np.isin(np.arange(one.sizes[axis]), (0, one.sizes[axis] - 1))
    given = [key for key in parameters if key in GIVEN]
    scalars.attrs["field_names"] = _list(given)
    for key in given:
        scalar = scalars.create_dataset(key, data=one[key].values.astype("float32").reshape(1))
        scalar.attrs.update({"sample_varying": True, "time_varying": False})
        scalar.attrs.update({"units": schema.CASE_COORDINATES[key].units, "exact": float(one[key])})


def _write_field(group: h5py.Group, name: str, values: np.ndarray, parts: tuple[str, ...]) -> None:
    held = parts[0] in schema.HELD
    chunk = (1, *values.shape) if held else (1, 1, *values.shape[1:])
    packed: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
    found = group.create_dataset(name, data=values[np.newaxis], chunks=chunk, **packed)
    found.attrs.update({"sample_varying": True, "time_varying": not held, "dim_varying": [True, True]})
    found.attrs["units"] = schema.FIELDS[parts[0]].units


def _sides(dataset: xr.Dataset) -> dict[str, str]:
    return {"x": "OPEN", "y": "OPEN" if "imported_from" in dataset.attrs else "WALL"}


def _list(texts: Any) -> np.ndarray:
    return np.array(list(texts), h5py.string_dtype())


def _step(points: np.ndarray, shift: float) -> float:
    """Return the step that gives the points exactly as step x (number + shift) from a start, if there is one."""
    mean = float(points[-1] - points[0]) / (points.size - 1)
    known = [mean, float(points[1] - points[0]), 2.0 * float(points[0])]
    known += [float(f"{one:.15g}") for one in known]
    start, places = (0.0 if shift else points[0]), np.arange(points.size) + shift
    likely = [one for one in known if np.isclose(one, mean, rtol=1e-9, atol=0.0)]
    return min(likely, key=lambda one: np.abs(start + one * places - points).max())


def _write_statistics(path: Path, statistics: dict[str, tuple[Moments, Moments]]) -> None:
    found: dict[str, dict[str, Any]] = {}
    for suffix, place in (("", 0), ("_delta", 1)):
        for field, moments in statistics.items():
            if moments[place].count:
                for key, value in moments[place].said().items():
                    found.setdefault(key + suffix, {})[field] = value
    if found:
        files.write_text(path, yaml.safe_dump(found))


def _metadata(dataset: xr.Dataset, layout: dict[str, dict[str, tuple[str, ...]]], name: str) -> dict[str, Any]:
    """Return what the package of the format tells of a set."""
    cases = dataset.sizes["case"]
    varying: dict[int, list[str]] = {0: [], 1: [], 2: []}
    constant: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for order, fields in enumerate(layout.values()):
        for field, parts in fields.items():
            target = constant if parts[0] in schema.HELD else varying
            target[order] += [field] if order == 0 else [f"{field}_{axis}" for axis in DIMENSIONS]
    parameters = [key for key in GIVEN if key in dataset.coords and np.isfinite(dataset[key].values).all()]
    return {
        "dataset_name": name,
        "n_spatial_dims": len(DIMENSIONS),
        "spatial_resolution": [dataset.sizes[axis] for axis in DIMENSIONS],
        "scalar_names": [],
        "constant_scalar_names": parameters,
        "field_names": varying,
        "constant_field_names": constant,
        "boundary_condition_types": sorted(set(_sides(dataset).values())),
        "n_files": cases,
        "n_trajectories_per_file": [1] * cases,
        "n_steps_per_trajectory": [dataset.sizes["time"]] * cases,
        "grid_type": "cartesian",
    }
