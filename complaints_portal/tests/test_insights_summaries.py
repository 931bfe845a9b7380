"""Summaries of insights: equal to a plain count whatever happens, in any order, twice, and with two at once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override
from hypothesis import event, given, settings
from hypothesis import strategies as st

from complaints.intake import file_complaints
from complaints.models import Complaint
from complaints.tests.factories import (
    file_at,
    handle_at,
    make_filing,
    make_merchant,
    make_program,
    moment,
    platform_actor,
)
from complaints.tests.racing import PATIENCE, collide, started
from complaints_portal.insights import summaries
from complaints_portal.insights.figures import Range, look_up
from complaints_portal.insights.models import By, DaySummary
from complaints_portal.insights.summaries import (
    READER,
    counted_up_to,
    days_with_complaints,
    differences,
    parts_of,
    recompute,
    refresh,
    skip_to,
)
from complaints_portal.insights.tasks import refresh_insights
from complaints_portal.tests.insights_histories import BEHIND, STEPS, History, listed, plain_count
from notifications.models import Event, Watermark
from notifications.queries import oldest_open
from penalties.models import Penalty

NOW = moment("2026-12-24T12:00+08:00")
WIDE = Range(first=date(2026, 9, 7), last=date(2026, 12, 31))
THE_2ND = Range(first=date(2026, 11, 2), last=date(2026, 11, 2))


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let events be read in the transaction that wrote them: a test is one transaction."""
    monkeypatch.setattr(summaries, "oldest_open", lambda: 2**62)


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    with override("en"):
        yield


