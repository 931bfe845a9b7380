from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RefundsConfig(AppConfig):
    name = "refunds"
    verbose_name = _("Refunds")

    def ready(self) -> None:
        from complaints.clocks import register_clocks  # noqa: PLC0415 (models are there only now)
        from complaints.extending import register_movable  # noqa: PLC0415
        from complaints.reminders import Subjects, register_subjects  # noqa: PLC0415
        from complaints.reviews.evidence import register_use  # noqa: PLC0415
        from complaints.reviews.record import register_teller  # noqa: PLC0415
        from deadlines.calendar import keep_in_step  # noqa: PLC0415
        from deadlines.models import Deadline  # noqa: PLC0415
        from notifications.liveness import register_check  # noqa: PLC0415
        from refunds.claims_desk_queries import record  # noqa: PLC0415
        from refunds.extending import MOVABLE  # noqa: PLC0415
        from refunds.following import register  # noqa: PLC0415
        from refunds.models import NoRefundClaim, Refund  # noqa: PLC0415
        from refunds.notices import due_of, numbers_of_cases, still_due  # noqa: PLC0415
        from refunds.outcomes import register as register_outcomes  # noqa: PLC0415
        from refunds.queries import case_numbers_about, claim_numbers_about  # noqa: PLC0415

        keep_in_step(NoRefundClaim)
        register_use(NoRefundClaim.evidence.through, "norefundclaim__complaint")
        register_use(Refund.evidence.through, "refund__complaint")
        register_teller(record)
        register_clocks(Deadline.Kind.REFUND, case_numbers_about)
        register_clocks(Deadline.Kind.REVIEW, claim_numbers_about)
        register_subjects(Deadline.Kind.REFUND, Subjects("case_no", numbers_of_cases, due_of))
        for event in ("refund_case.opened", "refund_case.overruled", "refund_case.reopened"):
            register_check(event, still_due)
        register_outcomes()
        register()
        register_movable(MOVABLE)
