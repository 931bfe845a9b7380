"""What consumers type: a message, why it is not solved, why they withdraw, a question, a complaint."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from common.actors import Actor
from complaints.consultations.services import TEXT_LIMIT
from complaints.consumer.links import Case
from complaints.consumer.public import Teller, Visitor, upstream_id_of
from complaints.forms import ProseField, YuanField
from complaints.intake import Filing
from complaints.methods import NOTE_LIMIT
from complaints.models import Consultation
from complaints.services import MESSAGE_LIMIT
from evidence.forms import BoundPictures, KeepsPictures, KeptPicture, PicturesField
from merchants.contacts import is_phone
from merchants.models import MiniProgram

DISPUTE_TYPES = (
    ("未收到货", _("I did not get what I paid for")),
    ("商品与描述不符", _("It is not what was described")),
    ("质量问题", _("It is broken or bad")),
    ("退款未到账", _("A promised refund did not arrive")),
    ("售后无人处理", _("Nobody at the shop answers")),
    ("费用争议", _("I was charged wrongly")),
    ("其他", _("Something else")),
)
"""What is kept is the Chinese name, in whichever language it was chosen: merchants count complaints by it."""

DEMANDS = (
    ("退款", _("My money back")),
    ("退货退款", _("Send it back and get my money back")),
    ("换货或补发", _("Another one, or what is missing")),
    ("维修", _("Have it mended")),
    ("说明或道歉", _("An explanation or an apology")),
    ("其他", _("Something else")),
)

Address = Callable[[str], str]


class ConsumersBoundPictures(BoundPictures):
    """Kept pictures with the address that their own page serves them at."""

    field: "ConsumersPicturesField"

    @property
    def kept(self) -> list[KeptPicture]:
        return [KeptPicture(id=each.id, url=self.field.address(each.id), alt=each.alt) for each in super().kept]


class ConsumersPicturesField(PicturesField):
    """Pictures of somebody without an account: they see them again under the link of their page."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.address: Address = lambda token: reverse("evidence:show", args=[token])

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> ConsumersBoundPictures:
        return ConsumersBoundPictures(form, self, field_name)


class ConsumersForm(KeepsPictures, forms.Form):
    """A form of a consumer's page: what it keeps belongs to the case, and comes from the consumer of that case."""

    def __init__(
        self,
        *args: Any,
        program: MiniProgram,
        actor: Actor,
        now: datetime,
        address: Address,
        **options: Any,
    ) -> None:
        whose = {"platform_id": program.platform_id, "merchant_id": program.merchant_id}
        super().__init__(*args, actor=actor, now=now, **whose, **options)
        for each in self.fields.values():
            if isinstance(each, ConsumersPicturesField):
                each.address = address


