"""Penalties and appeals for tests, made through the sweeps and the verbs of the product, at moments that tests name."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission

from appeals import services
from appeals.models import Appeal
from appeals.permissions import DECIDE
from appeals.reasons import Reason
from appeals.services import AppealInput, Decision
from common.actors import Actor, ActorKind
from complaints.tests.factories import file_at, make_picture, make_program, make_user, member_actor, moment
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from merchants.models import MiniProgram, User
from penalties.models import Penalty
from penalties.permissions import REVOKE

APPROVE = Decision(Reason.SOLVED, "The consumer confirmed it.")
REJECT = Decision(Reason.EVIDENCE_INSUFFICIENT, "The record shows another trade.")
ASK = Decision(Reason.EVIDENCE_UNREADABLE, "Send the refund record again, in full.")
CORRECT = Decision(Reason.DECIDED_WRONGLY, "A colleague mixed up two cases.")


def when(at: str | datetime) -> datetime:
    return moment(at) if isinstance(at, str) else at


def sweep(kind: str, at: str | datetime) -> Any:
    """Sweep one kind of clock with this cut-off, as `manage.py sweep KIND --at` does."""
    return run_sweep(kind, cut_off=when(at), issued_at=when(at), ran_by="test")


def penalty_issued(
    at: str | datetime, kind: str = "complaint_timeout", *, program: MiniProgram | None = None, filed: str = ""
) -> Penalty:
    """A penalty that a sweep issued at this moment, for a complaint filed long before it."""
    issued = when(at)
    complaint = file_at(filed or "2023-11-20T10:00+08:00", program or make_program())
    Deadline.objects.filter(kind="handle", subject_id=complaint.pk).update(due_at=complaint.handle_by)
    if kind == "refund_overdue":
        Deadline.objects.filter(kind="handle", subject_id=complaint.pk).delete()
        Deadline.objects.create(
            kind="refund",
            subject_id=complaint.pk,
            complaint_id=complaint.pk,
            merchant_id=complaint.merchant_id,
            mini_program_id=complaint.mini_program_id,
            points=1,
            due_at=complaint.handle_by,
        )
    sweep("handle" if kind == "complaint_timeout" else "refund", issued)
    return Penalty.objects.get(complaint=complaint, kind=kind)


def merchant_of(penalty: Penalty) -> Actor:
    return member_actor(penalty.merchant)


def given(penalty: Penalty, **fields: Any) -> AppealInput:
    """What a merchant says and proves when the test does not care."""
    whole = {
        "description": "The parcel came, and the consumer is content.",
        "evidence": (make_picture(penalty.merchant),),
        "knowingly": True,
    }
    return AppealInput(**{**whole, **fields})


def appeal_at(at: str | datetime, penalty: Penalty, **fields: Any) -> Appeal:
    """Appeal a penalty at this moment, through the verb."""
    return services.submit(penalty.pk, given(penalty, **fields), actor=merchant_of(penalty), now=when(at))


def make_reviewer(name: str = "Li") -> User:
    """A person of the support staff who may review appeals."""
    user = make_user(f"{name.lower()}-reviewer", first_name=name, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="decide_appeal"))
    return user


def staff(user: User) -> Actor:
    """Staff who may review and revoke."""
    return Actor(kind=ActorKind.STAFF, name=str(user), id=user.pk, grants=frozenset({DECIDE, REVOKE}))


def decide_at(at: str | datetime, verb: str, appeal: Appeal, decision: Decision, *, by: User) -> Appeal:
    """Claim a review and decide it at this moment: approve, reject or ask."""
    services.claim(appeal.pk, actor=staff(by), now=when(at))
    verbs = {"approve": services.approve, "reject": services.reject, "ask": services.ask}
    return verbs[verb](appeal.pk, decision, actor=staff(by), now=when(at))
