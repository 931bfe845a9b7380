"""Addresses of the merchant pages about complaints."""

from django.urls import path

from complaints import views

app_name = "complaints"
urlpatterns = [
    path("complaints/", views.complaint_list, name="list"),
    path("complaints/<slug:complaint_no>/", views.complaint_detail, name="detail"),
    path("complaints/<slug:complaint_no>/handle/", views.handle_complaint, name="handle"),
    path("complaints/<slug:complaint_no>/messages/", views.leave_message, name="leave_message"),
]
