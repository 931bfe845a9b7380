"""Admin shows records and changes none; its lists ask the database a handful of questions, however long they are."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIRequestFactory

from common.admin import NeverEdited, RecordAdmin
from common.counting import CAP
from complaints.models import Complaint
from complaints.tests.factories import file_at, handle_at, make_member, make_merchant, make_program, make_user
from complaints_portal.admin_site import PortalAdminSite
from deadlines.models import Deadline, Extended, Extension, OpsLine, PolicyChange, SweepControl, SweepRun
from deadlines.sweeping import run_sweep
from evidence.models import Evidence
from merchants.authentication import ApiKeyAuthentication
from merchants.models import ApiKey, Grant, User
from notifications.models import Event
from penalties.models import Amnesty, Penalty
from refunds.models import FundTransfer, GuaranteeAccount, Refund, RefundCase, RefundedTrade, TopUp

FILED = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
MONEY = (RefundCase, Refund, RefundedTrade, GuaranteeAccount, TopUp, FundTransfer)
OPS = (SweepControl, OpsLine, PolicyChange, Extension, Extended, Amnesty)
RECORDS = (Complaint, Penalty, Deadline, SweepRun, Evidence, Event, *MONEY, *OPS)

pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser(client):
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return user


@pytest.fixture
def cases():
    """Three merchants with two complaints each: one handled, one missed and penalised."""
    for number in range(3):
        program = make_program(merchant=make_merchant())
        handle_at(FILED + timedelta(hours=1), file_at(FILED, program), method="shipped")
        file_at(FILED + timedelta(minutes=number), program)
    run_sweep("handle", cut_off=FILED + timedelta(days=6), issued_at=FILED + timedelta(days=6), ran_by="test")


def page(model, name="changelist", *arguments):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=arguments)


def queries_of(client, address):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(address)
    assert response.status_code == 200
    return [query["sql"] for query in queries]


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda model: model._meta.label)
def test_every_list_opens(client, superuser, cases, model):
    assert client.get(page(model)).status_code == 200


def test_what_can_only_be_looked_at_is_looked_at_in_chinese_too(client, superuser):
    shown = client.get("/admin/", headers={"accept-language": "zh-hans"}).content.decode()
    said = set(re.findall(r'class="viewlink"[^>]*>([^<]+)</a>', shown))
    assert said == {"查看"}  # and not 视图, which is a set of filters


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model._meta.label)
def test_a_list_of_records_asks_at_most_eight_questions_and_counts_with_a_limit(client, superuser, cases, model):
    queries = queries_of(client, page(model))
    assert len(queries) <= 8, queries
    counts = [sql for sql in queries if "COUNT(" in sql and model._meta.db_table in sql]
    assert counts
    assert all("LIMIT" in sql for sql in counts)


def test_a_longer_list_asks_no_more_questions(client, superuser, cases):
    before = len(queries_of(client, page(Complaint)))
    for _ in range(10):
        file_at(FILED, make_program())
    assert len(queries_of(client, page(Complaint))) == before


def test_a_count_stops_at_the_cap_and_the_page_says_so(client, superuser):
    SweepRun.objects.bulk_create(
        SweepRun(kind="handle", cut_off=FILED, issued_at=FILED, started_at=FILED, ran_by="test") for _ in range(CAP + 5)
    )
    response = client.get(page(SweepRun), headers={"accept-language": "en"})
    assert f"Sweep runs: more than {CAP}; the first {CAP} are shown." in response.content.decode()


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model._meta.label)
def test_records_are_shown_and_never_edited_added_or_deleted(client, superuser, cases, model):
    row = model.objects.order_by("pk").first()
    if row is not None:
        shown = client.get(page(model, "change", row.pk))
        assert shown.status_code == 200
        assert 'name="_save"' not in shown.content.decode()
        assert client.post(page(model, "change", row.pk), {"status": "finished"}).status_code == 403
        assert client.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert model.objects.filter(pk=row.pk).exists()
    assert client.post(page(model, "add"), {}).status_code == 403


def test_no_model_that_verbs_write_is_registered_for_editing():
    editable = {
        model for model, model_admin in admin.site._registry.items() if not isinstance(model_admin, NeverEdited)
    }
    assert editable.isdisjoint(RECORDS)
    assert all(isinstance(admin.site._registry[model], RecordAdmin) for model in RECORDS)


def test_a_complaint_shows_its_handling_and_its_history(client, superuser, cases):
    complaint = Complaint.objects.exclude(status="pending").earliest("pk")
    text = client.get(page(Complaint, "change", complaint.pk)).content.decode()
    assert "Sent again." in text
    assert text.count("has_original") >= 3  # a handling, and the lines for filing and handling


@pytest.mark.parametrize("model", [Complaint, Penalty])
def test_search_takes_a_number_or_its_beginning_and_uses_the_index(client, superuser, cases, model):
    row = model.objects.latest("pk")
    number = str(row)
    for text in (number, number[:10]):
        assert number in client.get(page(model), {"q": text}).content.decode()
    assert number not in client.get(page(model), {"q": "2031"}).content.decode()
    with connection.cursor() as cursor:
        column = f"{model._meta.model_name}_no"
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT 1 FROM {model._meta.db_table} WHERE {column}::text LIKE %s", [f"{number}%"])
        assert "Index" in str(cursor.fetchall())


def test_the_sign_in_is_the_products_own(client):
    response = client.get(reverse("admin:index"), follow=True)
    assert response.redirect_chain[-1][0] == f"{reverse('account_login')}?next=/admin/"


def test_a_login_never_leads_to_another_site(client, superuser):
    response = client.get(reverse("admin:login"), {"next": "https://evil.example/"})
    assert response.headers["Location"] == reverse("admin:index")


def test_a_member_is_refused_and_not_sent_around_in_circles(client):
    client.force_login(make_member(make_merchant(), Grant.VIEW), backend="merchants.backends.PeopleBackend")
    assert client.get(reverse("admin:index"), follow=True).status_code == 403


def test_staff_without_rights_see_no_records(client, cases):
    staff = make_user(is_staff=True)
    client.force_login(staff, backend="merchants.backends.PeopleBackend")
    assert client.get(reverse("admin:index")).status_code == 200
    assert client.get(page(Complaint)).status_code == 403
    assert client.get(page(User)).status_code == 403


def test_a_new_keys_text_is_shown_once_and_opens_the_api(client, superuser):
    merchant = make_merchant()
    given = {"name": "Till", "platform": merchant.platform_id, "merchant": merchant.pk, "grants": ["view"]}
    response = client.post(page(ApiKey, "add"), given)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    (text,) = re.findall(r"cpk_[0-9a-f]+_[\w-]+", response.content.decode())
    key = ApiKey.objects.get()
    assert (key.name, key.merchant, key.grants) == ("Till", merchant, ["view"])
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {text}"})
    found = ApiKeyAuthentication().authenticate(request)
    assert found is not None
    assert found[0].actor.merchant_id == merchant.pk
    assert text not in client.get(page(ApiKey)).content.decode()
    assert text not in client.get(page(ApiKey, "change", key.pk)).content.decode()


def test_a_key_for_a_merchant_of_another_platform_is_refused(client, superuser):
    given = {"name": "Till", "platform": make_merchant().platform_id, "merchant": make_merchant().pk}
    assert client.post(page(ApiKey, "add"), given).status_code == 200
    assert not ApiKey.objects.exists()


def test_chosen_keys_are_revoked_and_a_second_time_refused(client, superuser):
    merchant = make_merchant()
    client.post(page(ApiKey, "add"), {"name": "Till", "platform": merchant.platform_id})
    key = ApiKey.objects.get()
    chosen = {"action": "revoke", "_selected_action": [key.pk]}
    client.post(page(ApiKey), chosen)
    key.refresh_from_db()
    revoked_at = key.revoked_at
    assert revoked_at is not None
    client.post(page(ApiKey), chosen)
    key.refresh_from_db()
    assert key.revoked_at == revoked_at


def test_people_are_not_deleted(client, superuser):
    somebody = make_user()
    assert client.post(page(User, "delete", somebody.pk), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=somebody.pk).exists()


def test_the_site_is_ours_and_follows_the_chosen_theme(client, superuser):
    assert type(admin.site._wrapped) is PortalAdminSite  # type: ignore[attr-defined]  # a lazy object has one
    client.cookies["theme"] = "dark"
    text = client.get(reverse("admin:index")).content.decode()
    assert 'tokens-dark.css" media="screen"' in text
    assert "dark_mode.css" not in text
