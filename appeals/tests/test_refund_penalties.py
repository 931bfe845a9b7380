"""The penalty for an overdue refund: one for each round, each with thirty days in which to appeal it."""

import pytest
from django.utils.translation import override

from appeals.forms import AppealForm
from appeals.models import Appeal
from appeals.queries import evidence_of_case
from appeals.services import problems
from appeals.tests.making import APPROVE, REJECT, appeal_at, decide_at, given, make_reviewer, penalty_issued, sweep
from appeals.windows import seems_unsolved
from common.errors import IllegalMove
from complaints.models import Complaint
from complaints.tests.factories import make_picture, member_actor, moment
from deadlines.models import Deadline
from penalties.models import Penalty
from refunds import services as refunds
from refunds.models import NoRefundClaim, Refund, RefundCase
from refunds.tests.making import case_at, refund_at, rule_at

pytestmark = pytest.mark.django_db

RULED = "2026-11-02T10:00+08:00"  # due on 2026-11-09 10:00
MISSED = "2026-11-09T10:00:00.000001+08:00"
ISSUED = "2026-11-10T08:00+08:00"
WINDOW_ENDS = "2026-12-10T08:00+08:00"  # 30 days = 720 hours after it was issued
TICK_LATER = "2026-12-10T08:00:00.000001+08:00"


@pytest.fixture(autouse=True)
def _english():
    with override("en"):
        yield


@pytest.fixture
def case() -> RefundCase:
    return case_at(RULED)


@pytest.fixture
def penalty(case) -> Penalty:
    assert sweep("refund", ISSUED).acted == 1
    return Penalty.objects.get()


def test_the_penalty_keeps_when_it_was_missed_and_counts_its_window_from_when_it_was_issued(case, penalty):
    assert (penalty.kind, penalty.subject_id, penalty.round, penalty.points) == ("refund_overdue", case.pk, 1, 1)
    assert (penalty.complaint, penalty.merchant) == (case.complaint, case.merchant)
    assert (penalty.missed_at, penalty.issued_at) == (moment("2026-11-09T10:00+08:00"), moment(ISSUED))
    assert penalty.appeal_by == moment(WINDOW_ENDS)
    assert Deadline.objects.get(kind="appeal").due_at == moment(WINDOW_ENDS)


@pytest.mark.parametrize("at", ["2026-12-10T07:59:59.999999+08:00", WINDOW_ENDS])
def test_within_thirty_days_it_is_appealed(penalty, at):
    assert appeal_at(at, penalty).status == "submitted"


def test_a_microsecond_after_thirty_days_it_is_not(penalty):
    with pytest.raises(IllegalMove):
        appeal_at(TICK_LATER, penalty)
    assert not Appeal.objects.exists()
    assert sweep("appeal", WINDOW_ENDS).acted == 0
    assert sweep("appeal", TICK_LATER).acted == 1


def test_each_round_that_is_missed_has_a_penalty_and_a_window_of_its_own(case, penalty):
    refusal = refunds.refuse(
        case.pk,
        "It came.",
        evidence=[make_picture(case.merchant)],
        actor=member_actor(case.merchant),
        now=moment("2026-11-10T09:00+08:00"),
    )
    rule_at("2026-11-12T09:00+08:00", refusal)  # round 2 is due on 2026-11-19 09:00
    assert sweep("refund", "2026-11-19T09:00+08:00").acted == 0
    assert sweep("refund", "2026-11-19T09:05+08:00").acted == 1
    first, second = Penalty.objects.order_by("round")
    assert (first, second.round, second.subject_id) == (penalty, 2, case.pk)
    assert (second.missed_at, second.appeal_by) == (
        moment("2026-11-19T09:00+08:00"),
        moment("2026-12-19T09:05+08:00"),
    )
    assert appeal_at("2026-11-20T09:00+08:00", first).status == "submitted"
    assert appeal_at("2026-11-20T09:00+08:00", second).status == "submitted"


def test_an_appeal_that_is_approved_takes_the_points_back_and_not_the_refund(case, penalty):
    decide_at("2026-11-12T09:00+08:00", "approve", appeal_at(ISSUED, penalty), APPROVE, by=make_reviewer())
    penalty.refresh_from_db()
    case.refresh_from_db()
    assert (penalty.status, case.status) == ("revoked", "due")
    refund_at("2026-11-13T09:00+08:00", case, "128.00", channel="elsewhere", reference="R-1")
    assert sweep("refund", "2026-12-30T09:00+08:00").examined == 0
    assert Penalty.objects.count() == 1


