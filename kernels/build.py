"""Compiling the kernels for the processor at hand, once: python -m kernels.build.

The library stays in cache/kernels/, under a name made of everything that it depends on: sources, flags, compiler and
processor. A folder shared by different machines gets one for each.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import logging
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.cpp_compiler import find_cpp_compiler
from common.errors import ConfigError
from common.files import atomic_path

logger = logging.getLogger(__name__)

SOURCES = Path(__file__).resolve().parent / "src"
CACHE = Path(__file__).resolve().parents[1] / "cache" / "kernels"
CPU_INFO = Path("/proc/cpuinfo")

# The last two let comparisons and square roots become vector instructions; no sum is reordered but those marked so.
_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math")
_FOR_THIS_PROCESSOR = {"x86_64": "-march=native", "aarch64": "-mcpu=native"}


class KernelsUnavailable(Exception):
    """The kernels cannot run here; the message says why, in one line."""


class _Failed(Exception):
    """One attempt of several."""


@dataclass(frozen=True)
class Toolchain:
    """A C++ compiler and what it is called with.

    Args:
        command: the compiler.
        flags: everything but the files.
        version: its own words.
    """

    command: tuple[str, ...]
    flags: tuple[str, ...]
    version: str

    def compile(self, sources: Sequence[Path], output: Path, threads_flag: str) -> subprocess.CompletedProcess[str]:
        """Run the compiler."""
        command = [*self.command, *self.flags, threads_flag, *map(str, sources), "-o", str(output)]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def find_toolchain(environ: Mapping[str, str] = os.environ) -> Toolchain:
    """Take the first C++ compiler there is: $CXX, c++, g++, clang++, or the one in the Python package ziglang.

    Raises:
        KernelsUnavailable: there is none, or $CXX names one that is not there.
    """
    try:
        if found := find_cpp_compiler(environ):
            return _toolchain(found)
    except ConfigError as error:  # training goes on without
        raise KernelsUnavailable(str(error)) from error
    if importlib.util.find_spec("ziglang"):
        return _toolchain((sys.executable, "-m", "ziglang", "c++"))
    raise KernelsUnavailable("no C++ compiler (CXX, c++, g++, clang++, or pip install ziglang)")


def _toolchain(command: tuple[str, ...]) -> Toolchain:
    answer = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    processor = _FOR_THIS_PROCESSOR.get(platform.machine())
    return Toolchain(command, (*_FLAGS, *([processor] if processor else [])), answer.stdout)


def library(cache: Path = CACHE, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the compiled kernels, and compile them first where that was not done yet.

    Args:
        cache: the folder for them; processes that come at the same time wait for the first.
        environ: says where compilers are.

    Raises:
        KernelsUnavailable: there is no compiler, it fails, or the folder cannot be written.
    """
    toolchain = find_toolchain(environ)
    target = cache / f"kernels-{_key(toolchain)}.so"
    if target.is_file():
        return target
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.is_file():
                _build(toolchain, target)
    except OSError as error:
        raise KernelsUnavailable(f"{cache} cannot be written: {error}") from error
    return target


def _build(toolchain: Toolchain, target: Path) -> None:
    """Compile with OpenMP, or where the compiler has none, for one thread."""
    sources = sorted(SOURCES.glob("*.cc"))
    log = target.with_suffix(".log")
    started = time.perf_counter()
    log.write_text(f"{toolchain.version}\n")
    for threads_flag, threads in (("-fopenmp", "OpenMP"), ("-fopenmp-simd", "one thread: it has no OpenMP")):
        with contextlib.suppress(_Failed), atomic_path(target) as library:
            done = toolchain.compile(sources, library, threads_flag)
            problem = done.stderr if done.returncode else _load_problem(library)
            with log.open("a") as stream:
                stream.write(f"+ {shlex.join(map(str, done.args))}\n{problem}\n")
            if problem:
                raise _Failed
        if target.is_file():
            seconds = time.perf_counter() - started
            logger.info("kernels: compiled in %.0f s by %s (%s)", seconds, toolchain.command[0], threads)
            return
    raise KernelsUnavailable(f"{toolchain.command[0]} failed, see {log}")


def _load_problem(library: Path) -> str:
    """Why the library cannot be loaded; empty if it can."""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return ""


def register_bytes(library: Path) -> int:
    """Return how wide the vector registers are that compiled kernels use: 64 bytes with AVX-512."""
    return int(ctypes.CDLL(str(library)).RegisterBytes())


def _key(toolchain: Toolchain) -> str:
    digest = hashlib.sha256(repr((toolchain, platform.machine(), _processor())).encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _processor(cpu_info: Path = CPU_INFO) -> str:
    """What the kernel says that the processor can do."""
    lines = cpu_info.read_text().splitlines() if cpu_info.is_file() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def main() -> int:
    """Compile, and say in one line what came of it; a machine without a compiler is no failure."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    try:
        print(f"kernels: {library().relative_to(CACHE.parents[1])} is ready")
    except KernelsUnavailable as error:
        print(f"kernels: {error}; MindSpore's own operators will run")
    return 0


if __name__ == "__main__":
    sys.exit(main())
