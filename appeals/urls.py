"""Addresses of the merchant pages about appeals."""

from django.urls import path

from appeals import views

app_name = "appeals"
urlpatterns = [
    path("violations/<slug:penalty_no>/appeal/", views.appeal_penalty, name="submit"),
    path("violations/<slug:penalty_no>/appeal/draft/", views.save_draft, name="draft"),
    path("appeals/", views.appeal_list, name="list"),
    path("appeals/<int:appeal_id>/", views.appeal_detail, name="detail"),
    path("appeals/<int:appeal_id>/supplement/", views.supplement_appeal, name="supplement"),
    path("appeals/<int:appeal_id>/withdraw/", views.withdraw_appeal, name="withdraw"),
]
