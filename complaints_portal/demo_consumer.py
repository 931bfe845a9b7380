"""Where to look as a consumer: the public form of a mini program of the demo, and the pages of some of its cases."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from complaints.consumer.links import link_to
from complaints.models import Complaint, Consultation
from complaints.states import Status
from complaints_portal.demo_cases import FRUIT
from merchants.models import MiniProgram

SHOWN = {Status.PENDING: "waits for the shop", Status.HANDLED: "was answered", Status.IN_REVIEW: "goes to staff"}


def addresses(platform_code: str, *, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield what there is to see, and where. Links are signed as of `now`, so each start prints new ones."""
    for program in MiniProgram.objects.filter(platform__code=platform_code, app_id=FRUIT):
        where = reverse("consumer:contact", args=[platform_code, program.app_id])
        yield f"the public form of {program}", settings.PUBLIC_URL.rstrip("/") + where
    cases = Complaint.objects.filter(platform__code=platform_code, mini_program__app_id=FRUIT, is_history=False)
    for status, words in SHOWN.items():
        if complaint := cases.filter(status=status).order_by("filed_at", "pk").last():
            yield f"a consumer whose complaint {words}", link_to(complaint, now=now)
    asked = Consultation.objects.filter(platform__code=platform_code, complaint=None)
    if consultation := asked.order_by("asked_at", "pk").last():
        yield "a consumer who asked", link_to(consultation, now=now)
