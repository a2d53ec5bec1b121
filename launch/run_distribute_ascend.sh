#!/usr/bin/env bash
# Train on Ascend cards, on one node or several; not run on hardware so far, see docs/distributed.md:
#   bash launch/run_distribute_ascend.sh --workers 8 --config config/mobilenetv2_garbage26_full.yaml [flags of train.py]
#   two nodes, on each:  ... --workers 8 --nodes 2 --node_rank 0|1 --master_addr <address of node 0>
#   under SLURM: sbatch launch/slurm.sbatch; Kubernetes: launch/kubernetes/; ModelArts and rank tables: read by itself
#   bash launch/run_distribute_ascend.sh --help
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
# shellcheck source=launch/common.sh
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/common.sh"
source_cann
launch_job --door train.py --platform Ascend --scheduler auto "$@"
