"""How far the run of a study is: every job from its outputs, its log and its benchmark, during the run and after."""

import csv
import json
import math
import os
import socket
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from tessera import journal
from tessera.data import outputs
from tessera.errors import DataError
from tessera.study import load
from tessera.study.plan import Job, jobs

State = Literal["done", "running", "failed", "stopped", "waiting"]
STATES: tuple[State, ...] = ("done", "running", "failed", "stopped", "waiting")
SILENT = 4 * journal.HEARTBEAT  # after which the job of another host is taken for dead [s]
INTERRUPTED = (130, 143)


class Found(NamedTuple):
    """What became of a job.

    Attributes
    ----------
    job, state
        Stopped is what was killed or interrupted: the next run of Snakemake carries on.
    log
        Its log.
    since
        When it began or ended, seconds since 1970; 0 where that is not known.
    seconds, core_seconds
        What it took, of a running one so far; `nan` where that is not known.
    part, said
        Of a running one, how much of the work is done, 0 to 1, and that in words; of a failed one, the line of error.
    """

    job: Job
    state: State
    log: Path
    since: float = 0.0
    seconds: float = math.nan
    core_seconds: float = math.nan
    part: float = 0.0
    said: str = ""


class Left(NamedTuple):
    """What is left: core-seconds, seconds with as many jobs at once as run now, rules of which nothing is known."""

    core_seconds: float
    seconds: float
    at_once: int
    unknown: list[str]


def status(results: Path, as_json: bool) -> None:
    """Tell what is done, running and failed in a results folder, and how long is left.

    Raises
    ------
    DataError
        The folder holds no study.
    """
    if not (results / outputs.STUDY).is_file():
        raise DataError(f"{results}: expected the results of a study with {outputs.STUDY}, found none")
    study = load([results / outputs.STUDY])
    found = [look(results, job, time.time()) for job in jobs(study)]
    left = estimate(found)
    if as_json:
        Console(soft_wrap=True).print_json(json.dumps(_content(study.name, found, left)))
    else:
        _show(study.name, found, left)


def look(results: Path, job: Job, now: float) -> Found:
    """Return what became of a job."""
    log = results / "logs" / f"{job.record}.log"
    events = journal.events(log)
    there = all((results / path).exists() for path in job.outputs)
    start, last = (events[0], events[-1]) if events and events[0]["event"] == "start" else ({}, {})
    if last.get("event") in {"start", "progress"}:
        begun = Found(job, "running", log, start["time"], now - start["time"], math.nan, *_progress(events))
        if alive(start, log, now):
            return begun
        if not there:
            return begun._replace(state="stopped", said="killed without a word")
    if there:
        return _done(results, job, log, last)
    if last.get("event") == "failed":
        state: State = "stopped" if last["code"] in INTERRUPTED else "failed"
        return Found(job, state, log, last["time"], last["seconds"], last["core_seconds"], said=last["error"])
    if not events and (line := _last_line(log)):
        return Found(job, "failed", log, log.stat().st_mtime, said=line)
    return Found(job, "waiting", log)


