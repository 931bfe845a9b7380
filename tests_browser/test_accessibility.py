"""Every page of the portal under axe-core: in both languages, by day and by night, on a desk and on a phone.

The list of pages is the URL configuration. A page that nobody reaches here fails the test, and so does one that is new.
Beside the rules of axe, no page scrolls sideways on a narrow phone, and whatever has the focus shows it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from logging import CRITICAL, NOTSET, disable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from complaints_portal.tests.doors_table import expected
from complaints_portal.tests.walking import Door, doors
from refunds.models import RefundCase
from tests_browser.conftest import Visitor
from tests_browser.everything import Everything, make_everything

PHONE, DESK = 360, 1440
PAPER = 680
"""How wide a sheet of A4 is between its margins, in pixels."""

ALL_RULES = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
RULES_OF_THE_LOOK = {
    "type": "rule",
    "values": [
        "color-contrast",
        "link-in-text-block",
        "target-size",
        "scrollable-region-focusable",
        "label",
        "link-name",
    ],
}
"""What may be right by day, on a desk, in Chinese, and wrong by night, on a phone, in English."""

OUR_DESKS = {("appeals", "appeal"), ("refunds", "norefundclaim"), ("refunds", "refundcase"), ("refunds", "topup")}
"""Where admin shows pages of our own, with another face in each state."""

REPEATED = [
    "table tbody tr:nth-child(n+7)",
    "#nav-sidebar .module:nth-of-type(n+2)",
    "#changelist-filter li:nth-child(n+4)",
    ".nav__list li:nth-child(n+4)",
    "option:nth-child(n+4)",
]
"""The rows of a list are alike, and so are the entries of a menu: a few are enough."""

NO_PAGES = {
    "api:schema": "a document for programs",
    "api:docs": "Swagger UI, not ours",
    "health_live": "for machines",
    "health_ready": "for machines",
    "metrics": "for machines",
    "admin:jsi18n": "a script",
    "refunds:statement_csv": "a file",
    "complaints:export_file": "a file",
    "complaints:presence": "a part of the page of a complaint",
    "evidence:show": "a picture",
    "consumer:picture": "a picture",
    "consumer:visitor_picture": "a picture",
    "consumer:contact_json": "for programs",
    "consumer:contact_js": "a script",
    "calendar": "a calendar",
    "insights:table": "a file",
}
"""What answers 200 to a GET and is no page of ours."""

SAMPLE = ("appeals", "replytemplate")
"""The admin adds every row by the form that changes it, shows its history in one way, and asks in one way before it is
deleted: this model stands for all."""

ANONYMOUS = (
    "account_login",
    "account_signup",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_inactive",
    "account_confirm_email",
    "account_email_verification_sent",
    "open_invitation",
    "join",
    "consumer:page",
    "consumer:sent",
    "consumer:withdraw",
    "consumer:contact",
)
"""What is looked at without being signed in."""

REFUSED_OTHERS = {
    "appeals:submit",
    "join",
    "refunds:refund",
    "refunds:refuse",
    "refunds:top_up",
    "refunds:top_up_done",
    "refunds:statement",
}
"""Pages that the table of doors lets none of its callers see; here somebody sees them."""

TOO_WIDE = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return "";
  const isInside = (node) => {
    for (let each = node.parentElement; each && each !== document.body; each = each.parentElement) {
      if (/auto|scroll|hidden|clip/.test(getComputedStyle(each).overflowX)) return true;
    }
    return false;
  };
  const wide = [...document.body.querySelectorAll("*")].filter(
    (node) => node.getBoundingClientRect().right > root.clientWidth + 1 && node.checkVisibility() && !isInside(node));
  return `${root.scrollWidth} > ${root.clientWidth} ${wide.slice(0, 3).map((node) => node.outerHTML.slice(0, 120))}`;
}"""
"""What reaches past the right edge of the page, in words; nothing when the page fits."""

