"""When a member was last here: a visit ends after half an hour without a sign of life."""

import pytest

from complaints.tests.factories import moment
from merchants.models import Membership
from merchants.tests.people import make_person, make_team, place_of
from merchants.visits import note_visit

pytestmark = pytest.mark.django_db


def at(time: str):
    return moment(f"2026-03-10T{time}+08:00")


@pytest.fixture
def member() -> Membership:
    merchant, administrator = make_team()
    return place_of(administrator, merchant)


def seen(member: Membership, *times: str) -> list[str | None]:
    """Let the member come by at these times, each time with what the database says of them then."""
    found = []
    for time in times:
        ended = note_visit(Membership.objects.get(pk=member.pk), now=at(time))
        found.append(f"{ended.astimezone(at(time).tzinfo):%H:%M:%S}" if ended else None)
    return found


def test_on_the_first_visit_there_was_none_before():
    merchant, administrator = make_team()
    assert seen(place_of(administrator, merchant), "09:00", "09:10", "09:29") == [None, None, None]


@pytest.mark.parametrize(
    ("back_at", "before"),
    [("09:59:59.999999", None), ("10:00:00", None), ("10:00:00.000001", "09:30:00")],
)
def test_after_more_than_half_an_hour_a_new_visit_begins(member, back_at, before):
    assert seen(member, "09:00", "09:30", back_at)[-1] == before


def test_while_a_visit_goes_on_it_is_that_before_it_which_ended(member):
    times = ("09:00", "09:20", "14:00", "14:25", "14:50", "15:15", "18:00", "18:01")
    assert seen(member, *times) == [None, None, *["09:20:00"] * 4, *["15:15:00"] * 2]


def test_it_is_written_at_most_once_a_minute(member, django_assert_num_queries):
    note_visit(member, now=at("09:00"))
    with django_assert_num_queries(0):
        note_visit(member, now=at("09:00:59.999999"))
    with django_assert_num_queries(1):
        note_visit(member, now=at("09:01"))
    assert Membership.objects.get(pk=member.pk).visited_at == at("09:01")


def test_a_request_that_was_overtaken_changes_nothing(member):
    seen(member, "09:00", "10:00")
    assert seen(member, "09:59:30") == ["09:00:00"]
    assert Membership.objects.get(pk=member.pk).visited_at == at("10:00")


def test_it_changes_nothing_else_of_the_membership(member):
    stale = Membership.objects.get(pk=member.pk)
    Membership.objects.filter(pk=member.pk).update(grants=["view"], is_administrator=False)
    note_visit(stale, now=at("09:00"))
    member.refresh_from_db()
    assert (member.grants, member.is_administrator) == (["view"], False)


def test_each_merchant_is_visited_apart(member):
    other, _administrator = make_team("Other House")
    there = Membership.objects.create(merchant=other, user=member.user)
    seen(member, "09:00", "10:00")
    assert seen(there, "10:00") == [None]


def test_a_colleague_has_visits_of_their_own(member):
    seen(member, "09:00", "10:00")
    colleague = place_of(make_person(member.merchant, "Li Lei"), member.merchant)
    assert seen(colleague, "10:00") == [None]
