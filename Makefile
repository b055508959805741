# Every target first brings .venv up to date with constraints.txt, hashes.txt and pyproject.toml.
# Torch for processors alone where the package index holds the CUDA build; hashes.txt knows few files of other indexes:
#   make demo HASHED= PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"

SHELL := /bin/sh
.DEFAULT_GOAL := help
PIP_ARGS ?=
HASHED ?= yes
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS)
# Torch comes first, as pip likes it best: of two builds it takes in hash mode the one whose index tells its checksum.
HASHED_INSTALL = wheels=$$(mktemp -d) && sed -n '/^torch==/,/[^\\]$$/p' hashes.txt > "$$wheels/torch.txt" \
	&& $(subst install,download,$(PIP)) --no-deps -c constraints.txt -d "$$wheels" torch \
	&& $(PIP) --no-deps --no-index --find-links "$$wheels" --require-hashes -r "$$wheels/torch.txt" \
	&& rm -r "$$wheels" && $(PIP) --no-deps --require-hashes -r hashes.txt
# What an FNO imports; neuraloperator asks for more, such as wandb, a service of logs: docs/adr/0005-dependencies.md.
OPERATOR := neuraloperator tensorly tensorly-torch opt_einsum
WHEELS ?=
UV := 0.13.9
CORES ?= all
STUDY ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/tessera.stamp
PEERS := build/peers
SNAKEMAKE = $(BIN)/snakemake --cores $(CORES) --workflow-profile workflow/profiles/default
OVERLAY = $(if $(STUDY),--configfile $(STUDY))
PYTHON_FILES := src tests benchmarks
LINTED = $(wildcard $(PYTHON_FILES))

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help environment check demo smoke run archive test test-slurm chaos lint format bench record docs-check verify validate storm \
	docs lock audit \
  clean clean-results

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "%-22s %s\n", $$1, $$2 }'

environment: ## bring .venv up to date with constraints.txt, hashes.txt and pyproject.toml
	@wanted=$$(cat constraints.txt hashes.txt pyproject.toml | cksum); \
	if [ -x $(BIN)/tessera ] && [ "$$(cat $(STAMP) 2>/dev/null)" = "$$wanted" ]; then exit 0; fi; \
	if [ ! -x $(BIN)/python ]; then \
	  for python in python3.13 python3.12 python3.11 python3; do \
	    if command -v $$python >/dev/null 2>&1 && $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$python; break; fi; \
	  done; \
	  if [ -z "$${found:-}" ]; then echo "python: expected 3.11 or newer on the PATH, got none" >&2; exit 2; fi; \
	  echo "environment: creating $(VENV) with $$found"; \
	  $$found -m venv $(VENV) || { echo "python: expected the module venv, got none; on Debian: apt install python3-venv" >&2; exit 2; }; \
	fi; \
	echo "environment: installing the versions of constraints.txt into $(VENV)"; \
	$(if $(HASHED),$(HASHED_INSTALL) &&) \
	$(if $(HASHED),,$(PIP) --no-deps -c constraints.txt $(OPERATOR) &&) \
	$(PIP) -c constraints.txt $(if $(HASHED),--no-build-isolation) -e '.[dev]' \
	  && printf '%s\n' "$$wanted" > $(STAMP)

demo: environment ## simulate, train, predict, score and report the demo study
	@$(MAKE) --no-print-directory run STUDY=

smoke: environment ## the whole workflow at its smallest, in a few minutes
	@$(MAKE) --no-print-directory run STUDY=config/smoke.yaml

run: environment ## a study of your own: make run STUDY=my-study.yaml
	@tessera check config/config.yaml $(STUDY)
	@$(SNAKEMAKE) $(OVERLAY)
	@name=$$(workflow/scripts/study_name.sh config/config.yaml $(STUDY)); \
	workflow/scripts/stage_times.sh "results/$$name"; \
	echo "report: results/$$name/report/index.html"

archive: environment ## Snakemake's own report of a finished study, with provenance, as results/<name>/snakemake.zip
	@name=$$(workflow/scripts/study_name.sh config/config.yaml $(STUDY)); \
	$(SNAKEMAKE) $(OVERLAY) --report "results/$$name/snakemake.zip"

# Half of the tests by time run beside the others and are told last, for two cores; a folder that is new is with the others.
BESIDE := tests/chaos tests/workflow tests/learning tests/evaluation tests/models

test: environment ## run every test, the smoke study included
	@echo "test: pytest, the smoke study included; $(BESIDE) beside the others"
	@mkdir -p build; python -m pytest $(BESIDE) > build/test.log 2>&1 & beside=$$!; \
	python -m pytest $(BESIDE:%=--ignore=%); others=$$?; wait $$beside; beside=$$?; cat build/test.log; \
	exit $$((others > beside ? others : beside))

