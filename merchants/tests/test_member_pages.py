"""The pages about members: what they say, one click that does it, and what a refusal looks like."""

from typing import Any

import pytest
from django.urls import reverse

from complaints.tests.pages import browser, text_of
from merchants import team
from merchants.models import AccessRequest, Grant, Invitation, MemberLine, Membership
from merchants.queries import SHOWN
from merchants.tests.people import INVITED, acting, invited, make_person, make_team, place_of

pytestmark = pytest.mark.django_db

NOW = "2026-11-03T10:00+08:00"
LIST = "/members/"


@pytest.fixture
def tea():
    return make_team()


def asked_by(merchant, name="Li", grant=Grant.VIEW, note="I start today."):
    li = make_person(merchant, name, email=f"{name.lower()}@example.com")
    return li, team.ask_access(merchant.pk, grant, note=note, actor=acting(li, merchant), now=INVITED)


def test_the_list_shows_who_may_do_what_administrators_first(tea):
    merchant, wang = tea
    make_person(merchant, "Early", Grant.VIEW, Grant.HANDLE)
    make_person(merchant, "Nobody")
    make_person(merchant, "Zhou", is_administrator=True)
    make_person(merchant, "Off", Grant.VIEW, is_active=False)
    make_person(make_team("Wine House")[0], "Stranger", Grant.VIEW)
    with browser(wang, NOW) as client:
        text = text_of(client.get(LIST))
    positions = [text.index(name) for name in ("Wang Fang (you)", "Zhou", "Early", "Nobody", "Off")]
    assert positions == sorted(positions)
    assert "See complaints and penalties Handle complaints and leave messages" in text
    assert "nothing yet" in text
    assert "switched off, cannot sign in" in text
    assert "Stranger" not in text


def test_open_invitations_say_what_became_of_their_mail(tea):
    merchant, wang = tea
    fates: dict[str, dict[str, Any]] = {
        "waits": {},
        "sent": {"mail_at": None, "mailed_at": INVITED},
        "failed": {"mail_failures": 2},
        "lost": {"mail_at": None, "mail_failures": 8},
    }
    for name, fields in fates.items():
        invitation = invited(merchant, wang, email=f"{name}@example.com")
        Invitation.objects.filter(pk=invitation.pk).update(**fields)
    with browser(wang, NOW) as client:
        text = text_of(client.get(LIST))
    for words in (
        "waiting to be sent",
        "sent 2026-11-02 10:00",
        "failed 2 times next try: 2026-11-02 10:00",
        "could not be sent",
    ):
        assert words in text
    assert "expired" not in text
    assert "/join/" not in text


def test_the_page_says_expired_only_after_the_last_moment(tea):
    merchant, wang = tea
    invited(merchant, wang)
    for now, is_expired in {
        "2026-11-09T10:00+08:00": False,
        "2026-11-09T10:00:00.000001+08:00": True,
    }.items():
        with browser(wang, now) as client:
            assert ("expired" in text_of(client.get(LIST))) is is_expired


def test_a_longer_list_asks_no_more_questions(tea, django_assert_num_queries):
    merchant, wang = tea

    def grow(number):
        for each in range(number):
            asked_by(merchant, f"Li{number}{each}")
            invited(merchant, wang, email=f"x{number}-{each}@example.com")

    grow(1)
    with browser(wang, NOW) as client:
        client.get(LIST)
        # session, person, merchants, invitations, requests, two of members, what waits
        with django_assert_num_queries(8):
            client.get(LIST)
        grow(8)
        with django_assert_num_queries(8):
            client.get(LIST)


def test_more_invitations_than_are_shown_are_announced(tea):
    merchant, wang = tea
    for number in range(SHOWN + 1):
        invited(merchant, wang, email=f"li{number:03}@example.com")
    with browser(wang, NOW) as client:
        text = text_of(client.get(LIST))
    assert "The first 50 are shown; the others follow when these are used or withdrawn." in text
    assert "li049@example.com" in text
    assert "li050@example.com" not in text


