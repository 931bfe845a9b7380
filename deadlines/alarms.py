"""The dead-man's switch: an alarm while a kind of sweep is late, and who is told of it.

Many may watch at once, because nobody can be sure that another one lives: beat, a probe, a timer of the operating
system. Whoever comes second waits for the first, and finds nothing to do. What is to be mailed is written in the
transaction that opens or ends the alarm; `deadlines.alarm_mails` sends it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from deadlines.control import PERMISSION
from deadlines.lateness import EVERY, LATE_AFTER, Lateness
from deadlines.models import AlarmLetter, SweepAlarm, SweepWatch
from deadlines.standing import Standing, standings
from merchants.models import User

log = structlog.get_logger(__name__)

REPEAT_EVERY = timedelta(hours=6)
"""While an alarm lasts, ops are told again so often."""

WELL_FOR = timedelta(minutes=5)
"""An alarm ends once every look for so long found its kind on time: one that hovers at the edge is told of once."""

WATCH = "sweeps"
PERMISSIONS_OF = "django.contrib.auth.backends.ModelBackend"
Occasion = AlarmLetter.Occasion


@dataclass(frozen=True, slots=True)
class Watched:
    """What one look did: the kinds whose alarm began, goes on and was told of again, or ended."""

    begun: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)


def open_alarms() -> QuerySet[SweepAlarm]:
    """Return the alarms that last, the oldest first."""
    return SweepAlarm.objects.filter(ended_at=None).order_by("began_at", "pk")


def recipients() -> dict[str, str]:
    """Return who is told, each address with its language: whoever may control the sweeps, and OPS_MAIL."""
    staff = User.objects.with_perm(PERMISSION, backend=PERMISSIONS_OF).filter(is_staff=True).exclude(email="")
    known = dict(settings.LANGUAGES)
    found = {address.lower(): settings.LANGUAGE_CODE for address in settings.OPS_MAIL}
    for address, language in staff.order_by("pk").values_list("email", "language"):
        found[address.lower()] = language if language in known else settings.LANGUAGE_CODE
    return found


@transaction.atomic
def watch_sweeps(*, now: datetime) -> Watched:
    """Open an alarm for each kind that is late, end those of kinds that stayed well, and write the mails.

    Does nothing when somebody watched at this very moment, or a little later.
    """
    watch = _take_turn(now)
    if watch is None:
        return Watched()
    late = {standing.kind: standing.late for standing in standings(now=now) if _is_late(standing, watch, now)}
    lasting = {alarm.kind: alarm for alarm in open_alarms()}
    begun = _begin({kind: why for kind, why in late.items() if why and kind not in lasting}, now=now)
    ended = _end([alarm for kind, alarm in lasting.items() if kind not in late], now=now)
    repeated = [alarm for kind, alarm in lasting.items() if kind in late and now - alarm.told_at >= REPEAT_EVERY]
    _note_why(lasting.values(), late)
    SweepAlarm.objects.filter(pk__in=[alarm.pk for alarm in repeated]).update(told_at=now)
    _write(((Occasion.BEGUN, begun), (Occasion.LASTS, repeated), (Occasion.ENDED, ended)), now=now)
    watched = Watched(*([alarm.kind for alarm in alarms] for alarms in (begun, repeated, ended)))
    if begun or repeated or ended:
        log.warning("sweep_alarm", begun=watched.begun, repeated=watched.repeated, ended=watched.ended)
    return watched


def _take_turn(now: datetime) -> SweepWatch | None:
    """Hold the watch until the transaction ends; None when a later moment than this was looked at already."""
    SweepWatch.objects.get_or_create(name=WATCH, defaults={"since": now})
    watch = SweepWatch.objects.select_for_update().get(name=WATCH)
    # A clock that was wrong and far ahead must not silence the watch until that moment comes.
    if watch.at is not None and timedelta(0) <= watch.at - now < EVERY:
        return None
    watch.at = now
    watch.save(update_fields=["at"])
    return watch


def _is_late(standing: Standing, watch: SweepWatch, now: datetime) -> bool:
    """Say whether a kind is late. On a portal that was just installed the first sweep is given its time."""
    if standing.late == Lateness.SILENT and standing.last_run is None:
        return now - watch.since > LATE_AFTER
    return standing.late is not None


def _begin(late: dict[str, Lateness], *, now: datetime) -> list[SweepAlarm]:
    """Open alarms, and return those that nobody else opened."""
    if not late:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO deadlines_sweepalarm (kind, why, began_at, told_at)
            SELECT kind, why, %s, %s FROM unnest(%s, %s) WITH ORDINALITY AS late (kind, why, place) ORDER BY place
            ON CONFLICT (kind) WHERE ended_at IS NULL DO NOTHING RETURNING id
            """,
            [now, now, list(late), [why.value for why in late.values()]],
        )
        opened = [number for (number,) in cursor.fetchall()]
    return list(SweepAlarm.objects.filter(pk__in=opened).order_by("pk"))


def _end(well: list[SweepAlarm], *, now: datetime) -> list[SweepAlarm]:
    """Note since when these kinds are on time again, and end and return the alarms of those that stayed so."""
    for alarm in well:
        if alarm.well_since is None or alarm.well_since > now:  # by a clock that was wrong
            alarm.well_since = now
        if now - alarm.well_since >= WELL_FOR:
            alarm.ended_at = alarm.well_since
    SweepAlarm.objects.bulk_update(well, ["well_since", "ended_at"])
    return [alarm for alarm in well if alarm.ended_at]


def _note_why(alarms: Iterable[SweepAlarm], late: dict[str, Lateness | None]) -> None:
    """Write down why a kind is late now, where that changed: it was silent, and somebody paused it; or it was well."""
    late_ones = [alarm for alarm in alarms if late.get(alarm.kind) is not None]
    changed = [alarm for alarm in late_ones if alarm.well_since or late[alarm.kind] != alarm.why]
    for alarm in changed:
        alarm.why, alarm.well_since = str(late[alarm.kind]), None
    if changed:
        SweepAlarm.objects.bulk_update(changed, ["why", "well_since"])


def _write(told: Iterable[tuple[AlarmLetter.Occasion, list[SweepAlarm]]], *, now: datetime) -> None:
    """Write a mail for each address about each of these alarms."""
    about = [(occasion, alarm) for occasion, alarms in told for alarm in alarms]
    if not about:
        return
    addresses = recipients()
    if not addresses:
        log.error("nobody_to_tell_of_alarms", hint="Set OPS_MAIL, or give people of the group ops a mail address.")
    AlarmLetter.objects.bulk_create(
        AlarmLetter(alarm=alarm, occasion=occasion, address=address, language=language, written_at=now, due_at=now)
        for occasion, alarm in about
        for address, language in addresses.items()
    )
