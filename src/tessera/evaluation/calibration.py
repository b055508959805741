"""The figure of calibration: observed against nominal coverage, and rank histograms, of models with members."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from tessera.evaluation import curves, figures, members, scores, summary

TITLES = {
    "hotspot_area": "hotspot area",
    "hotspot_temperature": "hotspot temperature",
    "temperature": "temperature of cells",
}


def chart(table: pd.DataFrame, among: Sequence[str] = ()) -> Figure | None:
    """Show how well the members of each model are calibrated, of all cases and seeds together.

    Parameters
    ----------
    table
        Score table of one scale.
    among
        All models that share the colours.

    Returns
    -------
    A figure with a column per quantity: coverage of the central intervals above, ranks below; None where no model has
    members.
    """
    known = table[table["metric"].str.contains(summary.RANK)]
    found = list(curves.runs(known, figures.ordered(known["model"].unique())))
    if not found:
        return None
    with figures.styled():
        figure = figures.canvas(figures.WIDTH, 5.2)
        axes = figure.subplots(2, 3)
        figure.subplots_adjust(left=0.075, right=0.99, top=0.88, bottom=0.09, wspace=0.25, hspace=0.38)
        for column, name in enumerate((*scores.ENSEMBLE_QUANTITIES, *scores.ENSEMBLE_FIELDS)):
            above, below = axes[:, column]
            above.plot([0.0, 1.0], [0.0, 1.0], color="#8a8a8a", lw=0.8)
            for run, part, dash in found:
                counts = summary.ranks(part, name)
                if counts is None or not counts.sum():
                    continue
                look = {"color": figures.colour(run[0], among), "ls": dash, "label": curves.label(*run)}
                above.plot(*members.reliability(counts), marker="o", ms=4, **look)
                below.plot(np.arange(counts.size) / (counts.size - 1), counts / counts.mean(), marker="o", ms=4, **look)
            below.axhline(1.0, color="#8a8a8a", lw=0.8)
            above.set_title(TITLES[name])
            above.set_xlim(0.0, 1.0)
            above.set_ylim(0.0, 1.0)
            above.set_xlabel("nominal coverage")
            below.set_xlabel("members below the truth (share)")
            below.set_ylim(bottom=0.0)
        axes[0, 0].set_ylabel("observed coverage")
        axes[1, 0].set_ylabel("frequency over even")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper center", ncols=min(len(labels), 4), bbox_to_anchor=(0.5, 1.0))
    return figure
