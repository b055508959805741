"""The drawings of the page: images of a field, the bars of their colours, hotspots over time; all change in place.

Between two snapshots only the values of images travel to the browser. Pictures of one stage share their ranges, so
that panning or zooming one moves all, and the cross of the pointer. Units are those of every figure.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from bokeh.models import (
    BasicTicker,
    BoxZoomTool,
    ColumnDataSource,
    CrosshairTool,
    CustomJS,
    DataRange1d,
    HoverTool,
    Image,
    Line,
    LinearColorMapper,
    PanTool,
    Range,
    Range1d,
    ResetTool,
    SaveTool,
    WheelZoomTool,
)
from bokeh.models.annotations import ColorBar, Span
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure

from tessera.data import schema
from tessera.data.schema import COORDINATES, FIELDS
from tessera.evaluation import figures, scores
from tessera.evaluation.curves import HOTSPOTS
from tessera.viewer.stores import TRUTH, Store
from tessera.viewer.values import Hotspots

DASHES = ("solid", "dashed", "dotted")  # as Bokeh and CSS call them
GREY, LINE = "#4a4a4a", "#9a9a9a"
GREYS = ["#000000", "#ffffff"]  # until a field is chosen
BORDER = 4  # around a picture at least [pixels]
FIT = """
    const around = figure.outer_height - figure.inner_height
    const wanted = Math.round(figure.inner_width * aspect) + around
    if (figure.inner_width > 0 && Math.abs(figure.height - wanted) > 1) { figure.height = wanted }
