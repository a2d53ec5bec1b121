"""From what a scheduler sets to every process of the plan.

SLURM's variables were recorded, the others' are as documented.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from common.errors import LaunchError
from launch.job import _parser
from launch.plan import make_plan
from launch.request import JobRequest
from launch.resolve import resolve
from launch.schedulers import rank_table, slurm

LOGS = Path("/logs")
ASCEND = ("--platform", "Ascend", "--scheduler", "auto", "--cards_per_node", "16")


def slurm_step(node: int, **more: str) -> dict[str, str]:
    """What a step of two nodes finds (slurm-wlm 22.05), without what speaks of users and folders."""
    return {
        "SLURM_CPUS_ON_NODE": "1", "SLURM_GTIDS": str(node), "SLURM_JOBID": "31", "SLURM_JOB_CPUS_PER_NODE": "1(x2)",
        "SLURM_JOB_ID": "31", "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_NUM_NODES": "2", "SLURM_LOCALID": "0",
        "SLURM_NNODES": "2", "SLURM_NODEID": str(node), "SLURM_NODELIST": "n[1-2]", "SLURM_NPROCS": "2",
        "SLURM_NTASKS": "2", "SLURM_PROCID": str(node), "SLURM_STEPID": "0", "SLURM_STEP_ID": "0",
        "SLURM_STEP_NODELIST": "n[1-2]", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_TASKS_PER_NODE": "1(x2)", "SLURM_TASKS_PER_NODE": "1(x2)", **more,
    }  # fmt: skip


def operator_pod(rank: int, **more: str) -> dict[str, str]:
    """What ascend-operator gives the pods of a job with a Scheduler and a Worker replica of 8 cards each."""
    return {
        "MS_SCHED_HOST": "10.244.1.7", "MS_SCHED_PORT": "2222", "MS_LOCAL_WORKER": "8", "MS_WORKER_NUM": "16",
        "MS_NODE_RANK": str(rank), "MS_SERVER_NUM": "0", "MS_ROLE": "MS_WORKER" if rank else "MS_SCHED",
        "HostNetwork": "false", "NPU_POD": "true", "MINDX_TASK_ID": "c1f0", **more,
    }  # fmt: skip


def model_arts(task: int, nodes: int) -> dict[str, str]:
    hosts = [f"modelarts-job-1-worker-{index}.modelarts-job-1" for index in range(nodes)]
    return {
        "MA_NUM_HOSTS": str(nodes), "MA_NUM_GPUS": "8", "VC_TASK_INDEX": str(task), "VC_WORKER_NUM": str(nodes),
        "VC_WORKER_HOSTS": ",".join(hosts), "MA_VJ_NAME": "modelarts-job-1", "MA_TASK_NAME": "worker",
    }  # fmt: skip


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


def request(environ: Mapping[str, str], *flags: str) -> tuple[JobRequest, list[str]]:
    options, arguments = _parser().parse_known_args([*ASCEND, *flags])
    return resolve(options, arguments, environ)


def processes(environ: Mapping[str, str], *flags: str) -> list[dict[str, str]]:
    """The environment that each process of this node gets, without the PATH."""
    wanted, _ = request(environ, *flags)
    made = make_plan(wanted, LOGS, wanted.master_port or 8118, environ)
    return [{name: value for name, value in item.environment.items() if name != "PATH"} for item in made.processes]


def expected(host: str, port: int, ranks: Sequence[int], size: int, cards: int, **more: str) -> list[dict[str, str]]:
    """MindSpore's scheduler, if rank 0 is here, and a worker for each rank."""
    common = {
        "LAUNCH_LOG_DIR": "/logs", "GLOG_v": "3", "HCCL_CONNECT_TIMEOUT": "600", "MS_WORKER_NUM": str(size),
        "MS_SCHED_HOST": host, "MS_SCHED_PORT": str(port), "MS_TOPO_TIMEOUT": "120", "RANK_SIZE": str(size), **more,
    }  # fmt: skip
    scheduler = [{**common, "MS_ROLE": "MS_SCHED", "RANK_ID": "0"}] if ranks[0] == 0 else []
    return scheduler + [
        {
            **common, "MS_ROLE": "MS_WORKER", "MS_NODE_ID": str(rank), "RANK_ID": str(rank),
            "DEVICE_ID": str(rank % cards),
        }
        for rank in ranks
    ]  # fmt: skip


@pytest.mark.parametrize("node", [0, 1])
def test_slurm_two_nodes_of_eight(node: int) -> None:
    ranks = range(8 * node, 8 * node + 8)

    assert processes(slurm_step(node), "--workers", "8") == expected("n1", 20310, ranks, 16, 8)


@pytest.mark.parametrize("node", [0, 1])
def test_two_pods_of_the_ascend_operator(node: int) -> None:
    ranks = range(8 * node, 8 * node + 8)

    assert processes(operator_pod(node)) == expected("10.244.1.7", 2222, ranks, 16, 8)


def test_one_node_of_model_arts() -> None:
    assert processes(model_arts(0, 1)) == expected("127.0.0.1", 8118, range(8), 8, 8)


