"""The verbs of a complaint as timetables. Every moment is written by hand.

Filed 2026-11-20 10:00 in Beijing, due 2026-11-24 10:00; a refund on the due moment finishes by itself a week later.
"""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from common.actors import SYSTEM, Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed, PortalError
from complaints.methods import HandlingInput
from complaints.models import Complaint, Handling, HistoryLine, Message, Method
from complaints.services import cancel, close, confirm, contest, handle, leave_message
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    file_at,
    handle_at,
    make_merchant,
    make_picture,
    make_platform,
    member_actor,
    moment,
    platform_actor,
)
from deadlines.models import Deadline
from merchants.models import Grant
from notifications.models import Event

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
DUE = "2026-11-24T02:00Z"
BEFORE_DUE = "2026-11-24T01:59:59.999999Z"
AFTER_DUE = "2026-11-24T02:00:00.000001Z"
HANDLED_ON_DUE_FINISHES = "2026-12-01T02:00Z"
BEFORE_FINISH = "2026-12-01T01:59:59.999999Z"
AFTER_FINISH = "2026-12-01T02:00:00.000001Z"

TIMETABLE = [(BEFORE_DUE, True), (DUE, True), (AFTER_DUE, False)]
FINISH_TIMETABLE = [(BEFORE_FINISH, False), (HANDLED_ON_DUE_FINISHES, False), (AFTER_FINISH, True)]

CONCERNED = (Complaint, Handling, Message, HistoryLine, Event, Deadline)
CLAIMING = [Method.SHIPPED, Method.OTHER, Method.AFTER_SALES, Method.NOT_LIABLE]


def clocks(complaint: Complaint) -> dict[str, Any]:
    """Return the clocks that run for the complaint itself, and when each is due; a review has a clock of its own."""
    running = Deadline.objects.filter(complaint_id=complaint.pk).exclude(kind=Deadline.Kind.REVIEW)
    return dict(running.values_list("kind", "due_at"))


def everything() -> list[Any]:
    """Return every row that a verb could change: two of these are equal when nothing has changed."""
    tables = (*CONCERNED, Handling.evidence.through, Message.evidence.through)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def last_line(complaint: Complaint) -> tuple[Any, ...]:
    """Return who did what to the complaint itself, from where to where, and when."""
    return (
        HistoryLine.objects.filter(complaint=complaint, noun="complaint")
        .values_list("noun", "noun_id", "verb", "from_state", "to_state", "actor_kind", "actor_id", "actor_name", "at")
        .order_by("-id")[0]
    )


def last_detail() -> Any:
    """Return what the last line about a complaint itself says besides."""
    return HistoryLine.objects.filter(noun="complaint").latest("id").detail


def last_event() -> tuple[Any, ...]:
    """Return the last event about a complaint itself."""
    of_complaints = Event.objects.filter(name__startswith="complaint.")
    return of_complaints.values_list("name", "merchant_id", "subject_id", "at", "payload").order_by("-id")[0]


def a_refund(complaint: Complaint, **fields: Any) -> HandlingInput:
    return HandlingInput(
        **{"method": "other_refund", "refund_amount": complaint.trade_amount, "refund_reference": "R-1", **fields}
    )


def handled_on_due() -> Complaint:
    complaint = file_at(FILED)
    handle_at(DUE, complaint)
    complaint.refresh_from_db()
    return complaint


