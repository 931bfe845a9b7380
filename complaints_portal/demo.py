"""Demo data: one platform, three merchants, their members, and cases in every state that complaints reach today.

Everything is made by the verbs, at moments relative to a given now; nothing is written into tables past them. It is
seeded: the same now gives the same cases (numbers of complaints and names of files stay random, as they must).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import Group
from django.db import transaction

from common.actors import Actor, ActorKind
from common.errors import PortalError
from complaints import services
from complaints.consumer.links import consumer_of
from complaints.intake import Filing, HandledElsewhere, file_complaint, file_complaints
from complaints.methods import HandlingInput
from complaints.models import REFUNDING, Complaint, Method
from complaints_portal import (
    demo_appeals,
    demo_cases,
    demo_consultations,
    demo_notices,
    demo_refunds,
    demo_workspace,
)
from complaints_portal.demo_cases import DIGITAL, FRUIT, FRUIT_LIFE, HOME, Case, Step
from complaints_portal.demo_pictures import draw
from deadlines.sweeping import registered_kinds, run_sweep
from evidence.models import Evidence
from evidence.services import keep_pictures
from merchants.authentication import actor_of, new_api_key
from merchants.models import Grant, Membership, Merchant, MiniProgram, Platform, User
from merchants.team import ask_access, invite

CASES = demo_cases.CASES + demo_appeals.APPEALED + demo_refunds.REFUNDED
REVIEWER_GROUPS = ("reviewer", "ops")
PASSWORD = "demo-portal-2026"  # noqa: S105 (printed for everybody; the command refuses to run in production)
PLATFORM_CODE = "demo"
SWEPT_EVERY = timedelta(hours=24)
"""The demo's past was swept once a day, the last time a day ago: what was missed since waits for the next sweep."""

BATCH = 2000


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody who can sign in to look around."""

    username: str
    name: str
    about: str
    places: tuple[tuple[str, bool, tuple[str, ...]], ...] = ()
    """At which merchants, whether as account administrator, and with which grants."""


MERCHANTS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "青禾鲜果": (
        (FRUIT, MiniProgram.Kind.MINI_PROGRAM, "青禾鲜果商城"),
        (FRUIT_LIFE, MiniProgram.Kind.LIFE_ACCOUNT, "青禾鲜果"),
    ),
    "栗子数码": ((DIGITAL, MiniProgram.Kind.MINI_PROGRAM, "栗子数码官方店"),),
    "小满家居": ((HOME, MiniProgram.Kind.MINI_PROGRAM, "小满家居馆"),),
}
LOGINS = (
    Login(
        "administrator",
        "林悦",
        "account administrator of 青禾鲜果 and 栗子数码",
        (("青禾鲜果", True, ()), ("栗子数码", True, ())),
    ),
    Login("handler", "陈立", "sees and handles at 青禾鲜果", (("青禾鲜果", False, (Grant.VIEW, Grant.HANDLE)),)),
    Login("newcomer", "赵一", "a member of 青禾鲜果 without grants", (("青禾鲜果", False, ()),)),
    Login("neighbour", "周舟", "account administrator of 小满家居, another merchant", (("小满家居", True, ()),)),
    Login("support", "支持专员", "support staff, superuser in the admin"),
    Login("colleague", "方宁", "support staff of the groups reviewer and ops"),
)


def is_there() -> bool:
    """Say whether the demo platform exists."""
    return Platform.objects.filter(code=PLATFORM_CODE).exists()


@transaction.atomic
def seed(*, now: datetime) -> str:
    """Make the demo data as of `now`, all of it or none, and return the text of a platform's API key."""
    platform = Platform.objects.create(code=PLATFORM_CODE, name="云集小程序平台")
    for merchant_name, programs in MERCHANTS.items():
        merchant = Merchant.objects.create(platform=platform, name=merchant_name)
        for app_id, kind, name in programs:
            MiniProgram.objects.create(platform=platform, merchant=merchant, app_id=app_id, kind=kind, name=name)
    for login in LOGINS:
        _make_login(login, platform)
    _ask_and_invite(platform, now)
    demo_notices.set_up(_administrator(platform), now=now)
    key, text = new_api_key("云集投诉中心", platform=platform, now=now)
    past = _Past(platform, actor_of(key), now)
    past.play()
    demo_consultations.play(platform, desk=past.desk, member=past.member, now=now)
    _furnish(platform, now)
    return text


