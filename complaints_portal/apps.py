from django.apps import AppConfig
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class PortalConfig(AppConfig):
    name = "complaints_portal"
    verbose_name = _("Complaints portal")

    def ready(self) -> None:
        from complaints_portal import checks  # noqa: F401, PLC0415 (registers the system checks)

        if settings.SENTRY_DSN:
            from complaints_portal import reporting  # noqa: PLC0415 (what nobody wants is not loaded)

            reporting.begin()
