"""From a rank table to every process of the plan."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from common.errors import LaunchError
from launch.schedulers import rank_table
from tests.unit.launch.plans import expected, processes, request


def rank_table_file(folder: Path, servers: int = 1, cards: int = 16) -> Path:
    """HCCL's own example, version 1.0."""
    table = {
        "version": "1.0",
        "server_count": str(servers),
        "server_list": [
            {
                "server_id": f"10.0.0.{server + 1}",
                "device": [
                    {
                        "device_id": str(card),
                        "device_ip": f"192.1.{server}.{card}",
                        "rank_id": str(server * cards + card),
                    }
                    for card in range(cards)
                ],
            }
            for server in range(servers)
        ],
        "status": "completed",
    }
    path = folder / "rank_table.json"
    path.write_text(json.dumps(table))
    return path


def test_a_rank_table_of_sixteen_cards(tmp_path: Path) -> None:
    table = rank_table_file(tmp_path)

    made = processes({}, "--rank_table_file", str(table))

    assert made == expected("127.0.0.1", 8118, range(16), 16, 16, RANK_TABLE_FILE=str(table))
    assert processes({"RANK_TABLE_FILE": str(table)})[1]["DEVICE_ID"] == "0"


def test_a_rank_table_of_two_servers_knows_which_one_this_is(tmp_path: Path) -> None:
    table = rank_table_file(tmp_path, servers=2, cards=8)

    found = rank_table.allocation(table, {}, names=lambda: {"10.0.0.2"})

    assert (found.nodes, found.node_rank, found.master_addr, found.workers) == (2, 1, "10.0.0.1", 8)
    with pytest.raises(LaunchError, match=r"which of 10.0.0.1, 10.0.0.2 is this machine\? Say so by --node_rank"):
        rank_table.allocation(table, {}, names=lambda: {"10.0.0.3"})


@pytest.mark.parametrize("node", [0, 1])
def test_every_process_of_two_servers_of_a_rank_table(node: int, tmp_path: Path) -> None:
    table = rank_table_file(tmp_path, servers=2, cards=8)

    made = processes({}, "--rank_table_file", str(table), "--node_rank", str(node))

    ranks = range(8 * node, 8 * node + 8)
    assert made == expected("10.0.0.1", 8118, ranks, 16, 8, RANK_TABLE_FILE=str(table))


def servers_file(folder: Path, servers: Sequence[tuple[str, Sequence[int]]], first: Sequence[int], **more: Any) -> Path:
    """A rank table of servers (name, cards), each with the number of its first rank, in the order given."""
    listed = [
        {"server_id": name, "device": [{"device_id": str(c), "rank_id": str(f + n)} for n, c in enumerate(cards)]}
        for (name, cards), f in zip(servers, first, strict=True)
    ]
    path = folder / "table.json"
    path.write_text(json.dumps({"version": "1.0", "server_list": listed, "status": "completed", **more}))
    return path


def test_a_part_of_the_cards_is_what_every_process_sees(tmp_path: Path) -> None:
    table = servers_file(tmp_path, [("10.0.0.1", (4, 5, 6, 7))], [0])

    made = processes({"ASCEND_RT_VISIBLE_DEVICES": "0,1"}, "--rank_table_file", str(table))

    cards = {"RANK_TABLE_FILE": str(table), "ASCEND_RT_VISIBLE_DEVICES": "4,5,6,7"}
    assert made == expected("127.0.0.1", 8118, range(4), 4, 4, **cards)


def test_servers_may_give_different_cards_and_stand_in_any_order(tmp_path: Path) -> None:
    table = servers_file(tmp_path, [("10.0.0.2", (6, 7)), ("10.0.0.1", (0, 1))], [2, 0])

    found = rank_table.allocation(table, {}, names=lambda: {"10.0.0.2"})
    made = processes({}, "--rank_table_file", str(table), "--node_rank", "1")

    assert (found.node_rank, found.master_addr, found.devices) == (1, "10.0.0.1", "6,7")
    cards = {"RANK_TABLE_FILE": str(table), "ASCEND_RT_VISIBLE_DEVICES": "6,7"}
    assert made == expected("10.0.0.1", 8118, range(2, 4), 4, 2, **cards)


