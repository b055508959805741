"""Our networks and the public ones say the same with the same weights, for whoever has a copy of those.

    TESSERA_PARCTORCH=~/PARCtorch pytest tests/models/test_parctorch.py      a checkout, or a folder of site-packages
    TESSERA_LATENTPARC=~/LatentPARC pytest tests/models/test_parctorch.py    a checkout

PARCtorch 0.3.0 (github.com/baeklab/PARCtorch, 52adf47) and LatentPARC (github.com/baeklab/LatentPARC, 32c75df). Later
versions of PARCtorch no longer rectify the residual branch; the test looks and follows.
"""

import importlib
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from tessera.models.latentparc import LatentPARC
from tessera.models.parc import FeatureUNet, Mapping, PARCv2, Residuals
from tessera.models.spade import SpadeUnit
from tessera.models.variants import VARIANTS
from tests.models.networks import drawn

STATE = ["temperature", "pressure", "microstructure"]
FIELDS = [*STATE, "velocity_x", "velocity_y"]  # PARCtorch's last two channels
WIDTHS, FEATURES, STEP = [8, 12, 16, 20, 24], 16, 1.0 / 16.0
VARIANT = VARIANTS["parctorch"]
LATENT = "latent_parc/PARCtorch/PARCtorch/LatentPARC"
CLOSE = {"rtol": 1e-7, "atol": 1e-7}  # of double precision, so that rounding hides nothing


def copy_of(variable, within, path):
    """Return the folder that an environment variable names, first on the path; skip without it."""
    said = os.environ.get(variable)
    if not said:
        pytest.skip(f"{variable} names no copy to compare with")
    folder = Path(said).expanduser()
    if not (folder / within).exists():
        pytest.fail(f"{variable}: expected a folder with {within}, got {folder}")
    path.syspath_prepend(str(folder / within if within == LATENT else folder))
    return folder


@pytest.fixture
def theirs(monkeypatch):
    copy_of("TESSERA_PARCTORCH", "PARCtorch", monkeypatch)

    def find(module):
        return importlib.import_module(f"PARCtorch.{module}")

    return find


