"""One set of versions: constraints.txt, pyproject.toml, both conda environments and what is installed."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENTS = ("cpu", "gpu")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "snakemake-minimal": "snakemake"}
CONDA_ONLY = {"python", "pip", "setuptools"}


def constraints():
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def conda(name):
    """Return the versions of one conda environment, by the names of the package index."""
    content = yaml.safe_load((REPOSITORY / "envs" / f"{name}.yaml").read_text(encoding="utf-8"))
    plain = [item for item in content["dependencies"] if isinstance(item, str)]
    nested = [line for item in content["dependencies"] if isinstance(item, dict) for line in item["pip"]]
    found = {}
    for item in [*plain, *nested]:
        package, exact, version = re.match(r"([\w.-]+)\s*(==)?\s*([^=*]*)", item).groups()
        if package not in CONDA_ONLY:
            assert exact, f"envs/{name}.yaml: {package}: expected an exact version"
            found[canonicalize_name(CONDA_NAMES.get(package, package))] = version
    return found


def test_torch_is_the_version_that_the_project_is_measured_with():
    assert constraints()["torch"] == "2.13.0"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_conda_environments_hold_the_versions_of_the_constraints(name):
    pinned = constraints()
    assert conda(name) == {package: pinned[package] for package in conda(name)}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_conda_environments_hold_every_dependency_of_the_package(name):
    needed = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    assert needed <= conda(name).keys()


def test_both_conda_environments_differ_in_their_build_of_torch_alone():
    lines = [(REPOSITORY / "envs" / f"{name}.yaml").read_text().splitlines()[1:] for name in ENVIRONMENTS]
    different = [pair for pair in zip(*lines, strict=True) if pair[0] != pair[1]]
    assert different == [("  - pytorch ==2.13.0=cpu*", "  - pytorch ==2.13.0=cuda*")]


def test_constraints_hold_every_dependency_and_satisfy_it():
    pinned = constraints()
    extras = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    for line in [*PROJECT["dependencies"], *extras]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(pinned[canonicalize_name(wanted.name)]), line


def test_what_an_operator_imports_is_pinned_and_installed_everywhere_without_what_it_asks_for_besides():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    operator = re.search(r"^OPERATOR := (.+)$", makefile, re.MULTILINE)[1].split()
    assert operator[0] == "neuraloperator" and {canonicalize_name(name) for name in operator} <= constraints().keys()
    assert "$(PIP) --no-deps -c constraints.txt $(OPERATOR)" in makefile
    for name in ENVIRONMENTS:
        script = (REPOSITORY / "envs" / f"{name}.post-deploy.sh").read_text(encoding="utf-8")
        assert f"pip install --no-deps --constraint constraints.txt {' '.join(operator)}\n" in script
    named = {canonicalize_name(Requirement(line).name) for line in PROJECT["optional-dependencies"]["dev"]}
    assert not named & {canonicalize_name(name) for name in operator}
    assert not constraints().keys() & {"wandb", "zencfg", "configmypy"}


def test_what_is_installed_is_what_the_constraints_say():
    installed = {canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()}
    different = {
        name: (version, installed[name])
        for name, version in constraints().items()
        if name in installed and installed[name].partition("+")[0] != version
    }
    assert different == {}


def test_peers_of_the_benchmark_are_pinned_and_burden_no_user():
    lines = (REPOSITORY / "benchmarks" / "peers" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    names = {canonicalize_name(line.split("==")[0]) for line in pins}
    assert {"clawpack", "pyro-hydro"} <= names
    assert not {"clawpack", "pyro-hydro"} & constraints().keys()
