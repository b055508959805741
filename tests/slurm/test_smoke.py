"""The smoke study through the Slurm profile, on a real Slurm."""

import sys
from collections import Counter

import pandas as pd
import pytest

from tests.slurm.outputs import digests
from tests.workflow.checkout import Checkout
from tests.workflow.test_plan import SMOKE_JOBS

pytestmark = pytest.mark.slurm
LOCAL = {"design"}


def test_the_report_is_there(finished):
    copy, _ = finished
    page = (copy.folder / "results" / "smoke" / "report" / "index.html").read_text(encoding="utf-8")
    assert all(model in page for model in ("tessera", "parcv2", "cnext"))


def test_every_job_went_through_slurm_once_and_asked_for_no_gpu(finished):
    _, jobs = finished
    rules = Counter(job.comment.removeprefix("rule_").partition("_wildcards_")[0] for job in jobs)
    assert rules == {rule: count for rule, count in SMOKE_JOBS.items() if rule not in LOCAL}
    assert {(job.state, job.node, job.gpus) for job in jobs} == {("COMPLETED", "cpu1", "")}


def test_what_slurm_adds_to_each_job_is_said(finished, capsys):
    copy, jobs = finished
    benchmarks = (copy.folder / "results" / "smoke" / "benchmarks").rglob("*.tsv")
    tables = [pd.read_csv(path, sep="\t") for path in benchmarks if path.parent.name not in LOCAL]
    commands = sum(float(table["s"].iloc[0]) for table in tables)
    added = (sum(job.seconds for job in jobs) - commands) / len(jobs)
    with capsys.disabled():
        sys.stdout.write(f"\n{len(jobs)} jobs: {commands / len(jobs):.1f} s of command, {added:.1f} s around it\n")
    assert len(tables) == len(jobs)
    assert added > 0.0


def test_a_second_run_has_nothing_to_do(site, finished):
    copy, _ = finished
    assert "Nothing to be done" in site.snakemake(copy, "-n").stdout


def test_numbers_are_those_of_a_run_without_slurm(finished, tmp_path):
    copy, _ = finished
    local = Checkout(tmp_path / "local", sources=False)
    result = local.snakemake("results/smoke/models/cnext/n1_s0.safetensors")
    assert result.returncode == 0, result.stdout
    patterns = ("design/meso.nc", "ensembles/meso.zarr/**/*", "models/cnext/*.safetensors")
    ours, theirs = (digests(folder / "results" / "smoke", *patterns) for folder in (local.folder, copy.folder))
    assert len(ours) > 10
    assert ours == theirs
