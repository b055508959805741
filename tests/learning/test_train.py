"""The one loop: it learns, it stops where asked, and killed and resumed it equals itself never stopped."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from tessera.errors import DataError, TrainingError
from tessera.learning.train import Loop, rate, train

ROOT = Path(__file__).parents[2]


class Line:
    """Fit a straight line to noisy points; dropout makes every random number count."""

    name = "line"

    def __init__(self, poison=None, slow=0.0):
        torch.manual_seed(1)
        self.module = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))
        self.poison, self.slow, self.drawn = poison, slow, 0

    def batch(self, _progress, generator):
        self.drawn += 1
        time.sleep(self.slow)
        x = torch.rand(32, 1, generator=generator)
        return x, 3.0 * x - 1.0 + 0.1 * torch.randn(32, 1, generator=generator)

    def losses(self, batch):
        x, y = batch
        error = (self.module(x) - y).square().mean()
        return {"error": error * float("nan") if self.drawn == self.poison else error}

    def validate(self):
        x = torch.linspace(0, 1, 50)[:, None]
        with torch.no_grad():
            return float((self.module(x) - 3.0 * x + 1.0).square().mean()), {"points": 50.0}

    def state(self):
        return {"drawn": self.drawn}

    def restore(self, state):
        self.drawn = state["drawn"]


LOOP = Loop(epoch=20, updates=200, learning_rate=1e-2)


def weights(task):
    return {name: value.clone() for name, value in task.module.state_dict().items()}


def test_it_learns_and_writes_one_line_per_epoch(tmp_path):
    task = Line()
    before = task.validate()[0]
    result = train(task, LOOP, state=tmp_path, key="k")
    assert result.updates == 200
    assert result.best < 0.02 * before
    lines = [json.loads(line) for line in (tmp_path / "k" / "history.jsonl").read_text().splitlines()]
    assert [line["updates"] for line in lines] == list(range(20, 201, 20))
    assert min(line["error"] for line in lines) == result.best
    assert {"loss_error", "learning_rate", "core_seconds", "validation_points"} <= set(lines[0])


def test_the_best_weights_are_the_ones_left(tmp_path):
    task = Line()
    result = train(task, LOOP, state=tmp_path, key="k")
    assert task.validate()[0] == pytest.approx(result.best, rel=1e-6)


def test_a_finished_training_is_not_repeated(tmp_path):
    first, second = Line(), Line()
    train(first, LOOP, state=tmp_path, key="k")
    train(second, LOOP, state=tmp_path, key="k")
    assert second.drawn == 200
    assert all(torch.equal(first.module.state_dict()[n], v) for n, v in second.module.state_dict().items())


def test_another_key_starts_anew(tmp_path):
    train(Line(), LOOP._replace(updates=20), state=tmp_path, key="k")
    other = Line()
    assert train(other, LOOP._replace(updates=40), state=tmp_path, key="other").updates == 40
    assert other.drawn == 40


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.learning.test_train import LOOP, Line
from tessera.learning.train import train
train(Line(slow=0.004), LOOP, state=Path(sys.argv[2]), key="k")
"""


@pytest.mark.parametrize(("number", "at"), [(signal.SIGKILL, (2, 5)), (signal.SIGTERM, (3,)), (signal.SIGINT, (6,))])
def test_killed_and_resumed_it_equals_itself_never_stopped(tmp_path, number, at):
    whole = Line()
    train(whole, LOOP, state=tmp_path / "whole", key="k")
    state = tmp_path / "killed" / "k" / "training.pt"
    for epochs in at:
        run = subprocess.Popen([sys.executable, "-c", KILLED, str(ROOT), str(tmp_path / "killed")])
        deadline = time.monotonic() + 60
        while not (state.is_file() and _updates(state) >= 20 * epochs):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        run.send_signal(number)
        assert run.wait(timeout=30) != 0
    resumed = Line()
    train(resumed, LOOP, state=tmp_path / "killed", key="k")
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name])
    assert _history(tmp_path / "whole") == _history(tmp_path / "killed")


def test_a_loss_that_is_not_finite_stops_it_and_keeps_the_last_checkpoint(tmp_path):
    with pytest.raises(TrainingError, match=r"line: update 50: error: expected a finite loss, got nan"):
        train(Line(poison=50), LOOP, state=tmp_path, key="k")
    assert _updates(tmp_path / "k" / "training.pt") == 40
    assert train(Line(), LOOP, state=tmp_path, key="k").updates == 200


def test_a_broken_state_is_said_by_path(tmp_path):
    train(Line(), LOOP._replace(updates=20), state=tmp_path, key="k")
    path = tmp_path / "k" / "training.pt"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"training\.pt: expected a whole training state"):
        train(Line(), LOOP, state=tmp_path, key="k")


def test_validations_that_get_no_better_end_it_early_and_killed_and_resumed_at_the_same_update(tmp_path):
    loop = LOOP._replace(learning_rate=1e-9, average=0.0, patience=3)
    worse = iter(range(100))

    class Stale(Line):
        def validate(self):
            return float(next(worse)), {}

    assert train(Stale(), loop, state=tmp_path, key="k")[:1] == (80,)
    assert train(Stale(), loop, state=tmp_path, key="k").updates == 80
    assert train(Line(), LOOP._replace(patience=3), state=tmp_path, key="other").updates > 80


def test_half_precision_learns_too_and_keeps_weights_whole(tmp_path):
    task = Line()
    before = task.validate()[0]
    assert train(task, LOOP._replace(precision="bfloat16"), state=tmp_path, key="k").best < 0.05 * before
    assert {value.dtype for value in task.module.state_dict().values()} == {torch.float32}
    exact = Line()
    train(exact, LOOP, state=tmp_path, key="exact")
    assert not torch.equal(task.module[0].weight, exact.module[0].weight)


def test_a_budget_of_processor_time_is_kept(tmp_path):
    result = train(Line(), LOOP._replace(updates=None, core_seconds=0.5), state=tmp_path, key="k")
    assert 0.5 <= result.core_seconds < 0.7
    assert result.updates > 20


def test_weights_that_are_frozen_do_not_move(tmp_path):
    task = Line()
    task.module[0].requires_grad_(False)
    before = weights(task)
    train(task, LOOP, state=tmp_path, key="k")
    after = weights(task)
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.equal(before["3.weight"], after["3.weight"])


def test_nothing_to_learn_is_refused(tmp_path):
    task = Line()
    task.module.requires_grad_(False)
    with pytest.raises(TrainingError, match="expected weights to learn"):
        train(task, LOOP, state=tmp_path, key="k")


def test_the_rate_rises_and_falls():
    loop = LOOP._replace(warm_up=0.1)
    rates = [rate(loop, part) for part in (0.0, 0.05, 0.1, 0.55, 1.0)]
    assert rates[0] < rates[1] < rates[2] == loop.learning_rate > rates[3] > rates[4]
    assert rates[4] == pytest.approx(0.01 * loop.learning_rate)
    assert rate(loop._replace(schedule="constant"), 0.9) == loop.learning_rate


def _updates(path):
    try:
        return torch.load(path, weights_only=True)["updates"]
    except (FileNotFoundError, EOFError):
        return 0


def _history(folder):
    timed = {"core_seconds", "validation_seconds", "seconds", "waiting_seconds"}
    lines = (json.loads(line) for line in (folder / "k" / "history.jsonl").read_text().splitlines())
    return [{name: value for name, value in line.items() if name not in timed} for line in lines]
