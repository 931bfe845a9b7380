"""Who else looks at a complaint: for half a minute, told to the other members, and never in the way of the page."""

import itertools
import time

import pytest
import redis

from common.actors import Actor, ActorKind
from complaints.tests.factories import moment
from complaints.tests.pages import patient_presence
from complaints.workspace import presence
from complaints.workspace.presence import Onlooker, look

NOON = moment("2026-03-10T12:00:00+08:00")
AT_30 = moment("2026-03-10T12:00:30+08:00")
JUST_BEFORE_30 = moment("2026-03-10T12:00:29.999+08:00")

_numbers = itertools.count(time.time_ns())


def a_member(name: str) -> Actor:
    return Actor(kind=ActorKind.MEMBER, name=name, id=next(_numbers), merchant_id=1)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setattr(presence._store, "failed_at", None)
    presence._redis.cache_clear()
    patient_presence()
    yield
    presence._redis.cache_clear()


@pytest.fixture
def case() -> int:
    """The number of a complaint that nobody looks at: presence asks for nothing else of it."""
    return next(_numbers)


def test_one_sees_the_others_and_not_oneself(case):
    wang, li = a_member("Wang Fang"), a_member("Li Lei")
    assert look(case, actor=wang, now=NOON) == []
    assert look(case, actor=li, writes="handling", now=NOON) == [Onlooker("Wang Fang")]
    assert look(case, actor=wang, now=NOON) == [Onlooker("Li Lei", "handling")]
    assert look(case + 1, actor=wang, now=NOON) == []


def test_who_was_not_heard_of_for_half_a_minute_is_gone(case):
    wang, li = a_member("Wang Fang"), a_member("Li Lei")
    look(case, actor=li, now=NOON)
    assert look(case, actor=wang, now=JUST_BEFORE_30) == [Onlooker("Li Lei")]
    assert look(case, actor=wang, now=AT_30) == []


def test_only_forms_that_there_are_can_be_written_in(case):
    wang, li = a_member("Wang Fang"), a_member("Li Lei")
    look(case, actor=li, writes="<script>", now=NOON)
    assert look(case, actor=wang, now=NOON) == [Onlooker("Li Lei")]


def test_redis_forgets_by_itself(case):
    look(case, actor=a_member("Li Lei"), now=NOON)
    assert 0 < presence._redis().ttl(f"portal:presence:{case}") <= 30


def test_without_redis_nobody_is_shown_and_it_is_left_alone_for_a_while(case, settings, monkeypatch):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    wang = a_member("Wang Fang")
    asked = []

    def away(_connection):
        asked.append(1)
        raise redis.ConnectionError("away")

    monkeypatch.setattr(presence._redis().connection_pool.connection_class, "connect", away)
    assert look(case, actor=wang, now=NOON) == []
    assert len(asked) == 1
    assert look(case, actor=wang, now=JUST_BEFORE_30) == []
    assert len(asked) == 1
    assert look(case, actor=wang, now=AT_30) == []
    assert len(asked) == 2
    # A clock that was put back does not silence it for longer.
    assert look(case, actor=wang, now=NOON) == []
    assert len(asked) == 3


def test_it_comes_back_with_redis(case, monkeypatch):
    monkeypatch.setattr(presence._store, "failed_at", NOON)
    wang, li = a_member("Wang Fang"), a_member("Li Lei")
    assert look(case, actor=li, now=NOON) == []
    look(case, actor=li, now=AT_30)
    assert look(case, actor=wang, now=AT_30) == [Onlooker("Li Lei")]
