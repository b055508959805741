"""Failed jobs of a workflow, one line each: which job, why, and where its log is.

Snakemake says it in a block of many lines; the line comes right after it. Light on purpose (standard library
only): the Snakefile listens in every run.
"""

import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

LONGEST = 240  # characters of a reason


class Failures(logging.Handler):
    """Tells of each failed job in one line; attach it to the logger of Snakemake.

    Parameters
    ----------
    out
        Where the lines go.
    """

    def __init__(self, out: TextIO = sys.stderr) -> None:
        super().__init__(logging.ERROR)
        self.out = out

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of a failed job; everything else is no concern of ours."""
        if getattr(record, "event", None) == "job_error":
            facts = vars(record)
            outputs, logs = (_texts(facts.get(name)) for name in ("output", "log"))
            self.out.write(f"{line(str(facts.get('rule_name')), facts.get('rule_msg'), outputs, logs)}\n")
            self.out.flush()


def line(rule: str, message: object, outputs: Sequence[str], logs: Sequence[str]) -> str:
    """Return the line of one failed job.

    Parameters
    ----------
    rule
        Its rule.
    message
        What the executor says of it, if anything: Slurm's state and reason.
    outputs
        What it should have written; the first names the job.
    logs
        Its logs; the first is that of its command, whose last line is the reason where there is one.
    """
    said = [_word(str(message))] if message else []
    said += _last_words(Path(logs[0])) if logs else []
    reasons = "; ".join(reason[:LONGEST] for reason in said) or "no word of why, as of a killed command"
    where = f"; logs: {' '.join(logs)}" if logs else ""
    return f"FAILED {rule} {outputs[0] if outputs else ''}: {reasons}{where}"


def _word(message: str) -> str:
    """Return what an executor says in short: of Slurm's many words, job and state."""
    slurm = re.search(r"SLURM-job '(\S+)' failed, SLURM status is: '(\w+)'(?:\. (Reasons?: [^\n]*))?", message)
    if slurm is None:
        return " ".join(message.split())
    number, state, reason = slurm.groups()
    return f"{state} by Slurm, job {number}" + (f", {reason.rstrip('.')}" if reason else "")


def _last_words(log: Path) -> list[str]:
    """Return the last line of a log that is for people, if there is one."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [text for text in lines if text.strip() and not text.startswith("{")][-1:]


def _texts(found: object) -> list[str]:
    return [str(each) for each in found] if isinstance(found, list | tuple) else []


__all__ = ["Failures", "line"]
