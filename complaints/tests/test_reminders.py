"""Reminders before deadlines, as timetables: each step once, by the moment that holds then. Beijing time throughout."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appeals.tests.making import ASK, appeal_at, decide_at, make_reviewer, penalty_issued
from complaints.reminders import READER, remind
from complaints.tasks import remind_members
from complaints.tests.factories import file_at, handle_at, make_program, moment
from complaints.tests.racing import collide
from deadlines.models import Deadline, WorkDay
from notifications.liveness import still_true, worth_sending
from notifications.models import Event, Notice, Watermark
from notifications.telling import tell
from notifications.tests.making import _at_once as at_once  # noqa: F401 (a fixture)
from refunds import services as refunds
from refunds.tests.conftest import gateway as fake_gateway  # noqa: F401 (a fixture)
from refunds.tests.fakes import FAILED
from refunds.tests.making import case_at, refund_at

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T10:00+08:00"
DUE = "2026-11-24T10:00+08:00"
MINUTE = timedelta(minutes=1)


def begin(at: str) -> None:
    """The last run was at this moment."""
    Watermark.objects.update_or_create(name=READER, defaults={"at": moment(at) - MINUTE})


def run(at: str) -> int:
    return remind(now=moment(at))


def told() -> list[tuple[str, int]]:
    """What was reminded of so far: the kind of clock and the step."""
    events = Event.objects.filter(name="deadline.near").order_by("pk")
    return [(event.payload["kind"], event.payload["hours"]) for event in events]


@pytest.mark.parametrize(
    ("at", "steps"),
    [
        ("2026-11-22T10:00:59.999999+08:00", []),
        ("2026-11-22T10:01+08:00", [("handle", 48)]),
        ("2026-11-22T10:02+08:00", [("handle", 48)]),
    ],
    ids=["a microsecond before", "at the step, a minute later as sweeps", "after"],
)
def test_two_days_before_a_deadline(at, steps):
    complaint = file_at(FILED)
    assert complaint.handle_by == moment(DUE)
    begin("2026-11-22T09:00+08:00")
    run(at)
    assert told() == steps


def test_every_step_once_in_a_run_a_minute_until_the_deadline_is_past():
    """Minute by minute around each step and the deadline; between them a run in the middle of each hour."""
    file_at(FILED)
    begin("2026-11-20T10:00+08:00")
    first = moment("2026-11-20T10:01+08:00")
    around = [moment(DUE) - timedelta(hours=step) for step in (48, 24, 6, 1, 0)]
    steps = {}
    for at in (first + number * MINUTE for number in range(97 * 60)):
        if (at.minute == 30 or any(abs(at - step) <= 5 * MINUTE for step in around)) and remind(now=at):
            steps[at] = told()[-1][1]
    assert len(told()) == len(steps)
    assert steps == {
        moment("2026-11-22T10:01+08:00"): 48,
        moment("2026-11-23T10:01+08:00"): 24,
        moment("2026-11-24T04:01+08:00"): 6,
        moment("2026-11-24T09:01+08:00"): 1,
    }


def test_it_says_what_the_clock_is_about_when_it_ends_what_it_costs_and_that_the_day_is_a_holiday():
    complaint = file_at("2026-09-27T10:00+08:00")
    WorkDay.objects.update_or_create(
        day="2026-10-01", defaults={"is_working": False, "name": "国庆节", "source": "test"}
    )
    begin("2026-09-30T09:00+08:00")
    assert run("2026-09-30T10:01+08:00") == 1
    event = Event.objects.get(name="deadline.near")
    assert (event.merchant_id, event.subject_id) == (complaint.merchant_id, complaint.pk)
    assert event.payload == {
        "complaint_no": complaint.complaint_no,
        "kind": "handle",
        "due_at": "2026-10-01T02:00:00+00:00",
        "hours": 24,
        "points": 1,
        "holiday": "国庆节",
    }


def test_a_working_day_is_no_holiday():
    file_at("2026-09-16T10:00+08:00")
    WorkDay.objects.update_or_create(
        day="2026-09-20", defaults={"is_working": True, "name": "国庆节", "source": "a make-up working day"}
    )
    begin("2026-09-19T09:00+08:00")
    run("2026-09-19T10:01+08:00")
    assert Event.objects.get(name="deadline.near").payload["holiday"] == ""


class TestAnOutage:
    def test_of_a_day_tells_each_clock_once_by_its_nearest_step(self):
        file_at(FILED)
        begin("2026-11-22T09:00+08:00")
        assert run("2026-11-24T05:00+08:00") == 1
        assert told() == [("handle", 6)]
        assert run("2026-11-24T09:01+08:00") == 1
        assert told() == [("handle", 6), ("handle", 1)]

    @pytest.mark.parametrize(
        ("at", "number"), [("2026-11-24T09:59:59+08:00", 1), (DUE, 0), ("2026-11-24T10:01+08:00", 0)]
    )
    def test_that_ends_about_the_deadline_does_not_tell_of_what_is_past(self, at, number):
        file_at(FILED)
        begin("2026-11-22T09:00+08:00")
        assert run(at) == number

    def test_the_first_run_ever_begins_now(self):
        file_at(FILED)
        assert run("2026-11-24T05:00+08:00") == 0
        assert run("2026-11-24T09:01+08:00") == 1

    def test_a_clock_that_jumps_back_tells_nothing_twice(self):
        file_at(FILED)
        begin("2026-11-22T10:00+08:00")
        assert run("2026-11-22T10:05+08:00") == 1
        assert run("2026-11-22T10:00+08:00") == 0
        assert run("2026-11-22T10:06+08:00") == 0


class TestADeadlineThatMoves:
    """Ruled on Friday at 10:00, a refund is due on the next Friday at 10:00; it stops while it is processing."""

    RULED = "2026-11-20T10:00+08:00"

    @pytest.fixture
    def case(self, fake_gateway):  # noqa: F811 (the fixture)
        return case_at(self.RULED)

    def test_a_clock_that_stands_still_tells_nothing_and_runs_on_to_later_steps(self, case):
        begin("2026-11-25T09:00+08:00")
        run("2026-11-25T10:01+08:00")
        assert told() == [("refund", 48)]
        made = refund_at("2026-11-25T22:00+08:00", case, "128.00", channel="api")  # 36 hours are left
        assert run("2026-11-26T10:01+08:00") == 0, "it stands still"
        assert run("2026-11-28T22:00+08:00") == 0, "still"
        refunds.learn(made.pk, FAILED, now=moment("2026-11-28T22:00+08:00"))  # due on 30 November at 10:00
        case.refresh_from_db()
        assert case.refund_by == moment("2026-11-30T10:00+08:00")
        for at, number in (
            ("2026-11-28T22:01+08:00", 0),
            ("2026-11-29T10:00:59.999999+08:00", 0),
            ("2026-11-29T10:01+08:00", 1),
            ("2026-11-30T04:01+08:00", 1),
            ("2026-11-30T09:01+08:00", 1),
            ("2026-11-30T10:01+08:00", 0),
        ):
            assert run(at) == number, at
        assert told() == [("refund", hours) for hours in (48, 24, 6, 1)]
        event = Event.objects.filter(name="deadline.near").latest("pk")
        assert event.payload["case_no"] == case.case_no

    @pytest.mark.usefixtures("at_once")
    def test_a_reminder_on_its_way_is_dropped_when_the_clock_stops_and_when_it_runs_to_another_moment(self, case):
        begin("2026-11-25T09:00+08:00")
        run("2026-11-25T10:01+08:00")
        tell(now=moment("2026-11-25T10:01+08:00"))
        reminders = list(Notice.objects.filter(name="deadline.near"))
        assert still_true(reminders) == {reminders[0].pk}
        made = refund_at("2026-11-25T22:00+08:00", case, "128.00", channel="api")
        assert still_true(reminders) == set()
        refunds.learn(made.pk, FAILED, now=moment("2026-11-26T22:00+08:00"))
        assert still_true(reminders) == set(), "it speaks of a moment that holds no more"

    def test_a_deadline_that_is_put_off_crosses_the_step_again(self):
        file_at(FILED)
        begin("2026-11-23T09:00+08:00")
        run("2026-11-23T10:01+08:00")
        Deadline.objects.update(due_at=moment("2026-11-25T10:00+08:00"), is_provisional=False)
        assert run("2026-11-24T10:01+08:00") == 1
        assert told() == [("handle", 24), ("handle", 24)]

    def test_a_provisional_review_of_staff_is_nothing_that_a_merchant_is_reminded_of(self):
        complaint = file_at(FILED)
        handle_at(FILED, complaint, "shipped")
        assert set(Deadline.objects.values_list("kind", flat=True)) == {"review"}
        begin("2026-11-20T10:01+08:00")
        assert run("2026-11-26T10:01+08:00") == 0


class TestOtherClocks:
    def test_a_window_is_told_of_by_its_penalty_and_not_while_an_appeal_is_under_review(self):
        program = make_program()
        first, second = (penalty_issued("2026-11-20T10:00+08:00", program=program) for _ in range(2))
        begin("2026-11-25T10:00+08:00")
        appeal_at("2026-11-25T10:00+08:00", second)
        assert run("2026-11-25T10:01+08:00") == 1
        event = Event.objects.get(name="deadline.near")
        assert (event.subject_id, event.payload["penalty_no"], event.payload["points"]) == (
            first.pk,
            first.penalty_no,
            0,
        )

    def test_what_staff_ask_for_is_told_of_by_its_penalty(self):
        penalty = penalty_issued("2026-11-20T10:00+08:00")
        appeal = appeal_at("2026-11-20T11:00+08:00", penalty)
        decide_at("2026-11-20T12:00+08:00", "ask", appeal, ASK, by=make_reviewer())
        begin("2026-11-27T05:00+08:00")
        run("2026-11-27T06:01+08:00")
        events = {event.payload["kind"]: event.payload for event in Event.objects.filter(name="deadline.near")}
        assert events["supplement"]["penalty_no"] == penalty.penalty_no
        assert set(events) == {"supplement"}

    def test_a_handled_complaint_waits_for_nobody(self):
        handle_at("2026-11-20T11:00+08:00", file_at(FILED))
        begin("2026-11-22T09:00+08:00")
        assert run("2026-11-27T11:00+08:00") == 0


def test_the_steps_are_the_policys(policy_file):
    policy_file("[[policy]]\nsince = 2026-01-01T00:00:00Z\nreminder_hours = [72, 2]\n")
    file_at(FILED)
    begin("2026-11-20T10:00+08:00")
    for at in ("2026-11-21T10:01+08:00", "2026-11-22T10:01+08:00", "2026-11-23T10:01+08:00", "2026-11-24T08:01+08:00"):
        run(at)
    assert told() == [("handle", 72), ("handle", 2)]


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("at", "sent"), [("2026-11-24T09:59:59.999999+08:00", 1), (DUE, 1), ("2026-11-24T10:00:00.000001+08:00", 0)]
)
def test_a_reminder_is_not_sent_after_its_deadline_also_before_a_sweep(at, sent):
    file_at(FILED)
    begin("2026-11-24T08:00+08:00")
    run("2026-11-24T09:01+08:00")
    tell(now=moment("2026-11-24T09:01+08:00"))
    reminders = list(Notice.objects.filter(name="deadline.near"))
    assert len(worth_sending(reminders, now=moment(at))) == sent


def test_many_clocks_take_as_few_queries_as_one(django_assert_max_num_queries):
    program = make_program()
    for _ in range(30):
        file_at(FILED, program)
    begin("2026-11-22T09:00+08:00")
    with django_assert_max_num_queries(14):
        assert run("2026-11-22T10:01+08:00") == 30


def test_the_task_reads_the_clock():
    assert remind_members() == 0
    assert Watermark.objects.get(name=READER).at is not None


def test_a_machine_whose_clock_runs_ahead_reminds_of_nothing_early(monkeypatch):
    now = timezone.now()
    file_at(now - timedelta(hours=47))  # due in 49 hours
    Watermark.objects.update_or_create(name=READER, defaults={"at": now - MINUTE})
    monkeypatch.setattr("complaints.tasks.timezone.now", lambda: now + timedelta(hours=2))
    assert remind_members() == 0
    assert Watermark.objects.filter(name=READER, at__lt=now + timedelta(hours=1)).exists()  # the rest is still to come


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_remind_once():
    file_at(FILED)
    begin("2026-11-22T09:00+08:00")
    mark = Watermark.objects.filter(name=READER)
    assert sorted(collide(mark, lambda: run("2026-11-22T10:01+08:00"), lambda: run("2026-11-22T10:01+08:00"))) == [0, 1]
    assert told() == [("handle", 48)]
