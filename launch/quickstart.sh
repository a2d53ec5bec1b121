#!/usr/bin/env bash
# Install what is missing, then train LeNet5 on scikit-learn's handwritten digits (no download of data).
# Further arguments go to train.py: bash launch/quickstart.sh --train.epochs 3
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
source launch/environment.sh
printf '+ python train.py --config config/lenet5_digits.yaml %s\n' "$*"
exec python train.py --config config/lenet5_digits.yaml "$@"
