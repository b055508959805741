"""What befalls jobs on a cluster, done to real ones: out of time, out of memory, cancelled, and Snakemake killed.

A stand-in for `tessera` brings each mishap about in the first attempt of a job, and is the command itself in every
later one. What comes out must be what the undisturbed run made, bit for bit.
"""

import re
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tests.slurm.outputs import digests

pytestmark = [pytest.mark.slurm, pytest.mark.usefixtures("smoke")]
SHARDS = {"out of time": "micro_0000", "out of memory": "micro_0001", "cancelled": "meso_0001"}
ENSEMBLES = [f"results/smoke/ensembles/{scale}.json" for scale in ("micro", "meso")]
WEIGHTS = "results/smoke/models/cnext/n1_s0.safetensors"
NUMBERS = ("design/*.nc", "ensembles/*.zarr/**/*", "models/cnext/*.safetensors")
# The one out of memory holds more than its first attempt asks for, and less than its second.
STAND_IN = """\
#!/bin/sh
case $* in
  *simulate*micro/shard_0000*) mkdir {folder}/time 2>/dev/null && exec sleep 600 ;;
  *simulate*micro/shard_0001*) {python} -c "import time; held = b'x' * 2_500_000_000; time.sleep(5)" || exit 1 ;;
  *simulate*meso/shard_0001*) mkdir {folder}/cancelled 2>/dev/null && exec sleep 600 ;;
esac
exec {tessera} "$@"
"""


@pytest.fixture(scope="module")
def disturbed(site):
    """A copy of the repository in which `tessera` is the stand-in."""
    copy = site.checkout("mishaps")
    command = copy.folder / "bin" / "tessera"
    command.parent.mkdir()
    words = {"folder": command.parent, "python": sys.executable, "tessera": Path(sys.executable).parent / "tessera"}
    command.write_text(STAND_IN.format(**words))
    command.chmod(0o755)
    copy.environment["PATH"] = f"{command.parent}:{copy.environment['PATH']}"
    return copy


def until(done, what):
    """Wait for something that the stand-in does."""
    end = time.monotonic() + 120.0
    while not done():
        assert time.monotonic() < end, f"{what}: expected it within 120 s"
        time.sleep(0.2)


def running(site, copy, comment, process):
    """Return the number of the job with that comment once it runs."""
    end = time.monotonic() + 180.0
    while process.poll() is None and time.monotonic() < end:
        found = [
            job.number for job in site.cluster.jobs(copy.folder) if (job.comment, job.state) == (comment, "RUNNING")
        ]
        if found:
            return found[-1]
        time.sleep(0.2)
    pytest.fail(f"{comment}: expected it to run, got exit code {process.poll()}: {site.said(copy)}")


def test_jobs_out_of_time_out_of_memory_and_cancelled_are_tried_again(site, disturbed):
    with site.started(disturbed, *ENSEMBLES) as process:
        number = running(site, disturbed, f"rule_cases_wildcards_{SHARDS['out of time']}", process)
        site.cluster.run("scontrol", "update", f"JobId={number}", "TimeLimit=1")
        number = running(site, disturbed, f"rule_cases_wildcards_{SHARDS['cancelled']}", process)
        until((disturbed.folder / "bin" / "cancelled").exists, "the command of the job to cancel")
        site.cluster.run("scancel", str(number))
        assert process.wait(400.0) == 0, site.said(disturbed)
    states = defaultdict(list)
    for job in site.cluster.jobs(disturbed.folder):
        states[job.comment.removeprefix("rule_cases_wildcards_")].append(job.state)
    expected = {"out of time": {"TIMEOUT"}, "out of memory": {"OUT_OF_MEMORY", "FAILED"}, "cancelled": {"CANCELLED"}}
    for mishap, first in expected.items():
        assert states[SHARDS[mishap]][0] in first, (mishap, states)
        assert states[SHARDS[mishap]][-1] == "COMPLETED", (mishap, states)


def test_each_failure_is_a_line_that_leads_to_a_log_with_its_reason(disturbed):
    said = (disturbed.folder / "said.log").read_text()
    failures = re.findall(r"^ *message: SLURM-job '\d+' failed, SLURM status is: '(\w+)'.*$", said, re.MULTILINE)
    assert len(failures) == 3 and {"TIMEOUT", "CANCELLED"} <= set(failures), failures
    logs = {Path(path) for path in re.findall(r"/\S+/results/slurm/rule_cases/\w+/\d+\.log", said)}
    reasons = "".join(log.read_text() for log in logs if log.exists())
    for reason in ("DUE TO TIME LIMIT", "xceeded (job )?memory limit", "CANCELLED AT"):
        assert re.search(reason, reasons), f"{reason}: expected it in one of {logs}"


def test_after_a_kill_of_snakemake_a_rerun_ends_complete(site, disturbed):
    with site.started(disturbed, WEIGHTS) as process:
        number = running(site, disturbed, "rule_cnext_wildcards_1_0", process)
        process.kill()
        process.wait()
    site.cluster.run("scancel", str(number))
    assert not (disturbed.folder / WEIGHTS).exists()

    locked = site.snakemake(disturbed, WEIGHTS)
    assert locked.returncode != 0 and "--unlock" in locked.stdout
    assert disturbed.snakemake("--unlock").returncode == 0
    again = site.snakemake(disturbed, WEIGHTS)
    assert again.returncode == 0, again.stdout
    assert "Nothing to be done" in site.snakemake(disturbed, "-n", WEIGHTS).stdout


def test_the_numbers_are_those_of_the_undisturbed_run(disturbed, finished):
    ours, theirs = (digests(copy.folder / "results" / "smoke", *NUMBERS) for copy in (disturbed, finished[0]))
    assert len(ours) > 50
    assert ours == theirs
