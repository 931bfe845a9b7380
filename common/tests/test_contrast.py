"""The colours of the design system are readable by day and by night: WCAG 2.2 AA, worked out from the token files."""

import re
from pathlib import Path

import pytest
from django.conf import settings

CSS = Path(settings.BASE_DIR) / "static" / "css"
GROUNDS = ("page", "surface", "sunken")
TONES = ("neutral", "ok", "warn", "danger", "accent")

TEXT_PAIRS = [
    *((ink, ground) for ink in ("text", "text-soft", "text-faint", "accent", "accent-hover") for ground in GROUNDS),
    *((tone, ground) for tone in TONES for ground in ("page", "surface", "sunken", f"{tone}-soft")),
    *((ink, f"{tone}-soft") for ink in ("text", "text-soft") for tone in TONES),
    ("accent", "danger-soft"),  # links in an error summary
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-danger", "danger"),
    ("surface", "neutral"),
]
SHAPE_PAIRS = [("line-strong", "surface"), ("line-strong", "page"), ("accent", "page"), ("danger", "surface")]


def colours(theme: str) -> dict[str, str]:
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", (CSS / "tokens.css").read_text()))
    if theme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", (CSS / "tokens-dark.css").read_text()))
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_gives_the_published_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_readable_on_every_ground_it_stands_on(theme: str) -> None:
    found = colours(theme)
    weak = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in TEXT_PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_edges_of_controls_and_the_focus_ring_can_be_seen(theme: str) -> None:
    found = colours(theme)
    weak = {pair: round(contrast(found[pair[0]], found[pair[1]]), 2) for pair in SHAPE_PAIRS}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}


def test_the_night_replaces_every_colour_of_the_day() -> None:
    by_day = set(re.findall(r"--([\w-]+): #", (CSS / "tokens.css").read_text()))
    by_night = set(re.findall(r"--([\w-]+): #", (CSS / "tokens-dark.css").read_text()))
    assert by_night == by_day
