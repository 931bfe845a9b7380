"""One thing done to many complaints: foreseen, done row by row, sent twice, interrupted, and met by somebody else."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, Conflict, NotAllowed
from complaints import services
from complaints.models import BulkRow, BulkRun, CannedReply, Complaint, Handling, InternalLine, Message
from complaints.services import cancel, leave_message
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_picture,
    make_program,
    member_actor,
    moment,
)
from complaints.tests.racing import collide
from complaints.workspace import bulk
from complaints.workspace.bulk import Asked, Plan
from complaints.workspace.canned import CannedInput, delete_canned, save_canned
from deadlines.models import Deadline
from evidence.models import Evidence
from merchants.models import Grant, Membership
from merchants.team import remove_member
from merchants.tests.people import acting, make_person, make_team, place_of

FILED = "2026-03-09T09:00+08:00"
NOW = moment("2026-03-10T12:00+08:00")
LATER = moment("2026-03-10T12:05+08:00")
KEY, OTHER_KEY = "a" * 32, "b" * 32
ROUNDS = 4


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


class Team:
    """A merchant with two members who handle, three complaints, and the replies that they use."""

    def __init__(self) -> None:
        self.merchant, self.administrator = make_team()
        self.li = acting(make_person(self.merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), self.merchant)
        self.han = acting(make_person(self.merchant, "Han Mei", Grant.VIEW, Grant.HANDLE), self.merchant)
        self.program = make_program(merchant=self.merchant)
        self.cases = [
            self.files("10.00", "张小明"),
            self.files("20.00", "李四", Decimal("5.00")),
            self.files("30.50", ""),
        ]
        self.picture = make_picture(self.merchant)
        self.message = self.reply("On its way", "Dear {consumer}, it is on its way.")
        self.refund = self.reply("Refunded", "{consumer}: {refund} went back.", "other_refund", "asked", self.picture)

    def files(self, amount: str, consumer: str = "", asked: Decimal | None = None, **fields: Any) -> Complaint:
        given = {"trade_amount": Decimal(amount), "consumer_name": consumer, "requested_refund_amount": asked, **fields}
        return file_at(FILED, self.program, **given)

    def reply(self, title: str, text: str, method: str = "", refund: str = "", *pictures: Evidence) -> CannedReply:
        given = CannedInput(title=title, text=text, method=method, refund=refund, pictures=pictures)
        return save_canned(given, actor=self.li, now=NOW)

    def place(self, actor: Actor) -> Membership:
        return Membership.objects.get(merchant=self.merchant, user_id=actor.id or 0)


@pytest.fixture
def team(db) -> Team:
    return Team()


@pytest.fixture
def committed(transactional_db) -> Team:
    return Team()


def asked(action: str, complaints: Sequence[Complaint], canned: CannedReply | None = None, **fields: Any) -> Asked:
    numbers = [complaint.complaint_no for complaint in complaints]
    return Asked(action=action, numbers=numbers, canned_id=canned.pk if canned else None, **fields)


def planned(wanted: Asked, actor: Actor) -> Plan:
    wish = bulk.wish_of(wanted, actor=actor)
    return bulk.plan(wish, bulk.chosen_of(actor, wanted.numbers), actor=actor, now=NOW)


def began(wanted: Asked, actor: Actor, key: str = KEY) -> BulkRun:
    complaints = bulk.chosen_of(actor, wanted.numbers)
    return bulk.begin(bulk.wish_of(wanted, actor=actor), wanted, complaints, key=key, actor=actor, now=NOW)


def done(wanted: Asked, actor: Actor, key: str = KEY, *, now: datetime = NOW) -> list[tuple[bool | None, str]]:
    """Do it all, and return the rows' results in their order."""
    run = began(wanted, actor, key)
    bulk.carry_out(run, actor=actor, now=now)
    return results(run)


def results(run: BulkRun) -> list[tuple[bool | None, str]]:
    return list(run.rows.order_by("pk").values_list("done", "words"))


def problems(plan: Plan) -> list[str]:
    return [str(row.problem or "") for row in plan.rows]


