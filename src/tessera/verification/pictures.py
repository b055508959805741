"""Figures of the verification: small, in the house style, the same bytes for the same numbers."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes

from tessera.evaluation import figures
from tessera.verification.findings import Panel, Picture

ACROSS, WIDE, HIGH, DPI = 2, 4.4, 2.7, 90
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def drawn(panels: Sequence[Panel | Picture]) -> bytes:
    """Return panels, two in a row, as the bytes of a PNG file."""
    across = min(ACROSS, len(panels))
    rows = -(-len(panels) // across)
    with figures.styled():
        figure = figures.canvas(WIDE * across, HIGH * rows)
        for place, panel in enumerate(panels, 1):
            axes = figure.add_subplot(rows, across, place)
            if isinstance(panel, Picture):
                _picture(axes, panel)
            else:
                _curves(axes, panel)
            axes.set_title(panel.title)
        figure.tight_layout()
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def _curves(axes: Axes, panel: Panel) -> None:
    tints = iter(COLOURS)
    for curve in panel.curves:
        if curve.exact:
            axes.plot(curve.x, curve.y, color="#1a1a1a", linewidth=2.6, alpha=0.35, label=curve.label, zorder=1)
        else:
            dots = "o" if curve.x.size < 30 else ""
            axes.plot(
                curve.x, curve.y, color=next(tints), linewidth=1.2, label=curve.label, marker=dots, markersize=3.0
            )
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    if panel.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    if len(panel.curves) > 1:
        axes.legend()


def _picture(axes: Axes, panel: Picture) -> None:
    extent = (panel.start, panel.start + panel.size[0], 0.0, panel.size[1])
    image = axes.imshow(panel.values, origin="lower", extent=extent, cmap=panel.colormap, interpolation="nearest")
    axes.grid(False)
    axes.set_xlabel(f"x ({panel.length})")
    axes.set_ylabel(f"y ({panel.length})")
    axes.figure.colorbar(image, ax=axes, shrink=0.85, label=panel.label)
