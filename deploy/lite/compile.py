"""Compiles C++ programs against MindSpore Lite, of the wheel or of a release, for this machine or another."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.cpp_compiler import find_cpp_compiler
from deploy.use.lite_process import run_process

SECONDS = 300.0
# No fused multiply-add, which rounds in another way than training's preprocessing does.
_OPTIONS = ("-std=c++17", "-O2", "-ffp-contract=off")
WHEEL_LIBRARIES = ("-l:libmindspore-extendrt_python.so", "-lmslite_shared_lib", "-lmindspore_core")
GLOG = "-l:libmindspore_glog.so.0"
_SYSTEM_DECODERS = ("-DSYSTEM_DECODERS", "-ljpeg", "-lpng")


@dataclass(frozen=True)
class Kit:
    """What a program is compiled with.

    Args:
        compiler: the start of its command.
        headers: folders.
        libraries: folders.
        links: options that name the libraries.
    """

    compiler: tuple[str, ...]
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
        command = [*self.compiler, *_OPTIONS, *search, str(source), "-o", str(target), *extra, *self.links, "-ldl"]
        run_process(command, f"compiling {source.name}", SECONDS)


def decoder_options(compiler: Sequence[str], sources: Path) -> tuple[str, ...]:
    """Options that make the C++ client decode JPEG and PNG as Pillow does.

    Args:
        compiler: the start of its command.
        sources: the client's folder.

    Returns:
        Options for libjpeg-turbo and libpng; none where their headers are not there, and stb_image decodes.
    """
    command = [*compiler, "-std=c++17", "-fsyntax-only", _SYSTEM_DECODERS[0], str(sources / "decode_system.h")]
    found = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    return _SYSTEM_DECODERS if found else ()


def find_compiler(machine: str | None = None) -> tuple[str, ...] | None:
    """The C++ compiler of this machine; for another machine Debian's cross compiler."""
    if machine is None:
        return find_cpp_compiler()
    found = shutil.which(f"{machine}-linux-gnu-g++")
    return (found,) if found else None


def wheel_kit(package: Path, compiler: tuple[str, ...]) -> Kit:
    """Compile against the folder `mindspore_lite` of the wheel."""
    headers = (package, package / "include")
    return Kit(compiler, headers, (package / "lib",), (*WHEEL_LIBRARIES, GLOG))


def release_kit(release: Path, compiler: tuple[str, ...]) -> Kit:
    """Compile against an unpacked release."""
    runtime = release / "runtime"
    return Kit(compiler, (runtime, runtime / "include"), release_libraries(release), ("-lmindspore-lite", "-lpthread"))


def release_libraries(release: Path) -> tuple[Path, ...]:
    """Folders of a release that hold libraries: the runtime's, the converter's, and what they need."""
    wanted = [release / "runtime" / "lib", *sorted(release.glob("runtime/third_party/*"))]
    wanted += [release / "tools" / "converter" / "lib"]
    return tuple(folder for folder in wanted if folder.is_dir() and any(folder.glob("*.so*")))