class TestPlan:
    def test_each_row_has_its_own_text_and_amount_and_the_sum_stands_below(self, team):
        plan = planned(asked("handle", team.cases, team.refund), team.li)
        assert [(row.text, row.amount) for row in plan.rows] == [
            ("张**: ¥10.00 went back.", Decimal("10.00")),
            ("李*: ¥5.00 went back.", Decimal("5.00")),
            (": ¥30.50 went back.", Decimal("30.50")),
        ]
        assert (plan.total, plan.number, problems(plan)) == (Decimal("45.50"), 3, ["", "", ""])

    def test_nothing_has_changed_afterwards(self, team):
        planned(asked("handle", team.cases, team.refund), team.li)
        assert not Handling.objects.exists()
        assert not BulkRun.objects.exists()
        assert {complaint.status for complaint in Complaint.objects.all()} == {"pending"}

    def test_the_order_is_that_of_the_choice_and_each_is_there_once(self, team):
        first, second, third = team.cases
        plan = planned(asked("reply", [third, first, third, second], team.message), team.li)
        assert [row.complaint for row in plan.rows] == [third, first, second]

    def test_a_row_that_is_not_pending_says_who_made_it_so_and_when(self, team):
        first, second, third = team.cases
        handle_at("2026-03-10T11:00+08:00", first)
        cancel(second.pk, reason="Settled.", actor=consumer_actor(second), now=moment("2026-03-10T11:30+08:00"))
        plan = planned(asked("handle", team.cases, team.refund), team.li)
        assert problems(plan) == [
            "Li Lei, 2026-03-10 11:00 Beijing time: Handled the complaint in time: refunded in another way.",
            "李*, 2026-03-10 11:30 Beijing time: Withdrew the complaint.",
            "",
        ]
        assert (plan.number, plan.total) == (1, third.trade_amount)
        assert problems(planned(asked("reply", team.cases, team.message), team.li))[0] == ""  # it may be talked about

    def test_what_a_way_asks_of_each_row_can_be_typed_in_the_row(self, team):
        shipped = team.reply("Shipped", "It is on its way.", "shipped", "", team.picture)
        second = team.cases[1]
        wanted = asked("handle", team.cases, shipped, typed={second.complaint_no: "SF 1"})
        plan = planned(wanted, team.li)
        assert plan.wish.asked_per_row == "tracking"
        assert [row.lacks_only_what_is_typed for row in plan.rows] == [True, False, True]
        assert problems(plan)[:2] == ["Give the carrier and the tracking number.", ""]
        assert plan.number == 3

    def test_what_cannot_be_typed_there_says_why(self, team):
        bare = team.reply("Shipped", "It is on its way.", "shipped")
        plan = planned(asked("handle", team.cases, bare), team.li)
        assert (plan.number, plan.total) == (0, None)
        assert not any(row.lacks_only_what_is_typed for row in plan.rows)

    def test_a_way_that_is_not_offered_is_refused_for_all(self, team):
        deposit = team.reply("From the deposit", "Refunded.", "fund_refund", "trade")
        plan = planned(asked("handle", team.cases, deposit), team.li)
        assert plan.number == 0
        assert all("this merchant is not enrolled" in problem for problem in problems(plan))

    def test_two_refunds_of_one_trade_go_no_further_than_what_it_cost(self, team):
        twice = [team.files("10.00", trade_no="T-1"), team.files("10.00", trade_no="T-1")]
        plan = planned(asked("handle", twice, team.refund), team.li)
        assert problems(plan) == ["", "Of this trade ¥0.00 at most can still be refunded."]
        assert [ok for ok, _words in done(asked("handle", twice, team.refund), team.li)] == [True, False]

    def test_the_text_may_be_edited_for_this_time(self, team):
        plan = planned(asked("reply", team.cases[:1], team.message, text="{order} soon."), team.li)
        assert plan.rows[0].text == f"{team.cases[0].trade_no} soon."
        team.message.refresh_from_db()
        assert team.message.text == "Dear {consumer}, it is on its way."

    @pytest.mark.parametrize("text", ["", "  ", "Dear {nobody}", "x" * 1001])
    def test_a_text_that_cannot_be_filled_in_is_refused(self, team, text):
        with pytest.raises(BadInput) as refusal:
            planned(asked("reply", team.cases, team.message, text=text), team.li)
        assert refusal.value.field == "text"

    def test_who_has_it_already_is_left_out_of_an_assignment(self, team):
        to = team.place(team.han)
        Complaint.objects.filter(pk=team.cases[0].pk).update(assignee=to)
        plan = planned(asked("assign", team.cases, assignee_id=to.pk), team.li)
        assert problems(plan) == ["Was assigned to Han Mei already.", "", ""]

    def test_five_hundred_take_as_many_statements_as_two(self, team):
        def statements(number: int) -> int:
            with CaptureQueriesContext(connection) as queries:
                assert len(planned(asked("handle", cases[:number], team.refund), team.li).rows) == number
            return len(queries)

        cases = team.cases + [team.files("1.00") for _ in range(5)]
        handle_at("2026-03-10T11:00+08:00", cases[0])
        handle_at("2026-03-10T11:00+08:00", cases[3])
        assert statements(8) == statements(2) <= 6


