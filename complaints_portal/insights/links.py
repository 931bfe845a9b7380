"""From a number to the complaints behind it: the list of complaints, narrowed to just those."""

from urllib.parse import urlencode

from django.urls import reverse

from complaints.outcomes import NOT_SAID
from complaints_portal.insights.figures import Range


def complaints_url(wanted: Range, *, outcome: str = "", root_cause: str | None = None) -> str:
    """Return the address of the list of the complaints that were filed in this stretch, of every status.

    `outcome` is one of `complaints.outcomes.Outcome`; an empty `root_cause` means that none was said.
    """
    query = [("status", "all"), ("filed_from", wanted.first.isoformat()), ("filed_to", wanted.last.isoformat())]
    query += [("mini_program", str(number)) for number in wanted.mini_program_ids]
    query += [("dispute_type_is", each) for each in wanted.dispute_types]
    if root_cause is not None:
        query.append(("root_cause", root_cause or NOT_SAID))
    if outcome:
        query.append(("outcome", outcome))
    return f"{reverse('complaints:list')}?{urlencode(query)}"
