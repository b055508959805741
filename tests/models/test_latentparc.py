"""LatentPARC has the published size, rolls out in its latents, and its parts learn one stage at a time."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError, DataError
from tessera.models.latentparc import LatentPARC
from tests.models.networks import awake, count, counted, drawn, state

FIELDS = ["temperature", "pressure", "microstructure"]
PUBLISHED = {"fields": FIELDS, "hidden": 8, "latent_channels": 8, "width": 128, "padding": "zeros"}


def latent_parc(fields=FIELDS, **options):
    small = {"hidden": 6, "latent_channels": 5, "width": 8, "padding": "zeros"}
    return awake(LatentPARC(fields=fields, **(small | options)), size=0.05).eval()


def test_each_part_has_its_published_number_of_parameters():
    whole = counted("latentparc", PUBLISHED)
    assert count(whole.encoder) == 808
    assert count(whole.decoder) == 803
    assert count(whole.differentiator) == 1_263_144
    assert count(whole) == 808 + 803 + 1_263_144


def test_latents_are_a_quarter_as_fine_in_each_direction():
    module = latent_parc()
    assert module.encode(state(FIELDS, 2, 16, 24)).shape == (2, 5, 4, 6)
    assert {value.shape for value in module.decode(drawn(2, 5, 4, 6)).values()} == {(2, 16, 24)}


def test_a_state_is_encoded_stepped_and_decoded():
    module, now = latent_parc(), state(FIELDS, 2, 16, 24)
    latent = module.encode(now)
    expected = module.decode(module.step(latent))
    later = module(now)
    assert list(later) == FIELDS
    assert all(torch.equal(later[name], expected[name]) for name in FIELDS)
    again, said = module.reconstruct(now), module.decode(latent)
    assert all(torch.equal(again[name], said[name]) for name in FIELDS)


def test_a_step_is_the_classical_scheme_over_a_tenth():
    module, z, h = latent_parc(), drawn(1, 5, 4, 6), 0.1
    f = module.differentiator
    first = f(z)
    second = f(z + h / 2 * first)
    third = f(z + h / 2 * second)
    fourth = f(z + h * third)
    torch.testing.assert_close(module.step(z), z + h / 6 * (first + 2 * second + 2 * third + fourth))


def test_the_rate_of_latents_leaks_by_a_hundredth_and_is_linear_at_the_end():
    net, x = latent_parc().differentiator, drawn(2, 5, 6, 7)
    for block in (net.first, net.second):
        first = F.leaky_relu(block.enter(x), 0.01)
        x = F.relu(first + block.out(F.leaky_relu(block.middle(first), 0.01)))
    for layer in (0, 2, 4):
        x = F.leaky_relu(net.wide[layer](x), 0.01)
    torch.testing.assert_close(net.out(x), net(drawn(2, 5, 6, 7)))
    assert (net.dropout.rate, net.inside.rate) == (0.2, 0.0)


def test_dropout_differs_between_the_stages_of_a_step_in_training_alone():
    module, z, seen = latent_parc(), drawn(1, 5, 8, 8), []
    module.differentiator.out.register_forward_pre_hook(lambda _, given: seen.append(given[0] == 0.0))
    module.step(z)
    assert not any(bool(zeros.any()) for zeros in seen)
    module.train()
    seen.clear()
    module.step(z)
    assert len(seen) == 4
    assert all(not torch.equal(seen[0], zeros) for zeros in seen[1:])
    assert 0.1 < float(torch.stack(seen).float().mean()) < 0.3


def test_no_field_is_said_to_be_negative():
    said = torch.stack(list(latent_parc().decode(drawn(2, 5, 8, 8)).values()))
    assert said.min() == 0.0 and said.max() > 0.0


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("size", [(8, 8), (9, 14), (2, 3)])
def test_any_size_is_stepped_and_none_is_cropped(size, padding):
    module, now = latent_parc(padding=padding), state(FIELDS, 2, *size)
    for answer in (module(now), module.reconstruct(now)):
        assert {value.shape for value in answer.values()} == {(2, *size)}


def test_the_order_of_a_dictionary_means_nothing():
    module, now = latent_parc(), state(FIELDS, 1, 8, 8)
    later, again = module(now), module({name: now[name] for name in reversed(FIELDS)})
    assert all(torch.equal(later[name], again[name]) for name in FIELDS)


def test_a_window_is_stepped_as_the_domain_it_was_cut_from():
    module, now = latent_parc(integrator="euler"), state(FIELDS, 1, 8, 160)
    whole, cut = module(now), module({name: value[..., 16:] for name, value in now.items()})
    reach = 16 + 56  # of the rate 10 latents, of encoder and decoder less than 4 more
    for name in FIELDS:
        torch.testing.assert_close(cut[name][..., reach - 16 :], whole[name][..., reach:])


@pytest.mark.parametrize(
    ("stage", "parts"),
    [
        ("autoencoder", {"encoder", "decoder"}),
        ("dynamics", {"differentiator"}),
        ("fine-tuning", {"encoder", "decoder", "differentiator"}),
    ],
)
def test_the_parts_of_a_stage_learn(stage, parts):
    module = latent_parc()
    module.learn("dynamics")
    module.learn(stage)
    sum(value.sum() for value in module(state(FIELDS, 1, 8, 8)).values()).backward()
    learning = {name.split(".")[0] for name, value in module.named_parameters() if value.grad is not None}
    assert learning == parts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"integrator": "rk5"}, "integrator: expected one of euler, heun, rk4, got 'rk5'"),
        ({"width": 10}, "width: expected a multiple of 4, got 10"),
        ({"padding": "periodic"}, "padding: expected one of zeros, replicate"),
    ],
)
def test_an_unknown_choice_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        latent_parc(**options)


def test_a_stage_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="stage: expected one of autoencoder, dynamics, fine-tuning, got 'all'"):
        latent_parc().learn("all")


def test_a_missing_field_is_named():
    with pytest.raises(DataError, match="state: expected fields"):
        latent_parc()(state(FIELDS[1:], 1, 8, 8))
