"""How the bytes of a picture file become RGB: one decoder for training and whatever shows or judges a picture.

The rule is Pillow's `convert("RGB")` on the picture as a viewer shows it: the EXIF orientation is applied, transparency
is dropped, palettes and gray are expanded, of several frames the first is taken. Of pictures with more than 8 bits a
channel the high 8 bits are kept: 16 bits are divided by 256, 12 bits (as a TIFF's BitsPerSample or MaxSampleValue says)
by 16. PNG's sBIT changes nothing: such samples fill the 16 bits already. Refused is what would come out black or white
without being so: deep pixels that reach only a sixteenth of their range, integers beyond 16 bits, floating point.
"""

from __future__ import annotations

import io

from PIL import Image, ImageOps, UnidentifiedImageError

from common.errors import DataError

MAX_PIXELS = 100_000_000  # a decompression bomb is refused, not decoded
HEIC_HINT = "HEIC, which iPhones save; export it as JPEG"
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_ORIENTATION_TAG = 0x0112
_BITS_PER_SAMPLE_TAG, _MAX_SAMPLE_VALUE_TAG = 258, 281
_BITS = "stored bits a channel"  # key in a picture's `info`, which copies keep


def _orientation(image: Image.Image) -> int:
    # Pillow would decode a whole PNG to look for EXIF data behind the pixels.
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    return int(image.getexif().get(_ORIENTATION_TAG, 1))


def _stored_bits(image: Image.Image) -> int:
    """Return the bits a channel of a picture that is not loaded yet: 8 (or fewer), up to 16, or 32."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None:
        bits = int(tags.get(_BITS_PER_SAMPLE_TAG, (8,))[0])
        largest = tags.get(_MAX_SAMPLE_VALUE_TAG)
        return min(bits, int(largest[0]).bit_length()) if bits > 8 and largest and largest[0] > 255 else bits
    deep = image.mode.startswith("I") or any(";16" in str(tile[3]) for tile in getattr(image, "tile", ()))
    return 16 if deep else 8


def open_picture(source: object) -> Image.Image:
    """Open a picture's header without decoding it.

    Args:
        source: binary file object. Everything opens from memory: Pillow reads some damaged files differently by name.

    Raises:
        DataError: more than `MAX_PIXELS` pixels, a PostScript program, or what else is not a picture that is read.
        OSError: a damaged one.
    """
    try:
        image = Image.open(source)  # type: ignore[arg-type]
    except UnidentifiedImageError as error:
        if (kind := _kind_of_other(source)) is None:
            raise
        raise DataError(f"not a picture that is read here: {kind}") from error
    except Image.DecompressionBombError as error:
        raise DataError(str(error)) from error
    if image.format == "EPS":  # Pillow would hand it to Ghostscript
        raise DataError("PostScript is a program, not a picture")
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{image.width}x{image.height} pixels is above the limit of {MAX_PIXELS:,}")
    image.info[_BITS] = _stored_bits(image)
    return image


def _kind_of_other(source: object) -> str | None:
    """Say what a file is that people take for a picture, if it is one of a few kinds."""
    if not isinstance(source, io.BytesIO):
        return None
    head = source.getvalue()[:64]
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return HEIC_HINT
    if head.startswith(b"%PDF"):
        return "a PDF file; save its page as PNG"
    if head.lstrip()[:5].lower() in (b"<html", b"<!doc"):
        return "a web page, as failed downloads are; fetch the picture again"
    return "an SVG drawing; save it as PNG" if head.lstrip()[:5].lower() in (b"<svg ", b"<?xml") else None


def to_rgb(image: Image.Image) -> Image.Image:
    """Apply the rule of this file to an opened picture.

    Args:
        image: any Pillow picture.

    Returns:
        The upright picture in mode RGB, 8 bits a channel.

    Raises:
        DataError: pixels whose range nobody knows.
    """
    bits = int(image.info.get(_BITS, 16 if image.mode.startswith("I") else 8))
    image.load()  # a PNG may hold EXIF data behind its pixels
    if _orientation(image) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise DataError("floating-point pixels (mode F) have no agreed range; save the picture with 8 bits")
    if image.mode.startswith("I"):
        image = _high_bits(image, min(bits, 16))
    if image.mode == "P" and "transparency" in image.info:
        image.info.pop("transparency")  # it is dropped anyway, and Pillow would warn
    rgb = image.convert("RGB")
    if bits > 8 and max(high for _, high in rgb.getextrema()) < 16:  # type: ignore[misc]
        raise DataError(
            f"{bits}-bit pixels that reach only a sixteenth of their range would be black; "
            "stretch them to the whole range, or save the picture with 8 bits"
        )
    return rgb


def _high_bits(image: Image.Image, bits: int) -> Image.Image:
    import numpy as np  # here: the pages' doors do without, and few pictures are so deep

    pixels = np.asarray(image)
    low, high = int(pixels.min()), int(pixels.max())
    if low < 0 or high >= 1 << bits:
        raise DataError(f"integer pixels from {low} to {high} are not within {bits} bits; save the picture with 8 bits")
    return Image.fromarray((pixels >> (bits - 8)).astype(np.uint8))


def decode(raw: bytes) -> Image.Image:
    """Return the upright RGB picture that a file's content holds.

    Raises:
        DataError: why it cannot be decoded.
    """
    try:
        return to_rgb(open_picture(io.BytesIO(raw)))
    except DataError:
        raise
    except Exception as error:
        raise DataError(reason_of(error)) from error


def reason_of(error: Exception) -> str:
    """Say in one line why a picture cannot be decoded; decoders raise almost anything on damaged input."""
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    if isinstance(error, MemoryError):
        return "does not fit into memory"
    text = str(getattr(error, "strerror", None) or error)
    return " ".join(text.split()) or type(error).__name__