test-slurm: environment ## the smoke study and its mishaps on a real Slurm, started and stopped by the test; root and Debian
	@echo "test-slurm: a real Slurm on the loopback; installed by apt-get where it is missing"
	@python -m pytest -m slurm tests/slurm

chaos: environment ## kill processes of the smoke study 100 times, in every stage, and compare its results with a quiet run
	@echo "chaos: TESSERA_CHAOS_KILLS=$${TESSERA_CHAOS_KILLS:-100}"
	@TESSERA_CHAOS_KILLS=$${TESSERA_CHAOS_KILLS:-100} python -m pytest tests/chaos

lint: environment ## style, types, layers, workflow and spelling
	@echo "lint: ruff, mypy, import-linter, snakefmt, snakemake --lint, codespell"
	@ruff check $(LINTED)
	@ruff format --check $(LINTED)
	@mypy
	@lint-imports
	@snakefmt --check --line-length 120 Snakefile workflow
	@snakemake --lint
	@codespell $(LINTED) *.md docs config workflow envs Snakefile Makefile

format: environment ## write Python and Snakefiles in the house's format
	@echo "format: ruff and snakefmt"
	@ruff check --fix $(LINTED)
	@ruff format $(LINTED)
	@snakefmt --line-length 120 Snakefile workflow

bench: environment $(PEERS)/stamp ## measure the solver beside its peers, the networks, and the formats
	@echo "bench: the solver and its peers, the networks, and the formats"
	@failed=0; for script in benchmarks/*.py; do OMP_NUM_THREADS=1 python "$$script" || failed=1; done; exit $$failed

# The solvers that tessera is measured against live apart from .venv; Clawpack is compiled for this machine.
$(PEERS)/stamp: benchmarks/peers/constraints.txt | environment
	@command -v gfortran >/dev/null 2>&1 \
	  || { echo "bench: expected gfortran on the PATH, got none; on Debian: apt install gfortran" >&2; exit 2; }
	@echo "bench: installing the versions of $< into $(PEERS)"
	@rm -rf $(PEERS) && $(BIN)/python -m venv $(PEERS)
	@FFLAGS="-O3 -march=native" CFLAGS="-O3 -march=native" $(PEERS)/bin/python -m pip install --quiet \
	  --disable-pip-version-check $(PIP_ARGS) --no-deps -r $<
	@touch $@

record: environment ## keep what `make bench` measured last as docs/performance.json, and write docs/performance.md by it
	@echo "record: docs/performance.json, docs/performance.md"
	@python -m tests.house.performance && python -m tests.house.generated

docs-check: environment ## README, key table and schema agree with the code
	@echo "docs-check: README, key table, schema and environments"
	@python -m pytest -q tests/house/test_documentation.py tests/house/test_environments.py

storm: environment ## 320 random designs over all laws, each valid or refused in one line
	@echo "storm: random designs"
	@STORM=$${STORM:-320} python -m pytest -q tests/simulation/test_random.py --hypothesis-show-statistics

validate: environment ## the solver against published simulations, as docs/validation.md, in a quarter of an hour
	@echo "validate: docs/validation.md, its figure and numbers"
	@tessera validate config/config.yaml config/validation.yaml --results results/validation --out docs/validation.md --dask 2
	@tessera vary config/config.yaml config/validation.yaml --changes config/changes/validation.yaml \
	  --results results/sensitivity --out docs/validation.md --dask 2

verify: environment ## the solver against exact and published values, as docs/verification.md, in minutes
	@echo "verify: docs/verification.md, its figures and numbers"
	@tessera verify --out docs

docs: environment ## write the generated tables and the schema anew
	@echo "docs: tables of keys, fields and ensembles, and workflow/schemas/study.schema.json"
	@python -m tests.house.generated

lock: environment ## write hashes.txt for constraints.txt; WHEELS names files from elsewhere
	@echo "lock: hashes.txt by uv $(UV)"
	@test -x build/uv/bin/uv || $(PIP) --target build/uv uv==$(UV)
	@PATH="$(CURDIR)/build/uv/bin:$$PATH" python tests/house/lock.py $(WHEELS)

audit: environment ## what is installed: as pinned, as its authors packed it, licensed, and known to be vulnerable or not
	@echo "audit: versions, files and licences of what is installed"
	@python tests/house/audit.py

clean: ## remove caches and builds, keep .venv and results
	@echo "clean: caches and builds"
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build src/*.egg-info
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

clean-results: ## remove the results of every study
	@echo "clean-results: results"
	@rm -rf results .snakemake
