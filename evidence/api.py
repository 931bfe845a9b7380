"""Pictures for programs: the same bytes as the pages show, for whoever has a key that may see them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from common.actors import Actor
from common.errors import BadInput
from evidence.models import Evidence
from evidence.pictures import EXTENSIONS
from evidence.queries import visible_to
from evidence.services import decode_base64_pictures, keep_pictures
from evidence.views import picture_response
from merchants.api import ApiView


@extend_schema_field(OpenApiTypes.BYTE)
class Base64Field(serializers.Field[str, str, str, str]):
    """Base64, not looked at yet: the fields for text look at each of its seven million characters, one by one."""

    default_error_messages = {"invalid": _("Give the content in base64, as a string.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data

    def to_representation(self, value: str) -> str:
        return value


class SentPictureSerializer(serializers.Serializer[dict[str, str]]):
    """A picture as it is sent. How large it may be, and of which kind, is judged by its content."""

    name = serializers.CharField(max_length=255, help_text=_("The name of the file."))
    content = Base64Field(help_text=_("The file in base64, in one line, without a prefix such as “data:”."))


class PictureSerializer(serializers.Serializer[Any]):
    """A picture as it is kept: our own encoding of its pixels."""

    name = serializers.CharField()
    url = serializers.CharField(help_text=_("Where the picture is; it takes the same key."))
    content_type = serializers.ChoiceField(sorted(EXTENSIONS))
    size = serializers.IntegerField(help_text=_("In bytes."))
    width = serializers.IntegerField(help_text=_("In pixels."))
    height = serializers.IntegerField(help_text=_("In pixels."))


def keep_sent_pictures(
    pictures: Sequence[Mapping[str, str]], *, platform_id: int, merchant_id: int, actor: Actor, now: datetime
) -> list[Evidence]:
    """Keep the validated pictures of a request. Refuses as `keep_pictures` does, and names the field."""
    try:
        files = decode_base64_pictures(pictures, now=now)
        return keep_pictures(files, platform_id=platform_id, merchant_id=merchant_id, actor=actor, now=now)
    except BadInput as error:
        error.field = error.field or "pictures"
        raise


def picture_document(evidence: Evidence) -> dict[str, Any]:
    """Return what `PictureSerializer` describes."""
    return {
        "name": evidence.name,
        "url": reverse("api:evidence", args=[evidence.token]),
        "content_type": evidence.content_type,
        "size": evidence.size,
        "width": evidence.width,
        "height": evidence.height,
    }


class EvidenceView(ApiView):
    """One picture."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept: a caller that asks for pictures only would be told that there is nothing but JSON."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        operation_id="evidence_show",
        summary=_("One picture"),
        responses={(200, content_type): OpenApiTypes.BINARY for content_type in sorted(EXTENSIONS)},
        tags=["Evidence"],
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """Send the picture. For whoever may not see it, it does not exist."""
        return picture_response(request._request, get_object_or_404(visible_to(self.actor), token=token))  # noqa: SLF001
