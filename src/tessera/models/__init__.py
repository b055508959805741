"""The networks, by name: what a checkpoint says, `build` makes again."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from tessera.errors import DataError
from tessera.models.cnext import CNextUNet
from tessera.models.dynamics import Evolve, LatentStep
from tessera.models.fno import FNO
from tessera.models.latentparc import LatentPARC
from tessera.models.parc import PARCv2
from tessera.models.parc1 import PARCv1
from tessera.models.tessera import Tessera
from tessera.models.tokenizer import Tokenizer

MODELS: dict[str, type[nn.Module]] = {
    "tokenizer": Tokenizer,
    "tessera": Tessera,
    "latent-step": LatentStep,
    "evolve": Evolve,
    "parcv1": PARCv1,
    "parcv2": PARCv2,
    "latentparc": LatentPARC,
    "cnext": CNextUNet,
    "fno": FNO,
}
PARTS = ("tokenizer", "latent-step", "evolve")  # of models; they predict nothing alone


def build(kind: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Return a network with fresh weights.

    Parameters
    ----------
    kind
        One of `MODELS`.
    arguments
        What it is built of, as its attribute `arguments` says.

    Raises
    ------
    DataError
        The kind is unknown.
    """
    if kind not in MODELS:
        raise DataError(f"kind: expected one of {', '.join(MODELS)}, got {kind!r}")
    return MODELS[kind](**arguments)


__all__ = ["MODELS", "PARTS", "build"]
