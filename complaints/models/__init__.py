"""What the floor of complaints keeps: the cases themselves, how members work on them, and what consumers ask."""

from complaints.models.cases import (
    NOT_NEGATIVE,
    REFUNDING,
    Complaint,
    Handling,
    HistoryLine,
    Message,
    Method,
    RootCause,
)
from complaints.models.consultations import Consultation, ConsultationLine, ConsumerLink
from complaints.models.workspace import BulkRow, BulkRun, CannedReply, Draft, Export, InternalLine, SavedView

__all__ = [
    "NOT_NEGATIVE",
    "REFUNDING",
    "BulkRow",
    "BulkRun",
    "CannedReply",
    "Complaint",
    "Consultation",
    "ConsultationLine",
    "ConsumerLink",
    "Draft",
    "Export",
    "Handling",
    "HistoryLine",
    "InternalLine",
    "Message",
    "Method",
    "RootCause",
    "SavedView",
]
