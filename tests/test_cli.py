"""The command line says what is wrong in one line and leaves with 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    content = json.loads(study.read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps({**content, "name": "other"}))
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
