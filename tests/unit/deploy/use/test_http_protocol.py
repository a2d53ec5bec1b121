"""Connections that stall, and messages that are two things at once, hurt nobody but their senders."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI

from deploy.opening import open_classifier
from deploy.use.host_names import names_of
from deploy.use.http_protocol import BoundedProtocol
from deploy.use.server_app import create_app
from deploy.use.service import Limits
from tests.unit.deploy.small_bundle import picture_bytes, write_bundle
from tests.unit.deploy.use.running_server import running, talk

HOST = b"Host: localhost\r\n"
GET = b"GET /health HTTP/1.1\r\n" + HOST


class Impatient(BoundedProtocol):
    """Hangs up soon. Its clients send at once, but on a busy machine a second may pass before they do."""

    HEAD_SECONDS = 2.0
    LINGER_SECONDS = 1.0


class Patient(BoundedProtocol):
    """Never hangs up because of the time."""

    HEAD_SECONDS = REQUEST_SECONDS = LINGER_SECONDS = 1000.0
    MOST_CONNECTIONS = 40


def patient_app(folder: Path) -> FastAPI:
    limits = Limits(silent_seconds=1000, upload_seconds=1000)
    return create_app(open_classifier(write_bundle(folder / "b")), limits, names_of("127.0.0.1", []))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a server that is in no hurry."""
    with running(patient_app(tmp_path_factory.mktemp("bundle")), Patient) as port:
        yield port


@pytest.fixture(scope="module")
def impatient_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    classifier = open_classifier(write_bundle(tmp_path_factory.mktemp("bundle") / "b"))
    with running(create_app(classifier, Limits(silent_seconds=2, upload_seconds=4)), Impatient) as port:
        yield port


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _post(body: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d\r\n" % len(body)
    return (
        b"POST /predict HTTP/1.1\r\n" + HOST + b"".join(h + b"\r\n" for h in headers or [length[:-2]]) + b"\r\n" + body
    )


@pytest.mark.parametrize(
    "request_",
    [
        _post(b"0\r\n\r\n", b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        _post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        _post(b"abcde", b"Content-Length: 5", b"Content-Length: 3"),
        _post(b"abcde", b"Content-Length: 5, 3"),
        _post(b"abcde", b"Content-Length: +5"),
        _post(b"abcde", b"Content-Length: -1"),
        _post(b"0\r\n\r\n", b"Transfer-Encoding: chunked, identity"),
        _post(b"0\r\n\r\n", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        _post(b"0\r\n\r\n", b"Transfer-Encoding : chunked"),
        _post(b"0\r\n\r\n", b"Transfer-Encoding: chunked").replace(b"HTTP/1.1", b"HTTP/1.0"),
        _post(b"xyz\r\n", b"Transfer-Encoding: chunked"),
        GET + HOST + b"\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10 + b"\r\n\r\n",
    ],
)
def test_a_message_with_two_readings_is_refused_and_ends_the_connection(port: int, request_: bytes) -> None:
    # What follows it could be the rest of its body or another request.
    answer, closed = talk(port, request_ + GET + b"\r\n")

    assert closed
    assert answer.count(b"HTTP/1.1 ") == 1
    assert _status(answer) == 400
    assert isinstance(json.loads(answer.split(b"\r\n\r\n", 1)[1])["detail"], str)


def test_a_foreign_host_is_refused(port: int) -> None:
    answer, closed = talk(port, b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n")

    assert (_status(answer), closed) == (400, True)
    assert b"--allow_host" in answer


def test_one_connection_takes_several_requests(port: int) -> None:
    last = _post(picture_bytes(), b"Connection: close", b"Content-Length: %d" % len(picture_bytes()))

    answer, _ = talk(port, (GET + b"\r\n") * 2 + last)

    assert answer.count(b"HTTP/1.1 200") == 3


def test_clients_that_stop_are_hung_up_on(impatient_port: int) -> None:
    stopped = {
        b"": None,
        b"GET /hea": 408,
        GET: 408,
        _post(b"abc", b"Content-Length: 100"): 408,
        _post(b"5\r\nab", b"Transfer-Encoding: chunked"): 408,
        GET + b"\r\n": 200,
        GET + b"Content-Length: 100\r\n\r\nabc": 200,
    }

    with ThreadPoolExecutor(len(stopped)) as clients:
        talks = clients.map(lambda start: talk(impatient_port, start), stopped)
        answers = dict(zip(stopped, talks, strict=True))

    assert all(closed for _, closed in answers.values())
    assert {start: _status(answer) if answer else None for start, (answer, _) in answers.items()} == stopped


def test_a_drop_now_and_then_does_not_keep_a_connection(impatient_port: int) -> None:
    def drip(start: bytes) -> bool:
        with socket.create_connection(("127.0.0.1", impatient_port)) as client, contextlib.suppress(OSError):
            client.sendall(start)
            for _ in range(600):
                client.sendall(b"x")
                time.sleep(0.1)
            return True
        return False

    starts = (GET + b"X: ", _post(b"", b"Content-Length: 100000"), GET + b"Content-Length: 100000\r\n\r\n")
    with ThreadPoolExecutor(len(starts)) as clients:
        kept = list(clients.map(drip, starts))

    assert kept == [False, False, False]


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (_post(b"", b"Content-Type: multipart/form-data", b"Content-Length: 100000"), 415),
        (_post(b"", b"Content-Length: 100000000000"), 413),
        (_post(b"", b"Content-Length: +5"), 400),
        (_post(b"", b"Content-Length: 100000").replace(b"localhost", b"elsewhere"), 400),
    ],
)
def test_a_refusal_reaches_a_client_that_is_still_sending(port: int, start: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(start)
        for _ in range(5):
            time.sleep(0.1)
            client.sendall(b"x" * 1000)
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert _status(answer) == status


def test_a_refusal_reaches_a_client_that_sends_a_large_picture_first(port: int) -> None:
    """Most HTTP libraries look for an answer only when they have sent everything."""
    size = 40_000_000
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(_post(b"", b"Content-Length: %d" % size) + bytes(size))
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert _status(answer) == 413


def test_a_client_that_sends_for_ever_is_cut_off(port: int) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client, contextlib.suppress(OSError):
        client.sendall(_post(b"", b"Content-Length: 100000000000"))
        while sent < 200:
            client.sendall(bytes(1_000_000))
            sent += 1

    assert sent < 100


@pytest.mark.parametrize("start", [b"", GET, _post(b"abc", b"Content-Length: 100"), GET + b"\r\n"])
def test_stalled_connections_lock_nobody_out(port: int, start: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(3 * Patient.MOST_CONNECTIONS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(OSError):  # hung up on already, to make room
                client.sendall(start)
        answer, _ = talk(
            port, _post(picture_bytes(), b"Connection: close", b"Content-Length: %d" % len(picture_bytes()))
        )

    assert _status(answer) == 200


def test_the_end_does_not_wait_for_clients(tmp_path: Path) -> None:
    """`running` fails if the server does not end, and nothing but the end of the server ends these connections."""
    with contextlib.ExitStack() as stack, running(patient_app(tmp_path), Patient, grace=None) as port:
        for start in (b"", GET, _post(b"abc", b"Content-Length: 100"), GET + b"\r\n") * 5:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(start)
        time.sleep(0.1)
