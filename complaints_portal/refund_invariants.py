"""What must always be true of no-refund claims, pending refunds and refunds: a name, a sentence, and what breaks it.

What must be true of the money stands in `refunds/ledger.py`.
"""

from complaints_portal.invariants import Invariant, history_of

AFTER_REFUNDS = ("due", "refused", "refunded")
"""States of a case whose round was not simply called off: its clock was stopped, was swept, or still runs."""


REFUND_INVARIANTS = [
    Invariant(
        "in_review_has_a_claim",
        "A complaint is in review exactly when one claim about its handling is open.",
        """
        SELECT complaint.complaint_no FROM complaints_complaint AS complaint
        LEFT JOIN (SELECT complaint_id, count(*) AS number FROM refunds_norefundclaim
            WHERE status = 'submitted' AND refund_case_id IS NULL GROUP BY complaint_id) AS open
            ON open.complaint_id = complaint.id
        WHERE (complaint.status = 'in_review' OR number IS NOT NULL)
            AND coalesce(number, 0) <> (complaint.status = 'in_review')::int
            AND NOT (complaint.is_history AND number IS NULL)
        """,
    ),
    Invariant(
        "refused_has_a_claim",
        "A pending refund is refused exactly when one claim about its refusal is open.",
        """
        SELECT refund_case.case_no FROM refunds_refundcase AS refund_case
        LEFT JOIN (SELECT refund_case_id, count(*) AS number FROM refunds_norefundclaim
            WHERE status = 'submitted' AND refund_case_id IS NOT NULL GROUP BY refund_case_id) AS open
            ON open.refund_case_id = refund_case.id
        WHERE coalesce(number, 0) <> (refund_case.status = 'refused')::int
        """,
    ),
    Invariant(
        "claim_has_its_clock",
        "An open claim has its clock, ending when the claim says, or staff were alerted that it was missed.",
        """
        SELECT 'claim ' || claim.id FROM refunds_norefundclaim AS claim
        LEFT JOIN deadlines_deadline AS clock ON clock.kind = 'review' AND clock.subject_id = claim.id
        WHERE claim.status = 'submitted' AND clock.due_at IS DISTINCT FROM claim.review_by
            AND (clock.id IS NOT NULL OR NOT EXISTS (SELECT FROM notifications_event AS event
                WHERE event.name = 'review.overdue' AND event.subject_id = claim.id))
        """,
    ),
    Invariant(
        "no_clock_of_a_ruled_claim",
        "No review clock runs on for a claim that was ruled on or lapsed.",
        """
        SELECT 'claim ' || claim.id FROM deadlines_deadline AS clock
        JOIN refunds_norefundclaim AS claim ON claim.id = clock.subject_id
        WHERE clock.kind = 'review' AND claim.status <> 'submitted'
        """,
    ),
    Invariant(
        "refund_due_has_a_case",
        "A complaint's refund is due exactly when its pending refund is due or refused.",
        """
        SELECT complaint.complaint_no FROM complaints_complaint AS complaint
        LEFT JOIN refunds_refundcase AS refund_case ON refund_case.complaint_id = complaint.id
        WHERE (complaint.status = 'refund_due' OR refund_case.id IS NOT NULL)
            AND (complaint.status = 'refund_due') <> coalesce(refund_case.status IN ('due', 'refused'), false)
        """,
    ),
    Invariant(
        "each_round_is_timed_once",
        "The clock of a pending refund's round runs, was stopped in time, or was missed and penalised.",
        f"""
        SELECT refund_case.case_no FROM refunds_refundcase AS refund_case
        LEFT JOIN deadlines_deadline AS clock ON clock.kind = 'refund' AND clock.subject_id = refund_case.id
        LEFT JOIN penalties_penalty AS penalty ON penalty.kind = 'refund_overdue'
            AND penalty.subject_id = refund_case.id AND penalty.round = refund_case.round
        WHERE num_nonnulls(clock.id, penalty.id, refund_case.stopped_at) > 1
            OR (refund_case.status IN {AFTER_REFUNDS}
                AND num_nonnulls(clock.id, penalty.id, refund_case.stopped_at) = 0)
        """,  # noqa: S608 (the pieces are constants)
    ),
    Invariant(
        "refund_clock_agrees_with_its_case",
        "A refund clock is about a pending refund, with its round, its points and its deadline.",
        """
        SELECT 'refund ' || clock.subject_id FROM deadlines_deadline AS clock
        LEFT JOIN refunds_refundcase AS refund_case ON refund_case.id = clock.subject_id
        WHERE clock.kind = 'refund' AND (clock.complaint_id, clock.round, clock.points, clock.due_at)
            IS DISTINCT FROM (refund_case.complaint_id, refund_case.round, refund_case.points, refund_case.refund_by)
        """,
    ),
    Invariant(
        "no_refund_clock_in_time",
        "No clock runs on for what was refunded or called off in time.",
        """
        SELECT refund_case.case_no FROM deadlines_deadline AS clock
        JOIN refunds_refundcase AS refund_case ON refund_case.id = clock.subject_id
        WHERE clock.kind = 'refund' AND refund_case.ended_at <= refund_case.refund_by
        """,
    ),
    Invariant(
        "a_stopped_clock_has_a_reason",
        "The clock of what is due stands still only while refunds of all of it are under way.",
        """
        SELECT refund_case.case_no FROM refunds_refundcase AS refund_case
        LEFT JOIN (SELECT refund_case_id, sum(amount) AS counting, bool_or(status = 'processing') AS waits
            FROM refunds_refund WHERE status IN ('processing', 'succeeded') GROUP BY refund_case_id) AS sums
            ON sums.refund_case_id = refund_case.id
        WHERE refund_case.status = 'due' AND refund_case.stopped_at IS NOT NULL
            AND (counting = refund_case.amount AND waits) IS NOT TRUE
        """,
    ),
    Invariant(
        "refund_penalty_has_a_case",
        "A penalty for an overdue refund is about a round that a pending refund had.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        LEFT JOIN refunds_refundcase AS refund_case ON refund_case.id = penalty.subject_id
        WHERE penalty.kind = 'refund_overdue' AND (refund_case.complaint_id IS DISTINCT FROM penalty.complaint_id
            OR refund_case.round < penalty.round)
        """,
    ),
    Invariant(
        "claims_and_cases_agree_with_their_complaint",
        "A claim and a pending refund are of the same merchant and mini program as their complaint.",
        """
        SELECT subject.name FROM (
            SELECT 'claim ' || id AS name, complaint_id, merchant_id, mini_program_id FROM refunds_norefundclaim
            UNION ALL SELECT case_no, complaint_id, merchant_id, mini_program_id FROM refunds_refundcase
        ) AS subject JOIN complaints_complaint AS complaint ON complaint.id = subject.complaint_id
        WHERE (subject.merchant_id, subject.mini_program_id) <> (complaint.merchant_id, complaint.mini_program_id)
        """,
    ),
    *history_of("no_refund_claim", "refunds_norefundclaim", "'claim ' || row.id"),
    *history_of("refund_case", "refunds_refundcase", "row.case_no"),
    *history_of("refund", "refunds_refund", "row.refund_no"),
]
