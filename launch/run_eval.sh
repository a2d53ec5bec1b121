#!/usr/bin/env bash
# Evaluate a trained network, in one process or several:
#   bash launch/run_eval.sh --run runs/lenet5_digits-seed0 --split test [--workers 2]
# shellcheck source=launch/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
launch_job --door eval.py "$@"
