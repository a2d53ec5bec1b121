"""Start a door as one process or as many, on one node or as one of several.

Called by the scripts beside it: run_standalone.sh, run_distribute_cpu.sh, run_distribute_ascend.sh, run_eval.sh and
run_export.sh. Flags that are not listed here go to the door (train.py --help lists those).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common.door import EXIT_OK, open_door
from common.environment import check_numbers
from common.errors import LaunchError
from launch import preflight
from launch.plan import ROOT, make_plan
from launch.request import JobRequest
from launch.resolve import resolve
from launch.supervisor import DEFAULT_PORT, Supervisor


def main(argv: Sequence[str]) -> int:
    """Check, then run the job; the exit code is the job's."""
    check_numbers(os.environ)
    options, arguments = _parser().parse_known_args(list(argv))
    if not (ROOT / options.door).is_file():
        raise LaunchError(f"{ROOT / options.door} is missing")
    request, notes = resolve(options, arguments, os.environ)
    if options.dry_run:
        _check_recipe(request)
    for note in notes:
        print(f"# {note}" if options.dry_run else note, flush=True)
    log_dir = _log_dir(options.log_dir, request)
    if options.dry_run:
        print(make_plan(request, log_dir / "attempt_1", request.master_port or DEFAULT_PORT))
        return EXIT_OK
    if not options.skip_preflight:
        checks = preflight.check(request, preflight.output_dir(request.arguments))
        if any(check.state != "ok" for check in checks):
            print(preflight.table(checks))
        if any(check.state == "fail" for check in checks):
            raise LaunchError("preflight failed; --skip_preflight starts all the same")
    return Supervisor(request, log_dir, options.max_restarts, options.hang_seconds).run()


def _log_dir(given: Path | None, request: JobRequest) -> Path:
    """Return a folder that is this node's alone, though a scheduler gives every node the same command line."""
    if given is None:
        given = Path("runs") / "launch" / time.strftime(f"%Y%m%d_%H%M%S_node{request.node_rank}")
    elif request.nodes > 1 and request.launcher == "msrun":
        given /= f"node{request.node_rank}"
    return given.absolute()


def _check_recipe(request: JobRequest) -> None:
    """Let the door read its recipe and flags, as every rank would.

    Raises:
        LaunchError: it refuses them.
    """
    command = [sys.executable, str(ROOT / request.door), *request.arguments, "--print_config"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise LaunchError(done.stderr.strip().removeprefix("error: ") or f"{request.door} refuses its arguments")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="launch", description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--door", default="train.py", help=argparse.SUPPRESS)
    add("--platform", choices=("CPU", "Ascend"), help=argparse.SUPPRESS)
    add(
        "--scheduler",
        choices=("auto", "none"),
        default="none",
        help="auto: what is not given here comes from SLURM, Kubernetes, ModelArts or a rank table "
        "(the default of run_distribute_*.sh)",
    )
    add("--workers", type=int, metavar="N", help="processes on this node, one a card (default: the scheduler's, or 1)")
    add("--nodes", type=int, metavar="N", help="machines, each with as many workers (default: the scheduler's, or 1)")
    add("--node_rank", type=int, metavar="I", help="which of them this is, from 0 (default: the scheduler's, or 0)")
    add("--master_addr", metavar="ADDRESS", help="node 0, as the others see it (default: the scheduler's)")
    add(
        "--master_port",
        type=int,
        metavar="PORT",
        help=f"of the scheduler on node 0 (default: a free one; several nodes: {DEFAULT_PORT})",
    )
    add("--launcher", choices=("msrun", "mpirun"), default="msrun", help="(default: msrun)")
    add("--hosts", metavar="HOST:SLOTS,...", help="mpirun on several nodes: where")
    add(
        "--devices",
        metavar="0,1,...",
        help="Ascend: which cards of this node, or of its container, counted from 0; wins over "
        "ASCEND_RT_VISIBLE_DEVICES (default: the first ones)",
    )
    add("--cards_per_node", type=int, metavar="N", help="Ascend: cards of this node (default: as many as are found)")
    add("--rank_table_file", type=Path, metavar="FILE", help="Ascend: HCCL's rank table, which then describes the job")
    add("--bind_cores", action="store_true", help="msrun: give every process cores of its own")
    add("--cluster_timeout", type=int, default=120, metavar="S", help="wait so long for all ranks (default: 120)")
    add(
        "--log_dir",
        type=Path,
        metavar="DIR",
        help="output of every rank; of several nodes in node<i> in it (default: runs/launch/<time>)",
    )
    add("--max_restarts", type=int, default=0, metavar="N", help="start again so often when it dies (default: 0)")
    add("--hang_seconds", type=float, metavar="S", help="take a job without a step for so long for dead")
    add("--skip_preflight", action="store_true", help="start without checking the machine")
    add("--dry_run", action="store_true", help="print the exact commands and environment of every process, then exit")
    return parser


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
