from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PenaltiesConfig(AppConfig):
    name = "penalties"
    verbose_name = _("Penalties")

    def ready(self) -> None:
        from complaints.reviews.record import register_teller  # noqa: PLC0415 (models are there only now)
        from penalties.queries import record  # noqa: PLC0415

        register_teller(record)
