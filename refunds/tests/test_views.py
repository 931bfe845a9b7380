"""The pages of pending refunds, as a browser without scripts uses them. The clock is set only at the door."""

import re
import threading
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, handle_at, make_picture, make_program, member_actor, moment
from complaints.tests.pages import Shop, browser, make_shop, member, picture, text_of
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from evidence.models import Evidence
from merchants.models import Grant
from notifications.models import Event
from refunds import cases, claims, services
from refunds.fund import balance_of
from refunds.gateways import Answer, Outcome
from refunds.models import FundEntry, FundTransfer, NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.tests.making import case_at, claim_at, fund_at, refund_at, rule_at

pytestmark = pytest.mark.django_db

LIST = "/refunds/"
RULED = "2026-03-06T09:00+08:00"
NOON = "2026-03-07T12:00+08:00"
DUE = "2026-03-13T09:00+08:00"
TICK_LATER = "2026-03-13T09:00:00.000001+08:00"
SECOND_LATER = "2026-03-13T09:00:01+08:00"


@dataclass
class Gateway:
    """A payment system that was named, and that nobody asks in these tests."""

    name: str = "sandbox"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    there = Gateway()
    for module in ("refunds.views", "refunds.refunding"):
        monkeypatch.setattr(f"{module}.refund_gateway", lambda: there)
    return there


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def case(shop: Shop) -> RefundCase:
    return case_at(RULED, program=shop.program, amount="100.00")


def page_of(case: RefundCase, verb: str = "") -> str:
    return f"{LIST}{case.case_no}/" + (f"{verb}/" if verb else "")


def numbers_in(response: Any) -> list[str]:
    """The case numbers of a list, in their order."""
    return re.findall(r'class="row-link" href="/refunds/(\d+)/"', response.content.decode())


def key_in(response: Any) -> str:
    """The request key that a page carries."""
    found = re.search(r'name="request_key" value="([^"]+)"', response.content.decode())
    assert found
    return found[1]


def wish(key: str, amount: str = "100.00", channel: str = "fund", **more: Any) -> dict[str, Any]:
    """A refund as the page that asks once more sends it."""
    return {"request_key": key, "channel": channel, "amount": amount, "step": "refund", **more}


def everything() -> dict[str, Any]:
    """Return all rows that a move could change."""
    models = (RefundCase, NoRefundClaim, Refund, RefundedTrade, FundTransfer, FundEntry, HistoryLine, Event, Deadline)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in (*models, Complaint)}


# Who is let in


def test_who_is_not_signed_in_is_asked_to(client, case):
    for address in (LIST, page_of(case), page_of(case, "refund"), page_of(case, "refuse")):
        assert client.get(address).headers["Location"].startswith("/accounts/login/?next=/refunds/")


def test_what_belongs_to_another_merchant_does_not_exist(shop, case):
    before = everything()
    with browser(make_shop().administrator, NOON) as client:
        assert numbers_in(client.get(f"{LIST}?status=all")) == []
        for verb in ("", "refund", "refuse"):
            assert client.get(page_of(case, verb)).status_code == 404
        assert client.post(page_of(case, "refund"), wish("k")).status_code == 404
        assert client.post(page_of(case, "refuse"), {"text": "No.", "pictures": picture()}).status_code == 404
    assert everything() == before


def test_a_member_without_the_grant_to_see_learns_whom_to_ask(shop, case):
    with browser(member(shop, Grant.REFUND), NOON) as client:
        for address in (LIST, page_of(case)):
            answer = client.get(address)
            assert answer.status_code == 403
            assert "Wang Fang" in text_of(answer)


def test_a_member_without_the_grant_to_refund_sees_the_case_and_whom_to_ask(shop, case):
    fund_at(RULED, shop.merchant, "500.00")
    before, kept = everything(), Evidence.objects.count()
    with browser(member(shop, Grant.VIEW, Grant.HANDLE, Grant.FUND), NOON) as client:
        shown = client.get(page_of(case))
        assert shown.status_code == 200
        assert "You may see this pending refund, but not refund or refuse." in text_of(shown)
        assert "Wang Fang" in text_of(shown)
        assert "request_key" not in shown.content.decode()
        assert "Refund or refuse</a>" not in client.get(LIST).content.decode()
        for answer in (
            client.get(page_of(case, "refuse")),
            client.post(page_of(case, "refund"), wish("k")),
            client.post(page_of(case, "refuse"), {"text": "No.", "pictures": picture()}),
        ):
            assert answer.status_code == 403
            assert "Wang Fang" in text_of(answer)
    assert everything() == before
    assert Evidence.objects.count() == kept


# The list


