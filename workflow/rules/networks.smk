"""The networks: tokenizers, latents, the three stages of latent dynamics, and the rivals.

Training states, from which an interrupted training resumes, live in <results>/training: no rule declares
them, for Snakemake deletes declared outputs before a job and after a failure.
"""


rule tokenizer:
    """The variational autoencoder of one field."""
    input:
        scales="<results>/scales/micro.json",
        ensembles=tokenizer_ensembles(),
    output:
        weights="<results>/models/tokenizer/{field}.safetensors",
        history="<results>/models/tokenizer/{field}.jsonl",
    log:
        "<logs>/tokenizer/{field}.log",
    benchmark:
        "<benchmarks>/tokenizer/{field}.tsv"
    priority: 30
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS * DEVICES
    resources:
        **asked(memory=8000, minutes=1440, resumes=True, gpu=GPU, processes=DEVICES),
    params:
        study=STUDY_FILE,
        section=section("seed", "tokenizer"),
        sources=source_digest(*LEARNING, "models/tokenizer", "stages/networks/tokens"),
        state=f"{RUN}/training/tokenizer/{{field}}",
    shell:
        "tessera fit --devices {resources.processes} tokenizer --study {params.study:q} --field {wildcards.field} --scales {input.scales:q}"
        " --state {params.state:q} --out {output.weights:q} --history {output.history:q}"
        " {input.ensembles:q} > {log:q} 2>&1"


rule latents:
    """The latents of an ensemble as a Zarr store beside its manifest."""
    input:
        ensemble="<results>/ensembles/{scale}.json",
        tokenizers=tokenizers(),
    output:
        "<results>/latents/{scale}.json",
    log:
        "<logs>/latents/{scale}.log",
    benchmark:
        "<benchmarks>/latents/{scale}.tsv"
    priority: 30
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS
    resources:
        **asked(memory=4000, minutes=60, gpu=GPU),
    params:
        study=STUDY_FILE,
        section=section("tokenizer"),
        sources=source_digest(*NETWORKS, "models/tokenizer", "stages/networks/tokens"),
    shell:
        "tessera encode --study {params.study:q} --ensemble {input.ensemble:q} --out {output:q}"
        " {input.tokenizers:q} > {log:q} 2>&1"


rule reconstructions:
    """The encoded and decoded truth: what the tokenizers can say at best."""
    input:
        ensemble="<results>/ensembles/{scale}.json",
        tokenizers=tokenizers(),
    output:
        "<results>/reconstructions/{scale}.json",
    log:
        "<logs>/reconstructions/{scale}.log",
    benchmark:
        "<benchmarks>/reconstructions/{scale}.tsv"
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS
    resources:
        **asked(memory=4000, minutes=60, gpu=GPU),
    params:
        study=STUDY_FILE,
        section=section("tokenizer"),
        sources=source_digest(*NETWORKS, "models/tokenizer", "stages/networks/tokens"),
    shell:
        "tessera reconstruct --study {params.study:q} --ensemble {input.ensemble:q} --split test"
        " --out {output:q} {input.tokenizers:q} > {log:q} 2>&1"


rule decoupled:
    """The evolution of one field alone, on micro latents."""
    input:
        latents="<results>/latents/micro.json",
        seen=decoded_by,
    output:
        weights="<results>/models/decoupled/{field}.safetensors",
        history="<results>/models/decoupled/{field}.jsonl",
    log:
        "<logs>/decoupled/{field}.log",
    benchmark:
        "<benchmarks>/decoupled/{field}.tsv"
    priority: 30
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS * DEVICES
    resources:
        **asked(memory=8000, minutes=1440, resumes=True, gpu=GPU, processes=DEVICES),
    params:
        study=STUDY_FILE,
        section=section("seed", "dynamics.log_variance", "dynamics.hold_inlet", "dynamics.decoupled"),
        sources=source_digest(*LEARNING, *LATENT_MODEL, "stages/networks/dynamics"),
        state=f"{RUN}/training/decoupled/{{field}}",
        seen=lambda wildcards, input: [f"--{key}={path}" for key, path in zip(("ensemble", "tokenizer"), input.seen)],
    shell:
        "tessera fit --devices {resources.processes} decoupled --study {params.study:q} --field {wildcards.field} --latents {input.latents:q}"
        " {params.seen:q} --state {params.state:q} --out {output.weights:q} --history {output.history:q} > {log:q} 2>&1"


