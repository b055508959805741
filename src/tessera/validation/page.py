"""The comparison as tables in Markdown and as one figure, the only place of it that converts units."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tessera.data import files
from tessera.evaluation import figures
from tessera.validation.measures import FIERCE
from tessera.validation.published import FIGURES, SAMPLES

SHOWN = {"Pa": (1e-9, "GPa", "{:.2f}"), "m/s": (1.0, "m/s", "{:.0f}"), "K": (1.0, "K", "{:.0f}")}
YES = {True: "yes", False: "**no**"}


def tables(compared: Mapping[str, Any], said: str) -> str:
    """Return the tables of a comparison in Markdown.

    Parameters
    ----------
    compared
        As `comparison.of_ensembles` returns it.
    said
        One line on what was run.
    """
    lines = [said, "", "| Quantity | Published | Here, 10 to 90 % of the cases | Agrees | Source |", "|" + " --- |" * 5]
    for name, figure in FIGURES.items():
        here = compared["figures"][name]
        scale, unit, form = SHOWN[figure.unit]
        low, high, value = (form.format(scale * each) for each in (figure.low, figure.high, here["value"]))
        real = f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
        spread = " to ".join(form.format(scale * here[each]) for each in ("low", "high"))
        lines.append(
            f"| {figure.quantity} | {real} | {value} {unit} ({spread}) | {YES[here['agrees']]} | "
            f"{figure.source} [{figure.tag}] |"
        )
    lines += ["", "| Extreme | Published of | Cases here beyond it | As many or more by chance |", "|" + " --- |" * 4]
    for name, figure in FIGURES.items():
        here = compared["figures"][name]
        if figure.simulations is not None:
            beyond = f"{here['beyond']} of {here['cases']}"
            lines.append(f"| {figure.quantity} | {figure.simulations} | {beyond} | {100.0 * here['chance']:.0f} % |")
    lines += ["", f"| Single cells here | Hottest of a case | Share of what is hot that is above {FIERCE:.0f} K |"]
    lines.append("|" + " --- |" * 3)
    for scale_name, cells in compared["single_cells"].items():
        share = {name: 100.0 * value for name, value in cells["fierce"].items()}
        lines.append(f"| {scale_name} | {_span(cells['highest'], '{:.0f}')} K | {_span(share, '{:.1f}')} % |")
    for scale_name, sample in SAMPLES.items():
        rows = compared["samples"][scale_name]
        lines += ["", f"{sample.name}, and the mean here with 10 to 90 % of the cases:", ""]
        lines += ["| Snapshot | Area above 875 K | | Agrees | Mean temperature | | Agrees |", "|" + " --- |" * 7]
        for area, warm in zip(rows["hot"], rows["temperature"], strict=True):
            lines.append(
                f"| {area['snapshot']} | {area['published']:.4f} | {_span(area, '{:.4f}')} | {_verdict(area)} | "
                f"{warm['published']:.0f} K | {_span(warm, '{:.0f}')} K | {_verdict(warm)} |"
            )
        lines += ["", "| Snapshot | Area above 2500 K | | Area above 3500 K | |", "|" + " --- |" * 5]
        for hotter, burnt in zip(rows["hotter"], rows["burnt"], strict=True):
            parts = [f"{each['published']:.4f} | {_span(each, '{:.4f}')}" for each in (hotter, burnt)]
            lines.append(f"| {hotter['snapshot']} | {parts[0]} | {parts[1]} |")
    return "\n".join(lines) + "\n"


def sensitivities(groups: Sequence[Mapping[str, Any]]) -> str:
    """Return tables of what changes do to hotspots, relative to the study as it is.

    Parameters
    ----------
    groups
        As `tessera.stages.sensitivity` keeps them: `scale`, `cases`, `snapshots`, `unchanged` and `changes`, each with
        areas and temperatures per snapshot.
    """
    lines: list[str] = []
    for group in groups:
        numbers, at = (_listed(group[key]) for key in ("cases", "snapshots"))
        kind = "case" if len(group["cases"]) == 1 else "cases"
        lines += [f"{group['scale'].capitalize()} {kind} {numbers}, at snapshots {at}:", ""]
        lines += ["| Change | Area above 875 K | Mean temperature |", "|" + " --- |" * 3]
        for name, each in group["changes"].items():
            apart = [_apart(each[key], group["unchanged"][key]) for key in ("hot", "temperature")]
            lines.append(f"| {name} | {apart[0]} | {apart[1]} |")
        lines.append("")
    return "\n".join(lines)


def _listed(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last


def _apart(values: Sequence[float], expected: Sequence[float]) -> str:
    """Return relative differences in percent; where nothing was, or is, hot, there is none to tell."""
    known = [a / b if b > 0.0 else np.nan for a, b in zip(values, expected, strict=True)]
    parts = [f"{round(100.0 * (share - 1.0)):+d}" if np.isfinite(share) else "-" for share in known]
    return ", ".join(parts) + " %"


def draw(compared: Mapping[str, Any], path: Path) -> None:
    """Write areas and temperatures of both scales, the published sample over the ensemble, as PNG and PDF."""
    with figures.styled():
        canvas = figures.canvas(figures.WIDTH, 5.6)
        axes = canvas.subplots(2, 2)
        canvas.subplots_adjust(left=0.08, right=0.99, top=0.98, bottom=0.09, wspace=0.25, hspace=0.3)
        for row, (scale_name, sample) in enumerate(SAMPLES.items()):
            for column, (name, label, factor) in enumerate(
                (("hot", "area above 875 K (%)", 100.0), ("temperature", "mean temperature (K)", 1.0))
            ):
                rows, axis = compared["samples"][scale_name][name], axes[row][column]
                low, mean, high = (factor * np.array([each[key] for each in rows]) for key in ("low", "mean", "high"))
                axis.fill_between(sample.snapshots, low, high, color="#0072B2", alpha=0.2, linewidth=0.0)
                axis.plot(sample.snapshots, mean, color="#0072B2", label="tessera, mean and 10 to 90 %")
                axis.plot(sample.snapshots, factor * np.array(getattr(sample, name)), "o", color="#1a1a1a", label="DNS")
                axis.set_xlabel(f"{scale_name} snapshot")
                axis.set_ylabel(label)
        axes[0][0].legend()
        saved = figures.save(canvas, path.with_suffix(".pdf"))
    files.write_bytes(path, saved.png)


def _span(row: Mapping[str, Any], form: str) -> str:
    return f"{form.format(row['mean'])} ({form.format(row['low'])} to {form.format(row['high'])})"


def _verdict(row: Mapping[str, Any]) -> str:
    if "agrees" not in row:
        return "not compared"
    return YES[row["agrees"]] + "".join(f", {name}" for name in ("near", "inside") if row[name])


__all__ = ["draw", "sensitivities", "tables"]
