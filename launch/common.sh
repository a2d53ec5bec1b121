# shellcheck shell=bash
# To be sourced by the launchers: finds a Python that has MindSpore (or installs one) and starts launch/job.py.
#   PYTHON   the interpreter to use; otherwise the active environment's, otherwise .venv is made (environment.sh)
set -euo pipefail

launch_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

has_mindspore() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("mindspore") is None)'
}

# Put CANN's programs and libraries into the environment, unless they are there: from ASCEND_INSTALL_PATH if that names
# where it is installed, otherwise from the usual places. CANN 8.5 and later have cann/, before it was ascend-toolkit/.
source_cann() {
    local place script
    if [[ -n ${ASCEND_HOME_PATH:-}${ASCEND_TOOLKIT_HOME:-} ]]; then
        return 0
    fi
    for place in ${ASCEND_INSTALL_PATH:+"$ASCEND_INSTALL_PATH"} /usr/local/Ascend "${HOME:-/root}/Ascend"; do
        for script in "$place"/{cann,ascend-toolkit,nnae}/set_env.sh; do
            if [[ -f $script ]]; then
                printf 'CANN: sourcing %s\n' "$script" >&2
                set +u # it reads variables that nobody need have set
                # shellcheck source=/dev/null
                source "$script"
                set -u
                return 0
            fi
        done
    done
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
    PYTHONPATH=$launch_root${PYTHONPATH:+:$PYTHONPATH} "$python" -m common.packages || exit
    # Relative paths on the command line start at the current folder, so we stay there.
    PYTHONPATH=$launch_root${PYTHONPATH:+:$PYTHONPATH} exec "$python" -m launch.job "$@"
}
