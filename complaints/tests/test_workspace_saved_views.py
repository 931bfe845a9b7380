"""Saved views: one's own and shared ones, who sees and who changes them, and the two at once."""

from functools import partial

import pytest
from django.db import IntegrityError
from django.http import Http404
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed
from complaints.models import SavedView
from complaints.tests.factories import STAFF, member_actor, moment, platform_actor
from complaints.tests.racing import collide
from complaints.workspace.saved_views import MOST, NAME_LIMIT, QUERY_LIMIT, delete_view, save_view, views_of
from merchants.models import Grant, Merchant
from merchants.tests.people import acting, make_person, make_team

pytestmark = pytest.mark.django_db

NOW = moment("2026-03-10T12:00+08:00")
LATER = moment("2026-03-11T12:00+08:00")


@pytest.fixture
def merchant() -> Merchant:
    return make_team()[0]


@pytest.fixture
def member(merchant) -> Actor:
    return acting(make_person(merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), merchant)


@pytest.fixture
def colleague(merchant) -> Actor:
    """Sees complaints, and does not handle them."""
    return acting(make_person(merchant, "Han Mei", Grant.VIEW), merchant)


def names(actor: Actor) -> list[str]:
    return [view.name for view in views_of(actor)]


def refused(actor: Actor, sentence: str, *, name: str = "Mine", query: str = "due=6", shared: bool = False) -> None:
    before = list(SavedView.objects.order_by("pk").values())
    with override("en"), pytest.raises(BadInput) as refusal:
        save_view(name, query, shared=shared, actor=actor, now=LATER)
    assert (str(refusal.value), refusal.value.field) == (sentence, "name")
    assert list(SavedView.objects.order_by("pk").values()) == before


class TestSave:
    def test_ones_own_is_kept_with_who_and_when(self, merchant, member):
        view = save_view("  Due \n soon ", "due=6&status=pending", shared=False, actor=member, now=NOW)
        view.refresh_from_db()
        assert (view.name, view.query, view.owner_id, view.merchant) == (
            "Due soon",
            "due=6&status=pending",
            member.id,
            merchant,
        )
        assert (view.changed_by, view.changed_at) == ("Li Lei", NOW)

    def test_under_the_same_name_it_replaces_what_was_kept(self, member):
        first = save_view("Soon", "due=6", shared=False, actor=member, now=NOW)
        second = save_view("Soon", "due=24", shared=False, actor=member, now=LATER)
        assert first == second == SavedView.objects.get()
        assert (second.query, second.changed_at) == ("due=24", LATER)

    def test_a_shared_one_another_members_and_ones_own_have_names_of_their_own(self, member, colleague):
        save_view("Soon", "due=6", shared=True, actor=member, now=NOW)
        save_view("Soon", "due=24", shared=False, actor=member, now=NOW)
        save_view("Soon", "due=48", shared=False, actor=colleague, now=NOW)
        assert sorted(SavedView.objects.values_list("query", flat=True)) == ["due=24", "due=48", "due=6"]

    def test_who_only_looks_may_keep_their_own(self, colleague):
        save_view("Soon", "due=6", shared=False, actor=colleague, now=NOW)
        assert names(colleague) == ["Soon"]

    def test_a_shared_one_of_another_is_replaced_by_whoever_handles(self, merchant, member):
        other = acting(make_person(merchant, "Wu", Grant.VIEW, Grant.HANDLE), merchant)
        save_view("Soon", "due=6", shared=True, actor=other, now=NOW)
        save_view("Soon", "due=24", shared=True, actor=member, now=LATER)
        assert list(SavedView.objects.values_list("query", "changed_by")) == [("due=24", "Li Lei")]


