"""The style page: every component of the design system on one page, with sample content; served in development only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.undo import offer_undo


@dataclass(frozen=True)
class SamplePicture:
    """Stands for a piece of evidence."""

    id: int
    url: str
    alt: str


@dataclass(frozen=True)
class SampleLine:
    """Stands for a clock of a strip, which is made on a floor above this one."""

    kind: str
    words: str
    due_at: datetime
    stopped_at: datetime | None = None
    remark: str = ""
    points: str = ""
    is_lost: bool = False
    provisional: bool = False


class SampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(label=_("Name"), help_text=_("As it stands on the business licence."))
    phone = forms.CharField(label=_("Phone"), required=False)
    amount = forms.DecimalField(label=_("Amount in yuan"), max_digits=12, decimal_places=2)
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[("mini", _("Mini program")), ("life", _("Life account"))],
    )
    when = forms.DateField(label=_("Date"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("zh-hans", "中文"), ("en", "English")],
        widget=forms.RadioSelect,
    )
    text = forms.CharField(label=_("Explanation"), widget=forms.Textarea(attrs={"rows": 3}))
    agreed = forms.BooleanField(label=_("I have read the rules."))


def style_page(request: HttpRequest) -> HttpResponse:
    """Show every component in every state, so that a change of the look can be judged at one glance."""
    return render(request, "style.html", sample_content(request, timezone.now()))


def sample_content(request: HttpRequest, now: datetime) -> Mapping[str, Any]:
    """Clocks near `now`, a form with errors, pictures, messages."""
    for level in (messages.SUCCESS, messages.INFO, messages.WARNING, messages.ERROR):
        messages.add_message(request, level, _("The complaint was handled; its clock has stopped."))
    offer_undo(request, "已分配给陈立。", request.path, {})
    hours = {"calm": 76, "soon": 20, "urgent": 5, "missed": -30}
    return {
        "now": now,
        "clocks": [now + timedelta(hours=number, minutes=20) for number in hours.values()],
        "clock_lines": [
            SampleLine("handle", "处理", now + timedelta(hours=5), points="将扣 1 分"),
            SampleLine("appeal", "申诉", now + timedelta(hours=76), provisional=True),
            SampleLine("refund", "退款", now - timedelta(hours=30), points="已扣 1 分", is_lost=True),
            SampleLine("finish", "完结", now + timedelta(hours=80), stopped_at=now - timedelta(hours=2)),
        ],
        "onlookers": [{"name": "陈立", "writes": ""}, {"name": "Lin Yue", "writes": "message"}],
        "handled_by": now + timedelta(hours=8),
        "handled_at": now - timedelta(hours=2),
        "late_by": now - timedelta(hours=8),
        "amounts": [
            Decimal("1234.50"),
            Decimal("88.00"),
            Decimal("-12.34"),
            Decimal("1000000.00"),
        ],
        "form": SampleForm(),
        "broken_form": SampleForm({"name": "", "phone": "13812341234", "amount": "-1.234", "kind": "mini"}),
        "pictures": [SamplePicture(number, static("img/logo.svg"), f"Receipt {number}") for number in (1, 2, 3)],
        "tab_items": [
            {"url": "#", "label": _("Pending"), "count": 12, "current": True},
            {"url": "#", "label": _("In review"), "count": 3, "current": False},
            {"url": "#", "label": _("All"), "current": False},
        ],
        "step_items": [_("Complaint filed"), _("Handled"), _("Confirmed")],
    }
