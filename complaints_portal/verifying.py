"""What must always be true of the data, each as one statement that finds what breaks it.

References that no foreign key guards (because sweeps insert those rows by the hundred thousand) are looked at here.
"""

import hashlib
from dataclasses import dataclass, field
from typing import IO, Any

from django.db import connection, transaction

from complaints_portal.invariants import Invariant, history_of
from complaints_portal.refund_invariants import REFUND_INVARIANTS
from deadlines.sweeping import GRACE
from evidence.models import Evidence, evidence_files

CHUNK = 1024 * 1024
EXAMPLES = 10
"""So many of the rows that break an invariant are named."""


@dataclass(slots=True)
class Finding:
    """How many rows break an invariant, and the names of the first of them."""

    invariant: Invariant
    count: int
    examples: list[str] = field(default_factory=list)


INVARIANTS = [
    Invariant(
        "one_penalty_per_obligation",
        "A missed obligation has exactly one penalty.",
        """
        SELECT kind || ' ' || subject_id || ' round ' || round FROM penalties_penalty
        GROUP BY kind, subject_id, round HAVING count(*) > 1
        """,
    ),
    Invariant(
        "no_penalty_in_time",
        "Nobody is penalised for what was handled in time.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        JOIN complaints_handling AS handling ON handling.complaint_id = penalty.complaint_id
        WHERE penalty.kind = 'complaint_timeout' AND handling.in_time
        """,
    ),
    Invariant(
        "no_penalty_for_what_ended_in_time",
        "Nobody is penalised for a complaint that was withdrawn or closed in time, or taken in as history.",
        f"""
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        JOIN complaints_complaint AS complaint ON complaint.id = penalty.complaint_id
        WHERE penalty.kind = 'complaint_timeout'
            AND (complaint.is_history OR complaint.ended_at <= complaint.handle_by AND NOT EXISTS (
                -- A sweep with an explicit cut-off took the clock while the withdrawal was under way, and so won.
                -- A scheduled one leaves the grace, and overtakes nobody.
                SELECT FROM complaints_historyline AS issued JOIN complaints_historyline AS ended
                    ON ended.complaint_id = issued.complaint_id AND ended.id > issued.id
                JOIN deadlines_sweeprun AS run ON run.id = penalty.sweep_run_id
                    AND run.cut_off > run.issued_at - interval '{GRACE.total_seconds()} seconds'
                WHERE issued.complaint_id = complaint.id AND issued.noun = 'penalty' AND issued.noun_id = penalty.id
                    AND issued.verb = 'issue' AND ended.noun = 'complaint' AND ended.at = complaint.ended_at))
        """,  # noqa: S608 (a constant)
    ),
    Invariant(
        "no_clock_in_time",
        "No clock runs on for a complaint that was handled, withdrawn or closed in time, or is penalised already.",
        """
        SELECT complaint.complaint_no FROM deadlines_deadline AS clock
        JOIN complaints_complaint AS complaint ON complaint.id = clock.subject_id
        LEFT JOIN complaints_handling AS handling ON handling.complaint_id = complaint.id
        WHERE clock.kind = 'handle' AND (handling.in_time OR complaint.ended_at <= complaint.handle_by
            OR EXISTS (SELECT FROM penalties_penalty AS penalty
                WHERE penalty.kind = 'complaint_timeout' AND penalty.subject_id = complaint.id))
        """,
    ),
    Invariant(
        "penalty_is_told",
        "Each penalty has one line of history and one event that say that it was issued.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        LEFT JOIN (SELECT noun_id, count(*) AS lines FROM complaints_historyline
            WHERE noun = 'penalty' AND verb = 'issue' GROUP BY noun_id) AS line ON line.noun_id = penalty.id
        LEFT JOIN (SELECT subject_id, count(*) AS events FROM notifications_event
            WHERE name = 'penalty.issued' GROUP BY subject_id) AS event ON event.subject_id = penalty.id
        WHERE lines IS DISTINCT FROM 1 OR events IS DISTINCT FROM 1
        """,
    ),
    Invariant(
        "nobody_reads_ahead",
        "No event and no reader of events is further than this server has counted; else nobody is told of new ones.",
        """
        SELECT name FROM (
            SELECT 'event ' || id AS name, transaction FROM notifications_event
            UNION ALL SELECT 'reader ' || name, transaction FROM notifications_watermark
        ) AS numbered WHERE transaction > event_number(
            greatest(pg_snapshot_xmax(pg_current_snapshot()), pg_current_xact_id_if_assigned()))
        """,
    ),
    Invariant(
        "missed_means_late",
        "What was handled late has a penalty, or its clock still waits for the sweep.",
        """
        SELECT complaint.complaint_no FROM complaints_handling AS handling
        JOIN complaints_complaint AS complaint ON complaint.id = handling.complaint_id
        WHERE NOT handling.in_time AND NOT complaint.is_history
            AND NOT EXISTS (SELECT FROM penalties_penalty AS penalty
                WHERE penalty.kind = 'complaint_timeout' AND penalty.subject_id = complaint.id)
            AND NOT EXISTS (SELECT FROM deadlines_deadline AS clock
                WHERE clock.kind = 'handle' AND clock.subject_id = complaint.id)
        """,
    ),
    Invariant(
        "ended_late_is_missed",
        "What was withdrawn or closed late, and never handled, has a penalty, or its clock still waits for the sweep.",
        """
        SELECT complaint.complaint_no FROM complaints_complaint AS complaint
        WHERE complaint.status IN ('cancelled', 'closed') AND complaint.ended_at > complaint.handle_by
            AND NOT complaint.is_history
            AND NOT EXISTS (SELECT FROM complaints_handling AS handling WHERE handling.complaint_id = complaint.id)
            AND NOT EXISTS (SELECT FROM penalties_penalty AS penalty
                WHERE penalty.kind = 'complaint_timeout' AND penalty.subject_id = complaint.id)
            AND NOT EXISTS (SELECT FROM deadlines_deadline AS clock
                WHERE clock.kind = 'handle' AND clock.subject_id = complaint.id)
        """,
    ),
    Invariant(
        "pending_has_a_clock",
        "A pending complaint has its clock, or the penalty for missing it.",
        """
        SELECT complaint.complaint_no FROM complaints_complaint AS complaint
        WHERE complaint.status = 'pending' AND NOT complaint.is_history
            AND NOT EXISTS (SELECT FROM deadlines_deadline AS clock
                WHERE clock.kind = 'handle' AND clock.subject_id = complaint.id)
            AND NOT EXISTS (SELECT FROM penalties_penalty AS penalty
                WHERE penalty.kind = 'complaint_timeout' AND penalty.subject_id = complaint.id)
        """,
    ),
    Invariant(
        "clock_agrees_with_complaint",
        "A clock is about a complaint that exists, of the same merchant and mini program, with the same deadline.",
        """
        SELECT clock.kind || ' ' || clock.subject_id FROM deadlines_deadline AS clock
        LEFT JOIN complaints_complaint AS complaint ON complaint.id = clock.complaint_id
        WHERE complaint.id IS NULL OR complaint.merchant_id <> clock.merchant_id
            OR complaint.mini_program_id <> clock.mini_program_id
            OR (clock.kind = 'handle' AND complaint.handle_by <> clock.due_at)
        """,
    ),
    Invariant(
        "penalty_agrees_with_complaint",
        "A penalty is about a complaint that exists, of the same merchant and mini program.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        LEFT JOIN complaints_complaint AS complaint ON complaint.id = penalty.complaint_id
        WHERE complaint.id IS NULL OR complaint.merchant_id <> penalty.merchant_id
            OR complaint.mini_program_id <> penalty.mini_program_id
        """,
    ),
    Invariant(
        "open_window_has_a_clock",
        "A penalty that is not revoked and whose window is not closed has its clock, ending when the penalty says.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        LEFT JOIN deadlines_deadline AS clock ON clock.kind = 'appeal' AND clock.subject_id = penalty.id
        WHERE penalty.status <> 'revoked' AND penalty.window_closed_at IS NULL
            AND clock.due_at IS DISTINCT FROM penalty.appeal_by
        """,
    ),
    Invariant(
        "appeal_clock_has_a_penalty",
        "An appeal clock is about a penalty whose window is open.",
        """
        SELECT 'appeal ' || clock.subject_id FROM deadlines_deadline AS clock
        LEFT JOIN penalties_penalty AS penalty ON penalty.id = clock.subject_id
        WHERE clock.kind = 'appeal' AND (penalty.id IS NULL OR penalty.window_closed_at IS NOT NULL)
        """,
    ),
    Invariant(
        "handled_has_a_finish_clock",
        "A handled complaint has the clock after which it finishes by itself.",
        """
        SELECT complaint.complaint_no FROM complaints_complaint AS complaint
        WHERE complaint.status = 'handled' AND NOT complaint.is_history
            AND NOT EXISTS (SELECT FROM deadlines_deadline AS clock
                WHERE clock.kind = 'finish' AND clock.subject_id = complaint.id)
        """,
    ),
    Invariant(
        "revoked_has_no_appeal_clock",
        "A revoked penalty has no appeal clock: there is nothing left to appeal.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        JOIN deadlines_deadline AS clock ON clock.kind = 'appeal' AND clock.subject_id = penalty.id
        WHERE penalty.status = 'revoked'
        """,
    ),
    Invariant(
        "under_appeal_means_one_open_appeal",
        "A penalty is under appeal exactly while one appeal against it is open.",
        """
        SELECT penalty.penalty_no FROM penalties_penalty AS penalty
        LEFT JOIN (SELECT penalty_id, count(*) AS number FROM appeals_appeal
            WHERE status IN ('submitted', 'more_wanted') GROUP BY penalty_id) AS open ON open.penalty_id = penalty.id
        WHERE coalesce(open.number, 0) <> CASE penalty.status WHEN 'under_appeal' THEN 1 ELSE 0 END
        """,
    ),
    Invariant(
        "approved_means_revoked",
        "The penalty of an approved appeal is revoked: its points were given back.",
        """
        SELECT 'appeal ' || appeal.id FROM appeals_appeal AS appeal
        JOIN penalties_penalty AS penalty ON penalty.id = appeal.penalty_id
        WHERE appeal.status = 'approved' AND penalty.status <> 'revoked'
        """,
    ),
    Invariant(
        "review_has_its_clock",
        "An appeal under review has its clock, ending when the appeal says, or staff were alerted that it was missed.",
        """
        SELECT 'appeal ' || appeal.id FROM appeals_appeal AS appeal
        LEFT JOIN deadlines_deadline AS clock ON clock.kind = 'review' AND clock.subject_id = appeal.id
        WHERE appeal.status = 'submitted' AND clock.due_at IS DISTINCT FROM appeal.review_by
            AND (clock.id IS NOT NULL OR NOT EXISTS (SELECT FROM notifications_event AS event
                WHERE event.name = 'review.overdue' AND event.subject_id = appeal.id
                    AND (event.payload->>'review_by')::timestamptz = appeal.review_by))
        """,
    ),
    Invariant(
        "supplement_has_its_clock",
        "An appeal about which staff asked has the clock of its supplement, ending when the appeal says.",
        """
        SELECT 'appeal ' || appeal.id FROM appeals_appeal AS appeal
        LEFT JOIN deadlines_deadline AS clock ON clock.kind = 'supplement' AND clock.subject_id = appeal.id
        WHERE appeal.status = 'more_wanted' AND (clock.id IS NULL OR clock.due_at IS DISTINCT FROM appeal.supplement_by)
        """,
    ),
    Invariant(
        "review_clock_has_an_appeal",
        "A review clock is about what is under review, a supplement clock about an appeal that staff asked about.",
        """
        SELECT clock.kind || ' ' || clock.subject_id FROM deadlines_deadline AS clock
        LEFT JOIN appeals_appeal AS appeal ON appeal.id = clock.subject_id
        LEFT JOIN refunds_norefundclaim AS claim ON claim.id = clock.subject_id
        WHERE (clock.kind = 'review' AND claim.id IS NULL AND appeal.status IS DISTINCT FROM 'submitted')
            OR (clock.kind = 'supplement' AND appeal.status IS DISTINCT FROM 'more_wanted')
        """,
    ),
    *history_of("complaint", "complaints_complaint", "row.complaint_no"),
    *history_of("penalty", "penalties_penalty", "row.penalty_no"),
    *history_of("appeal", "appeals_appeal", "'appeal ' || row.id"),
    *REFUND_INVARIANTS,
]


EVIDENCE = Invariant(
    "evidence_is_as_stored",
    "The file of each picture is there, and has the hash that its row keeps.",
    "",  # no statement can say: the files are looked at one by one
)


def verify_evidence(*, batch: int = 500) -> Finding:
    """Read the file of every picture again and compare its hash with the row's; so many rows are fetched at a time."""
    finding = Finding(EVIDENCE, 0)
    last = 0
    while rows := list(Evidence.objects.filter(pk__gt=last).order_by("pk").only("file", "stored_sha256")[:batch]):
        last = rows[-1].pk
        for row in rows:
            wrong = what_is_wrong(str(row.file.name), row.stored_sha256)
            if wrong:
                finding.count += 1
                if finding.count <= EXAMPLES:
                    finding.examples.append(f"{row.file.name} {wrong}")
    return finding


def what_is_wrong(name: str, sha256: str) -> str:
    """Say what is wrong with a file of evidence; nothing when its hash is this one."""
    try:
        with evidence_files().open(name) as file:
            found = hash_of(file)
    except Exception as error:  # each storage fails in its own way: OSError here, botocore's exceptions there
        return "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read ({type(error).__name__})"
    return "" if found == sha256 else "has another hash"


def hash_of(file: Any, copy_to: IO[bytes] | None = None) -> str:
    """Return the SHA-256 of what a file holds from here on, written to another file on the way when one is given."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
        if copy_to is not None:
            copy_to.write(chunk)
    return digest.hexdigest()


def verify() -> list[Finding]:
    """Look at every invariant, each with one statement over whole tables, all at the same moment of the data."""
    findings = []
    with transaction.atomic(), connection.cursor() as cursor:
        if len(connection.atomic_blocks) == 1:  # else somebody has looked at the data in this transaction already
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Right after a great sweep the database takes its tables for small ones, and would go through a million rows
        # for each of a million.
        cursor.execute("SET LOCAL enable_nestloop = off")
        for invariant in INVARIANTS:
            cursor.execute(
                f"SELECT count(*) OVER (), broken.* FROM ({invariant.broken_by}) AS broken LIMIT {EXAMPLES}"  # noqa: S608
            )
            rows = cursor.fetchall()
            findings.append(Finding(invariant, rows[0][0] if rows else 0, [name for _count, name in rows]))
    return findings