def two_programs() -> list[Any]:
    merchant = make_merchant()
    return [make_program(merchant=merchant), make_program(merchant=merchant)]


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
@settings(max_examples=25)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 59)), min_size=8, max_size=40),
    pauses=st.sets(st.integers(0, 40), max_size=6),
    batch=st.sampled_from([1, 3, 10_000]),
)
def test_after_any_history_the_summaries_are_a_plain_count(steps, pauses, batch):
    with transaction.atomic():
        history = History(two_programs())
        history.file(0)
        for place, (step, number) in enumerate(steps):
            history.do(step, number)
            if place in pauses:
                refresh(now=history.now, batch=batch)
        refresh(now=NOW, batch=batch)
        merchant = history.merchant.pk
        found = look_up(merchant, WIDE)
        assert found == plain_count(merchant, WIDE)
        narrow = replace(WIDE, mini_program_ids=(history.programs[0].pk,), dispute_types=("发货",))
        for wanted in (narrow, replace(narrow, mini_program_ids=()), replace(narrow, dispute_types=())):
            assert look_up(merchant, wanted) == plain_count(merchant, wanted)
        for figures in found.parts["root_cause"]:
            assert listed(merchant, WIDE, cause=figures.part) == figures.filed
        for outcome, number_of in BEHIND.items():
            assert listed(merchant, WIDE, outcome) == number_of(found.total)
        assert not differences(days_with_complaints(merchant))
        for name in ("missed", "points_given_back", "repeated", "refunded", "from_consultation"):
            event(f"{name}: {getattr(found.total, name) > 0}")
        transaction.set_rollback(True)


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_what_became_of_a_day_as_it_went():
    program = make_program()
    seen = []

    def look(*names: str) -> None:
        refresh(now=NOW)
        total = look_up(program.merchant_id, THE_2ND).total
        seen.append(tuple(getattr(total, name) for name in names))

    history = History([program])
    history.now = moment("2026-11-02T09:30+08:00")
    history.file(1)
    look("filed", "handled", "in_time", "missed", "unhandled", "points_lost", "points_given_back", "median")
    history.now = moment("2026-11-06T09:31+08:00")
    history.sweep(0)
    look("filed", "handled", "in_time", "missed", "unhandled", "points_lost", "points_given_back", "median")
    history.now = moment("2026-11-06T10:00+08:00")
    history.handle(0)
    look("filed", "handled", "in_time", "missed", "unhandled", "points_lost", "points_given_back", "median")
    history.revoke(0)
    look("points_lost", "points_given_back", "points", "missed")
    history.reinstate(0)
    look("points_lost", "points_given_back", "points", "missed")
    assert seen == [
        (1, 0, 0, 0, 0, 0, 0, None),
        (1, 0, 0, 1, 1, 1, 0, None),
        (1, 1, 0, 1, 0, 1, 0, 96 * 60 + 30),
        (1, 1, 0, 1),
        (1, 0, 1, 1),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_a_complaint_that_comes_in_late_makes_the_next_one_a_repeated_one():
    program = make_program()
    file_at("2026-11-02T10:00+08:00", program, trade_no="T")
    file_at("2026-11-09T10:00+08:00", program, trade_no="other", consumer_phone="13800000000")
    refresh(now=NOW)
    repeated = [figures.repeated for figures in look_up(program.merchant_id, WIDE).parts["week"]]
    earlier = moment("2026-10-20T10:00+08:00")
    late = make_filing(program, trade_no="T", consumer_phone="13800000000", filed_at=earlier)
    actor = platform_actor(program.platform)
    file_complaints([late], platform_id=program.platform_id, actor=actor, now=NOW, is_history=True)
    refresh(now=NOW)
    assert repeated == [0, 0]
    assert [figures.repeated for figures in look_up(program.merchant_id, WIDE).parts["week"]] == [0, 1, 1]


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("filed", "day"),
    [
        ("2026-11-01T23:59:59.999999+08:00", date(2026, 11, 1)),
        ("2026-11-02T00:00+08:00", date(2026, 11, 2)),
        ("2026-11-02T00:00:00.000001+08:00", date(2026, 11, 2)),
    ],
    ids=["a microsecond before", "at midnight in Beijing", "after"],
)
def test_a_complaint_counts_for_its_day_in_beijing(filed, day):
    complaint = file_at(filed)
    refresh(now=NOW)
    assert list(DaySummary.objects.filter(by="total").values_list("day", "filed")) == [(day, 1)]
    assert look_up(complaint.merchant_id, Range(first=day, last=day)).total.filed == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_what_is_handled_by_a_clock_that_is_behind_took_no_time():
    complaint = file_at("2026-11-02T10:00:00.500000+08:00")
    handle_at("2026-11-02T10:00:00.200000+08:00", complaint)
    refresh(now=NOW)
    assert DaySummary.objects.get(by="total").minutes == [0]


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_the_order_of_events_and_reading_them_twice_change_nothing():
    history = History(two_programs())
    for number in range(30):
        history.do(STEPS[number % len(STEPS)], number)
    refresh(now=NOW)
    found = look_up(history.merchant.pk, WIDE)
    Watermark.objects.filter(name=READER).update(transaction=0, event_id=0)
    refresh(now=NOW, batch=7)
    assert look_up(history.merchant.pk, WIDE) == found
    parts = set()
    for each in Event.objects.order_by("-pk"):
        parts = parts_of(summaries.touched_by([each])) | summaries.shifted_by([each])
        recompute(parts)
    assert parts
    assert look_up(history.merchant.pk, WIDE) == found == plain_count(history.merchant.pk, WIDE)


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_a_run_that_has_no_more_time_stops_after_a_batch_and_the_next_goes_on():
    program = make_program()
    for day in range(3):
        file_at(f"2026-11-0{day + 2}T10:00+08:00", program)
    assert refresh(now=NOW, batch=1, at_most=timedelta(0)) == 1
    assert counted_up_to() is None
    assert refresh(now=NOW, batch=1, at_most=timedelta(0)) == 1
    assert refresh(now=NOW, batch=2) == 1
    assert counted_up_to() == NOW
    assert look_up(program.merchant_id, WIDE).total.filed == 3


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_it_takes_as_many_queries_for_many_events_as_for_a_few():
    program = make_program()
    asked = []
    for number in (2, 20):
        for day in range(number):
            handle_at("2026-11-28T10:00+08:00", file_at(f"2026-11-{day + 2:02d}T10:00+08:00", program))
        with CaptureQueriesContext(connection) as queries:
            refresh(now=NOW)
        asked.append(len(queries))
    assert asked[0] == asked[1] < 20


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_what_the_command_has_counted_is_not_read_again():
    program = make_program()
    complaint = file_at("2026-11-02T10:00+08:00", program)
    recompute(parts_of([complaint.pk]))
    skip_to(2**61, at=NOW)
    assert counted_up_to() == NOW
    assert refresh(now=NOW) == 0
    assert counted_up_to() == NOW
    skip_to(5, at=NOW)
    assert Watermark.objects.get(name=READER).transaction == 2**61 - 1


