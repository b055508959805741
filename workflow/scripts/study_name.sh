#!/bin/sh
# The name of a study: study_name.sh config/config.yaml [OVERLAY...]
set -eu
python -c 'import sys; from pathlib import Path; from tessera.study import load; print(load([Path(file) for file in sys.argv[1:]]).name)' "$@"