class TestChoosing:
    def test_what_is_anothers_or_unknown_is_not_there(self, team):
        foreign = file_at(FILED)
        numbers = [foreign.complaint_no, "1", "\x00", "ü", "x" * 500, team.cases[0].complaint_no]
        assert bulk.chosen_of(team.li, numbers) == [team.cases[0]]
        with pytest.raises(BadInput, match="Choose at least one complaint"):
            bulk.chosen_of(team.li, [foreign.complaint_no])

    def test_five_hundred_may_be_chosen_and_not_one_more(self, team):
        numbers = [f"{number}" for number in range(499)] + [team.cases[0].complaint_no]
        assert bulk.chosen_of(team.li, numbers) == [team.cases[0]]
        with pytest.raises(BadInput, match="You chose 501 complaints; at most 500"):
            bulk.chosen_of(team.li, ["one more", *numbers])

    def test_nothing_chosen_is_refused(self, team):
        with pytest.raises(BadInput, match="Choose at least one complaint"):
            bulk.chosen_of(team.li, [])


class TestWish:
    def test_a_reply_of_another_merchant_or_none_is_refused(self, team):
        foreign = Team()
        for canned_id in (foreign.message.pk, None, 0):
            with pytest.raises(BadInput, match="not there any more"):
                bulk.wish_of(Asked(action="reply", numbers=[], canned_id=canned_id), actor=team.li)

    def test_a_reply_without_a_way_handles_nothing(self, team):
        with pytest.raises(BadInput, match="no way of handling"):
            bulk.wish_of(asked("handle", [], team.message), actor=team.li)

    def test_an_unknown_action_is_refused(self, team):
        with pytest.raises(BadInput, match="Choose what to do"):
            bulk.wish_of(asked("delete", [], team.message), actor=team.li)

    def test_a_member_of_another_merchant_or_without_the_grant_gets_nothing(self, team):
        foreign = Team()
        looking = place_of(make_person(team.merchant, "Zhao", Grant.VIEW), team.merchant)
        for place in (foreign.place(foreign.li), looking):
            with pytest.raises(BadInput) as refusal:
                bulk.wish_of(asked("assign", [], assignee_id=place.pk), actor=team.li)
            assert refusal.value.field == "assignee"

    def test_who_may_not_handle_does_nothing_and_neither_does_a_program(self, team):
        looking = member_actor(team.merchant, Grant.VIEW)
        program = replace(member_actor(team.merchant), kind=ActorKind.MERCHANT)
        run = began(asked("reply", team.cases, team.message), team.li)
        for actor in (looking, program):
            with pytest.raises(NotAllowed):
                bulk.wish_of(asked("reply", [], team.message), actor=actor)
            with pytest.raises(NotAllowed):
                bulk.carry_out(run, actor=actor, now=NOW)
        assert not Message.objects.exists()

    def test_what_a_preview_shows_has_a_mark_of_its_own(self, team):
        wanted = asked("reply", team.cases, team.message)
        seen = bulk.wish_of(wanted, actor=team.li).seen
        assert bulk.wish_of(wanted, actor=team.han).seen == seen
        assert bulk.wish_of(replace(wanted, text="Other."), actor=team.li).seen != seen
        save_canned(
            CannedInput(title="On its way", text=team.message.text),
            canned_id=team.message.pk,
            actor=team.han,
            now=LATER,
        )
        assert bulk.wish_of(wanted, actor=team.li).seen != seen


