"""Which processor a program or a library is for.

Source: System V ABI, "ELF Header", and the processors' supplements to it.
"""

from __future__ import annotations

from pathlib import Path

_MACHINES = {3: "i686", 40: "armv7l", 62: "x86_64", 183: "aarch64"}


def elf_machine(file: Path) -> str | None:
    """The processor of an ELF file, as `platform.machine()` calls it; None for other files, such as scripts."""
    with file.open("rb") as stream:
        head = stream.read(20)
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    return _MACHINES.get(number, f"processor {number} of the ELF list")
