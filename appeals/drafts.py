"""Drafts of appeals: what a member has written so far, kept until the appeal is submitted."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from appeals.models import AppealDraft
from evidence.models import Evidence
from penalties.models import Penalty


def draft_of(penalty: Penalty, *, user_id: int) -> AppealDraft | None:
    """Return what this member has written about this penalty so far, or None."""
    return AppealDraft.objects.prefetch_related("evidence").filter(penalty=penalty, user_id=user_id).first()


@transaction.atomic
def keep_draft(
    penalty: Penalty,
    *,
    user_id: int,
    description: str,
    proofs: Sequence[str],
    evidence: Sequence[Evidence],
    now: datetime,
) -> AppealDraft:
    """Keep what a member has written, in place of what they wrote before. It need not be whole."""
    draft, _is_new = AppealDraft.objects.update_or_create(
        penalty=penalty,
        user_id=user_id,
        defaults={"description": description, "proofs": list(proofs), "saved_at": now},
    )
    draft.evidence.set(evidence)
    return draft
