"""Mean, deviation and size of values that come in parts, without keeping them."""

from typing import Any

import numpy as np


class Moments:
    """Mean and mean square deviation of values that come in parts, in float64; one of each for every component."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, np.zeros(1), np.zeros(1)

    def add(self, values: np.ndarray) -> None:
        """Take more values, (n, component), into account."""
        count, mean = len(values), values.mean(axis=0, dtype="float64")
        squares, apart, total = ((values - mean) ** 2).sum(axis=0), mean - self.mean, self.count + count
        self.squares = self.squares + squares + apart**2 * (self.count * count / total)
        self.mean = self.mean + apart * (count / total)
        self.count = total

    def said(self) -> dict[str, Any]:
        """Return mean, std and rms; a number of a scalar, a list of a vector."""
        variance = self.squares / self.count
        found = {"mean": self.mean, "std": np.sqrt(variance), "rms": np.sqrt(variance + self.mean**2)}
        return {key: value.tolist() if value.size > 1 else float(value[0]) for key, value in found.items()}
