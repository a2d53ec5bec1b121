#!/usr/bin/env bash
# Train in several processes on CPU cores, the twin of run_distribute_ascend.sh for debugging:
#   bash launch/run_distribute_cpu.sh --workers 2 --config config/lenet5_digits.yaml [flags of train.py]
#   bash launch/run_distribute_cpu.sh --help
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
# shellcheck source=launch/common.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
launch_job --door train.py --platform CPU --scheduler auto "$@"
