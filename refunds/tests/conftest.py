"""Fixtures of this app's tests."""

from collections.abc import Iterator

import pytest
from django.utils.translation import override

from refunds import asking, refunding
from refunds.tests.fakes import FakeGateway


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """A payment system that answers what a test lets it answer."""
    fake = FakeGateway()
    monkeypatch.setattr(refunding, "refund_gateway", lambda: fake)
    monkeypatch.setattr(asking, "refund_gateway", lambda: fake)
    monkeypatch.setattr(asking, "payment_gateway", lambda: fake)
    return fake


@pytest.fixture
def in_english() -> Iterator[None]:
    """Refusals are read in English."""
    with override("en"):
        yield
