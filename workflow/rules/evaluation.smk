"""From checkpoints to the report: predictions, scores, one page with its figures."""


rule prediction:
    """One model's roll-outs of a split, as a Zarr store beside its manifest."""
    input:
        checkpoint=checkpoint,
        ensemble="<results>/ensembles/{scale}.json",
    output:
        "<results>/predictions/{scale}/{model}/n{cases}_s{seed}_{split}.json",
    log:
        "<logs>/prediction/{scale}_{model}_n{cases}_s{seed}_{split}.log",
    benchmark:
        "<benchmarks>/prediction/{scale}_{model}_n{cases}_s{seed}_{split}.tsv"
    wildcard_constraints:
        model=among(STUDY.able),
    priority: 10
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS
    resources:
        **asked(memory=8000, minutes=240, gpu=GPU),
    params:
        study=STUDY_FILE,
        section=section("seed", "evaluation.start", "evaluation.samples"),
        sources=prediction_sources,
    shell:
        "tessera predict --study {params.study:q} --checkpoint {input.checkpoint:q} --ensemble {input.ensemble:q}"
        " --split {wildcards.split} --out {output:q} > {log:q} 2>&1"


rule coarse:
    """The solver on a coarser grid, a rival of equal cost, as a Zarr store beside its manifest."""
    input:
        design="<results>/design/{scale}.nc",
        ensemble="<results>/ensembles/{scale}.json",
    output:
        "<results>/predictions/{scale}/coarse{coarsening}/n0_s0_{split}.json",
    log:
        "<logs>/coarse/{scale}_coarse{coarsening}_{split}.log",
    benchmark:
        "<benchmarks>/coarse/{scale}_coarse{coarsening}_{split}.tsv"
    wildcard_constraints:
        coarsening=r"\d+",
    priority: 10
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=1500, minutes=240),
    params:
        study=STUDY_FILE,
        section=lambda wildcards: digest([ensemble_section(wildcards), section("evaluation.start")]),
        sources=source_digest(*STORES, "errors", "physics", "simulation", "stages/coarse", "stages/ensembles"),
    shell:
        "tessera coarse --study {params.study:q} --scale {wildcards.scale} --coarsening {wildcards.coarsening}"
        " --design {input.design:q} --ensemble {input.ensemble:q} --split {wildcards.split} --out {output:q}"
        " > {log:q} 2>&1"


rule scores:
    """Every prediction of a scale against the truth, and the summary table."""
    input:
        ensemble="<results>/ensembles/{scale}.json",
        predictions=predictions_of,
    output:
        scores="<results>/scores/{scale}.parquet",
        summary=report("<results>/scores/{scale}.csv", category="Scores", labels={"scale": "{scale}"}),
    log:
        "<logs>/scores/{scale}.log",
    benchmark:
        "<benchmarks>/scores/{scale}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=4000, minutes=120),
    params:
        study=STUDY_FILE,
        section=section("evaluation"),
        sources=source_digest("data", *SCORES, "stages/evaluation"),
    shell:
        "tessera score --study {params.study:q} --scale {wildcards.scale} --ensemble {input.ensemble:q}"
        " --out {output.scores:q} --summary {output.summary:q} {input.predictions:q} > {log:q} 2>&1"


rule report_page:
    """The report: one page that works offline, and its figures as PDF."""
    input:
        ensembles=expand("<results>/ensembles/{scale}.json", scale=SCALES),
        scores=expand(rules.scores.output, scale=SCALES),
        predictions=[path for scale in SCALES for path in predictions(scale)],
        reconstructions=reconstructions(),
        histories=histories(),
    output:
        page=report("<results>/report/index.html", category="Report", labels={"page": "the whole report"}),
        checksums="<results>/report/outputs.json",
        figures=report(
            directory("<results>/report/figures"),
            patterns=["{figure}.pdf"],
            category="Figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=4000, minutes=60),
    params:
        study=STUDY_FILE,
        section=digest(CONTENT),
        sources=source_digest("data", "evaluation", "stages/evaluation"),
        results=subpath(output.page, ancestor=2),
    shell:
        "tessera report --study {params.study:q} --results {params.results:q} --out {output.page:q} > {log:q} 2>&1"