def alive(start: dict[str, Any], log: Path, now: float) -> bool:
    """Return whether the process of a start is alive: asked here, told by the heartbeat of its log elsewhere."""
    if start["host"] != socket.gethostname():
        return now - log.stat().st_mtime < SILENT
    command = Path(f"/proc/{start['pid']}/cmdline")
    if Path("/proc/self/cmdline").is_file():
        try:
            return b"tessera" in command.read_bytes()
        except OSError:
            return False
    try:
        os.kill(start["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def estimate(found: Sequence[Found]) -> Left:
    """Return what is left, if each job takes as long as the finished ones of its rule took on average."""
    done: dict[str, list[Found]] = {one.job.rule: [] for one in found}
    for one in found:
        if one.state == "done":
            done[one.job.rule].append(one)
    means = {rule: (_mean(o.seconds for o in of), _mean(o.core_seconds for o in of)) for rule, of in done.items()}
    core_seconds = seconds = 0.0
    unknown: dict[str, None] = {}
    for one in found:
        if one.state == "done":
            continue
        wall, cores = means[one.job.rule]
        if one.state == "running" and one.part > 0.0:
            rest = one.seconds * (1.0 - one.part) / one.part
            wall, cores = rest, rest * (cores / wall if wall > 0.0 else 1.0)
        elif one.state == "running" and wall > 0.0:
            share = max(0.0, 1.0 - one.seconds / wall)
            wall, cores = wall * share, cores * share
        if math.isnan(wall):
            unknown[one.job.rule] = None
            continue
        seconds += wall
        core_seconds += wall if math.isnan(cores) else cores
    at_once = max(1, sum(one.state == "running" for one in found))
    return Left(core_seconds, seconds / at_once, at_once, [*unknown])


def _progress(events: Sequence[dict[str, Any]]) -> tuple[float, str]:
    """Return the last progress of a job: which part, and in words."""
    told = [one for one in events if one["event"] == "progress"]
    return (float(told[-1]["part"]), f"{told[-1]['what']}: {told[-1]['done']}") if told else (0.0, "")


def _done(results: Path, job: Job, log: Path, last: dict[str, Any]) -> Found:
    if last.get("event") == "end":
        return Found(job, "done", log, last["time"], last["seconds"], last["core_seconds"])
    seconds, core_seconds = _benchmark(results / "benchmarks" / f"{job.record}.tsv")
    return Found(job, "done", log, (results / job.outputs[0]).stat().st_mtime, seconds, core_seconds)


def _benchmark(path: Path) -> tuple[float, float]:
    """Return what Snakemake measured, seconds and core-seconds; `nan` where that is not known."""
    if not path.is_file():
        return math.nan, math.nan
    with path.open(encoding="utf-8", errors="replace") as file:
        rows = [*csv.DictReader(file, delimiter="\t")] or [{}]
    return _number(rows[-1].get("s")), _number(rows[-1].get("cpu_time"))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _last_line(log: Path) -> str:
    if not log.is_file():
        return ""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _mean(values) -> float:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def _content(name: str, found: Sequence[Found], left: Left) -> dict[str, Any]:
    def plain(one: Found) -> dict[str, Any]:
        said = {**one.job._asdict(), **one._asdict(), "log": str(one.log)}
        del said["job"]
        return {key: value for key, value in said.items() if not (isinstance(value, float) and math.isnan(value))}

    counts = {state: sum(one.state == state for one in found) for state in STATES}
    return {"study": name, "jobs": [plain(one) for one in found], "counts": counts, "left": left._asdict()}


def _show(name: str, found: Sequence[Found], left: Left) -> None:
    console, table = Console(), Table(title=f"Study {name}", title_justify="left")
    table.add_column("stage")
    for title in ("done", "running", "failed", "stopped", "waiting", "a job takes"):
        table.add_column(title, justify="right")
    for rule in dict.fromkeys(one.job.rule for one in found):
        ours = [one for one in found if one.job.rule == rule]
        counts = {state: sum(one.state == state for one in ours) for state in STATES}
        mean = _mean(one.seconds for one in ours if one.state == "done")
        rest = [str(counts[state] or "") for state in STATES[1:]]
        table.add_row(rule, f"{counts['done']}/{len(ours)}", *rest, "" if math.isnan(mean) else duration(mean))
    console.print(table)
    for one in found:
        if one.state == "running":
            said = f"{one.said}, {one.part:.0%}, " if one.said else ""
            since = datetime.fromtimestamp(one.since).astimezone().strftime("%d %b %H:%M:%S")
            _say(console, f"running: {one.job.record}: {said}since {since}, for {duration(one.seconds)}")
        elif one.state in {"failed", "stopped"}:
            _say(console, f"{one.state}: {one.log}: {one.said}")
    done = sum(one.state == "done" for one in found)
    _say(console, f"{done} of {len(found)} jobs done{_rest(left) if done < len(found) else ''}")


def _rest(left: Left) -> str:
    """Return what is left in words, with what it assumes."""
    known = "; left about " if left.seconds > 0.0 else ""
    if known:
        known += f"{duration(left.core_seconds)} of core time, {duration(left.seconds)} with {left.at_once} at once"
        known += ", if jobs take as long as the finished ones of their rule"
    return known + (f"; not known of {', '.join(left.unknown)}, of which none is done" if left.unknown else "")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def duration(seconds: float) -> str:
    """Return a time in the two largest units that it has."""
    if seconds < 60.0:
        return f"{seconds:.1f} s" if seconds < 10.0 else f"{seconds:.0f} s"
    minutes = round(seconds / 60.0)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes // 1440} d {minutes % 1440 // 60} h"
