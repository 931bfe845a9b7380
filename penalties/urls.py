"""Addresses of the merchant pages about penalties."""

from django.urls import path

from penalties import views

app_name = "penalties"
urlpatterns = [
    path("violations/", views.penalty_list, name="list"),
    path("violations/<slug:penalty_no>/", views.penalty_detail, name="detail"),
]
