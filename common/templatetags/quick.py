"""`{% translate %}` and `{% url %}` as Django has them, quicker for what templates say most.

A page has dozens of both, and in most of them all is known but the language, or the number of a complaint.
"""

from typing import Any

from django.template import Library, Node
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode, url
from django.templatetags import i18n
from django.urls import NoReverseMatch
from django.utils.translation import get_language

from common.addresses import address

register = Library()
register.tags |= i18n.register.tags
register.filters |= i18n.register.filters


class Words(Node):
    """A constant text in the language that is active, translated once for each."""

    child_nodelists = ()

    def __init__(self, node: i18n.TranslateNode) -> None:
        self.node = node
        self.known: dict[str | None, str] = {}

    def render(self, context: Context) -> str:
        words, name = self.known.get(get_language()), self.node.asvar
        if words is None:
            shown = self.node.render(context)
            words = self.known[get_language()] = context[name] if name else shown
        if not name:
            return words
        context[name] = words
        return ""


class Address(Node):
    """The address of a page by its constant name, which may name one thing."""

    child_nodelists = ()

    def __init__(self, node: URLNode, name: str) -> None:
        self.node = node
        self.name = name

    def render(self, context: Context) -> str:
        args = [each.resolve(context) for each in self.node.args]
        try:
            found = address(self.name, *args)
        except NoReverseMatch:  # which is no mistake where the address is given a name
            return self.node.render(context)
        if not self.node.asvar:
            return found
        context[self.node.asvar] = found
        return ""


@register.tag("translate")
@register.tag("trans")
def translate(parser: Parser, token: Token) -> Node:
    """As Django's."""
    node: Any = i18n.do_translate(parser, token)
    is_constant = _constant(node.filter_expression) and (not node.message_context or _constant(node.message_context))
    return Words(node) if is_constant and not node.noop else node


@register.tag("url")
def url_of(parser: Parser, token: Token) -> Node:
    """As Django's; what belongs to an app of which there may be several, as the admin, is left to it."""
    node: Any = url(parser, token)
    name = _constant(node.view_name)
    is_quick = name and not name.startswith("admin:") and len(node.args) < 2 and not node.kwargs
    return Address(node, name) if is_quick else node


def _constant(expression: Any) -> str:
    """Return the text that an expression is; nothing when it is another one."""
    text = getattr(expression.var, "literal", expression.var)
    return text if isinstance(text, str) and not expression.filters else ""
