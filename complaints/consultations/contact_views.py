"""Merchant pages about how consumers reach the merchant: the contact of each mini program."""

from http import HTTPMethod, HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from common.errors import BadInput
from complaints.consumer.contact_views import dial
from complaints.prevention import reach_of
from merchants.contacts import HOURS_LIMIT, Contact, contact_of, programs_of, set_contact
from merchants.members import administrators_of
from merchants.models import Grant, MiniProgram
from merchants.pages import MemberRequest, member_page, no_access

SHOWN = 200
"""So many mini programs stand on the page; hardly anybody has more, and a page must end."""


class ContactForm(forms.Form):
    """How consumers reach the merchant. All of it may be left out, but then they can only complain."""

    phone = forms.CharField(
        label=_("Service phone"),
        max_length=32,
        required=False,
        help_text=_("As people dial it: 0571-8888 1234, 95188, +86 …"),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    hours = forms.CharField(
        label=_("Service hours"),
        max_length=HOURS_LIMIT,
        required=False,
        help_text=_("When somebody answers, such as: every day from 9 to 21."),
    )
    url = forms.CharField(
        label=_("Online service"),
        max_length=300,
        required=False,
        help_text=_("The whole address of a page or chat where consumers can write to you."),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )


@require_safe
@member_page(Grant.VIEW)
def contact_list(request: MemberRequest) -> HttpResponse:
    """List the mini programs with how consumers reach the merchant about each; those that cannot be reached first."""
    programs = reach_of(request.merchant.pk, now=request.now, shown=SHOWN + 1)
    context: dict[str, Any] = {
        "programs": programs[:SHOWN],
        "shown": SHOWN,
        "are_more": len(programs) > SHOWN,
        "may_change": Grant.SETTINGS in request.actor.grants,
    }
    if not context["may_change"]:
        context |= {"administrators": administrators_of(request.merchant.pk), "grant": Grant.SETTINGS}
    return render(request, "consultations/contacts.html", context)


@member_page(Grant.VIEW)
def change_contact(request: MemberRequest, program_id: int) -> HttpResponse:
    """Change how consumers reach the merchant about one mini program. What is wrong is said beside what was typed."""
    if Grant.SETTINGS not in request.actor.grants:
        return no_access(request, Grant.SETTINGS)
    program = get_object_or_404(programs_of(request.merchant.pk).select_related("platform"), pk=program_id)
    contact = contact_of(program)
    initial = {"phone": contact.phone, "hours": contact.hours, "url": contact.url}
    form = ContactForm(request.POST if request.method == HTTPMethod.POST else None, initial=initial)
    if form.is_valid():
        try:
            set_contact(program.pk, Contact(**form.cleaned_data), actor=request.actor, now=request.now)
        except BadInput as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, _now("Kept. Consumers see it before they complain."))
            return redirect("settings:contacts")
    context: dict[str, Any] = {
        "program": program,
        "contact": contact,
        "dial": dial(contact.phone),
        "form": form,
        **_addresses(program),
    }
    return render(
        request,
        "consultations/contact.html",
        context,
        status=HTTPStatus.BAD_REQUEST if form.errors else HTTPStatus.OK,
    )


def _addresses(program: MiniProgram) -> dict[str, str]:
    """Return what to put into the mini program: the page and a link to it, the script, and the data behind both."""
    page, script, data = (
        settings.PUBLIC_URL.rstrip("/") + reverse(f"consumer:{name}", args=[program.platform.code, program.app_id])
        for name in ("contact", "contact_js", "contact_json")
    )
    return {
        "page_address": page,
        "data_address": data,
        "link_snippet": format_html('<a href="{}">{}</a>', page, _now("Contact us")),
        "script_snippet": format_html(
            '<div id="service"></div>\n<script src="{}" data-into="service" defer></script>', script
        ),
    }
