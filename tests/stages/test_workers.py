"""Commands on workers of dask: the same bits as without, a clear line where there are none, and no more memory."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tessera.data import files, store
from tessera.provenance import file_digest
from tessera.stages import ensembles, write_study
from tessera.study import load
from tests.evaluation import synthetic

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The shards of a small study, and a prediction of its test case."""
    folder = tmp_path_factory.mktemp("made")
    study = load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"])
    write_study(study, folder / "study.json")
    ensembles.draw_design(study, "micro", folder / "design.nc")
    for shard in (0, 1):
        ensembles.simulate_shard(study, "micro", folder / "design.nc", shard, folder / f"shard_{shard:04d}.json")
    shards = [folder / f"shard_{shard:04d}.json" for shard in (0, 1)]
    ensembles.assemble(study, "micro", folder / "design.nc", shards, folder / "truth.json")
    prediction = synthetic.prediction(store.open_zarr(folder / "truth.json").load(), "cnext", 1, 0, scale="micro")
    prediction.attrs["study"] = study.name
    store.save_zarr(prediction, folder / "prediction.json")
    return folder


def call(folder, *words, dask=None):
    """Run a command of tessera in a folder; both its streams are in `stdout`."""
    chosen = ["--dask", dask] if dask else []
    command = [sys.executable, "-m", "tessera", *map(str, words), *chosen]
    return subprocess.run(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240, check=False
    )


def run(made, out, dask=None):
    """Assemble, fit scales and score into a folder; return the checksum of every file there."""
    micro = ["--study", "study.json", "--scale", "micro"]
    out.mkdir()
    last = "prediction.json"
    for command in (
        ["assemble", *micro, "--design", "design.nc", "--out", out / "e.json", "shard_0000.json", "shard_0001.json"],
        ["scales", *micro, "--ensemble", "truth.json", "--out", out / "s.json"],
        ["score", *micro, "--ensemble", "truth.json", "--out", out / "s.parquet", "--summary", out / "s.csv", last],
    ):
        result = call(made, *command, dask=dask)
        assert result.returncode == 0, result.stdout
    return {str(path.relative_to(out)): file_digest(path) for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def expected(made, tmp_path_factory):
    return run(made, tmp_path_factory.mktemp("expected") / "out")


@pytest.fixture
def scheduler(tmp_path):
    """The address of a scheduler with a worker, each a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    port = address.rpartition(":")[2]
    python = [sys.executable, "-m"]
    boss = [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"]
    hand = [*python, "distributed.cli.dask_worker", address, "--nthreads", "2", "--no-dashboard", "--no-nanny"]
    started = [subprocess.Popen(command, **quiet) for command in (boss, hand)]
    yield address
    for process in started:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def test_two_processes_of_this_machine_make_the_same_files(made, expected, tmp_path):
    assert run(made, tmp_path / "out", dask="2") == expected


def test_a_scheduler_by_its_address_makes_the_same_files(made, expected, scheduler, tmp_path):
    assert run(made, tmp_path / "out", dask=scheduler) == expected


def test_the_outputs_are_those_of_the_stages(expected):
    assert {"e.json", "s.json", "s.parquet", "s.csv", "e.zarr/pressure/c/0/0/0/0"} <= expected.keys()


@pytest.mark.parametrize("dask", ["tcp://127.0.0.1:9", "nonsense", "strange://127.0.0.1:9", "0", "100000"])
def test_workers_that_are_not_there_are_one_line(made, tmp_path, dask):
    began = time.monotonic()
    words = ["--study", "study.json", "--scale", "micro", "--ensemble", "truth.json", "--out", tmp_path / "s.json"]
    result = call(made, "scales", *words, dask=dask)
    assert result.returncode == 2, result.stdout
    said = [line for line in result.stdout.splitlines() if not line.startswith("{")]
    assert len(said) == 1 and re.fullmatch(r"tessera scales: --dask: expected .*, got .*", said[0]), result.stdout
    assert time.monotonic() - began < 60.0
    assert not (tmp_path / "s.json").exists()


def test_what_a_worker_refuses_is_the_same_line(made, tmp_path):
    broken = tmp_path / "shard_0000.json"
    files.write_json(broken, files.read_json(made / "shard_0000.json"))
    (tmp_path / "shard_0000.nc").write_bytes(b"broken")
    said = []
    for dask in (None, "1"):
        words = ["--study", "study.json", "--scale", "micro", "--design", "design.nc", "--out", tmp_path / "e.json"]
        result = call(made, "assemble", *words, broken, "shard_0001.json", dask=dask)
        assert result.returncode == 2, result.stdout
        said.append([line for line in result.stdout.splitlines() if not line.startswith("{")][-1])
    assert said[0] == said[1]
    assert "shard_0000.nc: expected checksum" in said[0]
    assert not (tmp_path / "e.json").exists()
