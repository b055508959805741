"""What an update does, by hand: optimisers, clipping, averaged weights."""

import math

import pytest
import torch
from torch import nn

from tessera.learning.train import Loop, train

RATE, DECAY = 0.1, 0.5
LOOP = Loop(epoch=1, updates=1, learning_rate=RATE, schedule="constant", warm_up=0.0, clip=0.0, average=0.0)


class Slope:
    """Descend along a constant slope, so that gradients are known."""

    name = "slope"

    def __init__(self, slope=3.0):
        self.module = nn.Linear(2, 1, bias=False)
        self.slope, self.judged = slope, []
        with torch.no_grad():
            self.module.weight.copy_(torch.tensor([[1.0, -2.0]]))

    def batch(self, _progress, _generator):
        return torch.tensor([[0.6, 0.8]]) * self.slope

    def losses(self, batch):
        return {"height": self.module(batch).sum()}

    def validate(self):
        self.judged.append(self.module.weight.detach().clone()[0])
        return -float(len(self.judged)), {}

    def state(self):
        return {}

    def restore(self, _state):
        pass


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_weights_decay_within_the_gradient_of_adam_and_beside_that_of_adamw(tmp_path, optimizer):
    """The first step of Adam is as long as the rate in each weight, along the sign of its gradient."""
    task = Slope(1.0)
    train(task, LOOP._replace(optimizer=optimizer, weight_decay=DECAY), state=tmp_path, key="k")
    shrunk = 1.0 - RATE * DECAY if optimizer == "adamw" else 1.0
    gradient = torch.tensor([0.6, 0.8]) + (DECAY * torch.tensor([1.0, -2.0]) if optimizer == "adam" else 0.0)
    expected = shrunk * torch.tensor([1.0, -2.0]) - RATE * gradient.sign()
    torch.testing.assert_close(task.module.weight.detach()[0], expected, rtol=1e-6, atol=1e-6)


def test_a_gradient_is_no_longer_than_the_clip(tmp_path):
    """Two updates with slopes 3 and 300: Adam's second step tells by how much the gradients differed."""
    ends = {}
    for clip in (0.0, 1.0):
        task = Slope()
        steep = iter((3.0, 300.0))
        task.batch = lambda _progress, _generator, steep=steep: torch.tensor([[0.6, 0.8]]) * next(steep)
        loop = LOOP._replace(updates=2, epoch=2, clip=clip, betas=(0.5, 0.5), weight_decay=0.0)
        train(task, loop, state=tmp_path / str(clip), key="k")
        ends[clip] = task.module.weight.detach()[0].clone()
    first = torch.tensor([1.0, -2.0]) - RATE
    torch.testing.assert_close(ends[1.0], first - RATE, rtol=1e-5, atol=1e-5)  # both of length one
    mean, square = (0.25 * 3.0 + 0.5 * 300.0) / 0.75, (0.25 * 9.0 + 0.5 * 90000.0) / 0.75
    torch.testing.assert_close(ends[0.0], first - RATE * mean / math.sqrt(square), rtol=1e-5, atol=1e-5)


def test_averaged_weights_follow_are_judged_and_are_the_ones_kept(tmp_path):
    task, own = Slope(), [torch.tensor([1.0, -2.0])]
    loop = LOOP._replace(updates=4, average=0.3, weight_decay=0.0)
    train(task, loop, state=tmp_path, key="k")
    followed = own[0].clone()
    for update in range(1, 5):
        own.append(own[-1] - RATE)
        decay = min(0.3, (1 + update) / (10 + update))
        followed = decay * followed + (1.0 - decay) * own[-1]
        torch.testing.assert_close(task.judged[update - 1], followed, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(task.module.weight.detach()[0], followed, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(followed, own[-1], atol=1e-3)


def test_without_an_average_the_weights_themselves_are_judged(tmp_path):
    task = Slope()
    train(task, LOOP._replace(updates=2, weight_decay=0.0), state=tmp_path, key="k")
    torch.testing.assert_close(task.judged[-1], torch.tensor([1.0, -2.0]) - 2 * RATE, rtol=1e-5, atol=1e-5)