WITHOUT_FOCUS = """(repeated) => {
  const marks = (node, pseudo) => {
    const style = getComputedStyle(node, pseudo);
    const outline = style.outlineStyle === "none" ? "" : style.outlineStyle + style.outlineWidth + style.outlineColor;
    return outline + style.boxShadow + style.borderColor + style.backgroundColor;
  };
  const around = (node) => {
    const nodes = [node, node.nextElementSibling, node.previousElementSibling];
    for (let each = node.parentElement, n = 0; each && n < 4; each = each.parentElement, n += 1) nodes.push(each);
    return nodes.filter(Boolean).map((each) => marks(each) + marks(each, "::before") + marks(each, "::after")).join();
  };
  const settle = () => document.getAnimations().forEach((each) => each.cancel());
  const kinds = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const isShown = (node) =>
    !node.disabled && !node.closest(repeated) && node.checkVisibility({ visibilityProperty: true });
  const bad = [];
  for (const node of [...document.querySelectorAll(kinds)].filter(isShown)) {
    document.activeElement.blur();
    settle();
    const before = around(node);
    node.focus({ preventScroll: true });
    settle();
    if (document.activeElement === node && around(node) === before) bad.push(node.outerHTML.slice(0, 160));
  }
  return bad.slice(0, 3);
}"""
"""What can have the focus and does not show it: on itself, on what is around it, or on what they draw beside them."""

RUN_AXE = """([context, options]) => {
  scrollTo(0, 0);  // what stands fast at the top covers what has scrolled beneath it
  return axe.run(context, options).then((all) => all.violations);
}"""

AXE = Axe()

Check = Callable[[Page, bool], Iterable[str]]
"""Yields what is wrong with a page, in words; told whether it is the first example of its address."""


@dataclass
class Walk:
    """One walk through all pages, in one language, by day or by night, at one width."""

    everything: Everything
    pages: dict[str, Page]
    check: Check
    in_admin: bool | None = None
    """Whether only the pages of admin are looked at, or only the others; both when None."""
    is_quick: bool = False
    """Whether one example of each address is enough, and of the stock pages of admin one model."""
    seen: set[str] = field(default_factory=set)
    findings: dict[str, None] = field(default_factory=dict)
    uncertain: set[str] = field(default_factory=lambda: {each.name for each in doors() if is_uncertain(each)})
    """Doors that answer most who come with something else than a page: they are asked before a page is opened."""

    def doors(self) -> Iterator[Door]:
        """Yield the doors that may show a page."""
        for door in filter(may_be_page, doors()):
            is_elsewhere = self.in_admin not in (None, who_looks(door) == "support")
            if not is_elsewhere and (not self.is_quick or not is_stock(door) or door.model == SAMPLE):
                yield door

    def go(self) -> None:
        """Look behind every door."""
        for door in self.doors():
            for path in self.everything.places(door):
                if door.name not in self.seen or not (self.is_quick or is_stock(door)):
                    self.look(who_looks(door), path, door.name)
        for who, path, name, status in extra(self.everything) if not self.in_admin else ():
            self.look(who, path, name, status)

    def look(self, who: str, path: str, name: str = "", status: int = 200) -> None:
        """Open a page; when it is one, hold it to all that holds for pages."""
        page = self.pages[who]
        if name in self.uncertain and page.request.get(path, max_redirects=0).status != status:
            return  # an answer costs a tenth of a page that is drawn
        response = page.goto(path, wait_until="load")
        assert response is not None
        is_page = "text/html" in (response.headers.get("content-type") or "")
        if response.status != status or not is_page or (name and response.request.redirected_from):
            return
        is_first = not name or name not in self.seen
        self.seen.add(name)
        for finding in self.check(page, is_first):
            self.findings.setdefault(f"{name or path} ({path} as {who}): {finding}")


def barriers_by_day(page: Page, is_first: bool = True) -> Iterator[str]:
    """Yield what stands in somebody's way: against every rule, without focus, too wide.

    To make a window wider or narrower takes half as long as to open a page, so the next page comes at the width at
    which this one was left: every second one is first seen on a phone.
    """
    if is_at_width(page, PHONE):
        yield from overflow(page)
        yield from barriers_on_a_desk(page, is_first)
    else:
        yield from barriers_on_a_desk(page, is_first)
        yield from overflow(page)


