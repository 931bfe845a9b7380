"""The doors of the desk: how the sweeps do, how each is to run, what one would do, and what a run did."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.admin import attempt
from common.keyset import Page
from complaints_portal.sweep_desk.cases import acted_on, cases_of
from complaints_portal.sweep_desk.figures import chart_of, hours_around, table_of
from complaints_portal.sweep_desk.forms import ControlForm, TrialForm
from complaints_portal.sweep_desk.frame import for_ops, for_viewers, page, who_and_when
from complaints_portal.sweep_desk.orders import ORDERS
from complaints_portal.sweep_desk.trying import FIRST, try_sweep
from complaints_portal.sweep_desk.words import DID, KINDS, LATE, about_words
from deadlines.control import controls, set_mode
from deadlines.models import FOUND_OR_RUNNING, FourEyes, OpsLine, SweepControl, SweepRun
from deadlines.overview import HOURS, Line, overview
from deadlines.sweeping import registered_kinds

NEWEST = 10
Mode = SweepControl.Mode
BUTTONS = {
    Mode.RUN: gettext_lazy("Let it run"),
    Mode.PAUSED: gettext_lazy("Pause"),
    Mode.SHADOW: gettext_lazy("Run in shadow"),
}


@for_viewers
def desk(request: HttpRequest) -> HttpResponse:
    """Show how each kind of sweep does, hour by hour, and what waits for somebody."""
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    kinds = registered_kinds()
    hours = hours_around(kinds, now=now)
    lines = overview(now=now)
    return page(
        request,
        "desk",
        title=_("Sweep desk"),
        tab="desk",
        cards=[{**shown(line), "chart": chart_of(line.kind, hours)} for line in lines],
        late=sum(line.late is not None for line in lines),
        hours=HOURS,
        kinds=[capfirst(KINDS[kind]) for kind in kinds],
        tables=[(_("Acted on"), table_of(hours.acted, kinds)), (_("Due"), table_of(hours.due, kinds))],
        runs=SweepRun.objects.filter(FOUND_OR_RUNNING).order_by("-started_at")[:NEWEST],
        did=[
            {"line": line, "did": DID.get(line.verb, line.verb), "about": about_words(line.about)}
            for line in OpsLine.objects.order_by("-at", "-pk")[:NEWEST]
        ],
        waiting=[
            (order, each)
            for order in ORDERS.values()
            for each in order.model._default_manager.filter(  # noqa: SLF001 (Django's own API)
                status__in=[FourEyes.Status.PROPOSED, FourEyes.Status.APPROVED]
            )
            .select_related("proposed_by", *(["sweep_run"] if order.name == "amnesty" else []))
            .order_by("-pk")[:NEWEST]
        ],
    )


def shown(line: Line) -> dict[str, Any]:
    """Return one kind in words."""
    return {
        "line": line,
        "label": capfirst(KINDS[line.kind]),
        "mode": Mode(line.mode).label,
        "late": LATE[line.late] if line.late else "",
        "modes": [(mode, label) for mode, label in BUTTONS.items() if mode != line.mode],
    }


@for_ops
def control(request: HttpRequest, kind: str) -> HttpResponse:
    """Pause a kind, let it run in shadow, or let it run again: with a reason."""
    if kind not in registered_kinds():
        raise Http404
    form = ControlForm(_sent(request), initial={"mode": request.GET.get("mode", "")})
    label = capfirst(KINDS[kind])

    def show(status: int = HTTPStatus.OK) -> HttpResponse:
        title = _("How it runs: %(kind)s") % {"kind": label}
        return page(request, "control", status, title=title, form=form, control=controls()[kind], label=label)

    def change(given: dict[str, Any]) -> HttpResponse:
        changed = set_mode(kind, given["mode"], reason=given["reason"], **who_and_when(request))
        text = _("%(kind)s: %(mode)s.") % {"kind": label, "mode": changed.get_mode_display()}
        messages.success(request, text)
        return redirect("admin:deadlines_sweeprun_desk")

    return _posted(request, form, change, show)


@for_ops
def dry_run(request: HttpRequest) -> HttpResponse:
    """Say what a sweep would do at a moment. It takes locks while it looks, so only ops may ask."""
    initial = {"kind": request.GET.get("kind", ""), "at": request.now}  # type: ignore[attr-defined]  # as above
    form = TrialForm(_sent(request), initial=initial)
    found: dict[str, Any] = {}

    def show(status: int = HTTPStatus.OK) -> HttpResponse:
        title = _("What a sweep would do")
        return page(request, "dry_run", status, title=title, tab="desk", form=form, first=FIRST, **found)

    def look(given: dict[str, Any]) -> HttpResponse:
        trial = try_sweep(given["kind"], at=given["at"], ran_by=str(request.user))
        found.update(
            trial=trial,
            at=given["at"],
            label=capfirst(KINDS[given["kind"]]),
            cases=cases_of(given["kind"], trial.first, request.user.has_perm),
            failures=_failures(given["kind"], trial.report.failures, request),
        )
        return show()

    return _posted(request, form, look, show)


@for_viewers
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Show what one run did, each case a link; of a shadow run, what it would have done."""
    record = get_object_or_404(SweepRun, pk=run_id)
    may = request.user.has_perm
    context: dict[str, Any] = {}
    if record.is_shadow:
        shadows = record.reasons.get("would_act_on", [])
        context["cases"] = cases_of(record.kind, shadows, may)
        context["has_more"] = record.acted > len(shadows)
    else:
        acted = acted_on(record, cursor=request.GET.get("cursor", ""), may=may)
        context |= {"penalties": acted.penalties, "cases": acted.cases, **ways(request, acted.page)}
    return page(
        request,
        "run",
        title=_("Sweep run %(number)d") % {"number": record.pk},
        run=record,
        label=capfirst(record.get_kind_display()),
        issues=record.kind in ("handle", "refund"),
        failures=_failures(record.kind, record.reasons.get("failures", []), request),
        dealt_with=record.reasons.get("dealt_with_already", 0),
        in_use=record.reasons.get("in_use", 0),
        was_stopped=record.reasons.get("stopped", False),
        may_see_penalties=may("penalties.view_penalty"),
        **context,
    )


def ways(request: HttpRequest, found: Page[Any]) -> dict[str, Any]:
    """Return the addresses of the pages before and after."""
    return {
        name: f"{request.path}?cursor={cursor}" if cursor else ""
        for name, cursor in (("previous", found.previous), ("next", found.next))
    }


def _failures(kind: str, failures: list[dict[str, Any]], request: HttpRequest) -> list[tuple[Any, str]]:
    """Return what failed, with why."""
    cases = cases_of(kind, [each["subject_id"] for each in failures], request.user.has_perm)
    return [(case, each["reason"]) for case, each in zip(cases, failures, strict=True)]


def _posted(
    request: HttpRequest, form: Any, verb: Callable[[dict[str, Any]], HttpResponse], show: Callable[..., HttpResponse]
) -> HttpResponse:
    """Show the form; when it was sent, call the verb, and say on the form what was wrong or refused."""
    if request.method in ("GET", "HEAD"):
        return show()
    return attempt(form, verb, show)


def _sent(request: HttpRequest) -> QueryDict | None:
    """Return what was sent, also when that is nothing."""
    return request.POST if request.method == "POST" else None
