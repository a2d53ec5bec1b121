"""A proof that a plain PNG decodes, without making its pixels."""

from __future__ import annotations

import zlib

from common import decode

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by color type; palettes are left to the decoder
_HARMLESS = {b"sRGB": 1, b"gAMA": 4, b"tIME": 7, b"pHYs": 9, b"cHRM": 32}  # chunks that say nothing about pixels; bytes
_LARGEST = 32 * 1024 * 1024  # bytes of a file whose texts are surely below Pillow's limit
_LAST_FILTER = 4


def proven_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG that is certain to decode; None where only the decoder can tell.

    Certain is a PNG of 8 bits a channel, without palette or interlacing, with nothing in it but pixels, texts and notes
    on color and size, whose checksums are all right and whose pixels unpack to the bytes that its size asks for.

    Args:
        content: of the file.
    """
    chunks = _chunks(content)
    if chunks is None or chunks[0][0] != b"IHDR" or chunks[-1] != (b"IEND", b""):
        return None
    header, inner = chunks[0][1], chunks[1:-1]
    if len(header) != 13 or header[8] != 8 or header[9] not in _CHANNELS or header[10:] != b"\0\0\0":
        return None
    width, height = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    if not 0 < width * height <= decode.MAX_PIXELS:
        return None
    kinds = [kind for kind, _ in inner]
    first, count = (kinds.index(b"IDAT"), kinds.count(b"IDAT")) if b"IDAT" in kinds else (0, 0)
    others = inner[:first] + inner[first + count :]
    if not count or not all(kind == b"tEXt" or _HARMLESS.get(kind) == len(data) for kind, data in others):
        return None
    packed = b"".join(data for _, data in inner[first : first + count])
    return (width, height) if _unpacks(packed, 1 + width * _CHANNELS[header[9]], height) else None


def stated_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height as a PNG's header says them, true or not; None for another file."""
    if not content.startswith(_SIGNATURE) or len(content) < 24:
        return None
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def _chunks(content: bytes) -> list[tuple[bytes, bytes]] | None:
    """Return kind and data of all chunks, if the file holds chunks with right checksums and nothing else."""
    if not content.startswith(_SIGNATURE) or len(content) > _LARGEST:
        return None
    chunks, at = [], len(_SIGNATURE)
    while at < len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        if zlib.crc32(content[at + 4 : end]).to_bytes(4) != content[end : end + 4]:  # also where the file ends early
            return None
        chunks.append((content[at + 4 : at + 8], content[at + 8 : end]))
        at = end + 4
    return chunks or None


def _unpacks(packed: bytes, row: int, rows: int) -> bool:
    """Whether zlib data are `rows` rows of `row` bytes, each behind a filter that there is, and nothing else."""
    inflater = zlib.decompressobj()
    try:
        pixels = inflater.decompress(packed, row * rows + 1)
    except zlib.error:
        return False
    whole = inflater.eof and not inflater.unused_data and len(pixels) == row * rows
    return whole and max(pixels[::row]) <= _LAST_FILTER
