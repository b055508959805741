"""Several processes share a training: as one with the whole batch, and none is left behind by another."""

import os
import random
import signal
import time

import pytest
import torch

from tests.stages import fitting
from tests.stages.fitting import begin, children, command, end, fitted, gone, reached, updates

LONG = 4000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return fitting.ensemble(tmp_path_factory.mktemp("ensemble"))


@pytest.fixture(scope="module")
def never_stopped(made, tmp_path_factory):
    """Return the weights and the history of a training in two processes that nobody disturbs."""
    folder = tmp_path_factory.mktemp("two")
    return fitted(command(made, fitting.study(folder / "study.json", updates=40), folder, "--devices", 2), folder)


@pytest.fixture
def long(made, tmp_path):
    """Return a long training in two processes, with its children, after its first epoch."""
    call = command(made, fitting.study(tmp_path / "study.json", updates=LONG), tmp_path, "--devices", 2)
    run = begin(call)
    both = children(run, count=2)
    reached(run, tmp_path, fitting.EPOCH)
    yield run, both
    for number in [run.pid, *both]:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    run.communicate()


def test_two_processes_train_as_one_with_the_whole_batch(made, never_stopped, tmp_path):
    alone, history = fitted(command(made, fitting.study(tmp_path / "study.json", updates=40), tmp_path), tmp_path)
    weights, lines = never_stopped
    for name, value in alone.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4)
    rounding = 1e-6  # in the first epoch; it grows from there, and most in validations, which are whole roll-outs
    for one, other in zip(history, lines, strict=True):
        losses = [{name: value for name, value in said.items() if "loss" in name} for said in (one, other)]
        assert losses[0] == pytest.approx(losses[1], rel=rounding)
        assert one == pytest.approx(other, rel=1e-3)
        rounding = 1e-4


def test_killed_at_random_and_resumed_two_processes_equal_themselves_never_stopped(made, never_stopped, tmp_path):
    call = command(made, fitting.study(tmp_path / "study.json", updates=40), tmp_path, "--devices", 2)
    chance = random.Random(3)
    run = begin(call)
    numbers = [run.pid, *children(run, count=2)]
    reached(run, tmp_path, fitting.EPOCH)
    time.sleep(0.1 * chance.random())
    os.kill(chance.choice(numbers), signal.SIGKILL)
    run.communicate(timeout=60)
    for number in numbers:
        gone(number)
    assert updates(tmp_path) < 40
    weights, history = fitted(call, tmp_path)
    assert history == never_stopped[1]
    assert all(torch.equal(value, never_stopped[0][name]) for name, value in weights.items())


def test_a_state_of_two_processes_is_carried_on_by_one(made, never_stopped, tmp_path):
    """With what the two would have found, but for rounding."""
    study = fitting.study(tmp_path / "study.json", updates=40)
    run = begin(command(made, study, tmp_path, "--devices", 2))
    reached(run, tmp_path, 10)
    run.send_signal(signal.SIGTERM)
    code, said = end(run)
    assert (code, said.count("run it again to carry on")) == (143, 1)
    assert 10 <= updates(tmp_path) < 40
    weights, _ = fitted(command(made, study, tmp_path), tmp_path)
    for name, value in weights.items():
        torch.testing.assert_close(never_stopped[0][name], value, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("victim", [0, 1])
def test_when_one_is_killed_the_other_ends_soon_and_one_line_is_said(long, victim):
    run, both = long
    before = time.monotonic()
    os.kill(both[victim], signal.SIGKILL)
    code, said = end(run, seconds=30)
    assert time.monotonic() - before < 25
    assert code == 2
    gone(both[1 - victim], seconds=1)
    assert [line for line in said.splitlines() if "updates=" not in line and "begins" not in line] == [
        f"tessera fit rival: process {victim} of 2: expected it to go on, got SIGKILL; the state of the last epoch "
        "is kept, run it again to carry on"
    ]


@pytest.mark.parametrize(
    ("whom", "number", "code"),
    [("all", signal.SIGINT, 130), ("second", signal.SIGTERM, 143)],
)
def test_asked_to_stop_all_save_once_and_one_line_is_said(long, tmp_path, whom, number, code):
    run, both = long
    for victim in {"all": [run.pid, *both], "second": both[1:]}[whom]:
        os.kill(victim, number)
    found, said = end(run, seconds=30)
    assert found == code, said
    assert said.count("state saved") == said.count("run it again to carry on") == 1
    assert fitting.EPOCH < updates(tmp_path) < LONG
    assert not (tmp_path / "out.safetensors").exists()


def test_without_the_one_that_started_them_they_save_and_stop(long, tmp_path):
    run, both = long
    before = updates(tmp_path)
    run.kill()
    for number in both:
        gone(number)
    assert before < updates(tmp_path) < LONG
