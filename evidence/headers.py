"""What the first bytes of a picture say, read with our own eyes before any decoder sees them.

A decoder may already set memory aside while it opens a file, so kind and size are looked up here, from the content
alone: neither the file's name nor its declared type counts.
"""

import struct
from dataclasses import dataclass

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_START_OF_SCAN = b"\xff\xda"
JPEG_MARKER = 0xFF
JPEG_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
JPEG_AFTER_FRAME = frozenset({0xD9, 0xDA})


@dataclass(frozen=True, slots=True)
class Header:
    """The kind of a picture, in Pillow's word, and its size in pixels."""

    kind: str
    width: int
    height: int


def read_header(data: bytes) -> Header | None:
    """Return what `data` says it is, or None when it is no JPEG, PNG or WebP, or has no size."""
    try:
        if data.startswith(PNG_SIGNATURE):
            header = _read_png(data)
        elif data.startswith(b"\xff\xd8\xff"):
            header = _read_jpeg(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            header = _read_webp(data)
        else:
            return None
    except (struct.error, IndexError):
        return None
    return header if header and header.width and header.height else None


def _read_png(data: bytes) -> Header | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return Header("PNG", width, height)


def _read_jpeg(data: bytes) -> Header | None:
    """Walk from marker to marker until the one that opens the frame."""
    at = 2
    while at >= 0:
        marker = data[at + 1]
        if data[at] != JPEG_MARKER:
            at = data.find(JPEG_MARKER, at)  # decoders pass over stray bytes between segments, and so must we
        elif marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return Header("JPEG", width, height)
        elif marker == JPEG_MARKER:
            at += 1
        elif marker in JPEG_WITHOUT_LENGTH:
            at += 2
        elif marker in JPEG_AFTER_FRAME:  # the end, or the picture's data
            return None
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + length
    return None


def _read_webp(data: bytes) -> Header | None:
    match data[12:16]:
        case b"VP8X":
            return Header("WEBP", 1 + _read_24_bits(data, 24), 1 + _read_24_bits(data, 27))
        case b"VP8 ":
            width, height = struct.unpack_from("<HH", data, 26)
            return Header("WEBP", width & 0x3FFF, height & 0x3FFF)
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", data, 21)
            return Header("WEBP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    return None


def _read_24_bits(data: bytes, at: int) -> int:
    low, high = struct.unpack_from("<HB", data, at)
    return int(low | high << 16)
