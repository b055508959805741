"""Tokens step each alone, then all together; maps have the published size and start where they should."""

import pytest
import torch
from torch import nn

from tessera.errors import ConfigError, DataError
from tessera.models.dynamics import ConvNeXtMap, Evolve, LatentStep, UNetMap, latent_map
from tessera.models.state import Token
from tests.models.networks import awake, count, counted, dead, drawn

FIELDS = ["temperature", "pressure", "microstructure"]
PAPER = {"kind": "unet", "base": 64, "last": "leaky", "padding": "zeros", "residual": False}
CONVNEXT = {"kind": "convnext", "width": 8, "blocks": 2, "kernel": 5, "residual": True}
UNET = {"kind": "unet", "base": 4, "last": "linear", "padding": "replicate", "residual": True}
MAPS = pytest.mark.parametrize("maps", [CONVNEXT, UNET], ids=["convnext", "unet"])
KINDS = pytest.mark.parametrize("log_variance", [True, False])


def latent_step(maps=CONVNEXT, log_variance=True, fields=FIELDS, **options):
    arguments = {"fields": fields, "channels": 2, "log_variance": log_variance}
    return LatentStep(**(arguments | {"decoupled_map": maps, "coupled_map": maps} | options))


def tokens(log_variance=True, batch=2, size=(6, 8), fields=FIELDS, dtype=torch.float32):
    """Return random tokens of two channels for each field."""
    made = {}
    for n, name in enumerate(fields):
        mean, log_var = (drawn(batch, 2, *size, seed=10 * n + k).to(dtype) for k in (0, 1))
        made[name] = Token(mean, log_var if log_variance else None)
    return made


def values(latents):
    """Return all tensors of tokens in one list."""
    return [value for token in latents.values() for value in token if value is not None]


def alike(one, two):
    pairs = ((values({name: one[name]}), values({name: two[name]})) for name in one | two)
    return all(len(a) == len(b) and all(map(torch.equal, a, b)) for a, b in pairs)


def test_the_maps_of_the_paper_have_the_published_numbers_of_parameters():
    step = counted(
        "latent-step",
        {"fields": FIELDS, "channels": 4, "log_variance": True, "decoupled_map": PAPER, "coupled_map": PAPER},
    )
    for field in FIELDS:
        assert count(step.decoupled[field].mean) == 3_164_520
        assert count(step.decoupled[field].log_var) == 3_166_824
    assert count(step.coupled.mean) == 3_170_328
    assert count(step.coupled.log_var) == 3_177_240
    assert count(step) == 25_341_600


def test_a_convnext_map_has_as_many_parameters_as_its_formula():
    width, kernel = 16, 7
    block = width * kernel**2 + width + 2 * width + (width * 3 * width + 3 * width) + (3 * width * width + width)
    ends = (12 * width + width) + 2 * width + (width * 4 + 4)
    made = ConvNeXtMap(12, 4, width=width, blocks=3, kernel=kernel, residual=True)
    assert count(made) == 3 * block + ends


@MAPS
@KINDS
def test_an_untrained_residual_step_changes_nothing(maps, log_variance):
    latents = tokens(log_variance)
    assert alike(latent_step(maps, log_variance, substeps=3)(latents), latents)


@MAPS
def test_an_untrained_map_without_residual_forgets_its_input(maps):
    made = latent_map(in_channels=4, out_channels=2, **(maps | {"residual": False}))
    x = drawn(1, 4, 8, 8)
    answer = made(x)
    assert answer.shape == (1, 2, 8, 8)
    assert answer.any() and not torch.allclose(answer, x[:, :2], atol=0.1)


@MAPS
def test_a_residual_map_adds_to_its_first_channels(maps):
    residual, plain = (latent_map(in_channels=4, out_channels=2, **(maps | {"residual": r})) for r in (True, False))
    awake(residual)
    plain.load_state_dict(residual.state_dict())
    x = drawn(2, 4, 6, 7)
    torch.testing.assert_close(residual(x), x[:, :2] + plain(x))


@pytest.mark.parametrize(("last", "least"), [("leaky", 0.2), ("linear", 1.0)])
def test_negative_answers_of_the_paper_pass_a_slope(last, least):
    made = UNetMap(2, 1, base=2, last=last, padding="zeros", residual=False)
    layer = [part for part in made.out.modules() if isinstance(part, nn.Conv2d)][-1]
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, -1.0)
    torch.testing.assert_close(made(drawn(1, 2, 4, 4)), torch.full((1, 1, 4, 4), -least))


