"""A backup of a server that had counted further is restored: whoever reads its events goes on, and misses none."""

import pytest
from django.db import connection

from complaints.tests.factories import moment, platform_actor
from notifications.models import Event, Notice, Watermark
from notifications.queries import Position, events_after
from notifications.services import MANY, NUMBERED, emit_many, number_onwards
from notifications.tests.making import count_further, make_house, start_telling, tell_at

pytestmark = pytest.mark.django_db(transaction=True)

AT, LATER = "2026-11-20T10:00+08:00", "2026-11-20T11:00+08:00"


@pytest.fixture(autouse=True)
def counted_by_this_server_alone():
    """Take back how events are numbered: a test that commits is followed by the deletion of rows only."""
    yield
    with connection.cursor() as cursor:
        cursor.execute(NUMBERED % 0)


@pytest.fixture
def house():
    """A house that was told of one complaint, before it was backed up on the other server and restored on this one."""
    start_telling()
    house = make_house()
    house.files(AT)
    assert tell_at(AT) == 1
    count_further(1_000_000)
    return house


def position() -> Position:
    """Where a program is that has read all events."""
    mark = Watermark.objects.get(name="notices")
    return Position(mark.transaction, mark.event_id)


def read(house, after: Position) -> list[int]:
    events = events_after(after, actor=platform_actor(house.merchant.platform), limit=10)
    return [event.subject_id for event in events]


def test_members_are_told_of_what_happens_after_it_was_restored(house):
    number_onwards()
    complaint = house.files(LATER)
    assert tell_at(LATER) == 1
    assert Notice.objects.latest("pk").subject_id == complaint.pk


def test_a_program_reads_on_from_where_it_was(house):
    before = position()
    number_onwards()
    complaint = house.files(LATER)
    assert read(house, before) == [complaint.pk]
    assert read(house, Position()) == [Event.objects.earliest("pk").subject_id, complaint.pk]


def test_a_program_that_read_what_was_lost_reads_on_too(house):
    ahead = Position(position().transaction + 500_000, 0)
    number_onwards()
    complaint = house.files(LATER)
    assert read(house, ahead) == [complaint.pk]


def test_many_events_that_are_written_at_once_are_numbered_likewise(house):
    before = position()
    number_onwards()
    fields = {"name": "complaint.cancelled", "merchant_id": house.merchant.pk, "at": moment(LATER)}
    emit_many(Event(subject_id=number, **fields) for number in range(MANY + 1))
    assert len(events_after(before, actor=platform_actor(house.merchant.platform), limit=100)) == MANY + 1


def test_restored_again_and_again_it_goes_on_each_time(house):
    for number in range(1, 4):
        number_onwards()
        before = position()
        complaint = house.files(LATER)
        assert read(house, before) == [complaint.pk]
        assert tell_at(LATER) == 1, number


def test_without_it_nobody_is_told_of_anything(house):
    """The twin: so it was."""
    before = position()
    house.files(LATER)
    assert tell_at(LATER) == 0
    assert read(house, before) == []
