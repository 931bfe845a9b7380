"""The table of moves, whole; and random sequences of verbs that never break what must hold."""

import contextlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appeals import services
from appeals.models import Appeal
from appeals.states import APPEAL, OPEN, Status
from appeals.tests.making import (
    APPROVE,
    ASK,
    CORRECT,
    REJECT,
    appeal_at,
    decide_at,
    make_reviewer,
    merchant_of,
    penalty_issued,
    staff,
    sweep,
)
from common.errors import IllegalMove, PortalError
from complaints.models import HistoryLine
from complaints.tests.factories import moment
from deadlines.models import Deadline
from penalties import services as penalties
from penalties.models import Penalty
from penalties.states import PENALTY

pytestmark = pytest.mark.django_db


def test_the_moves_of_an_appeal():
    assert {verb: (move.sources, move.targets) for verb, move in APPEAL.moves.items()} == {
        "ask": (("submitted",), ("more_wanted",)),
        "supplement": (("more_wanted",), ("submitted",)),
        "go_on": (("more_wanted",), ("submitted",)),
        "approve": (("submitted",), ("approved",)),
        "reject": (("submitted",), ("rejected",)),
        "withdraw": (("submitted", "more_wanted"), ("withdrawn",)),
        "correct": (("approved", "rejected"), ("approved", "rejected")),
    }


@pytest.mark.parametrize("state", Status.values)
def test_every_other_move_is_refused(state):
    for verb, move in APPEAL.moves.items():
        if state not in move.sources:
            with pytest.raises(IllegalMove):
                APPEAL.target(verb, state)
    assert APPEAL.allowed("withdrawn") == []


def test_the_database_holds_the_shape_of_an_appeal():
    appeal = appeal_at("2026-11-03T10:00+08:00", penalty_issued("2026-11-02T10:00+08:00"))
    wrong = [
        {"status": "lost"},
        {"status": "approved"},  # without a reason, a message and a person
    ]
    for fields in wrong:
        with pytest.raises(IntegrityError), transaction.atomic():
            Appeal.objects.filter(pk=appeal.pk).update(**fields)
    appeal.pk = None
    appeal.attempt = 2
    with pytest.raises(IntegrityError, match="one_open_appeal_per_penalty"), transaction.atomic():
        appeal.save(force_insert=True)


VERBS = (
    "submit",
    "withdraw",
    "ask",
    "supplement",
    "approve",
    "reject",
    "correct",
    "correct_first",
    "revoke",
    "reinstate",
    "go_on",
    "close",
)


def perform(verb: str, penalty: Penalty, reviewers, now) -> None:
    """Make one move about this penalty, as whoever makes it would; a refusal is an answer like any other."""
    appeal = Appeal.objects.filter(penalty=penalty).order_by("-attempt").first()
    member, reviewer = merchant_of(penalty), reviewers[now.minute % 2]
    if verb == "submit":
        appeal_at(now, penalty)
    elif verb == "revoke":
        penalties.revoke(penalty.pk, reason="The platform was at fault.", actor=staff(reviewer), now=now)
    elif verb == "reinstate":
        penalties.reinstate(penalty.pk, reason="It was not, after all.", actor=staff(reviewer), now=now)
    elif verb in ("go_on", "close"):
        sweep("supplement" if verb == "go_on" else "appeal", now)
    elif appeal is None:
        return
    elif verb == "withdraw":
        services.withdraw(appeal.pk, actor=member, now=now)
    elif verb == "supplement":
        services.supplement(appeal.pk, "More.", actor=member, now=now)
    elif verb in ("correct", "correct_first"):
        first = Appeal.objects.filter(penalty=penalty).earliest("attempt")
        services.correct((appeal if verb == "correct" else first).pk, CORRECT, actor=staff(reviewer), now=now)
    else:
        decide_at(now, verb, appeal, {"ask": ASK, "approve": APPROVE, "reject": REJECT}[verb], by=reviewer)


def check_what_must_hold(penalty: Penalty) -> None:
    penalty.refresh_from_db()
    appeals = list(Appeal.objects.filter(penalty=penalty).order_by("attempt"))
    open_ones = [appeal for appeal in appeals if appeal.status in OPEN]
    lines = list(HistoryLine.objects.filter(complaint=penalty.complaint_id).order_by("id"))

    assert len(open_ones) <= 1
    assert (penalty.status == "under_appeal") == bool(open_ones)
    assert sum(appeal.status == "approved" for appeal in appeals) <= (penalty.status == "revoked")
    assert [appeal.attempt for appeal in appeals] == list(range(1, len(appeals) + 1))

    # The points that count are those of penalties that are not revoked, and the history says the same.
    gained = {"issue": penalty.points, "reinstate": penalty.points, "revoke": -penalty.points}
    from_history = sum(gained.get(line.verb, 0) for line in lines if line.noun == "penalty")
    assert from_history == (0 if penalty.status == "revoked" else penalty.points)

    # Every chain of history is unbroken, follows the table, and ends where the row stands.
    nouns = {("penalty", penalty.pk): (PENALTY, penalty.status)}
    nouns |= {("appeal", appeal.pk): (APPEAL, appeal.status) for appeal in appeals}
    for (noun, number), (table, status) in nouns.items():
        at = ""
        for line in (line for line in lines if (line.noun, line.noun_id) == (noun, number)):
            assert line.from_state == at
            if line.verb not in ("issue", "submit", "close_window"):
                assert table.target(line.verb, line.from_state, to=line.to_state) == line.to_state
            at = line.to_state
        assert at == status

    # The clocks that run are those of the state.
    running = set(Deadline.objects.filter(kind__in=["review", "supplement"]).values_list("kind", "subject_id"))
    assert running == {("review" if appeal.status == "submitted" else "supplement", appeal.pk) for appeal in open_ones}
    window = Deadline.objects.filter(kind="appeal", subject_id=penalty.pk).values_list("due_at", flat=True).first()
    is_open = penalty.status != "revoked" and penalty.window_closed_at is None
    assert window == (penalty.appeal_by if is_open else None)

    # A window without attempts is closed at once: nothing could be submitted in it.
    spent = sum(appeal.status == "rejected" for appeal in appeals)
    assert spent < 3 or penalty.status == "revoked" or penalty.window_closed_at is not None


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 40)), min_size=5, max_size=30))
def test_no_sequence_of_moves_breaks_what_must_hold(db, steps):
    with transaction.atomic():
        reviewers = (make_reviewer("Li"), make_reviewer("Wang"))
        now = moment("2026-03-02T10:00+08:00")
        penalty = penalty_issued(now)
        for verb, hours in steps:
            now += timedelta(hours=hours, minutes=1)
            with contextlib.suppress(PortalError):
                perform(verb, penalty, reviewers, now)
            check_what_must_hold(penalty)
        transaction.set_rollback(True)
