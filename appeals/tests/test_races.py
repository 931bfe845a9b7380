"""Two people at the same moment, on two real connections; beside each, what happens without the lock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from appeals import services
from appeals.models import Appeal
from appeals.tests.making import (
    APPROVE,
    ASK,
    REJECT,
    appeal_at,
    decide_at,
    make_reviewer,
    merchant_of,
    penalty_issued,
    staff,
    sweep,
)
from common.errors import Conflict, IllegalMove, PortalError
from complaints.models import HistoryLine
from complaints.tests.factories import make_picture, moment
from complaints.tests.racing import PATIENCE, collide, outcome_of, started, until_waiting
from deadlines.calendar import move_provisional_deadlines
from deadlines.calendar_import import publish_year, read_year
from deadlines.models import Deadline
from deadlines.tests.publishing import publish_the_known_years
from merchants.models import User
from penalties import services as penalties
from penalties.models import Penalty

pytestmark = pytest.mark.django_db(transaction=True)

ISSUED = moment("2026-11-02T10:00+08:00")
END = moment("2026-11-09T10:00+08:00")
MICROSECOND = timedelta(microseconds=1)
ROUNDS = 50


@pytest.fixture(autouse=True)
def _calendar(transactional_db):
    publish_the_known_years()


def decisions_of(appeal: Appeal) -> list[str]:
    lines = HistoryLine.objects.filter(noun="appeal", noun_id=appeal.pk, verb__in=["approve", "reject"])
    return list(lines.values_list("verb", flat=True))


def taken_over(appeal: Appeal, by: User, now: datetime) -> Appeal:
    services.claim(appeal.pk, actor=staff(by), now=now)
    return services.approve(appeal.pk, APPROVE, actor=staff(by), now=now)


CLAIMED, DECIDED = moment("2026-11-03T10:00+08:00"), moment("2026-11-03T12:30+08:00")
"""Li claims a review and leaves it for more than two hours; then Li rejects while Wang takes it over and approves."""


def test_two_reviewers_at_once_make_one_decision_and_the_other_is_refused_by_name():
    li, wang = make_reviewer("Li"), make_reviewer("Wang")
    winners = set()
    for number in range(ROUNDS):
        appeal = appeal_at(CLAIMED, penalty_issued(ISSUED))
        services.claim(appeal.pk, actor=staff(li), now=CLAIMED)
        calls = [
            lambda appeal=appeal: services.reject(appeal.pk, REJECT, actor=staff(li), now=DECIDED),
            lambda appeal=appeal: taken_over(appeal, wang, DECIDED),
        ]
        if number % 2:
            calls.reverse()
        outcomes = collide(Appeal.objects.filter(pk=appeal.pk), *calls)
        (refusal,) = [each for each in outcomes if isinstance(each, Exception)]
        (winner,) = [each for each in outcomes if isinstance(each, Appeal)]
        assert isinstance(refusal, Conflict)
        assert refusal.code in ("decided_already", "claimed_by_another")
        assert str(li if winner.status == "rejected" else wang) in str(refusal)
        assert len(decisions_of(appeal)) == 1
        appeal.refresh_from_db()
        penalty = Penalty.objects.get(pk=appeal.penalty_id)
        assert (appeal.status, penalty.status) in (("rejected", "in_effect"), ("approved", "revoked"))
        winners.add(winner.status)
    assert winners == {"rejected", "approved"}


def test_without_the_locks_two_reviewers_decide_the_same_appeal(monkeypatch):
    """The control: each has looked before the other writes, and both decide."""
    li, wang = make_reviewer("Li"), make_reviewer("Wang")
    appeal = appeal_at(CLAIMED, penalty_issued(ISSUED))
    services.claim(appeal.pk, actor=staff(li), now=CLAIMED)
    both_have_looked, li_has_looked = Barrier(2), Event()

    def look_at_penalty(penalty_id: int) -> Penalty:
        penalty = Penalty.objects.get(pk=penalty_id)
        both_have_looked.wait(PATIENCE)
        return penalty

    def look(appeal_id: int) -> Appeal:
        appeal = Appeal.objects.get(pk=appeal_id)
        li_has_looked.set()
        return appeal

    def wang_after_li() -> Appeal:
        li_has_looked.wait(PATIENCE)
        return taken_over(appeal, wang, DECIDED)

    monkeypatch.setattr(services, "_lock", look)
    monkeypatch.setattr(penalties, "lock", look_at_penalty)
    with started(lambda: services.reject(appeal.pk, REJECT, actor=staff(li), now=DECIDED), wang_after_li) as futures:
        outcomes = [future.result(timeout=PATIENCE) for future in futures]
    assert [type(outcome) for outcome in outcomes] == [Appeal, Appeal]
    assert sorted(decisions_of(appeal)) == ["approve", "reject"]


def moves_of(penalty: Penalty) -> list[str]:
    lines = HistoryLine.objects.filter(noun="penalty", noun_id=penalty.pk).order_by("id")
    return list(lines.values_list("verb", flat=True))


def test_an_appeal_at_the_very_end_and_the_closing_sweep_never_both_win():
    """Whoever has the penalty first wins: an appeal is never submitted to a window that is closed."""
    results = {"submitted": 0, "closed": 0}
    for number in range(ROUNDS * 2):
        penalty = penalty_issued(ISSUED)
        pictures = (make_picture(penalty.merchant),)
        together = Barrier(2)

        def submit(penalty=penalty, together=together, pictures=pictures):
            said = services.AppealInput(description="It came.", evidence=pictures, knowingly=True)
            together.wait(PATIENCE)
            return services.submit(penalty.pk, said, actor=merchant_of(penalty), now=END)

        def close(together=together, lead=number % 4):
            together.wait(PATIENCE)
            Event().wait(lead * 0.002)  # let the sweep come a little later in some rounds
            return sweep("appeal", END + MICROSECOND)

        with started(submit, close) as futures:
            answer, report = [future.result(timeout=PATIENCE) for future in futures]
        penalty.refresh_from_db()
        if isinstance(answer, Appeal):
            results["submitted"] += 1
            assert penalty.status == "under_appeal"
            assert moves_of(penalty)[:2] == ["issue", "appeal"]
            assert (penalty.window_closed_at is None) == (report.acted == 0)
        else:
            results["closed"] += 1
            assert isinstance(answer, IllegalMove)
            assert answer.code == "closed"
            assert (penalty.status, moves_of(penalty)) == ("in_effect", ["issue", "close_window"])
            assert not Appeal.objects.filter(penalty=penalty).exists()
        Deadline.objects.all().delete()
    assert sum(results.values()) == ROUNDS * 2


def test_a_sweep_passes_over_a_penalty_that_is_being_appealed_and_closes_it_the_next_time():
    penalty = penalty_issued(ISSUED)
    with transaction.atomic():
        appeal_at(END, penalty)
        with started(lambda: sweep("appeal", END + MICROSECOND)) as (future,):
            assert (future.result(timeout=PATIENCE).acted, future.result().in_use) == (0, 1)
    assert moves_of(penalty) == ["issue", "appeal"]
    assert sweep("appeal", END + MICROSECOND).acted == 1
    assert moves_of(penalty) == ["issue", "appeal", "close_window"]


def appeal_while_a_sweep_closes(penalty: Penalty) -> Any:
    """Let an appeal that came in time reach the penalty while the sweep that closes its window is not committed yet."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert sweep("appeal", END + MICROSECOND).acted == 1
            future = pool.submit(outcome_of, lambda: appeal_at(END, penalty))
            until_waiting(1)
        return future.result(timeout=PATIENCE)