def in_each_state(shop: Shop) -> dict[str, RefundCase]:
    """A case in each state; of those that are due one in its second round."""
    found = {
        name: case_at(at, program=shop.program)
        for name, at in {
            "due": "2026-03-06T09:00+08:00",
            "sooner": "2026-03-05T09:00+08:00",
            "refused": "2026-03-04T09:00+08:00",
            "refunded": "2026-03-03T09:00+08:00",
            "waived": "2026-03-02T09:00+08:00",
            "again": "2026-03-01T09:00+08:00",
        }.items()
    }
    for name in ("refused", "waived", "again"):
        refuse(found[name], "2026-03-06T09:00+08:00")
    rule_at("2026-03-06T10:00+08:00", found["waived"].refusals.get(), "accept")
    rule_at("2026-03-06T11:00+08:00", found["again"].refusals.get())
    fund_at(RULED, shop.merchant, "500.00")
    refund_at("2026-03-06T12:00+08:00", found["refunded"], "128.00")
    return found


def refuse(case: RefundCase, at: str) -> NoRefundClaim:
    given = [make_picture(case.merchant)]
    return claims.refuse(case.pk, "It came.", evidence=given, actor=member_actor(case.merchant), now=moment(at))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["sooner", "due", "again"]),
        ("status=due", ["sooner", "due", "again"]),
        ("status=refused", ["refused"]),
        ("status=refunded", ["refunded"]),
        ("status=waived", ["waived"]),
        ("status=all", ["sooner", "due", "again", "refused", "refunded", "waived"]),
        ("status=all&opened_from=2026-03-04&opened_to=2026-03-05", ["sooner", "refused"]),
        ("due=24", []),
        ("due=overdue", []),
    ],
)
def test_the_list_shows_what_is_due_by_its_deadline_then_the_others_newest_first(shop, query, expected):
    found = in_each_state(shop)
    with browser(shop.administrator, NOON) as client:
        assert numbers_in(client.get(f"{LIST}?{query}")) == [found[name].case_no for name in expected]


@pytest.mark.parametrize(
    ("at", "query", "is_found"),
    [
        ("2026-03-12T08:59:59+08:00", "due=24", False),
        ("2026-03-12T09:00+08:00", "due=24", True),
        (DUE, "due=24", True),
        (DUE, "due=overdue", False),
        (TICK_LATER, "due=overdue", True),
        (TICK_LATER, "due=24", False),
    ],
)
def test_the_filter_of_deadlines_before_at_and_after(shop, case, at, query, is_found):
    with browser(shop.administrator, at) as client:
        assert (numbers_in(client.get(f"{LIST}?{query}")) == [case.case_no]) is is_found


def test_a_search_finds_numbers_from_their_start_in_every_state(shop):
    found = in_each_state(shop)["waived"]
    with browser(shop.administrator, NOON) as client:
        for number in (found.case_no, found.complaint.complaint_no, found.complaint.trade_no, f" {found.case_no[:20]}"):
            assert found.case_no in numbers_in(client.get(LIST, {"q": number}))
        assert numbers_in(client.get(LIST, {"q": found.case_no[1:]})) == []


def test_the_list_is_narrowed_by_mini_program(shop, case):
    other = case_at(RULED, program=make_program(merchant=shop.merchant))
    foreign = make_program()
    with browser(shop.administrator, NOON) as client:
        assert numbers_in(client.get(LIST, {"mini_program": other.mini_program_id})) == [other.case_no]
        assert client.get(LIST, {"mini_program": foreign.pk}).content.decode().count("row-link") == 0


def test_a_bad_filter_shows_a_sentence_and_lists_nothing(shop, case):
    with browser(shop.administrator, NOON) as client:
        answer = client.get(f"{LIST}?opened_from=2026-03-07&opened_to=2026-03-06")
        assert "This day lies before the first one." in text_of(answer)
        assert numbers_in(answer) == []
        unknown = client.get(f"{LIST}?cursor=nowhere")
    assert "This page of the list does not exist." in text_of(unknown)
    assert numbers_in(unknown) == [case.case_no]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "No refund waits"),
        ("?status=refunded", "No pending refund has this status"),
        ("?q=12345", "No pending refund matches"),
    ],
)
def test_an_empty_list_says_why(shop, query, sentence):
    with browser(shop.administrator, NOON) as client:
        assert sentence in text_of(client.get(LIST + query))


