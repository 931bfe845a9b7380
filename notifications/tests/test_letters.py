"""Mails of notices go through a real SMTP server on a real socket; one that is away loses nothing."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import translation

from appeals.tests.making import make_reviewer, penalty_issued, staff
from common.tests.ports import port_of_nobody
from complaints.services import cancel
from complaints.tests.factories import handle_at, moment, platform_actor
from complaints.tests.racing import outcome_of
from merchants.models import Grant, Membership
from merchants.tests.people import smtp_server
from notifications import letters
from notifications.letters import send_letters, trouble_of
from notifications.models import Letter, Notice
from notifications.notices import TOLD
from notifications.tests.making import chosen, happens, make_house, start_telling, tell_at
from notifications.wording import SENTENCES, path_of, words_of
from penalties.services import revoke

NOW = "2026-11-20T10:00+08:00"


@pytest.fixture(autouse=True)
def smtp(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.PUBLIC_URL = "https://portal.example.com/"
    settings.DEFAULT_FROM_EMAIL = "Complaints portal <portal@example.com>"
    return settings


@pytest.fixture
def house(at_once):
    house = make_house()
    chosen(house.wang, house.merchant)
    return house


def send_at(at):
    now = moment(at) if isinstance(at, str) else at
    return send_letters(lambda: now)


def outcomes():
    return sorted(Letter.objects.values_list("outcome", flat=True))


def body(mail, kind="plain"):
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


class TestWhatAMailSays:
    def test_all_that_is_due_of_one_member_is_one_mail_with_the_most_urgent_in_front(self, house, smtp):
        complaint = house.files(NOW)
        happens(house, NOW, "complaint.confirmed", complaint_no=complaint.complaint_no)
        happens(
            house,
            NOW,
            "penalty.issued",
            penalty_no="2026112002",
            kind="complaint_timeout",
            points=1,
        )
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at("2026-11-20T10:30+08:00") == 1
            assert send_at("2026-11-20T10:30+08:00") == 0
        (mail,) = mails
        first = "1 point for a complaint that was not handled in time: penalty 2026112002. You can appeal."
        assert mail["subject"] == f"Tea House: {first} (and 2 more)"
        assert (mail["to"], mail["from"]) == ("wang@example.com", "Complaints portal <portal@example.com>")

    def test_the_whole_of_one(self, house, smtp):
        complaint = house.files(NOW)
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            send_at("2026-11-20T10:30+08:00")
        (mail,) = mails
        number = complaint.complaint_no
        sentence = f"New complaint {number}: 3 d 23 h left, until 2026-11-24 10:00 Beijing time."
        assert mail["subject"] == f"Tea House: {sentence}"
        assert body(mail).splitlines() == [
            sentence,
            f"https://portal.example.com/complaints/{number}/",
            "",
            "--",
            "You get this mail because you work for Tea House and chose to be told by mail. Choose anew:",
            "https://portal.example.com/settings/notices/",
        ]
        html = body(mail, "html")
        assert f'<a href="https://portal.example.com/complaints/{number}/">{sentence}</a>' in html
        assert '<html lang="en">' in html
        place = house.place(house.wang)
        assert mail["message-id"] == f"<notices.{place.pk}.{Letter.objects.get().pk}@portal.example.com>"
        assert mail["list-unsubscribe"] == "<https://portal.example.com/settings/notices/>"
        assert mail["auto-submitted"] == "auto-generated"
        letter = Letter.objects.get()
        assert (letter.due_at, letter.sent_at, letter.outcome) == (None, moment("2026-11-20T10:30+08:00"), "sent")

    def test_it_speaks_the_language_of_the_reader(self, house, smtp):
        li = house.member("Li", Grant.VIEW, language="zh-hans")
        chosen(li, house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails), translation.override("en"):
            assert send_at(NOW) == 2
        by_reader = {mail["to"]: body(mail, "html") for mail in mails}
        assert '<html lang="zh-hans">' in by_reader["li@example.com"]
        assert '<html lang="en">' in by_reader["wang@example.com"]

    def test_a_name_cannot_add_a_header_or_markup(self, at_once, smtp):
        house = make_house("Tea\r\nBcc: thief@example.com <b>")
        chosen(house.wang, house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(NOW) == 1
        assert mails[0]["bcc"] is None
        assert "<b>" not in body(mails[0], "html")

    def test_a_mail_about_very_many_names_a_hundred_and_how_many_more(self, house, smtp):
        for number in range(103):
            happens(house, NOW, complaint_no=str(number))
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(NOW) == 1
        text = body(mails[0])
        assert text.count("The consumer left a message") == 100
        assert "There are 3 more: https://portal.example.com/notices/" in text
        assert mails[0]["subject"].endswith("(and 102 more)")
        assert Letter.objects.filter(outcome="sent").count() == 103

    def test_no_name_and_no_phone_of_a_consumer_leaves(self, house, smtp):
        house.files(NOW, consumer_name="Han Meimei", consumer_phone="13800001234", description="My secret words.")
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            send_at(NOW)
        for words in ("Meimei", "1234", "secret"):
            assert words not in body(mails[0]).replace(Notice.objects.get().payload["complaint_no"], "")

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_there_is_a_sentence_and_a_page_for_every_event(self, house, language):
        assert set(SENTENCES) == set(TOLD)
        facts = {
            "complaint_no": "C1",
            "role": "staff",
            "amount": "12.00",
            "refund_by": NOW,
            "handle_by": NOW,
            "points": 2,
            "kind": "refund_overdue",
            "status": "approved",
            "penalty_no": "P1",
            "name": "Desk",
            "since": NOW,
            "due_at": NOW,
        }
        with translation.override(language):
            for name, (kind, _is_told) in TOLD.items():
                payload = {**facts, "kind": "handle"} if name == "deadline.near" else facts
                payload = {**payload, "consultation_no": "Q1"} if name.startswith("consultation") else payload
                notice = Notice(kind=kind, name=name, payload=payload, at=moment(NOW), pk=1)
                sentence = words_of(notice, now=moment(NOW)).sentence
                assert "%(" not in sentence, name
                assert sentence.endswith((".", "。")), name


@pytest.mark.parametrize(
    ("name", "payload", "path"),
    [
        ("deadline.near", {"complaint_no": "C1"}, "/complaints/C1/"),
        ("deadline.near", {"complaint_no": "C1", "case_no": "R1"}, "/refunds/R1/"),
        ("deadline.near", {"complaint_no": "C1", "penalty_no": "P1"}, "/violations/P1/"),
        ("consultation.asked", {"consultation_no": "Q1"}, "/consultations/Q1/"),
        ("robot.failed", {"name": "Desk"}, "/settings/robots/"),
    ],
)
def test_a_notice_leads_to_where_one_can_act_on_it(name, payload, path):
    assert path_of(Notice(kind=TOLD[name][0], name=name, payload=payload)) == path


class TestLookedAtAgain:
    def send(self, smtp, at="2026-11-21T09:00+08:00"):
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            send_at(at)
        return mails

    @pytest.fixture
    def digest(self, house):
        chosen(house.wang, house.merchant, mail="digest", digest_hour=9)
        return house

    def test_a_complaint_that_was_handled_meanwhile_is_no_news(self, digest, smtp):
        complaint, other = digest.files(NOW), digest.files(NOW)
        tell_at(NOW)
        handle_at("2026-11-20T12:00+08:00", complaint)
        (mail,) = self.send(smtp)
        assert other.complaint_no in body(mail)
        assert complaint.complaint_no not in body(mail)
        assert outcomes() == ["no_longer_true", "sent"]

    def test_a_complaint_that_was_withdrawn_meanwhile_is_told_of_as_withdrawn_only(self, digest, smtp):
        complaint = digest.files(NOW)
        cancel(complaint.pk, reason="Solved.", actor=platform_actor(digest.merchant.platform), now=moment(NOW))
        tell_at(NOW)
        (mail,) = self.send(smtp)
        assert mail["subject"] == f"Tea House: Complaint {complaint.complaint_no} was withdrawn."

    def test_a_penalty_that_was_revoked_meanwhile(self, digest, smtp):
        penalty = penalty_issued(NOW, program=digest.program)
        tell_at(NOW)
        Letter.objects.exclude(notice__name="penalty.issued").delete()
        revoke(penalty.pk, reason="A mistake.", actor=staff(make_reviewer()), now=moment(NOW))
        assert self.send(smtp) == []
        assert outcomes() == ["no_longer_true"]
        tell_at("2026-11-20T10:05+08:00")
        (mail,) = self.send(smtp)
        assert mail["subject"] == f"Tea House: Penalty {penalty.penalty_no} was revoked: 1 point given back."

    @pytest.mark.parametrize("change", ["removed", "without the grant", "switched off", "without an address"])
    def test_a_member_who_may_not_read_it_any_more(self, digest, smtp, change):
        li = digest.member("Li")
        chosen(li, digest.merchant, mail="digest", digest_hour=9)
        chosen(digest.wang, digest.merchant, mail="none")
        digest.files(NOW)
        tell_at(NOW)
        place = digest.place(li)
        if change == "removed":
            place.delete()
        elif change == "without the grant":
            Membership.objects.filter(pk=place.pk).update(grants=[Grant.HANDLE])
        elif change == "switched off":
            type(li).objects.filter(pk=li.pk).update(is_active=False)
        else:
            type(li).objects.filter(pk=li.pk).update(email="")
        assert self.send(smtp) == []
        assert outcomes() == ([] if change == "removed" else ["not_theirs"])

    def test_a_quiet_time_that_began_while_nobody_sent(self, house, smtp):
        chosen(house.wang, house.merchant, quiet_from=22, quiet_to=8)
        happens(house, "2026-11-20T21:59+08:00")
        tell_at("2026-11-20T21:59+08:00")
        assert self.send(smtp, "2026-11-20T22:00+08:00") == []
        assert Letter.objects.get().due_at == moment("2026-11-21T08:00+08:00")
        assert self.send(smtp, "2026-11-21T07:59:59.999999+08:00") == []
        assert len(self.send(smtp, "2026-11-21T08:00+08:00")) == 1

    def test_what_could_not_be_sent_for_five_days_is_no_news_any_more(self, house, smtp):
        happens(house, NOW)
        tell_at(NOW)
        assert self.send(smtp, "2026-11-25T10:00:00.000001+08:00") == []
        Letter.objects.update(due_at=moment(NOW), outcome="")
        assert len(self.send(smtp, "2026-11-25T10:00+08:00")) == 1


class TestTroubles:
    def test_a_server_that_is_down_loses_nothing_and_is_asked_ever_less_often_up_to_hourly(self, house, smtp):
        happens(house, NOW)
        tell_at(NOW)
        smtp.EMAIL_PORT = port_of_nobody()
        at, waits = moment(NOW), []
        for _try in range(9):
            assert send_at(at) == 0
            letter = Letter.objects.get()
            assert letter.due_at
            assert send_at(letter.due_at - timedelta(microseconds=1)) == 0
            waits.append(int((letter.due_at - at).total_seconds()) // 60)
            at = letter.due_at
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
        assert (letter.failures, letter.sent_at) == (9, None)
        assert trouble_of(letter.membership_id).waiting == 1
        with smtp_server(smtp.EMAIL_PORT) as (_port, mails):
            assert send_at(at) == 1
        assert len(mails) == 1
        assert trouble_of(letter.membership_id).waiting == 0

    def test_after_a_hundred_and_twenty_five_tries_it_is_given_up(self, house, smtp):
        happens(house, NOW)
        tell_at(NOW)
        Letter.objects.update(failures=124)
        smtp.EMAIL_PORT = port_of_nobody()
        send_at(NOW)
        letter = Letter.objects.get()
        assert letter.due_at is None
        assert letter.outcome.startswith("given up: ")

    def test_a_run_gives_up_early_on_a_server_that_is_away(self, house, smtp):
        for number in range(5):
            chosen(house.member(f"Li{number}"), house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        smtp.EMAIL_PORT = port_of_nobody()
        send_at(NOW)
        assert Letter.objects.filter(failures=1).count() == 3

    @pytest.mark.parametrize("address", ["nobody@example.com", f"li@{'长' * 60}.example.com"])
    def test_an_address_that_is_refused_for_good_is_given_up_with_the_reason_and_stops_nobody(
        self, house, smtp, address
    ):
        li = house.member("Li", email=address)
        chosen(li, house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails):
            assert send_at(NOW) == 1
        assert [mail["to"] for mail in mails] == ["wang@example.com"]
        letter = Letter.objects.get(membership__user=li)
        assert letter.due_at is None
        trouble = trouble_of(letter.membership_id)
        assert trouble.given_up.startswith("550 no such person" if "nobody" in address else "")
        assert trouble.given_up
        assert trouble_of(house.place(house.wang).pk).given_up == ""

    def test_a_mail_that_arrived_since_ends_the_trouble(self, house, smtp):
        li = house.member("Li", email="nobody@example.com")
        chosen(li, house.merchant)
        happens(house, NOW)
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, _mails):
            send_at(NOW)
            type(li).objects.filter(pk=li.pk).update(email="li@example.com")
            happens(house, NOW, "complaint.confirmed")
            tell_at(NOW)
            send_at(NOW)
        assert trouble_of(house.place(li).pk).given_up == ""

    def test_sent_again_after_a_crash_it_carries_the_same_id(self, house, smtp, monkeypatch):
        happens(house, NOW)
        tell_at(NOW)

        def send_and_die(mail):
            mail.send()
            raise SystemExit

        with smtp_server() as (smtp.EMAIL_PORT, mails):
            monkeypatch.setattr(letters, "hand_over", send_and_die)
            with pytest.raises(SystemExit), transaction.atomic():
                send_at(NOW)
            monkeypatch.undo()
            send_at("2026-11-20T10:01+08:00")
        assert len(mails) == 2
        assert len({mail["message-id"] for mail in mails}) == 1


@pytest.mark.django_db(transaction=True)
class TestTwoSenders:
    def test_all_of_one_member_goes_to_one_of_them(self, smtp, monkeypatch):
        start_telling()
        house = make_house()
        chosen(house.wang, house.merchant)
        happens(house, NOW)
        happens(house, NOW, "complaint.confirmed")
        tell_at(NOW)
        with smtp_server() as (smtp.EMAIL_PORT, mails), ThreadPoolExecutor(2) as pool:
            with transaction.atomic():
                # While one sender holds the oldest letter, another finds nothing of this member to send.
                assert Letter.objects.order_by("pk").select_for_update().first()
                assert pool.submit(outcome_of, lambda: send_at(NOW)).result(timeout=30) == 0
            runs = [pool.submit(outcome_of, lambda: send_at(NOW)) for _sender in range(2)]
            assert sum(run.result(timeout=30) for run in runs) == 1
        assert len(mails) == 1
        assert len(re.findall("https://portal.example.com/complaints/", body(mails[0]))) == 2
