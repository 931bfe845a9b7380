"""Robots of chat groups, against a server that verifies signatures and fails as it is told to."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction
from django.http import Http404
from urllib3 import PoolManager

from common.errors import BadInput, IllegalMove, NotAllowed
from complaints.tests.factories import handle_at, moment
from complaints.tests.racing import outcome_of
from complaints_portal.checks import robot_hosts_are_origins
from merchants.models import Grant
from merchants.tests.people import acting
from notifications import chat, robots
from notifications.models import Event, Notice, Robot, RobotCall
from notifications.robots import add_robot, call_robots, change_robot, remove_robot, switch_robot, try_robot
from notifications.tests.making import SECRET, happens, make_house, robot_input, robot_server, start_telling, tell_at

NOW = "2026-11-20T10:00+08:00"
OFFICIAL = {
    "feishu": "https://open.feishu.cn/open-apis/bot/v2/hook/abc",
    "dingtalk": "https://oapi.dingtalk.com/robot/send?access_token=abc",
    "wecom": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc",
}


@pytest.fixture(autouse=True)
def public(settings):
    settings.PUBLIC_URL = "https://portal.example.com"


@pytest.fixture
def server(settings):
    with robot_server(settings) as server:
        yield server


@pytest.fixture
def house(at_once):
    return make_house()


def boss(house):
    return acting(house.wang, house.merchant)


def added(house, server, product="feishu", **fields):
    return add_robot(robot_input(server, product, **fields), actor=boss(house), now=moment(NOW))


def call_at(at):
    at = moment(at) if isinstance(at, str) else at
    return call_robots(lambda: at)


class TestWhatTheyAreTold:
    def test_signatures_are_those_of_the_makers_examples(self):
        # By openssl: printf '' | openssl dgst -sha256 -hmac $'1599360473\ndemo' -binary | base64, and
        # printf '1599360473000\ndemo' | openssl dgst -sha256 -hmac demo -binary | base64
        assert chat.feishu_signature("1599360473", "demo") == "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
        assert chat.dingtalk_signature("1599360473000", "demo") == "eblRZvilBzXa6Ce18IeBM4pMy1rYNWKicaCg6VMwQe0="

    @pytest.mark.parametrize("product", ["feishu", "dingtalk", "wecom"])
    def test_what_is_due_is_one_message_signed_where_the_product_signs(self, house, server, product):
        added(house, server, product)
        complaint = house.files(NOW)
        happens(house, NOW, complaint_no=complaint.complaint_no)
        tell_at(NOW)
        assert call_at(NOW) == 1
        assert call_at("2026-11-20T10:01+08:00") == 0
        (call,) = server.calls
        number = complaint.complaint_no
        assert call.text.split("\n\n") == [
            "Tea House",
            f"New complaint {number}: 4 d 0 h left, until 2026-11-24 10:00 Beijing time.\n"
            f"https://portal.example.com/complaints/{number}/",
            f"The consumer left a message about complaint {number}.\nhttps://portal.example.com/complaints/{number}/",
        ]
        assert call.is_signed is (product != "wecom")
        assert [each.outcome for each in RobotCall.objects.all()] == ["sent", "sent"]
        robot = Robot.objects.get()
        assert (robot.failing_since, robot.last_answer) == (
            None,
            "0 success" if product == "feishu" else "0 ok",
        )

    @pytest.mark.parametrize("product", ["feishu", "dingtalk"])
    def test_without_a_secret_nothing_is_signed(self, house, server, product):
        added(house, server, product, secret="")
        happens(house, NOW)
        tell_at(NOW)
        call_at(NOW)
        assert server.calls[0].is_signed is False
        assert "sign" not in server.calls[0].path

    def test_a_message_stays_within_what_the_product_takes_and_says_how_much_more_there_is(self, house, server):
        added(house, server, "wecom", kinds=["message"])
        for number in range(60):
            happens(house, NOW, complaint_no=f"20261120010000000000000000{number:02d}")
        tell_at(NOW)
        call_at(NOW)
        (call,) = server.calls
        assert len(call.text.encode()) <= 2048
        named = call.text.count("The consumer left a message")
        assert 8 <= named < 60
        assert call.text.endswith(f"And {60 - named} more: https://portal.example.com/notices/")
        assert RobotCall.objects.filter(outcome="sent").count() == 60

    def test_it_speaks_its_own_language(self, house, server):
        added(house, server, language="zh-hans")
        house.files(NOW)
        tell_at(NOW)
        call_at(NOW)
        assert "Beijing time" not in server.calls[0].text

    def test_no_more_than_twenty_messages_a_minute(self, house, server):
        added(house, server)
        at, told = moment(NOW), 0
        while at < moment("2026-11-20T10:01+08:00"):
            happens(house, NOW)
            tell_at(NOW)
            told += call_at(at)
            at += timedelta(seconds=1)
        assert told == len(server.calls) == 20

    def test_what_was_settled_meanwhile_is_dropped(self, house, server):
        added(house, server, kinds=["complaint"])
        complaint = house.files(NOW)
        tell_at(NOW)
        handle_at(NOW, complaint)
        call_at(NOW)
        assert server.calls == []
        assert RobotCall.objects.get().outcome == "no_longer_true"


class TestTroubles:
    def test_500_for_a_day_is_asked_ever_less_often_told_once_and_followed_by_what_still_holds(self, house, server):
        added(house, server)
        settled, waiting = house.files(NOW), house.files(NOW)
        tell_at(NOW)
        server.status = 500
        at, end, pauses = moment(NOW), moment("2026-11-21T10:00+08:00"), []
        while at < end:
            assert call_at(at) == 0
            robot = Robot.objects.get()
            assert robot.next_at
            pauses.append(int((robot.next_at - at).total_seconds()) // 60)
            assert call_at(robot.next_at - timedelta(microseconds=1)) == 0
            assert len(server.calls) == len(pauses)
            at = robot.next_at
        assert pauses == [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
        assert robot.last_answer == "HTTP 500"
        event = Event.objects.get(name="robot.failed")
        assert (event.at, event.payload) == (
            moment("2026-11-20T11:04+08:00"),
            {"name": "Desk", "since": "2026-11-20T02:00:00+00:00"},
        )
        handle_at("2026-11-20T20:00+08:00", settled)
        server.calls.clear()
        server.status = 200
        assert call_at(at) == 1
        assert call_at(at + timedelta(hours=7)) == 0
        (call,) = server.calls
        assert waiting.complaint_no in call.text
        assert settled.complaint_no not in call.text
        assert sorted(RobotCall.objects.values_list("outcome", flat=True)) == ["no_longer_true", "sent"]
        robot.refresh_from_db()
        assert (robot.failing_since, robot.is_failure_told) == (None, False)

    def test_that_it_fails_stands_in_the_page_of_whoever_can_mend_it(self, house, server):
        added(house, server)
        happens(house, NOW)
        tell_at(NOW)
        server.status = 500
        call_at(NOW)
        Robot.objects.update(next_at=None)
        call_at("2026-11-20T11:00+08:00")
        assert tell_at("2026-11-20T11:00+08:00") == 1
        assert Notice.objects.filter(kind="robot").count() == 1
        assert RobotCall.objects.count() == 1, "robots do not tell of robots"

    @pytest.mark.parametrize(
        ("product", "answer", "words"),
        [
            ("feishu", {"code": 19021, "msg": "sign match fail"}, "19021 sign match fail"),
            ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, "310000 keywords not in content"),
            ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, "45009 api freq out of limit"),
            ("wecom", {"errcode": "0"}, "0"),
            ("wecom", [], "an answer that cannot be read"),
            ("feishu", {}, "an answer that cannot be read"),
            ("feishu", "<html>", "an answer that cannot be read"),
        ],
    )
    def test_an_answer_that_is_not_zero_is_a_failure_also_under_200(self, house, server, product, answer, words):
        added(house, server, product)
        happens(house, NOW)
        tell_at(NOW)
        server.answer = json.dumps(answer).encode()
        assert call_at(NOW) == 0
        robot = Robot.objects.get()
        assert (robot.last_answer, robot.failing_since) == (words, moment(NOW))
        assert RobotCall.objects.get().due_at is not None

    def test_a_redirect_is_not_followed(self, house, server):
        added(house, server)
        happens(house, NOW)
        tell_at(NOW)
        server.status, server.moved_to = 302, f"{server.origin}/inside"
        call_at(NOW)
        assert [call.path for call in server.calls] == ["/open-apis/bot/v2/hook/hook-token"]
        assert Robot.objects.get().last_answer == "HTTP 302"

    def test_nobody_there_and_no_answer_in_time(self, house, server, settings, monkeypatch):
        robot = added(house, server)
        monkeypatch.setattr(chat, "_http", PoolManager(retries=False, timeout=30))
        settings.ROBOT_HOSTS = ["http://127.0.0.1:9"]
        Robot.objects.update(url="http://127.0.0.1:9/hook/secret-token")
        robot.refresh_from_db()
        assert chat.post(robot, "x", now=moment(NOW)).words == "nobody could be reached"

    def test_an_origin_that_is_not_allowed_any_more_is_not_called(self, house, server, settings):
        added(house, server)
        happens(house, NOW)
        tell_at(NOW)
        settings.ROBOT_HOSTS = []
        assert call_at(NOW) == 0
        assert server.calls == []
        assert Robot.objects.get().last_answer.startswith("This is no address of a robot of Feishu.")

    def test_one_that_fails_does_not_keep_the_others(self, house, server):
        for number in range(7):
            added(house, server, name=f"Bad {number}")
        Robot.objects.update(failing_since=moment(NOW), url=f"{server.origin}/hook/x")
        added(house, server, "wecom", name="Good")
        happens(house, NOW)
        tell_at(NOW)
        server.status = 500
        call_at(NOW)
        assert server.calls[0].path.startswith("/cgi-bin/")
        assert len(server.calls) == robots.PATIENCE

    def test_secrets_are_neither_in_answers_nor_in_logs(self, house, server, caplog):
        robot = added(house, server, "dingtalk")
        happens(house, NOW)
        tell_at(NOW)
        server.answer = json.dumps({"errcode": 1, "errmsg": f"bad access-token or {SECRET}"}).encode()
        call_at(NOW)
        robot.refresh_from_db()
        assert robot.last_answer == "1 bad … or …"
        server.status = 500
        call_at("2026-11-20T11:00+08:00")
        assert "robot_failed" in caplog.text
        assert "access-token" not in caplog.text
        assert SECRET not in caplog.text


class TestManaging:
    @pytest.mark.parametrize("product", ["feishu", "dingtalk", "wecom"])
    def test_official_addresses_are_taken(self, house, settings, product):
        settings.ROBOT_HOSTS = []
        chat.check_address(product, OFFICIAL[product])

    @pytest.mark.parametrize(
        "url",
        [
            "http://open.feishu.cn/open-apis/bot/v2/hook/abc",
            "https://open.feishu.cn.evil.com/hook/abc",
            "https://evil.com/?https://open.feishu.cn/",
            "https://open.feishu.cn@evil.com/hook",
            "https://user:open@open.feishu.cn/hook/abc",
            "https://open.feishu.cn:8443/hook/abc",
            "https://open.feishu.cn:99999999/hook",
            "https://open.feishu.cn/",
            "https://127.0.0.1/hook/abc",
            "https://[::1]/hook/abc",
            "https://oapi.dingtalk.com/robot/send?access_token=abc",
            "https://open.feishu.cn\\@evil.com/hook",
            "https://open.feishu.cn/hook/\u4e2d",
            "file:///etc/passwd",
            "gopher://open.feishu.cn/hook",
            "//open.feishu.cn/hook",
            "https://[open.feishu.cn/hook",
        ],
    )
    def test_others_are_refused(self, house, settings, url):
        settings.ROBOT_HOSTS = []
        with pytest.raises(BadInput) as refusal:
            chat.check_address("feishu", url)
        assert refusal.value.field == "url"

    def test_an_empty_address_and_secret_stay_what_they_were(self, house, server):
        robot = added(house, server)
        given = robot_input(server, url="", secret="", name="Night desk")
        change_robot(robot.pk, given, actor=boss(house), now=moment(NOW))
        robot.refresh_from_db()
        assert (robot.name, robot.url, robot.secret) == ("Night desk", server.url("feishu"), SECRET)
        change_robot(
            robot.pk, robot_input(server, url="", secret="", forget_secret=True), actor=boss(house), now=moment(NOW)
        )
        robot.refresh_from_db()
        assert robot.secret == ""

    def test_another_product_needs_its_own_address_and_takes_no_secret_over(self, house, server):
        robot = added(house, server)
        with pytest.raises(BadInput) as refusal:
            change_robot(robot.pk, robot_input(server, "dingtalk", url=""), actor=boss(house), now=moment(NOW))
        assert refusal.value.field == "url"
        change_robot(robot.pk, robot_input(server, "dingtalk", secret=""), actor=boss(house), now=moment(NOW))
        robot.refresh_from_db()
        assert (robot.product, robot.secret) == ("dingtalk", "")

    @pytest.mark.parametrize(
        ("field", "given"),
        [
            ("name", {"name": " "}),
            ("name", {"name": "x" * 61}),
            ("name", {"name": "Desk"}),
            ("product", {"product": "icq"}),
            ("url", {"url": ""}),
            ("url", {"url": "https://example.com/hook"}),
            ("kinds", {"kinds": []}),
            ("kinds", {"kinds": ["robot"]}),
            ("language", {"language": "fr"}),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, house, server, field, given):
        added(house, server)
        with pytest.raises(BadInput) as refusal:
            add_robot(robot_input(server, **{"name": "New", **given}), actor=boss(house), now=moment(NOW))
        assert refusal.value.field == field
        assert Robot.objects.count() == 1

    def test_whoever_may_not_and_another_merchant(self, house, server):
        robot = added(house, server)
        viewer = acting(house.member("Li", Grant.VIEW, Grant.HANDLE), house.merchant)
        other = make_house("Wine House")
        before = Robot.objects.values().get()
        for refused, actor in ((NotAllowed, viewer), (Http404, boss(other))):
            for verb in (
                lambda actor=actor: change_robot(robot.pk, robot_input(server), actor=actor, now=moment(NOW)),
                lambda actor=actor: switch_robot(robot.pk, is_on=False, actor=actor, now=moment(NOW)),
                lambda actor=actor: try_robot(robot.pk, actor=actor, now=moment(NOW)),
                lambda actor=actor: remove_robot(robot.pk, actor=actor),
            ):
                with pytest.raises(refused):
                    verb()
        assert Robot.objects.values().get() == before
        assert server.calls == []

    def test_there_is_a_limit(self, house, server, monkeypatch):
        monkeypatch.setattr(robots, "MOST", 1)
        added(house, server)
        with pytest.raises(IllegalMove):
            added(house, server, name="Two")

    def test_switched_off_it_hears_nothing_and_nothing_old_afterwards(self, house, server):
        robot = added(house, server)
        happens(house, NOW)
        tell_at(NOW)
        switch_robot(robot.pk, is_on=False, actor=boss(house), now=moment(NOW))
        happens(house, NOW)
        tell_at(NOW)
        assert call_at(NOW) == 0
        switch_robot(robot.pk, is_on=True, actor=boss(house), now=moment(NOW))
        assert call_at(NOW) == 0
        assert [call.outcome for call in RobotCall.objects.all()] == ["switched_off"]
        assert server.calls == []

    def test_only_one_that_is_off_can_be_removed(self, house, server):
        robot = added(house, server)
        with pytest.raises(IllegalMove):
            remove_robot(robot.pk, actor=boss(house))
        switch_robot(robot.pk, is_on=False, actor=boss(house), now=moment(NOW))
        remove_robot(robot.pk, actor=boss(house))
        assert not Robot.objects.exists()

    def test_a_test_says_who_tests_and_ends_the_pause(self, house, server):
        robot = added(house, server)
        happens(house, NOW)
        tell_at(NOW)
        server.status = 500
        call_at(NOW)
        answer = try_robot(robot.pk, actor=boss(house), now=moment(NOW))
        assert (answer.is_taken, answer.words) == (False, "HTTP 500")
        server.status = 200
        answer = try_robot(robot.pk, actor=boss(house), now=moment("2026-11-20T10:00:10+08:00"))
        assert answer.is_taken
        assert server.calls[-1].text == "A test by Wang Fang: this robot will tell of what happens at Tea House."
        with pytest.raises(IllegalMove):
            try_robot(robot.pk, actor=boss(house), now=moment("2026-11-20T10:00:11+08:00"))
        assert call_at("2026-11-20T10:00:13+08:00") == 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_say_everything_once(settings):
    with robot_server(settings) as server, ThreadPoolExecutor(2) as pool:
        start_telling()
        house = make_house()
        added(house, server)
        happens(house, NOW)
        tell_at(NOW)
        with transaction.atomic():
            assert Robot.objects.select_for_update(no_key=True).get()
            assert pool.submit(outcome_of, lambda: call_at(NOW)).result(timeout=30) == 0
        runs = [pool.submit(outcome_of, lambda: call_at(NOW)) for _worker in range(2)]
        assert sum(run.result(timeout=30) for run in runs) == 1
        assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("origin", "production", "is_fine"),
    [
        ("https://chat.example.com", True, True),
        ("https://chat.example.com:8443/", True, True),
        ("http://127.0.0.1:8080", False, True),
        ("http://chat.example.com", True, False),
        ("chat.example.com", False, False),
        ("https://chat.example.com/robot", False, False),
        ("https://user@chat.example.com", False, False),
        ("https://chat.example.com:x", False, False),
        ("https://", False, False),
    ],
)
def test_what_the_operator_allows_besides_must_be_origins(settings, origin, production, is_fine):
    settings.ROBOT_HOSTS, settings.PRODUCTION = [origin], production
    assert [message.id for message in robot_hosts_are_origins()] == ([] if is_fine else ["portal.E017"])