class TestHandle:
    @pytest.mark.parametrize(("handled_at", "in_time"), TIMETABLE)
    def test_the_clock_stops_up_to_the_very_moment_and_is_left_to_the_sweep_afterwards(self, handled_at, in_time):
        complaint = file_at(FILED)
        assert clocks(complaint) == {"handle": moment(DUE)}
        handling = handle_at(handled_at, complaint)
        assert (handling.in_time, handling.handled_at) == (in_time, moment(handled_at))
        assert ("handle" in clocks(complaint)) == (not in_time)
        complaint.refresh_from_db()
        assert (complaint.status, complaint.handle_by, complaint.ended_at) == ("handled", moment(DUE), None)

    def test_the_consumer_has_a_week_to_answer_from_the_handling(self):
        assert clocks(handled_on_due()) == {"finish": moment(HANDLED_ON_DUE_FINISHES)}

    def test_a_clock_that_a_sweep_took_already_makes_it_late(self):
        complaint = file_at(FILED)
        Deadline.objects.filter(subject_id=complaint.pk).delete()
        assert handle_at(DUE, complaint).in_time is False

    def test_an_old_case_taken_in_as_history_has_no_clock_and_can_still_be_in_time(self):
        complaint = file_at(FILED)
        Deadline.objects.filter(subject_id=complaint.pk).delete()
        Complaint.objects.filter(pk=complaint.pk).update(is_history=True)
        assert handle_at(DUE, complaint).in_time is True

    def test_another_complaints_clock_goes_on(self):
        complaint, other = file_at(FILED), file_at(FILED)
        handle_at(BEFORE_DUE, complaint)
        assert clocks(other) == {"handle": moment(DUE)}

    @pytest.mark.parametrize("method", CLAIMING)
    def test_a_way_that_does_not_refund_goes_to_staff_and_starts_no_clock_of_the_consumer(self, method):
        complaint = file_at(FILED)
        handling = handle_at(DUE, complaint, method)
        complaint.refresh_from_db()
        assert (complaint.status, clocks(complaint)) == ("in_review", {})
        assert (handling.method, handling.refund_amount, handling.evidence.count()) == (method, None, 1)

    def test_what_was_given_is_kept_without_blanks_around_it(self):
        complaint = file_at(FILED)
        handling = handle_at(DUE, complaint, "shipped", note=" Sent. ", tracking=" SF 1 ")
        assert (handling.note, handling.tracking) == ("Sent.", "SF 1")
        handling = handle_at(DUE, file_at(FILED), refund_amount=Decimal("0.01"), refund_reference=" R-9 ")
        assert (handling.refund_amount, handling.refund_reference) == (Decimal("0.01"), "R-9")

    @pytest.mark.parametrize(
        ("method", "to", "in_time"), [("other_refund", "handled", True), ("shipped", "in_review", False)]
    )
    def test_it_leaves_a_line_and_an_event(self, method, to, in_time):
        complaint = file_at(FILED)
        at = DUE if in_time else AFTER_DUE
        handling = handle_at(at, complaint, method)
        assert last_line(complaint) == (
            "complaint", complaint.pk, "handle", "pending", to, "member", 1, "Li Lei", moment(at),
        )  # fmt: skip
        assert last_detail() == {"method": method, "in_time": in_time}
        assert last_event() == (
            "complaint.handled",
            complaint.merchant_id,
            complaint.pk,
            moment(at),
            {"complaint_no": complaint.complaint_no, "status": to},
        )
        assert (handling.actor_kind, handling.actor_id, handling.actor_name) == ("member", 1, "Li Lei")
        of_complaints = Event.objects.filter(name__startswith="complaint.")
        assert (HistoryLine.objects.filter(noun="complaint").count(), of_complaints.count()) == (2, 2)


