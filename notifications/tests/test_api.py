"""Following events through the API. A reader sees what is committed, so these tests commit."""

from typing import Any

import pytest

from complaints.tests.calling import Caller, merchant_caller, platform_caller
from complaints.tests.factories import file_at, handle_at, make_merchant, make_program
from merchants.models import Grant, MiniProgram

EVENTS = "/api/v1/events/"


@pytest.fixture
def program(db: None) -> MiniProgram:
    return make_program()


def read(caller: Caller, after: str = "", limit: int = 100) -> tuple[list[tuple[str, str]], str]:
    """Return names and complaint numbers of a stretch of events, and where to go on."""
    answer = caller.get(EVENTS, data={"after": after, "limit": limit})
    assert answer.status_code == 200, answer.content
    events: list[dict[str, Any]] = answer.json()["events"]
    return [(event["name"], event["payload"]["complaint_no"]) for event in events], answer.json()["next"]


@pytest.mark.django_db(transaction=True)
class TestStream:
    def test_it_is_read_in_order_in_stretches_and_goes_on_where_it_stopped(self, program):
        caller = platform_caller(program.platform)
        first, second = (file_at("2026-11-20T02:00Z", program) for _ in range(2))
        handle_at("2026-11-20T03:00Z", first)

        events, position = read(caller, limit=2)
        assert events == [("complaint.filed", first.complaint_no), ("complaint.filed", second.complaint_no)]
        events, position = read(caller, position, limit=2)
        assert events == [("complaint.handled", first.complaint_no), ("refund.succeeded", first.complaint_no)]
        assert read(caller, position) == ([], position)

        handle_at("2026-11-20T04:00Z", second)
        assert read(caller, position, limit=1)[0] == [("complaint.handled", second.complaint_no)]
        assert read(caller, position)[0][1:] == [("refund.succeeded", second.complaint_no)]

    def test_each_sees_its_own(self, program):
        own = file_at("2026-11-20T02:00Z", program)
        neighbour = file_at("2026-11-20T02:00Z", make_program(merchant=make_merchant(platform=program.platform)))
        file_at("2026-11-20T02:00Z")

        assert read(merchant_caller(program.merchant))[0] == [("complaint.filed", own.complaint_no)]
        assert read(platform_caller(program.platform))[0] == [
            ("complaint.filed", own.complaint_no),
            ("complaint.filed", neighbour.complaint_no),
        ]
        assert read(merchant_caller(program.merchant, Grant.HANDLE))[0] == []


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("after=x", "after"),
        ("after=1", "after"),
        ("after=-1", "after"),
        ("after=1-2-3", "after"),
        ("after=" + "9" * 41, "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
    ],
)
def test_a_position_that_nobody_gave_is_refused(program, query, parameter):
    answer = platform_caller(program.platform).get(f"{EVENTS}?{query}")

    assert answer.status_code == 400
    assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


@pytest.mark.parametrize(
    "after", ["9999999999999999999-1", "1-9999999999999999999", "99999999999999999999-99999999999"]
)
def test_a_position_beyond_all_numbers_is_the_end_or_refused_and_no_fault(program, after):
    assert platform_caller(program.platform).get(f"{EVENTS}?after={after}").status_code in (200, 400)


def test_without_a_key_there_are_no_events(client, db):
    assert client.get(EVENTS).status_code == 401