def test_the_list_shows_clock_amounts_points_and_what_was_lost(shop):
    missed = case_at("2026-02-20T09:00+08:00", program=shop.program, amount="300.00")
    at = moment("2026-03-01T09:00+08:00")
    run_sweep("refund", cut_off=at, issued_at=at, ran_by="test")
    partly = case_at(RULED, program=shop.program, amount="100.00")
    fund_at(RULED, shop.merchant, "500.00")
    refund_at(NOON, partly, "30.00")
    with browser(shop.administrator, "2026-03-12T12:00+08:00") as client:
        rows = text_of(client.get(LIST)).split("not delivered")
    assert missed.case_no in rows[1]
    assert "missed by 13 d 3 h 2026-02-27 09:00 ¥300.00 – 1 point lost" in rows[1]
    assert "21 h 0 min left 2026-03-13 09:00 ¥100.00 ¥30.00 1 point at stake" in rows[2]


def test_the_list_takes_as_many_queries_for_many_rows_as_for_one(shop):
    counts = []
    with browser(shop.administrator, NOON) as client:
        for more in (1, 11):
            for _ in range(more):
                case_at(RULED, program=shop.program)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                client.get(f"{LIST}?status=all")
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 14


def test_the_navigation_counts_what_is_due(shop, case):
    with browser(shop.administrator, NOON) as client:
        page = client.get("/").content.decode()
    assert re.search(r'href="/refunds/".*?Pending refunds</span>\s*<span class="count">1</span>', page, re.DOTALL)


# One case


def test_the_page_says_what_was_ruled_why_and_what_is_at_stake(shop):
    complaint = shop.files(RULED, trade_amount=Decimal("100.00"), advance_protection=True)
    rule_at(RULED, claim_at(RULED, complaint))
    case = RefundCase.objects.get()
    with browser(shop.administrator, NOON) as client:
        shown = text_of(client.get(page_of(case)))
    for words in (
        "Refund by 5 d 21 h left 2026-03-13 09:00 Beijing time",
        "A refund is due The evidence does not prove it We looked at it.",
        "Sent again.",
        "1 point is at stake.",
        "This complaint has advance protection",
        "A pending refund of ¥100.00 began. Refund by 2026-03-13 09:00 Beijing time.",
        "It can be refused once only.",
    ):
        assert words in shown
    assert shown.count("We looked at it.") == 2  # in the ruling, and in the history


def test_a_missed_refund_is_still_made_and_costs_what_it_cost(shop, case):
    fund_at(RULED, shop.merchant, "500.00")
    with browser(shop.administrator, SECOND_LATER) as client:
        shown = client.get(page_of(case))
        assert "The deadline was missed; the refund must be made all the same" in text_of(shown)
        assert "It costs 1 point; the penalty follows within minutes." in text_of(shown)
        client.post(page_of(case, "refund"), wish(key_in(shown)))
    case.refresh_from_db()
    assert case.status == "refunded"
    at = moment("2026-03-13T09:05+08:00")
    run_sweep("refund", cut_off=at, issued_at=at, ran_by="test")
    with browser(shop.administrator, "2026-03-13T10:00+08:00") as client:
        page = text_of(client.get(page_of(case)))
    assert "Refund not completed in time" in page
    assert "missed by less than 1 min" in page


def test_at_the_very_deadline_nothing_is_missed(shop, case):
    with browser(shop.administrator, DUE) as client:
        assert "The deadline was missed" not in text_of(client.get(page_of(case)))


def test_every_page_renders_in_both_languages_in_every_state(shop):
    found = in_each_state(shop)
    for language in ("en", "zh-hans"):
        with browser(shop.administrator, NOON, language) as client:
            for case in found.values():
                assert client.get(page_of(case)).status_code == 200
                assert client.get(f"/complaints/{case.complaint.complaint_no}/").status_code == 200
            assert client.get(page_of(found["due"], "refuse")).status_code == 200
            assert client.get(page_of(found["due"], "refund") + "?channel=fund&amount=1").status_code == 200


# From the fund


def test_the_split_is_shown_before_anything_moves_and_then_it_moves_once(shop, case):
    account = fund_at(RULED, shop.merchant, "200.00")
    before = everything()
    with browser(shop.administrator, NOON) as client:
        first = client.get(page_of(case))
        assert 'name="amount" value="100.00"' in first.content.decode()
        leads = client.post(page_of(case, "refund"), wish(key_in(first)) | {"step": "check"})
        asks = client.get(leads.headers["Location"])
        assert everything() == before
        assert "From the bonus ¥33.33 ¥26.67 From the deposit ¥66.67 ¥133.33" in text_of(asks)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asks.content.decode()))
        for name in ("csrfmiddlewaretoken", "next"):  # of the switches for the language and the colours
            del hidden[name]
        assert hidden == {"request_key": key_in(first), "channel": "fund", "amount": "100.00"}
        done = client.post(page_of(case, "refund"), {**hidden, "step": "refund"})
        assert done.headers["Location"] == f"{page_of(case)}#refunds"
        shown = text_of(client.get(page_of(case)))
    case.refresh_from_db()
    case.complaint.refresh_from_db()
    assert (case.status, case.complaint.status) == ("refunded", "finished")
    assert (balance_of(account).bonus, balance_of(account).deposit) == (Decimal("26.67"), Decimal("133.33"))
    assert "¥100.00 was refunded." in shown
    assert "Paid from ¥33.33 bonus ¥66.67 deposit" in shown
    assert "Refunded ¥100.00 from the guarantee fund. From the bonus ¥33.33, from the deposit ¥66.67." in shown
    assert "in time, 5 d 21 h to spare" in shown


