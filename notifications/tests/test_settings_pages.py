"""The pages on which members choose what they are told, and set robots up."""

import re

import pytest

from common.mailing import SENT
from complaints.tests.pages import browser, text_of
from merchants.models import Grant
from notifications.letters import GIVEN_UP
from notifications.models import Kind, Letter, NoticeChoice, Robot
from notifications.tests.making import (
    SECRET,
    chosen,
    happens,
    make_house,
    robot_server,
    tell_at,
)

pytestmark = pytest.mark.django_db

NOW = "2026-11-20T10:00+08:00"
CHOICES = "/settings/notices/"
ROBOTS = "/settings/robots/"
OFFICIAL = "https://open.feishu.cn/open-apis/bot/v2/hook/abcdefgh1234"


def ticked(page, name):
    return set(re.findall(rf'name="{name}" value="(\w+)" checked', page))


class TestChoices:
    GIVEN = {
        "bell_kinds": ["complaint", "deadline"],
        "mail_kinds": ["deadline"],
        "mail": "digest",
        "digest_hour": "18",
        "quiet_from": "22",
        "quiet_to": "8",
    }

    def test_the_page_shows_the_default_and_keeps_what_was_chosen(self):
        house = make_house()
        with browser(house.wang, NOW) as client:
            page = client.get(CHOICES).content.decode()
            assert ticked(page, "bell_kinds") == set(Kind.values)
            assert ticked(page, "mail_kinds") == {"deadline", "penalty", "ruling", "refund"}
            assert not NoticeChoice.objects.exists(), "to look changes nothing"
            assert client.post(CHOICES, self.GIVEN).status_code == 302
            page = client.get(CHOICES).content.decode()
        assert ticked(page, "bell_kinds") == {"complaint", "deadline"}
        assert ticked(page, "mail_kinds") == {"deadline"}
        choice = NoticeChoice.objects.get()
        assert (choice.mail, choice.digest_hour, choice.quiet_from, choice.quiet_to) == ("digest", 18, 22, 8)

    def test_an_error_loses_nothing_and_is_named_at_its_field(self):
        house = make_house()
        with browser(house.wang, NOW) as client:
            response = client.post(CHOICES, {**self.GIVEN, "quiet_to": ""})
        assert response.status_code == 400
        page = response.content.decode()
        assert "Give both ends of the quiet time, or neither." in text_of(response)
        assert ticked(page, "bell_kinds") == {"complaint", "deadline"}
        assert '<option value="18" selected' in page
        assert not NoticeChoice.objects.exists()

    def test_nothing_ticked_is_a_choice(self):
        house = make_house()
        with browser(house.wang, NOW) as client:
            client.post(CHOICES, {"mail": "none", "digest_hour": "9", "quiet_from": "", "quiet_to": ""})
        choice = NoticeChoice.objects.get()
        assert (choice.bell_kinds, choice.mail_kinds, choice.mail, choice.quiet_from) == ([], [], "none", None)

    def test_robots_are_offered_only_to_whoever_can_mend_them(self):
        house = make_house()
        with browser(house.member("Li"), NOW) as client:
            page = client.get(CHOICES).content.decode()
            assert 'value="robot"' not in page
            assert ROBOTS not in page
            refused = client.post(CHOICES, {**self.GIVEN, "bell_kinds": ["robot"]})
        assert refused.status_code == 400

    def test_each_member_chooses_for_one_merchant(self):
        house = make_house()
        li = house.member("Li")
        chosen(house.wang, house.merchant, bell_kinds=["penalty"])
        with browser(li, NOW) as client:
            assert ticked(client.get(CHOICES).content.decode(), "bell_kinds") == set(Kind.values) - {"robot"}

    @pytest.mark.usefixtures("at_once")
    def test_the_page_says_that_mails_wait_or_why_they_cannot_be_delivered(self):
        house = make_house()
        chosen(house.wang, house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        with browser(house.wang, NOW) as client:
            assert "mail server" not in text_of(client.get(CHOICES))
            Letter.objects.update(failures=3)
            assert "1 notice for you waits for a mail server that does not answer." in text_of(client.get(CHOICES))
            Letter.objects.update(due_at=None, outcome=f"{GIVEN_UP}550 no such person")
            text = text_of(client.get(CHOICES))
            assert "The mail server refused the last mail to wang@example.com: 550 no such person" in text
            Letter.objects.update(outcome=SENT)
            assert "refused" not in text_of(client.get(CHOICES))

    def test_without_an_address_it_says_so(self):
        house = make_house()
        with browser(house.member("Li", email=""), NOW) as client:
            assert "Your account has no mail address" in text_of(client.get(CHOICES))

    def test_members_who_may_not_see_cases_learn_whom_to_ask(self):
        house = make_house()
        with browser(house.member("Blind", Grant.MEMBERS), NOW) as client:
            assert client.get(CHOICES).status_code == 403


class TestRobots:
    GIVEN = {
        "name": "Desk",
        "product": "feishu",
        "url": OFFICIAL,
        "secret": SECRET,
        "kinds": ["deadline", "penalty"],
        "language": "en",
    }

    def add(self, client, **fields):
        return client.post(f"{ROBOTS}new/", {**self.GIVEN, **fields})

    def test_it_is_added_shown_without_its_secrets_and_changed(self):
        house = make_house()
        with browser(house.wang, NOW) as client:
            assert "No chat robot yet" in text_of(client.get(ROBOTS))
            assert self.add(client).status_code == 302
            robot = Robot.objects.get()
            pages = [client.get(path).content.decode() for path in (ROBOTS, f"{ROBOTS}{robot.pk}/")]
            assert "open.feishu.cn · …1234" in pages[0]
            for page in pages:
                assert "abcdefgh" not in page
                assert SECRET not in page
            changed = {**self.GIVEN, "name": "Night desk", "url": "", "secret": ""}
            assert client.post(f"{ROBOTS}{robot.pk}/", changed).status_code == 302
        robot.refresh_from_db()
        assert (robot.name, robot.url, robot.secret, robot.changed_by) == ("Night desk", OFFICIAL, SECRET, "Wang Fang")

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"url": "https://evil.example.com/hook"}, "It begins with https://open.feishu.cn"),
            ({"url": ""}, "Give the address that the chat product shows"),
            ({"kinds": []}, "Choose what the robot tells of."),
            ({"name": ""}, "This field is required."),
        ],
    )
    def test_errors_keep_what_was_typed(self, fields, sentence):
        house = make_house()
        with browser(house.wang, NOW) as client:
            response = self.add(client, **fields)
        assert response.status_code == 400
        assert sentence in text_of(response)
        assert fields.get("name", "Desk") in response.content.decode()
        assert not Robot.objects.exists()

    def test_a_test_message_shows_what_was_answered(self, settings):
        house = make_house()
        with robot_server(settings) as server, browser(house.wang, NOW) as client:
            self.add(client, url=server.url("feishu"))
            do = f"{ROBOTS}{Robot.objects.get().pk}/do/"
            assert "took the test message" in text_of(client.post(do, {"do": "try"}, follow=True))
            assert server.calls[0].is_signed
            server.status = 500
            Robot.objects.update(next_at=None)
            assert "did not take the test message: HTTP 500" in text_of(client.post(do, {"do": "try"}, follow=True))

    def test_off_on_and_away(self):
        house = make_house()
        with browser(house.wang, NOW) as client:
            self.add(client)
            do = f"{ROBOTS}{Robot.objects.get().pk}/do/"
            assert "Switch the robot off first." in text_of(client.post(do, {"do": "remove"}, follow=True))
            assert "“Desk” is off." in text_of(client.post(do, {"do": "off"}, follow=True))
            assert "“Desk” is on." in text_of(client.post(do, {"do": "on"}, follow=True))
            client.post(do, {"do": "off"})
            assert "“Desk” was removed." in text_of(client.post(do, {"do": "remove"}, follow=True))
            assert client.post(do, {"do": "on"}).status_code == 404
            self.add(client)
            assert client.post(f"{ROBOTS}{Robot.objects.get().pk}/do/", {"do": "dance"}).status_code == 400

    def test_one_that_fails_says_since_when(self):
        house = make_house()
        with browser(house.wang, NOW) as client:
            self.add(client)
            Robot.objects.update(failing_since="2026-11-20T01:00Z", last_answer="HTTP 500")
            text = text_of(client.get(ROBOTS))
        assert "its last answer: HTTP 500. Since: 2026-11-20 09:00 Beijing time" in text

    def test_only_for_whoever_may_change_settings(self):
        house = make_house()
        with browser(house.member("Li"), NOW) as client:
            for path in (ROBOTS, f"{ROBOTS}new/"):
                assert client.get(path).status_code == 403
        with browser(house.member("Setter", Grant.SETTINGS), NOW) as client:
            assert client.get(ROBOTS).status_code == 200


def test_pages_take_few_queries(django_assert_max_num_queries):
    house = make_house()
    for number in range(10):
        Robot.objects.create(
            merchant=house.merchant,
            product="wecom",
            name=str(number),
            url="https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc",
            language="en",
            changed_by="Wang",
            changed_at="2026-11-20T01:00Z",
        )
    with browser(house.wang, NOW) as client:
        for path in (ROBOTS, CHOICES):
            with django_assert_max_num_queries(10):
                client.get(path)
