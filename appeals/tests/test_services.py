"""The verbs of an appeal: what each does, whole, and what it refuses without changing anything."""

import importlib
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import override

from appeals import services
from appeals.models import Appeal, AppealDraft
from appeals.permissions import DECIDE, visible_to
from appeals.queries import said_before
from appeals.services import Decision
from appeals.tests.making import (
    APPROVE,
    ASK,
    CORRECT,
    REJECT,
    appeal_at,
    decide_at,
    given,
    make_reviewer,
    merchant_of,
    penalty_issued,
    staff,
    sweep,
)
from appeals.windows import appealable
from common.actors import Actor, ActorKind
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed, PortalError
from complaints.models import HistoryLine
from complaints.queries import with_everything
from complaints.tests.factories import consumer_actor, make_merchant, make_picture, make_program, member_actor, moment
from complaints.timeline import timeline
from deadlines.models import Deadline
from merchants.models import Grant
from notifications.models import Event
from penalties import services as penalties
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

ISSUED = "2026-11-02T10:00+08:00"  # the window ends on 2026-11-09 10:00
DAY = [moment(f"2026-11-0{day}T10:00+08:00") for day in range(2, 10)]


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


@pytest.fixture
def penalty():
    return penalty_issued(ISSUED)


@pytest.fixture
def li():
    return make_reviewer("Li")


@pytest.fixture
def wang():
    return make_reviewer("Wang")


def points_of(penalty: Penalty) -> int:
    """The points that count: of every penalty that is not revoked. One under appeal counts until it is revoked."""
    counting = Penalty.objects.filter(merchant=penalty.merchant).exclude(status="revoked")
    return counting.aggregate(sum=Sum("points"))["sum"] or 0


def everything() -> list[object]:
    """All rows that a verb may touch: what a refusal must leave as it was."""
    models = (Appeal, AppealDraft, Penalty, Deadline, HistoryLine, Event)
    return [list(model.objects.order_by("pk").values()) for model in models]


def refused(error: type[PortalError], verb, *arguments, **options) -> PortalError:
    """Call a verb that must refuse, and see that nothing has changed."""
    before = everything()
    with pytest.raises(error) as refusal:
        verb(*arguments, **options)
    assert type(refusal.value) is error
    assert everything() == before
    return refusal.value


def lines_of(penalty: Penalty) -> list[tuple[str, str, str, str]]:
    lines = HistoryLine.objects.filter(complaint=penalty.complaint_id, noun__in=["penalty", "appeal"]).order_by("id")
    return list(lines.values_list("noun", "verb", "from_state", "to_state"))


def test_an_appeal_is_submitted_in_one_piece(penalty):
    picture = make_picture(penalty.merchant)
    member = merchant_of(penalty)
    said = given(penalty, description="  It came. ", evidence=[picture], proofs=["refund_record"])
    appeal = services.submit(penalty.pk, said, actor=member, now=DAY[1])
    penalty.refresh_from_db()
    assert (appeal.attempt, appeal.status, appeal.description) == (1, "submitted", "It came.")
    assert (list(appeal.evidence.all()), appeal.proofs) == ([picture], ["refund_record"])
    assert appeal.unsolved_knowingly
    assert (penalty.status, points_of(penalty)) == ("under_appeal", 1)
    assert lines_of(penalty) == [
        ("penalty", "issue", "", "in_effect"),
        ("penalty", "appeal", "in_effect", "under_appeal"),
        ("appeal", "submit", "", "submitted"),
    ]
    assert list(Event.objects.filter(at=DAY[1]).order_by("id").values_list("name", flat=True)) == [
        "penalty.under_appeal",
        "appeal.submitted",
    ]


