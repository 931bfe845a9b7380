"""No-refund claims, pending refunds, refunds, and the guarantee fund with its double-entry ledger.

Money is yuan to the cent. What the ledger holds is only ever added; the database refuses anything else.
"""

from decimal import Decimal

import pgtrigger
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from complaints.models import Complaint, Handling
from deadlines.reviewing import ReplyText, Reviewed
from evidence.models import Evidence
from merchants.models import Merchant, MiniProgram, User
from refunds.failures import why_failed
from refunds.reasons import Reason
from refunds.states import CaseStatus, ClaimStatus, RefundStatus, TopUpStatus

CENT = Decimal("0.01")
ABOVE_ZERO = [MinValueValidator(CENT)]


class Yuan(models.DecimalField):  # type: ignore[type-arg]  # nothing is generic about an amount
    """An amount in yuan, to the cent."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **{"max_digits": 14, "decimal_places": 2, **options})  # type: ignore[arg-type]


class ByWhom(models.Model):
    """Who asked for it: the kind of actor, their row, and the name that stays readable."""

    actor_kind = models.CharField(max_length=16)
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(_("by"), max_length=200)

    class Meta:
        abstract = True


class RefundCase(models.Model):
    """A refund that staff ruled due. Its clock is a `refund` deadline; a refusal that is overruled begins a new round.

    `amount` is what was ruled due. How much of it is paid is the sum of its refunds, and never stands here.
    """

    case_no = models.CharField(_("case number"), max_length=32, unique=True)
    complaint = models.OneToOneField(Complaint, models.PROTECT, related_name="refund_case", verbose_name=_("complaint"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    mini_program = models.ForeignKey(
        MiniProgram, models.PROTECT, related_name="+", db_index=False, verbose_name=_("mini program")
    )
    amount = Yuan(_("amount due"), validators=ABOVE_ZERO)
    status = models.CharField(_("status"), max_length=16, choices=CaseStatus.choices, default=CaseStatus.DUE)
    round = models.PositiveSmallIntegerField(_("round"), default=1)
    points = models.PositiveSmallIntegerField(_("points at stake"))
    opened_at = models.DateTimeField(_("opened at"))
    refund_by = models.DateTimeField(_("refund by"))
    stopped_at = models.DateTimeField(
        _("clock stopped at"),
        null=True,
        blank=True,
        help_text=_("While a refund of all that is due is being processed, the clock stands still."),
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("pending refund")
        verbose_name_plural = _("pending refunds")
        constraints = [
            models.CheckConstraint(condition=Q(status__in=CaseStatus.values), name="refund_case_status_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="what_is_due_is_above_zero"),
            models.CheckConstraint(condition=Q(refund_by__gt=F("opened_at")), name="refund_by_after_opened_at"),
        ]
        indexes = [
            models.Index(fields=["merchant", "refund_by", "id"], name="refund_case_due", condition=Q(status="due")),
            models.Index(fields=["merchant", "status", "-opened_at", "-id"], name="refund_case_by_status"),
            models.Index(fields=["merchant", "-opened_at", "-id"], name="refund_case_by_opening"),
            models.Index(fields=["refund_by", "id"], name="refund_case_due_for_staff", condition=Q(status="due")),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.case_no


class NoRefundClaim(Reviewed, ByWhom):
    """A merchant's word and proof that no refund is due: about a handling, or about the refusal of a pending refund.

    Staff rule on it: no refund due (`accepted`), or a refund due (`overruled`).
    """

    complaint = models.ForeignKey(
        Complaint, models.PROTECT, related_name="no_refund_claims", verbose_name=_("complaint")
    )
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    mini_program = models.ForeignKey(
        MiniProgram, models.PROTECT, related_name="+", db_index=False, verbose_name=_("mini program")
    )
    handling = models.ForeignKey(
        Handling, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("handling")
    )
    refund_case = models.ForeignKey(
        RefundCase,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="refusals",
        verbose_name=_("refused pending refund"),
    )
    status = models.CharField(_("status"), max_length=16, choices=ClaimStatus.choices, default=ClaimStatus.SUBMITTED)
    text = models.TextField(_("why no refund is due"))
    evidence = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("evidence"))
    contested = models.TextField(
        _("what the consumer said against it"), blank=True, help_text=_("Empty unless the consumer contested.")
    )

    class Meta:
        verbose_name = _("no-refund claim")
        verbose_name_plural = _("no-refund claims")
        permissions = [("decide_norefundclaim", _("Can rule on no-refund claims: claim, rule, correct"))]
        constraints = [
            models.UniqueConstraint(
                fields=["complaint"], condition=Q(status=ClaimStatus.SUBMITTED), name="one_open_claim_per_complaint"
            ),
            models.CheckConstraint(
                condition=Q(handling__isnull=False, refund_case=None) | Q(handling=None, refund_case__isnull=False),
                name="a_claim_is_about_one_thing",
            ),
            models.CheckConstraint(condition=Q(status__in=ClaimStatus.values), name="claim_status_known"),
            models.CheckConstraint(
                condition=~Q(status__in=["accepted", "overruled"])
                | (Q(decided_at__isnull=False, decided_by__isnull=False) & ~Q(reason_code="") & ~Q(message="")),
                name="a_ruling_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["review_by", "id"], name="claim_queue", condition=Q(status=ClaimStatus.SUBMITTED)),
            models.Index(fields=["-decided_at"], name="claim_by_ruling", condition=Q(decided_at__isnull=False)),
            models.Index(fields=["merchant", "-submitted_at", "-id"], name="claim_by_merchant"),
        ]

    def __str__(self) -> str:
        return f"{self.complaint} · {self.pk}"

    @property
    def ruling(self) -> str:
        """What staff ruled, or nothing yet."""
        return self.status if self.status in (ClaimStatus.ACCEPTED, ClaimStatus.OVERRULED) else ""

    @property
    def is_contested(self) -> bool:
        """Whether the consumer contested a handling that refunded or that staff had not looked at."""
        return bool(self.contested)


class RefundedTrade(models.Model):
    """How much of a trade is refunded, or promised by a refund that is being processed. Never more than it cost.

    The row is the lock of all refunds of a trade, and the database holds its bound.
    """

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", verbose_name=_("merchant"))
    trade_no = models.CharField(_("trade number"), max_length=64)
    trade_amount = Yuan(_("trade amount"))
    refunded = Yuan(_("refunded or promised"), default=Decimal(0))

    class Meta:
        verbose_name = _("refunded trade")
        verbose_name_plural = _("refunded trades")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "trade_no"], name="one_row_per_trade"),
            models.CheckConstraint(
                condition=Q(refunded__gte=0, refunded__lte=F("trade_amount")), name="never_refunded_above_the_trade"
            ),
        ]
        indexes = [models.Index(fields=["trade_no"], name="trade_by_number", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return self.trade_no


class Channel(models.TextChoices):
    """How a refund reaches the consumer."""

    FUND = "fund", _("from the guarantee fund")
    API = "api", _("through the trade refund API")
    ELSEWHERE = "elsewhere", _("refunded elsewhere")


class Refund(ByWhom):
    """One refund to a consumer. `refund_no` is its number at the payment system; the same number moves money once.

    `request_key` is what the door sends to name one wish: sent twice, it is the same refund.
    """

    refund_no = models.CharField(_("refund number"), max_length=64)
    request_key = models.CharField(max_length=64)
    refund_case = models.ForeignKey(
        RefundCase, models.PROTECT, null=True, blank=True, related_name="refunds", verbose_name=_("pending refund")
    )
    complaint = models.ForeignKey(Complaint, models.PROTECT, related_name="refunds", verbose_name=_("complaint"))
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_index=False, verbose_name=_("merchant"))
    trade = models.ForeignKey(RefundedTrade, models.PROTECT, related_name="refunds", verbose_name=_("trade"))
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    gateway = models.CharField(_("gateway"), max_length=32, blank=True)
    amount = Yuan(_("amount"), validators=ABOVE_ZERO)
    status = models.CharField(_("status"), max_length=16, choices=RefundStatus.choices)
    requested_at = models.DateTimeField(_("requested at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ask_at = models.DateTimeField(_("to be asked about at"), null=True, blank=True)
    asked = models.PositiveSmallIntegerField(_("asked so often"), default=0)
    reference = models.CharField(_("the payment system's number"), max_length=128, blank=True)
    failure_code = models.CharField(_("code of the failure"), max_length=64, blank=True)
    failure = models.TextField(_("why it failed"), blank=True)
    is_verified = models.BooleanField(
        _("confirmed by the payment system"), default=False, help_text=_("Else it stands on the merchant's word.")
    )
    evidence = models.ManyToManyField(Evidence, related_name="+", blank=True, verbose_name=_("evidence"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "request_key"], name="one_refund_per_request"),
            models.UniqueConstraint(
                fields=["trade", "refund_no"], condition=~Q(status="failed"), name="one_refund_per_number"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_refund_is_above_zero"),
            models.CheckConstraint(condition=Q(status__in=RefundStatus.values), name="refund_status_known"),
            models.CheckConstraint(
                condition=Q(status="processing", ended_at=None, ask_at__isnull=False)
                | (~Q(status="processing") & Q(ended_at__isnull=False, ask_at=None)),
                name="what_is_processing_is_asked_about",
            ),
        ]
        indexes = [
            models.Index(fields=["ask_at", "id"], name="refund_to_ask_about", condition=Q(status="processing")),
            models.Index(fields=["requested_at"], name="refund_in_doubt", condition=Q(status="processing")),
            models.Index(fields=["merchant", "-requested_at", "-id"], name="refund_by_merchant"),
            models.Index(fields=["refund_no"], name="refund_by_number", opclasses=["varchar_pattern_ops"]),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.refund_no

    @property
    def why_failed(self) -> str | Promise:
        """Why it failed or came back, in the reader's language where the code is known."""
        return why_failed(self.failure_code, self.failure)


