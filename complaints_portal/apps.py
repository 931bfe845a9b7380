from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _
from django_structlog.signals import bind_extra_request_metadata

from common.callers import bind_address


def read_alone(connection: BaseDatabaseWrapper, **_kwargs: Any) -> None:
    """Let no statement start workers to read with: that takes longer than most pages, whose statements find few rows.

    Said by a statement, for a pool of connections may refuse to hear of it when one is opened.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")


class PortalConfig(AppConfig):
    name = "complaints_portal"
    verbose_name = _("Complaints portal")

    def ready(self) -> None:
        from complaints_portal import checks  # noqa: PLC0415 (registers the system checks)
        from complaints_portal.context import frame  # noqa: PLC0415 (models are there only now)
        from merchants.pages import register_frame  # noqa: PLC0415

        register_frame(frame)
        bind_extra_request_metadata.connect(bind_address, dispatch_uid="bind_address")
        connection_created.connect(read_alone, dispatch_uid="read_alone")
        if checks.is_dsn(settings.SENTRY_DSN):  # what is none, the checks refuse with a sentence
            from complaints_portal import reporting  # noqa: PLC0415 (what nobody wants is not loaded)

            reporting.begin()
