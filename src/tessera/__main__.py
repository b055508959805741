"""`tessera` and `python -m tessera`: Ctrl-C and SIGTERM are heard before the slow imports begin.

Python raises an interrupt wherever it happens to be: in an import, which an extension module then calls
failed, or in a destructor, which prints and drops it. Here it is asked again a moment later until it is heard,
and heard once: the second Ctrl-C of an impatient hand does not cut short what removes half-written files.
"""

import os
import signal
import sys
import time
import warnings
from types import FrameType

CODES: dict[int, int] = {signal.SIGINT: 130, signal.SIGTERM: 143}  # as a shell says them
IMPORTS = "<frozen importlib._bootstrap>"
STARTED = "TESSERA_LISTENER"
AGAIN, SAME = 0.05, 5.0  # until an interrupt is asked again, and for how long another one is the same [s]


class Interrupted(BaseException):
    """Asked to stop by a signal."""


class _Ear:
    """What hears the signals of a process."""

    def __init__(self) -> None:
        self.asked, self.since = 0, -SAME

    def hear(self) -> None:
        """Begin to listen; what a shell lets its background ignore stays ignored."""
        for number in CODES:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._signalled)
        signal.signal(signal.SIGALRM, self._answer)
        sys.unraisablehook = self._dropped

    def close(self) -> None:
        """Hear nothing any more."""
        for number in (*CODES, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if time.monotonic() - self.since < SAME:
            return
        self.asked, self.since = number, time.monotonic()
        self._answer(number, frame)

    def _answer(self, _number: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code.co_filename != IMPORTS:
            frame = frame.f_back
        if frame is None:
            warnings.simplefilter("ignore")  # of what is left lying about
            raise Interrupted
        signal.setitimer(signal.ITIMER_REAL, AGAIN)

    def _dropped(self, error: "sys.UnraisableHookArgs") -> None:
        if isinstance(error.exc_value, Interrupted):
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        else:
            sys.__unraisablehook__(error)


def main() -> None:
    """Run the command line; leave with 0, 2, 130 or 143."""
    ear, code, said = _Ear(), 1, ""
    ear.hear()
    try:
        from tessera import invocation

        code, said = invocation.call()
    except BaseException as error:
        if not ear.asked:
            from tessera import journal

            journal.end(code, f"{type(error).__name__}: {error}")
            raise
    finally:
        ear.close()
    if ear.asked and code:  # whatever a library made of it
        from tessera import invocation

        what = "terminated" if ear.asked == signal.SIGTERM else "interrupted"
        code, said = CODES[ear.asked], invocation.line(f"{what}; finished parts are kept, run it again to carry on")
        said = "" if STARTED in os.environ else said  # by the process that asked it to stop, and says so itself
    sys.stderr.write(f"{said}\n" if said else "")
    sys.stderr.flush()
    from tessera import journal

    journal.end(code, said)
    if ear.asked:
        os._exit(code)  # libraries that were cut short may not find their way out
    sys.exit(code)


if __name__ == "__main__":
    main()
