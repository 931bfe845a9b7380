"""Complaints, how each was handled, what was said about it, and every move that was made."""

import pgtrigger
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from complaints.search import WAITING_LIMIT, ComplaintPairs, ComplaintWords
from complaints.states import Status
from evidence.models import Evidence
from merchants.models import Membership, Merchant, MiniProgram, Platform

NOT_NEGATIVE = [MinValueValidator(0)]


BY_START = ("int8_ops", "varchar_pattern_ops")


class Complaint(models.Model):
    """A consumer's complaint about one trade. `handle_by` is its deadline: it is judged by what the row keeps."""

    complaint_no = models.CharField(_("complaint number"), max_length=32, unique=True)
    platform = models.ForeignKey(Platform, models.PROTECT, related_name="+", db_index=False, verbose_name=_("platform"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    mini_program = models.ForeignKey(
        MiniProgram, models.PROTECT, related_name="+", db_index=False, verbose_name=_("mini program")
    )
    upstream_id = models.CharField(_("upstream id"), max_length=64, blank=True)

    trade_no = models.CharField(_("trade number"), max_length=64)
    merchant_order_no = models.CharField(_("merchant order number"), max_length=64, blank=True)
    trade_amount = models.DecimalField(_("trade amount"), max_digits=14, decimal_places=2, validators=NOT_NEGATIVE)
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)

    dispute_type = models.CharField(_("dispute type"), max_length=200)
    demand = models.CharField(_("demand"), max_length=200, blank=True)
    requested_refund_amount = models.DecimalField(
        _("requested refund"), max_digits=14, decimal_places=2, validators=NOT_NEGATIVE, null=True, blank=True
    )
    description = models.TextField(_("description"))
    consumer_reference = models.CharField(_("consumer reference"), max_length=64, blank=True)
    consumer_name = models.CharField(_("consumer name"), max_length=100, blank=True)
    consumer_phone = models.CharField(_("consumer phone"), max_length=32, blank=True)
    advance_protection = models.BooleanField(_("advance protection"), default=False)
    pictures = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("pictures"))

    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.PENDING)
    filed_at = models.DateTimeField(_("filed at"))
    received_at = models.DateTimeField(_("received at"))
    handle_by = models.DateTimeField(_("handle by"))
    is_history = models.BooleanField(
        _("taken in as history"), default=False, help_text=_("An old case, taken in without starting a clock.")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    assignee = models.ForeignKey(
        Membership,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("assigned to"),
        help_text=_("The member who works on it; nobody once that member is removed."),
    )

    class Meta:
        verbose_name = _("complaint")
        verbose_name_plural = _("complaints")
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "upstream_id"], condition=~Q(upstream_id=""), name="one_complaint_per_upstream_id"
            ),
            models.CheckConstraint(condition=Q(trade_amount__gte=0), name="trade_amount_not_negative"),
            models.CheckConstraint(
                condition=Q(requested_refund_amount=None)
                | Q(requested_refund_amount__gte=0, requested_refund_amount__lte=F("trade_amount")),
                name="requested_refund_within_trade",
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="complaint_status_known"),
            models.CheckConstraint(condition=Q(handle_by__gt=F("filed_at")), name="handle_by_after_filed_at"),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "handle_by", "id"],
                name="complaint_pending",
                condition=Q(status=Status.PENDING),
            ),
            # What one member works on; and what becomes nobody's when a member is removed.
            models.Index(
                fields=["assignee", "handle_by", "id"],
                name="complaint_by_assignee",
                condition=Q(assignee__isnull=False),
            ),
            models.Index(fields=["merchant", "status", "-filed_at", "-id"], name="complaint_by_status"),
            models.Index(fields=["merchant", "-filed_at", "-id"], name="complaint_by_filed"),
            # The second part of the list. What is pending is the newest, stands in the first, and would be read over.
            models.Index(
                fields=["merchant", "-filed_at", "-id"],
                name="complaint_no_longer_pending",
                condition=~Q(status=Status.PENDING),
            ),
            # What the list is narrowed to. These are not in its order, so many entries share a key, and they are small:
            # they tell how many there are of a status without reading one, and find those of which there are few.
            models.Index(fields=["merchant", "mini_program", "status"], name="complaint_by_program"),
            models.Index(fields=["merchant", "dispute_type", "status"], name="complaint_by_type"),
            models.Index(fields=["merchant", "assignee", "status"], name="complaint_by_whose"),
            models.Index(
                fields=["merchant", "status"], name="complaint_protected", condition=Q(advance_protection=True)
            ),
            models.Index(fields=["platform", "-filed_at", "-id"], name="complaint_by_platform"),
            # For the search: each number whole, or by how it starts, whatever the collation of the database.
            models.Index(fields=["merchant", "trade_no"], name="complaint_by_trade_no", opclasses=BY_START),
            models.Index(
                fields=["merchant", "merchant_order_no"],
                name="complaint_by_order_no",
                opclasses=BY_START,
                condition=~Q(merchant_order_no=""),
            ),
            models.Index(
                fields=["merchant", "consumer_phone"],
                name="complaint_by_phone",
                opclasses=BY_START,
                condition=~Q(consumer_phone=""),
            ),
            # For the search: words of three characters and more, and words of two. What is filed waits in the list of
            # each, until a task puts it in its place: no request is to do that for thousands of others.
            GinIndex(
                F("merchant"),
                OpClass(ComplaintWords(), name="gin_trgm_ops"),
                name="complaint_by_words",
                gin_pending_list_limit=WAITING_LIMIT,
            ),
            GinIndex(F("merchant"), ComplaintPairs(), name="complaint_by_pairs", gin_pending_list_limit=WAITING_LIMIT),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.complaint_no


