"""The page of a complaint as a place to work: notes, replies, drafts, names shown, neighbours; without scripts."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from complaints.models import Complaint, Draft, Handling, InternalLine, Message
from complaints.services import cancel, leave_message
from complaints.signed_out import SESSION_KEY
from complaints.tests.factories import consumer_actor, handle_at, make_picture, member_actor, moment
from complaints.tests.pages import Shop, browser, make_shop, member, patient_presence, picture, text_of
from complaints.workspace.canned import CannedInput, save_canned
from complaints.workspace.typed import joined
from evidence.models import Evidence
from merchants.models import Grant, User

pytestmark = pytest.mark.django_db

FRIDAY = "2026-03-06T09:00+08:00"
MONDAY = "2026-03-09T10:00+08:00"
SECRET = "He wanted a free one, too."
NAME, PHONE = "Zhang Weimin", "13812345678"


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture
def complaint(shop: Shop) -> Complaint:
    return shop.files(FRIDAY, trade_amount=Decimal("128.00"), consumer_name=NAME, consumer_phone=PHONE)


def page_of(complaint: Complaint, verb: str = "detail") -> str:
    return reverse(f"complaints:{verb}", args=[complaint.complaint_no])


def a_reply(shop: Shop, title: str = "Sorry", text: str = "Dear {consumer}, sorry.", **fields):
    given = CannedInput(title=title, text=text, **fields)
    return save_canned(given, actor=member_actor(shop.merchant), now=moment(FRIDAY))


def area(response, name: str) -> str:
    """What stands in a textarea of the page, by its id."""
    found = re.search(rf'<textarea[^>]*id="{name}"[^>]*>\n?(.*?)</textarea>', response.content.decode(), re.DOTALL)
    assert found, name
    return found[1]


# Internal notes


def test_a_note_stands_among_the_internal_lines_and_nowhere_else(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        response = client.post(page_of(complaint, "note"), {"text": f" {SECRET} "})
        assert response.headers["Location"] == page_of(complaint) + "#notes"
        shown = text_of(client.get(page_of(complaint)))
    notes, history = shown[shown.index("Internal notes") :].split("Negotiation history")
    assert "Only members of Tea House read this" in notes
    assert f"Wang Fang 2026-03-09 10:00 Beijing time {SECRET}" in notes
    assert SECRET not in history
    assert InternalLine.objects.get().text == SECRET


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_an_empty_or_endless_note_is_refused_and_kept(shop, complaint, text):
    with browser(shop.administrator, MONDAY) as client:
        response = client.post(page_of(complaint, "note"), {"text": text})
    assert response.status_code == 400
    assert area(response, "note_text") == text
    assert not InternalLine.objects.exists()


def test_a_note_can_be_written_after_the_end(shop, complaint):
    cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=moment(FRIDAY))
    with browser(shop.administrator, MONDAY) as client:
        assert client.post(page_of(complaint, "note"), {"text": SECRET}).status_code == 302
    assert InternalLine.objects.count() == 1


def test_who_may_only_see_reads_notes_and_can_do_nothing(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        client.post(page_of(complaint, "note"), {"text": SECRET})
    with browser(member(shop, Grant.VIEW), MONDAY) as client:
        response = client.get(page_of(complaint))
        assert SECRET in text_of(response)
        assert "<textarea" not in response.content.decode()
        assert 'name="assignee"' not in response.content.decode()
        for verb in ("note", "draft", "reveal"):
            assert client.post(page_of(complaint, verb), {"text": "x", "form": "note"}).status_code == 403
    assert InternalLine.objects.count() == 1
    assert not Draft.objects.exists()


@pytest.mark.parametrize("verb", ["note", "draft", "reveal", "presence"])
def test_what_belongs_to_another_merchant_does_not_exist(shop, complaint, verb):
    with browser(make_shop().administrator, MONDAY) as client:
        send = client.get if verb == "presence" else client.post
        assert send(page_of(complaint, verb), {"text": "x", "form": "note"}).status_code == 404
    assert not InternalLine.objects.exists()
    assert not Draft.objects.exists()


def test_staff_see_no_internal_line_at_their_desk(shop, admin_client):
    complaint = shop.files(FRIDAY)
    handle_at(MONDAY, complaint, "shipped")
    with browser(shop.administrator, MONDAY) as client:
        client.post(page_of(complaint, "note"), {"text": SECRET})
    claim = complaint.no_refund_claims.get()
    pages = [
        reverse("admin:refunds_norefundclaim_change", args=[claim.pk]),
        reverse("admin:complaints_complaint_change", args=[complaint.pk]),
        reverse("admin:complaints_complaint_changelist"),
    ]
    for page in pages:
        response = admin_client.get(page)
        assert response.status_code == 200, page
        assert SECRET not in response.content.decode(), page


# Names and phones


def merchants_pages(complaint: Complaint) -> list[str]:
    number = complaint.complaint_no
    return ["/", "/complaints/?status=all", f"/complaints/?q={PHONE}", page_of(complaint), "/penalties/", "/appeals/",
            "/refunds/", f"/complaints/?q={number}", "/complaints/replies/"]  # fmt: skip


def test_no_page_of_the_merchant_shows_a_name_or_phone_whole(shop, complaint):
    leave_message(complaint.pk, "When?", actor=consumer_actor(complaint), now=moment(MONDAY))
    handle_at(MONDAY, complaint, "shipped")
    a_reply(shop)
    with browser(shop.administrator, MONDAY) as client:
        for page in merchants_pages(complaint):
            response = client.get(page, follow=True)
            shown = response.content.decode()
            if f"q={PHONE}" in page:  # what was searched for stands in the search field
                shown = shown.replace(f'value="{PHONE}"', "").replace(f"q={PHONE}", "").replace(f": {PHONE}", "")
                shown = shown.replace(f"q%3D{PHONE}", "")
            assert response.status_code in (200, 404), page
            assert NAME not in shown, page
            assert PHONE not in shown, page


def test_a_name_is_shown_once_kept_by_nobody_and_written_down(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        assert "Z***" in text_of(client.get(page_of(complaint)))
        response = client.post(page_of(complaint, "reveal"))
        assert response.status_code == 200
        assert "no-store" in response.headers["Cache-Control"]
        assert f"{NAME} {PHONE}" in text_of(response)
        assert "Wang Fang looked at name and phone 2026-03-09 10:00 Beijing time" in text_of(response)
        again = client.get(page_of(complaint))
        assert PHONE not in again.content.decode()
        assert client.get(page_of(complaint, "reveal")).headers["Location"] == page_of(complaint)
    line = InternalLine.objects.get()
    assert (line.kind, line.actor_name, line.text) == ("reveal", "Wang Fang", "")


def test_without_a_name_there_is_nothing_to_show(shop):
    with browser(shop.administrator, MONDAY) as client:
        assert "/reveal/" not in client.get(page_of(shop.files(FRIDAY))).content.decode()


# Canned replies


def test_a_reply_is_filled_in_after_what_was_typed(shop, complaint):
    reply = a_reply(shop)
    with browser(shop.administrator, MONDAY) as client:
        sent = {"form": "message", "step": "fill", "reply": reply.pk, "text": "I looked."}
        response = client.post(page_of(complaint, "draft"), sent)
        assert response.headers["Location"] == page_of(complaint) + "#message"
        response = client.get(page_of(complaint))
        assert area(response, "message_text") == "I looked.\n\nDear Z***, sorry."
        assert "Filled in: Sorry. Nothing is sent yet." in text_of(response)
        client.post(page_of(complaint, "draft"), {**sent, "text": "I looked.\r\n\r\nDear Z***, sorry."})
        assert area(client.get(page_of(complaint)), "message_text") == "I looked.\n\nDear Z***, sorry."
    assert not Message.objects.exists()


def test_a_reply_that_handles_sets_way_amount_and_pictures(shop, complaint):
    proof = make_picture(shop.merchant)
    reply = a_reply(shop, method="other_refund", refund="trade", pictures=(proof,))
    with browser(shop.administrator, MONDAY) as client:
        sent = {"form": "handling", "step": "fill", "reply": reply.pk, "method": "shipped", "tracking": "SF 1",
                "pictures": picture("mine.png")}  # fmt: skip
        client.post(page_of(complaint, "draft"), sent)
        shown = client.get(page_of(complaint)).content.decode()
        assert re.search(r'value="other_refund"[^>]* checked', shown)
        assert 'value="128.00"' in shown
        assert 'value="SF 1"' in shown
        kept = re.findall(r'name="pictures_kept" value="(\w+)" checked', shown)
        mine = Evidence.objects.get(name="mine.png")
        assert kept == [mine.token, proof.token]
        whole = {"method": "other_refund", "refund_amount": "128.00", "note": "Done.", "pictures_kept": kept}
        assert client.post(page_of(complaint, "handle"), whole).status_code == 302
    assert Handling.objects.get().evidence.count() == 2
    assert not Draft.objects.exists()


def test_a_way_that_cannot_be_chosen_here_is_not_set(shop, complaint):
    reply = a_reply(shop, method="fund_refund", refund="asked")
    with browser(shop.administrator, MONDAY) as client:
        shown = client.get(f"{page_of(complaint)}?reply={reply.pk}")
    assert " checked" not in shown.content.decode()
    assert area(shown, "handling_note") == "Dear Z***, sorry."


def test_an_address_can_ask_for_a_reply_and_changes_nothing(shop, complaint):
    handles = a_reply(shop, "Refund", "Refunded {amount}.", method="other_refund", refund="asked")
    says = a_reply(shop, "Sorry")
    foreign = a_reply(make_shop(), "Theirs", "Foreign text.")
    with browser(shop.administrator, MONDAY) as client:
        assert area(client.get(f"{page_of(complaint)}?reply={handles.pk}"), "handling_note") == "Refunded ¥128.00."
        assert area(client.get(f"{page_of(complaint)}?reply={says.pk}"), "message_text") == "Dear Z***, sorry."
        for unknown in (foreign.pk, "x", "9" * 30, ""):
            response = client.get(page_of(complaint), {"reply": unknown})
            assert (area(response, "handling_note"), area(response, "message_text")) == ("", "")
            assert "Foreign text" not in response.content.decode()
    assert not Draft.objects.exists()


@pytest.mark.parametrize("reply", ["", "x", "9" * 30, "²"])
def test_filling_in_no_reply_keeps_what_was_typed(shop, complaint, reply):
    with browser(shop.administrator, MONDAY) as client:
        sent = {"form": "message", "step": "fill", "reply": reply, "text": "Typed."}
        response = client.post(page_of(complaint, "draft"), sent, follow=True)
    assert "Choose a canned reply first." in text_of(response)
    assert area(response, "message_text") == "Typed."


@pytest.mark.parametrize(
    ("typed", "added", "together"),
    [
        ("", "Sorry.", "Sorry."),
        ("  \n", "Sorry.", "Sorry."),
        ("Hello.", "Sorry.", "Hello.\n\nSorry."),
        ("Hello.\n", "Sorry.", "Hello.\n\nSorry."),
        ("Hello. Sorry.", "Sorry.", "Hello. Sorry."),
        ("Hello.", "Hello. Sorry.", "Hello. Sorry."),
        ("Hello.", "", "Hello."),
    ],
)
def test_two_texts_stand_after_each_other_unless_one_holds_the_other(typed, added, together):
    assert joined(typed, added) == together


# Drafts


def test_a_draft_is_there_when_the_page_opens_again_and_gone_when_it_is_sent(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        sent = {"form": "handling", "step": "keep", "method": "shipped", "tracking": "SF 77", "note": "Half a sen",
                "pictures": picture("kept.png")}  # fmt: skip
        response = client.post(page_of(complaint, "draft"), sent)
        assert response.headers["Location"] == page_of(complaint) + "#handle"
        response = client.get(page_of(complaint))
        assert "You typed this at 2026-03-09 10:00 Beijing time ; it is not sent." in text_of(response)
        assert area(response, "handling_note") == "Half a sen"
        assert 'value="SF 77"' in response.content.decode()
        assert re.search(r'value="shipped"[^>]* checked', response.content.decode())
        (token,) = re.findall(r'name="pictures_kept" value="(\w+)" checked', response.content.decode())
        with browser(member(shop, Grant.VIEW, Grant.HANDLE), MONDAY) as other:
            assert "Half a sen" not in other.get(page_of(complaint)).content.decode()
        whole = {"method": "shipped", "tracking": "SF 77", "note": "Sent.", "pictures_kept": token}
        response = client.post(page_of(complaint, "handle"), whole)
        assert response.cookies["sent"].value == "handling"
        assert response.cookies["sent"]["path"] == page_of(complaint)
    assert not Draft.objects.exists()


@pytest.mark.parametrize(("form", "verb"), [("message", "leave_message"), ("note", "note")])
def test_other_drafts_are_dropped_when_sent_too(shop, complaint, form, verb):
    with browser(shop.administrator, MONDAY) as client:
        client.post(page_of(complaint, "draft"), {"form": form, "text": "Half a sen"})
        client.post(page_of(complaint, "draft"), {"form": "handling", "note": "Stays."})
        assert client.post(page_of(complaint, verb), {"text": "Whole."}).status_code == 302
    assert [draft.form for draft in Draft.objects.all()] == ["handling"]


def test_a_script_gets_a_sentence(shop, complaint):
    script = {"X-Requested-With": "XMLHttpRequest"}
    with browser(shop.administrator, MONDAY) as client:
        address = page_of(complaint, "draft")
        answer = client.post(address, {"form": "message", "text": "Half"}, headers=script)
        assert answer.json() == {"words": "Draft kept: 2026-03-09 10:00:00 Beijing time"}
        answer = client.post(address, {"form": "message", "text": " "}, headers=script)
        assert answer.json() == {"words": ""}
        assert not Draft.objects.exists()
        answer = client.post(address, {"form": "message", "text": "x" * 10_001}, headers=script)
        assert (answer.status_code, answer.json()["words"]) == (400, "This is too long to be kept as a draft.")
        assert client.post(address, {"form": "filters", "text": "x"}, headers=script).status_code == 400


def test_what_is_too_long_to_be_kept_is_shown_again(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        for form, name in (("handling", "note"), ("message", "text"), ("note", "text")):
            response = client.post(page_of(complaint, "draft"), {"form": form, name: "x" * 10_001})
            assert response.status_code == 400
            assert "too long to be kept" in text_of(response)
            assert area(response, f"{form}_{name}") == "x" * 10_001


def test_a_picture_that_is_none_is_refused_and_the_text_is_kept(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        sent = {"form": "message", "text": "See.", "pictures": picture("bad.png", b"no picture")}
        response = client.post(page_of(complaint, "draft"), sent, follow=True)
    assert "bad.png" in text_of(response)
    assert area(response, "message_text") == "See."


def test_a_draft_that_is_thrown_away_can_be_brought_back(shop, complaint):
    address = page_of(complaint, "draft")
    with browser(shop.administrator, MONDAY) as client:
        client.post(address, {"form": "message", "text": "Precious."})
        response = client.post(address, {"form": "message", "step": "throw"}, follow=True)
        assert "The draft was thrown away." in text_of(response)
        assert area(response, "message_text") == ""
        (token,) = re.findall(r'name="undo" value="([^"]+)"', response.content.decode())
        response = client.post(address, {"undo": token}, follow=True)
        assert area(response, "message_text") == "Precious."
        client.post(address, {"form": "message", "step": "throw"})
    with browser(shop.administrator, "2026-03-09T10:00:12.000001+08:00") as client:
        assert client.post(address, {"undo": token}).status_code == 302
    assert not Draft.objects.exists()


def test_a_draft_for_a_form_that_is_gone_is_given_back_to_copy(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        client.post(page_of(complaint, "draft"), {"form": "handling", "note": "Typed with care."})
        handle_at(MONDAY, complaint)
        response = client.get(page_of(complaint))
        assert "You typed something that was not sent" in text_of(response)
        assert "Typed with care." in text_of(response)
        client.post(page_of(complaint, "draft"), {"form": "handling", "step": "throw"})
        client.get(page_of(complaint))
        assert "Typed with care." not in text_of(client.get(page_of(complaint)))


# A session that ends while somebody types


SENT = {
    "handle": ({"method": "other", "note": "Typed signed out."}, "handling", "handling_note"),
    "leave_message": ({"text": "Typed signed out."}, "message", "message_text"),
    "note": ({"text": "Typed signed out."}, "note", "note_text"),
    "draft": ({"form": "note", "text": "Typed signed out."}, "note", "note_text"),
}


def sign_in(client: Client, user: User, address: str):
    """Sign in on the page to which the browser was sent, and go where that leads."""
    return client.post(address, {"login": user.username, "password": "password"}, follow=True)


@pytest.mark.parametrize("verb", SENT)
def test_what_is_sent_signed_out_is_a_draft_of_who_signs_in(shop, complaint, verb):
    sent, form, shown_in = SENT[verb]
    with freeze_time(MONDAY):
        client = Client(headers={"accept-language": "en"})
        response = client.post(page_of(complaint, verb), sent)
        assert response.headers["Location"] == f"/accounts/login/?next={page_of(complaint, verb)}"
        assert not Draft.objects.exists()
        assert not client.session.is_empty()
        assert client.session.get_expiry_age() == 3600
        response = sign_in(client, shop.administrator, response.headers["Location"])
        assert response.redirect_chain[-1][0] == page_of(complaint)
        assert area(response, shown_in) == "Typed signed out."
        assert "You were signed out while you typed" in text_of(response)
        assert "You were signed out while you typed" not in text_of(client.get(page_of(complaint)))
        assert SESSION_KEY not in client.session
    draft = Draft.objects.get()
    assert (draft.user, draft.form) == (shop.administrator, form)
    assert Message.objects.count() == Handling.objects.count() == InternalLine.objects.count() == 0


def test_it_stands_after_what_was_kept_before(shop, complaint):
    with browser(shop.administrator, MONDAY) as client:
        client.post(page_of(complaint, "draft"), {"form": "message", "text": "Before."})
        client.logout()
        address = client.post(page_of(complaint, "leave_message"), {"text": "After."}).headers["Location"]
        assert area(sign_in(client, shop.administrator, address), "message_text") == "Before.\n\nAfter."


@pytest.mark.parametrize("who", ["neighbour", "viewer"])
def test_it_becomes_nothing_of_whoever_may_not_handle_that_complaint(shop, complaint, who):
    user = make_shop().administrator if who == "neighbour" else member(shop, Grant.VIEW)
    with freeze_time(MONDAY):
        client = Client(headers={"accept-language": "en"})
        address = client.post(page_of(complaint, "note"), {"text": SECRET}).headers["Location"]
        response = sign_in(client, user, address)
        assert SECRET not in response.content.decode()
    assert not Draft.objects.exists()


@pytest.mark.parametrize(("at", "drafts"), [("2026-03-09T11:00+08:00", 1), ("2026-03-09T11:00:00.000001+08:00", 0)])
def test_it_is_kept_for_an_hour(shop, complaint, at, drafts):
    with browser(shop.administrator, MONDAY) as client:
        session = client.session
        session[SESSION_KEY] = {
            "complaint_no": complaint.complaint_no, "form": "note", "fields": {"text": SECRET},
            "at": moment(MONDAY).isoformat(),
        }  # fmt: skip
        session.save()
    with freeze_time(at):
        client.get(page_of(complaint))
    assert Draft.objects.count() == drafts


@pytest.mark.parametrize("sent", [{"text": " "}, {"text": "x" * 10_001}, {"form": "filters", "text": "x"}])
def test_nothing_useful_is_put_away(complaint, sent):
    client = Client()
    client.post(page_of(complaint, "draft" if "form" in sent else "note"), sent)
    assert SESSION_KEY not in client.session


def test_nothing_is_put_away_about_a_complaint_that_there_is_not():
    client = Client()
    assert client.post("/complaints/1/note/", {"text": "x"}).status_code == 302
    assert SESSION_KEY not in client.session


def test_a_script_is_told_that_the_session_has_ended(complaint):
    client = Client()
    script = {"X-Requested-With": "XMLHttpRequest"}
    assert client.post(page_of(complaint, "draft"), {"form": "note", "text": "x"}, headers=script).status_code == 401
    assert client.get(page_of(complaint, "presence"), headers=script).status_code == 401
    htmx = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page_of(complaint)}?from=q%3D1"}
    response = client.post(page_of(complaint, "reveal"), headers=htmx)
    assert response.status_code == 401
    wanted = page_of(complaint) + "%3Ffrom%3Dq%253D1"
    assert response.headers["HX-Redirect"] == f"/accounts/login/?next={wanted}"
    elsewhere = client.post(page_of(complaint, "reveal"), headers={**htmx, "HX-Current-URL": "https://evil.example/"})
    assert elsewhere.headers["HX-Redirect"] == "/accounts/login/?next=/"


# Assigning, clocks, neighbours, presence


def test_the_page_says_whose_it_is_and_gives_it_to_a_colleague(shop, complaint):
    colleague = member(shop, Grant.VIEW, Grant.HANDLE)
    with browser(shop.administrator, MONDAY) as client:
        shown = client.get(page_of(complaint)).content.decode()
        place = colleague.memberships.get().pk
        assert re.search(rf'<option value="{place}">', shown)
        sent = {"one": complaint.complaint_no, "assignee": place, "next": page_of(complaint)}
        response = client.post(reverse("complaints:assign"), sent)
        assert response.headers["Location"] == page_of(complaint)
        response = client.get(page_of(complaint))
    assert re.search(rf'<option value="{place}" selected>', response.content.decode())
    assert f"Wang Fang assigned it to {colleague}" in text_of(response)


def test_neighbours_are_those_of_the_list_it_was_opened_from(shop):
    first, second, third = (shop.files(f"2026-03-06T09:0{minute}+08:00", dispute_type="Late") for minute in range(3))
    other = shop.files("2026-03-06T09:01:30+08:00", dispute_type="Lost")
    with browser(shop.administrator, MONDAY) as client:
        assert siblings(client.get(page_of(second))) == [page_of(first), page_of(other)]
        ending = "?from=dispute_type%3DLate"
        response = client.get(page_of(second) + ending)
        assert siblings(response) == [page_of(first) + ending, page_of(third) + ending]
        assert 'href="/complaints/?dispute_type=Late"' in response.content.decode()
        assert siblings(client.get(page_of(first) + ending)) == [page_of(second) + ending]
        sent = {"method": "other_refund", "refund_amount": "1", "refund_reference": "R"}
        response = client.post(page_of(second, "handle") + ending, sent)
        assert response.headers["Location"] == page_of(second) + ending
        assert siblings(client.get(response.headers["Location"])) == [page_of(first) + ending, page_of(third) + ending]
        assert client.get(page_of(first) + "?from=%00%F0&from=status=gone").status_code == 200


def siblings(response) -> list[str]:
    return re.findall(r'rel="(?:prev|next)" href="([^"]+)"', response.content.decode())


def test_another_member_on_the_page_is_seen(shop, complaint):
    patient_presence()
    now = timezone.now()
    colleague = member(shop, Grant.VIEW, Grant.HANDLE)
    colleague.first_name = "Li Lei"
    colleague.save()
    with browser(colleague, now.isoformat()) as client:
        assert "looking" not in text_of(client.get(page_of(complaint)))
        client.get(page_of(complaint, "presence") + "?writes=handling")
    with browser(shop.administrator, (now + timedelta(seconds=20)).isoformat()) as client:
        assert "Li Lei is handling this" in text_of(client.get(page_of(complaint)))
        response = client.get(page_of(complaint, "presence"))
        assert "Li Lei is handling this" in text_of(response)
        assert "no-store" in response.headers["Cache-Control"]
        assert "<html" not in response.content.decode()


def test_a_page_with_everything_takes_no_more_queries(shop, complaint, django_assert_max_num_queries):
    for number in range(12):
        a_reply(shop, f"Reply {number}", pictures=(make_picture(shop.merchant),))
        member(shop, Grant.VIEW, Grant.HANDLE)
    with browser(shop.administrator, MONDAY) as client:
        for number in range(12):
            client.post(page_of(complaint, "note"), {"text": f"Note {number}"})
        for form in ("handling", "message", "note"):
            client.post(page_of(complaint, "draft"), {"form": form, "note": "x", "text": "x", "pictures": picture()})
        with django_assert_max_num_queries(7):
            client.get(page_of(complaint))