def test_an_appeal_that_waited_for_the_closing_sweep_is_refused():
    penalty = penalty_issued(ISSUED)
    refusal = appeal_while_a_sweep_closes(penalty)
    assert (type(refusal), refusal.code) == (IllegalMove, "closed")
    assert moves_of(penalty) == ["issue", "close_window"]


def test_without_the_lock_a_window_is_closed_and_then_appealed(monkeypatch):
    """The control: the appeal has looked before the sweep commits, and writes after it."""
    penalty = penalty_issued(ISSUED)
    monkeypatch.setattr(penalties, "lock", lambda penalty_id: Penalty.objects.get(pk=penalty_id))
    assert isinstance(appeal_while_a_sweep_closes(penalty), Appeal)
    assert sorted(moves_of(penalty)) == ["appeal", "close_window", "issue"]
    penalty.refresh_from_db()
    assert penalty.window_closed_at is None  # the closing was written over


def reject_while_a_sweep_closes(appeal: Appeal, li: User) -> Any:
    """Let the last rejection reach the penalty while the sweep that closes its window is not committed yet."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert sweep("appeal", END + MICROSECOND).acted == 1
            future = pool.submit(
                outcome_of, lambda: services.reject(appeal.pk, REJECT, actor=staff(li), now=END + MICROSECOND)
            )
            until_waiting(1)
        return future.result(timeout=PATIENCE)


def last_attempt(li: User) -> Appeal:
    """An appeal at the window's end, claimed, after two that were rejected."""
    penalty = penalty_issued(ISSUED)
    for _ in range(2):
        decide_at(CLAIMED, "reject", appeal_at(CLAIMED, penalty), REJECT, by=li)
    appeal = appeal_at(END, penalty)
    services.claim(appeal.pk, actor=staff(li), now=END)
    return appeal


