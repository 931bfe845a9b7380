"""The public form of a mini program, and how its shop is reached: as a page, for programs, and for other pages."""

import json
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from common.callers import network_of
from common.errors import BadInput, IllegalMove
from complaints.consumer import links, public
from complaints.consumer.doors import SWITCH, consumer_door, speak
from complaints.consumer.forms import AskForm, FileForm, PublicForm
from complaints.consumer.limits import FORM_BY_ADDRESS, FORM_BY_PROGRAM, TooMany, count
from complaints.consumer.public import Sent, Visitor
from complaints.consumer.views import Notice
from complaints.models import Complaint
from evidence.queries import visible_to
from evidence.views import picture_response
from merchants.contacts import contact_of
from merchants.models import MiniProgram
from merchants.pages import PageRequest

FORMS: dict[str, type[PublicForm]] = {"ask": AskForm, "complain": FileForm}
KEPT_FOR = 300
"""Seconds for which browsers and proxies may keep how a shop is reached."""


@dataclass(frozen=True, slots=True)
class Filling:
    """Somebody at the public form of a mini program."""

    request: PageRequest
    program: MiniProgram
    kind: str
    visitor: Visitor

    @property
    def address(self) -> str:
        return reverse("consumer:contact", args=[self.program.platform.code, self.program.app_id])

    def form(self, data: QueryDict | None = None, *, keeps_new: bool = False) -> PublicForm:
        """Return the form, filled in with what was sent; new pictures are stored only where `keeps_new` says so."""
        return FORMS[self.kind](
            data,
            self.request.FILES if data is not None and keeps_new else None,
            program=self.program,
            actor=self.visitor.actor(self.program.platform_id),
            now=self.request.now,
            address=self._picture_address,
            initial={"visitor": self.visitor.number},
        )

    def _picture_address(self, picture: str) -> str:
        whose = [self.program.platform.code, self.program.app_id, self.visitor.number, picture]
        return reverse("consumer:visitor_picture", args=whose)

    def send(self, form: PublicForm) -> Sent:
        """Ask or complain. Refuses what the verbs refuse."""
        given = form.cleaned_data
        who = {"pictures": given["pictures"], "visitor": self.visitor, "now": self.request.now}
        if isinstance(form, FileForm):
            return public.complain(self.program, form.filing(self.program, self.visitor), **who)
        return public.ask(self.program, given["text"], trade_no=given["trade_no"], teller=form.teller, **who)


@consumer_door
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: PageRequest, platform: str, app_id: str) -> HttpResponse:
    """Show how the shop is reached, and take a question or, where the platform lets consumers, a complaint."""
    program = program_of(platform, app_id)
    if request.method != HTTPMethod.POST:
        kind = "complain" if "complain" in request.GET and public.takes_complaints(program.platform) else "ask"
        filling = Filling(request, program, kind, public.new_visitor())
        return _show(filling, filling.form())
    kind = request.POST.get("kind", "")
    visitor = public.visitor_of(request.POST.get("visitor", ""))
    return _take(Filling(request, program, kind if kind in FORMS else "ask", visitor))


def _take(filling: Filling) -> HttpResponse:
    """Take what was sent, or show it again with all that was typed and why it was not taken."""
    request, program = filling.request, filling.program
    form = filling.form(_without_the_trap(request.POST))
    try:
        count((FORM_BY_ADDRESS, network_of(request)), (FORM_BY_PROGRAM, str(program.pk)), now=request.now)
        if filling.form(request.POST).is_of_a_machine:
            why = _("Your browser filled in a field that must stay empty. It is empty again: send once more.")
            return _show(filling, form, _notice(request, why), status=HTTPStatus.BAD_REQUEST)
        _require_open(filling)
        form = filling.form(request.POST, keeps_new=True)
        if form.is_valid():
            sent = filling.send(form)
            token = links.token_of(sent.case, now=request.now)
            if not sent.is_new and _said(sent) != form.cleaned_data["text"].strip():
                return _sent_before(filling, token, form)
            return redirect("consumer:sent", token)
    except TooMany as refusal:
        response = _show(filling, form, _notice(request, str(refusal)), status=refusal.status)
        response.headers["Retry-After"] = str(refusal.retry_after)
        return response
    except BadInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
    except IllegalMove as refusal:
        notice = Notice(_("This was not sent"), str(refusal), str(form["text"].value() or ""))
        return _show(filling, form, notice, status=refusal.status)
    return _show(filling, form, status=HTTPStatus.BAD_REQUEST)


def _require_open(filling: Filling) -> None:
    """Refuse what the platform does not take before any picture is stored for it; the verb looks again."""
    takes = public.takes_complaints if filling.kind == "complain" else public.takes_questions
    if not takes(filling.program.platform):
        raise public.closed()


