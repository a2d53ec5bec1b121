"""A connection that ends without taking its last answer away from the client.

Closing a socket while its client still sends makes the system reset the connection, and a reset may overtake the answer
(RFC 9112, 9.6). So the sending half is closed first, and what the client still sends is read for a while and dropped.
"""

from __future__ import annotations

import asyncio
from typing import Any

MOST_DROPPED_BYTES = 64_000_000
"""A client that sends more than this after its answer does not listen; it is cut off."""


class LingeringTransport:
    """An asyncio transport whose `close` waits for the client to stop sending.

    Args:
        transport: what it stands for; everything else goes there.
        seconds: how long the client is listened to after `close`.
    """

    def __init__(self, transport: asyncio.Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._end: asyncio.TimerHandle | None = None
        self._dropped = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def lingers(self) -> bool:
        """Whether what arrives is to be dropped."""
        return self._end is not None

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.lingers or self._transport.is_closing()

    def close(self) -> None:
        """Send what is waiting, then the end of the stream; close when the client has ended too, or after a while."""
        if self.is_closing():
            return
        self._end = asyncio.get_running_loop().call_later(self._seconds, self._transport.close)
        self._transport.resume_reading()
        try:
            self._transport.write_eof()
        except OSError:  # the client has reset the connection
            self.close_now()

    def drop(self, data: bytes) -> None:
        """Count what the client still sends."""
        self._dropped += len(data)
        if self._dropped > MOST_DROPPED_BYTES:
            self.close_now()

    def close_now(self) -> None:
        """Send what is waiting, and close."""
        self.forget()
        self._transport.close()

    def forget(self) -> None:
        """Stop waiting; the connection is gone."""
        if self._end is not None:
            self._end.cancel()
