"""Films: every snapshot of a case as small pictures, truth and models alike, for the page's slider.

A snapshot becomes one picture pixel per stored cell through the field's colour map and the shared scale,
so that nothing is smoothed but what the screen smooths. Lossless, and the same bytes on every run.
"""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from tessera.data.schema import FIELDS
from tessera.evaluation import figures
from tessera.evaluation.gallery import Rollout


class Strip(NamedTuple):
    """The pictures of one model: how it is called, its colour, one picture per snapshot (WebP)."""

    name: str
    detail: str
    colour: str
    pictures: list[bytes]


class Film(NamedTuple):
    """One field of one case.

    Attributes
    ----------
    case, field
        What it shows.
    low, high
        Ends of the colour scale as text, with unit.
    gradient
        Colours of the scale from low to high, CSS.
    times
        Time of every snapshot, as text.
    strips
        The truth first, then the models.
    """

    case: int
    field: str
    low: str
    high: str
    gradient: list[str]
    times: list[str]
    strips: list[Strip]

    @property
    def label(self) -> str:
        """What the field is called."""
        return figures.LOOKS[self.field].label

    @property
    def size(self) -> int:
        """Bytes of all pictures."""
        return sum(len(picture) for strip in self.strips for picture in strip.pictures)


def film(
    case: int,
    field: str,
    truth: dict[str, np.ndarray],
    predictions: Sequence[Rollout],
    times: np.ndarray,
    *,
    thin: int = 1,
) -> Film:
    """Return the film of a field of one case.

    Parameters
    ----------
    case, field
        What to show.
    truth
        Fields by name, shape (time, y, x), SI units.
    predictions
        The models; those without the field are left out.
    times
        Time of every snapshot [s].
    thin
        Keep every `thin`-th cell along y and x.
    """
    scale = figures.limits(field, truth[field])
    unit = FIELDS[field].units
    strips = [Strip(figures.name("truth"), "", figures.colour("truth"), _pictures(truth[field], field, scale, thin))]
    for one in predictions:
        if field in one.fields:
            pictures = _pictures(one.fields[field], field, scale, thin)
            strips.append(Strip(figures.name(one.model), one.detail, one.colour, pictures))
    low, high = (figures.display(end, unit) for end in scale)
    colours = figures.palette(field)
    gradient = ["#{:02x}{:02x}{:02x}".format(*colours[n]) for n in np.linspace(0, len(colours) - 1, 13).astype(int)]
    return Film(case, field, low, high, gradient, [figures.instant(time) for time in times], strips)


def _pictures(values: np.ndarray, field: str, scale: tuple[float, float], thin: int) -> list[bytes]:
    colours = np.array([*figures.palette(field), figures.UNDEFINED_RGB], dtype=np.uint8)
    low, high = scale
    last = len(colours) - 2
    with np.errstate(invalid="ignore"):
        level = np.clip((values - low) * (last / (high - low)) + 0.5, 0, last)
    index = np.where(np.isfinite(values), level, last + 1).astype(np.uint16)[:, ::-thin, ::thin]
    return [_encode(colours[one]) for one in index]


def _encode(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="WEBP", lossless=True, quality=40, method=2)
    return stream.getvalue()
