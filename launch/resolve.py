"""Flags and the scheduler's description of the job become one request; flags win, and what they overrule is said."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from common.errors import LaunchError
from launch.cards import VISIBLE, choose_cards, count_cards, parse_cards
from launch.request import MOST_CARDS, JobRequest
from launch.schedulers.allocation import Allocation
from launch.schedulers.find import find_allocation

_T = TypeVar("_T")
_ONE_NODE = Allocation("this machine")
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
    found = None
    if options.launcher == "msrun" and (options.scheduler == "auto" or options.rank_table_file):
        found = find_allocation(environ, options.rank_table_file, options.node_rank)
    notes = [] if found is None else [str(found)]
    words = [word for word in arguments if word != "--"]
    if found is not None and found.restarts and not _resumes(words):
        words += ["--resume", "auto"]
        notes.append(f"{found.scheduler} has started this job again: --resume auto")
    if options.platform:
        words += ["--runtime.platform", options.platform]
    platform = options.platform or "CPU"
    cards = (options.cards_per_node or count_cards()) if platform == "Ascend" else None
    if found is not None:
        notes += _overruled(options, found)
        found = _with_cards(found, platform, cards, environ)
    known = found or _ONE_NODE
    request = JobRequest(
        door=options.door,
        arguments=tuple(words),
        platform=platform,
        workers=_first(options.workers, known.workers) or 1,
        nodes=_first(options.nodes, known.nodes),
        node_rank=_first(options.node_rank, known.node_rank),
        master_addr=options.master_addr or known.master_addr or "127.0.0.1",
        master_port=_first(options.master_port, known.master_port),
        launcher=options.launcher,
        hosts=options.hosts,
        devices=options.devices,
        cards_per_node=cards,
        rank_table=known.rank_table if platform == "Ascend" else None,
        cluster_timeout=options.cluster_timeout,
        bind_cores=options.bind_cores,
    )
    if platform != "Ascend":
        return request, notes
    if request.rank_table and (request.nodes, request.workers) != (known.nodes, known.workers):
        raise LaunchError(
            f"{known.scheduler} is for {known.nodes} node(s) of {known.workers} card(s), and HCCL waits for all; the "
            f"flags ask for {request.nodes} of {request.workers}: leave out the flags, or the rank table"
        )
    if cards is None:
        notes.append(
            f"no cards are seen here: up to {MOST_CARDS} are accepted; --cards_per_node says how many there are"
        )
    wanted, where = (options.devices, "--devices") if options.devices else (known.devices, known.scheduler)
    devices, note = choose_cards(wanted, request.workers, cards, environ, where)
    return replace(request, devices=devices), [*notes, *filter(None, [note])]


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
