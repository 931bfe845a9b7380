"""`Event`: what happened, written in the transaction of the move itself, and never changed.

What follows it is made from events after their commit: `Notice`, what a merchant's members are told; `Letter` and
`RobotCall`, each way that a notice goes out; and what each member chose.
"""

from collections.abc import Callable, Collection
from typing import Any

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from merchants.models import Grant, Membership, Merchant

NEWS = (
    "appeal.approved",
    "appeal.corrected",
    "appeal.goes_on",
    "appeal.more_wanted",
    "appeal.rejected",
    "complaint.cancelled",
    "complaint.closed",
    "complaint.confirmed",
    "complaint.contested",
    "complaint.message_left",
    "no_refund_claim.accepted",
    "no_refund_claim.corrected",
    "no_refund_claim.overruled",
    "refund.failed",
    "refund.reversed",
)
"""What others did that members want to know of: their home page finds these events by merchant.

What arrives or is swept by the hundred thousand is not among them. It is counted where it stands, in the complaints and
the penalties of a merchant, so that neither the intake nor a sweep writes an index for it.
"""


def current_transaction() -> models.Func:
    """Return the number of the writing transaction, as SQL: readers use it to pass over what is not committed yet.

    `event_number` is a function of the database. It is the server's own number, or above it where a backup of another
    server was restored (`services.number_onwards`).
    """
    number = models.Func(function="pg_current_xact_id")
    return models.Func(number, function="event_number", output_field=models.BigIntegerField())


class Event(models.Model):
    """One thing that happened. Mails, webhooks and feeds are made from events, after the commit that wrote them."""

    name = models.CharField(_("name"), max_length=64)
    merchant = models.ForeignKey(Merchant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    subject_id = models.BigIntegerField(_("subject"))
    at = models.DateTimeField(_("at"))
    payload = models.JSONField(_("payload"), default=dict)
    transaction = models.BigIntegerField(db_default=current_transaction())

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            models.Index(fields=["transaction", "id"], name="event_in_order_of_commit"),
            models.Index(fields=["merchant", "-at", "-id"], name="event_news", condition=Q(name__in=NEWS)),
            # What one sweep run did, by the moment it carries. A few pages for millions of rows: sweeps stay fast.
            BrinIndex(fields=["at"], name="event_by_moment", autosummarize=True),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_id}"


class Kind(models.TextChoices):
    """What notices are about; each member chooses by kind."""

    COMPLAINT = "complaint", _("new complaints")
    DEADLINE = "deadline", _("deadlines that come near")
    PENALTY = "penalty", _("penalties")
    RULING = "ruling", _("decisions and questions of support staff")
    MESSAGE = "message", _("messages of consumers and support staff")
    ANSWER = "answer", _("consumers who are content, contest or withdraw")
    REFUND = "refund", _("refunds that failed")
    CONSULTATION = "consultation", _("consultations")
    ROBOT = "robot", _("chat robots that fail")


class Notice(models.Model):
    """One thing that the members of a merchant are told; made from one event, and once only."""

    merchant = models.ForeignKey(Merchant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    event_id = models.BigIntegerField(unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    name = models.CharField(_("event"), max_length=64)
    subject_id = models.BigIntegerField(_("subject"))
    payload = models.JSONField(_("payload"), default=dict)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        indexes = [models.Index(fields=["merchant", "-id"], name="notice_by_merchant")]

    def __str__(self) -> str:
        return f"{self.name} {self.subject_id}"


def kinds_field(label: Any, default: Callable[[], list[str]]) -> "ArrayField[list[str], list[str]]":
    """Return a field for several kinds of notices."""
    return ArrayField(
        models.CharField(max_length=16, choices=Kind.choices), default=default, blank=True, verbose_name=label
    )


def every_kind() -> list[str]:
    return list(Kind.values)


def urgent_kinds() -> list[str]:
    return [Kind.DEADLINE.value, Kind.PENALTY.value, Kind.RULING.value, Kind.REFUND.value]


def kinds_for(grants: Collection[str]) -> list[str]:
    """Return the kinds that a member with these grants may be told of: robots concern whoever can mend them."""
    return [kind for kind in Kind.values if kind != Kind.ROBOT or Grant.SETTINGS in grants]


HOURS = range(24)
HOUR_OF_DAY = [MaxValueValidator(23)]


class NoticeChoice(models.Model):
    """What one member wants to be told, and how. Hours are Beijing's; a quiet time may run over midnight."""

    class Mail(models.TextChoices):
        INSTANT = "instant", _("at once")
        DIGEST = "digest", _("once a day")
        NONE = "none", _("no mail")

    membership = models.OneToOneField(
        Membership, models.CASCADE, related_name="notice_choice", verbose_name=_("member")
    )
    bell_kinds = kinds_field(_("in the page"), every_kind)
    mail = models.CharField(_("mail"), max_length=8, choices=Mail.choices, default=Mail.INSTANT)
    mail_kinds = kinds_field(_("by mail"), urgent_kinds)
    digest_hour = models.PositiveSmallIntegerField(_("hour of the daily mail"), default=9, validators=HOUR_OF_DAY)
    quiet_from = models.PositiveSmallIntegerField(_("quiet from"), null=True, blank=True, validators=HOUR_OF_DAY)
    quiet_to = models.PositiveSmallIntegerField(_("quiet until"), null=True, blank=True, validators=HOUR_OF_DAY)
    bell_read_id = models.BigIntegerField(_("read up to"), default=0)
    feed_version = models.PositiveSmallIntegerField(_("version of the calendar link"), default=0)
    has_feed = models.BooleanField(_("calendar link"), default=False)

    class Meta:
        verbose_name = _("choice of notices")
        verbose_name_plural = _("choices of notices")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_to=None) | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="a_quiet_time_has_both_ends",
            )
        ]

    def __str__(self) -> str:
        return f"{self.membership_id}: {self.mail}"


