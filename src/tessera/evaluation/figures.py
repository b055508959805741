"""House style of every figure: units, colours, colour scales, layout, and bytes that repeat.

The only place where SI becomes um, ns, GPa, km/s. A model has one colour everywhere, by name, from the
colour-blind safe sets of Okabe and Ito and, beyond those, of Tol (muted); a field has one colour map,
perceptually uniform, and one scale shared by the truth and all models. Figures are made without global
state, from `canvas` or `panels`.
"""

import hashlib
import io
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from tessera.data import files
from tessera.data.schema import FIELDS

WIDTH = 9.0
DPI = 125
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#4a4a4a",
    "axes.labelcolor": "#222222",
    "text.color": "#222222",
    "xtick.color": "#4a4a4a",
    "ytick.color": "#4a4a4a",
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
    "pdf.fonttype": 42,
    "svg.hashsalt": "tessera",
    "svg.fonttype": "path",
}
NAMES = {
    "truth": "simulation",
    "tessera": "tessera",
    "parcv2": "PARCv2",
    "cnext": "CNextU-Net",
    "fno": "FNO",
    "persistence": "persistence",
    "advected": "advected persistence",
    "travelling": "travelling persistence",
}
COLOURS = {
    "truth": "#1a1a1a",
    "tessera": "#0072B2",
    "parcv2": "#D55E00",
    "cnext": "#009E73",
    "fno": "#661100",
    "persistence": "#8a8a8a",
    "advected": "#b59a6a",
    "travelling": "#5f7486",
}
_labels: list[Mapping[str, str]] = [{}]
OTHERS = (
    *("#CC79A7", "#E69F00", "#56B4E9", "#332288", "#882255", "#999933", "#AA4499"),
    *("#117733", "#CC6677", "#44AA99", "#DDCC77"),
)


class Unit(NamedTuple):
    """How a quantity is shown: shown = SI / size, followed by `symbol`."""

    size: float
    symbol: str


class Look(NamedTuple):
    """How a field is shown; `floor` and `ceiling` bound its scale in SI units, `signed` centres it on zero."""

    label: str
    colormap: str
    signed: bool = False
    floor: float | None = None
    ceiling: float | None = None


UNITS = {
    "K": Unit(1.0, "K"),
    "Pa": Unit(1e9, "GPa"),
    "1": Unit(1.0, ""),
    "rad": Unit(math.pi / 180.0, "°"),
    "m s-1": Unit(1e3, "km/s"),
    "kg m-3": Unit(1e3, "g/cm³"),
    "m": Unit(1e-6, "µm"),
    "s": Unit(1e-9, "ns"),
    "m2": Unit(1e-12, "µm²"),
    "m2 s-1": Unit(1e-3, "µm²/ns"),
    "K s-1": Unit(1e9, "K/ns"),
}
LOOKS = {
    "temperature": Look("temperature", "inferno", floor=300.0),
    "pressure": Look("pressure", "viridis", floor=0.0),
    "microstructure": Look("solid fraction", "gray", floor=0.0, ceiling=1.0),
    "velocity_x": Look("velocity along x", "RdBu_r", signed=True),
    "velocity_y": Look("velocity along y", "RdBu_r", signed=True),
    "density": Look("density", "viridis", floor=0.0),
    "initial_microstructure": Look("solid fraction at the start", "gray", floor=0.0, ceiling=1.0),
}
ERROR_COLORMAP = "PuOr_r"
UNDEFINED_RGB = (63, 208, 201)


class Saved(NamedTuple):
    """A figure on the page and on disk: PNG bytes, size in pixels, PDF file."""

    png: bytes
    width: int
    height: int
    pdf: Path


class Panels(NamedTuple):
    """A grid of image panels: axes by (row, column), and one colour-bar axes per row."""

    figure: Figure
    axes: np.ndarray
    bars: list[Axes]


def convert(values, unit: str):
    """Return values of an SI unit in the unit in which figures and the page show them."""
    return np.asarray(values) / UNITS[unit].size


def symbol(unit: str) -> str:
    """Return the symbol of the unit in which an SI unit is shown."""
    return UNITS[unit].symbol


