"""F9, F12, F14: requests and sweeps at the same moment, on real connections, and their boundaries."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from appeals.models import Appeal
from appeals.services import claim
from appeals.tests import test_races as appeals
from appeals.tests.making import appeal_at, penalty_issued, staff
from appeals.tests.test_desk import member_of
from common.errors import PortalError
from complaints.methods import HandlingInput
from complaints.models import Complaint, Handling, HistoryLine, Method
from complaints.services import cancel, handle
from complaints.tests.calling import COMPLAINTS, platform_caller, sent
from complaints.tests.factories import file_at, handle_at, make_program, member_actor, moment, platform_actor
from complaints.tests.racing import outcome_of
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from deadlines.tests.publishing import publish_the_known_years
from merchants.models import IdempotentRequest
from notifications.models import Event
from penalties.models import Penalty
from tests_faults.conftest import Report
from tests_faults.crew import Crew
from tests_faults.crowd import Asked, ask_at_once, lock_table, portal, typed_by
from tests_faults.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

FILED = "2026-11-20T02:00Z"
DUE = moment("2026-11-24T02:00Z")
JUST_AFTER = moment("2026-11-24T02:00:00.000001Z")


def sweep() -> int:
    return run_sweep("handle", cut_off=JUST_AFTER, issued_at=JUST_AFTER, ran_by="test").acted


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run each work in a thread with a connection of its own, all let go at the same moment."""
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        connection.ensure_connection()
        gate.wait(timeout=30)
        return outcome_of(work)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def a_little_later(number: int, call: Callable[[], Any]) -> Any:
    """Call after 0 to 12 milliseconds, in turn: a sweep has less to do before it takes a clock than a verb."""
    threading.Event().wait(number % 4 * 0.004)
    return call()


def refund() -> HandlingInput:
    return HandlingInput(method=Method.OTHER_REFUND, refund_amount=Decimal(1), refund_reference="R-1")


def test_f9_the_boundary_to_the_microsecond(report: Report) -> None:
    moments = {
        "2026-11-24T01:59:59.999999Z": True,
        "2026-11-24T02:00:00.000000Z": True,
        "2026-11-24T02:00:00.000001Z": False,
    }
    for handled_at, is_in_time in moments.items():
        for sweeps_first in (False, True):
            complaint = file_at(FILED)
            if sweeps_first:  # up to the very moment of the request
                run_sweep("handle", cut_off=moment(handled_at), issued_at=moment(handled_at), ran_by="test")
            handle_at(handled_at, complaint)
            run_sweep("handle", cut_off=JUST_AFTER + timedelta(hours=1), issued_at=JUST_AFTER, ran_by="test")
            assert Handling.objects.get(complaint=complaint).in_time is is_in_time
            assert Penalty.objects.filter(complaint=complaint).exists() is not is_in_time
    assert Penalty.objects.count() == 2
    report.survived(
        "F9",
        "handled 1 µs before, at, 1 µs after the deadline",
        size="3 moments, a sweep before and after",
        landed="",
        result="in time, in time, penalised",
    )


def test_f9_handling_at_the_last_moment_against_the_sweep(report: Report) -> None:
    rounds, program = size(60, 1_000), make_program()
    actor, outcomes = member_actor(program.merchant), Counter[str]()
    for number in range(rounds):
        complaint = file_at(FILED, program)
        handles = lambda: handle(complaint.pk, refund(), actor=actor, now=DUE)  # noqa: B023, E731 (this round's)
        at_once(lambda: a_little_later(number, handles), sweep)  # noqa: B023
        sweep()  # what the racing sweep stepped over because it was in use
        in_time = Handling.objects.get(complaint=complaint).in_time
        penalised = Penalty.objects.filter(complaint=complaint).exists()
        assert in_time is not penalised, "in time and penalised, or late and not"
        outcomes["in time" if in_time else "penalised"] += 1
    assert len(outcomes) == 2, f"the race never went both ways, so it proved nothing: {outcomes}"
    report.survived(
        "F9",
        "handling and sweep in the same microsecond",
        size=f"{rounds:,} rounds",
        landed="both ways",
        result=f"{outcomes['in time']:,} in time, {outcomes['penalised']:,} penalised, 0 both",
    )


