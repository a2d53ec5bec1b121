#!/usr/bin/env bash
# Evaluate a trained network, in one process or several:
#   bash launch/run_eval.sh --run runs/lenet5_digits-seed0 --split test [--workers 2]
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
# shellcheck source=launch/common.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
launch_job --door eval.py "$@"
