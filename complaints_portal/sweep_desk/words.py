"""The words for what the desk shows."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from deadlines.lateness import Lateness
from deadlines.models import Deadline

LATE: dict[str, Any] = {
    Lateness.PAUSED: _("Late: it is paused"),
    Lateness.SILENT: _("Late: no run has ended in the last two minutes"),
    Lateness.BEHIND: _("Late: runs end, but what is due waits"),
}
DID: dict[str, Any] = {
    "run": _("let it run again"),
    "paused": _("paused it"),
    "shadow": _("let it run in shadow"),
    "propose_extension": _("proposed an extension"),
    "approve_extension": _("approved an extension"),
    "decline_extension": _("declined an extension"),
    "extend": _("moved deadlines"),
    "propose_amnesty": _("proposed an amnesty"),
    "approve_amnesty": _("approved an amnesty"),
    "decline_amnesty": _("declined an amnesty"),
    "forgive": _("revoked penalties"),
}
KINDS = dict(Deadline.Kind.choices)
NUMBERS: dict[str, Any] = {
    "handle_hours": _("Hours to handle a complaint"),
    "handle_points": _("Points for a complaint not handled in time"),
    "refund_hours": _("Hours to pay a pending refund"),
    "refund_points": _("Points for each overdue refund"),
    "appeal_complaint_timeout_hours": _("Hours to appeal, complaint not handled"),
    "appeal_refund_overdue_hours": _("Hours to appeal, refund overdue"),
    "review_working_days": _("Working days of a review"),
    "supplement_hours": _("Hours to add evidence that was asked for"),
    "appeals_per_penalty": _("Appeals for each penalty"),
    "refusals_per_refund": _("Refusals of each pending refund"),
    "finish_hours": _("Hours until a handled complaint finishes"),
    "bonus_percent": _("Bonus on a top-up, percent"),
    "bonus_cap": _("Bonus of an account at most, yuan"),
    "bonus_share": _("Refunds: one part in so many from the bonus"),
    "top_up_four_eyes": _("Top-ups that need a second person, above yuan"),
    "four_eyes_cases": _("Cases moved or forgiven that need a second person, above"),
    "refund_doubt_hours": _("Hours until a refund in doubt is shown to staff"),
    "reminder_hours": _("Reminders, hours before the deadline"),
    "pictures_per_submission": _("Pictures with each submission"),
    "picture_megabytes": _("Size of a picture at most, megabytes"),
    "points_thresholds": _("Points at which a platform acts"),
}


def about_words(about: str) -> Any:
    """Name what a line of ops is about: a kind by its name, everything else as it stands."""
    return KINDS.get(about, about)
