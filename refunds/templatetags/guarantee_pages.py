"""What the pages of the guarantee plan need beside the components: money that moved, with its sign."""

from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from common.wording import yuan

register = template.Library()


@register.simple_tag
def signed_money(amount: Decimal) -> SafeString:
    """An amount that moved, with its sign: +¥300.00, −¥33.33."""
    sign = "less" if amount < 0 else "more"
    return format_html('<span class="money" data-sign="{}">{}{}</span>', sign, "" if amount < 0 else "+", yuan(amount))