def test_a_refund_paid_late_leaves_the_penalty_to_be_appealed(case):
    refund_at(MISSED, case, "128.00", channel="elsewhere", reference="R-1")
    assert sweep("refund", ISSUED).acted == 1
    penalty = Penalty.objects.get()
    decide_at("2026-11-12T09:00+08:00", "reject", appeal_at(ISSUED, penalty), REJECT, by=make_reviewer())
    penalty.refresh_from_db()
    case.refresh_from_db()
    assert (penalty.status, case.status) == ("in_effect", "refunded")


def test_a_changed_policy_never_reaches_back_to_an_issued_penalty(case, policy_file):
    policy_file(
        "[[policy]]\nsince = 2026-11-05T00:00:00+08:00\nrefund_points = 3\n"
        "[[policy]]\nsince = 2026-11-10T08:00:00+08:00\nappeal_refund_overdue_hours = 240\n"
    )
    sweep("refund", "2026-11-10T07:59:59.999999+08:00")
    penalty = Penalty.objects.get()
    assert (penalty.points, penalty.appeal_by) == (1, moment("2026-12-10T07:59:59.999999+08:00"))
    later = case_at("2026-11-06T10:00+08:00")
    sweep("refund", "2026-11-13T10:01+08:00")
    penalty = Penalty.objects.get(subject_id=later.pk)
    assert (penalty.points, penalty.appeal_by) == (3, moment("2026-11-23T10:01+08:00"))


def test_what_is_missing_of_the_refund_is_said_as_it_is(case, penalty):
    assert "none is recorded: pay it first" in str(seems_unsolved(penalty))
    refund_at("2026-11-10T09:00+08:00", case, "100.00", channel="elsewhere", reference="R-1")
    assert "paid in part only: pay the rest first" in str(seems_unsolved(penalty))
    rest = refund_at("2026-11-10T10:00+08:00", case, "28.00", channel="elsewhere", reference="R-2")
    Refund.objects.filter(pk=rest.pk).update(status="processing", ask_at=rest.ended_at, ended_at=None)
    Complaint.objects.update(status="refund_due")
    assert "still being processed" in str(seems_unsolved(Penalty.objects.get()))


def test_an_overdue_refund_that_was_refused_is_appealed_with_the_proof_that_none_is_due(case, penalty):
    proof = refuse(case, "2026-11-10T09:00+08:00").evidence.get()
    penalty = Penalty.objects.get()
    assert seems_unsolved(penalty) is None
    assert proof in evidence_of_case(penalty)
    appeal = appeal_at("2026-11-10T10:00+08:00", penalty, evidence=[proof], proofs=["no_refund_proof"], knowingly=False)
    assert not appeal.unsolved_knowingly


def test_of_a_complaint_missed_before_the_refusal_is_said_to_wait_for_its_ruling(case):
    refuse(case, "2026-11-03T09:00+08:00")
    penalty = Penalty(kind="complaint_timeout", complaint=RefundCase.objects.get().complaint)
    assert "review why you refused" in str(seems_unsolved(penalty))


def test_the_proof_of_a_refund_made_elsewhere_is_offered_for_an_appeal(case, penalty):
    refund = refund_at("2026-11-10T09:00+08:00", case, "128.00", channel="elsewhere", reference="R-1")
    assert refund.evidence.get() in evidence_of_case(penalty)


def test_the_description_is_asked_for_by_the_kind_of_penalty(penalty):
    other = penalty_issued(ISSUED, program=penalty.mini_program)
    for each, hint, missing in (
        (penalty, "Say how the refund stands", "Describe how the refund stands"),
        (other, "Say how the consumer's problem was solved", "Describe how the consumer's problem was solved"),
    ):
        form = AppealForm(penalty=each, actor=member_actor(each.merchant), now=moment(ISSUED))
        assert form.fields["description"].help_text.startswith(hint)
        found = problems(given(each, description=" "), each, now=moment(ISSUED))
        assert [str(problem).startswith(missing) for problem in found] == [True]


def refuse(case: RefundCase, at: str) -> NoRefundClaim:
    return refunds.refuse(
        case.pk,
        "It came.",
        evidence=[make_picture(case.merchant)],
        actor=member_actor(case.merchant),
        now=moment(at),
    )
