"""After a test that commits, the database is as the migrations left it."""

import pytest
from django.contrib.auth.models import Group

from complaints.tests.factories import make_merchant
from complaints_portal import testing_database
from merchants.models import Merchant
from notifications.models import Watermark


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("few", [testing_database.FEW, 0])
def test_what_was_left_is_gone_and_what_migrations_wrote_is_there_again(monkeypatch, few):
    """Whether tables are emptied row by row or at one go."""
    monkeypatch.setattr(testing_database, "FEW", few)
    make_merchant()
    Group.objects.all().delete()
    Watermark.objects.all().delete()
    testing_database.empty()
    assert not Merchant.objects.exists()
    assert Watermark.objects.exists()
    ops = Group.objects.get(name="ops")
    assert ops.permissions.filter(content_type__app_label="deadlines", codename="control_sweeps").exists()
