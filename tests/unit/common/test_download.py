"""Downloads against a real server: whole and checked or not there, and gone on with after a break."""

from __future__ import annotations

import hashlib
import logging
import resource
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.download import MIRROR_VARIABLE, download
from common.errors import DownloadError
from common.published import RemoteFile
from tests.unit.common.file_server import FileServer, serving

CONTENT = np.random.default_rng(0).bytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
COMMAND = "python -m datazoo.fetch thing"


@pytest.fixture(scope="module")
def local_only() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(MIRROR_VARIABLE, raising=False)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr("common.download._PAUSE", 0.0)
        yield


@pytest.fixture
def server(local_only: None) -> Iterator[FileServer]:
    with serving() as state:
        state.files["/a.bin"] = CONTENT
        yield state


def remote(server: FileServer, sha256: str | None = DIGEST, path: str = "/a.bin") -> RemoteFile:
    return RemoteFile("a.bin", (server.address + path,), sha256)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole_and_alone(server: FileServer, tmp_path: Path) -> None:
    path = download(remote(server), tmp_path / "new" / "folder", COMMAND)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["a.bin"]


def test_a_file_that_is_there_is_not_downloaded_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(CONTENT)
    download(remote(server), tmp_path, COMMAND)
    assert server.asked == []


def test_a_file_that_is_there_and_damaged_is_named_and_left(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"half")
    with pytest.raises(DownloadError, match=r"remove .*a.bin and run again: python -m datazoo.fetch thing"):
        download(remote(server), tmp_path, COMMAND)
    assert (tmp_path / "a.bin").read_bytes() == b"half"


def test_a_broken_download_goes_on_where_it_stopped(server: FileServer, tmp_path: Path) -> None:
    server.break_after = [100_000, 50_000]
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=100000-", "bytes=150000-"]


@settings(max_examples=40)
@given(
    breaks=st.lists(st.integers(0, len(CONTENT)), max_size=3), ranges=st.booleans(), etag=st.sampled_from(['"v"', None])
)
def test_wherever_it_breaks_the_file_is_the_published_one(
    breaks: list[int], ranges: bool, etag: str | None, local_only: None
) -> None:
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        server.files["/a.bin"], server.ranges, server.etag = CONTENT, ranges, etag
        server.break_after = list(breaks)
        assert download(remote(server), Path(folder), COMMAND).read_bytes() == CONTENT
        assert names(Path(folder)) == ["a.bin"]


def test_the_next_start_goes_on_where_the_last_one_stopped(server: FileServer, tmp_path: Path) -> None:
    server.break_after = [1000, 1000, 1000, 1000]
    with pytest.raises(DownloadError, match=r"4,000 bytes are kept and gone on from"):
        download(remote(server), tmp_path, COMMAND)
    assert names(tmp_path) == ["a.bin.part", "a.bin.part.version"]
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bin", "bytes=4000-")
    assert names(tmp_path) == ["a.bin"]


def test_a_server_without_ranges_sends_it_all_again(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    server.break_after = [100_000]
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT


def test_another_version_of_the_file_is_never_appended(server: FileServer, tmp_path: Path) -> None:
    server.break_after = [1000] * 4
    with pytest.raises(DownloadError):
        download(remote(server), tmp_path, COMMAND)
    other = CONTENT[::-1]
    server.files["/a.bin"], server.etag = other, '"v2"'
    assert download(remote(server, sha256=None), tmp_path, COMMAND).read_bytes() == other


def test_what_is_kept_of_a_server_that_names_no_version_is_not_gone_on_from(server: FileServer, tmp_path: Path) -> None:
    server.etag = None
    server.break_after = [1000]
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, None]


def test_a_part_that_is_longer_than_the_file_is_begun_anew(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "a.bin.part.version").write_text('"v1"')
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT


def test_a_wrong_checksum_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="published is 000000"):
        download(remote(server, sha256="0" * 64), tmp_path, COMMAND)
    assert names(tmp_path) == []


