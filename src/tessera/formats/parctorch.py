"""The arrays of PARCtorch: a folder of `.npy` files, one simulation each, of (time, channel, y, x).

The files are read in the order of their names, from the folder itself or from its train, validation and test. An
array says no names, so a mapping says the channels, unless there is a `meta.json` as `write` puts it beside the arrays.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from pydantic import Field, PositiveFloat

from tessera.data import schema
from tessera.data.fields import FIELDS, FieldName
from tessera.data.files import write_json
from tessera.errors import DataError
from tessera.formats import arrays, extremes
from tessera.formats.mapping import Mapping, Orientation, Text
from tessera.formats.registry import Progress
from tessera.formats.source import Entry
from tessera.study.reading import validated
from tessera.study.section import Section

AXES = ("time", "channel", "y", "x")
META = "meta.json"
SPLITS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation", "test": "test"}
VELOCITIES = ("velocity_x", "velocity_y")  # of PARCtorch, the last two channels


class Channel(Section):
    """A channel of the arrays."""

    name: FieldName = Field(description="Our name of the field.")
    units: Text = Field(description="Unit of its values.")


class Case(Section):
    """A file of the set."""

    file: str = Field(description="Its path in the set.")
    name: str = Field(description="Name of the case.", min_length=1)
    split: str = Field(description="train, validation or test.")
    particle_velocity: float | None = Field(None, description="At the inlet [m/s].")


class Meta(Section):
    """What `meta.json` says of a set, in SI."""

    title: str = Field("", description="What the set is.")
    axes: tuple[Text, ...] = Field(description="The axes of the arrays.")
    channels: tuple[Channel, ...] = Field(description="The channels in their order.")
    dx: PositiveFloat = Field(description="Width of a cell along x [m].")
    dy: PositiveFloat = Field(description="Width of a cell along y [m].")
    dt: PositiveFloat = Field(description="Time between snapshots [s].")
    t0: float = Field(description="Time of the first snapshot [s].")
    orientation: Orientation = Field(description="Whether y and x rise with the index.")
    cases: tuple[Case, ...] = Field(description="The files, in the order of the cases.")
    provenance: dict[str, str] = Field({}, description="Where the set comes from.")


def open_set(path: Path, mapping: Mapping) -> arrays.ArraySet:
    """Open a folder of arrays, or of the folders of its splits.

    Raises
    ------
    DataError
        The arrays differ, their channels are not said, or the files beside them contradict them or the mapping.
    """
    found = _files(arrays.folder(path, ".npy files"))
    shapes = {name: arrays.header(file, AXES).shape for name, (file, _) in found.items()}
    size, height, width = arrays.same({name: shape[1:] for name, shape in shapes.items()}, "(channel, y, x)", str(path))
    count = arrays.snapshots({name: shape[0] for name, shape in shapes.items()}, mapping, str(path))
    meta = _meta(path, found, size)
    channels = _channels(meta, mapping, path) if meta else arrays.channels(mapping, size, str(path))
    folders = sorted({path, *(file.parent for file, _ in found.values())})
    bounds = {folder: known for folder in folders if (known := extremes.read(folder, size, height * width))}
    cases = _entries(meta, found, path)

    def take(number: int) -> dict[str, np.ndarray]:
        entry, file = cases[number]
        values = arrays.open_npy(file, AXES)[:count]
        fields = {name: values[:, channel] for name, channel in channels.items()}
        if entry.split in (None, "train"):  # of these the extremes are
            for folder in {path, file.parent} & bounds.keys():
                for name, channel in channels.items():
                    bounds[folder].check(channel, fields[name], f"{file}: {name}")
        return fields

    units: dict[str, str | None] = dict.fromkeys(mapping.fields)
    entries = tuple(entry for entry, _ in cases)
    if meta is None:
        return arrays.ArraySet(entries, count, (height, width), units, take)
    units = {channel.name: channel.units for channel in meta.channels}
    rising = {"y": meta.orientation.y == "rising", "x": meta.orientation.x == "rising"}
    return arrays.ArraySet(entries, count, (height, width), units, take, meta.dt, meta.dx, meta.t0, rising)


def write(dataset: xr.Dataset, folder: Path, progress: Progress) -> None:
    """Write the cases as float32 arrays in train, validation and test, with `min_max.json` and `meta.json`.

    Parameters
    ----------
    dataset
        Keeps the schema; one case at a time is read.
    folder
        Is there and empty.
    progress
        Called with the name of each case that was written.

    Notes
    -----
    Every folder of a split gets the `min_max.json` of the training cases, so that PARCtorch opens each alone and
    with the same scales; a store without any gets none.

    Raises
    ------
    DataError
        There are no velocities, which PARCtorch takes the last two channels for, or a value is not finite.
    """
    names = [name for name in schema.fields_of(dataset) if name not in VELOCITIES] + [*VELOCITIES]
    missing = [name for name in VELOCITIES if name not in dataset.data_vars]
    if missing:
        got = ", ".join(schema.fields_of(dataset))
        raise DataError(f"parctorch: expected {missing[0]}, for the last two channels are velocities, got {got}")
    known = extremes.Extremes(len(names))
    cases = list(_cases(dataset))
    for number, case in enumerate(cases):
        values = _values(dataset.isel(case=number), names, case.name)
        (folder / case.split).mkdir(exist_ok=True)
        np.save(folder / case.file, values, allow_pickle=False)
        if case.split == "train":
            known.add(values)
        progress(case.name)
    splits = {case.split for case in cases}
    for split in splits if "train" in splits else set():
        write_json(folder / split / extremes.FILE, known.said())
    write_json(folder / META, _described(dataset, names, cases).model_dump(mode="json"))


def _files(path: Path) -> dict[str, tuple[Path, str | None]]:
    """Return the arrays by their path in the set without suffix, with their split where a folder says it."""
    found: dict[str, tuple[Path, str | None]] = {file.stem: (file, None) for file in sorted(path.glob("*.npy"))}
    inside = {name: path / name for name in SPLITS if (path / name).is_dir()}
    if found and inside:
        raise DataError(f"{path}: expected .npy files in it or in {', '.join(inside)}, got both")
    if len({SPLITS[name] for name in inside}) < len(inside):
        raise DataError(f"{path}: expected one folder for each split, got {', '.join(inside)}")
    for name, folder in inside.items():
        files = sorted(folder.glob("*.npy"))
        if not files:
            raise DataError(f"{folder}: expected .npy files, found none")
        found |= {f"{name}/{file.stem}": (file, SPLITS[name]) for file in files}
    if not found:
        raise DataError(f"{path}: expected .npy files, in it or in train, validation and test, found none")
    return found


def _meta(path: Path, found: dict[str, tuple[Path, str | None]], size: int) -> Meta | None:
    file = path / META
    if not file.exists():
        return None
    meta = validated(Meta, extremes.read_bounded(file, 1000 * len(found)), str(file))
    if meta.axes != AXES:
        raise DataError(f"{file}: axes: expected {', '.join(AXES)}, got {', '.join(meta.axes)}")
    names = [channel.name for channel in meta.channels]
    if len(names) != size or len(set(names)) != size:
        raise DataError(f"{file}: channels: expected {size} different names, as the arrays have, got {names}")
    if meta.dx != meta.dy:
        raise DataError(f"{file}: expected square cells, got dx {meta.dx:g} and dy {meta.dy:g}")
    said = [case.file for case in meta.cases]
    there = {file.relative_to(path).as_posix() for file, _ in found.values()}
    if set(said) != there or len(said) != len(there):
        lone = min(set(said) ^ there, default="one of them twice")
        raise DataError(f"{file}: cases: expected the {len(there)} files that are there, got a difference in {lone}")
    if len({case.name for case in meta.cases}) != len(said):
        raise DataError(f"{file}: cases: expected each name once, got one of them twice")
    return meta


def _channels(meta: Meta, mapping: Mapping, path: Path) -> dict[str, int]:
    """Return the channels that `meta.json` says; the mapping must not say others."""
    said = {channel.name: number for number, channel in enumerate(meta.channels)}
    found: dict[str, int] = {}
    for name, place in mapping.fields.items():
        key = f"{path}: fields.{name}"
        if name not in said:
            raise DataError(f"{key}: expected one of {', '.join(said)}, as {META} says, got it")
        if place.variable is not None or place.component is not None:
            raise DataError(f"{key}: expected a channel or nothing, got a variable or a component")
        if place.channel not in (None, said[name]):
            raise DataError(f"{key}.channel: expected {said[name]}, as {META} says, got {place.channel}")
        found[name] = said[name]
    return found


def _entries(
    meta: Meta | None, found: dict[str, tuple[Path, str | None]], path: Path
) -> tuple[tuple[Entry, Path], ...]:
    """Return the cases and their files."""
    if meta is None:
        return tuple((Entry(name, split), file) for name, (file, split) in found.items())
    folders = {file.relative_to(path).as_posix(): split for file, split in found.values()}
    for case in meta.cases:
        if case.split not in schema.SPLITS or folders[case.file] not in (None, case.split):
            expected = folders[case.file] or ", ".join(schema.SPLITS)
            raise DataError(f"{path / META}: {case.file}: expected split {expected}, got {case.split!r}")
    return tuple((Entry(case.name, case.split, case.particle_velocity), path / case.file) for case in meta.cases)


def _cases(dataset: xr.Dataset) -> Iterator[Case]:
    """Yield what `meta.json` says of every case."""
    numbers, splits = dataset["case"].values, dataset["split"].values
    names = dataset["name"].values if "name" in dataset.coords else [f"case {number}" for number in numbers]
    known = "particle_velocity" in dataset.coords
    velocities = dataset["particle_velocity"].values if known else np.full(numbers.size, np.nan)
    digits = len(str(numbers.size - 1))
    for number, (name, split, velocity) in enumerate(zip(names, splits, velocities, strict=True)):
        readable = re.sub(r"[^A-Za-z0-9-]+", "_", str(name)).strip("_")[:60]
        file = f"{split}/{number:0{digits}d}_{readable}.npy"
        inlet = float(velocity) if np.isfinite(velocity) else None
        yield Case(file=file, name=str(name), split=str(split), particle_velocity=inlet)


def _values(one: xr.Dataset, names: list[str], case: str) -> np.ndarray:
    """Return a case as (time, channel, y, x), float32."""
    found = np.empty((one.sizes["time"], len(names), one.sizes["y"], one.sizes["x"]), "float32")
    for channel, name in enumerate(names):
        found[:, channel] = one[name].values
        if not np.isfinite(found[:, channel]).all():
            raise DataError(f"case {case}: {name}: expected finite values, got others")
    return found


def _described(dataset: xr.Dataset, names: list[str], cases: list[Case]) -> Meta:
    """Return what `meta.json` says of a store."""
    start = float(dataset["time"][0])
    return Meta(
        title=str(dataset.attrs.get("title", "")),
        axes=AXES,
        channels=tuple(Channel.model_validate({"name": name, "units": FIELDS[name].units}) for name in names),
        dx=_spacing(dataset["x"].values, 0.5, 0.0),
        dy=_spacing(dataset["y"].values, 0.5, 0.0),
        dt=_spacing(dataset["time"].values, 0.0, start),
        t0=start,
        orientation=Orientation(y="rising", x="rising"),
        cases=tuple(cases),
        provenance={str(key): str(value) for key, value in dataset.attrs.items()},
    )


def _spacing(axis: np.ndarray, first: float, start: float) -> float:
    """Return the spacing that gives `start + spacing * (index + first)` back as exactly as floats can."""
    mean = float(axis[-1] - axis[0]) / (axis.size - 1)
    tried = [mean, float(axis[1] - axis[0])]
    tried += [float(f"{spacing:.15g}") for spacing in tried]
    return min(tried, key=lambda spacing: float(np.abs(start + spacing * (np.arange(axis.size) + first) - axis).max()))
