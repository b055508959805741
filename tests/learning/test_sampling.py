"""Windows lie where they should, and halos leave out exactly what a cut side can disturb."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tessera.data import schema
from tessera.learning import frames as data
from tessera.learning.sampling import Halo, Recipe, Replay, Sampler, Window, halo, mask, noise
from tests.learning.front import CELL, INTERVAL, ensemble, generator, learned

FRONT = torch.tensor([[0, 10, 22, 34, 46, 58, 63, 63]])


def sampler(**options):
    return Sampler(Recipe(8, window=24, window_rollout=32, **options), FRONT, 64, unit=8)


@given(st.integers(1, 4), st.integers(0, 2**20))
@settings(max_examples=40, deadline=None)
def test_windows_lie_inside_the_domain_on_whole_tokens_and_leave_room_for_the_horizon(horizon, seed):
    for window in sampler().draw(horizon, generator(seed)):
        assert 0 <= window.left <= 64 - window.width
        assert window.left % 8 == window.width % 8 == 0
        assert window.frame >= 1 and window.frame + horizon < FRONT.shape[1]
        assert window.width == (24 if horizon == 1 else 32)


def test_most_windows_see_the_front():
    windows = [w for seed in range(60) for w in sampler(front=1.0).draw(1, generator(seed))]
    moving = [w for w in windows if FRONT[0, w.frame] < 63]
    seen = [w.left - 8 <= FRONT[0, w.frame] <= w.left + w.width for w in moving]
    assert sum(seen) > 0.9 * len(moving) > 0


def test_a_horizon_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="expected at most 6"):
        sampler().draw(7, generator())


def test_the_curriculum_follows_the_budget():
    recipe = Recipe(1, horizons=((0.5, (1,)), (1.0, (2, 3))))
    assert [recipe.choices(part) for part in (0.0, 0.49, 0.5, 0.99, 1.0)] == [
        (1,),
        (1,),
        (2, 3),
        (2, 3),
        (2, 3),
    ]


def test_the_front_is_where_the_pressure_says():
    dataset = ensemble(speed=4.0)
    columns = data.front_columns(dataset["pressure"].values)
    for frame in range(1, 8):
        assert columns[0, frame] == pytest.approx(4 * frame, abs=1)


def test_only_cut_sides_have_a_halo_that_grows_with_the_horizon():
    wide = Halo(14, 6, 11, 5)
    inlet, middle, outlet = (Window(0, 1, left, 96, False) for left in (0, 64, 144))
    counts = mask([inlet, middle, outlet], 240, 2, wide)
    assert counts.shape == (3, 2, 1, 96)
    assert counts[0, :, 0, 0].tolist() == [1, 1] and counts[2, :, 0, -1].tolist() == [1, 1]
    assert [int((counts[1, step, 0] == 0).sum()) for step in (0, 1)] == [14 + 11, 20 + 16]
    assert counts[1, 0, 0, 14] == 1 and counts[1, 0, 0, 13] == 0


def test_the_halo_covers_what_sound_and_flow_can_carry():
    reach = halo(INTERVAL, CELL)
    assert reach.upstream * CELL >= 5690.0 * INTERVAL
    assert (reach.upstream, reach.downstream) == (14, 11)


def test_a_mirrored_window_is_the_reflected_state_with_the_velocity_across_reversed():
    _, scales, frames, _ = learned()
    plain, mirrored = (frames.cut([Window(0, 3, 8, 24, turned)], 1, scales) for turned in (False, True))
    for name in schema.SIMULATED:
        value = scales[name].invert(plain[name].flip(-2))
        expected = -value if name == "velocity_y" else value
        torch.testing.assert_close(scales[name].invert(mirrored[name]), expected, rtol=1e-4, atol=0.5)


def test_noise_has_its_level_at_every_width_and_repeats_with_its_seed():
    state = {"a": torch.zeros(200, 16, 24), "b": torch.zeros(200, 3, 16, 24)}
    for seed in range(6):
        noisy = noise(state, 0.1, generator(seed))
        touched = noisy["a"].flatten(1).abs().sum(1) > 0
        assert 0.5 < touched.float().mean() < 0.9
        assert noisy["a"][touched].std() == pytest.approx(0.1, rel=0.1)
        assert torch.equal(noisy["b"], noise(state, 0.1, generator(seed))["b"])
    assert noise(state, 0.0, generator())["a"] is state["a"]


def test_replay_keeps_only_good_states_and_survives_a_restart():
    replay = Replay(1.0, cases=2, snapshots=12)

    def predict(_case, frame, steps):
        return [({"a": torch.full((2, 2), float(frame + k))}, 0.1 if k < 5 else 2.0) for k in range(1, steps + 1)]

    assert not replay.wanted(0.1, generator())
    taken = replay.take(3, 2, predict, generator(1))
    assert len(taken) == 3
    for memory in taken:
        assert memory.frame + 2 < 12
        assert float(memory.state["a"][0, 0]) == memory.frame
    assert len(replay.kept) == 3
    again = Replay(1.0, cases=2, snapshots=12)
    again.restore(replay.state())
    assert [m.frame for m in again.kept] == [m.frame for m in replay.kept]
