"""F15: whatever is revoked, put back, appealed and forgiven, in whatever order: the points are those of what stands."""

import sys
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from appeals.services import approve, claim, reject
from appeals.tests.making import APPROVE, REJECT, appeal_at, make_reviewer, penalty_issued, staff
from common.errors import PortalError
from complaints.tests.factories import make_program, moment
from deadlines.tests.ops import ops
from deadlines.tests.publishing import publish_the_known_years
from penalties import amnesty
from penalties import services as penalties
from penalties.amnesty import Which
from penalties.models import Penalty
from penalties.queries import Points as QueryPoints
from penalties.queries import PointsOverview, points_overview
from tests_faults.conftest import Report
from tests_faults.rows import broken
from tests_faults.sizes import size

pytestmark = pytest.mark.django_db(transaction=True)

START = moment("2026-11-02T02:00Z")
WHICH = st.integers(0, 7)


class Points(RuleBasedStateMachine):
    """The product beside a model that knows of each penalty only whether it stands."""

    examples = steps = refused = 0

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        type(self).examples += 1
        self.minutes = count(1)
        self.program = make_program()
        self.reviewer, self.ops = staff(make_reviewer(f"R{self.examples}")), ops()
        self.stands: dict[int, bool] = {}

    def teardown(self) -> None:
        assert broken() == []
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    def now(self) -> Any:
        return START + timedelta(minutes=next(self.minutes))

    def do(self, which: int, verb: Any, *, stands: bool) -> None:
        """Try a verb on one of the penalties; what it refuses changes nothing."""
        type(self).steps += 1
        if not self.stands:
            return
        number = sorted(self.stands)[which % len(self.stands)]
        try:
            with transaction.atomic():
                verb(number)
        except PortalError:
            type(self).refused += 1
        else:
            self.stands[number] = stands

    @rule()
    def issue(self) -> None:
        type(self).steps += 1
        self.stands[penalty_issued(self.now(), program=self.program).pk] = True

    @rule(which=WHICH)
    def revoke(self, which: int) -> None:
        self.do(which, lambda pk: penalties.revoke(pk, reason="x", actor=self.reviewer, now=self.now()), stands=False)

    @rule(which=WHICH)
    def put_back(self, which: int) -> None:
        self.do(which, lambda pk: penalties.reinstate(pk, reason="x", actor=self.reviewer, now=self.now()), stands=True)

    @rule(which=WHICH, is_approved=st.booleans())
    def appeal(self, which: int, is_approved: bool) -> None:
        def decide(pk: int) -> None:
            appeal = appeal_at(self.now(), Penalty.objects.get(pk=pk))
            claim(appeal.pk, actor=self.reviewer, now=self.now())
            verb, decision = (approve, APPROVE) if is_approved else (reject, REJECT)
            verb(appeal.pk, decision, actor=self.reviewer, now=self.now())

        self.do(which, decide, stands=not is_approved)

    @rule(which=WHICH)
    def forgive(self, which: int) -> None:
        def carry_out(pk: int) -> None:
            run = Penalty.objects.select_related("sweep_run").get(pk=pk).sweep_run
            made = amnesty.propose(Which(sweep_run=run), reason="x", actor=self.ops, now=self.now())
            amnesty.carry_out(made.pk, actor=self.ops, now=self.now())

        self.do(which, carry_out, stands=False)

    @invariant()
    def the_points_are_those_of_what_stands(self) -> None:
        if not hasattr(self, "stands"):
            return
        total = points_overview(self.program.merchant_id).total
        points = total.in_effect + total.under_appeal
        assert points == sum(self.stands.values()) >= 0


def run(machine: type[RuleBasedStateMachine]) -> None:
    quick = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    wanted = hypothesis_settings(
        max_examples=size(8, 500),
        stateful_step_count=size(20, 40),
        deadline=None,
        suppress_health_check=quick,
        database=None,
        print_blob=False,
    )
    run_state_machine_as_test(machine, settings=wanted)


def test_f15_points_are_those_of_what_stands(report: Report) -> None:
    publish_the_known_years()
    Points.examples = Points.steps = Points.refused = 0
    run(Points)
    assert Points.steps > Points.refused > 0
    report.survived(
        "F15",
        "revoke, put back, appeal, forgive in any order",
        size=f"{Points.examples:,} histories, {Points.steps:,} steps",
        landed=f"{Points.refused:,} steps refused",
        result="points = sum of what stands after each step, never negative",
    )


def test_f15_a_revocation_that_keeps_the_points_is_found(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: revoked penalties count on."""
    publish_the_known_years()

    def careless(merchant_id: int) -> PointsOverview:
        all_of_them = Penalty.objects.filter(merchant_id=merchant_id).aggregate(sum=Sum("points", default=0))["sum"]
        return PointsOverview(QueryPoints(in_effect=all_of_them), [], is_partial=False)

    monkeypatch.setattr(sys.modules[__name__], "points_overview", careless)

    class Careless(Points):
        pass

    with pytest.raises(AssertionError):
        run(Careless)
    report.bitten("F15", "revoked penalties count on", size="8 histories at most", damage="found")
