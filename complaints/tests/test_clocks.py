"""Every running clock of a page's complaints in one statement, whatever it is about, and nobody else's."""

from datetime import datetime

import pytest

from appeals import services as appeals
from appeals.services import AppealInput, Decision
from complaints.clocks import clocks_by_complaint
from complaints.models import Complaint
from complaints.services import cancel
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_picture,
    make_program,
    member_actor,
    moment,
)
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from deadlines.tests.explaining import plans_of
from merchants.models import MiniProgram
from penalties.models import Penalty
from refunds.models import RefundCase
from refunds.tests.making import case_at, claim_at, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> MiniProgram:
    return make_program()


def swept(kind: str, at: str) -> None:
    run_sweep(kind, cut_off=moment(at), issued_at=moment(at), ran_by="test")


def running(*complaints: Complaint) -> list[list[tuple[str, datetime]]]:
    """The kind and the end of each clock, a list for each complaint."""
    found = clocks_by_complaint([each.pk for each in complaints])
    return [[(clock.kind, clock.due_at) for clock in found[each.pk]] for each in complaints]


def appealed(penalty: Penalty, at: str):
    given = AppealInput(description="Sent.", evidence=(make_picture(penalty.merchant),), knowingly=True)
    return appeals.submit(penalty.pk, given, actor=member_actor(penalty.merchant), now=moment(at))


def test_the_clock_to_handle_it_runs_until_it_is_handled_and_then_the_one_to_finish_it(program):
    complaint = file_at("2026-03-02T09:00+08:00", program)
    assert running(complaint) == [[("handle", moment("2026-03-06T09:00+08:00"))]]
    handle_at("2026-03-03T09:00+08:00", complaint)
    assert running(complaint) == [[("finish", moment("2026-03-10T09:00+08:00"))]]
    cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment("2026-03-04T09:00+08:00"))
    assert running(complaint) == [[]]


def test_the_review_of_a_claim_and_the_refund_that_is_ruled_due(program):
    complaint = file_at("2026-03-02T09:00+08:00", program)
    claim_at("2026-03-02T10:00+08:00", complaint)
    assert running(complaint) == [[("review", moment("2026-03-05T23:59:59.999999+08:00"))]]
    case = case_at("2026-03-02T09:00+08:00", program=program)
    assert running(case.complaint) == [[("refund", moment("2026-03-09T09:00+08:00"))]]


def test_the_appeal_window_the_review_of_an_appeal_and_the_time_to_add_evidence(program):
    complaint = file_at("2026-03-02T09:00+08:00", program)
    swept("handle", "2026-03-06T10:00+08:00")
    window = ("appeal", moment("2026-03-13T10:00+08:00"))
    assert running(complaint) == [[window]]
    appeal = appealed(Penalty.objects.get(), "2026-03-09T09:00+08:00")
    kinds = {kind for kind, _at in running(complaint)[0]}
    assert kinds == {"appeal", "review"}
    person = staff("Xiao Er", "appeals.decide_appeal")
    appeals.claim(appeal.pk, actor=person, now=moment("2026-03-09T10:00+08:00"))
    asked = Decision(reason_code="evidence_missing", message="The number, please.")
    appeals.ask(appeal.pk, asked, actor=person, now=moment("2026-03-09T10:00+08:00"))
    assert running(complaint) == [[window, ("supplement", moment("2026-03-16T10:00+08:00"))]]


def test_the_windows_and_reviews_about_an_overdue_refund(program):
    case = case_at("2026-03-02T09:00+08:00", program=program)
    swept("refund", "2026-03-09T10:00+08:00")
    assert running(case.complaint) == [[("appeal", moment("2026-04-08T10:00+08:00"))]]
    appealed(Penalty.objects.get(), "2026-03-10T09:00+08:00")
    assert [kind for kind, _at in running(case.complaint)[0]] == ["review", "appeal"]


def test_what_is_due_first_stands_in_front_and_a_missed_clock_stays_until_it_is_swept(program):
    complaint = file_at("2026-03-02T09:00+08:00", program)
    handle_at("2026-03-07T09:00+08:00", complaint, "shipped")
    assert [kind for kind, _at in running(complaint)[0]] == ["handle", "review"]
    swept("handle", "2026-03-07T10:00+08:00")
    assert [kind for kind, _at in running(complaint)[0]] == ["review", "appeal"]


def test_one_number_of_several_things_mixes_nothing_up(program):
    """The penalty, the refund case and the complaint of another have the same number as these."""
    first, second = (file_at("2026-03-02T09:00+08:00", program) for _ in range(2))
    case = case_at("2026-03-02T09:00+08:00", program=program)
    Deadline.objects.filter(kind="refund").update(subject_id=10**6)
    RefundCase.objects.filter(pk=case.pk).update(id=first.pk)
    Deadline.objects.filter(kind="refund").update(subject_id=first.pk)
    assert [[kind for kind, _at in clocks] for clocks in running(first, second, case.complaint)] == [
        ["handle"],
        ["handle"],
        ["refund"],
    ]


def test_a_page_of_complaints_takes_one_statement_and_each_has_its_own(program, django_assert_num_queries):
    complaints = [file_at(f"2026-03-02T09:{minute:02d}+08:00", program) for minute in range(20)]
    file_at("2026-03-02T09:00+08:00")
    with django_assert_num_queries(1):
        found = clocks_by_complaint([each.pk for each in complaints])
    assert {number: [clock.due_at for clock in clocks] for number, clocks in found.items()} == {
        each.pk: [each.handle_by] for each in complaints
    }


def test_a_complaint_without_clocks_and_no_complaints_at_all(program, django_assert_num_queries):
    complaint = file_at("2026-03-02T09:00+08:00", program)
    cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment("2026-03-03T09:00+08:00"))
    assert clocks_by_complaint([complaint.pk]) == {complaint.pk: []}
    with django_assert_num_queries(0):
        assert clocks_by_complaint([]) == {}


def test_it_reads_no_table_from_end_to_end(program):
    complaints = [file_at(f"2026-03-02T09:{minute:02d}+08:00", program).pk for minute in range(20)]
    (plan,) = plans_of(lambda: clocks_by_complaint(complaints))
    assert "Seq Scan" not in plan
    assert "Index Scan" in plan
