"""The queue of no-refund claims, the ruling templates, and the figures on the admin's index."""

from decimal import Decimal

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from freezegun import freeze_time

from complaints import services as complaints
from complaints.reviews.statistics import decision_hours, numbers
from complaints.tests.factories import consumer_actor, file_at, moment
from refunds import claims, services
from refunds.claims_desk_queries import ABOUT, ABOUT_IN_SQL, IS_ABOUT
from refunds.claims_statistics import CLAIMS
from refunds.models import NoRefundClaim, RulingTemplate
from refunds.reasons import REASONS_OF
from refunds.tests.desk import NOW, acting, contested_at, member_of, refusal_at, signed_in, text_of
from refunds.tests.making import claim_at, rule_at, staff

QUEUE = "/admin/refunds/norefundclaim/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def li():
    return member_of("reviewer", "Li")


@pytest.fixture
def wang():
    return member_of("reviewer", "Wang")


@pytest.fixture
def reviews(li, wang):
    """Seven reviews at NOW (Wednesday 2026-11-18, 10:00 Beijing), one for each way staff think of them."""
    at = {
        "free": "2026-11-17T10:00+08:00",
        "overdue": "2026-11-10T10:00+08:00",
        "today": "2026-11-13T10:00+08:00",
        "mine": "2026-11-17T11:00+08:00",
        "theirs": "2026-11-17T12:00+08:00",
        "lapsed": "2026-11-17T13:00+08:00",
        "decided": "2026-11-17T14:00+08:00",
    }
    made = {name: claim_at(submitted) for name, submitted in at.items()}
    services.claim(made["mine"].pk, actor=acting(li), now=moment(NOW))
    services.claim(made["theirs"].pk, actor=acting(wang), now=moment(NOW))
    gone = made["lapsed"].complaint
    complaints.cancel(gone.pk, reason="Solved.", actor=consumer_actor(gone), now=moment(NOW))
    rule_at(NOW, made["decided"], "accept", by=acting(wang))
    return made


