"""Forgiving what was missed because of the platform: a sweep run's penalties, or those of a span."""

from datetime import timedelta

import pytest
from django.db import transaction

from appeals.tests.making import appeal_at, sweep
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from complaints.models import HistoryLine
from complaints.tests.factories import file_at, make_program, moment
from complaints.tests.racing import started
from complaints_portal.verifying import verify
from deadlines.models import Deadline, OpsLine, SweepRun
from deadlines.tests.ops import nobody_special, ops
from notifications.models import Event
from penalties import amnesty
from penalties.amnesty import Which
from penalties.models import Amnesty, Penalty
from penalties.services import reinstate

pytestmark = pytest.mark.django_db

NOW = moment("2026-11-25T00:00Z")


def missed(number, *, filed="2026-11-20T02:00Z", at="2026-11-24T04:00Z"):
    """So many penalties of one run, for deadlines missed a second after one another from 02:00 on the 24th."""
    program = make_program()
    complaints = [file_at(moment(filed) + timedelta(seconds=second), program).pk for second in range(number)]
    sweep("handle", at)
    return list(Penalty.objects.filter(subject_id__in=complaints).order_by("missed_at"))


def run():
    return SweepRun.objects.latest("pk")


def span(first="2026-11-24T02:00Z", last="2026-11-24T05:00Z", **fields):
    return Which(missed_from=moment(first), missed_to=moment(last), **fields)


def forgive(which, *, actor=None, batch=5000):
    actor = actor or ops()
    made = amnesty.propose(which, reason="The portal was away.", actor=actor, now=NOW)
    return amnesty.carry_out(made.pk, actor=actor, now=NOW, batch=batch)


def broken():
    return [finding.invariant.name for finding in verify() if finding.count]


def test_the_penalties_of_a_run_go_and_those_of_another_stay():
    (other,) = missed(1, filed="2026-11-19T02:00Z", at="2026-11-23T04:00Z")
    penalties = missed(3)
    wang = ops()
    done = forgive(Which(sweep_run=run()), actor=wang, batch=2)
    assert (done.status, done.counted, done.done, done.points) == ("done", 3, 3, 3)
    for penalty in penalties:
        penalty.refresh_from_db()
        assert (penalty.status, penalty.revoked_by, penalty.revoked_at) == ("revoked", wang.name, NOW)
        assert penalty.revoked_reason == "The portal was away."
    other.refresh_from_db()
    assert other.status == "in_effect"
    assert (
        HistoryLine.objects.filter(verb="revoke").count() == Event.objects.filter(name="penalty.revoked").count() == 3
    )
    assert list(Deadline.objects.filter(kind="appeal").values_list("subject_id", flat=True)) == [other.pk]
    assert list(OpsLine.objects.order_by("pk").values_list("verb", flat=True)) == ["propose_amnesty", "forgive"]
    assert broken() == []


@pytest.mark.parametrize(
    ("first", "last", "forgiven"),
    [
        ("2026-11-24T02:00:00Z", "2026-11-24T02:00:02Z", [0, 1, 2]),
        ("2026-11-24T02:00:00.000001Z", "2026-11-24T02:00:01.999999Z", [1]),
        ("2026-11-24T02:00:01Z", "2026-11-24T02:00:01.000001Z", [1]),
    ],
    ids=["both ends included", "a microsecond inside", "one"],
)
def test_a_span_takes_what_was_missed_within_it(first, last, forgiven):
    penalties = missed(3)
    assert amnesty.preview(span(first, last)).in_effect == len(forgiven)
    forgive(span(first, last))
    gone = [
        number for number, penalty in enumerate(penalties) if Penalty.objects.get(pk=penalty.pk).status == "revoked"
    ]
    assert gone == forgiven
    assert broken() == []


def test_a_span_takes_only_the_named_kinds():
    missed(2)
    assert amnesty.preview(span(kinds=("refund_overdue",))).in_effect == 0
    assert amnesty.preview(span(kinds=("complaint_timeout",))).in_effect == 2


def test_what_is_under_appeal_is_left_to_its_review():
    penalties = missed(3)
    appeal_at("2026-11-24T06:00Z", penalties[1])
    found = amnesty.preview(span())
    assert (found.in_effect, found.points, found.merchants, found.under_appeal, found.revoked) == (2, 2, 1, 1, 0)
    assert forgive(span()).done == 2
    penalties[1].refresh_from_db()
    assert penalties[1].status == "under_appeal"
    assert broken() == []


def test_carried_out_twice_it_revokes_nothing_twice():
    penalties = missed(2)
    wang = ops()
    done = forgive(span(), actor=wang)
    assert amnesty.carry_out(done.pk, actor=wang, now=NOW).done == 2
    assert HistoryLine.objects.filter(verb="revoke").count() == 2
    assert OpsLine.objects.filter(verb="forgive").count() == 1
    with pytest.raises(BadInput):
        amnesty.propose(span(), reason="Again.", actor=wang, now=NOW)
    assert Amnesty.objects.count() == 1
    assert len(penalties) == 2


def test_what_was_forgiven_by_mistake_can_be_put_back_but_not_by_starting_it_again():
    (penalty,) = missed(1)
    wang = ops()
    done = forgive(span(), actor=wang)
    from common.actors import Actor, ActorKind
    from penalties.permissions import REVOKE

    staff = Actor(kind=ActorKind.STAFF, name="Li", id=wang.id, grants=frozenset({REVOKE}))
    reinstate(penalty.pk, reason="That one was real.", actor=staff, now=NOW)
    amnesty.carry_out(done.pk, actor=wang, now=NOW)
    penalty.refresh_from_db()
    assert penalty.status == "in_effect"
    assert broken() == []


