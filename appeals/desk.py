"""The desk of a review: all that is known on one page, and the verbs. Every rule is in the verbs, none is here."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from appeals import desk_queries as queries
from appeals import services
from appeals.desk_forms import DecisionForm
from appeals.models import Appeal, Proof
from appeals.permissions import has_conflict, may
from appeals.reasons import REASONS_OF
from appeals.states import APPEAL, OPEN, Status
from common.actors import Actor
from common.errors import BadInput, NotAllowed, PortalError
from complaints.timeline import timeline

VIEW = "appeals.view_appeal"
DECISIONS = ("approve", "reject", "ask")
VERBS: dict[str, Callable[..., Appeal]] = {
    "approve": services.approve,
    "reject": services.reject,
    "ask": services.ask,
    "correct": services.correct,
}
DONE: dict[str, Promise] = {
    "claim": _("You claimed this review."),
    "release": _("The review is back in the queue."),
    "approve": _("Appeal %(appeal)s was approved: the penalty is revoked, the points are given back."),
    "reject": _("Appeal %(appeal)s was rejected: the penalty is in effect again."),
    "ask": _("The merchant was asked for more evidence about %(appeal)s."),
    "correct": _("The decision about %(appeal)s was corrected."),
}
LABELS: dict[str, Promise] = {
    "approve": _("Approve"),
    "reject": _("Reject"),
    "ask": _("Ask for more evidence"),
    "correct": _("Correct the decision"),
}
KEYS = {"approve": "a", "reject": "r", "ask": "m"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a verb refused, and what was typed for it, so that nothing has to be written twice."""

    error: PortalError
    form: DecisionForm | None = None

    @property
    def text(self) -> str:
        return str(self.form.data.get("message", "")) if self.form else ""