def randomised(module, seed=0):
    """Return the module with random weights and biases, the latter so large that a lost one shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            size = (2.0 / parameter[0].numel()) ** 0.5 if parameter.dim() > 1 else 0.1
            parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
    return module.double().eval()


def convolutions(module):
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def port(source, target):
    """Copy convolutions in order, which both codes make in the order that they use them in."""
    pairs = list(zip(convolutions(source), convolutions(target), strict=True))
    assert len(pairs) > 0
    for one, other in pairs:
        assert one.weight.shape == other.weight.shape
        with torch.no_grad():
            other.weight.copy_(one.weight)
            other.bias.copy_(one.bias)


def port_spade_unit(source, target):
    """Copy a SPADE unit; what they scale and shift with are two convolutions, and ours is one."""
    for name, spade, after in (
        ("first", source.spade1, source.conv1),
        ("second", source.spade2, source.conv2),
        ("beside", source.spade_skip, source.conv_skip),
    ):
        ours = getattr(target, name)
        port(spade.initial_conv, ours.mask)
        port(after, getattr(target, f"{name}_conv"))
        with torch.no_grad():
            both = (spade.gamma_conv, spade.beta_conv)
            ours.scale_shift.weight.copy_(torch.cat([part.weight for part in both]))
            ours.scale_shift.bias.copy_(torch.cat([part.bias for part in both]))


def port_mapping(source, target):
    port_spade_unit(source.spade, target.modulate)
    port(source.resnet, target.residuals)
    port(source.conv_out, target.out)


def port_correction(source, target):
    port(nn.ModuleList([source.conv1, source.conv2]), target.enter)
    port_spade_unit(source.spade, target.modulate)
    port(source.resnet, target.residuals)
    port(source.conv3, target.out)


def swap_velocities(reading, writing):
    """Let layers of both velocities see and say y before x, as ours do; theirs have x before y."""
    with torch.no_grad():
        for layer in reading:
            layer.weight.copy_(layer.weight.flip(1))
        for layer in writing:
            layer.weight.copy_(layer.weight.flip(0))
            layer.bias.copy_(layer.bias.flip(0))


def masks_of(unit):
    return [unit.first.mask, unit.second.mask, unit.beside.mask]


def like(theirs, module):
    """Return our module in double precision, without noise, and rectified as the copy is."""
    block = theirs("utilities.resnet").ResNetBlock(4, 4, 1, *_block_arguments(theirs))
    rectified = isinstance(block.conv2[-1], nn.ReLU)
    for part in module.modules():
        if isinstance(part, SpadeUnit):
            part.noise = 0.0
        if isinstance(part, Residuals):
            part.rectified = rectified
    return module.double().eval()


def _block_arguments(theirs):
    old = "normalization" not in theirs("utilities.resnet").ResNetBlock.__init__.__code__.co_varnames
    return ("constant",) if old else (None, {}, nn.ReLU, "constant")


def their_unet(theirs):
    skips = {"up_block_use_concat": [False, True, False, True], "skip_connection_indices": [2, 0]}
    return theirs("utilities.unet").UNet(WIDTHS, len(FIELDS), FEATURES, **skips)


def their_parc(theirs, correct):
    """Return a narrow PARCv2 of theirs, made of its parts as its own constructor does."""
    difference = theirs("differentiator.finitedifference").FiniteDifference(padding_mode="replicate", device="cpu")
    unet = their_unet(theirs)
    rate = theirs("differentiator.differentiator").ADRDifferentiator(
        len(STATE), FEATURES, [0, 1, 2, 3, 4], [0], unet, "constant", difference, spade_random_noise=False
    )
    corrections = [None] * (len(STATE) + 1)
    if correct:
        made = theirs("integrator.datadrivenintegrator").DataDrivenIntegrator
        corrections = [made(count, FEATURES, spade_random_noise=False) for count in (1, 1, 1, 2)]
    integrator = theirs("integrator.integrator").Integrator(
        True, [], theirs("integrator.rk4").RK4(), corrections, "constant", difference
    )
    return randomised(theirs("PARCv2").PARCv2(rate, integrator, nn.L1Loss(), device="cpu"))


def our_parc(theirs, correct):
    """Return our PARCv2 with the weights of theirs, and theirs."""
    model = their_parc(theirs, correct)
    ours = PARCv2(
        fields=FIELDS,
        features=FEATURES,
        widths=WIDTHS,
        mapping_width=FEATURES,
        integrator="rk4",
        padding="zeros",
        statistics="batch",
        correction=correct,
        step=STEP,
        variant="parctorch",
    )
    port(model.differentiator.feature_extraction, ours.differentiator.features)
    for name, part in zip((*STATE, "velocity"), model.differentiator.list_mar, strict=True):
        port_mapping(part, ours.differentiator.mapping[name])
    velocity = ours.differentiator.mapping["velocity"]
    swap_velocities(masks_of(velocity.modulate), [velocity.out])
    if correct:
        for name, part in zip((*STATE, "velocity"), model.integrator.list_datadriven_integrator, strict=True):
            port_correction(part, ours.correction[name])
        velocity = ours.correction["velocity"]
        swap_velocities([velocity.enter[0], *masks_of(velocity.modulate)], [velocity.out])
    return like(theirs, ours), model


def test_our_feature_extractor_is_theirs(theirs):
    model, ours = randomised(their_unet(theirs)), FeatureUNet(len(FIELDS), FEATURES, WIDTHS, "zeros", VARIANT)
    port(model, ours.double())
    x = drawn(2, len(FIELDS), 32, 48).double()
    torch.testing.assert_close(ours(x), model(x), **CLOSE)


@pytest.mark.parametrize("outputs", [1, 2])
def test_our_mapping_and_reconstruction_is_theirs(theirs, outputs):
    made = theirs("differentiator.mappingandrecon").MappingAndRecon
    model = randomised(made(FEATURES, 2, outputs, "constant", add_noise=False))
    ours = like(theirs, Mapping(2, FEATURES, outputs, FEATURES, "zeros", "batch", VARIANT))
    port_mapping(model, ours)
    features, mask = drawn(2, FEATURES, 16, 24).double(), drawn(2, 2, 16, 24, seed=1).double()
    torch.testing.assert_close(ours(features, mask), model(features, mask), **CLOSE)


@pytest.mark.parametrize("correct", [False, True])
def test_our_steps_are_theirs(theirs, correct):
    try:
        ours, model = our_parc(theirs, correct)
    except TypeError as error:
        pytest.skip(f"this copy cannot make its own data-driven integrator: {error}")
    x = 1.4 * torch.sigmoid(2.0 * drawn(2, len(FIELDS), 32, 48).double()) - 0.2  # some of it to be clipped
    with torch.no_grad():
        expected = model(x, torch.tensor(0.0), STEP * torch.arange(1.0, 4.0))
        state = dict(zip(FIELDS, x.unbind(1), strict=True))
        for theirs_later in expected:
            state = ours(state)
            got = torch.stack([state[name] for name in FIELDS], 1)
            torch.testing.assert_close(got, theirs_later, **CLOSE)
    assert float((expected[0] - x.clamp(0.0, 1.0)).abs().mean()) > 0.01


def test_our_latent_step_is_theirs(monkeypatch):
    copy_of("TESSERA_LATENTPARC", LATENT, monkeypatch)
    parts = importlib.import_module("autoencoder.autoencoder_backbones")
    encoder, decoder = (randomised(make([3, 8], 8), seed) for seed, make in enumerate((parts.Encoder, parts.Decoder)))
    rate = randomised(importlib.import_module("PARCv1.differentiator").Differentiator(8), 2)
    ours = LatentPARC(fields=STATE, hidden=8, latent_channels=8, width=128, padding="zeros").double().eval()
    for source, target in ((encoder, ours.encoder), (decoder, ours.decoder), (rate, ours.differentiator)):
        port(source, target)
    x = torch.sigmoid(drawn(2, 3, 32, 48)).double()
    with torch.no_grad():
        z = encoder(x)
        torch.testing.assert_close(ours.encode(dict(zip(STATE, x.unbind(1), strict=True))), z, **CLOSE)
        first = rate(0.0, z)
        second = rate(0.05, z + 0.05 * first)
        third = rate(0.05, z + 0.05 * second)
        later = z + 0.1 / 6.0 * (first + 2.0 * second + 2.0 * third + rate(0.1, z + 0.1 * third))
        torch.testing.assert_close(ours.step(z), later, **CLOSE)
        said = torch.stack(list(ours.decode(later).values()), 1)
        torch.testing.assert_close(said, decoder(later), **CLOSE)
