"""A real Chromium against a real server. A page that writes an error to the console fails its test."""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from complaints.models import Complaint
from complaints.tests.pages import Shop, make_shop, patient_presence
from merchants.models import User

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync "
    "--js-flags=--min-semi-space-size=32"  # axe leaves much behind on each page, which is collected less often
)
PATIENCE = 60_000
"""How long a page may take, in milliseconds: long, since a busy machine is no reason to fail."""
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session", autouse=True)
def prepared(quick_settings: None) -> Iterator[None]:
    """Prepare statements, each at once: what a page asks for, it asks for as in production."""
    with override_settings(PREPARE_STATEMENTS=True), pytest.MonkeyPatch.context() as patch:
        patch.setattr("common.prepared.PATIENCE", 0)
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests."""
    fonts = subprocess.run(["fc-list", ":lang=zh"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    assert fonts, "there is no Chinese font: every sign would be a box (apt-get install fonts-noto-cjk)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Opens pages, and remembers what their consoles complained about."""

    chromium: Browser
    server: str
    complaints: list[str]

    def page(self, user: User | None = None, *, width: int = 1440, language: str = "en", **options: Any) -> Page:
        """A page in a window of its own, signed in when a user is given."""
        context = self.chromium.new_context(
            base_url=self.server,
            viewport={"width": width, "height": 800},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        cookies = {settings.LANGUAGE_COOKIE_NAME: language}
        if user:
            client = Client()
            client.force_login(user)
            cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": name, "value": value, "url": self.server} for name, value in cookies.items()])
        page = context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture
def visitor(chromium: Browser, live_server: LiveServer) -> Iterator[Visitor]:
    """Who opens pages in this test; nothing may be wrong in the console at its end."""
    visitor = Visitor(chromium, live_server.url, [])
    patient_presence()
    yield visitor
    for context in chromium.contexts:
        context.close()
    assert visitor.complaints == []


@pytest.fixture
def shop(transactional_db: None) -> Shop:
    """A shop whose administrator Wang Fang signs in as `wang`."""
    shop = make_shop("锦程生活旗舰店(杭州滨江)")
    shop.administrator.username = "wang"
    shop.administrator.save()
    return shop


@pytest.fixture
def file_ago(shop: Shop) -> Callable[..., Complaint]:
    """File a complaint about the shop so many hours ago."""

    def file(hours: float, **fields: Any) -> Complaint:
        said = {
            "dispute_type": "商品与描述不符",
            "description": "收到的商品与页面描述完全不符，颜色、尺寸都不对。" * 8,
            "trade_no": "2026112422001412341412345678901234",
            "trade_amount": Decimal("1234567.50"),
            "consumer_name": "欧阳娜娜",
            "consumer_phone": "13812341234",
            "advance_protection": True,
        }
        filed_at = (timezone.now() - timedelta(hours=hours)).isoformat()
        return shop.files(filed_at, **{**said, **fields})

    return file