class TestHandle:
    def test_each_complaint_is_handled_by_its_own_verb(self, team):
        assert done(asked("handle", team.cases, team.refund), team.li) == [
            (True, "Handled: refunded in another way, ¥10.00."),
            (True, "Handled: refunded in another way, ¥5.00."),
            (True, "Handled: refunded in another way, ¥30.50."),
        ]
        handling = Handling.objects.get(complaint=team.cases[1])
        assert (handling.note, handling.refund_amount, handling.actor_name) == (
            "李*: ¥5.00 went back.",
            Decimal("5.00"),
            "Li Lei",
        )
        assert (handling.handled_at, handling.in_time, list(handling.evidence.all())) == (NOW, True, [team.picture])
        assert not Deadline.objects.filter(kind="handle").exists()
        assert Deadline.objects.filter(kind="finish").count() == 3

    def test_what_was_typed_in_a_row_goes_with_its_complaint(self, team):
        first, second, _third = team.cases
        typed = {first.complaint_no: " R-1 ", second.complaint_no: "R-2"}
        done(asked("handle", team.cases, team.refund, typed=typed), team.li)
        references = Handling.objects.order_by("complaint_id").values_list("refund_reference", flat=True)
        assert list(references) == ["R-1", "R-2", ""]

    def test_a_row_that_changed_meanwhile_says_who_did_what_and_stops_no_other(self, team):
        wanted = asked("handle", team.cases, team.refund)
        run = began(wanted, team.li)
        handle_at("2026-03-10T11:59+08:00", team.cases[0])
        second = team.cases[1]
        cancel(second.pk, reason="Settled.", actor=consumer_actor(second), now=moment("2026-03-10T11:58+08:00"))
        bulk.carry_out(run, actor=team.li, now=NOW)
        assert results(run) == [
            (
                False,
                "Li Lei, 2026-03-10 11:59 Beijing time: Handled the complaint in time: refunded in another way.",
            ),
            (False, "李*, 2026-03-10 11:58 Beijing time: Withdrew the complaint."),
            (True, "Handled: refunded in another way, ¥30.50."),
        ]

    def test_a_row_that_lacks_something_says_what(self, team):
        shipped = team.reply("Shipped", "It is on its way.", "shipped", "", team.picture)
        rows = done(asked("handle", team.cases, shipped, typed={team.cases[1].complaint_no: "SF 1"}), team.li)
        assert rows == [
            (False, "Give the carrier and the tracking number."),
            (True, "Handled: shipped."),
            (False, "Give the carrier and the tracking number."),
        ]
        assert Handling.objects.get().tracking == "SF 1"

    def test_a_fault_of_ours_stops_no_other_row_and_shows_nothing_of_our_insides(self, team, monkeypatch, caplog):
        handle = services.handle

        def fails_once(complaint_id: int, *args: Any, **options: Any) -> Handling:
            made = handle(complaint_id, *args, **options)
            if complaint_id == team.cases[0].pk:
                raise RuntimeError("secret")
            return made

        monkeypatch.setattr(services, "handle", fails_once)
        rows = done(asked("handle", team.cases, team.refund), team.li)
        assert [ok for ok, _words in rows] == [False, True, True]
        assert "Something went wrong on our side" in rows[0][1]
        assert "secret" not in rows[0][1]
        assert "secret" in caplog.text
        assert not Handling.objects.filter(complaint=team.cases[0]).exists()

    def test_a_reply_that_was_deleted_or_changed_after_the_start_is_used_as_it_was(self, team):
        run = began(asked("handle", team.cases, team.refund), team.li)
        delete_canned(team.refund.pk, actor=team.han)
        bulk.carry_out(run, actor=team.li, now=NOW)
        assert [ok for ok, _words in results(run)] == [True, True, True]
        assert Handling.objects.filter(method="other_refund", evidence=team.picture).count() == 3


