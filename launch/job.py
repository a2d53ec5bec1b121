"""Start a door as one process or as many, on one node or as one of several; called by the scripts beside it."""

from __future__ import annotations

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
from launch.flags import parse_flags
from launch.plan import ROOT, make_plan
from launch.request import JobRequest
from launch.resolve import resolve
from launch.supervisor import DEFAULT_PORT, Supervisor


def main(argv: Sequence[str]) -> int:
    """Check, then run the job; the exit code is the job's."""
    check_numbers(os.environ)
    options, arguments = parse_flags(argv)
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
        if failed := [check.name for check in checks if check.state == "fail"]:
            raise LaunchError(
                f"preflight failed ({', '.join(failed)}: see above); --skip_preflight starts all the same"
            )
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


if __name__ == "__main__":
    open_door(main, outlives_reader=True)
