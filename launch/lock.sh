#!/usr/bin/env bash
# Write requirements.lock, requirements-ascend.lock (with what CANN imports) and requirements-test.lock from
# pyproject.toml: exact versions with hashes, for Python 3.11 on Linux; the hashes cover every build of a version, so one
# lock serves x86_64 and aarch64 (compare with PLATFORM=aarch64-manylinux_2_28). Only needed after changing the
# dependencies. Needs uv (python3 -m pip install uv).
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
PLATFORM=${PLATFORM:-x86_64-manylinux_2_28}

lock() {
    local target=$1
    shift
    printf 'writing %s\n' "$target"
    uv pip compile pyproject.toml "$@" --python-version 3.11 --python-platform "$PLATFORM" --generate-hashes --no-annotate \
        --no-emit-index-url --no-header --quiet --output-file "$target"
}

lock requirements.lock
# The first lock constrains the others, so that tests run what users run.
lock requirements-ascend.lock --extra ascend --constraint requirements.lock
lock requirements-test.lock --extra test --constraint requirements.lock
