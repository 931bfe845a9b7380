"""Merchant pages for exports: ask for one, watch a long one being made, fetch it, throw it away."""

import tempfile
from http import HTTPMethod
from typing import Any

from django.contrib import messages
from django.core.exceptions import SuspiciousFileOperation
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from common.errors import BadInput, Conflict
from common.numbers import BEIJING
from complaints.filters import opened
from complaints.models import Complaint, Export
from complaints.workspace import exporting
from complaints.workspace.sheets import csv_lines, headings, rows_of, write_xlsx
from evidence.models import evidence_files
from merchants.models import Grant
from merchants.pages import MemberRequest, member_page

CONTENT_TYPES: dict[str, str] = {
    Export.Format.CSV: "text/csv; charset=utf-8",
    Export.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(Grant.VIEW)
def exports(request: MemberRequest) -> HttpResponseBase:
    """Show this member's exports; or export what a list's address filters, at once or, when it is long, by a task."""
    if request.method != HTTPMethod.POST:
        own = exporting.exports_of(request.actor, now=request.now)
        context = {"exports": own, "now": request.now, "hours": exporting.KEPT_FOR.total_seconds() // 3600}
        return render(request, "complaints/exports/list.html", context)
    format_name = request.POST.get("format", "")
    if format_name not in CONTENT_TYPES:
        raise BadInput(_("Choose CSV or XLSX."), field="format")
    query = _query(request.POST.get("query", ""), request)
    complaints = exporting.listed(query, actor=request.actor, now=request.now)
    if complaints is None:
        return redirect(f"{reverse('complaints:list')}?{query}")  # the page says what is wrong with them
    if not exporting.is_long(complaints):
        return _at_once(request, complaints, format_name)
    try:
        export = exporting.ask_export(
            query, format_name, language=get_language() or "", actor=request.actor, now=request.now
        )
    except Conflict as refusal:
        messages.warning(request, str(refusal))
        return redirect("complaints:exports")
    return redirect("complaints:export", export.pk)


def _query(given: str, request: MemberRequest) -> str:
    """Return the filters as the list showed them: without the page of it, and without what it left out."""
    form, _left_out = opened(QueryDict(given), actor=request.actor)
    kept = form.kept()
    if typed := QueryDict(given).get("q", "").strip():
        kept["q"] = typed  # a search that is refused must not become a list of everything
    return kept.urlencode()


def _at_once(request: MemberRequest, complaints: QuerySet[Complaint], format_name: str) -> HttpResponseBase:
    """Send the file in this answer: CSV line by line as it is read, a workbook when it is whole."""
    response: HttpResponseBase
    if format_name == Export.Format.CSV:
        response = StreamingHttpResponse(
            csv_lines(headings(), rows_of(complaints)), content_type=CONTENT_TYPES[format_name]
        )
        response.headers["Content-Disposition"] = f'attachment; filename="{_file_name(request.now, format_name)}"'
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 (the response closes it)
        write_xlsx(file, headings(), rows_of(complaints))
        file.seek(0)
        response = _file(file, request.now, format_name)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_safe
@member_page(Grant.VIEW)
def export(request: MemberRequest, export_id: int) -> HttpResponse:
    """Show how far an export is. htmx asks for the part that changes; without it a link looks again."""
    found = _found(request, export_id)
    is_part = getattr(request, "htmx", False)
    context: dict[str, Any] = {
        "export": found,
        "now": request.now,
        "list_url": f"{reverse('complaints:list')}?{found.query}",
        "is_being_made": found.status in (Export.Status.WAITING, Export.Status.RUNNING),
        "gone_at": found.ended_at and found.ended_at + exporting.KEPT_FOR,
    }
    response = render(request, f"complaints/exports/{'_progress' if is_part else 'detail'}.html", context)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_safe
@member_page(Grant.VIEW)
def export_file(request: MemberRequest, export_id: int) -> HttpResponseBase:
    """Send the file of an export that is ready."""
    found = _found(request, export_id)
    if found.status != Export.Status.READY:
        return redirect("complaints:export", found.pk)
    try:
        file = evidence_files().open(str(found.file))
    except (FileNotFoundError, SuspiciousFileOperation) as error:
        raise Http404 from error
    response = _file(file, found.asked_at, found.format)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_POST
@member_page(Grant.VIEW)
def export_delete(request: MemberRequest, export_id: int) -> HttpResponse:
    """Throw an export away, or stop one that is being made."""
    exporting.delete_export(export_id, actor=request.actor, now=request.now)
    messages.success(request, _("The export was deleted."))
    return redirect("complaints:exports")


def _found(request: MemberRequest, export_id: int) -> Export:
    return get_object_or_404(exporting.exports_of(request.actor, now=request.now), pk=export_id)


def _file(file: Any, at: Any, format_name: str) -> FileResponse:
    return FileResponse(
        file, as_attachment=True, filename=_file_name(at, format_name), content_type=CONTENT_TYPES[format_name]
    )


def _file_name(at: Any, format_name: str) -> str:
    """Name a file in ASCII, whatever the language: every program can save it."""
    return f"complaints-{at.astimezone(BEIJING):%Y-%m-%d-%H%M}.{format_name}"
