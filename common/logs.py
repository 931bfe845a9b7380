"""What must not stand in a log: the links that let in whoever has them."""

import re
from collections.abc import MutableMapping
from typing import Any

PRINTED = "celery.redirected"
"""What a worker prints reaches the log under this name: also mails, where EMAIL_URL sends them to the console."""

LINK = re.compile(r"((?:/|%2F)(?:join|key|calendar|c)(?:/|%2F))[^/\s?&\"'<>]+", re.IGNORECASE)
"""An invitation, `/join/…/`, what resets a password, `/accounts/password/reset/key/…/`, or the calendar of a member,
`/calendar/….ics`, or the page of a consumer, `/c/…/`; also inside a `next=`."""


def hide_links(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace what opens something by an ellipsis, wherever it stands in the line; a processor of structlog.

    A mail that is printed on the console keeps its link: whoever tries the portal out has no other way to it.
    """
    if line.get("logger") == PRINTED:
        return line
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = LINK.sub(r"\1…", value)
    return line
