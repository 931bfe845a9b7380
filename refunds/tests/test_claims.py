"""No-refund claims: opened by handlings, contests and refusals, ruled on by one person, corrected, dropped."""

from decimal import Decimal

import pytest

from common.actors import Actor, ActorKind
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from complaints import services as complaints
from complaints.intake import HandledElsewhere, file_complaints
from complaints.models import Complaint
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    file_at,
    handle_at,
    make_filing,
    make_picture,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from deadlines.models import Deadline
from merchants.models import Grant
from refunds import services
from refunds.claims import about
from refunds.models import NoRefundClaim, Refund, RefundCase, RefundedTrade
from refunds.tests.checking import events, lines, penalties, refund_clock, refused, sweep
from refunds.tests.fakes import FAILED, SUCCEEDED
from refunds.tests.making import case_at, claim_at, fund_at, refund_at, rule_at, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_english")]

FILED = "2026-11-20T02:00Z"  # a Friday
HANDLED = "2026-11-20T03:00Z"
RULED = "2026-11-20T05:00Z"
REVIEW_BY = moment("2026-11-25T23:59:59.999999+08:00")  # Monday, Tuesday, Wednesday
REFUND_BY = moment("2026-11-27T05:00Z")
ACCEPT = services.Ruling(reason_code="delivered", message="It is proven.")
OVERRULE = services.Ruling(reason_code="not_proven", message="It is not proven.")
CORRECT = services.Ruling(reason_code="decided_wrongly", message="A colleague mixed up two cases.")
BAD_AMOUNTS = ["0", "0.00", "-1", "0.001", "1.005", "NaN", "sNaN", "-NaN", "Infinity", "1E+30"]


def contested(amount: str = "128.00", method: str = "other_refund", **fields) -> NoRefundClaim:
    """A complaint about 128 yuan, handled by a refund that the consumer says did not solve it."""
    complaint = file_at(FILED, **fields)
    if method == "fund_refund":
        fund_at(FILED, complaint.merchant, "1000.00")
    handle_at(HANDLED, complaint, method, refund_amount=Decimal(amount))
    now = moment("2026-11-20T04:00Z")
    complaints.contest(complaint.pk, reason="Nothing arrived.", actor=consumer_actor(complaint), now=now)
    return NoRefundClaim.objects.get(complaint=complaint)


def ruled(claim: NoRefundClaim, verb: str, ruling: services.Ruling, at: str = RULED) -> None:
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(at))
    getattr(services, verb)(claim.pk, ruling, actor=by, now=moment(at))


def refusal_at(at: str, case: RefundCase) -> NoRefundClaim:
    picture = make_picture(case.merchant)
    return services.refuse(case.pk, "It came.", evidence=[picture], actor=member_actor(case.merchant), now=moment(at))


def status_of(complaint: Complaint) -> str:
    return Complaint.objects.values_list("status", flat=True).get(pk=complaint.pk)


def fresh(row):
    return type(row).objects.get(pk=row.pk)


# Opened.


@pytest.mark.parametrize("method", ["shipped", "other", "after_sales", "not_liable"])
def test_handling_without_a_refund_opens_a_claim_for_staff(method):
    complaint = file_at(FILED)
    picture = make_picture(complaint.merchant)
    tracking = "SF 1" if method == "shipped" else ""
    handling = handle_at(HANDLED, complaint, method, note=" Sent. ", tracking=tracking, evidence=(picture,))
    claim = NoRefundClaim.objects.get()
    assert (claim.complaint, claim.handling, claim.refund_case) == (complaint, handling, None)
    assert (claim.status, claim.text, claim.contested, about(claim)) == ("submitted", "Sent.", "", "handling")
    assert list(claim.evidence.all()) == [picture]
    assert (claim.submitted_at, claim.review_by, claim.is_provisional) == (moment(HANDLED), REVIEW_BY, False)
    assert Deadline.objects.get(kind="review", subject_id=claim.pk).due_at == REVIEW_BY
    assert lines("no_refund_claim", claim) == [("submit", "", "submitted")]
    assert events(HANDLED) == ["complaint.handled", "no_refund_claim.submitted"]
    assert status_of(complaint) == "in_review"


