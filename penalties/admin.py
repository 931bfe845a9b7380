"""Admin: penalties. Sweeps issue them, verbs move them; nobody edits or deletes one.

Staff revoke them with a reason, and put back what was revoked by mistake.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common.admin import RecordAdmin, state_badge
from common.errors import BadInput, PortalError
from complaints.forms import ProseField
from deadlines.models import SweepRun
from penalties import attempts, services
from penalties.models import Amnesty, Penalty
from penalties.permissions import REVOKE, require_revoking
from penalties.queries import was_revoked_by_hand
from penalties.revoking import REASON_LIMIT, RunRevoked
from penalties.states import PENALTY, Status


class ReasonForm(forms.Form):
    """Why penalties are revoked, or put back; the merchant reads it."""

    use_required_attribute = False

    reason = ProseField(
        label=_("reason"),
        help_text=_("The merchant reads it."),
        max_length=REASON_LIMIT,
        widget=forms.Textarea({"rows": 4}),
        error_messages={"required": _("Give the reason; the merchant reads it.")},
    )


@admin.register(Amnesty)
class AmnestyAdmin(RecordAdmin):
    list_display = ("pk", "status", "__str__", "kinds", "counted", "done", "points", "proposed_by", "decided_by")
    list_select_related = ("sweep_run", "proposed_by", "decided_by")
    list_filter = ("status",)


@admin.register(Penalty)
class PenaltyAdmin(RecordAdmin):
    list_display = (
        "penalty_no",
        "status_badge",
        "kind",
        "points",
        "merchant",
        "complaint",
        "missed_at",
        "issued_at",
        "appeal_by",
        "window_closed_at",
    )
    list_select_related = ("merchant", "complaint")
    list_filter = ("status", "kind", ("window_closed_at", admin.EmptyFieldListFilter))
    exclude = ("subject_id",)  # a number of ours: the complaint stands beside it
    search_fields = ("penalty_no__startswith",)
    search_help_text = _("A penalty's number, or its beginning: the day it was issued, as in 20260317.")

    class Media:
        css = {"all": ("css/desk.css",)}

    def get_urls(self) -> list[URLPattern]:
        """Add the pages on which staff revoke and put back, before the stock ones."""
        wrap = self.admin_site.admin_view
        return [
            path("<int:penalty_id>/revoke/", wrap(self.revoke_view), name="penalties_penalty_revoke"),
            path("<int:penalty_id>/reinstate/", wrap(self.reinstate_view), name="penalties_penalty_reinstate"),
            path("revoke-run/<int:run_id>/", wrap(self.revoke_run_view), name="penalties_penalty_revoke_run"),
            *super().get_urls(),
        ]

    @admin.display(description=_("status"))
    def status_badge(self, penalty: Penalty) -> SafeString:
        return state_badge(penalty.status, penalty.get_status_display())

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the penalty; who may revoke it, or put it back, finds the way to do so."""
        penalty = Penalty.objects.filter(pk=int(object_id) if object_id.isdecimal() else 0).first()
        given = {}
        if penalty is not None and request.user.has_perm(REVOKE):
            given["may_revoke"] = penalty.status == Status.IN_EFFECT
            given["may_reinstate"] = was_revoked_by_hand(penalty)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **given})

    def revoke_view(self, request: HttpRequest, penalty_id: int) -> HttpResponse:
        """Revoke one penalty: what goes is shown first, and the reason is asked for."""
        self._require(request)
        penalty = self._penalty(penalty_id)
        context = {
            "title": _("Revoke penalty %(penalty)s") % {"penalty": penalty},
            "penalty": penalty,
            "is_possible": "revoke" in PENALTY.allowed(penalty.status),
        }
        done = _("Penalty %(penalty)s was revoked.") % {"penalty": penalty}
        return self._move(request, services.revoke, "revoke", done=done, **context)

    def reinstate_view(self, request: HttpRequest, penalty_id: int) -> HttpResponse:
        """Put back a penalty that was revoked by mistake: what that does is shown, and the reason is asked for."""
        self._require(request)
        penalty = self._penalty(penalty_id)
        context = {
            "title": _("Put penalty %(penalty)s in effect again") % {"penalty": penalty},
            "penalty": penalty,
            "is_possible": was_revoked_by_hand(penalty),
            "opens_window": attempts.are_left(penalty),
        }
        done = _("Penalty %(penalty)s is in effect again.") % {"penalty": penalty}
        return self._move(request, services.reinstate, "reinstate", done=done, **context)

    def revoke_run_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Revoke what a whole sweep run issued: how much that is is shown first, and the reason is asked for."""
        self._require(request)
        run = get_object_or_404(SweepRun, pk=run_id)
        context: dict[str, Any] = {
            "title": _("Revoke the penalties of a sweep run"),
            "run": run,
            "preview": services.preview_run(run),
        }
        if request.method != "POST":
            return self._page(request, "revoke_run", ReasonForm(), **context)

        def revoke(reason: str) -> HttpResponse:
            self._report(request, services.revoke_run(run_id, reason=reason, **self._who_and_when(request)))
            return redirect("admin:penalties_penalty_revoke_run", run_id)

        return self._try(request, revoke, "revoke_run", **context)

    def _penalty(self, penalty_id: int) -> Penalty:
        return get_object_or_404(Penalty.objects.select_related("merchant", "mini_program"), pk=penalty_id)

    def _move(
        self, request: HttpRequest, verb: Callable[..., Penalty], page: str, *, done: str, **context: Any
    ) -> HttpResponse:
        """Show what moving one penalty does; with a reason, move it, and go back to it."""
        if request.method != "POST":
            return self._page(request, page, ReasonForm(), **context)
        penalty: Penalty = context["penalty"]

        def move(reason: str) -> HttpResponse:
            verb(penalty.pk, reason=reason, **self._who_and_when(request))
            messages.success(request, done)
            return redirect("admin:penalties_penalty_change", penalty.pk)

        return self._try(request, move, page, **context)

    def _require(self, request: HttpRequest) -> None:
        """Refuse whoever may not see penalties, and whoever may neither revoke them nor put them back."""
        if not request.user.has_perm("penalties.view_penalty"):
            raise PermissionDenied
        require_revoking(request.actor)  # type: ignore[attr-defined]  # set by merchants.middleware

    def _who_and_when(self, request: HttpRequest) -> dict[str, Any]:
        return {"actor": request.actor, "now": request.now}  # type: ignore[attr-defined]  # set by middleware

    def _try(
        self, request: HttpRequest, verb: Callable[[str], HttpResponse], page: str, **context: Any
    ) -> HttpResponse:
        """Call the verb with the reason. A refusal stands beside what was typed."""
        form = ReasonForm(request.POST)
        if not form.is_valid():
            return self._page(request, page, form, status=HTTPStatus.BAD_REQUEST, **context)
        try:
            return verb(form.cleaned_data["reason"])
        except BadInput as error:
            form.add_error("reason", str(error))
            return self._page(request, page, form, status=error.status, **context)
        except PortalError as error:
            form.add_error(None, str(error))
            return self._page(request, page, form, status=error.status, **context)

    def _page(
        self, request: HttpRequest, page: str, form: ReasonForm, status: int = HTTPStatus.OK, **context: Any
    ) -> HttpResponse:
        given = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, **context}
        return TemplateResponse(request, f"admin/penalties/penalty/{page}.html", given, status=status)

    def _report(self, request: HttpRequest, done: RunRevoked) -> None:
        """Say what became of the run's penalties, outcome by outcome."""
        revoked = ngettext("%(count)d penalty was revoked.", "%(count)d penalties were revoked.", done.revoked)
        points = ngettext("%(count)d point was given back.", "%(count)d points were given back.", done.points)
        text = f"{revoked % {'count': done.revoked}} {points % {'count': done.points}}"
        messages.success(request, text)
        left = (
            (
                done.under_appeal,
                ngettext(
                    "%(count)d penalty is under appeal and was left: decide the appeal.",
                    "%(count)d penalties are under appeal and were left: decide the appeals.",
                    done.under_appeal,
                ),
                messages.WARNING,
            ),
            (
                done.in_use,
                ngettext(
                    "%(count)d penalty was in use by somebody else and was left: revoke the run once more.",
                    "%(count)d penalties were in use by somebody else and were left: revoke the run once more.",
                    done.in_use,
                ),
                messages.WARNING,
            ),
            (
                done.revoked_before,
                ngettext(
                    "%(count)d penalty had been revoked before.",
                    "%(count)d penalties had been revoked before.",
                    done.revoked_before,
                ),
                messages.INFO,
            ),
        )
        for count, sentence, level in left:
            if count:
                messages.add_message(request, level, sentence % {"count": count})