class TestWaysOfHandling:
    """What each of the six ways lacks. Nothing changes when one is refused."""

    def refused(self, **given: Any) -> PortalError:
        complaint = file_at(FILED, trade_amount=Decimal("128.00"))
        if given.pop("picture", False):
            given["evidence"] = (make_picture(complaint.merchant),)
        before = everything()
        with pytest.raises(PortalError) as refusal:
            handle(complaint.pk, HandlingInput(**given), actor=member_actor(complaint.merchant), now=moment(DUE))
        assert everything() == before
        return refusal.value

    @pytest.mark.parametrize("method", CLAIMING)
    @pytest.mark.parametrize(
        ("field", "changed"),
        [
            ("note", {"note": " "}),
            ("note", {"note": "x" * 1001}),
            ("pictures", {"picture": False}),
            ("refund_amount", {"refund_amount": Decimal(1)}),
        ],
    )
    def test_a_claim_needs_a_text_and_a_picture_and_no_amount(self, method, field, changed):
        refusal = self.refused(**{"method": method, "note": "Sent.", "tracking": "SF 1", "picture": True, **changed})
        assert isinstance(refusal, BadInput)
        assert refusal.field == field

    def test_only_shipping_needs_a_tracking_number(self):
        refusal = self.refused(method="shipped", note="Sent.", picture=True, tracking=" ")
        assert (type(refusal), refusal.field) == (BadInput, "tracking")
        for method in ("other", "after_sales", "not_liable"):
            handle_at(DUE, file_at(FILED), method, tracking="")

    def test_a_text_of_a_thousand_characters_is_taken(self):
        assert handle_at(DUE, file_at(FILED), "other", note="x" * 1000).note == "x" * 1000

    @pytest.mark.parametrize("amount", [None, "0", "0.00", "-0.01", "1.001", "128.01"])
    def test_a_refund_in_another_way_needs_an_amount_within_the_trade(self, amount):
        refusal = self.refused(method="other_refund", refund_amount=amount and Decimal(amount), refund_reference="R-1")
        assert (type(refusal), refusal.field) == (BadInput, "refund_amount")

    @pytest.mark.parametrize("amount", ["0.01", "1.0010e1", "128", "128.000"])
    def test_the_whole_trade_and_a_cent_are_amounts(self, amount):
        handling = handle_at(DUE, file_at(FILED, trade_amount=Decimal("128.00")), refund_amount=Decimal(amount))
        assert Handling.objects.get(pk=handling.pk).refund_amount == Decimal(amount)

    def test_a_refund_in_another_way_needs_a_number_or_a_picture(self):
        refusal = self.refused(method="other_refund", refund_amount=Decimal(1), refund_reference=" ")
        assert (type(refusal), refusal.field) == (BadInput, "refund_reference")
        complaint = file_at(FILED)
        picture = make_picture(complaint.merchant)
        assert handle_at(DUE, complaint, refund_reference="", evidence=(picture,)).evidence.get() == picture

    def test_a_way_that_does_not_exist_is_refused(self):
        refusal = self.refused(method="apology", note="Sorry.", picture=True)
        assert (type(refusal), refusal.field) == (BadInput, "method")

    def test_the_deposit_cannot_pay_while_nobody_is_there_to_pay_from_it(self, monkeypatch):
        monkeypatch.setattr("complaints.methods._payers", {})
        refusal = self.refused(method="fund_refund", refund_amount=Decimal(1))
        assert (type(refusal), refusal.field) == (IllegalMove, "method")

    def test_the_deposit_pays_through_who_registered_and_a_refusal_there_changes_nothing(self, monkeypatch):
        paid: list[tuple[Any, ...]] = []

        class Payer:
            def refusal(self, complaint):
                return None

            def pay(self, handling, amount, *, actor, now):
                if amount > 100:
                    raise IllegalMove("28.00 yuan are missing.")
                paid.append((handling.complaint.pk, amount, actor.name, now))

        monkeypatch.setattr("complaints.methods._payers", {"fund_refund": Payer()})
        assert str(self.refused(method="fund_refund", refund_amount=Decimal(128))) == "28.00 yuan are missing."
        assert paid == []
        complaint = file_at(FILED)
        handle_at(DUE, complaint, "fund_refund", refund_amount=Decimal(100), refund_reference="")
        complaint.refresh_from_db()
        assert complaint.status == "handled"
        assert paid == [(complaint.pk, Decimal(100), "Li Lei", moment(DUE))]


