"""Exports: the list as it is filtered, as a file. A short one is sent at once, a long one is made by a task.

What is to be made stands in PostgreSQL. A worker that makes an export gives signs of life; when none came for two
minutes, the next one takes the export again, under a new name for its file, and the old worker finds that out.
"""

import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import BinaryIO

import structlog
from django.core.files import File
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, Conflict, NotAllowed
from complaints.filters import FilterForm
from complaints.models import Complaint, Export
from complaints.permissions import visible_to
from complaints.queries import narrowed
from complaints.workspace.sheets import Cell, Writer, headings, rows_of, write_csv, write_xlsx
from evidence.models import evidence_files
from merchants.members import member_now
from merchants.models import Grant

log = structlog.get_logger(__name__)

AT_ONCE = 5000
"""Rows up to which an export is sent in the request; a longer one is made by a task."""
MOST: dict[str, int] = {Export.Format.CSV: 1_000_000, Export.Format.XLSX: 200_000}
"""Rows of the longest export of each format, which a task makes well before its time is over."""
SILENT_FOR = timedelta(minutes=2)
"""A worker that gave no sign of life for so long is dead."""
TAKEN_AGAIN = 3
"""So many times an export is taken again; then it has failed."""
KEPT_FOR = timedelta(days=1)
QUERY_LIMIT = 1000

WRITERS: dict[str, Writer] = {Export.Format.CSV: write_csv, Export.Format.XLSX: write_xlsx}
TO_MAKE = Q(status__in=(Export.Status.WAITING, Export.Status.RUNNING))

Clock = Callable[[], datetime]


class Lost(Exception):
    """The export is no longer this worker's: it was deleted, or another one took it."""


def listed(query: str, *, actor: Actor, now: datetime) -> QuerySet[Complaint] | None:
    """Return the complaints of a list as its address filters them; None when these filters are wrong."""
    form = FilterForm(QueryDict(query), actor=actor)
    if not form.is_valid():
        return None
    complaints = narrowed(visible_to(actor), form.wanted(), now=now)
    return complaints.filter(status__in=form.statuses())


def is_long(complaints: QuerySet[Complaint]) -> bool:
    """Say whether these are more than are sent at once; no more are counted than that takes."""
    return complaints.order_by().values("pk")[: AT_ONCE + 1].count() > AT_ONCE


def exports_of(actor: Actor, *, now: datetime) -> QuerySet[Export]:
    """Return the exports that a member asked for and that are still there, newest first: their own, nobody else's."""
    if actor.id is None or actor.merchant_id is None or Grant.VIEW not in actor.grants:
        return Export.objects.none()
    own = Export.objects.filter(user_id=actor.id, merchant_id=actor.merchant_id)
    return own.filter(Q(ended_at=None) | Q(ended_at__gte=now - KEPT_FOR)).order_by("-asked_at", "-pk")


def ask_export(query: str, format_name: str, *, language: str, actor: Actor, now: datetime) -> Export:
    """Ask for a long export, which a task makes.

    Refuses whoever may not see complaints, an unknown format, filters that are too long to be kept, and a second one
    while this member's last one is not made yet.
    """
    user_id = _person(actor)
    if format_name not in Export.Format.values:
        raise BadInput(_("Choose CSV or XLSX."), field="format")
    if len(query) > QUERY_LIMIT:
        raise BadInput(_("These filters are too long to be kept. Choose fewer."), field="query")
    try:
        with transaction.atomic():
            return Export.objects.create(
                merchant_id=actor.own_merchant_id,
                user_id=user_id,
                format=format_name,
                query=query,
                language=language,
                asked_at=now,
            )
    except IntegrityError:  # one_export_at_a_time_per_member
        raise Conflict(_("Your last export is still being made. Wait for it, or delete it.")) from None


def delete_export(export_id: int, *, actor: Actor, now: datetime) -> None:
    """Delete an export with its file; one that is being made is stopped. Another member's does not exist."""
    _person(actor)
    _delete(get_object_or_404(exports_of(actor, now=now), pk=export_id))


def forget_exports(*, now: datetime) -> int:
    """Delete the exports that ended a day ago, with their files, and return how many."""
    old = Export.objects.filter(ended_at__lt=now - KEPT_FOR)
    for export in old:
        _delete(export)
    return len(old)


def _delete(export: Export) -> None:
    # The row last: it knows the name of a file that could not be deleted.
    _delete_file(export)
    export.delete()


def _delete_file(export: Export) -> None:
    if export.file.name:
        evidence_files().delete(export.file.name)


