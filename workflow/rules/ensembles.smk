"""The ensembles: designs, simulated cases, stores of them or of imported data, scales."""


rule design:
    """Seeded microstructures and splits of an ensemble."""
    input:
        images,
    output:
        "<results>/design/{scale}.nc",
    log:
        "<logs>/design/{scale}.log",
    benchmark:
        "<benchmarks>/design/{scale}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=1000, minutes=10),
    params:
        study=STUDY_FILE,
        section=design_section,
        sources=source_digest(
            *STORES, "simulation/design", "simulation/microstructure", "simulation/morphology", "stages/ensembles"
        ),
    shell:
        "tessera design --study {params.study:q} --scale {wildcards.scale} --out {output:q} > {log:q} 2>&1"


rule cases:
    """The simulated cases of one shard; whole cases of the same key are kept."""
    input:
        design=rules.design.output,
    output:
        "<results>/cases/{scale}/shard_{shard}.json",
    log:
        "<logs>/cases/{scale}_{shard}.log",
    benchmark:
        "<benchmarks>/cases/{scale}_{shard}.tsv"
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=1500, minutes=240),
    params:
        study=STUDY_FILE,
        section=ensemble_section,
        sources=source_digest(*STORES, "errors", "physics", "simulation", "stages/ensembles"),
    shell:
        "tessera simulate --study {params.study:q} --scale {wildcards.scale} --design {input.design:q}"
        " --shard {wildcards.shard} --out {output:q} > {log:q} 2>&1"


rule ensemble:
    """All cases of a scale as one Zarr store beside its manifest."""
    input:
        design=rules.design.output,
        shards=shards,
    output:
        "<results>/ensembles/{scale}.json",
    log:
        "<logs>/ensemble/{scale}.log",
    benchmark:
        "<benchmarks>/ensemble/{scale}.tsv"
    wildcard_constraints:
        scale=among([scale for scale in SCALES if scale not in IMPORTED]),
    priority: 40
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=3000, minutes=60),
    params:
        study=STUDY_FILE,
        section=ensemble_section,
        sources=source_digest(*STORES, "data/card", "errors", "stages/ensembles"),
    shell:
        "tessera assemble --study {params.study:q} --scale {wildcards.scale} --design {input.design:q}"
        " --out {output:q} {input.shards:q} > {log:q} 2>&1"


rule adopted:
    """An imported store as the ensemble of a scale that the study does not simulate."""
    input:
        lambda wildcards: IMPORTED[wildcards.scale],
    output:
        "<results>/ensembles/{scale}.json",
    log:
        "<logs>/adopted/{scale}.log",
    benchmark:
        "<benchmarks>/adopted/{scale}.tsv"
    wildcard_constraints:
        scale=among(IMPORTED),
    priority: 40
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=3000, minutes=60),
    params:
        study=STUDY_FILE,
        section=ensemble_section,
        sources=source_digest("data", "errors", "stages/ensembles"),
    shell:
        "tessera adopt --study {params.study:q} --scale {wildcards.scale} --imported {input:q}"
        " --out {output:q} > {log:q} 2>&1"


rule scales:
    """Per-field scales, fitted on the training split."""
    input:
        ensemble="<results>/ensembles/{scale}.json",
    output:
        "<results>/scales/{scale}.json",
    log:
        "<logs>/scales/{scale}.log",
    benchmark:
        "<benchmarks>/scales/{scale}.tsv"
    priority: 40
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **asked(memory=2000, minutes=30),
    params:
        study=STUDY_FILE,
        section=ensemble_section,
        sources=source_digest("data", "stages/ensembles"),
    shell:
        "tessera scales --study {params.study:q} --scale {wildcards.scale} --ensemble {input.ensemble:q}"
        " --out {output:q} > {log:q} 2>&1"
