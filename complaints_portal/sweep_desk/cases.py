"""From a kind of clock and the number of what it is about to the case, as staff know it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Max, Min, Model, QuerySet
from django.urls import reverse

from appeals.models import Appeal
from common.keyset import Page, Segment, keyset_page
from complaints.models import Complaint
from deadlines.models import Deadline, SweepRun
from notifications.models import Event
from penalties.models import Penalty
from penalties.revoking import penalties_of_run
from refunds.models import NoRefundClaim, RefundCase

May = Callable[[str], bool]
"""Say whether whoever looks has this permission."""
SIZE = 50


@dataclass(frozen=True, slots=True)
class Case:
    """What a clock is about: its number, the merchant, and its page, where whoever looks may open it."""

    subject_id: int
    number: str = ""
    merchant: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Noun:
    """Where cases of one noun stand; `number` and `merchant` are paths from its row."""

    model: type[Model]
    number: str
    merchant: str

    def found(self, ids: Collection[int], may: May) -> dict[int, Case]:
        options = self.model._meta  # noqa: SLF001 (Django's own API)
        page = f"admin:{options.app_label}_{options.model_name}_change"
        is_open = may(f"{options.app_label}.view_{options.model_name}")
        rows = self.model._default_manager.filter(pk__in=ids).values_list("pk", self.number, self.merchant)  # noqa: SLF001
        return {
            pk: Case(pk, str(number), merchant, reverse(page, args=[pk]) if is_open else "")
            for pk, number, merchant in rows
        }


COMPLAINT = Noun(Complaint, "complaint_no", "merchant__name")
PENALTY = Noun(Penalty, "penalty_no", "merchant__name")
REFUND_CASE = Noun(RefundCase, "case_no", "merchant__name")
APPEAL = Noun(Appeal, "penalty__penalty_no", "penalty__merchant__name")
CLAIM = Noun(NoRefundClaim, "complaint__complaint_no", "merchant__name")

NOUNS: Mapping[str, tuple[Noun, ...]] = {
    Deadline.Kind.HANDLE: (COMPLAINT,),
    Deadline.Kind.REFUND: (REFUND_CASE,),
    Deadline.Kind.APPEAL: (PENALTY,),
    Deadline.Kind.REVIEW: (APPEAL, CLAIM),  # their numbers come from one sequence
    Deadline.Kind.SUPPLEMENT: (APPEAL,),
    Deadline.Kind.FINISH: (COMPLAINT,),
}
EVENTS: Mapping[str, str] = {
    Deadline.Kind.APPEAL: "penalty.window_closed",
    Deadline.Kind.REVIEW: "review.overdue",
    Deadline.Kind.SUPPLEMENT: "appeal.goes_on",
    Deadline.Kind.FINISH: "complaint.finished",
}
"""What a sweep of each other kind leaves behind, with the moment of its run. Penalties name their run themselves."""


def cases_of(kind: str, ids: Collection[int], may: May) -> list[Case]:
    """Return what clocks of a kind are about, in the given order; a case that does not exist has only its number."""
    found: dict[int, Case] = {}
    for noun in NOUNS[kind]:
        found |= noun.found(ids, may)
    return [found.get(subject_id) or Case(subject_id) for subject_id in ids]


@dataclass(frozen=True, slots=True)
class Acted:
    """One page of what a run acted on: penalties that it issued, or else cases."""

    page: Page[Any]
    penalties: list[Penalty]
    cases: list[Case]


def acted_on(run: SweepRun, *, cursor: str, may: May) -> Acted:
    """Return a page of what a run acted on. Refuses a cursor that no page gave out."""
    if run.kind in EVENTS:
        page = _page(Event.objects.filter(name=EVENTS[run.kind], at=run.issued_at), cursor)
        return Acted(page, [], cases_of(run.kind, [event.subject_id for event in page.rows], may))
    page = _page(penalties_of_run(run).select_related("merchant"), cursor)
    return Acted(page, page.rows, [])


def penalties_page(rows: QuerySet[Penalty], cursor: str) -> Page[Penalty]:
    """Return a page of many penalties that an index finds by the moment they carry."""
    return _page(rows.select_related("merchant"), cursor)


def _page(rows: QuerySet[Any], cursor: str) -> Page[Any]:
    """Return a page in the order of the numbers, between the first and the last that belong to it.

    Without these two the planner may walk along the primary key through millions of rows of other runs. The sums keep
    it from doing the same to find them.
    """
    ends = rows.order_by().aggregate(first=Min(F("pk") + 0), last=Max(F("pk") + 0))
    if ends["first"] is None:
        return Page(rows=[], previous=None, next=None)
    return keyset_page([Segment(rows.filter(pk__range=(ends["first"], ends["last"])), "id")], cursor=cursor, size=SIZE)
