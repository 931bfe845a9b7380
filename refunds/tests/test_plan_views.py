"""The pages of the guarantee plan, as a browser without scripts uses them."""

import csv
import io
import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from django.utils.html import escape

from complaints.tests.factories import make_program, member_actor, moment
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from merchants.models import Grant
from refunds import services
from refunds.fund import Balance, balance_of
from refunds.gateways import Answer, Outcome
from refunds.models import FundTransfer, GuaranteeAccount, RefundCase, TopUp
from refunds.plan_queries import Days, statement_page, whole_statement
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = pytest.mark.django_db

PLAN = "/guarantee/"
ENROL = "/guarantee/enrol/"
TOP_UP = "/guarantee/top-up/"
STATEMENT = "/guarantee/statement/"
CSV = "/guarantee/statement.csv"
BACK = "/refunds/2026110303000000000000000001/?a=1&b=2"
MONDAY = "2026-11-09T09:00+08:00"
PAY_PAGE = "https://pay.example.com/page?order=1&sign=a"


class Payments:
    """A payment system that says what the test wants, and remembers what it was asked."""

    name = "fake"

    def __init__(self) -> None:
        self.answer = Answer(Outcome.ABSENT)
        self.asked: list[str] = []
        self.pages: list[dict[str, Any]] = []

    def pay_address(self, **order) -> str:
        self.pages.append(order)
        return PAY_PAGE

    def query_payment(self, number: str) -> Answer:
        self.asked.append(number)
        return self.answer


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def payments(monkeypatch) -> Payments:
    payments = Payments()
    monkeypatch.setattr("refunds.plan_views.payment_gateway", lambda: payments)
    return payments


@pytest.fixture(autouse=True)
def _no_payments(monkeypatch):
    """Nothing is paid online unless a test asks for it."""
    monkeypatch.setattr("refunds.plan_views.payment_gateway", lambda: None)


def join(shop: Shop, at: str = "2026-11-01T08:00+08:00") -> GuaranteeAccount:
    return services.enrol(shop.merchant.pk, actor=member_actor(shop.merchant), now=moment(at))


def begin(shop: Shop, amount: str = "1000.00", at: str = MONDAY) -> TopUp:
    """A top-up that is to be paid online."""
    actor = member_actor(shop.merchant)
    return services.start_online_top_up(shop.merchant.pk, Decimal(amount), actor=actor, now=moment(at))


def done_page(top_up: TopUp) -> str:
    return f"/guarantee/top-ups/{top_up.number}/"


def link(response, label: str) -> str:
    """The address of the link with this label."""
    page = response.content.decode()
    (address,) = re.findall(rf'<a class="button[^"]*" href="([^"]+)">(?:<svg.*?</svg>)?{label}</a>', page)
    return str(address).replace("&amp;", "&")


# Who is let in


def addresses(top_up: TopUp) -> list[str]:
    return [PLAN, ENROL, TOP_UP, done_page(top_up), done_page(top_up) + "pay/", STATEMENT, CSV]


def test_who_is_not_signed_in_is_asked_to(client, shop):
    join(shop)
    for address in addresses(begin(shop)):
        assert client.get(address).headers["Location"].startswith("/accounts/login/?next=/guarantee/"), address


def test_a_member_without_the_grant_learns_whom_to_ask(shop):
    join(shop)
    top_up = begin(shop)
    others = [grant for grant in Grant if grant != Grant.FUND]
    with browser(member(shop, *others), MONDAY) as client:
        for address in addresses(top_up):
            response = client.get(address)
            assert response.status_code == 403, address
            assert "Wang Fang" in text_of(response)
        assert client.post(TOP_UP, {"amount": "5", "step": "pay"}).status_code == 403
        assert 'href="/guarantee/"' not in client.get("/").content.decode()
    assert TopUp.objects.count() == 1


def test_the_grant_alone_opens_every_page_and_the_entry_of_the_menu(shop):
    join(shop)
    with browser(member(shop, Grant.FUND), MONDAY) as client:
        for address in (PLAN, TOP_UP, STATEMENT, CSV, done_page(begin(shop))):
            assert client.get(address).status_code == 200, address
        assert 'href="/guarantee/" aria-current="page"' in client.get(PLAN).content.decode()


