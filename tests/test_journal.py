"""What a command tells of itself: JSON lines for machines on standard output, text for people on standard error."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tessera import journal
from tessera.stages import write_study
from tessera.study import load

CONFIG = Path(__file__).parents[1] / "config"


@pytest.fixture
def study(tmp_path):
    write_study(load([CONFIG / "config.yaml", CONFIG / "smoke.yaml"]), tmp_path / "study.json")
    return tmp_path / "study.json"


def design(study, out, scale="micro"):
    return [sys.executable, "-m", "tessera", "design", "--study", study, "--scale", scale, f"--out={out}"]


def test_a_stage_says_when_it_began_and_what_it_took(study, tmp_path):
    done = subprocess.run(design(study, tmp_path / "d.nc"), capture_output=True, text=True, check=True)
    start, end = map(json.loads, done.stdout.splitlines())
    assert (start["event"], end["event"], end["stage"]) == ("start", "end", "design")
    assert start["pid"] > 0 and start["host"] and end["out"] == start["out"] == [str(tmp_path / "d.nc")]
    assert 0.0 < end["seconds"] == pytest.approx(end["time"] - start["time"], abs=0.1)
    assert end["core_seconds"] > 0.0 and 5e7 < end["peak_memory"] < 5e9
    begins, *_, ends = done.stderr.splitlines()
    assert begins.endswith(f"design: begins {tmp_path / 'd.nc'}") and "design: done in " in ends


def test_a_question_for_help_is_no_stage():
    done = subprocess.run(
        [sys.executable, "-m", "tessera", "design", "--help"], capture_output=True, text=True, check=True
    )
    assert "--scale" in done.stdout and '"event"' not in done.stdout
    assert done.stderr == ""


def test_a_failure_is_one_line_for_people_and_the_same_for_machines(study, tmp_path):
    study.write_text("{}")
    done = subprocess.run(design(study, tmp_path / "d.nc"), capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    start, failed = map(json.loads, done.stdout.splitlines())
    assert (start["event"], failed["event"], failed["code"], failed["error"]) == ("start", "failed", 2, line)
    assert done.returncode == 2


def test_what_stops_a_stage_is_told_even_if_it_is_a_mistake_of_ours(study, tmp_path):
    code = "import sys, runpy\nfrom tessera.stages import ensembles\nensembles.draw_design = None\n"
    code += "sys.argv = ['tessera', *sys.argv[1:]]\nrunpy.run_module('tessera', run_name='__main__')\n"
    call = [sys.executable, "-c", code, *design(study, tmp_path / "d.nc")[3:]]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    failed = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, failed["code"], failed["event"]) == (1, 1, "failed")
    assert failed["error"].startswith("TypeError: ")


def test_an_interrupted_stage_says_so(study, tmp_path):
    ask = f"import os\nos.kill(os.getpid(), {signal.SIGTERM:d})\n"
    code = f"import sys, runpy\nfrom tessera.stages import ensembles\ndef stop(*_):\n    {ask.replace(chr(10), '; ')}\n"
    code += "ensembles.draw_design = stop\nsys.argv = ['tessera', *sys.argv[1:]]\n"
    code += "runpy.run_module('tessera', run_name='__main__')\n"
    call = [sys.executable, "-c", code, *design(study, tmp_path / "d.nc")[3:]]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    failed = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, failed["code"]) == (143, 143)
    assert "terminated; finished parts are kept" in failed["error"]


def test_a_terminal_shows_no_json(study, tmp_path):
    ours, theirs = pty.openpty()
    subprocess.run(design(study, tmp_path / "d.nc"), stdout=theirs, stderr=subprocess.PIPE, check=True)
    os.close(theirs)
    os.set_blocking(ours, False)
    with pytest.raises(OSError, match=r"Resource temporarily|Input/output"):
        os.read(ours, 1)


def test_a_log_that_cannot_be_written_stops_no_stage(study, tmp_path):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(design(study, tmp_path / "d.nc"), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "d.nc").is_file()


def test_commands_that_make_nothing_tell_nothing_of_themselves():
    for command in (["version"], ["check", CONFIG / "config.yaml"]):
        done = subprocess.run([sys.executable, "-m", "tessera", *command], capture_output=True, text=True, check=True)
        assert "event" not in done.stdout


def test_the_events_of_a_log_are_those_since_its_last_start(tmp_path):
    log, now = tmp_path / "a.log", time.time()
    first, second = ({"event": "start", "host": "a", "pid": pid} for pid in (1, 2))
    took, progress = {"seconds": 1.0, "core_seconds": 1.0}, {"event": "progress", "what": "a", "part": 0.5, "done": "b"}
    lines = [first, {"event": "end", **took}, second, {"event": "end"}, {"event": "other"}, progress]
    text = "\n".join(["12:00:00 text", *(json.dumps({**line, "time": now}) for line in lines), "more", ""])
    log.write_text(text + '{"event": "progress", "ti')
    assert [(one["event"], one.get("pid")) for one in journal.events(log)] == [("start", 2), ("progress", None)]
    assert journal.events(tmp_path / "none.log") == []


@pytest.mark.parametrize(("rank", "events"), [("0", 2), ("1", 0)])
def test_of_several_processes_the_first_one_tells(study, tmp_path, rank, events):
    environment = os.environ | {"LOCAL_RANK": rank}
    call = design(study, tmp_path / "d.nc")
    done = subprocess.run(call, capture_output=True, text=True, check=True, env=environment)
    assert len(done.stdout.splitlines()) == events