@pytest.mark.parametrize("method", ["fund_refund", "other_refund"])
def test_handling_by_a_refund_opens_none_until_the_consumer_contests_it(method):
    claim = contested(method=method)
    assert (claim.contested, about(claim), claim.status) == ("Nothing arrived.", "contest", "submitted")
    assert claim.submitted_at == moment("2026-11-20T04:00Z")


def test_the_review_is_provisional_past_the_published_year():
    claim = claim_at("2026-12-29T02:00Z")
    assert (claim.review_by, claim.is_provisional) == (moment("2027-01-01T23:59:59.999999+08:00"), True)


def test_complaints_that_arrive_in_review_get_their_claims_with_few_statements(django_assert_max_num_queries):
    program = make_program()

    def file(number: int) -> None:
        handled = HandledElsewhere("shipped", moment(HANDLED), note="Sent.")
        filings = [make_filing(program, filed_at=moment(FILED), handled=handled) for _ in range(number)]
        actor = platform_actor(program.platform)
        file_complaints(filings, platform_id=program.platform_id, actor=actor, now=moment(RULED))

    with django_assert_max_num_queries(20):
        file(50)
    assert NoRefundClaim.objects.filter(status="submitted", review_by=REVIEW_BY).count() == 50
    assert Deadline.objects.filter(kind="review", due_at=REVIEW_BY).count() == 50


def test_history_that_was_taken_in_opens_no_claim():
    program = make_program()
    handled = HandledElsewhere("shipped", moment(HANDLED), note="Sent.")
    filing = make_filing(program, filed_at=moment(FILED), handled=handled)
    actor = platform_actor(program.platform)
    file_complaints([filing], platform_id=program.platform_id, actor=actor, now=moment(RULED), is_history=True)
    assert not NoRefundClaim.objects.exists()


def test_a_missed_review_alerts_staff_and_decides_nothing():
    claim = claim_at(HANDLED)
    assert sweep("review", REVIEW_BY).acted == 0
    assert sweep("review", "2026-11-25T16:00Z").acted == 1
    assert fresh(claim).status == "submitted"
    assert rule_at("2026-11-26T02:00Z", claim).status == "overruled"


# Claimed.


def test_a_review_is_claimed_by_one_person_given_back_and_taken_over():
    claim = claim_at(HANDLED)
    li, wang = staff("Li"), staff("Wang")
    services.claim(claim.pk, actor=li, now=moment("2026-11-20T04:00Z"))
    for at in ("2026-11-20T04:00Z", "2026-11-20T05:59:59.999999Z"):
        refusal = refused(Conflict, services.claim, claim.pk, actor=wang, now=moment(at))
        assert refusal.code == "claimed_by_another"
        assert "Li" in str(refusal)
    refused(Conflict, services.release, claim.pk, actor=wang, now=moment("2026-11-20T05:00Z"))
    assert services.claim(claim.pk, actor=wang, now=moment("2026-11-20T06:00Z")).claimed_by_id == wang.id
    assert services.release(claim.pk, actor=wang, now=moment("2026-11-20T06:01Z")).claimed_by is None
    assert services.claim(claim.pk, actor=li, now=moment("2026-11-20T06:01Z")).claimed_by_id == li.id


@pytest.mark.parametrize("verb", ["claim", "release"])
def test_only_staff_who_may_rule_claim(verb):
    claim = claim_at(HANDLED)
    for actor in (STAFF, member_actor(claim.merchant), consumer_actor(claim.complaint)):
        refused(NotAllowed, getattr(services, verb), claim.pk, actor=actor, now=moment(RULED))


# Ruled.


def test_no_refund_due_finishes_the_complaint():
    claim = claim_at(HANDLED)
    by = staff("Li")
    services.claim(claim.pk, actor=by, now=moment(RULED))
    services.accept(claim.pk, ACCEPT, actor=by, now=moment(RULED))
    claim.refresh_from_db()
    assert (claim.status, claim.ruling, claim.reason_code, claim.message) == (
        "accepted",
        "accepted",
        "delivered",
        "It is proven.",
    )
    assert (claim.decided_by_id, claim.decided_at) == (by.id, moment(RULED))
    assert status_of(claim.complaint) == "finished"
    assert not Deadline.objects.exists()
    assert not RefundCase.objects.exists()
    assert lines("no_refund_claim", claim)[1:] == [("accept", "submitted", "accepted")]
    assert events(RULED) == ["complaint.ruled", "no_refund_claim.accepted"]


