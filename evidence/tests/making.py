"""Makes the pictures, and the things that only look like one, that the tests send."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image

from evidence.headers import JPEG_START_OF_SCAN

MEGABYTE = 1024 * 1024
LIGHT: dict[str, float | tuple[int, ...]] = {
    "1": 1,
    "L": 200,
    "P": 200,
    "I;16": 50_000,
    "LA": (200, 120),
    "RGB": (200, 90, 30),
    "RGBA": (200, 90, 30, 120),
}


def image(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Return an image with something in it: a dark left half, a light right half."""
    made = Image.new(mode, size)
    made.paste(LIGHT[mode], (size[0] // 2, 0, *size))
    return made


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a picture as a file of this kind."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decode(data: bytes) -> Image.Image:
    """Return a stored file as an image, read to its end."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def jpeg(**options: Any) -> bytes:
    return encode(image(), "JPEG", **options)


def png(**options: Any) -> bytes:
    return encode(image("RGBA"), "PNG", **options)


def webp(**options: Any) -> bytes:
    return encode(image("RGBA"), "WEBP", **options)


KINDS: dict[str, Callable[..., bytes]] = {"JPEG": jpeg, "PNG": png, "WEBP": webp}


def png_bomb(width: int, height: int) -> bytes:
    """Return a valid black PNG with 1 bit a pixel: some ten kilobytes for 81 megapixels."""
    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def webp_canvas(width: int, height: int) -> bytes:
    """Return a WebP whose header promises a canvas, with nothing on it."""
    size = b"".join(struct.pack("<I", side - 1)[:3] for side in (width, height))
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + size
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def jpeg_of_many_scans(scans: int) -> bytes:
    """Return a progressive JPEG whose last scan stands there again and again."""
    data = jpeg(progressive=True)
    last = data[data.rindex(JPEG_START_OF_SCAN) : -2]
    return data[:-2] + last * (scans - data.count(JPEG_START_OF_SCAN)) + data[-2:]


def jpeg_that_claims(width: int, height: int) -> bytes:
    """Return a JPEG in whose header another size was written."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def ends_where_it_should(data: bytes) -> bool:
    """Say whether a file ends with its format's own end, and nothing behind it."""
    if data.startswith(b"\xff\xd8"):
        return data.endswith(b"\xff\xd9") and data.count(b"\xff\xd9") == 1
    if data.startswith(b"\x89PNG"):
        return data.endswith(_chunk(b"IEND", b"")) and data.count(b"IEND") == 1
    return len(data) == 8 + int.from_bytes(data[4:8], "little")
