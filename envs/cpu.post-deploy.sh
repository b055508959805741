#!/usr/bin/env bash
# Snakemake runs this inside a freshly created environment, from the repository: it adds tessera itself,
# and what an FNO imports without what that asks for besides (docs/adr/0005-dependencies.md).
set -eu
python -m pip install --no-deps --constraint constraints.txt neuraloperator tensorly tensorly-torch opt_einsum
python -m pip install --no-deps --no-build-isolation --editable .
