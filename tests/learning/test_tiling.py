"""Fields and tokens in tiles are those of the whole at once, and a tile sees exactly as far as it has to."""

import pytest
import torch

from tessera.errors import ConfigError
from tessera.learning import tiling
from tessera.models import build
from tessera.models.tokenizer import Tokenizer
from tests.models.networks import awake, drawn, state

FIELDS = ["temperature", "pressure"]
MAPS = {
    "convnext": {"kind": "convnext", "width": 6, "blocks": 2, "kernel": 3, "residual": True},
    "unet": {"kind": "unet", "base": 4, "last": "leaky", "padding": "zeros", "residual": False},
}
WIDTHS = {"published": [4, 6, 8, 10], "light": [6, 8]}
KINDS = pytest.mark.parametrize("kind", ["published", "light"])
PADDINGS = pytest.mark.parametrize("padding", ["zeros", "replicate"])
CELLS = (8 * 19, 8 * 14)  # more tokens than the reach on both sides of a tile


def arguments(kind, padding):
    return {"downsampling": 8, "widths": WIDTHS[kind], "latent_channels": 3, "padding": padding, "kind": kind}


def tessera(kind, padding, map="convnext"):
    step = {"fields": FIELDS, "channels": 3, "log_variance": True}
    step |= {"decoupled_map": MAPS[map], "coupled_map": MAPS[map]}
    model = build("tessera", {"fields": FIELDS, "tokenizer": arguments(kind, padding), "step": step})
    return awake(model, size=0.02).eval().requires_grad_(False)


@pytest.mark.parametrize("tile", [16, 40])
@PADDINGS
@KINDS
def test_tiles_say_what_the_whole_at_once_does(kind, padding, tile):
    model, now = tessera(kind, padding), state(FIELDS, 2, *CELLS)
    whole, tiled = model.encode(now), tiling.encode(model, now, tile)
    later = model.step(whole)
    fields, laid = model.decode(later), tiling.decode(model, later, tile)
    for name in FIELDS:
        for one, other in zip(whole[name], tiled[name], strict=True):
            torch.testing.assert_close(other, one, rtol=1e-5, atol=1e-5)
        assert float(fields[name].std()) > 1e-3
        torch.testing.assert_close(laid[name], fields[name], rtol=1e-5, atol=1e-5)


@PADDINGS
@KINDS
def test_a_decoder_reaches_exactly_as_far_as_its_layers_say(kind, padding):
    torch.manual_seed(0)
    tokenizer = awake(Tokenizer(**arguments(kind, padding))).double()
    tokens = drawn(1, 3, 1, 33).double().requires_grad_()
    edge = 16
    tokenizer.decoder(tokens)[..., : 8 * edge].square().sum().backward()
    felt = torch.nonzero(tokens.grad.abs().sum(dim=(0, 1, 2))).max() + 1
    assert int(felt) - edge == tiling.reach(tokenizer.decoder)


@PADDINGS
@KINDS
def test_an_encoder_reaches_exactly_as_far_as_its_layers_say(kind, padding):
    torch.manual_seed(0)
    tokenizer = awake(Tokenizer(**arguments(kind, padding))).double().requires_grad_(False)
    field, edge, reach = drawn(1, 8, 8 * 16).double(), 8, tiling.reach(tokenizer.encoder)
    before = tokenizer.encoder(field[:, None])[0][..., :edge]

    def moved(beyond):
        changed = field.clone()
        changed[..., 8 * edge + beyond] += 1e3  # so much that it wins every maximum
        return not torch.equal(tokenizer.encoder(changed[:, None])[0][..., :edge], before)

    assert moved(reach - 1)
    assert not any(moved(beyond) for beyond in range(reach, 8 * 16 - 8 * edge))


@KINDS
def test_a_tile_that_sees_less_says_something_else(kind, monkeypatch):
    model, now = tessera(kind, "replicate"), state(FIELDS, 1, *CELLS)
    tokens = model.encode(now)
    whole = model.decode(tokens)["pressure"]
    reach = tiling.reach
    monkeypatch.setattr(tiling, "reach", lambda layer, *beyond: reach(layer, *beyond) - (not beyond))
    assert not torch.allclose(tiling.decode(model, tokens, 16)["pressure"], whole, rtol=1e-5, atol=1e-5)


def test_a_tile_that_holds_the_domain_is_the_whole_at_once():
    model, now = tessera("light", "zeros"), state(FIELDS, 1, 32, 48)
    assert torch.equal(tiling.encode(model, now, 64)["pressure"].mean, model.encode(now)["pressure"].mean)


def test_a_tile_below_a_token_is_refused():
    model, now = tessera("light", "zeros"), state(FIELDS, 1, 32, 48)
    for work, what in ((tiling.encode, now), (tiling.decode, model.encode(now))):
        with pytest.raises(ConfigError, match="tile: expected at least a token of 8 cells, got 7"):
            work(model, what, 7)


def test_a_layer_of_unknown_reach_is_refused():
    with pytest.raises(ConfigError, match="tiles: expected layers whose reach is known, got Softmax2d"):
        tiling.reach(torch.nn.Sequential(torch.nn.Softmax2d()))


def test_tiles_are_chosen_where_the_whole_takes_too_much(monkeypatch):
    model = tessera("published", "zeros")
    _, tokenizer = next(tiling._tokenizers(model))
    # the hungriest layer is the decoder's first convolution at full resolution: 8 channels in, 6 out, of 4 bytes, twice
    assert tiling.appetite(tokenizer) == 2 * 4 * (8 + 6)
    assert tiling.automatic(model, CELLS) is None
    monkeypatch.setattr(tiling, "MEMORY", 112 * 200**2)
    assert tiling.automatic(model, (200, 200)) is None
    tile = tiling.automatic(model, (208, 200))
    halo = 8 * max(tiling.reach(tokenizer.decoder), -(-tiling.reach(tokenizer.encoder) // 8))
    assert tile == 200 - 2 * halo
