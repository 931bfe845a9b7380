"""A form whose token is not valid any more: nothing is done, and what was typed is given back to who typed it."""

import pytest
from django.test import Client

HERE = "http://testserver"


@pytest.fixture
def strict() -> Client:
    return Client(enforce_csrf_checks=True, headers={"accept-language": "en"})


def post(client: Client, sent: dict[str, str], **headers: str):
    return client.post("/theme/", sent, headers=headers)


def test_what_was_typed_is_given_back_with_the_way_back(strict):
    sent = {"note": "Typed <b>with</b> care.", "refund_amount": "12.50", "text": " ", "csrfmiddlewaretoken": "old"}
    response = post(strict, sent, origin=HERE, referer=f"{HERE}/complaints/1/?from=q%3D1")
    shown = response.content.decode()
    assert response.status_code == 403
    assert "Typed &lt;b&gt;with&lt;/b&gt; care." in shown
    assert "12.50" in shown
    assert 'href="/complaints/1/?from=q%3D1"' in shown
    assert shown.count("<textarea") == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example", "referer": f"{HERE}/complaints/1/"},
        {"origin": "null"},
        {"referer": "https://elsewhere.example/testserver/"},
        {},
    ],
)
def test_what_another_site_sends_is_not_shown(strict, headers):
    response = post(strict, {"note": "Call this number at once"}, **headers)
    assert response.status_code == 403
    assert "Call this number" not in response.content.decode()
    assert "<textarea" not in response.content.decode()


def test_a_password_is_never_shown(strict):
    response = post(strict, {"password": "secret-1", "login": "wang", "note": "Kept."}, origin=HERE)
    assert "Kept." in response.content.decode()
    assert "secret-1" not in response.content.decode()


def test_the_way_back_leads_to_no_other_host(strict):
    response = post(strict, {"note": "Kept."}, origin=HERE, referer="https://elsewhere.example/x")
    assert "elsewhere.example" not in response.content.decode()
