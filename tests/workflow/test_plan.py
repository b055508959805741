"""What Snakemake would run: for each study, after an edit, and with a mistake. Dry runs only."""

import pytest

from tests.workflow.checkout import Checkout

SMOKE_JOBS = {
    "study": 1,
    "design": 2,
    "cases": 4,
    "ensemble": 2,
    "scales": 2,
    "tokenizer": 5,
    "latents": 2,
    "reconstructions": 1,
    "decoupled": 5,
    "coupled": 1,
    "transfer": 1,
    "parcv2": 1,
    "cnext": 1,
    "prediction": 6,
    "scores": 2,
    "report_page": 1,
}
TRAINED = {"tokenizer", "decoupled", "coupled", "transfer", "parcv2", "cnext"}
SIMULATED = {"cases", "ensemble", "scales"}
AFTER_MODELS = {"latents", "reconstructions", "prediction", "scores", "report_page"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy in which the smoke study is taken for finished."""
    copy = Checkout(tmp_path_factory.mktemp("plan") / "tessera")
    copy.pretend()
    return copy


@pytest.fixture
def edited(checkout, request):
    """The finished copy with one file edited, and the file put back afterwards."""
    path, old, new = request.param
    file = checkout.folder / path
    before = file.read_bytes()
    checkout.edit(path, old, new)
    yield checkout
    file.write_bytes(before)


def test_a_finished_study_has_nothing_to_do(checkout):
    assert checkout.planned() == {}


def test_touching_a_source_reruns_nothing(checkout):
    for file in (checkout.folder / "src").rglob("*.py"):
        file.touch()
    assert checkout.planned() == {}


@pytest.mark.parametrize(
    ("edited", "rerun"),
    [
        (("src/tessera/simulation/run.py", "", "\nEDITED = True\n"), SIMULATED | TRAINED | AFTER_MODELS),
        (("src/tessera/physics/eos.py", "", "\nEDITED = True\n"), SIMULATED | TRAINED | AFTER_MODELS),
        (("src/tessera/learning/train.py", "", "\nEDITED = True\n"), TRAINED | AFTER_MODELS),
        (("src/tessera/models/parc.py", "", "\nEDITED = True\n"), {"parcv2", "prediction", "scores", "report_page"}),
        (("src/tessera/models/cnext.py", "", "\nEDITED = True\n"), {"cnext", "prediction", "scores", "report_page"}),
        (("src/tessera/evaluation/metrics.py", "", "\nEDITED = True\n"), {"scores", "report_page"}),
        (("src/tessera/evaluation/figures.py", "", "\nEDITED = True\n"), {"report_page"}),
        (("config/config.yaml", "cfl: 0.7", "cfl: 0.6"), {"study"} | SIMULATED | TRAINED | AFTER_MODELS),
        (("config/config.yaml", "kl_weight: 1.0e-5", "kl_weight: 2.0e-5"), {"study"} | TRAINED | AFTER_MODELS),
        (
            ("config/config.yaml", "integrator: heun", "integrator: rk4"),
            {"study", "parcv2", "prediction", "scores", "report_page"},
        ),
        (("config/config.yaml", "hotspot_temperature: 875.0", "hotspot_temperature: 900.0"), {"study", "scores", "report_page"}),
        (("config/config.yaml", "# The demo study", "# Our demo study"), set()),
    ],
    ids=lambda value: value[0] + (" " + value[2].strip() if "yaml" in value[0] else "") if isinstance(value, tuple) else "",
    indirect=["edited"],
)  # fmt: skip
def test_an_edit_reruns_exactly_what_it_decides(edited, rerun):
    jobs = edited.planned()
    without = {"parcv2", "cnext"} if "tokenizer" in rerun and "cases" not in rerun and "study" in rerun else set()
    assert set(jobs) == rerun - without, jobs


def test_the_smoke_study_has_every_rule(tmp_path):
    assert Checkout(tmp_path / "tessera").planned() == SMOKE_JOBS


def test_the_demo_is_what_snakemake_builds_by_itself(tmp_path):
    jobs = Checkout(tmp_path / "tessera").planned(overlay=None)
    assert set(jobs) == set(SMOKE_JOBS)


def test_the_paper_study_trains_every_size_and_seed(tmp_path):
    jobs = Checkout(tmp_path / "tessera").planned(overlay="config/paper.yaml")
    assert jobs["cases"] == 14 + 13
    assert jobs["tokenizer"] == jobs["decoupled"] == 3
    assert jobs["transfer"] == 9
    assert jobs["parcv2"] == jobs["cnext"] == 6


def test_networks_of_the_paper_study_ask_for_a_gpu_memory_and_time(tmp_path):
    said = Checkout(tmp_path / "tessera").snakemake("-n", overlay="config/paper.yaml").stdout
    rules = [block for block in said.split("\nrule ") if "resources:" in block]
    asking = {block.split(":")[0] for block in rules if "gpu=1" in block}
    assert asking == TRAINED | {"latents", "reconstructions", "prediction"}
    assert all("mem_mb=" in block and "runtime=" in block for block in rules if not block.startswith("all"))


@pytest.mark.parametrize(
    ("overlay", "line"),
    [
        ("solver: {clf: 0.5}", "solver.clf: expected a known key, got 'clf'"),
        ("solver: {cfl: fast}", "solver.cfl: expected number, got 'fast'"),
        ("ensembles: {micro: {split: {train: 90}}}", "ensembles.micro.split: expected at most 24 cases together"),
        ("ensembles: {micro: {cells: [160, 260]}}", "expected stored cells that tokenizer.downsampling = 8 divides"),
        ("ensembles: {meso: {snapshots: 12}}", "ensembles.meso.snapshots: expected a duration of at least"),
    ],
)  # fmt: skip
def test_an_impossible_study_is_one_line_and_exit_code_2(checkout, tmp_path, overlay, line):
    file = tmp_path / "mistake.yaml"
    file.write_text(overlay + "\n")
    result = checkout.snakemake("-n", overlay=str(file))
    lines = [text for text in result.stdout.splitlines() if text.startswith("snakemake:")]
    assert result.returncode == 2, result.stdout
    assert len(lines) == 1 and line in lines[0], result.stdout
    assert "Traceback" not in result.stdout


def test_single_values_are_refused_because_they_arrive_as_text(checkout):
    result = checkout.snakemake("-n", "--config", "seed=7")
    assert result.returncode == 2
    assert "--config seed: expected no single values" in result.stdout


def test_a_study_of_ones_own_runs_from_any_folder(checkout, tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\nmodels: [cnext]\n")
    result = checkout.snakemake(
        "-n", "--snakefile", str(checkout.folder / "Snakefile"), "--directory", str(tmp_path), overlay=str(tmp_path / "mine.yaml")
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "results/mine/report/index.html" in result.stdout
    assert "tokenizer" not in result.stdout.split("Job stats:")[1].split("\n\n")[0]
