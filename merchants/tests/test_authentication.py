"""Keys: who gets in, who does not, and that nobody learns why."""

import hashlib

import pytest

from common.actors import ActorKind
from complaints.tests.calling import COMPLAINTS, KEY_MADE, Caller
from complaints.tests.factories import make_merchant, make_platform, moment
from merchants.authentication import actor_of, new_api_key
from merchants.models import ApiKey, Grant
from merchants.services import revoke_api_key

pytestmark = pytest.mark.django_db

MADE = moment(KEY_MADE)


def status_of(text: str) -> int:
    status: int = Caller(text).get(COMPLAINTS).status_code
    return status


def test_only_a_hash_of_the_key_is_kept():
    key, text = new_api_key("intake", platform=make_platform(), now=MADE)

    secret = text.split("_", 2)[2]
    assert key.secret_hash == hashlib.sha256(secret.encode()).hexdigest()
    assert not any(secret in str(value) for value in ApiKey.objects.values().get().values())


def test_two_keys_are_never_alike():
    platform = make_platform()
    texts = {new_api_key("intake", platform=platform, now=MADE)[1] for _ in range(50)}

    assert len(texts) == len({text.split("_")[1] for text in texts}) == 50


def test_a_key_of_the_platform_acts_for_the_platform_and_a_merchants_for_the_merchant():
    merchant = make_merchant()
    own, _text = new_api_key("intake", platform=merchant.platform, grants=[], now=MADE)
    given, _text = new_api_key("shop", platform=merchant.platform, merchant=merchant, grants=[Grant.VIEW], now=MADE)

    assert actor_of(own).kind == ActorKind.PLATFORM
    assert actor_of(own).merchant_id is None
    assert actor_of(given).kind == ActorKind.MERCHANT
    assert (actor_of(given).merchant_id, actor_of(given).platform_id) == (merchant.pk, merchant.platform_id)
    assert actor_of(given).grants == {"view"}


def test_the_key_gets_in():
    _key, text = new_api_key("intake", platform=make_platform(), now=MADE)

    assert status_of(text) == 200
    for scheme in ("bearer", "BEARER"):
        assert Caller("").get(COMPLAINTS, headers={"Authorization": f"{scheme} {text}"}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text + "x",
        lambda text: text.rpartition("_")[0],
        lambda text: "xxx" + text[3:],
        lambda text: "cpk_" + "0" * 10 + text[14:],
        lambda text: "cpk_\x00_" + text,
        lambda text: "cpk_钥匙_".encode().decode("latin-1") + text,
        lambda text: "cpk__",
        lambda text: "",
        lambda text: "_",
    ],
)
def test_a_key_with_anything_changed_does_not(change):
    _key, text = new_api_key("intake", platform=make_platform(), now=MADE)

    answer = Caller(change(text)).get(COMPLAINTS)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == "Bearer"


def test_an_unknown_key_and_a_revoked_one_get_the_same_answer():
    key, text = new_api_key("intake", platform=make_platform(), now=MADE)
    revoke_api_key(key.prefix, now=moment("2026-11-20T02:00Z"))
    known_prefix = text.rpartition("_")[0] + "_guess"

    answers = [Caller(each).get(COMPLAINTS) for each in (text, known_prefix, "cpk_0123456789_unknown")]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("header", [{}, {"Authorization": ""}, {"Authorization": "Basic dXNlcjpwYXNz"}])
def test_without_a_key_the_api_says_how_to_sign_in(header):
    answer = Caller("").get(COMPLAINTS, headers={"Authorization": "", **header})

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


def test_a_session_of_the_pages_does_not_open_the_api(client, admin_user):
    client.force_login(admin_user, backend="merchants.backends.PeopleBackend")

    assert client.get(COMPLAINTS).status_code == 401