def test_killed_between_two_batches_it_goes_on_and_counts_each_once(monkeypatch):
    missed(7)
    wang = ops()
    made = amnesty.propose(span(), reason="Away.", actor=wang, now=NOW)
    take, calls = amnesty._take_batch, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return take(*arguments)

    monkeypatch.setattr(amnesty, "_take_batch", killed)
    with pytest.raises(KeyboardInterrupt):
        amnesty.carry_out(made.pk, actor=wang, now=NOW, batch=2)
    made.refresh_from_db()
    assert (made.status, made.done, made.points) == ("approved", 4, 4)
    monkeypatch.undo()
    done = amnesty.carry_out(made.pk, actor=wang, now=NOW, batch=2)
    assert (done.status, done.done, done.points) == ("done", 7, 7)
    assert broken() == []


@pytest.mark.parametrize(
    ("which", "reason", "field"),
    [
        (span(), " ", "reason"),
        (Which(), "Away.", "missed_to"),
        (Which(missed_from=NOW), "Away.", "missed_to"),
        (span("2026-11-24T05:00Z", "2026-11-24T05:00Z"), "Away.", "missed_to"),
        (span("2026-11-24T05:00Z", "2026-11-24T02:00Z"), "Away.", "missed_to"),
        (span(kinds=()), "Away.", "missed_to"),
        (span("2026-11-24T02:00Z", "2026-11-25T00:00:00.000001Z"), "Away.", "missed_to"),
        (span("2026-11-23T02:00Z", "2026-11-24T01:59:59.999999Z"), "Away.", "missed_from"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(which, reason, field):
    missed(1)
    with pytest.raises(BadInput) as refusal:
        amnesty.propose(which, reason=reason, actor=ops(), now=NOW)
    assert refusal.value.field == field
    assert not Amnesty.objects.exists()
    assert not OpsLine.objects.exists()


def test_who_may_not_proposes_decides_and_carries_out_nothing():
    missed(1)
    stranger = nobody_special()
    with pytest.raises(NotAllowed):
        amnesty.propose(span(), reason="Away.", actor=stranger, now=NOW)
    made = amnesty.propose(span(), reason="Away.", actor=ops(), now=NOW)
    with pytest.raises(NotAllowed):
        amnesty.decide(made.pk, approved=True, actor=stranger, now=NOW)
    with pytest.raises(NotAllowed):
        amnesty.carry_out(made.pk, actor=stranger, now=NOW)
    assert Penalty.objects.get().status == "in_effect"


@pytest.mark.parametrize("approved", [True, False])
def test_many_penalties_need_a_second_person(policy_file, approved):
    policy_file("[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 1\n")
    missed(2)
    wang, li = ops("wang"), ops("li")
    made = amnesty.propose(span(), reason="Away.", actor=wang, now=NOW)
    assert made.status == "proposed"
    with pytest.raises(IllegalMove):
        amnesty.carry_out(made.pk, actor=li, now=NOW)
    with pytest.raises(NotAllowed):
        amnesty.decide(made.pk, approved=approved, actor=wang, now=NOW)
    amnesty.decide(made.pk, approved=approved, actor=li, now=NOW)
    with pytest.raises(Conflict):
        amnesty.decide(made.pk, approved=approved, actor=li, now=NOW)
    if approved:
        assert amnesty.carry_out(made.pk, actor=li, now=NOW).done == 2
    else:
        with pytest.raises(IllegalMove):
            amnesty.carry_out(made.pk, actor=li, now=NOW)
    assert Penalty.objects.filter(status="revoked").count() == (2 if approved else 0)


def test_what_one_person_decided_is_not_carried_out_for_more_than_one_person_may(policy_file):
    policy_file("[[policy]]\nsince = 2026-01-01T00:00:00+08:00\nfour_eyes_cases = 2\n")
    missed(1)
    wang, li = ops("wang"), ops("li")
    made = amnesty.propose(span(), reason="Away.", actor=wang, now=NOW)
    assert made.status == "approved"
    missed(2)
    with pytest.raises(IllegalMove, match="about 3 cases by now; more than 2 need a second person"):
        amnesty.carry_out(made.pk, actor=wang, now=NOW)
    assert not Penalty.objects.filter(status="revoked").exists()
    again = amnesty.propose(span(), reason="Away.", actor=wang, now=NOW)
    amnesty.decide(again.pk, approved=True, actor=li, now=NOW)
    missed(1)
    assert amnesty.carry_out(again.pk, actor=li, now=NOW).done == 4
    assert amnesty.carry_out(made.pk, actor=wang, now=NOW).status == "done"
    assert broken() == []


def test_a_run_in_shadow_has_nothing_to_forgive():
    file_at("2026-11-20T02:00Z")
    from deadlines.sweeping import run_sweep

    run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="test", is_shadow=True)
    with pytest.raises(BadInput):
        amnesty.propose(Which(sweep_run=run()), reason="Away.", actor=ops(), now=NOW)


@pytest.mark.django_db(transaction=True)
def test_what_somebody_holds_is_passed_over_and_the_amnesty_is_not_done():
    penalties = missed(3)
    wang = ops()
    made = amnesty.propose(span(), reason="Away.", actor=wang, now=NOW)

    def go():
        return amnesty.carry_out(made.pk, actor=wang, now=NOW)

    with transaction.atomic():
        Penalty.objects.select_for_update().get(pk=penalties[1].pk)
        with started(go) as futures:
            done = futures[0].result(timeout=30)
    assert (done.status, done.done) == ("approved", 2)
    done = go()
    assert (done.status, done.done) == ("done", 3)
    assert broken() == []
