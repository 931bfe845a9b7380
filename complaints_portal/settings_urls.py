"""Addresses below `/settings/`: what a merchant's members set up. Each app adds its own pages here."""

from complaints.consultations.urls import settings as contacts
from notifications.urls import settings as notices

app_name = "settings"
urlpatterns = [*notices, *contacts]
