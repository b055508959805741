"""Whether values can be what a mapping says that they are: one line and a hint for what they cannot.

The limits are generous. They catch the mistakes that arrays without names invite: a wrong unit, a wrong channel,
normalised values taken for physical ones, rows taken for columns, one velocity taken for the other.
"""

from collections.abc import Mapping

import numpy as np

from tessera.errors import DataError

COLDEST = 200.0  # K; no shocked material is colder
HOTTEST = 1e5  # K
SLACK = 1e-3  # of a solid fraction beyond 0 and 1, from interpolation
FASTEST = 1e5  # m/s
STRONGEST = 1e13  # Pa


def check(fields: Mapping[str, np.ndarray], *, shock: bool, where: str) -> None:
    """Refuse a case whose values contradict what they are said to be.

    Parameters
    ----------
    fields
        By name, SI, shape (time, y, x), with the shock from the left.
    shock
        Whether a shock is said to run along x.
    where
        The case, for the message.

    Raises
    ------
    DataError
        Says which field, what was expected, what was got, and what to check.
    """
    for name, low, high, hint in (
        ("temperature", COLDEST, HOTTEST, "check its unit, its channel, and whether it is normalised (fields.*.range)"),
        ("pressure", -STRONGEST, STRONGEST, "check its unit"),
        ("microstructure", -SLACK, 1.0 + SLACK, "check its channel; 1 is solid, 0 a pore (fields.*.range turns it)"),
        ("initial_microstructure", -SLACK, 1.0 + SLACK, "1 is solid, 0 a pore (fields.*.range turns it)"),
        ("velocity_x", -FASTEST, FASTEST, "check its unit and its channel"),
        ("velocity_y", -FASTEST, FASTEST, "check its unit and its channel"),
        ("density", 0.0, 1e6, "check its unit and its channel"),
    ):
        if name in fields:
            least, most = float(fields[name].min()), float(fields[name].max())
            if least < low or most > high:
                raise DataError(f"{where}: {name}: expected {low:g} to {high:g}, got {least:g} to {most:g}; {hint}")
    for name in {"microstructure", "initial_microstructure"} & fields.keys():
        share = float(fields[name][0].mean())
        if share < 0.5:
            got = f"a mean of {share:.3g}; if 1 is a pore in the files, say range: [1, 0]"
            raise DataError(f"{where}: {name}: expected mostly solid (1) at the start, got {got}")
    if shock:
        _shocked(fields, where)


def _shocked(fields: Mapping[str, np.ndarray], where: str) -> None:
    guide = fields.get("pressure", fields.get("temperature"))
    if guide is not None:
        along, across = _steepness(guide)
        if across > along:
            raise DataError(f"{where}: expected a shock along x, got one along y; check whether H and W are swapped")
        left, right = _halves(guide)
        if right > left:
            hint = "say shock: right, or check orientation.x"
            raise DataError(f"{where}: expected a shock from the left, got one from the right; {hint}")
    if {"velocity_x", "velocity_y"} <= set(fields):
        u, v = (float(np.abs(fields[name]).mean()) for name in ("velocity_x", "velocity_y"))
        if v > u:
            got = f"mean magnitudes of {u:.3g} and, of velocity_y, {v:.3g} m/s; check the order of the velocities"
            raise DataError(f"{where}: velocity_x: expected the larger one, for the shock runs along x, got {got}")
    if "velocity_x" in fields and float(fields["velocity_x"].mean()) < 0.0:
        raise DataError(
            f"{where}: velocity_x: expected a mean above zero, for the shock pushes along x, got "
            f"{float(fields['velocity_x'].mean()):.3g} m/s; check its sign, its channel and orientation.x"
        )


def _steepness(guide: np.ndarray) -> tuple[float, float]:
    """Return how much the profiles along x and y vary: standard deviation of the median over the other axis."""
    along, across = np.median(guide, axis=1), np.median(guide, axis=2)
    return float(along.std(axis=1).max()), float(across.std(axis=1).max())


def _halves(guide: np.ndarray) -> tuple[float, float]:
    """Return the mean change since the start in the left and the right half, over all snapshots."""
    change = np.abs(guide - guide[:1])
    middle = guide.shape[2] // 2
    return float(change[..., :middle].mean()), float(change[..., middle:].mean())