def test_f9_handling_withdrawing_and_the_sweep_together(report: Report) -> None:
    rounds, program = size(60, 1_000), make_program()
    actor, platform = member_actor(program.merchant), platform_actor(program.platform)
    outcomes = Counter[str]()
    for number in range(rounds):
        complaint = file_at(FILED, program)
        handles = lambda: handle(complaint.pk, refund(), actor=actor, now=DUE)  # noqa: B023, E731 (this round's)
        withdraws = lambda: cancel(complaint.pk, reason="Solved.", actor=platform, now=DUE)  # noqa: B023, E731
        calls: list[Callable[[], Any]] = [
            lambda: a_little_later(number, handles),  # noqa: B023
            lambda: a_little_later(number // 2, withdraws),  # noqa: B023
            sweep,
        ]
        answers = at_once(*calls[number % 3 :], *calls[: number % 3])
        sweep()
        refused = [answer for answer in answers if isinstance(answer, PortalError)]
        complaint.refresh_from_db()
        handled = Handling.objects.filter(complaint=complaint).first()
        penalised = Penalty.objects.filter(complaint=complaint).count()
        assert penalised <= 1
        assert complaint.status == "cancelled"  # also what was handled before can be withdrawn
        assert len(refused) == (handled is None)
        assert handled is None or handled.in_time is not bool(penalised)
        outcomes[f"{'handled, ' if handled else ''}withdrawn{', penalised' if penalised else ''}"] += 1
    assert len(outcomes) > 1, f"the race never went several ways, so it proved nothing: {outcomes}"
    assert any("penalised" in outcome for outcome in outcomes), outcomes
    told = "; ".join(f"{number:,} {outcome}" for outcome, number in sorted(outcomes.items()))
    report.survived(
        "F9",
        "handling, withdrawing and sweep together",
        size=f"{rounds:,} rounds",
        landed=f"{len(outcomes)} outcomes",
        result=told,
    )


def test_f9_without_the_lock_both_win(report: Report) -> None:
    """The clock is only looked at, and removed afterwards: both believe that they were first."""
    rounds, program = 20, make_program()
    both = 0
    for _round in range(rounds):
        complaint = file_at(FILED, program)
        looked = threading.Barrier(2)

        def look_then_take(complaint=complaint, looked=looked) -> bool:
            runs = Deadline.objects.filter(kind="handle", subject_id=complaint.pk).exists()
            looked.wait(timeout=30)
            Deadline.objects.filter(kind="handle", subject_id=complaint.pk).delete()
            return runs

        both += all(at_once(look_then_take, look_then_take))
    assert both == rounds
    report.bitten("F9", "look at the clock, then take it", size=f"{rounds} rounds", damage=f"both won {both} times")


PARALLEL = 50


@pytest.fixture(scope="module")
def web(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of a web server that works on fifty requests at once."""
    with django_db_blocker.unblock(), portal(workers=1, threads=PARALLEL) as address:
        yield address


def post_at_once(web: str, text: str, document: dict[str, Any], key: str | None, **options: Any) -> tuple[Any, int]:
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
    headers |= {"Idempotency-Key": key} if key else {}
    asked = Asked(COMPLAINTS, headers, json.dumps(document).encode())
    return ask_at_once(web, [asked] * PARALLEL, **options)


def test_f12_one_key_fifty_times_at_once_takes_effect_once(web: str, report: Report) -> None:
    rounds, program = size(1, 200), make_program()
    caller = platform_caller(program.platform)
    outcomes, met = Counter[str](), 0
    for number in range(1, rounds + 1):
        answers, waited = post_at_once(
            web, caller.text, sent(program), f"K-{number}", held=lambda: lock_table("merchants_idempotentrequest")
        )
        met = max(met, waited)
        assert Complaint.objects.count() == IdempotentRequest.objects.count() == number
        originals = [each for each in answers if each.status == 201 and "Idempotent-Replayed" not in each.headers]
        assert len(originals) == 1
        for answer in answers:
            assert answer.status in (201, 409)
            assert answer.status == 409 or answer.text == originals[0].text
            outcomes["refused for now" if answer.status == 409 else "answered"] += 1
        assert caller.file(sent(program, description="other"), key=f"K-{number}").status_code == 422
    assert met > 1, "no request waited for another, so nothing raced"
    assert Deadline.objects.count() == HistoryLine.objects.count() == Event.objects.count() == rounds
    report.survived(
        "F12",
        "one Idempotency-Key in parallel, by HTTP; another body",
        size=f"{rounds} x {PARALLEL} requests",
        landed=f"{PARALLEL} connections, {met} waiting at once",
        result=f"{rounds} effects, {outcomes['answered'] - rounds:,} replays, "
        f"{outcomes['refused for now']:,} x 409, {rounds} x 422",
    )


def test_f12_without_the_key_each_takes_effect(web: str, report: Report) -> None:
    program = make_program()
    post_at_once(web, platform_caller(program.platform).text, sent(program), None)
    number = Complaint.objects.count()
    assert number == PARALLEL
    report.bitten("F12", "no key", size=f"{PARALLEL} requests", damage=f"{number} complaints for one")


def test_f12_killed_after_the_commit_the_same_request_gets_the_answer_that_was_lost(crew: Crew, report: Report) -> None:
    kills, program = size(3, 50), make_program()
    caller = platform_caller(program.platform)
    for number in range(1, kills + 1):
        document = sent(program, trade_no=f"T-{number}")
        assert crew.post_and_die(COMPLAINTS, caller.text, f"K-{number}", document) == -9
        assert Complaint.objects.count() == number, "the kill must come after the commit"
        again = caller.post(COMPLAINTS, json.dumps(document).encode(), key=f"K-{number}")
        assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
        assert again.json()["complaint_no"] == Complaint.objects.latest("pk").complaint_no
        assert Complaint.objects.count() == number
    caller.file(document, key=None)
    doubled = Complaint.objects.filter(trade_no=f"T-{kills}").count()
    assert doubled == 2
    report.survived(
        "F12",
        "killed between commit and answer, sent again",
        size=f"{kills} kills",
        landed=f"{kills} of {kills}",
        result=f"{kills} effects, {kills} replays",
    )
    report.bitten("F12", "sent again without its key", size="1 request", damage="2 complaints for one")


def forms(appeal: Appeal, verb: str, reason: str, headers: dict[str, str], then: Asked | None = None) -> Asked:
    words = urlencode({"reason_code": reason, "message": "I looked at it."}).encode()
    return Asked(reverse("admin:appeals_appeal_act", args=[appeal.pk, verb]), headers, words, then)


def test_f14_two_reviewers_decide_the_same_appeal(web: str, report: Report) -> None:
    """Li claims a review and leaves it for hours; then Li rejects while Wang takes it over and approves, in many tabs.

    In the first rounds each of them presses the button many times at once.
    """
    rounds, crowded = size(1, 500), size(1, 10)
    publish_the_known_years()
    li, wang = member_of("reviewer", "Li"), member_of("reviewer", "Wang")
    of_li, of_wang = typed_by(li), typed_by(wang)
    winners, met, refused = Counter[str](), 0, 0
    for number in range(rounds):
        claimed = timezone.now() - timedelta(hours=4)
        appeal = appeal_at(claimed, penalty_issued(claimed - timedelta(days=1)))
        claim(appeal.pk, actor=staff(li), now=claimed)
        rejects = forms(appeal, "reject", "not_solved", of_li)
        approves = forms(appeal, "claim", "", of_wang, forms(appeal, "approve", "solved", of_wang))
        pair = [rejects, approves] if number % 2 else [approves, rejects]
        answers, waited = ask_at_once(
            web,
            pair * (PARALLEL // 2 if number < crowded else 1),
            held=lambda: list(Appeal.objects.filter(pk=appeal.pk).select_for_update()),  # noqa: B023 (this round's)
        )
        met += waited > 1
        statuses = Counter(answer.status for answer in answers)
        assert statuses == {302: 1, 409: len(answers) - 1}
        refused += statuses[409]
        appeal.refresh_from_db()
        winner, winners_name, others = {
            "rejected": (rejects, "Li", approves),
            "approved": (approves, "Wang", rejects),
        }[appeal.status]
        for asked, answer in zip(pair * (len(answers) // 2), answers, strict=True):
            assert answer.status == 409 or asked is winner
            assert asked is not others or winners_name in answer.text
        winners[winners_name] += 1
    decisions = HistoryLine.objects.filter(noun="appeal", verb__in=["approve", "reject"])
    assert decisions.count() == decisions.values("noun_id").distinct().count() == rounds
    assert len(winners) == 2 or rounds < 10
    assert met >= 0.9 * rounds, f"only in {met} of {rounds} rounds did requests wait for each other"
    report.survived(
        "F14",
        "two reviewers decide one appeal, by HTTP",
        size=f"{rounds} x 2 requests, in {crowded} x {PARALLEL}",
        landed=f"{met} met at the lock",
        result=f"one decision each ({winners['Li']} + {winners['Wang']}), {refused:,} x 409 that name the other",
    )


def test_f14_without_the_locks_both_decide(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_the_known_years()
    appeals.test_without_the_locks_two_reviewers_decide_the_same_appeal(monkeypatch)
    decisions = HistoryLine.objects.filter(noun="appeal", verb__in=["approve", "reject"]).count()
    assert decisions == 2
    report.bitten("F14", "look without a lock", size="1 appeal", damage=f"{decisions} decisions")
