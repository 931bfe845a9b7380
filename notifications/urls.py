"""Addresses of the pages about notices. `settings` are those that stand below `/settings/`."""

from django.urls import path

from notifications import robot_views, views

app_name = "notices"
urlpatterns = [
    path("notices/", views.notice_list, name="list"),
    path("notices/read/", views.mark_read, name="read"),
]

settings = [
    path("notices/", views.choices, name="notices"),
    path("notices/calendar/", views.calendar_link, name="calendar_link"),
    path("robots/", robot_views.robot_list, name="robots"),
    path("robots/new/", robot_views.robot_new, name="robot_new"),
    path("robots/<int:robot_id>/", robot_views.robot_change, name="robot"),
    path("robots/<int:robot_id>/do/", robot_views.robot_do, name="robot_do"),
]
