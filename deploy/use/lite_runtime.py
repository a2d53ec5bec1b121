"""A .ms file in MindSpore Lite, in a process of its own: a crash or a hang of the library ends that process only."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from common.errors import JobFailed
from deploy.use.lite_environment import PROGRAMS, Language, LiteEnvironment, LiteError, find_lite
from deploy.use.lite_process import reason

START_SECONDS = 60.0
CALL_SECONDS = 60.0
_NOT_READABLE = "model buffer is invalid"
_HEAD = struct.Struct("<dI")


class LiteCrash(JobFailed):
    """Lite ended or did not answer while it computed."""


class LiteRuntime:
    """A .ms file, run picture by picture; the process starts with the first call, and anew after a crash.

    Args:
        path: the file.
        shape: (C, H, W) of a picture.
        threads: of one call; None takes all cores.
        environment: where Lite is; None takes the one that is set up.
        language: `python` or `cpp`; None takes the first that is there.
        seconds: longest time of an answer.

    Attributes:
        input_shape: of the file's own input, (1, H, W, C) or (1, C, H, W).
        seconds_of_last: time that Lite took for the last picture.

    Raises:
        LiteError: Lite is not set up, or cannot load the file.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        threads: int | None = None,
        *,
        environment: LiteEnvironment | None = None,
        language: Language | None = None,
        seconds: float = CALL_SECONDS,
    ) -> None:
        self._environment = environment or find_lite()
        self._path = path
        self._command = worker_command(
            self._environment, path, shape, threads or len(os.sched_getaffinity(0)), language
        )
        self._seconds = seconds
        self._shape = shape
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self.input_shape: tuple[int, ...] = ()
        self.seconds_of_last = 0.0
        self._start()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Map inputs (B, C, H, W) to outputs (B, num_classes).

        Raises:
            LiteCrash: the process ended or did not answer.
        """
        if batch.shape[1:] != self._shape:
            raise LiteError(f"{self._path} takes pictures of shape {self._shape}, not {batch.shape[1:]}")
        with self._lock:
            if self._process is None:
                self._start()
            return np.stack([self._one(picture) for picture in np.asarray(batch, np.float32)])

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, self._errors):
                if stream is not None:
                    with contextlib.suppress(OSError):  # what was not written yet cannot be any more
                        stream.close()

    def __del__(self) -> None:
        if not sys.is_finalizing():
            with contextlib.suppress(AttributeError):  # the constructor failed
                self.close()

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=self._environment.variables(),
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        except OSError as error:
            raise LiteError(f"{self._command[0]}: {error.strerror}; set MindSpore Lite up again") from error
        with self._time_limit(START_SECONDS) as late:
            said = self._stdout.readline()
        word, *sizes = said.split() or [b""]
        if word != b"ready":
            why = self._why(late.is_set(), START_SECONDS)
            hint = "; another version of Lite wrote it, or it is damaged" if _NOT_READABLE in why else ""
            raise LiteError(
                f"{self._path}: MindSpore Lite {self._environment.version} cannot load it: {why.rstrip('.')}{hint}"
            )
        self.input_shape = tuple(map(int, sizes))

    def _one(self, picture: np.ndarray) -> np.ndarray:
        assert self._process is not None
        assert self._process.stdin is not None
        head = values = b""
        with self._time_limit(self._seconds) as late, contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(np.ascontiguousarray(picture).tobytes())
            self._process.stdin.flush()
            head = self._stdout.read(_HEAD.size)
            if len(head) == _HEAD.size:
                self.seconds_of_last, count = _HEAD.unpack(head)
                values = self._stdout.read(4 * count)
        if len(head) < _HEAD.size or len(values) < 4 * count:
            raise LiteCrash(f"{self._path}: MindSpore Lite gave no answer: {self._why(late.is_set(), self._seconds)}")
        return np.frombuffer(values, np.float32)

    @property
    def _stdout(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    @contextlib.contextmanager
    def _time_limit(self, seconds: float) -> Iterator[threading.Event]:
        """Kill the process after some time, so that whoever reads from it comes to the end."""
        assert self._process is not None
        late, process = threading.Event(), self._process

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _why(self, late: bool, seconds: float) -> str:
        """The reason, after the process has ended; it is put away."""
        assert self._process is not None
        assert self._errors is not None
        if late:
            text = f"not within {seconds:g} s"
        else:
            try:
                code = self._process.wait(5)
            except subprocess.TimeoutExpired:
                code = 0
            self._errors.seek(0)
            text = reason(code, self._errors.read().decode("utf-8", "replace"))
        self.close()
        return text


def worker_command(
    environment: LiteEnvironment, path: Path, shape: tuple[int, int, int], threads: int, language: Language | None
) -> list[str]:
    """The command of a worker.

    Raises:
        LiteError: no such way here.
    """
    ways = environment.languages()
    chosen = language or (ways[0] if ways else None)
    if chosen not in ways:
        raise LiteError(f"MindSpore Lite in {environment.folder} cannot run files by {chosen or 'any program'}")
    arguments = [str(path.absolute()), str(threads), *map(str, shape)]
    if chosen == "python" and environment.python:
        return [str(environment.path(environment.python)), str(PROGRAMS / "worker.py"), *arguments]
    assert environment.worker is not None
    return [*environment.program(environment.worker), *arguments]
