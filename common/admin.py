"""What every admin page of the portal stands on: lists that stay fast at ten million rows, and records nobody edits."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from common.counting import CAP, capped_count
from common.errors import PortalError
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

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Call the list what it is: nothing on it is selected to be changed."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


class PageAdmin(RecordAdmin):
    """A record that is shown on a page of the product's own, with its verbs beside it."""

    page_template = ""

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the record. Nothing is ever sent to this address."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        record = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        if record is None:
            return super().change_view(request, object_id)  # which says so
        return self.show(request, record)

    def show(self, request: HttpRequest, record: Any, refusal: PortalError | None = None) -> HttpResponse:
        """Show a record, with why a verb refused to touch it."""
        status = refusal.status if refusal else HTTPStatus.OK
        context = {"refusal": refusal, **self.facts(request, record)}
        return self.page(request, self.page_template, status, title=str(record), original=record, **context)

    def facts(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Return what the record's own page shows of it."""
        return {}

    def page(
        self, request: HttpRequest, template: str, status: int = HTTPStatus.OK, *, title: Any, **context: Any
    ) -> HttpResponse:
        """Answer with a page in the frame of the admin."""
        given = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "now": request.now}  # type: ignore[attr-defined]  # set by arrival_middleware
        return TemplateResponse(request, template, {**given, **context}, status=status)

    def who_and_when(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every verb is told: who asks, and when the request arrived."""
        return {"actor": request.actor, "now": request.now}  # type: ignore[attr-defined]  # set by middleware


def attempt(
    form: forms.Form,
    verb: Callable[[dict[str, Any]], HttpResponse],
    show: Callable[[int], HttpResponse],
) -> HttpResponse:
    """Call a verb with what a form says. What is wrong, or refused, is said on the form, and `show` shows it again."""
    if not form.is_valid():
        return show(HTTPStatus.BAD_REQUEST)
    try:
        return verb(form.cleaned_data)
    except PortalError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return show(error.status)


class QueueFilter(admin.SimpleListFilter):
    """A list as staff think of it: one choice is taken where none was made, and “all” is one among the others."""

    parameter_name = "queue"
    usual = ""
    """The choice where none was made."""

    def chosen(self) -> str:
        """Return the choice; one that does not exist is none."""
        value = self.value()
        return value if value in dict(self.lookup_choices) else self.usual

    def choices(self, changelist: Any) -> Iterator[Any]:
        for value, label in self.lookup_choices:
            yield {
                "selected": self.chosen() == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": label,
            }


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
