"""Modulated normalisation is its formula, over what it is said to be over."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from tessera.models.spade import NOISE, STATISTICS, Spade, SpadeUnit, normalise
from tests.models.networks import awake, dead, drawn


@pytest.mark.parametrize("statistics", STATISTICS)
def test_normal_features_have_no_mean_and_unit_deviation_over_what_is_said(statistics):
    over = STATISTICS[statistics]
    normal = normalise(3.0 + 2.0 * drawn(3, 5, 6, 7), statistics)
    variance, mean = torch.var_mean(normal, dim=over, correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), rtol=0.0, atol=1e-5)
    torch.testing.assert_close(variance, torch.ones_like(variance), rtol=1e-3, atol=0.0)


def test_a_mask_scales_first_and_shifts_second_without_a_one():
    spade = Spade(2, 3, 4, "zeros")
    torch.nn.init.zeros_(spade.scale_shift.weight)
    with torch.no_grad():
        spade.scale_shift.bias.copy_(torch.tensor([2.0, 2.0, 0.0, 0.5, -0.5, 7.0]))
    x = drawn(1, 3, 5, 6)
    scale, shift = torch.tensor([2.0, 2.0, 0.0])[:, None, None], torch.tensor([0.5, -0.5, 7.0])[:, None, None]
    torch.testing.assert_close(spade(x, drawn(1, 2, 5, 6)), scale * x + shift)


def test_a_mask_acts_on_its_neighbourhood_alone():
    spade = awake(Spade(2, 3, 4, "zeros"))
    x, mask = drawn(1, 3, 9, 9), drawn(1, 2, 9, 9, seed=1)
    other = mask.clone()
    other[..., 4, 4] += 1.0
    moved = (spade(x, other) != spade(x, mask)).any(1)[0]
    near = torch.zeros(9, 9, dtype=torch.bool)
    near[2:7, 2:7] = True
    assert moved.any() and not moved[~near].any()


@pytest.mark.parametrize("statistics", STATISTICS)
def test_a_unit_is_two_modulated_convolutions_beside_one(statistics):
    unit = awake(SpadeUnit(2, 5, 4, "zeros", statistics)).eval()
    x, mask = drawn(2, 5, 6, 7), drawn(2, 2, 6, 7, seed=1)
    normal = normalise(x, statistics)
    first = unit.first_conv(F.leaky_relu(unit.first(normal, mask), 0.2))
    second = unit.second_conv(F.leaky_relu(unit.second(normalise(first, statistics), mask), 0.2))
    beside = unit.beside_conv(F.leaky_relu(unit.beside(normal, mask), 0.2))
    torch.testing.assert_close(unit(x, mask), second + beside)


def test_noise_of_its_level_is_of_training_alone():
    unit, seen = SpadeUnit(2, 5, 4, "zeros", "pixel"), []
    unit.first.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    mask = drawn(1, 2, 64, 64)
    x = torch.arange(5.0)[:, None, None].expand(1, 5, 64, 64)  # of deviation √2 over channels
    for mode in (True, False):
        unit.train(mode)(x, mask)
    noise = (seen[0] - seen[1]).std() * 2.0**0.5
    assert 0.5 * NOISE < float(noise.detach()) < NOISE
    assert torch.equal(seen[1], normalise(x, "pixel"))


def test_noise_is_of_inference_too_where_that_is_asked():
    x, mask = drawn(1, 5, 8, 8), drawn(1, 2, 8, 8, seed=1)
    for always in (True, False):
        unit = awake(SpadeUnit(2, 5, 4, "zeros", "batch", always)).eval()
        assert torch.equal(unit(x, mask), unit(x, mask)) != always
        unit.noise = 0.0
        assert torch.equal(unit(x, mask), unit(x, mask))


@pytest.mark.parametrize("statistics", STATISTICS)
def test_a_unit_has_no_dead_weight_but_a_bias_that_the_next_mean_takes_out(statistics):
    unit = awake(SpadeUnit(2, 5, 4, "zeros", statistics).double(), size=0.3)
    answer = unit(drawn(2, 5, 8, 8).double(), drawn(2, 2, 8, 8, seed=1).double())
    assert dead(unit, [answer]) == ([] if statistics == "pixel" else ["first_conv.bias"])