def test_who_may_refund_but_not_use_the_fund_sees_the_split_and_no_balance(shop, case):
    fund_at(RULED, shop.merchant, "200.00")
    with browser(member(shop, Grant.VIEW, Grant.REFUND), NOON) as client:
        page, asks = client.get(page_of(case)), client.get(page_of(case, "refund") + "?channel=fund&amount=100")
    assert "¥66.67" in text_of(asks)
    for hidden in ("¥133.33", "¥26.67", "Balance after"):
        assert hidden not in text_of(asks)
    assert "¥200.00" not in text_of(page)


def test_the_same_wish_again_moves_nothing_and_says_so(shop, case):
    account = fund_at(RULED, shop.merchant, "200.00")
    with browser(shop.administrator, NOON) as client:
        tabs = [key_in(client.get(page_of(case))) for _ in range(2)]
        first = client.post(page_of(case, "refund"), wish(tabs[0]))
    with browser(shop.administrator, "2026-03-07T12:00:01+08:00") as client:
        again = client.post(page_of(case, "refund"), wish(tabs[1]), follow=True)
    assert first.status_code == 302
    assert f"This refund was made already: ¥100.00, {Refund.objects.get().refund_no}." in text_of(again)
    assert balance_of(account).deposit == Decimal("133.33")


def test_another_wish_from_a_page_that_is_stale_is_refused_and_kept(shop, case):
    fund_at(RULED, shop.merchant, "200.00")
    with browser(shop.administrator, NOON) as client:
        stale = key_in(client.get(page_of(case)))
        client.post(page_of(case, "refund"), wish(stale, "40.00"))
        before = everything()
        answer = client.post(page_of(case, "refund"), wish(stale, "50.00"))
        assert answer.status_code == 409
        assert "This request was used for another refund already." in text_of(answer)
        assert 'value="50.00"' in answer.content.decode()
        assert everything() == before
        fresh = key_in(answer)
        assert fresh != stale
        client.post(page_of(case, "refund"), wish(fresh, "60.00"))
    case.refresh_from_db()
    assert case.status == "refunded"
    assert sorted(Refund.objects.values_list("amount", flat=True)) == [Decimal("40.00"), Decimal("60.00")]


def test_parts_add_up_and_the_rest_is_offered(shop, case):
    fund_at(RULED, shop.merchant, "200.00")
    with browser(shop.administrator, NOON) as client:
        client.post(page_of(case, "refund"), wish(key_in(client.get(page_of(case))), "40.00"))
        page = client.get(page_of(case))
    assert 'name="amount" value="60.00"' in page.content.decode()
    assert "Still to be refunded ¥60.00" in text_of(page)
    case.refresh_from_db()
    assert case.status == "due"


@pytest.mark.parametrize("step", ["check", "refund"])
@pytest.mark.parametrize(
    ("amount", "sentence"),
    [
        ("", "Give the amount to refund, above zero."),
        ("0", "Give an amount above zero."),
        ("-1", "Give an amount above zero."),
        ("1.005", "Give the amount in yuan with at most two decimals."),
        ("NaN", "Give the amount in yuan with at most two decimals."),
        ("one", "Give the amount in yuan with at most two decimals."),
        ("100.01", "Refund at most ¥100.00: that is what is still due."),
    ],
)
def test_a_bad_amount_is_refused_beside_its_field_and_kept(shop, case, step, amount, sentence):
    fund_at(RULED, shop.merchant, "500.00")
    before = everything()
    with browser(shop.administrator, NOON) as client:
        key = key_in(client.get(page_of(case)))
        answer = client.post(page_of(case, "refund"), wish(key, amount) | {"step": step})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert re.search(rf'id="refund_amount_error".*?{re.escape(sentence)}', page, re.DOTALL)
    assert re.search(rf'<input[^>]*name="amount"[^>]*value="{re.escape(amount)}"', page) or not amount
    assert everything() == before


