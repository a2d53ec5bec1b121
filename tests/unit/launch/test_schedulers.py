"""From what a scheduler sets to every process of the plan.

SLURM's variables were recorded, the others' are as documented.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common.errors import LaunchError
from launch.flags import parse_flags
from launch.request import JobRequest
from launch.resolve import resolve
from launch.schedulers import slurm
from tests.unit.launch.plans import expected, processes, request


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


def without(environ: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in environ.items() if key != name}


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


def test_flags_win_over_the_scheduler_and_say_so() -> None:
    made, notes = request(operator_pod(0), "--workers", "4")

    assert (made.workers, made.world_size) == (4, 8)
    assert notes == [
        "Kubernetes: node 0 of 2, 8 card(s) each, node 0 is 10.244.1.7",
        "--workers 4, not 8 as Kubernetes says",
    ]


def test_a_part_of_a_pods_cards_is_what_every_process_sees() -> None:
    made = processes(operator_pod(1), "--workers", "4", "--devices", "4,5,6,7")

    assert made == expected("10.244.1.7", 2222, range(4, 8), 8, 4, ASCEND_RT_VISIBLE_DEVICES="4,5,6,7")


def test_more_cards_than_the_pod_has_workers_name_the_flag() -> None:
    with pytest.raises(LaunchError, match=r"4 card\(s\) for 8 worker\(s\); --workers 4 takes them"):
        request(operator_pod(1), "--devices", "4,5,6,7")


@pytest.mark.parametrize("node", [0, 1])
def test_hosts_may_be_addresses(node: int) -> None:
    made = processes({**model_arts(node, 2), "VC_WORKER_HOSTS": "172.16.0.9, 172.16.0.4"})

    assert made == expected("172.16.0.9", 8118, range(8 * node, 8 * node + 8), 16, 8)


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
        (slurm_step(2), "SLURM's variables say that this is node 2 of 2"),
        (without(slurm_step(0), "SLURM_NODEID"), "SLURM_NODEID is missing"),
        (operator_pod(0, MS_SCHED_HOST=""), "MS_SCHED_HOST is missing"),
        (operator_pod(0, MS_SCHED_PORT="99999"), "MS_SCHED_PORT=99999: .* at most 65535"),
        (operator_pod(2), "Kubernetes's variables say that this is node 2 of 2"),
        (without(operator_pod(1), "MS_NODE_RANK"), "MS_NODE_RANK is missing"),
        (without(operator_pod(1), "MS_WORKER_NUM"), "MS_WORKER_NUM is missing"),
        (operator_pod(0, ASCEND_RT_VISIBLE_DEVICES="0,1"), r"ASCEND_RT_VISIBLE_DEVICES=0,1 shows 2 card\(s\)"),
        ({**model_arts(0, 2), "VC_WORKER_HOSTS": "a"}, r"1 host\(s\), but the job has 2"),
        ({**model_arts(0, 2), "VC_WORKER_NUM": "3"}, "MA_NUM_HOSTS=2 and VC_WORKER_NUM=3"),
        ({**model_arts(0, 2), "VC_TASK_INDEX": "2"}, "ModelArts's variables say that this is node 2 of 2"),
        (without(model_arts(1, 2), "VC_TASK_INDEX"), "VC_TASK_INDEX is missing"),
        (without(model_arts(1, 2), "VC_WORKER_HOSTS"), r"0 host\(s\), but the job has 2"),
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
    options, arguments = parse_flags(["--platform", "CPU"])

    assert resolve(options, arguments, operator_pod(1)) == (JobRequest("train.py", ("--runtime.platform", "CPU")), [])


def test_where_no_card_is_seen_that_is_said() -> None:
    options, arguments = parse_flags(["--platform", "Ascend", "--workers", "16"])

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
