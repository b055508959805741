"""Image figures: the ensembles, what the tokenizers keep, and roll-outs beside the truth."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from tessera.data.schema import FIELDS
from tessera.evaluation import figures


class Rollout(NamedTuple):
    """One model's fields of one case, to be shown beside the truth.

    Attributes
    ----------
    model
        Name of the model.
    detail
        What it learnt from, in a few words.
    fields
        By name, shape (time, y, x), SI units; of a model with members, the first member.
    tint
        Its colour; by default that of the model alone.
    """

    model: str
    detail: str
    fields: dict[str, np.ndarray]
    tint: str = ""

    @property
    def colour(self) -> str:
        """The colour in which it is named."""
        return self.tint or figures.colour(self.model)


PORES = ("microstructure", "initial_microstructure")


def ensemble(dataset: xr.Dataset, cases: Sequence[int], snapshots: Sequence[int]) -> Figure:
    """Show cases of an ensemble, one per row: its microstructure, then its temperature as time goes on.

    Parameters
    ----------
    dataset
        Dims (case, time, y, x).
    cases
        Numbers of the cases to show.
    snapshots
        Snapshots of the temperature, in rising order.

    The pores are left out where the data do not show them.
    """
    chosen = [dataset.sel(case=case) for case in cases]
    temperature = [one["temperature"].isel(time=list(snapshots)).values for one in chosen]
    scale = figures.limits("temperature", np.stack(temperature))
    with figures.styled():
        grid = figures.panels(len(cases), len(snapshots) + 1, _aspect(dataset))
        for row, one in enumerate(chosen):
            pores = next((one[name] for name in PORES if name in one), None)
            if pores is None:
                grid.axes[row, 0].set_axis_off()
            else:
                figures.show(grid.axes[row, 0], pores.isel(time=0).values, str(pores.name), (0.0, 1.0))
            for column, values in enumerate(temperature[row]):
                image = figures.show(grid.axes[row, column + 1], values, "temperature", scale)
            detail = f"porosity {float(one['porosity']):.1%}" if "porosity" in one.coords else ""
            figures.row_label(grid, row, f"case {int(one['case'])}", detail=detail)
        grid.axes[0, 0].set_title("pores at the start")
        _times(grid, [dataset["time"].values[n] for n in snapshots], first=1)
        figures.colour_bar(grid, 0, image, _label("temperature"), last=len(cases) - 1)
    return grid.figure


def reconstruction(truth: xr.Dataset, decoded: xr.Dataset, case: int, snapshot: int) -> Figure:
    """Show every field of a snapshot, what its tokenizer makes of it, and the difference.

    Parameters
    ----------
    truth, decoded
        Dims (case, time, y, x); `decoded` holds the fields that have a tokenizer.
    case, snapshot
        What to show.
    """
    names = [name for name in FIELDS if name in decoded.data_vars]
    with figures.styled():
        grid = figures.panels(len(names), 3, _aspect(truth), left=1.5, right=2.2)
        for row, name in enumerate(names):
            real = truth[name].sel(case=case).isel(time=snapshot).values
            made = decoded[name].sel(case=case).isel(time=snapshot).values
            scale = figures.limits(name, real)
            image = figures.show(grid.axes[row, 0], real, name, scale)
            figures.show(grid.axes[row, 1], made, name, scale)
            largest = figures.largest(made - real)
            error = figures.show_error(grid.axes[row, 2], made - real, name, largest)
            figures.row_label(grid, row, figures.LOOKS[name].label)
            figures.colour_bar(grid, row, image, figures.symbol(FIELDS[name].units))
            figures.second_bar(grid, row, error, figures.labelled("error", FIELDS[name].units))
        for column, title in enumerate(("simulation", "decoded", "decoded − simulation")):
            grid.axes[0, column].set_title(title)
    return grid.figure


def rollouts(
    truth: dict[str, np.ndarray],
    predictions: Sequence[Rollout],
    field: str,
    snapshots: Sequence[int],
    times: np.ndarray,
    *,
    errors: bool = True,
) -> Figure:
    """Show a field of one case at a few snapshots: the truth, every model, and every model's error.

    Parameters
    ----------
    truth
        Fields by name, shape (time, y, x), SI units.
    predictions
        The models; those without the field are left out.
    field
        What to show.
    snapshots, times
        Which snapshots, and the time of every snapshot [s].
    errors
        Whether error maps follow, on one scale that a single model which breaks does not set.
    """
    able = [rollout for rollout in predictions if field in rollout.fields]
    wanted = list(snapshots)
    real = truth[field][wanted]
    scale = figures.limits(field, real)
    made = [rollout.fields[field][wanted] for rollout in able]
    largest = figures.shared([figures.largest(one - real) for one in made])
    count = 1 + len(able) * (2 if errors else 1)
    with figures.styled():
        grid = figures.panels(count, len(wanted), real.shape[1] / real.shape[2])
        for column, values in enumerate(real):
            image = figures.show(grid.axes[0, column], values, field, scale)
        figures.row_label(grid, 0, figures.name("truth"))
        for row, (rollout, values) in enumerate(zip(able, made, strict=True), start=1):
            for column, one in enumerate(values):
                figures.show(grid.axes[row, column], one, field, scale)
            figures.row_label(grid, row, figures.name(rollout.model), tint=rollout.colour, detail=rollout.detail)
        figures.colour_bar(grid, 0, image, _label(field), last=len(able))
        for row, (rollout, values) in enumerate(zip(able, made, strict=True), start=1 + len(able)):
            if not errors:
                break
            for column, one in enumerate(values):
                error = figures.show_error(grid.axes[row, column], one - real[column], field, largest)
            figures.row_label(grid, row, figures.name(rollout.model), tint=rollout.colour, detail="error")
        if errors and able:
            label = figures.labelled("prediction − simulation", FIELDS[field].units)
            figures.colour_bar(grid, 1 + len(able), error, label, last=count - 1)
        _times(grid, [times[n] for n in wanted])
    return grid.figure


def _label(field: str) -> str:
    return figures.labelled(figures.LOOKS[field].label, FIELDS[field].units)


def _aspect(dataset: xr.Dataset) -> float:
    return dataset.sizes["y"] / dataset.sizes["x"]


def _times(grid: figures.Panels, times: Sequence[float], first: int = 0) -> None:
    for column, time in enumerate(times, start=first):
        grid.axes[0, column].set_title(figures.instant(time))
