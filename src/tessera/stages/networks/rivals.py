"""What the latent model is compared with, trained on meso cases alone by the same loop."""

from pathlib import Path
from typing import Any

import torch

from tessera.data import scaling, schema
from tessera.learning.frames import bounds, select
from tessera.learning.frames import frames as read_frames
from tessera.learning.losses import weights
from tessera.learning.rollout import Pixels
from tessera.learning.sampling import halo
from tessera.learning.tasks import RollOut, Teaching
from tessera.models import build
from tessera.models.parc import VELOCITY, PARCv2
from tessera.stages.networks import training
from tessera.stages.networks.training import Stage
from tessera.study import Study, Training


def fit_parcv2(
    study: Study,
    meso_cases: int,
    seed: int,
    ensemble: Path,
    scales: Path,
    state: Path,
    out: Path,
    history: Path,
) -> None:
    """Train PARCv2: its differentiator with the numerical integrator, then the correction if it has one."""
    section = study.rivals.parcv2
    arguments = section.model_dump(
        include={"features", "widths", "mapping_width", "integrator", "padding", "statistics", "correction"}
    )
    said = {"parcv2": section.model_dump(exclude={"meso_cases", "seeds"})}
    stages = [("differentiator", section.training)]
    if section.correction_training is not None:
        stages.append(("correction", section.correction_training))
    _fit(
        study,
        "parcv2",
        "range",
        arguments,
        said,
        stages,
        (meso_cases, seed),
        ensemble,
        scales,
        state,
        out,
        history,
    )


def fit_cnext(
    study: Study,
    meso_cases: int,
    seed: int,
    ensemble: Path,
    scales: Path,
    state: Path,
    out: Path,
    history: Path,
) -> None:
    """Train the residual CNextU-Net."""
    section = study.rivals.cnext
    arguments = section.model_dump(include={"unshuffle", "widths", "blocks"})
    said = {"cnext": section.model_dump(exclude={"meso_cases", "seeds"})}
    stages = [("pixels", section.training)]
    _fit(
        study,
        "cnext",
        "standard",
        arguments,
        said,
        stages,
        (meso_cases, seed),
        ensemble,
        scales,
        state,
        out,
        history,
    )


def _fit(
    study: Study,
    kind: str,
    scale: scaling.Kind,
    arguments: dict[str, Any],
    section: Any,
    stages: list[tuple[str, Training]],
    run: tuple[int, int],
    ensemble: Path,
    scales: Path,
    state: Path,
    out: Path,
    history: Path,
) -> None:
    """Train a model in pixel space on the first meso cases."""
    meso_cases, seed = run
    fields, where, device = list(study.fields("meso")), str(ensemble), training.device_of(study)
    statistics = training.open_scales(study, scales, fields)
    known = scaling.scales(statistics, scale)
    dataset = training.open_ensemble(study, ensemble, fields)
    if kind == "parcv2":
        # Advection needs velocities of one scale, and cells in the length that such a velocity passes in a step.
        fastest = max((known[name] for name in VELOCITY), key=lambda one: one.factor)
        known |= dict.fromkeys(VELOCITY, fastest)
        spacing = schema.cell_size(dataset) / (fastest.factor * schema.interval(dataset))
        arguments = {**arguments, "step": 1.0, "spacing": spacing}
    teachers = read_frames(select(dataset, "train", where, meso_cases), known, device)
    judges = read_frames(select(dataset, "validation", where), known, device)
    own = training.seed_of(study, kind, seed)
    torch.manual_seed(own)
    module = build(kind, {"fields": fields, **arguments}).to(device)
    emulator = Pixels(module, bounds(statistics, known))

    def task(name: str, part: Training) -> RollOut:
        if isinstance(module, PARCv2):
            module.learn(name)
        return RollOut(
            f"{kind}, {name}",
            module,
            emulator,
            training.recipe_of(part),
            frames=teachers,
            validation=judges,
            weights=weights(statistics, known, part.hot_weight, part.temperature_weight),
            scales=known,
            halo=halo(schema.interval(dataset), schema.cell_size(dataset)),
            teaching=Teaching(0.0, 1.0),
        )

    chosen = [Stage(name, lambda name=name, part=part: task(name, part), part) for name, part in stages]  # type: ignore[misc]
    said = {**section, "meso_cases": meso_cases, "seed": seed}
    learned = training.learn(study, chosen, said, [ensemble, scales], own, state)
    facts = {"model": kind, "n_meso": meso_cases, "seed": seed, **training.grid_of(dataset)}
    training.save(study, kind, module, statistics, known, said, facts, learned, out, history)
