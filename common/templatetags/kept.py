"""A part of a template that is written once for the values that it names: {% kept theme=theme %} … {% endkept %}."""

from typing import Any

from django import template
from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.utils.safestring import SafeString

from common.kept import Pieces, exact

register = template.Library()


class KeptNode(Node):
    """What it holds sees the values that it names and nothing else of the page, so nothing else can be in it."""

    def __init__(self, named: dict[str, FilterExpression], nodelist: NodeList) -> None:
        self.named = named
        self.nodelist = nodelist
        self.pieces = Pieces()

    def render(self, context: Context) -> SafeString:
        values = {name: expression.resolve(context) for name, expression in self.named.items()}
        return self.pieces.get(exact(values), lambda: self._write(context, values))

    def _write(self, page: Context, values: dict[str, Any]) -> SafeString:
        alone = Context(values, autoescape=page.autoescape)
        alone.template = page.template
        return self.nodelist.render(alone)


@register.tag
def kept(parser: Parser, token: Token) -> KeptNode:
    """Keep what the block holds: {% kept name=value … %}. The values are plain: texts, numbers, lists of them."""
    bits = token.split_contents()[1:]
    named = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError("{% kept %} takes name=value pairs only.")
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode(named, nodelist)
