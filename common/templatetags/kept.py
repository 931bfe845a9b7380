"""A part of a template that is written once for the values that it names: {% kept theme=theme %} … {% endkept %}."""

from secrets import token_hex
from typing import Any

from django import template
from django.template import Context, Node, NodeList, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.utils.safestring import SafeString

from common.kept import NotPlain, Pieces, exact
from common.templatetags.ui import escaped

register = template.Library()


class KeptNode(Node):
    """What it holds sees the values that it names and nothing else of the page, so nothing else can be in it.

    What differs each time is `put` into it. While the piece is written such a name stands for a text that nobody can
    know; in that one's place the value is put, escaped.
    """

    def __init__(
        self, named: dict[str, FilterExpression], put: dict[str, FilterExpression], nodelist: NodeList
    ) -> None:
        self.named = named
        self.put = {name: (f"{name}-{token_hex(16)}", expression) for name, expression in put.items()}
        self.nodelist = nodelist
        self.pieces = Pieces()

    def render(self, context: Context) -> SafeString:
        values = {name: expression.resolve(context) for name, expression in self.named.items()}
        try:
            piece: str = self.pieces.get(exact(values), lambda: self._write(context, values))
        except NotPlain:
            piece = self._write(context, values)
        for place, expression in self.put.values():
            if place in piece:
                piece = piece.replace(place, escaped(expression.resolve(context)))
        return SafeString(piece)

    def _write(self, page: Context, values: dict[str, Any]) -> SafeString:
        alone = Context(values | {name: place for name, (place, _) in self.put.items()}, autoescape=page.autoescape)
        alone.template = page.template
        return self.nodelist.render(alone)


@register.tag
def kept(parser: Parser, token: Token) -> KeptNode:
    """Keep what the block holds: {% kept name=value … put csrf_token=csrf_token … %}.

    The values are plain: texts, numbers, lists of them, and what says how it is shown. With another value the block is
    written anew each time. What is put only stands in the block, which cannot look at it.
    """
    bits = token.split_contents()[1:]
    named, put = token_kwargs(bits, parser), {}
    if bits and bits[0] == "put":
        del bits[0]
        put = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError("{% kept %} takes name=value pairs, and after `put` some more.")
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode(named, put, nodelist)
