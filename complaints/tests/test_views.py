"""The merchant pages about complaints, as a browser without scripts uses them."""

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from complaints.intake import file_complaints
from complaints.models import Complaint, Handling, HistoryLine, Message, Method
from complaints.services import cancel, leave_message
from complaints.states import COMPLAINT
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    handle_at,
    make_filing,
    make_picture,
    make_user,
    member_actor,
    moment,
    platform_actor,
)
from complaints.tests.pages import Shop, browser, make_shop, member, picture, text_of
from complaints.timeline import SENTENCES
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from evidence.models import Evidence
from evidence.tests.making import png
from merchants.models import Grant
from penalties.models import Penalty
from penalties.states import PENALTY

pytestmark = pytest.mark.django_db

LIST = "/complaints/"
FRIDAY = "2026-03-06T09:00+08:00"
TUESDAY = "2026-03-10T08:59+08:00"  # a minute before the 96 hours of Friday are over
LATE = "2026-03-10T09:01+08:00"


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def complaint(shop: Shop) -> Complaint:
    return shop.files(FRIDAY, trade_amount=Decimal("128.00"), consumer_name="张小明", consumer_phone="13812341234")


def page_of(complaint: Complaint, verb: str = "detail") -> str:
    return reverse(f"complaints:{verb}", args=[complaint.complaint_no])


def sweep_at(text: str) -> None:
    """Issue the penalties for what was missed by this moment."""
    run_sweep("handle", cut_off=moment(text), issued_at=moment(text), ran_by="test")


def numbers_in(response) -> list[str]:
    """The complaint numbers of a list, in their order."""
    return re.findall(r'class="row-link" href="/complaints/(\d+)/[?"]', response.content.decode())


# Who is let in


@pytest.mark.parametrize("verb", ["detail", "handle", "leave_message"])
def test_who_is_not_signed_in_is_asked_to(client, complaint, verb):
    for send in (client.get, client.post):
        response = send(page_of(complaint, verb))
        assert response.status_code in (302, 405)
        assert response.status_code == 405 or response.url.startswith("/accounts/login/?next=/complaints/")
    assert Message.objects.count() == Handling.objects.count() == 0


@pytest.mark.parametrize("verb", ["detail", "handle", "leave_message"])
def test_what_belongs_to_another_merchant_does_not_exist(complaint, verb):
    with browser(make_shop().administrator, TUESDAY) as client:
        assert client.get(page_of(complaint)).status_code == 404
        if verb != "detail":
            sent = {"method": "other_refund", "refund_amount": "1", "refund_reference": "R", "text": "Hello"}
            assert client.post(page_of(complaint, verb), sent).status_code == 404
        assert numbers_in(client.get(LIST + "?status=all")) == []
        assert numbers_in(client.get(f"{LIST}?q={complaint.complaint_no}")) == []
    assert Message.objects.count() == Handling.objects.count() == 0


def test_a_member_without_the_grant_to_see_learns_whom_to_ask(shop, complaint):
    with browser(member(shop, Grant.HANDLE), TUESDAY) as client:
        for address in (LIST, page_of(complaint), "/"):
            response = client.get(address)
            assert response.status_code == 403
            assert "Wang Fang" in text_of(response)
            assert "mailto:wang@example.com?subject=" in response.content.decode()
            assert complaint.trade_no not in response.content.decode()
        assert client.post(page_of(complaint, "leave_message"), {"text": "Hello"}).status_code == 403
    assert not Message.objects.exists()


def test_a_member_who_may_only_see_gets_no_forms_but_whom_to_ask(shop, complaint):
    with browser(member(shop, Grant.VIEW), TUESDAY) as client:
        response = client.get(page_of(complaint))
        assert response.status_code == 200
        assert "<textarea" not in response.content.decode()
        assert "not handle it or leave messages" in text_of(response)
        assert "Wang Fang" in text_of(response)
        assert "Handle complaint" not in text_of(client.get(LIST))
        sent = {"method": "other", "note": "x", "pictures": picture()}
        assert client.post(page_of(complaint, "handle"), sent).status_code == 403
        assert client.post(page_of(complaint, "leave_message"), {"text": "Hello"}).status_code == 403
    assert not Evidence.objects.exists()
    assert Message.objects.count() == Handling.objects.count() == 0