class Method(models.TextChoices):
    """The ways of handling, as the official API has them. The first two refund; the rest claim that none is due."""

    FUND_REFUND = "fund_refund", _("refund from the guarantee deposit")
    OTHER_REFUND = "other_refund", _("refunded in another way")
    SHIPPED = "shipped", _("shipped")
    OTHER = "other", _("other")
    AFTER_SALES = "after_sales", _("after-sales service done")
    NOT_LIABLE = "not_liable", _("not our responsibility")


class RootCause(models.TextChoices):
    """What led to a complaint, as the merchant sees it; asked once, when it is handled."""

    PRODUCT = "product", _("the product")
    DESCRIPTION = "description", _("the description in the shop")
    PRICE = "price", _("the price or a charge")
    DELIVERY = "delivery", _("the delivery")
    SERVICE = "service", _("our service")
    CONSUMER = "consumer", _("the consumer's mistake or change of mind")
    OTHER = "other", _("something else")


REFUNDING = (Method.FUND_REFUND, Method.OTHER_REFUND)


class Handling(models.Model):
    """How a complaint was handled: once, by whom, in which way, and whether that was in time."""

    complaint = models.OneToOneField(Complaint, models.PROTECT, related_name="handling", verbose_name=_("complaint"))
    method = models.CharField(_("way of handling"), max_length=16, choices=Method.choices)
    note = models.TextField(_("explanation"), blank=True)
    refund_amount = models.DecimalField(
        _("refund amount"), max_digits=14, decimal_places=2, validators=NOT_NEGATIVE, null=True, blank=True
    )
    refund_reference = models.CharField(_("refund number"), max_length=64, blank=True)
    tracking = models.CharField(_("carrier and tracking number"), max_length=100, blank=True)
    root_cause = models.CharField(_("root cause"), max_length=16, choices=RootCause.choices, blank=True)
    evidence = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("evidence"))
    taken_in = models.BooleanField(
        _("handled elsewhere"),
        default=False,
        help_text=_("Handled before the complaint came here; what was refunded may not be known."),
    )
    handled_at = models.DateTimeField(_("handled at"))
    in_time = models.BooleanField(_("in time"))
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("handled by"), max_length=200)

    class Meta:
        verbose_name = _("handling")
        verbose_name_plural = _("handlings")
        constraints = [
            models.CheckConstraint(
                condition=Q(method__in=REFUNDING, refund_amount__isnull=False, refund_amount__gt=0)
                | Q(method__in=REFUNDING, refund_amount=None, taken_in=True)
                | (~Q(method__in=REFUNDING) & Q(refund_amount=None)),
                name="a_refunding_way_has_an_amount",
            )
        ]

    def __str__(self) -> str:
        return f"{self.complaint_id} {self.method}"


class Message(models.Model):
    """What one side said to the other about a complaint. It stops no clock."""

    complaint = models.ForeignKey(Complaint, models.PROTECT, related_name="messages", verbose_name=_("complaint"))
    role = models.CharField(_("role"), max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(pgettext_lazy("a message", "from"), max_length=200)
    text = models.TextField(_("text"))
    evidence = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("pictures"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.text[:60]


class HistoryLine(models.Model):
    """One move in a case: of the complaint itself, or of a penalty, a refund or an appeal about it. Only ever added.

    The reference is not checked by the database: sweeps insert these lines by the hundred thousand, and a complaint is
    never deleted.
    """

    complaint = models.ForeignKey(
        Complaint, models.DO_NOTHING, related_name="history", db_constraint=False, db_index=False
    )
    noun = models.CharField(_("noun"), max_length=16)
    noun_id = models.BigIntegerField()
    verb = models.CharField(_("verb"), max_length=24)
    from_state = models.CharField(pgettext_lazy("a state", "from"), max_length=16, blank=True)
    to_state = models.CharField(pgettext_lazy("a state", "to"), max_length=16)
    actor_kind = models.CharField(_("kind of actor"), max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("who"), max_length=200)
    at = models.DateTimeField(_("at"))
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("line of history")
        verbose_name_plural = _("history")
        indexes = [models.Index(fields=["complaint", "at", "id"], name="history_by_complaint")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.noun} {self.noun_id}: {self.verb}"
