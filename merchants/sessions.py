"""Sessions as Django keeps them in the database, each looked up by a statement that is composed once."""

from datetime import datetime

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.utils import timezone

from common.written import written


class SessionStore(DatabaseSessionStore):
    """Django names the class, and asks for the session; one that is not there, or is over, is left to Django."""

    def _get_session_from_db(self) -> Session | None:
        found = _open_session(self.session_key, timezone.now())
        if found:
            return found[0]
        left: Session | None = super()._get_session_from_db()  # type: ignore[misc]  # the stubs do not know of it
        return left


@written
def _open_session(session_key: str | None, now: datetime) -> QuerySet[Session]:
    return Session.objects.filter(session_key=session_key, expire_date__gt=now)
