from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ComplaintsConfig(AppConfig):
    name = "complaints"
    verbose_name = _("Complaints")

    def ready(self) -> None:
        from complaints.notices import still_pending, still_unanswered  # noqa: PLC0415 (models are there only now)
        from complaints.reminders import EVENT, still_running  # noqa: PLC0415
        from notifications.liveness import register_check  # noqa: PLC0415

        register_check(EVENT, still_running)
        register_check("complaint.filed", still_pending)
        register_check("consultation.asked", still_unanswered)
        register_check("consultation.asked_again", still_unanswered)
