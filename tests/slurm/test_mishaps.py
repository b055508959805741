"""The smoke study through a Slurm on which everything goes wrong once; its results are those of a run without Slurm.

`tessera` is a stand-in that sleeps, or takes too much memory, in the first attempt of a job, and is the command
itself in every later one. Everything else that happens is done to Slurm and to Snakemake, while real jobs run.
"""

import shutil
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from tessera.data.outputs import digests
from tests.workflow.checkout import Checkout

pytestmark = pytest.mark.slurm
LATE, HUNGRY = "cases_wildcards_meso_0001", "cases_wildcards_micro_0001"
# The hungry one holds more than its first attempt asks for, and less than its second.
STAND_IN = """\
#!/bin/sh
case $* in
  *simulate*meso/shard_0001*) mkdir {folder}/late 2>/dev/null && exec sleep 600 ;;
  *simulate*micro/shard_0001*) {python} -c "import time; held = b'x' * 2_000_000_000; time.sleep(4)" || exit 1 ;;
esac
exec {tessera} "$@"
"""


class Mishaps:
    """One run of the smoke study and what is done to it, in this order; `told` says what was seen."""

    def __init__(self, site, copy) -> None:
        self.site, self.cluster, self.copy = site, site.cluster, copy
        self.told = defaultdict(str)
        self.begin = time.monotonic()

    def run(self) -> None:
        with self.site.started(self.copy) as self.process:
            self.kill_snakemake()
        with self.site.started(self.copy) as self.process:
            self.shorten_the_time_of_a_simulation()
            self.cancel("tokenizer")
            self.set_the_node_down("decoupled")
            self.restart_the_controller("coupled")
            self.told["code"] = str(self.process.wait(self.left()))
        self.told["seconds"] = f"{time.monotonic() - self.begin:.0f}"

    def kill_snakemake(self) -> None:
        """Kill it while simulations run, as a full login node does; then do what Snakemake and our docs say."""
        self.running("cases")
        self.process.kill()
        self.process.wait()
        self.cluster.run("scancel", *(str(job.number) for job in self.jobs() if job.state in {"RUNNING", "PENDING"}))
        self.wait(lambda: not [job for job in self.jobs() if job.state in {"RUNNING", "COMPLETING"}], "no jobs")
        shutil.rmtree(self.copy.folder / "bin" / "late", ignore_errors=True)
        self.told["locked"] = self.site.snakemake(self.copy).stdout
        unlocked = self.copy.snakemake("--unlock")
        assert unlocked.returncode == 0, unlocked.stdout

    def shorten_the_time_of_a_simulation(self) -> None:
        number = self.running(LATE)
        self.wait((self.copy.folder / "bin" / "late").exists, "the command of the late job")
        self.cluster.run("scontrol", "update", f"JobId={number}", "TimeLimit=1")

    def cancel(self, rule: str) -> None:
        self.told["cancelled"] = str(self.running(rule))
        self.cluster.run("scancel", self.told["cancelled"])

    def set_the_node_down(self, rule: str) -> None:
        self.told["node"] = str(self.running(rule))
        self.cluster.run("scontrol", "update", "NodeName=cpu1", "State=DOWN", "Reason=power")
        self.wait(lambda: not [job for job in self.jobs() if job.state == "RUNNING"], "no running jobs")
        self.cluster.run("scontrol", "update", "NodeName=cpu1", "State=RESUME")

    def restart_the_controller(self, rule: str) -> None:
        self.told["controller"] = str(self.running(rule))
        log = self.copy.folder / "results" / "smoke" / "logs" / f"{rule}.log"
        self.wait(lambda: log.is_file() and log.stat().st_size, f"the command of {rule}")
        self.cluster.stop("slurmctld")
        time.sleep(3.0)
        self.cluster.start("slurmctld")
        self.wait(self.cluster.nodes, "a controller that answers")

    def jobs(self):
        return self.cluster.jobs(self.copy.folder)

    def running(self, comment: str) -> int:
        """Return the number of a job of that rule once it runs."""
        found: list[int] = []

        def any_runs() -> bool:
            runs = [job for job in self.jobs() if job.state == "RUNNING" and job.comment.startswith(f"rule_{comment}")]
            found.extend(job.number for job in runs)
            return bool(runs)

        self.wait(any_runs, f"a running job of {comment}")
        return found[0]

    def wait(self, done, what: str) -> None:
        while not done():
            assert self.process.returncode is not None or self.process.poll() is None, (what, self.copy.said())
            assert self.left() > 0.0, f"{what}: expected it in time: {self.copy.said()}"
            time.sleep(0.2)

    def left(self) -> float:
        return self.begin + 900.0 - time.monotonic()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The smoke study on this machine without Slurm, at the same time."""
    copy = Checkout(tmp_path_factory.mktemp("reference") / "tessera", sources=False)
    with copy.started() as process:
        yield copy, process


@pytest.fixture(scope="module")
def mishaps(site, reference):
    """Return the run on which everything went wrong once, ended."""
    assert reference[1].poll() is None, "expected the reference to run beside it"
    copy = site.checkout("mishaps")
    command = copy.folder / "bin" / "tessera"
    command.parent.mkdir()
    words = {"folder": command.parent, "python": sys.executable, "tessera": Path(sys.executable).parent / "tessera"}
    command.write_text(STAND_IN.format(**words))
    command.chmod(0o755)
    copy.environment["PATH"] = f"{command.parent}:{copy.environment['PATH']}"
    happened = Mishaps(site, copy)
    happened.run()
    return happened


def overhead(mishaps):
    """Return what the command of a job takes, and what Slurm and Snakemake add to it, on average [s]."""
    folder = mishaps.copy.folder / "results" / "smoke" / "benchmarks"
    tables = [path.read_text().splitlines() for path in folder.rglob("*.tsv") if path.parent.name != "design"]
    commands = [float(row.split("\t")[0]) for _, row, *_ in tables]
    jobs = [job.seconds for job in mishaps.jobs() if job.state == "COMPLETED"]
    assert len(jobs) >= len(commands) > 30
    return sum(commands) / len(commands), (sum(jobs) - sum(commands)) / len(jobs)


@pytest.fixture(scope="module")
def states(mishaps):
    """Return the states of all jobs by their comment, in the order of their submission, and by their number."""
    found = defaultdict(list)
    for job in mishaps.jobs():
        found[job.comment.removeprefix("rule_")].append(job.state)
        found[str(job.number)].append(job.state)
    return found


def test_the_workflow_ends_complete(mishaps, capsys):
    assert mishaps.told["code"] == "0", mishaps.copy.said()
    assert "Nothing to be done" in mishaps.site.snakemake(mishaps.copy, "-n").stdout
    with capsys.disabled():
        sys.stdout.write(f"\nthe smoke study through Slurm with its mishaps: {mishaps.told['seconds']} s\n")
        commands, around = overhead(mishaps)
        sys.stdout.write(f"a job: {commands:.1f} s of command, {around:.1f} s around it\n")


def test_after_a_kill_of_snakemake_it_asks_to_be_unlocked(mishaps):
    assert "--unlock" in mishaps.told["locked"]


def test_a_simulation_out_of_time_and_one_out_of_memory_are_tried_again(states):
    assert "TIMEOUT" in states[LATE] and states[LATE][-1] == "COMPLETED"
    assert {"OUT_OF_MEMORY", "FAILED"} & set(states[HUNGRY]) and states[HUNGRY][-1] == "COMPLETED"


def test_a_cancelled_job_is_tried_again(mishaps, states):
    assert states[mishaps.told["cancelled"]] == ["CANCELLED"]


def test_jobs_of_a_node_that_went_down_end_on_it_later(mishaps, states):
    assert states[mishaps.told["node"]][-1] in {"COMPLETED", "NODE_FAIL"}


def test_jobs_outlive_the_controller(mishaps, states):
    assert states[mishaps.told["controller"]] == ["COMPLETED"]


def test_each_failure_is_one_line_with_its_state_and_logs_that_say_why(mishaps):
    said = mishaps.copy.said()
    failures = [line for line in said.splitlines() if line.startswith("FAILED")]
    reasons = {"TIMEOUT": "DUE TO TIME LIMIT", "CANCELLED": "CANCELLED AT", "micro/shard_0001": "emory limit"}
    for state, reason in reasons.items():
        line = next((line for line in failures if state in line), None)
        assert line, (state, failures)
        logs = line.partition("logs: ")[2].split()
        assert reason in "".join((mishaps.copy.folder / log).read_text() for log in logs if Path(log).exists()), line


def test_the_results_are_those_of_a_run_without_slurm(mishaps, reference):
    copy, process = reference
    assert process.wait(600.0) == 0
    ours, theirs = (digests(one.folder / "results" / "smoke") for one in (mishaps.copy, copy))
    assert len(ours) > 50
    assert ours == theirs
