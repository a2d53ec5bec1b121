"""What a launcher is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import LaunchError

MOST_CARDS = 16
"""Of any node that is sold: an Atlas 800T A2 has 8, an A3 has 16."""
MEETING = 600
"""Seconds to wait for all ranks, which is msrun's default too."""


@dataclass(frozen=True)
class JobRequest:
    """What the user asked for.

    Args:
        door: `train.py`, `eval.py` or `export.py`.
        arguments: the door's own.
        platform: CPU or Ascend.
        workers: processes on this node, one a card on Ascend.
        nodes: machines, each with as many workers.
        node_rank: which of them this is.
        master_addr: address of node 0, as the others see it.
        master_port: port of MindSpore's scheduler on node 0; None takes a free one, or 8118 with several nodes.
        launcher: msrun or mpirun.
        hosts: mpirun only: `host:slots,...`.
        devices: Ascend only: which cards, such as `0,1,4,5`, in CANN's logical numbers: those of the machine, or, in a
            container, 0 and up of the cards that it was given.
        cards_per_node: Ascend only: how many cards this node has; None where nobody knows.
        rank_table: Ascend only: HCCL's rank table file, handed on to msrun.
        cluster_timeout: seconds to wait for all ranks to come up.
        bind_cores: give every process cores of its own (msrun).
    """

    door: str
    arguments: tuple[str, ...] = ()
    platform: str = "CPU"
    workers: int = 1
    nodes: int = 1
    node_rank: int = 0
    master_addr: str = "127.0.0.1"
    master_port: int | None = None
    launcher: str = "msrun"
    hosts: str | None = None
    devices: str | None = None
    cards_per_node: int | None = None
    rank_table: Path | None = None
    cluster_timeout: int = MEETING
    bind_cores: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work before anything is started."""
        most = self.cards_per_node or MOST_CARDS
        has = f"this node has {most} card(s)" if self.cards_per_node else f"an Ascend node has at most {most} cards"
        for problem, found in (
            (f"--workers {self.workers}: at least 1", self.workers < 1),
            (f"--nodes {self.nodes}: at least 1", self.nodes < 1),
            (
                f"--node_rank {self.node_rank}: nodes are numbered 0 to {self.nodes - 1} (--nodes {self.nodes})",
                not 0 <= self.node_rank < self.nodes,
            ),
            (
                f"--workers {self.workers}: {has}; --cards_per_node says otherwise",
                self.platform == "Ascend" and self.workers > most,
            ),
            (
                "--master_addr is needed with several nodes: the address of node 0 as the others see it",
                self.nodes > 1 and self.launcher == "msrun" and self.master_addr in ("127.0.0.1", "localhost"),
            ),
            (
                f"--master_addr {self.master_addr}: no address of one machine, as the other nodes see it",
                self.master_addr in ("0.0.0.0", "::") or not re.fullmatch(r"\S+", self.master_addr),
            ),
            (
                "--hosts HOST:SLOTS,... is needed for mpirun on several nodes; start it on the first one only",
                self.nodes > 1 and self.launcher == "mpirun" and not self.hosts,
            ),
            (
                "--hosts is mpirun's; give --launcher mpirun too, or --node_rank and --master_addr on every node",
                self.launcher == "msrun" and self.hosts is not None,
            ),
            (
                "--launcher mpirun starts the ranks of all nodes from node 0: leave --node_rank out",
                self.launcher == "mpirun" and self.node_rank > 0,
            ),
            ("--bind_cores is msrun's; leave it out with mpirun", self.launcher == "mpirun" and self.bind_cores),
            *((problem, True) for problem in self._wrong_hosts()),
        ):
            if found:
                raise LaunchError(problem)

    def _wrong_hosts(self) -> Iterator[str]:
        """Say what is wrong with `--hosts`: as many as there are nodes, each with a slot for each worker."""
        if self.launcher != "mpirun" or self.hosts is None:
            return
        words = self.hosts.split(",")
        names = [word.rpartition(":")[0] for word in words]
        if not all(names) or any(" " in word for word in words):
            yield f"--hosts {self.hosts}: HOST:SLOTS,... is expected, such as node0:{self.workers},node1:{self.workers}"
        elif len(set(names)) != self.nodes or len(names) != self.nodes:
            yield f"--hosts {self.hosts}: names {len(set(names))} host(s), and --nodes is {self.nodes}"
        elif wrong := [word for word in words if word.rpartition(":")[2] != str(self.workers)]:
            yield f"--hosts {self.hosts}: {wrong[0]} should have {self.workers} slot(s), one for each of its --workers"

    @property
    def world_size(self) -> int:
        """Ranks of the whole job."""
        return self.workers * self.nodes

    @property
    def local_ranks(self) -> range:
        """Ranks of this node; with mpirun, of all nodes."""
        if self.launcher == "mpirun":
            return range(self.world_size)
        return range(self.node_rank * self.workers, (self.node_rank + 1) * self.workers)
