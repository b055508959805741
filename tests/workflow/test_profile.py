"""What the Slurm profile asks for, by dry runs; needs no Slurm."""

import re

import pytest

from tests.workflow.checkout import SMOKE, Checkout

PAPER = "config/paper.yaml"
PROFILE = ("--workflow-profile", "workflow/profiles/slurm")
TRAININGS = {"tokenizer", "decoupled", "coupled", "transfer", "rival"}
NETWORKS = TRAININGS | {"latents", "reconstructions", "prediction"}
LOCAL = {"all", "design"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("profile") / "tessera", sources=False)


@pytest.fixture
def asked(checkout, monkeypatch):
    """Return a function: what each rule asks for in a dry run, by the names of the resources."""

    def ask(*arguments, overlay=PAPER, **site):
        for name, value in site.items():
            monkeypatch.setitem(checkout.environment, name, value)
        result = checkout.snakemake("-n", *arguments, overlay=overlay)
        assert result.returncode == 0, result.stdout
        blocks = re.findall(r"^(?:local)?rule (\w+):\n(.*?)(?=^\[|\Z)", result.stdout, re.MULTILINE | re.DOTALL)
        found = {rule: dict(re.findall(r"(\w+)=([^,\n]*)", text.partition("resources:")[2])) for rule, text in blocks}
        return {rule: found[rule] for rule in found.keys() - LOCAL}

    return ask


def test_each_attempt_gets_more_memory_and_more_time_unless_it_resumes(asked):
    first, third = (asked(*PROFILE, "--attempt", attempt) for attempt in ("1", "3"))
    for rule, request in third.items():
        assert int(request["mem_mb"]) == 3 * int(first[rule]["mem_mb"]), rule
        assert int(request["runtime"]) == (1 if rule in TRAININGS else 3) * int(first[rule]["runtime"]), rule


def test_gpus_are_asked_for_where_the_study_wants_them(asked):
    assert {rule for rule, request in asked(*PROFILE).items() if request["gpu"] == "1"} == NETWORKS


def test_no_attempt_asks_for_more_time_than_the_site_has(asked):
    requests = asked(*PROFILE, "--attempt", "3", TESSERA_MAX_RUNTIME="1000")
    assert max(int(request["runtime"]) for request in requests.values()) == 1000


@pytest.mark.parametrize(("study", "asking"), [(SMOKE, set()), (PAPER, NETWORKS)])
def test_a_site_of_gres_is_asked_so_and_only_where_a_gpu_is_wanted(asked, study, asking):
    requests = asked(*PROFILE, overlay=study, TESSERA_GRES="gpu:a100")
    assert {rule for rule, request in requests.items() if request.get("gres") == "gpu:a100:1"} == asking
    assert {request.get("gpu", "0") for request in requests.values()} == {"0"}


def test_values_of_a_site_come_from_a_profile_of_its_own(asked, tmp_path):
    (tmp_path / "config.yaml").write_text("default-resources: {slurm_account: ours, constraint: avx512}\n")
    requests = asked("--profile", str(tmp_path), *PROFILE)
    assert {(request["slurm_account"], request["constraint"]) for request in requests.values()} == {("ours", "avx512")}


def test_a_bad_longest_time_is_one_line_that_names_it(checkout, monkeypatch):
    monkeypatch.setitem(checkout.environment, "TESSERA_MAX_RUNTIME", "2d")
    result = checkout.snakemake("-n", *PROFILE)
    assert result.returncode == 2
    assert "TESSERA_MAX_RUNTIME: expected minutes, got '2d'" in result.stdout.splitlines()[-1]
