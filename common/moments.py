"""Moments as programs send them: ISO 8601, in Beijing time where they name no offset."""

from datetime import UTC, datetime

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class MomentField(serializers.DateTimeField):
    """A moment that there is in every zone: the framework fails at one without an offset, early in the year 1."""

    default_error_messages = {"overflow": _("There is no such moment.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        try:
            moment = super().enforce_timezone(value)
            moment.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")
        return moment
