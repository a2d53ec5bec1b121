"""Which cards a job takes: what was asked for, in CANN's own numbers, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import LaunchError
from launch.cards import choose_cards, count_cards, parse_cards

OTHERS = {"ASCEND_RT_VISIBLE_DEVICES": "0,1,2,3"}
# A part of an Atlas 800T A2's table: the third chip of a row pair is its controller, which has no logical number.
MAPPING = """\
        NPU ID                         Chip ID                        Chip Logic ID                  Chip Name
        0                              0                              0                              Ascend 910B
        0                              1                              -                              Mcu
        1                              0                              1                              Ascend 910B
        1                              1                              -                              Mcu
"""


@pytest.mark.parametrize("cards", [8, 16])
def test_cards_are_the_device_files_that_are_there(cards: int, tmp_path: Path) -> None:
    for name in (*(f"davinci{number}" for number in range(cards)), "davinci_manager", "hisi_hdc"):
        (tmp_path / name).touch()

    assert count_cards(tmp_path) == cards


def test_without_device_files_npu_smi_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "npu-smi"
    program.write_text(f"#!/bin/sh\ncat <<'TABLE'\n{MAPPING}TABLE\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert count_cards(tmp_path / "none") == 2


@pytest.mark.parametrize(
    "script",
    ["sleep 60", "head -c 999 /dev/urandom", "echo dcmi failed >&2; exit 255", "", "\x7fELF of another processor"],
)
def test_an_npu_smi_that_does_not_answer_counts_nothing(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "npu-smi"
    program.write_text(script if "ELF" in script else f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert count_cards(tmp_path / "none", timeout=0.5) is None


def test_a_login_node_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert count_cards(tmp_path) is None


def test_a_list_wins_over_the_environment_and_says_so() -> None:
    assert choose_cards("6,7", 2, 8, OTHERS) == (
        "6,7",
        "cards 6,7 by --devices, not those of ASCEND_RT_VISIBLE_DEVICES=0,1,2,3",
    )


def test_the_environments_list_serves_where_none_is_given() -> None:
    assert choose_cards(None, 4, 8, OTHERS) == ("0,1,2,3", None)
    assert choose_cards(None, 2, 8, OTHERS) == ("0,1", "cards 0,1 of ASCEND_RT_VISIBLE_DEVICES=0,1,2,3")


def test_more_ranks_than_visible_cards_are_refused() -> None:
    with pytest.raises(LaunchError, match=r"shows 4 card\(s\); give --devices"):
        choose_cards(None, 8, 8, OTHERS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0,1,8", "no card 8 here, there are 8"),
        ("0-8", "no card 8 here, there are 8"),
        ("1,1", "twice"),
        ("0-3,2", "twice"),
        *((text, "card numbers with commas") for text in ("", "0,x", "0 1", "0,", "[0,8)", "3-1", "-1", "0x1", "０")),
    ],
)
def test_lists_that_cann_would_cut_short_are_refused(text: str, says: str) -> None:
    with pytest.raises(LaunchError, match=says):
        parse_cards(text, 8, "--devices")


def test_a_range_is_written_out_for_cann() -> None:
    assert choose_cards("0,4-6", 4, 8, {}) == ("0,4,5,6", None)
    assert choose_cards(None, 2, 8, {"ASCEND_RT_VISIBLE_DEVICES": "4-5"}) == (
        "4,5",
        "cards 4,5 of ASCEND_RT_VISIBLE_DEVICES=4-5",
    )


@pytest.mark.parametrize("text", ["0,1", "0-1"])
def test_another_number_of_cards_than_workers_is_refused(text: str) -> None:
    with pytest.raises(LaunchError, match=r"2 card\(s\) for 4 worker\(s\); --workers 2 takes them"):
        choose_cards(text, 4, 8, {})


@given(st.sets(st.integers(0, 15), min_size=1), st.randoms())
def test_any_order_becomes_the_rising_one_that_cann_wants(cards: set[int], random: object) -> None:
    words = list(map(str, cards))
    random.shuffle(words)  # type: ignore[attr-defined]

    assert parse_cards(" , ".join(words), 16, "--devices") == sorted(cards)