def _person(actor: Actor) -> int:
    """Return whose exports these are. Refuses a program, and whoever may not see complaints."""
    if actor.kind != ActorKind.MEMBER or actor.id is None or Grant.VIEW not in actor.grants:
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
    return actor.id


def make_next(clock: Clock) -> Export | None:
    """Make the export that has waited longest, and return it; None when none waits or another one is being made.

    One at a time: a portal that makes exports still has workers for its clocks.
    """
    export = take(now=clock())
    if export is None:
        return None
    try:
        _make(export, clock)
    except Lost:
        log.info("export_lost", export=export.pk)
        _delete_file(export)
    except Exception:
        # Whatever went wrong, the next one may be well: it is tried again, and failures are counted.
        log.exception("export_failed", export=export.pk)
        export.failures += 1
        with suppress(Lost):
            if export.failures > TAKEN_AGAIN:
                _end(export, Export.Status.FAILED, problem=Export.Problem.BROKEN, now=clock())
            else:
                _note(export, status=Export.Status.WAITING, failures=export.failures)
    return export


@transaction.atomic
def take(*, now: datetime) -> Export | None:
    """Take the export that has waited longest, or one whose worker died, and return it with a new name for its file.

    One that was taken again too often has failed. One whose member may not see complaints any more is gone.
    """
    unmade = list(Export.objects.filter(TO_MAKE).order_by("asked_at", "pk").select_for_update())
    if any(_lives(export, now) for export in unmade):
        return None
    for export in unmade:
        _delete_file(export)  # the half of one that a dead worker left
        if export.status == Export.Status.RUNNING:
            export.failures += 1
        if export.failures > TAKEN_AGAIN:
            export.status, export.problem, export.ended_at = Export.Status.FAILED, Export.Problem.BROKEN, now
            export.save()
        elif _whose(export) is None:
            export.delete()
        else:
            export.file.name = f"exports/{secrets.token_hex(16)}.{export.format}"
            export.status, export.done, export.beaten_at = Export.Status.RUNNING, 0, now
            export.save()
            return export
    return None


def _lives(export: Export, now: datetime) -> bool:
    beaten_at = export.beaten_at
    return export.status == Export.Status.RUNNING and beaten_at is not None and now - beaten_at < SILENT_FOR


def _whose(export: Export) -> Actor | None:
    """Return the member who asked, with what they may do now; None when they see no complaints here any more."""
    actor = member_now(export.user_id, export.merchant_id)
    return actor if actor and Grant.VIEW in actor.grants else None


def _make(export: Export, clock: Clock) -> None:
    now = clock()
    actor = _whose(export)
    if actor is None:
        raise Lost
    complaints = listed(export.query, actor=actor, now=export.asked_at)
    if complaints is None:
        return _end(export, Export.Status.FAILED, problem=Export.Problem.FILTERS, now=now)
    total = complaints.order_by().count()
    if total > MOST[export.format]:
        return _end(export, Export.Status.FAILED, problem=Export.Problem.TOO_LONG, now=now)
    _note(export, total=total, beaten_at=now)
    with tempfile.TemporaryFile() as file, override(export.language):
        rows = _beating(export, rows_of(complaints), clock)
        WRITERS[export.format](file, headings(), rows)
        file.seek(0)
        _keep(export, file, clock)
    return None


def _keep(export: Export, file: BinaryIO, clock: Clock) -> None:
    """Put the file where it is downloaded from, if the export is still this worker's and its member still a member."""
    _note(export, beaten_at=clock())
    evidence_files().save(export.file.name, File(file))
    if _whose(export) is None:
        _delete(export)
        return
    _end(export, Export.Status.READY, now=clock())


def _beating(export: Export, rows: Iterable[list[Cell]], clock: Clock) -> Iterator[list[Cell]]:
    """Pass rows on, and once a second say how many there were: the member sees it, and other workers keep away."""
    last = time.monotonic()
    number = 0
    for number, row in enumerate(rows, start=1):
        if number % 500 == 0 and time.monotonic() - last >= 1:
            _note(export, done=number, beaten_at=clock())
            last = time.monotonic()
        yield row
    _note(export, done=number, total=number, beaten_at=clock())


def _end(export: Export, status: str, *, problem: str = "", now: datetime) -> None:
    if status == Export.Status.FAILED:
        _delete_file(export)
    _note(export, status=status, problem=problem, failures=export.failures, ended_at=now)


def _note(export: Export, **fields: object) -> None:
    """Write something down about an export that is still this worker's; raise `Lost` when it is not."""
    mine = Export.objects.filter(pk=export.pk, status=Export.Status.RUNNING, file=export.file.name)
    if not mine.update(**fields):
        raise Lost
