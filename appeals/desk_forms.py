"""The form of the texts that staff start from when they answer about an appeal."""

from appeals.models import ReplyTemplate
from appeals.reasons import REASONS_OF
from complaints.reviews.forms import TextForm


class TemplateForm(TextForm):
    reasons = REASONS_OF

    class Meta:
        model = ReplyTemplate
        fields = ("verb", "reason_code", "text_zh", "text_en")
