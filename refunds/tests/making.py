"""Test data of this app: cases in every state, through the verbs of the product. Dates are arguments."""

import itertools
from datetime import datetime
from decimal import Decimal

from common.actors import Actor, ActorKind
from complaints.models import Complaint, Method
from complaints.tests.factories import file_at, handle_at, make_picture, make_user, member_actor, moment
from merchants.models import Merchant, MiniProgram
from refunds import services
from refunds.models import GuaranteeAccount, NoRefundClaim, Refund, RefundCase
from refunds.permissions import APPROVE, DECIDE, RECORD

_keys = itertools.count(1)


def staff(name: str = "Xiao Er", *grants: str) -> Actor:
    """A person of support staff, with a row of their own, who may do all that this app lets staff do."""
    user = make_user(first_name=name)
    return Actor(kind=ActorKind.STAFF, name=name, id=user.pk, grants=frozenset(grants or (DECIDE, RECORD, APPROVE)))


def claim_at(handled_at: str, complaint: Complaint | None = None) -> NoRefundClaim:
    """Handle a complaint without refunding, and return the claim that staff now review."""
    complaint = complaint or file_at(moment(handled_at))
    handle_at(handled_at, complaint, Method.SHIPPED)
    return NoRefundClaim.objects.get(complaint=complaint)


def rule_at(ruled_at: str, claim: NoRefundClaim, verb: str = "overrule", *, by: Actor | None = None) -> NoRefundClaim:
    """Claim a review and rule on it at this moment."""
    by = by or staff()
    now = moment(ruled_at)
    services.claim(claim.pk, actor=by, now=now)
    reason = {"accept": "delivered", "overrule": "not_proven"}[verb]
    ruling = services.Ruling(reason_code=reason, message="We looked at it.")
    return {"accept": services.accept, "overrule": services.overrule}[verb](claim.pk, ruling, actor=by, now=now)


def case_at(
    ruled_at: str, *, program: MiniProgram | None = None, amount: str = "128.00", handled_at: str = ""
) -> RefundCase:
    """A refund of this amount that staff ruled due at this moment, filed and handled just then unless told."""
    complaint = file_at(moment(handled_at or ruled_at), program, trade_amount=Decimal(amount))
    rule_at(ruled_at, claim_at(handled_at or ruled_at, complaint))
    return RefundCase.objects.get(complaint=complaint)


def fund_at(at: str | datetime, merchant: Merchant, amount: str) -> GuaranteeAccount:
    """Put a merchant into the guarantee plan, unless they are in it, and top the deposit up."""
    now = moment(at) if isinstance(at, str) else at
    account = GuaranteeAccount.objects.filter(merchant=merchant).first()
    account = account or services.enrol(merchant.pk, actor=member_actor(merchant), now=now)
    number = f"made-{next(_keys)}"
    top_up = services.record_top_up(account.pk, Decimal(amount), bank_reference=number, actor=staff(), now=now)
    if top_up.status == "pending":
        services.approve_top_up(top_up.pk, actor=staff("Second"), now=now)
    return account


def refund_at(
    at: str, case: RefundCase, amount: str, *, channel: str = "fund", key: str = "", reference: str = ""
) -> Refund:
    """Refund this much of a case at this moment, by a request of its own unless a key is given."""
    given = services.RefundInput(
        channel=channel,
        amount=Decimal(amount),
        request_key=key or f"key-{next(_keys)}",
        reference=reference,
        evidence=(make_picture(case.merchant),) if channel == "elsewhere" else (),
    )
    return services.refund(case.pk, given, actor=member_actor(case.merchant), now=moment(at))
