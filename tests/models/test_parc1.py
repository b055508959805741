"""PARC v1 has the published size and wiring, holds its microstructure, and knows where a window lies."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError, DataError
from tessera.models.parc1 import NOISE, WAVE_MAP, PARCv1, he_cut_, wave_map
from tests.models.networks import awake, count, counted, drawn, overfit, state

FIELDS = ["temperature", "pressure", "initial_microstructure"]
PUBLISHED = {"fields": FIELDS, "width": 128, "padding": "zeros"}


def parc(fields=FIELDS, width=8, padding="zeros"):
    return awake(PARCv1(fields=fields, width=width, padding=padding), size=0.02).eval()


def test_each_part_has_its_published_number_of_parameters():
    whole = counted("parcv1", PUBLISHED)
    assert count(whole.shape) == 15_263_232
    assert count(whole.rate) == 1_331_682
    assert count(whole.integral) == 1_257_954
    assert count(whole) == 17_852_868


def test_a_step_adds_the_integral_of_the_derivative():
    module, now = parc(), state(FIELDS, 2, 16, 24)
    later, rate = module(now), module.derivative(now)
    assert set(later) == set(FIELDS) and set(rate) == {"temperature", "pressure"}
    known = module.shape(torch.stack([now["initial_microstructure"], wave_map(24).expand(2, 16, 24)], 1))
    fields = torch.stack([now["temperature"], now["pressure"]], 1)
    derivative = torch.tanh(module.rate(torch.cat([fields, known], 1)))
    change = torch.tanh(module.integral(derivative))
    for channel, name in enumerate(("temperature", "pressure")):
        torch.testing.assert_close(rate[name], derivative[:, channel])
        torch.testing.assert_close(later[name], now[name] + change[:, channel])


def test_the_derivative_can_be_learned_by_itself():
    module, now = parc(), state(FIELDS, 1, 8, 8)
    sum(value.square().sum() for value in module.derivative(now).values()).backward()
    assert all(value.grad is not None and value.grad.abs().max() > 0 for value in module.rate.parameters())
    assert all(value.grad is None for value in module.integral.parameters())


def test_steps_that_share_their_features_are_steps_one_after_the_other():
    module, now = parc(), state(FIELDS, 2, 8, 16)
    again = dict(now)
    for later, rate in module.unroll(now, 3):
        expected = module.derivative(again)
        again = module(again)
        for name in expected:
            torch.testing.assert_close(rate[name], expected[name])
        assert set(later) == set(again)
        for name in again:
            torch.testing.assert_close(later[name], again[name])


@pytest.mark.parametrize(
    ("fields", "image"),
    [
        (FIELDS, "initial_microstructure"),
        (["microstructure", "pressure", "temperature"], "microstructure"),
        ([*FIELDS, "microstructure"], "initial_microstructure"),
    ],
)
def test_the_microstructure_is_held_and_all_else_evolves(fields, image):
    module, now = parc(fields), state(fields, 1, 8, 8)
    later = module(now)
    assert torch.equal(later[image], now[image])
    assert all(not torch.equal(later[name], now[name]) for name in fields if name != image)


def test_the_order_of_a_dictionary_means_nothing():
    module, now = parc(), state(FIELDS, 1, 8, 8)
    later, again = module(now), module({name: now[name] for name in reversed(FIELDS)})
    assert all(torch.equal(later[name], again[name]) for name in FIELDS)


@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("size", [(8, 8), (9, 14), (3, 5)])
def test_any_size_is_stepped_and_none_is_cropped(size, padding):
    later = parc(padding=padding)(state(FIELDS, 2, *size))
    assert {value.shape for value in later.values()} == {(2, *size)}


def test_a_window_is_stepped_as_the_domain_it_was_cut_from():
    module, now = parc(width=16), state(FIELDS, 1, 8, 272)
    now[WAVE_MAP] = wave_map(272).expand(1, 8, 272)
    window = {name: value[..., 80:] for name, value in now.items()}
    whole, cut = module(now), module(window)
    alone = module({name: value for name, value in window.items() if name != WAVE_MAP})
    reach = 80 + 112  # of the U-Net 92 cells, to a multiple of its stride, and of the two others 20 - 4
    for name in FIELDS[:2]:
        torch.testing.assert_close(cut[name][..., reach - 80 :], whole[name][..., reach:])
        assert not torch.allclose(alone[name][..., reach - 80 :], whole[name][..., reach:], atol=1e-5)
    assert torch.equal(cut[WAVE_MAP], window[WAVE_MAP])


def test_a_state_without_a_wave_map_is_the_whole_domain():
    module, now = parc(), state(FIELDS, 1, 8, 12)
    given = module(now | {WAVE_MAP: wave_map(12).expand(1, 8, 12)})
    assert all(torch.equal(value, given[name]) for name, value in module(now).items())
    assert wave_map(5).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]


def test_the_feature_extractor_skips_its_second_level():
    part, given, kept = parc().shape, [], []
    for down in part.down:
        down.register_forward_hook(lambda *seen: kept.append(seen[2]))
    for up in part.up:
        up.register_forward_pre_hook(lambda _, seen: given.append(seen[0]))
    part(drawn(1, 2, 16, 16))
    assert [x.shape[1:] for x in given] == [(16 + 32, 4, 4), (16, 8, 8), (4 + 8, 16, 16)]
    assert torch.equal(given[0][:, :16], kept[2]) and torch.equal(given[2][:, :4], kept[0])
    assert torch.equal(given[1][..., ::2, ::2], given[1][..., 1::2, 1::2])  # a cell becomes four


def test_a_residual_network_is_its_formula():
    net, x = parc().rate, drawn(2, 10, 6, 7)
    for block in (net.first, net.second):
        first = F.relu(block.enter(x))
        x = F.relu(first + block.out(F.relu(block.middle(first))))
    for layer in (0, 2, 4):
        x = F.relu(net.wide[layer](x))
    torch.testing.assert_close(net.out(x), net(drawn(2, 10, 6, 7)))


def test_noise_and_dropout_are_of_training_alone_and_where_they_are_published():
    module, now, seen = parc(), state(FIELDS, 1, 64, 64), []
    module.shape.down[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    assert torch.equal(module(now)["pressure"], module(now)["pressure"])
    module.train()
    assert not torch.equal(module(now)["pressure"], module(now)["pressure"])
    assert torch.equal(seen[0], seen[1])
    assert 0.9 * NOISE < float((seen[2] - seen[0]).std().detach()) < 1.1 * NOISE
    parts = {"shape": module.shape.dropout, "rate": module.rate.dropout, "integral": module.integral.dropout}
    assert {name: part.rate for name, part in parts.items()} == dict.fromkeys(parts, 0.2)
    assert (module.rate.inside.rate, module.integral.inside.rate) == (0.0, 0.2)


def test_no_field_changes_by_more_than_one():
    module, now = awake(parc(), size=0.5), state(FIELDS, 1, 8, 8)
    later = module(now)
    changes = torch.stack([later[name] - now[name] for name in FIELDS[:2]]).abs().detach()
    assert 0.99 < float(changes.max()) < 1.0 + 1e-6


def test_weights_begin_normal_and_cut_at_two_deviations_of_the_uncut():
    layer = nn.Conv2d(64, 128, 5)
    he_cut_(layer)
    deviation = (2.0 / (64 * 25)) ** 0.5
    assert float(layer.weight.detach().std()) == pytest.approx(deviation, rel=0.01)
    assert 1.9 < float(layer.weight.detach().abs().max()) / deviation * 0.8796 < 2.0 + 1e-3
    assert not layer.bias.detach().any()


def test_a_loss_of_fields_and_derivatives_is_learned():
    module, now = PARCv1(fields=FIELDS, width=16, padding="zeros").eval(), state(FIELDS, 1, 8, 16)
    smooth = {name: F.avg_pool2d(value, 5, 1, 2) for name, value in now.items()}
    wanted = {name: 0.9 * smooth[name].roll(1, -1) for name in FIELDS[:2]}

    def loss():
        ((later, rate),) = module.unroll(smooth, 1)
        errors = [(later[name] - value).square().mean() for name, value in wanted.items()]
        errors += [(rate[name] - (value - smooth[name])).square().mean() for name, value in wanted.items()]
        return sum(errors)

    before, after = overfit(module, loss, updates=60)
    assert after < 0.1 * before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": FIELDS[:2]}, "fields: expected initial_microstructure or microstructure and what evolves"),
        ({"fields": FIELDS[2:]}, "fields: expected initial_microstructure or microstructure and what evolves"),
        ({"width": 6}, "width: expected a multiple of 4, got 6"),
        ({"padding": "periodic"}, "padding: expected one of zeros, replicate"),
    ],
)
def test_an_unknown_choice_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        parc(**options)


@pytest.mark.parametrize("name", FIELDS)
def test_a_missing_field_is_named(name):
    with pytest.raises(DataError, match="state: expected fields"):
        parc()(state([field for field in FIELDS if field != name], 1, 8, 8))
