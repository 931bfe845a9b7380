"""`Appeal`, its draft, and the texts that staff answer with."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from appeals.reasons import Reason
from appeals.states import OPEN, Status
from deadlines.reviewing import ReplyText, Reviewed
from evidence.models import Evidence
from merchants.models import Merchant, MiniProgram, User
from penalties.models import Penalty


class Proof(models.TextChoices):
    """What the guide names as evidence; the checklist on the appeal form."""

    REFUND_RECORD = "refund_record", _("refund record")
    SHIPPING_RECORD = "shipping_record", _("shipping record")
    CONSUMER_CONFIRMATION = "consumer_confirmation", _("the consumer's confirmation that the problem is solved")
    REFUND_PROOF = "refund_proof", _("proof that the refund succeeded")
    NO_REFUND_PROOF = "no_refund_proof", _("proof that no refund is due")


PROOFS_OF: dict[str, tuple[Proof, ...]] = {
    "complaint_timeout": (Proof.REFUND_RECORD, Proof.SHIPPING_RECORD, Proof.CONSUMER_CONFIRMATION),
    "refund_overdue": (Proof.REFUND_PROOF, Proof.NO_REFUND_PROOF),
}


class Appeal(Reviewed):
    """One attempt to have a penalty revoked: what the merchant says and proves, and what staff decided."""

    penalty = models.ForeignKey(Penalty, models.PROTECT, related_name="appeals", verbose_name=_("penalty"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    mini_program = models.ForeignKey(
        MiniProgram, models.PROTECT, related_name="+", db_index=False, verbose_name=_("mini program")
    )
    attempt = models.PositiveSmallIntegerField(_("attempt"))
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.SUBMITTED)
    description = models.TextField(pgettext_lazy("of an appeal", "description"))
    evidence = models.ManyToManyField(Evidence, related_name="+", verbose_name=_("evidence"))
    proofs = ArrayField(models.CharField(max_length=32, choices=Proof.choices), default=list, blank=True)
    unsolved_knowingly = models.BooleanField(
        _("appealed although the problem seems unsolved"),
        default=False,
        help_text=_("The portal said that the complaint was still open; the merchant went on all the same."),
    )
    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("submitted by"), max_length=200)
    asked_at = models.DateTimeField(pgettext_lazy("an appeal", "asked at"), null=True, blank=True)
    asked_reason_code = models.CharField(_("reason for asking"), max_length=32, blank=True)
    asked_for = models.TextField(_("asked for"), blank=True)
    supplement_by = models.DateTimeField(_("supplement by"), null=True, blank=True)
    supplement = models.TextField(_("supplement"), blank=True)
    supplement_evidence = models.ManyToManyField(Evidence, related_name="+", blank=True)
    supplemented_at = models.DateTimeField(_("supplemented at"), null=True, blank=True)

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        permissions = [("decide_appeal", _("Can review appeals: claim, ask, decide, correct"))]
        constraints = [
            models.UniqueConstraint(
                fields=["penalty"], condition=Q(status__in=OPEN), name="one_open_appeal_per_penalty"
            ),
            models.UniqueConstraint(fields=["penalty", "attempt"], name="attempts_are_numbered"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="appeal_status_known"),
            models.CheckConstraint(
                condition=~Q(status__in=["approved", "rejected"])
                | (Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(reason_code="") & ~Q(message="")),
                name="a_decision_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~Q(status="more_wanted")
                | (Q(asked_at__isnull=False) & ~Q(asked_reason_code="") & ~Q(asked_for="")),
                name="what_is_asked_for_is_said",
            ),
        ]
        indexes = [
            models.Index(fields=["review_by", "id"], name="appeal_queue", condition=Q(status=Status.SUBMITTED)),
            models.Index(fields=["merchant", "-submitted_at", "-id"], name="appeal_by_merchant"),
            models.Index(fields=["merchant", "status", "-submitted_at", "-id"], name="appeal_by_status"),
            models.Index(fields=["-decided_at"], name="appeal_by_decision", condition=Q(decided_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.penalty} · {self.attempt}"


class AppealDraft(models.Model):
    """What a member has written so far. It goes when the appeal is submitted."""

    penalty = models.ForeignKey(Penalty, models.CASCADE, related_name="+", verbose_name=_("penalty"))
    user = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("user"))
    description = models.TextField(pgettext_lazy("of an appeal", "description"), blank=True)
    evidence = models.ManyToManyField(Evidence, related_name="+", blank=True)
    proofs = ArrayField(models.CharField(max_length=32, choices=Proof.choices), default=list, blank=True)
    saved_at = models.DateTimeField(_("saved at"))

    class Meta:
        verbose_name = _("draft of an appeal")
        verbose_name_plural = _("drafts of appeals")
        constraints = [models.UniqueConstraint(fields=["penalty", "user"], name="one_draft_per_penalty_and_member")]

    def __str__(self) -> str:
        return f"{self.penalty} · {self.user}"


class ReplyTemplate(ReplyText):
    """A text that staff start from when they answer about an appeal, in both languages."""

    class Verb(models.TextChoices):
        APPROVE = "approve", _("approve")
        REJECT = "reject", _("reject")
        ASK = "ask", _("ask for more evidence")

    verb = models.CharField(_("decision"), max_length=16, choices=Verb.choices)
    reason_code = models.CharField(_("reason"), max_length=32, choices=Reason.choices)

    class Meta:
        verbose_name = _("reply template")
        verbose_name_plural = _("reply templates")
        constraints = [models.UniqueConstraint(fields=["verb", "reason_code"], name="one_template_per_reason")]

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.get_reason_code_display()}"
