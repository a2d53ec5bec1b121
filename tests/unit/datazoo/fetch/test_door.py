"""`python -m datazoo.fetch` from a server to a folder that a recipe reads."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import BadInput, ConfigError, DownloadError
from common.published import Published, RemoteFile
from datazoo.fetch import catalogue, garbage26
from datazoo.fetch.__main__ import main
from tests.unit.common.file_server import FileServer, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("FETCH_MIRROR", raising=False)
    monkeypatch.chdir(tmp_path)
    with serving() as state:
        yield state


def test_every_published_address_is_encrypted_and_every_checksum_is_one() -> None:
    for entry in catalogue.DATA_SETS.values():
        for remote in entry.files:
            assert all(address.startswith("https://") for address in remote.addresses)
            assert remote.sha256 is None or len(bytes.fromhex(remote.sha256)) == 32


def test_mnist_comes_from_a_mirror_with_its_licence_and_the_next_command(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist = catalogue.DATA_SETS["mnist"]
    served = [
        replace(f, sha256=hashlib.sha256(gzip.compress(f.name.encode(), mtime=0)).hexdigest()) for f in mnist.files
    ]
    monkeypatch.setattr(catalogue, "DATA_SETS", {"mnist": replace(mnist, files=tuple(served))})
    server.files |= {f"/mirror/{remote.name}": gzip.compress(remote.name.encode(), mtime=0) for remote in mnist.files}
    assert main(["mnist", "--mirror", f"{server.address}/mirror"]) == 0
    assert sorted(path.name for path in Path("data/mnist").iterdir()) == sorted(remote.name for remote in mnist.files)
    shown = capsys.readouterr().out
    assert "licence: CC BY-SA 3.0" in shown
    assert "next: python train.py --config config/lenet5_mnist_improved.yaml --dataset_path data/mnist" in shown


@pytest.fixture
def official(server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FileServer:
    """A server with a small archive, which the catalogue takes for the published one."""
    pictures = {"test/Cans/00001.jpg": b"leaked", "train/Cans/00001.jpg": b"leaked", "train/Cans/00002.jpg": b"own"}
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        for name, content in pictures.items():
            archive.writestr(f"data_en/{name}", content)
    server.files["/data_en.zip"] = (tmp_path / "made.zip").read_bytes()
    lines = "".join(f"{name}\t{hashlib.sha256(content).hexdigest()}\n" for name, content in pictures.items())
    monkeypatch.setattr(garbage26, "OFFICIAL_DIGEST", hashlib.sha256(lines.encode()).hexdigest())
    remote = RemoteFile("data_en.zip", (f"{server.address}/data_en.zip",), None)
    entry = Published("garbage", "the tutorial", "none stated", (remote,))
    monkeypatch.setattr(catalogue, "DATA_SETS", {"garbage26": entry})
    return server


def test_the_clean_split_comes_from_the_server_in_one_command(
    official: FileServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["garbage26", "--clean"]) == 0
    clean = Path("data/garbage26_clean")
    assert sorted(path.relative_to(clean).as_posix() for path in clean.rglob("*.jpg")) == [
        "test/Cans/00001.jpg",
        "train/Cans/00002.jpg",
    ]
    assert "data/garbage26_clean: 1 train, 0 val, 1 test" in capsys.readouterr().out


def test_a_second_start_downloads_nothing(official: FileServer) -> None:
    main(["garbage26"])
    official.asked.clear()
    assert main(["garbage26", "--clean"]) == 0
    assert official.asked == []


def test_an_official_split_that_is_there_is_taken(official: FileServer, tmp_path: Path) -> None:
    main(["garbage26", "--to", "mine"])
    official.asked.clear()
    assert main(["garbage26", "--clean", "--from", "mine", "--to", "clean"]) == 0
    assert official.asked == []
    assert (tmp_path / "clean" / "train" / "Cans" / "00002.jpg").read_bytes() == b"own"


def test_without_a_network_the_command_to_type_again_is_named(
    official: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    official.files.clear()
    with pytest.raises(DownloadError, match=r"run again: python -m datazoo.fetch garbage26 --clean"):
        main(["garbage26", "--clean"])
    assert not Path("data").exists()


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match="did you mean 'mnist'"):
        main(["minst"])


@pytest.mark.parametrize(
    ("argv", "message"),
    [(["mnist", "--clean"], "are for garbage26, not mnist"), (["garbage26", "--from", "x"], "add --clean")],
)
def test_flags_without_effect_are_refused(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        main(argv)