class TestReply:
    def test_each_complaint_gets_its_own_message_and_stays_pending(self, team):
        assert done(asked("reply", team.cases, team.message), team.li) == [(True, "The message was left.")] * 3
        assert list(Message.objects.order_by("complaint_id").values_list("text", "actor_name")) == [
            ("Dear 张**, it is on its way.", "Li Lei"),
            ("Dear 李*, it is on its way.", "Li Lei"),
            ("Dear , it is on its way.", "Li Lei"),
        ]
        assert Deadline.objects.filter(kind="handle").count() == 3

    def test_a_complaint_that_ended_meanwhile_gets_none(self, team):
        run = began(asked("reply", team.cases, team.message), team.li)
        third = team.cases[2]
        cancel(third.pk, reason="Settled.", actor=consumer_actor(third), now=moment("2026-03-10T11:58+08:00"))
        bulk.carry_out(run, actor=team.li, now=NOW)
        assert [ok for ok, _words in results(run)] == [True, True, False]
        assert results(run)[2][1] == "Consumer, 2026-03-10 11:58 Beijing time: Withdrew the complaint."


class TestAssign:
    def test_all_at_once_and_whose_they_were_is_told(self, team):
        to = team.place(team.han)
        Complaint.objects.filter(pk=team.cases[0].pk).update(assignee=to)
        Complaint.objects.filter(pk=team.cases[1].pk).update(assignee=team.place(team.li))
        run = began(asked("assign", team.cases, assignee_id=to.pk), team.li)
        assignment = bulk.carry_out(run, actor=team.li, now=NOW)
        assert assignment is not None
        assert assignment.before == {team.cases[1].pk: team.place(team.li).pk, team.cases[2].pk: None}
        assert results(run) == [
            (True, "Was assigned to Han Mei already."),
            (True, "Assigned to Han Mei."),
            (True, "Assigned to Han Mei."),
        ]
        assert InternalLine.objects.filter(kind="assign").count() == 2

    def test_the_second_time_nothing_is_done_and_nothing_is_offered_to_be_undone(self, team):
        wanted = asked("assign", team.cases, assignee_id=team.place(team.han).pk)
        done(wanted, team.li)
        assert bulk.carry_out(began(wanted, team.li), actor=team.li, now=NOW) is None
        assert InternalLine.objects.filter(kind="assign").count() == 3

    def test_a_member_who_is_removed_meanwhile_gets_nothing_and_the_rows_say_so(self, team):
        to = team.place(team.han)
        run = began(asked("assign", team.cases, assignee_id=to.pk), team.li)
        remove_member(to.pk, actor=acting(team.administrator, team.merchant), now=NOW)
        assert bulk.carry_out(run, actor=team.li, now=NOW) is None
        assert {ok for ok, _words in results(run)} == {False}
        assert "does not handle complaints here any more" in results(run)[0][1]
        assert not InternalLine.objects.exists()


