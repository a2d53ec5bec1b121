"""Forty and more kinds of bad or odd picture files through prediction, the server and the dataset reader."""

from __future__ import annotations

import io
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import psutil
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from datazoo.doctor.check import check_pictures
from datazoo.pipeline.decode import decode_file
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.use.classifier import Classifier
from deploy.use.prediction import predict_files
from deploy.use.server_app import create_app

T = TypeVar("T")
SPEC = PreprocessingSpec(resize=36, image_size=32)
SECONDS = 5
GROWTH = 1024 * 1024 * 1024
"""Bytes that the process may grow by: the largest picture allowed, decoded, in a few copies."""

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8)


def _encoded(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    stream = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(stream, kind, **options)
    return stream.getvalue()


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _header(width: int, height: int, depth: int = 8, colour: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)


def _lying_png(width: int, height: int) -> bytes:
    return _png(_header(width, height), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))


def _patched(content: bytes, offset: int, replacement: bytes) -> bytes:
    return content[:offset] + replacement + content[offset + len(replacement) :]


def _text_bomb() -> bytes:
    compressed = b"comment\0\0" + zlib.compress(b"a" * 80_000_000)
    image = _encoded("PNG")
    chunk = _png((b"zTXt", compressed))[8:]
    return image[:33] + chunk + image[33:]


