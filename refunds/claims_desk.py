"""The desk of a no-refund claim: what is its own beside the desk of any review."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from complaints.models import Complaint
from complaints.reviews.desk import CORRECT, Decision, Desk
from complaints.reviews.evidence import Shots
from complaints.reviews.forms import DecisionForm
from refunds import claims, services
from refunds import claims_desk_queries as queries
from refunds.claims_desk_forms import RulingForm
from refunds.models import NoRefundClaim, RulingTemplate
from refunds.permissions import may, visible_claims
from refunds.reasons import REASONS_OF
from refunds.states import NO_REFUND_CLAIM


class ClaimDesk(Desk[NoRefundClaim]):
    """One request to the desk of one no-refund claim."""

    model = NoRefundClaim
    noun = "claim"
    queue_title = _("No-refund claims to review")
    template = "admin/refunds/norefundclaim/desk.html"
    moves = NO_REFUND_CLAIM
    reasons = REASONS_OF
    texts = RulingTemplate
    claiming: ClassVar = {"claim": services.claim, "release": services.release}
    decisions = (
        Decision(
            "accept",
            services.accept,
            _("Accept: no refund is due"),
            _("Claim %(claim)s was accepted: no refund is due, and the complaint is finished."),
            "a",
        ),
        Decision(
            "overrule",
            services.overrule,
            _("Overrule: a refund is due"),
            _("Claim %(claim)s was overruled: a refund is due, and its clock runs."),
            "r",
        ),
        Decision(
            CORRECT,
            services.correct,
            _("Correct the ruling"),
            _("The ruling on %(claim)s was corrected."),
        ),
    )

    _known: tuple[NoRefundClaim, queries.Amounts] | None = None

    def amounts(self, review: NoRefundClaim) -> queries.Amounts:
        """Return the money of a claim; of one that was read again it is looked up again."""
        if self._known is None or self._known[0] is not review:
            self._known = (review, queries.amounts_of(review.complaint))
        return self._known[1]

    def visible(self) -> QuerySet[NoRefundClaim]:
        return visible_claims(self.actor)

    def with_facts(self) -> QuerySet[NoRefundClaim]:
        return queries.with_facts(self.actor)

    def may(self, verb: str, review: NoRefundClaim) -> bool:
        return may(self.actor, "claim" if verb == "release" else verb)

    def complaint_id(self, review: NoRefundClaim) -> int:
        return review.complaint_id

    def title(self, review: NoRefundClaim) -> Any:
        return _("Review of %(claim)s") % {"claim": review}

    def language(self, review: NoRefundClaim) -> str:
        return queries.language_for(review)

    def shots(self, review: NoRefundClaim, complaint: Complaint) -> list[Shots]:
        return queries.shots(review, complaint, self.amounts(review).named)

    def facts(self, review: NoRefundClaim, complaint: Complaint) -> dict[str, Any]:
        about = claims.about(review)
        return {
            "claim": review,
            "case": queries.case_of(review),
            "about": about,
            "about_label": queries.ABOUT[about],
            "amounts": self.amounts(review),
            "moments": queries.moments_of(review, complaint),
            "others": queries.others_about(review),
            "latest": queries.latest_rulings(review),
        }

    def form(
        self,
        verb: str,
        review: NoRefundClaim,
        data: Any = None,
        *,
        initial: dict[str, Any] | None = None,
        is_open: bool = False,
    ) -> RulingForm:
        amounts = self.amounts(review) if queries.opens_case(review, verb) else None
        return RulingForm(verb, data, amounts=amounts, initial=initial, is_open=is_open)

    def given(self, form: DecisionForm) -> services.Ruling:
        if not isinstance(form, RulingForm):
            raise TypeError("The desk of claims takes rulings.")
        return form.given()
