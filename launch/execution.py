"""Starts a plan's command, watches it, and leaves no process behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil

from common.launcher_protocol import (
    FOLDER_VARIABLE,
    RankRecord,
    first_failed,
    heartbeat_file,
    read_ranks,
    read_scheduler,
    worker_log,
)
from common.lifetime import LAUNCHER_VARIABLE, end_with_parent, process_name
from common.signals import STOP_SIGNALS, handling, hold_signals, let_signals_end, stop_code, stop_words
from launch.console import silent_ranks, worth_showing
from launch.plan import Plan

_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 5.0  # seconds that the peers of a dead rank get to end by themselves
_TAIL_LINES = 15
EXIT_HUNG = 124
# How msrun and mpirun name the process that failed first.
_MSRUN_BLAMES = re.compile(r"Worker process (\d+) exit with exception\. Error code: (-?\d+)")
_MPIRUN_BLAMES = re.compile(r"noticed that process rank (\d+) with PID")


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Args:
        code: exit code of the rank that ended first; 137 for kill -9, 124 where the job hung.
        rank: that rank, if it is known.
        host: where it ran.
        tail: last lines of its log.
        seconds: from start to end.
        program: that ended first, if it was no rank: `scheduler`, `msrun`.
    """

    code: int
    rank: int | None = None
    host: str = ""
    tail: tuple[str, ...] = ()
    seconds: float = 0.0
    program: str = ""

    @property
    def stopped(self) -> bool:
        """Whether someone asked the job to stop."""
        return self.code in map(stop_code, STOP_SIGNALS)

    def __str__(self) -> str:
        if self.code == 0:
            return f"finished after {self.seconds:.0f} s"
        who = f"rank {self.rank}" if self.rank is not None else self.program
        who = f"{who} on {self.host}: " if who else ""
        return f"{who}{describe_code(self.code)} after {self.seconds:.0f} s"


def describe_code(code: int) -> str:
    """Say what an exit code means."""
    if code == EXIT_HUNG:
        return "no step for too long"
    if code in map(stop_code, STOP_SIGNALS):
        return f"{stop_words(code - 128)} (exit code {code})"
    if code - 128 in set(signal.Signals):  # mpirun also ends with 255, which is no signal's
        return f"killed by {signal.Signals(code - 128).name} (exit code {code})"
    return f"exit code {code}"


