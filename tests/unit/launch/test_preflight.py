import socket
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from common import ports
from launch import preflight
from launch.preflight import Check
from launch.request import JobRequest


def states(checks: Sequence[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_a_cpu_job_on_this_machine_is_fine(tmp_path: Path) -> None:
    checks = preflight.check(JobRequest("train.py", ("--dataset_path", str(tmp_path)), workers=1), tmp_path)

    assert set(states(checks)) == {"mindspore", "cores", "disk", "data"}
    assert "fail" not in states(checks).values()


def test_ascend_without_cards_driver_or_cann_fails_in_each(tmp_path: Path) -> None:
    if Path("/usr/local/Ascend").exists():
        pytest.skip("this machine has some of it")
    found = states(preflight.check(JobRequest("train.py", platform="Ascend", workers=8), tmp_path))

    assert (found["CANN"], found["NPU driver"], found["cards"]) == ("fail", "fail", "fail")


def test_missing_data_is_named(tmp_path: Path) -> None:
    checks = preflight.check(JobRequest("train.py", (f"--data.path={tmp_path}/none",)), tmp_path)

    assert states(checks)["data"] == "fail"
    assert f"{tmp_path}/none" in preflight.table(checks)


def test_a_port_in_use_moves_or_says_so() -> None:
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        busy = server.getsockname()[1]

        port, note = ports.choose(busy, can_move=True)

        assert port != busy
        assert note == f"port {busy} is in use: taking {port}"
        assert states([preflight._port(JobRequest("t", workers=2, master_port=busy))])["port"] == "warn"


def test_cards_are_counted_by_their_device_files(tmp_path: Path) -> None:
    for name in ("davinci0", "davinci1", "davinci_manager"):
        (tmp_path / name).touch()

    assert preflight._cards(JobRequest("t", platform="Ascend", workers=2), tmp_path).state == "ok"
    assert preflight._cards(JobRequest("t", platform="Ascend", workers=3), tmp_path).state == "fail"


def test_clocks_are_compared_by_ntp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            _, client = server.recvfrom(48)
            seconds = time.time() - 100 + 2_208_988_800
            server.sendto(b"\0" * 40 + struct.pack("!II", int(seconds), int(seconds % 1 * 2**32)), client)

        threading.Thread(target=answer, daemon=True).start()

        skew = preflight.clock_skew("127.0.0.1", server.getsockname()[1], timeout=5)

    assert 99 < skew < 101
