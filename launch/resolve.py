"""Flags and the scheduler's description of the job become one request; flags win, and what they overrule is said."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

from common.environment import whole_number
from common.errors import LaunchError
from launch.cards import VISIBLE, choose_cards, count_cards, parse_cards
from launch.request import MEETING, MOST_CARDS, JobRequest
from launch.schedulers.allocation import Allocation
from launch.schedulers.find import find_allocation

_T = TypeVar("_T")
_ONE_NODE = Allocation("this machine")
_OF_CARDS = ("devices", "cards_per_node", "rank_table_file")
_FROM_ALLOCATION = ("workers", "nodes", "node_rank", "master_addr", "master_port")


def resolve(
    options: argparse.Namespace, arguments: Sequence[str], environ: Mapping[str, str]
) -> tuple[JobRequest, list[str]]:
    """Say what is to be started on this node.

    Args:
        options: the launcher's flags; None where one was not given.
        arguments: the door's.
        environ: the user's environment.

    Returns:
        The request, and lines for the user.

    Raises:
        LaunchError: flags, cards and scheduler do not fit together.
    """
    platform = options.platform or "CPU"
    found = _allocation(options, environ)
    words, notes = _words_of_door(options, arguments, found)
    cards = (options.cards_per_node or count_cards()) if platform == "Ascend" else None
    if found is not None:
        notes += _overruled(options, found)
        found = _with_cards(found, platform, cards, environ)
    known = found or _ONE_NODE
    wanted, where = (options.devices, "--devices") if options.devices is not None else (known.devices, known.scheduler)
    workers = _first(options.workers, known.workers)
    if workers is None:
        workers = len(parse_cards(wanted, cards, where)) if wanted is not None and platform == "Ascend" else 1
    request = JobRequest(
        door=options.door,
        arguments=tuple(words),
        platform=platform,
        workers=workers,
        nodes=_first(options.nodes, known.nodes),
        node_rank=_first(options.node_rank, known.node_rank),
        master_addr=options.master_addr or known.master_addr or "127.0.0.1",
        master_port=_first(options.master_port, known.master_port),
        launcher=options.launcher,
        hosts=options.hosts,
        cards_per_node=cards,
        rank_table=known.rank_table if platform == "Ascend" else None,
        cluster_timeout=options.cluster_timeout or whole_number("MS_TOPO_TIMEOUT", environ) or MEETING,
        bind_cores=options.bind_cores,
    )
    if platform != "Ascend":
        return request, [*notes, *_without_cards(options)]
    if request.rank_table:
        _check_rank_table(request, known, options.devices)
    devices, note = choose_cards(wanted, request.workers, cards, environ, where)
    return replace(request, devices=devices), [*notes, *_about_cards(request), *filter(None, [note])]


def _allocation(options: argparse.Namespace, environ: Mapping[str, str]) -> Allocation | None:
    """What the scheduler says of the job, where it is to be asked."""
    if options.launcher == "mpirun" and options.rank_table_file:
        raise LaunchError("--rank_table_file is for msrun: leave out --launcher mpirun, or the rank table")
    if options.launcher != "msrun" or (options.scheduler != "auto" and not options.rank_table_file):
        return None
    tables = options.platform == "Ascend"  # they number cards
    return find_allocation(environ, options.rank_table_file if tables else None, options.node_rank, tables)


def _words_of_door(
    options: argparse.Namespace, arguments: Sequence[str], found: Allocation | None
) -> tuple[list[str], list[str]]:
    """The door's arguments with what platform and scheduler add, and lines about that."""
    notes = [] if found is None else [str(found)]
    words = [word for word in arguments if word != "--"]
    if found is not None and found.restarts and not _resumes(words):
        words += ["--resume", "auto"]
        notes.append(f"{found.scheduler} has started this job again: --resume auto")
    if options.platform:
        _check_platform(words, options.platform)
        words += ["--runtime.platform", options.platform]
    return words, notes


def _without_cards(options: argparse.Namespace) -> list[str]:
    """Which flags say nothing on a CPU."""
    given = [f"--{name}" for name in _OF_CARDS if getattr(options, name) is not None]
    return [f"{', '.join(given)}: without effect, there are no cards on CPU"] if given else []


def _about_cards(request: JobRequest) -> list[str]:
    """What a user may not expect of the cards that are asked for."""
    notes = []
    if request.world_size > 1 and any(_named(word) in ("device_id", "runtime.device_id") for word in request.arguments):
        notes.append("--device_id: without effect, each rank gets the card of its place in --devices")
    if request.cards_per_node is None:
        notes.append(
            f"no cards are seen here: up to {MOST_CARDS} are accepted; --cards_per_node says how many there are"
        )
    return notes


def _check_platform(words: Sequence[str], platform: str) -> None:
    """Refuse a flag of the door that asks for another device than the script."""
    pairs = [*pairwise(words), *(word.partition("=")[::2] for word in words)]
    for flag, value in pairs:
        if flag.lstrip("-") in ("device_target", "runtime.platform") and value.lower() not in ("", platform.lower()):
            script = "run_distribute_cpu.sh" if value.lower() == "cpu" else "run_distribute_ascend.sh"
            raise LaunchError(f"{flag} {value}: this script is for {platform}; use bash launch/{script}")


def _named(word: str) -> str:
    """The flag or key that a word of the command line names, if it does."""
    return word.removeprefix("--").partition("=")[0]


def _check_rank_table(request: JobRequest, table: Allocation, devices: str | None) -> None:
    """Refuse flags that ask for other ranks or cards than HCCL reads in the table."""
    if (request.nodes, request.workers) != (table.nodes, table.workers):
        raise LaunchError(
            f"{table.scheduler} is for {table.nodes} node(s) of {table.workers} card(s), and HCCL waits for all; the "
            f"flags ask for {request.nodes} of {request.workers}: leave out the flags, or the rank table"
        )
    listed = parse_cards(table.devices or f"0-{request.workers - 1}", None, table.scheduler)
    if devices is not None and parse_cards(devices, None, "--devices") != listed:
        raise LaunchError(
            f"--devices {devices}: {table.scheduler} gives this node cards {','.join(map(str, listed))}; leave out "
            "--devices, or the rank table"
        )


def _with_cards(found: Allocation, platform: str, cards: int | None, environ: Mapping[str, str]) -> Allocation:
    """Fill in the cards where the scheduler does not tell: those that this node shows."""
    if found.workers is not None or platform != "Ascend":
        return found
    exported = environ.get(VISIBLE, "").strip()
    seen = len(parse_cards(exported, cards, f"environment variable {VISIBLE}")) if exported else cards
    return replace(found, workers=seen)


def _overruled(options: argparse.Namespace, found: Allocation) -> list[str]:
    pairs = [(name, getattr(options, name), getattr(found, name)) for name in _FROM_ALLOCATION]
    return [
        f"--{name} {given}, not {said} as {found.scheduler} says"
        for name, given, said in pairs
        if given is not None and said is not None and given != said
    ]


def _resumes(words: Sequence[str]) -> bool:
    return any(word == "--resume" or word.startswith("--resume=") for word in words)


def _first(given: _T | None, otherwise: _T) -> _T:
    return otherwise if given is None else given
