"""Fixtures of this app's tests."""

from notifications.tests.making import _at_once as at_once  # noqa: F401 (a fixture)
