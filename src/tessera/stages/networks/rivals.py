"""What the latent model is compared with, trained by the same loop: on micro cases or not, then on few meso cases."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from tessera.data import scaling, schema
from tessera.data.scaling import Scales, Statistics
from tessera.errors import DataError
from tessera.learning.frames import Cases, bounds, select
from tessera.learning.frames import frames as read_frames
from tessera.learning.losses import weights
from tessera.learning.reconstruction import Autoencode
from tessera.learning.rollout import emulator
from tessera.learning.sampling import Halo, halo
from tessera.learning.tasks import RollOut, Teaching
from tessera.learning.train import Task
from tessera.models import build
from tessera.models.latentparc import STRIDE, LatentPARC
from tessera.stages.networks import training
from tessera.stages.networks.training import GRID, Stage
from tessera.study import PARCv2, Rival, Study, Training
from tessera.study.rivals import VELOCITY


def fit_rival(
    study: Study,
    model: str,
    meso_cases: int,
    seed: int,
    ensemble: Path,
    micro: Path | None,
    scales: Path,
    state: Path,
    out: Path,
    history: Path,
) -> None:
    """Train a rival: on all micro training cases if it has a pretraining, then on the first meso cases."""
    if model not in study.rivals:
        raise DataError(f"--model: expected one of {', '.join(study.rivals)}, got {model!r}")
    section = study.rivals[model]
    if (micro is None) != (section.pretraining is None):
        wanted = ("an ensemble", "none") if micro is None else ("none", str(micro))
        raise DataError("--micro: expected {} for this rival, got {}".format(*wanted))
    fields = list(study.seen(model))
    statistics = training.open_scales(study, scales, fields)
    known = _scales(section, statistics)
    meso = _cases(study, ensemble, fields, known, meso_cases)
    own = training.seed_of(study, model, seed)
    torch.manual_seed(own)
    arguments = {"fields": fields, **section.network, **_grid(section, known, meso)}
    module = build(section.kind, arguments).to(training.device_of(study))
    chosen = []
    if micro is not None and section.pretraining is not None:
        small, part = _cases(study, micro, fields, known, None), section.pretraining
        first = section.stages[0][0]
        chosen.append(
            Stage("micro", lambda: _task(model, section, module, first, part, small, statistics, known), part)
        )
    for name, part in section.stages:
        chosen.append(
            Stage(
                name,
                lambda name=name, part=part: _task(model, section, module, name, part, meso, statistics, known),  # type: ignore[misc]
                part,
            )
        )
    said = {
        "rival": section.model_dump(exclude={"meso_cases", "seeds", "label"}),
        "meso_cases": meso_cases,
        "seed": seed,
    }
    inputs = [path for path in (micro, ensemble, scales) if path is not None]
    learned = training.learn(study, chosen, said, inputs, own, state)
    grid = dict(zip(GRID, (meso.cell_size, meso.interval), strict=True))
    facts = {"model": model, "n_meso": meso_cases, "seed": seed, **grid}
    training.save(study, section.kind, module, statistics, known, said, facts, learned, out, history)


class _Cases(NamedTuple):
    """What a stage learns from: training and validation cases of one scale, and their grid."""

    train: Cases
    validation: Cases
    interval: float
    cell_size: float

    @property
    def halo(self) -> Halo:
        return halo(self.interval, self.cell_size)


def _cases(study: Study, path: Path, fields: list[str], scales: Scales, count: int | None) -> _Cases:
    dataset = training.open_ensemble(study, path, fields)
    chosen = select(dataset, "train", str(path), count), select(dataset, "validation", str(path))
    train, validation = (read_frames(part, scales, training.device_of(study), study.memory) for part in chosen)
    return _Cases(train, validation, schema.interval(dataset), schema.cell_size(dataset))


def _scales(section: Rival, statistics: dict[str, Statistics]) -> Scales:
    """Return the scales of a rival; what differs along two axes alone, as velocities do, has one scale for PARCv2."""
    known = scaling.scales(statistics, section.scaled)
    if isinstance(section, PARCv2) and section.scaled != "extremes":
        known |= dict.fromkeys(VELOCITY, max((known[name] for name in VELOCITY), key=lambda one: one.factor))
    return known


def _grid(section: Rival, scales: Scales, cases: _Cases) -> dict[str, float]:
    """Return the length of a step and of a cell: as the study says, or in the units that scaled velocities have."""
    if not isinstance(section, PARCv2):
        return {}
    physical = cases.cell_size / (scales[VELOCITY[0]].factor * cases.interval)
    return {"step": section.step, "spacing": physical if section.spacing is None else section.spacing}


def _task(
    model: str,
    section: Rival,
    module: nn.Module,
    name: str,
    part: Training,
    cases: _Cases,
    statistics: dict[str, Statistics],
    scales: Scales,
) -> Task:
    """Return the task of a stage; the network says what of it learns there, and knows the grid."""
    known: Any = module
    if hasattr(module, "learn"):
        known.learn(name)
    if hasattr(module, "on_grid"):
        known.on_grid(**_grid(section, scales, cases))
    said, recipe = f"{model}, {name}", training.recipe_of(part)
    count = weights(statistics, scales, part.hot_weight, part.temperature_weight)
    if isinstance(module, LatentPARC) and name == "autoencoder":
        return Autoencode(said, module, cases.train, cases.validation, recipe, count, scales, STRIDE)
    return RollOut(
        said,
        module,
        emulator(module, bounds(statistics, scales)),
        recipe,
        frames=cases.train,
        validation=cases.validation,
        weights=count,
        scales=scales,
        halo=cases.halo,
        teaching=Teaching(1.0 if isinstance(module, LatentPARC) else 0.0, 1.0),
    )
