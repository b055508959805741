"""Real networks learn real tasks: one batch is overfitted, frozen weights stay, windows are honest."""

import pytest
import torch

from tessera.data import schema
from tessera.learning import losses as loss
from tessera.learning.frames import Frames, bounds
from tessera.learning.losses import weights
from tessera.learning.reconstruction import Divergence, Pictures, Reconstruct, whiten
from tessera.learning.rollout import Pixels, Tokens, inflow, of_model, roll
from tessera.learning.sampling import Halo, Recipe
from tessera.learning.tasks import RollOut, Teaching
from tessera.learning.train import Loop, train
from tessera.models import build
from tessera.models.parts import Part, shared
from tests.learning.front import generator, learned
from tests.models.networks import awake

FIELDS = list(schema.SIMULATED)
TOKENIZER = {"downsampling": 4, "widths": [8, 16, 16], "latent_channels": 4, "padding": "replicate"}
MAP = {"kind": "convnext", "width": 24, "blocks": 1, "kernel": 3, "residual": True}
STEP = {
    "fields": FIELDS,
    "channels": 4,
    "log_variance": False,
    "decoupled_map": MAP,
    "coupled_map": MAP,
    "substeps": 1,
}
RECIPE = Recipe(2, window=24, window_rollout=32, horizons=((1.0, (1, 2)),))
SMALL = Halo(4, 2, 4, 2)


@pytest.fixture(scope="module")
def known():
    return learned()


def cnext(known, recipe=RECIPE):
    statistics, scales, frames, validation = known
    torch.manual_seed(0)
    module = build("cnext", {"fields": FIELDS, "unshuffle": 2, "widths": [16, 24], "blocks": [1, 1, 1]})
    emulator = Pixels(module, bounds(statistics, scales))
    return RollOut(
        "cnext",
        module,
        emulator,
        recipe,
        frames=frames,
        validation=validation,
        weights=weights(statistics, scales, 4.0, 2.0),
        scales=scales,
        halo=SMALL,
        teaching=Teaching(0.0, 1.0),
    )


def tessera(known, recipe=RECIPE):
    statistics, scales, frames, validation = known
    torch.manual_seed(0)
    model = build("tessera", {"fields": FIELDS, "tokenizer": TOKENIZER, "step": STEP})
    model.requires_grad_(False)
    model.step.coupled.requires_grad_(True)
    for tokenizer in model.tokenizers.values():
        tokenizer.decoder.requires_grad_(True)
    emulator = Tokens(model.step, model, model.downsampling, False)
    return RollOut(
        "tessera",
        model,
        emulator,
        recipe,
        frames=frames,
        validation=validation,
        weights=weights(statistics, scales, 4.0, 2.0),
        scales=scales,
        halo=SMALL,
        teaching=Teaching(0.0, 1.0),
    )


def tokenizer(known, field="temperature", since=1.0):
    statistics, scales, frames, validation = known
    torch.manual_seed(0)
    return Reconstruct(
        field,
        build("tokenizer", TOKENIZER),
        [frames],
        [validation],
        Recipe(2, window=24),
        weights(statistics, scales, 4.0, 1.0),
        Pictures(0.5),
        Divergence(1e-3, since),
        scales,
    )


