"""Several processes train as one does."""

import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.integration.jobs import DIGITS, ROOT, environment, finish, largest_difference, result, train
from tests.integration.ranks import LENET, MOBILENET, TWO, launch, leftovers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    finish(train(*LENET, "--output_dir", folder, "--name", "run"))
    return folder / "run-seed0"


# The run by msrun on one host that others are compared with, and its network.
BOTH_NETWORKS = pytest.mark.parametrize(
    ("reference", "network"), [("two_processes", ()), ("two_mobilenets", MOBILENET)], ids=["lenet5", "mobilenetv2"]
)


def test_two_ranks_by_msrun_train_as_one_process(one_process: Path, two_processes: tuple[Path, str]) -> None:
    run, output = two_processes

    assert largest_difference(one_process, run) < 1e-5
    # Evaluation splits 179 and 359 pictures over two ranks: odd tails, each counted once.
    assert result(run, "val") == result(one_process, "val")
    assert result(run, "test") == result(one_process, "test")
    assert "global batch 32 (16 x 2 ranks), 40 steps per epoch" in output
    assert output.count("epoch 1/2") == 1
    assert {p.name for p in (run / "logs").iterdir()} == {"rank_0.log", "rank_1.log"}
    assert leftovers(run.parent) == []


@BOTH_NETWORKS
def test_two_ranks_by_mpirun_give_the_same_bits_as_by_msrun(
    tmp_path: Path, request: pytest.FixtureRequest, reference: str, network: tuple[str, ...]
) -> None:
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--launcher", "mpirun", "--config", DIGITS,
               *TWO, *network, "--output_dir", tmp_path, "--name", "run")
    )  # fmt: skip

    assert "mpirun: 2 ranks on 1 host(s)" in output
    assert output.count("epoch 1/2") == 1
    assert largest_difference(request.getfixturevalue(reference)[0], tmp_path / "run-seed0") == 0.0
    assert leftovers(tmp_path) == []


def test_four_ranks_train_a_mobilenet_with_averaged_statistics(tmp_path: Path) -> None:
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "4", "--config", DIGITS, *MOBILENET,
               "--data.batch_size", "16", "--train.epochs", "1", "--output_dir", tmp_path, "--name", "run")
    )  # fmt: skip

    assert "BatchNorm statistics in evaluation and checkpoints: averaged over the ranks" in output
    assert result(tmp_path / "run-seed0")["n"] == 359


@BOTH_NETWORKS
def test_two_hosts_train_as_one(
    tmp_path: Path, request: pytest.FixtureRequest, reference: str, network: tuple[str, ...]
) -> None:
    """Two network namespaces joined by a cable of the kernel's; each node is started by its own launcher."""
    probe = subprocess.run(["unshare", "-n", "ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"])
    if probe.returncode:
        pytest.skip("network namespaces are not permitted here")
    arguments = shlex.join(
        ["--config", DIGITS, *TWO, *network, "--output_dir", str(tmp_path), "--name", "run",
         "--workers", "1", "--nodes", "2", "--master_addr", "10.9.0.1"]
    )  # fmt: skip
    script = f"""
        set -e
        ip link set lo up
        unshare -n sleep 560 & host=$!
        sleep 0.5
        ip link add va type veth peer name vb
        ip link set vb netns $host
        ip addr add 10.9.0.1/24 dev va; ip link set va up
        nsenter -t $host -n sh -c 'ip link set lo up; ip addr add 10.9.0.2/24 dev vb; ip link set vb up'
        nsenter -t $host -n bash launch/run_distribute_cpu.sh {arguments} --node_rank 1 --log_dir {tmp_path}/node1 &
        node1=$!
        bash launch/run_distribute_cpu.sh {arguments} --node_rank 0 --log_dir {tmp_path}/node0
        wait $node1
        kill $host
    """
    job = subprocess.run(
        ["unshare", "-n", "bash", "-c", script],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=550,
    )

    assert job.returncode == 0, job.stdout + job.stderr
    assert largest_difference(request.getfixturevalue(reference)[0], tmp_path / "run-seed0") == 0.0


def test_two_hosts_by_mpirun_train_as_one(tmp_path: Path, two_processes: tuple[Path, str]) -> None:
    """Two network namespaces with names of their own; in ssh's place, Open MPI enters the other one."""
    space = ["unshare", "--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*space, "ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"]).returncode:
        pytest.skip("network namespaces are not permitted here")
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n10.9.0.1 hosta\n10.9.0.2 hostb\n")
    agent = tmp_path / "agent"
    agent.write_text(  # a login finds little of the first host's environment
        "#!/bin/bash\nshift\n"
        'exec env -i PATH=/usr/bin:/bin HOME=/root USER=root SHELL=/bin/bash TMPDIR="$TMPDIR" '
        'nsenter -t "$FAR" -n -u sh -c "$*"\n'
    )
    agent.chmod(0o755)
    arguments = shlex.join(
        ["--launcher", "mpirun", "--nodes", "2", "--workers", "1", "--hosts", "hosta:1,hostb:1",
         "--log_dir", str(tmp_path / "logs"), "--config", DIGITS, *TWO, "--output_dir", str(tmp_path), "--name", "run"]
    )  # fmt: skip
    script = f"""
        set -e
        ip link set lo up; hostname hosta; mount --bind {tmp_path}/hosts /etc/hosts
        unshare --net --uts sleep infinity & export FAR=$!
        sleep 0.5
        ip link add va type veth peer name vb; ip link set vb netns $FAR
        ip addr add 10.9.0.1/24 dev va; ip link set va up
        nsenter -t $FAR -n -u sh -c \\
          'hostname hostb; ip link set lo up; ip addr add 10.9.0.2/24 dev vb; ip link set vb up'
        bash launch/run_distribute_cpu.sh {arguments}
    """
    # Open MPI names folders by pid, and in a pid namespace one that was killed has left a folder of the same number.
    with tempfile.TemporaryDirectory(prefix="mpi") as scratch:
        job = subprocess.run(
            [*space, "bash", "-c", script],
            cwd=ROOT,
            env=environment(PRTE_MCA_plm_ssh_agent=str(agent), TMPDIR=scratch),
            capture_output=True,
            text=True,
            timeout=400,
        )

    assert job.returncode == 0, job.stdout + job.stderr
    assert "mpirun: 2 ranks on 2 host(s), MindSpore's scheduler at 10.9.0.1:" in job.stdout
    assert largest_difference(two_processes[0], tmp_path / "run-seed0") == 0.0
    assert leftovers(tmp_path) == []
