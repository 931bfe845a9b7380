"""The dead-man's switch: an alarm begins when a kind is late, once, is told of by mail, and ends when it is well."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from freezegun import freeze_time

from common.tests.ports import port_of_nobody
from complaints.tests.factories import make_member, make_program, make_user, moment
from complaints.tests.racing import collide, outcome_of
from deadlines import alarm_mails, alarms
from deadlines.alarm_mails import mail_trouble, send_alarm_mails
from deadlines.alarms import WATCH, recipients, watch_sweeps
from deadlines.control import set_mode
from deadlines.models import AlarmLetter, SweepAlarm, SweepWatch
from deadlines.sweeping import registered_kinds
from deadlines.tests.ops import make_ops, ops
from deadlines.tests.standing_still import due, swept
from merchants.tests.people import smtp_server

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)
NOON = "2026-03-10T12:00+08:00"
LATE = "2026-03-10T12:03+08:00"


@pytest.fixture(autouse=True)
def smtp(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.PUBLIC_URL = "https://portal.example.com/"
    settings.DEFAULT_FROM_EMAIL = "Complaints portal <portal@example.com>"
    settings.OPS_MAIL = []
    return settings


@pytest.fixture
def wang():
    user = make_ops("wang")
    user.email, user.language = "wang@example.com", "en"
    user.save()
    return user


def watch_at(at):
    return watch_sweeps(now=moment(at) if isinstance(at, str) else at)


def send_at(at):
    now = moment(at) if isinstance(at, str) else at
    return send_alarm_mails(lambda: now)


def everything_but(kind):
    return [each for each in registered_kinds() if each != kind]


def body(mail):
    return mail.get_content().replace("\r\n", "\n")


class TestTheAlarm:
    def test_it_begins_a_microsecond_after_two_minutes_without_a_run_and_not_before(self, wang):
        swept("2026-03-10T12:01+08:00", *everything_but("handle"))
        swept(NOON, "handle")
        assert watch_at("2026-03-10T12:01:59.999999+08:00").begun == []
        assert watch_at("2026-03-10T12:02+08:00").begun == []
        assert not SweepAlarm.objects.exists()
        assert watch_at(moment("2026-03-10T12:02+08:00") + MICROSECOND).begun == ["handle"]
        alarm = SweepAlarm.objects.get()
        assert (alarm.kind, alarm.why, alarm.ended_at) == ("handle", "silent", None)
        assert alarm.began_at == moment("2026-03-10T12:02:00.000001+08:00")

    def test_twice_is_once(self, wang):
        swept(NOON)
        assert len(watch_at(LATE).begun) == len(registered_kinds())
        assert watch_at(LATE).begun == []
        assert watch_at("2026-03-10T12:04+08:00").begun == []
        assert SweepAlarm.objects.count() == len(registered_kinds())
        assert AlarmLetter.objects.count() == len(registered_kinds())

    def test_it_ends_when_the_kind_was_well_for_five_minutes_and_a_later_one_is_another(self, wang):
        swept(NOON)
        watch_at(LATE)
        for minute in (5, 7, 9):
            swept(f"2026-03-10T12:0{minute}+08:00", "handle")
            assert watch_at(f"2026-03-10T12:0{minute}:30+08:00").ended == []
        swept("2026-03-10T12:10+08:00", "handle")
        assert watch_at("2026-03-10T12:10:30+08:00").ended == ["handle"]
        assert watch_at("2026-03-10T12:11:40+08:00").ended == []
        alarm = SweepAlarm.objects.get(kind="handle")
        assert (alarm.began_at, alarm.ended_at) == (moment(LATE), moment("2026-03-10T12:05:30+08:00"))
        assert watch_at("2026-03-10T12:13+08:00").begun == ["handle"]
        assert SweepAlarm.objects.filter(kind="handle").count() == 2

    @pytest.mark.parametrize(
        ("looked", "ended"),
        [
            ("2026-03-10T12:09:59.999999+08:00", []),
            ("2026-03-10T12:10:00+08:00", ["handle"]),
            ("2026-03-10T12:10:00.000001+08:00", ["handle"]),
        ],
    )
    def test_it_ends_at_five_minutes_and_not_a_microsecond_before(self, wang, looked, ended):
        swept(NOON)
        watch_at(LATE)
        swept("2026-03-10T12:04:50+08:00", "handle")
        watch_at("2026-03-10T12:05+08:00")
        swept("2026-03-10T12:09+08:00", "handle")
        assert watch_at(looked).ended == ended
        letters = AlarmLetter.objects.filter(alarm__kind="handle").order_by("pk")
        assert list(letters.values_list("occasion", flat=True)) == ["begun", *(["ended"] if ended else [])]

    def test_one_that_hovers_at_two_minutes_is_one_alarm_and_two_mails(self, wang, smtp):
        """Each other look finds that the last run ended two minutes and a second ago; from minute 20 on all is well."""
        second, told = timedelta(seconds=1), []
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            for minute in range(1, 31):
                now = moment(NOON) + timedelta(minutes=minute)
                ago = (121 if minute % 2 else 119) if minute < 20 else 30
                swept((now - ago * second).isoformat(), "handle")
                swept(now.isoformat(), *everything_but("handle"))
                watched = watch_at(now)
                told += [(minute, "begun", *watched.begun)] if watched.begun else []
                told += [(minute, "ended", *watched.ended)] if watched.ended else []
                send_at(now)
        assert told == [(1, "begun", "handle"), (25, "ended", "handle")]
        assert [mail["subject"].split(":")[0] for mail in mails] == ["ALARM", "Over"]
        alarm = SweepAlarm.objects.get()
        assert (alarm.began_at, alarm.ended_at) == (moment("2026-03-10T12:01+08:00"), moment("2026-03-10T12:20+08:00"))

    def test_a_look_that_finds_it_late_starts_the_five_minutes_anew(self, wang):
        swept(NOON)
        watch_at(LATE)
        swept("2026-03-10T12:05+08:00", "handle")
        watch_at("2026-03-10T12:05+08:00")
        assert SweepAlarm.objects.get(kind="handle").well_since == moment("2026-03-10T12:05+08:00")
        watch_at(moment("2026-03-10T12:07+08:00") + MICROSECOND)
        assert SweepAlarm.objects.get(kind="handle").well_since is None
        swept("2026-03-10T12:09+08:00", "handle")
        watch_at("2026-03-10T12:09+08:00")
        swept("2026-03-10T12:13+08:00", "handle")
        assert watch_at("2026-03-10T12:13:59.999999+08:00").ended == []
        assert watch_at("2026-03-10T12:15+08:00").ended == ["handle"]

    def test_a_clock_that_was_wrong_and_far_ahead_does_not_keep_it_open(self, wang):
        swept(NOON)
        watch_at(LATE)
        SweepAlarm.objects.filter(kind="handle").update(well_since=moment("2027-01-01T00:00+08:00"))
        swept("2026-03-10T12:05+08:00", "handle")
        watch_at("2026-03-10T12:05+08:00")
        swept("2026-03-10T12:10+08:00", "handle")
        assert watch_at("2026-03-10T12:10+08:00").ended == ["handle"]

    def test_what_waits_although_runs_end_is_an_alarm_too(self, wang):
        due("2026-03-10T11:00+08:00")
        swept(NOON)
        watch_at("2026-03-10T12:00:30+08:00")
        assert SweepAlarm.objects.get().why == "behind"

    def test_why_follows_what_happens_without_another_mail(self, wang):
        swept(NOON)
        watch_at(LATE)
        set_mode("handle", "paused", reason="Repairs.", actor=ops("li"), now=moment(LATE))
        before = AlarmLetter.objects.count()
        watch_at("2026-03-10T12:05+08:00")
        assert SweepAlarm.objects.get(kind="handle").why == "paused"
        assert AlarmLetter.objects.count() == before

    def test_a_portal_that_was_just_installed_has_its_time(self, wang):
        assert watch_at(NOON).begun == []
        assert watch_at("2026-03-10T12:02+08:00").begun == []
        assert watch_at(moment("2026-03-10T12:02+08:00") + MICROSECOND).begun == registered_kinds()

    def test_who_looks_with_an_older_moment_changes_nothing_but_a_wrong_clock_does_not_silence_the_watch(self, wang):
        swept(NOON)
        watch_at("2026-03-10T12:02+08:00")
        SweepWatch.objects.update(at=moment("2026-03-10T12:03:30+08:00"))
        assert watch_at(LATE).begun == []
        SweepWatch.objects.update(at=moment("2027-01-01T00:00+08:00"))
        assert len(watch_at(LATE).begun) == len(registered_kinds())

    def test_the_database_holds_one_open_alarm_a_kind(self):
        given = {"kind": "handle", "why": "silent", "began_at": moment(NOON), "told_at": moment(NOON)}
        SweepAlarm.objects.create(**given)
        with pytest.raises(IntegrityError), transaction.atomic():
            SweepAlarm.objects.create(**given)
        SweepAlarm.objects.update(ended_at=moment(LATE))
        SweepAlarm.objects.create(**given)


class TestWhoIsTold:
    def test_whoever_may_control_the_sweeps_and_has_an_address_and_ops_mail_each_once(self, wang, smtp):
        smtp.OPS_MAIL = ["Night@example.com", "WANG@example.com"]
        smtp.LANGUAGE_CODE = "zh-hans"
        li = make_user("li", is_staff=True, email="li@example.com", language="zh-hans")
        li.groups.add(Group.objects.get(name="ops"))
        make_ops("without")
        make_user("support", is_staff=True, email="support@example.com")
        make_user("gone", is_staff=True, is_superuser=True, is_active=False, email="gone@example.com")
        make_member(make_program().merchant, username="member", email="member@example.com")
        make_user("root", is_staff=True, is_superuser=True, email="root@example.com", language="en")
        assert recipients() == {
            "night@example.com": "zh-hans",
            "wang@example.com": "en",
            "li@example.com": "zh-hans",
            "root@example.com": "en",
        }

    def test_with_nobody_to_tell_the_alarm_stands_all_the_same(self):
        swept(NOON)
        assert watch_at(LATE).begun
        assert not AlarmLetter.objects.exists()

    def test_who_may_not_any_more_is_told_nothing(self, wang, smtp):
        swept(NOON)
        watch_at(LATE)
        wang.user_permissions.clear()
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(LATE) == 0
        assert mails == []
        assert set(AlarmLetter.objects.values_list("due_at", "outcome")) == {(None, "not_theirs")}


class TestTheMail:
    def test_one_mail_says_which_kind_since_when_what_waits_and_what_to_do(self, wang, smtp):
        due("2026-03-10T11:50+08:00")
        due("2026-03-10T11:55+08:00", subject=2)
        swept(LATE, *everything_but("handle"))
        swept(NOON, "handle")
        watch_at(LATE)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(LATE) == 1
            assert send_at(LATE) == 0
        (mail,) = mails
        assert mail["subject"] == "ALARM: sweeps are late: handle a complaint"
        assert body(mail).splitlines() == [
            "handle a complaint: no run has ended since 2026-03-10 12:00 Beijing time. "
            "Noticed 2026-03-10 12:03 Beijing time.",
            "Due and waiting: 2; the oldest for 13 min.",
            "Start Celery beat and a worker, or manage.py sweep --loop. manage.py doctor says what is wrong.",
            "https://portal.example.com/admin/deadlines/sweeprun/?kind__exact=handle",
            "",
            "--",
            "You get this mail because you may control the sweeps of the complaints portal, or stand in OPS_MAIL.",
        ]
        assert (mail["to"], mail["auto-submitted"]) == ("wang@example.com", "auto-generated")
        letter = AlarmLetter.objects.get()
        assert mail["message-id"] == f"<alarms.{letter.pk}@portal.example.com>"
        assert (letter.occasion, letter.due_at, letter.sent_at) == ("begun", None, moment(LATE))

    def test_all_kinds_that_are_late_together_are_one_mail(self, wang, smtp):
        swept(NOON)
        watch_at(LATE)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(LATE) == 1
        assert body(mails[0]).count("no run has ended since") == len(registered_kinds())

    def test_a_pause_is_told_with_its_reason(self, wang, smtp):
        set_mode("handle", "paused", reason="Server 7 was wrong.", actor=ops("li"), now=moment(NOON))
        swept(NOON)
        watch_at(NOON)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            send_at(NOON)
        assert body(mails[0]).startswith(
            "handle a complaint: paused by Li: Server 7 was wrong. Noticed 2026-03-10 12:00"
        )
        assert "manage.py sweeps run handle" in body(mails[0])

    def test_a_mail_when_it_begins_one_each_six_hours_and_one_when_it_ends(self, wang, smtp):
        swept(NOON)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            for at in (
                LATE,
                "2026-03-10T12:04+08:00",
                "2026-03-10T18:02:59.999999+08:00",
                "2026-03-10T18:03+08:00",
                "2026-03-10T18:04+08:00",
                "2026-03-11T00:02:59.999999+08:00",
                "2026-03-11T00:03+08:00",
            ):
                watch_at(at)
                send_at(at)
            assert len(mails) == 3
            for at in ("2026-03-11T00:04:30+08:00", "2026-03-11T00:09:30+08:00", "2026-03-11T00:10:30+08:00"):
                swept(at)
                watch_at(at)
                send_at(at)
        assert len(mails) == 4
        assert mails[3]["subject"].startswith("Over: sweeps are on time again: ")
        assert (
            "handle a complaint is on time again: "
            "it was late from 2026-03-10 12:03 to 2026-03-11 00:04 Beijing time, for 12 h 1 min." in body(mails[3])
        )

    def test_it_speaks_the_language_of_the_reader(self, wang, smtp):
        smtp.LANGUAGE_CODE, smtp.OPS_MAIL = "zh-hans", ["night@example.com"]
        swept(NOON)
        watch_at(LATE)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(LATE) == 2
        by_reader = {mail["to"]: body(mail) for mail in mails}
        assert "北京时间" in by_reader["night@example.com"]
        assert "Beijing time" in by_reader["wang@example.com"]


class TestAMailServerThatIsAway:
    def test_it_is_asked_ever_less_often_and_nothing_is_lost(self, wang, smtp):
        swept(NOON)
        watch_at(LATE)
        smtp.EMAIL_PORT = port_of_nobody()
        assert send_at(LATE) == 0
        assert send_at("2026-03-10T12:03:59.999999+08:00") == 0
        assert set(AlarmLetter.objects.values_list("failures", "due_at")) == {(1, moment("2026-03-10T12:04+08:00"))}
        assert mail_trouble().waiting == len(registered_kinds())
        assert "refused" in mail_trouble().reason
        send_at("2026-03-10T12:04+08:00")
        assert set(AlarmLetter.objects.values_list("failures", "due_at")) == {(2, moment("2026-03-10T12:06+08:00"))}
        with smtp_server(smtp.EMAIL_PORT) as (_port, mails):
            assert send_at("2026-03-10T12:06+08:00") == 1
            assert send_at("2026-03-10T13:06+08:00") == 0
        assert len(mails) == 1
        assert mail_trouble().waiting == 0

    def test_what_is_on_time_again_when_it_can_be_told_is_not_told_as_late(self, wang, smtp):
        swept(NOON)
        li = ops("li")
        set_mode("handle", "paused", reason="Server 7 was wrong.", actor=li, now=moment(NOON))
        watch_at(NOON)
        smtp.EMAIL_PORT = port_of_nobody()
        assert send_at(NOON) == 0
        set_mode("handle", "run", reason="It is mended.", actor=li, now=moment(NOON))
        with smtp_server(smtp.EMAIL_PORT) as (_port, mails):
            assert send_at("2026-03-10T12:01+08:00") == 1
        assert mails[0]["subject"] == "Over: sweeps are on time again: handle a complaint"
        assert body(mails[0]).startswith(
            "handle a complaint: it was late, noticed 2026-03-10 12:00 Beijing time, and is on time again.\n"
        )
        assert "paused" not in body(mails[0])
        assert "a mail says when the alarm is over" in body(mails[0])

    def test_the_wait_never_passes_ten_minutes(self, wang, smtp):
        swept(NOON)
        watch_at(LATE)
        AlarmLetter.objects.update(failures=300)
        smtp.EMAIL_PORT = port_of_nobody()
        send_at(LATE)
        assert set(AlarmLetter.objects.values_list("failures", "due_at")) == {(301, moment("2026-03-10T12:13+08:00"))}

    def test_after_three_days_a_mail_is_given_up(self, wang, smtp):
        swept(NOON)
        watch_at(LATE)
        AlarmLetter.objects.update(failures=alarm_mails.TRIES - 1)
        smtp.EMAIL_PORT = port_of_nobody()
        send_at(LATE)
        assert not AlarmLetter.objects.filter(due_at__isnull=False).exists()
        assert all(each.outcome.startswith("given up: ") for each in AlarmLetter.objects.all())

    def test_what_ended_before_it_could_be_told_is_told_once_as_ended(self, wang, smtp):
        swept(NOON)
        watch_at(LATE)
        smtp.EMAIL_PORT = port_of_nobody()
        send_at(LATE)
        for at in ("2026-03-10T12:04:10+08:00", "2026-03-10T12:09:10+08:00"):
            swept(at)
            watch_at(at)
        with smtp_server(smtp.EMAIL_PORT) as (_port, mails):
            assert send_at("2026-03-10T12:09:10+08:00") == 1
            assert send_at("2026-03-10T12:30+08:00") == 0
        assert mails[0]["subject"].startswith("Over: ")
        assert set(AlarmLetter.objects.values_list("occasion", "outcome")) == {
            ("begun", "overtaken"),
            ("ended", "sent"),
        }

    def test_an_address_that_does_not_exist_is_given_up_and_the_others_are_told(self, wang, smtp):
        smtp.OPS_MAIL = ["nobody@example.com"]
        swept(NOON)
        watch_at(LATE)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(LATE) == 1
        assert [mail["to"] for mail in mails] == ["wang@example.com"]
        outcomes = set(AlarmLetter.objects.filter(address="nobody@example.com").values_list("outcome", flat=True))
        assert outcomes == {"given up: 550 no such person"}


@pytest.mark.django_db(transaction=True)
class TestManyAtOnce:
    def test_two_who_watch_at_once_open_one_alarm_and_one_mail_leaves(self, wang, smtp):
        swept(NOON)
        watch_at("2026-03-10T12:01+08:00")
        found = collide(
            SweepWatch.objects.filter(name=WATCH),
            lambda: watch_at(LATE),
            lambda: watch_at("2026-03-10T12:03:00.5+08:00"),
        )
        assert sorted(len(each.begun) for each in found) == [0, len(registered_kinds())]
        assert SweepAlarm.objects.count() == AlarmLetter.objects.count() == len(registered_kinds())
        with smtp_server() as (smtp.EMAIL_PORT, mails), ThreadPoolExecutor(4) as pool:
            sent = list(pool.map(lambda _number: outcome_of(lambda: send_at(LATE)), range(4)))
        assert sum(sent) == len(mails) == 1

    def test_without_the_turn_the_database_still_lets_only_one_open_it(self, wang, monkeypatch):
        """The control: even watchers that do not wait for each other leave one alarm, by the constraint."""
        swept(NOON)
        watch = SweepWatch(name=WATCH, since=moment(NOON))
        monkeypatch.setattr(alarms, "_take_turn", lambda now: watch)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _number: outcome_of(lambda: watch_at(LATE)), range(8)))
        assert sum(len(each.begun) for each in found) == len(registered_kinds())
        assert SweepAlarm.objects.count() == len(registered_kinds())


class TestTheCommand:
    def run(self, *arguments):
        out, err = StringIO(), StringIO()
        with freeze_time(LATE):
            call_command("watch", *arguments, stdout=out, stderr=err)
        return out.getvalue(), err.getvalue()

    def test_all_on_time_is_status_0_and_a_line_per_kind(self, smtp):
        swept("2026-03-10T12:02+08:00")
        out, _err = self.run()
        assert [line.split()[:3] for line in out.splitlines()] == [[kind, "on", "time;"] for kind in registered_kinds()]

    def test_late_is_status_1_and_the_mail_has_left(self, wang, smtp):
        swept("2026-03-10T12:02+08:00", *everything_but("handle"))
        swept(NOON, "handle")
        out = StringIO()
        with smtp_server() as (smtp.EMAIL_PORT, mails), freeze_time(LATE):
            with pytest.raises(CommandError, match=r"Late: handle\.") as refusal:
                call_command("watch", stdout=out)
            with pytest.raises(CommandError):
                call_command("watch", stdout=out)
        assert refusal.value.returncode == 1
        assert len(mails) == 1
        assert "handle      LATE, silent; last run 2026-03-10 12:00 Beijing time; alarm begun" in out.getvalue()

    def test_json_for_programs_and_mails_that_are_held_are_named(self, wang, smtp):
        swept(NOON, "handle")
        swept("2026-03-10T12:02+08:00", *everything_but("handle"))
        smtp.EMAIL_PORT = port_of_nobody()
        out, err = StringIO(), StringIO()
        with freeze_time(LATE), pytest.raises(CommandError):
            call_command("watch", "--json", stdout=out, stderr=err)
        found = json.loads(out.getvalue())
        assert (found["handle"]["late"], found["handle"]["alarm"]) == ("silent", "begun")
        assert (found["finish"]["late"], found["finish"]["alarm"]) == (None, None)
        assert "1 mail(s) about alarms have not left" in err.getvalue()

    @pytest.mark.django_db(transaction=True)
    def test_without_a_database_it_says_so(self, monkeypatch):
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
        with pytest.raises(CommandError, match="The database does not answer") as refusal:
            call_command("watch")
        connection.close()
        assert refusal.value.returncode == 1
