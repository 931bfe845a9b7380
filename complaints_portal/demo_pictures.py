"""Pictures for the demo data, drawn here: a refund receipt, a parcel's label, a chat, a photo of fruit."""

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageFont

INK, FAINT, PAPER = "#1d2430", "#8a93a3", "#fbfaf6"


def draw(kind: str, number: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a JPEG; the same kind and number always give the same picture."""
    picture = DRAWN[kind](random.Random(f"{kind} {number}"))  # noqa: S311 (a drawing, not a secret)
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=88)
    return f"{kind}-{number:02}.jpg", data.getvalue()


def _receipt(chance: random.Random) -> Image.Image:
    amount = f"{chance.randint(1000, 30000) / 100:.2f}"
    picture, pen = _paper(720, 900)
    pen.rectangle((0, 0, 720, 150), fill="#2f6bd8")
    _write(pen, 40, 46, "REFUND RECEIPT", 48, "#ffffff")
    pen.ellipse((310, 200, 410, 300), fill="#2e9d62")
    pen.line([(335, 252), (356, 274), (388, 228)], fill="#ffffff", width=10)
    _write(pen, 250, 330, f"CNY {amount}", 52)
    _write(pen, 246, 400, "Refund completed", 30, FAINT)
    rows = (
        ("Refund no.", f"RF2026-{chance.randint(1000, 9999)}-{chance.randint(1000, 9999)}"),
        ("To", "original payment account"),
        ("Method", "balance"),
        ("Status", "SUCCESS"),
    )
    for line, (label, value) in enumerate(rows):
        y = 500 + 80 * line
        pen.line([(40, y - 22), (680, y - 22)], fill="#e2e0d8", width=2)
        _write(pen, 40, y, label, 28, FAINT)
        _write(pen, 300, y, value, 28)
    return picture


def _parcel(chance: random.Random) -> Image.Image:
    picture, pen = _paper(900, 640, "#b98f5c")
    pen.rectangle((120, 90, 780, 550), fill=PAPER)
    _write(pen, 150, 110, "SHUNDA EXPRESS", 44)
    x = 150
    while x < 740:  # a bar code
        width = chance.choice((3, 5, 8, 12))
        pen.rectangle((x, 190, x + width, 330), fill=INK)
        x += width + chance.choice((4, 6, 9))
    _write(pen, 220, 345, f"SD2026{chance.randint(10**7, 10**8 - 1)}", 38)
    _write(pen, 150, 420, "TO: consumer, door 1204", 28, FAINT)
    _write(pen, 150, 470, f"WEIGHT {chance.randint(80, 900) / 100:.2f} kg", 28, FAINT)
    return picture


def _chat(chance: random.Random) -> Image.Image:
    picture, pen = _paper(720, 960, "#edeff3")
    pen.rectangle((0, 0, 720, 90), fill="#ffffff")
    _write(pen, 270, 26, "Service chat", 32)
    lines = (
        "Hello, when was the parcel opened?",
        "A week after I signed for it.",
        "The page says: eat within 2 days.",
        "I see.",
    )
    for number, line in enumerate(lines):
        mine, y = number % 2 == 0, 140 + 150 * number + chance.randint(0, 20)
        left = 40 if mine else 160
        pen.rounded_rectangle((left, y, left + 520, y + 96), 18, fill="#ffffff" if mine else "#9fd8a8")
        _write(pen, left + 24, y + 30, line, 27)
    return picture


def _photo(chance: random.Random) -> Image.Image:
    picture, pen = _paper(960, 720, "#6d5a44")
    for _ in range(46):
        x, y, size = chance.randint(-40, 940), chance.randint(-40, 700), chance.randint(60, 130)
        red = chance.randint(150, 220)
        pen.ellipse((x, y, x + size, y + size), fill=(red, chance.randint(30, 90), chance.randint(30, 60)))
        pen.ellipse((x + size // 4, y + size // 5, x + size // 2, y + size // 3), fill=(235, 190, 180))
    for _ in range(5):  # the bad ones
        x, y = chance.randint(80, 800), chance.randint(80, 560)
        pen.ellipse((x, y, x + 90, y + 70), fill="#3b3a2c")
    return picture


def _paper(width: int, height: int, colour: str = PAPER) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (width, height), colour)
    return picture, ImageDraw.Draw(picture)


def _write(pen: ImageDraw.ImageDraw, x: int, y: int, text: str, size: int, colour: str = INK) -> None:
    """Write in the font that comes with the library; it has Latin letters only."""
    pen.text((x, y), text, fill=colour, font=ImageFont.load_default(size))


DRAWN: dict[str, Callable[[random.Random], Image.Image]] = {
    "receipt": _receipt,
    "parcel": _parcel,
    "chat": _chat,
    "photo": _photo,
}