def test_amounts_are_read_as_people_write_them(shop, case):
    fund_at(RULED, shop.merchant, "500.00")
    with browser(shop.administrator, NOON) as client:
        answer = client.post(page_of(case, "refund"), wish("k", "¥ 1,00.5") | {"step": "check"})
        assert answer.status_code == 400  # 100.50 is above the rest: it was read
        assert "Refund at most ¥100.00" in text_of(answer)


def test_a_fund_that_is_short_by_a_cent_says_so_and_leads_to_a_top_up_and_back(shop, case):
    account = fund_at(RULED, shop.merchant, "76.92")  # with 23.07 of bonus: a cent below 100.00
    assert (balance_of(account).deposit, balance_of(account).bonus) == (Decimal("76.92"), Decimal("23.07"))
    before = everything()
    back = quote(f"{page_of(case, 'refund')}?channel=fund&amount=100.00", safe="")
    top_up = f'href="/guarantee/top-up/?amount=0.01&amp;next={back}"'
    with browser(shop.administrator, NOON) as client:
        asks = client.get(page_of(case, "refund") + "?channel=fund&amount=100.00")
        assert "¥0.01 is missing in the deposit" in text_of(asks)
        assert top_up in asks.content.decode()
        assert 'value="refund"' not in asks.content.decode()
        answer = client.post(page_of(case, "refund"), wish(key_in(client.get(page_of(case)))))
    assert answer.status_code == 409
    page = answer.content.decode()
    assert re.search(r'id="refund_amount_error".*?The fund is short by ¥0.01.', page, re.DOTALL)
    assert top_up in page
    assert everything() == before


def test_who_is_not_in_the_plan_is_invited_and_comes_back(shop, case):
    with browser(shop.administrator, NOON) as client:
        page = client.get(page_of(case)).content.decode()
        asks = client.get(page_of(case, "refund") + "?channel=fund&amount=100.00").content.decode()
        answer = client.post(page_of(case, "refund"), wish("k"))
    assert re.search(r'value="fund" id="id_channel_fund"[^>]*disabled', page)
    assert f'href="/guarantee/?next={quote(page_of(case), safe="")}"' in page
    assert "/guarantee/?next=%2Frefunds%2F" in asks
    assert answer.status_code == 409
    assert "This merchant is not in the guarantee plan." in text_of(answer)
    assert not Refund.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_are_one_refund():
    shop = make_shop("Tea House")
    case = case_at(RULED, program=shop.program, amount="100.00")
    account = fund_at(RULED, shop.merchant, "500.00")
    answers: list[int] = []
    start = threading.Barrier(2)
    with browser(shop.administrator, NOON) as client:
        key = key_in(client.get(page_of(case)))
        clients = [client, client.__class__(HTTP_ACCEPT_LANGUAGE="en")]
        clients[1].force_login(shop.administrator)

        def click(client: Any) -> None:
            start.wait()
            answers.append(client.post(page_of(case, "refund"), wish(key)).status_code)
            connections.close_all()

        clicks = [threading.Thread(target=click, args=(each,)) for each in clients]
        for each in clicks:
            each.start()
        for each in clicks:
            each.join()
    assert answers == [302, 302]
    assert Refund.objects.count() == 1
    assert balance_of(account).deposit == Decimal("433.33")


# Through the API


def test_the_api_is_offered_only_where_there_is_one(shop, case):
    with browser(shop.administrator, NOON) as client:
        assert 'value="api"' not in client.get(page_of(case)).content.decode()
        asks = client.get(page_of(case, "refund") + "?channel=api&amount=100.00")
        answer = client.post(page_of(case, "refund"), wish("k", channel="api"))
    assert asks.status_code == 302
    assert answer.status_code == 409
    assert "are not set up here" in text_of(answer)


def test_while_it_is_processed_the_clock_stands_still_and_the_page_waits(shop, case, gateway):
    with browser(shop.administrator, NOON) as client:
        asks = client.get(page_of(case, "refund") + "?channel=api&amount=100.00")
        assert "Refund through the trade refund API?" in text_of(asks)
        client.post(page_of(case, "refund"), wish(key_in(asks), channel="api"))
        page = client.get(page_of(case))
        shown = text_of(page)
        assert "The refund of ¥100.00 is being processed." in shown
        assert "stands still, 5 d 21 h left" in shown
        assert "The clock stands still while your refund is being processed." in shown
        assert "All that is due is being processed." in shown
        assert f'hx-get="{page_of(case)}?look=1&amp;waiting=1"' in page.content.decode()

        looked = client.get(f"{page_of(case)}?look=1&waiting=1", headers={"HX-Request": "true"})
        assert f'hx-get="{page_of(case)}?look=2&amp;waiting=1"' in looked.content.decode()
        last = client.get(f"{page_of(case)}?look=8&waiting=1", headers={"HX-Request": "true"})
        assert "hx-get" not in last.content.decode()
        assert "Look again" in text_of(last)
        for odd in ("look=x", "look=-1", "look=99999999999999999999"):
            assert client.get(f"{page_of(case)}?{odd}&waiting=1", headers={"HX-Request": "true"}).status_code == 200

        services.learn(Refund.objects.get().pk, Answer(Outcome.SUCCEEDED), now=moment(NOON))
        done = client.get(f"{page_of(case)}?look=2&waiting=1", headers={"HX-Request": "true"})
        assert done.headers["HX-Refresh"] == "true"
        assert "All that was due is refunded." in text_of(client.get(page_of(case)))


