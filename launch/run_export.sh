#!/usr/bin/env bash
# Export a trained network:
#   bash launch/run_export.sh --run runs/lenet5_digits-seed0 [flags of export.py]
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
# shellcheck source=launch/common.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
launch_job --door export.py "$@"