def test_refund_due_opens_a_case_with_seven_days():
    claim = claim_at(HANDLED)
    ruled(claim, "overrule", OVERRULE)
    case = RefundCase.objects.get()
    assert (case.complaint, case.merchant, case.status, case.round) == (claim.complaint, claim.merchant, "due", 1)
    assert (case.amount, case.points) == (Decimal("128.00"), 1)
    assert (case.opened_at, case.refund_by, case.ended_at) == (moment(RULED), REFUND_BY, None)
    clock = Deadline.objects.get()
    assert (clock.kind, clock.subject_id, clock.round, clock.points) == ("refund", case.pk, 1, 1)
    assert (clock.due_at, clock.complaint_id) == (REFUND_BY, claim.complaint_id)
    assert clock.remind_at == moment("2026-11-25T05:00Z")
    assert status_of(claim.complaint) == "refund_due"
    assert lines("refund_case", case) == [("open", "", "due")]
    assert events(RULED) == ["complaint.ruled", "refund_case.opened", "no_refund_claim.overruled"]


@pytest.mark.parametrize("verb", ["accept", "overrule"])
def test_a_ruling_needs_a_claim_a_reason_and_words(verb):
    claim = claim_at(HANDLED)
    li, wang = staff("Li"), staff("Wang")
    good = {"accept": ACCEPT, "overrule": OVERRULE}[verb]
    rule = getattr(services, verb)
    now = moment(RULED)
    assert refused(Conflict, rule, claim.pk, good, actor=li, now=now).code == "not_claimed"
    services.claim(claim.pk, actor=li, now=now)
    assert refused(Conflict, rule, claim.pk, good, actor=wang, now=now).code == "claimed_by_another"
    for bad, field in [
        (services.Ruling(reason_code="", message="So."), "reason_code"),
        (services.Ruling(reason_code="decided_wrongly", message="So."), "reason_code"),
        (services.Ruling(reason_code=good.reason_code, message=" "), "message"),
        (services.Ruling(reason_code=good.reason_code, message="x" * 1001), "message"),
    ]:
        assert refused(BadInput, rule, claim.pk, bad, actor=li, now=now).field == field
    for actor in (STAFF, member_actor(claim.merchant), Actor(kind=ActorKind.SYSTEM, name="system")):
        refused(NotAllowed, rule, claim.pk, good, actor=actor, now=now)
    rule(claim.pk, services.Ruling(reason_code=good.reason_code, message="x" * 1000), actor=li, now=now)
    for other in ("accept", "overrule"):
        again = refused(Conflict, getattr(services, other), claim.pk, good, actor=li, now=now)
        assert again.code == "decided_already"


@pytest.mark.parametrize("amount", [*BAD_AMOUNTS, "128.01"])
def test_an_amount_due_that_is_none_or_above_the_trade_is_refused(amount):
    claim = claim_at(HANDLED)
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(RULED))
    ruling = services.Ruling(reason_code="not_proven", message="So.", amount=Decimal(amount))
    refusal = refused(BadInput, services.overrule, claim.pk, ruling, actor=by, now=moment(RULED))
    assert refusal.field == "amount"


@pytest.mark.parametrize(
    ("requested", "given", "due"),
    [
        (None, None, "128.00"),
        ("0.00", None, "128.00"),
        ("50.00", None, "50.00"),
        ("50.00", "128.00", "128.00"),
        (None, "0.01", "0.01"),
    ],
)
def test_due_is_what_staff_say_or_what_the_consumer_asked_for(requested, given, due):
    asked = Decimal(requested) if requested else None
    claim = claim_at(HANDLED, file_at(FILED, requested_refund_amount=asked))
    amount = Decimal(given) if given else None
    ruled(claim, "overrule", services.Ruling(reason_code="not_proven", message="So.", amount=amount))
    assert RefundCase.objects.get().amount == Decimal(due)


@pytest.mark.parametrize(
    ("requested", "refunded", "due"),
    [("100.00", "30.00", "70.00"), ("100.00", "100.00", "28.00"), (None, "30.00", "98.00")],
)
def test_what_was_refunded_with_the_handling_is_not_due_again(requested, refunded, due):
    asked = Decimal(requested) if requested else None
    claim = contested(refunded, "fund_refund", requested_refund_amount=asked)
    ruled(claim, "overrule", OVERRULE)
    assert RefundCase.objects.get().amount == Decimal(due)