class TestRefusals:
    @pytest.mark.parametrize("name", ["", "   ", "\n"])
    def test_no_name(self, member, name):
        refused(member, "Give the view a name.", name=name)

    def test_a_name_and_filters_beyond_the_limit(self, member):
        save_view("n" * NAME_LIMIT, "q" * QUERY_LIMIT, shared=False, actor=member, now=NOW)
        refused(member, "Keep the name to 40 characters.", name="n" * (NAME_LIMIT + 1))
        refused(member, "These filters are too long to be kept. Choose fewer.", query="q" * (QUERY_LIMIT + 1))

    @pytest.mark.parametrize("shared", [True, False])
    def test_more_than_one_may_have_but_an_old_one_can_be_replaced(self, merchant, member, shared):
        owner_id = None if shared else member.id
        SavedView.objects.bulk_create(
            SavedView(merchant=merchant, owner_id=owner_id, name=f"{number}", query="", changed_at=NOW)
            for number in range(MOST)
        )
        refused(member, "There are 50 views already. Delete one first.", shared=shared)
        save_view("7", "due=6", shared=shared, actor=member, now=NOW)
        save_view("The other sort", "due=6", shared=not shared, actor=member, now=NOW)

    def test_sharing_by_who_does_not_handle(self, colleague):
        with pytest.raises(NotAllowed):
            save_view("Soon", "due=6", shared=True, actor=colleague, now=NOW)
        assert not SavedView.objects.exists()

    def test_a_member_without_grants_a_program_the_platform_and_staff(self, merchant, member):
        own = member_actor(merchant)
        view = save_view("Soon", "due=6", shared=True, actor=member, now=NOW)
        outside = (
            acting(make_person(merchant, "Newcomer"), merchant),
            # With the number of a member: a key has no views, whoever has the same number.
            Actor(kind=ActorKind.MERCHANT, name="key", id=member.id, merchant_id=merchant.pk, grants=own.grants),
            Actor(kind=ActorKind.MEMBER, name="Nobody's", id=member.id, grants=own.grants),
            platform_actor(merchant.platform),
            STAFF,
        )
        for actor in outside:
            assert names(actor) == []
            for shared in (True, False):
                with pytest.raises(NotAllowed):
                    save_view("New", "due=6", shared=shared, actor=actor, now=NOW)
            with pytest.raises(NotAllowed):
                delete_view(view.pk, actor=actor)
        assert SavedView.objects.get() == view

    def test_the_database_refuses_two_of_one_name(self, merchant, member):
        save_view("Soon", "due=6", shared=True, actor=member, now=NOW)
        with pytest.raises(IntegrityError, match="one_shared_view_of_a_name"):
            SavedView.objects.create(merchant=merchant, name="Soon", query="", changed_at=NOW)


class TestWhoSees:
    def test_shared_ones_come_first_then_ones_own_each_by_name(self, member, colleague):
        for name, shared in (("d", False), ("c", True), ("b", False), ("a", True)):
            save_view(name, "", shared=shared, actor=member, now=NOW)
        save_view("theirs", "", shared=False, actor=colleague, now=NOW)
        assert names(member) == ["a", "c", "b", "d"]
        assert names(colleague) == ["a", "c", "theirs"]

    def test_at_another_merchant_the_same_person_has_others(self, merchant, member):
        other, administrator = make_team("Other House")
        save_view("here", "", shared=False, actor=member, now=NOW)
        save_view("shared here", "", shared=True, actor=member, now=NOW)
        there = Actor(kind=ActorKind.MEMBER, name="Li Lei", id=member.id, merchant_id=other.pk, grants=member.grants)
        assert names(there) == names(acting(administrator, other)) == []


class TestDelete:
    def test_it_gives_back_what_it_held_so_that_it_can_be_saved_again(self, member):
        view = save_view("Soon", "due=6", shared=True, actor=member, now=NOW)
        held = delete_view(view.pk, actor=member)
        assert (held.name, held.query, held.owner_id) == ("Soon", "due=6", None)
        assert not SavedView.objects.exists()

    def test_a_shared_one_stays_when_who_does_not_handle_deletes_it(self, member, colleague):
        view = save_view("Soon", "due=6", shared=True, actor=member, now=NOW)
        with override("en"), pytest.raises(NotAllowed, match="Only members who handle complaints change shared views"):
            delete_view(view.pk, actor=colleague)
        assert SavedView.objects.get() == view

    def test_another_members_own_and_another_merchants_do_not_exist(self, member, colleague):
        other, administrator = make_team("Other House")
        view = save_view("Soon", "due=6", shared=False, actor=member, now=NOW)
        shared = save_view("Ours", "due=6", shared=True, actor=member, now=NOW)
        for pk, actor in (
            (view.pk, colleague),
            (view.pk, acting(administrator, other)),
            (shared.pk, acting(administrator, other)),
        ):
            with pytest.raises(Http404):
                delete_view(pk, actor=actor)
        assert SavedView.objects.count() == 2

    def test_twice_it_is_not_there_any_more(self, member):
        view = save_view("Soon", "due=6", shared=False, actor=member, now=NOW)
        delete_view(view.pk, actor=member)
        with pytest.raises(Http404):
            delete_view(view.pk, actor=member)


@pytest.mark.django_db(transaction=True)
def test_two_who_share_a_view_of_one_name_at_the_same_moment_leave_one():
    merchant, administrator = make_team()
    other = acting(make_person(merchant, "Li Lei", Grant.VIEW, Grant.HANDLE), merchant)
    outcomes = collide(
        Merchant.objects.filter(pk=merchant.pk),
        partial(save_view, "Soon", "due=6", shared=True, actor=acting(administrator, merchant), now=NOW),
        partial(save_view, "Soon", "due=24", shared=True, actor=other, now=NOW),
    )
    assert [type(each) for each in outcomes] == [SavedView, SavedView]
    assert SavedView.objects.count() == 1
