"""A job that fails: one readable line, with the path of its log."""

import io
import logging
import re

import pytest

from tessera.failures import Failures, line
from tests.workflow.checkout import Checkout

SCALES = "results/smoke/scales/meso.json"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy in which the smoke study is taken for finished; its files hold nothing."""
    copy = Checkout(tmp_path_factory.mktemp("failures") / "tessera", sources=False)
    copy.pretend()
    return copy


def test_a_failed_job_is_one_line_with_its_reason_and_its_log(finished):
    (finished.folder / SCALES).unlink()
    result = finished.snakemake(SCALES)
    assert result.returncode != 0
    lines = [text for text in result.stdout.splitlines() if text.startswith("FAILED")]
    assert lines == [
        f"FAILED scales {SCALES}: tessera scales: results/smoke/ensembles/meso.json: expected a JSON object, "
        "got Expecting value: line 1 column 1 (char 0); logs: results/smoke/logs/scales/meso.log"
    ]


def test_what_the_executor_says_comes_first_and_every_log_is_named(tmp_path):
    log = tmp_path / "cases.log"
    log.write_text('started\ntessera: case 3: expected a finite pressure\n{"event": "failed"}\n\n')
    message = "SLURM-job '7' failed, SLURM status is: 'TIMEOUT'. Detailed failure reason unavailable."
    said = line("cases", message, ["shard.json"], [str(log), "7.log"])
    assert said == (
        "FAILED cases shard.json: TIMEOUT by Slurm, job 7; "
        f"tessera: case 3: expected a finite pressure; logs: {log} 7.log"
    )


def test_a_job_that_left_no_log_still_has_its_line():
    assert (
        line("cases", None, [], ["nowhere.log"])
        == "FAILED cases : no word of why, as of a killed command; logs: nowhere.log"
    )


def test_only_failures_of_jobs_are_told():
    out = io.StringIO()
    handler = Failures(out)
    handler.handle(logging.makeLogRecord({"event": "progress", "levelno": logging.ERROR}))
    assert not out.getvalue()
    handler.handle(logging.makeLogRecord({"event": "job_error", "levelno": logging.ERROR, "rule_name": "cases"}))
    assert re.fullmatch(r"FAILED cases : no word of why, as of a killed command\n", out.getvalue())
