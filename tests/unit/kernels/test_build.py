"""Compiling once, and doing without."""

import importlib.util
import multiprocessing
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from kernels import build
from kernels.build import KernelsUnavailable, find_toolchain, library

Compiler = tuple[Callable[..., dict[str, str]], Path]


@pytest.fixture
def compiler(tmp_path: Path) -> Compiler:
    """Make a compiler that counts its calls, and return its environment and the file that has a letter a call."""
    real = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if real is None:
        pytest.skip("there is no C++ compiler")
    calls = tmp_path / "calls"
    calls.touch()

    def make(refuses: str = "nothing") -> dict[str, str]:
        script = tmp_path / "compiler"
        script.write_text(
            f"""#!/bin/sh
case "$*" in *--version*) echo test compiler; exit 0 ;; esac
printf . >> '{calls}'
for flag in "$@"; do case "$flag" in {refuses}) echo "error: no $flag" >&2; exit 1 ;; esac; done
for output; do :; done
echo 'extern "C" int Nothing() {{ return 0; }}' | '{real}' -x c++ - -shared -fPIC -o "$output"
"""
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return {"CXX": str(script), "PATH": os.environ["PATH"]}

    return make, calls


def test_compiles_once(tmp_path: Path, compiler: Compiler) -> None:
    make, calls = compiler
    environ = make()
    first = library(tmp_path / "cache", environ)
    assert library(tmp_path / "cache", environ) == first
    assert first.is_file()
    assert calls.read_text() == "."


def test_processes_that_come_together_compile_once(tmp_path: Path, compiler: Compiler) -> None:
    make, calls = compiler
    environ = make()
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        paths = pool.starmap(library, [(tmp_path / "cache", environ)] * 3)
    assert len(set(paths)) == 1
    assert calls.read_text() == "."


def test_a_compiler_without_openmp_makes_kernels_for_one_thread(tmp_path: Path, compiler: Compiler) -> None:
    make, calls = compiler
    made = library(tmp_path / "cache", make(refuses="-fopenmp"))
    assert made.is_file()
    assert calls.read_text() == ".."


def test_a_compiler_that_fails_is_told_with_its_log(tmp_path: Path, compiler: Compiler) -> None:
    make, _ = compiler
    with pytest.raises(KernelsUnavailable, match=r"compiler failed, see .*\.log$") as caught:
        library(tmp_path / "cache", make(refuses="-shared"))
    log = Path(str(caught.value).split("see ")[1])
    assert "error: no -shared" in log.read_text()
    assert not list((tmp_path / "cache").glob("*.so"))


def test_no_compiler_is_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(KernelsUnavailable, match=r"no C\+\+ compiler .*pip install ziglang"):
        library(tmp_path, {"PATH": str(tmp_path)})


def test_the_python_package_ziglang_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "ziglang")
    assert find_toolchain({"PATH": str(tmp_path)}).command[1:] == ("-m", "ziglang", "c++")


def test_a_named_compiler_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KernelsUnavailable, match="CXX=/nowhere/c"):
        library(tmp_path / "cache", {"CXX": "/nowhere/c++", "PATH": os.environ["PATH"]})


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, compiler: Compiler) -> None:
    make, _ = compiler
    (tmp_path / "file").touch()
    with pytest.raises(KernelsUnavailable, match="cannot be written"):
        library(tmp_path / "file" / "cache", make())


def test_another_processor_gets_kernels_of_its_own(
    tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, _ = compiler
    environ = make()
    here = library(tmp_path / "cache", environ)
    monkeypatch.setattr(build, "_processor", lambda: "flags: sse2")
    assert library(tmp_path / "cache", environ) != here
