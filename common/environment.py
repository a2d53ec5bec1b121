"""Whole numbers from environment variables, as clusters and shells leave them."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

from common.errors import ConfigError

THREADS = "OMP_NUM_THREADS"
_LARGEST = 2**31 - 1
# Least and largest value of each variable that this project or MindSpore reads as a number.
_LIMITS = {
    THREADS: (1, _LARGEST),
    "RANK_ID": (0, _LARGEST),
    "RANK_SIZE": (1, _LARGEST),
    "DEVICE_ID": (0, _LARGEST),
    "MS_NODE_ID": (0, _LARGEST),
    "MS_WORKER_NUM": (1, _LARGEST),
    "MS_SCHED_PORT": (1, 65535),
    "MS_TOPO_TIMEOUT": (1, _LARGEST),
    "MS_NODE_TIMEOUT": (1, _LARGEST),
    "OMPI_COMM_WORLD_RANK": (0, _LARGEST),
    "OMPI_COMM_WORLD_LOCAL_RANK": (0, _LARGEST),
    "OMPI_COMM_WORLD_SIZE": (1, _LARGEST),
    "PMI_RANK": (0, _LARGEST),
    "PMI_SIZE": (1, _LARGEST),
}


def whole_number(name: str, environ: Mapping[str, str]) -> int | None:
    """Read one of the variables that hold a whole number.

    Spaces around it do not matter. OMP_NUM_THREADS may be OpenMP's list, one number for each level of nested regions;
    the first one counts.

    Args:
        name: of the variable.
        environ: the environment.

    Returns:
        None where the variable is not set, or empty.

    Raises:
        ConfigError: anything else than a number within the variable's limits.
    """
    value = environ.get(name, "")
    if not value.strip():
        return None
    least, largest = _LIMITS[name]
    words = [word.strip() for word in (value.split(",") if name == THREADS else [value])]
    numbers = [int(word) if word.isascii() and word.isdigit() and len(word) < 20 else -1 for word in words]
    if any(not least <= number <= largest for number in numbers):
        limits = f"of at least {least}" if largest == _LARGEST else f"from {least} to {largest}"
        raise ConfigError(f"environment variable {name}={value}: must be a whole number {limits}, or unset")
    return numbers[0]


def compute_threads(environ: Mapping[str, str] = os.environ) -> int:
    """Return how many threads this process may compute on: OMP_NUM_THREADS, or the cores that it may run on.

    Raises:
        ConfigError: see `whole_number`.
    """
    return whole_number(THREADS, environ) or len(os.sched_getaffinity(0))


def check_numbers(environ: MutableMapping[str, str]) -> None:
    """Refuse a variable that is no number where one is needed; remove empty ones, and spaces around the others.

    Libraries read the same variables, and not all of them forgive.

    Raises:
        ConfigError: see `whole_number`.
    """
    for name in _LIMITS:
        if name not in environ:
            continue
        if whole_number(name, environ) is None:
            del environ[name]
        else:
            environ[name] = environ[name].strip()
    if not environ.get("MS_ROLE", "x").strip():
        del environ["MS_ROLE"]
