"""What upper apps tell the desks of reviews: where they keep evidence, and what they know of a merchant."""

from typing import Any

import pytest
from django.apps import apps

from appeals.models import AppealDraft
from complaints.models import CannedReply, Complaint
from complaints.reviews import evidence as desk_evidence
from complaints.reviews.record import record_of
from complaints.tests.factories import make_merchant, moment
from evidence.models import Evidence

NOT_GIVEN = {AppealDraft.evidence.through, CannedReply.pictures.through}
"""What somebody is still writing, or keeps ready, was not sent to anybody."""


def test_every_way_in_which_evidence_is_given_is_looked_through_for_duplicates():
    links = {
        field.remote_field.through
        for model in apps.get_models()
        for field in model._meta.many_to_many
        if field.related_model is Evidence
    }
    assert {through for through, _path in desk_evidence._uses} == links - NOT_GIVEN


def test_each_of_them_leads_to_a_complaint():
    for through, path in desk_evidence._uses:
        model: Any = through
        for step in path.split("__"):
            model = model._meta.get_field(step).related_model
        assert model is Complaint


@pytest.mark.django_db
def test_a_record_is_told_by_all_apps_the_lowest_first():
    told = [str(tally.label) for tally in record_of(make_merchant().pk, now=moment("2026-11-18T10:00+08:00"))]
    assert told == [
        "claims accepted in 90 days",
        "claims overruled in 90 days",
        "points in effect or under appeal",
        "penalties in 90 days",
        "appeals approved",
        "appeals rejected",
    ]
