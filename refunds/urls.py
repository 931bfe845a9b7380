"""Addresses of the merchant pages about pending refunds, and about the guarantee plan."""

from django.urls import path

from refunds import plan_views, views

app_name = "refunds"
urlpatterns = [
    path("refunds/", views.case_list, name="list"),
    path("refunds/<slug:case_no>/", views.case_detail, name="detail"),
    path("refunds/<slug:case_no>/refund/", views.refund_case, name="refund"),
    path("refunds/<slug:case_no>/refuse/", views.refuse_case, name="refuse"),
    path("guarantee/", plan_views.plan, name="plan"),
    path("guarantee/enrol/", plan_views.enrol, name="enrol"),
    path("guarantee/top-up/", plan_views.top_up, name="top_up"),
    path("guarantee/top-ups/<slug:number>/", plan_views.top_up_done, name="top_up_done"),
    path("guarantee/top-ups/<slug:number>/pay/", plan_views.top_up_pay, name="top_up_pay"),
    path("guarantee/statement/", plan_views.statement, name="statement"),
    path("guarantee/statement.csv", plan_views.statement_csv, name="statement_csv"),
]
