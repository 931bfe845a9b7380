"""The sweep engine. It takes clocks past their moment, batch by batch, and lets each app say what missing one means.

A batch is one statement: it deletes the rows it takes (`FOR UPDATE SKIP LOCKED`, so workers never wait for each
other) and inserts what follows, and commits. Killed at any point it has done whole batches only; run again it finds
what is left.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import DataError, IntegrityError, InternalError, ProgrammingError, connection, transaction
from django.utils import timezone

from deadlines.models import Deadline, SweepRun

log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=1)
"""A scheduled sweep acts on what was missed at least so long ago, longer than any request may take."""

BATCH = 5000
BAD_ROW = (IntegrityError, DataError, InternalError, ProgrammingError)
"""What the database says of a row it cannot take. A lost connection is none of these: it ends the run."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which clock, and what missing it means.

    `consequences` are SQL table expressions that read `taken` (the deadline rows) and end with one named `acted`, a row
    for each obligation that something was done about. `parameters` gives their values from the moment that what is done
    carries. `beside` names the table of the subject when the consequences change it: its rows are locked with the
    clock's, so that a sweep and a verb never wait for each other crosswise.
    """

    kind: Deadline.Kind
    consequences: str
    parameters: Callable[[datetime], Mapping[str, Any]]
    beside: str = ""

    def statement(self) -> str:
        join = f"JOIN {self.beside} AS subject ON subject.id = clock.subject_id" if self.beside else ""
        lock = "clock, subject" if self.beside else "clock"
        return f"""
            WITH taken AS (
                DELETE FROM deadlines_deadline WHERE id = ANY (ARRAY(
                    SELECT clock.id FROM deadlines_deadline AS clock {join}
                    WHERE clock.kind = %(kind)s AND clock.due_at < %(cut_off)s
                        AND (clock.due_at, clock.id) > (%(after_due)s, %(after_id)s)
                    ORDER BY clock.due_at, clock.id LIMIT %(limit)s FOR UPDATE OF {lock} SKIP LOCKED
                )) RETURNING *
            ), {self.consequences}
            SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM acted), last.due_at, last.id,
                CASE WHEN %(list)s THEN (SELECT array_agg(subject_id ORDER BY due_at, id) FROM taken) END
            FROM (SELECT due_at, id FROM taken ORDER BY due_at DESC, id DESC LIMIT 1) AS last
        """  # noqa: S608 (the pieces are constants of this code base, the values are parameters)


_sweeps: dict[str, Sweep] = {}


def register(sweep: Sweep) -> None:
    """Make a sweep known; each app does so in its `sweeps.py`."""
    _sweeps[sweep.kind.value] = sweep


def registered_kinds() -> list[str]:
    """Return the kinds of clock that a sweep exists for, in the order of `Deadline.Kind`."""
    return [kind for kind in Deadline.Kind.values if kind in _sweeps]


@dataclass(slots=True)
class Report:
    """What one run did; `subjects` is filled by a dry run only."""

    kind: str
    examined: int = 0
    acted: int = 0
    skipped: int = 0
    failed: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    subjects: list[int] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("examined", "acted", "skipped", "failed")}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a batch ended and the next one starts."""

    due_at: datetime = datetime(1, 1, 1, tzinfo=UTC)
    id: int = 0


def run_sweep(
    kind: str,
    *,
    cut_off: datetime,
    issued_at: datetime,
    ran_by: str,
    batch: int = BATCH,
    dry_run: bool = False,
) -> Report:
    """Act on every clock of `kind` that was missed before `cut_off`; what is done carries `issued_at`.

    A row that the database refuses is recorded and passed over; it stays due. A dry run takes the same way and rolls
    every batch back.
    """
    sweep = _sweeps[kind]
    report = Report(kind)
    run = SweepRun(
        kind=kind,
        cut_off=cut_off,
        issued_at=issued_at,
        started_at=timezone.now(),
        ran_by=ran_by,
        lag=_lag(kind, cut_off, issued_at),
    )
    if not dry_run:
        run.save()
    for counted in _batches(sweep, run, report, batch, dry_run):
        log.info("sweep_batch", kind=kind, dry_run=dry_run, **counted)
    if not dry_run:
        _close(run, report)
    return report


def _batches(sweep: Sweep, run: SweepRun, report: Report, batch: int, dry_run: bool) -> Iterator[dict[str, int]]:
    """Work through the due rows. A batch that fails is tried in smaller ones, down to the row that is bad."""
    place, limit = _Place(), batch
    while True:
        try:
            counted, place = _one_batch(sweep, run, report, place, limit, dry_run)
        except BAD_ROW as error:
            if limit > 1:
                limit = max(1, limit // 10)
                continue
            place = _pass_over(sweep, run, report, place, error)
            continue
        if not counted["examined"]:
            return
        yield counted
        limit = min(batch, limit * 10)


def _one_batch(
    sweep: Sweep, run: SweepRun, report: Report, place: _Place, limit: int, dry_run: bool
) -> tuple[dict[str, int], _Place]:
    parameters = {
        **sweep.parameters(run.issued_at),
        "kind": sweep.kind.value,
        "cut_off": run.cut_off,
        "issued_at": run.issued_at,
        "run_id": run.pk,
        "after_due": place.due_at,
        "after_id": place.id,
        "limit": limit,
        "list": dry_run,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sweep.statement(), parameters)
        row = cursor.fetchone()
        if row is None:
            return {"examined": 0, "acted": 0}, place
        examined, acted, due_at, last_id, subjects = row
        report.examined += examined
        report.acted += acted
        report.skipped += examined - acted
        report.subjects += subjects or []
        if dry_run:
            transaction.set_rollback(True)
        else:
            SweepRun.objects.filter(pk=run.pk).update(**report.counts())
    return {"examined": examined, "acted": acted}, _Place(due_at, last_id)


def _pass_over(sweep: Sweep, run: SweepRun, report: Report, place: _Place, error: Exception) -> _Place:
    """Record the row after `place`, which the database refused, and return the place behind it."""
    row = (
        _due(sweep.kind, run.cut_off)
        .extra(where=["(due_at, id) > (%s, %s)"], params=[place.due_at, place.id])
        .order_by("due_at", "id")[0]
    )
    reason = str(error).strip().splitlines()[0]
    report.examined += 1
    report.failed += 1
    report.failures.append({"subject_id": row.subject_id, "reason": reason})
    log.error("sweep_row_failed", kind=sweep.kind.value, subject_id=row.subject_id, reason=reason)
    return _Place(row.due_at, row.pk)


def _close(run: SweepRun, report: Report) -> None:
    """Write down what the run did, and what it had to leave because somebody else held it."""
    in_use = max(0, _due(run.kind, run.cut_off).count() - report.failed)
    reasons = {"dealt_with_already": report.skipped, "in_use": in_use, "failures": report.failures[:100]}
    report.skipped += in_use
    for name, count in report.counts().items():
        setattr(run, name, count)
    run.reasons = {name: value for name, value in reasons.items() if value}
    run.ended_at = timezone.now()
    run.save()


def _due(kind: str, cut_off: datetime) -> "Any":
    return Deadline.objects.filter(kind=kind, due_at__lt=cut_off)


def _lag(kind: str, cut_off: datetime, issued_at: datetime) -> timedelta | None:
    oldest = _due(kind, cut_off).order_by("due_at").values_list("due_at", flat=True).first()
    return issued_at - oldest if oldest else None