def _furnish(platform: Platform, now: datetime) -> None:
    """Let the members of one merchant set up how they work."""
    merchant = Merchant.objects.get(platform=platform, name="青禾鲜果")
    at = now - timedelta(days=9)

    def draw_one(kind: str, actor: Actor) -> tuple[Evidence, ...]:
        picture = draw(kind, 1)
        return tuple(keep_pictures([picture], platform_id=platform.pk, merchant_id=merchant.pk, actor=actor, now=at))

    boss, colleague = _as_member(merchant, "administrator"), _as_member(merchant, "handler")
    demo_workspace.furnish(merchant.pk, boss, colleague, draw=draw_one, now=now)


def _make_login(login: Login, platform: Platform) -> None:
    staff = not login.places
    user = User.objects.create_user(
        login.username,
        f"{login.username}@demo.example",
        PASSWORD,
        last_name=login.name,
        is_staff=staff,
        is_superuser=login.username == "support",
    )
    if staff:
        user.groups.set(Group.objects.filter(name__in=REVIEWER_GROUPS))
    for merchant_name, is_administrator, grants in login.places:
        Membership.objects.create(
            merchant=Merchant.objects.get(platform=platform, name=merchant_name),
            user=user,
            is_administrator=is_administrator,
            grants=list(grants),
        )


def _ask_and_invite(platform: Platform, now: datetime) -> None:
    """Leave a request of the member without grants, and an invitation that nobody has used yet."""
    merchant = Merchant.objects.get(platform=platform, name="青禾鲜果")
    asking = _as_member(merchant, "newcomer")
    ask_access(
        merchant.pk, Grant.VIEW, note="我负责周末值班，需要查看投诉。", actor=asking, now=now - timedelta(hours=5)
    )
    invite(
        merchant.pk,
        "chunxiao@demo.example",
        grants=(Grant.VIEW, Grant.HANDLE),
        language="zh-hans",
        actor=_as_member(merchant, "administrator"),
        now=now - timedelta(hours=26),
    )


def tell_of_the_past(*, now: datetime) -> None:
    """Make the notices of what was seeded; only what is committed can be told of."""
    demo_notices.tell_of_the_past(_administrator(Platform.objects.get(code=PLATFORM_CODE)), now=now)


def _administrator(platform: Platform) -> Actor:
    return _as_member(Merchant.objects.get(platform=platform, name="青禾鲜果"), "administrator")


def _as_member(merchant: Merchant, username: str) -> Actor:
    return _acting(
        Membership.objects.select_related("user", "merchant").get(merchant=merchant, user__username=username)
    )


def _acting(membership: Membership) -> Actor:
    return Actor(
        kind=ActorKind.MEMBER,
        name=str(membership.user),
        id=membership.user_id,
        platform_id=membership.merchant.platform_id,
        merchant_id=membership.merchant_id,
        grants=membership.effective_grants,
    )


@dataclass(order=True)
class _Happening:
    at: datetime
    order: int
    make: Callable[[datetime], None] = field(compare=False)