class TestMessages:
    @pytest.mark.parametrize("at", [BEFORE_DUE, DUE, AFTER_DUE])
    def test_a_message_stops_and_starts_no_clock_and_moves_nothing(self, at):
        complaint = file_at(FILED)
        tables = (Complaint, Deadline, Handling, HistoryLine)
        before = [list(table._default_manager.values()) for table in tables]
        leave_message(complaint.pk, "We look into it.", actor=member_actor(complaint.merchant), now=moment(at))
        assert [list(table._default_manager.values()) for table in tables] == before

    def test_the_side_and_the_name_are_kept_and_the_event_names_the_side(self):
        complaint = file_at(FILED)
        erp = Actor(ActorKind.MERCHANT, "ERP", id=3, merchant_id=complaint.merchant_id, grants=frozenset(Grant))
        for actor, role in [
            (member_actor(complaint.merchant), "merchant"),
            (erp, "merchant"),
            (consumer_actor(complaint), "consumer"),
            (platform_actor(complaint.mini_program.platform), "consumer"),
            (STAFF, "platform"),
        ]:
            message = leave_message(complaint.pk, " Hello. ", actor=actor, now=moment(DUE))
            message.refresh_from_db()
            assert (message.role, message.actor_id, message.actor_name, message.text, message.at) == (
                role, actor.id, actor.name, "Hello.", moment(DUE),
            )  # fmt: skip
            assert last_event() == (
                "complaint.message_left",
                complaint.merchant_id,
                complaint.pk,
                moment(DUE),
                {"complaint_no": complaint.complaint_no, "role": role},
            )

    def test_a_picture_alone_is_a_message_and_the_limit_is_2000_characters(self):
        complaint = file_at(FILED)
        member, picture = member_actor(complaint.merchant), make_picture(complaint.merchant)
        message = leave_message(complaint.pk, " ", evidence=[picture], actor=member, now=moment(DUE))
        assert (message.text, message.evidence.get()) == ("", picture)
        leave_message(complaint.pk, "x" * 2000, actor=member, now=moment(DUE))

    @pytest.mark.parametrize("text", ["", " \n", "x" * 2001])
    def test_an_empty_or_endless_message_is_refused(self, text):
        complaint = file_at(FILED)
        before = everything()
        with pytest.raises(BadInput) as refusal:
            leave_message(complaint.pk, text, actor=member_actor(complaint.merchant), now=moment(DUE))
        assert (refusal.value.field, everything()) == ("text", before)

    @pytest.mark.parametrize("end", ["confirm", "cancel", "close"])
    def test_after_the_end_there_are_no_messages(self, end):
        complaint = handled_on_due()
        if end == "confirm":
            confirm(complaint.pk, actor=consumer_actor(complaint), now=moment(DUE))
        elif end == "cancel":
            cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment(DUE))
        else:
            close(complaint.pk, reason="", actor=STAFF, now=moment(DUE))
        before = everything()
        with pytest.raises(IllegalMove):
            leave_message(complaint.pk, "One more thing.", actor=member_actor(complaint.merchant), now=moment(DUE))
        assert everything() == before


class TestTheConsumersAnswer:
    @pytest.mark.parametrize(("at", "left"), FINISH_TIMETABLE)
    @pytest.mark.parametrize(("verb", "to", "ended"), [("confirm", "finished", True), ("contest", "in_review", False)])
    def test_it_stops_the_finish_clock_in_time_and_leaves_a_late_one_to_the_sweep(self, verb, to, ended, at, left):
        complaint = handled_on_due()
        if verb == "confirm":
            returned = confirm(complaint.pk, actor=consumer_actor(complaint), now=moment(at))
        else:
            returned = contest(complaint.pk, reason="Empty box.", actor=consumer_actor(complaint), now=moment(at))
        assert clocks(complaint) == ({"finish": moment(HANDLED_ON_DUE_FINISHES)} if left else {})
        complaint.refresh_from_db()
        assert (complaint.status, complaint.ended_at) == (to, moment(at) if ended else None)
        assert (returned.status, returned.ended_at) == (complaint.status, complaint.ended_at)
        assert last_line(complaint) == (
            "complaint", complaint.pk, verb, "handled", to, "consumer", None, "Han Meimei", moment(at),
        )  # fmt: skip
        assert last_detail() == ({} if ended else {"reason": "Empty box."})
        assert last_event() == (
            f"complaint.{verb}ed",
            complaint.merchant_id,
            complaint.pk,
            moment(at),
            {"complaint_no": complaint.complaint_no, "status": to},
        )

    def test_an_answer_leaves_the_missed_clock_of_a_late_handling_alone(self):
        complaint = file_at(FILED)
        handle_at(AFTER_DUE, complaint)
        confirm(complaint.pk, actor=consumer_actor(complaint), now=moment(AFTER_DUE))
        assert clocks(complaint) == {"handle": moment(DUE)}