def test_who_may_only_see_learns_whom_to_ask_for_messages_as_long_as_one_can_be_left(shop, complaint):
    handle_at("2026-03-10T08:00+08:00", complaint, Method.SHIPPED)
    with browser(member(shop, Grant.VIEW), TUESDAY) as client:
        reviewed = client.get(page_of(complaint))
        assert "You may see this complaint, but not leave messages." in text_of(reviewed)
        assert "Wang Fang" in text_of(reviewed)
        assert "<textarea" not in reviewed.content.decode()
        cancel_at = moment("2026-03-10T08:30+08:00")
        cancel(complaint.pk, reason="Solved.", actor=consumer_actor(complaint), now=cancel_at)
        assert "but not leave messages" not in text_of(client.get(page_of(complaint)))


def test_the_form_says_who_reads_what_is_written_into_it(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        shown = text_of(client.get(page_of(complaint)))
    assert "The consumer and the platform's support read the explanation and see the pictures." in shown


def test_who_belongs_to_no_merchant_is_told_so(complaint):
    with browser(make_user(), TUESDAY) as client:
        response = client.get(page_of(complaint))
    assert response.status_code == 403
    assert "Your account belongs to no merchant" in text_of(response)


def test_staff_are_sent_to_their_desk(complaint):
    with browser(make_user(is_staff=True), TUESDAY) as client:
        for address in (LIST, page_of(complaint), "/"):
            assert client.get(address).headers["Location"] == "/admin/"


# The list


def test_the_list_starts_with_what_is_pending_by_deadline(shop):
    saturday = shop.files("2026-03-07T09:00+08:00")
    friday = shop.files(FRIDAY)
    handled = shop.files("2026-03-08T09:00+08:00")
    handle_at("2026-03-09T09:00+08:00", handled)
    with browser(shop.administrator, TUESDAY) as client:
        assert numbers_in(client.get(LIST)) == [friday.complaint_no, saturday.complaint_no]
        everything = [friday.complaint_no, saturday.complaint_no, handled.complaint_no]
        assert numbers_in(client.get(LIST + "?status=all")) == everything
        assert numbers_in(client.get(f"{LIST}?q={handled.trade_no}")) == [handled.complaint_no]
        assert numbers_in(client.get(LIST + "?status=handled&status=pending")) == everything


def test_a_row_shows_clock_points_method_mini_program_and_amount(shop):
    shop.files("2026-03-06T10:00+08:00", trade_amount=Decimal("1234.50"), advance_protection=True)
    handle_at("2026-03-09T09:00+08:00", shop.files("2026-03-08T09:00+08:00"))
    with browser(shop.administrator, TUESDAY) as client:
        pending = text_of(client.get(LIST))
        handled = text_of(client.get(LIST + "?status=handled"))
    assert "1 h 1 min left 2026-03-10 10:00 1 point at stake" in pending
    assert shop.program.name in pending
    assert "¥1,234.50" in pending
    assert "advance protection" in pending
    assert "in time, 3 d 0 h to spare" in handled
    assert "refunded in another way" in handled


def test_a_missed_row_says_what_it_cost(shop, complaint):
    with browser(shop.administrator, LATE) as client:
        assert "will cost 1 point" in text_of(client.get(LIST))
        sweep_at(LATE)
        assert "1 point lost" in text_of(client.get(LIST))


def test_pages_lead_forth_and_back_and_keep_the_filters(shop):
    for minute in range(45):
        shop.files(f"2026-03-06T09:{minute:02d}+08:00", dispute_type="Late" if minute % 5 else "Lost")
    expected = [each.complaint_no for each in Complaint.objects.filter(dispute_type="Late").order_by("filed_at")]
    with browser(shop.administrator, TUESDAY) as client:
        first = client.get(LIST + "?dispute_type=late&status=all&filed_from=2026-03-01")
        following = _link(first, "next")
        assert "dispute_type=late" in following
        second = client.get(LIST + following)
        assert numbers_in(first) + numbers_in(second) == expected
        assert numbers_in(client.get(LIST + _link(second, "prev"))) == expected[:20]
        assert "36 in all" in text_of(first)


def _link(response, rel: str) -> str:
    href: str
    (href,) = re.findall(rf'rel="{rel}" href="([^"]+)"', response.content.decode())
    return href.replace("&amp;", "&")


def test_a_cursor_from_elsewhere_shows_the_first_page_and_says_so(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(LIST + "?cursor=nonsense")
        assert "This page of the list does not exist" in text_of(response)
        assert numbers_in(response) == [complaint.complaint_no]


def test_a_bad_filter_shows_a_sentence_keeps_what_was_typed_and_lists_nothing(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(LIST + "?filed_from=2026-03-10&filed_to=2026-03-09&dispute_type=Tea")
        shown = response.content.decode()
    assert "This day lies before the first one." in shown
    assert 'value="2026-03-09"' in shown
    assert 'value="Tea" checked' in shown
    assert numbers_in(response) == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "Nothing is pending"),
        ("?status=finished", "No complaint has this status"),
        ("?q=000", "No complaint matches"),
        ("?status=all", "No complaint has this status"),
    ],
)
def test_an_empty_list_says_why(shop, query, sentence):
    with browser(shop.administrator, TUESDAY) as client:
        assert sentence in text_of(client.get(LIST + query))


