from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PenaltiesConfig(AppConfig):
    name = "penalties"
    verbose_name = _("Penalties")

    def ready(self) -> None:
        from complaints.beside import register_beside  # noqa: PLC0415 (models are there only now)
        from complaints.clocks import register_clocks  # noqa: PLC0415
        from complaints.extending import Movable, register_movable  # noqa: PLC0415
        from complaints.reminders import Subjects, register_subjects  # noqa: PLC0415
        from complaints.reviews.record import register_teller  # noqa: PLC0415
        from deadlines.models import Deadline  # noqa: PLC0415
        from notifications.liveness import register_check  # noqa: PLC0415
        from penalties.notices import numbers_to_appeal, still_so, windows_of  # noqa: PLC0415
        from penalties.outcomes import register as register_outcomes  # noqa: PLC0415
        from penalties.queries import overdue_numbers, record, timeout_numbers, timeout_penalties  # noqa: PLC0415

        register_outcomes()
        register_beside("penalties", timeout_penalties)
        register_teller(record)
        register_clocks(Deadline.Kind.APPEAL, timeout_numbers)
        register_clocks(Deadline.Kind.APPEAL, overdue_numbers)
        register_subjects(Deadline.Kind.APPEAL, Subjects("penalty_no", numbers_to_appeal, windows_of))
        for event in ("penalty.issued", "penalty.revoked", "penalty.reinstated"):
            register_check(event, still_so)
        register_movable(
            Movable(
                Deadline.Kind.APPEAL,
                "penalty",
                "penalties_penalty",
                "appeal_by",
                started=(
                    "greatest(own.issued_at, (SELECT max(line.at) FROM complaints_historyline AS line"
                    " WHERE line.complaint_id = own.complaint_id AND line.noun = 'penalty' AND line.noun_id = own.id"
                    " AND line.verb = 'reinstate'))"
                ),
            )
        )