class TestWithdrawingAndClosing:
    def end(self, verb: str, complaint: Complaint, at: str) -> Complaint:
        if verb == "cancel":
            return cancel(complaint.pk, reason="Settled.", actor=consumer_actor(complaint), now=moment(at))
        return close(complaint.pk, reason="Settled.", actor=STAFF, now=moment(at))

    @pytest.mark.parametrize(("at", "costs_nothing"), TIMETABLE)
    @pytest.mark.parametrize(("verb", "to"), [("cancel", "cancelled"), ("close", "closed")])
    def test_in_time_it_costs_nothing_and_afterwards_what_was_missed_stays_missed(self, verb, to, at, costs_nothing):
        complaint = file_at(FILED)
        self.end(verb, complaint, at)
        assert clocks(complaint) == ({} if costs_nothing else {"handle": moment(DUE)})
        complaint.refresh_from_db()
        assert (complaint.status, complaint.ended_at) == (to, moment(at))
        who = ("consumer", None, "Han Meimei") if verb == "cancel" else ("staff", 1, "Xiao Er")
        assert last_line(complaint) == ("complaint", complaint.pk, verb, "pending", to, *who, moment(at))
        assert last_detail() == {"reason": "Settled."}
        assert last_event() == (
            f"complaint.{to}",
            complaint.merchant_id,
            complaint.pk,
            moment(at),
            {"complaint_no": complaint.complaint_no, "status": to},
        )

    @pytest.mark.parametrize(("at", "left"), FINISH_TIMETABLE)
    @pytest.mark.parametrize("verb", ["cancel", "close"])
    def test_the_finish_clock_of_a_handled_one_is_stopped_too(self, verb, at, left):
        complaint = handled_on_due()
        self.end(verb, complaint, at)
        assert clocks(complaint) == ({"finish": moment(HANDLED_ON_DUE_FINISHES)} if left else {})

    @pytest.mark.parametrize("verb", ["cancel", "close"])
    def test_also_a_case_in_review_can_end(self, verb):
        complaint = file_at(FILED)
        handle_at(DUE, complaint, "not_liable")
        assert self.end(verb, complaint, AFTER_DUE).ended_at == moment(AFTER_DUE)


def moves_by(actor: Actor, complaint: Complaint) -> dict[str, Any]:
    """Return every verb as this actor would call it, complete in itself."""
    now = moment(DUE)
    return {
        "handle": lambda: handle(complaint.pk, a_refund(complaint), actor=actor, now=now),
        "leave_message": lambda: leave_message(complaint.pk, "Hello.", actor=actor, now=now),
        "confirm": lambda: confirm(complaint.pk, actor=actor, now=now),
        "contest": lambda: contest(complaint.pk, reason="", actor=actor, now=now),
        "cancel": lambda: cancel(complaint.pk, reason="", actor=actor, now=now),
        "close": lambda: close(complaint.pk, reason="", actor=actor, now=now),
    }


NOT_YOURS = {
    "a member of the merchant": {"confirm", "contest", "cancel", "close"},
    "a member with no more than a look": {"handle", "leave_message", "confirm", "contest", "cancel", "close"},
    "another merchant's member": {"handle", "leave_message", "confirm", "contest", "cancel", "close"},
    "the consumer": {"handle", "close"},
    "the platform": {"handle"},
    "another platform": {"handle", "leave_message", "confirm", "contest", "cancel", "close"},
    "staff": {"handle", "confirm", "contest", "cancel"},
    "the system": {"handle", "leave_message", "confirm", "contest", "cancel", "close"},
}


