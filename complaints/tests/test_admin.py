"""Support staff write in a case from the admin, and both sides read it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints import services
from complaints.models import Complaint, Message
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    file_at,
    make_picture,
    make_program,
    make_user,
    member_actor,
    platform_actor,
)
from notifications.models import Event

pytestmark = pytest.mark.django_db


def staff_of(group: str) -> Client:
    user = make_user(f"{group}-writes", first_name="Li", is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client(headers={"accept-language": "en"})
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return client


@pytest.fixture
def complaint() -> Complaint:
    return file_at(timezone.now() - timedelta(hours=1), make_program())


def page_of(complaint: Complaint, page: str = "message") -> str:
    return reverse(f"admin:complaints_complaint_{page}", args=[complaint.pk])


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_reviewer_writes_and_merchant_and_consumer_can_read_it(complaint):
    now = timezone.now()
    services.leave_message(complaint.pk, "Where is it?", actor=consumer_actor(complaint), now=now)
    services.leave_message(complaint.pk, "On its way.", actor=member_actor(complaint.merchant), now=now)
    li = staff_of("reviewer")
    assert page_of(complaint) in text_of(li, page_of(complaint, "change"))
    page = text_of(li, page_of(complaint))
    assert page.index("On its way.") < page.index("Where is it?")

    answer = li.post(page_of(complaint), {"text": "Please send the tracking number."}, follow=True)

    assert "can read your message now" in answer.content.decode()
    said = Message.objects.latest("pk")
    assert (said.text, said.role, said.actor_name) == ("Please send the tracking number.", "platform", "Li")
    told = Event.objects.filter(name="complaint.message_left").latest("pk")
    assert (told.subject_id, told.payload["role"]) == (complaint.pk, "platform")
    complaint.refresh_from_db()
    assert complaint.status == "pending"


def test_sent_twice_in_one_breath_it_is_one_message(complaint):
    li = staff_of("reviewer")
    for _ in range(2):
        li.post(page_of(complaint), {"text": "Please answer."})
    assert complaint.messages.count() == 1


@pytest.mark.parametrize(
    ("text", "sentence"), [("", "Write a message."), ("x" * 2001, "at most 2000 characters"), ("\0", "Null characters")]
)
def test_what_cannot_be_sent_is_refused_with_a_sentence_and_stays_in_the_form(complaint, text, sentence):
    answer = staff_of("reviewer").post(page_of(complaint), {"text": text})
    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert text.replace("\0", "") in answer.content.decode()
    assert not complaint.messages.exists()


def test_nobody_writes_once_it_has_ended_and_what_was_typed_is_still_there(complaint):
    li = staff_of("reviewer")
    services.cancel(complaint.pk, reason="Settled.", actor=platform_actor(complaint.platform), now=timezone.now())
    assert page_of(complaint) not in text_of(li, page_of(complaint, "change"))
    assert "has ended" in text_of(li, page_of(complaint))
    late = li.post(page_of(complaint), {"text": "Typed before it ended."})
    assert late.status_code == 409
    assert "Typed before it ended." in late.content.decode()
    assert not complaint.messages.exists()


@pytest.mark.parametrize("group", ["ops", "auditor"])
def test_who_may_only_look_does_not_find_the_way_and_is_refused(complaint, group):
    client = staff_of(group)
    assert page_of(complaint) not in text_of(client, page_of(complaint, "change"))
    assert client.get(page_of(complaint)).status_code == 403
    assert client.post(page_of(complaint), {"text": "Hello."}).status_code == 403
    assert not complaint.messages.exists()


def test_a_complaint_that_is_not_there_is_not_found(complaint):
    assert staff_of("reviewer").get(reverse("admin:complaints_complaint_message", args=[0])).status_code == 404


def test_a_message_of_pictures_alone_shows_them(complaint):
    picture = make_picture(complaint.merchant)
    services.leave_message(
        complaint.pk, "", evidence=[picture], actor=member_actor(complaint.merchant), now=timezone.now()
    )
    assert reverse("evidence:show", args=[picture.token]) in text_of(staff_of("reviewer"), page_of(complaint))


def test_the_page_asks_as_little_for_ten_messages_as_for_one(complaint, django_assert_max_num_queries):
    li = staff_of("reviewer")
    for number in range(12):
        services.leave_message(
            complaint.pk,
            f"{number:02d}.",
            evidence=[make_picture(complaint.merchant)],
            actor=STAFF,
            now=timezone.now() - timedelta(minutes=30 - number),
        )
    with django_assert_max_num_queries(8):
        page = text_of(li, page_of(complaint))
    assert "11." in page
    assert "01." not in page


@pytest.mark.parametrize(
    ("language", "filed", "said", "platform"),
    [
        ("zh-hans", "发起了投诉。", "用户 · Han Meimei", "平台客服 · Xiao Er"),
        ("en", "Filed the complaint.", "Consumer · Han Meimei", "Platform support · Xiao Er"),
    ],
)
def test_the_page_tells_in_words_what_happened_and_who_said_what(complaint, language, filed, said, platform):
    services.leave_message(complaint.pk, "Where is it?", actor=consumer_actor(complaint), now=timezone.now())
    services.leave_message(complaint.pk, "We ask the shop.", actor=STAFF, now=timezone.now())
    li = staff_of("reviewer")
    li.cookies["portal_language"] = language
    page = text_of(li, page_of(complaint, "change"))
    assert [words in page for words in (filed, said, platform, "complaint.file: – → pending")] == [True] * 4
