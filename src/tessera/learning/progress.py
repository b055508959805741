"""How a training is shown while it runs: a bar on a terminal, a line per epoch elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

HIDDEN = {"epoch", "learning_rate", "validation_seconds", "seconds", "waiting_seconds"}


@contextmanager
def bar(name: str) -> Iterator[Callable[[float], None]]:
    """Yield a function that shows the progress on a terminal, and does nothing elsewhere."""
    console = Console(stderr=True)
    columns = TextColumn(name), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(name, total=1.0)
        yield lambda progress: shown.update(task, completed=progress)


def summary(line: Mapping[str, Any]) -> str:
    """Return a line of the history as one of the log."""
    shown = {k: v for k, v in line.items() if k not in HIDDEN}
    return " ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in shown.items())
