"""Filing one complaint and many: what is taken, what is refused, and the same one twice."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction

from common.errors import BadInput, NotAllowed
from complaints.intake import Filed, Filing, HandledElsewhere, Outcome, file_complaint, file_complaints
from complaints.models import Complaint, Handling, HistoryLine
from complaints.tests.factories import (
    STAFF,
    make_filing,
    make_picture,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from deadlines.models import Deadline
from merchants.models import MiniProgram
from notifications.models import Event

NOW = moment("2026-11-25T02:00Z")
JUST_AFTER_NOW = moment("2026-11-25T02:00:00.000001Z")
FILED = moment("2026-11-20T02:00Z")
DUE = moment("2026-11-24T02:00Z")
JUST_AFTER_DUE = moment("2026-11-24T02:00:00.000001Z")


@pytest.fixture
def program(db: None) -> MiniProgram:
    return make_program()


def take(program: MiniProgram, *filings: Filing, now: datetime = NOW, is_history: bool = False) -> list[Outcome]:
    return file_complaints(
        filings, platform_id=program.platform_id, actor=platform_actor(program.platform), now=now, is_history=is_history
    )


def taken(outcome: Outcome) -> Filed:
    assert isinstance(outcome, Filed), outcome
    return outcome


def refusal(outcome: Outcome) -> tuple[str, str | None]:
    assert isinstance(outcome, BadInput), outcome
    return outcome.code, outcome.field


def clocks() -> dict[str, datetime]:
    return dict(Deadline.objects.values_list("kind", "due_at"))


class TestOne:
    def test_it_is_pending_with_96_hours_from_its_arrival(self, program):
        filed = taken(take(program, make_filing(program), now=FILED)[0])
        complaint = Complaint.objects.get()
        assert (filed.complaint.pk, filed.is_new) == (complaint.pk, True)
        assert (complaint.status, complaint.filed_at, complaint.received_at) == ("pending", FILED, FILED)
        assert (complaint.handle_by, complaint.is_history, complaint.ended_at) == (DUE, False, None)
        clock = Deadline.objects.get()
        assert (clock.kind, clock.subject_id, clock.complaint_id) == ("handle", complaint.pk, complaint.pk)
        assert (clock.merchant_id, clock.mini_program_id) == (program.merchant_id, program.pk)
        assert (clock.due_at, clock.points, clock.round) == (DUE, 1, 1)
        assert clock.remind_at == moment("2026-11-22T02:00Z")

    def test_it_leaves_a_line_and_an_event(self, program):
        complaint = taken(take(program, make_filing(program, filed_at=FILED))[0]).complaint
        line, event = HistoryLine.objects.get(), Event.objects.get()
        assert (line.complaint_id, line.noun, line.noun_id) == (complaint.pk, "complaint", complaint.pk)
        assert (line.verb, line.from_state, line.to_state, line.at) == ("file", "", "pending", FILED)
        assert (line.actor_kind, line.actor_id, line.actor_name) == ("platform", 1, "platform")
        assert (event.name, event.merchant_id, event.subject_id) == (
            "complaint.filed",
            program.merchant_id,
            complaint.pk,
        )
        assert event.at == NOW, "the event happened when it arrived here"
        assert event.payload == {"complaint_no": complaint.complaint_no, "status": "pending"}

    def test_what_was_filed_elsewhere_earlier_has_its_clock_from_then_and_only_later_reminders(self, program):
        take(program, make_filing(program, filed_at=FILED), now=moment("2026-11-23T02:00Z"))
        assert clocks() == {"handle": DUE}
        assert Deadline.objects.get().remind_at == moment("2026-11-23T20:00Z")

    def test_what_was_missed_before_it_arrived_still_has_its_clock_for_the_sweep(self, program):
        take(program, make_filing(program, filed_at=FILED), now=JUST_AFTER_DUE)
        assert clocks() == {"handle": DUE}
        assert Deadline.objects.get().remind_at is None

    def test_pictures_come_with_the_first_and_not_with_the_second_of_the_same(self, program):
        pictures = [make_picture(program.merchant), make_picture(program.merchant)]
        for picture, is_new in zip(pictures, [True, False], strict=True):
            filed = file_complaint(
                make_filing(program, upstream_id="U-1"),
                pictures=[picture],
                platform_id=program.platform_id,
                actor=platform_actor(program.platform),
                now=NOW,
            )
            assert filed.is_new is is_new
        assert list(Complaint.objects.get().pictures.all()) == pictures[:1]

    def test_a_refusal_is_raised_where_only_one_is_filed(self, program):
        with pytest.raises(BadInput, match="elsewhere"):
            file_complaint(
                make_filing(program, app_id="elsewhere"),
                platform_id=program.platform_id,
                actor=platform_actor(program.platform),
                now=NOW,
            )
        assert not Complaint.objects.exists()

    def test_only_the_platform_files(self, program):
        for actor in (member_actor(program.merchant), STAFF):
            with pytest.raises(NotAllowed):
                file_complaints([make_filing(program)], platform_id=program.platform_id, actor=actor, now=NOW)
        assert not Complaint.objects.exists()


class TestMany:
    def test_outcomes_stand_in_the_order_of_the_filings_and_a_refusal_stops_no_other(self, program):
        take(program, make_filing(program, upstream_id="old", trade_no="T-0"))
        outcomes = take(
            program,
            make_filing(program, trade_no="T-1"),
            make_filing(program, app_id="unknown"),
            make_filing(program, trade_no="T-2", upstream_id="new"),
            make_filing(program, trade_no="T-3", upstream_id="old"),
            make_filing(program, filed_at=JUST_AFTER_NOW),
            make_filing(program, trade_no="T-4", upstream_id="new"),
            make_filing(program, trade_no="T-5"),
        )
        told = [(each.complaint.trade_no, each.is_new) if isinstance(each, Filed) else each.code for each in outcomes]
        assert told == [
            ("T-1", True),
            "unknown_app_id",
            ("T-2", True),
            ("T-0", False),
            "in_the_future",
            ("T-2", False),
            ("T-5", True),
        ]
        assert list(Complaint.objects.order_by("trade_no").values_list("trade_no", flat=True)) == [
            "T-0", "T-1", "T-2", "T-5",
        ]  # fmt: skip
        for table in (Deadline, HistoryLine, Event):
            assert table._default_manager.count() == 4, table

    def test_nothing_is_an_answer_to_nothing(self, program):
        assert take(program) == []

    def test_the_same_upstream_id_in_a_second_call_is_the_first_complaint(self, program):
        first = taken(take(program, make_filing(program, upstream_id="U-1"), now=FILED)[0]).complaint
        again = taken(take(program, make_filing(program, upstream_id="U-1", trade_no="changed"))[0])
        assert (again.complaint.pk, again.complaint.complaint_no, again.is_new) == (first.pk, first.complaint_no, False)
        assert again.complaint.trade_no == first.trade_no
        assert clocks() == {"handle": DUE}
        assert (Complaint.objects.count(), HistoryLine.objects.count(), Event.objects.count()) == (1, 1, 1)

    def test_the_same_upstream_id_on_another_platform_is_another_complaint(self, program):
        other = make_program()
        for each in (program, other):
            assert taken(take(each, make_filing(each, upstream_id="U-1"))[0]).is_new
        assert Complaint.objects.count() == 2

    def test_another_platforms_mini_program_is_unknown(self, program):
        (outcome,) = take(program, make_filing(make_program()))
        assert refusal(outcome) == ("unknown_app_id", "app_id")

    @pytest.mark.parametrize("upstream", [True, False])
    def test_fifty_take_as_many_statements_as_one(self, program, django_assert_max_num_queries, upstream):
        def filings(count: int) -> list[Filing]:
            return [
                make_filing(
                    program,
                    upstream_id=f"{count}-{number}" if upstream else "",
                    filed_at=FILED,
                    handled=HandledElsewhere("other_refund", JUST_AFTER_DUE),
                )
                for number in range(count)
            ]

        with django_assert_max_num_queries(20) as one:
            take(program, *filings(1))
        needed = len(one.captured_queries)
        assert needed > 5, "it counts what is done"
        with django_assert_max_num_queries(needed):
            take(program, *filings(50))
        assert Complaint.objects.count() == 51
        assert Deadline.objects.count() == Handling.objects.count() * 2 == 102


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"filed_at": JUST_AFTER_NOW}, ("in_the_future", "filed_at")),
            ({"paid_at": JUST_AFTER_NOW}, ("in_the_future", "paid_at")),
            ({"trade_amount": Decimal("-0.01")}, ("bad_input", "trade_amount")),
            ({"trade_amount": Decimal("1.001")}, ("bad_input", "trade_amount")),
            ({"requested_refund_amount": Decimal("-0.01")}, ("bad_input", "requested_refund_amount")),
            ({"requested_refund_amount": Decimal("0.001")}, ("bad_input", "requested_refund_amount")),
            ({"requested_refund_amount": Decimal("128.01")}, ("bad_input", "requested_refund_amount")),
        ],
    )
    def test_what_cannot_be_true_is_refused_with_the_field(self, program, fields, expected):
        (outcome,) = take(program, make_filing(program, trade_no="T", **{"trade_amount": Decimal("128.00"), **fields}))
        assert refusal(outcome) == expected
        for table in (Complaint, Deadline, HistoryLine, Event):
            assert not table._default_manager.exists()

    @pytest.mark.parametrize(
        "fields",
        [
            {"filed_at": NOW},
            {"paid_at": NOW},
            {"trade_amount": Decimal(0)},
            {"trade_amount": Decimal("1.000")},
            {"requested_refund_amount": Decimal(0)},
            {"requested_refund_amount": Decimal("128.00")},
        ],
    )
    def test_at_the_edge_it_is_taken(self, program, fields):
        filing = make_filing(program, **{"trade_amount": Decimal("128.00"), **fields})
        assert taken(take(program, filing)[0]).is_new


class TestHandledElsewhere:
    @pytest.mark.parametrize(
        ("method", "at", "status", "in_time", "running"),
        [
            ("other_refund", DUE, "handled", True, {"finish": moment("2026-12-01T02:00Z")}),
            (
                "other_refund",
                JUST_AFTER_DUE,
                "handled",
                False,
                {"handle": DUE, "finish": moment("2026-12-01T02:00:00.000001Z")},
            ),
            ("shipped", DUE, "in_review", True, {}),
            ("shipped", JUST_AFTER_DUE, "in_review", False, {"handle": DUE}),
            ("shipped", FILED, "in_review", True, {}),
            ("shipped", NOW, "in_review", False, {"handle": DUE}),
        ],
    )
    def test_in_time_it_costs_nothing_and_late_it_is_left_to_the_sweep(
        self, program, method, at, status, in_time, running
    ):
        take(program, make_filing(program, filed_at=FILED, handled=HandledElsewhere(method, at, note="Done.")))
        complaint, handling = Complaint.objects.get(), Handling.objects.get()
        assert (complaint.status, complaint.handle_by) == (status, DUE)
        assert (handling.complaint_id, handling.method, handling.note) == (complaint.pk, method, "Done.")
        assert (handling.handled_at, handling.in_time, handling.taken_in) == (at, in_time, True)
        assert clocks() == running
        assert list(
            HistoryLine.objects.order_by("id").values_list("verb", "from_state", "to_state", "at", "detail")
        ) == [
            ("file", "", "pending", FILED, {}),
            ("handle", "pending", status, at, {"method": method, "in_time": in_time}),
        ]
        assert Event.objects.get().payload["status"] == status

    @pytest.mark.parametrize("at", [moment("2026-11-20T01:59:59.999999Z"), JUST_AFTER_NOW])
    def test_it_was_handled_after_it_was_filed_and_not_after_now(self, program, at):
        filing = make_filing(program, filed_at=FILED, handled=HandledElsewhere("shipped", at))
        assert refusal(take(program, filing)[0]) == ("bad_input", "handled_at")
        assert not Complaint.objects.exists()

    @pytest.mark.parametrize(
        ("method", "amount"), [("shipped", "1"), ("other_refund", "0"), ("other_refund", "128.01")]
    )
    def test_an_amount_that_cannot_be_true_is_refused(self, program, method, amount):
        handled = HandledElsewhere(method, DUE, amount=Decimal(amount))
        filing = make_filing(program, filed_at=FILED, trade_amount=Decimal("128.00"), handled=handled)
        assert refusal(take(program, filing)[0]) == ("bad_input", "refund_amount")

    @pytest.mark.parametrize("amount", [None, Decimal("0.01"), Decimal("128.00")])
    def test_what_was_refunded_is_kept_or_stays_unknown(self, program, amount):
        handled = HandledElsewhere("other_refund", DUE, amount=amount)
        take(program, make_filing(program, filed_at=FILED, trade_amount=Decimal("128.00"), handled=handled))
        assert Handling.objects.get().refund_amount == amount


class TestHistory:
    def test_an_old_case_starts_no_clock_and_leaves_its_lines(self, program):
        take(
            program,
            make_filing(program, filed_at=FILED),
            make_filing(program, filed_at=FILED, handled=HandledElsewhere("other_refund", JUST_AFTER_DUE)),
            is_history=True,
        )
        assert not Deadline.objects.exists()
        assert list(Complaint.objects.order_by("id").values_list("is_history", "status", "handle_by")) == [
            (True, "pending", DUE),
            (True, "handled", DUE),
        ]
        assert list(HistoryLine.objects.order_by("id").values_list("verb", flat=True)) == ["file", "file", "handle"]
        assert Event.objects.count() == 2


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    """Two real connections: the second meets what the first has not committed yet."""

    def file_while_another_is_open(self, *, commit: bool) -> tuple[Filed, Filed]:
        program = make_program()
        filed, waiting = threading.Event(), threading.Event()

        def first() -> Filed:
            try:
                with transaction.atomic():
                    outcome = taken(take(program, make_filing(program, upstream_id="U-1"))[0])
                    filed.set()
                    assert waiting.wait(timeout=10)
                    self.wait_for_a_waiting_insert()
                    transaction.set_rollback(not commit)
                return outcome
            finally:
                connection.close()

        def second() -> Filed:
            try:
                assert filed.wait(timeout=10)
                waiting.set()
                return taken(take(program, make_filing(program, upstream_id="U-1"))[0])
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            one, two = pool.submit(first), pool.submit(second)
            return one.result(timeout=20), two.result(timeout=20)

    def wait_for_a_waiting_insert(self) -> None:
        """Look until the other connection stands before our uncommitted row; refuse to wait for ever."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query ILIKE 'INSERT INTO %%complaints_complaint%%'"
        )
        with connection.cursor() as cursor:
            for _look in range(2000):
                # A transaction sees the activity as it was at its first look, unless told to forget it.
                cursor.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.002)")
                cursor.execute(waiting, [])
                (count,) = cursor.fetchone()
                if count:
                    return
        raise AssertionError("the second never waited for the first, so this would prove nothing")

    def test_the_same_upstream_id_becomes_one_complaint(self):
        one, two = self.file_while_another_is_open(commit=True)
        assert (one.is_new, two.is_new) == (True, False)
        assert one.complaint.complaint_no == two.complaint.complaint_no == Complaint.objects.get().complaint_no
        assert (Deadline.objects.count(), HistoryLine.objects.count(), Event.objects.count()) == (1, 1, 1)

    def test_when_the_first_gives_up_the_second_is_taken(self):
        one, two = self.file_while_another_is_open(commit=False)
        assert two.is_new
        assert Complaint.objects.get().complaint_no == two.complaint.complaint_no != one.complaint.complaint_no
        assert (Deadline.objects.count(), HistoryLine.objects.count(), Event.objects.count()) == (1, 1, 1)
