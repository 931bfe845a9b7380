"""The mails about an account: in the reader's language, about this portal, and true."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from complaints.tests.factories import make_user
from merchants.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def fang() -> User:
    return make_user("fang-reads-mails", email="fang@example.com")


def client_of(user: User | None = None, *, language: str) -> Client:
    client = Client()
    if user:
        client.force_login(user)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client


def asks_for_a_password(address: str, language: str) -> None:
    client_of(language=language).post(reverse("account_reset_password"), {"email": address})


def link_in(mail: Any) -> str:
    found = re.search(r"https?://[^/\s]+(/\S+)", mail.body)
    assert found
    return found[1]


def test_whoever_forgot_the_password_gets_a_mail_in_their_language(fang, mailoutbox):
    asks_for_a_password("fang@example.com", "zh-hans")
    asks_for_a_password("fang@example.com", "en")

    chinese, english = mailoutbox
    assert chinese.subject.endswith("设置交易投诉处理平台的新密码")
    assert "Hello" not in chinese.body
    assert "您的用户名是fang-reads-mails。" in chinese.body
    assert english.subject.endswith("Set a new password for the complaints portal")
    assert "the password stays as it is" in english.body
    assert Client().get(link_in(english), follow=True).status_code == 200


def test_whoever_has_no_account_is_not_sent_to_sign_up_which_nobody_can(mailoutbox):
    asks_for_a_password("nobody@example.com", "en")

    (mail,) = mailoutbox
    assert mail.subject.endswith("No account has this address")
    assert "account administrator of your merchant to invite you" in mail.body
    assert "/accounts/signup/" not in mail.body


@pytest.mark.parametrize(
    ("language", "address", "subject", "question"),
    [
        (
            "zh-hans",
            "zh@example.com",
            "验证您在交易投诉处理平台的邮箱",
            "确认zh@example.com是fang-reads-mails的账号邮箱？",
        ),
        (
            "en",
            "en@example.com",
            "Confirm your address for the complaints portal",
            "Does en@example.com belong to the account of fang-reads-mails?",
        ),
    ],
)
def test_a_new_address_is_confirmed_by_its_link(fang, mailoutbox, language, address, subject, question):
    client = client_of(fang, language=language)
    client.post(reverse("account_email"), {"action_add": "", "email": address})

    (mail,) = mailoutbox
    assert mail.subject.endswith(subject)
    assert "注册" not in mail.body  # nobody signed up
    assert "register" not in mail.body
    assert question in client.get(link_in(mail)).content.decode()
    client.post(link_in(mail))
    assert fang.emailaddress_set.get(email=address).verified


def test_a_link_that_confirms_nothing_leads_on():
    page = client_of(language="zh-hans").get(reverse("account_confirm_email", args=["nothing"])).content.decode()

    assert "链接已失效" in page
    assert reverse("account_email") in page


def test_whoever_wants_to_sign_up_reads_who_invites_them():
    page = client_of(language="zh-hans").get(reverse("account_signup")).content.decode()

    assert "账号管理员" in page
    assert reverse("account_login") in page
