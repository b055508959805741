"""A driver that kills processes of a running workflow at random moments, in every stage of it.

It looks at the process tree of Snakemake many times a second. A job of a stage that was killed too seldom gets a
moment of death, drawn from the time that such a job takes; when it comes, Snakemake itself, the shell of the job
or the command is killed, by SIGKILL or SIGTERM. Whenever Snakemake ends before the study is done it is started
again, as a user would: with `--unlock` first when it asks for that, and with nothing else.
"""

import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

import psutil

from tests.workflow.checkout import Checkout

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
TARGETS = {"snakemake": 0.2, "shell": 0.2, "command": 0.6}
STAGE = re.compile(r"(?:^|/)tessera (fit)?(?: --devices \d+)? ?(\w+) ")
LOOK = 0.02  # s between two looks at the process tree
PATIENCE = 30.0  # s until a Snakemake that was told to end, and waits for its jobs, is killed


class Kill(NamedTuple):
    """One kill: of what, in which stage, by which signal, how long after the job had begun [s]."""

    target: str
    stage: str
    by: str
    after: float


class Chaos:
    """Runs a study to its end while every stage is killed some times.

    Parameters
    ----------
    copy
        The checkout in which Snakemake runs.
    rules
        The stages of the study, by the rules that run them.
    seconds
        What a job of each stage takes [s].
    kills
        How many kills there shall be at least; each stage gets its share.
    seed
        Of the moments, targets and signals.
    check
        Called now and then when nothing runs, to look at what lies there.
    """

    def __init__(
        self,
        copy: Checkout,
        rules: Mapping[str, str],
        seconds: Mapping[str, float],
        kills: int,
        seed: int,
        check: Callable[[], None],
    ) -> None:
        self.copy, self.rules, self.seconds, self.check = copy, rules, seconds, check
        self.share = -(-kills // len(seconds))
        self.random = random.Random(seed)
        self.kills: list[Kill] = []
        self.starts = self.unlocks = 0
        self.said: list[str] = []

    @property
    def stages(self) -> Counter[str]:
        """How often each stage was killed."""
        return Counter(kill.stage for kill in self.kills)

    def run(self, deadline: float) -> None:
        """Kill and start again until every stage had its share and the study is done.

        A stage that ended too soon for its share is run again, and all that stands on it.
        """
        again: list[str] = []
        while True:
            done = self._run_once(deadline, again)
            again = [rule for rule, stage in self.rules.items() if self.stages[stage] < self.share] if done else []
            if done and not again:
                return
            if self.random.random() < 0.5:  # or start beside commands that have lost their Snakemake
                ended(self.copy, 600.0)
                self.check()

    def _run_once(self, deadline: float, again: list[str]) -> bool:
        """Run Snakemake until it ends, whatever ends it, some rules again; return whether the study is done."""
        self.starts += 1
        log = self.copy.folder / f"said_{self.starts}.log"
        with log.open("w") as out:
            forced = ["--forcerun", *again] if again else []
            main = psutil.Popen(
                [*self.copy.command(), *forced, "--workflow-profile", "workflow/profiles/default", "--retries", "50"],
                cwd=self.copy.folder,
                env=self.copy.environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        asked = None
        moments: dict[int, float] = {}
        while main.poll() is None:
            assert time.monotonic() < deadline, f"expected an end in time, got {self.stages}; {log.read_text()[-2000:]}"
            if asked is None and self._kill_one(main, moments):
                asked = time.monotonic()
            if asked is not None and time.monotonic() > asked + PATIENCE:
                main.kill()
            time.sleep(LOOK)
        said = log.read_text()
        self.said.append(said)
        if "--unlock" in said:
            self.unlocks += 1
            unlocked = self.copy.snakemake("--unlock")
            assert unlocked.returncode == 0, unlocked.stdout
            return False
        return main.returncode == 0

    def _kill_one(self, main: psutil.Popen, moments: dict[int, float]) -> bool:
        """Kill what is due; return whether Snakemake was told to end."""
        for process, stage in _commands(main):
            try:
                begun = process.create_time()
                if self.stages[stage] >= self.share:
                    continue
                due = moments.setdefault(process.pid, begun + self.random.uniform(0.0, 0.6 * self.seconds[stage]))
                if time.time() < due:
                    continue
                (target,) = self.random.choices(list(TARGETS), list(TARGETS.values()))
                by = self.random.choice(SIGNALS)
                victim = {"snakemake": main, "shell": process.parent() or process, "command": process}[target]
                os.kill(victim.pid, by)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
            moments[process.pid] = float("inf")
            self.kills.append(Kill(target, stage, by.name, time.time() - begun))
            if target == "snakemake":
                return True
        return False


def _commands(main: psutil.Popen) -> list[tuple[psutil.Process, str]]:
    """Return the running commands of a workflow and their stages; a shell holds the text of its command, too."""
    found = []
    try:
        below = main.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    for process in below:
        try:
            if process.name().startswith(("tessera", "python")):
                match = STAGE.search(" ".join(process.cmdline()))
                if match:
                    found.append((process, " ".join(filter(None, match.groups()))))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def ended(copy: Checkout, seconds: float) -> None:
    """Wait until no command of a checkout runs any more: those whose Snakemake was killed end by themselves."""
    end = time.monotonic() + seconds
    while any(_runs_in(process, copy) for process in psutil.process_iter()):
        assert time.monotonic() < end, "expected commands without a Snakemake to end"
        time.sleep(0.2)


def _runs_in(process: psutil.Process, copy: Checkout) -> bool:
    try:
        return process.cwd() == str(copy.folder) and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, FileNotFoundError):
        return False


__all__ = ["Chaos", "Kill", "ended"]
