import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common.errors import LaunchError
from launch.plan import ROOT, Plan, make_plan
from launch.request import JobRequest

LOGS = Path("/logs")


def plan(environ: Mapping[str, str] | None = None, port: int = 8118, **request: Any) -> Plan:
    return make_plan(JobRequest("train.py", ("--config", "a b.yaml"), **request), LOGS, port, environ or {})


def test_one_process_is_started_directly() -> None:
    made = plan()

    assert made.command[1:] == (str(ROOT / "train.py"), "--config", "a b.yaml")
    assert len(made.processes) == 1


def test_a_node_of_one_rank_among_others_is_started_by_msrun() -> None:
    made = plan(workers=1, nodes=2, node_rank=1, master_addr="10.0.0.1")

    assert made.starts_ranks
    assert len(made.processes) == 1
    assert not plan().starts_ranks


def test_two_nodes_of_two_cards_number_their_ranks_through() -> None:
    nodes = [
        plan(platform="Ascend", workers=2, nodes=2, node_rank=rank, master_addr="10.0.0.1", port=8200)
        for rank in (0, 1)
    ]

    workers = [
        {key: process.environment[key] for key in ("RANK_ID", "DEVICE_ID", "MS_WORKER_NUM", "MS_SCHED_HOST")}
        for node in nodes
        for process in node.processes
        if process.environment["MS_ROLE"] == "MS_WORKER"
    ]

    assert workers == [
        {"RANK_ID": str(rank), "DEVICE_ID": str(rank % 2), "MS_WORKER_NUM": "4", "MS_SCHED_HOST": "10.0.0.1"}
        for rank in range(4)
    ]
    assert [sum(p.environment["MS_ROLE"] == "MS_SCHED" for p in node.processes) for node in nodes] == [1, 0]
    assert "--node_rank=1" in nodes[1].command
    assert "--local_worker_num=2" in nodes[1].command
    assert "--master_port=8200" in nodes[1].command


def test_ascend_settings_of_the_user_win() -> None:
    made = plan({"HCCL_CONNECT_TIMEOUT": "1800"}, platform="Ascend", workers=2, devices="4,5")

    assert "HCCL_CONNECT_TIMEOUT" not in made.environment


def test_a_list_of_cards_wins_over_the_environments() -> None:
    made = plan({"ASCEND_RT_VISIBLE_DEVICES": "0,1,2,3"}, platform="Ascend", workers=2, devices="4,5")

    assert made.environment["ASCEND_RT_VISIBLE_DEVICES"] == "4,5"


def test_the_printed_command_can_be_pasted_into_a_shell() -> None:
    text = str(plan().processes[0]).replace(str(ROOT / "train.py"), "-c").split("env", 1)[1]

    words = shlex.split(text.replace("\\\n", " "))

    assert words[-2:] == ["--config", "a b.yaml"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"workers": 0}, "--workers 0"),
        ({"workers": 17, "platform": "Ascend"}, "at most 16 cards"),
        ({"workers": 9, "platform": "Ascend", "cards_per_node": 8}, r"this node has 8 card\(s\)"),
        ({"nodes": 2, "node_rank": 2, "master_addr": "10.0.0.1"}, "numbered 0 to 1"),
        ({"nodes": 2}, "--master_addr is needed"),
        *(({"nodes": 2, "master_addr": name}, "no address of one machine") for name in ("0.0.0.0", "::", "my host")),
        ({"nodes": 2, "launcher": "mpirun"}, "--hosts"),
        ({"hosts": "a:1,b:1"}, "--hosts is mpirun's"),
        ({"nodes": 2, "launcher": "mpirun", "hosts": "a:1,b:1", "node_rank": 1}, "leave --node_rank out"),
        ({"launcher": "mpirun", "bind_cores": True}, "--bind_cores is msrun's"),
        ({"nodes": 2, "launcher": "mpirun", "hosts": "a:1"}, r"names 1 host\(s\), and --nodes is 2"),
        ({"nodes": 2, "launcher": "mpirun", "hosts": "a:1,a:1"}, r"names 1 host\(s\), and --nodes is 2"),
        ({"nodes": 2, "launcher": "mpirun", "hosts": "a,b"}, "HOST:SLOTS,... is expected, such as node0:1,node1:1"),
        ({"nodes": 2, "launcher": "mpirun", "hosts": "a:1 b:1"}, "HOST:SLOTS,... is expected"),
        ({"nodes": 2, "launcher": "mpirun", "hosts": "a:1,b:x"}, r"b:x should have 1 slot\(s\)"),
    ],
)
def test_arguments_that_cannot_work_are_refused(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(LaunchError, match=message):
        JobRequest("train.py", **request_)


@pytest.mark.parametrize(
    "script",
    ["run_standalone.sh", "run_distribute_cpu.sh", "run_distribute_ascend.sh", "run_eval.sh"],
)
def test_every_script_shows_what_it_would_do(script: str, tmp_path: Path) -> None:
    import sys

    recipe = tmp_path / "path with blanks.yaml"
    recipe.write_text(f"extends: {ROOT / 'config/lenet5_digits.yaml'}\n")

    done = subprocess.run(
        ["bash", ROOT / "launch" / script, "--workers", "2", "--dry_run", "--config", recipe.name],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("'path with blanks.yaml'") == 4  # msrun, the scheduler, two ranks
    assert list(tmp_path.iterdir()) == [recipe]


def test_a_script_may_be_started_by_sh_and_through_a_link(tmp_path: Path) -> None:
    import sys

    link = tmp_path / "train.sh"
    link.symlink_to(ROOT / "launch" / "run_distribute_cpu.sh")

    done = subprocess.run(
        ["sh", link, "--workers", "2", "--dry_run", "--config", ROOT / "config" / "lenet5_digits.yaml"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "--worker_num=2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--config", "nonsense.yaml"], "nonsense.yaml: there is no such recipe"),
        (["--config", "config/lenet5_digits.yaml", "--train.epocs", "3"], "train.epochs"),
    ],
)
def test_a_dry_run_refuses_what_the_ranks_would_refuse(arguments: list[str], says: str) -> None:
    import sys

    done = subprocess.run(
        ["bash", "launch/run_distribute_ascend.sh", "--workers", "8", "--dry_run", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


def test_first_comments_name_recipes_that_exist() -> None:
    import re

    named = {
        recipe
        for script in (ROOT / "launch").glob("*.s[hb]*")
        for recipe in re.findall(r"config/[\w/]+\.yaml", script.read_text())
    }

    assert named
    assert [recipe for recipe in named if not (ROOT / recipe).is_file()] == []


def test_mpirun_takes_along_what_cann_needs_on_other_hosts() -> None:
    made = plan(
        {"LD_LIBRARY_PATH": "/cann/lib64", "HCCL_IF_IP": "10.0.0.1", "ASCEND_HOME_PATH": "/cann", "EDITOR": "vi"},
        platform="Ascend",
        workers=2,
        nodes=2,
        launcher="mpirun",
        hosts="a:2,b:2",
    )

    exported = {made.command[place + 1] for place, word in enumerate(made.command) if word == "-x"}
    assert exported > {"LD_LIBRARY_PATH", "HCCL_IF_IP", "ASCEND_HOME_PATH", "LAUNCH_LOG_DIR", "PATH"}
    assert "EDITOR" not in exported


def test_the_shell_scripts_are_clean() -> None:
    import shutil
    import sys

    program = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:/usr/bin")
    if program is None:
        pytest.skip("shellcheck is not installed")
    scripts = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "launch").glob("*.s[hb]*"))

    done = subprocess.run([program, "-x", *scripts], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout
