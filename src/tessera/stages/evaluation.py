"""From predictions to scores and the report: one function per command."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import xarray as xr

from tessera.data import files, ledger, outputs, schema, seals, store
from tessera.errors import DataError
from tessera.evaluation import costs, figures, page, scores, sizes, summary
from tessera.evaluation.report import Evidence, compose
from tessera.study import Study

SCALES = ("micro", "meso")
log = logging.getLogger("tessera")


def score(study: Study, scale: str, ensemble: Path, predictions: Sequence[Path], out: Path, short: Path) -> None:
    """Score predictions of a scale against the truth: the tidy table as Parquet, its summary as CSV."""
    truth = _open(study, ensemble)
    made = {str(path): _open(study, path) for path in predictions}
    found = scores.table(
        truth, made, scale=scale, threshold=study.evaluation.hotspot_temperature, start=study.evaluation.start
    )
    found.attrs["study"] = study.name
    summary.save(found, out, short)
    log.info("%s: %d values of %d predictions", out, len(found), len(made))


def report(study: Study, results: Path, out: Path) -> None:
    """Write the report of a study from its results: one page, and its figures as PDF beside it.

    Parameters
    ----------
    study
        The study; of what lies in the results, only what it asks for is told.
    results
        Folder of its results.
    out
        The page; figures land in the folder `figures` beside it, the checksums of all outputs in `outputs.json`.
    """
    evidence = _gather(study, results)
    made = [name for name in outputs.names(results) if not name.startswith("report/")]
    evidence = evidence._replace(checksums=outputs.digests(results, made))
    with files.whole(out.parent / "figures") as beside:
        beside.mkdir()
        with figures.naming(study.labels):
            text = page.render(compose(evidence, beside))
    files.write_text(out, text)
    ours = outputs.digests(results, [name for name in outputs.names(results) if name not in evidence.checksums])
    outputs.record(out.with_name("outputs.json"), study.name, {**evidence.checksums, **ours})
    log.info("%s: %.1f MB", out, len(text) / 1e6)


def _gather(study: Study, results: Path) -> Evidence:
    with_tokens = "tessera" in study.able
    predictions = {
        scale: {name: _open(study, results / f"predictions/{name}.json") for name in _predictions(study, scale)}
        for scale in SCALES
    }
    made = [f"ensembles/{scale}.json" for scale in SCALES] + [f"models/{name}.jsonl" for name in _trainings(study)]
    made += [f"predictions/{name}.json" for scale in SCALES for name in _predictions(study, scale)]
    spent = {name: ledger.number(ledger.read(results / name), "core_seconds") for name in made}
    return Evidence(
        settings=study.model_dump(mode="json"),
        ensembles={scale: _open(study, results / "ensembles" / f"{scale}.json") for scale in SCALES},
        predictions=predictions,
        tables={scale: _table(study, scale, results / "scores" / f"{scale}.parquet") for scale in SCALES},
        reconstruction=_open(study, results / "reconstructions" / "micro.json") if with_tokens else None,
        histories={name: _history(results / "models" / f"{name}.jsonl") for name in _trainings(study)},
        measured=costs.benchmarks(results / "benchmarks"),
        spent={name.rpartition(".")[0]: seconds for name, seconds in spent.items()},
        left_out=study.left_out(),
        parameters=_parameters(study, results),
        operations=_operations(study, results),
    )


def _parameters(study: Study, results: Path) -> dict[str, float]:
    """Return the parameters of the networks that predict at meso scale, of those whose checkpoint is still there."""
    names = {f"{run.model}/n{run.n_meso}_s{run.seed}": run for run in _runs(study, "meso")}
    paths = {name: results / f"models/{name if run.n_meso else 'coupled'}.safetensors" for name, run in names.items()}
    return {f"meso/{name}_test": float(sizes.parameters(path)) for name, path in paths.items() if path.is_file()}


def _operations(study: Study, results: Path) -> dict[str, float]:
    """Return the floating-point operations per predicted snapshot that the predictions at meso scale recorded."""
    found = {name: ledger.read(results / f"predictions/{name}.json") for name in _predictions(study, "meso")}
    return {name: ledger.number(record, "flop_per_frame") for name, record in found.items()}


def _open(study: Study, manifest: Path) -> xr.Dataset:
    dataset = store.open_zarr(manifest)
    files.check_study(manifest, dataset.attrs.get("study"), study.name)
    schema.check(dataset, str(manifest), fields=schema.fields_of(dataset), sample=None)
    return dataset


def _runs(study: Study, scale: str) -> list[scores.Run]:
    """Return whose predictions the study asks for; at micro scale, tessera is the model that saw no meso case."""
    known = {model: study.runs(model) for model in study.predictors(scale)}
    if scale == "micro" and "tessera" in known:
        known["tessera"] = [(0, 0)]
    return [scores.Run(model, *run) for model, runs in known.items() for run in runs]


def _predictions(study: Study, scale: str) -> list[str]:
    learnt = [f"{scale}/{run.model}/n{run.n_meso}_s{run.seed}_test" for run in _runs(study, scale)]
    return learnt + [f"{scale}/{solver}/n0_s0_test" for solver in study.solvers(scale)]


def _table(study: Study, scale: str, path: Path) -> pd.DataFrame:
    """Return the scores of what the study asks for; truth and persistence have no run."""
    table, asked = summary.load(path), _runs(study, scale)
    files.check_study(path, table.attrs.get("study"), study.name)
    runs = pd.MultiIndex.from_frame(table[["model", "n_meso", "seed"]])
    missing = [" ".join(map(str, run)) for run in asked if run not in runs]
    missing += [solver for solver in study.solvers(scale) if solver not in set(table["model"])]
    if missing:
        raise DataError(f"{path}: expected scores of {missing[0]}, found none")
    return table[table["n_meso"].isna() | runs.isin(asked)].reset_index(drop=True)


def _trainings(study: Study) -> list[str]:
    names = []
    if "tessera" in study.able:
        names += [f"{stage}/{field}" for stage in ("tokenizer", "decoupled") for field in study.token_fields]
        names.append("coupled")
    return names + [f"{model}/n{n_meso}_s{seed}" for model in study.able for n_meso, seed in study.runs(model)]


def _history(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: expected the history of a training, found none")
    try:
        lines = [{**json.loads(line)} for line in path.read_text(encoding="utf-8").splitlines()]
    except (RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{path}: expected one JSON object per line, got {files.short(error)}") from None
    record = pd.DataFrame([{name: value for name, value in line.items() if name != seals.KEY} for line in lines])
    told = [name for name in map(str, record) if name in {"updates", "error"} or name.startswith("loss_")]
    if "updates" not in told or not record[told].dtypes.map(pd.api.types.is_numeric_dtype).all():
        raise DataError(f"{path}: expected lines with numbers named updates, got names {list(record)}")
    seals.opened_lines(path, lines)
    return record


__all__ = ["report", "score"]
