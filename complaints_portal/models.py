"""What the top floor keeps: summaries of all floors, which can be made again from them at any time."""

from complaints_portal.insights.models import DaySummary

__all__ = ["DaySummary"]
