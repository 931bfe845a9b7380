"""Addresses of the pages about merchants."""

from django.urls import path

from merchants.views import switch_merchant

urlpatterns = [path("merchants/switch/", switch_merchant, name="switch_merchant")]
