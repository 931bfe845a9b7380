"""What every page of the desk has: who may see it, who may press, and the frame of admin around it."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from common.errors import PortalError
from deadlines.control import may_control, require_control

SEE = "deadlines.view_sweeprun"
VIEWS = (
    ("desk", _("Sweeps")),
    ("extensions", _("Extensions")),
    ("amnesties", _("Amnesties")),
    ("policy", _("Policy")),
    ("what_if", _("What if")),
)
View = Callable[..., HttpResponse]


def for_viewers(view: View) -> View:
    """Show a page to whoever may see sweep runs."""

    @wraps(view)
    def shown(request: HttpRequest, **parts: Any) -> HttpResponse:
        if not request.user.has_perm(SEE):
            raise PermissionDenied
        return view(request, **parts)

    return shown


def for_ops(view: View) -> View:
    """Let only whoever may control the sweeps send something to a page; whoever may see sweep runs may look at it."""

    @wraps(view)
    def guarded(request: HttpRequest, **parts: Any) -> HttpResponse:
        if not request.user.has_perm(SEE):
            raise PermissionDenied
        if request.method not in ("GET", "HEAD"):
            require_control(request.actor)  # type: ignore[attr-defined]  # set by merchants.middleware
        return view(request, **parts)

    return guarded


def page(
    request: HttpRequest, template: str, status: int = HTTPStatus.OK, *, title: Any, tab: str = "", **context: Any
) -> HttpResponse:
    """Answer with a page of the desk."""
    given = {
        **admin.site.each_context(request),
        "title": title,
        "now": request.now,  # type: ignore[attr-defined]  # set by arrival_middleware
        "may_control": may_control(request.actor),  # type: ignore[attr-defined]  # set by merchants.middleware
        "views": [(f"admin:deadlines_sweeprun_{name}", label, name == tab) for name, label in VIEWS],
    }
    return TemplateResponse(request, f"admin/sweeps/{template}.html", {**given, **context}, status=status)


def who_and_when(request: HttpRequest) -> dict[str, Any]:
    """Return what every verb is told: who asks, and when the request arrived."""
    return {"actor": request.actor, "now": request.now}  # type: ignore[attr-defined]  # set by middleware


def say(form: Any, refusal: PortalError, *also: Any) -> int:
    """Put a refusal on the form that has its field, or above the first one, and return its status."""
    for each in (form, *also):
        if refusal.field in each.fields:
            each.add_error(refusal.field, str(refusal))
            return refusal.status
    form.add_error(None, str(refusal))
    return refusal.status
