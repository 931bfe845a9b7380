"""The groups of staff: what a migration made, what each may do, and that it can run again."""

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from complaints.tests.factories import make_user

pytestmark = pytest.mark.django_db


def permissions(name):
    user = make_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return user.get_all_permissions()


def test_reviewers_decide_and_see_cases_but_revoke_nothing_by_hand():
    may = permissions("reviewer")
    assert {"appeals.decide_appeal", "appeals.view_appeal", "complaints.view_complaint"} <= may
    assert {"appeals.change_replytemplate", "evidence.view_evidence"} <= may
    assert not may & {"penalties.revoke_penalty", "merchants.view_apikey", "merchants.change_user"}


def test_ops_revoke_and_keep_the_calendar_but_decide_nothing():
    may = permissions("ops")
    assert {"penalties.revoke_penalty", "deadlines.view_sweeprun", "deadlines.change_workday"} <= may
    assert "appeals.decide_appeal" not in may
    assert "appeals.change_replytemplate" not in may


def test_ops_control_the_sweeps_and_read_what_was_done_so():
    may = permissions("ops")
    assert {"deadlines.control_sweeps", "deadlines.view_opsline", "deadlines.view_extension"} <= may
    assert {"deadlines.view_policychange", "penalties.view_amnesty"} <= may
    assert "deadlines.control_sweeps" not in permissions("reviewer") | permissions("auditor")


def test_auditors_read_everything_of_ours_and_change_nothing():
    may = permissions("auditor")
    assert all(codename.split(".")[1].startswith("view_") for codename in may)
    ours = {f"{model._meta.app_label}.view_{model._meta.model_name}" for model in apps.get_models() if _is_ours(model)}
    assert ours <= may


def _is_ours(model):
    return model.__module__.split(".")[0] in (
        "appeals",
        "penalties",
        "complaints",
        "deadlines",
        "evidence",
        "merchants",
    )


def test_the_migration_can_run_again_and_keeps_what_was_added_by_hand():
    reviewer = Group.objects.get(name="reviewer")
    before = {group.name: group.permissions.count() for group in Group.objects.all()}
    ops_only = Group.objects.get(name="ops").permissions.get(codename="view_sweeprun")
    reviewer.permissions.add(ops_only)
    migration = importlib.import_module("complaints_portal.migrations.0001_groups")
    migration.make_groups(apps, None)
    after = {group.name: group.permissions.count() for group in Group.objects.all()}
    assert after == before | {"reviewer": before["reviewer"] + 1}
