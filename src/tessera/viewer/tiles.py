"""A store on the page: its picture, what it misses of the truth below, and words; the look of all words."""

from html import escape

import numpy as np
from bokeh.models import Column
from bokeh.models.ui import UIElement
from bokeh.models.widgets import Div

from tessera.evaluation import figures, metrics
from tessera.viewer.pictures import Bars, Colours, Picture, Stage
from tessera.viewer.stores import TRUTH, Store

SHRINKING: dict[str, str | None] = {"min-width": "0"}  # not held wide by what is inside
STYLE = """
:host { font-family: system-ui, sans-serif; color: #222222; overflow-wrap: anywhere; }
h1 { font-size: 20px; margin: 0; line-height: 1.25; }
h1 small { font-weight: normal; font-size: 13px; color: #555555; }
p { margin: 2px 0; font-size: 13px; line-height: 1.35; } .wrong { color: #a11212; }
i { display: inline-block; width: 26px; vertical-align: middle; }
u { display: inline-block; text-decoration: none; margin-right: 12px; }
b { font-size: 14px; } span { color: #555555; font-size: 12px; }
"""


class Tile:
    """A store on the page: its picture, its difference to the truth below, and once they are asked for bars of colours.

    Parameters
    ----------
    store
        What is shown.
    stage
        The grid of its group.
    """

    def __init__(self, store: Store, stage: Stage) -> None:
        name, tint = figures.name(store.model), figures.colour(store.model)
        self.store, self.caption = store, text()
        self.picture, self.difference = (Picture(stage, f"{what} {store.place}") for what in ("picture", "difference"))
        heading = f'<b style="color: {tint}">{escape(name)}</b> <span>{escape(store.detail)}</span>'
        shown: list[UIElement] = [text(heading), self.picture.figure, self.caption, self.difference.figure]
        self.column = Column(children=shown, sizing_mode="stretch_width", styles=SHRINKING)
        self._bars: Bars | None = None

    def dress(self, look: Colours, errors: Colours | None, *, bars: bool) -> None:
        """Give it the colours of a field, and of errors where there are some; with their bars or without."""
        self.picture.dress(look)
        if bars and self._bars is None:
            self._bars = Bars()
            self.column.children = [*self.column.children, self._bars.figure]
        if self._bars is not None:
            self._bars.dress(look, errors)
            self._bars.figure.visible = bars
        compared = errors is not None and self.store.model != TRUTH
        self.caption.visible = self.difference.figure.visible = compared
        if errors is not None and compared:
            self.difference.dress(errors)

    def show(self, values: np.ndarray, truth: np.ndarray | None, unit: str) -> None:
        """Show a snapshot and what it misses of the truth, shape (y, x) [SI]."""
        self.picture.show(values)
        if truth is not None and self.store.model != TRUTH:
            self.difference.show(values - truth)
            error = figures.display(float(metrics.rmse(values, truth)), unit)
            self.caption.text = f"<span>prediction − simulation, RMSE {error}</span>"


def text(html: str = "") -> Div:
    """Return words as wide as their place; whatever is not ours in them must be escaped."""
    return Div(text=html, stylesheets=[STYLE], margin=(2, 6), disable_math=True, sizing_mode="stretch_width")