@pytest.mark.parametrize("node", [0, 1])
def test_two_nodes_of_model_arts(node: int) -> None:
    ranks = range(8 * node, 8 * node + 8)
    master = "modelarts-job-1-worker-0.modelarts-job-1"

    assert processes(model_arts(node, 2)) == expected(master, 8118, ranks, 16, 8)


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
    assert processes({}, "--rank_table_file", str(table), "--node_rank", "1")[0]["RANK_ID"] == "8"


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
        ("{", "not one of HCCL's"),
        ('{"status": "initializing"}', "wait for the scheduler"),
        ('{"server_list": []}', "same number of cards"),
        ('{"server_list": [{"server_id": "a", "device": [{"device_id": "0", "rank_id": "1"}]}]}', "numbered through"),
    ],
)
def test_rank_tables_that_describe_no_job_are_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "table.json").write_text(text)

    with pytest.raises(LaunchError, match=says):
        rank_table.allocation(tmp_path / "table.json", {})


def test_flags_win_over_the_scheduler_and_say_so() -> None:
    made, notes = request(operator_pod(0), "--workers", "4")

    assert (made.workers, made.world_size) == (4, 8)
    assert notes == [
        "Kubernetes: node 0 of 2, 8 card(s) each, node 0 is 10.244.1.7",
        "--workers 4, not 8 as Kubernetes says",
    ]


def test_a_job_that_slurm_starts_again_goes_on() -> None:
    first, _ = request(slurm_step(0), "--workers", "8")
    again, notes = request(slurm_step(0, SLURM_RESTART_COUNT="2"), "--workers", "8")

    assert "--resume" not in first.arguments
    assert again.arguments[:2] == ("--resume", "auto")
    assert "SLURM has started this job again: --resume auto" in notes


def test_a_users_own_resume_stays(tmp_path: Path) -> None:
    made, _ = request(slurm_step(0, SLURM_RESTART_COUNT="1"), "--workers", "8", "--resume", "/runs/mine")

    assert made.arguments.count("--resume") == 1


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        (slurm_step(0, SLURM_STEP_ID=""), "job of 2 nodes: this is its batch script"),
        (slurm_step(0, SLURM_STEP_NUM_TASKS="16"), r"step of 16 tasks on 2 node\(s\)"),
        (slurm_step(0, SLURM_STEP_NODELIST="n1"), r"1 name\(s\), but SLURM_STEP_NUM_NODES=2"),
        (slurm_step(0, SLURM_NODEID="x"), "SLURM_NODEID=x"),
        (operator_pod(0, MS_LOCAL_WORKER="0"), "this pod has no cards"),
        (operator_pod(0, MS_WORKER_NUM="12"), "all pods must be alike"),
        (operator_pod(0, MS_SCHED_HOST=""), "MS_SCHED_HOST is missing"),
        ({**model_arts(0, 2), "VC_WORKER_HOSTS": "a"}, r"1 host\(s\), but the job has 2"),
    ],
)
def test_what_does_not_fit_together_is_refused(environ: dict[str, str], says: str) -> None:
    with pytest.raises(LaunchError, match=says):
        request(environ, "--workers", "8")


def test_a_batch_script_of_one_node_is_that_node() -> None:
    environ = slurm_step(0, SLURM_STEP_ID="", SLURM_JOB_NUM_NODES="1")

    made, notes = request(environ, "--workers", "8")

    assert (made.nodes, made.world_size, notes) == (1, 8, ["SLURM: node 0 of 1"])


def test_a_scheduler_counts_only_where_it_is_asked() -> None:
    options, arguments = _parser().parse_known_args(["--platform", "CPU"])

    assert resolve(options, arguments, operator_pod(1)) == (JobRequest("train.py", ("--runtime.platform", "CPU")), [])


def test_where_no_card_is_seen_that_is_said() -> None:
    options, arguments = _parser().parse_known_args(["--platform", "Ascend", "--workers", "16"])

    _, notes = resolve(options, arguments, {})

    assert notes == ["no cards are seen here: up to 16 are accepted; --cards_per_node says how many there are"]


# As `scontrol show hostnames` writes them out (slurm-wlm 22.05).
@pytest.mark.parametrize(
    ("node_list", "names"),
    [
        ("n1", ["n1"]),
        ("n[1-3,7]", ["n1", "n2", "n3", "n7"]),
        ("n[08-10],login", ["n08", "n09", "n10", "login"]),
        ("a1,b[2,4-5]", ["a1", "b2", "b4", "b5"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("", []),
    ],
)
def test_node_lists_are_written_out(node_list: str, names: list[str]) -> None:
    assert list(slurm.expand(node_list)) == names


@pytest.mark.parametrize("node_list", ["n[1-]", "n[a-b]", "n[3-1]"])
def test_node_lists_that_mean_nothing_are_refused(node_list: str) -> None:
    with pytest.raises(LaunchError, match="is no number and no range"):
        list(slurm.expand(node_list))


def test_one_process_of_a_pod_has_no_role(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The operator's MS_ROLE is the pod's; a process that finds one believes that it is one of many."""
    import sys

    from launch.execution import Execution
    from launch.plan import Plan

    monkeypatch.setenv("MS_ROLE", "MS_WORKER")
    body = "import os; print(os.environ.get('MS_ROLE'))"
    plan: Any = Plan((sys.executable, "-c", body), {"LAUNCH_LOG_DIR": str(tmp_path)}, (), tmp_path)

    Execution(plan).run()

    assert (tmp_path / "launcher.log").read_text() == "None\n"
