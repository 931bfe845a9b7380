"""The verbs of a penalty: issued by a sweep, revoked with a reason, put back with a whole new window, never deleted."""

import pytest
from django.db import IntegrityError, InternalError, transaction
from django.utils.translation import override

from appeals.services import claim, correct
from appeals.tests.making import (
    APPROVE,
    CORRECT,
    REJECT,
    appeal_at,
    decide_at,
    make_reviewer,
    merchant_of,
    penalty_issued,
    staff,
)
from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.models import HistoryLine
from complaints.queries import with_everything
from complaints.tests.factories import moment
from complaints.timeline import timeline
from deadlines.models import Deadline
from notifications.models import Event
from penalties import services
from penalties.models import Penalty
from penalties.states import PENALTY, Status

pytestmark = pytest.mark.django_db

ISSUED = "2026-11-02T10:00+08:00"
NOW = moment("2026-11-03T10:00+08:00")


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


@pytest.fixture
def penalty():
    return penalty_issued(ISSUED)


@pytest.fixture
def actor():
    return staff(make_reviewer("Li"))


def test_the_moves_of_a_penalty():
    assert {verb: (move.sources, move.targets) for verb, move in PENALTY.moves.items()} == {
        "appeal": (("in_effect",), ("under_appeal",)),
        "uphold": (("under_appeal",), ("in_effect",)),
        "revoke": (("in_effect", "under_appeal"), ("revoked",)),
        "reinstate": (("revoked",), ("in_effect",)),
    }
    for state in Status.values:
        for verb, move in PENALTY.moves.items():
            if state not in move.sources:
                with pytest.raises(IllegalMove):
                    PENALTY.target(verb, state)


def test_revoking_without_an_appeal_names_who_why_and_when(penalty, actor):
    services.revoke(penalty.pk, reason="  The platform was down. ", actor=actor, now=NOW)
    penalty.refresh_from_db()
    assert (penalty.status, penalty.revoked_at, penalty.revoked_by, penalty.revoked_reason) == (
        "revoked",
        NOW,
        actor.name,
        "The platform was down.",
    )
    assert not Deadline.objects.filter(kind="appeal").exists()
    line = HistoryLine.objects.get(noun="penalty", verb="revoke")
    assert (line.complaint_id, line.from_state, line.to_state, line.actor_id) == (
        penalty.complaint_id,
        "in_effect",
        "revoked",
        actor.id,
    )
    assert line.detail["by_hand"] is True
    assert Event.objects.filter(name="penalty.revoked", subject_id=penalty.pk).count() == 1


def test_what_revoking_refuses(penalty, actor):
    clerk = Actor(kind=ActorKind.STAFF, name="clerk", id=1)
    for who in (clerk, merchant_of(penalty)):
        with pytest.raises(NotAllowed):
            services.revoke(penalty.pk, reason="Why not.", actor=who, now=NOW)
    with pytest.raises(BadInput) as refusal:
        services.revoke(penalty.pk, reason=" ", actor=actor, now=NOW)
    assert refusal.value.field == "reason"
    appeal_at(NOW, penalty)
    with pytest.raises(IllegalMove, match="Decide the appeal instead"):
        services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    assert Penalty.objects.get().status == "under_appeal"
    assert not HistoryLine.objects.filter(verb="revoke").exists()


@pytest.mark.parametrize("length", [1000, 1001])
def test_a_reason_has_the_same_bound_wherever_it_is_given(penalty, actor, length):
    """Counted without the blanks around it; what is too long changes nothing."""
    reason = f" {'x' * length} "
    verbs = {
        "revoke": lambda: services.revoke(penalty.pk, reason=reason, actor=actor, now=NOW),
        "reinstate": lambda: services.reinstate(penalty.pk, reason=reason, actor=actor, now=NOW),
        "revoke_run": lambda: services.revoke_run(penalty.sweep_run_id, reason=reason, actor=actor, now=NOW),
    }
    for verb in verbs.values():
        if length == 1000:
            verb()
            continue
        with pytest.raises(BadInput, match="Keep the reason to 1000 characters") as refusal:
            verb()
        assert refusal.value.field == "reason"
    assert HistoryLine.objects.exclude(verb="issue").filter(noun="penalty").count() == (3 if length == 1000 else 0)


