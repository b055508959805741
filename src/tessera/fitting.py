"""The sub-commands `tessera fit`: one per network."""

from pathlib import Path
from typing import Annotated

import typer

from tessera.options import (
    Ensemble,
    Field,
    History,
    Latents,
    MesoCases,
    Out,
    ScalesFile,
    Seed,
    State,
    StudyFile,
    Tokenizers,
    study_of,
)

fit_app = typer.Typer(no_args_is_help=True)


@fit_app.callback()
def fit(
    devices: Annotated[
        int | None, typer.Option("--devices", help="Processes that share each batch, with a device each.", min=1)
    ] = None,
) -> None:
    """Train a network of the study, in one process or several."""
    from tessera.learning import processes

    code = processes.start(devices)
    if code is not None:
        raise typer.Exit(code)


@fit_app.command("tokenizer")
def fit_tokenizer(
    study: StudyFile,
    field: Field,
    scales: ScalesFile,
    state: State,
    out: Out,
    history: History,
    ensembles: Annotated[list[Path], typer.Argument(help="Manifests of the ensembles to learn from.")],
) -> None:
    """Train the autoencoder of one field."""
    from tessera.stages import networks

    networks.fit_tokenizer(study_of(study), field, scales, ensembles, state, out, history)


@fit_app.command("decoupled")
def fit_decoupled(
    study: StudyFile,
    field: Field,
    latents: Latents,
    state: State,
    out: Out,
    history: History,
    ensemble: Annotated[
        Path | None, typer.Option("--ensemble", help="Manifest of the micro ensemble, where the field is decoded.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="Checkpoint of its tokenizer, where the field is decoded.")
    ] = None,
) -> None:
    """Train the evolution of one field alone."""
    from tessera.stages import networks

    networks.fit_decoupled(study_of(study), field, latents, state, out, history, ensemble, tokenizer)


@fit_app.command("coupled")
def fit_coupled(
    study: StudyFile,
    latents: Latents,
    ensemble: Ensemble,
    tokenizer: Tokenizers,
    decoupled: Annotated[list[Path], typer.Option("--decoupled", help="Checkpoint of a field's map; repeat.")],
    state: State,
    out: Out,
    history: History,
) -> None:
    """Train the evolution of all fields together, at micro scale."""
    from tessera.stages import networks

    networks.fit_coupled(study_of(study), latents, ensemble, tokenizer, decoupled, state, out, history)


@fit_app.command("transfer")
def fit_transfer(
    study: StudyFile,
    meso_cases: MesoCases,
    seed: Seed,
    latents: Latents,
    ensemble: Ensemble,
    coupled: Annotated[Path, typer.Option("--coupled", help="Checkpoint of the coupled micro model.")],
    state: State,
    out: Out,
    history: History,
) -> None:
    """Fine-tune the coupled micro model on few meso cases."""
    from tessera.stages import networks

    networks.fit_transfer(study_of(study), meso_cases, seed, latents, ensemble, coupled, state, out, history)


@fit_app.command("rival")
def fit_rival(
    study: StudyFile,
    model: Annotated[str, typer.Option("--model", help="Name of the rival in the study.")],
    meso_cases: MesoCases,
    seed: Seed,
    ensemble: Ensemble,
    scales: ScalesFile,
    state: State,
    out: Out,
    history: History,
    micro: Annotated[
        Path | None, typer.Option("--micro", help="Manifest of the micro ensemble, for a rival with a pretraining.")
    ] = None,
) -> None:
    """Train a rival on few meso cases, and on micro cases before them if the study says so."""
    from tessera.stages import networks

    networks.fit_rival(study_of(study), model, meso_cases, seed, ensemble, micro, scales, state, out, history)


__all__ = ["fit_app"]
