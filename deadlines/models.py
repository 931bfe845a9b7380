"""`Deadline`, a small, hot table of running clocks; `SweepRun`, what each sweep did; `WorkDay`, China's calendar."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

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


FOUND_OR_RUNNING = Q(examined__gt=0) | Q(ended_at=None)
"""Runs that are worth a look: they found something, or have not ended."""


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
    is_shadow = models.BooleanField(
        _("shadow"), db_default=False, help_text=_("It said what it would do, and did nothing.")
    )

    class Meta:
        verbose_name = _("sweep run")
        verbose_name_plural = _("sweep runs")
        indexes = [
            models.Index(fields=["kind", "-started_at"], name="sweep_run_by_kind"),
            models.Index(fields=["started_at"], name="idle_sweep_run", condition=Q(examined=0)),
            models.Index(fields=["-started_at"], name="sweep_run_that_found", condition=FOUND_OR_RUNNING),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {beijing_time(self.cut_off, seconds=True)}"


class Lateness(models.TextChoices):
    """Why one kind of sweep does not do what it is there for."""

    PAUSED = "paused", pgettext_lazy("a sweep", "paused")
    """Ops paused it."""
    SILENT = "silent", pgettext_lazy("a sweep", "no run ends")
    """No run has ended within twice the interval, or none ever has."""
    BEHIND = "behind", pgettext_lazy("a sweep", "what is due waits")
    """Runs end, and what is due waits all the same: it fails, it is in shadow, or there is too much of it."""


class SweepControl(models.Model):
    """How the scheduled sweeps of one kind run: as they should, not at all, or for show. Without a row they run."""

    class Mode(models.TextChoices):
        RUN = "run", pgettext_lazy("a sweep", "runs")
        PAUSED = "paused", pgettext_lazy("a sweep", "paused")
        SHADOW = "shadow", _("shadow: says what it would do, and does nothing")

    kind = models.CharField(_("kind"), max_length=16, choices=Deadline.Kind.choices, primary_key=True)
    mode = models.CharField(_("mode"), max_length=8, choices=Mode.choices, default=Mode.RUN)
    reason = models.TextField(_("reason"), blank=True)
    changed_by = models.CharField(_("changed by"), max_length=200)
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name = _("control of a sweep")
        verbose_name_plural = _("controls of sweeps")
        permissions = [("control_sweeps", _("Can pause sweeps, move deadlines, and forgive what was missed"))]

    def __str__(self) -> str:
        return f"{self.kind}: {self.mode}"


class SweepWatch(models.Model):
    """That somebody watches the sweeps: one row, the lock of whoever watches, and when that was the last time."""

    name = models.CharField(_("name"), max_length=16, primary_key=True)
    since = models.DateTimeField(_("since"))
    at = models.DateTimeField(_("last watched at"), null=True)

    class Meta:
        verbose_name = _("watch over the sweeps")
        verbose_name_plural = _("watches over the sweeps")

    def __str__(self) -> str:
        return self.name


class SweepAlarm(models.Model):
    """That one kind of sweep was late, from when it was noticed until it was well again and stayed so.

    One is open a kind. `well_since` is set while it is open and its kind was on time at the last look.
    """

    kind = models.CharField(_("kind"), max_length=16, choices=Deadline.Kind.choices)
    why = models.CharField(_("why"), max_length=8, choices=Lateness.choices)
    began_at = models.DateTimeField(_("began at"))
    told_at = models.DateTimeField(_("ops were told at"))
    well_since = models.DateTimeField(_("on time since"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(fields=["kind"], condition=Q(ended_at=None), name="one_open_alarm_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {beijing_time(self.began_at)}"


class AlarmLetter(models.Model):
    """A mail about an alarm on its way to one address; several that are due together travel in one mail."""

    class Occasion(models.TextChoices):
        BEGUN = "begun", pgettext_lazy("an alarm", "begun")
        LASTS = "lasts", pgettext_lazy("an alarm", "lasts")
        ENDED = "ended", pgettext_lazy("an alarm", "ended")

    alarm = models.ForeignKey(
        SweepAlarm, models.CASCADE, related_name="letters", db_index=False, verbose_name=_("alarm")
    )
    occasion = models.CharField(_("occasion"), max_length=8, choices=Occasion.choices)
    address = models.EmailField(_("address"))
    language = models.CharField(_("language"), max_length=10)
    written_at = models.DateTimeField(_("written at"))
    due_at = models.DateTimeField(_("due at"), null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)
    outcome = models.CharField(_("outcome"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("mail about an alarm")
        verbose_name_plural = _("mails about alarms")
        constraints = [
            models.UniqueConstraint(fields=["alarm", "address", "written_at"], name="one_mail_per_occasion_and_address")
        ]
        indexes = [
            models.Index(fields=["due_at", "address"], name="alarm_letter_due", condition=Q(due_at__isnull=False))
        ]

    def __str__(self) -> str:
        return f"{self.occasion} → {self.address}"


class SweepTotal(models.Model):
    """What all runs of one kind did that began before a moment; the runs since then are counted where they stand."""

    kind = models.CharField(_("kind"), max_length=16, choices=Deadline.Kind.choices, primary_key=True)
    through = models.DateTimeField(_("runs that began before"))
    examined = models.BigIntegerField(_("examined"), default=0)
    acted = models.BigIntegerField(_("acted"), default=0)
    skipped = models.BigIntegerField(_("skipped"), default=0)
    failed = models.BigIntegerField(_("failed"), default=0)

    class Meta:
        verbose_name = _("total of a sweep")
        verbose_name_plural = _("totals of sweeps")

    def __str__(self) -> str:
        return f"{self.kind}: {self.acted}"


class OpsLine(models.Model):
    """One thing that ops did to the sweeps or to many deadlines at once. Only ever added."""

    verb = models.CharField(_("verb"), max_length=24)
    about = models.CharField(_("about"), max_length=200)
    reason = models.TextField(_("reason"), blank=True)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("who"), max_length=200)
    at = models.DateTimeField(_("at"))
    detail = models.JSONField(_("detail"), default=dict)

    class Meta:
        verbose_name = _("line of ops")
        verbose_name_plural = _("what ops did")
        indexes = [models.Index(fields=["-at", "-id"], name="ops_line_by_time")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.verb} {self.about}"


class PolicyChange(models.Model):
    """That a dated policy was read for the first time, changed, or is gone. Only ever added."""

    since = models.DateTimeField(_("holds from"))
    numbers = models.JSONField(_("numbers, before and after"), default=dict)
    fingerprint = models.CharField(max_length=16, blank=True)
    recorded_by = models.CharField(_("recorded by"), max_length=200)
    recorded_at = models.DateTimeField(_("recorded at"))

    class Meta:
        verbose_name = _("change of policy")
        verbose_name_plural = _("changes of policy")
        indexes = [models.Index(fields=["-recorded_at", "-id"], name="policy_change_by_time")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return beijing_time(self.since)


class FourEyes(models.Model):
    """Something for many cases at once: proposed with a reason; above a number of cases a second person approves."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("waits for a second person")
        APPROVED = "approved", pgettext_lazy("something for many cases", "being done")
        DONE = "done", pgettext_lazy("something for many cases", "done")
        DECLINED = "declined", _("declined")

    status = models.CharField(_("status"), max_length=16, choices=Status.choices)
    reason = models.TextField(_("reason"))
    counted = models.PositiveIntegerField(_("cases when proposed"))
    done = models.PositiveIntegerField(_("cases done"), default=0)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed at"))
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)

    class Meta:
        abstract = True


