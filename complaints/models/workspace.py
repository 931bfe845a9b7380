"""How the members of a merchant work on complaints.

All of it is the merchant's own: no consumer, no platform and no API key sees it.
"""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from complaints.models.cases import REFUNDING, Complaint, Method
from evidence.models import Evidence, evidence_files
from merchants.models import Merchant, User


class InternalLine(models.Model):
    """What the members of a merchant note for each other about a complaint. Only ever added; no other side sees it."""

    class Kind(models.TextChoices):
        NOTE = "note", _("note")
        ASSIGN = "assign", _("assignment")
        REVEAL = "reveal", _("name and phone shown")

    complaint = models.ForeignKey(
        Complaint, models.PROTECT, related_name="internal_lines", db_index=False, verbose_name=_("complaint")
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("who"), max_length=200)
    text = models.TextField(_("text"), blank=True)
    assignee_name = models.CharField(_("assigned to"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("internal line")
        verbose_name_plural = _("internal lines")
        indexes = [models.Index(fields=["complaint", "at", "id"], name="internal_line_by_complaint")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text[:60]}"


class CannedReply(models.Model):
    """A text of a merchant that is said again and again, with variables; it may carry a way of handling with it.

    `refund` says how much a way that refunds gives back: what the consumer asks for, or the whole trade.
    """

    class Refund(models.TextChoices):
        ASKED = "asked", _("what the consumer asks for")
        TRADE = "trade", _("the whole trade")

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    title = models.CharField(_("title"), max_length=60)
    text = models.TextField(_("text"))
    method = models.CharField(_("way of handling"), max_length=16, choices=Method.choices, blank=True)
    refund = models.CharField(_("refund"), max_length=8, choices=Refund.choices, blank=True)
    pictures = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("pictures"))
    changed_by = models.CharField(_("changed by"), max_length=200)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "title"], name="one_canned_reply_of_a_title_per_merchant"),
            models.CheckConstraint(
                condition=Q(method__in=REFUNDING, refund__in=["asked", "trade"])
                | (~Q(method__in=REFUNDING) & Q(refund="")),
                name="a_canned_refund_says_how_much",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def as_shown(self) -> tuple[int, str, str, str, str]:
        """Return what a menu of canned replies shows."""
        return self.pk, self.title, self.text, self.method, self.refund


class SavedView(models.Model):
    """Filters of the list under a name: one member's own, or shared by the merchant's members."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    owner = models.ForeignKey(
        User,
        models.CASCADE,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("owner"),
        help_text=_("Empty when shared."),
    )
    name = models.CharField(_("name"), max_length=40)
    query = models.CharField(_("filters"), max_length=1000)
    changed_by = models.CharField(_("changed by"), max_length=200)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "owner", "name"], condition=Q(owner__isnull=False), name="one_own_view_of_a_name"
            ),
            models.UniqueConstraint(
                fields=["merchant", "name"], condition=Q(owner=None), name="one_shared_view_of_a_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Draft(models.Model):
    """What a member has typed and not sent yet. It is kept until it is sent or thrown away."""

    class Form(models.TextChoices):
        HANDLING = "handling", _("handling")
        MESSAGE = "message", _("message")
        NOTE = "note", _("note")

    complaint = models.ForeignKey(Complaint, models.CASCADE, related_name="+", verbose_name=_("complaint"))
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False, verbose_name=_("user"))
    form = models.CharField(_("form"), max_length=16, choices=Form.choices)
    fields = models.JSONField(_("fields"))
    saved_at = models.DateTimeField(_("saved at"))

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        constraints = [
            models.UniqueConstraint(fields=["user", "complaint", "form"], name="one_draft_per_form_and_member")
        ]

    def __str__(self) -> str:
        return f"{self.form} of {self.user_id}"


class Export(models.Model):
    """A filtered list as a file, made by a task because it is long; the member who asked for it downloads it."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RUNNING = "running", _("running")
        READY = "ready", _("ready")
        FAILED = "failed", pgettext_lazy("an export", "failed")

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"

    class Problem(models.TextChoices):
        """Why an export failed."""

        FILTERS = "filters", _("One of its filters does not exist any more. Filter the list anew, and export that.")
        TOO_LONG = "too_long", _("More complaints match by now than fit into one file. Choose fewer days.")
        BROKEN = "broken", _("It could not be made, although it was tried several times. Try again later.")

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("user"))
    format = models.CharField(_("format"), max_length=8, choices=Format.choices)
    query = models.CharField(_("filters"), max_length=1000, blank=True)
    language = models.CharField(_("language"), max_length=10)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.WAITING)
    total = models.PositiveIntegerField(_("rows"), default=0)
    done = models.PositiveIntegerField(_("rows written"), default=0)
    file = models.FileField(_("file"), storage=evidence_files, max_length=200, blank=True)
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)
    problem = models.CharField(_("why it failed"), max_length=16, choices=Problem.choices, blank=True)
    asked_at = models.DateTimeField(_("asked at"))
    beaten_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "user"],
                condition=Q(status__in=["waiting", "running"]),
                name="one_export_at_a_time_per_member",
            )
        ]
        indexes = [
            models.Index(fields=["asked_at"], name="export_to_make", condition=Q(status__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.format} {self.asked_at:%Y-%m-%d %H:%M}"


class BulkRun(models.Model):
    """Something that a member did to many complaints. A preview has a key, and is one run however often it is sent."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False, verbose_name=_("user"))
    key = models.CharField(_("key of the preview"), max_length=32)
    wish = models.JSONField(_("what was to be done"))
    started_at = models.DateTimeField(_("started at"))

    class Meta:
        verbose_name = _("bulk run")
        verbose_name_plural = _("bulk runs")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="one_bulk_run_per_preview")]

    def __str__(self) -> str:
        return f"{self.key} of {self.user_id}"


class BulkRow(models.Model):
    """What became of one complaint in a bulk run. `done` is empty until its turn has come."""

    run = models.ForeignKey(BulkRun, models.CASCADE, related_name="rows", db_index=False, verbose_name=_("bulk run"))
    complaint = models.ForeignKey(
        Complaint, models.PROTECT, related_name="+", db_index=False, verbose_name=_("complaint")
    )
    done = models.BooleanField(_("done"), null=True, blank=True)
    words = models.TextField(_("what was done, or why not"), blank=True)

    class Meta:
        verbose_name = _("row of a bulk run")
        verbose_name_plural = _("rows of a bulk run")
        constraints = [models.UniqueConstraint(fields=["run", "complaint"], name="one_row_per_complaint_and_bulk_run")]

    def __str__(self) -> str:
        return f"{self.complaint_id}: {self.words[:60]}"
