"""What every view of the API stands on."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from http import HTTPMethod
from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils import json
from rest_framework.views import APIView

from common.actors import Actor, ActorKind
from common.bodies import MEGABYTE, JsonParser, JsonRenderer, take_body
from common.errors import NotAllowed, Sentence
from common.keyset import Page, Segment, keyset_page
from common.openapi import PortalSchema
from common.validating import validated
from merchants.idempotency import HEADER, REPLAYED, Answer, answer_once, fingerprint, read_key
from merchants.listing import Row, page_address
from merchants.models import Grant

Handler = Callable[..., Response]

KEPT_HEADERS = ("Location",)

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    location=OpenApiParameter.HEADER,
    description=_(
        "1 to 255 visible ASCII characters, new for each request, such as a UUID. Within 24 hours the same key with "
        "the same request takes effect once: the first answer comes again, with “Idempotent-Replayed: true”. With "
        "another request it is refused with 422; while the first request is under way, with 409 and “Retry-After”. "
        "A refusal does not use the key up: the mended request may carry it again."
    ),
)


class ApiSchema(PortalSchema):
    """Adds the idempotency key to every POST."""

    def get_override_parameters(self) -> list[Any]:
        common = [IDEMPOTENCY_KEY] if self.method == HTTPMethod.POST else []
        return [*super().get_override_parameters(), *common]


class ApiView(APIView):
    """A view of the API: who asks is a key, `now` is when the request arrived, and every POST is one transaction.

    A subclass that defines `post` gets the idempotency key with it. A body above `body_limit` bytes is refused; a view
    that sets it to None reads its body itself, as a stream, and takes care of its own transactions.
    """

    schema = ApiSchema()
    parser_classes = [JsonParser]
    body_limit: int | None = MEGABYTE
    sight: ClassVar[Grant] = Grant.VIEW
    """The grant without which a merchant's key may not look."""
    blind: ClassVar[Sentence] = _("This key may not look at this.")
    """What a merchant's key without it is told."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "post" in vars(cls) and cls.body_limit is not None:
            cls.post = _once(cls.post)  # type: ignore[attr-defined]  # only subclasses have it

    @property
    def actor(self) -> Actor:
        """Who asks: a platform's own systems, or one merchant's program."""
        actor: Actor = self.request.user.actor  # type: ignore[union-attr]  # a KeyUser: nothing else signs in here
        return actor

    @property
    def now(self) -> datetime:
        """When the request arrived."""
        now: datetime = self.request.now  # type: ignore[attr-defined]  # set by the middleware
        return now

    def require_sight(self) -> None:
        """Refuse a merchant's key that may not look at all."""
        if self.actor.kind == ActorKind.MERCHANT and self.sight not in self.actor.grants:
            raise NotAllowed(self.blind)

    def read(self, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return what was sent, validated."""
        return validated(serializer_class, self.request.data)

    def wanted(self, serializer_class: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """Return what the query parameters ask for, validated."""
        return validated(serializer_class, self.request.query_params)

    def page(
        self,
        segments: Sequence[Segment[Row]],
        wanted: dict[str, Any],
        documents: Callable[[list[Row]], list[dict[str, Any]]],
    ) -> Response:
        """Return the page of a list that is wanted, as documents of its rows, with the way to its neighbours."""
        return self.answer(keyset_page(segments, cursor=wanted["cursor"], size=wanted["page_size"]), documents)

    def answer(self, page: Page[Row], documents: Callable[[list[Row]], list[dict[str, Any]]]) -> Response:
        """Return a page that was looked up already, as documents of its rows, with the way to its neighbours."""
        return Response(
            {
                "results": documents(page.rows),
                "next": page_address(self.request, page.next),
                "previous": page_address(self.request, page.previous),
            }
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.body_limit is not None and request.method == HTTPMethod.POST:
            take_body(request._request, limit=self.body_limit)  # noqa: SLF001 (there is no other way to it)


def _once(post: Handler) -> Handler:
    """Run a POST in one transaction, once for each idempotency key."""

    @wraps(post)
    def answered(view: ApiView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = read_key(request.headers.get(HEADER))
        if key is None:
            with transaction.atomic():
                return post(view, request, *args, **kwargs)
        body: bytes = request._request.body  # noqa: SLF001 (there is no other way to it)
        answer = answer_once(
            lambda: _answer(post(view, request, *args, **kwargs)),
            key=key,
            fingerprint=fingerprint(HTTPMethod.POST, request.get_full_path(), body),
            api_key_id=request.auth.pk,
            now=view.now,
        )
        headers = answer.headers | ({REPLAYED: "true"} if answer.is_replay else {})
        return Response(answer.content, status=answer.status, headers=headers)

    return answered


def _answer(response: Response) -> Answer:
    """Return a response as it is kept: the content as JSON has it."""
    content = json.loads(JsonRenderer().render(response.data).decode())
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return Answer(response.status_code, content, headers)
