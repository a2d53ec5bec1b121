"""The server in a thread of the test's own process, on a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from deploy.use.http_protocol import BoundedProtocol


@contextlib.contextmanager
def running(app: FastAPI, protocol: type[BoundedProtocol] = BoundedProtocol, grace: int | None = 1) -> Iterator[int]:
    """Yield the port of a running server, which then has `grace` seconds to end its connections (None: for ever)."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(app, http=protocol, ws="none", log_level="error", timeout_graceful_shutdown=grace)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive(), "the server does not end"


def talk(port: int, content: bytes, seconds: float = 60) -> tuple[bytes, bool]:
    """Send bytes and return what comes back until the server hangs up, and whether it did within so many seconds."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(seconds)
        client.sendall(content)
        got = b""
        try:
            while part := client.recv(65536):
                got += part
        except TimeoutError:
            return got, False
        except ConnectionResetError:
            pass
        return got, True
