"""How far a run is: from outputs, logs and benchmarks, with processes that live, died, failed, or run elsewhere."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tessera import journal
from tessera.stages import status, write_study
from tessera.stages.status import Found, estimate, look
from tessera.study import load
from tessera.study.plan import Job, jobs

CONFIG = Path(__file__).parents[2] / "config"
JOB = Job("rival", "cnext/n1_s0", ("models/cnext/n1_s0.safetensors", "models/cnext/n1_s0.jsonl"))
LOG = "logs/cnext/n1_s0.log"
BENCHMARK = "s\th:m:s\tmax_rss\tcpu_time\n12.5\t0:00:12\t300.0\t-\n"


def tessera(*arguments):
    call = [sys.executable, "-m", "tessera", *map(str, arguments)]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def told(results, *events, name=LOG):
    start = {"event": "start", "host": socket.gethostname(), "pid": os.getpid(), "time": time.time() - 60.0}
    defaults = {"stage": "fit rival", "time": time.time(), "seconds": 50.0, "core_seconds": 40.0}
    lines = [start | events[0], *({"event": "", **defaults, **event} for event in events[1:])]
    return write(results / name, "12:00:00 text\n" + "".join(json.dumps(line) + "\n" for line in lines))


def made(results, job=JOB):
    for path in job.outputs:
        write(results / path)


def found(results):
    return look(results, JOB, time.time())


def test_a_job_without_log_waits(tmp_path):
    assert found(tmp_path).state == "waiting"
    write(tmp_path / LOG)  # the shell opens it before anything begins
    assert found(tmp_path).state == "waiting"


def test_a_finished_job_is_as_long_as_its_log_says_or_its_benchmark(tmp_path):
    made(tmp_path)
    assert found(tmp_path).state == "done"
    write(tmp_path / "benchmarks/cnext/n1_s0.tsv", BENCHMARK)
    assert found(tmp_path)[4] == 12.5
    told(tmp_path, {}, {"event": "end"})
    assert found(tmp_path)[4:6] == (50.0, 40.0)
    (tmp_path / JOB.outputs[1]).unlink()
    assert found(tmp_path).state == "waiting"


def test_a_living_process_runs_and_says_how_far_it_is(tmp_path):
    code = "import time; print('ready', flush=True); time.sleep(60)"
    live = subprocess.Popen([sys.executable, "-c", code, "tessera"], stdout=subprocess.PIPE)
    try:
        assert live.stdout.readline()
        told(tmp_path, {"pid": live.pid}, {"event": "progress", "what": "cnext", "part": 0.25, "done": "40 updates"})
        one = found(tmp_path)
        assert (one.state, one.part, one.said) == ("running", 0.25, "cnext: 40 updates")
        assert one.seconds == pytest.approx(60.0, abs=2.0)
    finally:
        live.kill()
        live.communicate()
    assert (found(tmp_path).state, found(tmp_path).said) == ("stopped", "killed without a word")


def test_the_process_that_got_the_number_of_a_dead_one_is_not_taken_for_it(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as other:
        told(tmp_path, {"pid": other.pid})
        assert found(tmp_path).state == "stopped"
        other.kill()


def test_on_another_host_the_log_is_the_sign_of_life(tmp_path):
    log = told(tmp_path, {"host": "node17", "pid": 1})
    assert found(tmp_path).state == "running"
    os.utime(log, (time.time() - status.SILENT - 1.0,) * 2)
    assert found(tmp_path).state == "stopped"


def test_a_running_process_renews_its_log_without_a_word(tmp_path):
    code = "from tessera import journal; import time; journal.HEARTBEAT = 0.05\n"
    code += "journal.Journal('fit rival', []); time.sleep(30)"
    with (tmp_path / "a.log").open("wb") as log, subprocess.Popen([sys.executable, "-c", code], stdout=log) as run:
        until = time.monotonic() + 20.0
        while not journal.events(tmp_path / "a.log"):
            assert time.monotonic() < until
            time.sleep(0.02)
        os.utime(tmp_path / "a.log", (0.0, 0.0))
        while (tmp_path / "a.log").stat().st_mtime == 0.0:
            assert time.monotonic() < until, "expected a heartbeat"
            time.sleep(0.02)
        run.kill()
    assert len(journal.events(tmp_path / "a.log")) == 1


@pytest.mark.parametrize(("code", "state"), [(2, "failed"), (1, "failed"), (130, "stopped"), (143, "stopped")])
def test_a_failure_says_its_line_and_an_interruption_is_none(tmp_path, code, state):
    told(tmp_path, {}, {"event": "failed", "code": code, "error": "tessera fit rival: a.json: expected, got"})
    assert found(tmp_path)[1:3] == (state, tmp_path / LOG)
    assert found(tmp_path).said == "tessera fit rival: a.json: expected, got"


def test_what_never_began_says_the_last_line_of_its_log(tmp_path):
    write(tmp_path / LOG, "module: loaded\nbash: tessera: command not found\n\n")
    assert (found(tmp_path).state, found(tmp_path).said) == ("failed", "bash: tessera: command not found")


def of(rule, state, seconds=float("nan"), core_seconds=float("nan"), part=0.0):
    return Found(Job(rule, rule, ()), state, Path(), 0.0, seconds, core_seconds, part)


def test_what_is_left_by_hand():
    done = [of("cases", "done", 10.0, 8.0), of("cases", "done", 30.0, 24.0)]  # 20 s, 16 core-seconds each
    left = estimate([*done, of("cases", "waiting"), of("cases", "failed"), of("scores", "waiting")])
    assert left == (32.0, 40.0, 1, ["scores"])
    running = [of("cases", "running", 5.0), of("cases", "running", 90.0), of("cases", "running", 6.0, part=0.75)]
    left = estimate([*done, *running])
    assert left.seconds == pytest.approx((15.0 + 0.0 + 2.0) / 3)
    assert left.core_seconds == pytest.approx(0.8 * 17.0)
    assert estimate(done) == (0.0, 0.0, 1, [])


@pytest.fixture
def results(tmp_path):
    study = load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"])
    write_study(study, tmp_path / "smoke" / "study.json")
    for job in jobs(study):
        if job.rule in {"design", "cases", "ensemble"}:
            made(tmp_path / "smoke", job)
            told(tmp_path / "smoke", {}, {"event": "end"}, name=f"logs/{job.record}.log")
    return tmp_path / "smoke"


def test_the_command_tells_people_what_is_done_running_failed_and_left(results):
    error = "tessera scales: b.json: expected a file, found none"
    log = told(results, {}, {"event": "failed", "code": 2, "error": error}, name="logs/scales/micro.log")
    told(results, {"host": "node17"}, name="logs/scales/meso.log")
    said = tessera("status", results)
    assert said.returncode == 0, said.stderr
    assert f"failed: {log}: {error}" in said.stdout
    assert "running: scales/meso: since " in said.stdout
    assert "8 of 38 jobs done" in said.stdout and "not known of scales, tokenizer, " in said.stdout


def test_the_command_tells_machines(results):
    said = json.loads(tessera("status", results, "--json").stdout)
    assert said["counts"] == {"done": 8, "running": 0, "failed": 0, "stopped": 0, "waiting": 30}
    assert said["jobs"][0] | {"since": 0} == {
        "rule": "design",
        "record": "design/micro",
        "outputs": ["design/micro.nc"],
        "state": "done",
        "log": str(results / "logs/design/micro.log"),
        "since": 0,
        "seconds": 50.0,
        "core_seconds": 40.0,
        "part": 0.0,
        "said": "",
    }


@pytest.mark.parametrize("content", [None, "{", '{"name": 1}'])
def test_a_folder_without_a_study_is_refused_in_one_line(tmp_path, content):
    if content is not None:
        write(tmp_path / "study.json", content)
    said = tessera("status", tmp_path)
    (line,) = said.stderr.splitlines()
    assert said.returncode == 2 and line.startswith("tessera status: ") and "expected" in line


def test_a_real_job_is_seen_running_killed_and_failed(results):
    shutil.rmtree(results / "design")
    (results / "logs/design/micro.log").unlink()
    (job,) = (job for job in jobs(load([results / "study.json"])) if job.record == "design/micro")
    call = [sys.executable, "-m", "tessera", "design", "--study", results / "study.json", "--scale", "micro"]
    call += ["--out", results / "design/micro.nc"]
    log = results / "logs/design/micro.log"
    with log.open("wb") as file, subprocess.Popen(list(map(str, call)), stdout=file, stderr=file) as run:
        until = time.monotonic() + 20.0
        while not journal.events(log):
            assert time.monotonic() < until
            time.sleep(0.005)
        run.send_signal(signal.SIGSTOP)
        assert look(results, job, time.time()).state == "running"
        run.kill()
    assert look(results, job, time.time())[1::6] == ("stopped", "killed without a word")
    with log.open("wb") as file:
        subprocess.run([*call[:-1], results / "study.json" / "no.nc"], stdout=file, stderr=file, check=False)
    one = look(results, job, time.time())
    assert one.state == "failed" and one.said.startswith("tessera design: ")
