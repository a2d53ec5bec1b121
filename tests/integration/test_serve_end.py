"""How the server starts and ends: what it refuses, and that clients cannot keep it."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.jobs import ROOT, environment
from tests.unit.deploy.small_bundle import write_bundle


def _start(bundle: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deploy.serve", str(bundle), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True, preexec_fn=_heed_signals
    )


def _heed_signals() -> None:
    """Undo what a shell does to Ctrl-C where the tests run in its background: ignored signals are inherited."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def _stalled(port: int) -> Iterator[None]:
    """Clients that want nothing, half a head, half a body, and another request."""
    host = b" HTTP/1.1\r\nHost: localhost\r\n"
    post, get = b"POST /predict" + host, b"GET /health" + host
    with contextlib.ExitStack() as stack:
        for start in (b"", post, post + b"Content-Length: 9\r\n\r\nx", get + b"\r\n"):
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(start)
        time.sleep(0.3)
        yield


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_within_ten_seconds_with_its_code(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = _start(write_bundle(tmp_path / "b"), "--port", "0")
    assert process.stdout is not None
    port = int(process.stdout.readline().rsplit(":", 1)[1].rstrip("/\n"))

    with _stalled(port):
        begin = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)

    assert time.monotonic() - begin < 10
    assert process.returncode in (code, -number)  # a shell calls the latter 128 + number, too
    assert "Traceback" not in said


def test_a_bundle_that_contradicts_itself_is_not_served(tmp_path: Path) -> None:
    process = _start(write_bundle(tmp_path / "b", output_kind="softmax"), "--port", "0")

    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert len(said.splitlines()) == 1


def test_a_port_in_use_is_bad_input(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = _start(write_bundle(tmp_path / "b"), "--port", str(other.getsockname()[1]))
        _, said = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "Address already in use" in said
    assert len(said.splitlines()) == 1


def test_the_load_benchmark_gets_an_answer_to_everything(tmp_path: Path) -> None:
    words = ["--seconds", "1", "--clients", "4", "--stalled", "40"]
    command = [sys.executable, str(ROOT / "benchmarks" / "serve_load.py"), str(write_bundle(tmp_path / "b")), *words]

    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 stalled connections" in done.stdout
