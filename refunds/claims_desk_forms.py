"""The forms of the desk of no-refund claims: a ruling, with what it makes due, and the texts to start from."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from common.wording import yuan
from complaints.forms import YuanField
from complaints.reviews.forms import DecisionForm, TextForm
from refunds.claims import Ruling
from refunds.claims_desk_queries import Amounts
from refunds.models import RulingTemplate
from refunds.reasons import REASONS_OF

NO_AMOUNT = Decimal("NaN")
"""What stands for an amount that cannot be read: the verb refuses it, after it has judged everything else."""


class TemplateForm(TextForm):
    reasons = REASONS_OF

    class Meta:
        model = RulingTemplate
        fields = ("verb", "reason_code", "text_zh", "text_en")


class RulingForm(DecisionForm):
    """A ruling. It asks for the amount only where it makes one due, and about a refund only where one was named."""

    amount = YuanField(label=_("amount due in yuan"), error_messages={"required": _("Give the amount that is due.")})
    refund_not_made = forms.BooleanField(label=_("the refund was not made"), required=False)

    field_order = ("reason_code", "amount", "refund_not_made", "message")

    def __init__(
        self, verb: str, data: Any = None, *, amounts: Amounts | None, initial: Any = None, is_open: bool = False
    ) -> None:
        proposed = {"amount": amounts.proposed if amounts else None}
        super().__init__(verb, REASONS_OF, data, initial={**proposed, **(initial or {})}, is_open=is_open)
        self.fields["message"].help_text = _("The consumer reads it as well, as what the platform wrote to the shop.")
        if amounts is None:
            del self.fields["amount"]
        else:
            self.fields["amount"].help_text = _hint(amounts)
        if amounts is None or not amounts.named:
            del self.fields["refund_not_made"]
        else:
            self.fields["refund_not_made"].help_text = _(
                "The merchant named %(refunds)s. Tick this when it never reached the consumer: it counts no longer, "
                "and can be due."
            ) % {"refunds": ", ".join(f"{yuan(each.amount)} ({each.refund_no})" for each in amounts.named)}

    def given(self) -> Ruling:
        """Return what was typed, for the verb to judge."""
        amount = self.cleaned_data.get("amount", NO_AMOUNT) if "amount" in self.fields else None
        return Ruling(
            reason_code=self.typed("reason_code"),
            message=self.typed("message"),
            amount=amount,
            refund_not_made=bool(self.cleaned_data.get("refund_not_made")),
        )


def _hint(amounts: Amounts) -> Any:
    if amounts.named:
        return _("At most %(rest)s; at most %(more)s when the refund was not made.") % {
            "rest": yuan(amounts.refundable),
            "more": yuan(amounts.at_most),
        }
    return _("At most %(rest)s: so much of this trade is not refunded yet.") % {"rest": yuan(amounts.refundable)}
