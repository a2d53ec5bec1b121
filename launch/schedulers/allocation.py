"""What a scheduler has given a job, in the same words for every scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.errors import LaunchError


@dataclass(frozen=True)
class Allocation:
    """Nodes and cards of a job, as its scheduler describes them.

    Args:
        scheduler: its name, for the user.
        nodes: how many machines.
        node_rank: which of them this is.
        master_addr: of node 0, as the others see it; None for one node.
        master_port: that node 0 may listen on; None leaves it to the launcher.
        workers: cards of this node; None where the scheduler does not tell.
        devices: which cards, if not the first ones.
        rank_table: HCCL's rank table file, if the job has one that HCCL reads.
        restarts: how often the scheduler has started the job again.
    """

    scheduler: str
    nodes: int = 1
    node_rank: int = 0
    master_addr: str | None = None
    master_port: int | None = None
    workers: int | None = None
    devices: str | None = None
    rank_table: Path | None = None
    restarts: int = 0

    def __str__(self) -> str:
        cards = "" if self.workers is None else f", {self.workers} card(s) each"
        text = f"{self.scheduler}: node {self.node_rank} of {self.nodes}{cards}"
        if self.master_addr is not None:
            text += f", node 0 is {self.master_addr}"
        return f"{text}, restart {self.restarts}" if self.restarts else text


def number(name: str, environ: Mapping[str, str], least: int = 0, most: int | None = None) -> int | None:
    """Read a whole number that a scheduler has set; None where it has not.

    Raises:
        LaunchError: something else stands there.
    """
    value = environ.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and least <= int(value) <= (most or int(value))):
        upper = "" if most is None else f" and at most {most}"
        raise LaunchError(f"environment variable {name}={value}: a whole number of at least {least}{upper} is expected")
    return int(value)


def needed(name: str, environ: Mapping[str, str], least: int = 0) -> int:
    """Read a whole number without which the job cannot be described.

    Raises:
        LaunchError: it is missing, or no such number.
    """
    value = number(name, environ, least)
    if value is None:
        raise LaunchError(
            f"environment variable {name} is missing beside the scheduler's others; is this its own shell?"
        )
    return value
