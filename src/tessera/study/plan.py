"""The jobs of a study, as the rules of the workflow make them; Snakemake's own plan is asked in the tests.

For whoever looks at results without the workflow, its environment, or the minute that a large plan takes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tessera.study.ensembles import Imported
from tessera.study.study import Study

SCALES = ("micro", "meso")


class Job(NamedTuple):
    """A job: its rule, its log and benchmark without suffix, its outputs; paths in the results folder."""

    rule: str
    record: str
    outputs: tuple[str, ...]


def jobs(study: Study) -> list[Job]:
    """Return the jobs of a study in the order of the data."""
    return [*_ensembles(study), *_trainings(study), *_evaluation(study)]


def _ensembles(study: Study) -> Iterator[Job]:
    for scale in SCALES:
        what = study.ensembles[scale]
        if isinstance(what, Imported):
            yield Job("adopted", f"adopted/{scale}", (f"ensembles/{scale}.json",))
            continue
        yield Job("design", f"design/{scale}", (f"design/{scale}.nc",))
        for shard in range(what.shards):
            yield Job("cases", f"cases/{scale}_{shard:04d}", (f"cases/{scale}/shard_{shard:04d}.json",))
        yield Job("ensemble", f"ensemble/{scale}", (f"ensembles/{scale}.json",))
    for scale, needed in (
        ("micro", "tessera" in study.able),
        ("meso", any(model in study.rivals for model in study.able)),
    ):
        if needed:
            yield Job("scales", f"scales/{scale}", (f"scales/{scale}.json",))


def _trainings(study: Study) -> Iterator[Job]:
    if "tessera" in study.able:
        yield from (_training("tokenizer", f"tokenizer/{field}") for field in study.token_fields)
        yield from (Job("latents", f"latents/{scale}", (f"latents/{scale}.json",)) for scale in SCALES)
        yield Job("reconstructions", "reconstructions/micro", ("reconstructions/micro.json",))
        yield from (_training("decoupled", f"decoupled/{field}") for field in study.token_fields)
        yield _training("coupled", "coupled")
    for model in study.able:
        rule, record = ("rival", model) if model in study.rivals else ("transfer", "transfer")
        for cases, seed in study.runs(model):
            yield _training(rule, f"{record}/n{cases}_s{seed}", f"{model}/n{cases}_s{seed}")


def _training(rule: str, record: str, name: str = "") -> Job:
    weights = f"models/{name or record}"
    return Job(rule, record, (f"{weights}.safetensors", f"{weights}.jsonl"))


def _evaluation(study: Study) -> Iterator[Job]:
    for scale in SCALES:
        for model in study.predictors(scale):
            for cases, seed in [(0, 0)] if (scale, model) == ("micro", "tessera") else study.runs(model):
                run = f"{model}/n{cases}_s{seed}_test"
                record = f"prediction/{scale}_{run.replace('/', '_')}"
                yield Job("prediction", record, (f"predictions/{scale}/{run}.json",))
        for model in study.solvers(scale):
            run = f"{model}/n0_s0_test"
            yield Job("coarse", f"coarse/{scale}_{model}_test", (f"predictions/{scale}/{run}.json",))
    for scale in SCALES:
        yield Job("scores", f"scores/{scale}", (f"scores/{scale}.parquet", f"scores/{scale}.csv"))
    page = tuple(f"report/{name}" for name in ("index.html", "outputs.json", "figures"))
    yield Job("report_page", "report", page)


__all__ = ["Job", "jobs"]
