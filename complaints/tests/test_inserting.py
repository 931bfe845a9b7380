"""Rows of several tables in one trip, held to what the ORM would have written."""

import pytest
from django.db import IntegrityError, transaction

from common.inserting import NEW_ID, insert_new, insert_new_with, insert_together
from complaints.models import HistoryLine
from complaints.tests.factories import make_merchant, make_platform, moment
from merchants.models import MiniProgram
from notifications.models import Event

pytestmark = pytest.mark.django_db

AT = moment("2026-11-20T02:00Z")


def line(number: int) -> HistoryLine:
    return HistoryLine(
        complaint_id=number,
        noun="complaint",
        noun_id=number,
        verb="file",
        to_state="pending",
        actor_kind="system",
        actor_name="50% 'quoted' 中文",
        at=AT,
        detail={"text": "50% 中文", "none": None},
    )


def event(number: int) -> Event:
    return Event(name="complaint.filed", merchant_id=1, subject_id=number, at=AT, payload={"number": number})


def test_rows_of_several_tables_take_one_statement_and_are_as_the_orm_writes_them(django_assert_num_queries):
    HistoryLine.objects.bulk_create([line(1)])
    Event.objects.bulk_create([event(1)])
    with django_assert_num_queries(1):
        insert_together([line(2), line(3)], [], [event(2)])
    given = [name for name in (field.attname for field in HistoryLine._meta.concrete_fields) if name != "id"]
    written = {row.pop("noun_id"): row for row in HistoryLine.objects.values(*given)}
    assert set(written) == {1, 2, 3}
    assert written[1] | {"complaint_id": 2} == written[2]
    events = {row.subject_id: row for row in Event.objects.all()}
    assert events[2].transaction == events[1].transaction > 0  # the database's default
    assert events[2].payload == {"number": 2}


def test_what_follows_a_new_row_carries_its_id_and_is_as_the_orm_writes_it(django_assert_num_queries):
    HistoryLine.objects.bulk_create([line(1)])
    Event.objects.bulk_create([event(1)])
    merchant = make_merchant(platform=make_platform())
    program = MiniProgram(platform=merchant.platform, merchant=merchant, app_id="a", name="50% '中文'")
    unless = "(platform_id, app_id)"
    following = line(NEW_ID), line(NEW_ID), event(1)
    with django_assert_num_queries(1):
        new = insert_new_with(program, following, unless=unless)
    assert new is not None
    assert MiniProgram.objects.get(pk=new).name == program.name
    given = [name for name in (field.attname for field in HistoryLine._meta.concrete_fields) if name != "id"]
    first, *added = HistoryLine.objects.order_by("pk").values(*given)
    assert added == [first | {"complaint_id": new, "noun_id": new}] * 2
    events = list(Event.objects.order_by("pk"))
    assert [each.payload for each in events] == [{"number": 1}] * 2
    assert events[0].transaction == events[1].transaction > 0  # the database's default

    assert insert_new_with(program, following, unless=unless) is None
    assert (MiniProgram.objects.count(), HistoryLine.objects.count(), Event.objects.count()) == (1, 3, 2)


def test_nothing_to_insert_asks_nobody(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_together([], [])
        assert insert_new([], unless="(id)", by="name") == {}


def test_only_the_foreseen_conflict_leaves_a_row_out():
    merchant = make_merchant(platform=make_platform())

    def program(name: str, **given: int) -> MiniProgram:
        return MiniProgram(platform=merchant.platform, merchant=merchant, app_id=name, name=name, **given)

    unless = "(platform_id, app_id)"
    first = insert_new([program("a"), program("b")], unless=unless, by="app_id")
    again = insert_new([program("b"), program("c")], unless=unless, by="app_id")
    assert set(first) == {"a", "b"}
    assert set(again) == {"c"}
    assert dict(MiniProgram.objects.values_list("app_id", "pk")) == {**first, **again}
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_new([MiniProgram(platform_id=merchant.platform_id, app_id="d", name="d")], unless=unless, by="app_id")
