"""What a visitor of the page can choose: each choice offers what the stores have, and stays while it is offered."""

from collections.abc import Callable, Mapping
from typing import Any

from bokeh.model import Model
from bokeh.models import CustomJS
from bokeh.models.widgets import CheckboxGroup, NumericInput, Select, Slider, Toggle

from tessera.data.schema import FIELDS
from tessera.evaluation import figures
from tessera.viewer.stores import TRUTH, Shelf, Store

THRESHOLD = 875.0  # of a hotspot, at first [K]
MANY = 6  # more predictions than this are not all shown at first
MEAN = -1  # as a member
INTERVAL = 250  # from a snapshot that is seen to the next when playing [ms]
PLAY = """
    play.label = play.active ? "pause" : "play"
    clearTimeout(window.playing)
    if (play.active) {
        const next = () => { time.value = time.value < time.end ? time.value + 1 : time.start }
        window.playing = setTimeout(next, interval)
    }
"""
SPACED = ".bk-input-group { flex-wrap: wrap; gap: 2px 14px; } .bk-input-group > * { margin: 0; }"


class Menu:
    """A choice of one of several values, which the visitor knows by names.

    Parameters
    ----------
    title
        What is chosen.
    width
        How wide it is [pixels].
    """

    def __init__(self, title: str, width: int) -> None:
        self.widget = Select(title=title, width=width)
        self._values: dict[str, Any] = {}

    @property
    def options(self) -> dict[str, Any]:
        """The values by name."""
        return self._values

    @property
    def value(self) -> Any:
        """The chosen value, None where nothing is offered yet."""
        return self._values.get(self.widget.value)

    @value.setter
    def value(self, wanted: Any) -> None:
        self.widget.value = next(name for name, value in self._values.items() if value == wanted)

    def offer(self, options: Mapping[str, Any], first: Any = None, *, anew: bool = False) -> None:
        """Offer values by name; the chosen one stays if it is among them, else it is `first`, or the first one."""
        values, before = [*options.values()], self.value
        self._values = dict(options)
        self.widget.update(options=[*options])
        kept = before in values and not anew
        self.value = before if kept else values[0] if first is None else first


class Choices:
    """The widgets of one visitor.

    Parameters
    ----------
    shelf
        The stores that there are.

    Attributes
    ----------
    every
        The stores of the last offer.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self._group, self._last = shelf, "", 0
        self.every, self._beside = list[Store](), list[str]()
        self.scale, self.case = Menu("scale", 120), Menu("case", 180)
        self.field, self.member = Menu("field", 180), Menu("member", 120)
        self.threshold = NumericInput(title="hotspot above (K)", value=THRESHOLD, low=0.0, mode="float", width=120)
        self.width = Slider(title="width of pictures", start=180, end=1200, step=20, value=180, width=170)
        self.shown = CheckboxGroup(inline=True, stylesheets=[SPACED])
        self.time = Slider(start=0, end=1, step=1, value=0, show_value=False, tooltips=False, width=360, align="center")
        self.play = Toggle(label="play", width=70)

    def go_on(self, seen: Model, attribute: str) -> None:
        """Let the browser play: it asks for the next snapshot a while after it saw the last one, told by a change."""
        args = {"play": self.play, "time": self.time, "interval": INTERVAL}
        self.play.js_on_change("active", CustomJS(args=args, code=PLAY))
        seen.js_on_change(attribute, CustomJS(args=args, code=PLAY))

    def watch(self, follow: Callable[[Callable[[], None]], None], actions: Mapping[Any, Callable[[], None]]) -> None:
        """Let `follow` be called with the action of a menu or widget when the visitor chooses there."""
        for chosen, action in actions.items():
            widget = chosen.widget if isinstance(chosen, Menu) else chosen
            name = "active" if isinstance(widget, CheckboxGroup) else "value"
            widget.on_change(name, _followed(follow, action))

    def offer(self) -> bool:
        """Offer what the stores have; return whether there are any."""
        self.every = self._shelf.stores
        if not self.every:
            return False
        groups = dict.fromkeys(one.group for one in self.every)
        self.scale.offer({name: name for name in groups})
        self.scale.widget.visible = len(groups) > 1
        stores, another = self.stores, self._group != self.scale.value
        if another:
            self._group, self._last = self.scale.value, stores[0].dataset.sizes["time"] - 1
            self.time.update(end=max(self._last, 1), value=(self._last + 1) // 2, visible=self._last > 0)
            self.play.visible = self._last > 0
        counts = {number: sum(number in one.cases for one in stores) for one in stores for number in one.cases}
        self.case.offer(_cases(stores), max(counts, key=lambda number: counts[number]), anew=another)
        fields = [name for name in FIELDS if any(name in one.fields for one in stores)]
        self.field.offer({figures.LOOKS[name].label: name for name in fields})
        members = max(one.members for one in stores)
        self.member.offer({"mean": MEAN} | {f"{n + 1} of {members}": n for n in range(members)})
        self.member.widget.visible = members > 1
        self._offer_beside([one for one in stores if one.model != TRUTH])
        return True

    @property
    def stores(self) -> list[Store]:
        """The stores of the chosen scale."""
        return [one for one in self.every if one.group == self.scale.value]

    @property
    def truth(self) -> Store | None:
        """The simulation of the chosen case, if it is there and has the chosen field."""
        return next((one for one in self.stores if one.model == TRUTH and self.has(one)), None)

    @property
    def compared(self) -> list[Store]:
        """The simulations of the chosen scale, and the chosen stores beside them."""
        chosen = [self._beside[n] for n in self.shown.active]
        return [one for one in self.stores if one.model == TRUTH or one.place in chosen]

    @property
    def snapshot(self) -> int:
        """The chosen snapshot; a browser that plays may ask for one that another scale has not."""
        return min(int(self.time.value), self._last)

    @property
    def chosen_member(self) -> int | None:
        """The chosen member, None for the mean of all."""
        return None if self.member.value == MEAN else self.member.value

    @property
    def hot(self) -> float:
        """The chosen threshold of a hotspot [K]."""
        return THRESHOLD if self.threshold.value is None else float(self.threshold.value)

    def has(self, one: Store, field: str | None = None) -> bool:
        """Return whether a store has a field of the chosen case, None for the chosen field."""
        return self.case.value in one.cases and (field or self.field.value) in one.fields

    def _offer_beside(self, made: list[Store]) -> None:
        """Offer the stores beside the truth; at first all are chosen, or of many one of each model."""
        places, labels = [one.place for one in made], [one.label for one in made]
        few = {one.model: one.place for one in reversed(made)}.values() if len(made) > MANY else places
        known = self._beside
        chosen = [known[n] for n in self.shown.active]
        self.shown.labels = [f"{one.label} ({one.place})" if labels.count(one.label) > 1 else one.label for one in made]
        self.shown.active = [n for n, place in enumerate(places) if place in (chosen if place in known else few)]
        self.shown.visible, self._beside = bool(made), places


def _followed(follow: Callable[[Callable[[], None]], None], action: Callable[[], None]) -> Callable[..., None]:
    return lambda _name, _old, _new: follow(action)


def _cases(stores: list[Store]) -> dict[str, int]:
    """Return the cases of all stores as a visitor reads them: number, split, and name where it has one."""
    names: dict[int, str] = {}
    for one in stores:
        called = one.dataset.coords.get("name")
        for place, number in enumerate(one.cases):
            said = [str(number), str(one.dataset["split"].values[place])]
            said += [str(called.values[place])] if called is not None else []
            names.setdefault(number, ", ".join(said))
    return {names[number]: number for number in sorted(names)}
