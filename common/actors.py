"""Who makes a move. Nothing is done by nobody: every verb takes an `Actor`, and the system is one with a name."""

from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

from common.errors import NotAllowed


class ActorKind(StrEnum):
    MEMBER = "member"
    """A person who works for a merchant."""
    MERCHANT = "merchant"
    """A merchant's own program, with a merchant key."""
    STAFF = "staff"
    """Support staff of the platform."""
    PLATFORM = "platform"
    """The platform's own systems, with a platform key."""
    CONSUMER = "consumer"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: kind, the row that stands for them, the name that the history keeps, and what they may see and do.

    `grants` are the verbs that an account administrator gave a member (or that a merchant key carries);
    `merchant_id` is the merchant for whom a member or a merchant key acts, and the only one they can see.
    """

    kind: ActorKind
    name: str
    id: int | None = None
    platform_id: int | None = None
    merchant_id: int | None = None
    grants: frozenset[str] = field(default_factory=frozenset)
    case: str = ""
    """The case whose page a consumer opened: `complaint:12` or `consultation:7`; `visitor:…` before there is one."""

    @property
    def own_merchant_id(self) -> int:
        """The merchant for whom this actor acts; refuses with `NotAllowed` when there is none."""
        if self.merchant_id is None:
            raise NotAllowed(_("You do not belong to a merchant yet. Ask an account administrator to invite you."))
        return self.merchant_id

    def number_of(self, noun: str) -> int:
        """Return the number of a consumer's case when it is this noun; otherwise 0, which no row has."""
        kind, _colon, number = self.case.partition(":")
        return int(number) if kind == noun else 0

    @property
    def own_platform_id(self) -> int:
        """The platform for which this actor acts; refuses with `NotAllowed` when there is none."""
        if self.platform_id is None:
            raise NotAllowed(_("This needs a key of the platform."))
        return self.platform_id


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="system")