def test_approving_revokes_the_penalty_and_gives_the_points_back(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    assert points_of(penalty) == 1
    decide_at(DAY[2], "approve", appeal, APPROVE, by=li)
    appeal.refresh_from_db()
    penalty.refresh_from_db()
    assert (appeal.status, appeal.decided_by, appeal.decided_at) == ("approved", li, DAY[2])
    assert (appeal.reason_code, appeal.message) == ("solved", "The consumer confirmed it.")
    assert (penalty.status, penalty.revoked_at, penalty.revoked_reason) == (
        "revoked",
        DAY[2],
        "The consumer confirmed it.",
    )
    assert points_of(penalty) == 0
    assert lines_of(penalty)[-2:] == [
        ("penalty", "revoke", "under_appeal", "revoked"),
        ("appeal", "approve", "submitted", "approved"),
    ]
    on_the_complaint = penalty.complaint.history.filter(at=DAY[2])
    assert {line.detail["penalty_no"] for line in on_the_complaint} == {penalty.penalty_no}
    names = Event.objects.filter(at=DAY[2], merchant_id=penalty.merchant_id).values_list("name", flat=True)
    assert set(names) == {"penalty.revoked", "appeal.approved"}
    assert not Deadline.objects.exists()


def test_rejecting_leaves_the_penalty_in_effect_and_spends_an_attempt(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    decide_at(DAY[2], "reject", appeal, REJECT, by=li)
    penalty.refresh_from_db()
    assert (penalty.status, points_of(penalty)) == ("in_effect", 1)
    assert appealable(penalty, list(Appeal.objects.all()), now=DAY[2]).attempts_left == 2
    assert Deadline.objects.get(kind="appeal").due_at == DAY[7]


def test_three_rejections_spend_the_attempts_and_a_fourth_appeal_is_refused(penalty, li):
    for day in (1, 2, 3):
        decide_at(DAY[day], "reject", appeal_at(DAY[day], penalty), REJECT, by=li)
    refusal = refused(IllegalMove, appeal_at, DAY[4], penalty)
    assert (refusal.code, str(refusal)) == ("no_attempts_left", "All attempts to appeal this penalty are spent.")
    assert list(Appeal.objects.order_by("attempt").values_list("attempt", "status")) == [
        (1, "rejected"),
        (2, "rejected"),
        (3, "rejected"),
    ]


def window_of(penalty: Penalty) -> tuple[object, object, object]:
    """When the window would end, when it was closed, and when its clock would ring."""
    penalty.refresh_from_db()
    clock = Deadline.objects.filter(kind="appeal", subject_id=penalty.pk).values_list("due_at", flat=True).first()
    return penalty.appeal_by, penalty.window_closed_at, clock


def spend(penalty: Penalty, by, *days: int) -> list[Appeal]:
    """Have an appeal rejected on each of these days."""
    return [decide_at(DAY[day], "reject", appeal_at(DAY[day], penalty), REJECT, by=by) for day in days]


def test_the_last_rejection_closes_the_window_at_once_and_tells(penalty, li):
    """Issued on 11-02 10:00, open until 11-09 10:00; rejected on 11-03, 11-04 and 11-05."""
    spend(penalty, li, 1, 2)
    assert window_of(penalty) == (DAY[7], None, DAY[7])
    spend(penalty, li, 3)
    assert window_of(penalty) == (DAY[7], DAY[3], None)
    assert penalty.window_ends_at == DAY[3]
    assert lines_of(penalty)[-3:] == [
        ("penalty", "uphold", "under_appeal", "in_effect"),
        ("penalty", "close_window", "in_effect", "in_effect"),
        ("appeal", "reject", "submitted", "rejected"),
    ]
    line = HistoryLine.objects.get(verb="close_window")
    assert (line.at, line.actor_id, line.detail) == (DAY[3], li.pk, {"penalty_no": penalty.penalty_no})
    event = Event.objects.get(name="penalty.window_closed")
    assert (event.subject_id, event.at, event.payload) == (penalty.pk, DAY[3], {"penalty_no": penalty.penalty_no})
    assert sweep("appeal", "2026-11-10T00:00+08:00").examined == 0
    assert HistoryLine.objects.filter(verb="close_window").count() == 1


def test_the_reason_is_that_the_attempts_are_spent_before_and_after_the_windows_end(penalty, li):
    appeals = spend(penalty, li, 1, 2, 3)
    penalty.refresh_from_db()
    for at in ("2026-11-09T10:00+08:00", "2026-11-09T10:00:00.000001+08:00"):
        answer = appealable(penalty, appeals, now=moment(at))
        assert (answer.code, answer.attempts_left) == ("no_attempts_left", 0)


def test_a_last_rejection_after_the_window_was_closed_leaves_it_as_it_was(penalty, li):
    spend(penalty, li, 1, 2)
    last = appeal_at(DAY[7], penalty)
    sweep("appeal", "2026-11-09T10:01+08:00")
    decide_at("2026-11-10T15:00+08:00", "reject", last, REJECT, by=li)
    assert window_of(penalty) == (DAY[7], moment("2026-11-09T10:01+08:00"), None)
    assert penalty.window_ends_at == DAY[7]
    assert Event.objects.filter(name="penalty.window_closed").count() == 1


def test_correcting_the_last_rejection_revokes_and_correcting_it_back_opens_no_window(penalty, li, wang):
    *_others, last = spend(penalty, li, 1, 2, 3)
    services.correct(last.pk, CORRECT, actor=staff(wang), now=DAY[4])
    assert window_of(penalty) == (DAY[7], DAY[3], None)
    assert (penalty.status, points_of(penalty)) == ("revoked", 0)
    services.correct(last.pk, CORRECT, actor=staff(li), now=DAY[5])
    assert window_of(penalty) == (DAY[7], DAY[3], None)
    assert (penalty.status, penalty.revoked_at, points_of(penalty)) == ("in_effect", None, 1)
    assert lines_of(penalty)[-2:] == [
        ("penalty", "reinstate", "revoked", "in_effect"),
        ("appeal", "correct", "approved", "rejected"),
    ]
    assert refused(IllegalMove, appeal_at, DAY[6], penalty).code == "no_attempts_left"


def test_an_approval_in_the_last_attempt_that_becomes_a_rejection_closes_the_window(penalty, li, wang):
    """Nobody had closed the window: the approval on 11-05 revoked the penalty while it was open."""
    spend(penalty, li, 1, 2)
    last = decide_at(DAY[3], "approve", appeal_at(DAY[3], penalty), APPROVE, by=li)
    assert window_of(penalty) == (DAY[7], None, None)
    services.correct(last.pk, CORRECT, actor=staff(wang), now=DAY[4])
    assert window_of(penalty) == (DAY[7], DAY[4], None)
    assert lines_of(penalty)[-3:] == [
        ("penalty", "reinstate", "revoked", "in_effect"),
        ("penalty", "close_window", "in_effect", "in_effect"),
        ("appeal", "correct", "approved", "rejected"),
    ]


def test_an_earlier_rejection_that_becomes_an_approval_and_back_opens_no_window_either(penalty, li, wang):
    first, *_others = spend(penalty, li, 1, 2, 3)
    services.correct(first.pk, CORRECT, actor=staff(wang), now=DAY[4])
    assert Penalty.objects.get().status == "revoked"
    services.correct(first.pk, CORRECT, actor=staff(wang), now=DAY[5])
    assert window_of(penalty) == (DAY[7], DAY[3], None)
    assert penalty.status == "in_effect"


def test_correcting_back_with_an_attempt_left_opens_a_whole_new_window(penalty, li, wang):
    _first, second = spend(penalty, li, 1, 2)
    services.correct(second.pk, CORRECT, actor=staff(wang), now=DAY[3])
    services.correct(second.pk, CORRECT, actor=staff(wang), now=moment("2026-11-20T09:00+08:00"))
    end = moment("2026-11-27T09:00+08:00")
    assert window_of(penalty) == (end, None, end)
    decide_at(end, "reject", appeal_at(end, penalty), REJECT, by=li)
    assert window_of(penalty) == (end, end, None)


def test_what_was_withdrawn_or_asked_about_spends_no_attempt(penalty, li):
    for _ in range(4):
        appeal = appeal_at(DAY[1], penalty)
        services.withdraw(appeal.pk, actor=merchant_of(penalty), now=DAY[1])
    appeal = appeal_at(DAY[2], penalty)
    decide_at(DAY[2], "ask", appeal, ASK, by=li)
    assert appealable(penalty, list(Appeal.objects.all()), now=DAY[2]).attempts_left == 3
    services.withdraw(appeal.pk, actor=merchant_of(penalty), now=DAY[3])
    for day in (3, 4, 5):
        decide_at(DAY[day], "reject", appeal_at(DAY[day], penalty), REJECT, by=li)
    assert refused(IllegalMove, appeal_at, DAY[6], penalty).code == "no_attempts_left"
    assert Appeal.objects.count() == 8


def test_withdrawing_puts_the_penalty_in_effect_again(penalty):
    appeal = appeal_at(DAY[1], penalty)
    services.withdraw(appeal.pk, actor=merchant_of(penalty), now=DAY[2])
    penalty.refresh_from_db()
    assert penalty.status == "in_effect"
    assert not Deadline.objects.filter(kind__in=["review", "supplement"]).exists()
    assert lines_of(penalty)[-2:] == [
        ("penalty", "uphold", "under_appeal", "in_effect"),
        ("appeal", "withdraw", "submitted", "withdrawn"),
    ]


def test_a_second_appeal_while_one_is_open_is_refused(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    assert refused(IllegalMove, appeal_at, DAY[1], penalty).code == "under_appeal"
    decide_at(DAY[2], "ask", appeal, ASK, by=li)
    assert refused(IllegalMove, appeal_at, DAY[2], penalty).code == "under_appeal"


def test_what_an_appeal_must_not_lack(penalty):
    other = make_picture(make_merchant())
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"description": "  "}, "description"),
        ({"description": "x" * 2001}, "description"),
        ({"evidence": ()}, "pictures"),
        ({"evidence": [other]}, "pictures"),
        ({"evidence": [make_picture(penalty.merchant) for _ in range(10)]}, "pictures"),
        ({"proofs": ["refund_proof"]}, "proofs"),
        ({"knowingly": False}, "knowingly"),
    ]
    for fields, name in wrong:
        assert refused(BadInput, appeal_at, DAY[1], penalty, **fields).field == name
    whole = given(penalty, description="x" * 2000, evidence=[make_picture(penalty.merchant) for _ in range(9)])
    assert services.submit(penalty.pk, whole, actor=merchant_of(penalty), now=DAY[1]).evidence.count() == 9


