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


def about_words(about: str) -> Any:
    """Name what a line of ops is about: a kind by its name, everything else as it stands."""
    return KINDS.get(about, about)
