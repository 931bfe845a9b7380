"""The consumer's page of one case, behind a signed link: what happened, what comes next, and what they can do."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.callers import network_of
from common.errors import BadInput, IllegalMove, PortalError
from complaints import services
from complaints.consultations import services as consultations
from complaints.consultations.queries import with_everything as with_all_that_was_said
from complaints.consultations.states import CONSULTATION
from complaints.consumer import links, public
from complaints.consumer.doors import SWITCH, consumer_door
from complaints.consumer.forms import (
    ComplainForm,
    ConsumersForm,
    ContestForm,
    SayForm,
    WithdrawForm,
    picture_address,
    whose,
)
from complaints.consumer.history import history, picture_seen, refunds_seen, talk
from complaints.consumer.limits import LOOK_BY_LINK, SEND_BY_ADDRESS, SEND_BY_LINK, TooMany, count
from complaints.consumer.links import Case, Opened
from complaints.consumer.outlook import outlook, why_nothing_can_be_said
from complaints.models import Complaint, Consultation
from complaints.queries import with_everything
from complaints.states import COMPLAINT
from evidence.views import picture_response
from merchants.pages import PageRequest

either = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, slots=True)
class Knock:
    """One request for the page of a link that opened: who asks about which case."""

    request: PageRequest
    token: str
    opened: Opened

    @property
    def case(self) -> Case:
        return self.opened.case

    @property
    def acting(self) -> dict[str, Any]:
        """Who makes a move, and when."""
        return {"actor": self.opened.actor, "now": self.request.now}

    @property
    def is_sent(self) -> bool:
        return self.request.method == HTTPMethod.POST

    def address(self, name: str = "page") -> str:
        return reverse(f"consumer:{name}", args=[self.token])

    def form(self, form_class: type[ConsumersForm], *, keeps_new: bool = True) -> ConsumersForm:
        """Return the form with what was sent. Without `keeps_new` no new picture is stored, only those from before."""
        data = (self.request.POST, self.request.FILES if keeps_new else None) if self.is_sent else ()
        address = picture_address(self.token)
        return form_class(*data, address=address, auto_id="say_%s", **whose(self.case), **self.acting)

    def count(self) -> None:
        """Count what was sent. Refuses with `TooMany`."""
        link = (SEND_BY_LINK, self.opened.actor.case)
        count(link, (SEND_BY_ADDRESS, network_of(self.request)), now=self.request.now)


@dataclass(frozen=True, slots=True)
class Notice:
    """Why something that was sent was not taken, and what was typed, so that it is not lost."""

    title: str
    why: str
    text: str = ""
    pictures: Any = ()
    asks_for_pictures: bool = False


def knock(request: PageRequest, token: str, of: type[Case] | None = None) -> Knock:
    """Open a link. Refuses as `links.opened` does, and above the limit; a page of another kind of case is not there."""
    opened = links.opened(token, now=request.now)
    count((LOOK_BY_LINK, opened.actor.case), now=request.now)
    if of is not None and not isinstance(opened.case, of):
        raise Http404
    return Knock(request, token, opened)


@consumer_door
@require_safe
def page(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Show the case of this link."""
    return _show(knock(request, consumer_token))


