"""`Penalty`: a violation record. Exactly one for each missed obligation; never deleted."""

from datetime import datetime

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.wording import beijing_time
from complaints.models import Complaint
from deadlines.models import FourEyes, SweepRun
from merchants.models import Merchant, MiniProgram
from penalties.states import Kind, Status


class Penalty(models.Model):
    """What one missed deadline cost: `missed_at` is the deadline, `issued_at` when the penalty was issued.

    The appeal window starts at `issued_at`, never earlier: an outage eats nobody's window. `subject_id` and `round`
    name the obligation: a complaint, or one round of a refund case.
    """

    penalty_no = models.CharField(_("penalty number"), max_length=32, db_collation="C")
    kind = models.CharField(_("kind"), max_length=24, choices=Kind.choices)
    subject_id = models.BigIntegerField()
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    complaint = models.ForeignKey(
        Complaint,
        models.PROTECT,
        related_name="penalties",
        db_constraint=False,
        db_index=False,
        verbose_name=_("complaint"),
    )
    merchant = models.ForeignKey(
        Merchant, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False, verbose_name=_("merchant")
    )
    mini_program = models.ForeignKey(
        MiniProgram,
        models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("mini program"),
    )
    points = models.PositiveSmallIntegerField(_("points"))
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.IN_EFFECT)
    missed_at = models.DateTimeField(_("missed at"))
    issued_at = models.DateTimeField(_("issued at"))
    appeal_by = models.DateTimeField(_("appeal by"))
    window_closed_at = models.DateTimeField(_("window closed at"), null=True, blank=True)
    revoked_at = models.DateTimeField(pgettext_lazy("a penalty", "revoked at"), null=True, blank=True)
    revoked_by = models.CharField(_("revoked by"), max_length=200, blank=True, db_default="")
    revoked_reason = models.TextField(_("reason for revoking"), blank=True, db_default="")
    sweep_run = models.ForeignKey(
        SweepRun,
        models.DO_NOTHING,
        related_name="+",
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("sweep run"),
    )

    class Meta:
        verbose_name = _("penalty")
        verbose_name_plural = _("penalties")
        permissions = [("revoke_penalty", _("Can revoke penalties without an appeal"))]
        constraints = [
            models.UniqueConstraint(fields=["penalty_no"], name="one_penalty_per_number"),
            # The number first: it tells rows apart at once, and serves the look-up of a complaint's penalties.
            models.UniqueConstraint(fields=["subject_id", "kind", "round"], name="one_penalty_per_missed_obligation"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="penalty_status_known"),
            models.CheckConstraint(condition=Q(issued_at__gte=F("missed_at")), name="never_issued_before_missed"),
            models.CheckConstraint(condition=Q(appeal_by__gt=F("issued_at")), name="window_opens_when_issued"),
            models.CheckConstraint(
                condition=~Q(status=Status.REVOKED) | (Q(revoked_at__isnull=False) & ~Q(revoked_reason="")),
                name="a_revoked_penalty_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-issued_at", "-id"], name="penalty_by_merchant"),
            # What still costs points, the window that closes soonest first. The condition leaves the closing of a
            # window out: the sweep that closes it would have to write the index as well.
            models.Index(
                fields=["merchant", "appeal_by", "id"],
                # What is added up stands in it: reading ten thousand penalties would take a page's whole time.
                include=["mini_program", "status", "points"],
                name="penalty_that_counts",
                condition=Q(status__in=[Status.IN_EFFECT, Status.UNDER_APPEAL]),
            ),
            # Of the others there are few among many: a list of what was given back reads no more than these.
            models.Index(fields=["merchant", "complaint"], name="penalty_revoked", condition=Q(status=Status.REVOKED)),
            # What one sweep run issued, by the moment it carries. A few pages for millions of rows: sweeps stay fast.
            BrinIndex(fields=["issued_at"], name="penalty_by_issue", autosummarize=True),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.penalty_no

    @property
    def window_ends_at(self) -> datetime:
        """When the appeal window ends or ended: at `appeal_by`, or before, when the last attempt was spent."""
        return min(self.appeal_by, self.window_closed_at or self.appeal_by)


class Amnesty(FourEyes):
    """What was missed is forgiven: the penalties of one sweep run, or for deadlines within a span, are revoked."""

    sweep_run = models.ForeignKey(
        SweepRun, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("sweep run")
    )
    missed_from = models.DateTimeField(_("missed from"), null=True, blank=True)
    missed_to = models.DateTimeField(_("missed until"), null=True, blank=True)
    kinds = ArrayField(models.CharField(max_length=24, choices=Kind.choices), verbose_name=_("kinds"))
    points = models.PositiveIntegerField(_("points given back"), default=0)

    class Meta:
        verbose_name = _("amnesty")
        verbose_name_plural = _("amnesties")
        constraints = [
            models.CheckConstraint(
                condition=Q(sweep_run__isnull=False, missed_from=None, missed_to=None)
                | Q(sweep_run=None, missed_from__isnull=False, missed_to__gt=F("missed_from")),
                name="an_amnesty_is_of_a_run_or_of_a_span",
            )
        ]

    def __str__(self) -> str:
        if self.missed_from and self.missed_to:
            return f"{beijing_time(self.missed_from)} – {beijing_time(self.missed_to)}"
        return str(self.sweep_run)