def test_what_belongs_to_another_merchant_does_not_exist(shop):
    fund_at("2026-11-02T09:00+08:00", shop.merchant, "777.00")
    top_up = begin(shop)
    stranger = make_shop("Book House")
    join(stranger)
    with browser(stranger.administrator, MONDAY) as client:
        assert client.get(done_page(top_up)).status_code == 404
        assert client.get(done_page(top_up) + "?returned=1").status_code == 404
        assert client.get(done_page(top_up) + "pay/").status_code == 404
        for address in (PLAN, STATEMENT, TOP_UP):
            assert "777.00" not in client.get(address).content.decode()
        assert b"777.00" not in client.get(CSV).getvalue()


# Joining


def test_who_has_not_joined_reads_what_the_plan_is_in_the_numbers_of_the_policy(shop):
    with browser(shop.administrator, MONDAY) as client:
        shown = text_of(client.get(PLAN))
    for part in (
        "The platform adds 30 % of each top-up as a bonus",
        "Until you have received ¥10,000.00 of bonus in all.",
        "The bonus pays 1/3 of each refund",
        "You top up ¥1,000.00 Bonus on it ¥300.00 A refund ¥100.00",
        "¥33.33 from the bonus, ¥66.67 from the deposit",
        "Join the guarantee plan",
    ):
        assert part in shown, part


def test_the_page_follows_the_policy_of_the_moment(shop, policy_file):
    policy_file(
        "[[policy]]\nsince = 2026-11-09T00:00:00+08:00\nbonus_percent = 20\nbonus_cap = 5000\nbonus_share = 4\n"
    )
    with browser(shop.administrator, "2026-11-08T23:59+08:00") as client:
        assert "30 % of each top-up" in text_of(client.get(PLAN))
    with browser(shop.administrator, MONDAY) as client:
        shown = text_of(client.get(PLAN))
    for part in ("adds 20 % of", "received ¥5,000.00 of", "pays 1/4 of", "¥25.00 from the bonus, ¥75.00 from"):
        assert part in shown, part


def test_joining_makes_an_account_and_leads_to_the_plan(shop):
    with browser(shop.administrator, MONDAY) as client:
        response = client.post(ENROL, follow=True)
    assert response.redirect_chain == [(PLAN, 302)]
    account = GuaranteeAccount.objects.get()
    assert (account.merchant, account.enrolled_at, account.enrolled_by) == (shop.merchant, moment(MONDAY), "Wang Fang")
    assert "Nothing has moved yet" in text_of(response)


def test_joining_returns_to_the_page_that_asked_for_it_and_to_no_other_site(shop):
    with browser(shop.administrator, MONDAY) as client:
        page = client.get(PLAN, {"next": BACK}).content.decode()
        assert f'name="next" value="{BACK.replace("&", "&amp;")}"' in page
        assert client.post(ENROL, {"next": BACK}).headers["Location"] == BACK


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example", "http:evil"]
)
def test_an_address_elsewhere_is_never_led_to(shop, payments, elsewhere):
    with browser(shop.administrator, MONDAY) as client:
        assert client.post(ENROL, {"next": elsewhere}).headers["Location"] == PLAN
        top_up = begin(shop)
        begun = client.post(TOP_UP, {"amount": "10", "step": "pay", "next": elsewhere})
        assert "next" not in begun.headers["Location"]
        for address in (PLAN, TOP_UP, done_page(top_up), done_page(top_up) + "pay/"):
            page = client.get(address, {"next": elsewhere}).content.decode()
            assert f'"{escape(elsewhere)}"' not in page, address


def test_joining_twice_is_refused_and_changes_nothing(shop):
    with browser(shop.administrator, MONDAY) as client:
        client.post(ENROL)
        again = client.post(ENROL)
    assert again.status_code == 409
    assert "This merchant has joined the guarantee plan already." in text_of(again)
    assert GuaranteeAccount.objects.count() == 1


def test_to_ask_for_the_address_of_joining_joins_nothing(shop):
    with browser(shop.administrator, MONDAY) as client:
        assert client.get(ENROL).headers["Location"] == PLAN
    assert not GuaranteeAccount.objects.exists()


