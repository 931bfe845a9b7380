"""Consultations (服务咨询): what consumers ask before anything is a complaint; and the links to consumers' pages."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from complaints.consultations.states import Status
from complaints.models.cases import BY_START, Complaint
from evidence.models import Evidence
from merchants.models import Merchant, MiniProgram, Platform


class Consultation(models.Model):
    """A consumer's question to a merchant. No deadline runs and nothing is penalised; how long it waits is shown."""

    consultation_no = models.CharField(_("consultation number"), max_length=32, unique=True)
    platform = models.ForeignKey(Platform, models.PROTECT, related_name="+", db_index=False, verbose_name=_("platform"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    mini_program = models.ForeignKey(
        MiniProgram, models.PROTECT, related_name="+", db_index=False, verbose_name=_("mini program")
    )
    upstream_id = models.CharField(pgettext_lazy("a consultation", "upstream id"), max_length=64, blank=True)
    trade_no = models.CharField(_("trade number"), max_length=64, blank=True)
    text = models.TextField(_("question"))
    consumer_reference = models.CharField(_("consumer reference"), max_length=64, blank=True)
    consumer_name = models.CharField(_("consumer name"), max_length=100, blank=True)
    consumer_phone = models.CharField(_("consumer phone"), max_length=32, blank=True)
    pictures = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("pictures"))

    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.OPEN)
    asked_at = models.DateTimeField(pgettext_lazy("a consultation", "asked at"))
    waiting_since = models.DateTimeField(
        _("waiting since"), null=True, blank=True, help_text=_("The oldest question that has no answer yet.")
    )
    answered_at = models.DateTimeField(_("last answered at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    complaint = models.OneToOneField(
        Complaint,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="consultation",
        verbose_name=_("complaint"),
        help_text=_("What it became, when the consumer complained in the end."),
    )

    class Meta:
        verbose_name = _("consultation")
        verbose_name_plural = _("consultations")
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "upstream_id"],
                condition=~Q(upstream_id=""),
                name="one_consultation_per_upstream_id",
            ),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="consultation_status_known"),
            models.CheckConstraint(
                condition=Q(status=Status.OPEN, waiting_since__isnull=False)
                | (~Q(status=Status.OPEN) & Q(waiting_since=None)),
                name="an_open_consultation_waits",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "waiting_since", "id"],
                name="consultation_unanswered",
                condition=Q(status=Status.OPEN),
            ),
            models.Index(fields=["merchant", "status", "-asked_at", "-id"], name="consultation_by_status"),
            models.Index(fields=["merchant", "-asked_at", "-id"], name="consultation_by_asked"),
            models.Index(fields=["platform", "-asked_at", "-id"], name="consultation_by_platform"),
            models.Index(fields=["merchant", "trade_no"], name="consultation_by_trade_no", opclasses=BY_START),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.consultation_no


class ConsultationLine(models.Model):
    """One thing that was said or done about a consultation. Only ever added."""

    class Verb(models.TextChoices):
        ASK = "ask", _("asked")
        REPLY = "reply", _("replied")
        CLOSE = "close", _("closed")
        COMPLAIN = "complain", _("complained")

    consultation = models.ForeignKey(
        Consultation, models.PROTECT, related_name="lines", db_index=False, verbose_name=_("consultation")
    )
    verb = models.CharField(_("verb"), max_length=16, choices=Verb.choices)
    role = models.CharField(_("role"), max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(pgettext_lazy("a message", "from"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    evidence = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("pictures"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("line of a consultation")
        verbose_name_plural = _("lines of consultations")
        indexes = [models.Index(fields=["consultation", "at", "id"], name="consultation_line_in_order")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.verb}: {self.text[:60]}"


class ConsumerLink(models.Model):
    """That the link to a consumer's page was renewed or ended by the platform. A link that never was has no row."""

    complaint = models.OneToOneField(
        Complaint, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("complaint")
    )
    consultation = models.OneToOneField(
        Consultation, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("consultation")
    )
    version = models.PositiveSmallIntegerField(_("version"), default=0)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    changed_by = models.CharField(_("changed by"), max_length=200)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("link of a consumer")
        verbose_name_plural = _("links of consumers")
        constraints = [
            models.CheckConstraint(
                condition=Q(complaint=None, consultation__isnull=False) | Q(complaint__isnull=False, consultation=None),
                name="a_link_opens_one_case",
            )
        ]

    def __str__(self) -> str:
        return f"{self.complaint or self.consultation} · {self.version}"
