"""Whether a job's pictures can be read as fast as its cards take them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from launch.preflight.checks import Check
from launch.request import JobRequest

ASCEND_PICTURES_PER_SECOND = 1462.0
"""What one Ascend 910 takes of 224 px pictures for MobileNetV2 1.0, as mindcv publishes it; not measured here."""
_ROOT = Path(__file__).resolve().parents[2]


def loader_keeps_up(request: JobRequest, seconds: float, needs: float | None = None) -> Check:
    """Read training pictures as all ranks of this node would, at the same time, and compare with what steps need.

    Args:
        request: the job; its arguments name the recipe.
        seconds: how long to read.
        needs: pictures a second that one rank's steps take; None takes the published number on an Ascend.
    """
    command = [sys.executable, "-m", "engine.jobs.loader_speed", "--seconds", f"{seconds:g}"]
    command += ["--ranks", str(request.workers), *request.arguments]
    ranks = [_start([*command, "--rank", str(rank)]) for rank in range(request.workers)]
    ends = [rank.communicate() for rank in ranks]
    failed = [error for rank, (_, error) in zip(ranks, ends, strict=True) if rank.returncode]
    if failed:
        said = [line for line in failed[0].splitlines() if line.startswith("error: ")] or failed[0].splitlines()[-1:]
        return Check("loader", "fail", " ".join(said).removeprefix("error: "), "mend the recipe or its data.path")
    speeds = [float(json.loads(out.splitlines()[-1])["pictures_per_second"]) for out, _ in ends]
    return judge(min(speeds), request, needs)


def _start(command: list[str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, errors="replace", cwd=_ROOT)


def judge(speed: float, request: JobRequest, needs: float | None) -> Check:
    """Say what the slowest rank's loader means for the job.

    Args:
        speed: pictures a second.
        request: the job.
        needs: what a rank's steps take; None takes the published number on an Ascend.
    """
    feeds = f"feeds {speed:,.0f} pictures/s to each of {request.workers} rank(s)"
    if needs is None and request.platform != "Ascend":
        return Check("loader", "ok", f"{feeds}; --needs N says what a rank's steps take")
    wanted = needs or ASCEND_PICTURES_PER_SECOND
    source = "--needs" if needs else "as published for MobileNetV2 on an Ascend 910"
    text = f"{feeds}, whose steps take {wanted:,.0f} ({source})"
    if speed >= wanted:
        return Check("loader", "ok", text)
    return Check(
        "loader",
        "warn",
        f"{text}: cards would wait {1 - speed / wanted:.0%} of the time",
        "more cores a rank, data.workers up to them, or pictures stored near the size that is trained",
    )
