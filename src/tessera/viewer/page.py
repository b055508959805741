"""The page: pictures of truth and predictions with their differences, hotspots over time, and what is to be said.

One object per visitor. A choice changes what follows from it and nothing else: another time only the values of
pictures, another field also their colours, another case or store also which pictures there are.
"""

from collections.abc import Callable
from html import escape
from pathlib import Path

import numpy as np
from bokeh.document import Document
from bokeh.models import Column, GlobalInlineStyleSheet, LayoutDOM, Row
from bokeh.models.ui import UIElement

from tessera.data.schema import CASE_COORDINATES, FIELDS
from tessera.evaluation import figures
from tessera.viewer import pictures
from tessera.viewer.choices import Choices
from tessera.viewer.pictures import Curves, Stage
from tessera.viewer.stores import TRUTH, Shelf, Store
from tessera.viewer.tiles import SHRINKING, Tile, text
from tessera.viewer.values import Reader, UnreadableError

LOOK_AGAIN = 400  # after checksums [ms]
WIDTHS, NARROW = {1: 560, 2: 420, 3: 340, 5: 220, 6: 340}, 260  # of pictures at first, by their number [pixels]
DESCRIBED = ("particle_velocity", "porosity", "pores")
QUANTITIES = ("hotspot_area", "hotspot_temperature")
WIDE = 500  # curves at least [pixels]
HINT = "Drag a box, or turn the wheel with Ctrl, to zoom; all pictures follow."
STEADY = "html { overflow-y: scroll; }"  # else the bar could come and go with the height of pictures, for ever


