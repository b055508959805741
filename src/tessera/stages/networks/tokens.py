"""From fields to tokens: train a tokenizer, cache latents, and say what is lost."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from tessera import journal
from tessera.data import files, ledger, scaling, schema, store
from tessera.errors import DataError
from tessera.learning import checkpoint as checkpoints
from tessera.learning.checkpoint import Checkpoint
from tessera.learning.frames import Cases, front_columns, opened, select
from tessera.learning.frames import frames as read_frames
from tessera.learning.losses import weights
from tessera.learning.reconstruction import Divergence, Pictures, Reconstruct, whiten
from tessera.learning.rollout import LOG_VARIANCE
from tessera.learning.stored import Piece, Source, together
from tessera.models import build
from tessera.models.tokenizer import Tokenizer
from tessera.provenance import file_digest, provenance
from tessera.stages.networks import training
from tessera.stages.networks.training import SOURCES, Stage
from tessera.study import Study

GUIDES = ("temperature", "microstructure")
log = logging.getLogger("tessera")


def arguments(study: Study) -> dict[str, object]:
    """Return the arguments of the study's tokenizers."""
    section = study.tokenizer
    return {
        "downsampling": section.downsampling,
        "widths": list(section.widths),
        "latent_channels": section.latent_channels,
        "padding": section.padding,
        "kind": section.architecture,
        "log_variance_bounds": section.log_variance_bounds,
        "initialisation": section.initialisation,
    }


def fit_tokenizer(
    study: Study, field: str, scales: Path, ensembles: Sequence[Path], state: Path, out: Path, history: Path
) -> None:
    """Train the tokenizer of one field and write its checkpoint."""
    if field not in study.token_fields:
        raise DataError(f"--field: expected one of {', '.join(study.token_fields)}, got {field!r}")
    names = list(dict.fromkeys((field, *(g for g in GUIDES if g in study.token_fields))))
    statistics = training.open_scales(study, scales, names)
    section = study.tokenizer
    scale = scaling.scales(statistics, section.normalisation)
    device = training.device_of(study)
    teachers, judges = [], []
    for path in ensembles:
        dataset = training.open_ensemble(study, path, names)
        teachers.append(read_frames(select(dataset, "train", str(path)), scale, device, study.memory))
        judges.append(read_frames(select(dataset, "validation", str(path)), scale, device, study.memory))
    seed = training.seed_of(study, "tokenizer", field)
    torch.manual_seed(seed)
    module = build("tokenizer", arguments(study)).to(device)
    assert isinstance(module, Tokenizer)
    recipe = training.recipe_of(section.training)
    task = Reconstruct(
        field,
        module,
        teachers,
        judges,
        recipe,
        weights(statistics, scale, recipe.hot_weight, 1.0, error=section.error),
        Pictures(section.edge_weight, section.edges, section.perceptual_weight, section.over_cells, section.over_batch),
        Divergence(section.kl_weight, section.kl_from),
        scale,
        mirrored=section.mirrored,
    )
    said = {"field": field, "tokenizer": section.model_dump()}
    stages = [Stage("tokenizer", lambda: task, section.training)]
    learned = training.learn(study, stages, said, [scales, *ensembles], seed, state)
    if section.whitening:
        whiten(module, teachers, field)
    training.save(
        study,
        "tokenizer",
        module,
        {field: statistics[field]},
        {field: scale[field]},
        said,
        {"field": field},
        learned,
        out,
        history,
    )


def open_tokenizers(study: Study, paths: Sequence[Path]) -> dict[str, tuple[Checkpoint, str]]:
    """Return each field's tokenizer and the digest of its file.

    Raises
    ------
    DataError
        A checkpoint is broken, of another study, or not one for each field of the study.
    """
    found = {}
    for path in paths:
        checkpoint = checkpoints.load(path, kind="tokenizer", study=study.name)
        found[str(checkpoint.facts["field"])] = checkpoint, file_digest(path)
    if set(found) != set(study.token_fields):
        raise DataError(
            f"tokenizers: expected one for each of {', '.join(study.token_fields)}, got {', '.join(sorted(found))}"
        )
    return {field: found[field] for field in study.token_fields}


