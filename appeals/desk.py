"""The desk of an appeal: what is its own beside the desk of any review."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appeals import desk_queries as queries
from appeals import services
from appeals.models import Appeal, Proof, ReplyTemplate
from appeals.permissions import has_conflict, may, visible_to
from appeals.reasons import REASONS_OF
from appeals.states import APPEAL, OPEN
from complaints.models import Complaint
from complaints.reviews.desk import CORRECT, Decision, Desk
from complaints.reviews.evidence import Shots
from complaints.reviews.forms import DecisionForm
from complaints.reviews.texts import language_of


class AppealDesk(Desk[Appeal]):
    """One request to the desk of one appeal."""

    model = Appeal
    noun = "appeal"
    queue_title = _("Appeals to review")
    template = "admin/appeals/appeal/desk.html"
    moves = APPEAL
    open_statuses = OPEN
    reasons = REASONS_OF
    texts = ReplyTemplate
    claiming: ClassVar = {"claim": services.claim, "release": services.release}
    decisions = (
        Decision(
            "approve",
            services.approve,
            _("Approve"),
            _("Appeal %(appeal)s was approved: the penalty is revoked, the points are given back."),
            "a",
        ),
        Decision(
            "reject",
            services.reject,
            _("Reject"),
            _("Appeal %(appeal)s was rejected: the penalty is in effect again."),
            "r",
        ),
        Decision(
            "ask",
            services.ask,
            _("Ask for more evidence"),
            _("The merchant was asked for more evidence about %(appeal)s."),
            "m",
        ),
        Decision(
            CORRECT,
            services.correct,
            _("Correct the decision"),
            _("The decision about %(appeal)s was corrected."),
        ),
    )

    def visible(self) -> QuerySet[Appeal]:
        return visible_to(self.actor)

    def with_facts(self) -> QuerySet[Appeal]:
        return queries.with_facts(self.actor)

    def may(self, verb: str, review: Appeal) -> bool:
        return may(self.actor, verb, review)

    def conflict(self, review: Appeal) -> Promise | None:
        if has_conflict(self.actor, review):
            return _("You issued or amended this penalty by hand, so a colleague must decide.")
        return None

    def complaint_id(self, review: Appeal) -> int:
        return review.penalty.complaint_id

    def title(self, review: Appeal) -> Any:
        return _("Review of %(appeal)s") % {"appeal": review}

    def language(self, review: Appeal) -> str:
        return language_of(review.actor_kind, review.actor_id)

    def shots(self, review: Appeal, complaint: Complaint) -> list[Shots]:
        return queries.shots(review, complaint)

    def facts(self, review: Appeal, complaint: Complaint) -> dict[str, Any]:
        return {
            "appeal": review,
            "penalty": review.penalty,
            "proofs": [Proof(each).label for each in review.proofs],
            "earlier": queries.earlier_appeals(review),
        }

    def given(self, form: DecisionForm) -> services.Decision:
        return services.Decision(form.typed("reason_code"), form.typed("message"))