def rows(client, **query):
    with freeze_time(moment(NOW)):
        response = client.get(QUEUE, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


@pytest.mark.parametrize(
    ("queue", "names"),
    [
        ("", ["overdue", "today", "free", "mine", "theirs"]),
        ("waiting", ["overdue", "today", "free", "mine", "theirs"]),
        ("no-such-way", ["overdue", "today", "free", "mine", "theirs"]),
        ("mine", ["mine"]),
        ("claimed", ["theirs"]),
        ("overdue", ["overdue"]),
        ("today", ["today"]),
        ("decided", ["decided"]),
        ("lapsed", ["lapsed"]),
        ("all", ["decided", "lapsed", "theirs", "mine", "today", "overdue", "free"]),
    ],
)
def test_the_queue_is_filtered_as_staff_think_what_is_due_first_comes_first(li, reviews, queue, names):
    given = {"queue": queue} if queue else {}
    assert rows(signed_in(li), **given) == [reviews[name] for name in names]


def test_the_queue_narrows_by_what_it_is_about_and_by_platform_and_finds_a_number(li, reviews):
    contest, refusal = contested_at("2026-11-17T10:00+08:00"), refusal_at("2026-11-17T10:00+08:00")
    client = signed_in(li)
    assert rows(client, about="contest") == [contest]
    assert rows(client, about="refusal") == [refusal]
    assert len(rows(client, about="handling")) == 5
    assert rows(client, merchant__platform__id__exact=contest.merchant.platform_id) == [contest]
    assert rows(client, q=contest.complaint.complaint_no) == [contest]
    assert rows(client, q=contest.complaint.complaint_no[:8], about="contest") == [contest]


def test_what_a_claim_is_about_is_the_same_for_the_code_and_the_database():
    made = [
        claim_at("2026-11-17T10:00+08:00"),
        contested_at("2026-11-17T10:00+08:00"),
        refusal_at("2026-11-17T10:00+08:00"),
    ]
    found = dict(NoRefundClaim.objects.annotate(code=ABOUT_IN_SQL).values_list("pk", "code"))
    assert [found[claim.pk] for claim in made] == [claims.about(claim) for claim in made]
    assert {claims.about(claim) for claim in made} == set(ABOUT) == set(IS_ABOUT)


def test_the_queue_says_what_is_overdue_provisional_and_in_whose_hands(li, reviews):
    NoRefundClaim.objects.filter(pk=reviews["free"].pk).update(is_provisional=True)
    with freeze_time(moment(NOW)):
        text = text_of(signed_in(li).get(QUEUE))
    assert text.count("<strong>overdue</strong>") == 1
    assert text.count("provisional") == 1
    assert "Wang, 0 s ago" in text


def test_a_longer_queue_asks_no_more_questions_and_counts_with_a_limit(li, reviews):
    client = signed_in(li)
    rows(client)
    with CaptureQueriesContext(connection) as few:
        rows(client)
    for _ in range(5):
        claim_at("2026-11-17T10:00+08:00")
    with CaptureQueriesContext(connection) as many:
        rows(client)
    assert len(many) == len(few) <= 10
    counts = [query["sql"] for query in many if "COUNT(" in query["sql"]]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_nobody_edits_adds_or_deletes_a_claim(li, reviews):
    client = signed_in(li)
    claim = reviews["free"]
    assert client.post(f"{QUEUE}add/", {}).status_code == 403
    assert client.post(f"{QUEUE}{claim.pk}/delete/", {"post": "yes"}).status_code == 403
    client.post(f"{QUEUE}{claim.pk}/change/", {"status": "accepted"})
    claim.refresh_from_db()
    assert claim.status == "submitted"


def test_every_reason_has_a_text_in_both_languages():
    made = set(RulingTemplate.objects.exclude(text_zh="").exclude(text_en="").values_list("verb", "reason_code"))
    assert made == {(verb, reason.value) for verb in ("accept", "overrule") for reason in REASONS_OF[verb]}


@pytest.mark.parametrize(("group", "status"), [("reviewer", 302), ("ops", 403), ("auditor", 403)])
def test_reviewers_change_the_texts_and_others_only_read_them(group, status):
    template = RulingTemplate.objects.get(verb="accept", reason_code="agreed")
    client = signed_in(member_of(group, "Zhao"))
    address = reverse("admin:refunds_rulingtemplate_change", args=[template.pk])
    assert client.get(address).status_code == 200
    words = {"verb": "accept", "reason_code": "agreed", "text_zh": "已协商。", "text_en": "Agreed."}
    assert client.post(address, words).status_code == status
    template.refresh_from_db()
    assert (template.text_en == "Agreed.") == (status == 302)


@pytest.mark.parametrize(
    ("verb", "reason", "text"), [("accept", "not_proven", "Why."), ("accept", "agreed", "x" * 1001)]
)
def test_a_text_belongs_to_a_reason_of_its_ruling_and_fits_into_a_message(li, verb, reason, text):
    before = set(RulingTemplate.objects.values_list("pk", "verb", "reason_code", "text_en"))
    template = RulingTemplate.objects.get(verb="accept", reason_code="agreed")
    words = {"verb": verb, "reason_code": reason, "text_zh": "好。", "text_en": text}
    address = reverse("admin:refunds_rulingtemplate_change", args=[template.pk])
    assert signed_in(li).post(address, words).status_code == 200
    assert set(RulingTemplate.objects.values_list("pk", "verb", "reason_code", "text_en")) == before


def figures(response):
    found = [desk for desk in response.context["desks"] if desk["name"] == "norefundclaim"]
    return found[0] if found else None


def test_the_index_shows_the_numbers_to_who_may_see_claims_and_to_nobody_else(li, reviews):
    cache.clear()
    stranger = member_of("reviewer", "Zhao")
    stranger.groups.clear()
    with freeze_time(moment(NOW)):
        shown = signed_in(li).get("/admin/")
        hidden = signed_in(stranger).get("/admin/")
    found = figures(shown)["numbers"]
    assert (found.waiting, found.due_today, found.overdue) == (5, 1, 1)
    assert figures(shown)["mine"] == 1
    assert "Overruled in the last 90 days" in text_of(shown)
    assert hidden.context["desks"] == []
    cache.clear()


def test_hours_to_a_ruling_count_from_the_submission_and_corrections_are_left_out():
    quick, slow = claim_at("2026-11-16T10:00+08:00"), claim_at("2026-11-16T10:00+08:00")
    rule_at("2026-11-16T11:00+08:00", quick, "accept")
    rule_at("2026-11-17T12:00+08:00", slow, "accept")  # eight hours of Monday, three of Tuesday
    now = moment("2026-11-18T10:00+08:00")
    assert sorted(decision_hours(CLAIMS, now=now)) == pytest.approx([1, 11])
    assert numbers(CLAIMS, now=now).median_hours == pytest.approx(6)
    wrong = services.Ruling(reason_code="decided_wrongly", message="Mixed up.")
    services.correct(slow.pk, wrong, actor=staff(), now=moment("2026-11-17T13:00+08:00"))
    assert decision_hours(CLAIMS, now=now) == pytest.approx([1])


def test_rates_are_by_subject_by_reason_and_by_reviewer():
    li, wang = staff("Li"), staff("Wang")
    at = "2026-11-17T10:00+08:00"
    for claim, verb, by in (
        (claim_at(at), "overrule", li),
        (claim_at(at), "accept", li),
        (claim_at(at), "accept", li),
        (contested_at(at), "overrule", wang),
    ):
        rule_at("2026-11-17T11:00+08:00", claim, verb, by=by)
    found = numbers(CLAIMS, now=moment(NOW))
    assert [(rate.label, rate.percent, rate.decided) for rate in found.grouped["about"]] == [
        ("handling", 33, 3),
        ("contest", 100, 1),
    ]
    assert [(rate.label, rate.decided) for rate in found.grouped["reason"]] == [("delivered", 2), ("not_proven", 2)]
    assert [(rate.percent, rate.decided) for rate in found.by_reviewer] == [(33, 3), (100, 1)]


def test_the_index_tells_shares_of_all_by_reason(li):
    cache.clear()
    for number, verb in enumerate(("overrule", "accept", "accept")):
        claim = claim_at("2026-11-17T10:00+08:00", file_at("2026-11-17T10:00+08:00", trade_amount=Decimal(number + 1)))
        rule_at("2026-11-17T11:00+08:00", claim, verb)
    with freeze_time(moment(NOW)):
        shown = signed_in(li).get("/admin/")
    tables = {str(table.heading): table for table in figures(shown)["tables"]}
    assert [(str(row.label), row.percent, row.decided) for row in tables["By reason"].rows] == [
        ("delivery or service is proven", 67, 2),
        ("the evidence does not prove it", 33, 1),
    ]
    assert [(str(row.label), row.percent) for row in tables["By subject"].rows] == [("handled without a refund", 33)]
    cache.clear()


def test_the_numbers_take_a_handful_of_questions(django_assert_max_num_queries):
    rule_at("2026-11-17T11:00+08:00", claim_at("2026-11-17T10:00+08:00"), "accept")
    with django_assert_max_num_queries(7):
        numbers(CLAIMS, now=moment(NOW))
