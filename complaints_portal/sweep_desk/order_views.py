"""The doors to what is done for many cases: look, propose, let a second person decide, and carry it out."""

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from common.errors import Conflict, PortalError
from common.keyset import Segment, keyset_page
from common.policy import policy_at
from complaints_portal.sweep_desk.forms import ReasonForm
from complaints_portal.sweep_desk.frame import View, for_ops, for_viewers, page, say, who_and_when
from complaints_portal.sweep_desk.orders import Order
from complaints_portal.sweep_desk.tasks import ask_to_carry_out
from complaints_portal.sweep_desk.trying import patience
from complaints_portal.sweep_desk.views import ways
from deadlines.models import FourEyes

IN_REQUEST = 100
"""So many cases are done while the page loads; more are left to the queue."""
SECONDS = 30
"""How long one count of a preview may take."""
SEEN = "sweep-desk-seen"
SEEN_FOR = 3600
"""Seconds for which what was looked at may be proposed."""
VERBS = ("approve", "decline", "carry-out")
Status = FourEyes.Status


def list_of(order: Order) -> View:
    """Return the page that lists an order's rows, the newest first."""

    @for_viewers
    def listed(request: HttpRequest) -> HttpResponse:
        rows = order.model._default_manager.select_related(*_beside(order))  # noqa: SLF001 (Django's own API)
        found = keyset_page([Segment(rows, "-id")], cursor=request.GET.get("cursor", ""))
        return page(
            request,
            "orders",
            title=order.title,
            tab=_tab(order),
            order=order,
            rows=found.rows,
            new_url=reverse(f"admin:deadlines_sweeprun_{order.name}_new"),
            **ways(request, found),
        )

    return listed


