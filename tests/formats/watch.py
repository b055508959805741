"""An end of tests with broken files in which a library runs in circles, where no signal of Python reaches it."""

import faulthandler
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def watched(seconds: float = 120.0) -> Iterator[None]:
    """End the whole test run, with a traceback, if the block takes longer than some seconds."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
