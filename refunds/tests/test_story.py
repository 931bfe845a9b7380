"""One refund through everything that can happen to it."""

from decimal import Decimal

import pytest

from complaints import services as complaints
from complaints.tests.factories import consumer_actor, file_at, handle_at, make_picture, member_actor, moment
from deadlines.models import Deadline
from refunds import services
from refunds.fund import Balance, balance_of
from refunds.models import NoRefundClaim, RefundCase
from refunds.tests.making import claim_at, fund_at, refund_at, rule_at, staff

pytestmark = pytest.mark.django_db


def test_a_refund_is_ruled_due_refused_overruled_paid_returned_and_dropped():
    complaint = file_at("2026-11-20T02:00Z", trade_amount=Decimal("100.00"))
    rule_at("2026-11-20T05:00Z", claim_at("2026-11-20T03:00Z", complaint))
    case = RefundCase.objects.get()
    assert (case.status, case.round, case.refund_by) == ("due", 1, moment("2026-11-27T05:00Z"))

    member = member_actor(complaint.merchant)
    picture = make_picture(complaint.merchant)
    refusal = services.refuse(case.pk, "It came.", evidence=[picture], actor=member, now=moment("2026-11-21T05:00Z"))
    assert not Deadline.objects.filter(kind="refund").exists()
    rule_at("2026-11-22T05:00Z", refusal)
    case.refresh_from_db()
    assert (case.status, case.round, case.refund_by) == ("due", 2, moment("2026-11-29T05:00Z"))

    account = fund_at("2026-11-22T06:00Z", complaint.merchant, "200.00")
    paid = refund_at("2026-11-23T06:00Z", case, "100.00")
    complaint.refresh_from_db()
    assert complaint.status == "finished"
    assert balance_of(account) == Balance(Decimal("133.33"), Decimal("26.67"), Decimal("60.00"))

    services.reverse_refund(paid.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-24T06:00Z"))
    case.refresh_from_db()
    assert (case.status, case.round, case.refund_by) == ("due", 3, moment("2026-12-01T06:00Z"))
    assert balance_of(account) == Balance(Decimal("200.00"), Decimal("60.00"), Decimal("60.00"))

    now = moment("2026-11-25T00:00Z")
    complaints.cancel(complaint.pk, reason="Solved.", actor=consumer_actor(complaint), now=now)
    case.refresh_from_db()
    assert (case.status, case.ended_at) == ("waived", now)
    assert not Deadline.objects.filter(kind="refund").exists()


def test_a_complaint_is_handled_from_the_fund():
    complaint = file_at("2026-11-20T02:00Z", trade_amount=Decimal("100.00"))
    account = fund_at("2026-11-20T02:30Z", complaint.merchant, "100.00")
    handle_at("2026-11-20T03:00Z", complaint, "fund_refund")

    complaint.refresh_from_db()
    assert complaint.status == "handled"
    assert not NoRefundClaim.objects.exists()
    assert balance_of(account) == Balance(Decimal("30.00"), Decimal("0.00"), Decimal("30.00"))