def test_before_joining_the_other_pages_lead_to_it_and_keep_the_way_back(shop):
    with browser(shop.administrator, MONDAY) as client:
        for address in (TOP_UP, STATEMENT, CSV):
            to = urlsplit(client.get(address, {"next": BACK}).headers["Location"])
            assert (to.path, parse_qs(to.query)) == (PLAN, {"next": [BACK]}), address
        assert client.post(TOP_UP, {"amount": "5", "step": "pay"}).headers["Location"] == PLAN
    assert not TopUp.objects.exists()


# The plan


def test_the_plan_shows_what_is_held_what_is_on_its_way_and_what_moved_last(shop):
    account = fund_at("2026-11-02T09:00+08:00", shop.merchant, "1000.00")
    online = begin(shop, "70.00")
    waiting = services.record_top_up(
        account.pk, Decimal("60000.00"), bank_reference="B-77", actor=staff(), now=moment(MONDAY)
    )
    with browser(shop.administrator, MONDAY) as client:
        response = client.get(PLAN)
    shown = text_of(response)
    assert "Deposit ¥1,000.00 Bonus ¥300.00 Bonus still to be had ¥9,700.00 ¥300.00 received so far" in shown
    assert f"Online payment {online.number} ¥70.00 2026-11-09 09:00 your payment" in shown
    assert f"Bank transfer {waiting.number} ¥60,000.00 2026-11-09 09:00 the platform's staff" in shown
    assert shown.index("Bonus on a top-up Bank transfer") < shown.index("Top-up Bank transfer")


def test_the_plan_shows_the_latest_five_and_leads_to_the_rest(shop):
    for _ in range(3):
        fund_at("2026-11-02T09:00+08:00", shop.merchant, "10.00")
    with browser(shop.administrator, MONDAY) as client:
        page = client.get(PLAN).content.decode()
    assert page.count('data-label="Deposit after"') == 5
    assert "Show the whole statement" in page


def test_the_plan_takes_as_many_queries_for_many_entries_and_top_ups_as_for_few(shop):
    counts = {}
    for number in (2, 12):
        while TopUp.objects.filter(status="pending").count() < number:
            fund_at("2026-11-02T09:00+08:00", shop.merchant, "10.00")
            begin(shop)
        with browser(shop.administrator, MONDAY) as client, CaptureQueriesContext(connection) as queries:
            client.get(PLAN)
        counts[number] = len(queries)
    assert counts[12] == counts[2] <= 15


# How much


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("1000", "¥1,000.00 → +¥300.00 bonus Afterwards: ¥1,000.00 of deposit, ¥300.00 of bonus."),
        ("¥1,000.00", "¥1,000.00 → +¥300.00 bonus"),
        ("0.03", "¥0.03 → +¥0.00 bonus"),
        ("0.04", "¥0.04 → +¥0.01 bonus"),
        ("33333.33", "¥33,333.33 → +¥9,999.99 bonus"),
        ("33333.34", "+¥10,000.00 bonus Afterwards: ¥33,333.34 of deposit, ¥10,000.00 of bonus. With this you have"),
        ("90000", "¥90,000.00 → +¥10,000.00 bonus"),
    ],
)
def test_the_bonus_is_shown_before_anything_is_paid(shop, typed, words):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        response = client.post(TOP_UP, {"amount": typed, "step": "preview"})
        assert response.status_code == 200
        assert words in text_of(response)
        assert words in text_of(client.get(TOP_UP, {"amount": typed}))
    assert not TopUp.objects.exists()


