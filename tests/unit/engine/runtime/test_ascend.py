from collections.abc import Mapping
from pathlib import Path

import pytest

from common.npu_smi import NpuSmiError, NpuStatus
from engine.runtime.ascend import describe_ascend, npu_reader, npus_of_job
from engine.runtime.start import Runtime, describe_environment

NODE = tuple(NpuStatus(number, 0, "910B3", "OK", 36.0, 0.0, 3401.0, 65536.0) for number in range(8))


def numbers(ranks: int, device: int = 0, visible: str | None = None, node: tuple[NpuStatus, ...] = NODE) -> list[int]:
    environ = {} if visible is None else {"ASCEND_RT_VISIBLE_DEVICES": visible}
    return [npu.npu for npu in npus_of_job(node, ranks, device, environ)]


def test_a_node_is_described_by_its_versions_and_cards(tmp_path: Path) -> None:
    for file, text in {
        "usr/local/Ascend/cann/compiler/version.info": "Version=9.0.0\n",
        "usr/local/Ascend/cann/share/info/hccl/version.info": "Version=9.0.1\n",
        "usr/local/Ascend/driver/version.info": "Version=25.3.rc1\n",
    }.items():
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text(text)

    assert describe_ascend({}, tmp_path, lambda environ: NODE[:2]) == {
        "cann": "9.0.0",
        "cann_home": str(tmp_path / "usr/local/Ascend/cann"),
        "hccl": "9.0.1",
        "driver": "25.3.rc1",
        "cards": ["0.0 910B3 OK", "1.0 910B3 OK"],
    }


def test_where_nothing_is_found_the_record_says_so(tmp_path: Path) -> None:
    def fail(environ: Mapping[str, str]) -> tuple[NpuStatus, ...]:
        raise NpuSmiError("npu-smi is not on the PATH")

    described = describe_ascend({}, tmp_path, fail)

    assert described.pop("cards") == "unknown: npu-smi is not on the PATH"
    assert set(described.values()) == {None}


def test_one_process_counts_its_own_card_alone() -> None:
    assert numbers(ranks=1, device=5) == [5]


def test_ranks_count_the_first_cards_and_no_one_else_s() -> None:
    assert numbers(ranks=4) == [0, 1, 2, 3]


def test_of_several_nodes_every_card_of_this_one_counts() -> None:
    assert numbers(ranks=16) == [0, 1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(("ranks", "device", "cards"), [(4, 0, [4, 5, 6, 7]), (2, 0, [4, 5]), (1, 2, [6])])
def test_cards_are_counted_among_those_that_are_visible(ranks: int, device: int, cards: list[int]) -> None:
    assert numbers(ranks, device, "4,5,6,7") == cards


def test_in_a_container_they_are_counted_from_its_first() -> None:
    assert numbers(ranks=2, visible="0,1", node=NODE[6:]) == [6, 7]


def test_a_list_that_fits_no_card_is_named() -> None:
    with pytest.raises(NpuSmiError, match=r"lists 8 card.*'12'"):
        numbers(ranks=1, visible="12")


def test_a_cpu_has_nothing_to_ask() -> None:
    assert npu_reader("CPU", 1, {}) is None


def test_an_ascend_s_environment_names_it_and_a_cpu_s_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASCEND_HOME_PATH", raising=False)

    described = describe_environment(Runtime("Ascend"))["ascend"]

    assert isinstance(described, dict)
    assert set(described) == {"cann", "cann_home", "hccl", "driver", "cards"}
    assert "ascend" not in describe_environment(Runtime("CPU"))


def test_a_job_on_ascend_asks_npu_smi_for_its_own_card(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    rows = "| 2 910B3 | OK | 91.0 36 0 / 0 |\n| 0 | 0000:41:00.0 | 5 0 / 0 3401 / 65536 |\n"
    (tmp_path / "npu-smi").write_text(f"#!/bin/sh\nprintf '{rows}{rows.replace('2 910B3', '3 910B3')}'\n")
    (tmp_path / "npu-smi").chmod(0o755)

    read = npu_reader("Ascend", 1, {"PATH": str(tmp_path), "ASCEND_RT_VISIBLE_DEVICES": "1"})

    assert read is not None
    assert [npu.npu for npu in read()] == [3]
    assert not recwarn.list
