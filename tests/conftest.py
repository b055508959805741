"""What all tests share: one thread per process, a report that is made once, and a browser that may be demanded."""

import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")


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


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Return the results of the synthetic study with its report at report/index.html; only to be read."""
    from tessera.stages import evaluation
    from tests.evaluation import synthetic

    folder = synthetic.results(tmp_path_factory.mktemp("synthetic"))
    evaluation.report(synthetic.study(), folder, folder / "report" / "index.html")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Return a headless Chromium that reaches nothing but this machine and logs what its pages ask for."""
    for program in (CHROMIUM, CHROMEDRIVER):
        if not program.is_file():
            pytest.skip(f"no {program}")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--proxy-server=127.0.0.1:9")  # nobody listens there
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(str(CHROMEDRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """Return a copy of the repository in which the smoke study was run undisturbed; only to be read."""
    from tests.workflow.checkout import Checkout

    copy = Checkout(tmp_path_factory.mktemp("smoke") / "tessera", sources=False)
    result = copy.snakemake("--show-failed-logs")
    assert result.returncode == 0, result.stdout
    return copy
