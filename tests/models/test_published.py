"""Our networks and losses are those of the paper's public code, where there is a copy of it to ask.

TESSERA_MLD names the folder of a checkout of Multiscale-Latent-Dynamics that holds `models` and `utils`,
TESSERA_MLD_PYTHON a Python that has TensorFlow (2.13 is what the code was written for); else this is skipped.
"""

import logging
import os
import subprocess

import numpy as np
import pytest
import torch
from torch import nn

from tessera.data.scaling import Scale, Statistics
from tessera.learning import reconstruction, tasks
from tessera.learning.frames import Frames
from tessera.learning.losses import weights
from tessera.learning.reconstruction import Divergence, Pictures, Reconstruct
from tessera.learning.rollout import LOG_VARIANCE, inflow, of_model
from tessera.learning.sampling import Halo, Recipe, Window
from tessera.learning.tasks import Batch, RollOut, Teaching
from tessera.models import build
from tests.models import mld

FOLDER, PYTHON = "TESSERA_MLD", "TESSERA_MLD_PYTHON"
TOLERANCE, TOLERANCE_OF_GRADIENTS = 1e-5, 1e-3  # a kink passed on the other side changes a gradient more
log = logging.getLogger(__name__)
MAP = {"kind": "unet", "base": 64, "last": "leaky", "padding": "zeros", "residual": False, "initialisation": "glorot"}
TOKENIZER = {
    "downsampling": mld.UNIT,
    "widths": [64, 128, 256, 512],
    "latent_channels": mld.CHANNELS,
    "padding": "zeros",
    "log_variance_bounds": None,
}
STEP = {
    "fields": mld.FIELDS,
    "channels": mld.CHANNELS,
    "log_variance": True,
    "decoupled_map": MAP,
    "coupled_map": MAP,
    "substeps": mld.RATIO,
}
UNSCALED, KNOWN = Scale(0.0, 1.0), Statistics(0.0, 1.0, 0.0, 1.0)
WHOLE = Recipe(mld.BATCH, hot_weight=0.0, temperature_weight=1.0)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """Return what the public code answers."""
    folder, python = os.environ.get(FOLDER), os.environ.get(PYTHON)
    if not folder or not python:
        pytest.skip(f"{FOLDER} and {PYTHON}: expected a checkout and a Python with TensorFlow, got none")
    out = tmp_path_factory.mktemp("mld") / "answers.npz"
    told = subprocess.run([python, mld.__file__, folder, out], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    with np.load(out) as answers:
        return {name: answers[name] for name in answers.files}


@pytest.fixture(scope="module")
def model(theirs):
    """Return our latent model with their weights."""
    made = build("tessera", {"fields": mld.FIELDS, "tokenizer": TOKENIZER, "step": STEP, "hold_inlet": False})
    for tokenizer in made.tokenizers.values():
        port(tokenizer.encoder, theirs, "encoder")
        port(tokenizer.decoder, theirs, "decoder")
    for name, evolve in [*made.step.decoupled.items(), ("coupled", made.step.coupled)]:
        port(evolve.mean, theirs, f"{name}/mean")
        port(evolve.log_var, theirs, f"{name}/log_var", turned=True)
    made.requires_grad_(False)
    return made.double()  # so that all of the rounding is theirs


@pytest.fixture
def equal_chance(monkeypatch):
    """Let every normal number be the one that theirs is."""
    for module in (tasks.parts, reconstruction.parts):
        monkeypatch.setattr(module, "normal_like", lambda x: torch.full_like(x, mld.CHANCE))


def test_encoder_and_decoder_answer_as_the_published_ones(theirs, model):
    tokenizer = model.tokenizers["temperature"]
    mean, log_var = tokenizer.encode(field(theirs["field"]))
    close("encoder, mean", mean, theirs["mean"])
    close("encoder, log-variance", log_var, theirs["log_var"])
    drawn = mean + torch.exp(0.5 * log_var) * mld.CHANCE
    close("decoder", tokenizer.decode(drawn)[:, None], theirs["decoded"])


def test_a_map_answers_as_the_published_one_which_knows_no_dropout(theirs, model):
    start = channels_first(theirs["means"][..., : mld.CHANNELS, 0])
    close("map", model.step.decoupled["temperature"].mean(start), theirs["alone"])
    assert np.array_equal(theirs["learning"], theirs["alone"])


def test_a_meso_step_answers_as_the_published_one(theirs, model):
    emulator = of_model(model)
    later = emulator.advance(carry(theirs, 0))
    for name, ending in (("mean", ""), ("log_var", LOG_VARIANCE)):
        found = torch.cat([later[known + ending] for known in mld.FIELDS], dim=1)
        close(f"step, {name}", found, theirs[f"later/{name}"])


@pytest.mark.usefixtures("equal_chance")
def test_the_losses_of_a_roll_out_and_their_gradients_are_the_published_ones(theirs, model):
    frames = Frames(
        {"temperature": torch.from_numpy(np.moveaxis(padded(theirs["truth"])[..., 0, :], -1, 1).copy()).double()},
        torch.zeros(mld.BATCH, mld.HORIZON + 1, dtype=torch.int64),
        tuple(range(mld.BATCH)),
    )
    seen = ["temperature"]
    cells = weights({n: KNOWN for n in seen}, {n: UNSCALED for n in seen}, 0.0, 1.0, error="squared", over_fields="sum")
    values = {
        name: torch.stack([carry(theirs, t)[name] for t in range(mld.HORIZON + 1)], 1) for name in carry(theirs, 0)
    }
    latents = Frames(values, frames.front, frames.cases, mld.UNIT)
    teaching = Teaching(1.0, 1.0, True, over_steps="sum", over_fields="sum", drawn=True, fields=seen)
    model.step.freeze_decoupled()
    model.step.coupled.requires_grad_(True)
    task = RollOut(
        "published",
        model,
        of_model(model),
        WHOLE,
        frames=frames,
        validation=None,
        latents=latents,
        validation_latents=None,
        weights=cells,
        teaching=teaching,
        scales={n: UNSCALED for n in seen},
        halo=Halo(),
        first=0,
    )
    windows = [Window(case, 0, 0, latents.columns, False) for case in range(mld.BATCH)]
    start = latents.cut(windows, 0)
    counts = torch.ones(mld.BATCH, mld.HORIZON, 1, latents.columns)
    steps = range(1, mld.HORIZON + 1)
    terms = task.losses(Batch(start, inflow(task.emulator, start), windows, mld.HORIZON, counts, counts, steps))
    of_means = sum(term for name, term in terms.items() if name in [f"latent_{known}" for known in mld.FIELDS])
    of_variances = sum(term for name, term in terms.items() if name.endswith(LOG_VARIANCE))
    total = sum(terms.values())
    close("consistency of means", of_means, theirs["loss/consistency_mean_loss"])
    close("consistency of log-variances", of_variances, theirs["loss/consistency_var_loss"])
    close("decoded", terms["temperature"], theirs["loss/multi_step_loss"])
    close("roll-out", total, theirs["loss/roll_out"])
    total.backward()
    first = len(convolutions(model.step.coupled.mean))
    descended(theirs, "step", model.step.coupled.mean, 0)
    descended(theirs, "step", model.step.coupled.log_var, first, turned=True)


@pytest.mark.usefixtures("equal_chance")
def test_the_losses_of_an_autoencoder_and_their_gradients_are_the_published_ones(theirs, model):
    tokenizer = model.tokenizers["temperature"].requires_grad_(True)
    reconstruct, divergence, _, edge, _ = mld.VAE_WEIGHTS
    assert reconstruct == 1.0
    state = {"temperature": field(theirs["field"])}
    frames = Frames(
        {"temperature": state["temperature"][:, None]}, torch.zeros(mld.BATCH, 1, dtype=torch.int64), (0, 1)
    )
    task = Reconstruct(
        "temperature",
        tokenizer,
        [frames],
        [frames],
        WHOLE,
        weights({"temperature": KNOWN}, {"temperature": UNSCALED}, 0.0, 1.0, error="squared"),
        Pictures(edge, "normalised", over_cells="sum", over_batch="sum"),
        Divergence(divergence, 0.0),
        {"temperature": UNSCALED},
        mirrored=False,
    )
    terms = task.losses((0.0, state))
    batch = mld.BATCH
    close("reconstruction", terms["field"] / batch, theirs["loss/reconstruction_loss"])
    close("edges", terms["edge"] / (edge * batch), theirs["loss/edge_boost_loss"])
    close("divergence", terms["divergence"] / (divergence * batch), theirs["loss/kl_loss"])
    close("autoencoder", sum(terms.values()) / batch, theirs["loss/total_loss"])
    sum(terms.values()).backward()
    descended(theirs, "vae", tokenizer.encoder, 0)
    descended(theirs, "vae", tokenizer.decoder, len(convolutions(tokenizer.encoder)))
    tokenizer.requires_grad_(False)


def convolutions(module):
    """Return the convolutions of a network in the order of what passes through."""
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def port(module, answers, name, *, turned=False):
    """Take over weights; a map of log-variances is told its means last by us and first by them."""
    layers = convolutions(module)
    assert f"{name}/{len(layers)}/kernel" not in answers
    with torch.no_grad():
        for number, layer in enumerate(layers):
            kernel = laid(answers[f"{name}/{number}/kernel"], turned and number == 0)
            assert kernel.shape == layer.weight.shape
            layer.weight.copy_(kernel)
            layer.bias.copy_(torch.from_numpy(answers[f"{name}/{number}/bias"]))


def descended(answers, name, module, first, *, turned=False):
    """Compare the gradients of a network, layer by layer by their norms."""
    worst = 0.0
    for number, layer in enumerate(convolutions(module)):
        where = f"gradient/{name}/{first + number}"
        kernel = laid(answers[f"{where}/kernel"], turned and number == 0)
        for what, found, expected in (
            ("kernel", layer.weight.grad, kernel),
            ("bias", layer.bias.grad, torch.from_numpy(answers[f"{where}/bias"])),
        ):
            apart, size = float((found - expected).norm()), float(expected.norm())
            worst = max(worst, apart / size)
            assert apart <= TOLERANCE_OF_GRADIENTS * size, f"{where}/{what}: {apart:.2g} apart, of {size:.2g}"
    log.info("gradients of %s from layer %d: %.2g apart, relative to their norm", name, first, worst)


def laid(kernel, turned):
    """Return a kernel (y, x, in, out) as (out, in, y, x), the halves of the inputs exchanged if asked for."""
    found = torch.from_numpy(kernel).permute(3, 2, 0, 1)
    return found.roll(found.shape[1] // 2, dims=1) if turned else found


def channels_first(values):
    return torch.from_numpy(values).double().permute(0, 3, 1, 2)


def field(values):
    return torch.from_numpy(values[..., 0]).double()


def padded(truth):
    """Return what is decoded with a first snapshot that nobody looks at."""
    return np.concatenate([np.zeros_like(truth[..., :1]), truth], axis=-1)


def carry(answers, time):
    """Return the tokens of a snapshot by name."""
    found = {}
    for number, name in enumerate(mld.FIELDS):
        own = slice(number * mld.CHANNELS, (number + 1) * mld.CHANNELS)
        found[name] = channels_first(answers["means"][..., own, time])
        found[name + LOG_VARIANCE] = channels_first(answers["log_vars"][..., own, time])
    return found


def close(what, found, expected):
    """Compare with a published answer, relative to its size if that is more than one, and log the difference."""
    expected = torch.from_numpy(np.asarray(expected))
    expected = expected.permute(0, 3, 1, 2) if expected.dim() == 4 else expected
    size = float(expected.abs().max())
    apart = float((found.detach() - expected).abs().max())
    log.info("%s: %.2g apart, of %.3g", what, apart, size)
    assert apart <= TOLERANCE * max(size, 1.0), f"{what}: {apart:.2g} apart, of {size:.2g}"
