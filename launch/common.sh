# shellcheck shell=bash
# To be sourced by the launchers: finds a Python that has MindSpore (or installs one) and starts launch/job.py.
#   PYTHON   the interpreter to use; otherwise the active environment's, otherwise .venv is made (environment.sh)
set -euo pipefail

launch_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

has_mindspore() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("mindspore") is None)'
}

# Replace this shell by the job; the exit code is the job's.
launch_job() {
    local python=${PYTHON:-python}
    if ! has_mindspore "$python"; then
        if [[ -n ${PYTHON:-} ]]; then
            printf 'error: PYTHON=%s has no mindspore\n' "$PYTHON" >&2
            exit 2
        fi
        # shellcheck source=launch/environment.sh
        source "$launch_root/launch/environment.sh"
        python=python
    fi
    # Relative paths on the command line start at the current folder, so we stay there.
    PYTHONPATH=$launch_root${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m launch.job "$@"
}