def test_a_refund_that_failed_says_why_and_what_to_do_and_gives_the_time_back(shop, case, gateway):
    with browser(shop.administrator, NOON) as client:
        client.post(page_of(case, "refund"), wish(key_in(client.get(page_of(case))), channel="api"))
    later = "2026-03-07T18:00+08:00"
    answer = Answer(Outcome.FAILED, "ACQ.TRADE_HAS_CLOSE", "The trade is closed.")
    services.learn(Refund.objects.get().pk, answer, now=moment(later))
    with browser(shop.administrator, later) as client:
        page = client.get(page_of(case))
        shown = text_of(page)
        why = "The trade is closed: the payment system refunds it no more."
        assert f"No money moved, and none will for this number {why}" in shown
        assert "Mend the cause and refund again, or choose another way." in shown
        assert "Refund by 5 d 21 h left 2026-03-13 15:00 Beijing time" in shown
        assert "The refund of ¥100.00 failed; no money moved." in shown
        again = client.post(page_of(case, "refund"), wish(key_in(page), channel="api"))
    assert again.status_code == 302
    assert sorted(Refund.objects.values_list("status", flat=True)) == ["failed", "processing"]


# Refunded elsewhere


def test_a_refund_made_elsewhere_is_recorded_with_number_and_picture(shop, case):
    with browser(shop.administrator, NOON) as client:
        key = key_in(client.get(page_of(case)))
        given = wish(key, channel="elsewhere", reference=" R-77 ", pictures=picture()) | {"step": "check"}
        assert client.post(page_of(case, "refund"), given).headers["Location"] == f"{page_of(case)}#refunds"
        shown = text_of(client.get(page_of(case)))
    made = Refund.objects.get()
    assert (made.refund_no, made.channel, made.status, made.evidence.count()) == ("R-77", "elsewhere", "succeeded", 1)
    assert "Your word and your pictures" in shown
    assert "Recorded a refund of ¥100.00 that was made elsewhere." in shown


def test_what_a_record_lacks_is_said_at_once_and_the_rest_is_kept(shop, case):
    before = everything()
    with browser(shop.administrator, NOON) as client:
        no_number = client.post(page_of(case, "refund"), wish("k", channel="elsewhere", pictures=picture()))
        no_proof = client.post(page_of(case, "refund"), wish("k", channel="elsewhere", reference="R-77"))
        nothing = client.post(page_of(case, "refund"), wish("k", "", channel="elsewhere"))
    assert {answer.status_code for answer in (no_number, no_proof, nothing)} == {400}
    assert "Give the refund&#x27;s number" in text_of(no_number)
    assert re.search(r'name="pictures_kept" value="\w+" checked', no_number.content.decode())
    assert "Add a picture of the refund record as proof." in text_of(no_proof)
    assert 'value="R-77"' in no_proof.content.decode()
    for sentence in ("Give the refund&#x27;s number", "Add a picture of the refund record", "Give the amount"):
        assert sentence in text_of(nothing)
    assert everything() == before


def test_a_number_that_was_recorded_before_is_refused_beside_it(shop, case):
    refund_at(NOON, case, "40.00", channel="elsewhere", reference="R-77")
    before = everything()
    with browser(shop.administrator, NOON) as client:
        key = key_in(client.get(page_of(case)))
        given = wish(key, "60.00", channel="elsewhere", reference="R-77", pictures=picture())
        answer = client.post(page_of(case, "refund"), given)
    assert answer.status_code == 400
    assert re.search(r'id="refund_reference_error".*?was recorded before', answer.content.decode(), re.DOTALL)
    assert everything() == before


def test_two_tabs_with_two_numbers_are_not_taken_for_one_refund(shop, case):
    with browser(shop.administrator, NOON) as client:
        key = key_in(client.get(page_of(case)))
        sent = {"channel": "elsewhere", "amount": "50.00"}
        client.post(page_of(case, "refund"), wish(key, **sent, reference="R-1", pictures=picture()))
        second = client.post(page_of(case, "refund"), wish(key, **sent, reference="R-2", pictures=picture()))
        assert second.status_code == 409
        assert 'value="R-2"' in second.content.decode()
        kept = re.findall(r'name="pictures_kept" value="(\w+)" checked', second.content.decode())
        given = wish(key_in(second), **sent, reference="R-2", pictures_kept=kept)
        assert client.post(page_of(case, "refund"), given).status_code == 302
    case.refresh_from_db()
    assert case.status == "refunded"


