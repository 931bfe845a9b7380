"""Addresses of pages about one's own account: allauth's, but for the page of mail addresses, which is stricter here."""

from allauth.account.urls import urlpatterns as pages
from django.urls import include, path

from merchants.address_views import AddressesView

OWN = {"account_email": path("email/", AddressesView.as_view(), name="account_email")}

urlpatterns = [*(OWN.get(page.name or "", page) for page in pages), path("2fa/", include("allauth.mfa.urls"))]
