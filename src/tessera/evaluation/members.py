"""What the members of an ensemble are worth: how near, how spread, and whether the spread is what it should be.

Members are along the first axis. All that is told of calibration follows from counts of ranks and from sums of squares,
which add up over cells, snapshots and cases in any order; ratios are taken last.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from tessera.evaluation import metrics
from tessera.evaluation.metrics import Sums


def fair_crps(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the fair continuous ranked probability score along the first axis, in the quantity's unit.

    Mean |x_i - y| less half the mean |x_i - x_j| over pairs of different members, which is unbiased in
    the number of members (Ferro, Q. J. R. Meteorol. Soc. 140, 2014). One member: the absolute error.

    Parameters
    ----------
    members
        Shape (sample, ...).
    truth
        Shape (...).

    Returns
    -------
    Array of shape (...), `nan` where the truth or a member is undefined, infinite where one is infinite.
    """
    count = members.shape[0]
    lost = np.isinf(members).any(axis=0)
    kept = np.where(lost, 0.0, members)
    accuracy = np.abs(kept - truth).mean(axis=0)
    pairs = sum(np.abs(kept - member).sum(axis=0) for member in kept)
    return np.where(lost, np.inf, accuracy - pairs / max(2 * count * (count - 1), 1))


def field_crps(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the mean over y and x of the fair CRPS of each cell, of members (sample, time, y, x), shape (time,)."""
    return np.array([_finite_mean(fair_crps(one, real)) for one, real in _snapshots(members, truth)])


def energy_score(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the fair energy score of whole snapshots, in the field's unit.

    As the fair CRPS, with the root mean square over y and x for the magnitude (Gneiting and Raftery, J. Am. Stat.
    Assoc. 102, 2007): it sees whether members are right as fields, not cell by cell. One member: its RMSE.

    Parameters
    ----------
    members, truth
        Shapes (sample, time, y, x) and (time, y, x).

    Returns
    -------
    Array (time,), infinite where a member is not finite.
    """
    count, found = members.shape[0], []
    for one, real in _snapshots(members, truth):
        pairs = sum(metrics.rmse(one[i + 1 :], one[i]).sum() for i in range(count - 1)) if np.isfinite(one).all() else 0
        found.append(metrics.rmse(one, real).mean() - pairs / max(count * (count - 1), 1))
    return np.array(found)


def field_spread(members: np.ndarray) -> np.ndarray:
    """Return the root mean variance (n - 1) over y and x of members (sample, time, y, x); `nan` where not finite."""
    with np.errstate(invalid="ignore"):  # of what is not finite
        variances = [float(members[:, n].var(axis=0, ddof=1, dtype="float64").mean()) for n in range(members.shape[1])]
    return np.sqrt(np.where(np.isfinite(variances), variances, np.nan))


def spread(members: np.ndarray) -> np.ndarray:
    """Return the standard deviation (n - 1) of members (sample, ...), `nan` where one is undefined or infinite."""
    known = np.isfinite(members).all(axis=0)
    return np.where(known, np.where(known, members, 0.0).std(axis=0, ddof=1), np.nan)


def ranks(members: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return how many true values have 0, 1, ... M of their M members below them: the rank histogram, shape (M + 1,).

    A value equal to t members counts 1 / (t + 1) in each of the ranks that it might have. A value that is undefined, or
    has an undefined member, does not count. A calibrated ensemble fills all ranks alike.

    Parameters
    ----------
    members, truth
        Shapes (sample, ...) and (...).
    """
    count = members.shape[0]
    known = ~np.isnan(members).any(axis=0) & ~np.isnan(truth)
    kept, real = members[:, known], truth[known]
    below, ties = (kept < real).sum(axis=0), (kept == real).sum(axis=0)
    found = np.zeros(count + 1)
    for equal in np.unique(ties):
        for place in range(equal + 1):
            found += np.bincount(below[ties == equal] + place, minlength=count + 1) / (equal + 1)
    return found


def reliability(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nominal and observed coverage of the central intervals that M members can name, widest last.

    From the i-th lowest to the i-th highest member lie (M + 1 - 2 i) / (M + 1) of the true values of a calibrated
    ensemble; nothing in between is guessed.

    Parameters
    ----------
    counts
        Of ranks, as `ranks` returns them or sums of such, shape (M + 1,).

    Returns
    -------
    Two arrays (M // 2,); observed is `nan` where nothing was counted.
    """
    size, total = counts.size, counts.sum()
    depths = range((size - 1) // 2, 0, -1)
    nominal = np.array([(size - 2 * depth) / size for depth in depths])
    inside = np.array([counts[depth : size - depth].sum() for depth in depths])
    return nominal, inside / total if total > 0.0 else np.full(nominal.shape, np.nan)


def calibration_error(counts: np.ndarray) -> float:
    """Return the mean distance of observed from nominal coverage [1], 0 is calibrated; `nan` without counts."""
    nominal, observed = reliability(counts)
    return float(np.abs(observed - nominal).mean()) if nominal.size else math.nan


def coverage(counts: np.ndarray) -> float:
    """Return the share of values within the range of their members; calibrated is (M - 1) / (M + 1)."""
    observed = reliability(counts)[1]
    return float(observed[-1]) if observed.size else math.nan


def spread_skill(spreads: Sums, errors: Sums, count: int) -> float:
    """Return spread over error of an ensemble of `count` members [1]; 1 is calibrated, below 1 it is too sure.

    Root mean square of the spread, times sqrt((M + 1) / M), over that of the error of the mean (Fortin et al., J.
    Hydrometeorol. 15, 2014). `nan` where nothing is defined or the mean is never wrong.

    Parameters
    ----------
    spreads, errors
        Sums of standard deviations (n - 1) and of errors of the member mean, of the same values.
    """
    error = errors.root_mean_square
    return spreads.root_mean_square * math.sqrt((count + 1) / count) / error if error else math.nan


def together(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Return the sum of counts of ranks, the same in any order."""
    columns = np.array(list(parts), dtype="float64").T
    return np.array([math.fsum(column) for column in columns])


def _snapshots(members: np.ndarray, truth: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the members and the truth of one snapshot after the other, in double precision."""
    for n in range(truth.shape[0]):
        yield members[:, n].astype("float64"), truth[n].astype("float64")


def _finite_mean(values: np.ndarray) -> float:
    return float(values.mean()) if np.isfinite(values).all() else math.inf
