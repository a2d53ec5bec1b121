"""What `npu-smi info` says of the Ascend cards of this node, or of this container of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

_USED_OF = re.compile(r"(\d+)\s*/\s*(\d+)")
_BUS = re.compile(r"[0-9A-Fa-f]+:[0-9A-Fa-f]+:[0-9A-Fa-f]+\.[0-9A-Fa-f]+|NA")


class NpuSmiError(Exception):
    """Why there is no table; a run goes on without it."""


@dataclass(frozen=True)
class NpuStatus:
    """One chip of the table; None where the table has no number.

    Args:
        npu: number of the card.
        chip: number of the chip on the card; Atlas A3 and 310P have two.
        name: such as 910B3.
        health: such as OK.
        celsius: temperature.
        use_percent: of the AI cores.
        memory_mb: of HBM, or of the only memory there is.
        memory_total_mb: how much of it there is.
    """

    npu: int
    chip: int
    name: str
    health: str
    celsius: float | None
    use_percent: float | None
    memory_mb: float | None
    memory_total_mb: float | None


def query_npus(environ: Mapping[str, str], timeout: float = 10.0) -> tuple[NpuStatus, ...]:
    """Run `npu-smi info` and read its table.

    Args:
        environ: the user's environment; npu-smi is found by its PATH.
        timeout: seconds after which it is ended.

    Raises:
        NpuSmiError: it is missing, fails, hangs, or prints no table that can be read.
    """
    program = shutil.which("npu-smi", path=environ.get("PATH"))
    if program is None:
        raise NpuSmiError("npu-smi is not on the PATH")
    try:
        done = subprocess.run(
            [program, "info"], capture_output=True, text=True, errors="replace", timeout=timeout, env=environ
        )
    except subprocess.TimeoutExpired as error:
        raise NpuSmiError(f"npu-smi info gave no answer in {timeout:g} s") from error
    except OSError as error:
        raise NpuSmiError(f"npu-smi info cannot be started ({error})") from error
    if done.returncode:
        raise NpuSmiError(f"npu-smi info ended with {done.returncode}")
    npus = parse_npu_smi(done.stdout)
    if not npus:
        raise NpuSmiError("npu-smi info lists no card that can be read")
    return npus


def parse_npu_smi(listing: str) -> tuple[NpuStatus, ...]:
    """Read the table of `npu-smi info`, in its order; whatever is not a chip's pair of rows is passed over.

    Args:
        listing: what it prints. A chip has two rows: number, name | health | power, temperature, huge pages; then
            chip, its number on the node | bus | use of the AI cores, memory, and HBM where there is any.
    """
    found: list[NpuStatus] = []
    card: tuple[int, str, str, float | None] | None = None
    for line in listing.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 3:
            continue
        first, second, third = cells[0].split(), cells[1], cells[2].split()
        if card is not None and first and first[0].isdecimal() and _BUS.fullmatch(second) and third:
            number, name, health, celsius = card
            used, total = _memory(cells[2])
            found.append(NpuStatus(number, int(first[0]), name, health, celsius, _number(third[0]), used, total))
            card = None
        elif len(first) == 2 and first[0].isdecimal() and second.isalpha() and len(third) >= 2:
            card = int(first[0]), first[1], second, _number(third[1])
    return tuple(found)


def _memory(cell: str) -> tuple[float | None, float | None]:
    """MB used and in all: of the last memory of the row, HBM where there is any."""
    pairs = _USED_OF.findall(cell)
    return (float(pairs[-1][0]), float(pairs[-1][1])) if pairs else (None, None)


def _number(word: str) -> float | None:
    return float(word) if re.fullmatch(r"\d+(\.\d+)?", word) else None
