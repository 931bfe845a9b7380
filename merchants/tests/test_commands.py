"""The commands that register who takes part and make keys."""

import io
import json
import re
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from complaints.tests.calling import COMPLAINTS, Caller
from merchants.models import ApiKey, Membership, Merchant, MiniProgram, Platform, User

pytestmark = pytest.mark.django_db


def run(name: str, *args: str, **options: Any) -> tuple[str, str]:
    """Run a command as the command line would, and return what it printed on each stream."""
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *args, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def merchant() -> Merchant:
    run("create_platform", "demo", "Demo platform")
    run("create_merchant", "demo", "青山茶行")
    return Merchant.objects.get()


def test_a_platform_a_merchant_and_a_mini_program_are_registered(merchant):
    run("create_mini_program", "demo", "青山茶行", "2021001", "--name", "茶", "--kind", "life_account")

    program = MiniProgram.objects.get()
    assert (program.app_id, program.name, program.kind) == ("2021001", "茶", "life_account")
    assert program.merchant == merchant
    assert program.platform == merchant.platform == Platform.objects.get(code="demo")


@pytest.mark.usefixtures("merchant")
@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["create_platform", "demo", "again"], "already exists"),
        (["create_platform", "no good", "name"], "letters, numbers"),
        (["create_platform", "empty", ""], "blank"),
        (["create_merchant", "nowhere", "name"], "There is no platform “nowhere”. Known are: demo."),
        (["create_merchant", "demo", "青山茶行"], "already exists"),
        (["create_mini_program", "demo", "nobody", "1"], "Platform “demo” has no merchant “nobody”."),
        (["create_mini_program", "demo", "青山茶行", "x" * 65], "64"),
        (["create_member", "demo", "nobody", "li"], "has no merchant"),
        (["create_member", "demo", "青山茶行", "l i"], "valid username"),
        (["create_api_key", "nowhere"], "There is no platform"),
        (["create_api_key", "demo", "--grant", "view"], "--grant is for a merchant's key"),
        (["create_api_key", "demo", "--name", "x" * 101], "at most 100 characters"),
        (["revoke_api_key", "0123456789"], "There is no key that starts with “0123456789”."),
        (["list_api_keys", "--platform", "nowhere"], "There is no platform"),
    ],
)
def test_a_refusal_is_a_sentence_and_registers_nothing(command, sentence):
    before = [model.objects.count() for model in (Platform, Merchant, MiniProgram, User, Membership, ApiKey)]

    with pytest.raises(CommandError, match=re.escape(sentence)) as refusal:
        run(*command)

    assert refusal.value.returncode == 1
    assert before == [model.objects.count() for model in (Platform, Merchant, MiniProgram, User, Membership, ApiKey)]


def test_a_new_member_gets_a_password_that_is_shown_once_and_works(merchant, client):
    out, _err = run(
        "create_member", "demo", "青山茶行", "li", "--quiet", "--grant", "view", "--email", "li@example.com"
    )

    password = out.strip()
    membership = Membership.objects.get()
    assert membership.user.check_password(password)
    assert membership.user.email == "li@example.com"
    assert membership.effective_grants == {"view"}
    assert client.post("/accounts/login/", {"login": "li", "password": password}).status_code == 302


def test_somebody_who_is_registered_joins_another_merchant_and_keeps_the_password(merchant):
    run("create_member", "demo", "青山茶行", "li")
    run("create_merchant", "demo", "明月书店")
    kept = User.objects.get().password

    out, err = run("create_member", "demo", "明月书店", "li", "--administrator")

    assert out == ""
    assert "“li” now works for “明月书店”." in err
    assert User.objects.get().password == kept
    assert Membership.objects.filter(user__username="li").count() == 2
    with pytest.raises(CommandError):
        run("create_member", "demo", "明月书店", "li")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [(["correct horse 7", "correct horse 8"], "differ"), (["12345678", "12345678"], "too common")],
)
def test_a_password_that_is_asked_for_is_checked(merchant, monkeypatch, typed, sentence):
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.pop(0))

    with pytest.raises(CommandError, match=sentence):
        run("create_member", "demo", "青山茶行", "li", "--ask-password")

    assert not User.objects.exists()


def test_a_password_that_is_asked_for_is_not_shown(merchant, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("getpass.getpass", lambda prompt: "correct horse 7")

    out, err = run("create_member", "demo", "青山茶行", "li", "--ask-password")

    assert "correct horse" not in out + err
    assert User.objects.get().check_password("correct horse 7")


def test_where_nobody_sits_no_password_is_asked_for(merchant, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    with pytest.raises(CommandError, match="needs a terminal"):
        run("create_member", "demo", "青山茶行", "li", "--ask-password")

    assert not User.objects.exists()


def test_the_key_is_all_that_quiet_prints_and_it_opens_the_api(merchant):
    out, err = run("create_api_key", "demo", "--quiet")

    assert err == ""
    assert len(out.split()) == 1
    assert Caller(out.strip()).get(COMPLAINTS).status_code == 200


def test_the_key_alone_stands_on_stdout_also_without_quiet(merchant):
    out, err = run("create_api_key", "demo", "--merchant", "青山茶行", "--grant", "view", "--name", "shop backend")

    key = ApiKey.objects.get()
    assert out.strip().startswith(f"cpk_{key.prefix}_")
    assert "shown only now" in err
    assert (key.merchant, key.grants, key.name) == (merchant, ["view"], "shop backend")


def test_a_merchants_key_may_look_and_handle_unless_told_otherwise(merchant):
    run("create_api_key", "demo", "--merchant", "青山茶行")

    assert ApiKey.objects.get().grants == ["view", "handle"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_revoked_key_opens_nothing_and_is_revoked_once(merchant, whole):
    text = run("create_api_key", "demo", "--quiet")[0].strip()
    named = text if whole else text.split("_")[1]

    out, _err = run("revoke_api_key", named)

    assert "opens nothing any more" in out
    assert Caller(text).get(COMPLAINTS).status_code == 401
    revoked_at = ApiKey.objects.get().revoked_at
    with pytest.raises(CommandError, match="revoked before"):
        run("revoke_api_key", named)
    assert ApiKey.objects.get().revoked_at == revoked_at


def test_keys_are_listed_without_their_secrets(merchant):
    text = run("create_api_key", "demo", "--merchant", "青山茶行", "--quiet")[0].strip()
    other = run("create_api_key", "demo", "--quiet")[0].strip()
    run("revoke_api_key", other)

    table, _err = run("list_api_keys", "--platform", "demo")
    lines = [json.loads(line) for line in run("list_api_keys", "--all", "--json")[0].splitlines()]

    assert text.split("_")[1] in table
    assert "青山茶行" in table
    assert other.split("_")[1] not in table
    assert [bool(line["revoked"]) for line in lines] == [False, True]
    assert text.split("_", 2)[2] not in table + json.dumps(lines)


def test_no_keys_are_said_to_be_none(db):
    out, err = run("list_api_keys")

    assert out == ""
    assert "create_api_key" in err
