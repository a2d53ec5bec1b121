"""Ranks that see the same shards index each once, and all of them know of all."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import DataError
from datazoo.pipeline.order import Shard
from datazoo.pipeline.ranks import Ranks
from datazoo.sources import shard_index
from datazoo.sources.shard_index import ShardIndex, index_shards
from datazoo.sources.tar_index import index_tar
from tests.unit.datazoo.doctor.pictures import on_ranks
from tests.unit.datazoo.sources.shard_files import pairs, write_tar


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    return [write_tar(tmp_path / "data" / f"{n}.tar", pairs(range(5 * n, 5 * n + 5))) for n in range(5)]


@pytest.fixture
def indexed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each shard was indexed."""
    counts: Counter[Path] = Counter()

    def counted(path: Path) -> list[tuple[str, int, int, int]]:
        counts[path] += 1
        return index_tar(path)

    monkeypatch.setattr(shard_index, "index_tar", counted)
    return counts


def on_hosts(shards: list[list[Path]], caches: list[Path]) -> list:
    """Index on ranks, each with its own paths and cache; what is found is told without its place."""

    def work(rank: int, gather: Callable[[bytes], list[bytes]]) -> list[tuple]:
        found = index_shards(shards[rank], caches[rank], Ranks(Shard(rank, len(shards)), gather))
        assert [index.shard.path for index in found] == [str(path) for path in shards[rank]]
        return list(map(told, found))

    return on_ranks(len(shards), work)


def told(index: ShardIndex) -> tuple:
    return index.members, index.offsets.tolist(), index.sizes.tolist(), index.labels.tolist()


def test_each_shard_is_indexed_once(shards: list[Path], tmp_path: Path, indexed: Counter[Path]) -> None:
    alone = list(map(told, index_shards(shards, tmp_path / "alone")))
    indexed.clear()

    results = on_hosts([shards] * 3, [tmp_path / "cache"] * 3)

    assert results == [alone] * 3
    assert indexed == Counter(shards)


def test_each_rank_remembers_what_another_indexed(shards: list[Path], tmp_path: Path, indexed: Counter[Path]) -> None:
    on_hosts([shards] * 2, [tmp_path / "one", tmp_path / "other"])
    indexed.clear()

    for cache in ("one", "other"):
        index_shards(shards, tmp_path / cache)

    assert not indexed


def test_only_those_that_lack_an_index_make_it(shards: list[Path], tmp_path: Path, indexed: Counter[Path]) -> None:
    index_shards(shards[:3], tmp_path / "one")
    indexed.clear()

    results = on_hosts([shards] * 2, [tmp_path / "one", tmp_path / "other"])

    assert results[0] == results[1]
    assert indexed == Counter(shards)


def test_a_copy_on_another_host_is_indexed_there(shards: list[Path], tmp_path: Path, indexed: Counter[Path]) -> None:
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    copies = [tmp_path / "copy" / path.name for path in shards]

    results = on_hosts([shards, shards, copies], [tmp_path / "cache"] * 3)

    assert results[0] == results[1] == results[2]
    assert indexed == Counter([*shards, *copies])


def test_a_damaged_shard_is_named_by_the_rank_that_reads_it(shards: list[Path], tmp_path: Path) -> None:
    shards[0].write_bytes(b"no tar file" * 100)

    with pytest.raises(DataError, match=r"shard .*0\.tar is no tar file"):
        index_shards(shards[:1], tmp_path / "cache", Ranks(Shard(0, 2), lambda content: [content, content]))
