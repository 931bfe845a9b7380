"""What a member has typed and not sent: kept for that person alone, and never in anybody's way."""

from typing import Any

import pytest
from django.http import Http404
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.models import Complaint, Draft
from complaints.tests.factories import STAFF, file_at, make_program, member_actor, moment, platform_actor
from complaints.workspace.drafts import FIELDS, LONGEST, drafts_of, drop_draft, save_draft
from merchants.models import Grant, Merchant
from merchants.tests.people import acting, make_person, make_team

pytestmark = pytest.mark.django_db

NOW = moment("2026-03-10T12:00+08:00")
LATER = moment("2026-03-10T12:02+08:00")


@pytest.fixture
def merchant() -> Merchant:
    return make_team()[0]


@pytest.fixture
def complaint(merchant) -> Complaint:
    return file_at("2026-03-09T09:00+08:00", make_program(merchant=merchant))


@pytest.fixture
def member(merchant) -> Actor:
    return acting(make_person(merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), merchant)


@pytest.fixture
def colleague(merchant) -> Actor:
    return acting(make_person(merchant, "Han Mei", Grant.VIEW, Grant.HANDLE), merchant)


def kept() -> list[Any]:
    return list(Draft.objects.order_by("pk").values_list("fields", flat=True))


class TestSave:
    def test_each_form_keeps_its_own_fields_and_no_others(self, complaint, member):
        everything = {name: f"my {name}" for names in FIELDS.values() for name in names} | {
            "csrf": "x",
            "is_staff": "1",
        }
        for form, names in FIELDS.items():
            draft = save_draft(complaint.pk, form, everything, actor=member, now=NOW)
            assert draft is not None
            assert draft.fields == {name: f"my {name}" for name in names}
        assert set(drafts_of(complaint, member)) == {"handling", "message", "note"}

    def test_it_takes_the_place_of_what_was_kept_before(self, complaint, member):
        save_draft(complaint.pk, "handling", {"note": "a", "tracking": "SF 1"}, actor=member, now=NOW)
        save_draft(complaint.pk, "handling", {"note": "ab"}, pictures=("t1", "t2"), actor=member, now=LATER)
        draft = Draft.objects.get()
        assert (draft.fields, draft.saved_at) == ({"note": "ab", "pictures": ["t1", "t2"]}, LATER)

    def test_what_is_typed_is_kept_as_it_is(self, complaint, member):
        save_draft(complaint.pk, "message", {"text": "  亲，您好\r\n<b>{consumer}</b> "}, actor=member, now=NOW)
        assert kept() == [{"text": "  亲，您好\r\n<b>{consumer}</b> "}]

    def test_without_the_character_that_no_database_takes(self, complaint, member):
        save_draft(complaint.pk, "message", {"text": "a\0b"}, actor=member, now=NOW)
        assert kept() == [{"text": "ab"}]

    @pytest.mark.parametrize("typed", [{}, {"text": ""}, {"text": " \n "}, {"text": "\0"}, {"other": "field"}])
    def test_when_nothing_is_typed_nothing_is_kept_and_what_was_goes(self, complaint, member, typed):
        save_draft(complaint.pk, "note", {"text": "before"}, actor=member, now=NOW)
        assert save_draft(complaint.pk, "note", typed, actor=member, now=LATER) is None
        assert kept() == []

    def test_pictures_alone_are_kept(self, complaint, member):
        save_draft(complaint.pk, "message", {}, pictures=("t1",), actor=member, now=NOW)
        assert kept() == [{"pictures": ["t1"]}]


class TestRefusals:
    def test_an_unknown_form(self, complaint, member):
        with override("en"), pytest.raises(BadInput, match=r"This form keeps no draft\.") as refusal:
            save_draft(complaint.pk, "appeal", {"text": "x"}, actor=member, now=NOW)
        assert refusal.value.field == "form"

    def test_more_than_any_form_takes_and_what_was_kept_stays(self, complaint, member):
        save_draft(complaint.pk, "message", {"text": "x" * LONGEST}, actor=member, now=NOW)
        for typed, pictures in (({"text": "y" * (LONGEST + 1)}, ()), ({"text": "y" * LONGEST}, ("t",))):
            with override("en"), pytest.raises(BadInput, match="too long to be kept as a draft"):
                save_draft(complaint.pk, "message", typed, pictures=pictures, actor=member, now=LATER)
        assert kept() == [{"text": "x" * LONGEST}]

    def test_whoever_does_not_handle(self, complaint, merchant):
        looks = acting(make_person(merchant, "Only Looks", Grant.VIEW), merchant)
        with pytest.raises(NotAllowed):
            save_draft(complaint.pk, "message", {"text": "x"}, actor=looks, now=NOW)
        assert kept() == []

    def test_for_a_member_without_grants_and_a_neighbour_the_complaint_does_not_exist(self, complaint, merchant):
        other, administrator = make_team("Other House")
        for actor in (acting(administrator, other), acting(make_person(merchant, "Newcomer"), merchant)):
            with pytest.raises(Http404):
                save_draft(complaint.pk, "message", {"text": "x"}, actor=actor, now=NOW)
        assert kept() == []

    def test_programs_the_platform_and_staff(self, complaint, merchant):
        own = member_actor(merchant)
        key = Actor(kind=ActorKind.MERCHANT, name="key", id=1, merchant_id=merchant.pk, grants=own.grants)
        for actor in (key, platform_actor(merchant.platform), STAFF):
            with pytest.raises(NotAllowed):
                save_draft(complaint.pk, "message", {"text": "x"}, actor=actor, now=NOW)
            with pytest.raises(NotAllowed):
                drafts_of(complaint, actor)
            with pytest.raises(NotAllowed):
                drop_draft(complaint.pk, "message", actor=actor)
        assert kept() == []


class TestEachPersonsOwn:
    def test_two_members_write_beside_each_other(self, complaint, member, colleague):
        save_draft(complaint.pk, "message", {"text": "mine"}, actor=member, now=NOW)
        save_draft(complaint.pk, "message", {"text": "hers"}, actor=colleague, now=NOW)
        assert drafts_of(complaint, member)["message"].fields == {"text": "mine"}
        assert drafts_of(complaint, colleague)["message"].fields == {"text": "hers"}

    def test_each_throws_away_their_own(self, complaint, member, colleague):
        for actor in (member, colleague):
            save_draft(complaint.pk, "message", {"text": actor.name}, actor=actor, now=NOW)
            save_draft(complaint.pk, "note", {"text": actor.name}, actor=actor, now=NOW)
        drop_draft(complaint.pk, "message", actor=member)
        assert set(drafts_of(complaint, member)) == {"note"}
        assert set(drafts_of(complaint, colleague)) == {"message", "note"}
        drop_draft(complaint.pk, "message", actor=member)

    def test_and_of_each_complaint_apart(self, complaint, member):
        other = file_at("2026-03-09T09:00+08:00", complaint.mini_program)
        save_draft(complaint.pk, "message", {"text": "mine"}, actor=member, now=NOW)
        assert drafts_of(other, member) == {}
