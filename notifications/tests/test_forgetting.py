"""Notices and what became of them are forgotten after ninety days; the events stay."""

import pytest

from complaints.tests.factories import moment
from notifications import tasks
from notifications.forgetting import forget_old
from notifications.models import Event, Kind, Letter, Notice, RobotCall
from notifications.tests.making import chosen, happens, make_house, tell_at
from notifications.tests.test_telling import make_robot

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]

HAPPENED = "2026-08-22T10:00+08:00"


@pytest.fixture
def house():
    house = make_house()
    chosen(house.wang, house.merchant)
    make_robot(house, kinds=Kind.values)
    return house


@pytest.mark.parametrize(
    ("at", "left"),
    [("2026-11-20T09:59:59.999999+08:00", 1), ("2026-11-20T10:00+08:00", 1), ("2026-11-20T10:00:00.000001+08:00", 0)],
)
def test_ninety_days_before_at_and_after(house, at, left):
    happens(house, HAPPENED)
    tell_at(HAPPENED)
    assert forget_old(now=moment(at)) == 1 - left
    assert Notice.objects.count() == Letter.objects.count() == RobotCall.objects.count() == left
    assert Event.objects.count() == 1


def test_in_batches_the_oldest_first_and_no_younger_one(house, django_assert_max_num_queries):
    for day in range(1, 6):
        happens(house, f"2026-08-0{day}T10:00+08:00", complaint_no=str(day))
    happens(house, "2026-11-19T10:00+08:00", complaint_no="young")
    tell_at("2026-11-19T10:00+08:00")
    with django_assert_max_num_queries(8):
        assert forget_old(now=moment("2026-11-20T10:00+08:00"), batch=2) == 2
    assert [each.payload["complaint_no"] for each in Notice.objects.order_by("pk")] == ["3", "4", "5", "young"]
    assert forget_old(now=moment("2026-11-20T10:00+08:00"), batch=2) == 2
    assert forget_old(now=moment("2026-11-20T10:00+08:00"), batch=2) == 1
    assert forget_old(now=moment("2026-11-20T10:00+08:00"), batch=2) == 0


def test_tasks_do_what_they_say(house, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    settings.ROBOT_HOSTS = []
    happens(house, "2020-01-01T10:00+08:00")
    assert tasks.tell_members() == 1
    assert tasks.mail_letters() == 0, "it is no news any more"
    assert tasks.speak_to_robots() == 0
    assert tasks.forget_notices() == 1
    assert not Notice.objects.exists()
