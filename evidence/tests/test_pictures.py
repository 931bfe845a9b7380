"""What is taken as a picture, what becomes of it, and what is refused."""

import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from common.errors import BadInput
from evidence import pictures
from evidence.headers import read_header
from evidence.pictures import MAX_PIXELS, Picture, reencode
from evidence.tests import making

MAX_BYTES = 5 * making.MEGABYTE
MUTATIONS = int(os.environ.get("PICTURE_MUTATIONS", "200"))

kinds = pytest.mark.parametrize("kind", making.KINDS)


def taken(data: bytes) -> Picture:
    return reencode(data, max_bytes=MAX_BYTES, name="proof.jpg")


def refusal(data: bytes) -> str:
    with pytest.raises(BadInput) as refused:
        taken(data)
    assert "proof.jpg" in str(refused.value)
    return refused.value.code


def test_each_kind_is_taken_and_comes_out_as_the_same_kind() -> None:
    for make, content_type, extension in [
        (making.jpeg, "image/jpeg", "jpg"),
        (making.png, "image/png", "png"),
        (making.webp, "image/webp", "webp"),
    ]:
        picture = taken(make())
        assert (picture.content_type, picture.extension) == (content_type, extension)
        assert (picture.width, picture.height) == making.decode(picture.data).size == (60, 40)


@pytest.mark.parametrize("kind", making.KINDS)
def test_both_hashes_are_those_of_the_sent_and_of_the_stored_bytes(kind: str) -> None:
    sent = making.KINDS[kind]()
    picture = taken(sent)
    assert picture.sent_sha256 == hashlib.sha256(sent).hexdigest()
    assert picture.stored_sha256 == hashlib.sha256(picture.data).hexdigest()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA"])
def test_a_png_keeps_its_pixels_in_every_mode(mode: str) -> None:
    sent = making.encode(making.image(mode), "PNG")
    stored = making.decode(taken(sent).data)
    assert stored.mode == mode
    assert stored.tobytes() == making.decode(sent).tobytes()


def test_transparency_is_kept_for_png_and_webp() -> None:
    for make in (making.png, making.webp):
        stored = making.decode(taken(make()).data)
        assert stored.getchannel("A").getextrema() == (0, 120)
    palette = making.image("P")
    stored = making.decode(taken(making.encode(palette, "PNG", transparency=0)).data)
    assert stored.convert("RGBA").getchannel("A").getextrema() == (0, 255)


def test_printers_colours_become_screen_colours() -> None:
    sent = making.encode(Image.new("CMYK", (40, 30), (0, 0, 0, 0)), "JPEG")
    stored = making.decode(taken(sent).data)
    assert (stored.mode, stored.getpixel((5, 5))) == ("RGB", (255, 255, 255))


def test_a_progressive_jpeg_is_taken() -> None:
    assert taken(making.jpeg(progressive=True)).width == 60


def test_a_phones_jpeg_with_a_second_picture_behind_it_is_taken_with_its_first() -> None:
    sent = making.encode(making.image(), "MPO", save_all=True, append_images=[Image.new("RGB", (20, 20), "red")])
    picture = taken(sent)
    assert (picture.width, picture.height) == (60, 40)
    assert making.ends_where_it_should(picture.data)


@pytest.mark.parametrize("orientation", range(1, 9))
@kinds
def test_the_picture_is_turned_upright(kind: str, orientation: int) -> None:
    upright = making.image(size=(64, 32))
    undo = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)  # a camera held so writes the picture like this
    turned = upright.transpose(pictures.UPRIGHT[undo]) if undo in pictures.UPRIGHT else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = making.decode(taken(making.encode(turned, kind, exif=exif)).data).convert("L")
    assert stored.size == (64, 32)
    left, right = (stored.crop((x, 16, x + 1, 17)).tobytes()[0] for x in (8, 56))
    assert left < 60 < right
    assert not stored.getexif()


