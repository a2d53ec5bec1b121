"""The C++ client shows the network the pixels that predict.py does, or refuses the file in one line."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.decode import to_rgb
from datazoo.pipeline.spec import PreprocessingSpec
from deploy.lite.compile import decoder_options
from deploy.lite.samples import classify
from deploy.use.picture_files import open_checked

SAMPLES = Path(classify.__file__).parent
PROGRAM = """
#include <iostream>
#include "picture_file.h"
int main(int, char **argv) try {
  const auto picture = ReadPicture(argv[1]);
  std::cout << picture.width << " " << picture.height << "\\n";
  std::cout.write(reinterpret_cast<const char *>(picture.pixels.data()), picture.pixels.size());
} catch (const std::exception &error) {
  std::cerr << error.what() << "\\n";
  return 1;
}
"""
ROWS, COLUMNS = np.mgrid[0:53, 0:70]
SMOOTH = np.stack([COLUMNS * 3, ROWS * 4, (ROWS + COLUMNS) * 2], axis=-1).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 65536, (53, 70, 4), dtype=np.uint16)
PICTURE = Image.fromarray(SMOOTH)
TRANSPARENT = Image.fromarray(NOISE.astype(np.uint8))


def encoded(image: Image.Image, file_format: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(kind: int, bits: int, rows: np.ndarray, *extra: bytes) -> bytes:
    """A PNG of a kind that Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 70, 53, bits, kind, 0, 0, 0))
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def big_endian(channels: int) -> np.ndarray:
    return NOISE[..., :channels].astype(">u2")


LATE_EXIF = encoded(PICTURE, "PNG")[:-12] + chunk(b"eXIf", turned(6).tobytes()[6:]) + chunk(b"IEND", b"")
LOSSLESS = {
    "rgb": encoded(PICTURE, "PNG"),
    "gray": encoded(PICTURE.convert("L"), "PNG"),
    "black and white": encoded(PICTURE.convert("1"), "PNG"),
    "palette": encoded(PICTURE.quantize(256), "PNG"),
    "palette of 2 bits, transparent": encoded(PICTURE.quantize(4), "PNG", transparency=1),
    "transparent colour": encoded(PICTURE, "PNG", transparency=(0, 0, 0)),
    "alpha": encoded(TRANSPARENT, "PNG"),
    "gray with alpha": encoded(TRANSPARENT.convert("LA"), "PNG"),
    "gray of 4 bits": png(0, 4, NOISE[:, :35, 0].astype(np.uint8)),
    "gray of 16 bits": png(0, 16, big_endian(1)),
    "rgb of 16 bits": png(2, 16, big_endian(3)),
    "alpha of 16 bits": png(6, 16, big_endian(4)),
    "gamma": png(2, 8, SMOOTH, chunk(b"gAMA", struct.pack(">I", 100000)), chunk(b"sBIT", b"\5\5\5")),
    "background": png(6, 8, NOISE.astype(np.uint8), chunk(b"bKGD", struct.pack(">HHH", 255, 0, 0))),
    "turned png": encoded(PICTURE, "PNG", exif=turned(8)),
    "turned behind the pixels": LATE_EXIF,
    "ppm": encoded(PICTURE, "PPM"),
}
JPEGS = {
    "4:2:0": encoded(PICTURE, "JPEG", subsampling=2),
    "4:2:2": encoded(PICTURE, "JPEG", subsampling=1),
    "4:4:4": encoded(PICTURE, "JPEG", subsampling=0, quality=95),
    "progressive": encoded(PICTURE, "JPEG", progressive=True),
    "restarts": encoded(PICTURE, "JPEG", restart_marker_blocks=2),
    "rgb jpeg": encoded(PICTURE, "JPEG", keep_rgb=True),
    "gray jpeg": encoded(PICTURE.convert("L"), "JPEG"),
    "turned by xmp": encoded(PICTURE, "JPEG", xmp=b'<x:xmpmeta tiff:Orientation="6"/>'),
    **{f"orientation {n}": encoded(PICTURE, "JPEG", exif=turned(n)) for n in range(1, 10)},
}
REFUSED = {
    "cmyk": (encoded(PICTURE.convert("CMYK"), "JPEG"), "save the picture as RGB"),
    "cut jpeg": (JPEGS["4:2:0"][:-200], "cut off"),
    "cut in the header": (JPEGS["4:2:0"][:100], "cut off"),
    "cut png": (LOSSLESS["rgb"][:-60], "cut off"),
    "damaged png": (LOSSLESS["rgb"].replace(b"IDAT", b"IDAt"), "checksum of IDAt"),
    "12 bits in 16": (png(0, 16, (NOISE[..., 0] >> 4).astype(">u2")), "save the picture with 8 bits"),
    "bomb": (chunk(b"IHDR", struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)), "100,000,000 pixels"),
    "gif": (encoded(PICTURE, "GIF"), "not a JPEG, PNG or binary PPM"),
    "empty": (b"", "not a JPEG, PNG or binary PPM"),
}
REFUSED["bomb"] = (LOSSLESS["rgb"][:8] + REFUSED["bomb"][0] + chunk(b"IEND", b""), REFUSED["bomb"][1])


@pytest.fixture(scope="module", params=["libjpeg-turbo and libpng", "stb_image"])
def decoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that writes the pixels of a file."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    options = decoder_options((compiler,), SAMPLES) if "libjpeg" in request.param else ()
    if "libjpeg" in request.param and not options:
        pytest.skip("libjpeg-turbo and libpng are not installed")
    folder = tmp_path_factory.mktemp("system" if options else "stb")
    (folder / "main.cc").write_text(PROGRAM)
    command = [compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{SAMPLES}", "main.cc", "-o", "program"]
    subprocess.run([*command, *options], cwd=folder, check=True)
    return folder / "program"


def decoded(program: Path, content: bytes, folder: Path) -> np.ndarray:
    (folder / "picture").write_bytes(content)
    done = subprocess.run([program, folder / "picture"], capture_output=True, check=True)
    size, _, pixels = done.stdout.partition(b"\n")
    width, height = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(height, width, 3)


def of_predict(content: bytes) -> np.ndarray:
    return np.asarray(to_rgb(open_checked(io.BytesIO(content), PreprocessingSpec())))


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_pictures_are_those_of_predict(kind: str, decoder: Path, tmp_path: Path) -> None:
    np.testing.assert_array_equal(decoded(decoder, LOSSLESS[kind], tmp_path), of_predict(LOSSLESS[kind]))


@pytest.mark.parametrize("kind", JPEGS)
def test_jpegs_are_those_of_predict_or_some_gray_levels_off(kind: str, decoder: Path, tmp_path: Path) -> None:
    tolerance = 3 if "stb" in str(decoder) else 0

    own = decoded(decoder, JPEGS[kind], tmp_path).astype(int)

    np.testing.assert_allclose(own, of_predict(JPEGS[kind]), rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(kind: str, decoder: Path, tmp_path: Path) -> None:
    content, reason = REFUSED[kind]
    (tmp_path / "picture").write_bytes(content)

    done = subprocess.run([decoder, tmp_path / "picture"], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert done.stderr.startswith(str(tmp_path / "picture"))
    assert done.stderr.count("\n") == 1
