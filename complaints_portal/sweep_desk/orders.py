"""Extensions and amnesties, as the desk sees them: two things for many cases, with the same steps and other verbs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.actors import Actor, ActorKind
from common.errors import Conflict
from common.keyset import Page, Segment, keyset_page
from complaints import extending
from complaints_portal.sweep_desk.cases import SIZE, Case, May, cases_of, penalties_page
from complaints_portal.sweep_desk.forms import AmnestyForm, ExtensionForm
from complaints_portal.sweep_desk.words import KINDS
from deadlines.models import Extended, Extension, FourEyes
from merchants.models import Merchant, User
from penalties import amnesty
from penalties.amnesty import Which, which_of
from penalties.models import Amnesty, Penalty
from penalties.states import Status as PenaltyStatus

TOP = 10
"""So many merchants are named, the ones with the most cases."""
FIRST = 5
"""So many of the first cases of each kind are shown."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One clock before and after."""

    case: Case
    kind: str
    due_before: datetime
    due_after: datetime


@dataclass(frozen=True, slots=True)
class Preview:
    """What something would do now: how many cases, told apart, whose they are, and the first of them."""

    total: int
    tally: list[tuple[Any, int]]
    merchants: list[tuple[str, int]]
    shifts: list[Shown] = field(default_factory=list)
    penalties: list[Penalty] = field(default_factory=list)
    overlapping: list[Extension] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One of the two nouns, with its verbs."""

    name: str
    title: Promise
    new: Promise
    about: Promise
    model: type[FourEyes]
    form: type[ExtensionForm] | type[AmnestyForm]
    command: str
    preview: Callable[[Any, datetime, May], Preview]
    """What a valid form would do."""
    preview_made: Callable[[Any, datetime, May], Preview]
    """What somebody proposed would do now: the second person looks at it as the first one did."""
    propose: Callable[..., FourEyes]
    decide: Callable[..., FourEyes]
    carry_out: Callable[..., FourEyes]
    done_so_far: Callable[[Any], int]
    rows: Callable[[Any, str, datetime, May], tuple[Page[Any], list[Shown]]]

    @property
    def part(self) -> str:
        """What a row's number is called in addresses."""
        return f"{self.name}_id"

    def propose_as_seen(self, form: Any, seen: int, *, reason: str, actor: Actor, now: datetime) -> FourEyes:
        """Propose what was looked at. Refuses with `Conflict` when that changed meanwhile, and as the verb does."""
        with transaction.atomic():
            made = self.propose(form, reason=reason, actor=actor, now=now)
            if made.counted != seen:
                text = _("Meanwhile this changed: it was about %(before)d cases, and is about %(now)d. Look again.")
                raise Conflict(text % {"before": seen, "now": made.counted}, code="changed_meanwhile")
        return made


def _preview_extension(form: ExtensionForm, now: datetime, may: May) -> Preview:
    given = form.cleaned_data
    return _look_at_extension((given["began_at"], given["ended_at"], given["kinds"]), now, may)


def _look_at_extension(what: tuple[datetime, datetime, list[str]], now: datetime, may: May, own: int = 0) -> Preview:
    counts = extending.preview(*what, now=now)
    by_merchant = extending.count_by_merchant(*what, now=now, first=TOP)
    shifts = extending.first_shifts(*what, now=now, first=FIRST)
    return Preview(
        total=sum(counts.values()),
        tally=[(capfirst(str(KINDS[kind])), number) for kind, number in counts.items()],
        merchants=_named(by_merchant),
        shifts=_with_cases(shifts, may),
        overlapping=list(extending.overlapping(*what).exclude(pk=own)[:TOP]),
    )


def _propose_extension(form: ExtensionForm, *, reason: str, actor: Actor, now: datetime) -> Extension:
    given = form.cleaned_data
    return extending.propose(given["began_at"], given["ended_at"], given["kinds"], reason=reason, actor=actor, now=now)


def _moved(extension: Extension, cursor: str, now: datetime, may: May) -> tuple[Page[Any], list[Shown]]:
    """Return a page of the clocks that an extension moved, along the index that keeps it from moving one twice."""
    rows = Extended.objects.filter(extension=extension)
    kinds = [kind for kind in extending.movable_kinds() if kind in extension.kinds]
    page = keyset_page([Segment(rows.filter(kind=kind), "subject_id") for kind in kinds], cursor=cursor, size=SIZE)
    return page, _with_cases(page.rows, may)


