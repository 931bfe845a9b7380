"""The verbs of a penalty: issued by a sweep, revoked with a reason, put back with a whole new window, never deleted."""

import pytest
from django.db import IntegrityError, InternalError, transaction
from django.utils.translation import override

from appeals.tests.making import appeal_at, make_reviewer, merchant_of, penalty_issued, staff
from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.models import HistoryLine
from complaints.tests.factories import moment
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
