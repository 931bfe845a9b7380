"""Every address of the portal."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from common.appearance import set_theme
from complaints_portal.home import home

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home, name="home"),
    path("", include("complaints.urls")),
    path("", include("evidence.urls")),
    path("", include("merchants.urls")),
    path("theme/", set_theme, name="set_theme"),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include("complaints_portal.health")),
]
