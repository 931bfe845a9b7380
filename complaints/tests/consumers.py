"""What tests of consumers' pages share: somebody with a link, on a phone, without an account."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.test import Client
from freezegun import freeze_time

from common.actors import Actor
from complaints.consultations import services as consultations
from complaints.consultations.services import Question
from complaints.consumer.links import Case, consumer_of, token_of
from complaints.models import Consultation
from complaints.tests.factories import member_actor, moment, platform_actor
from merchants.models import MiniProgram


@contextmanager
def phone(at: str | datetime, language: str = "en", **options: Any) -> Iterator[Client]:
    """The browser of a consumer at this moment; forged requests are refused as in production."""
    with freeze_time(at):
        yield Client(HTTP_ACCEPT_LANGUAGE=language, **options)


def page_of(case: Case, name: str = "", *, at: str = "") -> str:
    """The address of a case's page, or of what is below it, by a link made at this moment, or when it was filed."""
    made = moment(at) if at else (case.asked_at if isinstance(case, Consultation) else case.filed_at)
    return f"/c/{token_of(case, now=made)}/{name}"


def asked_at(at: str, program: MiniProgram, text: str = "When does it arrive?", **fields: Any) -> Consultation:
    """A consumer asks about this mini program at this moment, through the platform's systems."""
    question = Question(app_id=program.app_id, text=text, **fields)
    actor = platform_actor(program.platform)
    return consultations.ask(question, platform_id=program.platform_id, actor=actor, now=moment(at)).consultation


def answer_at(at: str, consultation: Consultation, text: str = "Tomorrow.", **fields: Any) -> None:
    """The shop replies at this moment."""
    actor = member_actor(consultation.merchant)
    consultations.reply(consultation.pk, text, actor=actor, now=moment(at), **fields)


def found(pattern: str, text: str) -> str:
    """The first group of what is found in a page; it must be there."""
    match = re.search(pattern, text)
    assert match, f"{pattern} is not there"
    return match[1]


def actor_of(case: Case) -> Actor:
    """The consumer of a case, as its link makes them."""
    return consumer_of(case)
