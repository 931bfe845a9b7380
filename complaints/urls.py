"""Addresses of the merchant pages about complaints."""

from django.urls import path

from complaints import detail_views, views

app_name = "complaints"
urlpatterns = [
    path("complaints/", views.complaint_list, name="list"),
    path("complaints/<slug:complaint_no>/", detail_views.complaint_detail, name="detail"),
    path("complaints/<slug:complaint_no>/handle/", detail_views.handle_complaint, name="handle"),
    path("complaints/<slug:complaint_no>/messages/", detail_views.leave_message, name="leave_message"),
]
