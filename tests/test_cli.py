"""The command line says what is wrong in one line and leaves with 2."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tessera.data import seals

CONFIG = Path(__file__).parents[1] / "config"


def tessera(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "tessera", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def refused(result, *parts):
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2, result.stderr
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = tmp_path_factory.mktemp("study") / "study.json"
    result = tessera("check", CONFIG / "config.yaml", CONFIG / "smoke.yaml", "--out", path)
    assert result.returncode == 0, result.stderr
    return path


def test_a_valid_study_is_said_to_be_valid():
    result = tessera("check", CONFIG / "config.yaml")
    assert result.returncode == 0
    assert "a valid study named 'demo'" in result.stderr


def test_a_mistake_in_a_study_names_file_and_key(tmp_path):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text("solver: {clf: 0.5}\n")
    refused(tessera("check", CONFIG / "config.yaml", overlay), "overlay.yaml", "solver.clf: expected a known key")


def test_checking_is_light():
    code = "import sys; import tessera.cli, tessera.study; sys.exit(any(m in sys.modules for m in HEAVY))"
    heavy = "HEAVY = ['torch', 'numba', 'xarray', 'matplotlib', 'pandas']\n"
    assert subprocess.run([sys.executable, "-c", heavy + code], check=False).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("check",),
        ("design", "--study", "none.json", "--scale", "micro", "--out", "design.nc"),
        (
            "simulate",
            "--study",
            "none.json",
            "--scale",
            "micro",
            "--design",
            "d",
            "--shard",
            "0",
            "--out",
            "o",
        ),
    ],
)
def test_a_wrong_call_is_one_line(arguments, tmp_path):
    refused(tessera(*arguments, cwd=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_scale_that_does_not_exist_is_refused(study, tmp_path):
    refused(
        tessera("design", "--study", study, "--scale", "nano", "--out", tmp_path / "d.nc"),
        "micro or meso",
        "nano",
    )


def test_a_design_of_another_study_is_refused(study, tmp_path):
    design = tmp_path / "design.nc"
    assert tessera("design", "--study", study, "--scale", "micro", "--out", design).returncode == 0
    content = {key: value for key, value in json.loads(study.read_text()).items() if key != seals.KEY}
    other = tmp_path / "other.json"
    other.write_text(json.dumps(seals.sealed({**content, "name": "other"})))
    call = (
        "simulate",
        "--scale",
        "micro",
        "--design",
        design,
        "--shard",
        0,
        "--out",
        tmp_path / "shard.json",
    )
    refused(tessera(*call, "--study", other), "design.nc", "study 'other'")


@pytest.mark.parametrize("cut", [0, 500])
def test_a_truncated_design_is_refused(study, tmp_path, cut):
    design = tmp_path / "design.nc"
    assert tessera("design", "--study", study, "--scale", "micro", "--out", design).returncode == 0
    design.write_bytes(design.read_bytes()[:cut])
    call = (
        "simulate",
        "--scale",
        "micro",
        "--design",
        design,
        "--shard",
        0,
        "--out",
        tmp_path / "shard.json",
    )
    refused(tessera(*call, "--study", study), "design.nc", "expected a whole netCDF file")
    assert [path.name for path in tmp_path.iterdir()] == ["design.nc"]


HEARD = {
    "in an import": """
        import deaf
        assert deaf.whole
        time.sleep(5)
    """,
    "in a destructor": """
        class Deaf:
            def __del__(self):
                ask()
        Deaf()
        time.sleep(5)
    """,
    "made into another error": """
        try:
            ask()
        except BaseException:
            raise DataError("a.json: expected a whole file, got half")
    """,
    "twice": """
        try:
            ask()
        finally:
            ask()
    """,
}


@pytest.mark.parametrize(("number", "code", "word"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
@pytest.mark.parametrize("case", HEARD.values(), ids=HEARD)
def test_a_signal_is_heard_wherever_it_comes(tmp_path, case, number, code, word):
    ask = f"import os, signal\ndef ask():\n    os.kill(os.getpid(), signal.{number})\n"
    (tmp_path / "deaf.py").write_text(f"{ask}ask()\nwhole = True\n")
    (tmp_path / "run.py").write_text(
        f"import time, sys\nfrom tessera import __main__, invocation\nfrom tessera.errors import DataError\n{ask}"
        f"def call():\n{textwrap.indent(textwrap.dedent(case), '    ')}\n    return 0, ''\n"
        "invocation.call = call\nsys.argv[1:] = ['fit', 'rival', '--seed', '0']\n__main__.main()\n"
    )
    done = subprocess.run([sys.executable, tmp_path / "run.py"], capture_output=True, text=True, check=False)
    said = f"tessera fit rival: {word}; finished parts are kept, run it again to carry on\n"
    assert (done.returncode, done.stderr) == (code, said)


def test_a_command_that_is_asked_too_late_is_done():
    code = "import os, signal, sys; from tessera import __main__, invocation\n"
    code += "invocation.call = lambda: (0, ''); sys.exit = stop\n"
    stop = "def stop(code):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGTERM)\n    os._exit(code)\n"
    done = subprocess.run([sys.executable, "-c", f"{stop}{code}__main__.main()"], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_command_is_said_and_helped():
    result = tessera()
    refused(result, "expected a command, got none")
    assert "assemble" in result.stdout