def test_the_list_takes_as_many_queries_for_fifty_rows_as_for_one(shop, django_assert_max_num_queries):
    counts = {}
    for number in (1, 50):
        for minute in range(Complaint.objects.count(), number):
            one = shop.files(f"2026-03-06T09:{minute:02d}+08:00")
            if minute % 3 == 1:
                handle_at("2026-03-07T09:00+08:00", one)
        with browser(shop.administrator, LATE) as client, django_assert_max_num_queries(15) as queries:
            client.get(LIST + "?status=all")
        counts[number] = len(queries)
    assert counts[50] <= counts[1] + 1  # the second segment is only asked when the first does not fill the page
    assert not any("OFFSET" in each["sql"] for each in queries.captured_queries)


# One complaint


def test_the_page_shows_what_is_known_and_masks_the_consumer(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(page_of(complaint))
    shown = text_of(response)
    for part in (
        complaint.complaint_no,
        complaint.trade_no,
        "¥128.00",
        shop.program.app_id,
        "Nothing came.",
        "1 min left",
    ):
        assert part in shown
    assert "138****1234" in shown
    assert "张**" in shown
    assert "13812341234" not in response.content.decode()
    assert "张小明" not in response.content.decode()
    assert "Filed the complaint." in shown


def test_advance_protection_is_explained_with_what_it_does_not_change(shop):
    with browser(shop.administrator, TUESDAY) as client:
        assert "It changes no deadline" in text_of(client.get(page_of(shop.files(FRIDAY, advance_protection=True))))
        assert "advance protection" not in text_of(client.get(page_of(shop.files(FRIDAY)))).lower()


def test_a_way_that_cannot_be_chosen_is_shown_with_the_reason(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        shown = client.get(page_of(complaint)).content.decode()
    assert re.search(r'value="fund_refund"[^>]* disabled', shown)
    assert "this merchant is not enrolled" in shown
    assert len(re.findall(r'type="radio" name="method"', shown)) == 6


WAYS = {
    "other_refund": {"refund_amount": "128", "refund_reference": "R-77"},
    "shipped": {"tracking": "SF 123", "note": "Sent on Monday."},
    "other": {"note": "Agreed on a voucher."},
    "after_sales": {"note": "Repaired."},
    "not_liable": {"note": "The consumer ordered elsewhere."},
}


@pytest.mark.parametrize("method", WAYS)
def test_a_complaint_is_handled_in_each_way_with_what_it_needs(shop, complaint, method):
    pictures = {} if method == "other_refund" else {"pictures": picture()}
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(page_of(complaint, "handle"), {"method": method, **WAYS[method], **pictures})
        assert (response.status_code, response.headers.get("Location")) == (302, page_of(complaint))
        shown = text_of(client.get(page_of(complaint)))
    handling = Handling.objects.get()
    assert (handling.method, handling.in_time, handling.handled_at) == (method, True, moment(TUESDAY))
    assert handling.evidence.count() == len(pictures)
    complaint.refresh_from_db()
    assert complaint.status == ("handled" if method == "other_refund" else "in_review")
    assert not Deadline.objects.filter(kind="handle").exists()
    assert "Wang Fang Merchant" in shown
    assert "What comes next" in shown
    assert "How did you handle it?" not in shown
    for said in WAYS[method].values():
        assert said in shown


@pytest.mark.parametrize("method", ["", "fund_refund", *WAYS])
def test_what_a_way_lacks_is_said_and_what_was_typed_is_kept(shop, complaint, method):
    with browser(shop.administrator, TUESDAY) as client:
        sent = {"method": method, "refund_amount": "999", "refund_reference": "Ref kept", "note": " ", "tracking": ""}
        response = client.post(page_of(complaint, "handle"), sent)
    assert response.status_code == 400
    assert "This could not be sent yet" in text_of(response)
    assert 'value="Ref kept"' in response.content.decode()
    assert not Handling.objects.exists()
    complaint.refresh_from_db()
    assert complaint.status == "pending"


def test_pictures_survive_a_form_that_is_shown_again(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        sent = {"method": "other", "note": "", "pictures": picture()}
        again = client.post(page_of(complaint, "handle"), sent).content.decode()
        (token,) = re.findall(r'name="pictures_kept" value="(\w+)" checked', again)
        sent = {"method": "other", "note": "Agreed.", "pictures_kept": token}
        assert client.post(page_of(complaint, "handle"), sent).status_code == 302
    assert [each.token for each in Handling.objects.get().evidence.all()] == [token]


def test_a_picture_of_another_merchant_proves_nothing_here(shop, complaint):
    token = make_picture(make_shop().merchant).token
    with browser(shop.administrator, TUESDAY) as client:
        sent = {"method": "other", "note": "Agreed.", "pictures_kept": token}
        assert client.post(page_of(complaint, "handle"), sent).status_code == 400
    assert not Handling.objects.exists()


def test_late_handling_is_taken_and_its_deadline_stays_missed(shop, complaint):
    with browser(shop.administrator, LATE) as client:
        before = text_of(client.get(page_of(complaint)))
        assert "The deadline was missed; the complaint must be handled all the same" in before
        assert "While the penalty can be appealed, the appeal needs proof" in before  # its window may be over
        assert "It costs 1 point" in before
        sent = {"method": "other_refund", "refund_amount": "128", "refund_reference": "R"}
        assert client.post(page_of(complaint, "handle"), sent).status_code == 302
        after = text_of(client.get(page_of(complaint)))
    assert "Handled the complaint after its deadline" in after
    assert "missed by 1 min" in after
    assert Handling.objects.get().in_time is False
    assert Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists()


def test_at_the_very_moment_of_the_deadline_one_is_in_time(shop, complaint):
    with browser(shop.administrator, "2026-03-10T09:00+08:00") as client:
        assert "was missed" not in text_of(client.get(page_of(complaint)))
        sent = {"method": "other_refund", "refund_amount": "128", "refund_reference": "R"}
        client.post(page_of(complaint, "handle"), sent)
    assert Handling.objects.get().in_time is True


def test_who_handles_second_learns_who_was_first_and_loses_nothing(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        handle_at("2026-03-10T08:30:15+08:00", complaint)
        sent = {"method": "other", "note": "Typed with care.", "pictures": picture("mine.png")}
        response = client.post(page_of(complaint, "handle"), sent)
    assert response.status_code == 409
    shown = text_of(response)
    assert "Li Lei handled this complaint meanwhile" in shown
    assert "2026-03-10 08:30:15 Beijing time" in shown
    assert re.search(r"<textarea[^>]*>\s*Typed with care\.</textarea>", response.content.decode())
    kept = Evidence.objects.get(name="mine.png")
    assert f'value="{kept.token}" checked' in response.content.decode()
    assert Handling.objects.count() == 1


def test_a_complaint_withdrawn_meanwhile_gives_back_what_was_typed(shop, complaint):
    cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment("2026-03-10T08:00+08:00"))
    with browser(shop.administrator, TUESDAY) as client:
        handled = client.post(page_of(complaint, "handle"), {"method": "other", "note": "Typed with care."})
        left = client.post(page_of(complaint, "leave_message"), {"text": "Written with care."})
    assert (handled.status_code, left.status_code) == (409, 409)
    assert "Typed with care." in text_of(handled)
    assert "Written with care." in text_of(left)
    assert "The complaint has ended" in text_of(left)
    assert Message.objects.count() == Handling.objects.count() == 0


# Messages and history


def test_a_message_stops_no_clock_and_the_page_says_so(shop, complaint):
    with browser(shop.administrator, TUESDAY) as client:
        assert "A message is not handling" in text_of(client.get(page_of(complaint)))
        sent = {"text": "We are looking into it.", "pictures": [picture(), picture("two.png")]}
        response = client.post(page_of(complaint, "leave_message"), sent)
        assert response.headers["Location"] == page_of(complaint) + "#history"
        shown = text_of(client.get(page_of(complaint)))
    assert "a message is not handling" in shown
    assert "We are looking into it." in shown
    assert Message.objects.get().evidence.count() == 2
    assert Deadline.objects.get(kind="handle").due_at == moment("2026-03-10T09:00+08:00")
    complaint.refresh_from_db()
    assert complaint.status == "pending"


@pytest.mark.parametrize("sent", [{"text": " "}, {"text": "x" * 2001}, {"text": ""}])
def test_an_empty_or_endless_message_is_refused_and_kept(shop, complaint, sent):
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(page_of(complaint, "leave_message"), sent)
    assert response.status_code == 400
    assert sent["text"].strip() in response.content.decode()
    assert not Message.objects.exists()


def test_a_picture_that_is_none_is_refused_and_the_text_is_kept(shop, complaint):
    bad = picture("bad.png", png()[:30])
    with browser(shop.administrator, TUESDAY) as client:
        response = client.post(page_of(complaint, "leave_message"), {"text": "See the picture.", "pictures": bad})
    assert response.status_code == 400
    assert "bad.png" in text_of(response)
    assert "See the picture." in response.content.decode()
    assert not Message.objects.exists()


def test_the_history_merges_moves_and_messages_newest_first_with_roles(shop, complaint):
    own = member_actor(shop.merchant)
    leave_message(complaint.pk, "When?", actor=consumer_actor(complaint), now=moment("2026-03-07T10:00+08:00"))
    leave_message(complaint.pk, "Tomorrow.", actor=own, now=moment("2026-03-08T10:00+08:00"))
    leave_message(complaint.pk, "Please hurry.", actor=STAFF, now=moment("2026-03-09T10:00+08:00"))
    sweep_at("2026-03-10T09:30+08:00")
    handle_at("2026-03-10T10:00+08:00", complaint)
    with browser(shop.administrator, "2026-03-10T11:00+08:00") as client:
        shown = text_of(client.get(page_of(complaint)))
    history = shown[shown.index("Negotiation history") :]
    parts = [
        "Li Lei Merchant 2026-03-10 10:00 Beijing time Handled the complaint after its deadline",
        "System 2026-03-10 09:30 Beijing time Issued penalty",
        "Platform support 2026-03-09 10:00 Beijing time Please hurry.",
        "Li Lei Merchant 2026-03-08 10:00 Beijing time Tomorrow.",
        "张** Consumer 2026-03-07 10:00 Beijing time When?",
        "张** Consumer 2026-03-06 09:00 Beijing time Filed the complaint.",
    ]
    places = [history.index(part) for part in parts]
    assert places == sorted(places)
    assert "Xiao Er" not in history


def test_every_move_that_a_history_may_hold_has_its_sentence(shop, complaint):
    named = {verb for noun, verb in SENTENCES if noun == "complaint"} | {"handle"}
    assert named >= set(COMPLAINT.moves) - {"leave_message"}  # a message stands in the history itself
    assert {verb for noun, verb in SENTENCES if noun == "penalty"} >= set(PENALTY.moves)
    HistoryLine.objects.create(
        complaint=complaint, noun="refund", noun_id=1, verb="melt", to_state="due", actor_kind="system",
        actor_name="system", at=moment(FRIDAY),
    )  # fmt: skip
    with browser(shop.administrator, TUESDAY) as client:
        assert client.get(page_of(complaint)).status_code == 200  # a move of a floor that is not built yet


# The penalty, old cases, languages, queries


def test_the_penalty_shows_its_points_and_until_when_it_can_be_appealed(shop, complaint):
    sweep_at("2026-03-10T09:30+08:00")
    penalty = Penalty.objects.get()
    with browser(shop.administrator, "2026-03-17T09:30+08:00") as client:
        open_still = text_of(client.get(page_of(complaint)))
    with browser(shop.administrator, "2026-03-17T09:30:00.000001+08:00") as client:
        closed = text_of(client.get(page_of(complaint)))
    assert f"1 point in effect Complaint not handled in time Penalty number {penalty.penalty_no}" in open_still
    assert "Issued 2026-03-10 09:30 Beijing time" in open_still
    assert "Can be appealed until less than 1 min left 2026-03-17 09:30 Beijing time" in open_still
    assert "The appeal window is closed. It ended: 2026-03-17 09:30 Beijing time" in closed


def test_an_old_case_has_no_clock_and_can_be_handled(shop):
    file_complaints(
        [make_filing(shop.program, filed_at=moment("2020-03-06T12:00+08:00"))],
        platform_id=shop.merchant.platform_id,
        actor=platform_actor(shop.merchant.platform),
        now=moment(FRIDAY),
        is_history=True,
    )
    with browser(shop.administrator, TUESDAY) as client:
        response = client.get(page_of(Complaint.objects.get()))
        shown = text_of(response)
    assert "no clock runs, and nothing is lost" in shown
    assert "missed" not in shown
    assert "How did you handle it?" in shown


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_renders_in_both_languages(shop, language):
    complaints = [shop.files(FRIDAY, advance_protection=True) for _ in range(4)]
    handle_at(TUESDAY, complaints[1])
    handle_at(TUESDAY, complaints[2], "not_liable")
    cancel(complaints[3].pk, reason="By mistake.", actor=consumer_actor(complaints[3]), now=moment(TUESDAY))
    sweep_at(LATE)
    with browser(shop.administrator, LATE, language) as client:
        for address in ("/", LIST, LIST + "?status=all", LIST + "?due=x", *map(page_of, complaints)):
            response = client.get(address)
            assert response.status_code == 200
            assert f'lang="{language}"' in response.content.decode()
    with browser(member(shop), LATE, language) as client:
        assert client.get(LIST).status_code == 403


def test_a_page_takes_as_many_queries_for_a_long_history_as_for_a_short_one(shop, complaint):
    counts = []
    for number in (1, 12):
        for minute in range(Message.objects.count(), number):
            leave_message(
                complaint.pk,
                "Where?",
                evidence=[make_picture(shop.merchant), make_picture(shop.merchant)],
                actor=consumer_actor(complaint),
                now=moment(f"2026-03-07T09:{minute:02d}+08:00"),
            )
        with browser(shop.administrator, TUESDAY) as client, CaptureQueriesContext(connection) as queries:
            client.get(page_of(complaint))
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 23
