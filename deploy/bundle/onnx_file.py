"""ONNX files that say where else their weights lie."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path, PurePosixPath

import onnx
from google.protobuf.message import DecodeError, Message

from common.errors import BundleError


def check_self_contained(folder: Path, name: str, covered: Set[str]) -> None:
    """Refuse an ONNX file whose weights lie in a file that the bundle does not vouch for.

    Args:
        folder: of the bundle.
        name: of the ONNX file, relative to the folder.
        covered: files whose bytes were checked, relative to the folder.

    Raises:
        BundleError: it does, or is no ONNX file.
    """
    try:
        model = onnx.load(folder / name, load_external_data=False)
    except (DecodeError, OSError, ValueError, RuntimeError) as error:
        raise BundleError(f"bundle {folder}: {name} is not an ONNX file") from error
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
        if str(PurePosixPath(name).parent / location) not in covered:
            raise BundleError(
                f"bundle {folder}: {name} wants weights from {location[:200]!r}, which is no file of the bundle"
            )


def _tensors(message: Message) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model, in whatever graph, attribute or function it stands."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if field.is_repeated else (value,):
                yield from _tensors(part)
