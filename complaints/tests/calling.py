"""Call the API as its users do: with a key, over HTTP, in JSON."""

import json
from datetime import datetime
from typing import Any

from django.test import Client

from complaints.tests.factories import moment
from merchants.authentication import new_api_key
from merchants.models import Grant, Merchant, MiniProgram, Platform

COMPLAINTS = "/api/v1/complaints/"
KEY_MADE = "2026-01-01T00:00Z"


class Caller:
    """A program with a key. It asks for English unless a header says otherwise."""

    def __init__(self, text: str, *, client: Client | None = None) -> None:
        self.text = text
        self.client = client or Client(raise_request_exception=False)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, headers=self._headers(options), **options)

    def post(self, path: str, document: Any = None, *, key: str | None = None, **options: Any) -> Any:
        """POST a document as JSON, or bytes as they are; `key` is the idempotency key."""
        headers = self._headers(options) | ({"Idempotency-Key": key} if key is not None else {})
        body = document if isinstance(document, bytes) else json.dumps(document if document is not None else {})
        return self.client.generic(
            "POST", path, body, content_type=options.pop("content_type", "application/json"), headers=headers, **options
        )

    def file(self, document: dict[str, Any], **options: Any) -> Any:
        return self.post(COMPLAINTS, document, **options)

    def _headers(self, options: dict[str, Any]) -> dict[str, str]:
        given: dict[str, str] = options.pop("headers", {})
        return {"Authorization": f"Bearer {self.text}", "Accept-Language": "en"} | given


def platform_caller(platform: Platform, *, now: datetime | None = None) -> Caller:
    """A platform's own systems."""
    _key, text = new_api_key("intake", platform=platform, grants=[], now=now or moment(KEY_MADE))
    return Caller(text)


def merchant_caller(merchant: Merchant, *grants: Grant) -> Caller:
    """One merchant's program, which may look and handle unless grants are named."""
    _key, text = new_api_key(
        "shop backend",
        platform=merchant.platform,
        merchant=merchant,
        grants=list(grants) or [Grant.VIEW, Grant.HANDLE],
        now=moment(KEY_MADE),
    )
    return Caller(text)


def sent(program: MiniProgram, **fields: Any) -> dict[str, Any]:
    """Return a complaint about this mini program as a platform sends it."""
    return {
        "app_id": program.app_id,
        "trade_no": "T-1",
        "trade_amount": "128.00",
        "dispute_type": "not delivered",
        "description": "Nothing came.",
        **fields,
    }
