"""Starts a job again when it dies, until it ends well or has died too often."""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common import ports
from common.errors import LaunchError
from common.launcher_protocol import heartbeat_file, read_final, read_run_folder
from common.signals import STOP_SIGNALS, stop_code
from launch.execution import EXIT_HUNG, Execution, Outcome
from launch.plan import make_plan
from launch.request import JobRequest

DEFAULT_PORT = 8118
_LONGEST_WAIT = 60.0
_LEAST_SPACE = 1_000_000  # bytes
# Ended well; input that another start cannot mend; a stop signal, after which whoever sent it starts the job again.
_FINAL_CODES = (0, 2, *map(stop_code, STOP_SIGNALS))


@dataclass
class Supervisor:
    """Runs one job, restarts included.

    Args:
        request: the job.
        log_dir: gets a folder `attempt_1`, ... per start, beside those of an earlier job.
        max_restarts: how often it may be started again.
        hang_seconds: longest time between two steps; None never takes a job for hung.
        first_wait: seconds before the first restart; doubles with each start that makes no step, up to a minute.
        say: prints a line.
    """

    request: JobRequest
    log_dir: Path
    max_restarts: int = 0
    hang_seconds: float | None = None
    first_wait: float = 1.0
    say: Callable[[str], None] = print
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self) -> int:
        """Return the job's exit code."""
        request, in_a_row = self.request, 0
        while True:
            attempt = len(self.outcomes) + 1
            plan = make_plan(request, self._folder(), self._port(attempt))
            execution = Execution(plan, self.hang_seconds)
            outcome = execution.run()
            self.outcomes.append(outcome)
            if outcome.code != 0:
                self._report(outcome, execution)
            final = read_final(plan.log_dir)
            if final and self.max_restarts:
                self.say(f"not started again, it would end the same way: {final.splitlines()[0]}")
            if outcome.code in _FINAL_CODES or final or execution.stopping or attempt > self.max_restarts:
                self._summarise()
                return 1 if outcome.code == EXIT_HUNG else outcome.code
            folder = read_run_folder(plan.log_dir)
            if folder is not None:
                request = dataclasses.replace(request, arguments=resumed(self.request.arguments, folder))
            in_a_row = 1 if heartbeat_file(plan.log_dir).exists() else in_a_row + 1  # it had made steps
            wait = min(_LONGEST_WAIT, self.first_wait * 2 ** (in_a_row - 1))
            goes_on = f"going on in {folder}" if folder else "from the beginning"
            self.say(f"restart {attempt} of {self.max_restarts} in {wait:.0f} s, {goes_on}")
            time.sleep(wait)

    def _folder(self) -> Path:
        """Return where the next attempt's output goes: never among the records of an earlier job."""
        numbers = [path.name.removeprefix("attempt_") for path in self.log_dir.glob("attempt_*")]
        return self.log_dir / f"attempt_{max([0, *map(int, filter(str.isdecimal, numbers))]) + 1}"

    def _port(self, attempt: int) -> int:
        """Several nodes count up together; one node takes whatever is free, as jobs beside it may do the same."""
        if self.request.nodes == 1 and self.request.master_port is None:
            return ports.any_free()
        wanted = (self.request.master_port or DEFAULT_PORT) + attempt - 1
        if self.request.world_size == 1 or self.request.node_rank > 0:
            return wanted
        try:
            port, note = ports.choose(wanted, can_move=self.request.nodes == 1)
        except OSError as error:
            raise LaunchError(str(error)) from error
        if note:
            self.say(note)
        return port

    def _report(self, outcome: Outcome, execution: Execution) -> None:
        folder = execution.plan.log_dir
        self.say(f"job: {outcome}; all logs in {folder}")
        if shutil.disk_usage(folder).free < _LEAST_SPACE:
            self.say(f"no space is left for logs at {folder}, so ranks could not go on: make room, or give --log_dir")
        # A job that was asked to stop has said where it stands, if there was still someone to pass it on.
        last = [line for line in outcome.tail[-1:] if not execution.shown(line)]
        for line in last if outcome.stopped else outcome.tail:
            self.say(f"  | {line}")

    def _summarise(self) -> None:
        if len(self.outcomes) == 1 and self.max_restarts == 0:
            return
        self.say(f"supervisor: {len(self.outcomes)} start(s), {len(self.outcomes) - 1} restart(s)")
        for number, outcome in enumerate(self.outcomes, start=1):
            self.say(f"  {number}. {outcome}")


def resumed(arguments: Sequence[str], folder: str) -> tuple[str, ...]:
    """Return the door's arguments with `--resume` pointing at the run folder."""
    kept, skip = [], False
    for word in arguments:
        if skip:
            skip = False
        elif word == "--resume":
            skip = True
        elif not word.startswith("--resume="):
            kept.append(word)
    return (*kept, "--resume", folder)
