import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.config.runtime_section import RuntimeConfig
from engine.runtime.environment import prepare_environment

AVX512 = "processor : 0\nflags : fpu avx2 avx512f\n"


def prepared(tmp_path: Path, flags: str, environ: dict[str, str]) -> list[str]:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(flags)
    return prepare_environment(RuntimeConfig(), environ, cpu_info)


def test_avx512_gets_the_faster_convolutions_and_one_line_says_so(tmp_path: Path) -> None:
    environ: dict[str, str] = {}

    notes = prepared(tmp_path, AVX512, environ)

    assert environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("flags", "environ"),
    [("flags : fpu avx2\n", {}), (AVX512, {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}), ("", {})],
)
def test_other_processors_and_the_users_own_value_are_left_alone(
    tmp_path: Path, flags: str, environ: dict[str, str]
) -> None:
    before = environ.get("ONEDNN_MAX_CPU_ISA")

    notes = prepared(tmp_path, flags, environ)

    assert environ.get("ONEDNN_MAX_CPU_ISA") == before
    assert notes == []


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@pytest.mark.parametrize("rank", [0, 1])
def test_one_thread_means_one_core_and_ranks_take_different_ones(rank: int) -> None:
    code = (
        "from engine.config.runtime_section import RuntimeConfig\n"
        "from engine.runtime.environment import prepare_environment\n"
        "import os; prepare_environment(RuntimeConfig(threads=1)); print(*os.sched_getaffinity(0))"
    )
    environ = {**os.environ, "RANK_ID": str(rank)}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)

    assert done.stdout.split() == [str(sorted(os.sched_getaffinity(0))[rank])]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@pytest.mark.parametrize("platform", ["Ascend", "auto"])
def test_one_openmp_thread_leaves_an_ascend_rank_all_its_cores(platform: str, tmp_path: Path) -> None:
    (tmp_path / "davinci0").touch()
    before = os.sched_getaffinity(0)

    config = RuntimeConfig.model_validate({"platform": platform})
    notes = prepare_environment(config, {"OMP_NUM_THREADS": "1"}, tmp_path / "none", tmp_path)

    assert os.sched_getaffinity(0) == before
    assert "on Ascend that binds OpenMP only" in notes[0]


@pytest.mark.parametrize(("users", "expected"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")])
def test_idle_threads_sleep_unless_the_user_says_otherwise(
    tmp_path: Path, users: dict[str, str], expected: str
) -> None:
    environ = dict(users)
    prepared(tmp_path, AVX512, environ)
    assert environ["OMP_WAIT_POLICY"] == expected
