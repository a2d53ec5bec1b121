"""Downloads that are whole and checked or not there; a broken one goes on where it stopped.

What is still missing is kept as `<name>.part`, with the server's mark of the version beside it (`<name>.part.version`).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from common.errors import DownloadError
from common.files import sha256_of, write_text
from common.names import printable
from common.published import RemoteFile

MIRROR_VARIABLE = "FETCH_MIRROR"
_TRIES = 4  # per address, each going on where the one before it broke off
_PAUSE = 1.0  # seconds before a try
_TIMEOUT = (15.0, 60.0)  # seconds to connect, and between two pieces
_PIECE = 1 << 18  # bytes
_MANY_LOST = 416  # HTTP: the range begins behind the end of the file
_logger = logging.getLogger(__name__)


class _Broken(Exception):
    """One try that failed; another may have more luck."""


class _Refused(Exception):
    """What an address will say again if it is asked again."""


def download(remote: RemoteFile, folder: Path, command: str, mirror: str | None = None) -> Path:
    """Return the file, downloaded unless it is there, with its checksum compared.

    Args:
        remote: what to download.
        folder: where it is kept; made where it does not exist.
        command: to type again, for messages.
        mirror: address of a folder that is asked first; None takes the environment variable FETCH_MIRROR, if it is set.

    Raises:
        DownloadError: no address gives it, its checksum differs, or the disk is full.
    """
    target = folder / remote.name
    if target.is_file():
        _check(remote, target, f"remove {printable(target)} and run again: {command}")
        _logger.info("%s: already there", printable(target))
        return target
    part = target.with_name(target.name + ".part")
    failures: list[str] = []
    for address in _addresses(remote, mirror):
        if failures:
            _logger.warning("%s; trying %s", failures[-1], address)
        try:
            _fetch(address, part)
            _check(remote, part, "")
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
            os.replace(part, target)
            _version_of(part).unlink(missing_ok=True)
            return target
        except (_Broken, _Refused, DownloadError) as error:
            if isinstance(error, DownloadError):  # whole, and of other bytes: nothing to go on from
                _discard(part)
            failures.append(f"{address}: {error}")
        except OSError as error:
            raise DownloadError(_disk_message(part, error, command)) from error
    raise DownloadError(_by_hand(remote, target, part, failures, command))


def _addresses(remote: RemoteFile, mirror: str | None) -> Iterable[str]:
    mirror = mirror or os.environ.get(MIRROR_VARIABLE)
    if mirror:
        yield f"{mirror.rstrip('/')}/{quote(remote.name)}"
    yield from remote.addresses


def _fetch(address: str, part: Path) -> None:
    """Fill `part`, going on where a try broke off as long as the tries last."""
    for attempt in range(1, _TRIES + 1):
        try:
            _fetch_once(address, part)
            return
        except _Broken as error:
            if attempt == _TRIES:
                raise
            _logger.warning("%s: %s (try %d of %d)", part.stem, error, attempt, _TRIES)
            time.sleep(_PAUSE)


def _fetch_once(address: str, part: Path) -> None:
    # Lengths and ranges count bytes as they are stored, so nothing may be packed for the way.
    headers = {"Accept-Encoding": "identity"}
    start, version = _resume_point(part)
    if version:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    try:
        with requests.get(address, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            if response.status_code == _MANY_LOST:
                _discard(part)
                raise _Broken(f"{part.name} is longer than the file; beginning anew")
            if response.status_code >= 500 or response.status_code == 429:
                raise _Broken(f"HTTP {response.status_code} {response.reason}")
            if response.status_code not in (200, 206):
                raise _Refused(f"HTTP {response.status_code} {response.reason}")
            _receive(response, part, start)
    except (requests.ReadTimeout, HTTPError) as error:  # on the way
        raise _Broken(_reason(error)) from error
    except requests.RequestException as error:  # nobody there, an address that is none, redirects in a circle
        raise _Refused(_reason(error)) from error


def _resume_point(part: Path) -> tuple[int, str | None]:
    """Bytes there, and the version that they are of; (0, None) where the two are not both known."""
    try:
        return part.stat().st_size, _version_of(part).read_text(encoding="utf-8")
    except OSError:
        return 0, None


def _receive(response: requests.Response, part: Path, start: int) -> None:
    if response.status_code == 206:
        if not re.match(rf"bytes {start}-", response.headers.get("Content-Range", "")):
            _discard(part)
            raise _Broken("the server sent another part of the file than was asked for; beginning anew")
        _logger.info("%s: going on at %s bytes", part.name, f"{start:,}")
    else:  # the whole file: no ranges here, or another version than the one begun
        if start:
            _logger.info("%s: beginning anew: the server does not go on with what is there", part.name)
        _discard(part)
        start = 0
    part.parent.mkdir(parents=True, exist_ok=True)
    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdecimal() else None
    version = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
    if version and not version.startswith("W/"):  # a weak mark does not promise the same bytes
        write_text(_version_of(part), version)
    _require_room(part, (total or start) - start)
    with (
        part.open("ab") as stream,
        tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
    ):
        for piece in response.raw.stream(_PIECE, decode_content=False):
            stream.write(piece)
            bar.update(len(piece))
    if total is not None and part.stat().st_size != total:
        raise _Broken(f"broke off after {part.stat().st_size:,} of {total:,} bytes")


def _require_room(part: Path, wanted: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < wanted:
        raise OSError(f"{wanted:,} bytes wanted, {free:,} free")


def _check(remote: RemoteFile, path: Path, remedy: str) -> None:
    digest = sha256_of(path)
    if remote.sha256 is None:
        _logger.info("%s: no checksum is published; the SHA-256 of this copy is %s", remote.name, digest)
        write_text(path.with_name(f"{remote.name}.sha256"), f"{digest}  {remote.name}\n")
    elif not digest.startswith(remote.sha256):
        message = f"its SHA-256 is {digest}, published is {remote.sha256}: damaged, or another file"
        raise DownloadError(f"{printable(path)}: {message}\n{remedy}" if remedy else message)


def _version_of(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _version_of(part).unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    """What lies below the layers that wrap a network error, in a few words."""
    text = str(error)
    for sign, words in (
        ("resolve", "its name is not known (no network here?)"),
        ("refused", "connection refused"),
        ("unreachable", "network unreachable"),
        ("timed out", "timed out"),
        ("CERTIFICATE", "its certificate is not trusted"),
        ("roxy", "the proxy does not let it through (HTTPS_PROXY)"),
        ("IncompleteRead", "broke off on the way"),
    ):
        if sign in text:
            return words
    return printable(text)


def _disk_message(part: Path, error: OSError, command: str) -> str:
    kept = f"{part.stat().st_size:,} bytes are kept as {printable(part)}" if part.is_file() else "nothing is kept"
    return (
        f"{printable(part.parent)}: cannot be written to: {error.strerror or error}\n"
        f"make room or name another folder with --to; {kept}; then go on: {command}"
    )


def _by_hand(remote: RemoteFile, target: Path, part: Path, failures: list[str], command: str) -> str:
    kept = f" ({part.stat().st_size:,} bytes are kept and gone on from)" if part.is_file() else ""
    return (
        f"{remote.name} cannot be downloaded{kept}: {failures[-1]}\n"
        f"by hand: download {remote.addresses[0]}, save it as {printable(target)}, and run again: {command}\n"
        f"from a mirror: add --mirror ADDRESS or set {MIRROR_VARIABLE}; {remote.name} is looked for below it"
    )