JPEG, PNG, GIF, BMP, TIFF, WEBP = (_encoded(kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"))
GRAY16 = Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)

BAD: dict[str, bytes] = {
    "empty.jpg": b"",
    "one_byte.png": b"\x89",
    "text.jpg": b"this is not a picture",
    "html.png": b"<html><img src=x></html>",
    "svg.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "zeros.jpg": b"\0" * 5000,
    "noise.png": np.random.default_rng(1).bytes(5000),
    "jpeg_head_only.jpg": JPEG[:20],
    "jpeg_half.jpg": JPEG[: len(JPEG) // 2],
    "png_head_only.png": PNG[:33],
    "png_half.png": PNG[: len(PNG) // 2],
    "png_bad_checksum.png": _patched(PNG, 29, b"\0\0\0\0"),
    "png_bad_data.png": _png(_header(8, 8), (b"IDAT", b"not compressed"), (b"IEND", b"")),
    "png_no_data.png": _png(_header(8, 8), (b"IEND", b"")),
    "png_bomb.png": _lying_png(50_000, 50_000),
    "png_largest_sides.png": _lying_png(2**31 - 1, 2**31 - 1),
    "png_lying_header.png": _lying_png(4000, 4000),
    "png_zero_width.png": _lying_png(0, 8),
    "png_needle.png": _lying_png(1, 4_000_000),
    "png_text_bomb.png": _text_bomb(),
    "gif_head_only.gif": GIF[:8],
    "gif_half.gif": GIF[: len(GIF) // 2],
    "bmp_bomb.bmp": _patched(_patched(BMP, 18, struct.pack("<i", 60_000)), 22, struct.pack("<i", 60_000)),
    "bmp_half.bmp": BMP[: len(BMP) // 2],
    "tiff_head_only.tif": TIFF[:8],
    "tiff_half.tif": TIFF[: len(TIFF) // 2],
    "tiff_bad_offset.tif": _patched(TIFF, 4, b"\xff\xff\xff\x7f"),
    "webp_half.webp": WEBP[: len(WEBP) // 2],
    "float.tif": _encoded("TIFF", Image.fromarray(np.ones((9, 9), np.float32))),
    "pdf.jpg": b"%PDF-1.4\n%%EOF",
    "zip.png": b"PK\x03\x04" + b"\0" * 100,
    "elf.png": b"\x7fELF" + b"\0" * 100,
    "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
}

GOOD: dict[str, bytes] = {
    "plain.jpg": JPEG,
    "gray.jpg": _encoded("JPEG", Image.fromarray(PIXELS[..., 0])),
    "cmyk.jpg": _encoded("JPEG", Image.fromarray(PIXELS).convert("CMYK")),
    "progressive.jpg": _encoded("JPEG", progressive=True),
    "rotated.jpg": _encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"),
    "trailing_junk.jpg": JPEG + b"junk" * 100,
    "palette.png": _encoded("PNG", Image.fromarray(PIXELS).quantize(16)),
    "palette_transparent.png": _encoded("PNG", Image.fromarray(PIXELS).quantize(16), transparency=0),
    "alpha.png": _encoded("PNG", Image.fromarray(PIXELS).convert("RGBA")),
    "gray_alpha.png": _encoded("PNG", Image.fromarray(PIXELS).convert("LA")),
    "one_bit.png": _encoded("PNG", Image.fromarray(PIXELS).convert("1")),
    "gray16.png": _encoded("PNG", GRAY16),
    "one_pixel.png": _encoded("PNG", Image.new("RGB", (1, 1))),
    "animated.gif": _encoded("GIF", Image.new("P", (9, 9)), save_all=True, append_images=[Image.new("P", (9, 9), 5)]),
    "lzw.tif": _encoded("TIFF", compression="tiff_lzw"),
    "lossless.webp": _encoded("WEBP", lossless=True),
    "png_named.jpg": PNG,
    "jpeg_named.png": JPEG,
    "jpeg_without_suffix": JPEG,
    "猫和狗.png": PNG,
    "😀🎉.jpg": JPEG,
    "a" * 200 + ".png": PNG,
    "name with spaces; and 'quotes\".png": PNG,
    "-starts-with-a-dash.png": PNG,
}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("a test", lambda batch: batch.mean((2, 3)), ("red", "green", "blue"), SPEC, "logits")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("malformed")
    for name, content in {**BAD, **GOOD}.items():
        (target / name).write_bytes(content)
    return target


def _bounded(work: Callable[[], T]) -> T:
    """Run within the time and memory that one file may cost."""
    process = psutil.Process()
    before, start = process.memory_info().rss, time.monotonic()
    result = work()
    assert time.monotonic() - start < SECONDS
    assert process.memory_info().rss - before < GROWTH
    return result


def test_there_are_forty_kinds() -> None:
    assert len(BAD) + len(GOOD) >= 40


@pytest.mark.parametrize("name", [*BAD, *GOOD])
def test_prediction_answers_or_names_the_reason(name: str, classifier: Classifier, folder: Path) -> None:
    (prediction,) = _bounded(lambda: list(predict_files(classifier, [folder / name], top_k=1)))

    assert bool(prediction.error) == (name in BAD), prediction.error
    assert "\n" not in (prediction.error or "")


@pytest.fixture(scope="module")
def client(classifier: Classifier) -> Iterator[TestClient]:
    with TestClient(create_app(classifier), raise_server_exceptions=True) as client:
        yield client


@pytest.mark.parametrize("name", [*BAD, *GOOD])
def test_server_answers_or_names_the_reason(name: str, client: TestClient) -> None:
    content = {**BAD, **GOOD}[name]

    reply = _bounded(lambda: client.post("/predict", content=content))

    assert reply.status_code == (422 if name in BAD else 200), reply.text
    assert client.get("/health").status_code == 200


def test_reader_names_every_bad_file_before_training(folder: Path) -> None:
    paths = sorted(folder.iterdir())

    report = check_pictures(paths, workers=2)

    assert {Path(str(path)).name for path, _ in report.bad} >= set(BAD) - {"png_needle.png"}
    assert {Path(str(path)).name for path, _ in report.bad} <= set(BAD)
    assert all(reason for _, reason in report.bad)


@pytest.mark.parametrize("name", GOOD)
def test_reader_decodes_every_good_file(name: str, folder: Path) -> None:
    assert _bounded(lambda: decode_file(folder / name)).mode == "RGB"


@pytest.mark.parametrize("kind", ["missing", "dangling", "loop", "folder", "pipe", "unreadable"])
def test_what_is_no_regular_file_is_named(kind: str, classifier: Classifier, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.png"
    if kind == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "unreadable":
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        path.write_bytes(PNG)
        path.chmod(0)

    (prediction,) = _bounded(lambda: list(predict_files(classifier, [path], top_k=1)))

    assert prediction.error
