"""Admin: who takes part. Superusers edit; a key's text is shown once, when it is made."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.admin import AnyTabularInline, FastList, RecordAdmin, SuperusersOnly
from common.errors import PortalError
from merchants.authentication import new_api_key
from merchants.models import (
    AccessRequest,
    ApiKey,
    Grant,
    Invitation,
    MemberLine,
    Membership,
    Merchant,
    MiniProgram,
    Platform,
    User,
)
from merchants.services import revoke_api_key
from merchants.wording import grant_words, line_words, listed

if TYPE_CHECKING:  # as in common.admin
    AnyModelForm = forms.ModelForm[Any]
    AnyUserAdmin = DjangoUserAdmin[User]
else:
    AnyModelForm, AnyUserAdmin = forms.ModelForm, DjangoUserAdmin


class GrantsForm(AnyModelForm):
    """Grants as boxes to tick."""

    grants = forms.MultipleChoiceField(
        label=_("grants"), choices=Grant.choices, required=False, widget=forms.CheckboxSelectMultiple
    )


VISITS = ("visited_at", "visit_before_ended_at")
"""What the portal notes down by itself."""


class MembershipInline(SuperusersOnly, AnyTabularInline):
    model = Membership
    form = GrantsForm
    exclude = VISITS
    extra = 0
    raw_id_fields = ("merchant",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(SuperusersOnly, AnyUserAdmin):
    """People are switched off, not deleted: the history names them."""

    list_display = ("username", "name", "email", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("username__startswith", "email__startswith")
    search_help_text = _("The beginning of a user name or a mail address.")
    show_full_result_count = False
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("first_name", "last_name", "email", "language")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    @admin.display(description=pgettext_lazy("of a person", "name"))
    def name(self, user: User) -> str:
        return str(user)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()


@admin.register(Platform)
class PlatformAdmin(SuperusersOnly, FastList):
    list_display = ("code", "name", "created_at")
    search_fields = ("code__startswith", "name__startswith")


@admin.register(Merchant)
class MerchantAdmin(SuperusersOnly, FastList):
    list_display = ("name", "platform", "created_at")
    list_select_related = ("platform",)
    list_filter = ("platform",)
    search_fields = ("name__startswith",)
    search_help_text = _("The beginning of a merchant's name.")
    raw_id_fields = ("platform",)


@admin.register(MiniProgram)
class MiniProgramAdmin(SuperusersOnly, FastList):
    list_display = ("app_id", "name", "kind", "merchant", "platform")
    list_select_related = ("merchant", "platform")
    list_filter = ("kind", "platform")
    search_fields = ("app_id__startswith",)
    search_help_text = _("The beginning of an app id.")
    raw_id_fields = ("platform", "merchant")


@admin.register(Membership)
class MembershipAdmin(SuperusersOnly, FastList):
    form = GrantsForm
    list_display = ("user", "merchant", "is_administrator", "grant_words")
    list_select_related = ("user", "merchant")
    list_filter = ("is_administrator",)
    search_fields = ("user__username__startswith",)
    search_help_text = _("The beginning of a user name.")
    raw_id_fields = ("user", "merchant")
    readonly_fields = VISITS

    @admin.display(description=_("grants"))
    def grant_words(self, membership: Membership) -> str:
        return listed(grant_words(membership.grants))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(Invitation)
class InvitationAdmin(RecordAdmin):
    """Who was invited; the link itself is nowhere but in the mail."""

    list_display = ("email", "merchant", "invited_by", "invited_at", "mailed_at", "mail_failures", "accepted_at")
    list_select_related = ("merchant", "invited_by")
    list_filter = (("accepted_at", admin.EmptyFieldListFilter), ("withdrawn_at", admin.EmptyFieldListFilter))
    search_fields = ("email__startswith",)
    search_help_text = _("The beginning of a mail address.")


@admin.register(AccessRequest)
class AccessRequestAdmin(RecordAdmin):
    list_display = ("membership", "grant", "asked_at", "decided_at", "decided_by", "is_granted")
    list_select_related = ("membership__user", "membership__merchant", "decided_by")
    list_filter = (("decided_at", admin.EmptyFieldListFilter), "grant")


@admin.register(MemberLine)
class MemberLineAdmin(RecordAdmin):
    list_display = ("at", "merchant", "actor_name", "words")
    list_select_related = ("merchant",)

    @admin.display(description=_("what"))
    def words(self, line: MemberLine) -> str:
        return line_words(line)


class ApiKeyForm(GrantsForm):
    class Meta:
        model = ApiKey
        fields = ("name", "platform", "merchant", "grants")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        merchant, platform = cleaned.get("merchant"), cleaned.get("platform")
        if merchant and platform and merchant.platform_id != platform.pk:
            self.add_error("merchant", _("This merchant belongs to another platform."))
        return cleaned


@admin.register(ApiKey)
class ApiKeyAdmin(SuperusersOnly, FastList):
    """Keys are made and revoked, never changed. Only a key's hash is kept, so its text is on the page that makes it."""

    form = ApiKeyForm
    list_display = ("name", "prefix", "platform", "merchant", "created_at", "revoked_at")
    list_select_related = ("platform", "merchant")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "platform")
    search_fields = ("prefix__startswith",)
    search_help_text = _("The beginning of a prefix, the part between the two underscores.")
    raw_id_fields = ("platform", "merchant")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        made, text = new_api_key(
            obj.name,
            platform=obj.platform,
            merchant=obj.merchant,
            grants=obj.grants,
            now=request.now,  # type: ignore[attr-defined]  # set by arrival_middleware
        )
        obj.pk, obj.prefix = made.pk, made.prefix
        request.new_key_text = text  # type: ignore[attr-defined]  # for response_add, within this request

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key's text, on this answer only; it is kept in no message, session or log."""
        context = {
            **self.admin_site.each_context(request),
            "title": _("The new key"),
            "opts": self.opts,
            "key": obj,
            "text": request.new_key_text,  # type: ignore[attr-defined]  # set by save_model
        }
        response = TemplateResponse(request, "admin/merchants/apikey/made.html", context)
        response.headers["Cache-Control"] = "no-store"
        return response

    @admin.action(description=_("Revoke the chosen keys"), permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        for key in keys:
            try:
                revoke_api_key(key.prefix, now=request.now)  # type: ignore[attr-defined]  # set by arrival_middleware
            except PortalError as refusal:
                self.message_user(request, f"{key}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, _("%(key)s was revoked.") % {"key": key}, messages.SUCCESS)
