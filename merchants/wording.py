"""What members may do, and what was changed about it, in words: for pages and for mails."""

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from merchants.models import Grant, Invitation, MemberLine, Membership

ALLOWS: dict[str, Promise] = {
    Grant.VIEW: gettext_lazy("Sees complaints, refunds, violations and appeals; without this nobody gets further."),
    Grant.HANDLE: gettext_lazy("Handles complaints and writes to consumers."),
    Grant.REFUND: gettext_lazy("Pays pending refunds, or refuses them with proof."),
    Grant.APPEAL: gettext_lazy("Appeals penalties, adds what support staff ask for, withdraws appeals."),
    Grant.FUND: gettext_lazy("Joins the guarantee plan, tops it up, and reads its statement."),
    Grant.MEMBERS: gettext_lazy("Invites and removes members, and gives them permissions, but none beyond their own."),
    Grant.SETTINGS: gettext_lazy("Changes the settings of the merchant."),
}
"""One sentence on each grant."""


def grant_words(grants: Collection[str]) -> list[str]:
    """Return the names of grants in the order in which they are always shown."""
    return [str(label) for value, label in Grant.choices if value in grants]


def listed(words: Collection[str]) -> str:
    """Return words as one enumeration, with the sign that the language puts between them."""
    return pgettext("between the parts of an enumeration", ", ").join(words)


def may_words(place: Membership | Invitation) -> str:
    """Return what somebody may do at a merchant, or will when they have joined."""
    if place.is_administrator:
        return _("everything, as account administrator")
    return listed(grant_words(place.grants)) or _("nothing yet")


LINES: dict[str, Promise] = {
    "invite": gettext_lazy("invited %(about)s. They may there: %(may)s."),
    "renew": gettext_lazy("sent the invitation of %(about)s again."),
    "withdraw": gettext_lazy("withdrew the invitation of %(about)s."),
    "accept": gettext_lazy("joined with the invitation of %(address)s."),
    "remove": gettext_lazy("removed %(about)s."),
    "ask": gettext_lazy("asked for the permission to %(grant)s."),
    "grant": gettext_lazy("gave %(about)s the permission to %(grant)s, as asked."),
    "decline": gettext_lazy("declined to give %(about)s the permission to %(grant)s."),
    "change": gettext_lazy("changed what %(about)s may do."),
}
"""What each verb did; who did it stands beside it."""


def line_words(line: MemberLine) -> str:
    """Return a change of members as a sentence."""
    detail = line.detail
    values = {"about": line.about, "address": detail.get("email", "")}
    if "grant" in detail:
        values["grant"] = str(Grant(detail["grant"]).label)
    if line.verb == "invite":
        values["may"] = may_words(Membership(grants=detail["grants"], is_administrator=detail["is_administrator"]))
    said = str(LINES[line.verb]) % values
    return f"{said} {_changed(detail['before'], detail['after'])}" if line.verb == "change" else said


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return what changed between two states of a member, part by part."""
    given = grant_words(set(after["grants"]) - set(before["grants"]))
    taken = grant_words(set(before["grants"]) - set(after["grants"]))
    parts = []
    if after["is_administrator"] != before["is_administrator"]:
        parts.append(
            _("Now an account administrator.") if after["is_administrator"] else _("No account administrator any more.")
        )
    if given:
        parts.append(_("Given: %(grants)s.") % {"grants": listed(given)})
    if taken:
        parts.append(_("Taken away: %(grants)s.") % {"grants": listed(taken)})
    return " ".join(parts)
