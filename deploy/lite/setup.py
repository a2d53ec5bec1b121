"""Set MindSpore Lite up beside `.venv`: `python -m deploy.lite setup`.

Takes mindspore-lite 2.0.0 from PyPI, by name and hash, into .lite (about 0.6 GB). A Python 3.7 (of the PATH, pyenv, uv
or conda) gets an environment with it; a C++ compiler builds a converter and a runner against its libraries. Either is
enough. `--release DIR` takes an unpacked release 2.0 to 2.7 instead. `--target aarch64` makes .lite-aarch64 for
programs of an aarch64 device, which run here under qemu. Exit code: 0, or 2 where none of these is there.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from common.door import EXIT_OK, DoorParser
from common.files import atomic_folder, write_json
from deploy.lite import compile, wheel
from deploy.lite.elf import elf_machine
from deploy.lite.trial import try_environment
from deploy.use.lite_environment import (
    DESCRIPTION,
    PROGRAMS,
    LiteEnvironment,
    LiteError,
    find_lite,
    lite_folder,
    program_sources,
)


def main(argv: Sequence[str]) -> int:
    """Set Lite up, or say what is there already."""
    parser = DoorParser(prog="python -m deploy.lite setup", description=__doc__)
    parser.add_argument("--release", type=Path, metavar="DIR", help="unpacked MindSpore Lite release, instead of PyPI")
    parser.add_argument("--python", type=Path, metavar="FILE", help="a Python 3.7 (default: looked for)")
    parser.add_argument("--no_python", action="store_true", help="do without Python 3.7: the C++ way only")
    parser.add_argument("--target", choices=["aarch64"], help="for programs of this processor, run under qemu")
    parser.add_argument("--again", action="store_true", help="replace what is there")
    options = parser.parse_args(argv)
    folder = lite_folder(options.target)
    if not options.again and (folder / DESCRIPTION).is_file():
        try:
            print(summary(find_lite(folder)))
            return EXIT_OK
        except LiteError as error:
            print(f"{error} (done now)")
    if options.python and not wheel.is_python_3_7(options.python):
        raise LiteError(f"--python {options.python} is not a Python 3.7 with venv; the wheel is for 3.7 only")
    if options.target:
        environment = replace_folder(folder, lambda place: build_cross(place, options.target))
    elif options.release:
        environment = replace_folder(folder, lambda place: use_release(place, options.release.absolute()))
    else:
        python = None if options.no_python else options.python or wheel.find_python()
        environment = replace_folder(folder, lambda place: build(place, python))
    print(summary(environment))
    return EXIT_OK


def replace_folder(folder: Path, make: Callable[[Path], LiteEnvironment]) -> LiteEnvironment:
    """Make an environment beside the one that is there, then put it in its place.

    Args:
        folder: of the environment.
        make: fills a temporary folder.

    Raises:
        LiteError: it cannot be made; what was there is left.
    """
    new, old = (folder.with_name(f"{folder.name}.{word}") for word in ("new", "old"))
    for rest in (new, old):
        shutil.rmtree(rest, ignore_errors=True)
    with atomic_folder(new) as place:
        environment = make(place)
        try_environment(environment, find_lite() if environment.emulator else None)
        environment = environment.model_copy(update={"sources": program_sources()})
        write_json(place / DESCRIPTION, environment.model_dump(mode="json", exclude={"folder"}))
    if folder.exists():
        os.replace(folder, old)
    os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)
    return find_lite(folder)


def build(place: Path, python: Path | None) -> LiteEnvironment:
    """Set the wheel up for this machine.

    Args:
        place: folder to fill.
        python: a Python 3.7, or None.

    Raises:
        LiteError: neither Python nor compiler, or PyPI cannot be reached.
    """
    compiler = compile.find_compiler()
    if platform.machine() not in wheel.PLATFORMS:
        raise LiteError(f"PyPI has MindSpore Lite for x86_64 and aarch64, this is {platform.machine()}")
    if python is None and compiler is None:
        raise LiteError(
            "MindSpore Lite needs a Python 3.7 or a C++ compiler, and neither is here\n"
            "(Debian: apt-get install g++; uv python install 3.7; or name an unpacked release: --release DIR)"
        )
    print(f"taking mindspore-lite {wheel.VERSION} from PyPI (170 MB to download, 0.6 GB on disk)", flush=True)
    package = wheel.make_python(python, place / "venv") if python else wheel.unpack(place / "wheel", platform.machine())
    own = package.relative_to(place)
    environment = LiteEnvironment(
        folder=place,
        version=wheel.VERSION,
        package=own,
        libraries=(own / "lib",),
        headers=(own, own / "include"),
        python=Path("venv", "bin", "python") if python else None,
    )
    return _with_programs(environment, compile.wheel_kit(package, compiler)) if compiler else environment


def _with_programs(environment: LiteEnvironment, kit: compile.Kit) -> LiteEnvironment:
    place = environment.folder / "bin"
    place.mkdir()
    kit.compile(PROGRAMS / "worker.cc", place / "worker")
    converter = ("-l:libmindspore_converter.so", "-rdynamic")  # its own symbols come before the library's
    kit.compile(PROGRAMS / "convert.cc", place / "convert", converter)
    return environment.model_copy(update={"worker": Path("bin", "worker"), "converter": Path("bin", "convert")})


def build_cross(place: Path, machine: str) -> LiteEnvironment:
    """Set the wheel of another processor up, for programs that run under qemu.

    Args:
        place: folder to fill.
        machine: such as aarch64.

    Raises:
        LiteError: cross compiler or emulator is missing, or PyPI cannot be reached.
    """
    find_lite()  # converts what is run there
    compiler = compile.find_compiler(machine)
    qemu = shutil.which(f"qemu-{machine}-static") or shutil.which(f"qemu-{machine}")
    if compiler is None or qemu is None:
        raise LiteError(
            f"--target {machine} needs a cross compiler and an emulator\n"
            f"(Debian: apt-get install g++-{machine}-linux-gnu qemu-user-static)"
        )
    print(f"taking mindspore-lite {wheel.VERSION} for {machine} from PyPI", flush=True)
    package = wheel.unpack(place / "wheel", machine)
    own = package.relative_to(place)
    (place / "bin").mkdir()
    compile.wheel_kit(package, compiler).compile(PROGRAMS / "worker.cc", place / "bin" / "worker")
    return LiteEnvironment(
        folder=place,
        version=wheel.VERSION,
        package=own,
        libraries=(own / "lib",),
        headers=(own, own / "include"),
        worker=Path("bin", "worker"),
        emulator=(qemu, "-L", f"/usr/{machine}-linux-gnu"),
    )


def use_release(place: Path, release: Path) -> LiteEnvironment:
    """Use an unpacked release where it lies.

    Args:
        place: folder to fill.
        release: holds `runtime` and `tools`.

    Raises:
        LiteError: it is not a release, or one for another processor, or there is no compiler.
    """
    converter = release / "tools" / "converter" / "converter" / "converter_lite"
    library = release / "runtime" / "lib" / "libmindspore-lite.so"
    for file in (converter, library, release / "runtime" / "include"):
        if not file.exists():
            raise LiteError(f"--release {release}: {file.relative_to(release)} is missing; name the unpacked folder")
    for file in (converter, library):
        machine = elf_machine(file)
        if machine not in (None, platform.machine()):
            raise LiteError(
                f"--release {release}: {file.relative_to(release)} is for {machine}, and this machine is "
                f"{platform.machine()}; take the release for it"
            )
    compiler = compile.find_compiler()
    if compiler is None:
        raise LiteError("--release needs a C++ compiler (Debian: apt-get install g++)")
    (place / "bin").mkdir()
    kit = compile.release_kit(release, compiler)
    kit.compile(PROGRAMS / "worker.cc", place / "bin" / "worker")
    version = re.search(r"\d+\.\d+(\.\d+)?", release.name)
    return LiteEnvironment(
        folder=place,
        version=version[0] if version else "unknown",
        package=release,
        libraries=kit.libraries,
        headers=kit.headers,
        worker=Path("bin", "worker"),
        converter_lite=converter,
    )


def summary(environment: LiteEnvironment) -> str:
    """What was found, and what it can do."""
    ways = {"python": "Python 3.7", "cpp": "C++"}
    runs = " and ".join(ways[language] for language in environment.languages())
    name = f"MindSpore Lite {environment.version} in {environment.folder}"
    if environment.emulator:
        return f"{name}: runs .ms files under {runs} by qemu"
    if environment.converter_lite:
        converts = "converter_lite of the release"
    elif environment.converter:
        converts = "fp32, fp16, weight, dynamic and full quantisation"
    else:
        converts = "fp32, fp16, weight and dynamic quantisation (full quantisation needs a C++ compiler)"
    return (
        f"MindSpore Lite {environment.version} in {environment.folder}: runs .ms files by {runs}; converts: {converts}"
    )