def test_drafts_go_when_the_appeal_is_submitted(penalty, li):
    AppealDraft.objects.create(penalty=penalty, user=li, description="So far.", saved_at=DAY[1])
    appeal_at(DAY[1], penalty)
    assert not AppealDraft.objects.exists()


def test_only_a_member_with_the_grant_of_the_right_merchant_appeals(penalty, li):
    said = given(penalty)
    for actor in (
        member_actor(penalty.merchant, Grant.VIEW),
        member_actor(make_merchant()),
        staff(li),
        consumer_actor(penalty.complaint),
        Actor(kind=ActorKind.PLATFORM, name="platform", platform_id=penalty.merchant.platform_id),
    ):
        refused(NotAllowed, services.submit, penalty.pk, said, actor=actor, now=DAY[1])
    appeal = appeal_at(DAY[1], penalty)
    for actor in (member_actor(penalty.merchant, Grant.VIEW), member_actor(make_merchant()), staff(li)):
        refused(NotAllowed, services.withdraw, appeal.pk, actor=actor, now=DAY[1])


def test_other_merchants_do_not_see_an_appeal(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    assert list(visible_to(merchant_of(penalty))) == [appeal]
    assert list(visible_to(member_actor(make_merchant()))) == []
    assert list(visible_to(consumer_actor(penalty.complaint))) == []
    assert list(visible_to(staff(li))) == [appeal]


@pytest.mark.parametrize("verb", [services.approve, services.reject, services.ask])
def test_a_decision_needs_the_permission_a_claim_a_reason_and_a_message(penalty, li, wang, verb):
    appeal = appeal_at(DAY[1], penalty)
    good = {services.approve: APPROVE, services.reject: REJECT, services.ask: ASK}[verb]
    without = Actor(kind=ActorKind.STAFF, name="clerk", id=li.pk)
    refused(NotAllowed, verb, appeal.pk, good, actor=without, now=DAY[2])
    refused(NotAllowed, verb, appeal.pk, good, actor=merchant_of(penalty), now=DAY[2])
    assert refused(Conflict, verb, appeal.pk, good, actor=staff(li), now=DAY[2]).code == "not_claimed"
    services.claim(appeal.pk, actor=staff(li), now=DAY[2])
    assert refused(Conflict, verb, appeal.pk, good, actor=staff(wang), now=DAY[2]).code == "claimed_by_another"
    for reason, message, field in (
        ("", "Words.", "reason_code"),
        ("decided_wrongly", "Words.", "reason_code"),
        (good.reason_code, "  ", "message"),
        (good.reason_code, "x" * 1001, "message"),
    ):
        decision = Decision(reason, message)
        assert refused(BadInput, verb, appeal.pk, decision, actor=staff(li), now=DAY[2]).field == field


def test_what_a_colleague_decided_is_refused_by_name(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    decide_at("2026-11-04T10:00:00+08:00", "reject", appeal, REJECT, by=li)
    for verb, decision in ((services.approve, APPROVE), (services.reject, REJECT), (services.ask, ASK)):
        refusal = refused(
            Conflict, verb, appeal.pk, decision, actor=staff(wang), now=moment("2026-11-04T10:00:10+08:00")
        )
        assert (refusal.code, str(refusal)) == ("decided_already", f"{li} decided this 10 s ago.")
    refusal = refused(Conflict, services.claim, appeal.pk, actor=staff(wang), now=DAY[3])
    assert refusal.code == "decided_already"


def test_a_withdrawn_appeal_can_be_neither_claimed_nor_decided(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    services.claim(appeal.pk, actor=staff(li), now=DAY[1])
    services.withdraw(appeal.pk, actor=merchant_of(penalty), now=DAY[1])
    for reviewer in (li, wang):
        assert refused(Conflict, services.claim, appeal.pk, actor=staff(reviewer), now=DAY[2]).code == "withdrawn"
        refusal = refused(Conflict, services.approve, appeal.pk, APPROVE, actor=staff(reviewer), now=DAY[2])
        assert refusal.code == "withdrawn"


def test_nothing_is_decided_while_the_merchant_was_asked(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    decide_at(DAY[2], "ask", appeal, ASK, by=li)
    for verb, decision in ((services.approve, APPROVE), (services.reject, REJECT), (services.ask, ASK)):
        refused(IllegalMove, verb, appeal.pk, decision, actor=staff(li), now=DAY[3])


def test_a_supplement_needs_words_or_a_picture_of_ones_own(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    member = merchant_of(penalty)
    refused(IllegalMove, services.supplement, appeal.pk, "Early.", actor=member, now=DAY[1])
    decide_at(DAY[2], "ask", appeal, ASK, by=li)
    other = make_picture(make_merchant())
    for text, pictures, field in (
        (" ", [], "supplement"),
        ("x" * 2001, [], "supplement"),
        ("Words.", [other], "pictures"),
    ):
        refusal = refused(BadInput, services.supplement, appeal.pk, text, evidence=pictures, actor=member, now=DAY[3])
        assert refusal.field == field
    refused(NotAllowed, services.supplement, appeal.pk, "Words.", actor=staff(li), now=DAY[3])
    services.supplement(appeal.pk, "First.", actor=member, now=DAY[3])
    decide_at(DAY[4], "ask", appeal, ASK, by=li)
    services.supplement(appeal.pk, "Second.", actor=member, now=DAY[5])
    appeal.refresh_from_db()
    assert appeal.supplement == "First.\n\nSecond."


def test_every_question_and_every_decision_keeps_its_words(penalty, li, wang):
    """The row has the last ones; the history has each."""
    appeal = appeal_at(DAY[1], penalty)
    second = Decision("unclear", "  When was it paid? ")
    decide_at(DAY[1], "ask", appeal, ASK, by=li)
    services.supplement(appeal.pk, "First.", actor=merchant_of(penalty), now=DAY[1])
    decide_at(DAY[2], "ask", appeal, second, by=li)
    services.supplement(appeal.pk, "Second.", actor=merchant_of(penalty), now=DAY[2])
    decide_at(DAY[3], "approve", appeal, APPROVE, by=li)
    services.correct(appeal.pk, CORRECT, actor=staff(wang), now=DAY[4])
    appeal.refresh_from_db()
    assert (appeal.asked_reason_code, appeal.asked_for) == ("unclear", "When was it paid?")
    assert (appeal.reason_code, appeal.message) == (CORRECT.reason_code, CORRECT.message)
    lines = HistoryLine.objects.filter(noun="appeal", detail__has_key="message").order_by("pk")
    assert [(line.verb, line.detail["reason"], line.detail["message"]) for line in lines] == [
        ("ask", ASK.reason_code, ASK.message),
        ("ask", "unclear", "When was it paid?"),
        ("approve", APPROVE.reason_code, APPROVE.message),
        ("correct", CORRECT.reason_code, CORRECT.message),
    ]
    assert [(line.verb, line.detail["message"]) for line in said_before(appeal)] == [
        ("approve", APPROVE.message),
        ("ask", ASK.message),
    ]


def test_words_in_the_time_line_stand_once_with_the_move_of_the_appeal(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    decide_at(DAY[2], "approve", appeal, APPROVE, by=li)
    services.correct(appeal.pk, CORRECT, actor=staff(wang), now=DAY[3])
    entries = timeline(with_everything(merchant_of(penalty)).get(pk=penalty.complaint_id))
    assert [(entry.sentence, entry.text) for entry in entries[:4]] == [
        ("Corrected the decision on the appeal.", CORRECT.message),
        ("Put the penalty in effect again, with a new appeal window.", ""),
        ("Approved the appeal.", APPROVE.message),
        ("Revoked the penalty and gave the points back.", ""),
    ]


def test_the_database_refuses_a_question_without_words(penalty, li):
    appeal = appeal_at(DAY[1], penalty)
    decide_at(DAY[1], "ask", appeal, ASK, by=li)
    for fields in ({"asked_for": ""}, {"asked_reason_code": ""}, {"asked_at": None}):
        with pytest.raises(IntegrityError, match="what_is_asked_for_is_said"), transaction.atomic():
            Appeal.objects.filter(pk=appeal.pk).update(**fields)


def test_the_migration_moves_what_was_asked_and_leaves_decisions_alone(penalty, li, monkeypatch):
    """As rows were before it: asked about, and since then decided, or going on in more than one batch."""
    going_on, decided, later = (appeal_at(DAY[1], each) for each in (penalty, *map(penalty_issued, [ISSUED] * 2)))
    Appeal.objects.update(asked_at=DAY[1], reason_code="unclear", message="When was it paid?")
    Appeal.objects.filter(pk=decided.pk).update(decided_at=DAY[2])
    migration = importlib.import_module("appeals.migrations.0003_asked_for")
    monkeypatch.setattr(migration, "BATCH", 1)
    for _ in range(2):
        migration.move_what_was_asked(apps, None)
        decided.refresh_from_db()
        assert (decided.asked_for, decided.message) == ("", "When was it paid?")
        for each in (going_on, later):
            each.refresh_from_db()
            assert (each.asked_reason_code, each.asked_for) == ("unclear", "When was it paid?")
            assert (each.reason_code, each.message) == ("", "")


def test_whoever_revoked_a_penalty_by_hand_cannot_decide_about_it(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    penalties.history_line(penalty, "amend", "in_effect", "in_effect", actor=staff(li), at=DAY[1], by_hand=True).save()
    for verb in (services.approve, services.reject):
        refusal = refused(NotAllowed, verb, appeal.pk, APPROVE, actor=staff(li), now=DAY[2])
        assert refusal.code == "conflict"
    refused(NotAllowed, services.claim, appeal.pk, actor=staff(li), now=DAY[2])
    assert decide_at(DAY[2], "approve", appeal, APPROVE, by=wang).status == "approved"


def test_a_wrong_approval_is_corrected_and_the_penalty_gets_a_whole_new_window(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    decide_at(DAY[2], "approve", appeal, APPROVE, by=li)
    sweep("appeal", "2026-12-01T00:00+08:00")
    services.correct(appeal.pk, CORRECT, actor=staff(wang), now=moment("2026-12-01T15:30:00.000001+08:00"))
    penalty.refresh_from_db()
    appeal.refresh_from_db()
    assert (penalty.status, penalty.revoked_at, penalty.revoked_reason) == ("in_effect", None, "")
    assert penalty.appeal_by == moment("2026-12-08T15:30:00.000001+08:00")
    assert Deadline.objects.get(kind="appeal", subject_id=penalty.pk).due_at == penalty.appeal_by
    assert (appeal.status, appeal.decided_by, points_of(penalty)) == ("rejected", wang, 1)
    assert lines_of(penalty)[-2:] == [
        ("penalty", "reinstate", "revoked", "in_effect"),
        ("appeal", "correct", "approved", "rejected"),
    ]
    assert appealable(penalty, [appeal], now=penalty.appeal_by).attempts_left == 2
    again = appeal_at(penalty.appeal_by, penalty)
    assert again.attempt == 2


def test_a_wrong_rejection_is_corrected_and_the_points_are_given_back(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    decide_at(DAY[2], "reject", appeal, REJECT, by=li)
    services.correct(appeal.pk, CORRECT, actor=staff(wang), now=DAY[3])
    penalty.refresh_from_db()
    assert (Appeal.objects.get().status, penalty.status, points_of(penalty)) == ("approved", "revoked", 0)


def test_what_cannot_be_corrected(penalty, li, wang):
    first = appeal_at(DAY[1], penalty)
    refused(IllegalMove, services.correct, first.pk, CORRECT, actor=staff(li), now=DAY[1])
    decide_at(DAY[2], "reject", first, REJECT, by=li)
    refused(NotAllowed, services.correct, first.pk, CORRECT, actor=merchant_of(penalty), now=DAY[2])
    assert refused(BadInput, services.correct, first.pk, REJECT, actor=staff(wang), now=DAY[2]).field == "reason_code"
    second = appeal_at(DAY[3], penalty)
    refusal = refused(IllegalMove, services.correct, first.pk, CORRECT, actor=staff(wang), now=DAY[3])
    assert "A later appeal" in str(refusal)
    decide_at(DAY[4], "approve", second, APPROVE, by=li)
    refused(IllegalMove, services.correct, first.pk, CORRECT, actor=staff(wang), now=DAY[4])


def test_a_claim_is_given_back_and_taken_over_when_it_went_cold(penalty, li, wang):
    appeal = appeal_at(DAY[1], penalty)
    services.claim(appeal.pk, actor=staff(li), now=moment("2026-11-03T10:00+08:00"))
    refused(Conflict, services.claim, appeal.pk, actor=staff(wang), now=moment("2026-11-03T11:59:59.999999+08:00"))
    services.claim(appeal.pk, actor=staff(wang), now=moment("2026-11-03T12:00+08:00"))
    refused(Conflict, services.release, appeal.pk, actor=staff(li), now=moment("2026-11-03T12:01+08:00"))
    services.release(appeal.pk, actor=staff(wang), now=moment("2026-11-03T12:01+08:00"))
    assert services.claim(appeal.pk, actor=staff(li), now=moment("2026-11-03T12:02+08:00")).claimed_by_id == li.pk


def test_appeals_of_two_penalties_of_one_merchant_do_not_touch_each_other(li):
    program = make_program()
    one, two = penalty_issued(ISSUED, program=program), penalty_issued(ISSUED, program=program)
    decide_at(DAY[2], "approve", appeal_at(DAY[1], one), APPROVE, by=li)
    two.refresh_from_db()
    assert (two.status, points_of(two)) == ("in_effect", 1)
    assert DECIDE in staff(li).grants
