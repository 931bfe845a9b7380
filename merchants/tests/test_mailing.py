"""Mails of invitations go through a real SMTP server on a real socket; one that is away loses nothing."""

import re
from datetime import timedelta

import pytest
from django.conf import settings as django_settings

from common.tests.ports import port_of_nobody
from complaints.tests.factories import make_user, moment
from merchants.mailing import send_invitations
from merchants.models import Grant, Invitation
from merchants.tasks import mail_invitations
from merchants.team import opened, renew, withdraw
from merchants.tests.people import INVITED, acting, invited, make_team, smtp_server

pytestmark = pytest.mark.django_db

LINK = re.compile(r"https://portal\.example\.com/join/([^/\s]+)/")


@pytest.fixture(autouse=True)
def smtp(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.PUBLIC_URL = "https://portal.example.com/"
    settings.DEFAULT_FROM_EMAIL = "Complaints portal <portal@example.com>"
    return settings


def send(at):
    return send_invitations(lambda: at)


def test_a_silent_server_does_not_hold_up_the_others_for_ever():
    assert django_settings.EMAIL_TIMEOUT == 10


def test_the_mail_says_who_invites_to_what_until_when_and_carries_a_link_that_opens(smtp):
    merchant, wang = make_team("O'Brien & 茶")
    invitation = invited(merchant, wang, grants=[Grant.VIEW, Grant.HANDLE])
    with smtp_server() as (smtp.EMAIL_PORT, mails):
        assert send(INVITED) == 1
    (mail,) = mails
    text = mail.get_content().replace("\r\n", "\n")
    (token,) = LINK.findall(text)
    assert text.splitlines() == [
        "Wang Fang invites you to handle the complaints of O'Brien & 茶 together.",
        "",
        "You may there: see complaints and penalties, handle complaints and leave messages.",
        "",
        "Open this link to join. It opens once:",
        "",
        f"https://portal.example.com/join/{token}/",
        "",
        "It is good until 2026-11-09 10:00 Beijing time.",
        "",
        "If you do not know the sender, ignore this mail: without the link nobody can join.",
    ]
    assert mail["subject"] == "Wang Fang invites you to work for O'Brien & 茶"
    assert (mail["to"], mail["from"]) == ("li@example.com", "Complaints portal <portal@example.com>")
    assert opened(token, now=INVITED) == invitation
    invitation.refresh_from_db()
    assert (invitation.mail_at, invitation.mailed_at, invitation.mail_failures) == (None, INVITED, 0)


def test_the_mail_speaks_the_language_that_the_inviter_chose(smtp):
    merchant, wang = make_team()
    invited(merchant, wang, language="zh-hans", is_administrator=True)
    with smtp_server() as (smtp.EMAIL_PORT, mails):
        send(INVITED)
    text = mails[0].get_content()
    assert "北京时间" in text
    assert "Beijing" not in text
    assert LINK.search(text)


def test_a_name_cannot_add_a_header(smtp):
    merchant, wang = make_team("Tea\r\nBcc: thief@example.com")
    invited(merchant, wang)
    with smtp_server() as (smtp.EMAIL_PORT, mails):
        assert send(INVITED) == 1
    assert mails[0]["bcc"] is None
    assert mails[0]["subject"] == "Wang Fang invites you to work for Tea Bcc: thief@example.com"


def test_a_server_that_is_down_loses_nothing_and_is_asked_ever_less_often(smtp):
    merchant, wang = make_team()
    invitation = invited(merchant, wang)
    smtp.EMAIL_PORT = port_of_nobody()
    assert send(INVITED) == 0
    invitation.refresh_from_db()
    assert (invitation.mail_failures, invitation.mail_at) == (1, moment("2026-11-02T10:02+08:00"))
    assert send(moment("2026-11-02T10:01:59.999999+08:00")) == 0
    invitation.refresh_from_db()
    assert invitation.mail_failures == 1
    assert send(moment("2026-11-02T10:02+08:00")) == 0
    invitation.refresh_from_db()
    assert (invitation.mail_failures, invitation.mail_at) == (2, moment("2026-11-02T10:06+08:00"))
    with smtp_server(smtp.EMAIL_PORT) as (_port, mails):
        assert send(moment("2026-11-02T10:06+08:00")) == 1
        assert send(moment("2026-11-02T10:06+08:00")) == 0
    assert len(mails) == 1
    invitation.refresh_from_db()
    assert (invitation.mail_at, invitation.mailed_at) == (None, moment("2026-11-02T10:06+08:00"))


def test_after_eight_tries_it_is_given_up_until_somebody_sends_it_again(smtp):
    merchant, wang = make_team()
    invitation = invited(merchant, wang)
    smtp.EMAIL_PORT = port_of_nobody()
    for _try in range(8):
        invitation.refresh_from_db()
        send(invitation.mail_at)
    invitation.refresh_from_db()
    assert (invitation.mail_failures, invitation.mail_at, invitation.mailed_at) == (8, None, None)
    again = moment("2026-11-03T10:00+08:00")
    renew(invitation.pk, actor=acting(wang, merchant), now=again)
    with smtp_server(smtp.EMAIL_PORT) as (_port, mails):
        assert send(again) == 1
    assert len(mails) == 1


def test_a_run_gives_up_early_on_a_server_that_is_away(smtp):
    merchant, wang = make_team()
    for number in range(5):
        invited(merchant, wang, email=f"li{number}@example.com")
    smtp.EMAIL_PORT = port_of_nobody()
    assert send(INVITED) == 0
    assert Invitation.objects.filter(mail_failures=1).count() == 3


@pytest.mark.parametrize("address", ["nobody@example.com", f"li@{'长' * 60}.example.com"])
def test_an_address_that_cannot_be_reached_does_not_stop_the_others(smtp, address):
    merchant, wang = make_team()
    bad = invited(merchant, wang, email=address)
    invited(merchant, wang, email="zhao@example.com")
    with smtp_server() as (smtp.EMAIL_PORT, mails):
        assert send(INVITED) == 1
    assert [mail["to"] for mail in mails] == ["zhao@example.com"]
    bad.refresh_from_db()
    assert bad.mail_failures == 1


def test_what_was_withdrawn_or_used_before_it_was_sent_is_not_sent(smtp):
    merchant, wang = make_team()
    withdraw(invited(merchant, wang).pk, actor=acting(wang, merchant), now=INVITED)
    used = invited(merchant, wang, email="zhao@example.com")
    Invitation.objects.filter(pk=used.pk).update(accepted_at=INVITED, accepted_by=make_user())
    with smtp_server() as (smtp.EMAIL_PORT, mails):
        assert send(INVITED + timedelta(hours=1)) == 0
    assert mails == []


def test_the_task_sends_what_is_due(smtp):
    merchant, wang = make_team()
    invited(merchant, wang)
    with smtp_server() as (smtp.EMAIL_PORT, mails):
        assert mail_invitations() == 1
        assert mail_invitations() == 0
    assert len(mails) == 1