def overfit(task, updates=250, rate=5e-3):
    """Return the loss before and after many updates on one batch."""
    batch = task.batch(0.0, generator())
    parameters = [p for p in task.module.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=rate)
    losses = []
    for _ in range(updates):
        total = torch.stack(list(task.losses(batch).values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(float(total.detach()))
    return losses[0], losses[-1]


@pytest.mark.parametrize("make", [tokenizer, cnext, tessera])
def test_one_batch_is_overfitted(known, make):
    before, after = overfit(make(known))
    assert after < 0.2 * before


@pytest.mark.parametrize("make", [tokenizer, cnext, tessera])
@pytest.mark.parametrize("seed", range(3))
def test_the_losses_of_all_parts_have_the_whole_batch_as_mean(known, make, seed):
    """With noise, replayed states, and halos that leave other cells out of each part."""
    found, left = {}, set()
    for total in (1, 2):
        for place in range(total):
            task = make(known)
            task.module.eval()
            for sampler in getattr(task, "samplers", None) or [task.sampler]:
                sampler.recipe = task.recipe = sampler.recipe._replace(batch=4, noise=0.1, replay=0.5)
            source = generator(seed)
            torch.manual_seed(seed)
            with shared(Part(place, total)):
                terms = task.losses(task.batch(1.0, source))
            for name, term in terms.items():
                found[total, name] = found.get((total, name), 0.0) + float(term.detach()) / total
            left.add(float(torch.rand(1, generator=source)))
    assert len(left) == 1  # all have drawn as many numbers
    for total, name in found:
        assert found[total, name] == pytest.approx(found[1, name], rel=1e-5), name


def compared(known, horizon=3, log_variance=False, **teaching):
    """Return a latent model's roll-out task of one horizon, compared in its own latents and decoded."""
    statistics, scales, frames, _ = known
    torch.manual_seed(0)
    step = STEP | {"log_variance": log_variance}
    model = awake(build("tessera", {"fields": FIELDS, "tokenizer": TOKENIZER, "step": step}), size=0.02)
    model.requires_grad_(False)
    model.step.coupled.requires_grad_(True)
    emulator = of_model(model)
    values: dict = {}
    for case in range(len(frames.cases)):
        carried = emulator.begin({name: field[case] for name, field in frames.fields.items()})
        for name, value in carried.items():
            values.setdefault(name, []).append(value)
    latents = Frames({name: torch.stack(found) for name, found in values.items()}, frames.front, frames.cases, 4)
    teaching = Teaching(1.0, 1.0, True, **teaching)
    counting = teaching.fields
    return RollOut(
        "compared",
        model,
        emulator,
        Recipe(2, horizons=((1.0, (horizon,)),)),
        frames=frames,
        validation=frames,
        latents=latents,
        validation_latents=latents,
        weights=weights(statistics, scales, 4.0, 2.0, over_fields=teaching.over_fields, counting=counting),
        scales=scales,
        halo=SMALL,
        teaching=teaching,
    )


def found(task, seed=0):
    """Return the terms of a batch of a seed."""
    torch.manual_seed(seed)
    return {name: float(term.detach()) for name, term in task.losses(task.batch(0.0, generator(seed))).items()}


def test_errors_of_steps_and_fields_are_averaged_or_summed(known):
    mean = found(compared(known))
    assert set(mean) == {*FIELDS, *(f"latent_{name}" for name in FIELDS)}
    steps = found(compared(known, over_steps="sum"))
    assert steps == {name: pytest.approx(3.0 * term, rel=1e-5) for name, term in mean.items()}
    fields = found(compared(known, over_fields="sum"))
    for name, term in mean.items():  # temperature has a weight of two among the decoded, all are equal among latents
        assert fields[name] == pytest.approx(term * (5.0 if name.startswith("latent_") else 6.0), rel=1e-5)


def test_log_variances_are_compared_as_means_are(known):
    terms = found(compared(known, log_variance=True, over_fields="sum"))
    assert {f"latent_{name}{part}" for name in FIELDS for part in ("", ":log_var")} <= set(terms)
    assert all(term > 0.0 for term in terms.values())


def test_frames_that_no_loss_needs_are_not_decoded_and_those_chosen_stand_for_all(known):
    every = found(compared(known))
    sums = dict.fromkeys(every, 0.0)
    for step in (1, 2, 3):
        task, seen = compared(known, frames=1), []
        batch = task.batch(0.0, generator())._replace(decoded=[step])
        for tokenizer in task.module.tokenizers.values():
            tokenizer.decoder.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        for name, term in task.losses(batch).items():
            sums[name] += float(term.detach()) / 3.0
        assert len(seen) == len(FIELDS)
    assert sums == pytest.approx(every, rel=1e-5)


def test_the_decoded_frames_are_drawn_anew_for_every_batch(known):
    task, source = compared(known, frames=2), generator()
    drawn = [tuple(task.batch(0.0, source).decoded) for _ in range(20)]
    assert set(drawn) == {(1, 2), (1, 3), (2, 3)}
    assert tuple(compared(known, frames=5).batch(0.0, generator()).decoded) == (1, 2, 3)


def test_the_fields_asked_for_alone_are_decoded_and_counted(known):
    task, seen = compared(known, fields=["pressure"], over_fields="sum"), []
    for name, tokenizer in task.module.tokenizers.items():
        tokenizer.decoder.register_forward_hook(lambda *_, name=name: seen.append(name))
    terms = found(task)
    assert set(seen) == {"pressure"}
    assert {name for name in terms if not name.startswith("latent_")} == {"pressure"}


def test_drawn_latents_are_decoded_while_their_means_go_on(known):
    plain, drawn = (compared(known, log_variance=True, drawn=d) for d in (False, True))
    before, after, again, other = found(plain), found(drawn), found(drawn), found(drawn, 1)
    assert after == again != other
    for name, term in before.items():
        assert (after[name] == term) is name.startswith("latent_")


def test_chance_has_no_say_in_a_validation(known):
    tasks = [compared(known, log_variance=True, drawn=drawn, frames=1) for drawn in (True, False)]
    state = torch.get_rng_state()
    errors = {task.validate()[0] for task in tasks}
    assert len(errors) == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_only_what_shall_learn_learns(known, tmp_path):
    task = tessera(known)
    before = {name: value.clone() for name, value in task.module.state_dict().items()}
    train(task, Loop(epoch=3, updates=6), state=tmp_path, key="k")
    moved = {n for n, v in task.module.state_dict().items() if not torch.equal(v, before[n])}
    assert any(".decoder." in name for name in moved)
    assert any(name.startswith("step.coupled") for name in moved)
    assert not any(".encoder." in name or "decoupled" in name for name in moved)


def test_a_roll_out_is_resumed_bit_for_bit_with_its_replayed_states(known, tmp_path):
    recipe = RECIPE._replace(replay=0.5, noise=0.02)
    loop = Loop(epoch=5, updates=25)
    whole, part, rest = (cnext(known, recipe) for _ in range(3))
    for task in (whole, part, rest):
        task.replay.FROM, task.replay.TOLERATED = 0.0, 100.0
    train(whole, loop, state=tmp_path / "whole", key="k")
    stop_after(part, 14)
    with pytest.raises(KeyboardInterrupt):
        train(part, loop, state=tmp_path / "part", key="k")
    train(rest, loop, state=tmp_path / "part", key="k")
    assert whole.replay.used == rest.replay.used > 0
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, rest.module.state_dict()[name]), name


def stop_after(task, batches):
    """Raise as Ctrl-C would, outside of the loop's own handling, when so many batches were drawn."""
    drawn, original = [0], task.batch

    def batch(progress, source):
        drawn[0] += 1
        if drawn[0] > batches:
            raise KeyboardInterrupt
        return original(progress, source)

    task.batch = batch


def test_the_truth_scores_zero_and_any_error_more(known):
    statistics, scales, frames, _ = known
    cells = weights(statistics, scales, 4.0, 2.0)
    truth = frames.at(4)
    assert all(float(term) == 0.0 for term in loss.field_losses(truth, truth, cells).values())
    wrong = {name: field + 0.1 for name, field in truth.items()}
    assert all(float(term) > 0.0 for term in loss.field_losses(wrong, truth, cells).values())


def test_a_hotspot_too_large_costs_as_one_too_small(known):
    statistics, scales, frames, _ = known
    cells = weights(statistics, scales, 4.0, 2.0)
    cold = {name: field[:1] for name, field in frames.at(1).items()}
    hot = {**cold, "temperature": cold["temperature"].clone()}
    hot["temperature"][:, 4:8, 4:8] = scales["temperature"].apply(2000.0)
    invented = sum(float(t) for t in loss.field_losses(hot, cold, cells).values())
    missed = sum(float(t) for t in loss.field_losses(cold, hot, cells).values())
    assert invented == pytest.approx(missed, rel=1e-5)


def test_masked_cells_do_not_count(known):
    statistics, scales, frames, _ = known
    cells = weights(statistics, scales, 4.0, 2.0)
    truth = frames.at(4)
    spoiled = {name: field.clone() for name, field in truth.items()}
    for field in spoiled.values():
        field[..., :5] += 1.0
    counts = torch.ones(1, 1, 48)
    counts[..., :5] = 0.0
    assert sum(float(t) for t in loss.field_losses(spoiled, truth, cells, counts).values()) == 0.0


def test_the_divergence_counts_only_late_in_the_budget(known):
    task = tokenizer(known, since=0.5)
    _, state = task.batch(0.0, generator())
    assert "divergence" not in task.losses((0.2, state))
    late = task.losses((0.7, state))
    assert float(late["divergence"].detach()) > 0.0


def test_the_divergence_of_a_standard_normal_is_zero():
    zero = torch.zeros(2, 3, 4, 5)
    assert float(loss.kl_divergence(zero, zero)) == 0.0
    assert float(loss.kl_divergence(zero + 1.0, zero)) == pytest.approx(0.5)


def test_whitened_latents_have_no_mean_and_unit_deviation(known):
    frames = known[2]
    module = tokenizer(known).module
    with torch.no_grad():
        before = module.decode(module.encode(frames.fields["temperature"][0]).mean)
        whiten(module, [frames], "temperature")
        found = torch.cat([module.encode(case).mean for case in frames.fields["temperature"]])
        after = module.decode(module.encode(frames.fields["temperature"][0]).mean)
    torch.testing.assert_close(found.mean((0, 2, 3)), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std((0, 2, 3)), torch.ones(4), atol=1e-2, rtol=0)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_the_inflow_keeps_the_first_columns_where_a_sample_begins_at_the_inlet():
    emulator = Pixels(lambda state: {n: f + 1.0 for n, f in state.items()}, _wide())
    start = {"a": torch.zeros(2, 3, 12)}
    fed = inflow(emulator, start, torch.tensor([True, False]))
    *_, last = roll(emulator, start, 3, fed)
    assert last["a"][0, :, :4].eq(0.0).all() and last["a"][0, :, 4:].eq(3.0).all()
    assert last["a"][1].eq(3.0).all()


def test_a_roll_out_cannot_run_away(known):
    statistics, scales, frames, _ = known
    limits = bounds(statistics, scales)
    emulator = Pixels(lambda state: {n: 3.0 * f for n, f in state.items()}, limits)
    *_, last = roll(emulator, frames.at(4), 50)
    assert all(torch.isfinite(field).all() for field in last.values())


def test_cached_latents_are_learned_as_whole_frames(known, tmp_path):
    frames = known[2]
    model = build("tessera", {"fields": FIELDS, "tokenizer": TOKENIZER, "step": STEP})
    with torch.no_grad():
        values = {
            name: torch.stack([model.tokenizers[name].encode(case).mean for case in frames.fields[name]])
            for name in FIELDS
        }
    cached = Frames(values, frames.front, frames.cases, 4)
    model.requires_grad_(False)
    model.step.coupled.requires_grad_(True)
    task = RollOut(
        "latent",
        model,
        Tokens(model.step, None, 4, False),
        RECIPE._replace(window=None, window_rollout=None),
        frames=None,
        validation=None,
        latents=cached,
        validation_latents=cached,
        weights=None,
        scales={},
        halo=SMALL,
        teaching=Teaching(1.0, 0.0),
    )
    before = task.validate()[0]
    result = train(task, Loop(epoch=50, updates=150, learning_rate=5e-3), state=tmp_path, key="k")
    assert result.best < 0.6 * before


def _wide():
    from tessera.learning.frames import Bounds

    return Bounds({"a": -10.0}, {"a": 10.0})
