"""What a simulation says of each published quantity, from its stored fields alone.

The bulk is read along the lower and upper edge of the meso box, where there are no pores: between the contact, the
plane of matter that began at the inlet, and the front. Its pressure falls there by a twentieth as waves of release come
from the pores, and they slow the front; both are read along the edges of the micro box, before they come. Matter that
an inlet overheats is read in a block without pores. What has burnt is the inside of the hotspots late in a case.
"""

import numpy as np
import xarray as xr
from scipy import ndimage

from tessera.evaluation import front, metrics, regions
from tessera.validation.published import THRESHOLDS

EDGE = 0.04  # share of the rows on either side that the bulk is read from
APART, NEAR = 1.0e-6, 2.0e-7  # distance kept from contact and front, at the edges and early [m]
FIRST = 1  # snapshot of the micro box until the next of which no edge feels the pore
EARLY = (3, 9)  # snapshots between which the bulk is read
GROWING = (22, 27)  # snapshots between which burnt radii are compared
BURNT = 2500.0  # temperature above which a cell is inside a burnt hotspot [K]
COLD = 875.0  # temperature below which nothing has reacted [K]
FIERCE = 6000.0  # temperature that no plateau reaches [K]
SOLID = 0.99  # share of solid of a cell without void


def hotspots(case: xr.Dataset, snapshots: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return shares of the area above the thresholds [1] and mean temperatures above the first [K], per snapshot.

    Parameters
    ----------
    case
        Fields (time, y, x).
    snapshots
        Numbers of the snapshots.
    """
    temperature = case["temperature"].values[list(snapshots)]
    cell = 1.0 / (temperature.shape[-1] * temperature.shape[-2])
    areas = [metrics.hotspot_area(temperature, threshold, cell) for threshold in THRESHOLDS]
    mean = metrics.hotspot_temperature(temperature, THRESHOLDS[0])
    return dict(zip(("hot", "hotter", "burnt", "temperature"), [*areas, mean], strict=True))


def front_state(case: xr.Dataset, velocity: float) -> dict[str, float]:
    """Return the pressure behind the front [Pa] and its speed [m/s], early along the edges of a micro case.

    A pore that reaches to an edge holds the front up there: the farther of both counts.

    Parameters
    ----------
    case
        Fields (time, y, x).
    velocity
        Particle velocity at the inlet [m/s].
    """
    values = case["pressure"].isel(y=_edges(case)).values[: FIRST + 2]
    x, time = case["x"].values, case["time"].values
    places = front.positions(values, front.plateau(values[FIRST : FIRST + 1]), x)
    inside = (x > velocity * time[FIRST] + NEAR) & (x < metrics.mean_defined(places[FIRST]) - NEAR)
    start, end = (np.max([metrics.mean_defined(edge) for edge in np.split(row, 2)]) for row in places[FIRST:])
    return {
        "bulk_pressure": _median([values[FIRST][:, inside].ravel()]),
        "front_speed": float((end - start) / (time[FIRST + 1] - time[FIRST])),
    }


def bulk(case: xr.Dataset, velocity: float) -> dict[str, float]:
    """Return temperatures [K] and the speed [m/s] of matter in which there are no pores.

    Parameters
    ----------
    case
        Fields (time, y, x) of a meso case.
    velocity
        Particle velocity at the inlet [m/s].
    """
    edges = case.isel(y=_edges(case))
    time, x = case["time"].values, case["x"].values
    level = front.plateau(edges["pressure"].values)
    places = metrics.mean_defined(front.positions(edges["pressure"].values, level, x), axis=-1)
    inside: dict[str, list[np.ndarray]] = {"temperature": [], "velocity_x": []}
    for n in range(EARLY[0], min(EARLY[1], time.size - 1) + 1):
        contact = velocity * time[n]
        behind = (x > contact + APART) & (x < places[n] - APART)
        for name, found in inside.items():
            found.append(edges[name].values[n][:, behind].ravel())
    return {"bulk_temperature": _median(inside["temperature"]), "contact_speed": _median(inside["velocity_x"])}


def inlet(block: xr.Dataset, velocity: float) -> dict[str, float]:
    """Return the temperature [K] of matter that has been fed.

    Parameters
    ----------
    block
        Fields (time, y, x) of a case without pores.
    velocity
        Particle velocity at the inlet [m/s].
    """
    temperature, x, time = block["temperature"].values, block["x"].values, block["time"].values
    snapshots = range(EARLY[0], min(EARLY[1], time.size - 1) + 1)
    return {
        "inflow_temperature": _median([temperature[n][:, x < velocity * time[n] - APART].ravel() for n in snapshots])
    }


def late(
    case: xr.Dataset, part: tuple[tuple[float, float], tuple[float, float]], velocity: float, speed: float
) -> dict[str, float]:
    """Return temperatures [K] of burnt and of multiply shocked matter in the last snapshot.

    Parameters
    ----------
    case
        Fields (time, y, x) of a meso case.
    part
        Where the pores were, ((x0, x1), (y0, y1)), as shares of the box.
    velocity, speed
        Of the matter behind the front, and of the front [m/s].
    """
    last = case.isel(time=-1)
    temperature, solid = last["temperature"].values, last["microstructure"].values
    burnt = ndimage.binary_erosion(temperature > BURNT, iterations=2)
    reacted = ndimage.binary_dilation(temperature > COLD, iterations=3)
    length, height = (float(case[axis].values[-1] + case[axis].values[0]) for axis in ("x", "y"))
    start, end = (velocity * float(last["time"]) + share * length * (1.0 - velocity / speed) for share in part[0])
    here = (last["x"].values > start) & (last["x"].values < end)
    rows = (last["y"].values > part[1][0] * height) & (last["y"].values < part[1][1] * height)
    unreacted = rows[:, None] & here[None, :] & ~reacted & (solid > SOLID)
    low, middle, high = np.quantile(temperature[burnt], (0.1, 0.5, 0.9)) if burnt.any() else [np.nan] * 3
    return {
        "plateau_low": float(low),
        "plateau": float(middle),
        "plateau_high": float(high),
        "multiply_shocked": float(np.median(temperature[unreacted])) if unreacted.any() else np.nan,
    }


def growth(case: xr.Dataset) -> float:
    """Return how fast the mean radius of the hotspots grows [m/s], as it was got for the published sample.

    The radius is that of discs that share the mean area of two snapshots, as many as there are hotspots.
    """
    first, second = (case.isel(time=n) for n in GROWING)
    spacing = float(case["x"].values[1] - case["x"].values[0])
    masks = [metrics.hotspot_mask(each["temperature"].values, THRESHOLDS[0]) for each in (first, second)]
    areas = [mask.sum() * spacing**2 for mask in masks]
    number = np.mean([regions.count(mask) for mask in masks])
    if number == 0.0:
        return float("nan")
    radius = np.sqrt(np.mean(areas) / (number * np.pi))
    rate = (areas[1] - areas[0]) / float(second["time"] - first["time"])
    return float(rate / (number * 2.0 * np.pi * radius))


def extremes(case: xr.Dataset) -> dict[str, float]:
    """Return the highest pressure [Pa] and the lowest and highest velocity along x [m/s] of a case."""
    return {
        "pressure_highest": float(case["pressure"].max()),
        "velocity_lowest": float(case["velocity_x"].min()),
        "velocity_highest": float(case["velocity_x"].max()),
    }


def hottest(case: xr.Dataset) -> dict[str, float]:
    """Return the highest temperature of a cell [K], and the share of what is ever hot that is above `FIERCE` [1]."""
    temperature = case["temperature"].values
    hot = np.count_nonzero(temperature > COLD)
    return {
        "highest": float(temperature.max()),
        "fierce": np.count_nonzero(temperature > FIERCE) / hot if hot else float("nan"),
    }


def _edges(case: xr.Dataset) -> list[int]:
    """Return the rows along the lower and the upper edge."""
    rows = max(1, round(EDGE * case.sizes["y"]))
    return [*range(rows), *range(case.sizes["y"] - rows, case.sizes["y"])]


def _median(parts: list[np.ndarray]) -> float:
    values = np.concatenate(parts)
    return float(np.median(values)) if values.size else float("nan")


__all__ = ["bulk", "extremes", "front_state", "growth", "hotspots", "hottest", "inlet", "late"]
