"""Two people at the same moment, on two real connections; beside each, what happens without the lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from common.errors import IllegalMove, NotAllowed
from complaints.tests import racing
from complaints.tests.factories import make_user
from complaints.tests.racing import PATIENCE, outcome_of
from merchants import team
from merchants.models import Invitation, Membership, Merchant
from merchants.tests.people import INVITED, acting, invited, make_person, make_team, place_of

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 10


def collide(merchant: Merchant, *calls: Callable[[], Any]) -> list[Any]:
    """Hold the merchant until every call waits for it, then let go."""
    return racing.collide(Merchant.objects.filter(pk=merchant.pk), *calls)


def removals() -> tuple[Merchant, list[Callable[[], Any]]]:
    """Two account administrators, each about to remove the other."""
    merchant, wang = make_team()
    zhou = make_person(merchant, "Zhou", is_administrator=True)
    pairs = ((wang, zhou), (zhou, wang))
    return merchant, [
        partial(team.remove_member, place_of(whom, merchant).pk, actor=acting(who, merchant), now=INVITED)
        for who, whom in pairs
    ]


def test_two_administrators_who_remove_each_other_leave_one():
    for number in range(ROUNDS):
        merchant, calls = removals()
        outcomes = collide(merchant, *(calls[::-1] if number % 2 else calls))
        refusals = [each for each in outcomes if each is not None]
        assert [type(each) for each in refusals] == [NotAllowed]
        assert Membership.objects.filter(merchant=merchant, is_administrator=True).count() == 1


def test_two_administrators_who_both_step_down_leave_one():
    merchant, wang = make_team()
    zhou = make_person(merchant, "Zhou", is_administrator=True)
    calls = [
        partial(team.remove_member, place_of(who, merchant).pk, actor=acting(who, merchant), now=INVITED)
        for who in (wang, zhou)
    ]
    (refusal,) = [each for each in collide(merchant, *calls) if each is not None]
    assert isinstance(refusal, IllegalMove)
    assert refusal.code == "last_administrator"
    assert Membership.objects.filter(merchant=merchant, is_administrator=True).count() == 1


def test_without_the_lock_they_leave_none(monkeypatch):
    """The control: each has looked before the other writes, and both remove."""
    merchant, calls = removals()
    both_have_looked = Barrier(2)
    refuse_last = team._refuse_last

    def look_and_wait(member: Membership) -> None:
        refuse_last(member)
        both_have_looked.wait(PATIENCE)

    monkeypatch.setattr(team, "_lock", lambda merchant_id: Merchant.objects.get(pk=merchant_id))
    monkeypatch.setattr(team, "_refuse_last", look_and_wait)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(outcome_of, calls))
    assert outcomes == [None, None]
    assert not Membership.objects.filter(merchant=merchant).exists()


def test_one_link_lets_one_of_two_people_in():
    for _round in range(ROUNDS):
        merchant, wang = make_team()
        token = team.token_of(invited(merchant, wang))
        outcomes = collide(merchant, *(partial(team.accept, token, make_user(), now=INVITED) for _ in range(2)))
        (refusal,) = [each for each in outcomes if isinstance(each, Exception)]
        assert isinstance(refusal, IllegalMove)
        assert refusal.code == "used"
        assert Membership.objects.filter(merchant=merchant).count() == 2


def test_without_the_lock_one_link_lets_two_people_in(monkeypatch):
    """The control: both have opened the link before either has used it."""
    merchant, wang = make_team()
    token = team.token_of(invited(merchant, wang))
    both_have_looked = Barrier(2)
    opened = team.opened

    def open_and_wait(token: str, **when: Any) -> Invitation:
        invitation = opened(token, **when)
        both_have_looked.wait(PATIENCE)
        return invitation

    monkeypatch.setattr(team, "_lock", lambda merchant_id: None)
    monkeypatch.setattr(team, "opened", open_and_wait)
    calls = [partial(team.accept, token, make_user(), now=INVITED) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(outcome_of, calls))
    assert all(isinstance(each, Membership) for each in outcomes)
    assert Membership.objects.filter(merchant=merchant).count() == 3


def test_withdrawing_and_joining_at_once_leaves_one_of_the_two():
    for number in range(ROUNDS):
        merchant, wang = make_team()
        invitation = invited(merchant, wang)
        calls: list[Callable[[], Any]] = [
            partial(team.withdraw, invitation.pk, actor=acting(wang, merchant), now=INVITED),
            partial(team.accept, team.token_of(invitation), make_user(), now=INVITED),
        ]
        outcomes = collide(merchant, *(calls[::-1] if number % 2 else calls))
        assert len([each for each in outcomes if isinstance(each, IllegalMove)]) == 1
        invitation.refresh_from_db()
        assert (invitation.accepted_at is None) != (invitation.withdrawn_at is None)