def test_a_record_that_comes_too_late_is_given_back_to_copy(shop, case):
    fund_at(RULED, shop.merchant, "500.00")
    with browser(shop.administrator, NOON) as client:
        key = key_in(client.get(page_of(case)))
        refund_at(NOON, case, "100.00")
        before = everything()
        answer = client.post(
            page_of(case, "refund"), wish(key, channel="elsewhere", reference="R-77", pictures=picture())
        )
    assert answer.status_code == 409
    assert "Nothing was refunded by this" in text_of(answer)
    assert "R-77" in text_of(answer)
    assert "/evidence/" in answer.content.decode()
    assert everything() == before


@pytest.mark.parametrize("channel", ["", "cash"])
def test_a_way_that_is_none_is_refused(shop, case, channel):
    with browser(shop.administrator, NOON) as client:
        answer = client.post(page_of(case, "refund"), wish("k", channel=channel))
    assert answer.status_code == 400
    assert "Choose how to refund." in text_of(answer)


def test_of_a_trade_that_was_refunded_for_another_complaint_only_the_rest_is_offered(shop, case):
    trade = {"trade_no": case.complaint.trade_no, "trade_amount": Decimal("100.00")}
    fund_at(RULED, shop.merchant, "500.00")
    other = file_at(RULED, shop.program, **trade)
    handle_at(RULED, other, "fund_refund", refund_amount=Decimal("70.00"), refund_reference="")
    with browser(shop.administrator, NOON) as client:
        page = client.get(page_of(case))
        assert "of this trade ¥30.00 at most can still be refunded" in text_of(page)
        assert 'name="amount" value="30.00"' in page.content.decode()
        answer = client.post(page_of(case, "refund"), wish(key_in(page), "30.01"))
    assert answer.status_code == 400
    assert "Of this trade ¥30.00 at most can still be refunded" in text_of(answer)


# Refusing


def test_a_refusal_stops_the_clock_and_shows_its_review(shop, case):
    with browser(shop.administrator, NOON) as client:
        form = client.get(page_of(case, "refuse"))
        assert "staff rule within 3 working days" in text_of(form)
        sent = {"text": "It came on Monday.", "pictures": picture()}
        assert client.post(page_of(case, "refuse"), sent).headers["Location"] == page_of(case)
        shown = text_of(client.get(page_of(case)))
    case.refresh_from_db()
    assert case.status == "refused"
    assert not Deadline.objects.filter(kind="refund").exists()
    assert "stands still, 5 d 21 h left your refusal is under review" in shown
    assert "Ruling due by" in shown
    assert "2026-03-11 23:59 Beijing time" in shown  # Saturday 7 March; Monday, Tuesday, Wednesday
    assert "It came on Monday." in shown


def test_a_ruling_on_a_refusal_is_shown_and_it_cannot_be_refused_again(shop, case):
    rule_at("2026-03-08T12:00+08:00", refuse(case, NOON))
    before = everything()
    with browser(shop.administrator, "2026-03-09T12:00+08:00") as client:
        shown = text_of(client.get(page_of(case)))
        form = client.get(page_of(case, "refuse"))
        answer = client.post(page_of(case, "refuse"), {"text": "Once more.", "pictures": picture()})
    assert "round 2" in shown
    assert "Refund by 6 d 0 h left 2026-03-15 12:00 Beijing time" in shown
    assert "Your refusal to refund refund due" in shown
    assert "This refund was refused before, and staff ruled that it is due." in shown
    assert page_of(case, "refuse") not in shown
    assert form.headers["Location"] == page_of(case)
    assert answer.status_code == 409
    assert "Your refusal was not taken This refund was refused before" in text_of(answer)
    assert "Once more." in answer.content.decode()
    assert re.search(r'name="pictures_kept" value="\w+" checked', answer.content.decode())
    assert everything() == before


