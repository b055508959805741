"""Roll-outs: what never changes is handed on as it is, whatever a model makes of it."""

import torch

from tessera.learning.frames import Bounds
from tessera.learning.rollout import LOG_VARIANCE, Pixels, Tokens, held, inflow, roll
from tessera.models.state import Token

HELD, FREE = "initial_microstructure", "temperature"


def test_a_model_in_pixel_space_does_not_change_what_is_held():
    bounds = Bounds({HELD: 0.0, FREE: 0.0}, {HELD: 1.0, FREE: 9.0})
    start = {name: torch.rand(1, 4, 6) for name in (HELD, FREE)}
    doubled = Pixels(lambda state: {name: 2.0 * value for name, value in state.items()}, bounds)
    *_, last = roll(doubled, start, 3)
    assert torch.equal(last[HELD], start[HELD])
    assert torch.allclose(last[FREE], 8.0 * start[FREE])


def test_a_model_of_tokens_holds_means_and_variances_unless_told_to_learn_them():
    start = {name + part: torch.rand(1, 2, 3, 4) for name in (HELD, FREE) for part in ("", LOG_VARIANCE)}

    def step(latents):
        return {name: Token(token.mean + 1.0, token.log_var + 1.0) for name, token in latents.items()}

    *_, last = roll(Tokens(step, None, 8, True), start, 2)
    for name, before in start.items():
        assert torch.allclose(last[name], before if name.startswith(HELD) else before + 2.0)
    *_, free = roll(Tokens(step, None, 8, True, hold=False), start, 2)
    assert torch.allclose(free[HELD], start[HELD] + 2.0)


def test_tokens_beside_the_inlet_stay_unless_the_model_lets_them_evolve():
    start = {FREE: torch.rand(1, 2, 3, 4)}

    def step(latents):
        return {name: Token(token.mean + 1.0, None) for name, token in latents.items()}

    for hold_inlet in (True, False):
        emulator = Tokens(step, None, 8, False, hold_inlet=hold_inlet)
        *_, last = roll(emulator, start, 2, inflow(emulator, start))
        grown = last[FREE] - start[FREE]
        assert torch.allclose(grown[..., 1:], torch.tensor(2.0))
        assert torch.allclose(grown[..., :1], torch.tensor(0.0 if hold_inlet else 2.0))


def test_nothing_else_is_held():
    before, after = {FREE: torch.zeros(1)}, {FREE: torch.ones(1)}
    assert torch.equal(held(before, after)[FREE], after[FREE])
