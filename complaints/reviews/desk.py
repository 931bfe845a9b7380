"""The desk of a review: all that is known on one page, and the verbs. Every rule is in the verbs, none is here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar, Generic

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from common.actors import Actor
from common.errors import BadInput, NotAllowed, PortalError
from common.moves import MoveTable
from complaints.models import Complaint
from complaints.queries import with_everything
from complaints.reviews.evidence import Shots
from complaints.reviews.forms import DecisionForm, Reasons
from complaints.reviews.record import record_of
from complaints.reviews.texts import texts_in
from complaints.reviews.waiting import SUBMITTED, Row, neighbours, next_waiting
from complaints.timeline import timeline
from deadlines.reviewing import ReplyText

CORRECT = "correct"
CLAIMING: dict[str, Promise] = {
    "claim": _("You claimed this review."),
    "release": _("The review is back in the queue."),
}


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision that staff can make: its verb, what the button says, its key, and what is said when it is made."""

    verb: str
    call: Callable[..., Any]
    label: Promise
    done: Promise
    """With the review in the place of the noun's name, as in `%(appeal)s`."""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a verb refused, and what was typed for it where its form is gone, so that nothing has to be written twice."""

    error: PortalError
    typed: tuple[tuple[str, str], ...] = ()


class Desk(Generic[Row]):
    """One request to the desk of one review. The desk of a noun says what is its own, in the names that stand here."""

    model: ClassVar[Any]
    noun: ClassVar[str]
    queue_title: ClassVar[Promise]
    template: ClassVar[str]
    moves: ClassVar[MoveTable]
    open_statuses: ClassVar[tuple[str, ...]] = (SUBMITTED,)
    decisions: ClassVar[tuple[Decision, ...]]
    """What can be decided about a review that waits, and last how a decision is corrected."""
    claiming: ClassVar[Mapping[str, Callable[..., Any]]]
    """The verbs `claim` and `release`."""
    reasons: ClassVar[Reasons]
    texts: ClassVar[type[ReplyText]]

    def __init__(self, site: AdminSite, request: HttpRequest, review_id: int) -> None:
        self.site = site
        self.request = request
        self.review_id = review_id
        self.actor: Actor = request.actor  # type: ignore[attr-defined]  # set by merchants.middleware
        self.now: Any = request.now  # type: ignore[attr-defined]  # set by arrival_middleware

    def visible(self) -> QuerySet[Row]:
        """Return the reviews that exist for whoever looks."""
        raise NotImplementedError

    def with_facts(self) -> QuerySet[Row]:
        """Return the visible reviews, each with what its desk names."""
        raise NotImplementedError

    def may(self, verb: str, review: Row) -> bool:
        """Say whether a move is theirs to make."""
        raise NotImplementedError

    def conflict(self, review: Row) -> Promise | None:
        """Say why a colleague must decide this one, or None."""
        return None

    def complaint_id(self, review: Row) -> int:
        """Return the complaint that the review is about."""
        raise NotImplementedError

    def title(self, review: Row) -> Any:
        """Return what the page is called."""
        raise NotImplementedError

    def language(self, review: Row) -> str:
        """Return the language that whoever is answered reads."""
        raise NotImplementedError

    def shots(self, review: Row, complaint: Complaint) -> list[Shots]:
        """Return the pictures, by what they came with."""
        raise NotImplementedError

    def facts(self, review: Row, complaint: Complaint) -> dict[str, Any]:
        """Return what else the noun's template shows."""
        raise NotImplementedError

    def reason_label(self, review: Row) -> Any:
        """Return the reason in words, or nothing where there is none yet."""
        known = {reason.value: reason.label for reasons in self.reasons.values() for reason in reasons}
        return known.get(review.reason_code, "")

    def form(
        self, verb: str, review: Row, data: Any = None, *, initial: dict[str, Any] | None = None, is_open: bool = False
    ) -> DecisionForm:
        """Return the form of a decision; `initial` stands in place of what the noun itself would propose."""
        return DecisionForm(verb, self.reasons, data, initial=initial, is_open=is_open)

    def given(self, form: DecisionForm) -> Any:
        """Return what the verbs take, of what was typed: they judge it once more."""
        raise NotImplementedError

    def review(self) -> Row:
        """Return the review; whoever may not see its noun is refused."""
        opts = self.model._meta  # noqa: SLF001 (Django's own API)
        if not self.request.user.has_perm(f"{opts.app_label}.view_{opts.model_name}"):
            raise PermissionDenied
        review = self.with_facts().filter(pk=self.review_id).first()
        if review is None:
            raise Http404
        return review

    def show(
        self, *, form: DecisionForm | None = None, refusal: Refusal | None = None, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        """Show the desk; `form` stands in place of the fresh one of its verb."""
        review = self.review()
        complaint = with_everything(self.actor).get(pk=self.complaint_id(review))
        is_open = review.status in self.open_statuses
        may_decide = self.may("claim", review)
        conflict = self.conflict(review) if may_decide else None
        mine = is_open and review.claimed_by_id == self.actor.id
        theirs = is_open and not mine and review.claimed_by_id is not None and review.claim_is_live(now=self.now)
        before, after = neighbours(review, self.visible(), user_id=self.actor.id, now=self.now)
        texts = texts_in(self.language(review), self.texts)
        decisions = self._possible(review, mine=mine) if may_decide and not conflict else ()
        context = {
            **self.site.each_context(self.request),
            "title": self.title(review),
            "opts": self.model._meta,  # noqa: SLF001 (what every admin page is given)
            "queue_title": self.queue_title,
            "review": review,
            "complaint": complaint,
            "entries": timeline(complaint),
            "record": record_of(complaint.merchant_id, now=self.now),
            "shots": self.shots(review, complaint),
            "reason_label": self.reason_label(review),
            "now": self.now,
            "is_open": is_open,
            "is_overdue": review.status == SUBMITTED and review.review_by < self.now,
            "conflict": conflict,
            "may_decide": may_decide,
            "may_claim": may_decide and not conflict and is_open and not mine and not theirs,
            "mine": mine,
            "theirs": theirs,
            "before": before,
            "after": after,
            "decisions": [self._shown(decision, review, form, texts) for decision in decisions],
            "keys": [decision for decision in self.decisions if decision.key],
            "texts": texts,
            "refusal": self._without_what_stays(refusal, form, decisions),
            **self.facts(review, complaint),
        }
        return TemplateResponse(self.request, self.template, context, status=status)

    def act(self, verb: str) -> HttpResponse:
        """Call a verb. What is missing, or what somebody else did meanwhile, is said beside what was typed."""
        review = self.review()
        if not self.may(verb, review):
            error = NotAllowed(_("You may look at reviews, but not decide them."))
            return self.show(refusal=Refusal(error), status=error.status)
        if verb in CLAIMING:
            return self._claim(verb)
        if "template" in self.request.POST:
            return self.show(form=self._with_text(verb, review).take_focus())
        return self._decide(self._decision(verb), review)

    def address(self, page: str, *arguments: Any) -> str:
        """Return the address of a page of this noun in admin."""
        opts = self.model._meta  # noqa: SLF001 (Django's own API)
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=arguments)

    def _claim(self, verb: str) -> HttpResponse:
        try:
            self.claiming[verb](self.review_id, actor=self.actor, now=self.now)
        except PortalError as error:
            return self.show(refusal=Refusal(error), status=error.status)
        messages.success(self.request, str(CLAIMING[verb]))
        return redirect(self.address("change", self.review_id))

    def _decide(self, decision: Decision, review: Row) -> HttpResponse:
        """Let the verb judge first whether it is possible at all: who comes late reads that, not what is missing."""
        form = self.form(decision.verb, review, self.request.POST)
        is_whole = form.is_valid()
        try:
            with transaction.atomic():
                decision.call(self.review_id, self.given(form), actor=self.actor, now=self.now)
                if not is_whole:
                    raise BadInput(_("Mend what is marked, and decide again."))
        except BadInput as error:
            if is_whole:
                form.add_error(error.field if error.field in form.fields else None, str(error))
            return self.show(form=form.take_focus(), status=error.status)
        except PortalError as error:
            typed = tuple((str(field.label), form.typed(name)) for name, field in form.fields.items() if field.required)
            return self.show(form=form, refusal=Refusal(error, typed), status=error.status)
        messages.success(self.request, decision.done % {self.noun: review})
        if decision.verb == CORRECT:
            return redirect(self.address("change", self.review_id))
        following = next_waiting(self.visible(), user_id=self.actor.id, now=self.now)
        if following is not None:
            return redirect(self.address("change", following))
        messages.info(self.request, _("No other review waits."))
        return redirect(self.address("changelist"))

    def _decision(self, verb: str) -> Decision:
        return next(decision for decision in self.decisions if decision.verb == verb)

    def _possible(self, review: Row, *, mine: bool) -> tuple[Decision, ...]:
        """Return the decisions that can be made now: those of a claimed review, or the correction of a decision."""
        possible = self.moves.allowed(review.status)
        if CORRECT in possible:
            return (self._decision(CORRECT),)
        return tuple(decision for decision in self.decisions if decision.verb in possible) if mine else ()

    def _shown(
        self, decision: Decision, review: Row, form: DecisionForm | None, texts: dict[str, dict[str, str]]
    ) -> dict[str, Any]:
        """Return a decision as the page shows it: with what was typed for it, or fresh."""
        if form is None or form.verb != decision.verb:
            form = self._fresh(decision.verb, review, texts)
        return {
            "verb": decision.verb,
            "label": decision.label,
            "key": decision.key,
            "form": form,
            "has_texts": bool(texts.get(decision.verb)),
            "url": self.address("act", self.review_id, decision.verb),
        }

    def _fresh(self, verb: str, review: Row, texts: dict[str, dict[str, str]]) -> DecisionForm:
        """Return a fresh form; the one that `?verb=&reason=` names is open and has its text."""
        reason = self.request.GET.get("reason", "")
        if self.request.GET.get("verb") != verb or reason not in self.reasons[verb]:
            return self.form(verb, review)
        text = texts.get(verb, {}).get(reason, "")
        return self.form(verb, review, initial={"reason_code": reason, "message": text}, is_open=True)

    def _with_text(self, verb: str, review: Row) -> DecisionForm:
        """Return the form with the text that belongs to the chosen reason; all else stays as it was typed."""
        sent = self.form(verb, review, self.request.POST)
        typed = {name: sent.typed(name) for name in sent.fields}
        text = texts_in(self.language(review), self.texts).get(verb, {}).get(typed["reason_code"])
        return self.form(verb, review, initial={**typed, "message": text or typed["message"]}, is_open=True)

    def _without_what_stays(
        self, refusal: Refusal | None, form: DecisionForm | None, decisions: tuple[Decision, ...]
    ) -> Refusal | None:
        """Say what was typed only where its form is gone: where it is still there, it stands in its fields."""
        if refusal is None or form is None or form.verb not in [decision.verb for decision in decisions]:
            return refusal
        return Refusal(refusal.error)


@require_POST
def _posted(request: HttpRequest, desk: Desk[Any], verb: str) -> HttpResponse:
    return desk.act(verb)


def posted(request: HttpRequest, desk: Desk[Any], verb: str) -> HttpResponse:
    """Claim, release, decide or correct; there are no other verbs, and each is posted."""
    if verb not in (*CLAIMING, *(decision.verb for decision in desk.decisions)):
        raise Http404
    return _posted(request, desk, verb)
