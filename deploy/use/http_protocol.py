"""HTTP as the server speaks it: one framing for each message, and no connection that waits for ever.

uvicorn's protocol on h11, with what it leaves open: how long a client may take over the head of a request and over the
whole of it, how many connections wait at a time, and messages that tell their length in two ways (RFC 9112, 6.1).
"""

from __future__ import annotations

import asyncio
import json
import resource
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from deploy.use.lingering import LingeringTransport

_BEFORE_ANSWER = (h11.IDLE, h11.SEND_RESPONSE)


class _OneFraming(h11.Connection):
    """Refuses what h11 would settle by itself: a proxy in front of the server might settle it the other way."""

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = [name for name, _ in event.headers]
            if b"transfer-encoding" in names and b"content-length" in names:
                raise h11.RemoteProtocolError("Content-Length and Transfer-Encoding in one request")
            if b"transfer-encoding" in names and event.http_version < b"1.1":
                raise h11.RemoteProtocolError("Transfer-Encoding in a request of HTTP/1.0")
        return event


class BoundedProtocol(H11Protocol):
    """One connection.

    Attributes:
        HEAD_SECONDS: from the connection, or from the last answer, to the end of the next request's head.
        REQUEST_SECONDS: from the end of the head to the end of the answer.
        LINGER_SECONDS: how long a client may go on sending what nobody wants after its answer.
        MOST_CONNECTIONS: when more are open (or most files that this process may open are connections), the one that
            has waited for its client for longest is closed.
    """

    HEAD_SECONDS: ClassVar[float] = 10.0
    REQUEST_SECONDS: ClassVar[float] = 120.0
    LINGER_SECONDS: ClassVar[float] = 10.0
    MOST_CONNECTIONS: ClassVar[int] = 512

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.conn = _OneFraming(h11.SERVER, self.config.h11_max_incomplete_event_size or 16 * 1024)
        self._deadline: asyncio.TimerHandle | None = None
        self._answering: object | None = None
        self.heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._line = LingeringTransport(transport, self.LINGER_SECONDS)
        super().connection_made(self._line)  # type: ignore[arg-type]
        self.heard = self.loop.time()
        self._expect(self.HEAD_SECONDS)
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if len(self.connections) > min(self.MOST_CONNECTIONS, max(files - 64, 8)):
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        self._line.forget()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._line.lingers:
            self._line.drop(data)
            return
        self.heard = self.loop.time()
        super().data_received(data)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and self.cycle is not self._answering and not self.cycle.response_complete:
            self._answering = self.cycle
            self._expect(self.REQUEST_SECONDS)

    def on_response_complete(self) -> None:
        self._expect(self.HEAD_SECONDS)
        super().on_response_complete()

    @property
    def waits_for_client(self) -> bool:
        """Whether the next move is the client's."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and hang up."""
        self._refuse(400, "this is no HTTP request, or one that tells its length in two ways")

    def shutdown(self) -> None:
        if self.waits_for_client:
            self._line.close_now()
        else:
            self.cycle.keep_alive = False

    def timeout_keep_alive_handler(self) -> None:
        self._line.close_now()

    def _expect(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._too_late) if seconds is not None else None

    def _too_late(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()  # an answer that its client does not take
        elif self.conn.trailing_data[0] and self.conn.our_state is h11.IDLE:
            self._refuse(408, f"the head of the request took more than {self.HEAD_SECONDS:g} seconds")
        else:
            self._line.close_now()

    def _make_room(self) -> None:
        waiting = [c for c in self.connections if isinstance(c, BoundedProtocol) and c is not self]
        silent = min((c for c in waiting if c.waits_for_client), key=lambda c: c.heard, default=None)
        if silent is not None:
            silent.transport.abort()
            self.connections.discard(silent)

    def _refuse(self, status: int, detail: str) -> None:
        """Answer for the application, where no answer has begun, and hang up."""
        if self.conn.our_state in _BEFORE_ANSWER:
            body = json.dumps({"detail": detail}).encode()
            headers = [
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("connection", "close"),
            ]
            response = h11.Response(status_code=status, headers=headers, reason=b"")
            for event in (response, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
