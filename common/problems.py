"""Errors of the API as problem details (RFC 9457), in the language that the caller accepts.

`type` is always about:blank: the status says what kind of problem it is, `code` tells programs, `detail` tells people,
and `errors` names each part to mend: a place in the body (`pointer`, a JSON Pointer), a query parameter or a header.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPMethod, HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from common.errors import BadInput, Conflict, PortalError, Sentence

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"

TITLES: dict[int, Sentence] = {
    400: _("Bad Request"),
    401: _("Unauthorized"),
    403: _("Forbidden"),
    404: _("Not Found"),
    405: _("Method Not Allowed"),
    406: _("Not Acceptable"),
    409: _("Conflict"),
    411: _("Length Required"),
    413: _("Content Too Large"),
    415: _("Unsupported Media Type"),
    422: _("Unprocessable Content"),
    429: _("Too Many Requests"),
    500: _("Internal Server Error"),
    503: _("Service Unavailable"),
}
"""The status phrase, which is what the title of an about:blank problem says."""


class BadHeader(BadInput):
    """A header cannot be taken as it is; `field` is its name."""


class TryLater(Conflict):
    """The same request may succeed in `retry_after` seconds."""

    retry_after = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem document and the headers that go with it."""

    status: int
    code: str
    detail: Sentence
    errors: tuple[dict[str, Sentence], ...] = ()
    request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": str(TITLES.get(self.status) or HTTPStatus(self.status).phrase),
            "status": int(self.status),
            "code": self.code,
            "detail": str(self.detail),
        }
        if self.errors:
            document["errors"] = [{name: str(value) for name, value in error.items()} for error in self.errors]
        if self.request_id:
            document["request_id"] = self.request_id
        return document


def problem_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Answer what a view of the API raised; None leaves what nobody foresaw to `server_error`."""
    request = context.get("request")
    problem = problem_of(error, is_read=request is not None and request.method in (HTTPMethod.GET, HTTPMethod.HEAD))
    if problem is None:
        return None
    return Response(
        problem.as_document(), status=problem.status, headers=dict(problem.headers), content_type=CONTENT_TYPE
    )


def problem_of(error: Exception, *, is_read: bool = False) -> Problem | None:
    """Return the problem that an exception stands for, or None when it is not a refusal but a fault of ours.

    A refused read names query parameters, because it has no body.
    """
    place = "parameter" if is_read else "pointer"
    match error:
        case PortalError():
            return _refusal(error, place)
        case exceptions.ValidationError():
            return Problem(
                status=HTTPStatus.BAD_REQUEST,
                code=BadInput.code,
                detail=_("What was sent cannot be taken as it is; “errors” names each part to mend."),
                errors=tuple(_flat(error.detail, place)),
            )
        case Http404() | exceptions.NotFound():
            return Problem(
                status=HTTPStatus.NOT_FOUND,
                code="not_found",
                detail=_("There is nothing here, or it is not yours to see. Every address ends in a slash."),
            )
        case PermissionDenied():
            return Problem(status=HTTPStatus.FORBIDDEN, code="not_allowed", detail=_("You may not do this."))
        case exceptions.APIException():
            return Problem(
                status=error.status_code,
                code=str(error.get_codes()) if isinstance(error.detail, str) else error.default_code,
                detail=str(error.detail),
                headers=_headers(error),
            )
    return None


def _refusal(error: PortalError, place: str) -> Problem:
    if isinstance(error, BadHeader):
        place = "header"
    errors: tuple[dict[str, Sentence], ...] = ()
    if error.field is not None:
        at = pointer(*error.field.split(".")) if place == "pointer" else error.field
        errors = ({place: at, "detail": error.message, "code": error.code},)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TryLater) else {}
    return Problem(status=error.status, code=error.code, detail=error.message, errors=errors, headers=headers)


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)
    return headers


def pointer(*steps: str | int) -> str:
    """Return a JSON Pointer (RFC 6901) as the fragment of a URI, as RFC 9457 writes it: `#/consumer/phone`."""
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _flat(detail: Any, place: str, steps: tuple[str | int, ...] = ()) -> Iterator[dict[str, Sentence]]:
    """Yield each error of a nested answer of serializers with the place where it was found."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _flat(inner, place, steps if name == "non_field_errors" else (*steps, name))
    elif isinstance(detail, list):
        for number, inner in enumerate(detail):
            yield from _flat(inner, place, (*steps, number) if isinstance(inner, dict) else steps)
    else:
        at = pointer(*steps) if place == "pointer" else ".".join(str(step) for step in steps)
        yield {place: at, "detail": detail, "code": getattr(detail, "code", "invalid")}


def is_api(request: HttpRequest) -> bool:
    """Say whether the caller expects a problem document and not a page."""
    return request.path_info.startswith(API_PREFIX)


def problem_response(problem: Problem) -> HttpResponse:
    """Return a problem document outside the API's views."""
    document = problem.as_document()
    return JsonResponse(document, status=problem.status, headers=dict(problem.headers), content_type=CONTENT_TYPE)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what nobody foresaw (`handler500`): the number under which the log tells more, nothing of our insides."""
    if not is_api(request):
        return defaults.server_error(request)
    return problem_response(
        Problem(
            status=HTTPStatus.INTERNAL_SERVER_ERROR,
            code="server_error",
            detail=_("Something went wrong on our side, and nothing was changed. Tell support the request id."),
            request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
        )
    )


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist (`handler404`)."""
    problem = problem_of(Http404()) if is_api(request) else None
    return problem_response(problem) if problem else defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that Django itself refuses (`handler400`)."""
    if not is_api(request):
        if isinstance(exception, TooManyFieldsSent | TooManyFilesSent | RequestDataTooBig):
            return render(request, "errors/too_much.html", status=HTTPStatus.BAD_REQUEST)
        return defaults.bad_request(request, exception)
    return problem_response(
        Problem(status=HTTPStatus.BAD_REQUEST, code="bad_request", detail=_("This request cannot be read."))
    )
