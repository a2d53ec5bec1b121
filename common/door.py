"""The frame around every door: exit codes, and errors in one to three lines instead of a traceback."""

from __future__ import annotations

import argparse
import contextlib
import errno
import io
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from common.errors import ConfigError, RunStopped
from common.launcher_protocol import is_scheduler, launcher_folder, note_final
from common.lifetime import QuickEnd, end_with_launcher, leave_job, leave_now
from common.names import printable, printable_lines
from common.packages import how_to_install, missing_packages
from common.signals import (
    STOP_SIGNALS,
    StopHandler,
    hold_signals,
    last_line,
    stop_code,
    stop_words,
    watch_signals,
)
from common.streams import EXIT_READER_GONE, ReaderGone, guard_console

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130  # Ctrl-C; SIGTERM is 143, a closed terminal 129: see common.signals
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class DoorParser(argparse.ArgumentParser):
    """A parser that refuses like any other bad input, in one line; every door takes `--debug`."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing a page of usage.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(f"command line: {message} (see {self.prog} --help)")


def open_door(main: Callable[[Sequence[str]], int], *, outlives_reader: bool = False) -> NoReturn:
    """Be a program: run a door with the command line's arguments and end with its exit code.

    Comes before anything slow is imported: what is imported before it can still be interrupted with a traceback.

    Args:
        main: takes the arguments without the program's name, returns the exit code.
        outlives_reader: whether the work goes on when nobody reads its output any more; if not, that ends it with 141.
    """
    end, stop = QuickEnd(), StopHandler()
    try:
        if is_scheduler():
            hold_signals()  # it lives as long as its ranks, which have something to save
        else:
            # A cluster signals ranks and launcher, and the launcher its ranks; whoever is impatient asks the launcher.
            watch_signals(stop, once=launcher_folder() is not None)
        guard_console(outlives_reader)
        end_with_launcher()
        end.code = _finish(run_door(main, sys.argv[1:], stop=stop))
        sys.exit(end.code)
    except BaseException:
        if stop.number is None:
            raise
        leave_now(stop_code(stop.number))


def _finish(code: int) -> int:
    try:
        sys.stdout.flush()
    except ReaderGone:
        code = EXIT_READER_GONE
    if code in map(stop_code, STOP_SIGNALS):
        leave_now(code)  # what was saved is saved; MindSpore's threads need not be asked
    # A server answers a signal itself, then sends it again to its own thread, where it waits to be found.
    if raised := signal.sigpending() & set(STOP_SIGNALS):
        last_line(stop_words(min(raised)))
        leave_now(stop_code(min(raised)))
    return code


def run_door(
    main: Callable[[Sequence[str]], int],
    argv: Sequence[str],
    *,
    crash_folder: Path = Path("runs"),
    stop: StopHandler | None = None,
) -> int:
    """Run a door and turn what it raises into an exit code.

    Args:
        main: takes the arguments without the program's name, returns the exit code.
        argv: those arguments; with `--debug` among them, errors keep their traceback.
        crash_folder: where the traceback of an unexpected error is written; the code is 1. Errors with an `exit_code`
            and files that cannot be opened need none: their message says it all.
        stop: knows whether a signal came; what is raised after one is its doing, whatever a library made of it.

    Returns:
        0, 1, 2, 130 after Ctrl-C, 143 after SIGTERM, 129 after a closed terminal, 141 when nobody reads the output, or
        what `main` returned. A rank among others that fails does not return but ends.
    """
    show_any_name()
    try:
        code = _run(main, argv, crash_folder, stop)
    except KeyboardInterrupt:  # while an error was being told
        code = EXIT_INTERRUPTED
    return leave_job(code if stop is None or stop.number is None else stop_code(stop.number))


def show_any_name() -> None:
    """Let the console show, as an escape, what its encoding does not have, instead of failing on it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run(main: Callable[[Sequence[str]], int], argv: Sequence[str], folder: Path, stop: StopHandler | None) -> int:
    try:
        return main(argv)
    except RunStopped as stopped:
        _say(printable_lines(str(stopped)))
        return stopped.exit_code
    except KeyboardInterrupt:
        _say("stopped by Ctrl-C")
        return EXIT_INTERRUPTED
    except ReaderGone:
        return EXIT_READER_GONE
    except Exception as error:
        if stop is not None and stop.number is not None:
            return EXIT_INTERRUPTED
        if "--debug" in argv:
            raise
        if (code := getattr(error, "exit_code", None)) is not None:
            _say(f"error: {printable_lines(str(error))}")
            if not getattr(error, "restart_helps", True):
                note_final(str(error))
            return int(code)
        if isinstance(error, ModuleNotFoundError) and (missing := missing_packages()):
            _say(f"error: {how_to_install(missing)}")
            return EXIT_BAD_INPUT
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            _say(f"error: {error.strerror}{f' for {printable(error.filename)}' if error.filename else ''}")
            _say("make room or write elsewhere, and start again; a training goes on from its last checkpoint: --resume")
            return EXIT_FAILED
        if isinstance(error, OSError) and error.filename is not None:
            _say(f"error: {printable(error.filename)}: {error.strerror}")
            return EXIT_BAD_INPUT
        _say(f"error: {type(error).__name__}: {printable(first_meaningful_line(str(error)))}")
        _say(_keep_traceback(folder))
        return EXIT_FAILED


def _say(text: str) -> None:
    """Put a line on stderr, after what stdout still holds back: read together, it is the last one."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    print(text, file=sys.stderr)


def first_meaningful_line(message: str) -> str:
    """Return the line of an error message that says what happened, without MindSpore's C++ call stack."""
    for line in message.splitlines():
        text = line.strip()
        if text and set(text) - set("-=") and not text.startswith(("- C++ Call Stack", "- The Traceback")):
            return text
    return "(no message)"


def _keep_traceback(folder: Path) -> str:
    path = folder / f"crash_{time.strftime('%Y%m%d_%H%M%S')}_{os.getpid()}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"the traceback could not be written to {path} ({error.strerror}); run again with --debug to see it"
    return f"the traceback is in {path}; --debug shows it here"