def test_the_preview_counts_what_was_received_before(shop):
    fund_at("2026-11-02T09:00+08:00", shop.merchant, "33000.00")
    with browser(shop.administrator, MONDAY) as client:
        assert "until it is ¥100.00 more" in text_of(client.get(TOP_UP))
        shown = text_of(client.post(TOP_UP, {"amount": "1000", "step": "preview"}))
    assert "¥1,000.00 → +¥100.00 bonus Afterwards: ¥34,000.00 of deposit, ¥10,000.00 of bonus." in shown
    fund_at("2026-11-03T09:00+08:00", shop.merchant, "1000.00")
    with browser(shop.administrator, MONDAY) as client:
        assert "You have received all of the bonus, ¥10,000.00" in text_of(client.get(TOP_UP))
        assert "→ +¥0.00 bonus" in text_of(client.post(TOP_UP, {"amount": "1000", "step": "preview"}))


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Give an amount above zero."),
        ("0", "Give an amount above zero."),
        ("-5", "Give an amount above zero."),
        ("NaN", "Give the amount in yuan with at most two decimals."),
        ("Infinity", "Give the amount in yuan with at most two decimals."),
        ("ten", "Give the amount in yuan with at most two decimals."),
        ("1.234", "Give the amount in yuan with at most two decimals."),
        ("10000000.01", "Top up at most ¥10000000.00 at a time."),
        ("99999999999999999999", "digits"),
    ],
)
@pytest.mark.parametrize("step", ["preview", "pay"])
def test_an_amount_that_is_none_is_refused_beside_the_field_and_kept(shop, payments, typed, sentence, step):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        response = client.post(TOP_UP, {"amount": typed, "step": step, "next": BACK})
    assert response.status_code == 400
    assert sentence in text_of(response)
    page = response.content.decode()
    assert f'value="{typed}"' in page or not typed
    assert f'name="next" value="{BACK.replace("&", "&amp;")}"' in page
    assert not TopUp.objects.exists()


def test_while_somebody_types_a_wrong_amount_is_answered_so_that_htmx_shows_it(shop):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        response = client.post(TOP_UP, {"amount": "1.2.3", "step": "preview"}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    preview = response.content.decode().partition('id="preview"')[2].partition("</div>")[0]
    assert "at most two decimals" in preview


def test_the_page_says_where_to_transfer_and_which_reference_to_give(shop, settings):
    join(shop)
    settings.GUARANTEE_BANK_DETAILS = "Example Bank\nAccount <6222>"
    with browser(shop.administrator, MONDAY) as client:
        shown = client.get(TOP_UP).content.decode()
        assert "Example Bank<br>Account &lt;6222&gt;" in shown
        assert f"<strong>{shop.merchant.pk} Tea House</strong>" in shown
        settings.GUARANTEE_BANK_DETAILS = ""
        assert "Ask the platform's support for the account" in text_of(client.get(TOP_UP))


def test_without_a_payment_system_nothing_is_paid_online(shop):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        assert "Pay online" not in text_of(client.get(TOP_UP))
        assert client.post(TOP_UP, {"amount": "10", "step": "pay"}).status_code == 200
        online = begin(shop)
        assert client.get(done_page(online) + "pay/").headers["Location"] == done_page(online)
        assert client.get(done_page(online) + "?returned=1").headers["Location"] == done_page(online)
    assert TopUp.objects.get().status == "pending"


# Paying online


def test_paying_online_leads_over_a_page_of_our_own_with_a_link_that_the_browser_may_follow(shop, payments):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        posted = client.post(TOP_UP, {"amount": "1,000", "step": "pay", "next": BACK})
        top_up = TopUp.objects.get()
        to = urlsplit(posted.headers["Location"])
        assert (to.netloc, to.path, parse_qs(to.query)) == ("", done_page(top_up) + "pay/", {"next": [BACK]})
        page = client.get(posted.headers["Location"])
    assert (top_up.amount, top_up.status, top_up.channel) == (Decimal("1000.00"), "pending", "online")
    assert link(page, "Continue to payment") == PAY_PAGE
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    (order,) = payments.pages
    assert (order["number"], order["amount"]) == (top_up.number, Decimal("1000.00"))
    assert order["subject"] == "Guarantee deposit of Tea House"
    back = urlsplit(order["return_to"])
    assert (f"{back.scheme}://{back.netloc}", back.path) == ("http://testserver", done_page(top_up))
    assert parse_qs(back.query) == {"returned": ["1"], "next": [BACK]}
    assert link(page, "I have paid") == f"{back.path}?{back.query}"


def test_who_comes_back_after_paying_has_the_money_at_once_and_once(shop, payments):
    account = join(shop)
    top_up = begin(shop)
    payments.answer = Answer(Outcome.SUCCEEDED, reference="P-1", amount=Decimal("1000.00"))
    with browser(shop.administrator, MONDAY) as client:
        for _ in range(2):
            response = client.get(done_page(top_up), {"returned": "1", "next": BACK, "trade_no": "P-1"}, follow=True)
        ((to, _status),) = response.redirect_chain
        assert "returned" not in to
        assert link(response, "Back to the page that sent you here") == BACK
    assert payments.asked == [top_up.number]
    assert balance_of(account) == Balance(Decimal("1000.00"), Decimal("300.00"), Decimal("300.00"))
    shown = text_of(response)
    assert "¥1,000.00 was credited, and a bonus of ¥300.00" in shown
    assert "Status credited" in shown
    assert "hx-get" not in response.content.decode()


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.ABSENT])
def test_a_payment_that_has_not_arrived_is_looked_for_a_few_times_without_asking_again(shop, payments, outcome):
    join(shop)
    top_up = begin(shop)
    payments.answer = Answer(outcome)
    with browser(shop.administrator, "2026-11-09T09:05+08:00") as client:
        response = client.get(done_page(top_up), {"returned": "1", "next": BACK}, follow=True)
        assert "The payment has not arrived yet" in text_of(response)
        looks = 0
        while found := re.search(r'hx-get="([^"]+)"', response.content.decode()):
            looks += 1
            address = found[1].replace("&amp;", "&")
            assert parse_qs(urlsplit(address).query)["next"] == [BACK]
            response = client.get(address)
    assert looks == 6
    assert "This page has stopped looking by itself." in text_of(response)
    assert link(response, "To the payment").startswith(done_page(top_up) + "pay/?next=")
    assert payments.asked == [top_up.number]
    top_up.refresh_from_db()
    assert (top_up.status, top_up.ask_at) == ("pending", moment("2026-11-09T09:05:30+08:00"))


