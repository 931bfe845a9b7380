"""What the pages of consumers need beside the components."""

from collections.abc import Iterable

from django import template
from django.urls import reverse

from evidence.forms import KeptPicture
from evidence.models import Evidence

register = template.Library()


@register.filter
def under_link(pictures: Iterable[Evidence], token: str) -> list[KeptPicture]:
    """Pictures with the addresses that the page of a link serves them at: {{ line.pictures|under_link:token }}."""
    return [
        KeptPicture(id=each.token, url=reverse("consumer:picture", args=[token, each.token]), alt=each.name)
        for each in pictures
    ]
