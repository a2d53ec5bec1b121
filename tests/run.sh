#!/usr/bin/env bash
# Install what is missing, then check style, types, arrows between rooms and shell scripts, and run the tests.
#   bash tests/run.sh                 everything
#   bash tests/run.sh unit            unit tests only
#   bash tests/run.sh integration -k resume    further arguments go to pytest
#   bash tests/run.sh checks          style, types, arrows and shell scripts only
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

what=all
case ${1:-} in
    unit | integration | checks | all)
        what=$1
        shift
        ;;
esac

LOCK=requirements-test.lock source launch/environment.sh

step() {
    printf '+ %s\n' "$*"
    "$@"
}

if [[ $what == all || $what == checks ]]; then
    step ruff check .
    step ruff format --check .
    step mypy .
    step lint-imports
    mapfile -d '' -t scripts < <(find . \( -name .venv -o -name '.lite*' -o -name .git -o -name runs -o -name cache \) -prune \
        -o \( -name '*.sh' -o -path ./.ci/run \) -type f -print0)
    step shellcheck --external-sources "${scripts[@]}"
fi
case $what in
    checks) exit 0 ;;
    all) folders=(tests/unit tests/integration) ;;
    *) folders=("tests/$what") ;;
esac
# One pytest run, unit tests first; its closing line is the last one printed.
step python -m pytest "${folders[@]}" "$@"
