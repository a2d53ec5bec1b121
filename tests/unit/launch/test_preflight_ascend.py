"""The preflight of an Ascend node, on fake device trees and with stub programs; nothing was run on hardware."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from launch.preflight import Check, Machine, ascend, host
from launch.request import JobRequest

# A node with eight healthy, free cards, and what can be wrong with it. Text as npu-smi and hccn_tool print it.
CARD = "| {npu}     910B3               | {health:<13} | 91.0        36                0    / 0             |"
CHIP = "| 0                         | 0000:41:00.0  | 0           0    / 0          3401 / 65536         |"
IDLE = "| No running processes found in NPU {npu}                                                            |"
BUSY = "| {npu}       0                 | 1333928       | python                   | 37709                   |"
COMPILER = "Version=8.5.0.1.220\nversion_dir=8.5.0\n"


class Node:
    """Fake device tree, CANN and programs in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cards = 8
        self.cann = "usr/local/Ascend/cann"
        self.version = COMPILER
        self.modules = {"te": "", "hccl": ""}
        self.health = dict.fromkeys(range(16), "OK")
        self.busy: set[int] = set()
        self.down: set[int] = set()
        self.addresses = {card: f"192.168.100.{card + 10}" for card in range(16)}
        self.sourced = True
        self.driver = True
        self.smi = "exit 0"
        self.manager = True
        self.shm = True

    def machine(self) -> Machine:
        for name in [f"davinci{card}" for card in range(self.cards)] + ["davinci_manager"] * self.manager:
            self._file(f"dev/{name}")
        if self.shm:
            (self.root / "dev/shm").mkdir(parents=True, exist_ok=True)
        if self.cann:
            self._file(f"{self.cann}/compiler/version.info", self.version)
        if self.driver:
            self._file("usr/local/Ascend/driver/version.info", "Version=25.5.0\n")
        for module, text in self.modules.items():
            self._file(f"python/{module}.py", text)
        rows = [row.format(npu=npu, health=self.health[npu]) for npu in range(self.cards) for row in (CARD, CHIP)]
        rows += [(BUSY if npu in self.busy else IDLE).format(npu=npu) for npu in range(self.cards)]
        self._program("bin/npu-smi", "cat <<'E'\n" + "\n".join(rows) + f"\nE\n{self.smi}")
        link = "\n".join(f"{card}) echo 'link status: DOWN' ;;" for card in self.down)
        ip = "\n".join(
            f"{card}) printf 'ipaddr:{ip}\\nnetmask:255.255.255.0\\n' ;;" for card, ip in self.addresses.items()
        )
        self._program(
            "usr/local/Ascend/driver/tools/hccn_tool",
            f"case $3 in -link) case $2 in {link} *) echo 'link status: UP' ;; esac ;;\n"
            f"-ip) case $2 in {ip} esac ;; esac",
        )
        home = f"/{self.cann or 'none'}"
        variables = {"ASCEND_HOME_PATH": home, "ASCEND_OPP_PATH": f"{home}/opp"} if self.sourced else {}
        return Machine(
            self.root, {"PATH": f"{self.root}/bin:/usr/bin:/bin", "PYTHONPATH": f"{self.root}/python", **variables}
        )

    def _file(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def _program(self, name: str, text: str) -> None:
        self._file(name, f"#!/bin/sh\n{text}\n").chmod(0o755)


TWO_NODES = {"nodes": 2, "node_rank": 0, "master_addr": "10.0.0.1"}


def look(node: Node, **wanted: object) -> dict[str, Check]:
    request = JobRequest("train.py", platform="Ascend", **{"workers": 8, **wanted})  # type: ignore[arg-type]
    return {check.name: check for check in ascend.every_check(request, node.machine())}


def test_a_sound_node_is_ok_in_every_line(tmp_path: Path) -> None:
    found = look(Node(tmp_path), **TWO_NODES)
    assert {name: check.state for name, check in found.items() if check.state != "ok"} == {}
    assert set(found) >= {"CANN", "CANN version", "import te", "NPU driver", "cards", "health", "free cards", "links"}


FAULTS = {
    "no CANN": ({"cann": ""}, {}, "CANN", "not found"),
    "not sourced": ({"sourced": False}, {}, "set_env.sh", "ASCEND_HOME_PATH and ASCEND_OPP_PATH not set"),
    "CANN too old": ({"version": "Version=7.0.0.5\n"}, {}, "CANN version", "7.0.0.5, MindSpore takes"),
    "no te": ({"modules": {"hccl": ""}}, {}, "import te", "No module named 'te'"),
    "no hccl": ({"modules": {"te": ""}}, {}, "import hccl", "No module named 'hccl'"),
    "te lacks decorator": (
        {"modules": {"te": "import no_decorator", "hccl": ""}}, {}, "import te", "No module named 'no_decorator'"
    ),
    "no driver": ({"driver": False}, {}, "NPU driver", "version.info not found"),
    "no manager device": ({"manager": False}, {}, "permission", "/dev/davinci_manager is not there"),
    "too few cards": ({"cards": 4}, {}, "cards", "4 visible, 8 wanted"),
    "a card that is not there": ({}, {"workers": 2, "devices": "0,9"}, "cards", "no card 9 here, there are 8"),
    "a card twice": ({}, {"workers": 1, "devices": "3,3"}, "cards", "names a card twice"),
    "npu-smi fails": ({"smi": "exit 1"}, {}, "health", "missing, or it fails"),
    "card ill": ({"health": {**dict.fromkeys(range(16), "OK"), 3: "Alarm"}}, {}, "health", "NPU 3: Alarm"),
    "card busy": ({"busy": {2}}, {}, "free cards", "NPU 2: process 1333928 holds 37709 MB"),
    "link down": ({"down": {5}}, TWO_NODES, "links", "card 5: link status: DOWN"),
    "no address": ({"addresses": {0: "192.168.100.10"}}, TWO_NODES, "addresses", "card 1, 2, 3, 4, 5, 6, 7 has none"),
    "same address": ({"addresses": dict.fromkeys(range(8), "10.1.1.1")}, TWO_NODES, "addresses", "two cards have"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "wanted", "name", "details"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_with_its_remedy(
    tmp_path: Path, changes: dict[str, object], wanted: dict[str, object], name: str, details: str
) -> None:
    node = Node(tmp_path)
    for attribute, value in changes.items():
        setattr(node, attribute, value)

    check = look(node, **wanted)[name]

    assert check.state in ("warn", "fail")
    assert details in check.details
    assert check.remedy


def test_a_busy_card_that_the_job_does_not_take_is_no_matter(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.busy = {2}
    assert look(node, workers=2, devices="0,1")["free cards"].state == "ok"
    assert look(node, workers=2, devices="1,2")["free cards"].state == "fail"


def test_of_two_chips_on_a_card_each_counts_as_one_that_the_job_may_take() -> None:
    rows = [
        f"| {npu}     Ascend910 | OK | - 52 0 / 0 |\n| {chip} {2 * npu + chip} | 0000:83:00.0 | 0 0 / 0 152/ 65536 |"
        for npu in range(8)
        for chip in range(2)
    ]
    listing = "\n".join([*rows, "| 5       1                 | 692318        | python3      | 12417       | NA      |"])

    def state(devices: str) -> str:
        request = JobRequest("train.py", platform="Ascend", workers=2, devices=devices)
        return ascend.free_cards(listing, request).state

    assert (state("10,11"), state("4,5")) == ("fail", "ok")


@pytest.mark.parametrize("listing", ["", "a table of another kind", "\ufffd\x00\ufffd"])
def test_a_table_that_cannot_be_read_is_not_called_sound(listing: str) -> None:
    assert ascend.health(listing).state == "warn"
    assert ascend.free_cards(listing, JobRequest("train.py", platform="Ascend", workers=2)).state == "warn"


def test_a_link_of_which_nothing_is_said_is_not_called_up(tmp_path: Path) -> None:
    node = Node(tmp_path)
    machine = node.machine()
    (tmp_path / "usr/local/Ascend/driver/tools/hccn_tool").write_text("#!/bin/sh\necho\n")

    (check, *_) = ascend.links(JobRequest("train.py", platform="Ascend", workers=2), machine)

    assert (check.state, check.details) == ("warn", "card 0: no answer; card 1: no answer")


def test_sixteen_cards_are_a_node_too(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.cards = 16
    assert look(node, workers=16)["cards"].details == "16 visible, 16 wanted (--workers)"


def test_an_older_layout_of_cann_is_found(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.cann = "usr/local/Ascend/ascend-toolkit/latest"
    node.sourced = False
    found = look(node)
    assert found["CANN"].state == "ok"
    assert found["set_env.sh"].remedy.endswith("ascend-toolkit/latest/set_env.sh")


def test_the_versions_of_cann_are_mindspores_own() -> None:
    versions = ascend.mindspores_cann_versions()
    assert {"8.5", "9.0"} <= set(versions)
    assert "mindspore" not in sys.modules or versions  # read from its file: MindSpore need not be loaded


def test_a_container_without_shared_memory_is_told_the_flag(tmp_path: Path) -> None:
    check = host.shared_memory(JobRequest("t", workers=8), Machine(tmp_path, {}))
    assert (check.state, "--shm-size" in check.remedy) == ("warn", True)