def test_nothing_can_be_due_of_a_trade_that_is_refunded_in_full():
    claim = contested("128.00")
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(RULED))
    refusal = refused(IllegalMove, services.overrule, claim.pk, OVERRULE, actor=by, now=moment(RULED))
    assert refusal.code == "refunded_in_full"
    services.accept(claim.pk, ACCEPT, actor=by, now=moment(RULED))
    assert status_of(claim.complaint) == "finished"


@pytest.mark.parametrize("named", ["128.00", "28.00"])
def test_a_refund_that_was_named_but_never_made_counts_no_longer(named):
    claim = contested(named)
    named_refund = Refund.objects.get()
    assert (named_refund.channel, named_refund.status, named_refund.is_verified) == ("elsewhere", "succeeded", False)
    ruling = services.Ruling(reason_code="refund_not_made", message="It never arrived.", refund_not_made=True)
    ruled(claim, "overrule", ruling)
    named_refund.refresh_from_db()
    assert (named_refund.status, named_refund.failure) == ("reversed", "It never arrived.")
    assert lines("refund", named_refund) == [("record", "", "succeeded"), ("reverse", "succeeded", "reversed")]
    assert RefundedTrade.objects.get().refunded == 0
    assert RefundCase.objects.get().amount == Decimal("128.00")


def test_without_that_word_a_named_refund_counts():
    ruled(contested("28.00"), "overrule", OVERRULE)
    assert Refund.objects.get().status == "succeeded"
    assert RefundCase.objects.get().amount == Decimal("100.00")


def test_a_refused_amount_lets_the_named_refund_stand():
    claim = contested("28.00")
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(RULED))
    ruling = services.Ruling(
        reason_code="refund_not_made", message="So.", refund_not_made=True, amount=Decimal("128.01")
    )
    refused(BadInput, services.overrule, claim.pk, ruling, actor=by, now=moment(RULED))


def test_money_from_the_fund_is_never_taken_for_a_refund_that_was_not_made():
    claim = contested("28.00", "fund_refund")
    ruling = services.Ruling(reason_code="refund_not_made", message="So.", refund_not_made=True)
    ruled(claim, "overrule", ruling)
    assert Refund.objects.get().status == "succeeded"
    assert RefundCase.objects.get().amount == Decimal("100.00")


# Two complaints about one trade.


def two_about_one_trade() -> tuple[NoRefundClaim, NoRefundClaim]:
    program = make_program()
    return (
        claim_at(HANDLED, file_at(FILED, program, trade_no="T-1")),
        claim_at(HANDLED, file_at(FILED, program, trade_no="T-1")),
    )


def test_what_is_due_for_one_complaint_is_not_due_for_another_about_the_same_trade():
    first, second = two_about_one_trade()
    ruled(first, "overrule", services.Ruling(reason_code="not_proven", message="So.", amount=Decimal("100.00")))
    by = staff()
    services.claim(second.pk, actor=by, now=moment(RULED))
    above = services.Ruling(reason_code="not_proven", message="So.", amount=Decimal("28.01"))
    refused(BadInput, services.overrule, second.pk, above, actor=by, now=moment(RULED))
    services.overrule(second.pk, OVERRULE, actor=by, now=moment(RULED))
    assert RefundCase.objects.get(complaint=second.complaint).amount == Decimal("28.00")


def test_nothing_more_can_be_due_when_all_of_a_trade_is_due_already():
    first, second = two_about_one_trade()
    ruled(first, "overrule", OVERRULE)
    by = staff()
    services.claim(second.pk, actor=by, now=moment(RULED))
    refusal = refused(IllegalMove, services.overrule, second.pk, OVERRULE, actor=by, now=moment(RULED))
    assert refusal.code == "refunded_in_full"


def test_the_same_trade_number_of_another_merchant_is_another_trade():
    for _ in range(2):
        ruled(claim_at(HANDLED, file_at(FILED, trade_no="T-1")), "overrule", OVERRULE)
    assert [case.amount for case in RefundCase.objects.all()] == [Decimal("128.00")] * 2