def test_the_first_digits_of_a_checksum_are_compared_where_only_they_are_published(
    server: FileServer, tmp_path: Path
) -> None:
    assert download(remote(server, sha256=DIGEST[:8]), tmp_path, COMMAND).is_file()


def test_a_checksum_that_nobody_publishes_is_said_and_written_beside_the_file(
    server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        download(remote(server, sha256=None), tmp_path, COMMAND)
    assert f"no checksum is published; the SHA-256 of this copy is {DIGEST}" in caplog.text
    assert (tmp_path / "a.bin.sha256").read_text() == f"{DIGEST}  a.bin\n"


def test_redirects_are_followed(server: FileServer, tmp_path: Path) -> None:
    server.moved["/old"] = "/a.bin"
    assert download(remote(server, path="/old"), tmp_path, COMMAND).read_bytes() == CONTENT


def test_redirects_in_a_circle_end(server: FileServer, tmp_path: Path) -> None:
    server.moved |= {"/x": "/y", "/y": "/x"}
    with pytest.raises(DownloadError, match="redirects"):
        download(remote(server, path="/x"), tmp_path, COMMAND)


def test_a_missing_file_is_asked_for_once_and_says_what_to_do_by_hand(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        download(remote(server, path="/gone"), tmp_path, COMMAND)
    assert len(server.asked) == 1
    first, second, third = str(caught.value).splitlines()
    assert "HTTP 404" in first
    assert f"download {server.address}/gone, save it as {tmp_path / 'a.bin'}, and run again: {COMMAND}" in second
    assert MIRROR_VARIABLE in third


def test_a_busy_server_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.failing = [503, 429]
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT


def test_no_connection_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as gone:
        nobody = RemoteFile("a.bin", (f"{gone.address}/a.bin",), None)
    with pytest.raises(DownloadError, match="connection refused"):
        download(nobody, tmp_path / "new", COMMAND)
    assert names(tmp_path) == []


def test_a_name_that_no_server_has_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    nowhere = RemoteFile("a.bin", ("http://no-such-host.invalid/a.bin",), None)
    with pytest.raises(DownloadError, match=r"no network here\?"):
        download(nowhere, tmp_path, COMMAND)


@pytest.mark.parametrize("by_variable", [True, False], ids=["variable", "argument"])
def test_a_mirror_is_asked_first_under_the_name_of_the_file(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_variable: bool
) -> None:
    server.files["/mirror/a.bin"] = CONTENT
    address = f"{server.address}/mirror/"
    if by_variable:
        monkeypatch.setenv(MIRROR_VARIABLE, address)
    download(remote(server), tmp_path, COMMAND, None if by_variable else address)
    assert [path for path, _ in server.asked] == ["/mirror/a.bin"]


def test_a_mirror_with_other_bytes_is_named_and_the_published_address_taken(
    server: FileServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.files["/mirror/a.bin"] = b"stale"
    path = download(remote(server), tmp_path, COMMAND, f"{server.address}/mirror")
    assert path.read_bytes() == CONTENT
    assert "/mirror/a.bin: its SHA-256 is" in caplog.text


def test_a_full_disk_is_said_before_anything_is_written(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("common.download.shutil.disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DownloadError, match=r"300,000 bytes wanted, 1,000 free\n.*nothing is kept"):
        download(remote(server), tmp_path, COMMAND)


def test_a_disk_that_fills_up_on_the_way_keeps_what_was_received(server: FileServer, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # the kernel refuses to write more, as a full disk does
    try:
        with pytest.raises(DownloadError, match=r"make room or name another folder with --to; 100,000 bytes are kept"):
            download(remote(server), tmp_path, COMMAND)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert download(remote(server), tmp_path, COMMAND).read_bytes() == CONTENT
    assert server.asked[-1] == ("/a.bin", "bytes=100000-")
