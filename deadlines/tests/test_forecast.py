"""What a merchant has to do by when, by the days of Beijing: before, at and after a moment, and at size."""

from datetime import date, timedelta

import pytest
from django.db import connection

from complaints.tests.factories import file_at, handle_at, make_program, moment
from deadlines.forecast import Due, due_by_day, forecast
from deadlines.models import Deadline
from deadlines.tests.explaining import plans_of
from merchants.models import MiniProgram
from refunds.tests.making import case_at

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00+08:00")
TODAY, TOMORROW = date(2026, 3, 10), date(2026, 3, 11)


@pytest.fixture
def program() -> MiniProgram:
    return make_program()


def due_at(program: MiniProgram, *ends: str, kind: str = "handle", points: int = 1) -> None:
    """Let clocks of a kind run until these moments."""
    first = (Deadline.objects.order_by("-subject_id").values_list("subject_id", flat=True).first() or 0) + 1
    Deadline.objects.bulk_create(
        Deadline(
            kind=kind,
            subject_id=first + number,
            complaint_id=first + number,
            merchant_id=program.merchant_id,
            mini_program=program,
            points=points,
            due_at=moment(end),
        )
        for number, end in enumerate(ends)
    )


def counted(program: MiniProgram, now=NOON) -> list[tuple[str, date, int, int]]:
    return [(each.kind, each.day, each.number, each.points) for each in due_by_day(program.merchant_id, now=now)]


class TestDueByDay:
    def test_the_verbs_clocks_are_counted_by_kind_and_day_with_their_points(self, program):
        file_at("2026-03-06T18:00+08:00", program)
        file_at("2026-03-06T23:00+08:00", program)
        file_at("2026-03-07T09:00+08:00", program)
        handle_at("2026-03-09T09:00+08:00", file_at("2026-03-06T19:00+08:00", program))
        case_at("2026-03-04T09:00+08:00", program=program)
        file_at("2026-03-06T18:00+08:00")  # another merchant's
        assert counted(program) == [("handle", TODAY, 2, 2), ("handle", TOMORROW, 1, 1), ("refund", TOMORROW, 1, 1)]

    def test_at_its_very_deadline_a_clock_still_counts_and_a_microsecond_later_it_is_missed(self, program):
        due_at(program, "2026-03-10T12:00+08:00")
        assert counted(program, moment("2026-03-10T11:59:59.999999+08:00"))
        assert counted(program, moment("2026-03-10T12:00+08:00"))
        assert not counted(program, moment("2026-03-10T12:00:00.000001+08:00"))

    def test_a_day_begins_at_midnight_in_beijing(self, program):
        due_at(program, "2026-03-10T15:59:59.999999Z", "2026-03-10T16:00Z", "2026-03-11T15:59:59Z")
        assert counted(program) == [("handle", TODAY, 1, 1), ("handle", TOMORROW, 2, 2)]

    def test_the_first_and_the_last_end_of_a_day(self, program):
        due_at(program, "2026-03-11T18:00+08:00", "2026-03-11T09:00+08:00", "2026-03-11T12:00+08:00")
        (due,) = due_by_day(program.merchant_id, now=NOON)
        assert (due.first_at, due.last_at) == (moment("2026-03-11T09:00+08:00"), moment("2026-03-11T18:00+08:00"))

    def test_only_what_a_merchant_stops_by_doing_something(self, program):
        for kind in Deadline.Kind.values:
            due_at(program, "2026-03-11T18:00+08:00", kind=kind, points=0)
        assert {kind for kind, *_ in counted(program)} == {"handle", "refund", "supplement"}

    def test_it_takes_one_statement_and_reads_an_index_of_the_merchant(self, program):
        other = make_program()
        days = [f"2026-03-{11 + number % 4}T{number % 24:02d}:00+08:00" for number in range(2000)]
        due_at(other, *days)
        due_at(program, *days[:400])
        due_at(program, *days, kind="appeal")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE deadlines_deadline")
        (plan,) = plans_of(lambda: due_by_day(program.merchant_id, now=NOON))
        assert "deadline_of_merchant" in plan
        assert "Seq Scan" not in plan


def due(kind: str, day: date, number: int, points: int, first: str, last: str = "") -> Due:
    return Due(kind, day, number, points, moment(first), moment(last or first))


class TestForecast:
    def test_seven_days_from_today_and_what_lies_behind_them(self):
        last, behind = date(2026, 3, 16), date(2026, 3, 17)
        found = forecast(
            [
                due("handle", TODAY, 2, 2, "2026-03-10T18:00+08:00"),
                due("refund", last, 1, 1, "2026-03-16T23:59+08:00"),
                due("refund", behind, 1, 1, "2026-03-17T00:00+08:00"),
            ],
            [due("appeal", TODAY, 5, 0, "2026-03-10T13:00+08:00")],
            now=NOON,
        )
        assert [day.day for day in found.days] == [TODAY + timedelta(days=number) for number in range(7)]
        assert [(day.number, day.points) for day in found.days] == [(7, 2), *[(0, 0)] * 5, (1, 1)]
        assert set(found.days[0].due) == {"handle", "appeal"}
        assert [each.day for each in found.later] == [behind]
        assert (found.most, found.points) == (7, 3)

    def test_the_days_are_beijings_also_when_it_is_still_yesterday_elsewhere(self):
        assert forecast([], now=moment("2026-03-09T16:00Z")).days[0].day == TODAY
        assert forecast([], now=moment("2026-03-09T15:59:59Z")).days[0].day == date(2026, 3, 9)

    def test_the_risk_is_what_is_due_by_the_end_of_tomorrow(self):
        found = forecast(
            [
                due("handle", TODAY, 2, 2, "2026-03-10T18:00+08:00", "2026-03-10T20:00+08:00"),
                due("refund", TOMORROW, 1, 1, "2026-03-11T09:00+08:00"),
                due("handle", date(2026, 3, 12), 9, 9, "2026-03-12T00:00+08:00"),
            ],
            now=NOON,
        )
        assert found.risk is not None
        assert (found.risk.number, found.risk.points) == (3, 3)
        assert found.risk.last_at == moment("2026-03-11T09:00+08:00")
        assert found.next_at == moment("2026-03-10T18:00+08:00")

    def test_the_last_moment_is_that_of_what_costs_points(self):
        costly = due("handle", TODAY, 1, 1, "2026-03-10T18:00+08:00")
        free = due("supplement", TOMORROW, 1, 0, "2026-03-11T18:00+08:00")
        both, alone = forecast([costly, free], now=NOON).risk, forecast([free], now=NOON).risk
        assert both is not None
        assert alone is not None
        assert (both.last_at, alone.last_at) == (costly.last_at, free.last_at)

    def test_a_window_that_closes_is_nobodys_duty(self):
        found = forecast([], [due("appeal", TODAY, 1, 0, "2026-03-10T18:00+08:00")], now=NOON)
        assert (found.next_at, found.risk) == (None, None)

    def test_without_clocks_there_is_nothing(self):
        found = forecast([], now=NOON)
        assert (found.next_at, found.risk, found.most, found.points, found.later) == (None, None, 0, 0, [])
