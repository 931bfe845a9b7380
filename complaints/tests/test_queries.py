"""The list in its order, its filters and its search; how a merchant stands."""

from datetime import date
from typing import Any

import pytest
from django.db import connection

from common.keyset import keyset_page
from complaints.intake import file_complaints
from complaints.models import Complaint
from complaints.permissions import visible_to
from complaints.queries import (
    Wanted,
    all_segments,
    case_of,
    lay_all_beside,
    narrowed,
    points_of,
    queue,
    queued,
    segments,
    standing,
    status_counts,
    with_everything,
)
from complaints.services import cancel, leave_message
from complaints.states import Status
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_filing,
    make_member,
    make_picture,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from deadlines.tests.explaining import plans_of
from merchants.models import Grant

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00+08:00")


def found(wanted: Wanted, *, now=NOON) -> set[str]:
    """The dispute types of what is found, which name the rows of a test."""
    return {each.dispute_type for each in narrowed(Complaint.objects.all(), wanted, now=now)}


def listed(*statuses: str) -> list[str]:
    page = keyset_page(segments(Complaint.objects.all(), statuses or Status.values))
    return [each.dispute_type for each in page.rows]


def test_pending_come_first_by_deadline_then_the_others_newest_first():
    program = make_program()
    for name, filed_at in {
        "pending, filed on Friday": "2026-03-06T09:00+08:00",
        "pending, filed on Thursday": "2026-03-05T09:00+08:00",
        "pending, filed on Saturday": "2026-03-07T09:00+08:00",
    }.items():
        file_at(filed_at, program, dispute_type=name)
    old = file_at("2026-02-01T09:00+08:00", program, dispute_type="handled, filed in February")
    new = file_at("2026-03-08T09:00+08:00", program, dispute_type="in review, filed on Sunday")
    middle = file_at("2026-03-01T09:00+08:00", program, dispute_type="cancelled, filed on the first")
    handle_at("2026-03-09T09:00+08:00", old)
    handle_at("2026-03-09T09:00+08:00", new, "shipped")
    cancel(middle.pk, reason="", actor=consumer_actor(middle), now=NOON)
    assert listed() == [
        "pending, filed on Thursday",
        "pending, filed on Friday",
        "pending, filed on Saturday",
        "in review, filed on Sunday",
        "cancelled, filed on the first",
        "handled, filed in February",
    ]
    assert listed("pending") == listed()[:3]
    assert listed("handled", "in_review") == ["in review, filed on Sunday", "handled, filed in February"]
    assert listed("pending", "cancelled") == [*listed()[:3], "cancelled, filed on the first"]


def test_each_status_is_counted_in_one_statement(django_assert_num_queries):
    program = make_program()
    for day in (1, 2, 3):
        file_at(f"2026-03-0{day}T09:00+08:00", program)
    handle_at("2026-03-04T09:00+08:00", file_at("2026-03-03T10:00+08:00", program))
    with django_assert_num_queries(1):
        counts = status_counts(Complaint.objects.all())
    assert counts == dict.fromkeys(Status.values, 0) | {"pending": 3, "handled": 1}


@pytest.mark.parametrize("field", ["trade_no", "merchant_order_no", "consumer_phone"])
def test_the_search_finds_numbers_whole_or_by_their_start_and_nothing_else(field):
    program = make_program()
    file_at("2026-03-09T09:00+08:00", program, dispute_type="wanted", **{field: "13812345678"})
    file_at("2026-03-09T09:00+08:00", program, dispute_type="not wanted", **{field: "23812345678"})
    file_at("2026-03-09T09:00+08:00", program, dispute_type="nor this")
    assert found(Wanted(search="13812345678")) == {"wanted"}
    assert found(Wanted(search="1381")) == {"wanted"}
    assert found(Wanted(search="2345678")) == set()
    assert found(Wanted(search="138%")) == set()
    assert found(Wanted(search="_3812345678")) == set()


def test_the_search_finds_complaint_numbers_whole_or_by_their_start():
    wanted = file_at("2026-03-09T09:00+08:00", dispute_type="wanted")
    file_at("2026-03-08T09:00+08:00", dispute_type="not wanted")
    assert found(Wanted(search=wanted.complaint_no)) == {"wanted"}
    assert found(Wanted(search=wanted.complaint_no[:10])) == {"wanted"}


