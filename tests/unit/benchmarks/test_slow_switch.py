"""The switch on pairs of sockets, which keep frames apart as TAP devices do."""

import multiprocessing
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.slow_switch import hardware_address, switch_frames


def frame(to: str, content: bytes) -> bytes:
    return bytes.fromhex(to.replace(":", "")) + bytes(6) + content


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[socket.socket]]:
    """Three hosts on a switch."""
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(3)]
    taps = [behind.fileno() for _, behind in pairs]
    switch = multiprocessing.get_context("fork").Process(target=switch_frames, args=(taps, tmp_path / "control"))
    switch.start()
    for host, _ in pairs:
        host.settimeout(30)
    yield [host for host, _ in pairs]
    switch.terminate()
    switch.join()
    for pair in pairs:
        for end in pair:
            end.close()


def test_a_frame_goes_to_its_host_alone_and_in_order(hosts: list[socket.socket]) -> None:
    for content in (b"one", b"two"):
        hosts[0].send(frame(hardware_address(2), content))
    hosts[0].send(frame(hardware_address(1), b"three"))

    assert [hosts[2].recv(100)[12:] for _ in range(2)] == [b"one", b"two"]
    assert hosts[1].recv(100)[12:] == b"three"


def test_a_call_to_all_reaches_all_others(hosts: list[socket.socket]) -> None:
    hosts[1].send(frame("ff:ff:ff:ff:ff:ff", b"who"))
    hosts[1].send(frame(hardware_address(1), b"self"))

    assert (hosts[0].recv(100)[12:], hosts[2].recv(100)[12:]) == (b"who", b"who")
    assert hosts[1].recv(100)[12:] == b"self"
