"""Checkpoints: one safetensors file with weights, arguments, scales and provenance; it opens alone."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from tessera.data import files, seals
from tessera.data.scaling import Scale, Statistics
from tessera.errors import DataError
from tessera.models import build

FORMAT = "tessera-checkpoint-1"


class Checkpoint(NamedTuple):
    """A trained network and what one must know to use it.

    Attributes
    ----------
    kind
        Name of the network in `tessera.models.MODELS`.
    module
        The network, in evaluation mode, on the processor.
    statistics, scales
        Statistics of the training split [SI] and scales of each field.
    facts
        Provenance: study, digests, versions, what it learned from.
    training
        What the training reached; what it cost stands apart from it.
    """

    kind: str
    module: nn.Module
    statistics: dict[str, Statistics]
    scales: dict[str, Scale]
    facts: dict[str, Any]
    training: dict[str, Any]

    @property
    def study(self) -> str:
        """Name of the study."""
        return str(self.facts.get("study"))


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint with its checksum, whole or not at all."""
    arguments: Any = checkpoint.module.arguments
    metadata = {
        "format": FORMAT,
        "kind": checkpoint.kind,
        "arguments": json.dumps(arguments),
        "statistics": json.dumps({name: s._asdict() for name, s in checkpoint.statistics.items()}),
        "scales": json.dumps({name: s._asdict() for name, s in checkpoint.scales.items()}),
        "facts": json.dumps(checkpoint.facts),
        "training": json.dumps(checkpoint.training),
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in checkpoint.module.state_dict().items()}
    checksum = _digest(safetensors.torch.save(weights, metadata))
    files.write_bytes(path, _sorted(safetensors.torch.save(weights, {**metadata, seals.KEY: checksum})))


def load(path: Path, *, kind: str | None = None, study: str | None = None) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path
        The file.
    kind
        Which network it must hold, if it matters.
    study
        Whose it must be, if it matters.

    Raises
    ------
    DataError
        The file is missing, damaged, or not what was expected.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a checkpoint, found none")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata.get("format") != FORMAT:
            raise DataError(f"{path}: expected format {FORMAT}, got {metadata.get('format')!r}")
        seals.check(path, metadata.get(seals.KEY), _digest(path.read_bytes()))
        found = str(metadata["kind"])
        statistics = {n: Statistics(**s) for n, s in _content(metadata, "statistics").items()}
        scales = {n: Scale(**s) for n, s in _content(metadata, "scales").items()}
        facts, training = _content(metadata, "facts"), _content(metadata, "training")
        arguments = _content(metadata, "arguments")
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        what = f"expected a whole checkpoint, got {files.short(error)}"
        raise DataError(f"{path}: {what}; delete it to make it again") from None
    if kind is not None and found != kind:
        raise DataError(f"{path}: expected a checkpoint of kind {kind!r}, got {found!r}")
    if study is not None and facts.get("study") != study:
        raise DataError(f"{path}: expected a checkpoint of study {study!r}, got {facts.get('study')!r}")
    return Checkpoint(found, _module(path, found, arguments, weights), statistics, scales, facts, training)


def _sorted(content: bytes) -> bytes:
    """Return the content of a safetensors file with the names in its header sorted: the library's order is random."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:start]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[start:]


def _digest(content: bytes) -> str:
    """Return the checksum of a safetensors file: of what its header says but the checksum, and of its tensors."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header["__metadata__"].pop(seals.KEY, None)
    total = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    total.update(memoryview(content)[start:])
    return total.hexdigest()[:16]


def _content(metadata: Mapping[str, str], name: str) -> dict[str, Any]:
    content = json.loads(metadata[name])
    if not isinstance(content, dict):
        raise ValueError(f"{name}: expected an object, got {type(content).__name__}")
    return content


def _module(path: Path, kind: str, arguments: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> nn.Module:
    try:
        module = build(kind, arguments)
        module.load_state_dict(weights)
    except (RuntimeError, TypeError, ValueError) as error:
        line = " ".join(str(error).split())
        raise DataError(f"{path}: expected weights of {kind} with {dict(arguments)}, got {line[:300]}") from None
    return module.eval()
