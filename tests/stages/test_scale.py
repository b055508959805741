"""Ten thousand cases on paper, and an ensemble that is larger than the memory which the commands may take."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from tessera.data import ledger, store
from tessera.study import load

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
ALLOWED = 640 * 2**20  # bytes that a command may allocate; imports take most of it
LEARNING = 800 * 2**20  # the same with torch


@pytest.fixture(scope="module")
def bench():
    """The benchmark of scale, as a module."""
    place = importlib.util.spec_from_file_location("scale", REPOSITORY / "benchmarks" / "scale.py")
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study():
    return load([CONFIG / name for name in ("config.yaml", "paper.yaml", "large.yaml")])


@pytest.fixture(scope="module")
def jobs(bench, tmp_path_factory):
    text, _, _ = bench.snakemake(tmp_path_factory.mktemp("plan"), "--dag")
    return bench.graph(text)


def test_shards_bound_the_jobs_of_eleven_thousand_cases(study, jobs):
    scales = [job.scale for job in jobs.values() if job.rule == "cases"]
    assert {scale: scales.count(scale) for scale in ("micro", "meso")} == {"micro": 40, "meso": 20}
    assert (study.ensembles.micro.cases, study.ensembles.meso.cases) == (10000, 1000)
    assert len(jobs) < 200


def test_shards_bound_the_files_of_eleven_thousand_cases(bench, study, jobs):
    found = bench.counted(study, jobs)
    assert found["of_shards"] + found["of_stores"] < 1000 < 60000 < found["without_sharding"]


def test_slurm_takes_less_than_a_twentieth_of_the_simulations(bench, study, jobs):
    found = bench.scheduled(study, jobs)
    assert found["overhead"] < 0.05 < found["overhead_of_one_job_per_case"]
    assert found["shortest_simulation_job_seconds"] >= 300.0


def test_jobs_wait_for_what_they_need_and_for_a_slot(bench):
    jobs = {0: bench.Job("a", "", ()), 1: bench.Job("a", "", ()), 2: bench.Job("b", "", (0, 1))}
    seconds = {0: 10.0, 1: 20.0, 2: 5.0}
    assert bench.schedule(jobs, seconds, slots=2, overhead=1.0) == 21.0 + 6.0
    assert bench.schedule(jobs, seconds, slots=1, overhead=1.0) == 11.0 + 21.0 + 6.0


@pytest.mark.slow
def test_an_ensemble_larger_than_memory_is_assembled_scaled_and_scored(bench, study, tmp_path):
    written = bench.write_ensemble(tmp_path, study, 48, 12)
    found = bench.commands(tmp_path, written, ALLOWED)
    dataset = store.open_zarr(tmp_path / "truth.json", verified=False)
    assert dataset.nbytes > ALLOWED
    last = bench.shock(0.1, tuple(dataset["pressure"].shape[1:]), 47)
    np.testing.assert_array_equal(dataset["pressure"].isel(case=47), last["pressure"])
    assert set(found) == {"assemble", "scales", "score"}
    assert fitted(bench, tmp_path)["waiting_seconds"] > 0.0


def fitted(bench, folder):
    """Train a narrow tokenizer on the ensemble, of which it may keep a twentieth; return what its last epoch took."""
    content = json.loads((folder / "study.json").read_text())
    del content["digest"]
    content |= {"device": "cpu", "memory": store.open_zarr(folder / "truth.json", verified=False).nbytes / 20.0}
    few = {"budget": {"updates": 4, "core_seconds": None}, "epoch": 2, "batch": 2, "window": 32, "front": 0.5}
    content["tokenizer"] |= {"widths": [4, 4, 4, 4], "training": content["tokenizer"]["training"] | few}
    (folder / "study.json").write_text(json.dumps(content))
    call = ["fit", "tokenizer", "--study", folder / "study.json", "--field", "pressure"]
    call += ["--scales", folder / "scales.json", "--state", folder / "state", "--out", folder / "pressure.safetensors"]
    bench.call(LEARNING, *call, "--history", folder / "pressure.jsonl", folder / "truth.json")
    return ledger.read(folder / "pressure.jsonl")["epochs"][-1]
