"""Snakemake interrupted in the middle of a stage: nothing half-written, and the next run carries on."""

import json
import signal

import pytest

from tests.workflow.checkout import SMOKE, Checkout

pytestmark = pytest.mark.slow
ENSEMBLE = "results/long/ensembles/meso.json"
WEIGHTS = "results/long/models/cnext/n1_s0.safetensors"
HISTORY = "results/long/models/cnext/n1_s0.jsonl"
LONG = """\
name: long
models: [cnext]
ensembles:
  meso: {cases: 6, cells: [128, 192], cell_size: 1.072e-7, shard: 6}
rivals:
  cnext:
    training: {budget: {updates: 160}, epoch: 8}
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    copy = Checkout(tmp_path_factory.mktemp("interruption") / "tessera", sources=False)
    (copy.folder / "long.yaml").write_text(LONG)
    return copy


def studies():
    return [SMOKE, "long.yaml"]


def test_a_terminated_shard_keeps_its_finished_cases(checkout):
    cases = checkout.folder / "results/long/cases/meso"
    first_case = "results/long/cases/meso/case_0000.nc"
    code = checkout.interrupted(ENSEMBLE, when=first_case, by=signal.SIGTERM, overlay=studies())
    assert code != 0
    assert not (cases / "shard_0000.json").exists()
    left = sorted(path.name for path in cases.iterdir() if path.is_file())
    assert left == [f"case_{case:04d}.nc" for case in range(len(left))]
    assert 0 < len(left) < 6

    result = checkout.snakemake(ENSEMBLE, overlay=studies())
    assert result.returncode == 0, result.stdout
    log = (checkout.folder / "results/long/logs/cases/meso_0000.log").read_text()
    assert "case_0000.nc: whole and of the same key, kept" in log
    assert {"shard_0000.json", "shard_0000.nc"} <= {path.name for path in cases.iterdir()}
    assert not list(cases.glob("case_*"))
    assert len(json.loads((cases / "shard_0000.json").read_text())["cases"]) == 6


def test_an_interrupted_training_goes_on_from_its_last_epoch(checkout):
    state = "results/long/training/cnext/n1_s0/**/training.pt"
    code = checkout.interrupted(WEIGHTS, when=state, by=signal.SIGINT, overlay=studies())
    assert code != 0
    assert not (checkout.folder / WEIGHTS).exists()

    result = checkout.snakemake(WEIGHTS, overlay=studies())
    assert result.returncode == 0, result.stdout
    log = (checkout.folder / "results/long/logs/cnext/n1_s0.log").read_text()
    assert "resum" in log, log
    epochs = [json.loads(line)["epoch"] for line in (checkout.folder / HISTORY).read_text().splitlines()]
    assert epochs == sorted(set(epochs))
    assert len(epochs) == 20
    assert checkout.planned(WEIGHTS, overlay=studies()) == {}
