"""One call of the command line: its journal, and one line of error.

This module alone turns an error into a line, with exit code 2 for what the user or the data said;
`tessera.__main__` hears signals, and leaves with 130 or 143.
"""

import logging
import os
import sys
from typing import Any

import typer

from tessera import cli, journal
from tessera.errors import LostError, TesseraError


def call() -> tuple[int, str]:
    """Run the command that the process was called with; return its exit code and what is wrong, in one line."""
    _log_to_stderr()
    words, command = _called(sys.argv[1:])
    works = any(option.name == "out" and option.required for option in getattr(command, "params", ()))
    if works and "--help" not in sys.argv:
        journal.begin(" ".join(words), sys.argv[1:])
    try:
        return cli.app(standalone_mode=False) or 0, ""
    except typer.Exit as stop:
        return stop.exit_code, ""
    except typer._click.ClickException as error:
        message = error.format_message() or "expected a command, got none"
    except LostError as error:
        return _lost(str(error))
    except TesseraError as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or 'files'}: expected to read or write, got {error.strerror or error}"
    except MemoryError:
        message = "memory: expected enough for this stage, got none"
    return 2, line(message)


def _lost(message: str) -> tuple[int, str]:
    """Return exit code and message after another process has ended; whoever started both says why."""
    from tessera.learning import processes

    return (processes.LOST, "") if processes.LISTENER in os.environ else (2, line(message))


def line(message: str) -> str:
    """Return a message as one line that begins with the command that was called."""
    return f"{' '.join(['tessera', *_called(sys.argv[1:])[0]])}: {' '.join(message.split())}"


def _called(arguments: list[str]) -> tuple[list[str], Any]:
    """Return the words of a command line that name its command, and the command."""
    words: list[str] = []
    command: Any = typer.main.get_command(cli.app)
    for word in arguments:
        if word.startswith("-") or word.isdigit():  # options of a group, such as --devices 2
            continue
        below = getattr(command, "commands", {}).get(word)
        if below is None:
            break
        command = below
        words.append(word)
    return words, command


def _log_to_stderr() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for talkative in ("numba", "fontTools"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
