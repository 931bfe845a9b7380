"""Texts that staff start from, in the language of whoever they answer."""

from collections import defaultdict

from common.actors import ActorKind
from deadlines.reviewing import ReplyText
from merchants.models import User

CHINESE, ENGLISH = "zh-hans", "en"


def language_of(actor_kind: str, actor_id: int | None) -> str:
    """Return the language that whoever wrote to staff reads; Chinese unless they chose another."""
    if actor_kind == ActorKind.MEMBER and actor_id is not None:
        chosen = User.objects.filter(pk=actor_id).values_list("language", flat=True).first()
        return chosen or CHINESE
    return CHINESE


def texts_in(language: str, model: type[ReplyText]) -> dict[str, dict[str, str]]:
    """Return the texts in this language, by verb and reason."""
    text = "text_en" if language.startswith(ENGLISH) else "text_zh"
    texts: dict[str, dict[str, str]] = defaultdict(dict)
    rows = model._default_manager.values_list("verb", "reason_code", text)  # noqa: SLF001 (Django's own API)
    for verb, reason, words in rows:
        texts[verb][reason] = words
    return dict(texts)
