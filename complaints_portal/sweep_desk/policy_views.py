"""The doors to the numbers: which are in force, which will be, and what days would have cost under others."""

import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from common.errors import BadInput, PortalError
from common.policy import BEGINNING, Policy, PolicyError, laid_upon, policy_at, policy_spans, read_policy
from complaints.queries import start_of
from complaints_portal.sweep_desk.forms import WhatIfForm
from complaints_portal.sweep_desk.frame import for_viewers, page, say
from complaints_portal.sweep_desk.trying import patience
from deadlines.models import PolicyChange
from deadlines.policies import numbers_of, what_changes
from penalties.what_if import what_if as count_under

SHOWN = 20
SECONDS = 30
CALLED = "policy.toml"


@for_viewers
def policy(request: HttpRequest) -> HttpResponse:
    """Show the numbers in force, those that are dated, and what was recorded about their changes."""
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    own, published = numbers_of(policy_at(now)), numbers_of(Policy())
    return page(
        request,
        "policy",
        title=_("Policy"),
        tab="policy",
        numbers=[(name, value, value != published[name], published[name]) for name, value in own.items()],
        dated=[
            (span.since, span.since <= now, _changes(numbers))
            for span, numbers in what_changes()
            if span.since != BEGINNING
        ],
        has_file=len(policy_spans()) > 1,
        recorded=[
            (change, _changes(change.numbers))
            for change in PolicyChange.objects.order_by("-recorded_at", "-pk")[:SHOWN]
        ],
    )


def _changes(numbers: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    return [(name, before, after) for name, (before, after) in numbers.items()]


@require_http_methods(["GET", "HEAD", "POST"])
@for_viewers
def what_if(request: HttpRequest) -> HttpResponse:
    """Count what days cost, and would have cost under other numbers. It changes nothing, so viewers may ask too."""
    now = request.now  # type: ignore[attr-defined]  # set by arrival_middleware
    sent = request.method == "POST"
    form = WhatIfForm(request.POST, request.FILES) if sent else WhatIfForm()
    found: dict[str, Any] = {}
    status: int = HTTPStatus.OK
    if sent and form.is_valid():
        try:
            found = _counted(form.cleaned_data, now)
        except PortalError as refusal:
            status = say(form, refusal)
    elif sent:
        status = HTTPStatus.BAD_REQUEST
    typed = form.cleaned_data.get("text", "") if sent else ""
    return page(request, "what_if", status, title=_("What if"), tab="what_if", form=form, typed=typed, **found)


def _counted(given: dict[str, Any], now: Any) -> dict[str, Any]:
    first, last = given["first"], given["last"]
    as_it_was = policy_at(start_of(first))
    wanted = read_text(given["text"], as_it_was)
    with patience(SECONDS):
        compared = count_under(wanted, first=first, last=last, now=now, as_it_was=as_it_was)
    before, after = numbers_of(as_it_was), numbers_of(wanted)
    nouns = {"complaint": _("Complaints to handle"), "refund_case": _("Pending refunds to pay")}
    return {
        "compared": [(nouns.get(each.noun, each.noun), each) for each in compared],
        "changes": [(name, before[name], after[name]) for name in after if before[name] != after[name]],
    }


def read_text(text: str, policy: Policy) -> Policy:
    """Return a policy with what the text of a file changes. Refuses with the line that is wrong."""
    try:
        return laid_upon(policy, read_policy(text, Path(CALLED)))
    except PolicyError as error:
        said = error.said
        line = line_of(text, error)
        if line:
            said = _("Line %(line)d: %(reason)s") % {"line": line, "reason": said}
        raise BadInput(said, field="policy") from error


def line_of(text: str, error: PolicyError) -> int:
    """Return the line that an error is about, counted from 1; 0 when it is about no line, or names its line itself."""
    table = 0
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[\[\s*policy\s*\]\]", line):
            table += 1
            if table == error.table and not error.name:
                return number
        elif (
            table == error.table and error.name and re.match(rf"""\s*["']?{re.escape(error.name)}["']?\s*[=.]""", line)
        ):
            return number
    return 0
