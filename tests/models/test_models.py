"""What every network promises: it is built again of its arguments, nothing in it is dead, and it learns."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from tessera.errors import DataError
from tessera.models import MODELS, build
from tessera.models.state import Token, join, split
from tests.models.networks import awake, dead, drawn, overfit

FIELDS = ["temperature", "velocity_y", "velocity_x"]
TOKENIZER = {"downsampling": 4, "widths": [6, 8, 10], "latent_channels": 2, "padding": "replicate"}
CONVNEXT = {"kind": "convnext", "width": 12, "blocks": 2, "kernel": 3, "residual": True}
UNET = {"kind": "unet", "base": 8, "last": "leaky", "padding": "zeros", "residual": False}
PARC = {
    "fields": FIELDS,
    "features": 8,
    "widths": [8, 8],
    "mapping_width": 16,  # few ones would all be dead by chance
    "integrator": "heun",
    "padding": "zeros",
    "statistics": "pixel",
}
CNEXT = {"fields": FIELDS, "unshuffle": 2, "widths": [8, 12], "blocks": [1] * 3}


LATENT_PARC = {"fields": FIELDS, "hidden": 12, "latent_channels": 6, "width": 32, "padding": "zeros"}
IMAGED = ["temperature", "pressure", "microstructure"]


def latent_step(maps, log_variance):
    arguments = {"fields": FIELDS, "channels": 2, "log_variance": log_variance}
    return arguments | {"decoupled_map": maps, "coupled_map": maps}


def fields(size=16):
    """Return two smooth samples of fields (batch, field, y, x)."""
    y, x = torch.meshgrid(*2 * [torch.linspace(-1.0, 1.0, size)], indexing="ij")
    centres = [(0.2, -0.3), (-0.4, 0.1)]
    return torch.stack(
        [torch.stack([torch.tanh(4.0 * (x - a)), torch.sin(3.0 * y + b), 2.0 * a + x * y]) for a, b in centres]
    )


def positive_fields():
    return fields().sigmoid()


def tokens():
    return drawn(2, 4 * len(FIELDS), 4, 4)


def as_latents(x):
    return {field: Token(*part.chunk(2, dim=1)) for field, part in zip(FIELDS, x.split(4, dim=1), strict=True)}


def as_tensor(latents):
    return torch.cat([value for token in latents.values() for value in token if value is not None], 1)


class Case(NamedTuple):
    """A network, samples (batch, channel, y, x) that it can be asked about, and how."""

    kind: str
    arguments: dict[str, Any]
    samples: Callable[[], Tensor]
    ask: Callable[[nn.Module, Tensor], Tensor]
    noise: float = 0.1  # on weights that a test wakes; wide kernels take less before they saturate


def _tokenize(module, x):
    token = module.encode(x[:, 0])
    return torch.cat([*(part.flatten(1) for part in token), module.decode(token.mean).flatten(1)], 1)


def _step(module, x):
    return as_tensor(module(as_latents(x)))


def _evolve(module, x):
    return torch.cat(module(Token(x[:, :2], x[:, 2:4])), 1)


def _pixels(module, x):
    return join(module(split(x, FIELDS)), FIELDS)


def _evolved(module, x):
    return join(module(split(x, IMAGED)), module.evolved)


def _tessera(module, x):
    latents = module.step(module.encode(split(x, FIELDS)))
    return torch.cat([as_tensor(latents).flatten(1), join(module.decode(latents), FIELDS).flatten(1)], 1)


CASES = {
    "published tokenizer": Case("tokenizer", TOKENIZER | {"kind": "published"}, fields, _tokenize),
    "light tokenizer": Case("tokenizer", TOKENIZER | {"kind": "light"}, fields, _tokenize),
    "folding tokenizer": Case("tokenizer", TOKENIZER | {"kind": "light", "widths": [6, 8]}, fields, _tokenize),
    "convnext step": Case("latent-step", latent_step(CONVNEXT, True), tokens, _step),
    "unet step": Case("latent-step", latent_step(UNET, True), tokens, _step),
    "certain step": Case("latent-step", latent_step(CONVNEXT, False), tokens, _step),
    "unet evolve": Case("evolve", {"channels": 2, "map": UNET, "log_variance": True}, tokens, _evolve),
    "convnext evolve": Case("evolve", {"channels": 2, "map": CONVNEXT, "log_variance": True}, tokens, _evolve),
    "tessera": Case(
        "tessera",
        {"fields": FIELDS, "tokenizer": TOKENIZER, "step": latent_step(CONVNEXT, True)},
        fields,
        _tessera,
    ),
    "parcv2": Case("parcv2", PARC | {"correction": False}, fields, _pixels),
    "corrected parcv2": Case("parcv2", PARC | {"correction": True}, fields, _pixels),
    "cnext": Case("cnext", CNEXT, fields, _pixels),
    "fno": Case("fno", {"fields": FIELDS, "modes": [6, 8], "width": 12, "layers": 2, "padding": 0.25}, fields, _pixels),
    "published cnext": Case("cnext", CNEXT | {"unshuffle": 1, "layout": "published"}, fields, _pixels),
    "icml parcv2": Case("parcv2", PARC | {"correction": True, "variant": "icml2024"}, fields, _pixels),
    "parcv1": Case("parcv1", {"fields": IMAGED, "width": 32, "padding": "zeros"}, fields, _evolved, 0.02),
    "latentparc": Case("latentparc", LATENT_PARC, positive_fields, _pixels),
}
ALL = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_every_network_is_here():
    assert {case.kind for case in CASES.values()} == set(MODELS)


@ALL
def test_what_was_saved_is_built_again(case):
    module = awake(build(case.kind, case.arguments))
    again = build(case.kind, json.loads(json.dumps(module.arguments)))
    assert type(again) is MODELS[case.kind] and again.arguments == module.arguments
    again.load_state_dict(module.state_dict())
    x = case.samples()
    assert torch.equal(case.ask(again.eval(), x), case.ask(module.eval(), x))


def test_an_unknown_network_is_refused():
    with pytest.raises(DataError, match=r"kind: expected one of tokenizer, tessera, .*, got 'transformer'"):
        build("transformer", {})


@ALL
def test_no_weight_is_dead(case):
    module = awake(build(case.kind, case.arguments).double(), size=case.noise)
    assert dead(module, [case.ask(module, case.samples().double())]) == []


@ALL
def test_convolutions_read_channels_that_lie_last(case):
    module, otherwise = build(case.kind, case.arguments).eval(), []

    def look(name):
        def note(_, given):
            if given[0].shape[1] > 1 and not given[0].is_contiguous(memory_format=torch.channels_last):
                otherwise.append(name)

        return note

    for name, part in module.named_modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_pre_hook(look(name))
    case.ask(module, case.samples())
    assert otherwise == []


@ALL
def test_equal_seeds_make_equal_networks(case):
    made = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        made.append(torch.cat([value.flatten() for value in build(case.kind, case.arguments).parameters()]))
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])


@ALL
def test_a_batch_is_its_samples_one_by_one(case):
    module, x = awake(build(case.kind, case.arguments)).eval(), case.samples()
    together = case.ask(module, x)
    alone = torch.cat([case.ask(module, x[:1]), case.ask(module, x[1:])])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


@ALL
def test_single_precision_is_double_precision_rounded(case):
    module, x = awake(build(case.kind, case.arguments), size=0.02).eval(), case.samples()
    single = case.ask(module, x)
    double = case.ask(module.double(), x.double())
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-3)


@ALL
def test_a_question_leaves_samples_as_they_were(case):
    module, x = awake(build(case.kind, case.arguments)), case.samples()
    case.ask(module, x)
    assert torch.equal(x, case.samples())


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("published tokenizer", 0.02),
        ("light tokenizer", 0.02),
        ("convnext step", 0.02),
        ("convnext evolve", 0.02),
        ("unet evolve", 0.5),
        ("tessera", 0.2),
        ("parcv2", 0.1),
        ("corrected parcv2", 0.05),
        ("icml parcv2", 0.05),
        ("parcv1", 0.2),
        ("latentparc", 0.05),
        ("cnext", 0.05),
        ("published cnext", 0.05),
        ("fno", 0.05),
    ],
)
def test_one_batch_is_overfitted(name, factor):
    """Tokenizers shall say a field again; what steps shall shift its samples and weaken them."""
    case = CASES[name]
    module, x = build(case.kind, case.arguments), case.samples()
    wanted = 0.8 * x.roll(1, -1)

    def loss():
        if case.kind == "tokenizer":
            return (module.decode(module.encode(x[:, 0]).mean) - x[:, 0]).square().mean()
        if case.kind == "tessera":
            state = module.decode(module.step(module.encode(split(x, FIELDS))))
            return (join(state, FIELDS) - wanted).square().mean()
        answer = case.ask(module, x)
        return (answer - wanted[:, : answer.shape[1]]).square().mean()

    before, after = overfit(module, loss, 300 if name == "unet evolve" else 120)
    assert after < factor * before
