"""The stores that a path holds: those that can be looked at, and what is wrong with the others.

A store is opened without reading its values, so that a large one is there at once. Its checksum, for which every
byte is read, is verified by the way: a store that turns out to be broken goes from the ones to the others.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import xarray as xr

from tessera.data import schema, store
from tessera.data.files import read_json, short
from tessera.errors import DataError
from tessera.evaluation import curves, figures, scores

TRUTH = "truth"
FOLDERS = {"ensembles": "*.json", "predictions": "*/*/*.json", "reconstructions": "*.json"}  # of a study's results


class Store(NamedTuple):
    """A store that can be looked at.

    Attributes
    ----------
    path
        Its manifest, or its case file.
    place
        The path as the page calls it, different for each.
    group
        What it is compared within: a scale, or a store that stands alone.
    model
        Who made it; `truth` for simulations.
    detail
        What the model learnt from, in a few words.
    dataset
        Dims (case, time, y, x), perhaps led by sample; lazy, but for its coordinates.
    """

    path: Path
    place: str
    group: str
    model: str
    detail: str
    dataset: xr.Dataset

    @property
    def label(self) -> str:
        """What it is called in a list."""
        return ", ".join(filter(None, (figures.name(self.model), self.detail)))

    @property
    def cases(self) -> list[int]:
        """Numbers of its cases."""
        return self.dataset["case"].values.tolist()

    @property
    def fields(self) -> list[str]:
        """The fields that it has."""
        return schema.fields_of(self.dataset)

    @property
    def members(self) -> int:
        """Number of members of a prediction, 0 where it has none."""
        return self.dataset.sizes.get("sample", 0)


class Shelf:
    """What a path holds; one thread may verify it while others look at it.

    Attributes
    ----------
    stores
        Those that can be looked at: by group the truth first, then the models in the order of every figure.
    broken
        What is wrong with the others, by place.
    unverified
        Number of stores whose checksum is not known to be right yet.
    """

    def __init__(self, stores: list[Store], broken: dict[str, str]) -> None:
        self.stores, self.broken = stores, broken
        self.unverified = len(stores)
        self._lock = Lock()

    @property
    def groups(self) -> list[str]:
        """The groups that have stores."""
        return [*dict.fromkeys(one.group for one in self.stores)]

    def of(self, group: str) -> list[Store]:
        """Return the stores of a group."""
        return [one for one in self.stores if one.group == group]

    def condemn(self, one: Store, why: DataError) -> None:
        """Put a store to the broken ones."""
        with self._lock:
            self.stores = [other for other in self.stores if other is not one]
            self.broken = {**self.broken, one.place: str(why)}

    def verify(self) -> None:
        """Read every byte of the stores and condemn those that are not what their manifest says."""
        for one in self.stores:
            try:
                if one.path.suffix == ".json":
                    store.verify(one.path)
            except DataError as error:
                self.condemn(one, error)
            except OSError as error:
                self.condemn(one, DataError(f"{one.path}: expected to read it, got {error.strerror or error}"))
            self.unverified -= 1


def find(results: Path) -> Shelf:
    """Return the stores of a study's results, of a folder of manifests, of a manifest, or of a case file.

    Raises
    ------
    DataError
        There is no store that can be looked at.
    """
    stores: list[Store] = []
    broken: dict[str, str] = {}
    for path, group in _candidates(results):
        place = str(path.relative_to(results)) if results.is_dir() else path.name
        try:
            stores.append(_open(path, place, group))
        except DataError as error:
            broken[place] = str(error)
    stores = sorted(stores, key=_order)
    fitting: list[Store] = []
    for one in stores:
        try:
            first = next(other for other in stores if other.group == one.group)
            scores.check_axes(one.dataset, first.dataset, str(one.path))
            fitting.append(one)
        except DataError as error:
            broken[one.place] = str(error)
    if fitting:
        return Shelf(fitting, broken)
    if len(broken) == 1:
        raise DataError(next(iter(broken.values())))
    if broken:
        raise DataError(f"{results}: expected a whole store, got {len(broken)} broken; {next(iter(broken.values()))}")
    raise DataError(f"{results}: expected results of a study, a manifest or a case file, found no store")


def _candidates(results: Path) -> list[tuple[Path, str]]:
    """Return what may be a store, and the group that it is of; none where it says itself."""
    if not results.is_dir():
        return [(results, "")]
    found = [(path, path.stem) for path in sorted(results.glob("*.json")) if _is_manifest(path)]
    for folder, pattern in FOLDERS.items():
        for path in sorted((results / folder).glob(pattern)):
            scale = path.relative_to(results).parts[1] if folder == "predictions" else path.stem
            found.append((path, scale))
    return found


def _is_manifest(path: Path) -> bool:
    try:
        return {"store", "sha256"} <= set(read_json(path))
    except DataError:
        return False


def _open(path: Path, place: str, group: str) -> Store:
    try:
        dataset = _dataset(path)
        dataset = dataset.assign_coords({name: axis.load() for name, axis in dataset.coords.items()})
    except DataError:
        raise
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:  # of what is not verified yet
        raise DataError(f"{path}: expected a whole store, got {short(error)}") from None
    fields = schema.fields_of(dataset)
    schema.check(dataset, str(path), fields=fields or schema.SIMULATED[:1], sample=None)
    least = {"case": 1, "time": 1, "y": 2, "x": 2}
    small = [f"{dataset.sizes[name]} along {name}" for name, size in least.items() if dataset.sizes[name] < size]
    if small:
        raise DataError(f"{path}: expected cases, snapshots and cells, got {', '.join(small)}")
    model = str(dataset.attrs.get("model", TRUTH))
    group = group or str(dataset.attrs.get("scale", path.stem))
    return Store(path, place, group, model, _detail(dataset.attrs, dataset.sizes.get("sample", 0)), dataset)


def _dataset(path: Path) -> xr.Dataset:
    if path.suffix != ".nc":
        return store.open_zarr(path, verified=False)
    dataset = store.open_netcdf(path)
    if "case" in dataset.dims:
        return dataset
    said = [name for name in schema.CASE_COORDINATES if name in dataset.coords]
    return dataset.expand_dims("case").assign_coords({name: ("case", [dataset[name].item()]) for name in said})


def _detail(attrs: Mapping[str, Any], members: int) -> str:
    """Return what a prediction learnt from, its seed and its members, as far as it says them."""
    said = [f"{members} members"] if members > 1 else []
    with suppress(KeyError, TypeError, ValueError):
        said = [curves.trained_on(int(attrs["n_meso"])), f"seed {int(attrs['seed'])}", *said]
    return ", ".join(said)


def _order(one: Store) -> tuple[Any, ...]:
    known = [*figures.NAMES]
    rank = known.index(one.model) if one.model in known else len(known)
    return one.group != "meso", one.group, rank, one.model, one.place
