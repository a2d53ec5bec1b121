"""A real HTTP server on this machine that serves files as well, or as badly, as servers do."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """What the server does, changed by tests while it runs, and what it was asked.

    Args:
        address: without a slash at its end.
        files: content by path.
        ranges: whether it answers a range with that range.
        break_after: bytes after which the next answers are cut off, one value an answer.
        moved: answers a path with a redirect to another.
        failing: HTTP status of the next answers, one value an answer.
        asked: (path, Range header) of every request.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    etag: str | None = '"v1"'
    break_after: list[int] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    failing: list[int] = field(default_factory=list)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextlib.contextmanager
def serving() -> Iterator[FileServer]:
    """Serve until the block ends."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers.get("Range")))
            if state.failing:
                self.send_error(state.failing.pop(0))
            elif self.path in state.moved:
                self.send_response(302)
                self.send_header("Location", state.moved[self.path])
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.path in state.files:
                self._send(state.files[self.path])
            else:
                self.send_error(404)

        def _send(self, content: bytes) -> None:
            wanted = self.headers.get("Range")
            start = 0
            if wanted and state.ranges and self.headers.get("If-Range") == state.etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(content):
                    self.send_error(416)
                    return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            stop = state.break_after.pop(0) if state.break_after else len(content)
            self.wfile.write(content[start : start + stop])

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
