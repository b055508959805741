"""The three stages of latent dynamics: fields alone, fields together, and the transfer to the meso scale."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import xarray as xr

from tessera.data import schema, store
from tessera.data.scaling import Scale, Statistics
from tessera.errors import DataError
from tessera.learning import checkpoint as checkpoints
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import Cases, select
from tessera.learning.frames import frames as read_frames
from tessera.learning.losses import Weights, weights
from tessera.learning.rollout import Tokens, of_model
from tessera.learning.sampling import Halo, halo
from tessera.learning.tasks import RollOut, Teaching
from tessera.models import build
from tessera.models.dynamics import Evolve
from tessera.models.tessera import Tessera, Tokenizers
from tessera.provenance import file_digest
from tessera.stages.networks import tokens, training
from tessera.stages.networks.training import Learned, Stage
from tessera.study import Comparison, Study, Training


def fit_decoupled(
    study: Study,
    field: str,
    latents: Path,
    state: Path,
    out: Path,
    history: Path,
    ensemble: Path | None = None,
    tokenizer: Path | None = None,
) -> None:
    """Train the map of one field alone on micro latents.

    Where the study weighs the decoded field too, `ensemble` holds the truth and `tokenizer` decodes.
    """
    if field not in study.token_fields:
        raise DataError(f"--field: expected one of {', '.join(study.token_fields)}, got {field!r}")
    section, variances = study.dynamics.decoupled, study.dynamics.log_variance
    teachers, digests = tokens.read_latents(study, latents, [field], "train")
    judges, _ = tokens.read_latents(study, latents, [field], "validation")
    seed = training.seed_of(study, "decoupled", field)
    torch.manual_seed(seed)
    arguments = {
        "channels": study.tokenizer.latent_channels,
        "map": section.map.model_dump(),
        "log_variance": variances,
    }
    module = build("evolve", arguments).to(training.device_of(study))
    assert isinstance(module, Evolve)
    seen = _Seen(None, None, None, None, {}, Halo())
    inputs = [latents]
    if section.decoded_weight:
        if ensemble is None or tokenizer is None:
            missing = "--ensemble" if ensemble is None else "--tokenizer"
            raise DataError(f"{missing}: expected a file, for dynamics.decoupled.decoded_weight is not 0, got none")
        seen = _one_field(study, field, ensemble, tokenizer, digests)
        inputs += [ensemble, tokenizer]
    emulator = Tokens(
        lambda known: {field: module(known[field])},
        seen.tokenizers,
        teachers.unit,
        variances,
        hold=False,
        hold_inlet=study.dynamics.hold_inlet,
    )
    task = RollOut(
        f"decoupled {field}",
        module,
        emulator,
        training.recipe_of(section.training),
        frames=seen.frames,
        validation=seen.validation,
        latents=teachers,
        validation_latents=judges,
        weights=seen.weights,
        scales=seen.scales,
        halo=seen.halo,
        teaching=_teaching(study, 1.0, section.decoded_weight, section.comparison),
    )
    said = {
        "field": field,
        "log_variance": variances,
        "hold_inlet": study.dynamics.hold_inlet,
        "decoupled": section.model_dump(),
    }
    stages = [Stage("decoupled", lambda: task, section.training)]
    learned = training.learn(study, stages, said, inputs, seed, state)
    facts = {"field": field, "tokenizers": digests}
    training.save(study, "evolve", module, {}, {}, said, facts, learned, out, history)


def fit_coupled(
    study: Study,
    latents: Path,
    ensemble: Path,
    tokenizers: Sequence[Path],
    decoupled: Sequence[Path],
    state: Path,
    out: Path,
    history: Path,
) -> None:
    """Train the map of all fields together on micro latents, behind the frozen maps of each field alone."""
    section = study.dynamics.coupled
    seed = training.seed_of(study, "coupled")
    torch.manual_seed(seed)
    mosaic = _mosaic(study, tokenizers, decoupled)
    cases = _Cases(latents, ensemble, None)
    stages = [
        Stage(
            "coupled",
            lambda: _latent(study, mosaic, cases, section.training, section.decoded_weight, section.comparison),
            section.training,
        )
    ]
    said = {"dynamics": study.dynamics.model_dump(exclude={"transfer"})}
    inputs = [latents, ensemble, *tokenizers, *decoupled]
    learned = training.learn(study, stages, said, inputs, seed, state)
    _save(study, mosaic, {"n_meso": 0, "seed": 0}, ensemble, said, learned, out, history)


def fit_transfer(
    study: Study,
    meso_cases: int,
    seed: int,
    latents: Path,
    ensemble: Path,
    coupled: Path,
    state: Path,
    out: Path,
    history: Path,
) -> None:
    """Fine-tune the coupled map on few meso cases: on latents, then end to end on what they decode to."""
    section = study.dynamics.transfer
    before = checkpoints.load(coupled, kind="tessera", study=study.name)
    own = training.seed_of(study, "transfer", seed)
    torch.manual_seed(own)
    arguments: Any = before.module.arguments
    model = build("tessera", {**arguments, "step": {**arguments["step"], "substeps": section.substeps}})
    assert isinstance(model, Tessera)
    model.load_state_dict(before.module.state_dict())
    mosaic = _Mosaic(model, before.statistics, before.scales, before.facts["tokenizers"])
    cases = _Cases(latents, ensemble, meso_cases)
    last, decoded = section.end_to_end, 0.0 if section.end_to_end else section.decoded_weight
    stages = [
        Stage(
            "latent",
            lambda: _latent(study, mosaic, cases, section.latent, decoded, section.comparison),
            section.latent,
        )
    ]
    if last is not None:
        stages.append(Stage("end_to_end", lambda: _end_to_end(study, mosaic, cases, last), last))
    said = {
        "transfer": section.model_dump(exclude={"meso_cases", "seeds"}),
        "meso_cases": meso_cases,
        "seed": seed,
    }
    learned = training.learn(study, stages, said, [latents, ensemble, coupled], own, state)
    _save(study, mosaic, {"n_meso": meso_cases, "seed": seed}, ensemble, said, learned, out, history)


class _Mosaic(NamedTuple):
    """The latent model and what its tokens mean."""

    model: Tessera
    statistics: dict[str, Statistics]
    scales: dict[str, Scale]
    tokenizers: dict[str, str]


class _Seen(NamedTuple):
    """What the map of one field alone is compared with in pixel space; nothing, where it is not."""

    tokenizers: Tokenizers | None
    frames: Cases | None
    validation: Cases | None
    weights: Weights | None
    scales: dict[str, Scale]
    halo: Halo


class _Cases(NamedTuple):
    """What is learned from: cached latents, the ensemble, and how many of its training cases."""

    latents: Path
    ensemble: Path
    training_cases: int | None


def _mosaic(study: Study, tokenizers: Sequence[Path], decoupled: Sequence[Path]) -> _Mosaic:
    """Return the latent model: trained tokenizers and maps of each field alone, a fresh coupled map."""
    fields, dynamics = list(study.token_fields), study.dynamics
    known = tokens.open_tokenizers(study, tokenizers)
    step = {
        "fields": fields,
        "channels": study.tokenizer.latent_channels,
        "log_variance": dynamics.log_variance,
        "decoupled_map": dynamics.decoupled.map.model_dump(),
        "coupled_map": dynamics.coupled.map.model_dump(),
        "substeps": 1,
    }
    what = {"fields": fields, "tokenizer": tokens.arguments(study), "step": step, "hold_inlet": dynamics.hold_inlet}
    model = build("tessera", what)
    assert isinstance(model, Tessera)
    mosaic = _Mosaic(
        model,
        {field: checkpoint.statistics[field] for field, (checkpoint, _) in known.items()},
        {field: checkpoint.scales[field] for field, (checkpoint, _) in known.items()},
        {field: digest for field, (_, digest) in known.items()},
    )
    for field, (checkpoint, _) in known.items():
        model.tokenizers[field].load_state_dict(checkpoint.module.state_dict())
    for path in decoupled:
        one = checkpoints.load(path, kind="evolve", study=study.name)
        field = one.facts["field"]
        if field not in fields:
            raise DataError(f"{path}: expected a map of {', '.join(fields)}, got one of {field!r}")
        _check_tokenizers(path, one.facts["tokenizers"], mosaic)
        model.step.decoupled[field].load_state_dict(one.module.state_dict())
    return mosaic


def _one_field(study: Study, field: str, ensemble: Path, tokenizer: Path, digests: dict[str, str]) -> _Seen:
    """Return what the map of one field is compared with where it is decoded, by the tokenizer of its latents."""
    checkpoint = checkpoints.load(tokenizer, kind="tokenizer", study=study.name)
    if checkpoint.facts["field"] != field:
        raise DataError(f"{tokenizer}: expected a tokenizer of {field}, got one of {checkpoint.facts['field']}")
    known = file_digest(tokenizer)
    if known != digests[field]:
        raise DataError(f"{tokenizer}: expected tokenizer {digests[field][:12]}, as of the latents, got {known[:12]}")
    coder = Tokenizers([field], tokens.arguments(study)).to(training.device_of(study)).requires_grad_(False)
    coder.tokenizers[field].load_state_dict(checkpoint.module.state_dict())
    dataset = training.open_ensemble(study, ensemble, [field])
    frames, validation = _frames(study, checkpoint, ensemble, None, dataset)
    section = study.dynamics.decoupled
    cells = _weights(checkpoint, section.training, section.comparison)
    return _Seen(coder, frames, validation, cells, checkpoint.scales, _halo(dataset))


def _teaching(study: Study, latent: float, decoded: float, comparison: Comparison) -> Teaching:
    """Return what roll-outs are compared with; latents that are not white are relative to their norm."""
    return Teaching(
        latent,
        decoded,
        relative=not study.tokenizer.whitening,
        over_steps=comparison.over_steps,
        over_fields=comparison.over_fields,
        drawn=comparison.drawn,
        fields=_decoded(study, comparison),
        frames=comparison.decoded_frames,
    )


def _decoded(study: Study, comparison: Comparison) -> list[str] | None:
    """Return the fields that are decoded to be compared, of those that both ensembles have; None for all."""
    if comparison.decoded_fields is None:
        return None
    chosen: list[str] = [field for field in study.token_fields if field in comparison.decoded_fields]
    if not chosen:
        asked, known = ", ".join(comparison.decoded_fields), ", ".join(study.token_fields)
        raise DataError(f"comparison.decoded_fields: expected some of {known}, got {asked}")
    return chosen


def _latent(
    study: Study, mosaic: _Mosaic, cases: _Cases, section: Training, decoded: float, comparison: Comparison
) -> RollOut:
    """Return the task that learns the coupled map from latents, and from decoded fields of some weight."""
    model, fields = mosaic.model, list(mosaic.model.fields)
    teachers, known = tokens.read_latents(study, cases.latents, fields, "train", cases.training_cases)
    judges, _ = tokens.read_latents(study, cases.latents, fields, "validation")
    _check_tokenizers(cases.latents, known, mosaic)
    model.to(training.device_of(study)).requires_grad_(False)
    model.step.freeze_decoupled()
    model.step.coupled.requires_grad_(True)
    dataset = training.open_ensemble(study, cases.ensemble, fields)
    frames = validation = None
    if decoded:
        frames, validation = _frames(study, mosaic, cases.ensemble, cases.training_cases, dataset)
    return RollOut(
        "coupled" if cases.training_cases is None else "transfer, latent",
        model,
        of_model(model),
        training.recipe_of(section),
        frames=frames,
        validation=validation,
        latents=teachers,
        validation_latents=judges,
        weights=_weights(mosaic, section, comparison, _decoded(study, comparison)),
        scales=mosaic.scales,
        halo=_halo(dataset),
        teaching=_teaching(study, 1.0, decoded, comparison),
    )


def _end_to_end(study: Study, mosaic: _Mosaic, cases: _Cases, section: Training) -> RollOut:
    """Return the task that learns the coupled map, and decoders if the study says so, end to end."""
    model, comparison = mosaic.model, study.dynamics.transfer.comparison
    dataset = training.open_ensemble(study, cases.ensemble, list(model.fields))
    frames, validation = _frames(study, mosaic, cases.ensemble, cases.training_cases, dataset)
    model.to(training.device_of(study)).requires_grad_(False)
    model.step.freeze_decoupled()
    model.step.coupled.requires_grad_(True)
    if study.dynamics.transfer.decoder == "fine-tuned":
        for tokenizer in model.tokenizers.values():
            tokenizer.decoder.requires_grad_(True)
    return RollOut(
        "transfer, end to end",
        model,
        of_model(model),
        training.recipe_of(section),
        frames=frames,
        validation=validation,
        weights=_weights(mosaic, section, comparison, _decoded(study, comparison)),
        scales=mosaic.scales,
        halo=_halo(dataset),
        teaching=_teaching(study, 0.0, 1.0, comparison),
    )


def _frames(
    study: Study, known: _Mosaic | Checkpoint, ensemble: Path, count: int | None, dataset: xr.Dataset
) -> tuple[Cases, Cases]:
    where, device = str(ensemble), training.device_of(study)
    chosen = select(dataset, "train", where, count), select(dataset, "validation", where)
    train, validation = (read_frames(part, known.scales, device, study.memory) for part in chosen)
    return train, validation


def _weights(
    known: _Mosaic | Checkpoint, section: Training, comparison: Comparison, counting: Sequence[str] | None = None
) -> Weights:
    return weights(
        known.statistics,
        known.scales,
        section.hot_weight,
        section.temperature_weight,
        error=comparison.error,
        over_fields=comparison.over_fields,
        counting=counting,
    )


def _halo(dataset: xr.Dataset) -> Halo:
    return halo(schema.interval(dataset), schema.cell_size(dataset))


def _check_tokenizers(path: Path, found: dict[str, str], mosaic: _Mosaic) -> None:
    """Refuse what was learned on the latents of other tokenizers."""
    for field, digest in found.items():
        expected = mosaic.tokenizers.get(field, "none")
        if expected != digest:
            raise DataError(f"{path}: {field}: expected latents of tokenizer {expected[:12]}, got {digest[:12]}")


def _save(
    study: Study,
    mosaic: _Mosaic,
    run: dict[str, int],
    ensemble: Path,
    section: Any,
    learned: Learned,
    out: Path,
    history: Path,
) -> None:
    facts = {
        "model": "tessera",
        **run,
        "tokenizers": mosaic.tokenizers,
        **training.grid_of(store.open_zarr(ensemble, verified=False)),
    }
    model, statistics, scales = mosaic.model, mosaic.statistics, mosaic.scales
    training.save(study, "tessera", model, statistics, scales, section, facts, learned, out, history)