def _preview_amnesty(form: AmnestyForm, now: datetime, may: May) -> Preview:
    amnesty.require_a_past(form.which(), now=now)
    return _look_at_amnesty(form.which())


def _look_at_amnesty(which: Which) -> Preview:
    found = amnesty.preview(which)
    going = which.penalties().filter(status=PenaltyStatus.IN_EFFECT)
    merchants = going.order_by().values_list("merchant_id").annotate(number=Count("pk"))
    return Preview(
        total=found.in_effect,
        tally=[
            (_("penalties to revoke"), found.in_effect),
            (_("points to give back"), found.points),
            (_("merchants"), found.merchants),
            (_("under appeal, will be left"), found.under_appeal),
            (_("revoked already"), found.revoked),
        ],
        merchants=_named(list(merchants.order_by("-number", "merchant_id")[:TOP])),
        penalties=list(going.select_related("merchant").order_by("missed_at", "pk")[: 2 * FIRST]),
    )


def _propose_amnesty(form: AmnestyForm, *, reason: str, actor: Actor, now: datetime) -> Amnesty:
    return amnesty.propose(form.which(), reason=reason, actor=actor, now=now)


def _forgiven(record: Amnesty, cursor: str, now: datetime, may: May) -> tuple[Page[Any], list[Shown]]:
    """Return a page of the penalties that an amnesty names."""
    rows = which_of(record).penalties().filter(issued_at__lte=record.done_at or now)
    return penalties_page(rows, cursor), []


def _named(counts: list[tuple[int, int]]) -> list[tuple[str, int]]:
    """Give merchants their names, in one statement."""
    names = dict(Merchant.objects.filter(pk__in=[pk for pk, _number in counts]).values_list("pk", "name"))
    return [(names.get(pk, str(pk)), number) for pk, number in counts]


def _with_cases(rows: list[Any], may: May) -> list[Shown]:
    """Give moved clocks the cases that they are about, in one statement for each kind."""
    by_kind: dict[str, list[int]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row.subject_id)
    cases = {
        (kind, case.subject_id): case for kind, numbers in by_kind.items() for case in cases_of(kind, numbers, may)
    }
    return [
        Shown(cases[row.kind, row.subject_id], capfirst(str(KINDS[row.kind])), row.due_before, row.due_after)
        for row in rows
    ]


EXTENSION = Order(
    name="extension",
    title=gettext_lazy("Extensions"),
    new=gettext_lazy("Give time back"),
    about=gettext_lazy(
        "The portal was away: every clock that ran then gets as much time as it lost. What was penalised before stays "
        "so; that is for an amnesty."
    ),
    model=Extension,
    form=ExtensionForm,
    command="extend",
    preview=_preview_extension,
    preview_made=lambda made, now, may: _look_at_extension(
        (made.began_at, made.ended_at, made.kinds), now, may, made.pk
    ),
    propose=_propose_extension,
    decide=extending.decide,
    carry_out=extending.carry_out,
    done_so_far=lambda extension: extension.moved.count(),
    rows=_moved,
)
AMNESTY = Order(
    name="amnesty",
    title=gettext_lazy("Amnesties"),
    new=gettext_lazy("Forgive what was missed"),
    about=gettext_lazy(
        "Penalties in effect are revoked and their points given back, when the platform was at fault. Those under "
        "appeal are left to the review."
    ),
    model=Amnesty,
    form=AmnestyForm,
    command="amnesty",
    preview=_preview_amnesty,
    preview_made=lambda made, now, may: _look_at_amnesty(which_of(made)),
    propose=_propose_amnesty,
    decide=amnesty.decide,
    carry_out=amnesty.carry_out,
    done_so_far=lambda record: record.done,
    rows=_forgiven,
)
ORDERS: Mapping[str, Order] = {order.name: order for order in (EXTENSION, AMNESTY)}


def person_now(user_id: int) -> Actor | None:
    """Return a person of the staff with the permissions that they have now; None when they are none any more."""
    user = User.objects.filter(pk=user_id, is_staff=True, is_active=True).first()
    if user is None:
        return None
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset(user.get_all_permissions()))