@kinds
def test_nothing_but_the_pixels_is_kept(kind: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "CANARY-CAMERA"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (30.0, 16.0, 12.0)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, object] = {"exif": exif, "icc_profile": profile, "xmp": b"<x>CANARY-XMP</x>"}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "CANARY-TEXT <script>")
        options["pnginfo"] = text
    if kind == "JPEG":
        options["comment"] = "CANARY-COMMENT <?php"
    sent = making.KINDS[kind](**options)
    assert b"CANARY-CAMERA" in sent
    stored = taken(sent).data
    assert b"CANARY" not in stored
    assert set(making.decode(stored).info) <= {
        "jfif",
        "jfif_version",
        "jfif_unit",
        "jfif_density",
        "loop",
        "background",
    } | {
        "timestamp",
        "duration",
    }


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_metadata_does_not_spoil_the_picture() -> None:
    assert taken(making.jpeg(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")).width == 60


TAILS = {
    "PHP": b"<?php system($_GET['c']); ?>",
    "HTML": b"<html><script>alert(1)</script></html>",
    "ZIP": b"PK\x03\x04",
    "PDF": b"%PDF-1.7\n1 0 obj",
    "a second picture": b"\xff\xd8\xff\xe0",
    "zeros": bytes(10_000),
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=list(TAILS))
@kinds
def test_what_hides_behind_a_picture_is_cut_off(kind: str, tail: bytes) -> None:
    picture = making.KINDS[kind]()
    stored = taken(picture + tail * 5).data
    assert making.ends_where_it_should(stored)
    assert stored == taken(picture).data


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("../../evil.php", "<?php")
    return out.getvalue()


NO_PICTURES = {
    "nothing": b"",
    "one byte": b"\xff",
    "zeros": bytes(1000),
    "SVG with a script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "HTML": b"<!doctype html><img src=x onerror=alert(1)>",
    "PDF with a JPEG inside": b"%PDF-1.7\n" + making.jpeg(),
    "ZIP": archive(),
    "ZIP that a JPEG follows": archive() + making.jpeg(),
    "MP4": b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41",
    "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    "GIF": making.encode(making.image("P"), "GIF"),
    "GIF of many frames": making.encode(
        making.image("P"), "GIF", save_all=True, append_images=[making.image("P", (60, 40 - n)) for n in range(30)]
    ),
    "GIFAR": making.encode(making.image("P"), "GIF") + archive(),
    "TIFF": making.encode(making.image(), "TIFF"),
    "BMP": making.encode(making.image(), "BMP"),
    "icon": making.encode(making.image(size=(32, 32)), "ICO"),
    "JPEG 2000": making.encode(making.image(), "JPEG2000"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 60 40\n",
    "only a PNG's signature": b"\x89PNG\r\n\x1a\n",
    "PNG without a header": b"\x89PNG\r\n\x1a\n" + bytes(4) + b"IDAT" + bytes(60),
    "JPEG without a frame": b"\xff\xd8\xff\xda" + bytes(60),
    "JPEG whose segment is endless": b"\xff\xd8\xff\xe0\xff\xff",
    "JPEG without an end of markers": b"\xff\xd8" + b"\xff" * 1000,
    "JPEG of no height": making.jpeg_that_claims(60, 0),
    "RIFF of sound": b"RIFF" + bytes(4) + b"WAVEfmt " + bytes(60),
    "WebP of an unknown part": b"RIFF" + bytes(4) + b"WEBPVP9 " + bytes(60),
    "WebP with nothing on its canvas": making.webp_canvas(60, 40),
    "JPEG and PNG in one": making.jpeg()[:20] + making.png(),
}


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=list(NO_PICTURES))
def test_what_is_no_picture_of_the_three_kinds_is_refused_whatever_its_name(data: bytes) -> None:
    assert refusal(data) == "picture_unreadable"


@kinds
def test_a_picture_cut_short_is_refused(kind: str) -> None:
    whole = making.KINDS[kind]()
    for part in (0.3, 0.6, 0.8):
        assert refusal(whole[: int(len(whole) * part)]) == "picture_unreadable"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [making.image("RGBA", (60, 40)), Image.new("RGBA", (60, 40), "red")]
    moving = making.encode(frames[0], kind, save_all=True, append_images=frames[1:])
    assert refusal(moving) == "picture_animated"


def test_the_limit_of_bytes_is_exact() -> None:
    data = making.jpeg()
    assert reencode(data, max_bytes=len(data)).width == 60
    with pytest.raises(BadInput) as refused:
        reencode(data, max_bytes=len(data) - 1)
    assert refused.value.code == "picture_too_large"


def test_the_limit_of_pixels_is_exact() -> None:
    assert MAX_PIXELS == 5000 * 5000
    assert taken(making.png_bomb(5000, 5000)).width == 5000
    assert refusal(making.png_bomb(5000, 5001)) == "picture_too_many_pixels"


@pytest.mark.parametrize(
    "bomb",
    [
        making.png_bomb(9000, 9000),
        making.png_bomb(13_000, 13_000),
        making.png_bomb(1, MAX_PIXELS + 1),
        making.png_bomb(8, 8)[:16] + b"\xff\xff\xff\xff" * 2 + bytes(100),
        making.webp_canvas(16_384, 16_384),
        making.jpeg_that_claims(65_500, 65_500),
    ],
    ids=["9000²", "13000²", "a thread", "PNG of the largest number", "WebP canvas", "JPEG that claims it"],
)
def test_a_decompression_bomb_is_refused_by_its_header(bomb: bytes) -> None:
    assert len(bomb) < 200_000
    assert refusal(bomb) == "picture_too_many_pixels"


def test_a_jpeg_of_64000_scans_is_refused_and_one_of_a_hundred_is_not() -> None:
    assert refusal(making.jpeg_of_many_scans(64_000)) == "picture_unreadable"
    assert refusal(making.jpeg_of_many_scans(101)) == "picture_unreadable"
    assert taken(making.jpeg_of_many_scans(100)).width == 60


def test_a_jpeg_that_names_two_sizes_is_refused() -> None:
    honest = making.jpeg()
    at = honest.index(b"\xff\xc0")
    frame = bytearray(honest[at : at + 19])
    frame[5:9] = (9000).to_bytes(2) * 2
    assert refusal(honest[:at] + honest[at : at + 19] + bytes(frame) + honest[at + 19 :]) == "picture_unreadable"


def test_stray_bytes_between_the_segments_of_a_jpeg_do_not_hide_its_size() -> None:
    honest = making.jpeg()
    at = honest.index(b"\xff\xc0")
    for stray in (b"\x00\x00", b"\xff\xff", b"\xff\x01"):
        header = read_header(honest[:at] + stray + honest[at:])
        assert header
        assert (header.width, header.height) == (60, 40)


MEASURE = """
import re, sys
import django
django.setup()
from common.errors import BadInput
from evidence import pictures
from evidence.tests import making
for make in making.KINDS.values():
    pictures.reencode(make(), max_bytes=10**7)  # everything that is ever imported is imported now
bomb = open(sys.argv[1], "rb").read()
if sys.argv[2] == "without the limit":
    pictures.MAX_PIXELS = 10**9
def peak():  # not ru_maxrss, which also remembers the process that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
before = peak()
try:
    pictures.reencode(bomb, max_bytes=10**7)
except BadInput:
    pass
print(peak() - before)
"""


def test_refusing_a_bomb_costs_less_than_20_mb_and_decoding_it_would_cost_more(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(making.png_bomb(9000, 9000))

    def kilobytes(how: str) -> int:
        command = [sys.executable, "-c", MEASURE, str(tmp_path / "bomb.png"), how]
        return int(
            subprocess.run(command, capture_output=True, check=True, text=True, timeout=300).stdout.splitlines()[-1]
        )

    assert kilobytes("with the limit") < 20_000
    assert kilobytes("without the limit") > 60_000


@pytest.mark.filterwarnings("ignore")  # Pillow warns about much of what is damaged; in production nobody raises on it
def test_a_damaged_picture_is_refused_or_becomes_a_sound_one() -> None:
    chance = random.Random(20_260_101)
    sources = [make() for make in making.KINDS.values()]
    outcomes = {"taken": 0, "refused": 0}
    for _ in range(MUTATIONS):
        data = bytearray(chance.choice(sources))
        for _ in range(chance.choice((1, 1, 2, 8, 40))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        match chance.randrange(4):
            case 0:
                del data[chance.randrange(len(data)) :]
            case 1:
                data += chance.choice(list(TAILS.values()))
            case 2:
                at = chance.randrange(len(data))
                data[at : at + chance.randrange(64)] = chance.randbytes(chance.randrange(64))
        try:
            stored = reencode(bytes(data), max_bytes=MAX_BYTES).data
        except BadInput:
            outcomes["refused"] += 1
        else:
            outcomes["taken"] += 1
            making.decode(stored)
            assert making.ends_where_it_should(stored)
    assert min(outcomes.values()) >= MUTATIONS * 0.05, outcomes  # else the damage proves little


def test_pictures_are_decoded_one_at_a_time() -> None:
    done: list[Picture] = []
    worker = threading.Thread(target=lambda: done.append(taken(making.jpeg())))
    with pictures._one_at_a_time:
        worker.start()
        worker.join(0.1)
        assert not done
    worker.join(60)
    assert len(done) == 1