def encode(study: Study, ensemble: Path, paths: Sequence[Path], out: Path) -> None:
    """Cache the latents of all cases of an ensemble, and the columns of the shock front."""
    dataset = training.open_ensemble(study, ensemble, study.token_fields)
    found = open_tokenizers(study, paths)
    device, unit = training.device_of(study), study.tokenizer.downsampling
    dims = ("case", "time", "token_y", "token_x", "channel")
    variables = {}
    for field, (checkpoint, _) in found.items():
        module = checkpoint.module.to(device)
        assert isinstance(module, Tokenizer)
        tokens = [
            _encode(module, field, checkpoint, dataset.isel(case=n), device) for n in range(dataset.sizes["case"])
        ]
        for name, values in zip(("mean", "log_var"), zip(*tokens, strict=True), strict=True):
            variables[f"{field}_{name}"] = (dims, np.stack(values))
        log.info("%s: %s encoded", out, field)
        done = len(variables) // 2
        journal.progress("encode", done / len(found), f"{done} of {len(found)} fields")
    front = np.concatenate(
        [front_columns(dataset["pressure"].isel(case=[n]).values) for n in range(dataset.sizes["case"])]
    )
    kept = schema.coordinates_of(dataset, "time")
    places = {f"token_{axis}": dataset[axis].values.reshape(-1, unit).mean(axis=1) for axis in "yx"}
    latents = xr.Dataset({**variables, "front": (("case", "time"), front)}, coords={**kept, **places})
    latents["front"].attrs = {"long_name": "last stored column behind the shock front", "units": "1"}
    digests = {field: known for field, (_, known) in found.items()}
    latents.attrs = {
        **provenance(study.name, study.tokenizer.model_dump(), SOURCES),
        "title": f"latents of {dataset.attrs.get('title', ensemble.stem)}",
        "downsampling": unit,
        "tokenizers": [f"{field}={known}" for field, known in digests.items()],
    }
    store.save_zarr(latents, out)


def read_latents(
    study: Study, manifest: Path, fields: Sequence[str], split: str, count: int | None = None
) -> tuple[Cases, dict[str, str]]:
    """Open cached latents of a split, by field, and the digests of their tokenizers."""
    variances = study.dynamics.log_variance
    dataset = store.open_zarr(manifest)
    files.check_study(manifest, dataset.attrs.get("study"), study.name)
    wanted = {field: f"{field}_mean" for field in fields}
    if variances:
        wanted |= {field + LOG_VARIANCE: f"{field}_log_var" for field in fields}
    missing = [name for name in wanted.values() if name not in dataset]
    if missing:
        raise DataError(f"{manifest}: expected latents of {', '.join(fields)}, got none named {missing[0]!r}")
    chosen = select(dataset, split, str(manifest), count)
    cases = tuple(int(case) for case in chosen["case"].values)
    digests = dict(text.split("=", 1) for text in np.atleast_1d(dataset.attrs["tokenizers"]))
    known = {field: digests[field] for field in fields}
    front, variables = chosen["front"].values, {name: chosen.variables[one] for name, one in wanted.items()}

    def read(piece: Piece) -> np.ndarray:
        values = variables[piece.name].isel(case=piece.case, time=slice(piece.first, piece.end)).values
        return np.ascontiguousarray(np.moveaxis(values, -1, 1))

    shapes = {}
    for name, variable in variables.items():
        _, time_, *axes, channels = variable.shape
        shapes[name] = time_, channels, *axes
    lying = {name: together(variable) for name, variable in variables.items()}
    unit = int(dataset.attrs["downsampling"])
    source = Source(read, shapes, lying, lambda case: front[case], cases, unit)
    return opened(source, training.device_of(study), study.memory), known


def reconstruct(study: Study, ensemble: Path, paths: Sequence[Path], split: str, out: Path) -> None:
    """Encode and decode the truth of a split, a store of the same schema as the truth."""
    dataset = select(training.open_ensemble(study, ensemble, study.token_fields), split, str(ensemble))
    device, begin = training.device_of(study), time.process_time()
    variables = {}
    for field, (checkpoint, _) in open_tokenizers(study, paths).items():
        module = checkpoint.module.to(device)
        assert isinstance(module, Tokenizer)
        decoded = [
            _decode(module, field, checkpoint, dataset.isel(case=n), device) for n in range(dataset.sizes["case"])
        ]
        variables[field] = (schema.DIMS, np.stack(decoded))
    kept = schema.coordinates_of(dataset, *schema.COORDINATES)
    result = schema.describe(xr.Dataset(variables, coords=kept))
    result.attrs |= {
        **provenance(study.name, study.tokenizer.model_dump(), SOURCES),
        "title": f"reconstruction of the {split} cases by the tokenizers of study {study.name}",
        "model": "reconstruction",
        "scale": str(dataset.attrs.get("scale", ensemble.stem)),
        "split": split,
    }
    ledger.write(out, {"core_seconds": time.process_time() - begin})
    store.save_zarr(result, out)


@torch.no_grad()
def _encode(
    module: Tokenizer, field: str, checkpoint: Checkpoint, case: xr.Dataset, device: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and log-variance of a case, each (time, token_y, token_x, channel)."""
    scaled = checkpoint.scales[field].apply(case[field].values).astype(np.float32)
    token = module.encode(torch.from_numpy(scaled).to(device))
    assert token.log_var is not None
    mean, log_var = (part.permute(0, 2, 3, 1).cpu().numpy() for part in (token.mean, token.log_var))
    return mean, log_var


@torch.no_grad()
def _decode(module: Tokenizer, field: str, checkpoint: Checkpoint, case: xr.Dataset, device: str) -> np.ndarray:
    scaled = checkpoint.scales[field].apply(case[field].values).astype(np.float32)
    decoded = module.decode(module.encode(torch.from_numpy(scaled).to(device)).mean)
    return checkpoint.scales[field].invert(decoded.cpu().numpy())