def test_skips_carry_both_finer_levels():
    made, seen = UNetMap(2, 2, base=4, last="leaky", padding="zeros", residual=False), {}
    for name in ("fine", "middle", "middle_up", "fine_up"):
        getattr(made, name).register_forward_hook(
            lambda _, given, answer, name=name: seen.update({name: (*given, answer)})
        )
    made(drawn(1, 2, 8, 8))
    for name, below in (("middle", 16), ("fine", 8)):
        assert torch.equal(seen[name + "_up"][0][:, below:], seen[name][-1])


@MAPS
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 6), (20, 32)])
def test_tokens_of_any_number_are_stepped(maps, size):
    later = awake(latent_step(maps))(tokens(size=size))
    assert {value.shape for value in values(later)} == {(2, 2, *size)}


@MAPS
def test_a_step_moves_with_its_tokens(maps):
    step = awake(latent_step(maps), size=0.05).double()
    now = tokens(size=(4, 176), dtype=torch.float64)
    cells, middle = 4, 88  # a U-Net pools twice; two of them reach less than 80 tokens
    moved = {name: Token(*(value.roll(cells, -1) for value in token)) for name, token in now.items()}
    for before, after in zip(values(step(now)), values(step(moved)), strict=True):
        torch.testing.assert_close(after[..., middle], before[..., middle - cells], rtol=1e-9, atol=1e-10)
        assert not torch.allclose(after[..., middle], before[..., middle])


def test_a_large_mosaic_is_stepped_as_its_middle_would_be_alone():
    step = awake(latent_step(), size=0.05).double()
    large = tokens(size=(40, 44), dtype=torch.float64)
    small = {name: Token(*(value[..., 8:32, 8:36] for value in token)) for name, token in large.items()}
    reach = 8  # two maps of two kernels of five tokens
    for whole, part in zip(values(step(large)), values(step(small)), strict=True):
        inside = part[..., reach:-reach, reach:-reach]
        torch.testing.assert_close(inside, whole[..., 8 + reach : 32 - reach, 8 + reach : 36 - reach])
        assert not torch.allclose(part, whole[..., 8:32, 8:36])


@MAPS
@KINDS
def test_a_sample_knows_nothing_of_its_batch_mates(maps, log_variance):
    step, both = awake(latent_step(maps, log_variance)), tokens(log_variance)
    together = step(both)
    for sample in (0, 1):
        alone = step({name: _only(token, sample) for name, token in both.items()})
        for one, two in zip(values(alone), values(together), strict=True):
            torch.testing.assert_close(one, two[sample : sample + 1])


@MAPS
def test_a_field_alone_knows_no_other_and_together_all_do(maps):
    step, now = latent_step(maps), tokens()
    awake(step.decoupled)
    other = now | {"pressure": Token(*(value + 1.0 for value in now["pressure"]))}
    alone, changed = step(now), step(other)  # the coupled map is untrained: the identity
    assert not torch.equal(alone["pressure"].mean, changed["pressure"].mean)
    assert torch.equal(alone["temperature"].mean, changed["temperature"].mean)
    awake(step.coupled)
    assert not torch.equal(step(now)["temperature"].mean, step(other)["temperature"].mean)


def test_without_coupling_every_field_steps_by_its_own_map():
    step, now = latent_step(), tokens()
    awake(step.decoupled)
    assert alike(step(now), {field: step.decoupled[field](now[field]) for field in FIELDS})


def test_the_coupled_map_follows_the_decoupled_ones_and_sees_fields_side_by_side():
    step, now, seen = awake(latent_step()), tokens(), []
    step.coupled.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    later = step(now)
    alone = [step.decoupled[field](now[field]) for field in FIELDS]
    for seen_value, expected in zip(seen[0], zip(*alone, strict=True), strict=True):
        assert torch.equal(seen_value, torch.cat(expected, 1))
    together = step.coupled(seen[0])
    assert torch.equal(torch.cat([later[field].mean for field in FIELDS], 1), together.mean)
    assert torch.equal(torch.cat([later[field].log_var for field in FIELDS], 1), together.log_var)


@MAPS
def test_means_do_not_know_variances_and_variances_know_means(maps):
    evolve = awake(Evolve(channels=2, map=maps, log_variance=True))
    token = tokens()["pressure"]
    base = evolve(token)
    louder, moved = (evolve(changed) for changed in (_louder(token), token._replace(mean=token.mean + 1.0)))
    assert torch.equal(base.mean, louder.mean) and not torch.equal(base.log_var, louder.log_var)
    assert not torch.equal(base.mean, moved.mean) and not torch.equal(base.log_var, moved.log_var)


