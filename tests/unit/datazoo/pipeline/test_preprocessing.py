"""The C++ evaluation path and its Pillow twin agree bit for bit."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from common.decode import open_picture, to_rgb
from common.errors import DataError
from datazoo.pictures import PictureSet
from datazoo.pipeline.loader import evaluation_inputs
from datazoo.pipeline.pillow_path import preprocess
from datazoo.pipeline.spec import PreprocessingSpec
from datazoo.pipeline.transforms import clamp_workers
from datazoo.sources.splits import load_splits

GRAY = {"color": "gray", "mean": (0.1307,), "std": (0.3081,)}


def noise(height: int, width: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (height // 6 + 2, width // 6 + 2, 4), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encode(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def both_paths(contents: list[bytes], spec: PreprocessingSpec) -> tuple[np.ndarray, np.ndarray]:
    with TemporaryDirectory() as folder:
        paths = tuple(Path(folder) / str(index) for index in range(len(contents)))
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        pictures = PictureSet("test", ("a",), np.zeros(len(paths), np.int32), paths=paths)
        pillow = np.stack([preprocess(Image.open(path), spec) for path in paths])
        return evaluation_inputs(pictures, spec), pillow


@settings(max_examples=25)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 130), st.integers(1, 130)), min_size=4, max_size=8),
    resize=st.none() | st.integers(1, 70),
    image_size=st.integers(1, 70),
    pad=st.integers(0, 5),
    gray=st.booleans(),
    file_format=st.sampled_from(["JPEG", "PNG"]),
)
def test_paths_agree_on_generated_pictures(
    sizes: list[tuple[int, int]], resize: int | None, image_size: int, pad: int, gray: bool, file_format: str
) -> None:
    # A strip is resized to at most 70 * 130 pixels, well within what both sides accept.
    spec = PreprocessingSpec(resize=resize, image_size=image_size, pad=pad, **(GRAY if gray else {}))
    contents = [encode(noise(h, w, seed=h * w), file_format) for h, w in sizes]

    in_cpp, in_pillow = both_paths(contents, spec)

    np.testing.assert_array_equal(in_cpp, in_pillow)


@pytest.mark.parametrize(
    ("width", "height", "resize"),
    [
        pytest.param(9, 21, 27, id="the exact length 63 becomes 62 in float32"),
        pytest.param(14, 6, 54, id="the exact length 126 becomes 125 in float32"),
        pytest.param(23, 51, 20, id="tall: the order of the two resize passes shows"),
    ],
)
def test_paths_agree_on_sizes_that_round(width: int, height: int, resize: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    spec = PreprocessingSpec(resize=resize, image_size=64)

    in_cpp, in_pillow = both_paths([encode(Image.fromarray(pixels), "PNG")], spec)

    np.testing.assert_array_equal(in_cpp, in_pillow)


def special_files() -> dict[str, bytes]:
    picture, rgba = noise(41, 60), noise(41, 60, "RGBA")
    deep = np.random.default_rng(0).integers(0, 65536, (30, 44)).astype(np.uint16)
    files = {
        "gif": encode(picture, "GIF"),
        "webp": encode(picture, "WEBP"),
        "webp with alpha": encode(rgba, "WEBP", lossless=True),
        "bmp": encode(picture, "BMP"),
        "tiff": encode(picture, "TIFF"),
        "progressive jpeg": encode(picture, "JPEG", progressive=True, subsampling=1),
        "gray jpeg": encode(picture.convert("L"), "JPEG"),
        "cmyk jpeg": encode(picture.convert("CMYK"), "JPEG"),
        "png with alpha": encode(rgba, "PNG"),
        "gray png with alpha": encode(rgba.convert("LA"), "PNG"),
        "palette png": encode(picture.quantize(16), "PNG", transparency=3),
        "one-bit png": encode(picture.convert("1"), "PNG"),
        "16-bit png": encode(Image.fromarray(deep), "PNG"),
        "16-bit tiff": encode(Image.fromarray(deep), "TIFF"),
    }
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files |= {f"exif {orientation} {kind}": encode(picture, kind, exif=exif) for kind in ("JPEG", "PNG", "WEBP")}
    return files


def test_paths_agree_on_every_kind_of_file() -> None:
    files = special_files()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # Pillow on palettes with transparency
        in_cpp, in_pillow = both_paths(list(files.values()), PreprocessingSpec(resize=32, image_size=28))

    different = [name for name, a, b in zip(files, in_cpp, in_pillow, strict=True) if not np.array_equal(a, b)]
    assert different == []


def test_paths_agree_on_photographs(shared: Path) -> None:
    test = load_splits("image_folder", shared / "data/garbage26_clean").named("test").subset(range(0, 250, 25))
    spec = PreprocessingSpec()

    assert test.paths is not None
    in_pillow = np.stack([preprocess(Image.open(path), spec) for path in test.paths])

    np.testing.assert_array_equal(evaluation_inputs(test, spec), in_pillow)


def test_arrays_take_the_same_path_as_files() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    spec = PreprocessingSpec(resize=28, image_size=32, **GRAY)
    pictures = PictureSet("test", ("a",), np.zeros(5, np.int32), arrays=gray)

    in_pillow = np.stack([preprocess(Image.fromarray(picture[..., 0]), spec) for picture in gray])

    np.testing.assert_array_equal(evaluation_inputs(pictures, spec), in_pillow)


def test_upright_picture_is_what_a_viewer_shows() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn right by 90 degrees
    stored = Image.new("RGB", (40, 20))
    stored.paste((255, 0, 0), (0, 0, 20, 20))

    shown = to_rgb(open_picture(io.BytesIO(encode(stored, "JPEG", exif=exif, quality=95))))

    assert shown.size == (20, 40)
    assert shown.getpixel((10, 5))[0] > 200  # type: ignore[index]
    assert shown.getpixel((10, 35))[0] < 50  # type: ignore[index]


def test_a_known_picture_gives_known_numbers() -> None:
    white = Image.new("RGB", (300, 260), "white")

    values = preprocess(white, PreprocessingSpec())

    assert values.shape == (3, 224, 224)
    np.testing.assert_allclose(values[:, 0, 0], (1 - np.array([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225], 1e-6)


def test_float_pixels_are_refused() -> None:
    with pytest.raises(DataError, match="mode F"):
        to_rgb(Image.new("F", (4, 4)))


def test_workers_stay_within_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)

    assert [clamp_workers(workers) for workers in (None, 1, 2, 64)] == [2, 1, 2, 2]


def test_a_png_is_turned_by_exif_data_that_stands_behind_its_pixels() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    before = encode(Image.new("RGB", (30, 20)), "PNG", exif=exif)
    at = before.index(b"eXIf") - 4
    length = 12 + int.from_bytes(before[at : at + 4], "big")
    end = before.index(b"IEND") - 4
    behind = before[:at] + before[at + length : end] + before[at : at + length] + before[end:]

    assert behind.index(b"IDAT") < behind.index(b"eXIf")
    assert to_rgb(open_picture(io.BytesIO(behind))).size == to_rgb(open_picture(io.BytesIO(before))).size == (20, 30)
