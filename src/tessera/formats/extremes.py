"""The `min_max.json` of PARCtorch: extremes of every channel, read and held against values, or computed.

PARCtorch normalises by them, so they must be of the channels that they lie beside; computed, they are those of the
training cases, taken one by one.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tessera.data.files import read_json
from tessera.errors import DataError
from tessera.formats.moments import Moments

FILE = "min_max.json"
ROUNDING = 1e-6  # of an extreme that went through text
LONGEST = 1_000_000  # bytes of a JSON file beside what cases and cells need


class Bounds(NamedTuple):
    """Extremes of every channel, and the file that says them."""

    file: Path
    low: tuple[float, ...]
    high: tuple[float, ...]

    def check(self, channel: int, values: np.ndarray, where: str) -> None:
        """Refuse values beyond the extremes.

        PARCtorch 0.3.0 puts the extremes of the speed in place of those of both velocities, the last two channels;
        such bound the magnitude of a velocity.
        """
        low, high = self.low[channel], self.high[channel]
        pairs = self.low[-2:], self.high[-2:]
        if channel >= len(self.low) - 2 and low >= 0.0 and all(len(set(pair)) == 1 for pair in pairs):
            low = -high
        slack = ROUNDING * max(abs(low), abs(high))
        with np.errstate(invalid="ignore"):
            least, most = float(values.min()), float(values.max())
        if least < low - slack or most > high + slack:
            got = f"{least:g} to {most:g}; the channels or the files differ"
            raise DataError(f"{where}: expected {low:g} to {high:g}, as {self.file} says, got {got}")


class Extremes:
    """What PARCtorch wants to know of the channels of cases that come one by one; the last two are a velocity."""

    def __init__(self, channels: int) -> None:
        self.moments = [Moments() for _ in range(channels)]
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self.fastest = np.zeros(2)

    def add(self, values: np.ndarray) -> None:
        """Take one more case, (time, channel, y, x), into account."""
        for number, moments in enumerate(self.moments):
            channel = values[:, number]
            moments.add(channel.reshape(-1, 1))
            self.low[number] = min(self.low[number], channel.min())
            self.high[number] = max(self.high[number], channel.max())
        x, y = values[:, -2], values[:, -1]
        place = np.unravel_index(int(np.hypot(x, y).argmax()), x.shape)
        found = np.array([x[place], y[place]], "float64")
        self.fastest = max(self.fastest, found, key=lambda velocity: float(np.hypot(*velocity)))

    def said(self) -> dict[str, list[float]]:
        """Return the keys of PARCtorch 0.3.0, without `mean_velocity_vector`.

        It divides the sum over cases and snapshots by the number of all values, so that is no mean. The extremes
        are those of each channel, velocities too: extremes of the speed cut negative velocities off.
        """
        return {
            "channel_min": self.low.tolist(),
            "channel_max": self.high.tolist(),
            "channel_mean": [moments.said()["mean"] for moments in self.moments],
            "channel_std_dev": [moments.said()["std"] for moments in self.moments],
            "max_norm_velocity_vector": self.fastest.tolist(),
        }


def read(folder: Path, channels: int, cells: int) -> Bounds | None:
    """Read the file in a folder, if there is one.

    Parameters
    ----------
    folder
        Where the arrays lie.
    channels, cells
        Of the arrays; the file can hold one velocity for each cell.

    Raises
    ------
    DataError
        It is no JSON object with a finite minimum and maximum for each channel.
    """
    file = folder / FILE
    if not file.exists():
        return None
    content = read_bounded(file, 100 * cells)
    low, high = (_numbers(content, key, channels, file) for key in ("channel_min", "channel_max"))
    if any(least > most for least, most in zip(low, high, strict=True)):
        raise DataError(f"{file}: expected channel_min below channel_max, got one above")
    return Bounds(file, low, high)


def read_bounded(path: Path, needed: int) -> dict:
    """Read a JSON object from a file that is no longer than what it can have to say.

    Raises
    ------
    DataError
        The file is longer than `LONGEST` and `needed` bytes together, or is no JSON object.
    """
    size = path.stat().st_size
    if size > LONGEST + needed:
        raise DataError(f"{path}: expected at most {LONGEST + needed} bytes, got {size}")
    return read_json(path)


def _numbers(content: dict, key: str, channels: int, file: Path) -> tuple[float, ...]:
    values = content.get(key)
    if not isinstance(values, list) or any(type(one) not in (int, float) for one in values):
        raise DataError(f"{file}: {key}: expected a list of {channels} numbers, got {str(values)[:60]}")
    if len(values) != channels:
        raise DataError(f"{file}: {key}: expected {channels} numbers, as the arrays have channels, got {len(values)}")
    if not all(abs(one) < np.finfo("float64").max for one in values):
        raise DataError(f"{file}: {key}: expected finite numbers, got {str(values)[:60]}")
    return tuple(float(one) for one in values)
