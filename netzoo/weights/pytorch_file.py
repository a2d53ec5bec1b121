"""PyTorch's own files of tensors, read without torch.

A `.pth` is a pickle whose tensors name storages by key. Since PyTorch 1.6 both lie in a zip archive; before, the
storages stood behind the pickle. Nothing in the pickle is run: tensors are noted, containers built, all else is an
empty stand-in.
Format: torch/serialization.py and torch/_utils.py of PyTorch.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file of before 1.6
_BFLOAT16 = np.dtype("V2")  # numpy has none
_STORAGE_TYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: np.dtype


@dataclass(frozen=True)
class _TensorNote:
    """A tensor of the pickle: where its numbers begin in its storage, and how they are laid out, in numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _StandIn:
    """Whatever else was saved beside the tensors: an argument parser's result, a scheduler; never looked at."""

    def __init__(self, *_: object, **__: object) -> None:
        """Take anything."""

    def __setstate__(self, _: object) -> None:
        """Take anything."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGE_TYPES:
            return _STORAGE_TYPES[name]
        if module == "torch._utils":
            if name not in _REBUILDERS:
                raise pickle.UnpicklingError(f"holds tensors of a kind that is not read here ({name})")
            return _REBUILDERS[name]
        return _StandIn

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key = pid[:3]
        if kind != "storage" or not isinstance(dtype, np.dtype) or (len(pid) > 5 and pid[5] is not None):
            raise pickle.UnpicklingError(f"holds numbers of an unknown kind ({kind})")
        return self.storages.setdefault(str(key), _Storage(str(key), dtype))


def read_pytorch_file(path: Path) -> Any:
    """Read what `torch.save` wrote.

    Returns:
        What was saved: usually a dictionary of tensors, which are numpy arrays here (bfloat16 widened to float32).

    Raises:
        ValueError: damaged, or not such a file.
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            begins_as_zip = stream.read(2) == b"PK"
            if begins_as_zip and not zipfile.is_zipfile(stream):
                raise ValueError("its end is missing: the download or copy broke off")
            stream.seek(0)
            return _read_zip(stream) if begins_as_zip else _read_legacy(stream)
    except OSError:
        raise
    except Exception as error:  # pickle, zip, struct and numpy raise errors of their own, by kind of damage
        raise ValueError(str(error) or type(error).__name__) from error


def _note(storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _TensorNote:
    return _TensorNote(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


_REBUILDERS: Mapping[str, Callable[..., object]] = {
    "_rebuild_tensor": _note,  # before PyTorch 0.4
    "_rebuild_tensor_v2": _note,
    "_rebuild_parameter": lambda tensor, *_: tensor,
}


def _read_zip(stream: BinaryIO) -> Any:
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        pickled = next(name for name in names if name.count("/") == 1 and name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        if f"{folder}byteorder" in names and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        root = _Unpickler(io.BytesIO(archive.read(pickled))).load()
        return _with_arrays(root, lambda key: archive.read(f"{folder}data/{key}"))


def _read_legacy(stream: BinaryIO) -> Any:
    stream.seek(0)
    if _Unpickler(stream).load() != _MAGIC:
        raise ValueError("not a file of torch.save")
    _Unpickler(stream).load()  # the format's version: there has been one
    if not _Unpickler(stream).load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    unpickler = _Unpickler(stream)
    root = unpickler.load()
    contents = {}
    for key in map(str, _Unpickler(stream).load()):
        (count,) = struct.unpack("<q", stream.read(8))
        contents[key] = stream.read(count * unpickler.storages[key].dtype.itemsize)
    return _with_arrays(root, contents.__getitem__)


def _with_arrays(value: Any, storage_of: Callable[[str], bytes]) -> Any:
    if isinstance(value, _TensorNote):
        return _array(value, storage_of(value.storage.key))
    if isinstance(value, Mapping):
        return {key: _with_arrays(item, storage_of) for key, item in value.items()}
    return value


def _array(tensor: _TensorNote, content: bytes) -> np.ndarray:
    numbers = np.frombuffer(content, tensor.storage.dtype)
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
    if min((*tensor.shape, 1)) > 0 and not (min((tensor.offset, *tensor.strides)) >= 0 and last < len(numbers)):
        raise ValueError("a tensor reaches beyond its numbers: truncated")
    size = numbers.dtype.itemsize
    view = np.lib.stride_tricks.as_strided(
        numbers[tensor.offset :], tensor.shape, [stride * size for stride in tensor.strides], writeable=False
    )
    if numbers.dtype != _BFLOAT16:
        return np.array(view)
    return (np.array(view).view(np.uint16).astype(np.uint32) << 16).view(np.float32)
