"""The pages of penalties, as a browser without scripts uses them."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from appeals.models import Appeal
from appeals.services import AppealInput, Decision, approve, claim, reject, submit
from common.actors import Actor, ActorKind
from complaints.models import Complaint
from complaints.tests.factories import (
    handle_at,
    make_picture,
    make_program,
    make_user,
    member_actor,
    moment,
)
from complaints.tests.pages import Shop, browser, make_shop, member, text_of
from deadlines.sweeping import run_sweep
from deadlines.tests.explaining import plans_of
from merchants.models import Grant
from penalties.models import Penalty
from penalties.queries import open_at, points_overview, waiting_count, window_is_open
from penalties.services import lock, revoke_locked

pytestmark = pytest.mark.django_db

LIST = "/violations/"
FRIDAY = "2026-03-06T09:00+08:00"
ISSUED = "2026-03-10T09:30+08:00"
WINDOW_ENDS = "2026-03-17T09:30+08:00"
TICK_LATER = "2026-03-17T09:30:00.000001+08:00"


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


def penalised(shop: Shop, filed_at: str = FRIDAY, issued_at: str = ISSUED, **fields) -> Penalty:
    """A complaint that nobody handled in time, and its penalty."""
    complaint = shop.files(filed_at, **fields)
    run_sweep("handle", cut_off=moment(issued_at), issued_at=moment(issued_at), ran_by="test")
    return Penalty.objects.select_related("complaint").get(subject_id=complaint.pk)


def appealed(penalty: Penalty, at: str) -> Appeal:
    given = AppealInput(description="Refunded.", evidence=(make_picture(penalty.merchant),), knowingly=True)
    return submit(penalty.pk, given, actor=member_actor(penalty.merchant), now=moment(at))


def reviewer(name: str = "Zhao") -> Actor:
    user = make_user(f"{name}-{Appeal.objects.count()}-{Penalty.objects.count()}", is_staff=True, last_name=name)
    return Actor(kind=ActorKind.STAFF, name=name, id=user.pk, grants=frozenset(["appeals.decide_appeal"]))


def decided(penalty: Penalty, at: str, decide=reject, reason: str = "not_solved") -> Appeal:
    """An appeal that staff decided at once."""
    appeal = appealed(penalty, at)
    staff = reviewer()
    claim(appeal.pk, actor=staff, now=moment(at))
    decide(appeal.pk, Decision(reason, "We asked the consumer."), actor=staff, now=moment(at))
    return appeal


def page_of(penalty: Penalty) -> str:
    return f"{LIST}{penalty.penalty_no}/"


def numbers_in(response) -> list[str]:
    """The penalty numbers of a list, in their order."""
    return re.findall(r'class="row-link" href="/violations/(\d+)/"', response.content.decode())


# Who is let in


def test_who_is_not_signed_in_is_asked_to(client, shop):
    for address in (LIST, page_of(penalised(shop))):
        assert client.get(address).headers["Location"].startswith("/accounts/login/?next=/violations/")


def test_what_belongs_to_another_merchant_does_not_exist(shop):
    penalty = penalised(shop)
    with browser(make_shop().administrator, ISSUED) as client:
        assert client.get(page_of(penalty)).status_code == 404
        assert numbers_in(client.get(LIST)) == []


def test_a_member_without_the_grant_to_see_learns_whom_to_ask(shop):
    penalty = penalised(shop)
    with browser(member(shop, Grant.APPEAL), ISSUED) as client:
        for address in (LIST, page_of(penalty)):
            response = client.get(address)
            assert response.status_code == 403
            assert "Wang Fang" in text_of(response)
            assert penalty.penalty_no not in response.content.decode().replace(address, "")


# The list


def test_what_can_be_appealed_comes_first_by_the_end_of_its_window_then_the_newest(shop):
    closed = penalised(shop, "2026-02-01T09:00+08:00", "2026-02-05T10:00+08:00")
    revoked = penalised(shop, "2026-03-04T09:00+08:00", "2026-03-09T10:00+08:00")
    revoke_locked(lock(revoked.pk), reason="Our fault.", actor=reviewer(), now=moment("2026-03-09T11:00+08:00"))
    later = penalised(shop, "2026-03-05T09:00+08:00", "2026-03-10T08:00+08:00")
    sooner = penalised(shop, "2026-03-02T09:00+08:00", "2026-03-08T10:00+08:00")
    under_appeal = penalised(shop, "2026-03-03T09:00+08:00", "2026-03-08T11:00+08:00")
    appealed(under_appeal, "2026-03-08T12:00+08:00")
    expected = [sooner, later, revoked, under_appeal, closed]
    with browser(shop.administrator, ISSUED) as client:
        assert numbers_in(client.get(LIST)) == [each.penalty_no for each in expected]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=in_effect", ["old", "new"]),
        ("status=under_appeal", ["asked"]),
        ("status=revoked", []),
        ("kind=complaint_timeout", ["old", "asked", "new"]),
        ("kind=refund_overdue", []),
        ("issued_from=2026-03-09", ["asked", "new"]),
        ("issued_from=2026-03-10&issued_to=2026-03-10", ["new"]),
        ("issued_to=2026-03-09", ["old", "asked"]),
        ("window=open", ["asked", "new"]),
    ],
)
def test_the_list_is_narrowed_by_days_of_beijing_and_the_rest(shop, query, expected):
    rows = {
        "old": penalised(shop, "2026-02-20T00:00+08:00", "2026-03-01T00:00+08:00"),
        "asked": penalised(shop, "2026-03-05T00:00+08:00", "2026-03-09T23:59:59+08:00"),
        "new": penalised(shop, "2026-03-05T23:59+08:00", "2026-03-10T00:00+08:00"),
    }
    appealed(rows["asked"], "2026-03-10T01:00+08:00")
    with browser(shop.administrator, ISSUED) as client:
        found = numbers_in(client.get(f"{LIST}?{query}"))
    assert sorted(found) == sorted(rows[name].penalty_no for name in expected)


def test_the_list_is_narrowed_by_mini_program(shop):
    penalised(shop)
    other = make_program(merchant=shop.merchant)
    second = penalised(Shop(shop.merchant, other, shop.administrator))
    foreign = make_program()
    with browser(shop.administrator, ISSUED) as client:
        assert numbers_in(client.get(f"{LIST}?mini_program={other.pk}")) == [second.penalty_no]
        refused = client.get(f"{LIST}?mini_program={foreign.pk}")
    assert numbers_in(refused) == []
    assert "Nothing is shown until the filters are mended" in text_of(refused)


def test_a_list_narrowed_to_nothing_says_so_and_an_empty_one_says_why(shop):
    with browser(shop.administrator, ISSUED) as client:
        assert "Nothing was missed so far." in text_of(client.get(LIST))
        assert "No violation matches" in text_of(client.get(LIST + "?status=revoked"))
        wrong = text_of(client.get(LIST + "?issued_from=2026-03-10&issued_to=2026-03-09"))
    assert "This day lies before the first one." in wrong


def test_pages_lead_over_both_segments_and_keep_the_filters(shop):
    for minute in range(22):
        shop.files(f"2026-02-01T09:{minute:02d}+08:00")
    run_sweep("handle", cut_off=moment(ISSUED), issued_at=moment("2026-02-06T09:00+08:00"), ran_by="test")
    for minute in range(5):
        shop.files(f"2026-03-05T09:{minute:02d}+08:00")
    run_sweep("handle", cut_off=moment(ISSUED), issued_at=moment(ISSUED), ran_by="test")
    with browser(shop.administrator, ISSUED) as client:
        first = client.get(LIST + "?status=in_effect")
        (following,) = re.findall(r'rel="next" href="([^"]+)"', first.content.decode())
        second = client.get(LIST + following.replace("&amp;", "&"))
    assert "status=in_effect" in following
    assert len(numbers_in(first)) == 20
    assert len(set(numbers_in(first) + numbers_in(second))) == 27


def test_a_cursor_from_elsewhere_shows_the_first_page_and_says_so(shop):
    penalty = penalised(shop)
    with browser(shop.administrator, ISSUED) as client:
        response = client.get(LIST + "?cursor=nonsense")
    assert "This page of the list does not exist" in text_of(response)
    assert numbers_in(response) == [penalty.penalty_no]


def test_the_list_takes_as_many_queries_for_twenty_rows_as_for_one(shop):
    counts = {}
    for number in (1, 20):
        while Penalty.objects.count() < number:
            penalty = penalised(shop)
            if Penalty.objects.count() % 2:
                appealed(penalty, ISSUED)
        with browser(shop.administrator, ISSUED) as client, CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        counts[number] = len(queries)
    assert counts[20] == counts[1] <= 15
    assert not any("OFFSET" in each["sql"] for each in queries.captured_queries)


# Points


def test_points_are_added_up_in_all_and_by_mini_program_without_those_given_back(shop, django_assert_num_queries):
    other = Shop(shop.merchant, make_program(merchant=shop.merchant), shop.administrator)
    for _ in range(3):
        penalised(shop)
    appealed(penalised(shop), ISSUED)
    penalised(other)
    revoke_locked(lock(penalised(other).pk), reason="Our fault.", actor=reviewer(), now=moment(ISSUED))
    penalised(make_shop())
    with django_assert_num_queries(1):
        overview = points_overview(shop.merchant.pk)
    (plan,) = plans_of(lambda: points_overview(shop.merchant.pk))
    assert "penalty_that_counts" in plan
    assert (overview.total.in_effect, overview.total.under_appeal, overview.is_partial) == (4, 1, False)
    assert [(each.name, each.in_effect, each.under_appeal) for each in overview.programs] == [
        (shop.program.name, 3, 1),
        (other.program.name, 1, 0),
    ]
    with browser(shop.administrator, ISSUED) as client:
        assert "Points in effect 4 without those under appeal Points under appeal 1" in text_of(client.get(LIST))
        assert "Points in effect 4" in text_of(client.get("/"))


def test_the_queryset_and_the_property_agree_about_an_open_window(shop):
    penalty = penalised(shop)
    for at, is_open in (("2026-03-17T09:29:59.999999+08:00", True), (WINDOW_ENDS, True), (TICK_LATER, False)):
        assert window_is_open(penalty, now=moment(at)) is is_open
        assert Penalty.objects.filter(open_at(moment(at))).exists() is is_open


# One penalty


def test_the_page_names_program_complaint_trade_rule_points_and_moments(shop):
    penalty = penalised(shop, trade_no="T-77", trade_amount=Decimal("10"))
    with browser(shop.administrator, ISSUED) as client:
        response = client.get(page_of(penalty))
    shown = text_of(response)
    assert f'href="/complaints/{penalty.complaint.complaint_no}/"' in response.content.decode()
    for part in (
        shop.program.name,
        "Trade number T-77",
        "Complaint not handled in time",
        "A complaint must be handled within 4 days (96 hours) after it was filed. Each one that is not costs 1 point.",
        "It can be appealed within 7 days (168 hours) after it was issued",
        "Deadline missed 2026-03-10 09:00:00 Beijing time",
        "Issued 2026-03-10 09:30:00 Beijing time",
        "Can be appealed until 2026-03-17 09:30:00 Beijing time",
        "3 attempts are left.",
        f"Issued penalty {penalty.penalty_no}: 1 point.",
        "Filed the complaint.",
    ):
        assert part in shown, part


def test_the_rule_is_quoted_as_it_was_when_each_clock_started(shop, policy_file):
    policy_file(
        "[[policy]]\nsince = 2026-03-06T09:00:01+08:00\nhandle_hours = 48\nappeal_complaint_timeout_hours = 240\n"
    )
    penalty = penalised(shop, FRIDAY, ISSUED)
    with browser(shop.administrator, ISSUED) as client:
        shown = text_of(client.get(page_of(penalty)))
    assert "within 4 days (96 hours) after it was filed" in shown
    assert "within 10 days (240 hours) after it was issued" in shown


@pytest.mark.parametrize(
    ("at", "is_there"), [("2026-03-17T09:29:59.999999+08:00", True), (WINDOW_ENDS, True), (TICK_LATER, False)]
)
def test_the_button_is_there_exactly_while_the_window_is_open(shop, at, is_there):
    penalty = penalised(shop)
    with browser(shop.administrator, at) as client:
        response = client.get(page_of(penalty))
    assert (f'href="/violations/{penalty.penalty_no}/appeal/"' in response.content.decode()) is is_there
    assert ("The appeal window has closed" in text_of(response)) is not is_there


def test_without_the_button_the_page_says_why(shop):
    asked, revoked, spent = penalised(shop), penalised(shop), penalised(shop)
    appealed(asked, ISSUED)
    decided(revoked, ISSUED, approve, "solved")
    for _ in range(3):
        decided(spent, ISSUED)
    why = {
        asked: "An appeal against this penalty is under review already.",
        revoked: "This penalty was revoked",
        spent: "All attempts to appeal this penalty are spent.",
    }
    with browser(shop.administrator, ISSUED) as client:
        for penalty, sentence in why.items():
            response = client.get(page_of(penalty))
            assert sentence in text_of(response)
            assert "/appeal/" not in response.content.decode()


def test_a_penalty_without_attempts_left_stands_among_the_closed_ones_and_counts_as_such(shop):
    """Rejected three times on 03-10, a week before its window would have ended."""
    spent = penalised(shop)
    for _ in range(3):
        decided(spent, "2026-03-10T10:00+08:00")
    waiting = penalised(shop, "2026-03-07T09:00+08:00", "2026-03-11T09:30+08:00")
    assert waiting_count(shop.merchant.pk, now=moment("2026-03-12T09:00+08:00")) == 1
    with browser(shop.administrator, "2026-03-12T09:00+08:00") as client:
        listed, narrowed = client.get(LIST), client.get(f"{LIST}?window=open")
        page, case = client.get(page_of(spent)), client.get(f"/complaints/{spent.complaint.complaint_no}/")
    assert numbers_in(listed) == [waiting.penalty_no, spent.penalty_no]
    assert numbers_in(narrowed) == [waiting.penalty_no]
    assert "closed 2026-03-10 10:00" in text_of(listed)
    assert "The appeal window of penalty" in text_of(page)
    assert "Can be appealed until 2026-03-10 10:00:00" in text_of(page)
    assert "All attempts to appeal this penalty are spent." in text_of(case)


def test_a_member_who_may_not_appeal_sees_the_window_and_whom_to_ask(shop):
    penalty = penalised(shop)
    with browser(member(shop, Grant.VIEW), ISSUED) as client:
        response = client.get(page_of(penalty))
        assert "You may see this penalty, but not appeal it." in text_of(response)
        assert "Wang Fang" in text_of(response)
        assert "/appeal/" not in response.content.decode()
        assert "/appeal/" not in client.get(LIST).content.decode()


def test_the_history_tells_the_appeals_and_names_no_staff(shop):
    penalty = penalised(shop)
    decided(penalty, ISSUED)
    decided(penalty, ISSUED, approve, "solved")
    with browser(shop.administrator, ISSUED) as client:
        response = client.get(page_of(penalty))
        panel = text_of(client.get(f"/complaints/{penalty.complaint.complaint_no}/"))
    shown = text_of(response)
    for sentence in (
        "Submitted an appeal.",
        "Rejected the appeal.",
        "The penalty is in effect again.",
        "Approved the appeal.",
        "Revoked the penalty and gave the points back.",
        "The consumer&#x27;s problem is not solved",
        "We asked the consumer.",
    ):
        assert sentence in shown, sentence
    assert "Zhao" not in response.content.decode()
    assert "not_solved" not in response.content.decode()
    assert "Appeal 2 approved The points were given back." in panel


def test_the_page_takes_as_many_queries_for_three_appeals_as_for_one(shop):
    penalty = penalised(shop)
    handle_at("2026-03-10T10:00+08:00", penalty.complaint)
    counts = []
    for _ in range(2):
        decided(penalty, "2026-03-10T11:00+08:00")
        with (
            browser(shop.administrator, "2026-03-10T12:00+08:00") as client,
            CaptureQueriesContext(connection) as found,
        ):
            client.get(page_of(penalty))
        counts.append(len(found))
    assert counts[0] == counts[1] <= 25


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_render_in_both_languages(shop, language):
    penalty = penalised(shop)
    with browser(shop.administrator, ISSUED, language) as client:
        assert client.get(LIST).status_code == client.get(page_of(penalty)).status_code == 200
    assert Complaint.objects.count() == 1