def test_a_last_rejection_that_waited_for_the_closing_sweep_closes_nothing_a_second_time():
    li = make_reviewer("Li")
    appeal = last_attempt(li)
    assert reject_while_a_sweep_closes(appeal, li).status == "rejected"
    assert moves_of(appeal.penalty)[-2:] == ["close_window", "uphold"]
    assert moves_of(appeal.penalty).count("close_window") == 1


def test_a_sweep_passes_over_a_penalty_whose_last_attempt_is_being_rejected_and_finds_nothing_left():
    li = make_reviewer("Li")
    appeal = last_attempt(li)
    with transaction.atomic():
        services.reject(appeal.pk, REJECT, actor=staff(li), now=END + MICROSECOND)
        with started(lambda: sweep("appeal", END + MICROSECOND)) as (future,):
            assert (future.result(timeout=PATIENCE).acted, future.result().in_use) == (0, 1)
    assert sweep("appeal", END + MICROSECOND).examined == 0
    assert moves_of(appeal.penalty)[-2:] == ["uphold", "close_window"]


def test_without_the_lock_a_last_rejection_closes_the_window_that_a_sweep_has_closed(monkeypatch):
    """The control: the rejection has looked before the sweep commits, and writes after it."""
    li = make_reviewer("Li")
    appeal = last_attempt(li)
    monkeypatch.setattr(penalties, "lock", lambda penalty_id: Penalty.objects.get(pk=penalty_id))
    assert reject_while_a_sweep_closes(appeal, li).status == "rejected"
    assert moves_of(appeal.penalty).count("close_window") == 2


def test_a_penalty_is_put_back_once_when_two_do_so_at_once():
    li, wang = staff(make_reviewer("Li")), staff(make_reviewer("Wang"))
    penalty = penalty_issued(ISSUED)
    penalties.revoke(penalty.pk, reason="Down.", actor=li, now=CLAIMED)
    back = partial(penalties.reinstate, penalty.pk, reason="It was not.", now=DECIDED)
    outcomes = collide(Penalty.objects.filter(pk=penalty.pk), partial(back, actor=li), partial(back, actor=wang))
    assert sorted(type(each).__name__ for each in outcomes) == ["IllegalMove", "Penalty"]
    assert moves_of(penalty) == ["issue", "revoke", "reinstate"]


def test_without_the_lock_only_the_clock_keeps_the_second_one_out(monkeypatch):
    """The control: both have looked; one clock per penalty is all that the database allows."""
    li, wang = staff(make_reviewer("Li")), staff(make_reviewer("Wang"))
    penalty = penalty_issued(ISSUED)
    penalties.revoke(penalty.pk, reason="Down.", actor=li, now=CLAIMED)
    both_have_looked = Barrier(2)

    def look(penalty_id: int) -> Penalty:
        penalty = Penalty.objects.get(pk=penalty_id)
        both_have_looked.wait(PATIENCE)
        return penalty

    monkeypatch.setattr(penalties, "lock", look)
    back = partial(penalties.reinstate, penalty.pk, reason="It was not.", now=DECIDED)
    with started(partial(back, actor=li), partial(back, actor=wang)) as futures:
        outcomes = [future.result(timeout=PATIENCE) for future in futures]
    assert sorted(type(each).__name__ for each in outcomes) == ["IntegrityError", "Penalty"]


