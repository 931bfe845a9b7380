"""Test data. Dates are arguments: a test about a deadline names its moments itself.

`moment("2026-11-20T02:00Z")` reads a moment; everything else takes one, makes real rows through the verbs of the
product, and has defaults only where no test should care.
"""

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.actors import Actor, ActorKind
from complaints.intake import Filing, file_complaint
from complaints.methods import HandlingInput
from complaints.models import Complaint, Handling, Method
from complaints.permissions import WRITE
from complaints.services import handle
from evidence.models import Evidence
from merchants.models import Grant, Membership, Merchant, MiniProgram, Platform, User

_numbers = itertools.count(1)
"""Names are made of these, each as long as the others: how they sort does not depend on the tests before."""

WHATEVER = {"trade_amount": Decimal("128.00"), "dispute_type": "not delivered", "description": "Nothing came."}
"""What a complaint says when the test does not care."""


def moment(text: str) -> datetime:
    """Read a moment that carries its offset: `2026-11-20T02:00Z`, `2026-11-20T10:00:00.000001+08:00`."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return read


def make_platform(code: str = "") -> Platform:
    """Make a platform, with a code of its own unless one is given."""
    code = code or f"platform-{next(_numbers):06d}"
    return Platform.objects.create(code=code, name=code.title())


def make_merchant(name: str = "", *, platform: Platform | None = None) -> Merchant:
    """Make a merchant, on a platform of its own unless one is given."""
    return Merchant.objects.create(platform=platform or make_platform(), name=name or f"Merchant {next(_numbers):06d}")


def make_program(app_id: str = "", *, merchant: Merchant | None = None) -> MiniProgram:
    """Make a mini program, of a merchant of its own unless one is given."""
    merchant = merchant or make_merchant()
    app_id = app_id or f"20210000{next(_numbers):08d}"
    return MiniProgram.objects.create(
        platform=merchant.platform, merchant=merchant, app_id=app_id, name=f"Shop {app_id}"
    )


def make_user(username: str = "", **fields: Any) -> User:
    """Make a person; the password is `password` unless another is given."""
    username = username or f"user-{next(_numbers):06d}"
    return User.objects.create_user(username, password=fields.pop("password", "password"), **fields)


def make_member(
    merchant: Merchant, *grants: Grant, username: str = "", is_administrator: bool = False, **fields: Any
) -> User:
    """Make a person who works for a merchant, with these grants."""
    user = make_user(username, **fields)
    Membership.objects.create(merchant=merchant, user=user, is_administrator=is_administrator, grants=list(grants))
    return user


def make_picture(merchant: Merchant, *, name: str = "record.png", at: str = "2026-11-20T02:00Z") -> Evidence:
    """Make the row of a picture, without a file behind it: for tests that only need a picture to be there."""
    number = next(_numbers)
    return Evidence.objects.create(
        token=f"{number:032x}",
        platform_id=merchant.platform_id,
        merchant=merchant,
        name=name,
        file=f"nowhere/{number:032x}.png",
        content_type="image/png",
        size=1,
        width=1,
        height=1,
        sent_sha256=f"{number:064x}",
        stored_sha256=f"{number:064x}",
        uploaded_by="test",
        uploaded_at=moment(at),
    )


def platform_actor(platform: Platform) -> Actor:
    """The platform's own systems."""
    return Actor(kind=ActorKind.PLATFORM, name="platform", id=1, platform_id=platform.pk)


def member_actor(merchant: Merchant, *grants: Grant) -> Actor:
    """A member of this merchant, with every grant unless some are named."""
    return Actor(
        kind=ActorKind.MEMBER,
        name="Li Lei",
        id=1,
        platform_id=merchant.platform_id,
        merchant_id=merchant.pk,
        grants=frozenset(grants or Grant.values),
    )


def consumer_actor(complaint: Complaint) -> Actor:
    """The consumer who complained."""
    return Actor(
        kind=ActorKind.CONSUMER, name="Han Meimei", platform_id=complaint.platform_id, case=f"complaint:{complaint.pk}"
    )


STAFF = Actor(kind=ActorKind.STAFF, name="Xiao Er", id=1, grants=frozenset({WRITE}))


def make_filing(program: MiniProgram, **fields: Any) -> Filing:
    """Return a filing about a trade of this mini program."""
    return Filing(**{"app_id": program.app_id, "trade_no": f"trade-{next(_numbers):06d}", **WHATEVER, **fields})


def file_at(filed_at: str | datetime, program: MiniProgram | None = None, **fields: Any) -> Complaint:
    """File a complaint at this moment, through the verb, about a mini program of its own unless one is given."""
    program = program or make_program()
    now = moment(filed_at) if isinstance(filed_at, str) else filed_at
    filed = file_complaint(
        make_filing(program, **fields),
        platform_id=program.platform_id,
        actor=platform_actor(program.platform),
        now=now,
    )
    return filed.complaint


def handle_at(
    handled_at: str | datetime, complaint: Complaint, method: str = Method.OTHER_REFUND, **fields: Any
) -> Handling:
    """Handle a complaint at this moment, through the verb: by a refund in another way unless a way is named."""
    now = moment(handled_at) if isinstance(handled_at, str) else handled_at
    if method in (Method.FUND_REFUND, Method.OTHER_REFUND):
        given = {"refund_amount": complaint.trade_amount, "refund_reference": "R-1", **fields}
    else:
        given = {"note": "Sent again.", "tracking": "SF 1", "evidence": (make_picture(complaint.merchant),), **fields}
    return handle(complaint.pk, HandlingInput(method=method, **given), actor=member_actor(complaint.merchant), now=now)