@pytest.mark.parametrize(
    ("listed", "mine"),
    [("node-b", "node-b"), ("node-b.cluster.local", "node-b"), ("node-b", "NODE-B.cluster.local"), ("10.0.0.2",) * 2],
)
def test_a_server_is_known_by_name_short_name_or_address(listed: str, mine: str, tmp_path: Path) -> None:
    table = servers_file(tmp_path, [("node-a", (0, 1)), (listed, (0, 1))], [0, 2])

    assert rank_table.allocation(table, {}, names=lambda: {mine}).node_rank == 1


@pytest.mark.parametrize("names", [{"10.1.2.3"}, {"node-a"}])
def test_a_server_that_could_be_two_is_asked_for(names: set[str], tmp_path: Path) -> None:
    table = servers_file(tmp_path, [("node-a.east", (0,)), ("node-a.west", (0,)), ("10.0.0.3", (0,))], [0, 1, 2])

    with pytest.raises(LaunchError, match="Say so by --node_rank"):
        rank_table.allocation(table, {}, names=lambda: names)


def test_workers_beside_a_rank_table_are_refused(tmp_path: Path) -> None:
    table = rank_table_file(tmp_path, cards=8)

    with pytest.raises(LaunchError, match=r"is for 1 node\(s\) of 8 card\(s\).* the flags ask for 1 of 4"):
        request({}, "--rank_table_file", str(table), "--workers", "4")


def test_other_cards_than_the_rank_tables_are_refused(tmp_path: Path) -> None:
    table = str(rank_table_file(tmp_path, cards=2))

    with pytest.raises(LaunchError, match=r"rank_table.json gives this node cards 0,1; leave out --devices"):
        request({}, "--rank_table_file", table, "--devices", "4,5")
    with pytest.raises(LaunchError, match="is for msrun"):
        request({}, "--rank_table_file", table, "--launcher", "mpirun")


def test_a_rank_table_says_nothing_of_cpu_processes(tmp_path: Path) -> None:
    made, notes = request({"RANK_TABLE_FILE": "/nowhere.json"}, "--platform", "CPU", "--workers", "2")

    assert (made.workers, made.rank_table) == (2, None)
    assert notes == ["--cards_per_node: without effect, there are no cards on CPU"]


def test_the_older_rank_table_of_model_arts_is_read_but_not_handed_on(tmp_path: Path) -> None:
    devices = [{"device_id": str(card), "device_ip": f"192.1.0.{card}"} for card in (4, 5, 6, 7)]
    instance = {"devices": devices, "pod_name": "jobaf-0", "server_id": "10.0.0.1"}
    table = tmp_path / "jobstart_hccl.json"
    table.write_text(json.dumps({"status": "completed", "group_list": [{"instance_list": [instance]}]}))

    made, _ = request({}, "--rank_table_file", str(table))

    assert (made.workers, made.devices, made.rank_table) == (4, "4,5,6,7", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is no JSON in UTF-8"),
        ("[]", "not one of HCCL's"),
        ('{"server_count": "two", "server_list": []}', "not one of HCCL's"),
        ('{"server_list": [{"server_id": "a", "device": []}]}', "lists no cards"),
        (
            '{"server_list": [{"server_id": "a", "device": [{"device_id": "0", "rank_id": "0"}]}, '
            '{"server_id": "a", "device": [{"device_id": "0", "rank_id": "1"}]}]}',
            "lists server a twice",
        ),
        ('{"status": "initializing"}', "wait for the scheduler"),
        ('{"server_list": []}', "lists no cards"),
        ('{"server_list": [{"server_id": "a", "device": [{"device_id": "0", "rank_id": "1"}]}]}', "numbered through"),
        (
            '{"server_list": [{"server_id": "a", "device": [{"device_id": "1", "rank_id": "0"}, '
            '{"device_id": "0", "rank_id": "1"}]}]}',
            "server a has cards 1, 0 in the order of its ranks",
        ),
        (
            '{"server_count": "2", "server_list": '
            '[{"server_id": "a", "device": [{"device_id": "0", "rank_id": "0"}]}]}',
            "server_count is 2, and 1 are listed",
        ),
    ],
)
def test_rank_tables_that_describe_no_job_are_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text(text)

    with pytest.raises(LaunchError, match=says):
        rank_table.allocation(tmp_path / "table.json", {})