@consumer_door
@require_safe
def sent(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Show the link itself, large and to copy: it is all that leads back to the case."""
    return render(request, "consumer/sent.html", _facts(knock(request, consumer_token)))


@consumer_door
@require_safe
def picture(request: PageRequest, consumer_token: str, picture: str) -> HttpResponseBase:
    """Send a picture that this page shows, or that was sent through it; no other exists."""
    opened = knock(request, consumer_token).opened
    seen = picture_seen(opened.case, opened.actor, picture)
    if seen is None:
        raise Http404
    return picture_response(request, seen)


@consumer_door
@either
def say(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Leave a message about a complaint, or ask more about what was asked before."""
    asking = knock(request, consumer_token)
    if not asking.is_sent:
        return redirect(asking.address())

    def take(form: ConsumersForm) -> None:
        given = form.cleaned_data
        leave = services.leave_message if isinstance(asking.case, Complaint) else consultations.ask_again
        leave(asking.case.pk, given["text"], evidence=given["pictures"], **asking.acting)

    return _take(asking, SayForm, "leave_message", take, _show, thanks=_("Your message was sent."))


@consumer_door
@either
def contest(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Say that the problem is not solved: the platform looks at the case."""
    asking = knock(request, consumer_token, of=Complaint)
    if not asking.is_sent:
        if "contest" not in _moves(asking.case):
            return redirect(asking.address())
        return _show_contest(asking)

    def take(form: ConsumersForm) -> None:
        given = form.cleaned_data
        public.contest(asking.case.pk, given["text"], evidence=given["pictures"], **asking.acting)

    thanks = _("The platform looks at your case now.")
    return _take(asking, ContestForm, "contest", take, _show_contest, thanks=thanks)


@consumer_door
@either
def solved(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Say that all is well, after being asked once more: the case ends."""
    asking = knock(request, consumer_token)
    end = services.confirm if isinstance(asking.case, Complaint) else consultations.close
    verb = "confirm" if isinstance(asking.case, Complaint) else "close"
    if not asking.is_sent:
        if verb not in _moves(asking.case):
            return redirect(asking.address())
        return render(request, "consumer/solved.html", _facts(asking))
    try:
        asking.count()
        end(asking.case.pk, **asking.acting)
    except TooMany as refusal:
        return _not_taken(render(request, "consumer/solved.html", _facts(asking, _notice(refusal))), refusal)
    except IllegalMove as refusal:
        return _show(asking, notice=_notice(refusal), status=refusal.status)
    messages.success(request, _("Thank you. The case has ended."))
    return redirect(asking.address())


@consumer_door
@either
def withdraw(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Withdraw a complaint, after being asked once more and told what it means."""
    asking = knock(request, consumer_token, of=Complaint)
    form = WithdrawForm(request.POST if asking.is_sent else None)
    if not asking.is_sent:
        if "cancel" not in _moves(asking.case):
            return redirect(asking.address())
        return render(request, "consumer/withdraw.html", {**_facts(asking), "form": form})
    try:
        asking.count()
        if form.is_valid():
            services.cancel(asking.case.pk, reason=form.cleaned_data["text"], **asking.acting)
            messages.success(request, _("The complaint is withdrawn."))
            return redirect(asking.address())
    except TooMany as refusal:
        context = {**_facts(asking, _notice(refusal)), "form": form}
        return _not_taken(render(request, "consumer/withdraw.html", context), refusal)
    except IllegalMove as refusal:
        return _show(asking, notice=_notice(refusal, text=str(form["text"].value())), status=refusal.status)
    context = {**_facts(asking), "form": form}
    return render(request, "consumer/withdraw.html", context, status=HTTPStatus.BAD_REQUEST)


@consumer_door
@either
def complain(request: PageRequest, consumer_token: str) -> HttpResponse:
    """Turn what was asked into a complaint, and go on to its page."""
    asking = knock(request, consumer_token, of=Consultation)
    consultation = asking.case
    assert isinstance(consultation, Consultation)  # noqa: S101 (`knock` has looked; the types do not say so)
    if not asking.is_sent:
        if "complain" not in _moves(consultation):
            return redirect(asking.address())
        form = ComplainForm(initial={"text": consultation.text, "trade_no": consultation.trade_no})
        return render(request, "consumer/complain.html", {**_facts(asking), "form": form})
    form = ComplainForm(request.POST)
    status = HTTPStatus.BAD_REQUEST
    notice = None
    try:
        asking.count()
        if form.is_valid():
            complaint = public.complain_about(consultation, form.filing(consultation), **asking.acting)
            return redirect("consumer:sent", links.token_of(complaint, now=request.now))
    except TooMany as refusal:
        context = {**_facts(asking, _notice(refusal)), "form": form}
        return _not_taken(render(request, "consumer/complain.html", context), refusal)
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        notice, status = _notice(refusal, text=str(form["text"].value())), refusal.status
        return _show(asking, notice=notice, status=status)
    return render(request, "consumer/complain.html", {**_facts(asking), "form": form}, status=status)


Shows = Callable[..., HttpResponse]


def _take(
    asking: Knock,
    form_class: type[ConsumersForm],
    verb: str,
    take: Callable[[ConsumersForm], None],
    show: Shows,
    *,
    thanks: str,
) -> HttpResponse:
    """Take what was typed in a form with pictures, or show it again with what was typed and why it was not taken."""
    try:
        asking.count()
        _require_possible(asking.case, verb)
        form = asking.form(form_class)
        if form.is_valid():
            take(form)
            messages.success(asking.request, thanks)
            return redirect(asking.address())
    except TooMany as refusal:
        form = asking.form(form_class, keeps_new=False)
        notice = _notice(refusal, asks_for_pictures=bool(asking.request.FILES))
        return _not_taken(show(asking, form=form, notice=notice), refusal)
    except BadInput as refusal:
        form.add_error("text" if refusal.field not in form.fields else refusal.field, str(refusal))
    except IllegalMove as refusal:
        form = asking.form(form_class, keeps_new=False)
        text, pictures = str(form["text"].value() or ""), form["pictures"]
        return _show(asking, notice=_notice(refusal, text=text, pictures=pictures), status=refusal.status)
    return show(asking, form=form, status=HTTPStatus.BAD_REQUEST)


def _require_possible(case: Case, verb: str) -> None:
    """Refuse what cannot be done now before any picture is stored for it; the verb looks again."""
    if isinstance(case, Complaint):
        COMPLAINT.target(verb, case.status, to=None if verb == "leave_message" else "in_review")
    else:
        CONSULTATION.target("ask", case.status)


def _notice(refusal: PortalError, *, text: str = "", pictures: Any = (), asks_for_pictures: bool = False) -> Notice:
    return Notice(_("This was not sent"), str(refusal), text, pictures, asks_for_pictures)


def _not_taken(response: HttpResponse, refusal: TooMany) -> HttpResponse:
    response.status_code = refusal.status
    response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _moves(case: Case) -> set[str]:
    """Return what the consumer can do with a case now."""
    if isinstance(case, Complaint):
        return {"confirm", "contest", "cancel", "leave_message"} & set(COMPLAINT.allowed(case.status))
    possible = {"ask", "close", "complain"} & set(CONSULTATION.allowed(case.status))
    return possible if public.takes_complaints(case.platform) else possible - {"complain"}


def _show(
    asking: Knock,
    *,
    form: ConsumersForm | None = None,
    notice: Notice | None = None,
    status: int = HTTPStatus.OK,
) -> HttpResponse:
    """Show a case as it is now, with the form filled in with what was typed already."""
    if isinstance(asking.case, Complaint):
        return _show_complaint(asking, form, notice, status)
    return _show_consultation(asking, form, notice, status)


def _show_complaint(asking: Knock, form: ConsumersForm | None, notice: Notice | None, status: int) -> HttpResponse:
    rows = with_everything(asking.opened.actor).select_related("consultation")
    complaint = rows.prefetch_related("consultation__lines__evidence", "consultation__pictures").get(pk=asking.case.pk)
    context = {
        **_facts(asking, notice),
        "complaint": complaint,
        "outlook": outlook(complaint, now=asking.request.now),
        "ended": why_nothing_can_be_said(complaint),
        "moves": _moves(complaint),
        "refunds": refunds_seen(complaint),
        "entries": history(complaint),
        "form": form or _empty(asking, SayForm),
    }
    return render(asking.request, "consumer/complaint.html", context, status=status)


def _show_consultation(asking: Knock, form: ConsumersForm | None, notice: Notice | None, status: int) -> HttpResponse:
    consultation = with_all_that_was_said(asking.opened.actor).select_related("platform").get(pk=asking.case.pk)
    complaint = consultation.complaint
    context = {
        **_facts(asking, notice),
        "consultation": consultation,
        "moves": _moves(consultation),
        "entries": talk(consultation),
        "form": form or _empty(asking, SayForm),
        "goes_on_at": _goes_on_at(complaint, asking.request) if complaint else "",
    }
    return render(asking.request, "consumer/consultation.html", context, status=status)


def _goes_on_at(complaint: Complaint, request: PageRequest) -> str:
    """Return the page of the complaint that a question became, unless the platform replaced or ended its link.

    Who was handed a new link by the platform has it; whoever still holds the link of the question does not.
    """
    if not links.is_first(complaint):
        return ""
    return reverse("consumer:page", args=[links.token_of(complaint, now=request.now)])


def _show_contest(
    asking: Knock, *, form: ConsumersForm | None = None, notice: Notice | None = None, status: int = HTTPStatus.OK
) -> HttpResponse:
    context = {**_facts(asking, notice), "form": form or _empty(asking, ContestForm)}
    return render(asking.request, "consumer/contest.html", context, status=status)


def _empty(asking: Knock, form_class: type[ConsumersForm]) -> ConsumersForm:
    return form_class(address=picture_address(asking.token), auto_id="say_%s", **whose(asking.case), **asking.acting)


def _facts(asking: Knock, notice: Notice | None = None) -> dict[str, Any]:
    """Return what every page of a link shows."""
    case = asking.case
    return {
        "case": case,
        "is_complaint": isinstance(case, Complaint),
        "program": case.mini_program,
        "platform": case.platform,
        "token": asking.token,
        "link": settings.PUBLIC_URL.rstrip("/") + asking.address(),
        "page_url": asking.address(),
        "switch_url": switch_url(asking.request, asking.address()),
        "notice": notice,
        "now": asking.request.now,
    }


def switch_url(request: HttpRequest, address: str) -> str:
    """Return where a page is shown in another language: itself, or what it answers to where it was sent to."""
    return f"{request.path if request.method != HTTPMethod.POST else address}?{SWITCH}="