class Extension(FourEyes):
    """The portal was away for a while: every clock that ran then gets that time back, and moves to a later moment."""

    began_at = models.DateTimeField(_("away from"))
    ended_at = models.DateTimeField(_("until"))
    kinds = ArrayField(models.CharField(max_length=16, choices=Deadline.Kind.choices), verbose_name=_("kinds"))

    class Meta:
        verbose_name = _("extension of deadlines")
        verbose_name_plural = _("extensions of deadlines")
        constraints = [
            models.CheckConstraint(condition=Q(ended_at__gt=F("began_at")), name="an_extension_has_a_length")
        ]

    def __str__(self) -> str:
        return f"{beijing_time(self.began_at)} – {beijing_time(self.ended_at)}"


class Extended(models.Model):
    """That an extension moved one clock: it moves each once, however often it is started."""

    extension = models.ForeignKey(Extension, models.CASCADE, related_name="moved", verbose_name=_("extension"))
    kind = models.CharField(_("kind"), max_length=16, choices=Deadline.Kind.choices)
    subject_id = models.BigIntegerField(_("subject"))
    complaint_id = models.BigIntegerField(_("complaint"))
    due_before = models.DateTimeField(_("due before"))
    due_after = models.DateTimeField(_("due after"))

    class Meta:
        verbose_name = _("extended deadline")
        verbose_name_plural = _("extended deadlines")
        constraints = [
            models.UniqueConstraint(fields=["extension", "kind", "subject_id"], name="an_extension_moves_a_clock_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


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
