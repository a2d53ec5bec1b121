"""Files and folders that are either whole or not there."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.finite import finite_or_none
from common.processes import is_alive

_LONGEST_NAME = 200  # bytes, of the 255 that file systems allow


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that becomes `target` if the block succeeds.

    The data is on the disk before the name changes, so a crash at any moment leaves the old file or the new one. The
    temporary name ends like the target's. Devices, pipes and open streams (`/dev/stdout`) are written to, not replaced.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_path(Path(folder) / "a.txt") as path:
        ...         _ = path.write_text("whole")
        ...     (Path(folder) / "a.txt").read_text()
        'whole'
    """
    if _is_stream(target):
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder, target.name)
            yield temporary
            with temporary.open("rb") as source, target.open("wb") as stream:
                shutil.copyfileobj(source, stream)
        return
    temporary = _beside(target)
    try:
        with _errors_naming(target, temporary):
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):  # a read-only mount refuses this too, which would hide why
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _errors_naming(target: Path, temporary: Path) -> Iterator[None]:
    """Let errors name `target`, and not a name that nobody knows."""
    try:
        yield
    except OSError as error:
        if str(temporary) in (error.filename, error.filename2):
            error.filename, error.filename2 = str(target), None
        raise


def _is_stream(target: Path) -> bool:
    if target.exists() and not target.is_file():
        return True
    link = os.readlink(target) if target.is_symlink() else ""
    return link.startswith("/proc/") or os.path.realpath(target.parent).startswith("/proc/")


@contextlib.contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `target` that becomes `target` if the block succeeds, and vanishes if not.

    `target` is not there, or an empty folder.

    Raises:
        FileExistsError: another process has made `target` meanwhile.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target)
    with _errors_naming(target, temporary):
        temporary.mkdir()
    try:
        yield temporary
        try:
            os.replace(temporary, target)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
            raise FileExistsError(errno.EEXIST, "another process has made it meanwhile", str(target)) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def atomic_link(name: Path, target: str) -> None:
    """Point the symbolic link `name` at `target` (a name in the same folder), replacing an older link at once."""
    temporary = _beside(name)
    with _errors_naming(name, temporary):
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.replace(temporary, name)


def write_text(target: Path, content: str) -> None:
    """Write a UTF-8 file atomically, with the line ends that `content` has.

    What UTF-8 cannot write, a file name's bytes of another encoding, becomes an escape that JSON reads back.
    """
    with atomic_path(target) as path:
        path.write_text(content, encoding="utf-8", errors="backslashreplace", newline="")


def write_json(target: Path, value: object) -> None:
    """Write a JSON file atomically, UTF-8, readable by people; numbers that are not finite become null."""
    write_text(target, json.dumps(finite_or_none(value), indent=2, ensure_ascii=False) + "\n")


def json_line(value: object) -> str:
    """One line of a JSON Lines file, with its end; numbers that are not finite become null."""
    return json.dumps(finite_or_none(value)) + "\n"


def read_json_lines(path: Path) -> tuple[list[tuple[bytes, dict[str, object]]], int]:
    """Read the whole lines of a JSON Lines file, whatever a crash or a bad disk has left between them.

    Returns:
        Every line that is a JSON object, as (its bytes, its value), and the number of the other lines.

    Raises:
        OSError: the file cannot be read.
    """
    found: list[tuple[bytes, dict[str, object]]] = []
    lines = path.read_bytes().split(b"\n")
    if not lines[-1]:  # behind the last line's end
        lines.pop()
    for line in lines:
        try:
            value = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):  # no UTF-8 and no JSON are both ValueErrors
            continue
        if isinstance(value, dict):
            found.append((line, value))
    return found, len(lines) - len(found)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def remove_leftovers(folder: Path) -> int:
    """Remove what killed writers have left half-written in a folder; return how many there were.

    Call it before this process writes there: a name with its number is another's, of before a restart.
    """
    leftovers = []
    for path in folder.glob(".tmp-*") if folder.is_dir() else ():
        writer = _TEMPORARY.fullmatch(path.name)
        if writer and (int(writer[1]) == os.getpid() or not is_alive(int(writer[1]))):
            leftovers.append(path)
    for path in leftovers:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(leftovers)


_TEMPORARY = re.compile(r"\.tmp-(\d{1,10})-.+", re.DOTALL)


def _beside(target: Path) -> Path:
    name = target.name
    if len(os.fsencode(name)) > _LONGEST_NAME:  # longer ones leave no room for more letters
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32] + target.suffix
    return target.with_name(f".tmp-{os.getpid()}-{name}")
