from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RefundsConfig(AppConfig):
    name = "refunds"
    verbose_name = _("Refunds")

    def ready(self) -> None:
        from deadlines.calendar import keep_in_step  # noqa: PLC0415 (models are there only now)
        from refunds.following import register  # noqa: PLC0415
        from refunds.models import NoRefundClaim  # noqa: PLC0415

        keep_in_step(NoRefundClaim)
        register()