rule coupled:
    """The evolution of all fields together, on micro latents."""
    input:
        latents="<results>/latents/micro.json",
        ensemble="<results>/ensembles/micro.json",
        tokenizers=tokenizers(),
        decoupled=decoupled_maps(),
    output:
        weights="<results>/models/coupled.safetensors",
        history="<results>/models/coupled.jsonl",
    log:
        "<logs>/coupled.log",
    benchmark:
        "<benchmarks>/coupled.tsv"
    priority: 30
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS * DEVICES
    resources:
        **asked(memory=16000, minutes=2880, resumes=True, gpu=GPU, processes=DEVICES),
    params:
        study=STUDY_FILE,
        section=section(
            "seed", "dynamics.log_variance", "dynamics.hold_inlet", "dynamics.decoupled.map", "dynamics.coupled"
        ),
        sources=source_digest(*LEARNING, *LATENT_MODEL, "stages/networks/dynamics"),
        state=f"{RUN}/training/coupled",
        tokenizers=lambda wildcards, input: [f"--tokenizer={path}" for path in input.tokenizers],
        decoupled=lambda wildcards, input: [f"--decoupled={path}" for path in input.decoupled],
    shell:
        "tessera fit --devices {resources.processes} coupled --study {params.study:q} --latents {input.latents:q} --ensemble {input.ensemble:q}"
        " {params.tokenizers:q} {params.decoupled:q} --state {params.state:q} --out {output.weights:q}"
        " --history {output.history:q} > {log:q} 2>&1"


rule transfer:
    """The coupled micro model fine-tuned on few meso cases."""
    input:
        latents="<results>/latents/meso.json",
        ensemble="<results>/ensembles/meso.json",
        coupled=rules.coupled.output.weights,
    output:
        weights="<results>/models/tessera/n{cases}_s{seed}.safetensors",
        history="<results>/models/tessera/n{cases}_s{seed}.jsonl",
    log:
        "<logs>/transfer/n{cases}_s{seed}.log",
    benchmark:
        "<benchmarks>/transfer/n{cases}_s{seed}.tsv"
    priority: 35
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS * DEVICES
    resources:
        **asked(memory=16000, minutes=2880, resumes=True, gpu=GPU, processes=DEVICES),
    params:
        study=STUDY_FILE,
        section=training_section("dynamics.transfer"),
        sources=source_digest(*LEARNING, *LATENT_MODEL, "stages/networks/dynamics"),
        state=f"{RUN}/training/tessera/n{{cases}}_s{{seed}}",
    shell:
        "tessera fit --devices {resources.processes} transfer --study {params.study:q} --meso-cases {wildcards.cases} --seed {wildcards.seed}"
        " --latents {input.latents:q} --ensemble {input.ensemble:q} --coupled {input.coupled:q}"
        " --state {params.state:q} --out {output.weights:q} --history {output.history:q} > {log:q} 2>&1"


rule rival:
    """A rival, trained on few meso cases, and on the micro cases before them if the study says so."""
    input:
        unpack(rival_ensembles),
        scales="<results>/scales/meso.json",
    output:
        weights="<results>/models/{model}/n{cases}_s{seed}.safetensors",
        history="<results>/models/{model}/n{cases}_s{seed}.jsonl",
    log:
        "<logs>/{model}/n{cases}_s{seed}.log",
    benchmark:
        "<benchmarks>/{model}/n{cases}_s{seed}.tsv"
    wildcard_constraints:
        model=among(STUDY.rivals),
    priority: 20
    conda:
        ENVIRONMENT
    threads: NETWORK_THREADS * DEVICES
    resources:
        **asked(memory=16000, minutes=2880, resumes=True, gpu=GPU, processes=DEVICES),
    params:
        study=STUDY_FILE,
        section=rival_section,
        sources=rival_sources,
        state=f"{RUN}/training/{{model}}/n{{cases}}_s{{seed}}",
        micro=lambda wildcards, input: [f"--micro={path}" for path in input.get("micro", [])],
    shell:
        "tessera fit --devices {resources.processes} rival --study {params.study:q} --model {wildcards.model}"
        " --meso-cases {wildcards.cases} --seed {wildcards.seed} --ensemble {input.ensemble:q} {params.micro:q}"
        " --scales {input.scales:q} --state {params.state:q} --out {output.weights:q} --history {output.history:q}"
        " > {log:q} 2>&1"
