"""The rival starts from persistence, steps any size, and has the size that its widths say."""

from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tessera.errors import ConfigError, DataError
from tessera.models.cnext import CNextUNet
from tests.models.networks import awake, count, counted, state

FIELDS = ["temperature", "pressure", "velocity_x"]


def cnext(fields=FIELDS, **options):
    return CNextUNet(**({"fields": fields, "unshuffle": 2, "widths": [6, 8], "blocks": [1, 2, 1]} | options))


def expected(fields, unshuffle, widths, blocks, expansion=3):
    """Return the number of parameters: blocks, changes of resolution, merges of skips, both ends."""
    folded, levels = fields * unshuffle**2, len(widths)
    total = folded * widths[0] + widths[0] + 2 * widths[0] + widths[0] * folded + folded
    for level, count_ in enumerate(blocks):
        width = widths[min(level, 2 * levels - 2 - level)]
        channels = 2 * expansion * width**2 + (expansion + 1) * width
        total += count_ * (49 * width + width + 2 * width + channels + width)
    for fine, coarse in pairwise(widths):
        total += 2 * fine + 4 * fine * coarse + coarse  # down
        total += 4 * coarse * fine + fine  # up
        total += 2 * fine * fine + fine  # merge
    return total


@pytest.mark.parametrize(
    ("unshuffle", "widths", "blocks"), [(2, [6, 8], [1, 2, 1]), (1, [4], [3]), (4, [4, 6, 8], [1, 2, 3, 0, 2])]
)
def test_blocks_lie_on_the_levels_they_are_counted_for(unshuffle, widths, blocks):
    module = cnext(unshuffle=unshuffle, widths=widths, blocks=blocks)
    assert count(module) == expected(3, unshuffle, widths, blocks)


PUBLISHED = {"unshuffle": 1, "widths": [42, 84, 168, 336, 672], "blocks": [2, 2, 2, 2, 3, 2, 2, 2, 0]}
PUBLISHED |= {"expansion": 4, "layout": "published"}


def test_at_the_size_of_the_well_it_has_the_published_parameters_and_operations():
    module = counted("cnext", {"fields": list("abcde"), **PUBLISHED})
    assert count(module) == 18_571_565  # models.unet_convnext of the-well 1.2.0, five fields in and out
    with FlopCounterMode(display=False) as counter:
        module({name: torch.empty(1, 128, 256, device="meta") for name in "abcde"})
    assert counter.get_total_flops() / 1e9 == pytest.approx(19.3, abs=0.05)  # of the same, measured likewise


def test_the_light_layout_is_wider_by_its_expansion():
    arguments = {"unshuffle": 1, "widths": [42, 84, 168, 336, 672], "blocks": [2] * 9}
    sizes = [count(counted("cnext", {"fields": list("abcde"), **arguments, "expansion": n})) for n in (3, 4)]
    assert sizes == [expected(5, **arguments, expansion=n) for n in (3, 4)]
    assert sizes[0] == 11_941_067


def test_the_published_layout_answers_anywhere_and_starts_from_persistence():
    module = cnext(**PUBLISHED | {"widths": [4, 6, 8], "blocks": [1, 1, 2, 1, 0]})
    now = state(FIELDS, 2, 7, 9)
    assert all(torch.equal(module(now)[name], now[name]) for name in FIELDS)
    later = awake(module)(now)
    assert {value.shape for value in later.values()} == {(2, 7, 9)}


def test_the_published_layout_skips_no_blocks_and_not_the_finest_level():
    module, given, kept = cnext(widths=[4, 6, 8, 10], blocks=[1] * 7, layout="published"), [], []
    for part in module.down_blocks[1:3]:
        part.register_forward_pre_hook(lambda _, seen: kept.append(seen[0]))
    for part in module.merge:
        part.register_forward_pre_hook(lambda _, seen: given.append(seen[0]))
    module(state(FIELDS, 1, 16, 16))
    assert len(given) == 2
    assert torch.equal(given[0][:, 8:], kept[1]) and torch.equal(given[1][:, 6:], kept[0])


