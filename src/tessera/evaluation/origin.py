"""The section of the report on provenance: what made each store, and what it takes to make them elsewhere."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import xarray as xr

from tessera.evaluation.page import Cell, Section, Table
from tessera.provenance import digest, git_revision, versions

CHECKED = {".nc", ".zarr", ".safetensors", ".parquet"}
ATTRIBUTES = ("git_revision", "section_digest", "source_digest")


def section(stores: Mapping[str, xr.Dataset], settings: Mapping[str, Any], checksums: Mapping[str, str]) -> Section:
    """Return the section.

    Parameters
    ----------
    stores
        Ensembles and predictions by what they are called.
    settings
        All settings of the study, with its name.
    checksums
        SHA-256 of the outputs by their paths in the results.
    """
    rows = [
        [Cell(name), *(Cell(str(dataset.attrs.get(key, "unknown"))) for key in ATTRIBUTES)]
        for name, dataset in stores.items()
    ]
    made = Table("files", "What made each store.", ["store", "revision", "settings", "sources"], rows)
    kept = [name for name in checksums if PurePosixPath(name).suffix in CHECKED and not name.startswith("cases/")]
    caption = "SHA-256 of designs, stores, weights and scores; outputs.json beside this page has those of all outputs."
    known = Table("checksums", caption, ["output", "SHA-256"], [[Cell(name), Cell(checksums[name])] for name in kept])
    revision = git_revision()
    return Section(
        "provenance",
        "Provenance",
        _text(revision, settings),
        [made, known],
        commands=_commands(revision, str(settings["name"])),
    )


def _text(revision: str, settings: Mapping[str, Any]) -> list[str]:
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    text = [
        f"This page: revision {revision}, settings {digest(settings)}; {used}.",
        "To run the study elsewhere: take a clone of the sources, put into it the settings at the end of this page as "
        "study.yaml and outputs.json as published.json, and say the lines below. The last one tells which outputs came "
        "out the same. A training whose budget is processor time ends where the machine lets it: it does not repeat.",
    ]
    if revision.endswith("+") or revision == "unknown":
        text.append("The sources were edited or have no history: the revision alone does not make this page again.")
    return text


def _commands(revision: str, study: str) -> list[str]:
    return [
        f"git checkout {revision.removesuffix('+')}",
        "make environment",
        "source .venv/bin/activate",
        "snakemake --cores all --replace-workflow-config --configfile study.yaml",
        f"tessera reproduce results/{study} --against published.json",
    ]


__all__ = ["section"]
