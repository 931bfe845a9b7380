from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PenaltiesConfig(AppConfig):
    name = "penalties"
    verbose_name = _("Penalties")

    def ready(self) -> None:
        from complaints.clocks import register_clocks  # noqa: PLC0415 (models are there only now)
        from complaints.reviews.record import register_teller  # noqa: PLC0415
        from deadlines.models import Deadline  # noqa: PLC0415
        from penalties.queries import overdue_numbers, record, timeout_numbers  # noqa: PLC0415

        register_teller(record)
        register_clocks(Deadline.Kind.APPEAL, timeout_numbers)
        register_clocks(Deadline.Kind.APPEAL, overdue_numbers)
