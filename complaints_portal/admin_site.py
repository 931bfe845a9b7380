"""The admin of support staff and operators: the stock one, in the product's look, with the product's sign-in."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.views.main import SEARCH_VAR
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models.base import ModelBase
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _

from common.wording import beijing_time
from complaints_portal.desks import desks_for, money_for, sweeps_for
from deadlines.alarm_mails import mail_trouble
from deadlines.alarms import WELL_FOR, open_alarms
from deadlines.control import PERMISSION

ORDER = ("appeals", "refunds", "complaints", "penalties", "deadlines", "evidence", "notifications", "merchants")
"""The daily work first; what frameworks bring comes after."""

HIDDEN = ("mfa.authenticator",)
"""The second factors of people: whoever reads one can sign in as them."""


def alarms_for(request: HttpRequest) -> dict[str, Any]:
    """Return the alarms that last, in words, and whether mails about them are held up; nothing to whoever may not."""
    if not request.user.has_perm(PERMISSION):
        return {}
    lasting = list(open_alarms())
    if not lasting:
        return {}
    address = reverse("admin:deadlines_sweeprun_desk")
    lines = [
        {
            "kind": alarm.get_kind_display(),
            "why": alarm.get_why_display(),
            "since": beijing_time(alarm.began_at),
            "well": beijing_time(alarm.well_since) if alarm.well_since else "",
            "url": address,
        }
        for alarm in lasting
    ]
    is_late = any(alarm.well_since is None for alarm in lasting)
    return {"lines": lines, "is_late": is_late, "minutes": WELL_FOR // timedelta(minutes=1), "mails": mail_trouble()}


class PortalAdminSite(AdminSite):
    site_header = _("Support desk")
    site_title = _("Support desk")
    index_title = _("What is there")
    site_url = "/"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Let every page show, to whoever may control the sweeps, the alarms that last. They are asked for once."""
        return {**super().each_context(request), "alarms": SimpleLazyObject(lambda: alarms_for(request))}

    def get_urls(self) -> list[Any]:
        """Put the desk of ops before the stock addresses of sweep runs."""
        from complaints_portal.sweep_desk.urls import desk_urls  # noqa: PLC0415 (its pages ask this very site)

        return [*desk_urls(self.admin_view), *super().get_urls()]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Refuse an address with a NUL in it: the stock lists filter by whatever it holds, and the database fails.

        What is searched for is left to the lists, which say themselves that they find nothing by it.
        """

        @wraps(view)
        def whole(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "\0" in request.path or any(
                "\0" in text for name, texts in request.GET.lists() if name != SEARCH_VAR for text in texts
            ):
                raise BadRequest("a NUL in the address")
            return view(request, *args, **kwargs)

        return super().admin_view(whole, cacheable)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show what is there, and above it the sweeps, each desk and money in numbers, to whoever may see them."""
        above = {"desks": desks_for(request), "money": money_for(request), "sweeps": sweeps_for(request)}
        return super().index(request, {**(extra_context or {}), **above})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send who is not signed in to the one sign-in page, which locks out guessing; refuse who is not staff."""
        target = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
            target = reverse("admin:index")
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(target)

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]  # redirects
        return redirect("account_logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # type: ignore[override]
        return redirect("account_change_password")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register models as usual, all but the hidden ones."""
        models: list[Any] = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else list(model_or_iterable)
        shown = [model for model in models if model._meta.label_lower not in HIDDEN]  # noqa: SLF001 (Django's own API)
        super().register(shown, admin_class, **options)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        apps = super().get_app_list(request, app_label)
        place = {label: number for number, label in enumerate(ORDER)}
        return sorted(apps, key=lambda app: place.get(app["app_label"], len(ORDER)))
