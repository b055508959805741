"""Two processes of one training under a real Slurm: its tasks, or those that one task starts; the same weights."""

import subprocess

import pytest
import torch
from safetensors.torch import load_file

from tests.stages import fitting

pytestmark = pytest.mark.slurm


@pytest.mark.slow
def test_two_tasks_of_a_step_train_as_two_processes_of_one_task(cluster, tmp_path):
    made, study, found = fitting.ensemble(tmp_path), fitting.study(tmp_path / "study.json"), []
    for name, step, options in (("tasks", ["-n2"], []), ("started", ["-n1", "-c2"], ["--devices", 2])):
        call = ["srun", *step, "--mem-per-cpu=2000", "--kill-on-bad-exit"]
        call += fitting.command(made, study, tmp_path / name, *options)
        environment = cluster.environment | {"OMP_NUM_THREADS": "1"}
        said = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=240, check=False)
        assert said.returncode == 0, said.stderr
        assert said.stderr.count("updates=10") == 1  # the first alone speaks
        found.append(load_file(tmp_path / name / "out.safetensors"))
    assert all(torch.equal(value, found[1][weight]) for weight, value in found[0].items())


@pytest.mark.slow
def test_a_task_that_is_killed_ends_the_step(cluster, tmp_path):
    made, study = fitting.ensemble(tmp_path), fitting.study(tmp_path / "study.json", updates=4000)
    call = ["srun", "-n2", "--mem-per-cpu=2000", "--kill-on-bad-exit", *fitting.command(made, study, tmp_path)]
    environment = cluster.environment | {"OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, text=True)
    fitting.reached(run, tmp_path, 10)
    script = "for p in $(pgrep -f [t]essera.fit.*%s); do grep -qz SLURM_PROCID=1 /proc/$p/environ && kill -9 $p; done"
    subprocess.run(["sh", "-c", script % tmp_path.name], check=False)
    _, said = run.communicate(timeout=60)
    assert run.returncode != 0, said
    assert "Traceback" not in said