def test_blocks_start_with_the_layer_scale_that_is_asked_for():
    scales = {float(part.layer_scale.detach().mean()) for part in cnext(layer_scale=0.25).down_blocks[0]}
    assert scales == {0.25} and float(cnext().down_blocks[0][0].layer_scale.detach().mean()) == 1.0


def test_an_untrained_step_is_persistence():
    now = state(FIELDS, 2, 12, 16)
    later = cnext()(now)
    assert list(later) == FIELDS
    assert all(torch.equal(later[name], now[name]) for name in FIELDS)


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (8, 12), (3, 17)])
def test_any_size_is_stepped(size):
    later = awake(cnext())(state(FIELDS, 2, *size))
    assert {value.shape for value in later.values()} == {(2, *size)}


def test_a_state_that_does_not_fit_is_stepped_as_if_its_last_cells_went_on():
    module, now = awake(cnext()), state(FIELDS, 1, 8, 8)
    odd = {name: value[:, :7, :6] for name, value in now.items()}
    longer = {}
    for name, value in odd.items():
        rows = torch.cat([value, value[:, -1:]], 1)
        longer[name] = torch.cat([rows, rows[..., -1:], rows[..., -1:]], 2)
    whole = module(longer)
    for name, value in module(odd).items():
        torch.testing.assert_close(value, whole[name][:, :7, :6])


@pytest.mark.parametrize("axis", [-2, -1])
def test_a_step_moves_with_the_state_by_its_stride_and_not_by_cells(axis):
    module = awake(cnext(), size=0.05).double()
    now = {name: value.double() for name, value in state(FIELDS, 1, 8, 160).items()}
    if axis == -2:
        now = {name: value.transpose(-2, -1) for name, value in now.items()}
    before, middle = module(now), torch.arange(76, 84)
    for cells, same in ((module.stride, True), (1, False)):
        after = module({name: value.roll(cells, axis) for name, value in now.items()})
        for name in FIELDS:
            moved = after[name].index_select(axis, middle)
            assert torch.allclose(moved, before[name].index_select(axis, middle - cells), rtol=1e-9) is same


def test_skips_carry_every_finer_level():
    module, given, kept = cnext(widths=[4, 6, 8], blocks=[1] * 5), [], []
    for part in module.down_blocks:
        part.register_forward_hook(lambda *seen: kept.append(seen[2]))
    for part in module.merge:
        part.register_forward_pre_hook(lambda _, seen: given.append(seen[0]))
    module(state(FIELDS, 1, 16, 16))
    assert torch.equal(given[0][:, 6:], kept[1]) and torch.equal(given[1][:, 4:], kept[0])


def test_every_field_knows_every_other():
    module, now = awake(cnext()), state(FIELDS, 1, 8, 8)
    before = module(now)
    for changed in FIELDS:
        after = module(now | {changed: now[changed] + 1.0})
        for name in FIELDS:
            assert (after[name] - before[name] - float(name == changed)).abs().max() > 1e-4


def test_fields_go_by_name():
    module, now = awake(cnext()), state(FIELDS, 1, 8, 8)
    later, again = module(now), module({name: now[name] for name in reversed(FIELDS)} | {"other": now["pressure"]})
    assert again.keys() == set(FIELDS) and all(torch.equal(later[name], again[name]) for name in FIELDS)
    with pytest.raises(DataError, match="state: expected fields"):
        module({"pressure": now["pressure"]})


def test_blocks_that_do_not_fit_the_widths_are_refused():
    with pytest.raises(ConfigError, match=r"blocks: expected 3 numbers, got \[1, 1\]"):
        cnext(blocks=[1, 1])
    with pytest.raises(ConfigError, match="layout: expected light or published, got 'heavy'"):
        cnext(layout="heavy")