@pytest.mark.parametrize(("by_handling", "still_due"), [("28.00", "100.00"), ("127.99", "0.01")])
def test_a_refusal_is_overruled_with_what_the_trade_still_allows(by_handling, still_due):
    program = make_program()
    case = case_at(RULED, program=program, handled_at=HANDLED)
    other = file_at(FILED, program, trade_no=case.complaint.trade_no)
    refusal = refusal_at("2026-11-21T05:00Z", case)
    handle_at("2026-11-21T06:00Z", other, refund_amount=Decimal(by_handling))
    rule_at("2026-11-22T05:00Z", refusal)
    assert fresh(case).amount == Decimal(still_due)
    paid = refund_at("2026-11-23T05:00Z", case, still_due, channel="elsewhere", reference="R-9")
    assert (paid.status, fresh(case).status) == ("succeeded", "refunded")


def test_a_refusal_is_not_overruled_when_the_trade_is_refunded_in_full_meanwhile():
    program = make_program()
    case = case_at(RULED, program=program, handled_at=HANDLED)
    other = file_at(FILED, program, trade_no=case.complaint.trade_no)
    refusal = refusal_at("2026-11-21T05:00Z", case)
    handle_at("2026-11-21T06:00Z", other)
    by = staff()
    now = moment("2026-11-22T05:00Z")
    services.claim(refusal.pk, actor=by, now=now)
    assert refused(IllegalMove, services.overrule, refusal.pk, OVERRULE, actor=by, now=now).code == "refunded_in_full"
    services.accept(refusal.pk, ACCEPT, actor=by, now=now)
    assert fresh(case).status == "waived"


# Refused by the merchant.


def test_a_refusal_stops_the_clock_and_goes_to_staff():
    case = case_at(RULED, handled_at=HANDLED)
    picture = make_picture(case.merchant)
    member = member_actor(case.merchant)
    at = "2026-11-20T06:00Z"
    claim = services.refuse(case.pk, " It came. ", evidence=[picture], actor=member, now=moment(at))
    case.refresh_from_db()
    assert (case.status, case.stopped_at, case.ended_at) == ("refused", moment(at), None)
    assert (claim.refund_case, claim.handling, claim.text, about(claim)) == (case, None, "It came.", "refusal")
    assert list(claim.evidence.all()) == [picture]
    assert claim.review_by == REVIEW_BY
    assert list(Deadline.objects.values_list("kind", "subject_id", "due_at")) == [("review", claim.pk, REVIEW_BY)]
    assert status_of(case.complaint) == "refund_due"
    assert events(at) == ["refund_case.refused", "no_refund_claim.submitted"]


def test_a_refusal_needs_its_text_its_proof_and_the_grant():
    case = case_at(RULED)
    own, foreign = make_picture(case.merchant), make_picture(make_program().merchant)
    member, now = member_actor(case.merchant), moment("2026-11-20T06:00Z")
    for text, evidence, field in [
        ("", [own], "text"),
        (" \n", [own], "text"),
        ("x" * 1001, [own], "text"),
        ("It came.", [], "pictures"),
        ("It came.", [foreign], "pictures"),
        ("It came.", [own, foreign], "pictures"),
        ("It came.", [own] * 10, "pictures"),
    ]:
        refusal = refused(BadInput, services.refuse, case.pk, text, evidence=evidence, actor=member, now=now)
        assert refusal.field == field
    for actor in (
        member_actor(case.merchant, Grant.VIEW, Grant.HANDLE, Grant.FUND),
        member_actor(foreign.merchant),
        consumer_actor(case.complaint),
        staff(),
    ):
        refused(NotAllowed, services.refuse, case.pk, "It came.", evidence=[own], actor=actor, now=now)
    services.refuse(case.pk, "x" * 1000, evidence=[own], actor=member, now=now)


def refuse_again(case: RefundCase, at: str):
    return refused(
        IllegalMove,
        services.refuse,
        case.pk,
        "Again.",
        evidence=[make_picture(case.merchant)],
        actor=member_actor(case.merchant),
        now=moment(at),
    )


def test_a_refund_is_refused_once():
    case = case_at(RULED)
    refusal = refusal_at("2026-11-21T05:00Z", case)
    refuse_again(case, "2026-11-21T05:00Z")  # still under review
    rule_at("2026-11-22T05:00Z", refusal)
    assert refuse_again(case, "2026-11-23T05:00Z").code == "refused_before"


