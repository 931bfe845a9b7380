"""Robots of chat groups: add, change, switch off, try out, remove; and tell them what is due.

A robot is told of several notices in one message. One that fails is called ever less often, with pauses as long as it
has failed already, up to six hours; what it was not told by then and still holds goes out when it answers again.
Whoever may change settings is told once, in the page, after an hour.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.http import Http404
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from common.actors import Actor, ActorKind
from common.errors import BadInput, IllegalMove, NotAllowed
from merchants.models import Grant, Merchant
from notifications.chat import SIGNED, Answer, check_address, fitted, post
from notifications.liveness import worth_sending
from notifications.models import Kind, Notice, Robot, RobotCall
from notifications.services import emit
from notifications.wording import by_urgency, words_of

log = structlog.get_logger(__name__)

MOST = 20
"""Robots of one merchant."""
NAME_LIMIT, URL_LIMIT, SECRET_LIMIT = 60, 500, 200
APART = timedelta(seconds=3)
"""All three products take twenty messages a minute from a robot."""
FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=6)
TOLD_AFTER = timedelta(hours=1)
PATIENCE = 5
"""A run ends after so many failures: waiting for a network that is away would take all of its time."""
SENT, FAILED, NO_LONGER_TRUE, SWITCHED_OFF = "sent", "failed", "no_longer_true", "switched_off"
KINDS = [kind for kind in Kind.values if kind != Kind.ROBOT]
"""What a robot may tell of: not of robots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotInput:
    """What a robot is to be. An empty address or secret of one that is there already stays what it was."""

    name: str
    product: str
    url: str = ""
    secret: str = ""
    forget_secret: bool = False
    kinds: Collection[str] = ()
    language: str = ""


@transaction.atomic
def add_robot(given: RobotInput, *, actor: Actor, now: datetime) -> Robot:
    """Add a robot that is on at once. Refuses what `change_robot` refuses, and more robots than the limit."""
    merchant_id = _require(actor)
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant_id)
    if Robot.objects.filter(merchant_id=merchant_id).count() >= MOST:
        raise IllegalMove(_("There are %(most)d robots already. Remove one first.") % {"most": MOST})
    if not given.url.strip():
        raise BadInput(_("Give the address that the chat product shows for the robot."), field="url")
    return _write(Robot(merchant_id=merchant_id), given, actor=actor, now=now)


@transaction.atomic
def change_robot(robot_id: int, given: RobotInput, *, actor: Actor, now: datetime) -> Robot:
    """Change a robot; it is called anew at once, also when it failed before.

    Refuses: whoever may not change settings, a name that is empty, too long or taken, an address that is not of the
    product's own, and unknown kinds and languages. A new product needs its address. Another merchant's robot does not
    exist.
    """
    robot = _lock(robot_id, actor)
    if given.product != robot.product and not given.url.strip():
        raise BadInput(_("Give the address that the chat product shows for the robot."), field="url")
    return _write(robot, given, actor=actor, now=now)


@transaction.atomic
def switch_robot(robot_id: int, *, is_on: bool, actor: Actor, now: datetime) -> Robot:
    """Switch a robot on or off. What waited for one that is switched off is dropped."""
    robot = _lock(robot_id, actor)
    robot.is_on, robot.next_at = is_on, None
    robot.failing_since, robot.is_failure_told = None, False
    robot.changed_by, robot.changed_at = actor.name[:200], now
    robot.save()
    if not is_on:
        RobotCall.objects.filter(robot=robot, due_at__isnull=False).update(due_at=None, outcome=SWITCHED_OFF)
    return robot


@transaction.atomic
def remove_robot(robot_id: int, *, actor: Actor) -> None:
    """Forget a robot, its address and its secret. Refuses one that is on."""
    robot = _lock(robot_id, actor)
    if robot.is_on:
        raise IllegalMove(_("Switch the robot off first."))
    robot.delete()


@transaction.atomic
def try_robot(robot_id: int, *, actor: Actor, now: datetime) -> Answer:
    """Let a robot say that it is being tried out, and return what it answered. Whatever waits for it follows."""
    robot = _lock(robot_id, actor)
    if robot.next_at and robot.failing_since is None and robot.next_at > now:
        raise IllegalMove(_("This robot spoke a moment ago. Wait some seconds."))
    with translation.override(robot.language):
        text = _("A test by %(name)s: this robot will tell of what happens at %(merchant)s.") % {
            "name": actor.name,
            "merchant": robot.merchant,
        }
    answer = post(robot, text, now=now)
    if answer.is_taken:
        _works(robot, answer, now=now)
    else:
        robot.last_answer = answer.words
    robot.save()
    return answer


def call_robots(clock: Callable[[], datetime], *, limit: int = 100) -> int:
    """Tell robots what is due, one message and one transaction each, and return how many took theirs."""
    told = failed = 0
    for _message in range(limit):
        outcome = _call_next(clock())
        told, failed = told + (outcome == SENT), failed + (outcome == FAILED)
        if outcome is None or failed == PATIENCE:
            break
    return told


