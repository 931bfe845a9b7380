"""What tests of the claims desk share: people of the groups, claims of each kind, and knocking at the desk."""

from decimal import Decimal

from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from common.actors import Actor, ActorKind
from complaints import services as complaints
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import consumer_actor, file_at, handle_at, make_picture, make_user, member_actor, moment
from deadlines.models import Deadline
from merchants.models import User
from refunds import services
from refunds.models import NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.permissions import DECIDE
from refunds.tests.making import case_at

SUBMITTED = "2026-11-17T10:00+08:00"
NOW = "2026-11-18T10:00:00+08:00"
SOON_AFTER = "2026-11-18T10:00:10+08:00"

ACCEPT = {"reason_code": "delivered", "message": "It was delivered."}
OVERRULE = {"reason_code": "not_proven", "message": "The record shows another parcel.", "amount": "50.00"}


def member_of(group: str, name: str) -> User:
    user = make_user(name.lower(), first_name=name, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    return user


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return client


def acting(user: User) -> Actor:
    """The same person, for a verb."""
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset({DECIDE}))


def desk(claim: NoRefundClaim) -> str:
    return reverse("admin:refunds_norefundclaim_change", args=[claim.pk])


def act(client: Client, claim: NoRefundClaim, verb: str, at: str = NOW, **data: str):
    with freeze_time(moment(at)):
        return client.post(reverse("admin:refunds_norefundclaim_act", args=[claim.pk, verb]), data)


def look(client: Client, claim: NoRefundClaim, at: str = NOW, **query: str):
    with freeze_time(moment(at)):
        return client.get(desk(claim), query)


def text_of(response) -> str:
    text: str = response.content.decode()
    return text


def state(claim: NoRefundClaim):
    """Everything that a ruling would change."""
    models = (NoRefundClaim, Complaint, RefundCase, Refund, RefundedTrade)
    rows = [list(model.objects.order_by("pk").values()) for model in models]
    lines = list(HistoryLine.objects.order_by("pk").values_list("pk", flat=True))
    return rows, lines, list(Deadline.objects.order_by("pk").values_list("pk", "due_at"))


def contested_at(at: str, *, trade: str = "220.00", refunded: str = "110.00", asked: str = "220.00") -> NoRefundClaim:
    """A claim about a refund that the merchant named, and the consumer contested at this moment."""
    complaint = file_at(at, trade_amount=Decimal(trade), requested_refund_amount=Decimal(asked))
    handle_at(at, complaint, refund_amount=Decimal(refunded), refund_reference="RF-7")
    complaints.contest(complaint.pk, reason="Nothing came back.", actor=consumer_actor(complaint), now=moment(at))
    return NoRefundClaim.objects.get(complaint=complaint)


def refusal_at(at: str) -> NoRefundClaim:
    """A claim about the refusal of a pending refund, made at this moment."""
    case = case_at("2026-11-16T10:00+08:00")
    picture = make_picture(case.merchant)
    return services.refuse(case.pk, "It came.", evidence=[picture], actor=member_actor(case.merchant), now=moment(at))
