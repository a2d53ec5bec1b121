# shellcheck shell=bash
# To be sourced; makes .venv at the clone's top from a lock file, once, and activates it.
#   source launch/environment.sh                       # what training needs; on Ascend also what CANN imports
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

# Say what a Python lacks before anything is downloaded for it.
_environment_check_python() {
    local module package
    for module in ensurepip venv ssl ctypes zlib; do
        if ! "$1" -c "import $module" >/dev/null 2>&1; then
            package=python3.11
            [[ $module != ensurepip && $module != venv ]] || package=python3.11-venv
            _environment_fail "$1 has no $module module (Debian 12: apt-get install $package;" \
                "a Python built from source needs the development files of OpenSSL, libffi and zlib)"
        fi
    done
}

# MindSpore wants the system's libgomp.so.1, which a bare machine lacks; scikit-learn brings one along under another
# name. MindSpore's libraries look beside themselves first, so a link there serves however Python is started.
_environment_openmp() {
    local site bundled
    if "$1/bin/python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then
        return 0
    fi
    site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    for bundled in "$site"/scikit_learn.libs/libgomp*.so*; do
        if [[ -f $bundled ]]; then
            ln -sfn -- "../../scikit_learn.libs/${bundled##*/}" "$site/mindspore/lib/libgomp.so.1"
            return 0
        fi
    done
    _environment_fail "libgomp.so.1, which MindSpore needs, is missing (Debian: apt-get install libgomp1)"
}

_environment_install() {
    local lock=$1 venv=$2 stamp=$2/installed-lock.sha256 want python
    if [[ $(uname -s) != Linux ]]; then
        _environment_fail "MindSpore 2.10 is locked for Linux (x86_64 or aarch64), this is $(uname -s); use a container"
    fi

    # A moved or half-made environment starts over.
    if ! "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then
        python=$(_environment_python)
        _environment_check_python "$python"
        printf 'environment: making %s with %s\n' "$venv" "$python"
        "$python" -m venv --clear "$venv"
    fi

    want=$(sha256sum <"$lock")
    if [[ -f $stamp ]] && grep -qxF "$want" "$stamp"; then
        printf 'environment: %s is up to date with %s\n' "$venv" "${lock##*/}"
    else
        printf 'environment: installing %s into %s (the first time: 0.9 GB to download, 3 GB on disk)\n' \
            "${lock##*/}" "$venv"
        rm -f -- "$stamp"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
        # The other locks hold every pin of the plain one, so an environment made from one of them serves both.
        {
            printf '%s\n' "$want"
            [[ ${lock##*/} == requirements.lock ]] || sha256sum <"${lock%/*}/requirements.lock"
        } >"$stamp.new"
        mv -f -- "$stamp.new" "$stamp"
    fi
    _environment_openmp "$venv"
    # Without a compiler, or if it fails, training runs on MindSpore's own operators: a line says so.
    (cd -- "${lock%/*}" && "$venv/bin/python" -m kernels.build) || true
}

# Print the lock file for this machine: CANN's Python parts import packages that nothing else needs.
_environment_lock() {
    if [[ -n ${ASCEND_HOME_PATH:-}${ASCEND_TOOLKIT_HOME:-} || -e /dev/davinci_manager ]]; then
        printf 'requirements-ascend.lock'
    else
        printf 'requirements.lock'
    fi
}

_environment_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
VIRTUAL_ENV=${VENV:-$_environment_root/.venv}
# A subshell, so that a failure neither closes an interactive shell nor leaves options behind.
(
    set -euo pipefail
    _environment_install "$_environment_root/${LOCK:-$(_environment_lock)}" "$VIRTUAL_ENV"
)
_environment_status=$?
if ((_environment_status != 0)); then
    return "$_environment_status"
fi
export VIRTUAL_ENV PATH=$VIRTUAL_ENV/bin:$PATH
unset PYTHONHOME
