"""Filing: the clock that it starts, the same complaint twice, and what is refused without stopping the others."""

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from common.errors import BadInput, NotAllowed
from complaints.intake import Filed, HandledElsewhere, Outcome, file_complaint, file_complaints
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, make_filing, make_program, member_actor, moment, platform_actor
from deadlines.models import Deadline
from merchants.models import MiniProgram
from notifications.models import Event

pytestmark = pytest.mark.django_db

NOW = moment("2026-11-20T02:00Z")


def file_all(program: MiniProgram, *filings, is_history: bool = False) -> list[Outcome]:
    return file_complaints(
        filings,
        platform_id=program.platform_id,
        actor=platform_actor(program.platform),
        now=NOW,
        is_history=is_history,
    )


@pytest.mark.parametrize(
    ("zone", "filed_at", "handle_by"),
    [
        ("America/New_York", "2026-03-06T12:00Z", "2026-03-10T12:00Z"),  # springs forward on the 8th
        ("America/New_York", "2026-10-30T12:00Z", "2026-11-03T12:00Z"),  # falls back on the 1st
        ("Europe/Berlin", "2026-03-27T12:00Z", "2026-03-31T12:00Z"),
        ("Europe/Berlin", "2026-10-23T12:00Z", "2026-10-27T12:00Z"),
        ("Australia/Lord_Howe", "2026-04-03T12:00Z", "2026-04-07T12:00Z"),  # by half an hour
        ("Australia/Lord_Howe", "2026-10-02T12:00Z", "2026-10-06T12:00Z"),
        ("Asia/Shanghai", "1990-04-13T12:00Z", "1990-04-17T12:00Z"),  # China had summer time then
        ("Asia/Shanghai", "2026-11-20T02:00Z", "2026-11-24T02:00Z"),
    ],
)
def test_96_hours_are_elapsed_hours_whatever_the_clocks_on_the_wall_do(zone, filed_at, handle_by):
    complaint = file_at(moment(filed_at).astimezone(ZoneInfo(zone)))
    complaint.refresh_from_db()
    assert complaint.handle_by == moment(handle_by)
    assert Deadline.objects.get(kind="handle").due_at == moment(handle_by)


def test_the_time_to_answer_is_elapsed_hours_too():
    program = make_program()
    handled_at = moment("2026-10-28T12:00Z").astimezone(ZoneInfo("America/New_York"))
    file_complaints(
        [
            make_filing(
                program,
                filed_at=moment("2026-10-27T12:00Z"),
                handled=HandledElsewhere("other_refund", handled_at, amount=Decimal("1.00")),
            )
        ],
        platform_id=program.platform_id,
        actor=platform_actor(program.platform),
        now=NOW,
    )
    assert Deadline.objects.get(kind="finish").due_at == moment("2026-11-04T12:00Z")


def test_filing_leaves_a_clock_a_line_and_an_event():
    complaint = file_at(NOW)
    clock = Deadline.objects.get()
    assert (clock.kind, clock.subject_id, clock.complaint_id) == ("handle", complaint.pk, complaint.pk)
    assert (clock.due_at, clock.points) == (moment("2026-11-24T02:00Z"), 1)
    assert clock.remind_at == moment("2026-11-22T02:00Z")
    line = complaint.history.get()
    assert (line.verb, line.from_state, line.to_state, line.at) == ("file", "", "pending", NOW)
    event = Event.objects.get()
    assert (event.name, event.subject_id, event.merchant_id) == ("complaint.filed", complaint.pk, complaint.merchant_id)


def test_the_same_upstream_id_twice_in_one_batch_is_the_same_complaint():
    program = make_program()
    outcomes = file_all(
        program,
        make_filing(program, upstream_id="U-1", description="first"),
        make_filing(program, upstream_id="U-2"),
        make_filing(program, upstream_id="U-1", description="second"),
    )
    assert [outcome.is_new for outcome in outcomes if isinstance(outcome, Filed)] == [True, True, False]
    first, _other, again = outcomes
    assert isinstance(first, Filed)
    assert isinstance(again, Filed)
    assert first.complaint.pk == again.complaint.pk
    assert again.complaint.description == "first"
    assert Complaint.objects.count() == Deadline.objects.count() == HistoryLine.objects.count() == 2


def test_without_an_upstream_id_every_filing_is_a_complaint_of_its_own():
    program = make_program()
    file_all(program, make_filing(program), make_filing(program))
    assert Complaint.objects.count() == 2


def test_a_refusal_stands_in_its_place_and_does_not_stop_the_others():
    program, foreign = make_program(), make_program()
    good, unknown, future, too_much, half_cent = file_all(
        program,
        make_filing(program),
        make_filing(foreign),
        make_filing(program, filed_at=moment("2026-11-20T02:00:00.000001Z")),
        make_filing(program, requested_refund_amount=Decimal("128.01")),
        make_filing(program, trade_amount=Decimal("1.005")),
    )
    assert isinstance(good, Filed)
    assert [each.field for each in (unknown, future, too_much, half_cent) if isinstance(each, BadInput)] == [
        "app_id",
        "filed_at",
        "requested_refund_amount",
        "trade_amount",
    ]
    assert Complaint.objects.count() == 1


def test_history_starts_no_clock():
    program = make_program()
    file_all(program, make_filing(program, filed_at=moment("2020-01-01T00:00Z")), is_history=True)
    assert Complaint.objects.get().is_history
    assert not Deadline.objects.exists()


@pytest.mark.parametrize(
    ("handled_at", "kinds"),
    [
        ("2026-11-14T02:00:00Z", {"finish"}),
        ("2026-11-14T02:00:00.000001Z", {"handle", "finish"}),
    ],
    ids=["in time to the moment", "a microsecond late"],
)
def test_what_was_handled_elsewhere_too_late_is_left_to_the_sweep(handled_at, kinds):
    program = make_program()
    handled = HandledElsewhere("other_refund", moment(handled_at), amount=Decimal("5.00"))
    file_all(program, make_filing(program, filed_at=moment("2026-11-10T02:00Z"), handled=handled))
    complaint = Complaint.objects.get()
    assert complaint.status == "handled"
    assert complaint.handling.in_time is ("handle" not in kinds)
    assert set(Deadline.objects.values_list("kind", flat=True)) == kinds


def test_only_the_platform_files():
    program = make_program()
    with pytest.raises(NotAllowed):
        file_complaint(
            make_filing(program), platform_id=program.platform_id, actor=member_actor(program.merchant), now=NOW
        )
    assert not Complaint.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_same_upstream_ids_in_two_transactions_at_once_are_the_same_complaints():
    """Two importers load the same file, one backwards; both end with the same complaints, and every clock is once."""
    program = make_program()
    gate = threading.Barrier(2)

    def load(numbers: list[int]) -> dict[str, int]:
        try:
            filings = [make_filing(program, upstream_id=f"U-{number}") for number in numbers]
            gate.wait(timeout=60)
            with transaction.atomic():
                outcomes = file_all(program, *filings)
            return {each.complaint.upstream_id: each.complaint.pk for each in outcomes if isinstance(each, Filed)}
        finally:
            connection.close()

    for round_number in range(12):
        numbers = list(range(round_number * 300, round_number * 300 + 300))
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(load, [numbers, numbers[::-1]])
        assert one == other
        assert len(set(one.values())) == 300
    assert Complaint.objects.count() == Deadline.objects.count() == 3600
    assert HistoryLine.objects.count() == Event.objects.count() == 3600
