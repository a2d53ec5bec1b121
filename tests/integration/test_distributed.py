"""Several processes train as one does, and a job whose ranks die ends as if none had."""

import os
import random
import shlex
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from jobs import (
    DIGITS,
    FAST,
    ROOT,
    environment,
    finish,
    interrupt,
    largest_difference,
    metrics,
    result,
    train,
    wait_for_step,
)  # fmt: skip

from common.launcher_protocol import read_ranks

pytestmark = pytest.mark.slow

# One process, and several ranks with the same global batch.
LENET = (*FAST, "--train.epochs", "2", "--data.batch_size", "32")
TWO = (*FAST, "--train.epochs", "2", "--data.batch_size", "16")
# BatchNorm and dropout; three blocks on 32-pixel pictures.
MOBILENET = (
    "--model", "{name: mobilenetv2, width_mult: 0.25, last_channel: 64, "
    "inverted_residual_setting: [[1, 16, 1, 1], [6, 24, 1, 2], [6, 32, 1, 2]]}",
    "--data.preprocessing", "{color: rgb, resize: 32, image_size: 32}", "--train.bn_sync", "average",
)  # fmt: skip


def launch(script: str, log_dir: Path, *arguments: str, **options) -> subprocess.Popen:
    command = ["bash", f"launch/{script}", "--log_dir", str(log_dir), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options
    )


def leftovers(log_dir: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LAUNCH_LOG_DIR", "").startswith(str(log_dir)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def live_ranks(log_dir: Path) -> dict[int, int]:
    """Pids of the newest attempt's ranks."""
    attempts = sorted(log_dir.glob("attempt_*"), key=lambda path: int(path.name.rpartition("_")[2]))
    ranks = read_ranks(attempts[-1]) if attempts else []
    return {record.rank: record.pid for record in ranks if record.code is None and psutil.pid_exists(record.pid)}


def kill_rank(log_dir: Path, rank: int, number: int = signal.SIGKILL) -> None:
    os.kill(live_ranks(log_dir)[rank], number)


@pytest.fixture(scope="module")
def one_process(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    finish(train(*LENET, "--output_dir", folder, "--name", "run"))
    return folder / "run-seed0"


def two_by_msrun(folder, *network):
    output = finish(
        launch("run_distribute_cpu.sh", folder / "logs", "--workers", "2", "--config", DIGITS, *TWO, *network,
               "--output_dir", folder, "--name", "run")
    )  # fmt: skip
    return folder / "run-seed0", output


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    return two_by_msrun(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def two_mobilenets(tmp_path_factory):
    return two_by_msrun(tmp_path_factory.mktemp("two_mobilenets"), *MOBILENET)


# The run by msrun on one host that others are compared with, and its network.
BOTH_NETWORKS = pytest.mark.parametrize(
    ("reference", "network"), [("two_processes", ()), ("two_mobilenets", MOBILENET)], ids=["lenet5", "mobilenetv2"]
)


def test_two_ranks_by_msrun_train_as_one_process(one_process, two_processes):
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
def test_two_ranks_by_mpirun_give_the_same_bits_as_by_msrun(tmp_path, request, reference, network):
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--launcher", "mpirun", "--config", DIGITS,
               *TWO, *network, "--output_dir", tmp_path, "--name", "run")
    )  # fmt: skip

    assert "mpirun: 2 ranks on 1 host(s)" in output
    assert output.count("epoch 1/2") == 1
    assert largest_difference(request.getfixturevalue(reference)[0], tmp_path / "run-seed0") == 0.0
    assert leftovers(tmp_path) == []


def test_four_ranks_train_a_mobilenet_with_averaged_statistics(tmp_path):
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "4", "--config", DIGITS, *MOBILENET,
               "--data.batch_size", "16", "--train.epochs", "1", "--output_dir", tmp_path, "--name", "run")
    )  # fmt: skip

    assert "BatchNorm statistics in evaluation and checkpoints: averaged over the ranks" in output
    assert result(tmp_path / "run-seed0")["n"] == 359


def test_ranks_that_are_killed_change_nothing_but_the_time(tmp_path, two_processes):
    job = launch(
        "run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--max_restarts", "5", "--config", DIGITS, *TWO,
        "--output_dir", tmp_path, "--name", "run",
    )  # fmt: skip
    run = tmp_path / "run-seed0"
    rng = random.Random(1)
    for step in (20, 55):
        wait_for_step(run, step, job)
        kill_rank(tmp_path / "logs", rng.randrange(2))
        time.sleep(1)

    output = finish(job)

    assert "killed by SIGKILL (exit code 137)" in output
    assert "supervisor: 3 start(s), 2 restart(s)" in output
    assert largest_difference(two_processes[0], run) == 0.0
    assert leftovers(tmp_path) == []


