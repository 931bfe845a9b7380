"""Who gets a picture, and how it is sent."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from common.actors import SYSTEM, Actor, ActorKind
from common.errors import BadInput
from complaints.tests.factories import STAFF, make_member, make_merchant, make_user, member_actor, platform_actor
from evidence.models import Evidence
from evidence.queries import by_tokens, visible_to
from evidence.tests import making
from evidence.tests.conftest import files_in, keep_for
from merchants.models import Grant, Merchant

pytestmark = pytest.mark.usefixtures("directory")


@pytest.fixture
def evidence(merchant: Merchant) -> Evidence:
    (evidence,) = keep_for(merchant, ("退款.php", making.jpeg()))
    return evidence


def get(evidence: Evidence, client: Client, **headers: str) -> Any:
    return client.get(reverse("evidence:show", args=[evidence.token]), headers=headers)


def body(response: Any) -> bytes:
    """Return all that was sent, and let go of the file."""
    return b"".join(response.streaming_content)


@pytest.fixture
def member(client: Client, merchant: Merchant) -> Client:
    client.force_login(make_member(merchant, Grant.VIEW))
    return client


def test_a_member_who_may_see_gets_the_stored_bytes(evidence, member, directory):
    response = get(evidence, member)
    assert response.status_code == 200
    assert body(response) == files_in(directory)[0].read_bytes()
    assert response["Content-Type"] == "image/jpeg"
    assert int(response["Content-Length"]) == evidence.size


def test_the_answer_lets_nothing_be_made_of_it_but_a_picture(evidence, member):
    response = get(evidence, member)
    body(response)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert response["Content-Disposition"] == "inline; filename*=utf-8''%E9%80%80%E6%AC%BE.jpg"


def test_only_the_reader_s_own_browser_may_keep_it(evidence, member):
    response = get(evidence, member)
    body(response)
    assert response["Cache-Control"] == "private, max-age=3600, immutable"
    assert "Cookie" in response["Vary"]


def test_what_we_did_not_encode_is_only_ever_saved(evidence, member):
    Evidence.objects.update(content_type="text/html", name="page.html")
    response = get(evidence, member)
    body(response)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="page.bin"'


def test_the_same_picture_is_not_sent_twice(evidence, member, directory):
    first = get(evidence, member)
    body(first)
    files_in(directory)[0].unlink()  # a 304 does not need the file
    again = get(evidence, member, if_none_match=first["ETag"])
    assert first["ETag"] == f'"{evidence.stored_sha256}"'
    assert (again.status_code, again.content) == (304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], first["Cache-Control"])


def test_a_picture_whose_file_was_lost_is_not_found(evidence, member, directory):
    files_in(directory)[0].unlink()
    assert get(evidence, member).status_code == 404


def test_nobody_can_write_to_a_picture_s_address(evidence, member):
    address = reverse("evidence:show", args=[evidence.token])
    assert [member.generic(method, address).status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3


def test_who_is_not_signed_in_is_asked_to_whether_or_not_the_picture_exists(evidence, client):
    for token in (evidence.token, "0" * 32):
        address = reverse("evidence:show", args=[token])
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"].endswith(f"?next={address}")


def test_for_another_merchant_it_does_not_exist(evidence, client, other_merchant):
    client.force_login(make_member(other_merchant, is_administrator=True))
    assert get(evidence, client).status_code == 404


def test_a_cached_copy_does_not_tell_another_merchant_that_it_exists(evidence, client, other_merchant):
    client.force_login(make_member(other_merchant, is_administrator=True))
    assert get(evidence, client, if_none_match=f'"{evidence.stored_sha256}"').status_code == 404


def test_for_a_member_without_the_grant_and_a_person_without_a_merchant_it_does_not_exist(evidence, client, merchant):
    for user in (make_member(merchant, Grant.MEMBERS), make_user()):
        client.force_login(user)
        assert get(evidence, client).status_code == 404


def test_staff_see_it(evidence, client):
    client.force_login(make_user(is_staff=True))
    response = get(evidence, client)
    assert body(response)
    assert response.status_code == 200


def test_each_kind_of_actor_sees_what_is_theirs(merchant, other_merchant):
    own, other = keep_for(merchant, ("a.png", making.png())) + keep_for(other_merchant, ("b.png", making.png()))
    (foreign,) = keep_for(make_merchant(), ("c.png", making.png()))
    key = Actor(kind=ActorKind.MERCHANT, name="key", merchant_id=merchant.pk, grants=frozenset({Grant.VIEW}))
    blind_key = Actor(kind=ActorKind.MERCHANT, name="key", merchant_id=merchant.pk)
    consumer = Actor(kind=ActorKind.CONSUMER, name="Han Meimei", platform_id=merchant.platform_id)
    nowhere = Actor(kind=ActorKind.MEMBER, name="nobody", grants=frozenset(Grant.values))
    expected: list[tuple[Actor, set[Evidence]]] = [
        (member_actor(merchant), {own}),
        (member_actor(merchant, Grant.HANDLE), set()),
        (member_actor(other_merchant), {other}),
        (key, {own}),
        (blind_key, set()),
        (platform_actor(merchant.platform), {own, other}),
        (STAFF, {own, other, foreign}),
        (consumer, set()),
        (nowhere, set()),
        (SYSTEM, set()),
    ]
    for actor, evidence in expected:
        assert set(visible_to(actor)) == evidence, actor


def test_tokens_are_found_in_the_order_asked_and_each_once(merchant):
    first, second, third = keep_for(merchant, *[("a.png", making.png())] * 3)
    tokens = [third.token, first.token, third.token, second.token]
    assert by_tokens(member_actor(merchant), tokens) == [third, first, second]
    assert by_tokens(member_actor(merchant), []) == []


def test_an_unknown_token_and_a_foreign_one_are_refused_with_the_same_sentence(merchant, other_merchant):
    (own,) = keep_for(merchant, ("a.png", making.png()))
    (foreign,) = keep_for(other_merchant, ("b.png", making.png()))
    sentences = set()
    for token in (foreign.token, "0" * 32, "", "a\x00b", "' OR 1=1"):
        with pytest.raises(BadInput) as refused:
            by_tokens(member_actor(merchant), [own.token, token])
        sentences.add((str(refused.value), refused.value.code, refused.value.field))
    assert len(sentences) == 1