def test_substeps_are_so_many_steps():
    once, thrice = awake(latent_step()), awake(latent_step(substeps=3))
    thrice.load_state_dict(once.state_dict())
    now = tokens()
    assert alike(thrice(now), once(once(once(now))))
    assert not alike(thrice(now), once(now))


def test_a_step_without_variances_leaves_them_out_and_one_with_asks_for_them():
    later = latent_step(log_variance=False)(tokens(True))
    assert all(token.log_var is None for token in later.values())
    with pytest.raises(DataError, match="token: expected a log-variance, got none"):
        latent_step()(tokens(False))


def test_tokens_go_by_name():
    step, now = awake(latent_step()), tokens()
    backwards = {name: now[name] for name in reversed(FIELDS)} | {"velocity_x": now["pressure"]}
    assert alike(step(backwards), step(now))
    with pytest.raises(DataError, match=r"tokens: expected fields \['temperature', 'pressure', 'microstructure'\]"):
        step({name: now[name] for name in FIELDS[:2]})


def test_frozen_maps_stay_as_they_are():
    step, now = awake(latent_step().double(), size=0.1), tokens(dtype=torch.float64)
    step.freeze_decoupled()
    assert dead(step, values(step(now))) == [
        name for name, _ in step.named_parameters() if name.startswith("decoupled")
    ]
    before = {name: value.clone() for name, value in step.state_dict().items()}
    optimizer = torch.optim.AdamW(step.parameters(), lr=1e-2, weight_decay=0.1)
    optimizer.step()
    moved = {name for name, value in step.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {name for name in before if name.startswith("coupled")}


def test_frozen_maps_stay_in_evaluation_through_training():
    step = latent_step()
    assert all(part.training for part in step.train().modules())
    step.freeze_decoupled()
    for mode in (True, False):
        assert step.train(mode) is step
        assert not any(part.training for part in step.decoupled.modules())
        assert all(part.training is mode for part in step.coupled.modules())


def test_dropout_of_a_map_works_while_learning_and_not_in_what_is_frozen():
    step, now = awake(latent_step(UNET | {"dropout": 0.3})), tokens()
    assert not alike(step.train()(now), step.train()(now))
    assert alike(step.eval()(now), step.eval()(now))
    alone = {field: step.train().decoupled[field](now[field]) for field in FIELDS}
    step.freeze_decoupled()
    step.train()
    kept = [{field: step.decoupled[field](now[field]) for field in FIELDS} for _ in range(2)]
    assert alike(*kept) and not alike(alone, kept[0])


def test_a_residual_map_adds_to_what_dropout_has_not_touched():
    made, x = UNetMap(4, 2, base=4, last="linear", padding="zeros", residual=True, dropout=0.9), drawn(1, 4, 8, 8)
    assert torch.equal(made.train()(x), x[:, :2])  # untrained, it changes nothing


def test_a_map_starts_as_it_is_told():
    spread = {}
    for start in ("he", "glorot"):
        torch.manual_seed(0)
        made = UNetMap(4, 4, base=16, last="leaky", padding="zeros", residual=False, initialisation=start)
        spread[start] = float(made.middle[1][0].weight.detach().std() ** 2) * 9 * 32
    assert spread["he"] == pytest.approx(2.0 / 1.04, rel=0.05)  # 2 / (1 + slope²)
    assert spread["glorot"] == pytest.approx(1.0, rel=0.05)  # 2 / (in + out), of as many out as in


@MAPS
def test_chance_has_no_say_in_a_step(maps):
    step, now = awake(latent_step(maps)), tokens()
    assert alike(step.train()(now), step.train()(now)) and alike(step.train()(now), step.eval()(now))


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ({"kind": "transformer"}, "map: kind: expected one of convnext, unet, got 'transformer'"),
        (PAPER | {"last": "tanh"}, "last: expected leaky or linear, got 'tanh'"),
        (PAPER | {"padding": "periodic"}, "padding: expected one of zeros, replicate"),
        (PAPER | {"dropout": 1.0}, "dropout: expected a rate from 0 to less than 1, got 1.0"),
        (PAPER | {"initialisation": "zeros"}, "initialisation: expected one of he, glorot, got 'zeros'"),
    ],
)
def test_an_unknown_map_is_refused(maps, message):
    with pytest.raises(ConfigError, match=message):
        latent_step(maps)


def _only(token, sample):
    return Token(*(None if value is None else value[sample : sample + 1] for value in token))


def _louder(token):
    return token._replace(log_var=token.log_var + 1.0)