def number(value: float, unit: str) -> str:
    """Return an SI value in the unit in which it is shown, three digits, without that unit."""
    if math.isnan(value):
        return "undefined"
    shown = f"{float(convert(value, unit)):.3g}"
    return f"{float(shown):.0f}" if 1e3 <= abs(float(shown)) < 1e6 else shown


def display(value: float, unit: str) -> str:
    """Return an SI value with the unit in which it is shown."""
    return f"{number(value, unit)} {symbol(unit)}".strip()


def labelled(label: str, unit: str) -> str:
    """Return an axis label with its unit in parentheses."""
    return f"{label} ({symbol(unit)})" if symbol(unit) else label


@contextmanager
def naming(labels: Mapping[str, str]) -> Iterator[None]:
    """Call models by the labels of a study while its report is made."""
    _labels.append(labels)
    try:
        yield
    finally:
        _labels.pop()


def name(model: str) -> str:
    """Return how a model is called in text: by the label of its study, by its name of old, or as it is."""
    return _labels[-1].get(model) or NAMES.get(model, model)


def ordered(models: Iterable[str]) -> list[str]:
    """Return models in the order of figures and tables: those with a name of their own, then the others by theirs."""
    given = {str(model) for model in models}
    return [model for model in NAMES if model in given] + sorted(given - set(NAMES))


def colour(model: str, among: Iterable[str] = ()) -> str:
    """Return the colour of a model.

    Parameters
    ----------
    model
        Name of the model.
    among
        All models that are shown together. Those without a colour of their own take the others in turn, by their order;
        for one that is not among them, its name decides.
    """
    if model in COLOURS:
        return COLOURS[model]
    others = [name for name in ordered(among) if name not in COLOURS]
    turn = others.index(model) if model in others else int(hashlib.sha256(model.encode()).hexdigest(), 16)
    return OTHERS[turn % len(OTHERS)]


def limits(field: str, truth: np.ndarray) -> tuple[float, float]:
    """Return the colour scale of a field from the truth alone [SI], so that no model can move it."""
    look, finite = LOOKS[field], truth[np.isfinite(truth)]
    low, high = np.quantile(finite, (0.001, 0.999)) if finite.size else (0.0, 1.0)
    if look.signed:
        high = max(abs(low), abs(high), 1e-12)
        return -high, high
    low = float(low) if look.floor is None else look.floor
    high = float(high) if look.ceiling is None else look.ceiling
    return low, max(high, low + 1e-12 + 1e-6 * abs(low))


def largest(difference: np.ndarray) -> float:
    """Return the end of the symmetric scale of prediction minus truth [SI]."""
    finite = np.abs(difference[np.isfinite(difference)])
    return max(float(np.quantile(finite, 0.995)), 1e-12) if finite.size else 1.0


def shared(ends: Sequence[float]) -> float:
    """Return the end of one scale for several models: the largest of theirs, but at most twice the median."""
    return min(max(ends), 2.0 * float(np.median(ends))) if ends else 1.0


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure in the house style, without pyplot's global state [inch]."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def panels(
    rows: int, columns: int, aspect: float, *, left: float = 1.15, right: float = 0.85, top: float = 0.3
) -> Panels:
    """Return a grid of image panels that fills the width, placed to the point.

    Parameters
    ----------
    rows, columns
        Numbers of panels.
    aspect
        Height of a panel over its width.
    left, right, top
        Margins for row labels, colour bars and column titles [inch].
    """
    gap, bottom = 0.05, 0.05
    wide = (WIDTH - left - right - gap * (columns - 1)) / columns
    high = wide * aspect
    height = top + bottom + rows * high + (rows - 1) * gap
    figure, axes, bars = canvas(WIDTH, height), np.empty((rows, columns), dtype=object), []
    for row in range(rows):
        low = (height - top - (row + 1) * high - row * gap) / height
        for column in range(columns):
            place = (left + column * (wide + gap)) / WIDTH
            axes[row, column] = figure.add_axes((place, low, wide / WIDTH, high / height))
            _bare(axes[row, column])
        bars.append(figure.add_axes(((WIDTH - right + 0.1) / WIDTH, low, 0.11 / WIDTH, high / height)))
        bars[-1].set_visible(False)
    return Panels(figure, axes, bars)