def test_a_payment_that_was_closed_says_so_and_offers_another(shop, payments):
    account = join(shop)
    top_up = begin(shop, "12.50")
    payments.answer = Answer(Outcome.FAILED, message="The payment was closed.")
    with browser(shop.administrator, MONDAY) as client:
        response = client.get(done_page(top_up), {"returned": "1", "next": BACK}, follow=True)
        assert "Nothing was credited The payment was closed." in text_of(response)
        again = link(response, "Top up again")
        assert parse_qs(urlsplit(again).query) == {"amount": ["12.50"], "next": [BACK]}
        assert 'value="12.50"' in client.get(again).content.decode()
        assert client.get(done_page(top_up) + "pay/").headers["Location"] == done_page(top_up)
    assert balance_of(account) == Balance()


def test_a_payment_of_another_amount_is_for_staff_to_look_at(shop, payments):
    account = join(shop)
    top_up = begin(shop)
    payments.answer = Answer(Outcome.SUCCEEDED, amount=Decimal("999.99"))
    with browser(shop.administrator, MONDAY) as client:
        response = client.get(done_page(top_up) + "?returned=1", follow=True)
    assert "The platform's staff look at it The payment system received ¥999.99" in text_of(response)
    assert "hx-get" not in response.content.decode()
    assert balance_of(account) == Balance()


@pytest.mark.parametrize("looked", ["", "x", "-1", "99", "9" * 40, "²"])
def test_a_number_of_looks_that_is_none_does_no_harm(shop, payments, looked):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        assert client.get(done_page(begin(shop)), {"looked": looked}).status_code == 200


def test_a_bank_transfer_has_a_page_too_whatever_becomes_of_it(shop):
    account = join(shop)

    def record(number: str, amount: str) -> TopUp:
        now = moment(MONDAY)
        return services.record_top_up(account.pk, Decimal(amount), bank_reference=number, actor=staff(), now=now)

    waiting, declined = record("B-1", "60000.00"), record("B-2", "60000.00")
    services.decline_top_up(declined.pk, reason="Not ours.", actor=staff("Second"), now=moment(MONDAY))
    back = record("B-3", "10.00")
    services.reverse_top_up(back.pk, reason="Booked twice.", actor=staff("Second"), now=moment(MONDAY))
    words = {waiting: "when a second person has looked at it", declined: "Not ours.", back: "Booked twice."}
    with browser(shop.administrator, MONDAY) as client:
        for top_up, sentence in words.items():
            shown = text_of(client.get(done_page(top_up)))
            assert sentence in shown
            assert f"Reference of the bank transfer {top_up.bank_reference}" in shown


