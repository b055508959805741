"""Data of others, in and out: import a set as a store of the schema, export a store in another format."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dask.array as da
import numpy as np
import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tessera import __version__
from tessera.data import files, schema, store
from tessera.errors import DataError
from tessera.formats import importing, registry
from tessera.formats import mapping as mappings
from tessera.provenance import digest, git_revision, source_digest

log = logging.getLogger("tessera")


def import_set(source: Path, mapping: Path, out: Path) -> None:
    """Import a set of others as a Zarr store beside its manifest, case by case.

    Parameters
    ----------
    source
        File or folder of the set.
    mapping
        What its files do not say.
    out
        The manifest; the store lands beside it.
    """
    asked = mappings.load(mapping)
    found, where = registry.open_set(source, asked), str(source)
    count = len(found.entries)
    cases = importing.read(found, asked, where)
    with _progress("import", count) as advance:
        first = next(cases)
        split = importing.splits(found, asked, where)
        like = _like(first, [entry.name for entry in found.entries], split)
        like.attrs |= _attrs(asked, where)
        schema.check(like, where, fields=schema.fields_of(like))

        def counted() -> Iterator[xr.Dataset]:
            yield first
            advance(found.entries[0].name)
            for entry, one in zip(found.entries[1:], cases, strict=True):
                yield one
                advance(entry.name)

        store.stream_zarr(like, counted(), out, schema.facts(like))
    log.info("%s: %d cases of %s", out, count, ", ".join(schema.fields_of(like)))


def export(kind: str, manifest: Path, out: Path) -> None:
    """Write a store in another format, as a new folder, whole or not at all, case by case.

    Parameters
    ----------
    kind
        One of `tessera.formats.registry.WRITERS`.
    manifest
        The store to write.
    out
        The folder; it must not exist yet.
    """
    dataset = store.open_zarr(manifest)
    schema.check(dataset, str(manifest), fields=schema.fields_of(dataset))
    if out.exists():
        raise DataError(f"{out}: expected a folder that does not exist yet, found one")
    with _progress("export", dataset.sizes["case"]) as advance, files.whole(out) as beside:
        beside.mkdir(parents=True)
        registry.write(kind, dataset, beside, advance)
    log.info("%s: %d cases as %s", out, dataset.sizes["case"], kind)


def _like(first: xr.Dataset, names: list[str], split: list[str]) -> xr.Dataset:
    """Return a lazy store of all cases: the grid and the fields of the first, and what each case is called."""
    count = len(names)
    shape = (count, *(first.sizes[name] for name in schema.DIMS[1:]))
    fields = {
        name: (schema.DIMS, da.zeros(shape, dtype="float32", chunks=(1, *shape[1:])))
        for name in schema.fields_of(first)
    }
    axes = {name: first[name] for name in schema.COORDINATES}
    said = {
        name: ("case", np.full(count, np.nan))
        for name in schema.CASE_COORDINATES
        if name in first.coords and first[name].dtype.kind == "f"
    }
    known = {"case": np.arange(count), "split": ("case", np.array(split)), "name": ("case", np.array(names))}
    return schema.describe(xr.Dataset(fields, coords={**axes, **known, **said}))


def _attrs(asked: mappings.Mapping, where: str) -> dict[str, str]:
    """Return what a store says of its import; the study that takes it adds its own provenance."""
    named = {"title": asked.title, "license": asked.licence, "source": asked.source}
    said = {name: value for name, value in named.items() if value is not None}
    return {
        "title": f"imported from {Path(where).name}",
        **said,
        "imported_from": asked.format,
        "mapping": asked.model_dump_json(exclude_none=True),
        "mapping_digest": digest(asked.model_dump(mode="json")),
        "source_digest": source_digest("data", "formats"),
        "version": __version__,
        "git_revision": git_revision(),
    }


@contextmanager
def _progress(what: str, count: int) -> Iterator[Callable[[str], None]]:
    """Show a bar of cases where a person looks on; give what advances it."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description} {task.fields[name]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=count, name="")
        yield lambda name: bar.update(task, advance=1, name=name)
