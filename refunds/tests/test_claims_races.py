"""Two reviewers at the same moment, on two real connections; beside it, what happens without the lock."""

from threading import Barrier, Event

import pytest

from common.errors import Conflict
from complaints import services as complaints
from complaints.models import Complaint, HistoryLine
from complaints.tests.factories import file_at, moment
from complaints.tests.racing import PATIENCE, collide, started
from deadlines.tests.publishing import publish_the_known_years
from refunds import claims, services
from refunds.models import NoRefundClaim, RefundCase
from refunds.tests.making import claim_at, staff

pytestmark = pytest.mark.django_db(transaction=True)

SUBMITTED = "2026-11-03T09:00+08:00"
CLAIMED, DECIDED = moment("2026-11-03T10:00+08:00"), moment("2026-11-03T12:30+08:00")
"""Li claims a review and leaves it for more than two hours; then Li accepts while Wang takes it over and overrules."""

ROUNDS = 20
ACCEPT = services.Ruling(reason_code="delivered", message="It came.")
OVERRULE = services.Ruling(reason_code="not_proven", message="It proves nothing.")


@pytest.fixture(autouse=True)
def _calendar(transactional_db):
    publish_the_known_years()


def taken_over(claim, by):
    services.claim(claim.pk, actor=by, now=DECIDED)
    return services.overrule(claim.pk, OVERRULE, actor=by, now=DECIDED)


def rulings_on(claim):
    lines = HistoryLine.objects.filter(noun="no_refund_claim", noun_id=claim.pk, verb__in=["accept", "overrule"])
    return sorted(lines.values_list("verb", flat=True))


def test_two_reviewers_at_once_make_one_ruling_and_the_other_is_refused_by_name():
    li, wang = staff("Li"), staff("Wang")
    winners = set()
    for number in range(ROUNDS):
        claim = claim_at(SUBMITTED, file_at(SUBMITTED))
        services.claim(claim.pk, actor=li, now=CLAIMED)
        calls = [
            lambda claim=claim: services.accept(claim.pk, ACCEPT, actor=li, now=DECIDED),
            lambda claim=claim: taken_over(claim, wang),
        ]
        if number % 2:
            calls.reverse()
        outcomes = collide(Complaint.objects.filter(pk=claim.complaint_id), *calls)
        (refusal,) = [each for each in outcomes if isinstance(each, Exception)]
        (winner,) = [each for each in outcomes if isinstance(each, NoRefundClaim)]
        assert isinstance(refusal, Conflict)
        assert refusal.code in ("decided_already", "claimed_by_another")
        assert ("Li" if winner.status == "accepted" else "Wang") in str(refusal)
        assert len(rulings_on(claim)) == 1
        complaint = Complaint.objects.get(pk=claim.complaint_id)
        cases = RefundCase.objects.filter(complaint=complaint).count()
        assert (winner.status, complaint.status, cases) in (("accepted", "finished", 0), ("overruled", "refund_due", 1))
        winners.add(winner.status)
    assert winners == {"accepted", "overruled"}


def test_without_the_locks_two_reviewers_rule_on_the_same_claim(monkeypatch):
    """The control: each has looked before the other writes, and both rule."""
    li, wang = staff("Li"), staff("Wang")
    claim = claim_at(SUBMITTED, file_at(SUBMITTED))
    services.claim(claim.pk, actor=li, now=CLAIMED)
    both_have_looked, li_has_looked = Barrier(2), Event()

    def look(claim_id):
        found = NoRefundClaim.objects.select_related("complaint").get(pk=claim_id)
        li_has_looked.set()
        return found

    def rule_together(*arguments, rule=complaints.rule, **named):
        both_have_looked.wait(PATIENCE)
        return rule(*arguments, **named)

    def wang_after_li():
        li_has_looked.wait(PATIENCE)
        return taken_over(claim, wang)

    monkeypatch.setattr(claims, "_lock", look)
    monkeypatch.setattr(complaints, "rule", rule_together)
    with started(lambda: services.accept(claim.pk, ACCEPT, actor=li, now=DECIDED), wang_after_li) as futures:
        outcomes = [future.result(timeout=PATIENCE) for future in futures]
    assert [type(outcome) for outcome in outcomes] == [NoRefundClaim, NoRefundClaim]
    assert rulings_on(claim) == ["accept", "overrule"]