class GuaranteeAccount(models.Model):
    """A merchant's place in the guarantee plan. What it holds is the sum of its entries; the row is their lock."""

    merchant = models.OneToOneField(
        Merchant, models.PROTECT, related_name="guarantee_account", verbose_name=_("merchant")
    )
    enrolled_at = models.DateTimeField(_("enrolled at"))
    enrolled_by = models.CharField(_("enrolled by"), max_length=200)

    class Meta:
        verbose_name = _("guarantee account")
        verbose_name_plural = _("guarantee accounts")
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return str(self.merchant)


class TopUp(ByWhom):
    """Money that a merchant puts into the deposit: a bank transfer that staff record, or paid online.

    Above an amount in the policy a bank transfer waits for a second person.
    """

    class Channel(models.TextChoices):
        BANK_TRANSFER = "bank_transfer", _("bank transfer")
        ONLINE = "online", _("online payment")

    number = models.CharField(_("number"), max_length=32, unique=True)
    account = models.ForeignKey(GuaranteeAccount, models.PROTECT, related_name="top_ups", verbose_name=_("account"))
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    amount = Yuan(_("amount"), validators=ABOVE_ZERO)
    bank_reference = models.CharField(_("reference of the bank transfer"), max_length=64, blank=True)
    status = models.CharField(_("status"), max_length=16, choices=TopUpStatus.choices, default=TopUpStatus.PENDING)
    requested_at = models.DateTimeField(_("recorded at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    ask_at = models.DateTimeField(_("to be asked about at"), null=True, blank=True)
    asked = models.PositiveSmallIntegerField(_("asked so often"), default=0)
    reference = models.CharField(_("the payment system's number"), max_length=128, blank=True)
    decided_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("second person")
    )
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        permissions = [
            (
                "approve_topup",
                _("Can approve top-ups of another person, reverse top-ups and refunds, and ask about refunds"),
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["bank_reference"],
                condition=~Q(bank_reference="") & ~Q(status__in=["declined", "reversed"]),
                name="one_top_up_per_bank_transfer",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_top_up_is_above_zero"),
            models.CheckConstraint(condition=Q(status__in=TopUpStatus.values), name="top_up_status_known"),
        ]
        indexes = [
            models.Index(fields=["account", "-requested_at", "-id"], name="top_up_by_account"),
            models.Index(fields=["ask_at", "id"], name="top_up_to_ask_about", condition=Q(ask_at__isnull=False)),
            models.Index(fields=["requested_at", "id"], name="top_up_waiting", condition=Q(status="pending")),
        ]
        triggers = [pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.number


class FundTransfer(ByWhom):
    """One movement in the fund: entries that add up to zero. A mistake is reversed, never changed."""

    class Kind(models.TextChoices):
        TOP_UP = "top_up", _("top-up")
        BONUS = "bonus", _("bonus on a top-up")
        REFUND = "refund", _("refund")
        REVERSAL = "reversal", _("reversal")

    account = models.ForeignKey(GuaranteeAccount, models.PROTECT, related_name="transfers", verbose_name=_("account"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    top_up = models.ForeignKey(
        TopUp, models.PROTECT, null=True, blank=True, related_name="transfers", verbose_name=_("top-up")
    )
    refund = models.ForeignKey(
        Refund, models.PROTECT, null=True, blank=True, related_name="transfers", verbose_name=_("refund")
    )
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversal", verbose_name=_("reverses")
    )
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("fund transfer")
        verbose_name_plural = _("fund transfers")
        constraints = [
            models.UniqueConstraint(fields=["top_up"], condition=Q(kind="top_up"), name="one_transfer_per_top_up"),
            models.UniqueConstraint(fields=["top_up"], condition=Q(kind="bonus"), name="one_bonus_per_top_up"),
            models.UniqueConstraint(fields=["refund"], condition=Q(kind="refund"), name="one_transfer_per_refund"),
            models.CheckConstraint(
                condition=Q(kind__in=["top_up", "bonus"], top_up__isnull=False, refund=None, reverses=None)
                | Q(kind="refund", refund__isnull=False, top_up=None, reverses=None)
                | Q(kind="reversal", reverses__isnull=False),
                name="a_transfer_says_what_it_is_for",
            ),
        ]
        indexes = [models.Index(fields=["account", "-at", "-id"], name="transfer_by_account")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"


class Book(models.TextChoices):
    """Where money stands. The first two are the merchant's; each entry has a counterpart in one of the others."""

    DEPOSIT = "deposit", _("deposit")
    BONUS = "bonus", _("bonus")
    CASH = "cash", _("received from the merchant")
    SUBSIDY = "subsidy", _("granted by the platform")
    CONSUMERS = "consumers", _("paid to consumers")


OWN = (Book.DEPOSIT, Book.BONUS)
"""What a merchant's account holds."""

BALANCED = """
    IF (SELECT sum(amount) <> 0 OR count(DISTINCT account_id) <> 1 FROM refunds_fundentry
        WHERE transfer_id = NEW.transfer_id)
    OR NEW.account_id <> (SELECT account_id FROM refunds_fundtransfer WHERE id = NEW.transfer_id)
    THEN
        RAISE EXCEPTION 'fund transfer % does not balance', NEW.transfer_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""

NOT_OVERDRAWN = """
    IF NEW.amount < 0 AND NEW.book IN ('deposit', 'bonus') AND
        (SELECT sum(amount) < 0 FROM refunds_fundentry WHERE account_id = NEW.account_id AND book = NEW.book)
    THEN
        RAISE EXCEPTION 'the % of account % is overdrawn', NEW.book, NEW.account_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


class FundEntry(models.Model):
    """One side of a transfer: so much more, or less, in one book of an account."""

    transfer = models.ForeignKey(FundTransfer, models.PROTECT, related_name="entries", verbose_name=_("transfer"))
    account = models.ForeignKey(
        GuaranteeAccount, models.PROTECT, related_name="entries", db_index=False, verbose_name=_("account")
    )
    book = models.CharField(_("book"), max_length=16, choices=Book.choices)
    amount = Yuan(_("amount"))

    class Meta:
        verbose_name = _("fund entry")
        verbose_name_plural = _("fund entries")
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="an_entry_moves_something"),
            models.CheckConstraint(condition=Q(book__in=Book.values), name="book_known"),
            models.UniqueConstraint(fields=["transfer", "book"], name="one_entry_per_book_of_a_transfer"),
        ]
        indexes = [models.Index(fields=["account", "book"], include=["amount"], name="fund_balance")]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="balanced",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=BALANCED,
            ),
            pgtrigger.Trigger(
                name="not_overdrawn",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                func=NOT_OVERDRAWN,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_book_display()} {self.amount}"


class RulingTemplate(ReplyText):
    """A text that staff start from when they rule on a no-refund claim, in both languages."""

    class Verb(models.TextChoices):
        ACCEPT = "accept", _("no refund due")
        OVERRULE = "overrule", _("refund due")

    verb = models.CharField(_("decision"), max_length=16, choices=Verb.choices)
    reason_code = models.CharField(_("reason"), max_length=32, choices=Reason.choices)

    class Meta:
        verbose_name = _("ruling template")
        verbose_name_plural = _("ruling templates")
        constraints = [models.UniqueConstraint(fields=["verb", "reason_code"], name="one_ruling_template_per_reason")]

    def __str__(self) -> str:
        return f"{self.get_verb_display()}: {self.get_reason_code_display()}"
