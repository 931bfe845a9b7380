"""The review queue, the reply templates, and the figures on the admin's index."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from freezegun import freeze_time

from appeals import services
from appeals.models import Appeal, ReplyTemplate
from appeals.reasons import REASONS_OF
from appeals.tests.making import APPROVE, ASK, appeal_at, decide_at, penalty_issued, staff, when
from appeals.tests.test_desk import ISSUED, NOW, member_of, signed_in, text_of

QUEUE = "/admin/appeals/appeal/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def li():
    return member_of("reviewer", "Li")


@pytest.fixture
def wang():
    return member_of("reviewer", "Wang")


@pytest.fixture
def appeals(li, wang):
    """Seven reviews at NOW (Wednesday 2026-11-18, 10:00 Beijing), one for each way staff think of them."""
    at = {
        "free": "2026-11-17T10:00+08:00",
        "overdue": "2026-11-10T10:00+08:00",
        "today": "2026-11-13T10:00+08:00",
        "mine": "2026-11-17T11:00+08:00",
        "theirs": "2026-11-17T12:00+08:00",
        "asked": "2026-11-17T13:00+08:00",
        "decided": "2026-11-17T14:00+08:00",
    }
    made = {name: appeal_at(moment, penalty_issued(moment)) for name, moment in at.items()}
    services.claim(made["mine"].pk, actor=staff(li), now=when(NOW))
    services.claim(made["theirs"].pk, actor=staff(wang), now=when(NOW))
    decide_at(NOW, "ask", made["asked"], ASK, by=wang)
    decide_at(NOW, "approve", made["decided"], APPROVE, by=wang)
    return made


def rows(client, **query):
    with freeze_time(when(NOW)):
        response = client.get(QUEUE, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


@pytest.mark.parametrize(
    ("queue", "names"),
    [
        ("", ["overdue", "today", "free", "mine", "theirs"]),
        ("waiting", ["overdue", "today", "free", "mine", "theirs"]),
        ("mine", ["mine"]),
        ("claimed", ["theirs"]),
        ("overdue", ["overdue"]),
        ("today", ["today"]),
        ("more_wanted", ["asked"]),
        ("decided", ["decided"]),
        ("all", ["decided", "asked", "theirs", "mine", "today", "overdue", "free"]),
    ],
)
def test_the_queue_is_filtered_as_staff_think_what_is_due_first_comes_first(li, appeals, queue, names):
    given = {"queue": queue} if queue else {}
    assert rows(signed_in(li), **given) == [appeals[name] for name in names]


def test_the_queue_narrows_by_kind_and_platform_and_finds_a_number(li, appeals):
    other = appeal_at("2026-11-17T10:00+08:00", penalty_issued(ISSUED, "refund_overdue"))
    client = signed_in(li)
    assert rows(client, penalty__kind__exact="refund_overdue") == [other]
    assert rows(client, merchant__platform__id__exact=other.merchant.platform_id) == [other]
    assert rows(client, q=other.penalty.penalty_no) == [other]
    assert rows(client, q=other.penalty.penalty_no[:8]) == [other]


def test_the_queue_says_what_is_overdue_provisional_and_in_whose_hands(li, appeals):
    Appeal.objects.filter(pk=appeals["free"].pk).update(is_provisional=True)
    with freeze_time(when(NOW)):
        text = text_of(signed_in(li).get(QUEUE))
    assert text.count("<strong>overdue</strong>") == 1
    assert text.count("provisional") == 1
    assert "Wang, 0 s ago" in text


def test_a_longer_queue_asks_no_more_questions_and_counts_with_a_limit(li, appeals):
    client = signed_in(li)
    rows(client)
    with CaptureQueriesContext(connection) as few:
        rows(client)
    for _ in range(5):
        appeal_at("2026-11-17T10:00+08:00", penalty_issued(ISSUED))
    with CaptureQueriesContext(connection) as many:
        rows(client)
    assert len(many) == len(few) <= 10
    counts = [query["sql"] for query in many if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_nobody_edits_adds_or_deletes_an_appeal(li, appeals):
    client = signed_in(li)
    appeal = appeals["free"]
    assert client.post(f"{QUEUE}add/", {}).status_code == 403
    assert client.post(f"{QUEUE}{appeal.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"{QUEUE}{appeal.pk}/change/", {"status": "approved"})
    appeal.refresh_from_db()
    assert appeal.status == "submitted"


def test_every_reason_has_a_text_in_both_languages():
    made = set(ReplyTemplate.objects.exclude(text_zh="").exclude(text_en="").values_list("verb", "reason_code"))
    assert made == {(verb, reason.value) for verb in ("approve", "reject", "ask") for reason in REASONS_OF[verb]}


@pytest.mark.parametrize(("group", "status"), [("reviewer", 302), ("ops", 403), ("auditor", 403)])
def test_reviewers_change_the_texts_and_others_only_read_them(group, status):
    template = ReplyTemplate.objects.get(verb="ask", reason_code="unclear")
    client = signed_in(member_of(group, "Zhao"))
    address = reverse("admin:appeals_replytemplate_change", args=[template.pk])
    assert client.get(address).status_code == 200
    words = {"verb": "ask", "reason_code": "unclear", "text_zh": "请说明。", "text_en": "Please explain."}
    assert client.post(address, words).status_code == status
    template.refresh_from_db()
    assert (template.text_en == "Please explain.") == (status == 302)


@pytest.mark.parametrize(
    ("verb", "reason", "text"), [("approve", "not_solved", "Why."), ("approve", "solved", "x" * 1001)]
)
def test_a_text_belongs_to_a_reason_of_its_decision_and_fits_into_a_message(li, verb, reason, text):
    before = set(ReplyTemplate.objects.values_list("pk", "verb", "reason_code", "text_en"))
    template = ReplyTemplate.objects.get(verb="approve", reason_code="solved")
    words = {"verb": verb, "reason_code": reason, "text_zh": "好。", "text_en": text}
    address = reverse("admin:appeals_replytemplate_change", args=[template.pk])
    assert signed_in(li).post(address, words).status_code == 200
    assert set(ReplyTemplate.objects.values_list("pk", "verb", "reason_code", "text_en")) == before


def test_the_index_shows_the_numbers_to_who_may_see_appeals_and_to_nobody_else(li, appeals):
    cache.clear()
    with freeze_time(when(NOW)):
        shown = signed_in(li).get("/admin/")
        hidden = signed_in(member_of_no_group()).get("/admin/")
    (desk,) = (desk for desk in shown.context["desks"] if desk["name"] == "appeal")
    numbers = desk["numbers"]
    assert (numbers.waiting, numbers.due_today, numbers.overdue, numbers.further) == (5, 1, 1, {"more_wanted": 1})
    assert desk["mine"] == 1
    assert "Complaint not handled in time" in text_of(shown)
    assert hidden.context["desks"] == []
    assert "Approved in the last 90 days" not in text_of(hidden)
    cache.clear()


def member_of_no_group():
    user = member_of("reviewer", "Zhao")
    user.groups.clear()
    return user


def test_the_numbers_are_counted_once_a_minute(li, appeals):
    cache.clear()
    client = signed_in(li)
    with freeze_time(when(NOW)):
        client.get("/admin/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/admin/")
    assert not [query for query in queries if "appeals_appeal" in query["sql"] and "decided_at" in query["sql"]]
    cache.clear()
