import os
from pathlib import Path

import pytest

from common.npu_smi import NpuSmiError, NpuStatus, parse_npu_smi, query_npus

# As npu-smi prints on an Atlas A2 (24.1), an A3 with two chips a card (26.0), and a 310P without HBM.
A2 = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 24.1.rc3                 Version: 24.1.rc3                                             |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 2     910B3               | OK            | 91.0        36                0    / 0             |
| 0                         | 0000:41:00.0  | 0           0    / 0          3401 / 65536         |
+===========================+===============+====================================================+
| 3     910B3               | Alarm         | 306.2       61                0    / 0             |
| 0                         | 0000:42:00.0  | 87          0    / 0          62336/ 65536         |
+===========================+===============+====================================================+
| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |
+===========================+===============+====================================================+
| 3       0                 | 1333928       | python                   | 37709                   |
| No running processes found in NPU 2                                                            |
+===========================+===============+====================================================+
"""
A3 = """\
| 7     Ascend910           | OK            | 172.0                53                      0    / 0                |
| 0     14                  | 0000:81:00.0  | 13                   0    / 0                15503/ 65536            |
+------------------------------------------------------------------------------------------------------------------+
| 7     Ascend910           | OK            | -                    52                      0    / 0                |
| 1     15                  | 0000:83:00.0  | 0                    0    / 0                15242/ 65536            |
"""
P310 = """\
| 1       310P3                 | OK              | NA           59                0     / 0             |
| 0       0                     | 0000:01:00.0    | 4            1397 / 44280                            |
"""


def test_every_chip_of_a_node_is_read_with_its_use_memory_and_temperature() -> None:
    assert parse_npu_smi(A2) == (
        NpuStatus(2, 0, "910B3", "OK", 36.0, 0.0, 3401.0, 65536.0),
        NpuStatus(3, 0, "910B3", "Alarm", 61.0, 87.0, 62336.0, 65536.0),
    )


def test_two_chips_of_a_card_are_two() -> None:
    assert [(npu.npu, npu.chip, npu.use_percent, npu.celsius) for npu in parse_npu_smi(A3)] == [
        (7, 0, 13.0, 53.0),
        (7, 1, 0.0, 52.0),
    ]


def test_a_chip_without_hbm_counts_its_only_memory() -> None:
    (npu,) = parse_npu_smi(P310)

    assert (npu.memory_mb, npu.memory_total_mb, npu.use_percent) == (1397.0, 44280.0, 4.0)


def test_what_is_no_number_is_not_known() -> None:
    (npu,) = parse_npu_smi(P310.replace("59 ", "NA ").replace("4            1397 / 44280", "NA           NA"))

    assert (npu.celsius, npu.use_percent, npu.memory_mb) == (None, None, None)


@pytest.mark.parametrize(
    "listing", ["", "dcmi module initialize failed. ret is -8005", A2.splitlines()[6], "|||\n" * 9]
)
def test_text_without_a_whole_pair_of_rows_lists_nothing(listing: str) -> None:
    assert parse_npu_smi(listing) == ()


def fake_npu_smi(folder: Path, script: str) -> dict[str, str]:
    program = folder / "npu-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_the_program_that_is_on_the_path_is_asked(tmp_path: Path) -> None:
    environ = fake_npu_smi(tmp_path, f'[ "$*" = info ] && cat <<"E"\n{A2}E')

    assert query_npus(environ) == parse_npu_smi(A2)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(NpuSmiError, match="not on the PATH"):
        query_npus({"PATH": str(tmp_path)})


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exit 3", "ended with 3"), ("exec sleep 60", "no answer in 0.5 s"), ("echo nothing", "no card")],
)
def test_a_program_that_does_not_answer_says_why(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(NpuSmiError, match=reason):
        query_npus(fake_npu_smi(tmp_path, script), timeout=0.5 if "sleep" in script else 30)
