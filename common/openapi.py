"""How the description of the API (OpenAPI) says what every address has in common: its refusals."""

from http import HTTPMethod
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from common.problems import CONTENT_TYPE, TITLES

REFUSALS_OF_READS = (400, 401, 403, 404, 406)
REFUSALS_OF_WRITES = (*REFUSALS_OF_READS, 409, 411, 413, 415, 422, 503)


class ProblemPlaceSerializer(serializers.Serializer[Any]):
    """One part to mend. Exactly one of `pointer`, `parameter` and `header` says where it is."""

    pointer = serializers.CharField(
        required=False, help_text=_("A JSON Pointer into the body, as the fragment of a URI: “#/consumer/phone”.")
    )
    parameter = serializers.CharField(required=False, help_text=_("The name of a query parameter."))
    header = serializers.CharField(required=False, help_text=_("The name of a header."))
    detail = serializers.CharField(help_text=_("The sentence for people, in the language that was asked for."))
    code = serializers.CharField(help_text=_("The word for programs; it does not change with the language."))


@extend_schema_serializer(
    component_name="Problem",
    examples=[
        OpenApiExample(
            "A refund above the trade's amount",
            value={
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "code": "bad_input",
                "detail": "The refund that is asked for exceeds the trade's amount.",
                "errors": [
                    {
                        "pointer": "#/requested_refund_amount",
                        "detail": "The refund that is asked for exceeds the trade's amount.",
                        "code": "bad_input",
                    }
                ],
            },
        )
    ],
)
class ProblemSerializer(serializers.Serializer[Any]):
    """Why something was refused, as RFC 9457 has it. What was refused has changed nothing."""

    type = serializers.CharField(help_text=_("Always “about:blank”: the status says what kind of problem it is."))
    title = serializers.CharField(help_text=_("What the status means."))
    status = serializers.IntegerField()
    code = serializers.CharField(help_text=_("The word for programs; it does not change with the language."))
    detail = serializers.CharField(help_text=_("The sentence for people, in the language that was asked for."))
    errors = ProblemPlaceSerializer(many=True, required=False)  # type: ignore[assignment]  # a field, not the property
    request_id = serializers.CharField(
        required=False, help_text=_("With a fault of ours: the number under which the log tells more.")
    )


class PortalSchema(AutoSchema):
    """Adds to every operation the refusals that it shares with the others."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        reference = self.resolve_serializer(ProblemSerializer, "response").ref
        is_write = self.method not in (HTTPMethod.GET, HTTPMethod.HEAD)
        for status in REFUSALS_OF_WRITES if is_write else REFUSALS_OF_READS:
            refusal = {"description": str(TITLES[status]), "content": {CONTENT_TYPE: {"schema": reference}}}
            operation["responses"].setdefault(str(status), refusal)
        return operation