@transaction.atomic
def _call_next(now: datetime) -> str | None:
    """Tell the next robot what is due for it, and say what became of that; None when no robot is to be called.

    The robot's row is the lock: whoever else looks passes over a robot that is being called. Those that work come
    before those that fail.
    """
    waiting = RobotCall.objects.filter(robot=OuterRef("pk"), due_at__lte=now)
    ready = Robot.objects.filter(Q(next_at=None) | Q(next_at__lte=now), Exists(waiting), is_on=True)
    robots = ready.select_related("merchant").select_for_update(no_key=True, skip_locked=True, of=("self",))
    robot = robots.order_by(F("failing_since").asc(nulls_first=True), "next_at", "pk").first()
    if robot is None:
        return None
    calls = list(RobotCall.objects.filter(robot=robot, due_at__lte=now).select_related("notice").order_by("pk"))
    alive = worth_sending([call.notice for call in calls], now=now)
    _mark([call for call in calls if call.notice_id not in alive], outcome=NO_LONGER_TRUE)
    calls = [call for call in calls if call.notice_id in alive]
    if not calls:
        return NO_LONGER_TRUE
    answer = post(robot, message([call.notice for call in calls], robot, now=now), now=now)
    if answer.is_taken:
        _mark(calls, outcome=SENT, sent_at=now)
        _works(robot, answer, now=now)
    else:
        _fails(robot, answer, now=now)
    robot.save()
    return SENT if answer.is_taken else FAILED


def message(notices: Sequence[Notice], robot: Robot, *, now: datetime) -> str:
    """Write one message about these notices, the most urgent in front, as far as a message goes; and how many more."""
    base = settings.PUBLIC_URL.rstrip("/")
    with translation.override(robot.language):
        told = [words_of(notice, now=now) for notice in sorted(notices, key=by_urgency)]
        lines = [f"{words.sentence}\n{base}{words.path}" for words in told]
        foot = _("And %(number)d more:") + f" {base}{reverse('notices:list')}"
    text, _number = fitted(robot.product, str(robot.merchant), lines, foot)
    return text


def robots_of(merchant_id: int) -> list[Robot]:
    """Return the robots of a merchant by name."""
    return list(Robot.objects.filter(merchant_id=merchant_id).order_by("name", "pk"))


def robot_of(robot_id: int, merchant_id: int) -> Robot:
    """Return a robot of this merchant; another's does not exist."""
    robot = Robot.objects.filter(pk=robot_id, merchant_id=merchant_id).first()
    if robot is None:
        raise Http404
    return robot


def _works(robot: Robot, answer: Answer, *, now: datetime) -> None:
    robot.failing_since, robot.is_failure_told = None, False
    robot.next_at, robot.last_answer = now + APART, answer.words


def _fails(robot: Robot, answer: Answer, *, now: datetime) -> None:
    """Put a robot off for as long as it has failed already, and tell of it once."""
    robot.failing_since = robot.failing_since or now
    failing_for = now - robot.failing_since
    robot.next_at = now + min(LONGEST, max(FIRST, failing_for))
    robot.last_answer = answer.words
    log.warning("robot_failed", robot=robot.pk, answer=answer.words, next_at=robot.next_at.isoformat())
    if failing_for >= TOLD_AFTER and not robot.is_failure_told:
        robot.is_failure_told = True
        emit(
            "robot.failed",
            merchant_id=robot.merchant_id,
            subject_id=robot.pk,
            at=now,
            payload={"name": robot.name, "since": robot.failing_since.isoformat()},
        )


def _mark(calls: Sequence[RobotCall], *, outcome: str, sent_at: datetime | None = None) -> None:
    numbers = [call.pk for call in calls]
    RobotCall.objects.filter(pk__in=numbers).update(due_at=None, outcome=outcome, sent_at=sent_at)


def _write(robot: Robot, given: RobotInput, *, actor: Actor, now: datetime) -> Robot:
    """Check what is given, and keep it."""
    name, url, secret = given.name.strip(), given.url.strip(), given.secret.strip()
    if given.product not in Robot.Product.values:
        raise BadInput(_("Choose from the list."), field="product")
    if not name or len(name) > NAME_LIMIT:
        raise BadInput(_("Give a name of up to %(limit)d characters.") % {"limit": NAME_LIMIT}, field="name")
    if Robot.objects.filter(merchant_id=robot.merchant_id, name=name).exclude(pk=robot.pk).exists():
        raise BadInput(_("There is a robot of this name already."), field="name")
    if len(url) > URL_LIMIT or len(secret) > SECRET_LIMIT:
        raise BadInput(_("This is longer than any such address or secret."), field="url")
    if url:
        check_address(given.product, url)
    if not given.kinds or not set(given.kinds) <= set(KINDS):
        raise BadInput(_("Choose what the robot tells of."), field="kinds")
    if given.language not in dict(settings.LANGUAGES):
        raise BadInput(_("Choose from the list."), field="language")
    is_other = robot.product != given.product
    robot.name, robot.product, robot.language = name, given.product, given.language
    robot.kinds = sorted(set(given.kinds))
    robot.url = url or robot.url
    if given.forget_secret or given.product not in SIGNED or (is_other and not secret):
        robot.secret = ""
    else:
        robot.secret = secret or robot.secret
    robot.next_at, robot.failing_since, robot.is_failure_told = None, None, False
    robot.changed_by, robot.changed_at = actor.name[:200], now
    robot.save()
    return robot


def _lock(robot_id: int, actor: Actor) -> Robot:
    merchant_id = _require(actor)
    robot = Robot.objects.select_for_update(no_key=True).filter(pk=robot_id, merchant_id=merchant_id).first()
    if robot is None:
        raise Http404
    return robot


def _require(actor: Actor) -> int:
    if actor.kind != ActorKind.MEMBER or Grant.SETTINGS not in actor.grants:
        raise NotAllowed(_("You may not do this. Ask an account administrator to grant it to you."))
    return actor.own_merchant_id
