"""Takes a picture that somebody sent, and makes one of our own from it.

What is stored is always our own encoding of the pixels: no byte of the sent file survives, so neither its metadata (the
place where a photo was taken) nor anything that hides in it or behind it (a script, an archive) does.
"""

import io
import threading
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image

from common.errors import BadInput
from evidence.headers import JPEG_START_OF_SCAN, Header, read_header

MAX_PIXELS = 25_000_000
"""A picture of nine kilobytes may decode to hundreds of megabytes, so its pixels are limited and not only its bytes."""

MAX_JPEG_SCANS = 100
"""A progressive JPEG has about ten scans. Each is a pass over all pixels, and a small file can hold 100,000 of them."""

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
KEPT_MODES = {
    "JPEG": {"L", "RGB"},
    "PNG": {"1", "L", "LA", "I;16", "P", "RGB", "RGBA"},
    "WEBP": {"RGB", "RGBA"},
}
# Fast rather than small: nine of the largest pictures must not outlast a request.
ENCODING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 90, "method": 2},
}
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we encoded it. `sent_sha256` is of what was sent, `stored_sha256` of `data`; both in hexadecimal."""

    data: bytes
    content_type: str
    extension: str
    width: int
    height: int
    sent_sha256: str
    stored_sha256: str


def reencode(data: bytes, *, max_bytes: int, name: str = "") -> Picture:
    """Return our own encoding of a JPEG, PNG or WebP. `name` is what the sender calls it; refusals name it.

    The picture is turned upright, and keeps its transparency; metadata and colour profiles are left behind.
    Refuses with `BadInput`: more than `max_bytes` bytes (`picture_too_large`), more than `MAX_PIXELS`
    (`picture_too_many_pixels`), an animation, of which evidence would lose all but one moment (`picture_animated`), and
    what cannot be read to its end as one of the three kinds (`picture_unreadable`).
    """
    if len(data) > max_bytes:
        raise too_large(name, max_bytes)
    header = read_header(data)
    if header is None:
        raise _unreadable(name)
    if header.width * header.height > MAX_PIXELS:
        raise _too_many_pixels(name, header)
    if header.kind == "JPEG" and data.count(JPEG_START_OF_SCAN) > MAX_JPEG_SCANS:
        raise _unreadable(name)
    try:
        with _one_at_a_time:
            encoded, width, height = _reencode(data, header)
    except _AnimatedError as error:
        raise _animated(name) from error
    except Exception as error:  # Pillow raises SyntaxError, ValueError, struct.error and more for what it cannot read
        raise _unreadable(name) from error
    content_type = CONTENT_TYPES[header.kind]
    return Picture(
        data=encoded,
        content_type=content_type,
        extension=EXTENSIONS[content_type],
        width=width,
        height=height,
        sent_sha256=sha256(data).hexdigest(),
        stored_sha256=sha256(encoded).hexdigest(),
    )


class _AnimatedError(Exception):
    pass


def _reencode(data: bytes, header: Header) -> tuple[bytes, int, int]:
    with Image.open(io.BytesIO(data), formats=[header.kind]) as sent:
        if sent.size != (header.width, header.height):
            raise ValueError(f"two readings of the size differ: {sent.size} and {header}")
        # A phone's JPEG often holds a second picture (a depth map, a gain map) that no viewer shows: not an animation.
        if header.kind != "JPEG" and getattr(sent, "is_animated", False):
            raise _AnimatedError
        sent.load()
        orientation = _read_orientation(sent)
        picture: Image.Image = sent.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else sent
        picture = _in_a_kept_mode(picture, header.kind)
        # The encoders copy comments and profiles from here, unasked; of all that only transparency is the picture's.
        picture.info = {name: value for name, value in picture.info.items() if name == "transparency"}
        encoded = io.BytesIO()
        picture.save(encoded, header.kind, **ENCODING[header.kind])
        return encoded.getvalue(), picture.width, picture.height


def _read_orientation(picture: Image.Image) -> int | None:
    """Return how the camera was held, or None; damaged metadata says nothing, and does not spoil the picture."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # the same wide choice of exceptions as above
        return None


def _in_a_kept_mode(picture: Image.Image, kind: str) -> Image.Image:
    if picture.mode in KEPT_MODES[kind]:
        return picture
    return picture.convert("RGBA" if kind != "JPEG" and picture.has_transparency_data else "RGB")


def too_large(name: str, max_bytes: int) -> BadInput:
    """Return the refusal of a picture of more than `max_bytes` bytes."""
    return BadInput(
        _("“%(name)s” is larger than %(megabytes)d MB. Send a smaller picture, for example a screenshot of it.")
        % {"name": name, "megabytes": max_bytes // (1024 * 1024)},
        code="picture_too_large",
    )


def _unreadable(name: str) -> BadInput:
    return BadInput(
        _("“%(name)s” is not a picture we can read. Send a JPEG, PNG or WebP file.") % {"name": name},
        code="picture_unreadable",
    )


def _too_many_pixels(name: str, header: Header) -> BadInput:
    return BadInput(
        _("“%(name)s” measures %(width)d × %(height)d pixels. Send a picture of at most %(megapixels)d million pixels.")
        % {"name": name, "width": header.width, "height": header.height, "megapixels": MAX_PIXELS // 1_000_000},
        code="picture_too_many_pixels",
    )


def _animated(name: str) -> BadInput:
    return BadInput(
        _("“%(name)s” is an animation, and only a still picture can be kept. Send a screenshot of what matters.")
        % {"name": name},
        code="picture_animated",
    )