def show(axes: Axes, values: np.ndarray, field: str, scale: tuple[float, float]) -> AxesImage:
    """Draw one snapshot of a field, shape (y, x) [SI], y upwards."""
    return _draw(axes, values, LOOKS[field].colormap, scale, field)


def show_error(axes: Axes, difference: np.ndarray, field: str, largest: float) -> AxesImage:
    """Draw prediction minus truth of a field, shape (y, x) [SI], white where there is none."""
    return _draw(axes, difference, ERROR_COLORMAP, (-largest, largest), field)


def colour_bar(grid: Panels, row: int, image: AxesImage, label: str, *, last: int | None = None) -> None:
    """Put a colour bar beside a row, or beside the rows from `row` to `last`."""
    bar = grid.bars[row]
    bar.set_visible(True)
    if last is not None and last > row:
        box, below = bar.get_position(), grid.bars[last].get_position()
        bar.set_position((box.x0, below.y0, box.width, box.y1 - below.y0))
    drawn = grid.figure.colorbar(image, cax=bar)
    drawn.outline.set_linewidth(0.5)
    drawn.ax.tick_params(labelsize=7.5, length=2, width=0.5, pad=2)
    drawn.locator = MaxNLocator(5 if last is not None and last > row else 3)
    drawn.update_ticks()
    drawn.ax.grid(False)
    drawn.set_label(label, fontsize=8, labelpad=2)


def second_bar(grid: Panels, row: int, image: AxesImage, label: str) -> None:
    """Put another colour bar to the right of a row's own."""
    box = grid.bars[row].get_position()
    grid.bars.append(grid.figure.add_axes((box.x0 + 1.05 / WIDTH, box.y0, box.width, box.height)))
    colour_bar(grid, len(grid.bars) - 1, image, label)


def row_label(grid: Panels, row: int, text: str, *, tint: str = "#222222", detail: str = "") -> None:
    """Write left of a row who or what it shows."""
    axes = grid.axes[row, 0]
    shift = 0.10 if detail else 0.0
    axes.text(-0.06, 0.5 + shift, text, transform=axes.transAxes, ha="right", va="center", color=tint, weight="bold")
    if detail:
        axes.text(
            -0.06,
            0.5 - 0.14,
            detail,
            transform=axes.transAxes,
            ha="right",
            va="center",
            fontsize=8,
            color="#555555",
        )


def instant(seconds: float) -> str:
    """Return a time as the column title of a snapshot."""
    return f"{convert(seconds, 's'):.2f} ns"


def save(figure: Figure, pdf: Path) -> Saved:
    """Write a figure as PDF, whole or not at all, and return it with its PNG; both repeat byte for byte."""
    picture = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(picture, format="png", dpi=DPI, metadata={"Software": None})
        with files.whole(pdf) as beside:
            figure.savefig(beside, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    png = picture.getvalue()
    width, height = struct.unpack(">II", png[16:24])  # of the header of a PNG
    return Saved(png, width, height, pdf)


def styled():
    """Return the context in which a figure is to be made."""
    return matplotlib.rc_context(STYLE)


def palette(field: str, *, error: bool = False) -> list[tuple[int, int, int]]:
    """Return the 256 colours of a field's map, or of the map of errors, from low to high, as bytes."""
    table = _map(ERROR_COLORMAP if error else LOOKS[field].colormap)(np.arange(256), bytes=True)
    return [(int(red), int(green), int(blue)) for red, green, blue, _ in table]


def _draw(axes: Axes, values: np.ndarray, colormap: str, scale: tuple[float, float], field: str) -> AxesImage:
    unit = FIELDS[field].units
    low, high = (float(convert(end, unit)) for end in scale)
    shown = np.ma.masked_invalid(convert(values, unit))
    return axes.imshow(shown, cmap=_map(colormap), vmin=low, vmax=high, origin="lower", aspect="auto")


def _map(colormap: str) -> colors.Colormap:
    return matplotlib.colormaps[colormap].with_extremes(bad="#{:02x}{:02x}{:02x}".format(*UNDEFINED_RGB))


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.5)
        spine.set_color("#9a9a9a")