class TestTwice:
    def test_the_same_preview_sent_twice_says_nothing_twice(self, team):
        wanted = asked("reply", team.cases, team.message)
        first, again = done(wanted, team.li), done(wanted, team.li)
        assert first == again == [(True, "The message was left.")] * 3
        assert Message.objects.count() == 3
        assert BulkRun.objects.count() == 1

    def test_the_control_another_preview_says_it_again(self, team):
        wanted = asked("reply", team.cases, team.message)
        done(wanted, team.li)
        done(wanted, team.li, OTHER_KEY, now=NOW + timedelta(minutes=1))
        assert Message.objects.count() == 6

    @pytest.mark.parametrize(
        "change", [{"text": "Something else."}, {"action": "handle"}, {"numbers": []}, {"typed": {"1": "R"}}]
    )
    def test_the_key_of_one_wish_serves_no_other(self, team, change):
        wanted = asked("reply", team.cases, team.refund)
        done(wanted, team.li)
        changed = (
            replace(wanted, **change) if change.get("numbers") != [] else asked("reply", team.cases[:1], team.refund)
        )
        with pytest.raises(Conflict, match="done from this page already"):
            began(changed, team.li)
        assert Message.objects.count() == 3

    def test_a_key_is_its_members_own(self, team):
        done(asked("reply", team.cases, team.message), team.li)
        done(asked("reply", team.cases, team.message), team.han)
        assert Message.objects.count() == 6
        assert bulk.run_of(team.li, KEY) != bulk.run_of(team.han, KEY)
        foreign = Team()
        assert bulk.run_of(foreign.li, KEY) is None

    def test_an_interrupted_run_goes_on_with_what_is_left(self, team, monkeypatch):
        wanted = asked("reply", team.cases, team.message)
        run = began(wanted, team.li)
        monkeypatch.setattr(bulk, "LONGEST", -1.0)
        bulk.carry_out(run, actor=team.li, now=NOW)
        assert results(run) == [(None, "")] * 3
        assert not Message.objects.exists()
        monkeypatch.undo()
        run.rows.filter(complaint=team.cases[0]).update(done=True, words="Done before.")
        bulk.carry_out(run, actor=team.li, now=LATER)
        assert [words for _ok, words in results(run)] == ["Done before.", *["The message was left."] * 2]
        assert Message.objects.count() == 2

    def test_runs_are_forgotten_after_a_week(self, team):
        done(asked("reply", team.cases[:1], team.message), team.li)
        BulkRun.objects.update(started_at=moment("2026-03-03T12:00+08:00"))
        done(asked("reply", team.cases[:1], team.message), team.li, OTHER_KEY)
        assert BulkRun.objects.count() == 2  # at the very end of the week it is still there
        BulkRun.objects.filter(key=KEY).update(started_at=moment("2026-03-03T11:59:59.999999+08:00"))
        done(asked("reply", team.cases[:1], team.message), team.li, "c" * 32)
        assert set(BulkRun.objects.values_list("key", flat=True)) == {OTHER_KEY, "c" * 32}
        assert BulkRow.objects.count() == 2


class TestRaces:
    def test_two_members_handle_the_same_complaints_and_each_row_says_whose_it_was(self, committed):
        team = committed
        for number in range(ROUNDS):
            case = team.files("10.00")
            runs = [
                began(asked("handle", [case], team.refund), actor, f"{number:032d}") for actor in (team.li, team.han)
            ]
            collide(
                Complaint.objects.filter(pk=case.pk),
                *(
                    partial(bulk.carry_out, run, actor=actor, now=NOW)
                    for run, actor in zip(runs, (team.li, team.han), strict=True)
                ),
            )
            (one,), (other,) = (results(run) for run in runs)
            assert {one[0], other[0]} == {True, False}
            won, lost = (team.li, other) if one[0] else (team.han, one)
            assert lost[1].startswith(f"{won.name}, 2026-03-10 12:00 Beijing time: Handled the complaint in time")
            assert Handling.objects.get(complaint=case).actor_name == won.name

    def test_one_preview_sent_twice_at_the_same_moment_leaves_one_message(self, committed):
        team = committed
        for number in range(ROUNDS):
            case = team.files("10.00")
            run = began(asked("reply", [case], team.message), team.li, f"{number:032d}")
            call = partial(bulk.carry_out, run, actor=team.li, now=NOW)
            assert collide(Complaint.objects.filter(pk=case.pk), call, call) == [None, None]
            assert results(run) == [(True, "The message was left.")]
            assert Message.objects.filter(complaint=case).count() == 1

    def test_the_control_without_the_row_it_leaves_two(self, committed, monkeypatch):
        monkeypatch.setattr("complaints.services.said_just_now", lambda *_args, **_kwargs: None)
        case = committed.cases[0]
        call = partial(leave_message, case.pk, "Hello", actor=committed.li, now=NOW)
        collide(Complaint.objects.filter(pk=case.pk), call, call)
        assert Message.objects.filter(complaint=case).count() == 2

    def test_one_preview_begun_twice_at_the_same_moment_is_one_run(self, committed):
        team = committed
        wanted = asked("reply", team.cases, team.message)
        person = type(team.administrator).objects.filter(pk=team.li.id)
        one, other = collide(person, partial(began, wanted, team.li), partial(began, wanted, team.li))
        assert one == other
        assert BulkRow.objects.count() == 3