def test_what_was_revoked_by_mistake_comes_back_with_a_whole_new_window(penalty, actor):
    """Revoked on 11-03, put back on 11-20: the window ends on 11-27."""
    services.revoke(penalty.pk, reason="The platform was down.", actor=actor, now=NOW)
    at, end = moment("2026-11-20T09:30:00.000001+08:00"), moment("2026-11-27T09:30:00.000001+08:00")
    services.reinstate(penalty.pk, reason="  It was not. ", actor=actor, now=at)
    penalty.refresh_from_db()
    assert (penalty.status, penalty.revoked_at, penalty.revoked_by, penalty.revoked_reason) == (
        "in_effect",
        None,
        "",
        "",
    )
    assert (penalty.appeal_by, penalty.window_closed_at) == (end, None)
    assert Deadline.objects.get(kind="appeal", subject_id=penalty.pk).due_at == end
    line = HistoryLine.objects.get(noun="penalty", verb="reinstate")
    assert (line.from_state, line.to_state, line.at, line.actor_id) == ("revoked", "in_effect", at, actor.id)
    assert line.detail == {
        "penalty_no": penalty.penalty_no,
        "reason": "It was not.",
        "by_hand": True,
        "opens_window": True,
    }
    assert Event.objects.filter(name="penalty.reinstated", subject_id=penalty.pk).count() == 1
    assert appeal_at(end, penalty).attempt == 1


def test_one_of_a_whole_run_comes_back_alone(penalty, actor):
    other = penalty_issued(ISSUED)
    Penalty.objects.filter(pk=other.pk).update(sweep_run_id=penalty.sweep_run_id)
    assert services.revoke_run(penalty.sweep_run_id, reason="Down.", actor=actor, now=NOW).revoked == 2
    services.reinstate(penalty.pk, reason="Not this one.", actor=actor, now=NOW)
    assert dict(Penalty.objects.values_list("pk", "status")) == {penalty.pk: "in_effect", other.pk: "revoked"}


def test_without_attempts_left_it_comes_back_without_a_window(penalty, actor):
    li = make_reviewer("Zhao")
    for hour in (11, 12, 13):
        at = f"2026-11-02T{hour}:00+08:00"
        decide_at(at, "reject", appeal_at(at, penalty), REJECT, by=li)
    services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    services.reinstate(penalty.pk, reason="It was not.", actor=actor, now=moment("2026-11-04T10:00+08:00"))
    penalty.refresh_from_db()
    assert (penalty.status, penalty.appeal_by) == ("in_effect", moment("2026-11-09T10:00+08:00"))
    assert penalty.window_closed_at == moment("2026-11-02T13:00+08:00")
    assert not Deadline.objects.filter(kind="appeal").exists()
    entry = timeline(with_everything(actor).get(pk=penalty.complaint_id))[0]
    assert (entry.sentence, entry.text) == (
        "Put the penalty in effect again. No attempt to appeal it is left.",
        "It was not.",
    )


def test_what_putting_back_refuses(penalty, actor):
    clerk = Actor(kind=ActorKind.STAFF, name="clerk", id=1)
    with pytest.raises(IllegalMove):
        services.reinstate(penalty.pk, reason="Why not.", actor=actor, now=NOW)
    services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    for who in (clerk, merchant_of(penalty)):
        with pytest.raises(NotAllowed):
            services.reinstate(penalty.pk, reason="Why not.", actor=who, now=NOW)
    with pytest.raises(BadInput) as refusal:
        services.reinstate(penalty.pk, reason=" ", actor=actor, now=NOW)
    assert refusal.value.field == "reason"
    assert Penalty.objects.get().status == "revoked"
    assert not HistoryLine.objects.filter(verb="reinstate").exists()
    services.reinstate(penalty.pk, reason="It was not.", actor=actor, now=NOW)
    with pytest.raises(IllegalMove):
        services.reinstate(penalty.pk, reason="It was not.", actor=actor, now=NOW)
    assert HistoryLine.objects.filter(verb="reinstate").count() == 1


