"""Who works for a merchant: what each verb does, when it refuses, and that nobody gives more than they have."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import translation

from common.errors import BadInput, Conflict, IllegalMove, NotAllowed
from complaints.tests.factories import make_merchant, make_user, moment
from merchants import team
from merchants.models import AccessRequest, Grant, Invitation, MemberLine, Membership, User
from merchants.tests.people import EXPIRES, INVITED, acting, invited, make_person, make_team, place_of
from merchants.wording import ALLOWS, LINES, line_words

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)
LATER = moment("2026-11-03T10:00+08:00")


@pytest.fixture
def tea():
    return make_team()


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


def manager_of(merchant, *grants):
    """A member who manages members, and is no account administrator."""
    return make_person(merchant, "Ma", Grant.MEMBERS, *grants)


def lines(merchant):
    return [(line.actor_name, line_words(line)) for line in MemberLine.objects.filter(merchant=merchant).order_by("pk")]


def everything():
    """All that a refusal must leave as it was."""
    return [
        list(model.objects.order_by("pk").values()) for model in (Invitation, Membership, AccessRequest, MemberLine)
    ]


@contextmanager
def refused(exception, sentence, code=None):
    """A verb refuses with this exception and this sentence, and nothing has changed."""
    before = everything()
    with pytest.raises(exception) as raised:
        yield
    assert sentence in str(raised.value)
    assert code in (None, raised.value.code)
    assert everything() == before


# Inviting.


def test_an_invitation_lasts_seven_days_and_its_mail_is_due_at_once(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang, email="  li@example.com ", grants=[Grant.VIEW, Grant.HANDLE])
    assert (invitation.email, invitation.grants) == ("li@example.com", ["handle", "view"])
    assert (invitation.invited_at, invitation.expires_at, invitation.mail_at) == (INVITED, EXPIRES, INVITED)
    ((who, said),) = lines(merchant)
    assert who == "Wang Fang"
    assert said == (
        "invited li@example.com. They may there: see complaints and penalties, handle complaints and leave messages."
    )


@pytest.mark.parametrize(
    "address", ["", "li", "li@", "li@example.com\nBcc: x@example.com", f"{'l' * 60}@{'e' * 200}.cn"]
)
def test_what_is_no_address_is_refused(tea, address):
    merchant, wang = tea
    with refused(BadInput, "address"):
        invited(merchant, wang, email=address)


def test_a_long_address_is_refused_before_the_database_does(tea):
    merchant, wang = tea
    with refused(BadInput, "Keep the address to 254 characters."):
        invited(merchant, wang, email="li@" + ".".join(["example"] * 33) + ".com")


def test_a_member_is_not_invited_again(tea):
    merchant, wang = tea
    make_person(merchant, "Li", email="Li@Example.com")
    with refused(BadInput, "works for Tea House already"):
        invited(merchant, wang, email="li@example.com")


def test_an_unknown_grant_is_refused(tea):
    with refused(BadInput, "Choose permissions from the list."):
        invited(*tea, grants=["everything"])


def test_the_same_address_again_replaces_the_invitation_and_its_link(tea):
    merchant, wang = tea
    first = team.token_of(invited(merchant, wang))
    second = invited(merchant, wang, email="LI@example.com", grants=[Grant.APPEAL], now=LATER)
    assert Invitation.objects.count() == 1
    assert (second.grants, second.expires_at) == (["appeal"], LATER + timedelta(days=7))
    with refused(IllegalMove, "A newer invitation was sent", "replaced"):
        team.opened(first, now=LATER)
    assert team.opened(team.token_of(second), now=LATER) == second


def test_without_the_grant_nobody_invites(tea):
    merchant, _wang = tea
    li = make_person(merchant, "Li", Grant.VIEW)
    with refused(NotAllowed, "may not manage members"):
        invited(merchant, li)


def test_at_another_merchant_nobody_invites(tea):
    merchant, _wang = tea
    other, stranger = make_team("Wine House")
    actor = acting(stranger, other)
    with refused(NotAllowed, "may not manage members"):
        team.invite(merchant.pk, "li@example.com", grants=[], language="en", actor=actor, now=INVITED)


def test_a_grant_that_was_taken_away_meanwhile_no_longer_counts(tea):
    merchant, _wang = tea
    manager = manager_of(merchant)
    actor = acting(manager, merchant)
    Membership.objects.filter(user=manager).update(grants=[Grant.VIEW])
    with refused(NotAllowed, "may not manage members"):
        team.invite(merchant.pk, "li@example.com", grants=[], language="en", actor=actor, now=INVITED)


# Nobody gives more than they have, and nobody below touches an account administrator.


def test_a_manager_gives_only_what_is_their_own(tea):
    merchant, _wang = tea
    manager = manager_of(merchant, Grant.VIEW)
    assert invited(merchant, manager, grants=[Grant.VIEW, Grant.MEMBERS])
    with refused(NotAllowed, "only permissions that you have yourself"):
        invited(merchant, manager, email="zhao@example.com", grants=[Grant.VIEW, Grant.REFUND])
    with refused(NotAllowed, "Only an account administrator can make another."):
        invited(merchant, manager, email="zhao@example.com", is_administrator=True)


def test_a_manager_does_not_raise_themselves(tea):
    merchant, _wang = tea
    manager = manager_of(merchant)
    own, actor = place_of(manager, merchant), acting(manager, merchant)
    with refused(NotAllowed, "only permissions that you have yourself"):
        team.change_member(own.pk, grants=["members", "fund"], is_administrator=False, actor=actor, now=LATER)
    with refused(NotAllowed, "Only an account administrator can make another."):
        team.change_member(own.pk, grants=["members"], is_administrator=True, actor=actor, now=LATER)
    asked = team.ask_access(merchant.pk, Grant.FUND, actor=actor, now=LATER)
    with refused(NotAllowed, "only permissions that you have yourself"):
        team.decide_access(asked.pk, granted=True, actor=actor, now=LATER)


def test_a_manager_does_not_touch_an_account_administrator(tea):
    merchant, wang = tea
    make_person(merchant, "Zhou", is_administrator=True)
    actor, administrator = acting(manager_of(merchant), merchant), place_of(wang, merchant)
    with refused(NotAllowed, "Only an account administrator can change or remove another."):
        team.change_member(administrator.pk, grants=[], is_administrator=False, actor=actor, now=LATER)
    with refused(NotAllowed, "Only an account administrator can change or remove another."):
        team.remove_member(administrator.pk, actor=actor, now=LATER)


def test_a_manager_does_not_touch_the_invitation_of_an_account_administrator(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang, is_administrator=True)
    manager = manager_of(merchant, *Grant)
    actor = acting(manager, merchant)
    with refused(NotAllowed, "Only an account administrator can make another."):
        team.renew(invitation.pk, actor=actor, now=LATER)
    with refused(NotAllowed, "Only an account administrator can change or remove another."):
        team.withdraw(invitation.pk, actor=actor, now=LATER)
    with refused(NotAllowed, "Only an account administrator can change or remove another."):
        invited(merchant, manager, grants=[])


def test_a_manager_sends_no_invitation_again_that_gives_more_than_they_have(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang, grants=[Grant.FUND])
    actor = acting(manager_of(merchant), merchant)
    with refused(NotAllowed, "only permissions that you have yourself"):
        team.renew(invitation.pk, actor=actor, now=LATER)


def test_what_a_manager_has_not_they_cannot_take_away_either(tea):
    merchant, _wang = tea
    li = place_of(make_person(merchant, "Li", Grant.VIEW, Grant.FUND), merchant)
    actor = acting(manager_of(merchant, Grant.VIEW), merchant)
    team.change_member(li.pk, grants=[], is_administrator=False, actor=actor, now=LATER)
    li.refresh_from_db()
    assert li.grants == ["fund"]


# What a link opens.


def test_the_link_opens_until_the_very_moment(tea):
    token = team.token_of(invited(*tea))
    assert team.opened(token, now=EXPIRES - MICROSECOND)
    assert team.opened(token, now=EXPIRES)
    with refused(IllegalMove, "This invitation has expired. Ask Wang Fang to send it again.", "expired"):
        team.opened(token, now=EXPIRES + MICROSECOND)


@pytest.mark.parametrize(
    "spoil", [lambda t: "", lambda t: t[:-1], lambda t: t + "A", lambda t: "X" + t, lambda t: "a:b:c"]
)
def test_an_altered_link_opens_nothing(tea, spoil):
    token = team.token_of(invited(*tea))
    with refused(BadInput, "This link is not whole.", "bad_link"):
        team.opened(spoil(token), now=INVITED)


def test_a_withdrawn_invitation_opens_nothing(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang)
    team.withdraw(invitation.pk, actor=acting(wang, merchant), now=LATER)
    with refused(IllegalMove, "was withdrawn", "withdrawn"):
        team.accept(team.token_of(invitation), make_user(), now=LATER)
    with refused(IllegalMove, "used or withdrawn meanwhile"):
        team.withdraw(invitation.pk, actor=acting(wang, merchant), now=LATER)
    with refused(IllegalMove, "used or withdrawn meanwhile"):
        team.renew(invitation.pk, actor=acting(wang, merchant), now=LATER)


def test_a_renewed_invitation_has_its_whole_time_and_only_the_new_link_opens(tea):
    merchant, wang = tea
    old = team.token_of(invited(merchant, wang))
    late = EXPIRES + timedelta(days=30)
    renewed = team.renew(Invitation.objects.get().pk, actor=acting(wang, merchant), now=late)
    assert (renewed.expires_at, renewed.mail_at, renewed.mailed_at) == (late + timedelta(days=7), late, None)
    with refused(IllegalMove, "A newer invitation", "replaced"):
        team.opened(old, now=late)
    assert team.accept(team.token_of(renewed), make_user(), now=late)


# Joining.


def test_who_joins_gets_what_the_invitation_gives_and_it_opens_once(tea):
    merchant, wang = tea
    token = team.token_of(invited(merchant, wang, grants=[Grant.VIEW, Grant.REFUND]))
    li = make_user(last_name="Li")
    place = team.accept(token, li, now=LATER)
    assert (place.merchant, place.user, place.grants, place.is_administrator) == (
        merchant,
        li,
        ["refund", "view"],
        False,
    )
    assert lines(merchant)[-1] == ("Li", "joined with the invitation of li@example.com.")
    with refused(IllegalMove, "was used already", "used"):
        team.accept(token, make_user(), now=LATER)


def test_staff_and_members_do_not_join(tea):
    merchant, wang = tea
    token = team.token_of(invited(merchant, wang))
    with refused(NotAllowed, "Support staff cannot work for a merchant."):
        team.accept(token, make_user(is_staff=True), now=LATER)
    with refused(IllegalMove, "You work for Tea House already.", "member"):
        team.accept(token, wang, now=LATER)
    assert team.accept(token, make_user(), now=LATER)


def join_anew(token, now=LATER):
    return team.join_anew(token, name="李雷", password="quite-long-enough", language="zh-hans", now=now)


def test_a_new_account_has_the_address_of_the_invitation_and_belongs_to_the_merchant(tea):
    merchant, wang = tea
    user = join_anew(team.token_of(invited(merchant, wang)))
    assert (user.username, user.email, str(user), user.language) == (
        "li@example.com",
        "li@example.com",
        "李雷",
        "zh-hans",
    )
    assert user.check_password("quite-long-enough")
    assert place_of(user, merchant).grants == ["view"]


def test_a_username_is_made_up_where_the_address_is_taken_or_cannot_be_one(tea):
    merchant, wang = tea
    make_user("li@example.com")
    assert join_anew(team.token_of(invited(merchant, wang))).username.startswith("member-")
    odd = invited(merchant, wang, email="li!lei@example.com")
    assert join_anew(team.token_of(odd)).username.startswith("member-")


def test_an_address_that_has_an_account_makes_no_second_one(tea):
    token = team.token_of(invited(*tea))
    make_user(email="Li@Example.com")
    before = User.objects.count()
    with refused(IllegalMove, "There is an account with this address already.", "has_account"):
        join_anew(token)
    assert User.objects.count() == before


def test_a_link_that_does_not_open_makes_no_account(tea):
    token = team.token_of(invited(*tea))
    before = User.objects.count()
    with refused(IllegalMove, "has expired", "expired"):
        join_anew(token, now=EXPIRES + MICROSECOND)
    assert User.objects.count() == before


# Changing and removing.


def test_a_change_says_what_was_given_and_taken(tea):
    merchant, wang = tea
    li = place_of(make_person(merchant, "Li", Grant.VIEW, Grant.HANDLE), merchant)
    actor = acting(wang, merchant)
    team.change_member(li.pk, grants=["view", "appeal"], is_administrator=False, actor=actor, now=LATER)
    team.change_member(li.pk, grants=["view", "appeal"], is_administrator=True, actor=actor, now=LATER)
    team.change_member(li.pk, grants=["appeal", "view"], is_administrator=True, actor=actor, now=LATER)
    assert lines(merchant) == [
        ("Wang Fang", "changed what Li may do. Given: appeal. Taken away: handle complaints and leave messages."),
        ("Wang Fang", "changed what Li may do. Now an account administrator."),
    ]


def test_a_merchant_keeps_an_account_administrator(tea):
    merchant, wang = tea
    own, actor = place_of(wang, merchant), acting(wang, merchant)
    make_person(merchant, "Off", is_administrator=True, is_active=False)
    for attempt in (
        lambda: team.remove_member(own.pk, actor=actor, now=LATER),
        lambda: team.change_member(own.pk, grants=list(Grant), is_administrator=False, actor=actor, now=LATER),
    ):
        with refused(IllegalMove, "Wang Fang is the last account administrator.", "last_administrator"):
            attempt()
    make_person(merchant, "Zhou", is_administrator=True)
    team.remove_member(own.pk, actor=actor, now=LATER)
    assert not Membership.objects.filter(user=wang).exists()


def test_whoever_is_removed_takes_along_the_invitations_that_they_sent(tea):
    merchant, wang = tea
    manager = manager_of(merchant, Grant.VIEW)
    theirs, other = invited(merchant, manager), invited(merchant, wang, email="zhao@example.com")
    token = team.token_of(theirs)
    team.remove_member(place_of(manager, merchant).pk, actor=acting(wang, merchant), now=LATER)
    with refused(IllegalMove, "was withdrawn", "withdrawn"):
        team.accept(token, manager, now=LATER)
    assert list(team.open_invitations(merchant.pk)) == [other]
    assert [said for _who, said in lines(merchant)][-2:] == [
        "withdrew the invitation of li@example.com.",
        "removed Ma.",
    ]


def test_a_member_who_is_gone_is_a_conflict(tea):
    merchant, wang = tea
    li = make_person(merchant, "Li")
    asked = team.ask_access(merchant.pk, Grant.VIEW, actor=acting(li, merchant), now=LATER)
    place, actor = place_of(li, merchant), acting(wang, merchant)
    team.remove_member(place.pk, actor=actor, now=LATER)
    for attempt in (
        lambda: team.remove_member(place.pk, actor=actor, now=LATER),
        lambda: team.change_member(place.pk, grants=[], is_administrator=False, actor=actor, now=LATER),
        lambda: team.decide_access(asked.pk, granted=True, actor=actor, now=LATER),
    ):
        with refused(Conflict, "was removed meanwhile", "removed"):
            attempt()


def test_members_of_another_merchant_are_nobodys_to_change(tea):
    merchant, wang = tea
    other, stranger = make_team("Wine House")
    li = make_person(other, "Li")
    asked = team.ask_access(other.pk, Grant.VIEW, actor=acting(li, other), now=LATER)
    invitation, actor = invited(other, stranger), acting(wang, merchant)
    for attempt in (
        lambda: team.remove_member(place_of(li, other).pk, actor=actor, now=LATER),
        lambda: team.change_member(place_of(li, other).pk, grants=[], is_administrator=True, actor=actor, now=LATER),
        lambda: team.decide_access(asked.pk, granted=True, actor=actor, now=LATER),
        lambda: team.renew(invitation.pk, actor=actor, now=LATER),
        lambda: team.withdraw(invitation.pk, actor=actor, now=LATER),
    ):
        with refused(NotAllowed, "may not manage members"):
            attempt()


# Asking and deciding.


def test_asked_twice_it_is_one_request_and_granted_it_is_there(tea):
    merchant, wang = tea
    li = make_person(merchant, "Li")
    actor = acting(li, merchant)
    first = team.ask_access(merchant.pk, Grant.HANDLE, note=" I start today. ", actor=actor, now=INVITED)
    assert team.ask_access(merchant.pk, Grant.HANDLE, note="again", actor=actor, now=LATER) == first
    assert (first.note, first.asked_at) == ("I start today.", INVITED)
    team.decide_access(first.pk, granted=True, actor=acting(wang, merchant), now=LATER)
    assert place_of(li, merchant).grants == ["handle"]
    assert lines(merchant) == [
        ("Li", "asked for the permission to handle complaints and leave messages."),
        ("Wang Fang", "gave Li the permission to handle complaints and leave messages, as asked."),
    ]
    with refused(IllegalMove, "You have this permission already.", "has_it"):
        team.ask_access(merchant.pk, Grant.HANDLE, actor=actor, now=LATER)
    with refused(Conflict, "Wang Fang decided this already.", "decided_already"):
        team.decide_access(first.pk, granted=False, actor=acting(wang, merchant), now=LATER)


def test_declined_it_can_be_asked_again(tea):
    merchant, wang = tea
    li = make_person(merchant, "Li")
    first = team.ask_access(merchant.pk, Grant.FUND, actor=acting(li, merchant), now=INVITED)
    team.decide_access(first.pk, granted=False, actor=acting(wang, merchant), now=LATER)
    assert place_of(li, merchant).grants == []
    assert lines(merchant)[-1][1] == "declined to give Li the permission to use the guarantee plan."
    assert team.ask_access(merchant.pk, Grant.FUND, actor=acting(li, merchant), now=LATER) != first


def test_a_request_that_was_overtaken_by_a_change_waits_no_longer(tea):
    merchant, wang = tea
    li = make_person(merchant, "Li")
    for grant in (Grant.VIEW, Grant.FUND):
        team.ask_access(merchant.pk, grant, actor=acting(li, merchant), now=INVITED)
    place = place_of(li, merchant)
    team.change_member(place.pk, grants=["view"], is_administrator=False, actor=acting(wang, merchant), now=LATER)
    answers = dict(AccessRequest.objects.values_list("grant", "is_granted"))
    assert answers == {"view": True, "fund": None}


def test_what_cannot_be_asked(tea):
    merchant, _wang = tea
    actor = acting(make_person(merchant, "Li"), merchant)
    with refused(BadInput, "This permission does not exist."):
        team.ask_access(merchant.pk, "everything", actor=actor, now=LATER)
    with refused(BadInput, "Keep the note to 300 characters."):
        team.ask_access(merchant.pk, Grant.VIEW, note="x" * 301, actor=actor, now=LATER)
    with refused(NotAllowed, "You do not belong to this merchant."):
        team.ask_access(make_merchant().pk, Grant.VIEW, actor=actor, now=LATER)


# The history.


def test_a_line_of_history_stays_and_a_long_name_is_cut(tea):
    merchant, wang = tea
    long = make_person(merchant, "L" * 150, first_name="F" * 150)
    team.remove_member(place_of(long, merchant).pk, actor=acting(wang, merchant), now=LATER)
    line = MemberLine.objects.get()
    assert len(line.about) == 254
    for attempt in (lambda: MemberLine.objects.update(about="x"), lambda: MemberLine.objects.all().delete()):
        with pytest.raises(DatabaseError, match="Cannot update or delete"), transaction.atomic():
            attempt()


def test_every_grant_has_its_sentence_and_every_verb_its_line():
    assert set(ALLOWS) == set(Grant.values)
    assert set(LINES) == {"invite", "renew", "withdraw", "accept", "remove", "ask", "grant", "decline", "change"}
