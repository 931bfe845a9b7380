from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AppealsConfig(AppConfig):
    name = "appeals"
    verbose_name = _("Appeals")

    def ready(self) -> None:
        from appeals.desk_queries import record  # noqa: PLC0415 (models exist only now)
        from appeals.models import Appeal  # noqa: PLC0415
        from appeals.notices import numbers_of_penalties, still_wanted, wanted_of  # noqa: PLC0415
        from appeals.queries import (  # noqa: PLC0415
            has_attempts_left,
            numbers_about_refunds,
            numbers_about_timeouts,
        )
        from complaints.clocks import register_clocks  # noqa: PLC0415
        from complaints.extending import Movable, register_movable  # noqa: PLC0415
        from complaints.reminders import Subjects, register_subjects  # noqa: PLC0415
        from complaints.reviews.evidence import register_use  # noqa: PLC0415
        from complaints.reviews.record import register_teller  # noqa: PLC0415
        from deadlines.calendar import keep_in_step  # noqa: PLC0415
        from deadlines.models import Deadline  # noqa: PLC0415
        from notifications.liveness import register_check  # noqa: PLC0415
        from penalties import attempts  # noqa: PLC0415

        keep_in_step(Appeal)
        register_use(Appeal.evidence.through, "appeal__penalty__complaint")
        register_use(Appeal.supplement_evidence.through, "appeal__penalty__complaint")
        register_teller(record)
        for kind in (Deadline.Kind.REVIEW, Deadline.Kind.SUPPLEMENT):
            register_clocks(kind, numbers_about_timeouts)
            register_clocks(kind, numbers_about_refunds)
        attempts.register(has_attempts_left)
        register_subjects(Deadline.Kind.SUPPLEMENT, Subjects("penalty_no", numbers_of_penalties, wanted_of))
        register_check("appeal.more_wanted", still_wanted)
        register_movable(
            Movable(
                Deadline.Kind.SUPPLEMENT,
                "appeal",
                "appeals_appeal",
                "supplement_by",
                started="own.asked_at",
            )
        )
