# shellcheck shell=bash
# To be sourced: makes .venv at the clone's top from a lock file, once, and activates it.
#   source launch/environment.sh                       # what training needs
#   LOCK=requirements-test.lock source launch/environment.sh    # and what the tests need
# PYTHON names the interpreter, VENV another folder. Nothing outside that folder is changed.

_environment_fail() {
    printf 'environment: %s\n' "$@" >&2
    exit 2
}

# Print the first interpreter that is Python 3.11.
_environment_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; then
            command -v "$candidate"
            return 0
        fi
        if [[ -n ${PYTHON:-} && $candidate == "$PYTHON" ]]; then
            _environment_fail "PYTHON=$PYTHON is not a Python 3.11"
        fi
    done
    _environment_fail "no Python 3.11 found (looked for python3.11, python3, python; set PYTHON to name one)" \
        "Debian 12: apt-get install python3.11 python3.11-venv; elsewhere: https://www.python.org/downloads/"
}

_environment_main() {
    local root lock venv stamp want python
    root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
    lock=$root/${LOCK:-requirements.lock}
    venv=${VENV:-$root/.venv}
    stamp=$venv/installed-lock.sha256
    if [[ $(uname -s) != Linux ]]; then
        _environment_fail "MindSpore 2.10 is locked for Linux (x86_64 or aarch64), this is $(uname -s); use a container"
    fi

    # A moved or half-made environment starts over.
    if ! "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
        python=$(_environment_python)
        if ! "$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then
            _environment_fail "$python has no venv module; install it (Debian: apt-get install python3.11-venv)"
        fi
        printf 'environment: making %s with %s\n' "$venv" "$python"
        "$python" -m venv --clear "$venv"
    fi

    # The test lock holds every pin of the plain one, so an environment made for tests serves both.
    want=$(sha256sum <"$lock" | cut -d ' ' -f 1)
    if [[ -f $stamp ]] && grep -qx "$want" "$stamp"; then
        printf 'environment: %s is up to date with %s\n' "$venv" "${lock##*/}"
    else
        printf 'environment: installing %s into %s (about 0.9 GB to download, 3 GB on disk, the first time)\n' \
            "${lock##*/}" "$venv"
        rm -f -- "$stamp.new"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
        "$venv/bin/python" -m pip check --disable-pip-version-check
        printf '%s\n' "$want" >"$stamp.new"
        if [[ ${lock##*/} == requirements-test.lock ]]; then
            sha256sum <"$root/requirements.lock" | cut -d ' ' -f 1 >>"$stamp.new"
        fi
        mv -f -- "$stamp.new" "$stamp"
    fi
    if [[ ! -e /usr/lib/x86_64-linux-gnu/libgomp.so.1 ]] && ! ldconfig -p 2>/dev/null | grep -q 'libgomp\.so\.1'; then
        printf 'environment: libgomp.so.1, which MindSpore needs, was not found (Debian: apt-get install libgomp1)\n' >&2
    fi
    export VIRTUAL_ENV=$venv PATH=$venv/bin:$PATH
    unset PYTHONHOME
}

_environment_main