"""  # gives cells their true shape, whatever the width of the window


class Colours(NamedTuple):
    """How values become colours: ends of the scale [SI], their unit, the name of the quantity, and its colours."""

    low: float
    high: float
    unit: str
    label: str
    palette: list[tuple[int, int, int]]


def colours(field: str, limits: tuple[float, float]) -> Colours:
    """Return the colours of a field."""
    return Colours(*limits, FIELDS[field].units, figures.LOOKS[field].label, figures.palette(field))


def error_colours(field: str, largest: float) -> Colours:
    """Return the colours of what predictions miss of a field."""
    palette = figures.palette(field, error=True)
    return Colours(-largest, largest, FIELDS[field].units, "prediction − simulation", palette)


class Stage:
    """What pictures of one grid share: the extent of its cells, visible ranges, the cross of the pointer."""

    def __init__(self, store: Store) -> None:
        size = schema.cell_size(store.dataset)
        ends = [store.dataset[name].values[[0, -1]] + (-size / 2, size / 2) for name in ("x", "y")]
        (left, right), (bottom, top) = (figures.convert(end, COORDINATES["x"].units).round(9).tolist() for end in ends)
        self.extent = {"x": [left], "y": [bottom], "dw": [right - left], "dh": [top - bottom]}
        self.aspect = (top - bottom) / (right - left)
        self.x, self.y = Range1d(start=left, end=right), Range1d(start=bottom, end=top)
        across, along = (Span(dimension=one, line_color=LINE, line_alpha=0.7) for one in ("width", "height"))
        self.cross = CrosshairTool(overlay=(across, along))


class Picture:
    """An image of one field.

    Parameters
    ----------
    stage
        The grid that it is of.
    name
        What it is found by.
    """

    def __init__(self, stage: Stage, name: str) -> None:
        self.source = ColumnDataSource({"image": [np.zeros((1, 1), "float32")], **stage.extent})
        self._stage, self._unit = stage, "1"
        self.mapper = LinearColorMapper(palette=GREYS, nan_color=figures.UNDEFINED_RGB)
        self._hover = HoverTool(formatters={"@image": "printf"}, point_policy="follow_mouse")
        self.figure = _figure(name, stage.x, stage.y)
        self.figure.add_glyph(
            self.source, Image(image="image", x="x", y="y", dw="dw", dh="dh", color_mapper=self.mapper)
        )
        _equip(self.figure, BoxZoomTool(match_aspect=True), self._hover)
        self.figure.add_tools(stage.cross)
        self.figure.height, self.figure.grid.visible = 200, False
        for axis, letter in ((self.figure.xaxis, "x"), (self.figure.yaxis, "y")):
            axis.axis_label, axis.axis_label_standoff = figures.labelled(letter, COORDINATES[letter].units), 2
        fit = CustomJS(args={"figure": self.figure, "aspect": stage.aspect}, code=FIT)
        self.figure.js_on_change("inner_width", fit)

    def dress(self, look: Colours) -> None:
        """Give the picture the colours of a field."""
        _paint(self.mapper, look)
        place = f"($x{{0.00}}, $y{{0.00}}) {figures.symbol(COORDINATES['x'].units)}"
        self._hover.tooltips = [(look.label, f"@image{{%.4g}} {figures.symbol(look.unit)}"), ("x, y", place)]
        self._unit = look.unit

    def show(self, values: np.ndarray) -> None:
        """Show a snapshot, shape (y, x) [SI]."""
        shown = np.ascontiguousarray(figures.convert(values, self._unit), "float32")
        self.source.data = {"image": [shown], **self._stage.extent}


class Bars:
    """The bars of the colours of fields and of errors, one above the other."""

    def __init__(self) -> None:
        self.figure = _figure("bars", Range1d(start=0.0, end=1.0), Range1d(start=0.0, end=1.0))
        self.figure.scatter([0], [0], alpha=0)
        self.figure.axis.visible, self.figure.grid.visible, self.figure.outline_line_color = False, False, None
        self.figure.height, self.figure.frame_height, self.figure.toolbar_location = 120, 1, None
        self._mappers = [LinearColorMapper(palette=GREYS) for _ in range(2)]
        self.bars = [ColorBar(color_mapper=mapper) for mapper in self._mappers]
        for bar in self.bars:
            bar.update(orientation="horizontal", height=12, padding=6, background_fill_alpha=0.0)
            bar.update(title_text_font_style="normal", title_text_font_size="12px", major_label_text_font_size="11px")
            bar.ticker = BasicTicker(desired_num_ticks=4)
            self.figure.add_layout(bar, "below")

    def dress(self, look: Colours, errors: Colours | None) -> None:
        """Show the colours of a field, and those of errors where there are some."""
        for bar, mapper, one in zip(self.bars, self._mappers, (look, errors), strict=True):
            bar.visible = one is not None
            if one is not None:
                bar.title = figures.labelled(one.label, one.unit)
                _paint(mapper, one)


def dashes(stores: Sequence[Store]) -> list[str]:
    """Return how the lines of some stores are dashed, so that those of one model differ."""
    models = [store.model for store in stores]
    return [DASHES[models[:n].count(model) % len(DASHES)] for n, model in enumerate(models)]


class Curves:
    """One quantity of the hotspots over time, a line per store, and a line at the time that is shown.

    Parameters
    ----------
    quantity
        `hotspot_area` or `hotspot_temperature`.
    """

    def __init__(self, quantity: str) -> None:
        self._quantity, self._unit = quantity.removeprefix("hotspot_"), scores.units()[quantity]
        clock, self._clock = COORDINATES["time"].units, Range1d(start=0.0, end=1.0)
        self.now = Span(dimension="height", line_color=GREY, line_dash="dashed", line_width=1)
        hover = HoverTool(formatters={"@y": "printf", "@x": "printf"}, mode="vline")
        hover.tooltips = [("@name", f"@y{{%.4g}} {figures.symbol(self._unit)} at @x{{%.3g}} {figures.symbol(clock)}")]
        self.figure = _figure(quantity, self._clock, DataRange1d())
        _equip(self.figure, BoxZoomTool(), hover)
        self.figure.xaxis.axis_label = figures.labelled("time", clock)
        self.figure.yaxis.axis_label = figures.labelled(HOTSPOTS[quantity], self._unit)
        self.figure.height = 260
        self.figure.add_layout(self.now)

    def show(self, lines: Sequence[tuple[Store, Hotspots]]) -> None:
        """Show the hotspots of some stores."""
        renderers: list[Any] = []
        for (store, hotspots), dash in zip(lines, dashes([store for store, _ in lines]), strict=True):
            values, times = getattr(hotspots, self._quantity), store.dataset["time"].values
            data = {
                "x": figures.convert(times, COORDINATES["time"].units),
                "y": figures.convert(np.where(np.isfinite(values), values, np.nan), self._unit),
                "name": [store.label] * values.size,
            }
            line = Line(x="x", y="y", line_color=figures.colour(store.model), line_width=2)
            line.line_width, line.line_dash = 4 if store.model == TRUTH else 2, dash
            renderers.append(GlyphRenderer(data_source=ColumnDataSource(data), glyph=line))
            _span(self._clock, *data["x"][[0, -1]])
        self.figure.renderers = renderers

    def point(self, time: float) -> None:
        """Move the line to a time [s]."""
        self.now.location = float(figures.convert(time, COORDINATES["time"].units))


def _figure(name: str, x: Range, y: Range) -> figure:
    """Return an empty figure as wide as its place, with plain axes."""
    drawn = figure(name=name, x_range=x, y_range=y, sizing_mode="stretch_width", min_width=150, tools=[])
    drawn.min_border, drawn.toolbar_inner, drawn.outline_line_color = BORDER, True, LINE
    drawn.toolbar.update(logo=None, autohide=True)
    drawn.axis.axis_label_text_font_style, drawn.axis.axis_label_text_font_size = "normal", "12px"
    drawn.axis.major_label_text_font_size, drawn.axis.minor_tick_line_color = "11px", None
    drawn.axis.axis_line_color, drawn.axis.major_tick_line_color = GREY, GREY
    return drawn


def _equip(drawn: figure, zoom: BoxZoomTool, hover: HoverTool) -> None:
    """Give a figure its tools, which show while the pointer is on it."""
    drawn.add_tools(zoom, PanTool(), WheelZoomTool(modifiers="ctrl"), ResetTool(), SaveTool(), hover)
    drawn.toolbar.active_drag, drawn.toolbar_location = zoom, "above"


def _paint(mapper: LinearColorMapper, look: Colours) -> None:
    low, high = (float(figures.convert(end, look.unit)) for end in (look.low, look.high))
    palette = ["#{:02x}{:02x}{:02x}".format(*one) for one in look.palette]
    mapper.update(low=low, high=high, palette=palette)


def _span(axis: Range1d, low: float, high: float) -> None:
    """Let an axis begin and end there, also when it is reset; it keeps its zoom where it did so before."""
    ends = (float(low), float(high) if high > low else float(low) + 1.0)
    if (axis.reset_start, axis.reset_end) != ends:
        axis.update(start=ends[0], end=ends[1], reset_start=ends[0], reset_end=ends[1])
