"""What programs are told about the guarantee plan: the account, its statement, and top-ups."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from common.policy import policy_at
from complaints.documents import YuanField, utc, yuan
from merchants.listing import NeighboursSerializer
from refunds.cases import ZERO
from refunds.documents import named
from refunds.models import Book, FundEntry, FundTransfer, GuaranteeAccount, TopUp
from refunds.plan_queries import standing_of
from refunds.states import TopUpStatus


class GuaranteeAccountSerializer(serializers.Serializer[Any]):
    """A merchant's place in the guarantee plan, and what it holds."""

    enrolled_at = serializers.DateTimeField()
    enrolled_by = serializers.CharField()
    deposit = YuanField()
    bonus = YuanField()
    bonus_granted = YuanField(help_text=_("All the bonus that top-ups brought so far."))
    bonus_left = YuanField(help_text=_("So much bonus top-ups can still bring."))
    bonus_percent = serializers.IntegerField(help_text=_("The bonus on each top-up, until none is left to get."))
    bonus_share = serializers.IntegerField(help_text=_("One part in so many of each refund is paid from the bonus."))


class StatementLineSerializer(serializers.Serializer[Any]):
    """One transfer: what it moved in the deposit and in the bonus, and what was held after it."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(FundTransfer.Kind.choices)
    deposit = YuanField(help_text=_("Below zero when it left the deposit."))
    bonus = YuanField(help_text=_("Below zero when it left the bonus."))
    deposit_after = YuanField()
    bonus_after = YuanField()
    by = serializers.CharField(help_text=_("Staff of the platform have no name here."))
    top_up_number = serializers.CharField(allow_null=True)
    refund_no = serializers.CharField(allow_null=True)
    case_no = serializers.CharField(allow_null=True)
    complaint_no = serializers.CharField(allow_null=True)
    reverses = serializers.IntegerField(allow_null=True, help_text=_("The line that it takes back."))


class StatementPageSerializer(NeighboursSerializer):
    """A page of the statement, newest first."""

    results = StatementLineSerializer(many=True)


class TopUpSerializer(serializers.Serializer[Any]):
    """Money that a merchant puts into the deposit."""

    number = serializers.CharField()
    url = serializers.CharField()
    status = serializers.ChoiceField(TopUpStatus.choices)
    channel = serializers.ChoiceField(TopUp.Channel.choices)
    amount = YuanField()
    bonus = YuanField(help_text=_("What it brought in bonus; zero until it is credited."))
    requested_at = serializers.DateTimeField()
    requested_by = serializers.CharField(help_text=_("Staff of the platform have no name here."))
    ended_at = serializers.DateTimeField(allow_null=True)
    bank_reference = serializers.CharField(help_text=_("The reference of a bank transfer."))
    reference = serializers.CharField(help_text=_("The number that the payment system gave it."))
    reason = serializers.CharField(help_text=_("Why it was declined or reversed, or what it waits for."))


class TopUpToPaySerializer(TopUpSerializer):
    """A top-up with the page on which it is paid."""

    pay_address = serializers.CharField(
        allow_null=True, help_text=_("Open it in a browser to pay. Null unless it waits to be paid online.")
    )


class TopUpPageSerializer(NeighboursSerializer):
    """A page of top-ups, newest first."""

    results = TopUpSerializer(many=True)


def account_document(account: GuaranteeAccount, *, now: datetime) -> dict[str, Any]:
    """Return what `GuaranteeAccountSerializer` describes, as it is now."""
    standing, policy = standing_of(account, now=now), policy_at(now)
    return {
        "enrolled_at": utc(account.enrolled_at),
        "enrolled_by": account.enrolled_by,
        "deposit": yuan(standing.balance.deposit),
        "bonus": yuan(standing.balance.bonus),
        "bonus_granted": yuan(standing.balance.granted),
        "bonus_left": yuan(standing.bonus_left),
        "bonus_percent": policy.bonus_percent,
        "bonus_share": policy.bonus_share,
    }


def line_documents(transfers: Iterable[Any]) -> list[dict[str, Any]]:
    """Return what `StatementLineSerializer` describes, of each transfer of a statement."""
    return [
        {
            "id": each.pk,
            "at": utc(each.at),
            "kind": each.kind,
            **{name: yuan(getattr(each, name)) for name in ("deposit", "bonus", "deposit_after", "bonus_after")},
            "by": named(each),
            "top_up_number": each.top_up and each.top_up.number,
            "refund_no": each.refund and each.refund.refund_no,
            "case_no": each.refund and each.refund.refund_case and each.refund.refund_case.case_no,
            "complaint_no": each.refund and each.refund.complaint.complaint_no,
            "reverses": each.reverses_id,
        }
        for each in transfers
    ]


def top_up_documents(top_ups: Iterable[TopUp]) -> list[dict[str, Any]]:
    """Return what `TopUpSerializer` describes, of each of these."""
    top_ups = list(top_ups)
    brought = FundEntry.objects.filter(
        book=Book.BONUS, transfer__kind=FundTransfer.Kind.BONUS, transfer__top_up__in=[each.pk for each in top_ups]
    )
    bonuses: dict[int, Decimal] = dict(brought.values_list("transfer__top_up", "amount"))
    return [
        {
            "number": each.number,
            "url": reverse("api:top_up", args=[each.number]),
            "status": each.status,
            "channel": each.channel,
            "amount": yuan(each.amount),
            "bonus": yuan(bonuses.get(each.pk, ZERO)),
            "requested_at": utc(each.requested_at),
            "requested_by": named(each),
            "ended_at": utc(each.ended_at),
            "bank_reference": each.bank_reference,
            "reference": each.reference,
            "reason": each.reason,
        }
        for each in top_ups
    ]
