"""Which evidence an actor sees."""

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from common.actors import Actor, ActorKind
from common.errors import BadInput
from evidence.models import Evidence
from merchants.models import Grant


def visible_to(actor: Actor) -> QuerySet[Evidence]:
    """Return the evidence that exists for this actor; what belongs to another merchant or platform does not.

    A consumer sees here what they sent themselves; what a case shows them besides is for their page to say.
    """
    evidence = Evidence.objects.all()
    match actor.kind:
        case ActorKind.MEMBER | ActorKind.MERCHANT if actor.merchant_id and Grant.VIEW in actor.grants:
            return evidence.filter(merchant_id=actor.own_merchant_id)
        case ActorKind.PLATFORM if actor.platform_id:
            return evidence.filter(platform_id=actor.own_platform_id)
        case ActorKind.CONSUMER if actor.case:
            return evidence.filter(platform_id=actor.own_platform_id, sent_through=actor.case)
        case ActorKind.STAFF:
            return evidence
        case _:
            return evidence.none()


def by_tokens(actor: Actor, tokens: Sequence[str]) -> list[Evidence]:
    """Return the evidence that these tokens name, in the order asked, each once.

    Refuses with `BadInput` a token that names nothing, and one of another merchant, with the same sentence.
    """
    possible = [token for token in tokens if token.isascii() and token.isalnum()]  # the database takes no NUL
    found = {evidence.token: evidence for evidence in visible_to(actor).filter(token__in=possible)}
    if not found.keys() >= set(tokens):
        raise BadInput(
            _("A picture that was sent earlier is no longer there. Send it again."),
            field="pictures",
            code="picture_unknown",
        )
    return [found[token] for token in dict.fromkeys(tokens)]
