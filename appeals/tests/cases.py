"""What tests of appeals share: a penalty, an appeal against it, and staff who decide."""

from appeals.models import Appeal
from appeals.services import AppealInput, Decision, ask, claim, reject, submit
from common.actors import Actor, ActorKind
from complaints.tests.factories import file_at, handle_at, make_picture, make_user, member_actor, moment
from deadlines.sweeping import run_sweep
from merchants.models import MiniProgram
from penalties.models import Penalty

FRIDAY = "2026-03-06T09:00+08:00"
ISSUED = "2026-03-10T09:30+08:00"
HANDLED = "2026-03-10T10:00+08:00"
NOON = "2026-03-10T12:00+08:00"
WINDOW_ENDS = "2026-03-17T09:30+08:00"
TICK_LATER = "2026-03-17T09:30:00.000001+08:00"
SECOND_LATER = "2026-03-17T09:30:01+08:00"


def penalised(program: MiniProgram, *, solved: bool = True) -> Penalty:
    """A complaint that nobody handled in time, its penalty, and, unless it is unsolved, the refund afterwards."""
    complaint = file_at(FRIDAY, program)
    run_sweep("handle", cut_off=moment(ISSUED), issued_at=moment(ISSUED), ran_by="test")
    if solved:
        handle_at(HANDLED, complaint)
    return Penalty.objects.select_related("complaint").get(subject_id=complaint.pk)


def appealed(penalty: Penalty, at: str = NOON) -> Appeal:
    """An appeal with one picture, submitted at this moment."""
    given = AppealInput(description="Refunded on Tuesday.", evidence=(make_picture(penalty.merchant),), knowingly=True)
    return submit(penalty.pk, given, actor=member_actor(penalty.merchant), now=moment(at))


def reviewer() -> Actor:
    """Somebody of the staff who may review appeals."""
    user = make_user(is_staff=True, last_name="Zhao")
    return Actor(kind=ActorKind.STAFF, name="Zhao", id=user.pk, grants=frozenset(["appeals.decide_appeal"]))


def rejected(penalty: Penalty, at: str = NOON) -> Appeal:
    """An appeal that staff rejected at once."""
    appeal, staff = appealed(penalty, at), reviewer()
    claim(appeal.pk, actor=staff, now=moment(at))
    reject(appeal.pk, Decision("not_solved", "The consumer still waits."), actor=staff, now=moment(at))
    appeal.refresh_from_db()
    return appeal


def asked(penalty: Penalty, at: str = NOON) -> Appeal:
    """An appeal about which staff asked for more evidence."""
    appeal, staff, now = appealed(penalty, at), reviewer(), moment(at)
    claim(appeal.pk, actor=staff, now=now)
    ask(appeal.pk, Decision("evidence_unreadable", "The second picture is dark."), actor=staff, now=now)
    appeal.refresh_from_db()
    return appeal
