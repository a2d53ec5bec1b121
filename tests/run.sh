#!/usr/bin/env bash
# Install what is missing, then check style, types, arrows between rooms and shell scripts, and run the tests.
#   bash tests/run.sh                 everything
#   bash tests/run.sh unit            unit tests only
#   bash tests/run.sh integration -k resume    further arguments go to pytest
#   bash tests/run.sh checks          style, types, arrows and shell scripts only
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@" # started by sh
set -euo pipefail
cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."

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
    source tests/sources.sh
    step ruff check "${rooms[@]}" "${doors[@]}"
    step ruff format --check "${rooms[@]}" "${doors[@]}"
    step mypy "${rooms[@]}" "${doors[@]}"
    step lint-imports
    step shellcheck --external-sources "${scripts[@]}"
fi
# Unit tests share the cores, a process each; integration tests start processes of their own, one test after the other.
if [[ $what == all || $what == unit ]]; then
    step python -m pytest tests/unit -n auto --maxprocesses 4 --dist loadfile "$@"
fi
if [[ $what == all || $what == integration ]]; then
    step python -m pytest tests/integration "$@"
fi