class Robot(models.Model):
    """A robot of a chat group, which tells the group what happens."""

    class Product(models.TextChoices):
        FEISHU = "feishu", _("Feishu")
        DINGTALK = "dingtalk", _("DingTalk")
        WECOM = "wecom", _("WeCom")

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", verbose_name=_("merchant"))
    product = models.CharField(_("product"), max_length=16, choices=Product.choices)
    name = models.CharField(_("name"), max_length=60)
    url = models.URLField(_("webhook address"), max_length=500)
    secret = models.CharField(_("signing secret"), max_length=200, blank=True)
    kinds = kinds_field(_("tells of"), urgent_kinds)
    language = models.CharField(_("language"), max_length=10)
    is_on = models.BooleanField(_("on"), default=True)
    next_at = models.DateTimeField(_("not called before"), null=True, blank=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    is_failure_told = models.BooleanField(_("the failure was told"), default=False)
    last_answer = models.CharField(_("last answer"), max_length=200, blank=True)
    changed_by = models.CharField(_("changed by"), max_length=200)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("chat robot")
        verbose_name_plural = _("chat robots")
        constraints = [models.UniqueConstraint(fields=["merchant", "name"], name="one_robot_of_a_name_per_merchant")]

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """A notice on its way to somebody: due, then sent, or given up."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="+", verbose_name=_("notice"))
    due_at = models.DateTimeField(_("due at"), null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=200, blank=True)

    class Meta:
        abstract = True


class Letter(Delivery):
    """A notice on its way to one member by mail; several that are due together travel in one mail."""

    membership = models.ForeignKey(
        Membership, models.CASCADE, related_name="+", db_index=False, verbose_name=_("member")
    )
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        constraints = [models.UniqueConstraint(fields=["membership", "notice"], name="one_mail_per_notice_and_member")]
        indexes = [models.Index(fields=["due_at", "membership"], name="letter_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.notice_id} → {self.membership_id}"


class RobotCall(Delivery):
    """A notice on its way to a chat group."""

    robot = models.ForeignKey(Robot, models.CASCADE, related_name="+", db_index=False, verbose_name=_("robot"))

    class Meta:
        verbose_name = _("robot call")
        verbose_name_plural = _("robot calls")
        constraints = [models.UniqueConstraint(fields=["robot", "notice"], name="one_call_per_notice_and_robot")]
        indexes = [models.Index(fields=["due_at", "robot"], name="robot_call_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.notice_id} → {self.robot_id}"


class Watermark(models.Model):
    """How far a regular reader has come: in the stream of events, or in time. Its row is its lock."""

    name = models.CharField(_("name"), max_length=32, primary_key=True)
    transaction = models.BigIntegerField(_("transaction"), default=0)
    event_id = models.BigIntegerField(_("event"), default=0)
    at = models.DateTimeField(_("at"), null=True)

    class Meta:
        verbose_name = _("watermark")
        verbose_name_plural = _("watermarks")

    def __str__(self) -> str:
        return self.name
