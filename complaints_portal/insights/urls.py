"""Addresses of insights."""

from django.urls import path

from complaints_portal.insights import views

app_name = "insights"
urlpatterns = [
    path("", views.page, name="page"),
    path("<slug:part>.csv", views.table, name="table"),
]
