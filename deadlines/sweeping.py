"""The sweep engine. It takes clocks past their moment, batch by batch, and lets each app say what missing one means.

A batch is one statement: it deletes the rows it takes (`FOR UPDATE SKIP LOCKED`, so workers never wait for each other)
and inserts what follows, and commits. Killed at any point it has done whole batches only; run again it finds what is
left.

Nobody waits crosswise. A verb locks its subject, then the clock. A sweep locks clock and subject together and steps
over what is locked already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, DataError, IntegrityError, InternalError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from deadlines.models import Deadline, SweepRun

log = structlog.get_logger(__name__)

GRACE = timedelta(minutes=1)
"""A scheduled sweep acts on what was missed at least so long ago, longer than any request may take."""

BATCH = 5000
SHADOWS_KEPT = 1000
"""A shadow run names so many of the rows that it would have acted on."""
FAILURES_KEPT = 100
"""A run keeps the reasons of so many failures; it counts and logs every one."""

PRELUDE = """
    SET LOCAL lock_timeout = '2s'; SET CONSTRAINTS ALL IMMEDIATE;
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off
"""
"""A lock that nobody should hold must not stop the sweep. A bad row shows in its batch, also in a dry run, which never
reaches the commit at which Django's foreign keys are looked at. And a batch is read in the order of the index, up to
its end: with statistics of yesterday the planner would read and sort all that is due, again for every batch."""

IN_THE_WAY = {"55P03": "lock not available", "40P01": "deadlock detected", "40001": "serialization failure"}


@dataclass(frozen=True, slots=True)
class Sweep:
    """Which clock, and what missing it means.

    `consequences` are SQL table expressions that read `taken` (the deadline rows) and end with one named `acted`, a row
    for each obligation that something was done about. `parameters` gives their values from the moment that what is done
    carries.

    A clock's references are not checked by the database, so each run looks once: `beside` names the table in which the
    row of the clock's `reference` must exist; a clock without it fails. When the consequences change that row,
    `changes_it` locks it with the clock's, so that a sweep and a verb never wait for each other crosswise. Without
    `beside` the clocks are taken as they are.
    """

    kind: Deadline.Kind
    consequences: str
    parameters: Callable[[datetime], Mapping[str, Any]]
    beside: str = ""
    reference: str = "subject_id"
    changes_it: bool = False

    def due(self, columns: str) -> str:
        """Return the statement that locks the next due clocks, and the rows beside them where those change."""
        joined, lock = "", ""
        if self.changes_it:
            joined = f"JOIN {self.beside} AS beside ON beside.id = clock.{self.reference}"
            lock = "FOR NO KEY UPDATE OF beside SKIP LOCKED"
        return f"""
            SELECT {columns} FROM deadlines_deadline AS clock {joined}
            WHERE clock.kind = %(kind)s AND clock.due_at < %(cut_off)s
                AND (clock.due_at, clock.id) > (%(after_due)s, %(after_id)s)
                AND clock.subject_id <> ALL (%(orphans)s::bigint[])
            ORDER BY clock.due_at, clock.id LIMIT %(limit)s FOR UPDATE OF clock SKIP LOCKED {lock}
        """  # noqa: S608 (the pieces are constants of this code base, the values are parameters)

    def statement(self) -> str:
        """Return the statement that is one batch."""
        return f"""
            WITH taken AS (
                DELETE FROM deadlines_deadline WHERE id = ANY (ARRAY({self.due("clock.id")})) RETURNING *
            ), {self.consequences}
            SELECT (SELECT count(*) FROM taken), (SELECT count(*) FROM acted), last.due_at, last.id,
                CASE WHEN %(list)s THEN (SELECT array_agg(subject_id ORDER BY due_at, id) FROM taken) END
            FROM (SELECT due_at, id FROM taken ORDER BY due_at DESC, id DESC LIMIT 1) AS last
        """  # noqa: S608 (as above)

    def orphan_clocks(self) -> str:
        """Return the statement that finds the due clocks whose row beside them does not exist."""
        return f"""
            SELECT clock.subject_id FROM deadlines_deadline AS clock
            WHERE clock.kind = %(kind)s AND clock.due_at < %(cut_off)s
                AND NOT EXISTS (SELECT FROM {self.beside} AS beside WHERE beside.id = clock.{self.reference})
            ORDER BY clock.due_at, clock.id
        """  # noqa: S608 (as above)


_sweeps: dict[str, Sweep] = {}


def register(sweep: Sweep) -> None:
    """Make a sweep known; each app does so in its `sweeps.py`."""
    _sweeps[sweep.kind.value] = sweep


def registered_kinds() -> list[str]:
    """Return the kinds of clock that a sweep exists for, in the order of `Deadline.Kind`."""
    return [kind for kind in Deadline.Kind.values if kind in _sweeps]


@dataclass(slots=True)
class Report:
    """What one run did: every due row it saw was acted upon, skipped (dealt with already, or in use), or failed.

    `subjects` are those a dry run would take; a real run leaves the list empty.
    """

    kind: str
    examined: int = 0
    acted: int = 0
    skipped: int = 0
    failed: int = 0
    in_use: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    subjects: list[int] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Return the four numbers; the first is the sum of the others."""
        return {name: getattr(self, name) for name in ("examined", "acted", "skipped", "failed")}

    def reasons(self) -> dict[str, Any]:
        """Return why rows were left, as `SweepRun` keeps it."""
        dealt_with = self.skipped - self.in_use
        reasons = {
            "dealt_with_already": dealt_with,
            "in_use": self.in_use,
            "failures": self.failures[:FAILURES_KEPT],
        }
        return {name: value for name, value in reasons.items() if value}