@dataclass(frozen=True, slots=True)
class Desk:
    """One request to the desk of one appeal."""

    site: AdminSite
    request: HttpRequest
    appeal_id: int

    @property
    def actor(self) -> Actor:
        return self.request.actor  # type: ignore[attr-defined,no-any-return]  # set by merchants.middleware

    @property
    def now(self) -> Any:
        return self.request.now  # type: ignore[attr-defined]  # set by arrival_middleware

    def appeal(self) -> Appeal:
        """Return the appeal; whoever may not see appeals is refused."""
        if not self.request.user.has_perm(VIEW):
            raise PermissionDenied
        appeal = queries.with_facts(self.actor).filter(pk=self.appeal_id).first()
        if appeal is None:
            raise Http404
        return appeal

    def show(
        self, *, form: DecisionForm | None = None, refusal: Refusal | None = None, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        """Show the desk; `form` stands in place of the fresh one of its verb."""
        appeal = self.appeal()
        complaint = queries.case_of(appeal, self.actor)
        may_decide = may(self.actor, "approve", appeal)
        conflict = may_decide and has_conflict(self.actor, appeal)
        claimed = appeal.claim_is_live(now=self.now) and appeal.claimed_by_id is not None
        mine = appeal.claimed_by_id == self.actor.id and appeal.status in OPEN
        theirs = claimed and not mine and appeal.status in OPEN
        before, after = queries.neighbours(appeal, actor=self.actor, now=self.now)
        templates = queries.templates_for(appeal)
        verbs = self._verbs(appeal, mine=mine) if may_decide and not conflict else ()
        context = {
            **self.site.each_context(self.request),
            "title": _("Review of %(appeal)s") % {"appeal": appeal},
            "opts": Appeal._meta,  # noqa: SLF001 (what every admin page is given)
            "appeal": appeal,
            "penalty": appeal.penalty,
            "complaint": complaint,
            "entries": timeline(complaint),
            "proofs": [Proof(each).label for each in appeal.proofs],
            "earlier": queries.earlier_appeals(appeal),
            "record": queries.record_of(appeal.merchant_id, now=self.now),
            "pictures": queries.pictures_of(appeal, complaint),
            "now": self.now,
            "is_open": appeal.status in OPEN,
            "is_overdue": appeal.status == Status.SUBMITTED and appeal.review_by < self.now,
            "conflict": conflict,
            "may_decide": may_decide,
            "may_claim": may_decide and not conflict and appeal.status in OPEN and not mine and not theirs,
            "mine": mine,
            "theirs": theirs,
            "before": before,
            "after": after,
            "decisions": [self._decision(verb, form, templates) for verb in verbs],
            "templates": templates,
            "refusal": refusal,
        }
        return TemplateResponse(self.request, "admin/appeals/appeal/desk.html", context, status=status)

    def act(self, verb: str) -> HttpResponse:
        """Call a verb. What is missing, or what somebody else did meanwhile, is said beside what was typed."""
        appeal = self.appeal()
        if not may(self.actor, verb, appeal):
            error = NotAllowed(_("You may look at reviews, but not decide them."))
            return self.show(refusal=Refusal(error), status=error.status)
        if verb in ("claim", "release"):
            return self._claim(verb)
        form = DecisionForm(verb, self.request.POST)
        if "template" in self.request.POST:
            return self.show(form=self._from_template(appeal, form).take_focus())
        return self._decide(appeal, form)

    def _claim(self, verb: str) -> HttpResponse:
        try:
            getattr(services, verb)(self.appeal_id, actor=self.actor, now=self.now)
        except PortalError as error:
            return self.show(refusal=Refusal(error), status=error.status)
        messages.success(self.request, str(DONE[verb]))
        return redirect("admin:appeals_appeal_change", self.appeal_id)

    def _decide(self, appeal: Appeal, form: DecisionForm) -> HttpResponse:
        """Let the verb judge first whether it is possible at all: who comes late reads that, not what is missing."""
        is_whole = form.is_valid()
        given = {name: str(form.data.get(name, "")).replace("\0", "").replace("\r\n", "\n") for name in form.fields}
        try:
            VERBS[form.verb](self.appeal_id, services.Decision(**given), actor=self.actor, now=self.now)
        except BadInput as error:
            if is_whole:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            return self.show(form=form.take_focus(), status=error.status)
        except PortalError as error:
            return self.show(form=form, refusal=Refusal(error, form), status=error.status)
        messages.success(self.request, DONE[form.verb] % {"appeal": appeal})
        following = None if form.verb == "correct" else queries.next_waiting(actor=self.actor, now=self.now)
        if following is not None:
            return redirect("admin:appeals_appeal_change", following)
        if form.verb == "correct":
            return redirect("admin:appeals_appeal_change", self.appeal_id)
        messages.info(self.request, _("No other review waits."))
        return redirect("admin:appeals_appeal_changelist")

    def _verbs(self, appeal: Appeal, *, mine: bool) -> tuple[str, ...]:
        """Return the decisions that can be made now: those of a claimed review, or the correction of a decision."""
        possible = APPEAL.allowed(appeal.status)
        if "correct" in possible:
            return ("correct",)
        return tuple(verb for verb in DECISIONS if verb in possible) if mine else ()

    def _decision(self, verb: str, form: DecisionForm | None, templates: dict[str, dict[str, str]]) -> dict[str, Any]:
        if form is None or form.verb != verb:
            form = self._fresh(verb, templates)
        return {
            "verb": verb,
            "label": LABELS[verb],
            "key": KEYS.get(verb, ""),
            "form": form,
            "has_templates": bool(templates.get(verb)),
            "url": reverse("admin:appeals_appeal_act", args=[self.appeal_id, verb]),
        }

    def _fresh(self, verb: str, templates: dict[str, dict[str, str]]) -> DecisionForm:
        """Return an empty form, or the one that `?verb=&reason=` names, with its text."""
        reason = self.request.GET.get("reason", "")
        if self.request.GET.get("verb") != verb or reason not in REASONS_OF[verb]:
            return DecisionForm(verb)
        text = templates.get(verb, {}).get(reason, "")
        return DecisionForm(verb, initial={"reason_code": reason, "message": text})

    def _from_template(self, appeal: Appeal, form: DecisionForm) -> DecisionForm:
        """Return the form with the text that belongs to the chosen reason; without one it stays as it is."""
        reason = str(form.data.get("reason_code", ""))
        text = queries.templates_for(appeal).get(form.verb, {}).get(reason) or str(form.data.get("message", ""))
        return DecisionForm(form.verb, initial={"reason_code": reason, "message": text})


def show(site: AdminSite, request: HttpRequest, appeal_id: int) -> HttpResponse:
    """Show the desk of an appeal."""
    return Desk(site, request, appeal_id).show()


def act(site: AdminSite, request: HttpRequest, appeal_id: int, verb: str) -> HttpResponse:
    """Claim, release, decide or correct."""
    if verb not in (*VERBS, "claim", "release"):
        raise Http404
    return _posted(request, site, appeal_id, verb)


@require_POST
def _posted(request: HttpRequest, site: AdminSite, appeal_id: int, verb: str) -> HttpResponse:
    return Desk(site, request, appeal_id).act(verb)
