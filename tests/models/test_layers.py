"""Layers do what their names say, to the last cell of the border."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from tessera.errors import ConfigError
from tessera.models.layers import (
    ChannelNorm,
    ConvNeXtBlock,
    Double,
    Dropout,
    PointConv,
    channels_last,
    conv,
    crop_to,
    double,
    glorot_,
    he_,
    pad_to,
    unit,
    zero_,
)
from tessera.models.parts import Part, shared
from tests.models.networks import awake, dead, drawn


def ramp(height, width):
    """Return a field that rises by 2 per cell along y and falls by 3 per cell along x."""
    y, x = torch.arange(float(height))[:, None], torch.arange(float(width))
    return (2.0 * y - 3.0 * x)[None, None]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 8), (16, 16), (48, 48)])  # the last has more than FEW
@pytest.mark.parametrize("lay", [channels_last, torch.Tensor.contiguous])
def test_a_point_convolution_is_one_of_a_single_cell_and_so_is_its_gradient(shape, lay):
    plain, point = nn.Conv2d(6, 5, 1), PointConv(6, 5)
    point.load_state_dict(plain.state_dict())
    answers = []
    for layer in (plain, point):
        x = lay(drawn(2, 6, *shape)).requires_grad_()
        y = layer(x)
        y.square().sum().backward()
        answers.append((y, x.grad, layer.weight.grad, layer.bias.grad))
    for expected, got in zip(*answers, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kernel", "groups"), [(1, 1), (1, 4), (3, 1), (7, 4)])
def test_a_convolution_keeps_the_resolution(kernel, groups):
    layer = conv(4, 8, kernel, padding="zeros", groups=groups)
    assert layer(drawn(1, 4, 5, 9)).shape == (1, 8, 5, 9)
    assert isinstance(layer, PointConv) == (kernel == groups == 1)


def test_a_constant_stays_constant_under_replication_and_not_under_zeros():
    spread = {}
    for padding in ("replicate", "zeros"):
        torch.manual_seed(0)
        with torch.no_grad():
            answer = conv(1, 1, 5, padding=padding)(torch.ones(1, 1, 9, 9))
        spread[padding] = float(answer.max() - answer.min())
    assert spread["replicate"] < 1e-6 < 0.1 < spread["zeros"]


def test_an_unknown_padding_is_refused():
    with pytest.raises(ConfigError, match="padding: expected one of zeros, replicate, got 'periodic'"):
        conv(1, 1, padding="periodic")


def test_a_channel_norm_is_a_layer_norm_of_each_cell():
    norm = awake(ChannelNorm(5))
    x = drawn(2, 5, 3, 4)
    plain = nn.LayerNorm(5)
    plain.load_state_dict(norm.state_dict())
    answer = norm(x)
    for row in range(3):
        for column in range(4):
            torch.testing.assert_close(answer[:, :, row, column], plain(x[:, :, row, column]))


def test_a_channel_norm_knows_no_other_cell():
    norm, x = ChannelNorm(5), drawn(1, 5, 4, 4)
    changed = x.clone()
    changed[..., 2, 1] = 100.0 * drawn(1, 5, seed=1)
    moved = (norm(changed) != norm(x)).any(1)[0]
    assert moved.nonzero().tolist() == [[2, 1]]


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (6, 5)])
def test_doubling_keeps_constants(shape):
    x = torch.full((2, 3, *shape), 1.75)
    assert torch.equal(double(x), torch.full((2, 3, 2 * shape[0], 2 * shape[1]), 1.75))
    assert torch.equal(Double()(x), double(x))


def test_doubling_keeps_straight_lines_inside_and_is_flat_beyond_the_last_centres():
    fine = double(ramp(6, 5))[0, 0]
    y = ((torch.arange(12) + 0.5) / 2.0 - 0.5).clamp(0.0, 5.0)[:, None]
    x = ((torch.arange(10) + 0.5) / 2.0 - 0.5).clamp(0.0, 4.0)
    torch.testing.assert_close(fine, 2.0 * y - 3.0 * x)


def test_a_block_is_its_formula():
    block = awake(ConvNeXtBlock(4, 5, padding="replicate", layer_scale=0.5))
    x = drawn(2, 4, 6, 7)
    mixed = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="replicate"), block.depthwise.weight, block.depthwise.bias, groups=4)
    cells = F.layer_norm(mixed.movedim(1, -1), (4,), block.norm.weight, block.norm.bias)
    wide = F.gelu(cells @ block.expand.weight[:, :, 0, 0].T + block.expand.bias)
    change = (wide @ block.contract.weight[:, :, 0, 0].T + block.contract.bias).movedim(-1, 1)
    torch.testing.assert_close(block(x), x + block.layer_scale * change)


def test_a_block_whose_scale_is_zero_is_the_identity():
    x = drawn(2, 6, 8, 8)
    assert torch.equal(ConvNeXtBlock(6, padding="zeros", layer_scale=0.0)(x), x)
    assert not torch.equal(ConvNeXtBlock(6, padding="zeros", layer_scale=1e-2)(x), x)


def test_a_block_without_scale_is_one_of_scale_one():
    plain, scaled = (ConvNeXtBlock(6, padding="zeros", layer_scale=scale) for scale in (None, 1.0))
    scaled.load_state_dict(plain.state_dict(), strict=False)
    assert torch.equal(plain(drawn(1, 6, 8, 8)), scaled(drawn(1, 6, 8, 8)))
    assert plain.layer_scale is None


@pytest.mark.parametrize("scale", [None, 1.0])
def test_a_block_has_no_dead_weight(scale):
    block = ConvNeXtBlock(4, padding="zeros", layer_scale=scale).double()
    assert dead(block, [block(drawn(2, 4, 8, 8).double())]) == []


def test_a_block_reaches_half_its_kernel_and_no_further():
    block = awake(ConvNeXtBlock(3, 5, padding="replicate"))
    x = drawn(1, 3, 11, 11)
    changed = x.clone()
    changed[0, 0, 5, 5] += 1.0
    moved = (block(changed) != block(x)).any(1)[0]
    near = torch.zeros(11, 11, dtype=torch.bool)
    near[3:8, 3:8] = True
    assert torch.equal(moved, near)


def test_activations_keep_their_size_through_many_units():
    deep = nn.Sequential(*(unit(64, 64, 1, padding="zeros") for _ in range(10)))
    x = drawn(1, 64, 32, 32)
    with torch.no_grad():
        lost = deep(x).square().mean() / x.square().mean()
        he_(deep)
        kept = deep(x).square().mean() / x.square().mean()
    assert lost < 0.02
    assert 0.2 < kept < 5.0


def test_a_layer_of_zeros_answers_zero_and_still_learns():
    layer = zero_(conv(3, 2, padding="zeros"))
    answer = layer(drawn(1, 3, 4, 4))
    assert not answer.any()
    assert dead(layer, [answer]) == []


@pytest.mark.parametrize("shape", [(1, 1), (7, 16), (9, 17), (16, 8)])
def test_padding_repeats_the_last_cells_and_cropping_undoes_it(shape):
    x = drawn(2, 3, *shape)
    padded = pad_to(x, 8)
    assert padded.shape[-2] % 8 == padded.shape[-1] % 8 == 0
    assert padded.shape[-2] - shape[0] < 8 and padded.shape[-1] - shape[1] < 8
    assert torch.equal(crop_to(padded, x), x)
    below, right = padded[..., shape[0] :, : shape[1]], padded[..., : shape[0], shape[1] :]
    assert torch.equal(below, x[..., -1:, :].expand_as(below))
    assert torch.equal(right, x[..., -1:].expand_as(right))


def test_what_needs_no_padding_is_not_copied():
    x = drawn(1, 1, 8, 16)
    assert pad_to(x, 8) is x


def test_dropout_leaves_out_its_part_while_learning_and_keeps_the_mean():
    layer, x = Dropout(0.25), torch.ones(4, 8, 32, 32)
    torch.manual_seed(0)
    learning = layer.train()(x)
    assert learning.unique().tolist() == pytest.approx([0.0, 1.0 / 0.75])
    assert float((learning == 0.0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert layer.eval()(x) is x


def test_without_a_rate_dropout_leaves_chance_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    x = drawn(1, 2, 3, 3)
    assert Dropout(0.0).train()(x) is x
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_leave_out_what_the_whole_batch_would():
    layer, x = Dropout(0.5).train(), drawn(4, 2, 3, 5)
    torch.manual_seed(0)
    whole = layer(x)
    for place in (0, 1):
        torch.manual_seed(0)
        with shared(Part(place, 2)):
            assert torch.equal(layer(x[2 * place : 2 * place + 2]), whole[2 * place : 2 * place + 2])


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_rate_that_leaves_nothing_is_refused(rate):
    with pytest.raises(ConfigError, match="dropout: expected a rate from 0 to less than 1, got"):
        Dropout(rate)


def test_a_glorot_start_is_uniform_within_the_root_of_six_over_both_fans():
    layer = conv(16, 48, 3, padding="zeros")
    torch.manual_seed(0)
    glorot_(layer)
    limit = (6.0 / (9 * (16 + 48))) ** 0.5
    assert float(layer.weight.detach().abs().max()) == pytest.approx(limit, rel=1e-2)
    assert float(layer.weight.detach().std()) == pytest.approx(limit / 3**0.5, rel=2e-2)
    assert not layer.bias.any()
