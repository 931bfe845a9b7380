"""What a person says twice in one breath is said once; what was meant twice stands twice."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.urls import reverse

from common.actors import Actor, ActorKind
from complaints import services as verbs
from complaints.consultations import services as consultations
from complaints.models import Complaint, Consultation, ConsultationLine, InternalLine, Message
from complaints.services import leave_message
from complaints.tests.consumers import actor_of, asked_at
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    file_at,
    make_picture,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import browser, make_shop
from complaints.tests.racing import collide
from complaints.workspace import notes
from evidence.models import Evidence
from merchants.models import Grant
from notifications.models import Event

FILED = "2026-11-20T02:00Z"
NOW = moment("2026-11-20T03:00Z")
SOON = NOW + timedelta(seconds=9)
LATER = NOW + timedelta(seconds=10)


@pytest.fixture
def complaint(db) -> Complaint:
    return file_at(FILED)


@pytest.fixture
def asked(db) -> Consultation:
    return asked_at(FILED, make_program())


def same_picture(picture: Evidence) -> Evidence:
    """The same file, uploaded a second time."""
    again = make_picture(picture.merchant) if picture.merchant else picture
    Evidence.objects.filter(pk=again.pk).update(sent_sha256=picture.sent_sha256)
    again.refresh_from_db()
    return again


def told(name: str) -> int:
    return Event.objects.filter(name=name).count()


@pytest.mark.parametrize("who", ["member", "consumer", "staff"])
def test_a_message_that_is_sent_twice_is_one_and_is_told_once(complaint, who):
    actor = {"member": member_actor(complaint.merchant), "consumer": consumer_actor(complaint), "staff": STAFF}[who]
    first = leave_message(complaint.pk, "Hello.", actor=actor, now=NOW)
    assert leave_message(complaint.pk, " Hello. ", actor=actor, now=SOON) == first
    assert (Message.objects.count(), told("complaint.message_left")) == (1, 1)
    leave_message(complaint.pk, "Hello.", actor=actor, now=LATER)
    assert (Message.objects.count(), told("complaint.message_left")) == (2, 2)


def test_other_words_another_person_and_another_case_are_messages_of_their_own(complaint):
    li = member_actor(complaint.merchant)
    han = Actor(**{name: getattr(li, name) for name in Actor.__slots__} | {"id": 2, "name": "Han"})
    for text, actor in [("Hello.", li), ("Hello!", li), ("Hello.", han), ("Hello.", consumer_actor(complaint))]:
        leave_message(complaint.pk, text, actor=actor, now=NOW)
    other = file_at(FILED, complaint.mini_program)
    leave_message(other.pk, "Hello.", actor=li, now=NOW)
    assert (complaint.messages.count(), other.messages.count()) == (4, 1)


def test_a_program_passes_on_what_was_said_as_often_as_it_was_said(complaint):
    erp = Actor(ActorKind.MERCHANT, "ERP", id=3, merchant_id=complaint.merchant_id, grants=frozenset(Grant))
    for actor in (erp, platform_actor(complaint.platform)):
        for _time in range(2):
            leave_message(complaint.pk, "Hello?", actor=actor, now=NOW)
    assert Message.objects.count() == 4


def test_the_same_pictures_uploaded_twice_are_one_message_and_others_are_not_lost(complaint):
    actor, picture = member_actor(complaint.merchant), make_picture(complaint.merchant)
    say = partial(leave_message, complaint.pk, "See.", actor=actor)
    first = say(evidence=[picture], now=NOW)
    assert say(evidence=[same_picture(picture)], now=SOON) == first
    other = make_picture(complaint.merchant)
    assert list(say(evidence=[other], now=SOON).evidence.all()) == [other]
    assert say(evidence=[picture, other], now=SOON).evidence.count() == 2
    assert say(now=SOON).evidence.count() == 0
    assert list(say(evidence=[same_picture(other)], now=SOON).evidence.all()) == [other]
    assert Message.objects.count() == 4


@pytest.mark.django_db
def test_on_the_page_two_clicks_are_one_message_with_one_answer():
    shop = make_shop()
    complaint = shop.files(FILED)
    with browser(shop.administrator, NOW.isoformat()) as client:
        for text in ("Hello.", "Hello.", "Hello?"):
            sent = client.post(reverse("complaints:leave_message", args=[complaint.complaint_no]), {"text": text})
            assert sent.status_code == 302
        page = client.get(sent.headers["Location"]).content.decode()
    assert [message.text for message in complaint.messages.order_by("pk")] == ["Hello.", "Hello?"]
    assert page.count("The message was left.") == 1


def test_a_note_that_is_sent_twice_is_one(complaint):
    actor = member_actor(complaint.merchant)
    first = notes.write_note(complaint.pk, "Rings at noon.", actor=actor, now=NOW)
    assert notes.write_note(complaint.pk, "Rings at noon.", actor=actor, now=SOON) == first
    assert notes.write_note(complaint.pk, "Rings at noon.", actor=actor, now=LATER) != first
    assert InternalLine.objects.count() == 2


def test_a_reply_and_a_question_that_are_sent_twice_are_one(asked):
    member = member_actor(asked.merchant)
    for now in (NOW, SOON):
        replied = consultations.reply(asked.pk, "Tomorrow.", actor=member, now=now)
    assert (replied.status, replied.answered_at) == ("answered", NOW)
    for now in (NOW, SOON):
        again = consultations.ask_again(asked.pk, "Really?", actor=actor_of(asked), now=now)
    assert (again.status, again.waiting_since) == ("open", NOW)
    assert [line.text for line in asked.lines.order_by("pk")] == ["Tomorrow.", "Really?"]
    assert (told("consultation.replied"), told("consultation.asked_again")) == (1, 1)


class TestAtTheSameMoment:
    """Both clicks on two real connections; beside them, the same when nobody looks."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def calls(self) -> list[tuple[Any, Any, Any]]:
        complaint = file_at(FILED)
        member = member_actor(complaint.merchant)
        asked = asked_at(FILED, make_program())
        row, question = Complaint.objects.filter(pk=complaint.pk), Consultation.objects.filter(pk=asked.pk)
        by = member_actor(asked.merchant)
        return [
            (row, partial(leave_message, complaint.pk, "Hello.", actor=member, now=NOW), Message),
            (row, partial(notes.write_note, complaint.pk, "Hello.", actor=member, now=NOW), InternalLine),
            (question, partial(consultations.reply, asked.pk, "Hello.", actor=by, now=NOW), ConsultationLine),
        ]

    def test_one_is_written_down(self):
        for row, call, lines in self.calls():
            one, other = collide(row, call, call)
            assert one == other
            assert lines.objects.filter(text="Hello.").count() == 1

    def test_without_looking_two_are(self, monkeypatch):
        for module in (verbs, notes, consultations):
            monkeypatch.setattr(module, "said_just_now", lambda *_args, **_kwargs: None)
        for row, call, lines in self.calls():
            collide(row, call, call)
            assert lines.objects.filter(text="Hello.").count() == 2