def barriers_on_a_desk(page: Page, is_first: bool) -> Iterator[str]:
    """Yield what breaks a rule, or has the focus and does not show it.

    Contrast takes as long as all other rules together: once for each address. The style page has every state.
    """
    at_width(page, DESK)
    yield from violations(page, ALL_RULES, {} if is_first else {"color-contrast": {"enabled": False}})
    page.keyboard.press("Tab")  # from here on focus is shown as it is to whoever uses the keyboard
    for shown in page.evaluate(WITHOUT_FOCUS, ", ".join(REPEATED)):
        yield f"no visible focus: {shown}"


def barriers_by_night(page: Page, _is_first: bool = True) -> Iterator[str]:
    """Yield what the dark colours, another language or a small screen make worse."""
    yield from violations(page, RULES_OF_THE_LOOK)
    yield from overflow(page)


def with_axe(page: Page) -> Page:
    """Let axe be there on each page that this one opens, by the browser's own protocol: the policy stays as it is."""
    page.add_init_script(AXE.axe_script)
    return page


def violations(page: Page, run_only: dict[str, Any], rules: dict[str, Any] | None = None) -> Iterator[str]:
    """Yield what axe finds against these rules; `rules` switches some of them off."""
    context = {"exclude": [[each] for each in REPEATED]}
    options = {"runOnly": run_only, "rules": rules or {}, "resultTypes": ["violations"], "preload": False}
    found = page.evaluate(RUN_AXE, [context, options])
    for each in found:
        nodes = [f"{node['html'][:160]} {node.get('failureSummary', '')[:300]}" for node in each["nodes"][:2]]
        yield f"{each['id']} ×{len(each['nodes'])}: {' | '.join(nodes)}"


def is_at_width(page: Page, width: int) -> bool:
    """Say whether the window has this width."""
    return page.viewport_size is not None and page.viewport_size["width"] == width


def at_width(page: Page, width: int) -> None:
    """Give the window this width, unless it has it."""
    if not is_at_width(page, width):
        page.set_viewport_size({"width": width, "height": 800})


def overflow(page: Page) -> Iterator[str]:
    """Yield what makes a page scroll sideways on a narrow phone."""
    at_width(page, PHONE)
    if wide := page.evaluate(TOO_WIDE):
        yield f"scrolls sideways: {wide}"


def who_looks(door: Door) -> str:
    """Say who opens a door: staff the admin, an administrator the merchant's pages, a stranger the way in."""
    if door.name.startswith("admin:"):
        return "support"
    return "nobody" if door.name in ANONYMOUS else "administrator"


def is_stock(door: Door) -> bool:
    """Say whether this is a page of the stock admin, which looks the same for every model."""
    return door.model is not None and door.model not in OUR_DESKS


def answers_of(door: Door) -> dict[str, str]:
    """Return what the table of doors says to a GET, by caller."""
    return {who: answer for (method, who), answer in expected().get(door.name, {}).items() if method == "GET"}


def may_be_page(door: Door) -> bool:
    """Say whether anybody may see a page behind this door; in admin the table of doors says what a superuser gets."""
    if door.name in NO_PAGES or door.name.startswith(("api:", "/admin/")):
        return False
    if door.model and door.name.endswith(("_add", "_history", "_delete")) and door.model != SAMPLE:
        return False
    answers = answers_of(door)
    return answers.get("superuser") == "200" if who_looks(door) == "support" else set(answers.values()) != {"405"}


def is_page(door: Door) -> bool:
    """Say whether somebody must have seen a page behind this door."""
    return may_be_page(door) and ("200" in answers_of(door).values() or door.name in REFUSED_OTHERS)


def is_uncertain(door: Door) -> bool:
    """Say whether it takes somebody special to see a page behind this door, if there is one at all."""
    return may_be_page(door) and "200" not in answers_of(door).values()


