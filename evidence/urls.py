"""Addresses of evidence."""

from django.urls import path

from evidence.views import show

app_name = "evidence"
urlpatterns = [path("evidence/<slug:token>/", show, name="show")]
