"""Every address of the portal."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from common.appearance import set_theme
from common.style_page import style_page
from complaints.calendar_feed import calendar
from complaints_portal.home import home

urlpatterns: list[URLPattern | URLResolver] = [
    # First, because Django compares one pattern after the other, and programs ask most often.
    path("api/", include("complaints_portal.api_urls")),
    path("", home, name="home"),
    path("", include("complaints.urls")),
    path("", include("complaints.consultations.urls")),
    path("", include("complaints.consumer.urls")),
    path("", include("penalties.urls")),
    path("", include("appeals.urls")),
    path("", include("refunds.urls")),
    path("", include("evidence.urls")),
    path("", include("merchants.urls")),
    path("", include("notifications.urls")),
    path("settings/", include("complaints_portal.settings_urls")),
    path("insights/", include("complaints_portal.insights.urls")),
    path("calendar/<str:feed_token>.ics", calendar, name="calendar"),
    path("theme/", set_theme, name="set_theme"),
    path("accounts/", include("merchants.account_urls")),
    path("admin/", admin.site.urls),
    path("", include("complaints_portal.health")),
    path("", include("complaints_portal.metrics")),
]
if not settings.PRODUCTION:
    urlpatterns.append(path("style/", style_page, name="style_page"))

# The API answers with problem documents also where no view was reached; pages with a page.
handler400 = "common.problems.bad_request"
handler404 = "common.problems.page_not_found"
handler500 = "common.problems.server_error"
