"""How many Ascend cards this node has, and which of them a job takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from common.cards import DEVICES, card_files
from common.errors import LaunchError

VISIBLE = "ASCEND_RT_VISIBLE_DEVICES"
_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)
# A row of `npu-smi info -m`: NPU, chip, the chip's logical number (none for its controller), name.
_CHIP = re.compile(r"^\s*\d+\s+\d+\s+\d+\s+\S", re.MULTILINE)


def count_cards(devices: Path = DEVICES, timeout: float = 20) -> int | None:
    """Count the cards of this node, or of this container of it.

    Args:
        devices: the folder of device files.
        timeout: seconds after which npu-smi is ended; without its driver it may wait for ever.

    Returns:
        None where neither device files nor npu-smi tell, as on a login node.
    """
    if files := card_files(devices):
        return len(files)
    program = shutil.which("npu-smi")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "info", "-m"], capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return len(_CHIP.findall(done.stdout)) or None


def choose_cards(
    wanted: str | None, workers: int, cards: int | None, environ: Mapping[str, str], where: str = "--devices"
) -> tuple[str | None, str | None]:
    """Decide which cards the job sees.

    CANN reads the list as logical numbers, in rising order, up to the first that it does not know: on a machine they
    are the cards' own, in a container they count the cards that it was given from 0. Source: ASCEND_RT_VISIBLE_DEVICES
    in CANN's reference of environment variables, and aclrtGetPhyDevIdByLogicDevId.

    Args:
        wanted: a list that wins over the environment.
        workers: processes on this node.
        cards: how many cards it has, if that is known.
        environ: the user's environment.
        where: the list stands, for what is said.

    Returns:
        The list for ASCEND_RT_VISIBLE_DEVICES (None leaves the environment as it is), and a line for the user, if there
        is something to say.

    Raises:
        LaunchError: a list that CANN would cut short, another number of cards than workers, or too few cards in the
            environment's.
    """
    exported = environ.get(VISIBLE, "").strip()
    if wanted is None:
        if not exported:
            return None, None
        seen = parse_cards(exported, cards, f"environment variable {VISIBLE}")
        if len(seen) < workers:
            raise LaunchError(
                f"--workers {workers}: {VISIBLE}={exported} shows {len(seen)} card(s); give --devices, or unset it"
            )
        taken = ",".join(map(str, seen[:workers]))
        told = len(seen) > workers or "-" in exported
        return taken, f"cards {taken} of {VISIBLE}={exported}" if told else None
    numbers = parse_cards(wanted, cards, where)
    if len(numbers) != workers:
        raise LaunchError(
            f"{where} {wanted}: {len(numbers)} card(s) for {workers} worker(s); --workers {len(numbers)} takes them"
        )
    chosen = ",".join(map(str, numbers))
    if exported and exported != chosen:
        return chosen, f"cards {chosen} by {where}, not those of {VISIBLE}={exported}"
    return chosen, None


def parse_cards(text: str, cards: int | None, where: str) -> list[int]:
    """Read a list of cards, in the rising order that CANN wants.

    Args:
        text: such as `0,1,4,5`, or `0,4-7`.
        cards: how many cards there are, if that is known.
        where: it stands, for the error.

    Raises:
        LaunchError: something else than numbers, a number twice, or a card that is not there.
    """
    ranges = [_RANGE.fullmatch(word.strip()) for word in text.split(",")]
    if not all(found and int(found[1]) <= int(found[2] or found[1]) for found in ranges):
        raise LaunchError(f"{where} {text}: card numbers with commas between them, such as 0,1,4,5 or 0,4-7")
    numbers = sorted(
        number for found in ranges if found for number in range(int(found[1]), int(found[2] or found[1]) + 1)
    )
    if len(set(numbers)) < len(numbers):
        raise LaunchError(f"{where} {text}: names a card twice")
    if cards is not None and numbers[-1] >= cards:
        raise LaunchError(
            f"{where} {text}: no card {numbers[-1]} here, there are {cards}, numbered 0 to {cards - 1} "
            "(a container counts its own cards from 0)"
        )
    return numbers