@pytest.mark.django_db
@pytest.mark.usefixtures("at_once")
def test_a_summary_that_was_spoilt_is_named_by_its_day_and_only_that():
    program = make_program()
    days = [file_at(f"2026-11-0{day}T10:00+08:00", program) for day in (2, 3, 4)]
    refresh(now=NOW)
    parts = days_with_complaints(program.merchant_id)
    assert differences(parts) == set()
    DaySummary.objects.filter(day=date(2026, 11, 3), by="everything").update(points_lost=1)
    DaySummary.objects.filter(day=date(2026, 11, 4)).delete()
    DaySummary.objects.create(
        merchant_id=program.merchant_id,
        by="total",
        day=date(2026, 11, 9),
        filed=1,
        handled=0,
        in_time=0,
        missed=0,
        unhandled=0,
        minutes=[],
        points_lost=0,
        points_given_back=0,
        refunded=0,
        repeated=0,
        from_consultation=0,
    )
    parts = days_with_complaints(program.merchant_id)
    wrong = {(program.merchant_id, date(2026, 11, day)) for day in (3, 4, 9)}
    assert differences(parts) == wrong
    recompute(wrong)
    assert differences(parts) == set()
    assert look_up(program.merchant_id, WIDE).total.filed == len(days)


@pytest.mark.django_db(transaction=True)
def test_the_task_counts_what_was_committed_and_leaves_what_is_still_open():
    program = make_program()
    file_at("2026-11-02T10:00+08:00", program)
    with transaction.atomic():
        file_at("2026-11-03T10:00+08:00", program)
        with started(refresh_insights) as (run,):
            assert run.result(timeout=PATIENCE) == 1
        assert look_up(program.merchant_id, WIDE).total.filed == 1
    assert refresh_insights() == 1
    assert look_up(program.merchant_id, WIDE).total.filed == 2
    assert refresh_insights() == 0


@pytest.mark.django_db(transaction=True)
def test_a_second_worker_leaves_the_counting_to_the_first():
    program = make_program()
    file_at("2026-11-02T10:00+08:00", program)
    Watermark.objects.create(name=READER)
    with transaction.atomic():
        Watermark.objects.select_for_update().get(name=READER)
        with started(refresh_insights) as (run,):
            assert run.result(timeout=PATIENCE) == 0
    assert refresh_insights() == 1


@pytest.mark.django_db(transaction=True)
def test_the_task_and_the_command_may_count_the_same_day_at_once():
    parts = parts_of([file_at("2026-11-02T10:00+08:00").pk])
    recompute(parts)
    mark = Watermark.objects.filter(name=READER)
    assert collide(mark, lambda: recompute(parts), lambda: recompute(parts)) == [None, None]
    assert differences(parts) == set()
    assert DaySummary.objects.count() == len(By)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_would_run_into_each_other(monkeypatch):
    parts = parts_of([file_at("2026-11-02T10:00+08:00").pk])
    recompute(parts)
    monkeypatch.setattr(summaries, "_lock", lambda: None)
    ended = collide(DaySummary.objects.all(), lambda: recompute(parts), lambda: recompute(parts))
    assert ended[0] is None
    assert "one_summary_per_part" in str(ended[1])


@pytest.mark.django_db(transaction=True)
def test_the_first_run_on_a_database_that_was_there_before():
    history = History(two_programs())
    for number in range(40):
        history.do(STEPS[number * 5 % len(STEPS)], number)
    assert Complaint.objects.count() > 3
    assert Penalty.objects.exists()
    position = oldest_open()
    assert refresh(now=NOW, batch=5) > 0
    assert look_up(history.merchant.pk, WIDE) == plain_count(history.merchant.pk, WIDE)
    assert Watermark.objects.get(name=READER).transaction < position
