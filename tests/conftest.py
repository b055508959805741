"""What all tests share: one thread per process, and a browser that may be demanded."""

import os
import signal

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let no test that needs a browser be skipped where TESSERA_REQUIRE_BROWSER is set."""
    report = yield
    demanded = os.environ.get("TESSERA_REQUIRE_BROWSER") and item.get_closest_marker("browser")
    if demanded and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"TESSERA_REQUIRE_BROWSER is set: expected a browser, got {call.excinfo.value}"
    return report


def pytest_configure():
    """Hear SIGINT even where a shell that started us in its background ignores it; programs we start inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