def test_two_appeals_at_once_leave_one_open():
    for _ in range(ROUNDS // 2):
        penalty = penalty_issued(ISSUED)
        outcomes = collide(
            Penalty.objects.filter(pk=penalty.pk), *[lambda penalty=penalty: appeal_at(CLAIMED, penalty)] * 2
        )
        (refusal,) = [each for each in outcomes if isinstance(each, PortalError)]
        assert (type(refusal), refusal.code) == (IllegalMove, "under_appeal")
        assert Appeal.objects.filter(penalty=penalty).count() == 1
        assert moves_of(penalty) == ["issue", "appeal"]


def test_without_the_lock_only_the_database_keeps_the_second_appeal_out(monkeypatch):
    """The control: both have looked, and the constraint alone refuses the second."""
    penalty = penalty_issued(ISSUED)
    both_have_looked = Barrier(2)

    def look(penalty_id: int) -> Penalty:
        penalty = Penalty.objects.get(pk=penalty_id)
        both_have_looked.wait(PATIENCE)
        return penalty

    monkeypatch.setattr(penalties, "lock", look)
    with started(*[lambda: appeal_at(CLAIMED, penalty)] * 2) as futures:
        outcomes = [future.result(timeout=PATIENCE) for future in futures]
    assert {type(outcome) for outcome in outcomes} == {Appeal, IntegrityError}
    assert Appeal.objects.count() == 1


def test_a_withdrawal_and_a_decision_at_once_leave_one_of_them():
    li = make_reviewer("Li")
    ends = set()
    for number in range(ROUNDS // 2):
        appeal = appeal_at(CLAIMED, penalty_issued(ISSUED))
        services.claim(appeal.pk, actor=staff(li), now=CLAIMED)
        member = merchant_of(appeal.penalty)
        calls: list[Callable[[], Any]] = [
            partial(services.withdraw, appeal.pk, actor=member, now=DECIDED),
            partial(services.approve, appeal.pk, APPROVE, actor=staff(li), now=DECIDED),
        ]
        if number % 2:
            calls.reverse()
        outcomes = collide(Appeal.objects.filter(pk=appeal.pk), *calls)
        assert sorted(isinstance(each, PortalError) for each in outcomes) == [False, True]
        appeal.refresh_from_db()
        penalty = Penalty.objects.get(pk=appeal.penalty_id)
        assert (appeal.status, penalty.status) in (("withdrawn", "in_effect"), ("approved", "revoked"))
        ends.add(appeal.status)
    assert ends == {"withdrawn", "approved"}


def test_a_supplement_that_is_under_way_is_not_overtaken_by_the_sweep():
    appeal = appeal_at(CLAIMED, penalty_issued(ISSUED))
    decide_at(CLAIMED, "ask", appeal, ASK, by=make_reviewer("Li"))
    by = CLAIMED + timedelta(days=7)
    with transaction.atomic():
        services.supplement(appeal.pk, "In time.", actor=merchant_of(appeal.penalty), now=by)
        with started(lambda: sweep("supplement", by + MICROSECOND)) as (future,):
            assert (future.result(timeout=PATIENCE).acted, future.result().failed) == (0, 0)
    appeal.refresh_from_db()
    assert (appeal.status, appeal.supplement) == ("submitted", "In time.")
    assert sweep("supplement", by + MICROSECOND).examined == 0


YEAR = b"day,is_working,name\n" + b"".join(
    b"2027-%s,0,x\n" % day for day in (b"01-01", b"01-04", b"05-01", b"10-01", b"10-02", b"10-03")
)
LATE = moment("2026-12-30T10:00+08:00")


def test_an_appeal_that_counted_with_the_old_calendar_moves_when_the_year_is_published():
    """It is submitted, but not committed, when the import begins: the import waits for it."""
    penalty = penalty_issued(LATE - timedelta(days=1))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            appeal = appeal_at(LATE, penalty)
            assert appeal.is_provisional
            future = pool.submit(outcome_of, lambda: publish_year(read_year(YEAR), source="Notice"))
            until_waiting(1)
        published = future.result(timeout=PATIENCE)
    assert (published.moved.certain, published.moved.later) == (1, 1)
    appeal.refresh_from_db()
    assert (appeal.review_by, appeal.is_provisional) == (moment("2027-01-06T23:59:59.999999+08:00"), False)


def test_moving_a_deadline_and_deciding_its_appeal_do_not_wait_for_each_other_crosswise():
    li = make_reviewer("Li")
    appeal = appeal_at(LATE, penalty_issued(LATE - timedelta(days=1)))
    services.claim(appeal.pk, actor=staff(li), now=LATE)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Appeal.objects.select_for_update().get(pk=appeal.pk)
            future = pool.submit(outcome_of, move_provisional_deadlines)
            until_waiting(1)
            services.approve(appeal.pk, APPROVE, actor=staff(li), now=LATE)  # takes the clock as well
        moved = future.result(timeout=PATIENCE)
    assert (moved.certain, moved.later) == (0, 0)
    appeal.refresh_from_db()
    assert appeal.status == "approved"
