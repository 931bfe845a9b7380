"""Whether consumers can reach a merchant, and how many complaints said that they could not."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Q, QuerySet, When

from common.written import written
from complaints.models import Complaint
from merchants.contacts import Contact, contact_of, programs_of
from merchants.models import MiniProgram

LOOKED_BACK = timedelta(days=30)
MOST_LOOKED_AT = 20_000
"""So many of the newest complaints are looked at; more would say the same."""

UNREACHABLE = (
    "联系不上",
    "联系不到",
    "无法联系",
    "没有客服",
    "无客服",
    "找不到客服",
    "客服不回复",
    "客服无回应",
    "电话打不通",
    "电话占线",
    "无人接听",
    "没人接",
    "没人理",
    "没人回复",
    "cannot reach",
    "can't reach",
    "unreachable",
    "no response",
    "nobody answers",
)
"""Words by which consumers say that they could not reach the merchant, in the dispute type or in their own words."""
SAID = "|".join(re.escape(words) for words in UNREACHABLE)
UNREACHED = Q(contact=None) | Q(contact__phone="", contact__url="")
"""Matches mini programs about which consumers reach nobody (see `Contact`)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How consumers reach the merchant about one mini program, and how many complaints said that they could not."""

    program: MiniProgram
    contact: Contact
    unreachable: int


def reach_of(merchant_id: int, *, now: datetime, shown: int) -> list[Reach]:
    """Return how each mini program is reached: those without a contact first, then by how many could not reach it."""
    counts = unreachable_counts(merchant_id, now=now)
    programs = programs_of(merchant_id).order_by(Case(When(UNREACHED, then=0), default=1), "name", "pk")[:shown]
    found = [Reach(each, contact_of(each), counts.get(each.pk, 0)) for each in programs]
    return sorted(found, key=lambda each: (bool(each.contact), -each.unreachable))


def unreachable_counts(merchant_id: int, *, now: datetime) -> dict[int, int]:
    """Count, by mini program, the complaints of the last 30 days that said there was no way to reach the merchant."""
    said = Complaint.objects.filter(said_unreachable(), pk__in=newest_of(merchant_id, now=now).values("pk"))
    return dict(said.order_by().values_list("mini_program_id").annotate(number=Count("pk")))


def newest_of(merchant_id: int, *, now: datetime) -> QuerySet[Complaint]:
    """Return the complaints of the last 30 days, no more than are looked at."""
    filed = Complaint.objects.filter(merchant_id=merchant_id, filed_at__gte=now - LOOKED_BACK, filed_at__lte=now)
    return filed.order_by("-filed_at", "-pk")[:MOST_LOOKED_AT]


def said_unreachable() -> Q:
    """Match complaints whose type or words say that the merchant could not be reached."""
    return Q(dispute_type__iregex=SAID) | Q(description__iregex=SAID)


def without_contact(merchant_id: int) -> int:
    """Count the mini programs of a merchant about which consumers cannot reach anybody."""
    return sum(_unreached(merchant_id))


@written
def _unreached(merchant_id: int) -> QuerySet[MiniProgram, int]:
    unreached = MiniProgram.objects.filter(UNREACHED, merchant_id=merchant_id)
    return unreached.values("merchant_id").annotate(number=Count("pk")).values_list("number", flat=True).order_by()