class _Past:
    """What happened before now, told in its order: cases, and a sweep each day."""

    def __init__(self, platform: Platform, desk: Actor, now: datetime) -> None:
        self.platform = platform
        self.desk = desk
        self.now = now
        self.programs = {program.app_id: program for program in platform.mini_programs.all()}
        self.staff = Actor(
            kind=ActorKind.STAFF,
            name=LOGINS[-1].name,
            id=User.objects.get(username=LOGINS[-1].username).pk,
            grants=demo_appeals.STAFF_GRANTS | demo_refunds.STAFF_GRANTS,
        )
        self.pictures = 0

    def play(self) -> None:
        happenings = [each for number, case in enumerate(CASES) for each in self._happenings(case, number)]
        happenings += [self._joins(each) for each in demo_refunds.PLAN]
        happenings += [_Happening(moment, len(CASES), _sweep) for moment in self._sweep_moments()]
        for happening in sorted(happenings):
            happening.make(happening.at)

    def _sweep_moments(self) -> Iterator[datetime]:
        moment = self.now - SWEPT_EVERY
        while moment > self.now - timedelta(hours=max(case.filed for case in CASES)):
            yield moment
            moment -= SWEPT_EVERY

    def _joins(self, joined: demo_refunds.Joined) -> _Happening:
        def join(at: datetime) -> None:
            member = self.member(joined.app_id, Grant.FUND)
            merchant_id = self.programs[joined.app_id].merchant_id
            demo_refunds.join(merchant_id, joined, member=member, staff=self.staff, now=at)

        return _Happening(self.now - timedelta(hours=joined.hours), -1, join)

    def _happenings(self, case: Case, number: int) -> Iterator[_Happening]:
        filed_at = self.now - timedelta(hours=case.filed)
        filed: list[Complaint] = []

        def file(at: datetime) -> None:
            filed.append(self._file(case, number, at))

        yield _Happening(filed_at, number, file)
        for step in case.steps:

            def take(at: datetime, step: Step = step) -> None:
                self._take(filed[0], case, step, at)

            yield _Happening(filed_at + timedelta(hours=step.after), number, take)

    def _file(self, case: Case, number: int, at: datetime) -> Complaint:
        chance = random.Random(number)  # noqa: S311 (made-up numbers)
        filing = Filing(
            app_id=case.app_id,
            trade_no=f"{at:%Y%m%d}2200{chance.randrange(10**12):012d}",
            merchant_order_no=f"SO{at:%y%m%d}{chance.randrange(10**6):06d}",
            trade_amount=Decimal(case.amount),
            paid_at=at - timedelta(hours=chance.randint(20, 90)),
            dispute_type=case.dispute,
            demand=case.demand,
            requested_refund_amount=Decimal(case.asked) if case.asked else None,
            description=case.text,
            consumer_reference=f"2088{chance.randrange(10**12):012d}",
            consumer_name=case.consumer,
            consumer_phone=f"1990000{chance.randrange(10**4):04d}",
            advance_protection=case.protected,
        )
        pictures = self._evidence(case, case.picture, self.desk, at)
        return file_complaint(
            filing, pictures=pictures, platform_id=self.platform.pk, actor=self.desk, now=at
        ).complaint

    def _take(self, complaint: Complaint, case: Case, step: Step, at: datetime) -> None:
        actor = self._actor(complaint, case, step.by, demo_refunds.grant_for(step.verb))
        evidence = self._evidence(case, step.picture, actor, at)
        match step.verb:
            case "handle":
                given = HandlingInput(
                    method=step.method,
                    note=step.text,
                    refund_amount=Decimal(step.amount) if step.amount else None,
                    refund_reference=step.reference,
                    tracking=step.tracking,
                    evidence=evidence,
                )
                services.handle(complaint.pk, given, actor=actor, now=at)
            case "leave_message":
                services.leave_message(complaint.pk, step.text, evidence=evidence, actor=actor, now=at)
            case "confirm":
                services.confirm(complaint.pk, actor=actor, now=at)
            case "contest":
                services.contest(complaint.pk, reason=step.text, actor=actor, now=at)
            case "cancel":
                services.cancel(complaint.pk, reason=step.text, actor=actor, now=at)
            case "close":
                services.close(complaint.pk, reason=step.text, actor=actor, now=at)
            case "accept" | "overrule" | "refuse" | "pay":
                demo_refunds.take(complaint, step, evidence, actor=actor, now=at)
            case _:
                demo_appeals.take(complaint, step, evidence, actor=actor, now=at)

    def _actor(self, complaint: Complaint, case: Case, by: str, grant: Grant) -> Actor:
        if by == "consumer":
            return consumer_of(complaint)
        if by == "staff":
            return self.staff
        return self.member(case.app_id, grant)

    def member(self, app_id: str, grant: Grant) -> Actor:
        members = Membership.objects.filter(merchant_id=self.programs[app_id].merchant_id)
        ordered = members.select_related("user", "merchant").order_by("is_administrator", "-pk")
        return _acting(next(each for each in ordered if grant in each.effective_grants))

    def _evidence(self, case: Case, kind: str, actor: Actor, at: datetime) -> tuple[Evidence, ...]:
        if not kind:
            return ()
        self.pictures += 1
        return tuple(
            keep_pictures(
                [draw(kind, self.pictures)],
                platform_id=self.platform.pk,
                merchant_id=self.programs[case.app_id].merchant_id,
                actor=actor,
                now=at,
            )
        )


