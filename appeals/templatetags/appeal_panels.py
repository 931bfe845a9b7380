"""Appeals on the pages of lower floors, which know nothing of them: the templates put the two together."""

from collections.abc import Iterable
from typing import Any, cast

from django import template

from appeals.forms import proof_labels
from appeals.models import Appeal
from appeals.queries import Attempts, attempts_of, review_days
from appeals.reasons import Reason
from appeals.states import Status
from common.actors import Actor
from merchants.members import administrators_of
from merchants.models import Grant
from penalties.models import Penalty

register = template.Library()


@register.simple_tag(takes_context=True)
def attempts_by_penalty(context: template.Context, penalties: Iterable[Penalty]) -> dict[int, Attempts]:
    """The attempts of all penalties of a page, in one query: {% attempts_by_penalty page.rows as attempts %}."""
    return _attempts(context, penalties)


@register.filter
def attempt_of(found: dict[int, Attempts], penalty: Penalty) -> Attempts | None:
    """What was looked up for all penalties of a page: {{ attempts|attempt_of:penalty }}."""
    return found.get(penalty.pk)


@register.inclusion_tag("appeals/_window.html", takes_context=True)
def appeal_window(context: template.Context, penalty: Penalty) -> dict[str, Any]:
    """我要申诉 while an appeal can be submitted, otherwise the reason why not; and whom to ask without the grant."""
    attempts = _attempts(context, [penalty])[penalty.pk]
    shown = {"penalty": penalty, "attempts": attempts, "now": context["now"]}
    if attempts.answer.refusal is None and not attempts.is_mine:
        shown |= {
            "administrators": administrators_of(penalty.merchant_id),
            "grant": Grant.APPEAL,
            "merchant": context["merchant"],
        }
    return shown


@register.inclusion_tag("appeals/_earlier.html", takes_context=True)
def earlier_appeals(context: template.Context, penalty: Penalty) -> dict[str, Any]:
    """The appeals against a penalty so far, each with its decision."""
    attempts = _attempts(context, [penalty])[penalty.pk]
    return {"appeals": attempts.appeals[::-1], "now": context["now"]}


@register.inclusion_tag("appeals/_state.html", takes_context=True)
def appeal_state(context: template.Context, penalty: Penalty) -> dict[str, Any]:
    """How things stand with appealing a penalty, in a line or two, for the page of its complaint."""
    return {"penalty": penalty, "attempts": _attempts(context, [penalty])[penalty.pk], "now": context["now"]}


@register.inclusion_tag("appeals/_review.html", takes_context=True)
def review_due(context: template.Context, appeal: Appeal) -> dict[str, Any]:
    """Until when staff review an appeal, in working days, and whether that may still move."""
    return {"appeal": appeal, "days": review_days(appeal), "now": context["now"]}


@register.filter
def proof_names(appeal: Appeal) -> list[str]:
    """The names of the proofs that an appeal claims."""
    return proof_labels(appeal.proofs)


@register.filter
def reason_words(code: str) -> str:
    """Why staff decided as they did, or what they ask for, as people read it."""
    return str(Reason(code).label) if code in Reason.values else ""


@register.filter
def decision_tone(status: str) -> str:
    """The tone of a decision, by the status that it led to."""
    return {Status.APPROVED.value: "ok", Status.REJECTED.value: "danger"}.get(status, "accent")


@register.filter
def status_words(status: str) -> str:
    """The name of a status, as a line of history keeps it."""
    return str(Status(status).label)


def _attempts(context: template.Context, penalties: Iterable[Penalty]) -> dict[int, Attempts]:
    """Look the attempts up once for a page, however many panels show them."""
    penalties = list(penalties)
    found: dict[int, Attempts] = cast("Any", context.render_context).setdefault("appeal_attempts", {})
    missing = [penalty for penalty in penalties if penalty.pk not in found]
    if missing:
        actor: Actor = context["actor"]
        found |= attempts_of(missing, actor=actor, now=context["now"])
    return {penalty.pk: found[penalty.pk] for penalty in penalties}
