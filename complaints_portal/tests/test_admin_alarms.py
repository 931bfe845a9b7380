"""Every page of admin is red while an alarm lasts, for whoever may control the sweeps, and for nobody else."""

import pytest
from django.test import Client

from complaints.tests.factories import make_user, moment
from deadlines.models import AlarmLetter, SweepAlarm
from deadlines.tests.ops import make_ops

pytestmark = pytest.mark.django_db
BACKEND = "merchants.backends.PeopleBackend"
NOON = moment("2026-03-10T12:00+08:00")


def page_of(user):
    client = Client(headers={"Accept-Language": "en"})
    client.cookies["portal_language"] = "en"
    client.force_login(user, backend=BACKEND)
    return client.get("/admin/").content.decode()


@pytest.fixture
def alarm():
    return SweepAlarm.objects.create(kind="handle", why="silent", began_at=NOON, told_at=NOON)


def test_it_says_which_kind_why_and_since_when_and_leads_to_its_runs(alarm):
    page = page_of(make_ops("wang"))
    assert "Sweeps are late:" in page
    assert "handle a complaint: no run ends, noticed 2026-03-10 12:00 Beijing time" in page
    assert 'href="/admin/deadlines/sweeprun/desk/"' in page
    assert "has not left" not in page


def test_a_kind_that_is_on_time_again_is_not_said_to_be_late(alarm):
    SweepAlarm.objects.update(well_since=moment("2026-03-10T12:07+08:00"))
    page = page_of(make_ops("wang"))
    assert "Sweeps were late:" in page
    assert "no run ends" not in page
    assert "handle a complaint: noticed 2026-03-10 12:00 Beijing time, on time again since 2026-03-10 12:07" in page
    assert "the alarm ends when that has lasted 5 minutes" in page
    SweepAlarm.objects.create(kind="refund", why="paused", began_at=NOON, told_at=NOON)
    page = page_of(make_ops("li"))
    assert "Sweeps are late:" in page
    assert "pay a refund: paused, noticed 2026-03-10 12:00 Beijing time" in page


def test_it_says_that_the_mail_has_not_left(alarm):
    AlarmLetter.objects.create(
        alarm=alarm,
        occasion="begun",
        address="a@example.com",
        language="en",
        written_at=NOON,
        due_at=NOON,
        failures=2,
        outcome="Connection refused",
    )
    assert "Connection refused" in page_of(make_ops("wang"))


def test_nobody_else_sees_it_and_it_goes_when_the_alarm_ends(alarm):
    assert "Sweeps are late:" not in page_of(make_user("support", is_staff=True))
    SweepAlarm.objects.update(ended_at=NOON)
    assert "Sweeps are late:" not in page_of(make_ops("wang"))
