"""How a process answers Ctrl-C, SIGTERM and a closed terminal, whatever its libraries do to signals.

MindSpore's libraries put handlers of their own in place while they load, compile and read data. So a door blocks these
signals, and a thread waits for them and calls the handler that Python knows: who wants to answer otherwise says so with
`signal.signal`, as ever. Handlers are called in that thread, also while the main thread is in a library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import FrameType
from typing import Any, NoReturn

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_PATIENCE = 2.0  # seconds that the main thread gets to tidy up
_WAKE_UP = signal.SIGRTMIN + 3  # from our thread to the main thread, out of a system call if need be
_GO_ON = signal.SIGRTMIN + 4  # between our threads that wait for signals
_WORDS = {
    signal.SIGINT: "Ctrl-C",
    signal.SIGTERM: "SIGTERM",
    signal.SIGHUP: "SIGHUP (the terminal was closed)",
    signal.SIGUSR1: "SIGUSR1 (the scheduler's warning)",
}


def stop_words(number: int) -> str:
    """Say what made a process stop, as in `stopped by Ctrl-C`."""
    return f"stopped by {_WORDS.get(signal.Signals(number), signal.Signals(number).name)}"


def stop_code(number: int) -> int:
    """Exit code of a process that a signal stopped: Ctrl-C 130, SIGTERM 143, SIGUSR1 138, a closed terminal 129."""
    return 128 + number


class StopHandler:
    """Ends the process: one line, then KeyboardInterrupt in the main thread, and the end in any case.

    A second signal ends it at once.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that came, if one did."""

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Answer a signal."""
        if self.number is not None:
            os._exit(stop_code(number))
        self.number = number
        # First of all, as everything below may wait for a lock or for a reader of our output.
        timer = threading.Timer(_PATIENCE, os._exit, (stop_code(number),))
        timer.daemon = True
        timer.start()
        last_line(stop_words(number))
        ident = threading.main_thread().ident
        if ident is not None:
            signal.pthread_kill(ident, _WAKE_UP)

    def interrupt(self, number: int, frame: FrameType | None) -> NoReturn:
        """Raise in the main thread.

        Raises:
            KeyboardInterrupt: always, with the words for the signal that came.
        """
        raise KeyboardInterrupt(stop_words(self.number) if self.number is not None else "")


def watch_signals(handler: StopHandler, *, once: bool = False) -> None:
    """Answer the stop signals from now on; to be called once, by the main thread, before libraries are loaded.

    A signal that is ignored (nohup, a shell's background job) stays ignored.

    Args:
        handler: answers them until something else is installed; it may raise before this returns.
        once: let further signals go unanswered, where they are the first one told twice.
    """
    watched = [number for number in STOP_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, [*watched, _GO_ON])
    for number in watched:
        signal.signal(number, handler)
    signal.signal(_WAKE_UP, handler.interrupt)
    os.register_at_fork(after_in_child=let_signals_end)
    _Dispatcher(watched, once).start()


def hold_signals() -> None:
    """Let the stop signals wait for ever, in this process and in what it starts, until somebody watches for them."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def let_signals_end() -> None:
    """In a process that another one has started: signals end it, as in any other program."""
    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def ending_at_once() -> Iterator[None]:
    """Inside the block the stop signals end the process by themselves.

    For a library that keeps the interpreter while it waits: no handler of Python's would be called before it is back.
    The main thread goes on blocking them, and so do the threads that the library starts; one of ours lets them in.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number, handler in handlers.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    dispatcher = next((thread for thread in threading.enumerate() if isinstance(thread, _Dispatcher)), None)
    if dispatcher is not None:
        dispatcher.step_aside()
    ready = threading.Event()
    doorman = threading.Thread(target=_let_in, args=(ready,), name="signals end", daemon=True)
    doorman.start()
    ready.wait()
    try:
        yield
    finally:
        signal.pthread_kill(doorman.ident or 0, _GO_ON)
        doorman.join()
        restore(handlers)
        if dispatcher is not None:
            dispatcher.come_back()


def _let_in(ready: threading.Event) -> None:
    """Be the one thread that blocks no stop signal, until it is told to go on."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [_GO_ON])
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    ready.set()
    signal.sigwait([_GO_ON])
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def handling(handler: Callable[[int, FrameType | None, Any], None]) -> Iterator[None]:
    """Answer the stop signals by `handler(number, frame, previous)` inside the block; ignored ones stay ignored.

    Outside the main thread, where Python has no handlers, nothing changes.
    """
    before = install(handler)
    try:
        yield
    finally:
        restore(before)


def install(handler: Callable[[int, FrameType | None, Any], None]) -> dict[signal.Signals, Any]:
    """Answer the stop signals by `handler(number, frame, previous)`; return what `restore` takes."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    before = {number: previous for number, previous in before.items() if previous is not signal.SIG_IGN}
    for number, previous in before.items():
        signal.signal(number, partial(_answer, handler, previous))
    return before


def _answer(
    handler: Callable[[int, FrameType | None, Any], None], previous: Any, number: int, frame: FrameType | None
) -> None:
    handler(number, frame, previous)


def restore(before: dict[signal.Signals, Any]) -> None:
    """Give the signals back to whom they belonged."""
    for number, previous in before.items():
        signal.signal(number, previous)


def pass_to(previous: Any, number: int, frame: FrameType | None) -> None:
    """Answer a signal as it was answered before."""
    if callable(previous):
        previous(number, frame)
    elif previous is not signal.SIG_IGN:
        os._exit(stop_code(number))


def last_line(text: str) -> None:
    """Write a line to the console, and nothing after it: what libraries say about being interrupted helps nobody."""
    with contextlib.suppress(OSError, ValueError, AttributeError, RuntimeError):
        sys.stdout.flush()
    # Other threads go on printing: their lines go nowhere before this one is written, not after.
    console: int | None = None
    with contextlib.suppress(OSError):  # it has none
        console = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if console is not None:
        with contextlib.suppress(OSError):
            os.write(console, f"{text}\n".encode())


class _Dispatcher(threading.Thread):
    """Waits for the watched signals and calls the handlers that Python knows."""

    def __init__(self, watched: Sequence[int], once: bool) -> None:
        super().__init__(name="signals", daemon=True)
        self._watched = watched
        self._once = once
        self._aside = threading.Event()

    def run(self) -> None:
        """Answer signals, or only the first one."""
        answered = False
        while not (self._once and answered):
            number = signal.sigwait([*self._watched, _GO_ON])
            if number == _GO_ON:
                self._aside.set()
                signal.sigwait([_GO_ON])
                continue
            answered = True
            try:
                pass_to(signal.getsignal(number), number, None)
            except BaseException:  # a handler that raises wants the main thread to end, and this is not it
                os._exit(stop_code(number))

    def step_aside(self) -> None:
        """Leave the signals to others until `come_back`."""
        self._aside.clear()
        self._tell()
        self._aside.wait()

    def come_back(self) -> None:
        """Answer them again."""
        self._tell()

    def _tell(self) -> None:
        signal.pthread_kill(self.ident or 0, _GO_ON)
