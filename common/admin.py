"""What every admin page of the portal stands on: lists that stay fast at ten million rows, and records nobody edits."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.counting import CAP, capped_count
from common.templatetags.ui import STATE_LOOKS

if TYPE_CHECKING:  # Django's own classes take no parameters, their stubs ask for some
    AnyPaginator = Paginator[Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
    AnyTabularInline = admin.TabularInline[Any, Any]
else:
    AnyPaginator, AnyModelAdmin, AnyTabularInline = Paginator, admin.ModelAdmin, admin.TabularInline


class CappedPaginator(AnyPaginator):
    """Pages over the first rows only: to count all of ten million costs seconds, and nobody turns to page 5,000."""

    is_capped = False

    @cached_property
    def count(self) -> int:
        found = capped_count(self.object_list)  # type: ignore[arg-type]  # the admin gives a queryset
        self.is_capped = found > CAP
        return min(found, CAP)


class FastList(AnyModelAdmin):
    """A list that counts no further than it must, and sorts by its index only; `list_select_related` is the child's."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    sortable_by = ()
    ordering = ("-pk",)
    actions: Any = None


class NeverEdited:
    """A record that verbs and sweeps write. Admin shows it to who may view it, and changes nothing."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class RecordAdmin(NeverEdited, FastList):
    """A record, shown."""


class RecordInline(NeverEdited, AnyTabularInline):
    """Records that belong to another one, shown below it."""

    extra = 0
    show_change_link = False


class SuperusersOnly:
    """Rows that decide who may do what: superusers make and change them, and nobody deletes what others refer to."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def state_badge(state: str, label: str | Promise) -> SafeString:
    """Return a state with its tone; the word says it too."""
    tone, _icon = STATE_LOOKS.get(state, ("neutral", ""))
    return format_html('<span class="state-badge" data-tone="{}">{}</span>', tone, label)