def test_members_come_in_pages(tea):
    merchant, wang = tea
    for number in range(60):
        make_person(merchant, f"Member {number:02}")
    with browser(wang, NOW) as client:
        first = client.get(LIST)
        assert "Member 48" in text_of(first)
        assert "Member 49" not in text_of(first)
        second = client.get(LIST, {"cursor": first.context["page"].next})
        assert "Member 59" in text_of(second)
        assert client.get(LIST, {"cursor": "nonsense"}).status_code == 400


# Inviting.


def test_an_invitation_is_sent_from_the_form_and_waits_for_its_mail(tea):
    _merchant, wang = tea
    with browser(wang, NOW) as client:
        page = text_of(client.get("/members/invite/"))
        assert "Handles complaints and writes to consumers" in page
        given = {"email": "li@example.com", "grants": ["view", "handle"], "language": "zh-hans"}
        response = client.post("/members/invite/", given, follow=True)
    assert response.redirect_chain == [(LIST, 302)]
    assert "The invitation of li@example.com is on its way by mail." in text_of(response)
    invitation = Invitation.objects.get()
    assert (invitation.grants, invitation.language, invitation.is_administrator) == (
        ["handle", "view"],
        "zh-hans",
        False,
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"email": "li"}, "Enter a valid email address."),
        ({"email": "wang@example.com"}, "This person works for Tea House already."),
        ({"grants": ["everything"]}, "everything is not one of the available choices."),
        ({"language": "fr"}, "fr is not one of the available choices."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_everything_is_kept(tea, given, sentence):
    _merchant, wang = tea
    with browser(wang, NOW) as client:
        whole = {"email": "li@example.com", "grants": ["appeal"], "language": "en", **given}
        response = client.post("/members/invite/", whole)
    assert response.status_code == 400
    assert sentence in text_of(response)
    assert f'value="{whole["email"]}"' in response.content.decode()
    assert not Invitation.objects.exists()


def test_a_manager_sees_and_gives_only_what_is_their_own(tea):
    merchant, _wang = tea
    manager = make_person(merchant, "Ma", Grant.MEMBERS, Grant.VIEW)
    with browser(manager, NOW) as client:
        page = client.get("/members/invite/").content.decode()
        assert 'value="view"' in page
        assert 'value="fund"' not in page
        assert "is_administrator" not in page
        given = {"email": "li@example.com", "grants": ["fund"], "language": "en"}
        response = client.post("/members/invite/", given)
    assert response.status_code == 403
    assert "You can give only permissions that you have yourself." in text_of(response)
    assert not Invitation.objects.exists()


def test_send_again_and_withdraw(tea):
    merchant, wang = tea
    invitation = invited(merchant, wang)
    with browser(wang, NOW) as client:
        response = client.post(f"/members/invitations/{invitation.pk}/renew/", follow=True)
        assert "goes out again, with a new link" in text_of(response)
        response = client.post(f"/members/invitations/{invitation.pk}/withdraw/", follow=True)
        assert "The invitation of li@example.com was withdrawn." in text_of(response)
        response = client.post(f"/members/invitations/{invitation.pk}/renew/", follow=True)
        assert "This invitation was used or withdrawn meanwhile." in text_of(response)


# One member.


def test_permissions_are_changed_with_a_sentence_on_each(tea):
    merchant, wang = tea
    li = place_of(make_person(merchant, "Li", Grant.VIEW), merchant)
    address = reverse("members:member", args=[li.pk])
    with browser(wang, NOW) as client:
        page = client.get(address)
        assert "Appeals penalties, adds what support staff ask for, withdraws appeals." in text_of(page)
        response = client.post(address, {"grants": ["view", "appeal"]}, follow=True)
    assert "What Li may do was changed." in text_of(response)
    li.refresh_from_db()
    assert li.grants == ["appeal", "view"]


def test_what_a_manager_may_not_give_stays_when_they_save(tea):
    merchant, _wang = tea
    manager = make_person(merchant, "Ma", Grant.MEMBERS, Grant.VIEW)
    li = place_of(make_person(merchant, "Li", Grant.VIEW, Grant.FUND), merchant)
    address = reverse("members:member", args=[li.pk])
    with browser(manager, NOW) as client:
        assert "that stays: use the guarantee plan." in text_of(client.get(address))
        client.post(address, {"grants": []})
    li.refresh_from_db()
    assert li.grants == ["fund"]


def test_the_last_administrator_stays_and_the_page_says_why(tea):
    merchant, wang = tea
    own = place_of(wang, merchant)
    with browser(wang, NOW) as client:
        response = client.post(reverse("members:member", args=[own.pk]), {"grants": ["view"]})
        assert response.status_code == 409
        assert "Wang Fang is the last account administrator." in text_of(response)
        response = client.post(reverse("members:remove", args=[own.pk]), follow=True)
        assert "Wang Fang is the last account administrator." in text_of(response)
    assert Membership.objects.filter(pk=own.pk, is_administrator=True).exists()


def test_removing_asks_once_more_and_says_what_goes_along(tea):
    merchant, wang = tea
    manager = make_person(merchant, "Ma", Grant.MEMBERS, Grant.VIEW)
    invited(merchant, manager)
    place = place_of(manager, merchant)
    address = reverse("members:remove", args=[place.pk])
    with browser(wang, NOW) as client:
        page = text_of(client.get(address))
        assert "Remove Ma?" in page
        assert "1 open invitation that they sent is withdrawn." in page
        assert Membership.objects.filter(pk=place.pk).exists()
        response = client.post(address, follow=True)
        assert "Ma no longer works here." in text_of(response)
        assert client.get(address).status_code == 404
    with browser(manager, NOW) as client:
        response = client.get(LIST)
    assert response.status_code == 403
    assert "Your account belongs to no merchant." in text_of(response)


def test_a_manager_may_look_at_an_administrator_and_change_nothing(tea):
    merchant, wang = tea
    manager = make_person(merchant, "Ma", Grant.MEMBERS)
    place = place_of(wang, merchant)
    with browser(manager, NOW) as client:
        for name in ("members:member", "members:remove"):
            page = client.get(reverse(name, args=[place.pk]))
            assert "Only an account administrator can change or remove another." in text_of(page)
            assert 'kind="danger"' not in page.content.decode()
        assert client.post(reverse("members:remove", args=[place.pk])).status_code == 403
        assert client.post(reverse("members:member", args=[place.pk]), {"grants": []}).status_code == 403
    assert Membership.objects.filter(pk=place.pk, is_administrator=True).exists()


def test_what_belongs_to_another_merchant_does_not_exist(tea):
    _merchant, wang = tea
    other, stranger = make_team("Wine House")
    _li, asked = asked_by(other)
    place, invitation = place_of(stranger, other).pk, invited(other, stranger, email="zhao@example.com").pk
    with browser(wang, NOW) as client:
        for address in (f"{place}/", f"{place}/remove/", f"{2**40}/"):
            assert client.get(LIST + address).status_code == 404
            assert client.post(LIST + address).status_code == 404
        for address in (f"invitations/{invitation}/renew/", f"invitations/{invitation}/withdraw/"):
            assert client.post(LIST + address).status_code == 404
        assert client.post(f"{LIST}requests/{asked.pk}/", {"answer": "grant"}).status_code == 404
    assert not AccessRequest.objects.exclude(decided_at=None).exists()


# Asking and deciding.


def test_a_page_without_access_asks_with_one_click_and_then_says_when(tea):
    merchant, _wang = tea
    li = make_person(merchant, "Li")
    with browser(li, NOW) as client:
        page = client.get("/?page=1")
        assert page.status_code == 403
        assert "Ask for it" in text_of(page)
        assert 'name="next" value="/?page=1"' in page.content.decode()
        response = client.post("/members/ask/", {"grant": "view", "next": "/?page=1"}, follow=True)
    assert response.redirect_chain == [("/?page=1", 302)]
    text = text_of(response)
    assert "see your request and can grant it with one click" in text
    assert "You asked for it at 2026-11-03 10:00 Beijing time" in text
    assert "Ask for it" not in text
    assert AccessRequest.objects.get().grant == "view"


def test_the_way_back_after_asking_stays_on_the_portal(tea):
    merchant, _wang = tea
    with browser(make_person(merchant, "Li"), NOW) as client:
        response = client.post("/members/ask/", {"grant": "view", "next": "https://evil.example.com/"})
        assert response.headers["Location"] == "/"
        response = client.post("/members/ask/", {"grant": "view", "note": "a\0b"})
        assert response.status_code == 302
        assert client.post("/members/ask/", {"grant": "everything"}).status_code == 400


def test_an_administrator_sees_the_request_in_the_side_bar_and_grants_it_with_one_click(tea):
    merchant, wang = tea
    li, asked = asked_by(merchant)
    with browser(wang, NOW) as client, browser(li, NOW) as lis:
        assert lis.get("/").status_code == 403
        home = client.get("/")
        (entry,) = [entry for entry in home.context["frame"]()["nav"] if entry["url"] == LIST]
        assert (entry["label"], entry["count"]) == ("Members", "1")
        assert "I start today." in text_of(client.get(LIST))
        response = client.post(f"{LIST}requests/{asked.pk}/", {"answer": "grant"}, follow=True)
        assert "Li now has the permission to see complaints and penalties." in text_of(response)
        assert lis.get("/").status_code == 200  # without signing in again
        (entry,) = [entry for entry in client.get("/").context["frame"]()["nav"] if entry["url"] == LIST]
        assert entry["count"] == ""
        response = client.post(f"{LIST}requests/{asked.pk}/", {"answer": "decline"}, follow=True)
        assert "Wang Fang decided this already." in text_of(response)


def test_a_declined_request_says_who_declined_it_and_can_be_asked_again(tea):
    merchant, wang = tea
    li, asked = asked_by(merchant)
    with browser(wang, NOW) as client:
        assert client.post(f"{LIST}requests/{asked.pk}/", {"answer": "perhaps"}).status_code == 400
        response = client.post(f"{LIST}requests/{asked.pk}/", {"answer": "decline"}, follow=True)
        assert "Declined: Li does not get the permission" in text_of(response)
    with browser(li, NOW) as client:
        text = text_of(client.get("/"))
        assert "Wang Fang declined this at 2026-11-03 10:00 Beijing time" in text
        assert "Ask for it" in text


def test_whoever_may_not_manage_members_has_no_entry_for_it(tea):
    merchant, _wang = tea
    with browser(make_person(merchant, "Li", Grant.VIEW), NOW) as client:
        assert LIST not in [entry["url"] for entry in client.get("/").context["frame"]()["nav"]]
        response = client.get(LIST)
    assert response.status_code == 403
    assert "At Tea House you lack the permission to manage members." in text_of(response)
    assert "Wang Fang wang@example.com" in text_of(response)


# The history.


def test_the_history_has_every_change_the_newest_first_in_pages(tea, django_assert_num_queries):
    merchant, wang = tea
    with browser(wang, NOW) as client:
        assert "Nothing was changed so far" in text_of(client.get("/members/history/"))
        for number in range(25):
            invited(merchant, wang, email=f"li{number:02}@example.com")
        assert MemberLine.objects.count() == 25
        with django_assert_num_queries(5):  # session, person, merchants, lines, what waits
            first = client.get("/members/history/")
        text = text_of(first)
        assert text.index("li24@example.com") < text.index("li05@example.com")
        assert "li04@example.com" not in text
        second = text_of(client.get("/members/history/", {"cursor": first.context["page"].next}))
        assert "li00@example.com" in second
