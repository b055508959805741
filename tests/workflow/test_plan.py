"""What Snakemake would run: for each study, after an edit, and with a mistake. Dry runs only."""

import pytest

from tests.workflow.checkout import SMOKE, Checkout

SMOKE_JOBS = {
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
    "rival": 2,
    "prediction": 6,
    "coarse": 2,
    "scores": 2,
    "report_page": 1,
}
LATENT = {"tokenizer", "latents", "reconstructions", "decoupled", "coupled", "transfer"}
RIVALS = {"rival"}
EVALUATED = {"prediction", "scores", "report_page"}
COARSE = {"coarse"}
SIMULATED = {"cases", "ensemble", "scales"}
SOLVER_EDITED = SIMULATED | LATENT | RIVALS | COARSE | EVALUATED


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy in which the smoke study is taken for finished."""
    copy = Checkout(tmp_path_factory.mktemp("plan") / "tessera", sources=True)
    copy.pretend()
    return copy


def test_a_finished_study_has_nothing_to_do(checkout):
    assert checkout.planned() == {}


def test_touching_a_source_reruns_nothing(checkout):
    for file in (checkout.folder / "src").rglob("*.py"):
        file.touch()
    assert checkout.planned() == {}


EDITS = {
    "the solver": ("src/tessera/simulation/run.py", "", "EDITED = True\n", SOLVER_EDITED),
    "the material": ("src/tessera/physics/eos/fitted.py", "", "EDITED = True\n", SOLVER_EDITED),
    "the training loop": (
        "src/tessera/learning/train.py",
        "",
        "EDITED = True\n",
        LATENT | RIVALS | EVALUATED,
    ),
    "one network": ("src/tessera/models/parc.py", "", "EDITED = True\n", {"rival"} | EVALUATED),
    "a metric": ("src/tessera/evaluation/metrics.py", "", "EDITED = True\n", {"scores", "report_page"}),
    "a figure": ("src/tessera/evaluation/figures.py", "", "EDITED = True\n", {"report_page"}),
    "a key of the solver": ("config/config.yaml", "cfl: 0.7", "cfl: 0.6", SOLVER_EDITED),
    "a key of the tokenizer": (
        "config/config.yaml",
        "kl_from: 0.5",
        "kl_from: 0.6",
        LATENT | EVALUATED,
    ),
    "a key of PARCv2": (
        "config/config.yaml",
        "statistics: pixel",
        "statistics: batch",
        {"rival"} | EVALUATED,
    ),
    "a key of the scores": ("config/config.yaml", "875.0", "900.0", {"scores", "report_page"}),
    "a comment": ("config/config.yaml", "# The demo study", "# Our demo study", set()),
}


@pytest.mark.parametrize(("path", "old", "new", "rerun"), EDITS.values(), ids=EDITS)
def test_an_edit_reruns_exactly_what_it_decides(checkout, path, old, new, rerun):
    file = checkout.folder / path
    before = file.read_bytes()
    checkout.edit(path, old, new)
    jobs = checkout.planned()
    file.write_bytes(before)
    assert set(jobs) == rerun, jobs


def test_the_smoke_study_has_every_rule(tmp_path):
    assert Checkout(tmp_path / "tessera", sources=True).planned() == SMOKE_JOBS


def test_the_demo_is_what_snakemake_builds_by_itself(tmp_path):
    jobs = Checkout(tmp_path / "tessera", sources=True).planned(overlay=None)
    assert set(jobs) == set(SMOKE_JOBS)


def test_the_paper_study_trains_every_size_and_seed(tmp_path):
    jobs = Checkout(tmp_path / "tessera", sources=True).planned(overlay="config/paper.yaml")
    assert jobs["cases"] == 14 + 13
    assert jobs["tokenizer"] == jobs["decoupled"] == 3
    assert jobs["transfer"] == 9
    assert jobs["rival"] == 12


def test_networks_of_the_paper_study_ask_for_a_gpu_memory_and_time(tmp_path):
    said = Checkout(tmp_path / "tessera", sources=True).snakemake("-n", overlay="config/paper.yaml").stdout
    rules = [block for block in said.split("\nrule ") if "resources:" in block]
    asking = {block.split(":")[0] for block in rules if "gpu=1" in block}
    assert asking == LATENT | RIVALS | {"prediction"}
    assert all("mem_mb=" in block and "runtime=" in block for block in rules if not block.startswith("all"))


@pytest.mark.parametrize(
    ("overlay", "line"),
    [
        ("solver: {clf: 0.5}", "solver.clf: expected a known key, got 'clf'"),
        ("solver: {cfl: fast}", "solver.cfl: expected number, got 'fast'"),
        (
            "ensembles: {micro: {split: {train: 90}}}",
            "ensembles.micro.split: expected at most 24 cases together",
        ),
        (
            "ensembles: {micro: {cells: [80, 130]}}",
            "expected cells that tokenizer.downsampling = 8 divides",
        ),
        ("ensembles: {meso: {snapshots: 12}}", "ensembles.meso.snapshots: expected a duration of at least"),
    ],
)
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
        "-n",
        "--snakefile",
        str(checkout.folder / "Snakefile"),
        "--directory",
        str(tmp_path),
        overlay=str(tmp_path / "mine.yaml"),
    )
    assert result.returncode == 0, result.stdout
    assert "results/mine/report/index.html" in result.stdout
    assert "tokenizer" not in result.stdout.split("Job stats:")[1].split("\n\n")[0]


def test_an_edited_image_draws_its_design_anew_and_what_follows(tmp_path):
    copy, overlay = Checkout(tmp_path / "tessera", sources=False), [SMOKE, "studies/sem.yaml"]
    (copy.folder / "studies").mkdir()
    image = copy.folder / "studies" / "sem.pgm"
    image.write_text("P2 2 2 1 0 1 1 1")
    pores = "{kind: image, images: [sem.pgm], pixel_size: 4.0e-6, pore: dark, fit: tile}"
    (copy.folder / "studies" / "sem.yaml").write_text(f"name: sem\nensembles: {{meso: {{microstructure: {pores}}}}}\n")
    copy.pretend(overlay)
    assert copy.planned(overlay=overlay) == {}
    image.write_text("P2 2 2 1 0 1 1 0")
    jobs = copy.planned(overlay=overlay)
    assert (jobs["design"], jobs["cases"], jobs["ensemble"]) == (1, 2, 1)
