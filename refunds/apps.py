from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RefundsConfig(AppConfig):
    name = "refunds"
    verbose_name = _("Refunds")

    def ready(self) -> None:
        from complaints.clocks import register_clocks  # noqa: PLC0415 (models are there only now)
        from complaints.reviews.evidence import register_use  # noqa: PLC0415
        from complaints.reviews.record import register_teller  # noqa: PLC0415
        from deadlines.calendar import keep_in_step  # noqa: PLC0415
        from deadlines.models import Deadline  # noqa: PLC0415
        from refunds.claims_desk_queries import record  # noqa: PLC0415
        from refunds.following import register  # noqa: PLC0415
        from refunds.models import NoRefundClaim, Refund  # noqa: PLC0415
        from refunds.queries import case_numbers_about, claim_numbers_about  # noqa: PLC0415

        keep_in_step(NoRefundClaim)
        register_use(NoRefundClaim.evidence.through, "norefundclaim__complaint")
        register_use(Refund.evidence.through, "refund__complaint")
        register_teller(record)
        register_clocks(Deadline.Kind.REFUND, case_numbers_about)
        register_clocks(Deadline.Kind.REVIEW, claim_numbers_about)
        register()
