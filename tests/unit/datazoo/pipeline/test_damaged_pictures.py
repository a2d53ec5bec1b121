"""Whatever damage a file has, the check refuses it, or training and prediction see the same pixels."""

from __future__ import annotations

import io
import random
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.decode import decode
from common.errors import DataError
from datazoo.doctor.check import check_pictures
from datazoo.pictures import PictureSet
from datazoo.pipeline.loader import evaluation_inputs
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.use.picture_files import open_checked

SPEC = PreprocessingSpec(resize=18, image_size=16)
COPIES = 24  # damaged copies of every kind


def picture() -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(pixels).resize((48, 36), Image.Resampling.BICUBIC)


def encoded(file_format: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or picture()).save(stream, file_format, **options)
    return stream.getvalue()


def deep() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 65536, (36, 48)).astype(np.uint16))


FILES = {
    "jpeg": encoded("JPEG"),
    "progressive jpeg": encoded("JPEG", progressive=True, quality=95),
    "cmyk jpeg": encoded("JPEG", picture().convert("CMYK")),
    "gray jpeg": encoded("JPEG", picture().convert("L"), restart_marker_blocks=2),
    "png": encoded("PNG"),
    "palette png": encoded("PNG", picture().quantize(16), transparency=bytes(range(16))),
    "alpha png": encoded("PNG", picture().convert("RGBA")),
    "16-bit png": encoded("PNG", deep()),
    "gif": encoded("GIF"),
    "animated gif": encoded("GIF", save_all=True, append_images=[picture().transpose(Image.Transpose.ROTATE_180)]),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", lossless=True),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "lzw tiff": encoded("TIFF", compression="tiff_lzw"),
    "jpeg tiff": encoded("TIFF", compression="jpeg"),
    "16-bit tiff": encoded("TIFF", deep()),
}


def damaged(content: bytes, seed: str) -> Iterator[bytes]:
    """Yield copies with flipped bits, a lost end, a foreign piece, an extreme byte in the header."""
    rng = random.Random(seed)
    for copy in range(COPIES):
        changed = bytearray(content)
        if copy % 4 == 0:
            for _ in range(rng.choice((1, 2, 10))):
                changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        elif copy % 4 == 1:
            del changed[rng.randrange(1, len(changed)) :]
        elif copy % 4 == 2:
            start = rng.randrange(len(changed))
            changed[start : start + rng.randrange(1, 30)] = rng.randbytes(rng.randrange(30))
        else:
            changed[rng.randrange(min(200, len(changed)))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        yield bytes(changed)


@pytest.mark.parametrize("kind", FILES)
def test_the_check_refuses_damage_or_both_paths_see_the_same(kind: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:02}.jpg" for number in range(COPIES)]
    for path, content in zip(paths, damaged(FILES[kind], kind), strict=True):
        path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, on damaged tags
        bad = {path for path, _ in check_pictures(paths, resize=SPEC.resize).bad}
        good = tuple(path for path in paths if path not in bad)
        if not good:
            return
        trained = evaluation_inputs(PictureSet("train", ("a",), np.zeros(len(good), np.int32), paths=good), SPEC)
        predicted = []
        for path in good:
            with open_checked(path, SPEC) as image:
                predicted.append(preprocess(image, SPEC))

    np.testing.assert_array_equal(trained, predicted)


def test_damage_that_decodes_is_among_the_copies(tmp_path: Path) -> None:
    # Otherwise the promise above would hold for want of cases.
    for number, content in enumerate(damaged(FILES["jpeg"], "jpeg")):
        (tmp_path / f"{number}.jpg").write_bytes(content)

    report = check_pictures(sorted(tmp_path.iterdir()))

    assert 4 <= len(report.bad) <= COPIES - 4


def test_palettes_with_transparency_do_not_warn(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(FILES["palette png"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_pictures([tmp_path / "x.png"]).bad == ()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC, which iPhones save; export it as JPEG"),
        (b"%PDF-1.7\n", "a PDF file; save its page as PNG"),
        (b"\n<!DOCTYPE html><title>404</title>", "a web page, as failed downloads are; fetch the picture again"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing; save it as PNG"),
    ],
)
def test_what_people_take_for_a_picture_is_called_by_its_name(content: bytes, says: str) -> None:
    with pytest.raises(DataError, match=f"^not a picture that is read here: {says}$"):
        decode(content)
