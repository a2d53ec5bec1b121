"""A look that makes fewer pixels than a decode does comes to the same verdict."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from common.decode import decode
from common.errors import DataError
from datazoo.doctor.examine import examine, png_damage
from datazoo.doctor.png_proof import proven_size

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def encoded(kind: str, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


JPEGS = [
    encoded("JPEG"), encoded("JPEG", progressive=True), encoded("JPEG", "L"), encoded("JPEG", "CMYK"),
    encoded("JPEG", subsampling=0, restart_marker_rows=1), encoded("JPEG", optimize=True, quality=20),
]  # fmt: skip
PNGS = [encoded("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA")]


def decodes(content: bytes) -> bool:
    try:
        decode(content)
    except DataError:
        return False
    return True


@st.composite
def damaged(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """A file with bytes changed, left out or cut off."""
    content = bytearray(draw(st.sampled_from(files)))
    place = st.integers(0, len(content) - 1)
    for at, value in draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=3)):
        content[at] = value
    start = draw(place)
    del content[start : start + draw(st.sampled_from((0, 0, 1, 20, len(content))))]
    return bytes(content)


@given(damaged(JPEGS))
def test_a_jpeg_decodes_at_the_smallest_scale_as_it_does_whole(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "x.jpg"
    path.write_bytes(content)

    assert (examine(str(path)).fault is None) == decodes(content)


def chunks_of(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(content):
        size = int.from_bytes(content[at : at + 4])
        yield content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        at += size + 12


def packed(chunks: list[tuple[bytes, bytes]]) -> bytes:
    sums = ((len(data).to_bytes(4), kind + data, zlib.crc32(kind + data).to_bytes(4)) for kind, data in chunks)
    return SIGNATURE + b"".join(map(b"".join, sums))


@st.composite
def repacked(draw: st.DrawFn) -> bytes:
    """A PNG whose checksums are right, and whose chunks, pixels or header may be anything."""
    chunks = list(chunks_of(draw(st.sampled_from(PNGS))))
    place = draw(st.integers(0, len(chunks) - 1))
    kind, data = chunks[place]
    change = draw(st.sampled_from(("nothing", "bytes", "pixels", "a chunk", "order", "twice")))
    if change == "bytes" and data:
        at = draw(st.integers(0, len(data) - 1))
        chunks[place] = kind, data[:at] + draw(st.binary(max_size=2)) + data[at + 1 :]
    elif change == "pixels" and kind == b"IDAT":
        rows = zlib.decompress(data)
        at = draw(st.integers(0, len(rows) - 1))
        chunks[place] = kind, zlib.compress(rows[:at] + draw(st.binary(max_size=2)) + rows[at + 1 :])
    elif change == "a chunk":
        kinds = st.sampled_from((b"tEXt", b"gAMA", b"pHYs", b"tIME", b"sRGB", b"cHRM", b"IDAT", b"tRNS", b"eXIf"))
        chunks.insert(place, (draw(kinds), draw(st.binary(max_size=33))))
    elif change == "order":
        chunks = draw(st.permutations(chunks))
    elif change == "twice":
        chunks.insert(place, chunks[place])
    return packed(chunks)


@given(repacked() | damaged(PNGS))
def test_what_is_proven_decodes(content: bytes) -> None:
    if (size := proven_size(content)) is not None:
        assert decode(content).size == size
        assert png_damage(content) is None


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_plain_pngs_are_proven(mode: str) -> None:
    texts = PngInfo()
    texts.add_text("Software", "a camera")

    assert proven_size(encoded("PNG", mode, pnginfo=texts, dpi=(72, 72))) == (20, 12)


@pytest.mark.parametrize("mode", ["P", "1", "I;16"])
def test_others_are_left_to_the_decoder(mode: str, tmp_path: Path) -> None:
    deep = Image.fromarray(np.arange(240, dtype=np.uint16).reshape(12, 20) * 256)
    image = deep if mode == "I;16" else Image.fromarray(PIXELS).convert(mode)
    image.save(tmp_path / "x.png")

    assert proven_size((tmp_path / "x.png").read_bytes()) is None
    assert examine(str(tmp_path / "x.png")).size == (20, 12)
