"""A handled complaint finishes by itself when its consumer stays silent for 168 hours, as a timetable."""

import pytest

from complaints.models import Complaint
from complaints.services import confirm, contest
from complaints.tests.factories import consumer_actor, file_at, handle_at, moment
from deadlines.models import Deadline
from deadlines.sweeping import Report, run_sweep
from notifications.models import Event

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
HANDLED = "2026-11-21T08:00Z"
JUST_BEFORE = "2026-11-28T07:59:59.999999Z"
SILENT_UNTIL = "2026-11-28T08:00:00Z"
JUST_AFTER = "2026-11-28T08:00:00.000001Z"
LATER = "2026-11-30T08:00Z"


@pytest.fixture
def complaint() -> Complaint:
    complaint = file_at(FILED)
    handle_at(HANDLED, complaint)
    return complaint


def sweep_at(at: str) -> Report:
    return run_sweep("finish", cut_off=moment(at), issued_at=moment(at), ran_by="test")


@pytest.mark.parametrize(
    ("swept_at", "finished"),
    [(JUST_BEFORE, False), (SILENT_UNTIL, False), (JUST_AFTER, True)],
    ids=["a microsecond before", "at the very moment", "a microsecond after"],
)
def test_the_complaint_finishes_after_a_week_of_silence(complaint, swept_at, finished):
    sweep_at(swept_at)
    complaint.refresh_from_db()
    assert complaint.status == ("finished" if finished else "handled")
    assert complaint.ended_at == (moment(swept_at) if finished else None)
    assert Deadline.objects.filter(kind="finish").exists() is not finished
    assert Event.objects.filter(name="complaint.finished").count() == finished


def test_it_leaves_a_line_by_the_system(complaint):
    sweep_at(JUST_AFTER)
    line = complaint.history.get(verb="finish")
    assert (line.from_state, line.to_state, line.at) == ("handled", "finished", moment(JUST_AFTER))
    assert (line.actor_kind, line.actor_name) == ("system", "system")


def test_it_finishes_once(complaint):
    assert sweep_at(LATER).acted == 1
    assert sweep_at(LATER).examined == 0
    assert complaint.history.filter(verb="finish").count() == 1


@pytest.mark.parametrize(("verb", "status"), [("confirm", "finished"), ("contest", "in_review")])
@pytest.mark.parametrize("answered_at", [SILENT_UNTIL, JUST_AFTER], ids=["at the very moment", "late, before a sweep"])
def test_an_answer_before_the_sweep_stands(complaint, verb, status, answered_at):
    actor, now = consumer_actor(complaint), moment(answered_at)
    if verb == "confirm":
        confirm(complaint.pk, actor=actor, now=now)
    else:
        contest(complaint.pk, reason="Nothing came.", actor=actor, now=now)
    report = sweep_at(LATER)
    assert report.acted == 0
    assert report.failed == 0
    complaint.refresh_from_db()
    assert complaint.status == status
    assert not complaint.history.filter(verb="finish").exists()
    assert not Deadline.objects.filter(kind="finish").exists()
