"""Fields become tokens and fields again, each by its own tokenizer; draws repeat with their generator."""

import math

import pytest
import torch

from tessera.errors import ConfigError, DataError
from tessera.models.state import Token, join, split
from tessera.models.tessera import Tessera
from tests.models.networks import awake, drawn, state

FIELDS = ["temperature", "pressure"]
TOKENIZER = {"downsampling": 4, "widths": [4, 6, 8], "latent_channels": 2, "padding": "replicate"}
MAP = {"kind": "convnext", "width": 8, "blocks": 1, "kernel": 3, "residual": True}


def tessera(**options):
    step = {"fields": FIELDS, "channels": 2, "log_variance": True, "decoupled_map": MAP, "coupled_map": MAP}
    return awake(Tessera(fields=FIELDS, tokenizer=TOKENIZER, step=step | options)).requires_grad_(False)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def latents(batch=2, log_var=-1.0, size=(4, 6)):
    """Return tokens of constant variance."""
    means = {name: drawn(batch, 2, *size, seed=n) for n, name in enumerate(FIELDS)}
    return {name: Token(mean, torch.full_like(mean, log_var)) for name, mean in means.items()}


def test_every_field_has_a_tokenizer_of_its_own():
    model, now = tessera(), state(FIELDS, 1, 8, 12)
    tokens = model.encode(now)
    for name in FIELDS:
        assert torch.equal(tokens[name].mean, model.tokenizers[name].encode(now[name]).mean)
        assert torch.equal(model.decode(tokens)[name], model.tokenizers[name].decode(tokens[name].mean))
    one = {name: now["pressure"] for name in FIELDS}
    assert not torch.equal(model.encode(one)["temperature"].mean, model.encode(one)["pressure"].mean)


def test_tokens_of_a_state_can_be_stepped_and_said_in_fields_of_its_size():
    model, now = tessera(), state(FIELDS, 2, 8, 12)
    later = model.decode(model.step(model.step(model.encode(now))))
    assert {name: value.shape for name, value in later.items()} == dict.fromkeys(FIELDS, (2, 8, 12))


def test_a_drawn_forecast_repeats_with_its_generator_alone():
    model, now = tessera(), latents()
    one, again, other = (model.sample(now, generator(seed)) for seed in (0, 0, 1))
    for name in FIELDS:
        assert torch.equal(one[name].mean, again[name].mean)
        assert not torch.equal(one[name].mean, other[name].mean)
    torch.manual_seed(5)
    assert torch.equal(model.sample(now, generator())["pressure"].mean, one["pressure"].mean)


def test_without_a_generator_torch_s_own_chance_decides():
    model, now = tessera(), latents()
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        found.append(model.sample(now)["pressure"].mean)
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


def test_the_fields_asked_for_alone_are_decoded():
    model, now = tessera(), latents()
    assert torch.equal(model.decode(now, ["pressure"]).pop("pressure"), model.decode(now)["pressure"])
    assert set(model.decode(now, ["pressure"])) == {"pressure"}


def test_draws_follow_one_another():
    model, now, chance = tessera(), latents(), generator()
    first, second = (model.sample(now, chance)["pressure"].mean for _ in range(2))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("log_var", [-4.0, 0.0, 1.0])
def test_draws_have_the_mean_and_variance_of_their_tokens(log_var):
    now = latents(batch=16, log_var=log_var, size=(20, 32))
    chances = [token.mean - now[name].mean for name, token in tessera().sample(now, generator()).items()]
    for chance in chances:
        assert float(chance.mean()) == pytest.approx(0.0, abs=0.03 * math.exp(0.5 * log_var))
        assert float(chance.var().log()) == pytest.approx(log_var, abs=0.05)
    together = torch.corrcoef(torch.stack([chance.flatten() for chance in chances]))
    assert abs(float(together[0, 1])) < 0.03


def test_a_draw_changes_means_alone_and_nothing_given():
    now, before = latents(), latents()
    forecast = tessera().sample(now, generator())
    for name in FIELDS:
        assert torch.equal(forecast[name].log_var, now[name].log_var)
        assert torch.equal(now[name].mean, before[name].mean)


def test_a_token_without_variance_stays_as_it_is():
    now = {name: token._replace(log_var=None) for name, token in latents().items()}
    forecast = tessera(log_variance=False).sample(now, generator())
    assert all(torch.equal(forecast[name].mean, now[name].mean) for name in FIELDS)


def test_the_order_of_a_dictionary_means_nothing():
    model, now, tokens = tessera(), state(FIELDS, 1, 8, 8), latents()
    backwards = {name: now[name] for name in reversed(FIELDS)}
    assert torch.equal(model.encode(backwards)["pressure"].mean, model.encode(now)["pressure"].mean)
    turned = model.sample({name: tokens[name] for name in reversed(FIELDS)}, generator())
    assert torch.equal(turned["pressure"].mean, model.sample(tokens, generator())["pressure"].mean)


@pytest.mark.parametrize("log_variance", [True, False])
def test_forecasts_can_be_drawn_where_variances_evolve(log_variance):
    model = tessera(log_variance=log_variance)
    assert model.probabilistic is log_variance
    tokens = model.step(model.encode(state(FIELDS, 1, 8, 8)))
    assert all((token.log_var is not None) is log_variance for token in tokens.values())


def test_a_missing_field_is_named():
    with pytest.raises(DataError, match=r"state: expected fields \['temperature', 'pressure'\], got \['pressure'\]"):
        tessera().encode(state(["pressure"], 1, 8, 8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": ["temperature"]}, r"step: expected fields \['temperature', 'pressure'\]"),
        ({"channels": 3}, "step: expected 2 channels as tokenizers have, got 3"),
    ],
)
def test_a_step_that_does_not_fit_its_tokenizers_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        tessera(**options)


def test_fields_are_stacked_in_the_order_asked_for_and_split_again():
    now = state(FIELDS, 2, 3, 4)
    stacked = join(now, FIELDS[::-1])
    assert stacked.shape == (2, 2, 3, 4)
    assert torch.equal(stacked[:, 0], now["pressure"])
    again = split(stacked, FIELDS[::-1])
    assert all(torch.equal(again[name], now[name]) and again[name].is_contiguous() for name in FIELDS)
    with pytest.raises(DataError, match="state: expected fields"):
        join(now, ["velocity_x"])
