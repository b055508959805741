"""The command line: one sub-command per stage.

Stages are imported when their command runs, so that `tessera check` and the start of a simulation never wait
for torch.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from tessera import __version__
from tessera.errors import ConfigError
from tessera.fitting import fit_app
from tessera.options import (
    AsJson,
    Dask,
    Design,
    Ensemble,
    Members,
    Out,
    Results,
    Scale,
    StudyFile,
    Tile,
    scale_of,
    study_of,
)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(fit_app, name="fit")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Study file and overlays, in this order.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the resolved study here.")] = None,
) -> None:
    """Validate a study without running anything."""
    from tessera import stages
    from tessera.study import load

    study = load(files)
    if missing := study.missing():
        raise ConfigError(f"{', '.join(map(str, files))}: {missing}")
    if out is not None:
        stages.write_study(study, out)
    log = logging.getLogger("tessera")
    log.info("%s: a valid study named %r", ", ".join(map(str, files)), study.name)
    for model, reason in study.left_out().items():
        log.warning("models: %s is left out: %s", model, reason)


@app.command()
def design(study: StudyFile, scale: Scale, out: Out) -> None:
    """Draw the seeded design of an ensemble."""
    from tessera.stages import ensembles

    ensembles.draw_design(study_of(study), scale_of(scale), out)


@app.command()
def simulate(
    study: StudyFile,
    scale: Scale,
    design: Design,
    shard: Annotated[int, typer.Option("--shard", help="Which cases: shard, shard + 1, ... times its size.", min=0)],
    out: Out,
) -> None:
    """Simulate the cases of one shard; whole cases of the same key are kept."""
    from tessera.stages import ensembles

    ensembles.simulate_shard(study_of(study), scale_of(scale), design, shard, out)


@app.command()
def assemble(
    study: StudyFile,
    scale: Scale,
    design: Design,
    out: Out,
    shards: Annotated[list[Path], typer.Argument(help="Manifests of all shards.")],
    dask: Dask = None,
) -> None:
    """Assemble the cases of an ensemble as one Zarr store."""
    from tessera.data import workers
    from tessera.stages import ensembles

    with workers.hired(dask):
        ensembles.assemble(study_of(study), scale_of(scale), design, shards, out)


@app.command()
def adopt(
    study: StudyFile,
    scale: Scale,
    imported: Annotated[Path, typer.Option("--imported", help="Manifest of the imported store.")],
    out: Out,
) -> None:
    """Take an imported store as an ensemble of the study."""
    from tessera.stages import ensembles

    ensembles.adopt(study_of(study), scale_of(scale), imported, out)


@app.command("import")
def import_set(
    source: Annotated[Path, typer.Argument(help="File or folder of the set.")],
    mapping: Annotated[Path, typer.Option("--mapping", help="YAML file: format, fields, units, spacing, split.")],
    out: Annotated[Path, typer.Option("--out", help="Manifest; the Zarr store lands beside it.")],
) -> None:
    """Turn a set of others into a store of the schema."""
    from tessera.stages import formats

    formats.import_set(source, mapping, out)


@app.command()
def export(
    manifest: Annotated[Path, typer.Argument(help="Manifest of a store.")],
    kind: Annotated[str, typer.Option("--format", help="netcdf, parctorch, vtk or well.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the files.")],
) -> None:
    """Write a store in a format of others."""
    from tessera.stages import formats

    formats.export(kind, manifest, out)


@app.command()
def scales(study: StudyFile, scale: Scale, ensemble: Ensemble, out: Out, dask: Dask = None) -> None:
    """Fit the per-field scales on the training split."""
    from tessera.data import workers
    from tessera.stages import ensembles

    with workers.hired(dask):
        ensembles.fit_scales(study_of(study), scale_of(scale), ensemble, out)


@app.command()
def encode(
    study: StudyFile,
    ensemble: Ensemble,
    out: Out,
    tokenizers: Annotated[list[Path], typer.Argument(help="Checkpoints of all tokenizers.")],
) -> None:
    """Cache the latents of an ensemble."""
    from tessera.stages import networks

    networks.encode(study_of(study), ensemble, tokenizers, out)


@app.command()
def reconstruct(
    study: StudyFile,
    ensemble: Ensemble,
    out: Out,
    tokenizers: Annotated[list[Path], typer.Argument(help="Checkpoints of all tokenizers.")],
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
) -> None:
    """Decode the encoded truth: what the tokenizers can say at best."""
    from tessera.stages import networks

    networks.reconstruct(study_of(study), ensemble, tokenizers, split, out)


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="Any checkpoint that predicts.")],
    out: Out,
    study: Annotated[Path | None, typer.Option("--study", help="The resolved study; with --ensemble.")] = None,
    ensemble: Annotated[Path | None, typer.Option("--ensemble", help="Manifest of an ensemble to start from.")] = None,
    split: Annotated[str, typer.Option("--split", help="Of the ensemble: train, validation or test.")] = "test",
    state: Annotated[
        Path | None, typer.Option("--state", help="netCDF file of an initial state, in place of study and ensemble.")
    ] = None,
    snapshots: Annotated[int | None, typer.Option("--snapshots", help="How far to go from the state.", min=1)] = None,
    every: Annotated[int, typer.Option("--every", help="Keep only every so many-th snapshot after it.", min=1)] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Seed of what is drawn after it.", min=0)] = 0,
    members: Members = None,
    tile: Tile = None,
) -> None:
    """Roll a model out from the first snapshots of a split, or from a state of your own."""
    from tessera.stages import networks

    if state is not None:
        if study is not None or ensemble is not None:
            raise typer.BadParameter("--state: expected neither --study nor --ensemble beside it")
        if snapshots is None:
            raise typer.BadParameter("--snapshots: expected how many follow --state, got none")
        networks.predict_state(checkpoint, state, snapshots, out, every=every, members=members, seed=seed, tile=tile)
        return
    if study is None or ensemble is None:
        raise typer.BadParameter("expected --study and --ensemble, or --state, got neither")
    if snapshots is not None or every != 1 or seed:
        raise typer.BadParameter("--snapshots, --every, --seed: expected --state beside them, got none")
    networks.predict(study_of(study), checkpoint, ensemble, split, out, members=members, tile=tile)


@app.command("export-model")
def export_model(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="Any checkpoint that predicts.")],
    out: Annotated[Path, typer.Option("--out", help="The program, a file that ends in .pt2.")],
    part: Annotated[
        str, typer.Option("--part", help="advance; of a model of tokens also encode, step or decode.")
    ] = "advance",
    cells: Annotated[
        tuple[int, int] | None, typer.Option("--cells", help="Y X: a program of this grid alone; an FNO needs one.")
    ] = None,
) -> None:
    """Write a model as a program of torch.export, from fields in SI units to fields in SI units."""
    from tessera.stages import networks

    networks.export_model(checkpoint, part, out, cells)


@app.command()
def coarse(
    study: StudyFile,
    scale: Scale,
    coarsening: Annotated[int, typer.Option("--coarsening", help="How much coarser than computed, along each axis.")],
    design: Design,
    ensemble: Ensemble,
    out: Out,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
) -> None:
    """Solve the cases of a split on a coarser grid, as a rival of equal cost."""
    from tessera.stages import coarse

    coarse.predict_coarse(study_of(study), scale_of(scale), coarsening, design, ensemble, split, out)


@app.command()
def score(
    study: StudyFile,
    scale: Scale,
    ensemble: Ensemble,
    out: Out,
    summary: Annotated[Path, typer.Option("--summary", help="Where the summary lands, as CSV.")],
    predictions: Annotated[list[Path], typer.Argument(help="Manifests of the predictions.")],
    dask: Dask = None,
) -> None:
    """Score predictions against the truth."""
    from tessera.data import workers
    from tessera.stages import evaluation

    with workers.hired(dask):
        evaluation.score(study_of(study), scale_of(scale), ensemble, predictions, out, summary)


@app.command()
def report(
    study: StudyFile,
    results: Annotated[Path, typer.Option("--results", help="Folder of the study's results.")],
    out: Out,
) -> None:
    """Write the report, one page that works offline, and its figures as PDF."""
    from tessera.stages import evaluation

    evaluation.report(study_of(study), results, out)


@app.command()
def view(
    results: Annotated[Path, typer.Argument(help="Results of a study, manifest of a store, or netCDF file of a case.")],
    port: Annotated[int, typer.Option("--port", help="Where to serve the page; 0 for any.", min=0, max=65535)] = 0,
    browser: Annotated[bool | None, typer.Option("--open/--no-open", help="Open a browser, or not.")] = None,
) -> None:
    """Look through stores on a local page."""
    from tessera.viewer import server

    server.view(results, port, browser)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Study file and overlays, in this order.")],
    results: Annotated[Path, typer.Option("--results", help="Folder for the simulations; whole cases are kept.")],
    out: Annotated[Path, typer.Option("--out", help="Page in Markdown; as JSON and a figure beside it.")],
    quick: Annotated[bool, typer.Option("--quick", help="A few coarse cases, to see that it works.")] = False,
    dask: Dask = None,
) -> None:
    """Compare simulations of a study with published ones."""
    from tessera.data import workers
    from tessera.stages import validation
    from tessera.study import load

    with workers.hired(dask):
        validation.validate(load(files), results, out, quick=quick)


@app.command()
def vary(
    files: Annotated[list[Path], typer.Argument(help="Study file and overlays, in this order.")],
    changes: Annotated[
        Path, typer.Option("--changes", help="Groups of changes, such as config/changes/validation.yaml.")
    ],
    results: Annotated[Path, typer.Option("--results", help="Folder for the simulations; whole cases are kept.")],
    out: Annotated[Path, typer.Option("--out", help="Page in Markdown; sensitivity.json beside it.")],
    dask: Dask = None,
) -> None:
    """Change what a study assumes, one thing at a time, and tell what it does to hotspots."""
    from tessera.data import workers
    from tessera.stages import sensitivity

    with workers.hired(dask):
        sensitivity.vary(files, changes, results, out)


@app.command()
def status(results: Results, as_json: AsJson = False) -> None:
    """Tell what of a study is done, running and failed, and how long is left."""
    from tessera.stages import status as about

    about.status(results, as_json)


@app.command()
def reproduce(
    results: Results,
    against: Annotated[
        Path | None, typer.Option("--against", help="Results elsewhere, or their outputs.json; default: its own.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Largest relative difference of values that is the same.", min=0.0)
    ] = 1e-5,
    as_json: AsJson = False,
) -> None:
    """Check that a rerun gave the same numbers; exit code 1 where it did not."""
    from tessera.stages import results as about

    if not about.reproduce(results, against, tolerance, as_json):
        raise typer.Exit(1)


@app.command()
def verify(
    only: Annotated[list[str] | None, typer.Option("--only", help="Name of a case; repeat. Default: all.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for verification.md, its figures and numbers; none: no files.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the cases that take more than seconds.")] = False,
) -> None:
    """Verify the solver against exact and published values; exit code 1 where a bound is missed."""
    from tessera.stages import verification

    if not verification.verify(only or [], out, quick):
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Say which version this is."""
    typer.echo(__version__)
