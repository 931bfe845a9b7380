"""What members choose, and when a mail may leave: quiet times and daily mails as timetables in Beijing."""

from datetime import UTC

import pytest

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.tests.factories import moment
from merchants.models import Grant
from notifications.choices import after_quiet, choice_of, mail_due_at, own_choice
from notifications.models import Kind, Letter, NoticeChoice
from notifications.tests.making import chosen, happens, make_house, tell_at

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("happened", "leaves"),
    [
        ("2026-11-20T21:59:59.999999+08:00", "2026-11-20T21:59:59.999999+08:00"),
        ("2026-11-20T22:00+08:00", "2026-11-21T08:00+08:00"),
        ("2026-11-20T23:59:59.999999+08:00", "2026-11-21T08:00+08:00"),
        ("2026-11-21T00:00+08:00", "2026-11-21T08:00+08:00"),
        ("2026-11-21T07:59:59.999999+08:00", "2026-11-21T08:00+08:00"),
        ("2026-11-21T08:00+08:00", "2026-11-21T08:00+08:00"),
    ],
    ids=["just before", "at its begin", "before midnight", "at midnight", "just before its end", "at its end"],
)
def test_a_quiet_time_over_midnight(happened, leaves):
    choice = NoticeChoice(mail="instant", quiet_from=22, quiet_to=8)
    assert mail_due_at(choice, moment(happened).astimezone(UTC)) == moment(leaves)
    assert after_quiet(choice, moment(happened)) == moment(leaves)


@pytest.mark.parametrize(
    ("happened", "leaves"),
    [
        ("2026-11-20T11:59:59.999999+08:00", "2026-11-20T11:59:59.999999+08:00"),
        ("2026-11-20T12:00+08:00", "2026-11-20T14:00+08:00"),
        ("2026-11-20T14:00+08:00", "2026-11-20T14:00+08:00"),
    ],
)
def test_a_quiet_time_within_a_day(happened, leaves):
    assert mail_due_at(NoticeChoice(mail="instant", quiet_from=12, quiet_to=14), moment(happened)) == moment(leaves)


@pytest.mark.parametrize(
    ("happened", "leaves"),
    [
        ("2026-11-20T08:59:59.999999+08:00", "2026-11-20T09:00+08:00"),
        ("2026-11-20T09:00+08:00", "2026-11-21T09:00+08:00"),
        ("2026-11-20T09:00:00.000001+08:00", "2026-11-21T09:00+08:00"),
    ],
)
def test_a_daily_mail_leaves_at_the_next_hour_that_was_chosen(happened, leaves):
    assert mail_due_at(NoticeChoice(mail="digest", digest_hour=9), moment(happened)) == moment(leaves)


def test_a_daily_mail_in_the_quiet_time_waits_for_its_end():
    choice = NoticeChoice(mail="digest", digest_hour=6, quiet_from=22, quiet_to=8)
    assert mail_due_at(choice, moment("2026-11-20T12:00+08:00")) == moment("2026-11-21T08:00+08:00")


def test_who_never_chose_hears_all_in_the_page_and_what_is_urgent_by_mail():
    house = make_house()
    choice = choice_of(house.place(house.wang).pk)
    assert choice._state.adding
    assert (choice.mail, set(choice.bell_kinds)) == ("instant", set(Kind.values))
    assert set(choice.mail_kinds) == {"deadline", "penalty", "ruling", "refund"}


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("mail", {"mail": "sometimes"}),
        ("mail", {"bell_kinds": ["gossip"]}),
        ("digest_hour", {"digest_hour": 24}),
        ("digest_hour", {"digest_hour": -1}),
        ("quiet_to", {"quiet_from": 22}),
        ("quiet_to", {"quiet_to": 8}),
        ("quiet_to", {"quiet_from": 8, "quiet_to": 8}),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_changes(field, given):
    house = make_house()
    chosen(house.wang, house.merchant, digest_hour=7)
    before = NoticeChoice.objects.values().get()
    with pytest.raises(BadInput) as refusal:
        chosen(house.wang, house.merchant, **{"digest_hour": 11, **given})
    assert refusal.value.field == field
    assert NoticeChoice.objects.values().get() == before


def test_somebody_else_cannot_choose():
    house, other = make_house(), make_house("Wine House")
    stranger = Actor(ActorKind.MEMBER, "x", id=other.wang.pk, merchant_id=house.merchant.pk)
    with pytest.raises(NotAllowed):
        own_choice(stranger)
    assert not NoticeChoice.objects.exists()


class TestMailsThatWait:
    @pytest.fixture
    def house(self, at_once):
        house = make_house()
        chosen(house.wang, house.merchant, mail="digest", digest_hour=9)
        happens(house, "2026-11-20T10:00+08:00")
        happens(house, "2026-11-20T10:00+08:00", "complaint.confirmed")
        tell_at("2026-11-20T10:00+08:00")
        assert {letter.due_at for letter in Letter.objects.all()} == {moment("2026-11-21T09:00+08:00")}
        return house

    def test_they_follow_a_new_hour(self, house):
        chosen(house.wang, house.merchant, "2026-11-20T12:00+08:00", mail="digest", digest_hour=18)
        assert {letter.due_at for letter in Letter.objects.all()} == {moment("2026-11-20T18:00+08:00")}

    def test_they_leave_at_once_when_that_was_chosen(self, house):
        chosen(house.wang, house.merchant, "2026-11-20T12:00+08:00")
        assert {letter.due_at for letter in Letter.objects.all()} == {moment("2026-11-20T12:00+08:00")}

    def test_what_is_not_wanted_any_more_is_dropped(self, house):
        chosen(house.wang, house.merchant, "2026-11-20T12:00+08:00", mail_kinds=["message"])
        found = {letter.notice.kind: (letter.due_at is None, letter.outcome) for letter in Letter.objects.all()}
        assert found == {"message": (False, ""), "answer": (True, "not_wanted")}

    def test_no_mail_means_none(self, house):
        chosen(house.wang, house.merchant, "2026-11-20T12:00+08:00", mail="none")
        assert {letter.due_at for letter in Letter.objects.all()} == {None}

    def test_those_of_others_stay(self, house):
        li = house.member("Li", Grant.VIEW)
        chosen(li, house.merchant, "2026-11-20T12:00+08:00", mail="none")
        assert Letter.objects.filter(due_at=moment("2026-11-21T09:00+08:00")).count() == 2
