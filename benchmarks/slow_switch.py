"""A network switch that holds every frame for a while: TAP devices, so that a kernel without `netem` will do."""

from __future__ import annotations

import fcntl
import heapq
import os
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path

_TUNSETIFF, _TAP, _NO_PACKET_INFO = 0x400454CA, 0x0002, 0x1000
_LARGEST_FRAME = 65_600
_BROADCAST = b"\xff" * 6


def hardware_address(port: int) -> str:
    """The address that a host at a port must have."""
    return f"02:00:00:00:00:{port:02x}"


def open_tap(name: str) -> int:
    """Make a network device in this namespace whose frames go through a file descriptor; it may be moved to another."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP | _NO_PACKET_INFO))
    return device


def switch_frames(taps: Sequence[int], control: Path) -> None:
    """Forward frames between devices for ever, each after the delay that came last.

    Args:
        taps: file descriptors; the host behind the n-th has `hardware_address(n)`.
        control: datagram socket to be made here; each message is a delay in seconds.
    """
    messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    messages.bind(str(control))
    selector = selectors.DefaultSelector()
    selector.register(messages, selectors.EVENT_READ)
    for tap in taps:
        selector.register(tap, selectors.EVENT_READ)
    held: list[tuple[float, int, int, bytes]] = []
    delay, count = 0.0, 0
    while True:
        wait = max(0.0, held[0][0] - time.monotonic()) if held else None
        for key, _ in selector.select(wait):
            if key.fileobj is messages:
                delay = float(messages.recv(64))
                continue
            frame = os.read(key.fd, _LARGEST_FRAME)
            for tap in _receivers(frame, key.fd, taps):
                count += 1
                heapq.heappush(held, (time.monotonic() + delay, count, tap, frame))
        while held and held[0][0] <= time.monotonic():
            _, _, tap, frame = heapq.heappop(held)
            try:
                os.write(tap, frame)
            except OSError:  # the host is not up yet, or no more: a lost frame, as on any network
                continue


def _receivers(frame: bytes, sender: int, taps: Sequence[int]) -> list[int]:
    if frame[:5] == bytes.fromhex("0200000000") and frame[5] < len(taps):
        return [taps[frame[5]]]
    return [tap for tap in taps if tap != sender] if frame[:6] == _BROADCAST else []