def test_a_policy_that_allows_a_second_refusal_holds_for_cases_opened_under_it(policy_file):
    policy_file("[[policy]]\nsince = 2026-11-21T00:00:00Z\nrefusals_per_refund = 2\n")
    old, new = case_at("2026-11-20T23:59:59.999999Z"), case_at("2026-11-21T00:00Z")
    for case in (old, new):
        rule_at("2026-11-23T05:00Z", refusal_at("2026-11-22T05:00Z", case))
    assert refuse_again(old, "2026-11-24T05:00Z").code == "refused_before"
    assert refusal_at("2026-11-24T05:00Z", new).status == "submitted"


def test_what_is_being_paid_is_not_refused(gateway):
    case = case_at(RULED)
    refund_at("2026-11-21T05:00Z", case, "1.00", channel="api")
    assert refuse_again(case, "2026-11-21T05:00Z").code == "refund_processing"


@pytest.mark.parametrize("status", ["refunded", "waived"])
def test_what_is_over_is_not_refused(status):
    case = case_at(RULED)
    if status == "refunded":
        refund_at("2026-11-21T05:00Z", case, "128.00", channel="elsewhere", reference="R-1")
    else:
        rule_at("2026-11-21T06:00Z", refusal_at("2026-11-21T05:00Z", case), "accept")
    assert fresh(case).status == status
    refuse_again(case, "2026-11-22T05:00Z")


def test_an_accepted_refusal_waives_the_refund_and_finishes_the_complaint():
    case = case_at(RULED)
    rule_at("2026-11-22T05:00Z", refusal_at("2026-11-21T05:00Z", case), "accept")
    case.refresh_from_db()
    assert (case.status, case.ended_at) == ("waived", moment("2026-11-22T05:00Z"))
    assert status_of(case.complaint) == "finished"
    assert not Deadline.objects.exists()


@pytest.mark.parametrize(
    ("refused_at", "missed"),
    [
        ("2026-11-27T04:59:59.999999Z", 0),
        ("2026-11-27T05:00:00Z", 0),
        ("2026-11-27T05:00:00.000001Z", 1),
    ],
)
def test_a_refusal_in_time_costs_nothing_and_a_late_one_a_penalty(refused_at, missed):
    case = case_at(RULED)
    refusal = refusal_at(refused_at, case)
    assert sweep("refund", "2026-11-28T05:00Z").acted == missed
    rule_at("2026-11-30T05:00Z", refusal)
    case.refresh_from_db()
    assert (case.status, case.round, case.refund_by) == ("due", 2, moment("2026-12-07T05:00Z"))
    assert refund_clock(case) == (2, moment("2026-12-07T05:00Z"))
    assert penalties(case) == missed


def test_a_late_refusal_is_overruled_only_after_the_sweep():
    case = case_at(RULED)
    refusal = refusal_at("2026-11-27T05:00:00.000001Z", case)
    by, now = staff(), moment("2026-11-27T05:00:30Z")
    services.claim(refusal.pk, actor=by, now=now)
    assert refused(IllegalMove, services.overrule, refusal.pk, OVERRULE, actor=by, now=now).code == "sweep_first"
    sweep("refund", "2026-11-27T05:01:00Z")
    services.overrule(refusal.pk, OVERRULE, actor=by, now=moment("2026-11-27T05:01:30Z"))
    assert penalties(case) == 1
    assert refund_clock(case) == (2, moment("2026-12-04T05:01:30Z"))


def test_a_late_refusal_that_is_accepted_before_the_sweep_was_never_due():
    case = case_at(RULED)
    refusal = refusal_at("2026-11-27T05:00:00.000001Z", case)
    rule_at("2026-11-27T05:00:30Z", refusal, "accept")
    assert sweep("refund", "2026-11-28T05:00Z").examined == 0
    assert penalties(case) == 0


# Corrected.


def test_an_accepted_claim_is_corrected_and_a_refund_is_due():
    claim = claim_at(HANDLED)
    rule_at(RULED, claim, "accept")
    now = moment("2026-11-21T05:00Z")
    by = staff("Wang")
    ruling = services.Ruling(reason_code="decided_wrongly", message="Two cases were mixed up.", amount=Decimal("60.00"))
    services.correct(claim.pk, ruling, actor=by, now=now)
    claim.refresh_from_db()
    assert (claim.status, claim.decided_by_id, claim.decided_at) == ("overruled", by.id, now)
    assert (claim.reason_code, claim.message) == ("decided_wrongly", "Two cases were mixed up.")
    case = RefundCase.objects.get()
    assert (case.status, case.amount, case.refund_by) == ("due", Decimal("60.00"), moment("2026-11-28T05:00Z"))
    assert status_of(claim.complaint) == "refund_due"
    assert lines("no_refund_claim", claim)[1:] == [
        ("accept", "submitted", "accepted"),
        ("correct", "accepted", "overruled"),
    ]