def extra(everything: Everything) -> Iterator[tuple[str, str, str, int]]:
    """Yield who opens what, which door that is, and with which status, where the walk alone does not come there."""
    due = RefundCase.objects.filter(merchant=everything.merchant, status="due", refund_by__gt=everything.now)[0]
    yield "nobody", "/join/", "join", 200  # the invitation was opened on the walk
    yield "administrator", f"/refunds/{due.case_no}/refund/?channel=fund&amount=1.00", "refunds:refund", 200
    yield "newcomer", "/complaints/", "", 403
    yield "newcomer", "/guarantee/", "", 403
    yield "neighbour", "/", "", 200
    yield "neighbour", "/violations/", "", 200
    yield "neighbour", "/guarantee/", "", 200
    yield "administrator", "/no/such/page/", "", 404
    yield "administrator", "/complaints/?q=nothing-like-this", "", 200
    yield "administrator", "/complaints/?status=all&due=24h&assignee=me", "", 200


@pytest.fixture
def everything(transactional_db: None) -> Iterator[Everything]:
    """The portal in which every page has something to show; its many requests leave no lines."""
    disable(CRITICAL)
    yield make_everything(timezone.now())
    disable(NOTSET)


@pytest.fixture
def open_as(visitor: Visitor, everything: Everything) -> Callable[..., dict[str, Page]]:
    """Open a window for each of those who look."""

    def open_all(**how: Any) -> dict[str, Page]:
        names = ("administrator", "newcomer", "neighbour", "support")
        people = {"nobody": None} | {name: getattr(everything, name) for name in names}
        return {name: with_axe(visitor.page(user, **how)) for name, user in people.items()}

    return open_all


def outcome(walk: Walk, visitor: Visitor) -> str:
    """Return all that was wrong on a walk: on the pages, in their consoles, and what nobody has looked at."""
    walk.go()
    noted = [line for line in visitor.complaints if not line.startswith("Failed to load resource: the server resp")]
    visitor.complaints.clear()  # the browser notes each status of 400 and more, which are meant here
    missing = [door.name for door in walk.doors() if is_page(door) and door.name not in walk.seen]
    return "\n".join([*(f"{name}: nobody has looked at it" for name in missing), *walk.findings, *noted])


@pytest.mark.walk
@pytest.mark.parametrize("in_admin", [True, False], ids=["admin", "ours"])
def test_no_page_has_a_barrier_on_a_desk_by_day_in_chinese(visitor, everything, open_as, in_admin):
    pages = open_as(width=DESK, language="zh-hans", color_scheme="light")
    assert outcome(Walk(everything, pages, barriers_by_day, in_admin=in_admin), visitor) == ""


@pytest.mark.walk
def test_nor_on_a_phone_by_night_in_english(visitor, everything, open_as):
    pages = open_as(width=PHONE, language="en", color_scheme="dark")
    assert outcome(Walk(everything, pages, barriers_by_night, is_quick=True), visitor) == ""


def after_a_post(page: Page) -> Iterator[str]:
    """Bring a page to what is only seen after something was sent, and yield what that is, each time."""
    page.goto("/complaints/")
    for number in range(3):
        page.locator("[name=chosen]").nth(number).check()
    reply = page.locator(".bulk-bar [name=do][value^=handle]").first  # on a phone it stands in a menu
    reply.evaluate("button => button.form.requestSubmit(button)")
    expect(page).to_have_url(re.compile("/complaints/bulk/$"))
    yield "the preview of many"
    page.locator("main button.button--primary").first.click()
    expect(page).to_have_url(re.compile("/complaints/bulk/.+"))
    yield "the result of many"
    for path, name in (("/complaints/replies/new/", "title"), ("/members/invite/", "email")):
        page.goto(path)
        page.locator("main form").filter(has=page.locator(f"[name={name}]")).evaluate(
            "form => { form.noValidate = true; form.requestSubmit(); }"
        )
        expect(page.locator(".error-summary")).to_be_focused()
        yield f"{path} with errors"
    page.goto("/complaints/")
    page.locator("a[href*='#handle']").first.click()
    page.locator("#handle").get_by_role("button", name=re.compile("Handle complaint|处理投诉")).click()
    expect(page.locator(".error-summary").first).to_be_visible()
    yield "a handling with errors"