def test_what_a_refusal_lacks_is_said_at_once_and_the_rest_is_kept(shop, case):
    before = everything()
    with browser(shop.administrator, NOON) as client:
        no_proof = client.post(page_of(case, "refuse"), {"text": "It came."})
        no_words = client.post(page_of(case, "refuse"), {"text": "  ", "pictures": picture()})
        too_long = client.post(page_of(case, "refuse"), {"text": "x" * 1001, "pictures": picture()})
        nothing = client.post(page_of(case, "refuse"), {})
    assert {answer.status_code for answer in (no_proof, no_words, too_long, nothing)} == {400}
    assert "Add at least one picture that proves what you say." in text_of(no_proof)
    assert "It came." in no_proof.content.decode()
    assert "Say why no refund is due" in text_of(no_words)
    assert re.search(r'name="pictures_kept" value="\w+" checked', no_words.content.decode())
    assert "x" * 1001 in too_long.content.decode()
    assert "Say why no refund is due" in text_of(nothing)
    assert "Add at least one picture" in text_of(nothing)
    assert everything() == before


def test_while_a_refund_is_processed_it_cannot_be_refused(shop, case, gateway):
    with browser(shop.administrator, NOON) as client:
        client.post(page_of(case, "refund"), wish(key_in(client.get(page_of(case))), "40.00", "api"))
        shown = text_of(client.get(page_of(case)))
        answer = client.post(page_of(case, "refuse"), {"text": "No.", "pictures": picture()})
    assert "A refund is being processed. Wait for its result" in shown
    assert answer.status_code == 409


def test_a_case_that_ended_shows_no_choices_and_takes_none(shop):
    found = in_each_state(shop)
    with browser(shop.administrator, NOON) as client:
        for name in ("refunded", "waived", "refused"):
            shown = client.get(page_of(found[name])).content.decode()
            assert 'id="choices"' not in shown
            before = everything()
            refund = client.post(page_of(found[name], "refund"), wish("another", "1.00"))
            refusal = client.post(page_of(found[name], "refuse"), {"text": "No.", "pictures": picture()})
            assert (refund.status_code, refusal.status_code) == (409, 409)
            assert client.get(page_of(found[name], "refund") + "?channel=fund&amount=1.00").status_code == 409
            assert everything() == before


def test_the_page_takes_as_many_queries_for_many_refunds_as_for_one(shop):
    fund_at(RULED, shop.merchant, "900.00")
    case = case_at(RULED, program=shop.program, amount="100.00")
    counts = []
    with browser(shop.administrator, NOON) as client:
        for more in (1, 5):
            for _ in range(more):
                refund_at(NOON, case, "1.00")
            with CaptureQueriesContext(connection) as queries:
                client.get(page_of(case))
            counts.append(len(queries))
    assert counts[0] == counts[1] <= 40
    assert cases.rest_of(case) == Decimal("94.00")


# On the complaint's page


def complaint_page(complaint: Complaint) -> str:
    return f"/complaints/{complaint.complaint_no}/"


def test_the_complaint_shows_its_review_then_the_ruling_and_the_pending_refund(shop):
    complaint = shop.files(RULED)
    claim = claim_at("2026-03-06T10:00+08:00", complaint)
    with browser(shop.administrator, NOON) as client:
        under_review = text_of(client.get(complaint_page(complaint)))
        rule_at(NOON, claim)
        ruled = client.get(complaint_page(complaint))
    assert "Under review by support staff Your handling without a refund" in under_review
    assert "Staff rule within 3 working days" in under_review
    case = RefundCase.objects.get()
    assert f'href="{page_of(case)}"' in ruled.content.decode()
    assert "Pending refund ¥128.00 refund due" in text_of(ruled)
    assert "What staff ruled Your handling without a refund" in text_of(ruled)
    assert "We looked at it." in text_of(ruled)
    assert "Under review by support staff" not in text_of(ruled)


def test_handling_from_the_fund_shows_what_it_would_take(shop):
    complaint = shop.files(RULED, trade_amount=Decimal("100.00"))
    with browser(shop.administrator, NOON) as client:
        invited = client.get(complaint_page(complaint)).content.decode()
        fund_at(RULED, shop.merchant, "50.00")
        short = client.get(complaint_page(complaint))
        answer = client.post(
            f"{complaint_page(complaint)}handle/", {"method": "fund_refund", "refund_amount": "¥90.00"}
        )
        fund_at(NOON, shop.merchant, "200.00")
        enough = text_of(client.get(complaint_page(complaint)))
    assert f'href="/guarantee/?next={quote(complaint_page(complaint), safe="")}"' in invited
    assert "For ¥100.00 the fund is short by ¥35.00" in text_of(short)
    assert answer.status_code == 409
    assert re.search(r'id="handling_refund_amount_error".*?The fund is short by ¥25.00', answer.content.decode(), re.S)
    assert 'value="¥90.00"' in answer.content.decode()
    assert "For ¥90.00 the fund is short by ¥25.00" in text_of(answer)
    assert "Of ¥100.00 , the bonus would pay ¥33.33 and the deposit ¥66.67 ." in enough
    complaint.refresh_from_db()
    assert complaint.status == "pending"