# The statement


def history(shop: Shop) -> GuaranteeAccount:
    """Top-ups, a refund that is taken back, and one that the bonus does not reach; beside it another merchant's."""
    stranger = make_shop()
    case, larger = (
        case_at("2026-11-02T10:00+08:00", program=shop.program, amount=amount) for amount in ("100.00", "1500.00")
    )
    fund_at("2026-11-01T09:00+08:00", stranger.merchant, "5000.00")
    account = fund_at("2026-11-01T09:00+08:00", shop.merchant, "1000.00")
    fund_at("2026-11-02T23:59:59.999999+08:00", shop.merchant, "500.01")
    paid = refund_at("2026-11-03T00:00+08:00", case, "100.00")
    services.reverse_refund(paid.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-04T09:00+08:00"))
    refund_at("2026-11-05T09:00+08:00", larger, "1500.00")
    return account


BY_HAND = [
    # kind, deposit ±, bonus ±, deposit after, bonus after; the newest first
    ("refund", "-1050.00", "-450.00", "450.01", "0.00"),
    ("reversal", "66.67", "33.33", "1500.01", "450.00"),
    ("refund", "-66.67", "-33.33", "1433.34", "416.67"),
    ("bonus", "0.00", "150.00", "1500.01", "450.00"),
    ("top_up", "500.01", "0.00", "1500.01", "300.00"),
    ("bonus", "0.00", "300.00", "1000.00", "300.00"),
    ("top_up", "1000.00", "0.00", "1000.00", "0.00"),
]


def sums(rows) -> list[tuple[str, ...]]:
    return [
        (row.kind, *(f"{amount:.2f}" for amount in (row.deposit, row.bonus, row.deposit_after, row.bonus_after)))
        for row in rows
    ]


def test_each_row_says_what_moved_and_what_was_held_after_it(shop):
    account = history(shop)
    assert sums(statement_page(account.pk, Days()).rows) == BY_HAND
    assert sums(whole_statement(account.pk, Days())) == BY_HAND
    assert balance_of(account) == Balance(Decimal("450.01"), Decimal("0.00"), Decimal("450.00"))


def test_a_refund_that_waited_for_a_top_up_stands_after_it_and_the_account_never_held_less_than_nothing(shop):
    """Many complaints that are handled at once have one moment; money came in while they were."""
    case = case_at("2026-11-02T10:00+08:00", program=shop.program, amount="100.00")
    fund_at("2026-11-03T10:00:15+08:00", shop.merchant, "200.00")
    refund_at("2026-11-03T10:00+08:00", case, "100.00")
    rows = list(whole_statement(case.merchant.guarantee_account.pk, Days()))
    assert [row.kind for row in rows] == ["refund", "bonus", "top_up"]
    assert min(row.deposit_after for row in rows) == Decimal("133.33")
    assert min(row.bonus_after for row in rows) == 0
    assert {row.at for row in rows} == {moment("2026-11-03T10:00:15+08:00")}


def test_what_a_machine_whose_clock_ran_ahead_wrote_does_not_date_what_follows(shop):
    case = case_at("2026-11-02T10:00+08:00", program=shop.program, amount="100.00")
    fund_at("2026-11-03T10:05:00.000001+08:00", shop.merchant, "200.00")
    refund_at("2026-11-03T10:00+08:00", case, "100.00")
    assert FundTransfer.objects.get(kind="refund").at == moment("2026-11-03T10:00+08:00")


@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
def test_what_was_held_is_right_on_every_page_forwards_and_backwards(shop, size):
    account = history(shop)
    page, pages = statement_page(account.pk, Days(), size=size), 1
    forwards = sums(page.rows)
    while page.next is not None:
        page, pages = statement_page(account.pk, Days(), cursor=page.next, size=size), pages + 1
        forwards += sums(page.rows)
    assert forwards == BY_HAND
    assert pages == -(-len(BY_HAND) // size)
    backwards = sums(page.rows)
    while page.previous is not None:
        page = statement_page(account.pk, Days(), cursor=page.previous, size=size)
        backwards = sums(page.rows) + backwards
    assert backwards[-len(BY_HAND) :] == BY_HAND


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", BY_HAND),
        ("first=2026-11-05", BY_HAND[:1]),
        ("first=2026-11-04", BY_HAND[:2]),
        ("first=2026-11-03", BY_HAND[:3]),
        ("first=2026-11-02", BY_HAND[:5]),
        ("last=2026-11-02", BY_HAND[3:]),
        ("last=2026-11-03", BY_HAND[2:]),
        ("first=2026-11-02&last=2026-11-03", BY_HAND[2:5]),
        ("first=2026-11-03&last=2026-11-03", BY_HAND[2:3]),
        ("last=2026-10-31", []),
        ("first=0001-01-01&last=9999-12-31", BY_HAND),
    ],
)
def test_days_are_beijings_and_leave_the_balances_as_they_were(shop, query, expected):
    history(shop)
    with browser(shop.administrator, MONDAY) as client:
        page = client.get(f"{STATEMENT}?{query}")
        table = lines(client.get(f"{CSV}?{query}"))
    assert sums(page.context["page"].rows) == expected
    assert [tuple(row[-4:]) for row in table[1:]] == [row[1:] for row in expected]