@pytest.mark.parametrize(
    ("how", "check"),
    [
        ({"width": DESK, "language": "zh-hans", "color_scheme": "light"}, barriers_by_day),
        ({"width": PHONE, "language": "en", "color_scheme": "dark"}, barriers_by_night),
    ],
    ids=["day", "night"],
)
def test_what_answers_a_form_has_no_barrier_either(visitor, everything, how, check):
    page = with_axe(visitor.page(everything.administrator, **how))
    wrong = [f"{seen}: {finding}" for seen in after_a_post(page) for finding in check(page)]
    visitor.complaints.clear()  # the browser notes the statuses of 400
    assert wrong == []


def test_the_walk_would_find_what_is_wrong(visitor, shop):
    page = with_axe(visitor.page(shop.administrator))
    page.goto("/")
    page.evaluate(
        """() => {
          document.querySelector("main").insertAdjacentHTML("beforeend",
            `<img src="/static/img/logo.svg"><p class="grey">Hardly to be read</p><div class="wide">Wide</div>
             <span><b><i><u><s><a href="#" class="bare">bare</a></s></u></i></b></span>
             <button class="tiny">.</button><button class="tiny">.</button>`);
          const sheet = new CSSStyleSheet();
          sheet.replaceSync(`.grey { color: #ccc; background: #fff } .wide { width: 500px; height: 1px }
            .tiny { width: 9px; height: 9px; padding: 0 }
            a.bare:focus-visible { outline: none }`);
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    found = "\n".join(barriers_by_day(page))
    for words in (
        "image-alt",
        "color-contrast",
        "target-size",
        'no visible focus: <a href="#" class="bare">',
        "scrolls sideways",
    ):
        assert words in found


def test_who_wants_less_motion_gets_none(visitor, shop):
    page = visitor.page(shop.administrator, reduced_motion="reduce")
    page.goto("/style/")
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((node) => {
          const style = getComputedStyle(node), after = getComputedStyle(node, "::after");
          const lasts = (each) => each.split(",").some((time) => parseFloat(time) > 0.001);
          const runs = (each) => each.animationName !== "none" && lasts(each.animationDuration);
          return lasts(style.transitionDuration) || runs(style) || (after.content !== "none" && runs(after))
            || style.scrollBehavior === "smooth";
        }).map((node) => node.outerHTML.slice(0, 100))"""
    )
    assert moving == []


def test_lists_and_the_statement_are_tables_on_paper(visitor, everything):
    page = visitor.page(everything.administrator, width=PAPER, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    for path in (
        "/complaints/?status=all",
        "/violations/",
        "/appeals/",
        "/refunds/?status=all",
        "/guarantee/statement/",
    ):
        page.goto(path)
        for gone in (".side", ".topbar", ".filters", ".pagination", ".button", "summary", "input:not([type=hidden])"):
            assert page.locator(gone).locator("visible=true").count() == 0, f"{path} prints {gone}"
        expect(page.locator("h1")).to_be_visible()
        expect(page.locator("main table thead").first).to_be_visible()
        row = page.locator("main table tbody tr").first
        assert row.evaluate("row => getComputedStyle(row).display") == "table-row", path
        assert page.evaluate(TOO_WIDE) == "", path
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_button_that_takes_back_goes_when_its_time_is_over(visitor, shop):
    page = visitor.page(shop.administrator)
    page.clock.install()
    page.goto("/style/")
    page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))  # in seconds; a busy machine is not to count
    button = page.locator(".toast").get_by_role("button", name="Undo")
    expect(button).to_have_count(1)
    button.focus()
    page.clock.fast_forward(5_000)
    expect(button).to_be_focused()
    page.clock.fast_forward(5_000)
    expect(button).to_have_count(0)
    expect(page.locator(".toast").last.get_by_role("button", name="Dismiss")).to_be_focused()
