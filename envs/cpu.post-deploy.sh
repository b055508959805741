#!/usr/bin/env bash
# Snakemake runs this inside a freshly created environment, from the repository: it adds tessera itself.
set -eu
python -m pip install --no-deps --no-build-isolation --editable .