def lines(response) -> list[list[str]]:
    """The table that a response of CSV holds, its mark taken away."""
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    sent = response.getvalue()
    assert sent.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(sent.decode("utf-8-sig"), newline="")))


def test_the_page_says_when_what_for_and_how_much_and_leads_there(shop):
    history(shop)
    with browser(shop.administrator, MONDAY) as client:
        response = client.get(STATEMENT)
    page, shown = response.content.decode(), text_of(response)
    case = RefundCase.objects.get(refunds__transfers=FundTransfer.objects.filter(kind="refund").latest("at"))
    assert f'href="/refunds/{case.case_no}/"' in page
    assert f"Refund Pending refund {case.case_no} 2026-11-05 09:00 −¥1,050.00 −¥450.00 ¥450.01 ¥0.00" in shown
    top_up = TopUp.objects.filter(account__merchant=shop.merchant).earliest("requested_at")
    assert f"Top-up Bank transfer {top_up.number} 2026-11-01 09:00 +¥1,000.00 – ¥1,000.00 ¥0.00" in shown
    assert f'href="{done_page(top_up)}"' in page
    assert "At (Beijing time)" in shown
    assert "The fund holds ¥450.01 of deposit and ¥0.00 of bonus now." in shown


def test_a_complaint_that_was_handled_from_the_fund_is_what_its_refund_was_for(shop):
    fund_at("2026-11-01T09:00+08:00", shop.merchant, "1000.00")
    complaint = shop.files("2026-11-02T09:00+08:00", trade_amount=Decimal("10.00"))
    with browser(shop.administrator, "2026-11-02T10:00+08:00") as client:
        given = {"method": "fund_refund", "refund_amount": "10.00"}
        assert client.post(f"/complaints/{complaint.complaint_no}/handle/", given).status_code == 302
        page = client.get(STATEMENT).content.decode()
        (row,) = (row for row in lines(client.get(CSV)) if complaint.complaint_no in row)
    assert f'href="/complaints/{complaint.complaint_no}/">{complaint.complaint_no}</a>' in page
    assert row[6:] == [complaint.complaint_no, complaint.trade_no, "-6.67", "-3.33", "993.33", "296.67"]


def test_the_table_for_spreadsheets_says_the_same_and_runs_nothing(shop):
    account = join(shop)
    evil = '=HYPERLINK("http://evil")'
    services.record_top_up(account.pk, Decimal("1234.56"), bank_reference=evil, actor=staff(), now=moment(MONDAY))
    case = case_at(MONDAY, program=shop.program, amount="30.00")
    made = refund_at(MONDAY, case, "30.00")
    with browser(shop.administrator, MONDAY) as client:
        response = client.get(CSV + "?first=2026-11-01&last=2026-11-30")
        table = lines(response)
    disposition = response.headers["Content-Disposition"]
    assert disposition == 'attachment; filename="guarantee-statement-2026-11-01-2026-11-30.csv"'
    top_up = TopUp.objects.get()
    numbers = [made.refund_no, case.case_no, case.complaint.complaint_no, case.complaint.trade_no]
    when, empty = "2026-11-09 09:00:00", [""] * 4
    assert table == [
        [
            *("Date (Beijing time, UTC+08:00)", "Kind", "Top-up", "Reference of the bank transfer"),
            *("Refund", "Pending refund", "Complaint number", "Trade number"),
            *("Deposit ±", "Bonus ±", "Deposit after", "Bonus after"),
        ],
        [when, "Refund", "", "", *numbers, "-20.00", "-10.00", "1214.56", "360.36"],
        [when, "Bonus on a top-up", top_up.number, "'" + evil, *empty, "0.00", "370.36", "1234.56", "370.36"],
        [when, "Top-up", top_up.number, "'" + evil, *empty, "1234.56", "0.00", "1234.56", "0.00"],
    ]


