"""From ensembles to networks and predictions: one function per command."""

from tessera.stages.networks.dynamics import fit_coupled, fit_decoupled, fit_transfer
from tessera.stages.networks.prediction import predict, predict_state
from tessera.stages.networks.programs import export_model
from tessera.stages.networks.rivals import fit_rival
from tessera.stages.networks.tokens import encode, fit_tokenizer, reconstruct

__all__ = [
    "encode",
    "export_model",
    "fit_coupled",
    "fit_decoupled",
    "fit_rival",
    "fit_tokenizer",
    "fit_transfer",
    "predict",
    "predict_state",
    "reconstruct",
]
