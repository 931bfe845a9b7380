"""Who works on which complaint: given, taken back, refused, and two members at the same moment."""

from functools import partial
from typing import Any

import pytest
from django.db.models import QuerySet
from django.utils.translation import override

from common.actors import Actor, ActorKind
from common.errors import BadInput, NotAllowed, PortalError
from complaints.models import Complaint, HistoryLine, InternalLine
from complaints.tests.factories import STAFF, file_at, make_program, member_actor, moment, platform_actor
from complaints.tests.racing import collide
from complaints.workspace import assigning
from complaints.workspace.assigning import assign, assignable
from complaints.workspace.results import MOST_AT_ONCE, RowResult
from merchants.models import Grant, Membership
from merchants.team import remove_member
from merchants.tests.people import acting, make_person, make_team, place_of
from notifications.models import Event

NOW = moment("2026-03-10T12:00+08:00")
ROUNDS = 5


class Team:
    """A merchant with an administrator and two members who handle, and two complaints."""

    def __init__(self) -> None:
        self.merchant, administrator = make_team()
        self.boss = acting(administrator, self.merchant)
        self.li = place_of(self.person("Li Lei", Grant.VIEW, Grant.HANDLE), self.merchant)
        self.han = place_of(self.person("Han Mei", Grant.VIEW, Grant.HANDLE), self.merchant)
        program = make_program(merchant=self.merchant)
        self.first = file_at("2026-03-09T09:00+08:00", program)
        self.second = file_at("2026-03-09T10:00+08:00", program)

    def person(self, name: str, *grants: Grant, **fields):
        return make_person(self.merchant, name, *grants, **fields)

    def acts(self, place: Membership) -> Actor:
        return acting(place.user, self.merchant)


@pytest.fixture
def team(db) -> Team:
    return Team()


@pytest.fixture
def committed(transactional_db) -> Team:
    return Team()


def assignee_of(complaint: Complaint) -> int | None:
    return Complaint.objects.values_list("assignee_id", flat=True).get(pk=complaint.pk)


def lines() -> list[tuple[int, str, str]]:
    found = InternalLine.objects.filter(kind="assign").order_by("at", "pk")
    return list(found.values_list("complaint_id", "actor_name", "assignee_name"))


def refused(error: type[PortalError], wanted: dict[int, int | None], actor: Actor) -> PortalError:
    """Expect a refusal that changed nothing, and return it."""
    before = list(Complaint.objects.order_by("pk").values_list("assignee_id", flat=True))
    with override("en"), pytest.raises(error) as refusal:
        assign(wanted, actor=actor, now=NOW)
    assert list(Complaint.objects.order_by("pk").values_list("assignee_id", flat=True)) == before
    assert lines() == []
    return refusal.value


class TestWhoCanBeAssigned:
    def test_those_who_may_handle_here_and_nobody_else(self, team):
        team.person("Only Looks", Grant.VIEW)
        team.person("Newcomer")
        gone = team.person("Left", Grant.VIEW, Grant.HANDLE)
        gone.is_active = False
        gone.save()
        elsewhere, _administrator = make_team("Other House")
        make_person(elsewhere, "Stranger", Grant.VIEW, Grant.HANDLE)
        names = [str(each.user) for each in assignable(team.merchant.pk)]
        assert names == ["Wang Fang", "Li Lei", "Han Mei"]


