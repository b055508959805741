"""What the sub-commands are told: their shared options, and what is made of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tessera.errors import DataError

if TYPE_CHECKING:
    from tessera.study import Study

StudyFile = Annotated[Path, typer.Option("--study", help="The resolved study, as `tessera check --out` wrote it.")]
Out = Annotated[Path, typer.Option("--out", help="Where the result lands, whole or not at all.")]
Scale = Annotated[str, typer.Option("--scale", help="micro or meso.")]
Design = Annotated[Path, typer.Option("--design", help="Design of the ensemble.")]
Ensemble = Annotated[Path, typer.Option("--ensemble", help="Manifest of an ensemble.")]
Latents = Annotated[Path, typer.Option("--latents", help="Manifest of cached latents.")]
ScalesFile = Annotated[Path, typer.Option("--scales", help="Scales of the training split.")]
Field = Annotated[str, typer.Option("--field", help="Name of the field.")]
State = Annotated[Path, typer.Option("--state", help="Folder of the training state, to resume from.")]
History = Annotated[Path, typer.Option("--history", help="Where the history lands, one JSON line per epoch.")]
MesoCases = Annotated[int, typer.Option("--meso-cases", help="How many meso training cases to learn from.", min=1)]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the training.", min=0)]
Members = Annotated[
    int | None,
    typer.Option("--members", help="How many a probabilistic model draws; default: the study's, or 1.", min=1),
]
Tile = Annotated[
    int | None,
    typer.Option("--tile", help="Cells along a side of the tiles that are decoded; default: by memory.", min=1),
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        envvar="TESSERA_DASK",
        help="Who does the work: address of a dask scheduler, or a number of processes on this machine.",
    ),
]
Results = Annotated[Path, typer.Argument(help="Folder of a study's results.")]
AsJson = Annotated[bool, typer.Option("--json", help="Tell it for machines.")]
Tokenizers = Annotated[list[Path], typer.Option("--tokenizer", help="Checkpoint of a tokenizer; repeat per field.")]


def study_of(path: Path) -> "Study":
    """Return the study in a file."""
    from tessera.study import load

    if not path.is_file():
        raise DataError(f"{path}: expected a resolved study, found none")
    return load([path])


def scale_of(scale: str) -> str:
    """Return the name of a scale; refuse any other."""
    if scale not in {"micro", "meso"}:
        raise typer.BadParameter(f"--scale: expected micro or meso, got {scale!r}")
    return scale
