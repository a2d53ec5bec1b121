from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from common import ports
from common.errors import LaunchError
from launch import preflight
from launch.preflight import Check, Machine, host, network, table
from launch.preflight.__main__ import main
from launch.preflight.loader import judge, loader_keeps_up
from launch.request import JobRequest


def states(checks: Sequence[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


def test_a_cpu_job_on_this_machine_is_fine(tmp_path: Path) -> None:
    checks = preflight.check(JobRequest("train.py", ("--dataset_path", str(tmp_path)), workers=1), tmp_path)

    assert set(states(checks)) == {"mindspore", "packages", "cores", "disk", "/dev/shm", "open files", "data"}
    assert "fail" not in states(checks).values()


def test_ascend_without_cards_driver_or_cann_fails_in_each(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"PATH": ""})
    found = states(preflight.check(JobRequest("train.py", platform="Ascend", workers=8), tmp_path, machine))

    assert {name for name, state in found.items() if state == "fail"} == {
        "CANN", "set_env.sh", "import te", "import hccl", "NPU driver", "permission", "cards",
    }  # fmt: skip


def test_whatever_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    machine = Machine(tmp_path, {"PATH": ""})
    request = JobRequest("train.py", platform="Ascend", workers=8, nodes=2, master_addr="127.0.0.9", node_rank=1)
    checks = preflight.check(request, tmp_path, machine, wait=0)

    assert [check.name for check in checks if check.state != "ok" and not check.remedy] == []
    assert table(checks).count("-> ") == sum(check.state != "ok" for check in checks)


def test_missing_data_is_named(tmp_path: Path) -> None:
    checks = preflight.check(JobRequest("train.py", (f"--data.path={tmp_path}/none",)), tmp_path)

    assert states(checks)["data"] == "fail"
    assert f"{tmp_path}/none" in table(checks)


def test_an_output_folder_that_no_file_can_be_written_to_fails() -> None:
    found = states(preflight.check(JobRequest("train.py"), Path("/proc/runs")))

    assert found["disk"] == "fail"


def test_a_flag_that_is_nobodys_is_refused() -> None:
    with pytest.raises(LaunchError, match=r"--frobnicate 2: no flag of this one; the job's own need its --config FILE"):
        main(["--frobnicate", "2"])


def test_a_port_in_use_moves_or_says_so() -> None:
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        busy = server.getsockname()[1]

        port, note = ports.choose(busy, can_move=True)

        assert port != busy
        assert note == f"port {busy} is in use: taking {port}"
        assert network.scheduler_port(JobRequest("t", workers=2, master_port=busy)).state == "warn"
        two_nodes = JobRequest("t", nodes=2, master_addr="10.0.0.1", master_port=busy)
        assert network.scheduler_port(two_nodes).state == "fail"


def test_clocks_are_compared_by_ntp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            _, client = server.recvfrom(48)
            seconds = time.time() - 100 + 2_208_988_800
            server.sendto(b"\0" * 40 + struct.pack("!II", int(seconds), int(seconds % 1 * 2**32)), client)

        threading.Thread(target=answer, daemon=True).start()

        skew = network.clock_skew("127.0.0.1", server.getsockname()[1], timeout=5)

    assert 99 < skew < 101


def test_nodes_that_write_into_one_folder_find_each_other(tmp_path: Path) -> None:
    found: dict[int, Check] = {}

    def node(rank: int, folder: Path) -> None:
        request = JobRequest("t", nodes=2, node_rank=rank, master_addr="10.0.0.1")
        found[rank] = network.folder_is_shared(request, folder, wait=5)

    threads = [threading.Thread(target=node, args=(rank, tmp_path / "runs")) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [found[rank].state for rank in (0, 1)] == ["ok", "ok"]


def test_a_folder_that_only_this_node_sees_is_told(tmp_path: Path) -> None:
    request = JobRequest("t", nodes=2, node_rank=0, master_addr="10.0.0.1")
    stale = tmp_path / "preflight_node_1"
    stale.touch()
    old = time.time() - 3600
    os.utime(stale, (old, old))

    check = network.folder_is_shared(request, tmp_path, wait=0)

    assert check.state == "warn"
    assert "no word of node 1" in check.details


@pytest.mark.parametrize(
    ("soft", "state"), [(256, "warn"), (65536, "ok"), (-1, "ok")], ids=["few", "many", "without limit"]
)
def test_open_files(monkeypatch: pytest.MonkeyPatch, soft: int, state: str) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (soft, -1))
    assert host.open_files().state == state


def test_missing_packages_are_named() -> None:
    check = host.packages_are_there(("sys", "no_such_package"))
    assert (check.state, check.details) == ("fail", "missing: no_such_package")


# What reading 100 pictures a second means.


def test_cards_that_would_wait_are_counted_in_percent() -> None:
    slow = judge(731.0, JobRequest("t", platform="Ascend", workers=8), None)
    assert slow.state == "warn"
    assert "feeds 731 pictures/s to each of 8 rank(s), whose steps take 1,462" in slow.details
    assert "wait 50% of the time" in slow.details
    assert judge(100.0, JobRequest("t"), 99.0).state == "ok"
    assert judge(100.0, JobRequest("t"), None).state == "ok"


def test_the_loader_is_measured_with_the_jobs_own_recipe() -> None:
    recipe = Path(__file__).resolve().parents[3] / "config" / "lenet5_digits.yaml"
    request = JobRequest("train.py", ("--config", str(recipe)), workers=2)
    check = loader_keeps_up(request, seconds=0.2, needs=1.0)
    assert check.state == "ok", check
    assert "to each of 2 rank(s), whose steps take 1 (--needs)" in check.details


def test_a_recipe_that_cannot_be_read_is_the_loaders_failure() -> None:
    check = loader_keeps_up(JobRequest("train.py", ("--config", "none.yaml")), seconds=0.1)
    assert check.state == "fail"
    assert "none.yaml" in check.details
