"""`Deadline`, a small, hot table of running clocks; `SweepRun`, what each sweep did; `WorkDay`, China's calendar."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from common.wording import beijing_time
from merchants.models import Merchant, MiniProgram


class Deadline(models.Model):
    """A clock that is running now. A verb that stops it in time deletes the row; one that comes late leaves it.

    The row carries all that missing it means, so that a sweep reads and rewrites nothing else. Its references are not
    checked by the database: such a check costs a third of a sweep, and `manage.py verify` looks instead.
    """

    class Kind(models.TextChoices):
        HANDLE = "handle", _("handle a complaint")
        REFUND = "refund", _("pay a refund")
        APPEAL = "appeal", _("appeal a penalty")
        REVIEW = "review", _("review")
        SUPPLEMENT = "supplement", _("add evidence")
        FINISH = "finish", _("finish a handled complaint")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    subject_id = models.BigIntegerField(_("subject"))
    complaint_id = models.BigIntegerField(_("complaint"))
    merchant = models.ForeignKey(
        Merchant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, verbose_name=_("merchant")
    )
    mini_program = models.ForeignKey(
        MiniProgram, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    points = models.PositiveSmallIntegerField(_("points"), default=0)
    due_at = models.DateTimeField(_("due at"))
    remind_at = models.DateTimeField(_("remind at"), null=True, blank=True)
    is_provisional = models.BooleanField(_("provisional"), db_default=False)
    counted_from = models.DateTimeField(_("counted from"), null=True, blank=True)
    working_days = models.PositiveSmallIntegerField(_("working days"), null=True, blank=True)

    class Meta:
        verbose_name = _("deadline")
        verbose_name_plural = _("deadlines")
        constraints = [
            models.UniqueConstraint(fields=["subject_id", "kind"], name="one_clock_per_kind_and_subject"),
            models.CheckConstraint(
                condition=Q(is_provisional=False) | Q(counted_from__isnull=False, working_days__isnull=False),
                name="a_provisional_deadline_can_be_counted_again",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "due_at", "id"], name="deadline_by_kind_and_due"),
            # Only what members must do, which their home page adds up. The clocks that sweeps start by the hundred
            # thousand, the appeal windows, stay out: an index of them would slow the sweeps down.
            models.Index(
                fields=["merchant", "due_at"],
                name="deadline_of_merchant",
                condition=Q(kind__in=["handle", "refund", "supplement"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id} by {self.due_at:%Y-%m-%d %H:%M:%S %Z}"


class SweepRun(models.Model):
    """One run of one kind of sweep: what it looked at, what it did, and why it left something."""

    kind = models.CharField(_("kind"), max_length=16, choices=Deadline.Kind.choices)
    cut_off = models.DateTimeField(_("cut-off"), help_text=_("Deadlines before this moment were due."))
    issued_at = models.DateTimeField(_("issued at"), help_text=_("The moment that what the run did carries."))
    started_at = models.DateTimeField(_("started at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    examined = models.PositiveIntegerField(_("examined"), default=0)
    acted = models.PositiveIntegerField(_("acted"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    reasons = models.JSONField(_("reasons"), default=dict, blank=True)
    lag = models.DurationField(
        _("lag"), null=True, help_text=_("How long past its moment the oldest due deadline was when the run began.")
    )
    ran_by = models.CharField(_("ran by"), max_length=200)

    class Meta:
        verbose_name = _("sweep run")
        verbose_name_plural = _("sweep runs")
        indexes = [models.Index(fields=["kind", "-started_at"], name="sweep_run_by_kind")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {beijing_time(self.cut_off, seconds=True)}"


class WorkDay(models.Model):
    """One day of a year whose public holidays and make-up working days are published."""

    day = models.DateField(_("day"), primary_key=True)
    is_working = models.BooleanField(_("working day"))
    name = models.CharField(_("name"), max_length=64, blank=True)
    source = models.CharField(_("source"), max_length=200)

    class Meta:
        verbose_name = _("day of the calendar")
        verbose_name_plural = _("calendar of working days")

    def __str__(self) -> str:
        return self.day.isoformat()
