from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AppealsConfig(AppConfig):
    name = "appeals"
    verbose_name = _("Appeals")

    def ready(self) -> None:
        from appeals.models import Appeal  # noqa: PLC0415 (models exist only now)
        from appeals.queries import has_attempts_left  # noqa: PLC0415
        from deadlines.calendar import keep_in_step  # noqa: PLC0415
        from penalties import attempts  # noqa: PLC0415

        keep_in_step(Appeal)
        attempts.register(has_attempts_left)
