"""Addresses of consumers: the page of a signed link, and the public form of a mini program."""

from django.urls import path

from complaints.consumer import contact_views, views

app_name = "consumer"
urlpatterns = [
    path("c/<str:consumer_token>/", views.page, name="page"),
    path("c/<str:consumer_token>/sent/", views.sent, name="sent"),
    path("c/<str:consumer_token>/message/", views.say, name="say"),
    path("c/<str:consumer_token>/solved/", views.solved, name="solved"),
    path("c/<str:consumer_token>/contest/", views.contest, name="contest"),
    path("c/<str:consumer_token>/withdraw/", views.withdraw, name="withdraw"),
    path("c/<str:consumer_token>/complain/", views.complain, name="complain"),
    path("c/<str:consumer_token>/pictures/<slug:picture>/", views.picture, name="picture"),
    path("contact/<slug:platform>/<str:app_id>/", contact_views.contact, name="contact"),
    path("contact/<slug:platform>/<str:app_id>.json", contact_views.contact_json, name="contact_json"),
    path("contact/<slug:platform>/<str:app_id>.js", contact_views.contact_js, name="contact_js"),
    path(
        "contact/<slug:platform>/<str:app_id>/pictures/<slug:visitor>/<slug:picture>/",
        contact_views.visitor_picture,
        name="visitor_picture",
    ),
]