def test_an_overruled_claim_is_corrected_and_nothing_is_due_and_back_again():
    claim = claim_at(HANDLED)
    rule_at(RULED, claim)
    case = RefundCase.objects.get()
    by = staff()
    services.correct(claim.pk, CORRECT, actor=by, now=moment("2026-11-21T05:00Z"))
    assert (fresh(claim).status, fresh(case).status, refund_clock(case)) == ("accepted", "waived", None)
    assert status_of(claim.complaint) == "finished"
    services.correct(claim.pk, CORRECT, actor=by, now=moment("2026-11-22T05:00Z"))
    case.refresh_from_db()
    assert (fresh(claim).status, case.status, case.round) == ("overruled", "due", 2)
    assert refund_clock(case) == (2, moment("2026-11-29T05:00Z"))
    assert status_of(claim.complaint) == "refund_due"


@pytest.mark.parametrize("verb", ["accept", "overrule"])
def test_a_ruling_on_a_refusal_is_corrected(verb):
    case = case_at(RULED)
    refusal = refusal_at("2026-11-21T05:00Z", case)
    rule_at("2026-11-22T05:00Z", refusal, verb)
    services.correct(refusal.pk, CORRECT, actor=staff(), now=moment("2026-11-23T05:00Z"))
    case.refresh_from_db()
    if verb == "accept":
        assert (case.status, case.round, case.refund_by) == ("due", 2, moment("2026-11-30T05:00Z"))
    else:
        assert (case.status, case.round, refund_clock(case)) == ("waived", 2, None)


def corrected(claim: NoRefundClaim, at: str = "2026-11-28T05:00Z"):
    return refused(IllegalMove, services.correct, claim.pk, CORRECT, actor=staff(), now=moment(at))


def test_what_was_not_ruled_on_is_not_corrected():
    claim = claim_at(HANDLED)
    corrected(claim)
    complaints.cancel(claim.complaint_id, reason="", actor=consumer_actor(claim.complaint), now=moment(RULED))
    corrected(claim)


@pytest.mark.parametrize("amount", ["128.00", "28.00"])
def test_a_ruling_that_money_was_paid_for_is_not_corrected(amount):
    claim = claim_at(HANDLED)
    rule_at(RULED, claim)
    case = RefundCase.objects.get()
    paid = refund_at("2026-11-21T05:00Z", case, amount, channel="elsewhere", reference="R-1")
    corrected(claim)
    services.reverse_refund(paid.pk, reason="It bounced.", actor=staff(), now=moment("2026-11-22T05:00Z"))
    services.correct(claim.pk, CORRECT, actor=staff(), now=moment("2026-11-22T06:00Z"))
    assert fresh(case).status == "waived"


def test_a_ruling_is_not_corrected_while_money_is_under_way(gateway):
    claim = claim_at(HANDLED)
    rule_at(RULED, claim)
    made = refund_at("2026-11-21T05:00Z", RefundCase.objects.get(), "128.00", channel="api")
    assert corrected(claim).code == "refund_processing"
    services.learn(made.pk, FAILED, now=moment("2026-11-21T06:00Z"))
    services.correct(claim.pk, CORRECT, actor=staff(), now=moment("2026-11-21T07:00Z"))
    assert RefundCase.objects.get().status == "waived"


def test_the_first_ruling_is_not_corrected_while_the_refusal_is_under_review():
    claim = claim_at(HANDLED)
    rule_at(RULED, claim)
    refusal = refusal_at("2026-11-21T05:00Z", RefundCase.objects.get())
    corrected(claim)
    rule_at("2026-11-22T05:00Z", refusal, "accept")
    corrected(claim)


