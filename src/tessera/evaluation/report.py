"""The report: what the study's results hold, told on one page that works offline, with its figures as PDF.

Nothing is computed here that is not in the results: scores come from the score tables, costs from their records and
Snakemake's benchmarks. All that was measured, and the machine, stands in one section: the rest of the page, and all
other figures, are the same to the last byte whenever the results are.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
import yaml
from matplotlib.figure import Figure

from tessera.data import schema
from tessera.evaluation import (
    calibration,
    costs,
    curves,
    figures,
    film,
    gallery,
    machine,
    origin,
    page,
    published,
    scores,
    summary,
    tables,
    verdict,
)
from tessera.evaluation.gallery import Rollout
from tessera.evaluation.page import Cell, Fold, Section, Shown, Table

SCALES = ("meso", "micro")
SHOWN_FIELDS = ("temperature", "pressure", "microstructure")
FILM_WIDTH = 256
GALLERY = 4
CROWD = 4  # models, beyond which the film alone is shown and pictures of roll-outs are folded


class Evidence(NamedTuple):
    """All that the report tells of.

    Attributes
    ----------
    settings
        All settings of the study by their names in its file, as plain values.
    ensembles
        By scale.
    predictions
        By scale and by name, such as `meso/tessera/n2_s0_test`, dims (case, time, y, x) or led by sample.
    tables
        Score table by scale.
    reconstruction
        Decoded truth of the micro test cases, None for a study without tokenizers.
    histories
        History of every training by its name, such as `tokenizer/pressure`; columns as in the file.
    measured
        What Snakemake measured, as `costs.benchmarks` returns it.
    spent
        Core-seconds by name, as `costs.bill` takes them.
    checksums
        SHA-256 of the outputs by their paths in the results.
    left_out
        Models that the study asks for and the ensembles cannot teach, and why.
    parameters, operations
        Parameters of the network, and floating-point operations per predicted snapshot, by name of the prediction such
        as `meso/tessera/n2_s0_test`; what is missing is not known.
    """

    settings: Mapping[str, Any]
    ensembles: Mapping[str, xr.Dataset]
    predictions: Mapping[str, Mapping[str, xr.Dataset]]
    tables: Mapping[str, pd.DataFrame]
    reconstruction: xr.Dataset | None
    histories: Mapping[str, pd.DataFrame]
    measured: pd.DataFrame
    spent: Mapping[str, float]
    checksums: Mapping[str, str] = {}
    left_out: Mapping[str, str] = {}
    parameters: Mapping[str, float] = {}
    operations: Mapping[str, float] = {}

    @property
    def models(self) -> list[str]:
        """All models of the page, which share the colours."""
        return figures.ordered({str(model) for table in self.tables.values() for model in table["model"].unique()})


def compose(evidence: Evidence, folder: Path) -> page.Page:
    """Return the page of a study, and write its figures as PDF.

    Parameters
    ----------
    evidence
        What to tell of.
    folder
        Where the PDFs land; the page links to them as `figures/<name>.pdf`.
    """
    short = {scale: summary.summarise(table) for scale, table in evidence.tables.items()}
    chosen = verdict.standing(short["meso"])
    sections = [
        _headline(short["meso"], evidence.tables["meso"], chosen),
        _setting(evidence),
        _ensembles(evidence, folder),
        *([_tokens(evidence.reconstruction, evidence, folder)] if evidence.reconstruction is not None else []),
        *(_rollouts(evidence, scale, chosen, folder) for scale in SCALES if evidence.predictions[scale]),
        *(_hotspots(evidence.tables[scale], evidence.models, scale, folder) for scale in SCALES),
        _scores(short, evidence, folder),
        _costs(evidence, folder),
        _training(evidence.histories, evidence.models, folder),
        origin.section(_named(evidence), evidence.settings, evidence.checksums),
    ]
    settings = yaml.safe_dump(dict(evidence.settings), sort_keys=False, default_flow_style=None)
    return page.Page(evidence.settings["name"], verdict.sentence(short["meso"]), sections, settings)


def _headline(short: pd.DataFrame, table: pd.DataFrame, chosen: Mapping[str, int | None]) -> Section:
    runs = [*chosen.items(), *((model, None) for model in verdict.untrained(short))]
    return Section("headline", "Headline", tables=[of(short, table, runs) for of in (tables.headline, tables.duels)])


def _setting(evidence: Evidence) -> Section:
    settings, rows = evidence.settings, []
    for scale in ("micro", "meso"):
        truth, what = evidence.ensembles[scale], settings["ensembles"][scale]
        split, stored = truth["split"].values.tolist(), f"{truth.sizes['y']} × {truth.sizes['x']}"
        computed = " × ".join(str(size * what.get("refine", 1)) for size in (truth.sizes["y"], truth.sizes["x"]))
        velocity, porosity = truth.coords.get("particle_velocity"), truth.coords.get("porosity")
        rows.append(
            [
                Cell(scale),
                Cell(f"{truth.sizes['case']} ({' / '.join(str(split.count(name)) for name in schema.SPLITS)})"),
                Cell(f"{computed}, stored {stored}" if "cells" in what else f"{stored}, imported"),
                Cell(figures.display(schema.cell_size(truth), "m")),
                Cell(f"{truth.sizes['time']} every {figures.display(schema.interval(truth), 's')}"),
                Cell("unknown" if velocity is None else page.span(velocity.values, "m s-1")),
                Cell("unknown" if porosity is None else page.percentages(porosity.values)),
            ]
        )
    columns = ["ensemble", "cases (training / validation / test)", "cells", "stored cell", "snapshots"]
    columns += ["particle velocity", "porosity"]
    material = "a material" if all("imported_from" in one.attrs for one in evidence.ensembles.values()) else "HMX"
    text = [
        f"A shock runs into {material} with pores, from left to right. It collapses the pores; where they were, "
        "hotspots ignite and grow. The models see the first snapshots of a test case and predict all later ones.",
        f"A cell is hot above {settings['evaluation']['hotspot_temperature']:g} K. Errors count snapshots after number "
        f"{settings['evaluation']['start']}, from which all predictions start.",
    ]
    for scale, truth in evidence.ensembles.items():
        if "imported_from" in truth.attrs:
            said = [str(truth.attrs[name]) for name in ("title", "source", "license") if name in truth.attrs]
            text.append(f"The {scale} ensemble was imported ({truth.attrs['imported_from']}): {'; '.join(said)}.")
    text += [f"{figures.name(model)} is left out: {reason}." for model, reason in evidence.left_out.items()]
    return Section("setting", "What was run", text, [Table("ensembles", "The ensembles.", columns, rows)])


def _ensembles(evidence: Evidence, folder: Path) -> Section:
    shown = []
    for scale in SCALES:
        truth = evidence.ensembles[scale]
        cases = _first(truth["case"].values, GALLERY)
        snapshots = _snapshots(evidence, scale)
        caption = f"Cases of the {scale} ensemble: pores at the start, then the temperature as the shock crosses."
        shown.append(_save(gallery.ensemble(truth, cases, snapshots), f"ensemble_{scale}", folder, caption))
    return Section("ensemble", "Ensembles", shown=shown)


def _tokens(decoded: xr.Dataset, evidence: Evidence, folder: Path) -> Section:
    truth = evidence.ensembles["micro"]
    case, snapshot = int(decoded["case"].values[0]), _snapshots(evidence, "micro")[-2:][0]
    figure = gallery.reconstruction(truth, decoded, case, snapshot)
    time = figures.instant(float(truth["time"].values[snapshot]))
    caption = f"Test case {case} at {time}: simulated, encoded to tokens and decoded again, and what that lost."
    what = evidence.settings["tokenizer"]
    text = [
        f"A token stands for {what['downsampling']} × {what['downsampling']} stored cells of a field and holds "
        f"{what['latent_channels']} numbers. What the tokenizer loses, no dynamics on tokens can bring back."
    ]
    return Section("tokens", "Tokenizer", text, shown=[_save(figure, "reconstruction", folder, caption)])


def _rollouts(evidence: Evidence, scale: str, chosen: Mapping[str, int | None], folder: Path) -> Section:
    truth, stores = evidence.ensembles[scale], _stores(evidence.predictions[scale], chosen)
    case = int(min(stores[0]["case"].values))
    real = {name: values for name, values in scores.load_case(truth, case).items() if name in SHOWN_FIELDS}
    made = [_rollout(one, case, evidence.models) for one in stores]
    snapshots, times = _snapshots(evidence, scale), truth["time"].values
    thin = -(-truth.sizes["x"] // FILM_WIDTH)
    films = [film.film(case, field, real, made, times, thin=thin) for field in real]
    members = max((one.sizes.get("sample", 1) for one in stores), default=1)
    text = [f"Test case {case}, simulated and predicted." + (" Of models with members, one is shown." * (members > 1))]
    shown = [
        _save(
            gallery.rollouts(real, made, field, snapshots, times),
            f"rollout_{scale}_{field}",
            folder,
            f"{figures.LOOKS[field].label.capitalize()} of {scale} test case {case}: simulation, predictions, errors. "
            "Errors beyond the scale, twice that of the median model, have the colour of its end.",
        )
        for field in real
    ]
    name = f"Roll-outs at {scale} scale"
    first = 1 if len(made) <= CROWD else 0
    rest = shown[first:]
    folded = [Fold("More fields" if first else "Every field, with errors", shown=rest)] if rest else []
    return Section(f"rollouts-{scale}", name, text, shown=shown[:first], films=films, folded=folded)


def _hotspots(table: pd.DataFrame, models: list[str], scale: str, folder: Path) -> Section:
    band = "Lines are means over test cases and seeds, bands one standard deviation"
    band += "" if curves.banded(table) else ", drawn for the simulation alone"
    band += "; an undefined value is left out. A triangle at an edge marks where a line leaves the axes."
    quantities = ("temperature_rmse", "pressure_rmse", "hotspot_area", "hotspot_temperature")
    told = {
        "hotspots": (curves.hotspots(table, models), f"Hotspots of the {scale} test cases. {band}"),
        "errors": (
            curves.errors(table, quantities, models),
            "How errors grow with time: root mean square over test cases and seeds. Axes end at "
            f"{curves.BEYOND:g} times the largest error of the median run; a triangle marks where a run leaves them.",
        ),
        "exceedance": (
            curves.exceedance(table, models),
            f"Area of the {scale} test cases that is hotter than a threshold, half-way and at the end: mean of cases.",
        ),
    }
    shown = [_save(figure, f"{name}_{scale}", folder, caption) for name, (figure, caption) in told.items()]
    return Section(f"hotspots-{scale}", f"Hotspots at {scale} scale", shown=shown)


def _scores(short: Mapping[str, pd.DataFrame], evidence: Evidence, folder: Path) -> Section:
    """Return all scores of both scales, folded by scale, and how well members are calibrated."""
    folds = [Fold(f"All scores at {scale} scale", tables.themes(short[scale], scale)) for scale in SCALES]
    text = [
        "Mean ± standard deviation over cases and seeds, the best in bold; a value that does not exist is left out of "
        "a mean, and told where some are. Lower is better but for overlaps, correlations and the parts survived.",
    ]
    shown = []
    drawn = calibration.chart(evidence.tables["meso"], evidence.models)
    if drawn is not None:
        caption = (
            "Members at meso scale: share of true values within the central intervals of the members, against the "
            "share that a calibrated ensemble would have, and how many true values have so many members below them "
            "(even is calibrated, a bowl too sure, a hill too careful)."
        )
        shown = [_save(drawn, "calibration", folder, caption)]
    return Section("scores", "Scores", text, shown=shown, folded=folds)


def _costs(evidence: Evidence, folder: Path) -> Section:
    rivals = evidence.settings["rivals"]
    pretrained = [name for name, section in rivals.items() if section["pretraining"] is not None]
    bill = costs.bill(evidence.predictions["meso"], evidence.ensembles, evidence.spent, pretrained)
    columns = ["model", "simulations", "shared training", "training", "prediction of a case"]
    columns += ["simulation of a case", "speed-up", "pays off from"]
    rows = []
    for row in bill.itertuples():
        spent = [getattr(row, name) for name in ("data", "shared", "training", "prediction", "simulation")]
        cells = [Cell(costs.named(row)), *(Cell(costs.seconds(value), value) for value in spent)]
        cells.append(Cell("unknown" if math.isnan(row.speed_up) else f"{row.speed_up:.3g} ×", row.speed_up))
        cells.append(Cell(_break_even(row.break_even)))
        rows.append(cells)
    caption = (
        "What each model cost at meso scale, in core-seconds. Shared training: tokenizers and micro dynamics, paid "
        "once for any number of meso models. A prediction is one member of one case. Pays off from: new cases after "
        "which simulations, training and predictions together cost less than simulating."
    )
    stages = costs.stages(evidence.measured, rivals)
    note = f"Processor time of all jobs, {costs.seconds(float(stages['core_seconds'].sum()))} together."
    shown = [_save(costs.chart(stages), "costs", folder, note)] if len(stages) else []
    where = machine.describe()
    memory = f", {where.memory / 2**30:.0f} GiB" if where.memory else ""
    told = {scale: costs.seconds(evidence.spent.get(f"ensembles/{scale}", math.nan)) for scale in ("micro", "meso")}
    text = [
        "Measured, so that this section alone differs between two runs of the study. Simulations took "
        f"{' and '.join(f'{value} at {scale} scale' for scale, value in told.items())}. The page was made on "
        f"{where.processor}, {where.cores} core{'s' if where.cores != 1 else ''}{memory}, {where.system}."
    ]
    kinds = {"tessera": "tessera"} | {name: section["kind"] for name, section in rivals.items()}
    size, work = (_by_run(evidence, what) for what in (evidence.parameters, evidence.operations))
    found = [tables.models(bill, size, work, published.beside(kinds)), Table("costs-models", caption, columns, rows)]
    folds = [Fold("Published networks", [published.table()])]
    return Section("costs", "Costs", text, found, shown, folded=folds, measured=True)


def _by_run(evidence: Evidence, known: Mapping[str, float]) -> dict[verdict.Who, float]:
    """Return a number of each network at meso scale by model and meso cases; seeds are alike."""
    runs = {name: scores.run_of(one) for name, one in evidence.predictions["meso"].items()}
    return {(run.model, run.n_meso): known[name] for name, run in runs.items() if name in known}


def _break_even(cases: float) -> str:
    if math.isnan(cases):
        return "unknown"
    return f"{cases:.0f} case{'s' if cases != 1 else ''}" if math.isfinite(cases) else "never"


def _training(histories: Mapping[str, pd.DataFrame], models: list[str], folder: Path) -> Section:
    records = {name: _record(name, history) for name, history in histories.items() if len(history)}
    caption = (
        "Training loss (thin) and validation error (thick) of every training. They are different measures: the loss "
        "weighs hot cells and short horizons, the error is that of whole validation cases."
    )
    return Section(
        "training", "Training", shown=[_save(curves.histories(records, models), "training", folder, caption)]
    )


def _named(evidence: Evidence) -> dict[str, xr.Dataset]:
    """Return ensembles and predictions by what they are called on the page."""
    named = {f"{scale} ensemble": evidence.ensembles[scale] for scale in SCALES}
    for scale in SCALES:
        for one in evidence.predictions[scale].values():
            run = scores.run_of(one)
            named[f"{scale} prediction, {curves.label(run.model, run.n_meso)}, seed {run.seed}"] = one
    return named


def _stores(predictions: Mapping[str, xr.Dataset], chosen: Mapping[str, int | None]) -> list[xr.Dataset]:
    """Return one store per model, in the order of the headline: the run that stands there, of the first seed."""
    found = []
    for model, n_meso in chosen.items():
        ours = [one for one in predictions.values() if scores.run_of(one).model == model]
        of_it = [one for one in ours if scores.run_of(one).n_meso == n_meso] or ours
        found += sorted(of_it, key=lambda one: scores.run_of(one)[1:])[:1]
    return found


def _rollout(prediction: xr.Dataset, case: int, models: list[str]) -> Rollout:
    run = scores.run_of(prediction)
    first = prediction.isel(sample=0) if "sample" in prediction.sizes else prediction
    fields = {name: values for name, values in scores.load_case(first, case).items() if name in SHOWN_FIELDS}
    return Rollout(run.model, curves.trained_on(run.n_meso or 0), fields, figures.colour(run.model, models))


def _record(name: str, history: pd.DataFrame) -> pd.DataFrame:
    losses = [column for column in history.columns if column.startswith("loss_")]
    record = pd.DataFrame(
        {
            "progress": history["updates"],
            "training": history[losses].sum(axis=1, min_count=1),
            "validation": history.get("error", np.nan),
        }
    ).astype(float)
    model = name.split("/")[0]
    record.attrs |= {"progress": "updates", "model": costs.TINTS.get(model, model)}
    return record


def _snapshots(evidence: Evidence, scale: str) -> list[int]:
    last = evidence.ensembles[scale].sizes["time"] - 1
    return sorted({min(number, last) for number in evidence.settings["evaluation"]["snapshots"][scale]})


def _first(cases: np.ndarray, count: int) -> list[int]:
    return sorted(int(case) for case in cases)[:count]


def _save(figure: Figure, name: str, folder: Path, caption: str) -> Shown:
    saved = figures.save(figure, folder / f"{name}.pdf")
    return Shown(name, page.uri(saved.png, "png"), saved.width, saved.height, f"figures/{name}.pdf", caption)