def test_what_an_appeal_revoked_is_put_back_by_correcting_its_decision(penalty, actor):
    """Also when staff had revoked it by hand before, and put it back: the last revocation counts."""
    services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    services.reinstate(penalty.pk, reason="It was not.", actor=actor, now=NOW)
    appeal = decide_at(NOW, "approve", appeal_at(NOW, penalty), APPROVE, by=make_reviewer("Zhao"))
    before = list(HistoryLine.objects.order_by("pk").values())
    with pytest.raises(IllegalMove, match="Correct the decision on the appeal instead"):
        services.reinstate(penalty.pk, reason="It was not.", actor=actor, now=NOW)
    assert list(HistoryLine.objects.order_by("pk").values()) == before
    correct(appeal.pk, CORRECT, actor=staff(make_reviewer("Wang")), now=NOW)
    assert Penalty.objects.get().status == "in_effect"


def test_whoever_put_a_penalty_back_does_not_decide_about_it(penalty, actor):
    services.revoke(penalty.pk, reason="Down.", actor=staff(make_reviewer("Zhao")), now=NOW)
    services.reinstate(penalty.pk, reason="It was not.", actor=actor, now=NOW)
    appeal = appeal_at(NOW, penalty)
    with pytest.raises(NotAllowed) as refusal:
        claim(appeal.pk, actor=actor, now=NOW)
    assert refusal.value.code == "conflict"


def test_nothing_is_revoked_twice(penalty, actor):
    services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    with pytest.raises(IllegalMove):
        services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    assert HistoryLine.objects.filter(verb="revoke").count() == 1


@pytest.mark.parametrize(
    ("kind", "appeal_by"),
    [
        ("complaint_timeout", "2026-11-27T09:30:00.000001+08:00"),
        ("refund_overdue", "2026-12-20T09:30:00.000001+08:00"),
    ],
)
def test_a_penalty_that_comes_back_gets_a_whole_new_window(actor, kind, appeal_by):
    penalty = penalty_issued(ISSUED, kind)
    services.revoke(penalty.pk, reason="Down.", actor=actor, now=NOW)
    with transaction.atomic():
        locked = services.lock(penalty.pk)
        services.reinstate_locked(
            locked,
            reason="It was not.",
            opens_window=True,
            actor=actor,
            now=moment("2026-11-20T09:30:00.000001+08:00"),
        )
    penalty.refresh_from_db()
    assert (penalty.status, penalty.revoked_at, penalty.revoked_by, penalty.revoked_reason) == (
        "in_effect",
        None,
        "",
        "",
    )
    assert (penalty.appeal_by, penalty.window_closed_at) == (moment(appeal_by), None)
    assert Deadline.objects.get(kind="appeal", subject_id=penalty.pk).due_at == moment(appeal_by)


def test_the_database_holds_the_shape_of_a_penalty(penalty):
    with pytest.raises(InternalError), transaction.atomic():
        penalty.delete()
    for fields in (
        {"status": "revoked"},  # without a reason and a moment
        {"status": "lost"},
        {"issued_at": moment("2020-01-01T00:00Z")},
        {"appeal_by": penalty.issued_at},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Penalty.objects.filter(pk=penalty.pk).update(**fields)
    penalty.pk, penalty.penalty_no = None, "another"
    with pytest.raises(IntegrityError, match="one_penalty_per_missed_obligation"), transaction.atomic():
        penalty.save(force_insert=True)
