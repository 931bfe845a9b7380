"""Every address of the API, under /api/."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.http import Http404
from django.urls import URLPattern, path, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.response import Response
from rest_framework.views import APIView

from appeals.api import AppealsView, AppealView, SubmitView, SupplementView, WithdrawView
from complaints.api import (
    CancelView,
    CloseView,
    ComplaintsView,
    ComplaintView,
    ConfirmView,
    ContestView,
    HandleView,
    MessagesView,
)
from complaints.bulk_api import BulkFilingView
from complaints.consultations.api import (
    AskAgainView,
    CloseConsultationView,
    ComplainView,
    ConsultationsView,
    ConsultationView,
    ReplyView,
)
from complaints.consumer.api import (
    ComplaintLinkView,
    ConsultationLinkView,
    EndComplaintLinkView,
    EndConsultationLinkView,
    RenewComplaintLinkView,
    RenewConsultationLinkView,
)
from evidence.api import EvidenceView
from notifications.api import EventsView
from penalties.api import PenaltiesView, PenaltyView
from refunds.api import (
    ClaimsView,
    ClaimView,
    OneRefundView,
    RefundCasesView,
    RefundCaseView,
    RefundsView,
    RefundView,
    RefuseView,
)
from refunds.plan_api import AccountView, EnrolView, StatementView, TopUpsView, TopUpView

# Swagger UI comes from our own static files; it sets styles on elements, and draws its icons from data: addresses.
DOCS_POLICY = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
}


class NothingHereView(APIView):
    """Answers every address that the API does not have, also one that only lacks its slash at the end.

    Django would redirect that one, a redirected POST becomes a GET, and whoever meant to file a complaint would get a
    list of complaints and a 200.
    """

    authentication_classes = []
    permission_classes = []

    @extend_schema(exclude=True)
    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        raise Http404

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        raise Http404


app_name = "api"
urlpatterns: list[URLPattern] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        # Nothing but read: its one renderer has no page for the answer to OPTIONS.
        csp_replace(DOCS_POLICY)(
            SpectacularSwaggerSplitView.as_view(url_name="api:schema", http_method_names=["get", "head"])
        ),
        name="docs",
    ),
    path("v1/complaints/", ComplaintsView.as_view(), name="complaints"),
    path("v1/complaints/bulk/", BulkFilingView.as_view(), name="bulk"),
    path("v1/complaints/<slug:complaint_no>/", ComplaintView.as_view(), name="complaint"),
    path("v1/complaints/<slug:complaint_no>/handle/", HandleView.as_view(), name="handle"),
    path("v1/complaints/<slug:complaint_no>/messages/", MessagesView.as_view(), name="messages"),
    path("v1/complaints/<slug:complaint_no>/confirm/", ConfirmView.as_view(), name="confirm"),
    path("v1/complaints/<slug:complaint_no>/contest/", ContestView.as_view(), name="contest"),
    path("v1/complaints/<slug:complaint_no>/cancel/", CancelView.as_view(), name="cancel"),
    path("v1/complaints/<slug:complaint_no>/close/", CloseView.as_view(), name="close"),
    path(
        "v1/complaints/<slug:complaint_no>/consumer-link/", ComplaintLinkView.as_view(), name="complaint_consumer_link"
    ),
    path(
        "v1/complaints/<slug:complaint_no>/consumer-link/renew/",
        RenewComplaintLinkView.as_view(),
        name="complaint_consumer_link_renew",
    ),
    path(
        "v1/complaints/<slug:complaint_no>/consumer-link/end/",
        EndComplaintLinkView.as_view(),
        name="complaint_consumer_link_end",
    ),
    path("v1/consultations/", ConsultationsView.as_view(), name="consultations"),
    path("v1/consultations/<slug:consultation_no>/", ConsultationView.as_view(), name="consultation"),
    path("v1/consultations/<slug:consultation_no>/reply/", ReplyView.as_view(), name="consultation_reply"),
    path("v1/consultations/<slug:consultation_no>/messages/", AskAgainView.as_view(), name="consultation_ask"),
    path("v1/consultations/<slug:consultation_no>/close/", CloseConsultationView.as_view(), name="consultation_close"),
    path("v1/consultations/<slug:consultation_no>/complain/", ComplainView.as_view(), name="consultation_complain"),
    path(
        "v1/consultations/<slug:consultation_no>/consumer-link/",
        ConsultationLinkView.as_view(),
        name="consultation_consumer_link",
    ),
    path(
        "v1/consultations/<slug:consultation_no>/consumer-link/renew/",
        RenewConsultationLinkView.as_view(),
        name="consultation_consumer_link_renew",
    ),
    path(
        "v1/consultations/<slug:consultation_no>/consumer-link/end/",
        EndConsultationLinkView.as_view(),
        name="consultation_consumer_link_end",
    ),
    path("v1/refund-cases/", RefundCasesView.as_view(), name="refund_cases"),
    path("v1/refund-cases/<slug:case_no>/", RefundCaseView.as_view(), name="refund_case"),
    path("v1/refund-cases/<slug:case_no>/refunds/", RefundView.as_view(), name="make_refund"),
    path("v1/refund-cases/<slug:case_no>/refuse/", RefuseView.as_view(), name="refuse"),
    path("v1/refunds/", RefundsView.as_view(), name="refunds"),
    path("v1/refunds/<str:refund_no>/", OneRefundView.as_view(), name="refund"),
    path("v1/no-refund-claims/", ClaimsView.as_view(), name="no_refund_claims"),
    path("v1/no-refund-claims/<int:claim_id>/", ClaimView.as_view(), name="no_refund_claim"),
    path("v1/guarantee/", AccountView.as_view(), name="guarantee"),
    path("v1/guarantee/enrol/", EnrolView.as_view(), name="enrol"),
    path("v1/guarantee/entries/", StatementView.as_view(), name="statement"),
    path("v1/guarantee/top-ups/", TopUpsView.as_view(), name="top_ups"),
    path("v1/guarantee/top-ups/<slug:number>/", TopUpView.as_view(), name="top_up"),
    path("v1/penalties/", PenaltiesView.as_view(), name="penalties"),
    path("v1/penalties/<slug:penalty_no>/", PenaltyView.as_view(), name="penalty"),
    path("v1/penalties/<slug:penalty_no>/appeals/", SubmitView.as_view(), name="submit_appeal"),
    path("v1/appeals/", AppealsView.as_view(), name="appeals"),
    path("v1/appeals/<int:appeal_id>/", AppealView.as_view(), name="appeal"),
    path("v1/appeals/<int:appeal_id>/supplement/", SupplementView.as_view(), name="supplement"),
    path("v1/appeals/<int:appeal_id>/withdraw/", WithdrawView.as_view(), name="withdraw"),
    path("v1/evidence/<slug:token>/", EvidenceView.as_view(), name="evidence"),
    path("v1/events/", EventsView.as_view(), name="events"),
    re_path(r"", NothingHereView.as_view(), name="nothing"),
]
