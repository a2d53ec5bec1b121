"""What may be typed after a launcher's name: its own flags, and no flag that would be lost."""

from __future__ import annotations

import pytest

from common.errors import ConfigError, LaunchError
from launch.flags import parse_flags
from tests.unit.launch.plans import request


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        *(("--workers", value) for value in ("0", "-1", "abc", "2.5", "1e3", "", "２", "99999999999999999999")),
        *(("--nodes", value) for value in ("0", "x")),
        ("--node_rank", "-1"),
        *(("--master_port", value) for value in ("0", "-1", "65536", "http")),
        ("--cards_per_node", "0"),
        ("--cluster_timeout", "0"),
        ("--max_restarts", "-1"),
        *(("--hang_seconds", value) for value in ("0", "-1", "nan", "inf", "soon")),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_one_line(flag: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"argument {flag}: {value}: a .* is expected \(see .* --help\)$") as refused:
        parse_flags([f"{flag}={value}"])

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("--worker_num", "--workers N"),
        ("--device_num=8", "--workers N"),
        ("--nproc-per-node", "--workers N"),
        ("--node-rank", "--node_rank"),
        ("--master-addr=a", "--master_addr"),
        ("--rank_table", "--rank_table_file FILE"),
        ("--hostfile", "--hosts HOST:SLOTS"),
    ],
)
def test_other_launchers_names_are_answered_with_ours(word: str, says: str) -> None:
    with pytest.raises(ConfigError, match=f"the launcher calls it {says}"):
        parse_flags([word, "2"])


def test_the_doors_flags_are_left_alone() -> None:
    words = ["--config", "a.yaml", "--train.epochs=3", "--device_id", "1", "--debug"]

    assert parse_flags(["--workers", "2", *words])[1] == words


@pytest.mark.parametrize("words", [["--device_target", "CPU"], ["--device_target=GPU"], ["--runtime.platform", "CPU"]])
def test_another_device_than_the_scripts_is_refused(words: list[str]) -> None:
    with pytest.raises(LaunchError, match="this script is for Ascend; use bash launch/run_distribute_"):
        request({}, *words)


def test_the_scripts_own_device_may_be_named() -> None:
    made, _ = request({}, "--device_target", "Ascend")

    assert made.platform == "Ascend"


@pytest.mark.parametrize("words", [["--device_id", "3"], ["--runtime.device_id=3"]])
def test_a_card_for_all_ranks_is_said_to_do_nothing(words: list[str]) -> None:
    _, notes = request({}, "--workers", "2", *words)

    assert notes == ["--device_id: without effect, each rank gets the card of its place in --devices"]
    assert request({}, "--workers", "1", *words)[1] == []


def test_a_list_of_cards_says_how_many_workers() -> None:
    made, _ = request({}, "--devices", "0,4-6")

    assert (made.workers, made.devices) == (4, "0,4,5,6")


def test_flags_of_cards_are_said_to_do_nothing_on_cpu() -> None:
    made, notes = request({}, "--platform", "CPU", "--workers", "2", "--devices", "0,1")

    assert made.devices is None
    assert notes == ["--devices, --cards_per_node: without effect, there are no cards on CPU"]


def test_the_time_to_meet_is_the_flags_then_the_environments_then_ten_minutes() -> None:
    environ = {"MS_TOPO_TIMEOUT": "90"}

    assert request({}, "--workers", "2")[0].cluster_timeout == 600
    assert request(environ, "--workers", "2")[0].cluster_timeout == 90
    assert request(environ, "--workers", "2", "--cluster_timeout", "30")[0].cluster_timeout == 30
