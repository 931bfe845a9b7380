"""How an extension moves the clock of a pending refund, and what says that a late one was in time after all."""

from complaints.extending import Movable
from deadlines.models import Deadline

ROUND_BEGAN = """
    greatest(own.opened_at, (
        SELECT max(line.at) FROM complaints_historyline AS line
        WHERE line.complaint_id = own.complaint_id AND line.noun = 'refund_case' AND line.noun_id = own.id
            AND line.verb IN ('overrule', 'reopen')
    ))
"""
STOPPED_LATE = """
    CASE own.status
    WHEN 'refused' THEN (
        SELECT max(claim.submitted_at) FROM refunds_norefundclaim AS claim WHERE claim.refund_case_id = own.id
    )
    WHEN 'waived' THEN own.ended_at
    ELSE (
        SELECT max(paid.requested_at) FROM refunds_refund AS paid
        WHERE paid.refund_case_id = own.id AND paid.status IN ('processing', 'succeeded')
        HAVING sum(paid.amount) >= own.amount
    ) END
"""
"""When the clock would have been stopped: by a refusal, by the end, or by the refund that made up all that is due."""

MOVABLE = Movable(
    Deadline.Kind.REFUND,
    "refund_case",
    "refunds_refundcase",
    "refund_by",
    started=ROUND_BEGAN,
    stopped=STOPPED_LATE,
    in_time=f"""
        UPDATE refunds_refundcase AS own SET stopped_at = {STOPPED_LATE} WHERE id IN (SELECT subject_id FROM saved)
    """,  # noqa: S608 (constants)
)