def new(order: Order) -> View:
    """Return the page on which an order is looked at and proposed."""

    @for_ops
    def asked(request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            return _propose(request, order)
        if "look" not in request.GET:
            return _show_new(request, order, order.form(initial=request.GET.dict()))
        form = order.form(request.GET)
        return _show_new(request, order, form, ReasonForm(), HTTPStatus.OK)

    return asked


def _propose(request: HttpRequest, order: Order) -> HttpResponse:
    """Propose exactly what was looked at; do it when no second person is needed."""
    form, reason = order.form(request.POST), ReasonForm(request.POST)
    if not form.is_valid() or not reason.is_valid():
        return _show_new(request, order, form, reason, HTTPStatus.BAD_REQUEST)
    try:
        with patience(SECONDS):
            made = order.propose_as_seen(
                form, _seen(request, order, form), reason=reason.cleaned_data["reason"], **who_and_when(request)
            )
    except PortalError as refusal:
        return _show_new(request, order, form, reason, say(reason, refusal, form))
    if made.status == Status.PROPOSED:
        messages.success(request, _("It is proposed. A second person must look at it; nothing was done yet."))
    else:
        _begin(request, order, made)
    return redirect(_address(order, made))


def _seen(request: HttpRequest, order: Order, form: Any) -> int:
    """Return how many cases were shown for just this. Refuses with `Conflict` what was never looked at."""
    try:
        name, key, counted = signing.loads(request.POST.get("seen", ""), salt=SEEN, max_age=SEEN_FOR)
    except signing.BadSignature as error:
        raise Conflict(_("Look at what this does before you propose it.")) from error
    if [name, key] != [order.name, form.key()]:
        raise Conflict(_("This is not what you looked at. Look at it first."))
    return int(counted)


def _show_new(
    request: HttpRequest, order: Order, form: Any, reason: ReasonForm | None = None, status: int = HTTPStatus.OK
) -> HttpResponse:
    """Show the form, and below it what it would do, when that can be said."""
    found: dict[str, Any] = {}
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    if form.is_bound and form.is_valid():
        try:
            with patience(SECONDS):
                preview = order.preview(form, now, request.user.has_perm)
            found = {
                "preview": preview,
                "reason": reason,
                "seen": signing.dumps([order.name, form.key(), preview.total], salt=SEEN),
                "waits": preview.total > policy_at(now).four_eyes_cases,
                "limit": policy_at(now).four_eyes_cases,
            }
        except PortalError as refusal:
            status = say(form, refusal)
    elif form.is_bound:
        status = HTTPStatus.BAD_REQUEST
    return page(request, "order_new", status, title=order.new, tab=_tab(order), order=order, form=form, **found)


def one(order: Order) -> View:
    """Return the page of one row: what it is, how far it is, and what may be done about it."""

    @for_viewers
    def looked_at(request: HttpRequest, **parts: int) -> HttpResponse:
        return _show(request, order, _row(order, parts[order.part]))

    return looked_at


def act(order: Order) -> View:
    """Return the door through which a row is approved, declined or carried out."""

    @require_POST
    @for_ops
    def acted(request: HttpRequest, verb: str, **parts: int) -> HttpResponse:
        number = parts[order.part]
        made = _row(order, number)
        if verb not in VERBS:
            raise Http404
        try:
            if verb != "carry-out":
                made = order.decide(number, approved=verb == "approve", **who_and_when(request))
            elif made.status != Status.APPROVED:
                raise Conflict(_("There is nothing to carry on."))
        except PortalError as refusal:
            return _show(request, order, _row(order, number), refusal)
        if verb == "decline":
            messages.success(request, _("It is declined; nothing was done."))
        else:
            _begin(request, order, made)
        return redirect(_address(order, made))

    return acted


def _begin(request: HttpRequest, order: Order, made: FourEyes) -> None:
    """Do what is approved: few cases at once, many in the queue; say what became of it."""
    if made.counted > IN_REQUEST:
        if ask_to_carry_out(order.name, made.pk, request.user.pk or 0):
            messages.success(request, _("It is being done; this page says how far it is."))
        else:
            messages.warning(
                request, _("The queue is away, so nothing was done yet. Carry it on below, or on the command line.")
            )
        return
    try:
        done = order.carry_out(made.pk, **who_and_when(request))
    except PortalError as refusal:
        messages.error(request, str(refusal))
        return
    if done.status == Status.DONE:
        text = ngettext("Done: %(count)d case.", "Done: %(count)d cases.", done.done)
        messages.success(request, text % {"count": done.done})
    else:
        messages.warning(request, _("Some cases were in use by somebody else and were left. Carry it on in a moment."))


def _show(request: HttpRequest, order: Order, made: Any, refusal: PortalError | None = None) -> HttpResponse:
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    done = order.done_so_far(made)
    preview = None
    if made.status == Status.PROPOSED:
        try:
            with patience(SECONDS):
                preview = order.preview_made(made, now, request.user.has_perm)
        except PortalError as error:
            refusal = refusal or error
    found, shifts = order.rows(made, request.GET.get("cursor", ""), now, request.user.has_perm)
    return page(
        request,
        "order",
        refusal.status if refusal else HTTPStatus.OK,
        title=_("%(noun)s %(number)d") % {"noun": made._meta.verbose_name, "number": made.pk},  # noqa: SLF001
        tab=_tab(order),
        order=order,
        made=made,
        preview=preview,
        refusal=refusal,
        done=done,
        percent=min(100, round(100 * done / made.counted)) if made.counted else 100,
        is_own=made.proposed_by_id == request.user.pk,
        list_url=reverse(f"admin:deadlines_sweeprun_{_tab(order)}"),
        way=f"admin:deadlines_sweeprun_{order.name}_act",
        rows=found.rows if order.name == "amnesty" else shifts,
        tone=TONES[made.status],
        **ways(request, found),
    )


TONES = {Status.PROPOSED: "warn", Status.APPROVED: "accent", Status.DONE: "ok", Status.DECLINED: "neutral"}


def _row(order: Order, order_id: int) -> Any:
    rows = order.model._default_manager.select_related(*_beside(order))  # noqa: SLF001 (Django's own API)
    return get_object_or_404(rows, pk=order_id)


def _beside(order: Order) -> list[str]:
    return ["proposed_by", "decided_by", *(["sweep_run"] if order.name == "amnesty" else [])]


def _tab(order: Order) -> str:
    return {"extension": "extensions", "amnesty": "amnesties"}[order.name]


def _address(order: Order, made: FourEyes) -> str:
    return reverse(f"admin:deadlines_sweeprun_{order.name}", args=[made.pk])
