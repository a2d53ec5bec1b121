"""TCP ports."""

from __future__ import annotations

import socket


def is_free(port: int) -> bool:
    """Whether a server could listen on the port here."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the scheduler does
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


def choose(wanted: int, can_move: bool) -> tuple[int, str | None]:
    """Return the wanted port, or another one and a line that says so.

    Raises:
        OSError: the port is in use and the other nodes know no other (`can_move` is false).
    """
    if is_free(wanted):
        return wanted, None
    if not can_move:
        raise OSError(f"port {wanted} is in use; give all nodes another --master_port")
    port = any_free()
    return port, f"port {wanted} is in use: taking {port}"
