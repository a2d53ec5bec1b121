"""A real SLURM of two nodes on this machine, in namespaces of its own: two hosts, joined by a cable of the kernel's."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.integration.jobs import ROOT, environment

_PROGRAMS = ("slurmctld", "slurmd", "munged", "srun", "sbatch", "scontrol", "unshare", "nsenter", "ip")
_HOSTS = "127.0.0.1 localhost\n10.9.0.1 n1 {host}\n10.9.0.2 n2\n"
# A job that is queued again waits for as long as its credential lives (cred_expire).
_CONF = """\
ClusterName=two
SlurmctldHost={host}(10.9.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/%n
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/linear
SchedulerParameters=sched_interval=2,sched_min_interval=0
ReturnToService=2
JobRequeue=1
NodeName=n1 NodeHostname={host} NodeAddr=10.9.0.1 Port=17001
NodeName=n2 NodeHostname={host} NodeAddr=10.9.0.2 Port=17002
PartitionName=main Nodes=n1,n2 Default=YES State=UP MaxTime=INFINITE
"""
_START = """
set -e
ip link set lo up
mount --bind {folder}/hosts /etc/hosts
unshare -n sleep infinity & far=$!
sleep 0.5
ip link add va type veth peer name vb
ip link set vb netns $far
ip addr add 10.9.0.1/24 dev va; ip link set va up
nsenter -t $far -n sh -c 'ip link set lo up; ip addr add 10.9.0.2/24 dev vb; ip link set vb up'
munged --force --foreground --socket={folder}/munge.sock --key-file={folder}/key --pid-file={folder}/munged.pid \
  --log-file={folder}/munged.log --seed-file={folder}/seed &
sleep 0.5
slurmctld -D &
slurmd -D -N n1 &
nsenter -t $far -n slurmd -D -N n2 &
wait
"""


@dataclass(frozen=True)
class Slurm:
    """The cluster.

    Args:
        init: the first process of its namespaces.
        folder: of its files; jobs write their output there too.
    """

    init: int
    folder: Path

    def run(self, *command: str | Path, **variables: str) -> str:
        """Run a command of SLURM's on the first node; return what it prints."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.init), "-n", "-m", "-p", f"--wdns={ROOT}", *map(str, command)],
            cwd=ROOT, env=environment(SLURM_CONF=str(self.folder / "slurm.conf"), **variables),
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def submit(self, *arguments: str | Path, **variables: str) -> str:
        """Queue launch/slurm.sbatch for both nodes; return the job's number."""
        return self.run(
            "sbatch", "--parsable", "--nodes", "2", "--output", self.folder / "job_%j.log",
            "launch/slurm.sbatch", "--workers", "1", *arguments,
            SCRIPT="launch/run_distribute_cpu.sh", **variables,
        )  # fmt: skip

    def output(self, job: str) -> str:
        """What the job has printed."""
        path = self.folder / f"job_{job}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def says(self, job: str, text: str) -> None:
        """Wait until the job has printed something."""
        deadline = time.monotonic() + 240
        while text not in self.output(job):
            assert time.monotonic() < deadline, self.output(job)
            time.sleep(0.2)

    def state(self, job: str) -> str:
        """The job's state, such as RUNNING or COMPLETED."""
        fields = dict(word.partition("=")[::2] for word in self.run("scontrol", "-o", "show", "job", job).split())
        return fields["JobState"]

    def finish(self, job: str, seconds: float = 240) -> str:
        """Wait until the job is over; return its last state."""
        deadline = time.monotonic() + seconds
        while (state := self.state(job)) in ("PENDING", "RUNNING", "COMPLETING", "REQUEUED"):
            assert time.monotonic() < deadline, f"{state}\n{self.output(job)}"
            time.sleep(0.5)
        return state


@contextlib.contextmanager
def two_nodes(folder: Path) -> Iterator[Slurm]:
    """Start the cluster, and end it with everything that runs in it."""
    missing = [name for name in _PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if missing:
        pytest.skip(f"needs SLURM: {', '.join(missing)} not found (Debian: apt-get install slurm-wlm munge)")
    space = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if (
        os.geteuid()
        or subprocess.run([*space, "ip", "link", "add", "va", "type", "veth", "peer", "name", "vb"]).returncode
    ):
        pytest.skip("network namespaces are not permitted here")
    names = {"folder": folder, "host": platform.node()}
    for name in ("state", "n1", "n2"):
        (folder / name).mkdir()
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o600)
    (folder / "hosts").write_text(_HOSTS.format(**names))
    (folder / "slurm.conf").write_text(_CONF.format(**names))
    with (folder / "daemons.log").open("w") as log:
        outer = subprocess.Popen(
            [*space, "bash", "-c", _START.format(**names)],
            env=environment(SLURM_CONF=str(folder / "slurm.conf"), PATH=f"/usr/sbin:/sbin:{os.environ['PATH']}"),
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield _when_up(outer, folder)
    finally:
        outer.send_signal(signal.SIGKILL)  # and with it, the namespace's every process
        outer.wait()


def _when_up(outer: subprocess.Popen[bytes], folder: Path) -> Slurm:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(1)
        children = psutil.Process(outer.pid).children()
        if children:
            slurm = Slurm(children[0].pid, folder)
            with contextlib.suppress(AssertionError):
                if slurm.run("sinfo", "--noheader", "--format", "%T %D") == "idle 2":
                    return slurm
    pytest.skip(f"SLURM did not come up: {(folder / 'daemons.log').read_text()[-500:]}")
