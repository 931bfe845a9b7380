"""Migration 0002: a review for each complaint that went to staff before there were reviews. Dates are by hand."""

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from complaints import followers
from complaints import services as complaints
from complaints.intake import HandledElsewhere, file_complaints
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import (
    consumer_actor,
    file_at,
    handle_at,
    make_filing,
    make_picture,
    make_program,
    moment,
    platform_actor,
)
from complaints_portal.verifying import verify
from deadlines.models import Deadline, WorkDay
from refunds.claims import about
from refunds.models import NoRefundClaim, RefundCase, RulingTemplate
from refunds.reasons import REASONS_OF
from refunds.tests.making import rule_at

pytestmark = pytest.mark.django_db

migration: Any = import_module("refunds.migrations.0002_reviews_that_wait")

FILED = "2026-11-20T02:00Z"
HANDLED = "2026-11-20T03:00Z"
MIGRATED = "2026-11-26T09:00:00+08:00"  # a Thursday


@pytest.fixture
def before(monkeypatch):
    """The portal as it was: nobody follows when a complaint goes to staff."""
    monkeypatch.setattr(followers, "_followers", [])


def migrate(at: str = MIGRATED) -> None:
    """Run the migration's statement as if it ran at this moment."""
    with connection.cursor() as cursor:
        cursor.execute(migration.OPEN_REVIEWS.replace("now()", f"timestamptz '{at}'"))


def in_review() -> Complaint:
    complaint = file_at(FILED)
    handle_at(HANDLED, complaint, "shipped", note="Sent.", evidence=(make_picture(complaint.merchant),))
    return complaint


@pytest.mark.usefixtures("before")
def test_each_complaint_in_review_gets_a_claim_with_its_proof_and_its_clock():
    complaint = in_review()
    assert not NoRefundClaim.objects.exists()
    migrate()
    claim = NoRefundClaim.objects.get()
    assert (claim.complaint, claim.handling, claim.refund_case) == (complaint, complaint.handling, None)
    assert (claim.status, claim.text, claim.contested, about(claim)) == ("submitted", "Sent.", "", "handling")
    assert list(claim.evidence.all()) == list(complaint.handling.evidence.all()) != []
    assert (claim.merchant, claim.mini_program) == (complaint.merchant, complaint.mini_program)
    assert (claim.actor_kind, claim.actor_name) == ("member", "Li Lei")
    # Friday, Monday, Tuesday.
    due = moment("2026-12-01T23:59:59.999999+08:00")
    assert (claim.submitted_at, claim.review_by, claim.is_provisional) == (moment(MIGRATED), due, False)
    clock = Deadline.objects.get(kind="review")
    assert (clock.subject_id, clock.complaint_id, clock.due_at) == (claim.pk, complaint.pk, due)
    assert (clock.counted_from, clock.working_days, clock.is_provisional) == (moment(MIGRATED), 3, False)
    line = HistoryLine.objects.get(noun="no_refund_claim")
    assert (line.noun_id, line.verb, line.to_state, line.detail) == (
        claim.pk,
        "submit",
        "submitted",
        {"about": "handling"},
    )
    assert [finding.invariant.name for finding in verify() if finding.count] == []


@pytest.mark.usefixtures("before")
def test_a_contested_refund_keeps_what_the_consumer_said_last():
    complaint = file_at(FILED)
    handle_at(HANDLED, complaint)
    now = moment("2026-11-20T04:00Z")
    complaints.contest(complaint.pk, reason="Nothing arrived.", actor=consumer_actor(complaint), now=now)
    migrate()
    claim = NoRefundClaim.objects.get()
    assert (claim.contested, about(claim)) == ("Nothing arrived.", "contest")
    assert HistoryLine.objects.get(noun="no_refund_claim").detail == {"about": "contest"}


@pytest.mark.usefixtures("before")
def test_other_states_and_history_that_was_taken_in_get_none():
    program = make_program()
    file_at(FILED, program)
    handle_at(HANDLED, file_at(FILED, program))
    withdrawn = in_review()
    complaints.cancel(withdrawn.pk, reason="", actor=consumer_actor(withdrawn), now=moment("2026-11-20T04:00Z"))
    filing = make_filing(program, filed_at=moment(FILED), handled=HandledElsewhere("shipped", moment(HANDLED)))
    actor, now = platform_actor(program.platform), moment("2026-11-20T05:00Z")
    file_complaints([filing], platform_id=program.platform_id, actor=actor, now=now, is_history=True)
    assert Complaint.objects.filter(status="in_review").count() == 1
    migrate()
    assert not NoRefundClaim.objects.exists()
    assert not Deadline.objects.filter(kind="review").exists()


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize(
    ("at", "day", "is_provisional"),
    [
        ("2026-09-30T23:59:59+08:00", "2026-10-10", False),  # National Day, and the make-up Saturday
        ("2026-10-01T00:00:00+08:00", "2026-10-10", False),
        ("2026-12-28T09:00:00+08:00", "2026-12-31", False),
        ("2026-12-29T09:00:00+08:00", "2027-01-03", True),  # past what is published: moved when it is
    ],
)
def test_the_clock_counts_working_days(at, day, is_provisional):
    in_review()
    migrate(at)
    claim = NoRefundClaim.objects.get()
    assert (claim.review_by, claim.is_provisional) == (moment(f"{day}T23:59:59.999999+08:00"), is_provisional)


@pytest.mark.usefixtures("before")
def test_without_any_calendar_each_is_provisional():
    WorkDay.objects.all().delete()
    in_review()
    migrate()
    clock = Deadline.objects.get(kind="review")
    assert (clock.due_at, clock.is_provisional) == (moment("2026-12-01T23:59:59.999999+08:00"), True)


@pytest.mark.usefixtures("before")
def test_many_at_once_each_get_their_own_and_can_be_ruled_on():
    made = [in_review() for _ in range(5)]
    migrate()
    claims = NoRefundClaim.objects.order_by("complaint")
    assert [claim.complaint_id for claim in claims] == [complaint.pk for complaint in made]
    assert set(Deadline.objects.filter(kind="review").values_list("subject_id", flat=True)) == {
        claim.pk for claim in claims
    }
    rule_at("2026-11-27T09:00+08:00", claims[0])
    assert RefundCase.objects.get().complaint == made[0]
    assert not Deadline.objects.filter(kind="review", subject_id=claims[0].pk).exists()


def test_every_ruling_has_a_text_to_start_from_and_seeding_again_keeps_what_was_edited():
    seeded = set(RulingTemplate.objects.values_list("verb", "reason_code"))
    assert seeded == {(verb, str(reason)) for verb in ("accept", "overrule") for reason in REASONS_OF[verb]}
    RulingTemplate.objects.update(text_en="Edited.")
    migration.seed(apps, None)
    assert set(RulingTemplate.objects.values_list("text_en", flat=True)) == {"Edited."}
    assert RulingTemplate.objects.count() == len(seeded)
