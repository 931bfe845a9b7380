"""Find who takes part, by the names that people use."""

from django.utils.translation import gettext_lazy as _

from common.errors import BadInput
from merchants.models import Merchant, Platform


def platform_called(code: str) -> Platform:
    """Return the platform with this code. Refuses an unknown one, and names those that there are."""
    platform = Platform.objects.filter(code=code).first()
    if platform is None:
        known = list(Platform.objects.order_by("code").values_list("code", flat=True)[:10])
        raise BadInput(
            _("There is no platform “%(code)s”. Known are: %(known)s.")
            % {"code": code, "known": ", ".join(known) or "–"},
            field="platform",
        )
    return platform


def merchant_called(platform: Platform, name: str) -> Merchant:
    """Return the platform's merchant of this name. Refuses an unknown one."""
    merchant = Merchant.objects.filter(platform=platform, name=name).first()
    if merchant is None:
        raise BadInput(
            _("Platform “%(code)s” has no merchant “%(name)s”.") % {"code": platform.code, "name": name},
            field="merchant",
        )
    return merchant