class TestRefusals:
    """Not you (403) is never not now (409), and neither changes anything."""

    def actors(self, complaint: Complaint) -> dict[str, Actor]:
        return {
            "a member of the merchant": member_actor(complaint.merchant),
            "a member with no more than a look": member_actor(complaint.merchant, Grant.VIEW),
            "another merchant's member": member_actor(make_merchant()),
            "the consumer": consumer_actor(complaint),
            "the platform": platform_actor(complaint.mini_program.platform),
            "another platform": platform_actor(make_platform()),
            "staff": STAFF,
            "the system": SYSTEM,
        }

    @pytest.mark.parametrize("who", NOT_YOURS)
    @pytest.mark.parametrize("handled", [False, True])
    def test_what_is_not_yours_is_refused_in_every_state_and_changes_nothing(self, who, handled):
        complaint = handled_on_due() if handled else file_at(FILED)
        moves = moves_by(self.actors(complaint)[who], complaint)
        before = everything()
        for verb in NOT_YOURS[who]:
            with pytest.raises(NotAllowed) as refusal:
                moves[verb]()
            assert refusal.value.status == 403
            assert everything() == before, verb

    @pytest.mark.parametrize(
        ("state", "not_now"),
        [
            ("pending", {"confirm", "contest"}),
            ("handled", {"handle"}),
            ("in_review", {"handle", "confirm", "contest"}),
            ("finished", {"handle", "leave_message", "confirm", "contest", "cancel", "close"}),
            ("cancelled", {"handle", "leave_message", "confirm", "contest", "cancel", "close"}),
            ("closed", {"handle", "leave_message", "confirm", "contest", "cancel", "close"}),
        ],
    )
    def test_what_cannot_be_done_now_is_refused_to_those_whose_move_it_is(self, state, not_now):
        complaint = file_at(FILED)
        consumer, member = consumer_actor(complaint), member_actor(complaint.merchant)
        if state in ("handled", "finished"):
            handle_at(DUE, complaint)
        if state == "in_review":
            handle_at(DUE, complaint, "other")
        if state == "finished":
            confirm(complaint.pk, actor=consumer, now=moment(DUE))
        if state == "cancelled":
            cancel(complaint.pk, reason="", actor=consumer, now=moment(DUE))
        if state == "closed":
            close(complaint.pk, reason="", actor=STAFF, now=moment(DUE))
        before = everything()
        whose = {"handle": member, "leave_message": member, "close": STAFF}
        for verb in not_now:
            with pytest.raises(IllegalMove) as refusal:
                moves_by(whose.get(verb, consumer), complaint)[verb]()
            assert refusal.value.status == 409
            assert everything() == before, verb

    def test_not_you_comes_before_not_now_and_not_now_before_not_like_this(self):
        complaint = handled_on_due()
        nothing = HandlingInput(method="other_refund")
        with pytest.raises(NotAllowed):
            handle(complaint.pk, nothing, actor=member_actor(make_merchant()), now=moment(DUE))
        with pytest.raises(IllegalMove):
            handle(complaint.pk, nothing, actor=member_actor(complaint.merchant), now=moment(DUE))

    def test_handling_twice_is_handling_once(self):
        complaint = handled_on_due()
        before = everything()
        given = a_refund(complaint, refund_reference="R-2")
        with pytest.raises(IllegalMove):
            handle(complaint.pk, given, actor=member_actor(complaint.merchant), now=moment(DUE))
        assert everything() == before


class TestElapsedTime:
    """96 hours are 96 hours, also where the clocks on the wall jump in between (each moment by the wall, by hand)."""

    @pytest.mark.parametrize(
        ("zone", "filed", "due", "wall"),
        [
            # Summer time begins on 2026-03-29 and ends on 2026-10-25.
            ("Europe/Berlin", "2026-03-27T12:00+01:00", "2026-03-31T13:00+02:00", "2026-03-31 13:00"),
            ("Europe/Berlin", "2026-10-23T12:00+02:00", "2026-10-27T11:00+01:00", "2026-10-27 11:00"),
            # 2026-03-08 and 2026-11-01.
            ("America/New_York", "2026-03-06T12:00-05:00", "2026-03-10T13:00-04:00", "2026-03-10 13:00"),
            ("America/New_York", "2026-10-30T12:00-04:00", "2026-11-03T11:00-05:00", "2026-11-03 11:00"),
            # Half an hour only: 2026-04-05 and 2026-10-04.
            ("Australia/Lord_Howe", "2026-04-03T12:00+11:00", "2026-04-07T11:30+10:30", "2026-04-07 11:30"),
            ("Australia/Lord_Howe", "2026-10-02T12:00+10:30", "2026-10-06T12:30+11:00", "2026-10-06 12:30"),
            # China had summer time until 1991: it began on 1990-04-15 and ended on 1990-09-16.
            ("Asia/Shanghai", "1990-04-13T12:00+08:00", "1990-04-17T13:00+09:00", "1990-04-17 13:00"),
            ("Asia/Shanghai", "1990-09-14T12:00+09:00", "1990-09-18T11:00+08:00", "1990-09-18 11:00"),
        ],
    )
    def test_a_change_of_the_clocks_neither_gives_nor_takes_an_hour(self, zone, filed, due, wall):
        local = moment(filed).astimezone(ZoneInfo(zone))
        complaint = file_at(local)
        complaint.refresh_from_db()
        assert complaint.handle_by == moment(due)
        assert f"{complaint.handle_by.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" == wall
        assert clocks(complaint) == {"handle": moment(due)}
