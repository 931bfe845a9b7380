"""`DaySummary`: the complaints that were filed on one day, counted and added up."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from merchants.models import Merchant, MiniProgram


class By(models.TextChoices):
    """What tells the summaries of one day apart."""

    TOTAL = "total", _("nothing: all complaints of the day")
    DISPUTE_TYPE = "dispute_type", _("dispute type")
    MINI_PROGRAM = "mini_program", _("mini program")
    ROOT_CAUSE = "root_cause", _("root cause")
    EVERYTHING = "everything", _("dispute type, mini program and root cause")


class DaySummary(models.Model):
    """What has become so far of the complaints of one merchant that were filed on one day.

    Each day is summed up five times: whole, by dispute type, by mini program, by root cause, and by all three. A page
    that is narrowed to nothing reads the first four, which are few rows even of a large merchant; the last serves the
    others. What a row does not tell apart is empty in it.

    Days are Beijing's, amounts yuan. Each number can be counted again from the rows of the complaints:
    `manage.py recompute_insights --compare` does.
    """

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant"))
    by = models.CharField(_("by"), max_length=16, choices=By.choices)
    day = models.DateField(_("day"))
    mini_program = models.ForeignKey(
        MiniProgram, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    dispute_type = models.CharField(_("dispute type"), max_length=200, null=True)  # noqa: DJ001 (None is all of them)
    root_cause = models.CharField(_("root cause"), max_length=16, null=True)  # noqa: DJ001 (as above; "" is not said)
    filed = models.PositiveIntegerField(_("filed"))
    handled = models.PositiveIntegerField(_("handled"))
    in_time = models.PositiveIntegerField(_("handled in time"))
    missed = models.PositiveIntegerField(_("missed"), help_text=_("Penalised for not being handled in time."))
    unhandled = models.PositiveIntegerField(
        _("missed and not handled"), help_text=_("Penalised, and to this day not handled.")
    )
    minutes = ArrayField(
        models.PositiveIntegerField(), verbose_name=_("minutes until handled"), help_text=_("One for each handled.")
    )
    points_lost = models.PositiveIntegerField(_("points lost"))
    points_given_back = models.PositiveIntegerField(_("points given back"))
    refunded = models.DecimalField(_("refunded"), max_digits=16, decimal_places=2)
    repeated = models.PositiveIntegerField(_("repeated"), help_text=_("The same trade or phone complained before."))
    from_consultation = models.PositiveIntegerField(_("was a consultation before"))

    class Meta:
        verbose_name = _("summary of a day")
        verbose_name_plural = _("summaries of days")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "by", "day", "mini_program", "dispute_type", "root_cause"],
                name="one_summary_per_part",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.merchant_id} {self.day} {self.by}"
