"""The demo data shows every state that complaints reach today, and is made by the verbs."""

import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings

from appeals.models import Appeal
from appeals.states import Status as AppealStatus
from common.wording import clock_face
from complaints.models import Complaint, Consultation, Handling, HistoryLine, Message
from complaints.states import Status
from complaints_portal import demo
from complaints_portal.demo import CASES
from complaints_portal.demo_appeals import APPEALED
from complaints_portal.demo_refunds import REFUNDED
from deadlines.models import Deadline, SweepRun
from merchants.models import AccessRequest, ApiKey, Invitation, Merchant, MiniProgram, User
from penalties.models import Penalty
from refunds.models import NoRefundClaim, Refund, RefundCase, TopUp
from refunds.states import CaseStatus, ClaimStatus

NOW = datetime(2026, 3, 17, 2, 0, tzinfo=UTC)
COMPLAINTS = len(CASES) + 1
"""One more was a consultation before."""
FAST = ["django.contrib.auth.hashers.MD5PasswordHasher"]

pytestmark = pytest.mark.django_db


def run(*arguments):
    out = io.StringIO()
    call_command("seed_demo", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture(scope="class")
def seeded(django_db_setup, django_db_blocker):
    """The demo data, made once for the tests that only look at it."""
    with django_db_blocker.unblock(), override_settings(PASSWORD_HASHERS=FAST), transaction.atomic():
        demo.seed(now=NOW)
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("seeded")
class TestWhatIsSeeded:
    def test_there_is_a_complaint_in_every_state_that_can_be_reached(self):
        assert set(Complaint.objects.values_list("status", flat=True)) == set(Status.values)

    def test_waiting_complaints_show_every_face_of_the_clock(self):
        clocks = Deadline.objects.filter(kind="handle").values_list("due_at", flat=True)
        assert {clock_face(due_at, now=NOW).state for due_at in clocks} == {"calm", "soon", "urgent", "missed"}

    def test_penalties_come_from_sweeps_with_an_explicit_cut_off(self):
        issued = [penalty.issued_at for penalty in Penalty.objects.all()]
        assert len(issued) == 4 + len(APPEALED) + 1
        assert set(issued) <= {NOW - timedelta(days=days) for days in range(1, 18)}
        assert set(SweepRun.objects.values_list("ran_by", flat=True)) == {"seed_demo"}
        assert Penalty.objects.exclude(window_closed_at=None).count() == 1

    def test_one_was_handled_late_and_one_withdrawn_late_and_both_are_penalised(self):
        assert Penalty.objects.filter(complaint__handling__in_time=False).count() == 1 + len(APPEALED)
        assert Penalty.objects.filter(complaint__status=Status.CANCELLED).count() == 1
        assert Complaint.objects.filter(status=Status.CANCELLED).count() == 3

    def test_there_is_an_appeal_in_every_state(self):
        assert Counter(Appeal.objects.values_list("status", flat=True)) == dict.fromkeys(AppealStatus.values, 1)
        assert Counter(Penalty.objects.values_list("status", flat=True)) == {
            "in_effect": 4 + 2 + 1,
            "under_appeal": 2,
            "revoked": 1,
        }
        assert all(appeal.evidence.exists() for appeal in Appeal.objects.all())

    def test_there_is_a_refund_in_every_state_and_a_claim_with_every_ruling(self):
        assert set(RefundCase.objects.values_list("status", flat=True)) == set(CaseStatus.values)
        assert set(NoRefundClaim.objects.values_list("status", flat=True)) == set(ClaimStatus.values)
        assert RefundCase.objects.count() == len(REFUNDED) - 2
        assert Penalty.objects.filter(kind="refund_overdue").count() == 1
        assert set(Refund.objects.values_list("channel", flat=True)) == {"fund", "elsewhere"}
        assert Counter(TopUp.objects.values_list("status", flat=True)) == {"credited": 2, "pending": 1}

    def test_both_sides_have_spoken_and_proof_has_pictures(self):
        assert set(Message.objects.values_list("role", flat=True)) == {"merchant", "consumer"}
        claims = Handling.objects.filter(refund_amount=None)
        assert claims.count() >= 4
        assert all(claim.evidence.exists() for claim in claims)

    def test_every_complaint_has_a_history_that_starts_with_its_filing(self):
        first = (
            HistoryLine.objects.order_by("complaint", "at", "id").distinct("complaint").values_list("verb", flat=True)
        )
        assert Counter(first) == {"file": Complaint.objects.count()}

    def test_there_is_a_consultation_in_every_state_and_one_became_a_complaint(self):
        assert Counter(Consultation.objects.values_list("status", flat=True)) == {"open": 4, "answered": 2, "closed": 2}
        assert Consultation.objects.exclude(complaint=None).count() == 1
        assert MiniProgram.objects.filter(contact=None).count() == 1

    def test_somebody_is_invited_and_somebody_asks(self):
        assert Invitation.objects.filter(accepted_at=None).count() == 1
        assert AccessRequest.objects.filter(decided_at=None).count() == 1

    def test_the_same_now_gives_the_same_cases(self):
        assert Complaint.objects.earliest("filed_at").trade_no == "202602282200036813893843"

    def test_the_logins_are_what_they_say(self):
        for login in demo.LOGINS:
            user = User.objects.get(username=login.username)
            assert user.check_password(demo.PASSWORD)
            assert user.is_staff == (not login.places)
            assert user.memberships.count() == len(login.places)


def test_the_command_prints_the_logins_and_a_key_once():
    first = run()
    key = ApiKey.objects.get()
    assert demo.PASSWORD in first
    assert f"cpk_{key.prefix}_" in first
    assert "/contact/demo/2021009900000101/" in first
    assert first.count("/c/") >= 3
    again = run("--if-empty")
    assert demo.PASSWORD in again
    assert "cpk_" not in again
    with pytest.raises(CommandError, match="there already"):
        run()
    assert Complaint.objects.count() == COMPLAINTS


def test_more_complaints_are_added_to_what_is_there():
    run("--complaints", "250")
    assert Complaint.objects.count() == COMPLAINTS + 250
    run("--complaints", "30")
    assert Complaint.objects.count() == COMPLAINTS + 280
    assert not Deadline.objects.filter(kind="handle", due_at__lt=SweepRun.objects.latest("cut_off").cut_off).exists()


def test_if_empty_leaves_a_database_in_use_alone():
    User.objects.create_user("somebody")
    assert run("--if-empty") == ""
    assert not Merchant.objects.exists()


def test_it_is_refused_in_production(settings):
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="known passwords"):
        run()
    assert run("--if-empty") == ""
    assert not User.objects.exists()
