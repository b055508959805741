"""What goes wrong in one of several processes goes wrong in all, in one line; who each is, it is told."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tessera.errors import ConfigError, DataError
from tessera.learning import processes
from tessera.learning.processes import Rank, rank
from tessera.models.parts import Part, normal_like, part, shared
from tessera.stages.networks import training
from tessera.study import load

ROOT = Path(__file__).parents[2]
SLURM = {
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
    "SLURM_STEP_NODELIST": "node[07-08]",
    "SLURM_JOB_ID": "1234567",
    "SLURM_STEP_ID": "1",
}

TRAIN = """
import resource, sys
from pathlib import Path

def one():
    sys.path.insert(0, ROOT)
    from tests.learning.test_train import LOOP, Line
    from tessera.errors import LostError, TesseraError
    from tessera.learning.processes import LOST, rank
    from tessera.learning.train import train

    class Hungry(Line):
        def losses(self, batch):
            if self.drawn == 5 and rank().place == rank().total - 1:
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, -1))
                self.eaten = sys.modules["torch"].zeros(10**9)
            return super().losses(batch)

    what, state = WHAT, Path(STATE)
    task = Hungry() if what == "memory" else Line(poison=5 if rank().place == 1 else None)
    try:
        train(task, LOOP._replace(batch=32), state=state, key="k")
    except LostError:
        sys.exit(LOST)
    except TesseraError as error:
        sys.exit(f"{error}\\n")

def all(count):
    from tessera.learning import processes
    sys.exit(processes.run([sys.executable, "-c", ME, "one"], count))

one() if sys.argv[1] == "one" else all(int(sys.argv[1]))
"""


def said(what, state, count):
    """Return the exit code and the words of a training in some processes, the last of which fails."""
    text = TRAIN.replace("ROOT", repr(str(ROOT))).replace("WHAT", repr(what)).replace("STATE", repr(str(state)))
    script = text.replace("ME", repr(text))
    found = subprocess.run(
        [sys.executable, "-c", script, str(count) if count > 1 else "one"], capture_output=True, text=True, timeout=120
    )
    return found.returncode, found.stderr.strip().splitlines()


def test_a_loss_that_is_not_finite_in_one_process_ends_all_in_one_line(tmp_path):
    code, lines = said("nan", tmp_path, 2)
    assert (code, lines) == (1, ["line: update 5: error: expected a finite loss, got nan"])


@pytest.mark.parametrize(("count", "shared"), [(1, ""), (2, " in 2 processes")])
def test_memory_that_runs_out_is_one_line(tmp_path, count, shared):
    code, lines = said("memory", tmp_path, count)
    assert (code, lines) == (
        1,
        [
            f"line: update 5: memory: expected room for a batch of 32{shared}, got none; "
            "lower batch, window or horizons, or ask for more memory"
        ],
    )


def test_a_process_of_slurm_is_known_by_its_step_and_others_stand_alone():
    found = rank(SLURM)
    assert found[:4] == (2, 4, 0, "node[07-08]")
    assert 1024 < found.port < 32768
    assert rank({**SLURM, "SLURM_STEP_ID": "2"}).port != found.port
    assert rank({**SLURM, "SLURM_STEP_NUM_NODES": "1"}).nodes == ""
    assert rank({**SLURM, "SLURM_STEP_NUM_TASKS": "1"}) == rank({}) == Rank()


def test_a_job_step_of_another_number_of_tasks_is_refused(monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="--devices: expected 4, the tasks of this job step, got 2"):
        processes.start(2)


@pytest.mark.parametrize(("local", "seen", "device"), [(1, 2, "cuda:1"), (1, 1, "cuda:0"), (0, 4, "cuda:0")])
def test_each_process_has_a_gpu_of_its_own(monkeypatch, local, seen, device):
    study = load([ROOT / "config" / "config.yaml"]).model_copy(update={"device": "cuda"})
    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    monkeypatch.setattr(training, "rank", lambda: Rank(local, 2, local))
    assert training.device_of(study) == device


def test_more_processes_than_gpus_are_refused(monkeypatch):
    study = load([ROOT / "config" / "config.yaml"]).model_copy(update={"device": "cuda"})
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(training, "rank", lambda: Rank(2, 3, 2))
    with pytest.raises(DataError, match="device: expected a GPU for process 3 of this node, got 2"):
        training.device_of(study)


def test_each_part_has_the_noise_of_its_samples():
    x, found = torch.zeros(4, 3, 2), []
    torch.manual_seed(0)
    whole = normal_like(x)
    for place in range(2):
        torch.manual_seed(0)
        with shared(Part(place, 2)):
            found.append(normal_like(part().of(x)))
    assert torch.equal(torch.cat(found), whole)
    assert part() == Part()