class SayForm(ConsumersForm):
    """A message to the shop, with pictures or of pictures alone."""

    text = ProseField(
        label=_("Message"), max_length=MESSAGE_LIMIT, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    pictures = ConsumersPicturesField(required=False)


class ContestForm(ConsumersForm):
    """What is not solved, and what proves it."""

    text = ProseField(
        label=_("What is not solved?"),
        help_text=_("For example: the money has not arrived, or it was less than agreed."),
        max_length=NOTE_LIMIT,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    pictures = ConsumersPicturesField(
        required=False, help_text=_("Pictures that prove it, such as your payment record.")
    )


class WithdrawForm(forms.Form):
    """Why a complaint is withdrawn, as far as the consumer says."""

    text = ProseField(
        label=_("Why do you withdraw it?"),
        help_text=_("You may leave this empty. The shop and the platform read it."),
        max_length=NOTE_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class WhatHappened(forms.Form):
    """What a complaint needs beside its words."""

    trade_no = forms.CharField(
        label=_("Trade number"),
        help_text=_("You find it in the record of your payment."),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text", "spellcheck": "false"}),
    )
    trade_amount = YuanField(
        label=_("How much did you pay, in yuan?"),
        min_value=Decimal("0.01"),
    )
    dispute_type = forms.ChoiceField(label=_("What is wrong?"), choices=[("", _("Choose one")), *DISPUTE_TYPES])
    demand = forms.ChoiceField(label=_("What do you want?"), choices=[("", _("Choose one")), *DEMANDS])

    def clean_trade_no(self) -> str:
        """Numbers are pasted with blanks around and inside them; they have none."""
        return "".join(str(self.cleaned_data["trade_no"]).split())


class ComplainForm(WhatHappened):
    """What turns a question into a complaint. What was asked stands in the field to begin with."""

    text = ProseField(label=_("What happened?"), max_length=TEXT_LIMIT, widget=forms.Textarea(attrs={"rows": 6}))
    field_order = ("text", "dispute_type", "demand", "trade_no", "trade_amount")

    def filing(self, consultation: Consultation) -> Filing:
        """Return the complaint; who complains is who asked."""
        given = self.cleaned_data
        return Filing(
            app_id=consultation.mini_program.app_id,
            trade_no=given["trade_no"],
            trade_amount=given["trade_amount"],
            dispute_type=given["dispute_type"],
            demand=given["demand"],
            description=given["text"],
            consumer_reference=consultation.consumer_reference,
            consumer_name=consultation.consumer_name,
            consumer_phone=consultation.consumer_phone,
        )


class PublicForm(ConsumersForm):
    """What anybody may send: who they are as far as they say, and a field that only machines fill in."""

    visitor = forms.CharField(widget=forms.HiddenInput)
    website = forms.CharField(
        label=_("Leave this field empty"),
        required=False,
        widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}),
    )
    name = forms.CharField(
        label=_("Your name"),
        help_text=_("You may leave this empty."),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    phone = forms.CharField(
        label=_("Your phone"),
        help_text=_("You may leave this empty. With it the shop can call you."),
        max_length=32,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    pictures = ConsumersPicturesField(required=False)

    def clean_phone(self) -> str:
        phone = str(self.cleaned_data["phone"])
        if phone and not is_phone(phone):
            raise forms.ValidationError(_("This is no phone number. Write it as 138 0000 1234, or leave it empty."))
        return phone

    @property
    def is_of_a_machine(self) -> bool:
        """Whether the field was filled in that no person sees."""
        return bool(self.data.get(self.add_prefix("website"), ""))

    @property
    def teller(self) -> Teller:
        return Teller(name=self.cleaned_data["name"], phone=self.cleaned_data["phone"])


class AskForm(PublicForm):
    """A question to the shop."""

    text = ProseField(
        label=_("What do you want to ask?"), max_length=TEXT_LIMIT, widget=forms.Textarea(attrs={"rows": 5})
    )
    trade_no = forms.CharField(
        label=_("Trade number"),
        help_text=_("If it is about something that you paid for. You find it in the record of your payment."),
        max_length=64,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ("text", "pictures", "trade_no", "name", "phone", "website", "visitor")

    def clean_trade_no(self) -> str:
        return "".join(str(self.cleaned_data["trade_no"]).split())


class FileForm(WhatHappened, PublicForm):
    """A complaint about the shop."""

    text = ProseField(label=_("What happened?"), max_length=TEXT_LIMIT, widget=forms.Textarea(attrs={"rows": 6}))
    field_order = (
        "text",
        "pictures",
        "dispute_type",
        "demand",
        "trade_no",
        "trade_amount",
        "name",
        "phone",
        "website",
        "visitor",
    )

    def filing(self, program: MiniProgram, visitor: Visitor) -> Filing:
        """Return the complaint, numbered so that this very form files it once."""
        given = self.cleaned_data
        return Filing(
            app_id=program.app_id,
            trade_no=given["trade_no"],
            trade_amount=given["trade_amount"],
            dispute_type=given["dispute_type"],
            demand=given["demand"],
            description=given["text"],
            consumer_name=given["name"],
            consumer_phone=given["phone"],
            upstream_id=upstream_id_of(visitor),
        )


def picture_address(token: str) -> Address:
    """Return where the page of a link serves a picture."""
    return lambda picture: reverse("consumer:picture", args=[token, picture])


def whose(case: Case) -> dict[str, Any]:
    """Return for whom a form of a case's page keeps its pictures."""
    return {"program": case.mini_program}
