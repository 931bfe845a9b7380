"""Addresses of the pages about consultations. `settings` are those that stand below `/settings/`."""

from django.urls import path

from complaints.consultations import contact_views, views

app_name = "consultations"
urlpatterns = [
    path("consultations/", views.consultation_list, name="list"),
    path("consultations/<slug:consultation_no>/", views.consultation_detail, name="detail"),
    path("consultations/<slug:consultation_no>/reply/", views.reply_to_consultation, name="reply"),
    path("consultations/<slug:consultation_no>/close/", views.close_consultation, name="close"),
]

settings = [
    path("contacts/", contact_views.contact_list, name="contacts"),
    path("contacts/<int:program_id>/", contact_views.change_contact, name="contact"),
]
