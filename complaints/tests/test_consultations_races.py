"""Two about one consultation at the same moment, on two real connections; beside them, the same without the lock."""

from functools import partial
from threading import Event

import pytest
from django.db import transaction

from common.errors import IllegalMove
from complaints.consultations import services
from complaints.consultations.services import Question
from complaints.models import Complaint, Consultation, ConsultationLine
from complaints.tests.consumers import actor_of, asked_at
from complaints.tests.factories import make_filing, make_program, member_actor, moment, platform_actor
from complaints.tests.racing import PATIENCE, collide, started, until_waiting
from deadlines.models import Deadline
from notifications import models as told

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = "2026-03-02T09:00+08:00"
AT = moment("2026-03-03T09:00+08:00")
ROUNDS = 4


def open_one() -> Consultation:
    return asked_at(ASKED, make_program())


def collided(consultation: Consultation, *calls):
    """Let calls meet at the row; return those that were made, and the refusals."""
    outcomes = collide(Consultation.objects.filter(pk=consultation.pk), *calls)
    refusals = [each for each in outcomes if isinstance(each, Exception)]
    return [each for each in outcomes if not isinstance(each, Exception)], refusals


def reply(consultation: Consultation, text: str):
    return partial(services.reply, consultation.pk, text, actor=member_actor(consultation.merchant), now=AT)


def close(consultation: Consultation):
    return partial(services.close, consultation.pk, actor=actor_of(consultation), now=AT)


def complain(consultation: Consultation):
    filing = make_filing(consultation.mini_program)
    return partial(services.complain, consultation.pk, filing, actor=actor_of(consultation), now=AT)


def events(consultation: Consultation) -> list[str]:
    found = told.Event.objects.filter(subject_id=consultation.pk, name__startswith="consultation.").order_by("pk")
    return [event.name.partition(".")[2] for event in found]


def test_two_replies_are_both_sent_one_after_the_other():
    for _round in range(ROUNDS):
        asked = open_one()
        made, refusals = collided(asked, reply(asked, "Tomorrow."), reply(asked, "On Friday."))
        assert (len(made), refusals) == (2, [])
        assert {line.text for line in asked.lines.all()} == {"Tomorrow.", "On Friday."}
        assert events(asked) == ["asked", "replied", "replied"]


def test_a_reply_and_the_end_leave_no_reply_after_the_end():
    for _round in range(ROUNDS):
        asked = open_one()
        _made, refusals = collided(asked, close(asked), reply(asked, "Tomorrow."))
        asked.refresh_from_db()
        verbs = [line.verb for line in asked.lines.order_by("pk")]
        assert (asked.status, verbs[-1]) == ("closed", "close")
        assert [type(each) for each in refusals] == [IllegalMove] * (2 - len(verbs))


def test_without_the_lock_a_reply_opens_again_what_was_closed(monkeypatch):
    monkeypatch.setattr(services, "_lock", lambda number: Consultation.objects.get(pk=number))
    asked = open_one()
    made, refusals = collided(asked, close(asked), reply(asked, "Tomorrow."))
    asked.refresh_from_db()
    assert (len(made), refusals) == (2, [])
    assert asked.status == "answered"
    assert asked.lines.filter(verb="close").exists()


def test_complaining_twice_makes_one_complaint():
    for _round in range(ROUNDS):
        asked = open_one()
        (complaint,), (refusal,) = collided(asked, complain(asked), complain(asked))
        assert isinstance(refusal, IllegalMove)
        assert Complaint.objects.filter(mini_program=asked.mini_program).count() == 1
        assert Deadline.objects.filter(kind="handle", subject_id=complaint.pk).count() == 1
        assert events(asked) == ["asked", "became_complaint"]


def test_without_the_lock_complaining_twice_makes_two(monkeypatch):
    monkeypatch.setattr(services, "_lock", lambda number: Consultation.objects.get(pk=number))
    asked = open_one()
    made, _refusals = collided(asked, complain(asked), complain(asked))
    assert len(made) == 2
    assert Complaint.objects.count() == 2


def test_the_same_upstream_id_at_once_is_one_consultation():
    program = make_program()
    question = Question(app_id=program.app_id, text="When?", upstream_id="ask-1")
    by = platform_actor(program.platform)
    let_go = Event()

    def call():
        let_go.wait(PATIENCE)
        return services.ask(question, platform_id=program.platform_id, actor=by, now=AT)

    waiting = Consultation(
        consultation_no="0" * 20,
        platform=program.platform,
        merchant=program.merchant,
        mini_program=program,
        upstream_id="ask-1",
        text="When?",
        asked_at=AT,
        waiting_since=AT,
    )
    with started(call, call) as calls:
        with transaction.atomic():
            waiting.save()  # both wait to see what becomes of it
            let_go.set()
            until_waiting(2)
            transaction.set_rollback(True)
        outcomes = [each.result(timeout=PATIENCE) for each in calls]
    assert sorted(each.is_new for each in outcomes) == [False, True]
    assert len({each.consultation.pk for each in outcomes}) == 1
    assert Consultation.objects.count() == 1
    assert told.Event.objects.count() == 1
    assert not ConsultationLine.objects.exists()
