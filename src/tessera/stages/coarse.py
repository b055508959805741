"""The solver as a rival of networks: the same cases on a coarser grid, at a cost like theirs.

A surrogate that is no better than its solver on a grid of equal cost is worth nothing (N. McGreivy and A. Hakim, Weak
baselines and reporting biases lead to overoptimism in machine learning for fluid-related partial differential
equations, Nature Machine Intelligence 6, 2024). Twice as coarse costs an eighth: a quarter of the
cells, half the steps.
"""

import logging
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import ndimage

from tessera import journal
from tessera.data import files, ledger, schema, store
from tessera.errors import DataError
from tessera.provenance import file_digest, provenance
from tessera.simulation import design as designs
from tessera.stages import ensembles
from tessera.study import Study

SOURCES = ("physics", "simulation", "stages/coarse")
log = logging.getLogger("tessera")


def predict_coarse(
    study: Study, scale: str, coarsening: int, design: Path, ensemble: Path, split: str, out: Path
) -> None:
    """Solve the cases of a split on a grid of `coarsening` computed cells along each axis, as a prediction.

    Like every prediction it begins with the truth up to the study's `evaluation.start`; unlike the networks, which see
    that snapshot alone, the coarse solver starts from the design.
    """
    if coarsening not in study.evaluation.coarsening:
        known = ", ".join(map(str, study.evaluation.coarsening)) or "none"
        raise DataError(f"--coarsening: expected one of {known}, as evaluation.coarsening has it, got {coarsening}")
    truth = store.open_zarr(ensemble)
    files.check_study(ensemble, truth.attrs.get("study"), study.name)
    truth = truth.isel(case=np.flatnonzero(truth["split"].values == split))
    drawn, start = ensembles.open_design(study, scale, design), study.evaluation.start
    cell_size = coarsening * ensembles.simulated(study, scale).computed_cell_size
    fields = list(schema.SIMULATED)
    made: dict[str, list[np.ndarray]] = {name: [] for name in fields}
    spent = 0.0
    numbers = truth["case"].values.tolist()
    for done, number in enumerate(numbers, start=1):
        case = drawn.sel(case=number)
        solid = averaged(designs.solid_fraction(case), coarsening)
        solved = ensembles.solved(study, scale, case, solid, cell_size, 1)
        spent += solved.attrs["core_seconds"]
        real = truth.sel(case=number)
        for name in fields:
            first = real[name].values[: start + 1]
            later = resampled(solved[name].values[start + 1 :], real[name].shape[1:])
            made[name].append(np.concatenate([first, later]))
        log.info("%s: case %d solved in %.2f core-seconds", out, number, solved.attrs["core_seconds"])
        journal.progress("coarse", done / len(numbers), f"{done} of {len(numbers)} cases")
    kept = schema.coordinates_of(truth, *schema.COORDINATES)
    variables = {name: (schema.DIMS, np.stack(values).astype(np.float32)) for name, values in made.items()}
    result = schema.describe(xr.Dataset(variables, coords=kept))
    section = {"design": file_digest(design), "coarsening": coarsening, "start": start}
    result.attrs |= provenance(study.name, section, SOURCES) | {
        "title": f"{split} cases of study {study.name} by the solver, {coarsening} times as coarse",
        "model": f"coarse{coarsening}",
        "scale": scale,
        "split": split,
        "start_frame": start,
    }
    ledger.write(out, {"core_seconds": spent})
    store.save_zarr(result, out)


def averaged(solid: np.ndarray, coarsening: int) -> np.ndarray:
    """Return the mean share of solid of blocks of cells, from shares (y, x) whose sizes `coarsening` divides."""
    ny, nx = (size // coarsening for size in solid.shape)
    return solid.reshape(ny, coarsening, nx, coarsening).mean(axis=(1, 3))


def resampled(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return fields (time, y, x) on the cell centres of another grid (y, x) of the same box.

    Linear between cell centres, constant beyond the outermost ones; exact for linear fields inside.
    """
    places = [(np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(shape, values.shape[1:], strict=True)]
    at = np.meshgrid(*places, indexing="ij")
    return np.stack([ndimage.map_coordinates(one, at, order=1, mode="nearest") for one in values])


__all__ = ["predict_coarse"]
