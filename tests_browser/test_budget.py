"""What the pages of every day weigh, and that nothing on them moves.

Less than 100 KB over the wire at a first visit, without the pictures of cases; no layout shift; no other host.

Pages come compressed from the portal itself. In production WhiteNoise sends static files compressed too; the server of
the tests does not, so theirs is worked out here in the way in which WhiteNoise compresses them.
"""

import gzip
import itertools
import sys
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Page, Response, expect

from complaints.models import Complaint
from merchants.models import User
from tests_browser.everything import make_everything

BUDGET = 100_000
"""Bytes of a first visit with everything but evidence: the page, its styles, its scripts and its icons."""

WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    const moved = entry.sources.map((source) => source.node && (source.node.outerHTML || "").slice(0, 100));
    window.shifts.push([entry.value, moved.join(" | ")]);
  }
}).observe({ type: "layout-shift", buffered: true });
"""


def weight(response: Response) -> int:
    """Return the bytes of one answer over the wire: its head, and its body as it is sent compressed."""
    sizes = response.request.sizes()
    body = sizes["responseBodySize"]
    if "/static/" in response.url:
        body = min(body, len(gzip.compress(response.body(), 9)))
    return sizes["responseHeadersSize"] + body


def opened(page: Page, path: str) -> list[Response]:
    """Open a page for the first time, and return all that came; nobody asks another host."""
    answers: list[Response] = []
    page.on("response", lambda response: answers.append(response))  # noqa: PLW0108 (Playwright keeps notes on a listener)
    page.goto(path, wait_until="networkidle")
    hosts = {urlsplit(each.url).netloc for each in answers if not each.url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(page.url).netloc}
    return [each for each in answers if "/evidence/" not in each.url and each.url.startswith("http")]


@pytest.fixture
def paths(transactional_db: None) -> dict[str, str]:
    """Home, a full list, and the complaint with the longest history."""
    everything = make_everything(timezone.now())
    complaint = Complaint.objects.filter(merchant=everything.merchant, status="pending").order_by("handle_by")[0]
    return {"home": "/", "list": "/complaints/?status=all", "detail": f"/complaints/{complaint.complaint_no}/"}


def test_home_list_and_detail_are_light_and_stand_still(visitor, paths):
    user = User.objects.get(username="administrator")
    shown: list[str] = []
    wrong: list[str] = []
    for language, width, (name, path) in itertools.product(("zh-hans", "en"), (1440, 390), paths.items()):
        page = visitor.page(user, width=width, language=language)  # a new window: nothing is in its cache
        page.add_init_script(WATCH)
        answers = opened(page, path)
        expect(page.locator("h1")).to_be_visible()
        if name == "list":
            assert page.locator("tbody tr").count() >= 20
        page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")
        weights = {urlsplit(each.url).path: weight(each) for each in answers}
        where, total = f"{name}, {language}, {width} px", sum(weights.values())
        heaviest = sorted(weights.items(), key=lambda each: -each[1])[:5]
        shown.append(f"{where}: {total} bytes, of these {', '.join(f'{path} {size}' for path, size in heaviest)}")
        wrong += [f"{where}: moved by {value:.3f}: {what}" for value, what in page.evaluate("window.shifts")]
        wrong += [shown[-1]] if total >= BUDGET else []
        page.context.close()
    sys.stdout.write("\n".join(["", *shown, ""]))  # `pytest -s` shows the figures
    assert not wrong, "\n".join(wrong)
