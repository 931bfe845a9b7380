"""Give time back: the portal was away for a while, so every clock that ran then moves to a later moment.

A clock gets as much as it lost: the whole span, or the part of it since the clock started. What the clock is about
keeps its deadline too, and both move in one statement a batch, with a line in the case's history. Whoever was late only
because of the span is in time afterwards. What was penalised before is not touched here: that is for an amnesty.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from common.policy import policy_at
from deadlines.control import checked_reason, require_control, write_line
from deadlines.models import Deadline, Extension

BATCH = 2000
LONGEST = timedelta(days=14)
"""Longer than this the portal was never away; it is a slip of the pen."""
FIRST_LOCKED = "ORDER BY own.id LIMIT %(batch)s FOR NO KEY UPDATE OF own FOR UPDATE OF clock"
"""As verbs lock: what the clock is about, then the clock."""
Status = Extension.Status


@dataclass(frozen=True, slots=True)
class Movable:
    """A kind of clock that can be moved, and the row that keeps the same deadline.

    `started` and `stopped` are SQL expressions over that row, named `own`: when its clock began to run, and when what
    it waits for was done after all, too late for the clock; null while it was not.
    """

    kind: Deadline.Kind
    noun: str
    table: str
    column: str
    started: str
    stopped: str = ""
    in_time: str = ""
    """A statement that says of the rows in `saved` that they were in time after all, where something says so."""


_movable: dict[str, Movable] = {}


def register_movable(movable: Movable) -> None:
    """Say how the clocks of a kind are moved; each floor does so for its own when it is ready."""
    _movable[movable.kind.value] = movable


def movable_kinds() -> list[str]:
    """Return the kinds of clock that an extension can move, in the order of `Deadline.Kind`."""
    return [kind for kind in Deadline.Kind.values if kind in _movable]


register_movable(
    Movable(
        Deadline.Kind.HANDLE,
        "complaint",
        "complaints_complaint",
        "handle_by",
        started="own.filed_at",
        stopped=(
            "coalesce((SELECT handled_at FROM complaints_handling AS done WHERE done.complaint_id = own.id),"
            " own.ended_at)"
        ),
        in_time="UPDATE complaints_handling SET in_time = true WHERE complaint_id IN (SELECT subject_id FROM saved)",
    )
)


@transaction.atomic
def propose(
    began_at: datetime, ended_at: datetime, kinds: list[str], *, reason: str, actor: Actor, now: datetime
) -> Extension:
    """Propose an extension; one of few cases is approved at once, more need a second person.

    Refuses: whoever may not, no reason, a span that is none, lies in the future or is too long, and kinds that cannot
    be moved.
    """
    require_control(actor)
    reason = checked_reason(reason)
    counted = sum(preview(began_at, ended_at, kinds, now=now).values())
    alone = counted <= policy_at(now).four_eyes_cases
    extension = Extension.objects.create(
        began_at=began_at,
        ended_at=ended_at,
        kinds=[kind for kind in movable_kinds() if kind in kinds],
        status=Status.APPROVED if alone else Status.PROPOSED,
        reason=reason,
        counted=counted,
        proposed_by_id=_person(actor),
        proposed_at=now,
        decided_by_id=_person(actor) if alone else None,
        decided_at=now if alone else None,
    )
    write_line("propose_extension", str(extension), reason=reason, actor=actor, now=now, counted=counted)
    return extension


@transaction.atomic
def decide(extension_id: int, *, approved: bool, actor: Actor, now: datetime) -> Extension:
    """Approve or decline an extension as the second person. Refuses the first one, and what was decided already."""
    require_control(actor)
    extension = Extension.objects.select_for_update(no_key=True, of=("self",)).get(pk=extension_id)
    if extension.status != Status.PROPOSED:
        raise Conflict(_("Somebody decided this already."), code="decided_already")
    if extension.proposed_by_id == actor.id:
        raise NotAllowed(_("You proposed this yourself. A second person must look at it."))
    extension.status = Status.APPROVED if approved else Status.DECLINED
    extension.decided_by_id, extension.decided_at = _person(actor), now
    extension.save()
    verb = "approve_extension" if approved else "decline_extension"
    write_line(verb, str(extension), actor=actor, now=now)
    return extension


def preview(began_at: datetime, ended_at: datetime, kinds: list[str], *, now: datetime) -> dict[str, int]:
    """Count, by kind, the clocks that would move. Refuses a span and kinds as `propose` does."""
    _check(began_at, ended_at, kinds, now=now)
    counts: dict[str, int] = {}
    with connection.cursor() as cursor:
        for kind in movable_kinds():
            if kind in kinds:
                found = _found(_movable[kind], "clock.id")
                cursor.execute(
                    f"SELECT count(*) FROM ({found}) AS found",  # noqa: S608 (constants)
                    _nothing_yet(began_at, ended_at) | {"kind": kind},
                )
                (counts[kind],) = cursor.fetchone()
    return counts


@dataclass(frozen=True, slots=True)
class Shift:
    """One clock as an extension would move it."""

    kind: str
    subject_id: int
    merchant_id: int
    due_before: datetime
    due_after: datetime


def first_shifts(began_at: datetime, ended_at: datetime, kinds: list[str], *, now: datetime, first: int) -> list[Shift]:
    """Return the first clocks of each kind that would move, what was due first in front. Refuses as `propose` does."""
    _check(began_at, ended_at, kinds, now=now)
    shifts: list[Shift] = []
    with connection.cursor() as cursor:
        for kind in movable_kinds():
            if kind in kinds:
                movable = _movable[kind]
                columns = f"clock.subject_id, clock.merchant_id, clock.due_at, clock.due_at + ({_later(movable)})"
                found = _found(movable, columns, "ORDER BY clock.due_at, clock.id LIMIT %(first)s")
                cursor.execute(found, _nothing_yet(began_at, ended_at) | {"kind": kind, "first": first})
                shifts += [Shift(kind, *row) for row in cursor]
    return shifts


def count_by_merchant(
    began_at: datetime, ended_at: datetime, kinds: list[str], *, now: datetime, first: int
) -> list[tuple[int, int]]:
    """Return the merchants with the most clocks that would move, each with its number. Refuses as `propose` does."""
    _check(began_at, ended_at, kinds, now=now)
    counts: Counter[int] = Counter()
    with connection.cursor() as cursor:
        for kind in movable_kinds():
            if kind in kinds:
                found = _found(_movable[kind], "clock.merchant_id, count(*)", "GROUP BY clock.merchant_id")
                cursor.execute(found, _nothing_yet(began_at, ended_at) | {"kind": kind})
                counts.update(dict(cursor.fetchall()))
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:first]


def _nothing_yet(began_at: datetime, ended_at: datetime) -> dict[str, Any]:
    """Return what finds the clocks of a span of which none was moved yet."""
    return {"began_at": began_at, "ended_at": ended_at, "extension": 0, "after": 0}


def _later(movable: Movable) -> str:
    """Return the SQL of how much a clock gets back: the span, or the part of it since the clock began."""
    return f"%(ended_at)s - greatest(%(began_at)s, {movable.started})"


def overlapping(began_at: datetime, ended_at: datetime, kinds: list[str]) -> QuerySet[Extension]:
    """Return the extensions, not declined, that give back some of the same time: to give it twice is rarely meant."""
    others = Extension.objects.exclude(status=Status.DECLINED)
    return others.filter(began_at__lt=ended_at, ended_at__gt=began_at, kinds__overlap=kinds).order_by("pk")


def _check(began_at: datetime, ended_at: datetime, kinds: list[str], *, now: datetime) -> None:
    if not began_at < ended_at:
        raise BadInput(_("The span must end after it began."), field="ended_at")
    if ended_at > now:
        raise BadInput(_("The span lies in the future. Extend it when it is over."), field="ended_at")
    if ended_at - began_at > LONGEST:
        raise BadInput(
            _("The span is longer than %(days)d days. Look at its dates again.") % {"days": LONGEST.days},
            field="began_at",
        )
    if not kinds or not set(kinds) <= set(movable_kinds()):
        raise BadInput(_("Choose which kinds of deadlines move."), field="kinds")


def carry_out(extension_id: int, *, actor: Actor, now: datetime, batch: int = BATCH) -> Extension:
    """Move what an approved extension moves, batch by batch; killed and started again it goes on where it was.

    Refuses one that is not approved, and whoever may not.
    """
    require_control(actor)
    extension = Extension.objects.get(pk=extension_id)
    for kind in extension.kinds:
        last = 0
        while moved := _move_batch(_movable[kind], extension_id, last, actor=actor, now=now, batch=batch):
            last = moved
    return _close(extension_id, actor=actor, now=now)


@transaction.atomic
def _close(extension_id: int, *, actor: Actor, now: datetime) -> Extension:
    """Write down that an extension is done, once."""
    extension = _lock(extension_id)
    if extension.status != Status.DONE:
        extension.status, extension.done_at = Status.DONE, now
        extension.done = extension.moved.count()
        extension.save()
        write_line("extend", str(extension), reason=extension.reason, actor=actor, now=now, moved=extension.done)
    return extension


def _lock(extension_id: int) -> Extension:
    """Lock an extension, so that two who carry it out take turns. Refuses one that is not approved."""
    extension = Extension.objects.select_for_update(no_key=True, of=("self",)).get(pk=extension_id)
    if extension.status not in (Status.APPROVED, Status.DONE):
        raise IllegalMove(_("This is not approved; nothing was moved."))
    return extension


def _found(movable: Movable, columns: str, lock: str = "") -> str:
    """Return the query of the clocks that ran in the span, and were not moved by this extension before."""
    return f"""
        SELECT {columns} FROM deadlines_deadline AS clock
        JOIN {movable.table} AS own ON own.id = clock.subject_id
        WHERE clock.kind = %(kind)s AND clock.due_at >= %(began_at)s AND {movable.started} < %(ended_at)s
            AND own.id > %(after)s AND NOT EXISTS (
                SELECT FROM deadlines_extended AS before WHERE before.extension_id = %(extension)s
                    AND before.kind = clock.kind AND before.subject_id = clock.subject_id
            )
        {lock}
    """  # noqa: S608 (constants of this code base)


@transaction.atomic
def _move_batch(
    movable: Movable, extension_id: int, after: int, *, actor: Actor, now: datetime, batch: int
) -> int | None:
    """Move up to `batch` clocks of a kind in one statement, then save what is in time after all.

    Return the last row that a moved clock is about, where the next batch begins; None when nothing was left.
    """
    extension = _lock(extension_id)
    if extension.status == Status.DONE:
        return None
    columns = f"clock.id, own.id AS own_id, clock.due_at AS due_before, clock.due_at + ({_later(movable)}) AS due_after"
    parameters: dict[str, Any] = {
        "kind": movable.kind.value,
        "began_at": extension.began_at,
        "ended_at": extension.ended_at,
        "extension": extension.pk,
        "after": after,
        "reason": extension.reason,
        "noun": movable.noun,
        "now": now,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "batch": batch,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH found AS (
                {_found(movable, columns, FIRST_LOCKED)}
            ), clocks AS (
                UPDATE deadlines_deadline AS clock
                SET due_at = due_after, remind_at = clock.remind_at + (due_after - due_before)
                FROM found WHERE clock.id = found.id
                RETURNING clock.subject_id, clock.complaint_id, clock.merchant_id, due_before, due_after
            ), kept AS (
                UPDATE {movable.table} AS own SET {movable.column} = due_after FROM found WHERE own.id = found.own_id
                RETURNING own.id, own.status
            ), moved AS (
                INSERT INTO deadlines_extended (extension_id, kind, subject_id, complaint_id, due_before, due_after)
                SELECT %(extension)s, %(kind)s, subject_id, complaint_id, due_before, due_after FROM clocks
            ), lines AS (
                INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
                    actor_id, actor_name, at, detail)
                SELECT complaint_id, %(noun)s, subject_id, 'extend', status, status, %(actor_kind)s, %(actor_id)s,
                    %(actor_name)s, %(now)s, jsonb_build_object('before', due_before, 'after', due_after,
                    'reason', %(reason)s::text, 'kind', %(kind)s::text)
                FROM clocks JOIN kept ON kept.id = clocks.subject_id
            ), events AS (
                INSERT INTO notifications_event (name, merchant_id, subject_id, at, payload)
                SELECT 'deadline.extended', clocks.merchant_id, subject_id, %(now)s,
                    jsonb_build_object('complaint_no', complaint_no, 'kind', %(kind)s::text, 'before', due_before,
                    'due_at', due_after)
                FROM clocks JOIN complaints_complaint AS complaint ON complaint.id = clocks.complaint_id
            )
            SELECT array_agg(subject_id), max(subject_id) FROM clocks
            """,  # noqa: S608 (constants of this code base, the values are parameters)
            parameters,
        )
        subjects, last = cursor.fetchone()
        if subjects and movable.stopped:
            cursor.execute(_save_the_late(movable), {"kind": movable.kind.value, "subjects": subjects})
    return None if last is None else int(last)


def _save_the_late(movable: Movable) -> str:
    """Return the statement that lets go of the clocks of what was done late, and is in time by the later deadline."""
    saved = f"""
        DELETE FROM deadlines_deadline AS clock USING {movable.table} AS own
        WHERE clock.kind = %(kind)s AND clock.subject_id = ANY (%(subjects)s::bigint[])
            AND own.id = clock.subject_id AND {movable.stopped} <= clock.due_at
        RETURNING clock.subject_id
    """  # noqa: S608 (as above)
    return f"WITH saved AS ({saved}) {movable.in_time or 'SELECT 1'}"


def _person(actor: Actor) -> int:
    if actor.id is None:
        raise NotAllowed(_("Only a person of the staff may do this."))
    return actor.id