@dataclass
class Execution:
    """One attempt at a job.

    Args:
        plan: what to run.
        hang_seconds: longest time between two steps, once there was one; None waits for ever.
    """

    plan: Plan
    hang_seconds: float | None = None
    stopping: int = 0
    """The signal that asked the job to stop, if one did."""
    _asked_again: bool = False
    _told: set[int] = field(default_factory=set)
    _blamed: dict[str, int] = field(default_factory=dict)
    _scheduler_lost: bool = False
    _killed: bool = False
    _shown: deque[str] = field(default_factory=lambda: deque(maxlen=50))

    def run(self) -> Outcome:
        """Run until the job ends; a signal to stop is passed to every rank, a second one ends them all at once."""
        _adopt_orphans()
        self.plan.log_dir.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        with (self.plan.log_dir / "launcher.log").open("w", encoding="utf-8") as log, handling(self._stop):
            launcher = subprocess.Popen(
                self.plan.command,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,  # Ctrl-C and SIGTERM reach the ranks by us alone
                preexec_fn=partial(_begin_child, os.getpid(), self.plan.starts_ranks),
            )
            pump = threading.Thread(target=self._pump, args=(launcher.stdout, log), daemon=True)
            pump.start()
            hung = self._wait(launcher)
            self._killed = launcher.poll() == -signal.SIGKILL
            launcher.kill()
            launcher.wait()  # before psutil waits for it and keeps its exit code
            self._end_all()
            pump.join(2)
        return self._outcome(launcher.returncode, hung, time.monotonic() - start)

    def _environment(self) -> dict[str, str]:
        # Operators give a pod a role; a process of the pod gets its own from msrun, or needs none.
        inherited = {name: value for name, value in os.environ.items() if name != "MS_ROLE"}
        return {**inherited, **self.plan.environment, LAUNCHER_VARIABLE: process_name(os.getpid()) or ""}

    def _wait(self, launcher: subprocess.Popen[str]) -> bool:
        deadline = None
        while launcher.poll() is None:
            if self._hangs():
                return True
            if self._asked_again:
                return False
            if self.stopping:
                self._tell_ranks()
            if self._scheduler_is_lost():
                self._scheduler_lost = True
                return False
            ranks = read_ranks(self.plan.log_dir)
            failed = self._blamed or any(record.code for record in ranks)
            if failed and len(ranks) == self.plan.ranks and all(map(_is_over, ranks)):
                return False  # msrun would wait for its scheduler now
            if failed and deadline is None:
                deadline = time.monotonic() + _GRACE
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return False

    def _hangs(self) -> bool:
        beat = heartbeat_file(self.plan.log_dir)
        with contextlib.suppress(FileNotFoundError):
            return self.hang_seconds is not None and time.time() - beat.stat().st_mtime > self.hang_seconds
        return False

    def _pump(self, stream: Iterator[str], log: object) -> None:
        for line in worth_showing(self._noted(stream, log)):
            self._shown.append(line.rstrip("\n"))
            with contextlib.suppress(OSError):
                sys.stdout.write(line)
                sys.stdout.flush()

    def _noted(self, stream: Iterator[str], log: object) -> Iterator[str]:
        """Pass lines on, after writing them down and looking for whom the launcher blames."""
        for line in stream:
            with contextlib.suppress(OSError):  # a full disk: the console is still there
                print(line, end="", file=log, flush=True)  # type: ignore[call-overload]
            if found := _MSRUN_BLAMES.search(line):
                self._blamed |= {"pid": int(found[1]), "code": int(found[2])}
            elif found := _MPIRUN_BLAMES.search(line):
                self._blamed |= {"rank": int(found[1])}  # its exit code is mpirun's own
            yield line

    def _outcome(self, code: int, hung: bool, seconds: float) -> Outcome:
        if code == 0 and not hung and not self._blamed:
            return Outcome(0, seconds=seconds)
        if self._asked_again:
            return Outcome(stop_code(self.stopping), seconds=seconds)
        if self._scheduler_lost:
            return self._outcome_of_scheduler(seconds)
        if self._killed and self.plan.starts_ranks:
            return Outcome(137, host=platform.node(), seconds=seconds, program=self.plan.command[0])
        if not hung and self._all_finished():
            print(f"job: every rank finished; MindSpore failed afterwards, taking leave of the job (exit code {code})")
            return Outcome(0, seconds=seconds)
        record = first_failed(self.plan.log_dir, self._blamed.get("pid"), self._blamed.get("rank"))
        if hung:
            code = EXIT_HUNG
        elif "code" in self._blamed:
            code = self._blamed["code"]
        elif record is not None and record.code:
            code = record.code
        code = 128 - code if code < 0 else code
        if record is None:
            return Outcome(code, tail=_tail(self.plan.log_dir / "launcher.log"), seconds=seconds)
        own = worker_log(self.plan.log_dir, record.rank)
        log = own if own.exists() else self.plan.log_dir / "launcher.log"
        return Outcome(code, record.rank, record.host, _tail(log), seconds)

    def _outcome_of_scheduler(self, seconds: float) -> Outcome:
        """The scheduler ends by itself when it loses a node, and says which; one that was killed has said nothing."""
        scheduler = read_scheduler(self.plan.log_dir)
        code = scheduler.code if scheduler is not None and scheduler.code else 137
        silent = silent_ranks(self.plan.log_dir / "scheduler.log")
        tail = [f"rank {rank} is not heard any more: the launcher of its node says why" for rank in silent]
        return Outcome(code, None, platform.node(), tuple(tail), seconds, "scheduler")

    def _all_finished(self) -> bool:
        """Whether every rank has said that it ended well: its process may still die in MindSpore's own exit handler."""
        ranks = read_ranks(self.plan.log_dir)
        return 0 < self.plan.ranks <= len(ranks) and all(record.code == 0 for record in ranks)

    def shown(self, line: str) -> bool:
        """Whether the job's last lines on the console hold this one."""
        return line in self._shown

    def _stop(self, number: int, frame: object, previous: object) -> None:
        self._asked_again = bool(self.stopping)
        self.stopping = self.stopping or number  # SLURM ends a step by SIGTERM as soon as one of its nodes has obeyed

    def _tell_ranks(self) -> None:
        """Pass the signal on to the ranks that have not had it; those that are only starting get it later."""
        untold = {record.pid for record in read_ranks(self.plan.log_dir)} - self._told
        for process in self._processes() if untold else ():
            if process.pid in untold:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(self.stopping)
        self._told |= untold

    def _scheduler_is_lost(self) -> bool:
        """Whether MindSpore's scheduler has ended before the ranks; they would notice after a minute."""
        scheduler = read_scheduler(self.plan.log_dir)
        if scheduler is None or scheduler.host != platform.node() or process_name(scheduler.pid) is not None:
            return False
        ranks = read_ranks(self.plan.log_dir)
        return bool(ranks) and all(record.code is None for record in ranks)

    def _processes(self) -> list[psutil.Process]:
        """The job's processes, known by the log folder in their environment."""
        found = []
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if process.environ().get(FOLDER_VARIABLE) == str(self.plan.log_dir):
                    found.append(process)
        return found

    def _end_all(self) -> None:
        while processes := self._processes():
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(processes, timeout=5)
        with contextlib.suppress(ChildProcessError):  # none is left
            while os.waitpid(-1, os.WNOHANG)[0]:  # orphans that had ended before they were looked for
                pass


def _is_over(record: RankRecord) -> bool:
    return bool(record.code) or (record.host == platform.node() and process_name(record.pid) is None)


def _begin_child(launcher: int, starts_ranks: bool) -> None:
    """Run in msrun, mpirun or a single rank, before it is one."""
    let_signals_end()
    if starts_ranks:  # a scheduler signals every process of a job: msrun must not end before its ranks have saved
        hold_signals()
    end_with_parent()
    if os.getppid() != launcher:  # it ended before the kernel was asked
        os._exit(1)


def _adopt_orphans() -> None:
    """Become the parent of processes whose own parent dies, so that they are found."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _tail(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    return tuple(line for line in worth_showing(lines) if line.strip())[-_TAIL_LINES:]