def test_the_table_is_in_the_language_of_the_reader_though_it_is_sent_later(shop):
    history(shop)
    with browser(shop.administrator, MONDAY, language="zh-hans") as client:
        response = client.get(CSV)
    with translation.override("zh-hans"):
        wanted = translation.gettext("Complaint number")
    with translation.override("en"):
        assert wanted != "Complaint number"
        assert wanted in lines(response)[0]


def test_days_the_wrong_way_round_are_refused_with_everything_kept(shop):
    history(shop)
    query = "?first=2026-11-05&last=2026-11-04"
    with browser(shop.administrator, MONDAY) as client:
        page, table = client.get(STATEMENT + query), client.get(CSV + query)
        nonsense = client.get(STATEMENT + "?first=yesterday")
    for response, status in ((page, 200), (table, 400)):
        assert response.status_code == status
        assert "This day lies before the first one." in text_of(response)
        assert 'value="2026-11-05"' in response.content.decode()
        assert response.context["page"].rows == []
    assert nonsense.context["page"].rows == []
    assert 'value="yesterday"' in nonsense.content.decode()


def test_pages_keep_their_days_and_a_cursor_from_elsewhere_shows_the_first(shop):
    for _ in range(12):
        fund_at("2026-11-02T09:00+08:00", shop.merchant, "10.00")
    with browser(shop.administrator, MONDAY) as client:
        first = client.get(STATEMENT + "?first=2026-11-01")
        (following,) = re.findall(r'rel="next" href="([^"]+)"', first.content.decode())
        second = client.get(STATEMENT + following.replace("&amp;", "&"))
        lost = client.get(STATEMENT + "?cursor=nonsense")
    assert "first=2026-11-01" in following
    assert [len(each.context["page"].rows) for each in (first, second)] == [20, 4]
    assert sums(second.context["page"].rows)[-1] == ("top_up", "10.00", "0.00", "10.00", "0.00")
    assert sums(first.context["page"].rows)[0] == ("bonus", "0.00", "3.00", "120.00", "36.00")
    assert "This page of the list does not exist" in text_of(lost)
    assert len(lost.context["page"].rows) == 20


def test_an_empty_statement_says_so_and_one_narrowed_to_nothing_too(shop):
    join(shop)
    with browser(shop.administrator, MONDAY) as client:
        assert "Nothing has moved yet" in text_of(client.get(STATEMENT))
        assert "Nothing moved on these days" in text_of(client.get(STATEMENT + "?first=2026-11-01"))
        assert len(lines(client.get(CSV))) == 1


def test_a_statement_takes_as_many_queries_for_twenty_rows_as_for_two(shop):
    pages, tables = {}, {}
    for number in (2, 40):
        while FundTransfer.objects.count() < number:
            fund_at("2026-11-02T09:00+08:00", shop.merchant, "10.00")
            case = case_at("2026-11-02T09:00+08:00", program=make_program(merchant=shop.merchant), amount="1.00")
            if FundTransfer.objects.count() > 2:
                refund_at("2026-11-02T09:00+08:00", case, "1.00")
        with browser(shop.administrator, MONDAY) as client:
            with CaptureQueriesContext(connection) as page:
                client.get(STATEMENT)
            with CaptureQueriesContext(connection) as table:
                client.get(CSV).getvalue()
        pages[number], tables[number] = len(page), len(table)
    assert pages[40] == pages[2] <= 14
    assert tables[40] == tables[2] <= 6
    assert not any("OFFSET" in each["sql"] for each in page.captured_queries)