def test_only_who_may_rule_corrects_and_only_with_its_own_reason():
    claim = claim_at(HANDLED)
    rule_at(RULED, claim)
    now = moment("2026-11-21T05:00Z")
    for actor in (STAFF, member_actor(claim.merchant)):
        refused(NotAllowed, services.correct, claim.pk, CORRECT, actor=actor, now=now)
    assert refused(BadInput, services.correct, claim.pk, OVERRULE, actor=staff(), now=now).field == "reason_code"


def test_an_acceptance_is_not_corrected_once_the_trade_is_refunded_in_full():
    program = make_program()
    claim = claim_at(HANDLED, file_at(FILED, program, trade_no="T-1"))
    rule_at(RULED, claim, "accept")
    handle_at("2026-11-21T05:00Z", file_at(FILED, program, trade_no="T-1"))
    assert corrected(claim).code == "refunded_in_full"


def test_a_missed_round_is_corrected_away_but_its_penalty_stays():
    claim = claim_at(HANDLED)
    rule_at(RULED, claim)
    case = RefundCase.objects.get()
    sweep("refund", "2026-11-27T05:00:00.000001Z")
    services.correct(claim.pk, CORRECT, actor=staff(), now=moment("2026-11-28T05:00Z"))
    assert (fresh(case).status, penalties(case)) == ("waived", 1)


# Withdrawn or closed.


def ended(complaint: Complaint, how: str, at: str) -> None:
    actor = consumer_actor(complaint) if how == "cancel" else platform_actor(complaint.platform)
    getattr(complaints, how)(complaint.pk, reason="Over.", actor=actor, now=moment(at))


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_a_claim_about_a_complaint_that_ended_lapses(how):
    claim = claim_at(HANDLED)
    by = staff()
    services.claim(claim.pk, actor=by, now=moment(HANDLED))
    ended(claim.complaint, how, RULED)
    claim.refresh_from_db()
    assert (claim.status, claim.ruling, claim.decided_at) == ("lapsed", "", None)
    assert not Deadline.objects.exists()
    assert lines("no_refund_claim", claim)[-1] == ("lapse", "submitted", "lapsed")
    for verb, ruling in (("accept", ACCEPT), ("overrule", OVERRULE)):
        refusal = refused(Conflict, getattr(services, verb), claim.pk, ruling, actor=by, now=moment(RULED))
        assert refusal.code == "lapsed"
    assert refused(Conflict, services.claim, claim.pk, actor=by, now=moment(RULED)).code == "lapsed"


@pytest.mark.parametrize("how", ["cancel", "close"])
@pytest.mark.parametrize(("at", "missed"), [("2026-11-27T05:00:00Z", 0), ("2026-11-27T05:00:00.000001Z", 1)])
def test_a_refund_that_is_due_falls_away_but_what_was_missed_stays_missed(how, at, missed):
    case = case_at(RULED)
    ended(case.complaint, how, at)
    assert (fresh(case).status, status_of(case.complaint)) == (
        "waived",
        {"cancel": "cancelled", "close": "closed"}[how],
    )
    assert sweep("refund", "2026-12-01T00:00Z").acted == missed
    assert penalties(case) == missed


def test_a_refusal_under_review_lapses_with_the_case():
    case = case_at(RULED)
    refusal = refusal_at("2026-11-21T05:00Z", case)
    ended(case.complaint, "cancel", "2026-11-22T05:00Z")
    assert (fresh(case).status, fresh(refusal).status) == ("waived", "lapsed")
    assert not Deadline.objects.exists()


@pytest.mark.parametrize(("answer", "status"), [(SUCCEEDED, "succeeded"), (FAILED, "failed")])
def test_a_refund_under_way_ends_as_it_ends_after_the_complaint_was_withdrawn(gateway, answer, status):
    case = case_at(RULED)
    made = refund_at("2026-11-21T05:00Z", case, "128.00", channel="api")
    ended(case.complaint, "cancel", "2026-11-21T05:01Z")
    services.learn(made.pk, answer, now=moment("2026-11-21T05:02Z"))
    assert (fresh(made).status, fresh(case).status, status_of(case.complaint)) == (status, "waived", "cancelled")
    assert not Deadline.objects.exists()


def test_what_is_finished_stays_as_it_is():
    claim = claim_at(HANDLED)
    rule_at(RULED, claim, "accept")
    refused(
        IllegalMove,
        complaints.cancel,
        claim.complaint_id,
        reason="",
        actor=consumer_actor(claim.complaint),
        now=moment("2026-11-21T05:00Z"),
    )
