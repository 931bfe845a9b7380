"""Addresses of the pages about merchants, their members, and invitations."""

from django.urls import include, path

from merchants import joining_views, member_views
from merchants.views import choose_language, switch_merchant

members = [
    path("", member_views.member_list, name="list"),
    path("history/", member_views.history, name="history"),
    path("invite/", member_views.invite, name="invite"),
    path("ask/", member_views.ask, name="ask"),
    path("<int:member_id>/", member_views.member, name="member"),
    path("<int:member_id>/remove/", member_views.remove, name="remove"),
    path("invitations/<int:invitation_id>/renew/", member_views.renew, name="renew"),
    path("invitations/<int:invitation_id>/withdraw/", member_views.withdraw, name="withdraw"),
    path("requests/<int:request_id>/", member_views.decide, name="decide"),
]

urlpatterns = [
    path("merchants/switch/", switch_merchant, name="switch_merchant"),
    path("members/", include((members, "members"))),
    path("join/", joining_views.join, name="join"),
    path("join/another/", joining_views.join_as_another, name="join_as_another"),
    path("join/<str:invitation_token>/", joining_views.open_link, name="open_invitation"),
    path("i18n/setlang/", choose_language, name="set_language"),
]