def _without_the_trap(sent: QueryDict) -> QueryDict:
    data = sent.copy()
    data["website"] = ""
    return data


def _notice(request: HttpRequest, why: str) -> Notice:
    return Notice(_("This was not sent"), why, asks_for_pictures=bool(request.FILES))


def _said(sent: Sent) -> str:
    case = sent.case
    return (case.description if isinstance(case, Complaint) else case.text).strip()


def _sent_before(filling: Filling, token: str, form: PublicForm) -> HttpResponse:
    """Answer a form that was sent, changed, and sent again: the case is there, and what is new is not lost."""
    context = {
        **_facts(filling),
        "page_url": reverse("consumer:page", args=[token]),
        "text": form.cleaned_data["text"],
    }
    return render(filling.request, "consumer/sent_before.html", context, status=HTTPStatus.CONFLICT)


def _show(
    filling: Filling, form: PublicForm, notice: Notice | None = None, *, status: int = HTTPStatus.OK
) -> HttpResponse:
    platform = filling.program.platform
    context = {
        **_facts(filling),
        "form": form,
        "notice": notice,
        "kind": filling.kind,
        "takes_questions": public.takes_questions(platform),
        "takes_complaints": public.takes_complaints(platform),
    }
    return render(filling.request, "consumer/contact.html", context, status=status)


def _facts(filling: Filling) -> dict[str, Any]:
    reached = contact_of(filling.program)
    return {
        "program": filling.program,
        "platform": filling.program.platform,
        "contact": reached,
        "dial": dial(reached.phone),
        "form_url": filling.address,
        "switch_url": filling.address + ("?complain&" if filling.kind == "complain" else "?") + f"{SWITCH}=",
    }


@consumer_door
@require_safe
def visitor_picture(request: PageRequest, platform: str, app_id: str, visitor: str, picture: str) -> HttpResponseBase:
    """Send a picture back to the visitor who picked it, while they still fill in their form."""
    sender = public.visitor_of(visitor).actor(program_of(platform, app_id).platform_id)
    return picture_response(request, get_object_or_404(visible_to(sender), token=picture))


@require_safe
def contact_json(request: HttpRequest, platform: str, app_id: str) -> HttpResponse:
    """Tell programs how a shop is reached; any page may ask."""
    return _for_others(JsonResponse(_document(program_of(platform, app_id)), json_dumps_params={"ensure_ascii": False}))


@require_safe
def contact_js(request: HttpRequest, platform: str, app_id: str) -> HttpResponse:
    """Give a script that writes how a shop is reached into an element of the page that loads it."""
    speak(request)
    words = {
        "phone": _("Service phone"),
        "hours": _("Service hours"),
        "url": _("Online service"),
        "form": _("Ask the shop in writing"),
        "none": _("This shop has not said yet how it is reached."),
    }
    given = {"contact": _document(program_of(platform, app_id)), "words": words}
    script = render_to_string("consumer/contact.js", {"given": _as_script(given)})
    return _for_others(HttpResponse(script, content_type="text/javascript; charset=utf-8"))


def _document(program: MiniProgram) -> dict[str, str]:
    """Return how a shop is reached; what is empty is not given."""
    reached = contact_of(program)
    takes = public.takes_questions(program.platform)
    form = reverse("consumer:contact", args=[program.platform.code, program.app_id])
    return {
        "name": program.name,
        "phone": reached.phone,
        "dial": dial(reached.phone),
        "hours": reached.hours,
        "url": reached.url,
        "form": settings.PUBLIC_URL.rstrip("/") + form if takes else "",
    }


def _for_others(response: HttpResponse) -> HttpResponse:
    """Let any page read this, and whoever is on the way keep it for a few minutes. It says nothing about anybody."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = f"public, max-age={KEPT_FOR}"
    return response


MARKS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def _as_script(given: Any) -> str:
    """Return JSON that stays what it is inside a script: no text of a shop ends or begins anything."""
    return json.dumps(given, ensure_ascii=False).translate(MARKS)


def dial(phone: str) -> str:
    """Return what a phone dials for a service number: `tel:+8657188881234;ext=8`; nothing for nothing."""
    number, _sign, extension = phone.lower().replace("转", "ext").partition("ext")
    digits = "".join(sign for sign in number if sign.isdigit())
    if not digits:
        return ""
    inside = "".join(sign for sign in extension if sign.isdigit())
    return f"tel:{'+' if number.strip().startswith('+') else ''}{digits}{f';ext={inside}' if inside else ''}"


def program_of(platform: str, app_id: str) -> MiniProgram:
    """Return a mini program with its platform and contact. One that is not there does not exist."""
    if not app_id.isprintable():  # the database takes no NUL
        raise Http404
    programs = MiniProgram.objects.select_related("platform", "merchant", "contact")
    return get_object_or_404(programs, platform__code=platform, app_id=app_id)