class Page:
    """The page of one visitor.

    Parameters
    ----------
    shelf, reader
        The stores, and what reads them; the same for all visitors.
    results
        Where they are, as the visitor knows it.
    document
        What the visitor's browser shows.

    Attributes
    ----------
    choices
        What can be chosen.
    tiles
        What is shown: the truth first, where it is there.
    known
        All that were made, by place of their store.
    curves
        Hotspots over time, by quantity.
    """

    def __init__(self, shelf: Shelf, reader: Reader, results: Path, document: Document) -> None:
        self._shelf, self._reader, self._results, self._document = shelf, reader, results, document
        self.choices, self.tiles = Choices(shelf), list[Tile]()
        self.curves = {quantity: Curves(quantity) for quantity in QUANTITIES}
        self.title, self.about, self.legend, self.clock = text(), text(), text(), text()
        self.clock.update(align="center", sizing_mode=None)
        self._grid = Column(sizing_mode="stretch_width")
        self._stages, self.known = dict[str, Stage](), dict[str, Tile]()
        self._quiet, self._seen = False, (-1, -1)
        self._looking = document.add_periodic_callback(self.look, LOOK_AGAIN) if shelf.unverified else None
        self.choices.watch(
            self._follow,
            {
                self.choices.scale: self._fill,
                self.choices.case: self._arrange,
                self.choices.field: self._arrange,
                self.choices.shown: self._arrange,
                self.choices.member: self._redo,
                self.choices.time: self._draw,
                self.choices.threshold: self._trace,
                self.choices.width: self._widen,
            },
        )
        self.choices.go_on(self.clock, "text")
        self.look()
        document.title = f"tessera: {results.name}"
        document.add_root(self._layout())

    def look(self) -> None:
        """See whether stores were found broken, and how many checksums are to be verified yet."""
        found = len(self._shelf.broken), self._shelf.unverified
        if found[0] != self._seen[0]:
            self._follow(self._fill)
        if found != self._seen:
            self._seen = found
            self.title.text = self._heading()
        if not found[1] and self._looking is not None:
            self._document.remove_periodic_callback(self._looking)
            self._looking = None

    def _follow(self, action: Callable[[], None]) -> None:
        """Do what follows from a choice of the visitor; what is chosen meanwhile is our own doing."""
        if not self._quiet:
            self._quiet = True
            try:
                self._do(action)
            finally:
                self._quiet = False

    def _do(self, action: Callable[[], None]) -> None:
        try:
            action()
        except UnreadableError as error:  # it was removed or broken since it was opened
            self._shelf.condemn(error.store, error)
            self._do(self._fill)

    def _fill(self) -> None:
        """Begin anew with the stores that there are."""
        if not self.choices.offer():
            self._grid.children, self.tiles, self.about.text = [], [], ""
            for curves in self.curves.values():
                curves.show([])
            self.legend.text = ""
            return
        self._arrange()

    def _arrange(self) -> None:
        """Show a tile for each store that has the case and the field; those made before are kept, out of sight."""
        before, stores = len(self.tiles), [one for one in self.choices.compared if self.choices.has(one)]
        self.tiles = [self._tile(one) for one in stores]
        columns = [self.known[one.place].column for one in self.choices.every if one.place in self.known]
        if columns != self._grid.children:
            self._grid.children = [*columns]
        for tile in self.known.values():
            tile.column.styles = {**SHRINKING, "display": "flex" if tile in self.tiles else "none"}
        if self.choices.width.value in {WIDTHS.get(before, NARROW), self.choices.width.start}:
            self.choices.width.value = WIDTHS.get(len(stores), NARROW)
            self._widen()
        self.about.text = self._said()
        self._redo()

    def _redo(self) -> None:
        self._dress()
        self._trace()

    def _dress(self) -> None:
        """Give the pictures the colours of the field: one scale for all, from the truth alone; one for differences."""
        if not self.tiles:
            return
        case, field, truth = self.choices.case.value, self.choices.field.value, self.choices.truth
        look, errors = pictures.colours(field, self._reader.limits(self.tiles[0].store, case, field)), None
        missing = [tile.store for tile in self.tiles if tile.store.model != TRUTH]
        if truth and missing:
            largest = self._reader.largest(truth, missing, case, field, self.choices.chosen_member)
            errors = pictures.error_colours(field, largest)
        for n, tile in enumerate(self.tiles):
            tile.dress(look, errors, bars=n == 0)
        self._draw()

    def _draw(self) -> None:
        """Show the snapshot."""
        if not self.tiles:
            return
        case, field, time = self.choices.case.value, self.choices.field.value, self.choices.snapshot
        times = self.tiles[0].store.dataset["time"].values
        real = self.choices.truth
        truth = self._reader.snapshot(real, case, field, time) if real else None
        for tile in self.tiles:
            values = self._reader.snapshot(tile.store, case, field, time, self.choices.chosen_member)
            tile.show(values, truth, FIELDS[field].units)
        for one in self.curves.values():
            one.point(float(times[time]))
        self.clock.text = f"<b>{figures.instant(times[time])}</b> <span>snapshot {time + 1} of {times.size}</span>"

    def _trace(self) -> None:
        """Draw the hotspots of the case over time."""
        case, hot, member = self.choices.case.value, self.choices.hot, self.choices.chosen_member
        able = [one for one in self.choices.compared if self.choices.has(one, "temperature")]
        lines = [(one, self._reader.hotspots(one, case, hot, member)) for one in able]
        for curves in self.curves.values():
            curves.show(lines)
        self.legend.text = self._legend(able) if able else ""

    def _widen(self) -> None:
        """Let as many tiles stand side by side as their width allows."""
        self._grid.styles = _columns(int(self.choices.width.value))

    def _tile(self, one: Store) -> Tile:
        if one.place not in self.known:
            if one.group not in self._stages:
                self._stages[one.group] = Stage(one)
            self.known[one.place] = Tile(one, self._stages[one.group])
        return self.known[one.place]

    def _layout(self) -> Column:
        """Return what is on the page."""
        made, curves = self.choices, list[UIElement](one.figure for one in self.curves.values())
        menus = [menu.widget for menu in (made.scale, made.case, made.field, made.member)]
        shown: list[UIElement] = [
            self.title,
            _row(*menus, made.threshold, made.width),
            made.shown,
            _row(made.play, made.time, self.clock),
            self.about,
            self._grid,
            text(f"<span>{HINT}</span>"),
            self.legend,
            Column(children=curves, sizing_mode="stretch_width", styles=_columns(WIDE)),
        ]
        whole = Column(children=shown, sizing_mode="stretch_width", styles=SHRINKING, margin=(8, 12))
        whole.stylesheets = [GlobalInlineStyleSheet(css=STEADY)]
        return whole

    def _heading(self) -> str:
        """Return what the page is of, and what is wrong with it."""
        count, left = len(self._shelf.stores), self._shelf.unverified
        said = f"{count} store{'s' if count != 1 else ''}, "
        said += f"verifying checksums, {left} to go" if left else "checksums verified"
        lines = [f"<h1>tessera view <small>{escape(str(self._results))}: {said}</small></h1>"]
        lines += [f'<p class="wrong">left out: {escape(why)}</p>' for why in self._shelf.broken.values()]
        return "".join([*lines, *([] if count else ["<p>No store is left to look at.</p>"])])

    def _legend(self, stores: list[Store]) -> str:
        """Return what the lines of the curves are."""
        hot = figures.display(self.choices.hot, FIELDS["temperature"].units)
        names = []
        for one, dash in zip(stores, pictures.dashes(stores), strict=True):
            names.append(
                f'<u><i style="border-top: 3px {dash} {figures.colour(one.model)}"></i> {escape(one.label)}</u>'
            )
        return f"<p>hotspots, cells above {hot}: {' '.join(names)}</p>"

    def _said(self) -> str:
        """Return what is known of the case, and which stores cannot show it."""
        case = self.choices.case.value
        one = next(one for one in self.choices.stores if case in one.cases)
        axes = one.dataset.isel(case=one.cases.index(case)).coords
        known = [str(axes["split"].item())]
        for name in DESCRIBED:
            if name in axes and np.isfinite(axes[name].item()):
                value = figures.display(axes[name].item(), CASE_COORDINATES[name].units)
                known.append(f"{name.replace('_', ' ')} {value}")
        lacking = [one.label for one in self.choices.stores if not self.choices.has(one)]
        said = f"<p>case {case}: {escape(', '.join(known))}</p>"
        return said + (f"<p>without this case or field: {escape('; '.join(lacking))}</p>" if lacking else "")


def _columns(width: int) -> dict[str, str | None]:
    """Return the style of columns at least as wide as that, as many as the window holds."""
    columns = f"repeat(auto-fill, minmax(min({width}px, 100%), 1fr))"
    return {**SHRINKING, "display": "grid", "grid-template-columns": columns, "gap": "4px 10px"}


def _row(*children: LayoutDOM) -> Row:
    return Row(children=[*children], sizing_mode="stretch_width", styles={**SHRINKING, "flex-wrap": "wrap"})
