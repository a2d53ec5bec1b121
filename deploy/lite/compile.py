"""Compiles C++ programs against MindSpore Lite, of the wheel or of a release, for this machine or another."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.use.lite_process import run_process

SECONDS = 300.0
# No fused multiply-add, which rounds in another way than training's preprocessing does.
_OPTIONS = ("-std=c++17", "-O2", "-ffp-contract=off")
WHEEL_LIBRARIES = ("-l:libmindspore-extendrt_python.so", "-lmslite_shared_lib", "-lmindspore_core")
GLOG = "-l:libmindspore_glog.so.0"


@dataclass(frozen=True)
class Kit:
    """What a program is compiled with.

    Args:
        compiler: program.
        headers: folders.
        libraries: folders.
        links: options that name the libraries.
    """

    compiler: str
    headers: tuple[Path, ...]
    libraries: tuple[Path, ...]
    links: tuple[str, ...]

    def compile(self, source: Path, target: Path, extra: Sequence[str] = ()) -> None:
        """Compile a program from one file.

        Raises:
            LiteError: the compiler refuses.
        """
        search = [*(f"-I{folder}" for folder in self.headers), *(f"-L{folder}" for folder in self.libraries)]
        search += [f"-Wl,-rpath-link,{folder}" for folder in self.libraries]
        command = [self.compiler, *_OPTIONS, *search, str(source), "-o", str(target), *extra, *self.links, "-ldl"]
        run_process(command, f"compiling {source.name}", SECONDS)


def find_compiler(machine: str | None = None) -> str | None:
    """The C++ compiler: what CXX names, or g++; for another machine Debian's cross compiler."""
    if machine:
        return shutil.which(f"{machine}-linux-gnu-g++")
    return shutil.which(os.environ.get("CXX") or "g++")


def wheel_kit(package: Path, compiler: str) -> Kit:
    """Compile against the folder `mindspore_lite` of the wheel."""
    headers = (package, package / "include")
    return Kit(compiler, headers, (package / "lib",), (*WHEEL_LIBRARIES, GLOG))


def release_kit(release: Path, compiler: str) -> Kit:
    """Compile against an unpacked release."""
    runtime = release / "runtime"
    return Kit(compiler, (runtime, runtime / "include"), release_libraries(release), ("-lmindspore-lite", "-lpthread"))


def release_libraries(release: Path) -> tuple[Path, ...]:
    """Folders of a release that hold libraries: the runtime's, the converter's, and what they need."""
    wanted = [release / "runtime" / "lib", *sorted(release.glob("runtime/third_party/*"))]
    wanted += [release / "tools" / "converter" / "lib"]
    return tuple(folder for folder in wanted if folder.is_dir() and any(folder.glob("*.so*")))
