"""Addresses of the merchant pages about complaints."""

from django.urls import path

from complaints import (
    assign_views,
    bulk_views,
    canned_views,
    detail_views,
    export_views,
    saving_views,
    views,
    work_views,
)

app_name = "complaints"
urlpatterns = [
    path("complaints/", views.complaint_list, name="list"),
    path("complaints/assign/", assign_views.assign, name="assign"),
    path("complaints/assign/undo/", assign_views.undo_assign, name="assign_undo"),
    path("complaints/views/", saving_views.view_save, name="view_save"),
    path("complaints/views/<int:view_id>/delete/", saving_views.view_delete, name="view_delete"),
    path("complaints/views/undo/", saving_views.view_undo, name="view_undo"),
    path("complaints/exports/", export_views.exports, name="exports"),
    path("complaints/exports/<int:export_id>/", export_views.export, name="export"),
    path("complaints/exports/<int:export_id>/file/", export_views.export_file, name="export_file"),
    path("complaints/exports/<int:export_id>/delete/", export_views.export_delete, name="export_delete"),
    path("complaints/bulk/", bulk_views.bulk_preview, name="bulk"),
    path("complaints/bulk/do/", bulk_views.bulk_do, name="bulk_do"),
    path("complaints/bulk/<slug:run_key>/", bulk_views.bulk_result, name="bulk_result"),
    path("complaints/replies/", canned_views.canned_list, name="canned"),
    path("complaints/replies/new/", canned_views.canned_new, name="canned_new"),
    path("complaints/replies/undo/", canned_views.canned_undo, name="canned_undo"),
    path("complaints/replies/<int:canned_id>/", canned_views.canned_change, name="canned_change"),
    path("complaints/replies/<int:canned_id>/delete/", canned_views.canned_delete, name="canned_delete"),
    path("complaints/<slug:complaint_no>/", detail_views.complaint_detail, name="detail"),
    path("complaints/<slug:complaint_no>/handle/", detail_views.handle_complaint, name="handle"),
    path("complaints/<slug:complaint_no>/messages/", detail_views.leave_message, name="leave_message"),
    path("complaints/<slug:complaint_no>/note/", work_views.write_note, name="note"),
    path("complaints/<slug:complaint_no>/draft/", work_views.draft, name="draft"),
    path("complaints/<slug:complaint_no>/reveal/", work_views.reveal, name="reveal"),
    path("complaints/<slug:complaint_no>/presence/", work_views.presence, name="presence"),
]