class TestAssign:
    def test_each_complaint_goes_to_whom_it_is_given_with_a_line_and_a_result(self, team):
        with override("en"):
            results = assign(
                {team.first.pk: team.li.pk, team.second.pk: team.han.pk}, actor=team.acts(team.li), now=NOW
            )
        assert results == [
            RowResult(team.first.complaint_no, done=True, words="Assigned to Li Lei."),
            RowResult(team.second.complaint_no, done=True, words="Assigned to Han Mei."),
        ]
        assert (assignee_of(team.first), assignee_of(team.second)) == (team.li.pk, team.han.pk)
        assert lines() == [(team.first.pk, "Li Lei", "Li Lei"), (team.second.pk, "Li Lei", "Han Mei")]
        assert set(InternalLine.objects.values_list("actor_id", "at")) == {(team.li.user_id, NOW)}

    def test_what_is_so_already_is_left_alone_and_says_so(self, team):
        assign({team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
        with override("en"):
            results = assign({team.first.pk: team.li.pk, team.second.pk: None}, actor=team.boss, now=NOW)
        assert [each.words for each in results] == [
            "Was assigned to Li Lei already.",
            "Was assigned to nobody already.",
        ]
        assert len(lines()) == 1

    def test_it_is_taken_from_a_member_again(self, team):
        assign({team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
        with override("en"):
            (result,) = assign({team.first.pk: None}, actor=team.boss, now=NOW)
        assert result.words == "Assigned to nobody."
        assert assignee_of(team.first) is None
        assert lines()[-1] == (team.first.pk, "Wang Fang", "")

    def test_it_is_no_move_of_the_complaint_and_nobody_outside_is_told(self, team):
        before = (HistoryLine.objects.count(), Event.objects.count())
        assign({team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
        assert (HistoryLine.objects.count(), Event.objects.count()) == before

    def test_it_takes_as_many_statements_for_many_as_for_one(self, team, django_assert_num_queries):
        program = team.first.mini_program
        many = [file_at("2026-03-09T11:00+08:00", program).pk for _ in range(20)]
        with django_assert_num_queries(6):  # a savepoint's two, the member, the complaints, the update, the lines
            assign({team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
        with django_assert_num_queries(6):
            assert len(assign(dict.fromkeys(many, team.li.pk), actor=team.boss, now=NOW)) == 20

    def test_another_merchants_complaint_does_not_exist(self, team):
        other = file_at("2026-03-09T09:00+08:00")
        results = assign({other.pk: team.li.pk, team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
        assert [each.complaint_no for each in results] == [team.first.complaint_no]
        assert assignee_of(other) is None

    def test_a_complaint_of_a_member_who_is_removed_is_nobodys(self, team):
        assign({team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
        remove_member(team.li.pk, actor=team.boss, now=NOW)
        assert assignee_of(team.first) is None
        assert lines() == [(team.first.pk, "Wang Fang", "Li Lei")]


class TestRefusals:
    @pytest.mark.parametrize("grants", [(Grant.VIEW,), (Grant.VIEW, Grant.REFUND, Grant.APPEAL, Grant.MEMBERS), ()])
    def test_whoever_may_not_handle(self, team, grants):
        actor = acting(team.person("Only Looks", *grants), team.merchant)
        refused(NotAllowed, {team.first.pk: team.li.pk}, actor)

    def test_a_merchants_program_the_platform_and_staff(self, team):
        own = member_actor(team.merchant)
        key = Actor(kind=ActorKind.MERCHANT, name="key", id=1, merchant_id=own.merchant_id, grants=own.grants)
        for actor in (key, platform_actor(team.merchant.platform), STAFF):
            refused(NotAllowed, {team.first.pk: team.li.pk}, actor)

    def test_nothing_chosen(self, team):
        refusal = refused(BadInput, {}, team.boss)
        assert str(refusal) == "Choose at least one complaint."
        assert refusal.field == "chosen"

    def test_more_than_can_be_done_at_once(self, team):
        one_too_many = dict.fromkeys(range(1, MOST_AT_ONCE + 2), team.li.pk)
        assert str(refused(BadInput, one_too_many, team.boss)) == (
            "You chose 501 complaints; at most 500 can be done at once."
        )
        exactly = dict.fromkeys(range(team.first.pk, team.first.pk + MOST_AT_ONCE), team.li.pk)
        assert assign(exactly, actor=team.boss, now=NOW)

    @pytest.mark.parametrize("which", ["looks", "left", "elsewhere", "nobody"])
    def test_a_member_who_may_not_work_on_it(self, team, which):
        looks = place_of(team.person("Only Looks", Grant.VIEW), team.merchant)
        left = place_of(team.person("Left", Grant.VIEW, Grant.HANDLE, is_active=False), team.merchant)
        other, administrator = make_team("Other House")
        places = {"looks": looks.pk, "left": left.pk, "elsewhere": place_of(administrator, other).pk, "nobody": 0}
        refusal = refused(BadInput, {team.second.pk: team.li.pk, team.first.pk: places[which]}, team.boss)
        assert str(refusal) == "This member does not handle complaints here any more. Choose another."
        assert refusal.field == "assignee"


class Unlocked(QuerySet[Complaint]):
    """Complaints that are read as if there was nobody else."""

    def select_for_update(self, *_options: Any, **_more: Any) -> "Unlocked":
        return self


def taken_by_two(team: Team) -> tuple[list[list[RowResult]], int]:
    """Let two members take a complaint away from a third at once; return their results and the lines they wrote."""
    assign({team.first.pk: team.li.pk}, actor=team.boss, now=NOW)
    before = len(lines())
    results = collide(
        Complaint.objects.filter(pk=team.first.pk),
        partial(assign, {team.first.pk: None}, actor=team.boss, now=NOW),
        partial(assign, {team.first.pk: None}, actor=team.acts(team.han), now=NOW),
    )
    return results, len(lines()) - before


class TestRaces:
    """Two real connections; beside each what happens without the lock."""

    def test_of_two_who_give_the_same_complaint_the_second_says_what_it_found(self, committed):
        team = committed
        for _ in range(ROUNDS):
            assign({team.first.pk: None}, actor=team.boss, now=NOW)
            before = len(lines())
            results = collide(
                Complaint.objects.filter(pk=team.first.pk),
                partial(assign, {team.first.pk: team.li.pk}, actor=team.acts(team.li), now=NOW),
                partial(assign, {team.first.pk: team.han.pk}, actor=team.acts(team.han), now=NOW),
            )
            assert [len(each) for each in results] == [1, 1]
            assert len(lines()) == before + 2
            last = lines()[-1]
            assert assignee_of(team.first) == {"Li Lei": team.li.pk, "Han Mei": team.han.pk}[last[2]]

    def test_of_two_who_take_it_away_one_changes_it_and_one_line_is_written(self, committed):
        team = committed
        for _ in range(ROUNDS):
            results, written = taken_by_two(team)
            words = sorted(str(each[0].words) for each in results)
            assert words == ["Assigned to nobody.", "Was assigned to nobody already."]
            assert written == 1

    def test_without_the_lock_both_would_say_that_they_changed_it(self, committed, monkeypatch):
        """The control: nobody looks again after waiting, and the history tells of two changes where one was made."""
        monkeypatch.setattr(
            assigning, "visible_to", lambda actor: Unlocked(Complaint).filter(merchant=actor.merchant_id)
        )
        results, written = taken_by_two(committed)
        assert [str(each[0].words) for each in results] == ["Assigned to nobody.", "Assigned to nobody."]
        assert written == 2

    def test_whoever_is_removed_at_this_moment_is_given_nothing_and_the_removal_stands(self, committed):
        team = committed
        leaver = place_of(team.person("Leaver", Grant.VIEW, Grant.HANDLE), team.merchant)
        results = collide(
            Membership.objects.filter(pk=leaver.pk),
            partial(remove_member, leaver.pk, actor=team.boss, now=NOW),
            partial(assign, {team.first.pk: leaver.pk}, actor=team.boss, now=NOW),
        )
        assert results[0] is None
        assert isinstance(results[1], BadInput)
        assert not Membership.objects.filter(pk=leaver.pk).exists()
        assert assignee_of(team.first) is None

    def test_what_is_given_just_before_a_removal_becomes_nobodys(self, committed):
        team = committed
        leaver = place_of(team.person("Leaver", Grant.VIEW, Grant.HANDLE), team.merchant)
        results = collide(
            Membership.objects.filter(pk=leaver.pk),
            partial(assign, {team.first.pk: leaver.pk}, actor=team.boss, now=NOW),
            partial(remove_member, leaver.pk, actor=team.boss, now=NOW),
        )
        assert str(results[0][0].words) == "Assigned to Leaver."
        assert results[1] is None
        assert assignee_of(team.first) is None