def test_the_search_uses_the_indexes_of_the_numbers():
    program = make_program()
    first = file_at(NOON, program, merchant_order_no="JC000000", consumer_phone="13800000000")
    copy_complaint(
        first, 2999, merchant_order_no="'JC' || lpad(n::text, 6, '0')", consumer_phone="'138' || lpad(n::text, 8, '0')"
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE complaints_complaint")
    own = Complaint.objects.filter(merchant_id=program.merchant_id)
    looked_up, _rows = plans_of(lambda: list(narrowed(own, Wanted(search="13800000042"), now=NOON)))
    for index in ("complaint_by_trade_no", "complaint_by_order_no", "complaint_by_phone"):
        assert index in looked_up
    assert "Seq Scan" not in looked_up


def test_due_within_looks_at_pending_ones_from_this_very_moment_to_the_very_end():
    program = make_program()
    for name, filed_at in {
        "a microsecond too late": "2026-03-06T11:59:59.999999+08:00",
        "due at this moment": "2026-03-06T12:00+08:00",
        "due in six hours": "2026-03-06T18:00+08:00",
        "due in six hours and a microsecond": "2026-03-06T18:00:00.000001+08:00",
    }.items():
        file_at(filed_at, program, dispute_type=name)
    handled = file_at("2026-03-06T13:00+08:00", program, dispute_type="handled, once due within an hour")
    handle_at("2026-03-07T13:00+08:00", handled)
    assert found(Wanted(due=("6",))) == {"due at this moment", "due in six hours"}
    assert found(Wanted(due=("overdue",))) == {"a microsecond too late"}


def test_days_are_days_in_beijing_and_both_are_included():
    program = make_program()
    for name, filed_at in {
        "the last moment of the third": "2026-03-03T15:59:59.999999Z",
        "the first moment of the fourth": "2026-03-03T16:00Z",
        "the last moment of the fifth": "2026-03-05T15:59:59.999999Z",
        "the first moment of the sixth": "2026-03-05T16:00Z",
    }.items():
        file_at(filed_at, program, dispute_type=name)
    within = {"the first moment of the fourth", "the last moment of the fifth"}
    assert found(Wanted(filed_from=date(2026, 3, 4), filed_to=date(2026, 3, 5))) == within
    assert found(Wanted(filed_from=date(2026, 3, 6))) == {"the first moment of the sixth"}
    assert found(Wanted(filed_to=date(2026, 3, 3))) == {"the last moment of the third"}


def test_other_filters_narrow_together():
    program = make_program()
    file_at("2026-03-09T09:00+08:00", program, dispute_type="Goods not delivered", advance_protection=True)
    file_at("2026-03-09T09:00+08:00", program, dispute_type="Goods damaged", advance_protection=True)
    file_at("2026-03-09T09:00+08:00", dispute_type="Goods not delivered, elsewhere", advance_protection=True)
    file_at("2026-03-09T09:00+08:00", program, dispute_type="Not delivered, unprotected")
    wanted = Wanted(mini_program_ids=(program.pk,), dispute_types=("NOT deliv",), advance_protection=True)
    assert found(wanted) == {"Goods not delivered"}
    assert found(Wanted(mini_program_ids=(program.pk,), advance_protection=False)) == {"Not delivered, unprotected"}


def test_points_are_those_that_running_clocks_carry():
    program = make_program()
    pending = file_at("2026-03-09T09:00+08:00", program)
    in_time = file_at("2026-03-09T09:00+08:00", program)
    late = file_at("2026-03-01T09:00+08:00", program)
    handle_at("2026-03-10T09:00+08:00", in_time)
    handle_at("2026-03-10T09:00+08:00", late)
    assert points_of([pending, in_time, late]) == {pending.pk: 1, late.pk: 1}


def test_a_merchant_stands_as_its_clocks_say():
    program = make_program()
    missed = file_at("2026-03-06T11:59:59+08:00", program)
    at_noon = file_at("2026-03-06T12:00+08:00", program)
    tonight = file_at("2026-03-06T23:59:59.999999+08:00", program)
    tomorrow = file_at("2026-03-07T00:00+08:00", program)
    handle_at("2026-03-09T09:00+08:00", file_at("2026-03-06T13:00+08:00", program))
    handle_at("2026-03-10T09:00+08:00", file_at("2026-03-05T13:00+08:00", program))
    file_at("2026-03-06T14:00+08:00")  # another merchant's
    now_standing = standing(program.merchant_id, now=NOON)
    assert (now_standing.pending, now_standing.overdue) == (4, 1)
    assert now_standing.points_at_stake == 2  # at noon and tonight; the missed one is lost, the others were handled
    assert now_standing.next_due == [at_noon, tonight, tomorrow]
    assert now_standing.next_deadline == moment("2026-03-10T12:00+08:00")
    assert missed not in now_standing.next_due


def test_old_cases_are_not_overdue():
    program = make_program()
    file_complaints(
        [make_filing(program, filed_at=moment("2020-03-06T12:00+08:00"))],
        platform_id=program.platform_id,
        actor=platform_actor(program.platform),
        now=NOON,
        is_history=True,
    )
    now_standing = standing(program.merchant_id, now=NOON)
    assert (now_standing.pending, now_standing.overdue, now_standing.next_due) == (1, 0, [])


def test_a_merchant_without_complaints_stands_well():
    now_standing = standing(make_program().merchant_id, now=NOON)
    assert (now_standing.pending, now_standing.points_at_stake, now_standing.next_deadline) == (0, 0, None)


def told(case: Complaint) -> tuple[Any, ...]:
    """All that a case's page goes through, in order."""
    return (
        [(message.text, list(message.evidence.all())) for message in case.messages.all()],
        [line.verb for line in sorted(case.history.all(), key=lambda line: line.pk)],
        list(case.pictures.all()),
        list(case.handling.evidence.all()),
        (case.mini_program, case.merchant, case.handling.method),
    )


def test_a_case_comes_with_all_that_its_page_shows(django_assert_num_queries):
    program, other = make_program(), make_program()
    case, merchant = file_at("2026-03-08T09:00+08:00", program), program.merchant
    case.pictures.set([make_picture(merchant), make_picture(merchant)])
    wang = member_actor(merchant)
    for text, number in (("Sent.", 2), ("Sent again.", 0), ("Here it is.", 1)):
        pictures = [make_picture(merchant) for _each in range(number)]
        leave_message(case.pk, text, evidence=pictures, actor=wang, now=NOON)
    handle_at("2026-03-10T13:00+08:00", case, "shipped")
    with django_assert_num_queries(3):
        (found,) = case_of(wang, case.complaint_no)
        lay_all_beside(found)
        shown = told(found)
    assert shown == told(with_everything(wang).get(pk=case.pk))
    assert [text for text, _pictures in shown[0]] == ["Here it is.", "Sent again.", "Sent."]
    assert not case_of(member_actor(other.merchant), case.complaint_no)


@pytest.mark.parametrize("name", [("", ""), ("芳", "王"), ("Li", ""), ("", "Wang")])
def test_a_row_of_the_queue_tells_what_the_whole_complaint_would(name, django_assert_num_queries):
    program, other = make_program(), make_program()
    case = file_at("2026-03-08T09:00+08:00", program, advance_protection=True)
    handle_at("2026-03-10T13:00+08:00", file_at("2026-03-08T09:00+08:00", other), "shipped")
    li = make_member(program.merchant, Grant.HANDLE)
    li.first_name, li.last_name = name
    li.save()
    wang = member_actor(program.merchant)
    handle_at("2026-03-10T13:00+08:00", case, "shipped")
    Complaint.objects.filter(pk=case.pk).update(assignee=li.memberships.get())
    with django_assert_num_queries(1):
        (row,) = queued(keyset_page(all_segments(wang, ["in_review"])))
    whole = Complaint.objects.select_related("handling", "mini_program").get(pk=case.pk)
    same = ("pk", "complaint_no", "dispute_type", "status", "advance_protection", "trade_amount", "filed_at")
    for field in (*same, "handle_by", "ended_at", "is_history", "assignee_id"):
        assert getattr(row, field) == getattr(whole, field), field
    assert (row.program, row.method, row.handled_at) == (
        whole.mini_program.name,
        whole.handling.method,
        whole.handling.handled_at,
    )
    assert row.handling is row
    assert (row.assigned_to, row.assigned_user_id) == (str(li), li.pk)
    assert [each.pk for each in queued(keyset_page(queue(visible_to(wang), ["in_review"])))] == [case.pk]
