"""No kernel reads or writes beyond its tensors, or does what C++ leaves undefined."""

import os
import subprocess
from pathlib import Path

import pytest

from kernels.build import SOURCES, KernelsUnavailable, find_toolchain


def test_address_and_undefined_behaviour_sanitizers_find_nothing(tmp_path: Path) -> None:
    try:
        compiler = find_toolchain().command
    except KernelsUnavailable as error:
        pytest.skip(str(error))
    driver = Path(__file__).with_name("sanitized.cc")
    program = tmp_path / "sanitized"
    flags = ["-std=c++17", "-O1", "-g", "-fopenmp-simd", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    built = subprocess.run(
        [*compiler, *flags, *map(str, SOURCES.glob("*.cc")), str(driver), "-o", str(program)],
        capture_output=True, text=True,
    )  # fmt: skip
    if "sanitize" in built.stderr or "libasan" in built.stderr or "libubsan" in built.stderr:
        pytest.skip(f"{compiler[0]} has no sanitizers here: {built.stderr.splitlines()[0]}")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([program], capture_output=True, text=True, env={**os.environ, "LD_PRELOAD": ""})
    assert (done.stdout, done.returncode) == ("clean\n", 0), done.stderr
