"""Moments, spans, money and names as people read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from common import wording

DUE = datetime(2026, 2, 17, 4, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


@pytest.mark.parametrize(
    ("now", "state", "words"),
    [
        (datetime(2026, 2, 13, 4, 0, tzinfo=UTC), "calm", "4 d 0 h left"),
        (datetime(2026, 2, 16, 4, 0, tzinfo=UTC), "calm", "1 d 0 h left"),
        (datetime(2026, 2, 16, 4, 0, tzinfo=UTC) + TICK, "soon", "23 h 59 min left"),
        (datetime(2026, 2, 16, 22, 0, tzinfo=UTC), "soon", "6 h 0 min left"),
        (datetime(2026, 2, 16, 22, 0, tzinfo=UTC) + TICK, "urgent", "5 h 59 min left"),
        (datetime(2026, 2, 17, 3, 48, tzinfo=UTC), "urgent", "12 min left"),
        (DUE - TICK, "urgent", "less than 1 min left"),
        (DUE, "urgent", "less than 1 min left"),
        (DUE + TICK, "missed", "missed by less than 1 min"),
        (datetime(2026, 2, 19, 7, 30, tzinfo=UTC), "missed", "missed by 2 d 3 h"),
    ],
)
def test_a_clock_says_how_much_time_is_left(now: datetime, state: str, words: str) -> None:
    face = wording.clock_face(DUE, now=now)
    assert (face.state, face.words, face.running) == (state, words, True)


def test_a_clock_stopped_in_time_stays_in_time_for_ever() -> None:
    face = wording.clock_face(DUE, now=DUE + timedelta(days=9), stopped_at=datetime(2026, 2, 16, 2, 0, tzinfo=UTC))
    assert (face.state, face.words, face.running) == ("stopped", "in time, 1 d 2 h to spare", False)


def test_a_clock_stopped_at_the_very_moment_was_stopped_in_time() -> None:
    assert wording.clock_face(DUE, now=DUE, stopped_at=DUE).state == "stopped"
    assert wording.clock_face(DUE, now=DUE, stopped_at=DUE + TICK).state == "missed"


def test_a_clock_stopped_late_is_late_by_as_much_as_it_was() -> None:
    face = wording.clock_face(DUE, now=DUE + timedelta(days=9), stopped_at=datetime(2026, 2, 17, 6, 5, tzinfo=UTC))
    assert (face.state, face.words, face.running) == ("missed", "missed by 2 h 5 min", False)


def test_moments_are_written_on_beijings_clock_with_the_zone_named() -> None:
    evening = datetime(2026, 2, 16, 16, 30, 9, tzinfo=UTC)
    assert wording.beijing_time(evening) == "2026-02-17 00:30 Beijing time"
    assert wording.beijing_time(evening, zone=False, seconds=True) == "2026-02-17 00:30:09"


@pytest.mark.parametrize(
    ("amount", "written"),
    [("1234.5", "¥1,234.50"), ("0", "¥0.00"), ("-12.34", "−¥12.34"), ("1000000", "¥1,000,000.00")],
)
def test_money_is_written_to_the_cent(amount: str, written: str) -> None:
    assert wording.yuan(Decimal(amount)) == written


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("13812341234", "138****1234"), (" 13812341234 ", "138****1234"), ("1234567", "*******"), ("", "")],
)
def test_a_phone_number_keeps_its_ends_only_when_enough_stays_hidden(phone: str, masked: str) -> None:
    assert wording.masked_phone(phone) == masked


@pytest.mark.parametrize(
    ("name", "masked"), [("张小明", "张**"), ("李四", "李*"), ("张", "*"), ("Johannes", "J***"), ("", "")]
)
def test_a_name_keeps_its_first_character(name: str, masked: str) -> None:
    assert wording.masked_name(name) == masked


@pytest.mark.parametrize(
    ("name", "signs"),
    [
        ("Wang Fang", "WF"),
        ("wang", "W"),
        ("Anna Maria de Souza", "AS"),
        ("欧阳娜娜", "娜娜"),
        ("林悦", "林悦"),
        ("王", "王"),
        (" ", ""),
    ],
)
def test_two_signs_stand_for_a_person(name, signs):
    assert wording.initials(name) == signs


@pytest.mark.parametrize(
    "span", [-timedelta(days=2), -timedelta(minutes=1), -TICK, timedelta(0), timedelta(minutes=1) - TICK]
)
def test_a_span_is_never_negative(span):
    assert wording.span_words(span) == "less than 1 min"