def test_sigterm_at_random_moments_changes_nothing_in_a_mobilenet_on_two_ranks(tmp_path, two_mobilenets):
    """Dropout, and BatchNorm whose statistics differ between the ranks inside an epoch."""

    def start(logs):
        return launch(
            "run_distribute_cpu.sh", tmp_path / logs, "--workers", "2", "--config", DIGITS, *TWO, *MOBILENET,
            "--output_dir", tmp_path, "--name", "run", "--resume", "auto",
        )  # fmt: skip

    rng = random.Random()  # another moment in every run of this test
    run = tmp_path / "run-seed0"
    steps = [rng.randint(1, 39), rng.randint(41, 79)]
    print("SIGTERM at steps", steps)
    for step in steps:
        job = start(f"before_{step}")
        interrupt(job, run, step, wait=rng.uniform(0, 0.1))
        assert "stopped by SIGTERM after step" in finish(job, 143)
    finish(start("last"))

    assert largest_difference(two_mobilenets[0], run) == 0.0
    assert leftovers(tmp_path) == []


def test_a_loss_that_is_not_finite_is_not_tried_again(tmp_path):
    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--max_restarts", "3", "--config", DIGITS,
               *TWO, "--optimizer.lr", "1e30", "--output_dir", tmp_path, "--name", "run"),
        1,
    )  # fmt: skip

    assert "not started again, it would end the same way: the loss is" in output
    assert "supervisor: 1 start(s), 0 restart(s)" in output


def test_a_master_that_cannot_be_reached_ends_the_job_in_time(tmp_path):
    start = time.monotonic()

    output = finish(
        launch("run_distribute_cpu.sh", tmp_path / "logs", "--workers", "1", "--nodes", "2", "--node_rank", "1",
               "--master_addr", "127.0.0.2", "--master_port", "8977", "--cluster_timeout", "10", "--skip_preflight",
               "--config", DIGITS, *TWO, "--output_dir", tmp_path),
        1,
    )  # fmt: skip

    assert "could not join the job at 127.0.0.2:8977" in output
    assert time.monotonic() - start < 90
    assert leftovers(tmp_path) == []


def test_a_job_that_hangs_is_ended_and_started_again(tmp_path):
    job = launch(
        "run_standalone.sh", tmp_path / "logs", "--max_restarts", "1", "--hang_seconds", "5", "--config", DIGITS,
        *LENET, "--output_dir", tmp_path, "--name", "run",
    )  # fmt: skip
    wait_for_step(tmp_path / "run-seed0", 20, job)
    kill_rank(tmp_path / "logs", 0, signal.SIGSTOP)

    output = finish(job)

    assert "no step for too long" in output
    assert max(m["epoch"] for m in metrics(tmp_path / "run-seed0")) == 2


def test_killing_the_launcher_leaves_no_rank(tmp_path):
    job = launch(
        "run_distribute_cpu.sh", tmp_path / "logs", "--workers", "2", "--config", DIGITS, *TWO,
        "--output_dir", tmp_path, "--name", "run", "--train.epochs", "2000",
    )  # fmt: skip
    wait_for_step(tmp_path / "run-seed0", 5, job)

    job.kill()
    job.wait()

    deadline = time.monotonic() + 5
    while leftovers(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert leftovers(tmp_path) == []


def test_a_rank_with_other_data_ends_the_job_with_a_clear_error(tmp_path):
    # Each rank reads the folder that a link named after its rank leads to.
    script = tmp_path / "train_elsewhere.py"
    script.write_text(
        "import os, runpy, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.argv += ['--data.val_fraction', '0.1' if os.environ.get('RANK_ID') == '0' else '0.2']\n"
        f"runpy.run_path({str(ROOT / 'train.py')!r}, run_name='__main__')\n"
    )
    command = (
        "msrun", "--worker_num=2", "--local_worker_num=2", "--master_port=8233", f"--log_dir={tmp_path}", "--join=True",
        str(script), "--config", DIGITS, "--output_dir", str(tmp_path / "runs"),
    )  # fmt: skip
    job = subprocess.run(
        command, cwd=ROOT, env=environment(LAUNCH_LOG_DIR=str(tmp_path)), capture_output=True, text=True, timeout=120
    )

    assert job.returncode != 0
    for rank in (0, 1):
        assert "recipe of rank 1 is not the main rank's" in (tmp_path / f"worker_{rank}.log").read_text()
    assert {record.code for record in read_ranks(tmp_path)} == {2}


def test_nodes_that_count_differently_end_with_a_clear_error(tmp_path):
    jobs = [
        launch("run_distribute_cpu.sh", tmp_path / f"node{node}", "--workers", workers, "--nodes", "2", "--node_rank",
               node, "--master_addr", "127.0.0.2", "--master_port", "8978", "--cluster_timeout", "20",
               "--skip_preflight", "--config", DIGITS, *TWO, "--output_dir", tmp_path)
        for node, workers in enumerate((1, 2))
    ]  # fmt: skip

    for job in jobs:
        assert "with the same --nodes and --workers?" in finish(job, 1)
    assert leftovers(tmp_path) == []


@BOTH_NETWORKS
def test_two_hosts_train_as_one(tmp_path, request, reference, network):
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
        unshare -n sleep 150 & host=$!
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
        timeout=200,
    )

    assert job.returncode == 0, job.stdout + job.stderr
    assert largest_difference(request.getfixturevalue(reference)[0], tmp_path / "run-seed0") == 0.0
