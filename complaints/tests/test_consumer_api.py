"""The links to consumers' pages, for the platform's systems."""

import pytest
from django.core.cache import cache
from django.utils import translation
from freezegun import freeze_time

from complaints.consumer import links
from complaints.models import ConsumerLink
from complaints.tests.calling import COMPLAINTS, merchant_caller, platform_caller, sent
from complaints.tests.consumers import asked_at, phone
from complaints.tests.factories import make_merchant, make_platform, make_program, moment
from complaints.tests.pages import Shop, make_shop

pytestmark = pytest.mark.django_db

AT = "2026-03-02T09:00+08:00"
UNTIL = "2026-08-29T01:00:00Z"
PUBLIC = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def _clean():
    cache.clear()
    yield
    translation.activate("en")


@pytest.fixture
def shop() -> Shop:
    return make_shop("Tea House")


@pytest.fixture(params=["complaint", "consultation"])
def case(request, shop):
    return shop.files(AT) if request.param == "complaint" else asked_at(AT, shop.program)


def path_of(case, end: str = "") -> str:
    number = getattr(case, "complaint_no", None) or case.consultation_no
    return f"/api/v1/{case._meta.model_name}s/{number}/consumer-link/{end}"


def opens(url: str) -> int:
    with phone(AT) as client:
        return int(client.get(url.removeprefix(PUBLIC)).status_code)


@freeze_time(AT)
def test_the_platform_gets_the_link(shop, case):
    answer = platform_caller(shop.merchant.platform).get(path_of(case))
    assert answer.status_code == 200
    document = answer.json()
    assert document["consumer_url"].startswith(f"{PUBLIC}/c/")
    assert (document["good_until"], document["ended_at"]) == (UNTIL, None)
    assert opens(document["consumer_url"]) == 200
    assert not ConsumerLink.objects.exists()


@freeze_time(AT)
def test_renewing_kills_the_links_before_and_ending_kills_all_until_renewed(shop, case):
    platform = platform_caller(shop.merchant.platform)
    first = platform.get(path_of(case)).json()["consumer_url"]
    second = platform.post(path_of(case, "renew/")).json()["consumer_url"]
    assert (opens(first), opens(second)) == (409, 200)
    ended = platform.post(path_of(case, "end/")).json()
    assert (ended["consumer_url"], ended["good_until"]) == (None, None)
    assert ended["ended_at"] == "2026-03-02T01:00:00Z"
    assert platform.get(path_of(case)).json() == ended
    assert (opens(first), opens(second)) == (410, 410)
    third = platform.post(path_of(case, "renew/")).json()["consumer_url"]
    assert (opens(first), opens(second), opens(third)) == (409, 409, 200)


@freeze_time(AT)
def test_a_repeated_request_renews_once(shop, case):
    platform = platform_caller(shop.merchant.platform)
    first = platform.post(path_of(case, "renew/"), key="once")
    again = platform.post(path_of(case, "renew/"), key="once")
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert ConsumerLink.objects.get().version == 1


@freeze_time(AT)
@pytest.mark.parametrize("end", ["", "renew/", "end/"])
def test_nobody_else_gets_or_changes_it(shop, case, end):
    other = make_merchant(platform=shop.merchant.platform)
    for caller, status in (
        (merchant_caller(shop.merchant), 403),
        (merchant_caller(other), 404),
        (platform_caller(make_platform()), 404),
    ):
        answer = caller.post(path_of(case, end)) if end else caller.get(path_of(case))
        assert answer.status_code == status
        assert "/c/" not in answer.content.decode()
    assert not ConsumerLink.objects.exists()


@freeze_time(AT)
def test_filing_answers_with_the_link_also_the_second_time(shop):
    platform = platform_caller(shop.merchant.platform)
    document = sent(shop.program, upstream_id="CP-1")
    first, again = platform.file(document), platform.file(document)
    assert (first.status_code, again.status_code) == (201, 200)
    for answer in (first, again):
        assert opens(answer.json()["consumer_url"]) == 200
    number = first.json()["complaint_no"]
    platform.post(f"{COMPLAINTS}{number}/consumer-link/end/")
    assert platform.file(document).json()["consumer_url"] is None


@freeze_time(AT)
def test_no_other_answer_carries_the_link(shop):
    platform, merchant = platform_caller(shop.merchant.platform), merchant_caller(shop.merchant)
    number = platform.file(sent(shop.program)).json()["complaint_no"]
    for caller in (platform, merchant):
        for path in (COMPLAINTS, f"{COMPLAINTS}{number}/", "/api/v1/events/"):
            assert "/c/" not in caller.get(path).content.decode()


def test_a_link_is_of_one_case_though_both_have_the_same_number(shop):
    with freeze_time(AT):
        complaint, consultation = shop.files(AT), asked_at(AT, make_program(merchant=shop.merchant))
        type(consultation).objects.filter(pk=consultation.pk).update(id=complaint.pk)
        consultation = type(consultation).objects.get(pk=complaint.pk)
        for case in (complaint, consultation):
            token = links.token_of(case, now=moment(AT))
            opened = links.opened(token, now=moment(AT))
            assert opened.case == case
            assert type(opened.case) is type(case)
            assert opened.actor.case == f"{case._meta.model_name}:{case.pk}"
