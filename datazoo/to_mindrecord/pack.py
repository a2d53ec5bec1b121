"""Splits as folders of MindRecord shards, made shard by shard, so that an interruption costs one shard at the most."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from common.errors import DataError
from common.files import remove_leftovers, write_json, write_text
from common.names import printable
from datazoo.packed import PackedFile
from datazoo.pictures import PictureSet, Splits
from datazoo.sources.shards import CLASSES_FILE
from datazoo.to_mindrecord.shard_writer import name_of, write_shard

PACKING = "packing.json"
_FORMAT = 1


@dataclass(frozen=True)
class Packed:
    """What a folder of shards holds: pictures, shards, and how many of these were written now."""

    pictures: int
    shards: int
    written: int


def pack(splits: Splits, output: Path, shards: int) -> Packed:
    """Write the splits' shards that are not there yet.

    Args:
        splits: of pictures in files or shards.
        output: gets a folder a split, `classes.txt` and `packing.json`.
        shards: of each split; one of fewer pictures gets a shard for each.

    Raises:
        DataError: the folder holds something else, a picture cannot be read, or a shard is not read back as written.
    """
    _claim(output, _packing(splits, shards))
    write_text(output / CLASSES_FILE, "".join(f"{name}\n" for name in splits.train.classes))
    written = total = 0
    for part in splits:
        folder = output / part.split
        folder.mkdir(exist_ok=True)
        remove_leftovers(folder)
        places = np.array_split(np.arange(len(part)), min(shards, len(part)))
        for number, rows in enumerate(tqdm(places, desc=f"packing {part.split}", unit="shard", disable=None)):
            target = folder / f"{part.split}-{number:05d}-of-{len(places):05d}.mindrecord"
            if not target.exists():
                write_shard(part.subset(rows), target)
                written += 1
        total += len(places)
    return Packed(sum(map(len, splits)), total, written)


def _packing(splits: Splits, shards: int) -> dict[str, object]:
    parts = {part.split: {"pictures": len(part), "list": _list_hash(part)} for part in splits}
    return {"format": _FORMAT, "shards": shards, "classes": list(splits.train.classes), "splits": parts}


def _list_hash(pictures: PictureSet) -> str:
    """A SHA-256 over names, labels, sizes and times of change: another one means other pictures."""
    digest = hashlib.sha256()
    for file, label in zip(pictures.files or (), pictures.labels.tolist(), strict=True):
        if isinstance(file, PackedFile):
            size, modified = file.size, file.shard.modified
        else:
            status = os.stat(file)
            size, modified = status.st_size, status.st_mtime_ns
        digest.update(f"{name_of(file)}\t{label}\t{size}\t{modified}\n".encode())
    return digest.hexdigest()


def _claim(output: Path, packing: dict[str, object]) -> None:
    """Take an empty folder, or one that the same packing has begun."""
    place = output / PACKING
    try:
        begun = json.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        output.mkdir(parents=True, exist_ok=True)
        if any(output.iterdir()):
            raise DataError(f"{printable(output)} is not empty, and no packing was begun in it") from None
        write_json(place, packing)
        return
    except (OSError, ValueError) as error:
        raise DataError(f"{printable(place)} cannot be read ({error}); remove {printable(output)}") from error
    if begun != packing:
        other = [key for key in packing if not isinstance(begun, dict) or begun.get(key) != packing[key]]
        raise DataError(
            f"{printable(output)} holds another packing ({', '.join(other)} differ): "
            "choose another --output, or remove it"
        )
