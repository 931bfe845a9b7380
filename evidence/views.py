"""Serves pictures to who may see them, through the storage: its own addresses are never given out."""

import logging

from django.contrib.auth.views import redirect_to_login
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from evidence.models import Evidence, evidence_files
from evidence.names import clean_name
from evidence.pictures import EXTENSIONS
from evidence.queries import visible_to

logger = logging.getLogger(__name__)

HEADERS = {
    "Cache-Control": "private, max-age=3600, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


@require_safe
def show(request: HttpRequest, token: str) -> HttpResponseBase:
    """Send the picture. Who is not signed in is asked to; for whoever may not see it, it does not exist."""
    actor = request.actor  # type: ignore[attr-defined]  # set by merchants.middleware
    if not actor:
        return redirect_to_login(request.get_full_path())
    return picture_response(request, get_object_or_404(visible_to(actor), token=token))


def picture_response(request: HttpRequest, evidence: Evidence) -> HttpResponseBase:
    """Return the bytes of a picture that the caller may see, or 304 when the caller already has them."""
    etag = f'"{evidence.stored_sha256}"'
    response = get_conditional_response(request, etag=etag) or _bytes_response(evidence)
    response.headers["ETag"] = etag
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


def _bytes_response(evidence: Evidence) -> FileResponse:
    try:
        file = evidence_files().open(str(evidence.file))
    except FileNotFoundError as error:
        logger.exception("the file of evidence %s is not in the storage", evidence.token)
        raise Http404 from error
    extension = EXTENSIONS.get(evidence.content_type)
    return FileResponse(
        file,
        as_attachment=extension is None,  # only what we encoded ourselves opens in the browser
        filename=clean_name(evidence.name, extension=extension or "bin"),
        content_type=evidence.content_type if extension else "application/octet-stream",
    )
