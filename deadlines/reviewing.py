"""What staff review, whatever it is: submitted, due by a working day, claimed by one person, decided with a reason."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import migrations, models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common.actors import Actor
from common.errors import BadInput, Conflict

CLAIM_LASTS = timedelta(hours=2)
"""Whoever claimed a review and went home does not hold it up: after so long another may take it over."""

MESSAGE_LIMIT = 1000
"""Characters of the words to the merchant."""


class Reviewed(models.Model):
    """The part of an appeal, or of a no-refund claim, that staff work on.

    Their rows take their numbers from one sequence (their migrations see to it: `from_one_sequence`), so that a
    `review` clock names its subject by its number alone.
    """

    id = models.BigAutoField(primary_key=True)
    submitted_at = models.DateTimeField(_("submitted at"))
    review_by = models.DateTimeField(_("review by"))
    is_provisional = models.BooleanField(_("provisional"), default=False)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("claimed by")
    )
    claimed_at = models.DateTimeField(_("claimed at"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reason_code = models.CharField(_("reason"), max_length=32, blank=True)
    message = models.TextField(_("message to the merchant"), blank=True)

    status: Any
    """Each noun has its own states."""

    class Meta:
        abstract = True

    def claim_is_live(self, *, now: datetime) -> bool:
        """Say whether somebody is working on it."""
        return self.claimed_at is not None and now < self.claimed_at + CLAIM_LASTS

    def require_claim(self, actor: Actor, *, now: datetime) -> None:
        """Refuse, by name, a decision of somebody who has not claimed the review, or whose colleague has."""
        if self.decided_by is not None and self.decided_at is not None:
            raise Conflict(
                _("%(name)s decided this %(ago)s.") % {"name": self.decided_by, "ago": time_ago(now - self.decided_at)},
                code="decided_already",
            )
        if self.claimed_by_id == actor.id:
            return
        if self.claimed_by is not None and self.claimed_at is not None and self.claim_is_live(now=now):
            raise Conflict(
                _("%(name)s claimed this %(ago)s and is working on it.")
                % {"name": self.claimed_by, "ago": time_ago(now - self.claimed_at)},
                code="claimed_by_another",
            )
        raise Conflict(_("Claim this review before you decide it."), code="not_claimed")


def take(review: Reviewed, actor: Actor, *, now: datetime) -> None:
    """Claim a locked review for this person; a claim that has gone cold can be taken over.

    Refuses, by name, what a colleague is working on or has decided.
    """
    if review.decided_at is not None or (review.claimed_by_id != actor.id and review.claim_is_live(now=now)):
        review.require_claim(actor, now=now)
    review.claimed_by_id, review.claimed_at = actor.id, now
    review.save(update_fields=["claimed_by", "claimed_at"])


def give_back(review: Reviewed, actor: Actor, *, now: datetime) -> None:
    """Give a locked review that this person claimed back to the queue."""
    review.require_claim(actor, now=now)
    review.claimed_by, review.claimed_at = None, None
    review.save(update_fields=["claimed_by", "claimed_at"])


def check_answer(reason_code: str, message: str, reasons: Collection[str]) -> None:
    """Refuse a decision without one of its reasons, and one without words to the merchant or with too many."""
    if reason_code not in reasons:
        raise BadInput(_("Choose a reason from the list."), field="reason_code")
    if not message.strip():
        raise BadInput(_("Write a message to the merchant; they read why."), field="message")
    if len(message) > MESSAGE_LIMIT:
        raise BadInput(_("Keep the message to %(limit)d characters.") % {"limit": MESSAGE_LIMIT}, field="message")


class ReplyText(models.Model):
    """A text that staff start from when they answer a merchant, in both languages."""

    text_zh = models.TextField(_("text in Chinese"))
    text_en = models.TextField(_("text in English"))

    class Meta:
        abstract = True


def from_one_sequence(table: str) -> migrations.RunSQL:
    """Return the migration step that lets a table take its numbers from the sequence of all reviews."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} ALTER id DROP IDENTITY;"
        f" ALTER TABLE {table} ALTER id SET DEFAULT nextval('deadlines_review_number')",
        f"ALTER TABLE {table} ALTER id DROP DEFAULT; ALTER TABLE {table} ALTER id ADD GENERATED BY DEFAULT AS IDENTITY",
    )


def time_ago(span: timedelta) -> str:
    """Return how long ago something was, in words: seconds, minutes, hours or days."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return ngettext("%(count)d s ago", "%(count)d s ago", seconds) % {"count": seconds}
    if seconds < 3600:
        return ngettext("%(count)d min ago", "%(count)d min ago", seconds // 60) % {"count": seconds // 60}
    if seconds < 86400:
        return ngettext("%(count)d h ago", "%(count)d h ago", seconds // 3600) % {"count": seconds // 3600}
    return ngettext("%(count)d day ago", "%(count)d days ago", seconds // 86400) % {"count": seconds // 86400}
