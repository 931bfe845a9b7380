"""Errors of the API as problem details (RFC 9457)."""

from typing import Any

from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"


def problem(
    status: int, title: str, *, code: str, detail: str = "", errors: list[dict[str, Any]] | None = None
) -> Response:
    """Return a problem document; `code` is for programs, `detail` is the sentence for people."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "code": code}
    if detail:
        body["detail"] = detail
    if errors:
        body["errors"] = errors
    return Response(body, status=status, content_type=CONTENT_TYPE)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer what a view raised; None leaves what nobody foresaw to the server error page."""
    raise error