def run_sweep(
    kind: str,
    *,
    cut_off: datetime,
    issued_at: datetime,
    ran_by: str,
    batch: int = BATCH,
    dry_run: bool = False,
    is_shadow: bool = False,
    is_over: Callable[[], bool] = lambda: False,
) -> Report:
    """Act on every clock of `kind` that was missed before `cut_off`; what is done carries `issued_at`.

    A row that the database refuses is recorded and passed over; it stays due. A row that somebody holds is left to the
    next run. A dry run takes the same way and rolls every batch back; a shadow run is one that is
    written down. Once `is_over` says so, the run ends after the batch that it is at. A lost connection, or a statement
    that no database could take, is raised: the batches before it stand, and the `SweepRun` stays open.
    """
    record = SweepRun(
        kind=kind,
        cut_off=cut_off,
        issued_at=issued_at,
        started_at=timezone.now(),
        ran_by=ran_by,
        lag=_lag(kind, cut_off, issued_at),
        is_shadow=is_shadow,
    )
    if is_shadow or not dry_run:
        record.save()
    run = _Run(_sweeps[kind], record, batch, dry_run or is_shadow)
    run.work_through(is_over)
    run.close()
    return run.report


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a batch ended and the next one starts."""

    due_at: datetime = datetime(1, 1, 1, tzinfo=UTC)
    id: int = 0


class _Run:
    """One run under way: where it is, and what it did so far."""

    def __init__(self, sweep: Sweep, record: SweepRun, batch: int, dry_run: bool) -> None:
        self.sweep = sweep
        self.record = record
        self.batch = batch
        self.dry_run = dry_run
        self.report = Report(sweep.kind.value)
        self.place = _Place()
        self.orphans: list[int] = []
        self.was_stopped = False

    def work_through(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Take batch after batch. One that fails is tried in smaller ones, down to the row that is bad."""
        self._pass_over_orphans()
        limit = self.batch
        while True:
            if is_over():
                self.was_stopped = True
                return
            try:
                found = self._take_one() if limit == 1 else self._take(limit)
            except DatabaseError as error:
                if limit == 1 or not (_is_bad_row(error) or _is_in_the_way(error)):
                    raise
                limit = max(1, limit // 10)
                continue
            if not found:
                return
            limit = min(self.batch, limit * 10)

    def _take(self, limit: int) -> bool:
        """Take up to `limit` rows in one transaction; say whether there was one."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PRELUDE)
            cursor.execute(self.sweep.statement(), self._parameters(limit))
            row = cursor.fetchone()
            if row is None:
                return False
            examined, acted, due_at, last_id, subjects = row
            if self.dry_run:
                transaction.set_rollback(True)
            else:
                self._count(examined=examined, acted=acted, skipped=examined - acted)
        # Only now, after the commit: a batch that fails is tried again, and must not be counted twice.
        self.place = _Place(due_at, last_id)
        self.report.examined += examined
        self.report.acted += acted
        self.report.skipped += examined - acted
        self.report.subjects += subjects or []
        log.info("sweep_batch", kind=self.report.kind, dry_run=self.dry_run, examined=examined, acted=acted)
        return True

    def _take_one(self) -> bool:
        """Take the next row alone, locked before it is tried, so that no other is blamed for it."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PRELUDE)
            cursor.execute(self.sweep.due("clock.due_at, clock.id, clock.subject_id"), self._parameters(1))
            row = cursor.fetchone()
            if row is None:
                return False
            due_at, clock_id, subject_id = row
            self.place = _Place(due_at, clock_id - 1)
            try:
                self._take(1)
            except DatabaseError as error:
                if not (_is_bad_row(error) or _is_in_the_way(error)):
                    raise
                if _is_bad_row(error):
                    self._fail(subject_id, str(error).strip().splitlines()[0])
                self.place = _Place(due_at, clock_id)
        return True

    def _pass_over_orphans(self) -> None:
        """Fail the clocks that lack their row beside them. One look for the run: one a row would cost a tenth."""
        if not self.sweep.beside:
            return
        with connection.cursor() as cursor:
            cursor.execute(self.sweep.orphan_clocks(), self._parameters(0))
            self.orphans = [subject_id for (subject_id,) in cursor]
        for subject_id in self.orphans:
            self._fail(subject_id, f"The clock's {self.sweep.reference} is not in {self.sweep.beside}.")

    def _parameters(self, limit: int) -> dict[str, Any]:
        return {
            **self.sweep.parameters(self.record.issued_at),
            "kind": self.sweep.kind.value,
            "cut_off": self.record.cut_off,
            "issued_at": self.record.issued_at,
            "run_id": self.record.pk,
            "after_due": self.place.due_at,
            "after_id": self.place.id,
            "orphans": self.orphans,
            "limit": limit,
            "list": self.dry_run,
        }

    def _count(self, **counts: int) -> None:
        """Write down, in the batch's own transaction, what it did: a killed run has told the truth."""
        SweepRun.objects.filter(pk=self.record.pk).update(**{name: F(name) + n for name, n in counts.items()})

    def _fail(self, subject_id: int, reason: str) -> None:
        self.report.examined += 1
        self.report.failed += 1
        self.report.failures.append({"subject_id": subject_id, "reason": reason})
        log.error("sweep_row_failed", kind=self.report.kind, subject_id=subject_id, reason=reason)

    def close(self) -> None:
        """Count what had to be left because somebody held it, and write down the run."""
        report, record = self.report, self.record
        seen = report.examined if self.dry_run else report.failed
        if not self.was_stopped:
            report.in_use = max(0, _due(report.kind, record.cut_off).count() - seen)
        report.examined += report.in_use
        report.skipped += report.in_use
        if record.pk:
            for name, count in report.counts().items():
                setattr(record, name, count)
            record.reasons = report.reasons() | ({"stopped": True} if self.was_stopped else {})
            if record.is_shadow:
                record.reasons["would_act_on"] = report.subjects[:SHADOWS_KEPT]
            record.ended_at = timezone.now()
            record.save()


def _is_bad_row(error: DatabaseError) -> bool:
    """Say whether the database refused a row: a constraint, a value, a trigger. A lost connection is none of these."""
    return isinstance(error, IntegrityError | DataError | InternalError)


def _is_in_the_way(error: DatabaseError) -> bool:
    """Say whether somebody else held what the batch needed: a smaller one may pass, and the next run finds the rest."""
    return getattr(error.__cause__, "pgcode", None) in IN_THE_WAY


def _due(kind: str, cut_off: datetime) -> QuerySet[Deadline]:
    return Deadline.objects.filter(kind=kind, due_at__lt=cut_off)


def _lag(kind: str, cut_off: datetime, issued_at: datetime) -> timedelta | None:
    oldest = _due(kind, cut_off).order_by("due_at").values_list("due_at", flat=True).first()
    return issued_at - oldest if oldest else None
