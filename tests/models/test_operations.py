"""Networks at published widths take as many floating-point operations as the published code does."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tessera.models.state import Token
from tests.models.networks import counted

FIELDS = ["temperature", "pressure", "microstructure"]
TOKENIZER = {"downsampling": 8, "widths": [64, 128, 256, 512], "latent_channels": 4, "padding": "zeros"}
MAP = {"kind": "unet", "base": 64, "last": "leaky", "padding": "zeros", "residual": False}
STEP = {"fields": FIELDS, "channels": 4, "log_variance": True, "decoupled_map": MAP, "coupled_map": MAP}
PARC = {"features": 128, "widths": [64, 128, 256, 512, 1024], "mapping_width": 128, "integrator": "rk4"}
PARC |= {"padding": "zeros", "statistics": "batch", "correction": False}
CELLS, TOKENS = (160, 256), (20, 32)


def operations(work, *given):
    """Return 10^9 floating-point operations, two per multiply-add; nothing is computed."""
    with FlopCounterMode(display=False) as counter:
        work(*given)
    return counter.get_total_flops() / 1e9


def empty(*shape):
    return torch.empty(shape, device="meta")


# Counted in the same way from Multiscale-Latent-Dynamics 64e2a0b, and given to three digits.
def test_a_tokenizer_takes_the_published_operations():
    tokenizer = counted("tokenizer", TOKENIZER)
    assert operations(tokenizer.encode, empty(1, *CELLS)) == pytest.approx(12.7, rel=2e-3)
    assert operations(tokenizer.decode, empty(1, 4, *TOKENS)) == pytest.approx(84.3, rel=2e-3)


def test_the_maps_of_three_fields_take_the_published_operations():
    latents = {name: Token(empty(1, 4, *TOKENS), empty(1, 4, *TOKENS)) for name in FIELDS}
    assert operations(counted("latent-step", STEP), latents) == pytest.approx(7.1, rel=2e-3)


def test_parcv2_takes_the_published_operations():
    fields = [*FIELDS, "velocity_x", "velocity_y"]
    module = counted("parcv2", {"fields": fields, **PARC})
    # PARCtorch 52adf47, a step of RK4 on 128 x 256 cells
    assert operations(module, {name: empty(1, 128, 256) for name in fields}) == pytest.approx(1255.0, rel=2e-4)
