#!/usr/bin/env bash
# Train in one process, on the CPU or on one Ascend card:
#   bash launch/run_standalone.sh --config config/lenet5_digits.yaml [--max_restarts 3] [flags of train.py]
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
# shellcheck source=launch/common.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
launch_job --door train.py "$@"