def _sweep(moment: datetime) -> None:
    for kind in registered_kinds():
        run_sweep(kind, cut_off=moment, issued_at=moment, ran_by="seed_demo")


def add_complaints(number: int, *, now: datetime) -> Iterator[int]:
    """Add so many complaints of the last thirty days, batch by batch, and sweep; yield how many there are so far.

    Of a hundred, about three are forgotten and three handled late, as far as their time has come.
    """
    platform = Platform.objects.get(code=PLATFORM_CODE)
    desk = actor_of(platform.api_keys.filter(merchant=None).order_by("pk")[0])
    chance = random.Random(f"{number} more than {Complaint.objects.count()}")  # noqa: S311 (made-up cases)
    for start in range(0, number, BATCH):
        filings = [_made_up(chance, now) for _ in range(min(BATCH, number - start))]
        for outcome in file_complaints(filings, platform_id=platform.pk, actor=desk, now=now):
            if isinstance(outcome, PortalError):
                raise outcome
        yield start + len(filings)
    _sweep(now - SWEPT_EVERY)


def _made_up(chance: random.Random, now: datetime) -> Filing:
    like = chance.choice(CASES)
    filed_at = now - timedelta(minutes=chance.randint(5, 30 * 24 * 60))
    amount = Decimal(chance.randint(900, 90_000)) / 100
    return Filing(
        app_id=like.app_id,
        trade_no=f"{filed_at:%Y%m%d}2200{chance.randrange(10**12):012d}",
        merchant_order_no=f"SO{filed_at:%y%m%d}{chance.randrange(10**6):06d}",
        trade_amount=amount,
        paid_at=filed_at - timedelta(hours=chance.randint(1, 200)),
        dispute_type=like.dispute,
        demand=like.demand,
        requested_refund_amount=amount if like.asked else None,
        description=like.text,
        consumer_reference=f"2088{chance.randrange(10**12):012d}",
        consumer_name=like.consumer,
        consumer_phone=f"1990000{chance.randrange(10**4):04d}",
        advance_protection=chance.random() < 0.1,
        filed_at=filed_at,
        handled=_made_up_handling(chance, filed_at, amount, now),
    )


def _made_up_handling(
    chance: random.Random, filed_at: datetime, amount: Decimal, now: datetime
) -> HandledElsewhere | None:
    luck = chance.random()
    if luck >= 0.97:
        return None
    hours = chance.uniform(96.5, 140) if luck >= 0.94 else min(90, chance.expovariate(1 / 20))
    at = filed_at + timedelta(hours=hours)
    if at > now:
        return None
    method = chance.choices((Method.OTHER_REFUND, Method.SHIPPED, Method.AFTER_SALES, Method.NOT_LIABLE), (5, 2, 2, 1))[
        0
    ]
    return HandledElsewhere(
        method=method, at=at, note="已与用户联系并处理。", amount=amount if method in REFUNDING else None
    )
