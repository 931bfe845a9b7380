"""The page of a complaint behind its link, as a phone without scripts, account and session uses it."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import signing
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from common.logs import hide_links
from complaints import services
from complaints.consumer import links
from complaints.consumer.links import SALT, token_of
from complaints.models import Complaint, HistoryLine, Message, Method
from complaints.tests.consumers import actor_of, found, page_of, phone
from complaints.tests.factories import file_at, handle_at, make_picture, moment, platform_actor
from complaints.tests.pages import Shop, make_shop, picture, text_of
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from evidence.models import Evidence
from evidence.services import keep_pictures
from evidence.tests.making import png
from penalties.models import Penalty
from refunds.models import NoRefundClaim

pytestmark = pytest.mark.django_db

FRIDAY = "2026-03-06T09:00+08:00"
SATURDAY = "2026-03-07T09:00+08:00"
IN_TIME = "2026-03-10T09:00+08:00"  # the very moment at which the 96 hours of Friday are over
LATE = "2026-03-10T09:00:00.000001+08:00"
HANDLED = "2026-03-09T09:00+08:00"
SILENT_UNTIL = "2026-03-16T09:00+08:00"
AFTERWARDS = "2026-03-16T09:00:00.000001+08:00"


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests():
    cache.clear()


@pytest.fixture(autouse=True)
def _the_language_of_nobody():
    yield
    translation.activate("en")


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def complaint(shop) -> Complaint:
    filed: Complaint = shop.files(
        FRIDAY,
        trade_amount=Decimal("128.00"),
        consumer_name="张小明",
        consumer_phone="13812341234",
        consumer_reference="2088-77",
        description="Nothing came, and nobody answers.",
    )
    return filed


def handled(complaint: Complaint, at: str = HANDLED, **fields) -> Complaint:
    handle_at(at, complaint, **fields)
    return Complaint.objects.get(pk=complaint.pk)


def state_of(complaint: Complaint) -> str:
    complaint.refresh_from_db()
    return str(complaint.status)


# Links that open nothing


def refusal(token: str, at: str = SATURDAY, method: str = "get", name: str = ""):
    with phone(at) as client:
        return getattr(client, method)(f"/c/{token}/{name}", {"text": "Hello"})


NAMES = ("", "sent/", "message/", "solved/", "contest/", "withdraw/", "complain/", "pictures/abc/")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_link_with_one_letter_changed_opens_nothing(complaint, name, method):
    token = token_of(complaint, now=complaint.filed_at)
    for place in (0, 5, len(token) // 2, len(token) - 1):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        response = refusal(changed, method=method, name=name)
        assert response.status_code in (400, 405)
        if response.status_code == 400:
            page = text_of(response)
            assert "This link is not whole." in page
            assert "copy it from the first to the last sign" in page
            assert complaint.complaint_no not in page
            assert "Tea House" not in page
    assert not Message.objects.exists()


@pytest.mark.parametrize("payload", [["x", 1, 0, 9e9], ["c", 1], "c", [["c"], 1, 0, 9e9], None])
def test_what_was_signed_but_is_no_link_opens_nothing(db, payload):
    response = refusal(signing.dumps(payload, salt=SALT))
    assert response.status_code == 400


def test_a_link_of_a_case_that_is_not_there_says_the_same(complaint):
    response = refusal(signing.dumps(["c", complaint.pk + 1000, 0, 9_999_999_999], salt=SALT))
    assert response.status_code == 400
    assert "This link is not whole." in text_of(response)


def test_a_link_is_over_after_half_a_year(complaint):
    token = token_of(complaint, now=moment("2026-03-06T09:00+08:00"))
    assert refusal(token, at="2026-09-02T08:59:59+08:00").status_code == 200
    assert refusal(token, at="2026-09-02T09:00:00+08:00").status_code == 200
    late = refusal(token, at="2026-09-02T09:00:00.000001+08:00")
    assert late.status_code == 410
    assert "This link is over." in text_of(late)
    assert "It can send you a new link" in text_of(late)
    assert complaint.trade_no not in text_of(late)


def test_a_link_that_was_replaced_says_that_there_is_a_newer_one(complaint):
    old = token_of(complaint, now=complaint.filed_at)
    new = links.renew(complaint, actor=platform_actor(complaint.platform), now=moment(SATURDAY))
    response = refusal(old)
    assert response.status_code == 409
    assert "A newer link was sent to you." in text_of(response)
    assert "only that one still opens" in text_of(response)
    with phone(SATURDAY) as client:
        assert client.get(new.removeprefix("http://127.0.0.1:8000")).status_code == 200


def test_a_link_that_was_ended_opens_nothing_until_it_is_renewed(complaint):
    token = token_of(complaint, now=complaint.filed_at)
    links.end(complaint, actor=platform_actor(complaint.platform), now=moment(SATURDAY))
    response = refusal(token, method="post", name="message/")
    assert response.status_code == 410
    assert "The platform has ended this link." in text_of(response)
    assert not Message.objects.exists()


def test_a_refused_link_changes_nothing_by_post(complaint):
    links.end(complaint, actor=platform_actor(complaint.platform), now=moment(SATURDAY))
    token = token_of(complaint, now=complaint.filed_at)
    before = HistoryLine.objects.count()
    for name in ("message/", "solved/", "contest/", "withdraw/"):
        assert refusal(token, method="post", name=name).status_code == 410
    assert (state_of(complaint), HistoryLine.objects.count(), Message.objects.count()) == ("pending", before, 0)


# Nothing gives the link away


@pytest.mark.parametrize("name", ["", "sent/", "withdraw/"])
def test_a_page_is_not_kept_not_indexed_and_names_no_referrer(complaint, name):
    with phone(SATURDAY) as client:
        response = client.get(page_of(complaint, name))
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert "portal_session" not in client.cookies


def test_a_page_loads_nothing_from_elsewhere_and_leads_nowhere_else(complaint):
    with phone(SATURDAY) as client:
        page = client.get(page_of(complaint)).content.decode()
    found = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert found
    assert {each for each in found if not each.startswith(("/c/", "/static/", "#"))} == set()


def test_no_name_phone_or_reference_stands_on_the_page(complaint):
    with phone(SATURDAY) as client:
        for name in ("", "sent/", "withdraw/"):
            page = client.get(page_of(complaint, name)).content.decode()
            for secret in ("张小明", "张", "13812341234", "1234567", "2088-77"):
                assert secret not in page


def test_the_link_is_in_no_log(complaint):
    token = token_of(complaint, now=complaint.filed_at)
    for line in (
        f"GET /c/{token}/",
        f"POST /c/{token}/message/ 302",
        f"https://portal.example.org/c/{token}/pictures/abc/",
        f"/accounts/login/?next=%2Fc%2F{token.replace(':', '%3A')}%2F",
        f"Forbidden (CSRF token missing.): /c/{token}/solved/",
    ):
        hidden = hide_links(None, "info", {"event": line})["event"]
        assert token[:12] not in hidden
        assert token.split(":")[-1] not in hidden
        assert "…" in hidden


def test_the_link_is_in_no_line_that_a_request_writes(complaint, capfd, caplog):
    token = token_of(complaint, now=complaint.filed_at)
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    with phone(SATURDAY, enforce_csrf_checks=True) as client:
        client.get(f"/c/{token}/")
        client.get(f"/c/{changed}/")
        assert client.post(f"/c/{token}/message/", {"text": "Hello"}).status_code == 403
    written = capfd.readouterr()
    assert token not in written.out + written.err


# Forged requests


def form_token(response) -> str:
    return found(r'name="csrfmiddlewaretoken" value="([^"]+)"', response.content.decode())


@pytest.mark.parametrize("secure", [False, True])
def test_a_browser_that_names_no_origin_may_send(complaint, secure):
    """With `no-referrer` a browser says `Origin: null`, and none at all where it is old."""
    with phone(SATURDAY, enforce_csrf_checks=True) as client:
        for number, origin in enumerate(({"origin": "null"}, {}), 1):
            token = form_token(client.get(page_of(complaint), secure=secure))
            sent = {"text": f"Hello {number}", "csrfmiddlewaretoken": token}
            response = client.post(page_of(complaint, "message/"), sent, secure=secure, headers=origin)
            assert response.status_code == 302
            assert Message.objects.count() == number


@pytest.mark.parametrize("origin", [{}, {"origin": "null"}, {"origin": "https://evil.example"}])
def test_a_forged_request_is_refused(complaint, origin):
    with phone(SATURDAY, enforce_csrf_checks=True) as client:
        client.get(page_of(complaint))
        for token in ("", "x" * 64):
            sent = {"text": "Hello", "csrfmiddlewaretoken": token}
            assert client.post(page_of(complaint, "message/"), sent, headers=origin).status_code == 403
    assert not Message.objects.exists()


def test_another_site_is_refused_with_the_right_token_too(complaint):
    with phone(SATURDAY, enforce_csrf_checks=True) as client:
        sent = {"text": "Hello", "csrfmiddlewaretoken": form_token(client.get(page_of(complaint)))}
        headers = {"origin": "https://evil.example"}
        assert client.post(page_of(complaint, "message/"), sent, headers=headers).status_code == 403
    assert not Message.objects.exists()


# What happened and what comes next


def seen(complaint: Complaint, at: str, language: str = "en") -> str:
    with phone(at, language) as client:
        response = client.get(page_of(complaint))
    assert response.status_code == 200
    return text_of(response)


def test_who_waits_reads_until_when_the_shop_must_answer(complaint):
    for at in (SATURDAY, IN_TIME):
        assert "The shop must answer by 2026-03-10 09:00 Beijing time." in seen(complaint, at)
    late = seen(complaint, LATE)
    assert "The shop is late" in late
    assert "It should have answered by 2026-03-10 09:00 Beijing time, and must still do so." in late
    for word in ("penalt", "point", "apply", "appeal"):
        assert word not in late.lower()


def test_a_refund_asks_whether_it_is_solved_and_says_until_when(complaint):
    handled(complaint, refund_amount=Decimal("100.00"))
    page = seen(complaint, HANDLED)
    assert "Is your problem solved?" in page
    assert "The shop says that it refunded ¥100.00." in page
    assert "the case ends by itself on 2026-03-16 09:00 Beijing time." in page
    assert "Yes, it is solved" in page
    assert "No, it is not solved" in page


def test_without_a_refund_the_platform_looks_and_says_until_when(complaint):
    handle_at(HANDLED, complaint, Method.SHIPPED, note="Sent on Friday.", tracking="SF 1234")
    page = seen(complaint, HANDLED)
    assert "The platform looks at your case" in page
    assert "The shop says that it has sent the goods." in page
    assert "Sent on Friday." in page
    assert "SF 1234" in page
    assert "It decides " in page
    assert "Yes, it is solved" not in page


def test_the_page_costs_the_same_however_much_was_said(complaint):
    def queries() -> int:
        with phone(SATURDAY) as client, CaptureQueriesContext(connection) as caught:
            assert client.get(page_of(complaint)).status_code == 200
        return len(caught)

    few = queries()
    for number in range(6):
        shown = [make_picture(complaint.merchant)]
        services.leave_message(
            complaint.pk, f"More {number}", evidence=shown, actor=actor_of(complaint), now=moment(SATURDAY)
        )
    assert queries() <= few + 1  # the pictures of messages, once there are any
    assert few <= 14


def test_the_language_is_the_browsers_until_another_is_chosen(complaint):
    with phone(SATURDAY, "zh-CN") as client:
        assert 'lang="zh-hans"' in client.get(page_of(complaint)).content.decode()
        english = client.get(page_of(complaint) + "?language=en")
        assert 'lang="en"' in english.content.decode()
        assert 'lang="en"' in client.get(page_of(complaint)).content.decode()
        assert client.get(page_of(complaint) + "?language=tlh").status_code == 200


def test_a_member_who_looks_reads_the_page_as_the_consumer(shop, complaint):
    shop.administrator.language = "zh-hans"
    shop.administrator.save()
    with phone(SATURDAY, "en") as client:
        client.force_login(shop.administrator)
        response = client.get(page_of(complaint))
    assert 'lang="en"' in response.content.decode()
    assert "Wang Fang" not in response.content.decode()


# Messages


def send(complaint: Complaint, name: str, at: str = SATURDAY, **sent):
    with phone(at) as client:
        return client.post(page_of(complaint, name), sent)


def test_a_message_with_a_picture_reaches_the_shop(complaint):
    with phone(SATURDAY) as client:
        response = client.post(
            page_of(complaint, "message/"), {"text": "Here it is.", "pictures": picture("photo.png")}, follow=True
        )
    message = Message.objects.get()
    assert (message.role, message.text, message.at) == ("consumer", "Here it is.", moment(SATURDAY))
    kept = message.evidence.get()
    assert kept.sent_through == f"complaint:{complaint.pk}"
    assert kept.merchant_id == complaint.merchant_id
    assert "Your message was sent." in text_of(response)
    assert f"/pictures/{kept.token}/" in response.content.decode()
    assert Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists()


def test_what_was_typed_and_picked_is_kept_when_the_message_is_too_long(complaint):
    text = "这" * 10_000
    with phone(SATURDAY) as client:
        response = client.post(
            page_of(complaint, "message/"), {"text": text, "pictures": [picture("a.png"), picture("b.png")]}
        )
        assert response.status_code == 400
        page = response.content.decode()
        assert text in page
        kept = re.findall(r'name="pictures_kept" value="(\w+)"', page)
        assert len(kept) == 2
        for token in kept:
            shown = client.get(page_of(complaint, f"pictures/{token}/"))
            assert shown.status_code == 200
            assert shown.getvalue().startswith(b"\x89PNG")
        assert not Message.objects.exists()
        again = client.post(page_of(complaint, "message/"), {"text": "Shorter.", "pictures_kept": kept})
    assert again.status_code == 302
    assert Message.objects.get().evidence.count() == 2
    assert Evidence.objects.count() == 2


def test_exactly_the_longest_message_is_taken(complaint):
    assert send(complaint, "message/", text="x" * 2001).status_code == 400
    assert send(complaint, "message/", text="x" * 2000).status_code == 302
    assert len(Message.objects.get().text) == 2000


def test_an_empty_message_and_a_broken_picture_are_refused_beside_their_fields(complaint):
    empty = send(complaint, "message/", text="   ")
    assert empty.status_code == 400
    assert "Write a message, or add a picture." in text_of(empty)
    broken = send(complaint, "message/", text="Look", pictures=picture("x.png", b"no picture"))
    assert broken.status_code == 400
    assert "is not a picture we can read" in text_of(broken)
    assert "Look" in broken.content.decode()
    assert not Message.objects.exists()


def test_a_picture_of_another_link_cannot_be_sent_here(shop, complaint):
    other = shop.files(FRIDAY)
    theirs = keep_pictures(
        [("theirs.png", png())],
        platform_id=other.platform_id,
        merchant_id=other.merchant_id,
        actor=actor_of(other),
        now=moment(SATURDAY),
    )[0]
    response = send(complaint, "message/", text="Mine?", pictures_kept=[theirs.token])
    assert response.status_code == 400
    assert "A picture that was sent earlier is no longer there." in text_of(response)
    assert theirs.name not in response.content.decode()
    assert not Message.objects.exists()


def test_looking_at_where_messages_are_sent_to_leads_back(complaint):
    with phone(SATURDAY) as client:
        address = page_of(complaint)
        response = client.get(f"{address}message/")
    assert response.status_code == 302
    assert response.headers["Location"] == address


@pytest.mark.parametrize(
    ("at", "taken"),
    [("2026-03-16T08:59:59.999999+08:00", True), (SILENT_UNTIL, True), (AFTERWARDS, True)],
)
def test_a_message_is_taken_until_the_case_has_really_ended(complaint, at, taken):
    """The clock ends the case when its sweep comes, not before: a message that is quicker is read."""
    handled(complaint)
    assert (send(complaint, "message/", at, text="Wait.").status_code == 302) == taken


def test_a_message_after_the_case_is_closed_is_kept_for_its_writer(complaint):
    services.close(
        complaint.pk, reason="Twice the same.", actor=platform_actor(complaint.platform), now=moment(SATURDAY)
    )
    response = send(complaint, "message/", text="One thing more.", pictures=picture())
    assert response.status_code == 409
    page = text_of(response)
    assert "This was not sent" in page
    assert "can no longer be done" in page
    assert "One thing more." in page
    assert "The platform closed this complaint" in page
    assert "The reason: Twice the same." in page
    assert "Nothing more can be sent" in page
    assert 'name="text"' not in response.content.decode()
    assert Message.objects.count() == Evidence.objects.count() == 0


# Solved, not solved, withdrawn


def test_solved_is_asked_once_more_and_ends_the_case(complaint):
    handled(complaint)
    with phone(HANDLED) as client:
        asked = client.get(page_of(complaint, "solved/"))
        assert "You can no longer say that it is not solved" in text_of(asked)
        assert state_of(complaint) == "handled"
        response = client.post(page_of(complaint, "solved/"), follow=True)
    assert state_of(complaint) == "finished"
    page = text_of(response)
    assert "Thank you. The case has ended." in page
    assert "You said on 2026-03-09 09:00 Beijing time that the problem is solved." in page
    assert "Nothing more can be sent" in page
    line = HistoryLine.objects.get(verb="confirm")
    assert (line.actor_kind, line.at) == ("consumer", moment(HANDLED))
    assert not Deadline.objects.filter(subject_id=complaint.pk, kind="finish").exists()


def test_solved_twice_changes_nothing_the_second_time(complaint):
    handled(complaint)
    assert send(complaint, "solved/", HANDLED).status_code == 302
    again = send(complaint, "solved/", HANDLED)
    assert again.status_code == 409
    assert HistoryLine.objects.filter(verb="confirm").count() == 1


@pytest.mark.parametrize("name", ["solved/", "contest/"])
def test_what_is_not_possible_now_is_not_asked(complaint, name):
    with phone(SATURDAY) as client:
        address = page_of(complaint)
        response = client.get(address + name)
        assert response.status_code == 302
        assert response.headers["Location"] == address
        refused = client.post(page_of(complaint, name), {"text": "But no."})
    assert refused.status_code == 409
    assert state_of(complaint) == "pending"


def test_contesting_goes_to_staff_with_its_pictures(complaint):
    handled(complaint)
    with phone(HANDLED) as client:
        assert "decides" in text_of(client.get(page_of(complaint, "contest/")))
        sent = {"text": "The money never came.", "pictures": picture("bank.png")}
        response = client.post(page_of(complaint, "contest/"), sent, follow=True)
    assert state_of(complaint) == "in_review"
    assert NoRefundClaim.objects.get().contested == "The money never came."
    message = Message.objects.get()
    assert (message.text, message.evidence.count()) == ("", 1)
    page = text_of(response)
    assert "The platform looks at your case now." in page
    assert "You said that the problem is not solved." in page
    assert "The money never came." in page


@pytest.mark.parametrize(("text", "why"), [("  ", "required"), ("x" * 1001, "at most 1000"), ("y" * 10_000, "at most")])
def test_contesting_needs_a_reason_that_is_not_too_long_and_keeps_what_was_typed(complaint, text, why):
    handled(complaint)
    response = send(complaint, "contest/", HANDLED, text=text, pictures=picture())
    assert response.status_code == 400
    assert why in text_of(response)
    assert text.strip() in response.content.decode()
    assert 'name="pictures_kept"' in response.content.decode()
    assert state_of(complaint) == "handled"
    assert not Message.objects.exists()


def test_contesting_a_case_that_ended_meanwhile_keeps_what_was_typed(complaint):
    handled(complaint)
    run_sweep("finish", cut_off=moment(AFTERWARDS), issued_at=moment(AFTERWARDS), ran_by="test")
    response = send(complaint, "contest/", AFTERWARDS, text="The money never came.")
    assert response.status_code == 409
    assert "The money never came." in text_of(response)
    assert state_of(complaint) == "finished"
    assert not NoRefundClaim.objects.exists()


@pytest.mark.parametrize(
    ("at", "penalties"),
    [("2026-03-10T08:59:59.999999+08:00", 0), (IN_TIME, 0), (LATE, 1)],
    ids=["before", "at", "after"],
)
def test_a_withdrawal_at_the_deadlines_very_moment_costs_the_shop_nothing(complaint, at, penalties):
    with phone(at) as client:
        asked = text_of(client.get(page_of(complaint, "withdraw/")))
        assert "the shop need not answer any more" in asked
        assert "It cannot be taken back." in asked
        assert state_of(complaint) == "pending"
        response = client.post(page_of(complaint, "withdraw/"), {"text": "It came."}, follow=True)
    assert state_of(complaint) == "cancelled"
    assert "You withdrew this complaint" in text_of(response)
    assert HistoryLine.objects.get(verb="cancel").detail["reason"] == "It came."
    swept = moment("2026-03-12T09:00+08:00")
    run_sweep("handle", cut_off=swept, issued_at=swept, ran_by="test")
    assert Penalty.objects.filter(complaint=complaint).count() == penalties


def test_a_withdrawal_needs_no_reason_but_none_that_is_too_long(complaint):
    refused = send(complaint, "withdraw/", text="x" * 1001)
    assert refused.status_code == 400
    assert "x" * 1001 in refused.content.decode()
    assert state_of(complaint) == "pending"
    assert send(complaint, "withdraw/").status_code == 302
    assert state_of(complaint) == "cancelled"


def test_withdrawing_what_was_withdrawn_is_refused(complaint):
    send(complaint, "withdraw/")
    again = send(complaint, "withdraw/", text="Once more.")
    assert again.status_code == 409
    assert "Once more." in text_of(again)
    assert HistoryLine.objects.filter(verb="cancel").count() == 1


def test_a_silent_consumers_case_finishes_by_its_clock_and_the_page_says_so(complaint):
    handled(complaint)
    run_sweep("finish", cut_off=moment(SILENT_UNTIL), issued_at=moment(SILENT_UNTIL), ran_by="test")
    assert state_of(complaint) == "handled"
    assert "Is your problem solved?" in seen(complaint, SILENT_UNTIL)
    run_sweep("finish", cut_off=moment(AFTERWARDS), issued_at=moment(AFTERWARDS), ran_by="test")
    assert state_of(complaint) == "finished"
    page = seen(complaint, AFTERWARDS)
    assert "nothing more was said until" in page
    assert "Nothing more can be sent" in page
    assert "Yes, it is solved" not in page


@pytest.mark.parametrize(
    ("at", "state"),
    [
        ("2026-03-16T08:59:59.999999+08:00", "in_review"),
        (SILENT_UNTIL, "in_review"),
        (AFTERWARDS, "in_review"),
    ],
)
def test_contesting_around_the_last_moment_before_the_sweep_came(complaint, at, state):
    handled(complaint)
    assert send(complaint, "contest/", at, text="No.").status_code == 302
    assert state_of(complaint) == state
    swept = moment("2026-03-17T09:00+08:00")
    run_sweep("finish", cut_off=swept, issued_at=swept, ran_by="test")
    assert state_of(complaint) == "in_review"


# Pictures


def test_only_what_the_page_shows_or_what_was_sent_through_it_is_served(shop, complaint):
    def kept(name: str, case: Complaint):
        return keep_pictures(
            [(name, png())],
            platform_id=case.platform_id,
            merchant_id=case.merchant_id,
            actor=platform_actor(case.platform),
            now=moment(FRIDAY),
        )[0]

    shown, of_handling = kept("shown.png", complaint), kept("handling.png", complaint)
    loose, other = kept("loose.png", complaint), shop.files(FRIDAY)
    others = kept("others.png", other)
    other.pictures.set([others])
    complaint.pictures.set([shown])
    handle_at(HANDLED, complaint, Method.SHIPPED, evidence=(of_handling,))
    with phone(HANDLED) as client:
        for each in (shown, of_handling):
            response = client.get(page_of(complaint, f"pictures/{each.token}/"))
            assert response.status_code == 200
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.getvalue().startswith(b"\x89PNG")
        for each in (loose, others):
            assert client.get(page_of(complaint, f"pictures/{each.token}/")).status_code == 404
        page = client.get(page_of(complaint)).content.decode()
    assert loose.token not in page
    assert f"/evidence/{shown.token}" not in page


def test_a_page_of_another_kind_of_case_is_not_there(complaint):
    with phone(SATURDAY) as client:
        assert client.get(page_of(complaint, "complain/")).status_code == 404
        assert client.post(page_of(complaint, "complain/"), {"text": "x"}).status_code == 404


def test_two_links_open_two_cases_and_neither_the_other(shop, complaint):
    other = shop.files(FRIDAY, description="Quite another thing.")
    assert "Quite another thing." not in seen(complaint, SATURDAY)
    assert "Nothing came, and nobody answers." not in seen(other, SATURDAY)
    send(complaint, "message/", text="Only here.")
    assert Message.objects.get().complaint == complaint


def test_an_old_case_without_a_clock_promises_no_day(shop):
    old = file_at(moment(FRIDAY) - timedelta(days=400), shop.program)
    Complaint.objects.filter(pk=old.pk).update(is_history=True)
    with phone(SATURDAY) as client:
        page = text_of(client.get(page_of(old, at=FRIDAY)))
    assert "It has not answered yet." in page
    assert "must answer by" not in page
