"""Taking back what was just done: who may, where, and until when."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation

from common.errors import IllegalMove
from common.middleware import portal_error_middleware
from common.undo import TooLate, offer_undo, taken_back
from common.way_back import way_back

NOON = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)
UNDO = "/complaints/assign/undo/"
STATE = {"assignees": {"1": 7, "2": None}, "words": "张**"}


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


def asked(at: datetime, *, person: int = 1, path: str = UNDO, **posted: str) -> HttpRequest:
    """A POST that arrived at this moment, from this person."""
    request = RequestFactory().post(path, posted)
    known: Any = request
    known.now, known.user, known.session = at, SimpleNamespace(pk=person), SessionStore()
    known._messages = FallbackStorage(request)
    return request


def shown(request: HttpRequest, at: datetime) -> str:
    """The messages as the page shows them that arrived at this moment."""
    later: Any = asked(at, path="/complaints/")
    return render_to_string(
        "components/messages.html",
        {"messages": list(get_messages(request)), "request": later, "csrf_token": "token"},
    )


def offered_at(at: datetime, **who: Any) -> str:
    """Offer, and return the token in the form that the page shows at once."""
    request = asked(at, **who)
    offer_undo(request, "Assigned to Chen Li.", UNDO, STATE)
    found = re.search('name="undo" value="([^"]+)"', shown(request, at))
    assert found
    return unescape(found[1])


def test_the_message_has_a_form_that_posts_what_was_so_before():
    request = asked(NOON)
    offer_undo(request, "Assigned to <Chen Li>.", UNDO, STATE)
    page = shown(request, NOON)
    assert "Assigned to &lt;Chen Li&gt;." in page
    assert f'method="post" action="{UNDO}"' in page
    assert "csrfmiddlewaretoken" in page
    assert 'name="next" value="/complaints/"' in page
    assert 'data-undo="10000"' in page
    assert 'role="status"' in page


def test_a_message_without_an_offer_has_no_form():
    request = asked(NOON)
    messages.success(request, "Saved.", extra_tags="undo-like")
    messages.success(request, "Saved.", extra_tags="undo no-token")
    assert "<form" not in shown(request, NOON)


@pytest.mark.parametrize(
    ("at", "is_there"),
    [
        ("2026-11-26T04:00:09.999000+00:00", True),
        ("2026-11-26T04:00:10+00:00", False),
        ("2026-11-26T04:00:10.000001+00:00", False),
    ],
)
def test_the_button_is_shown_for_ten_seconds(at, is_there):
    request = asked(NOON)
    offer_undo(request, "Deleted.", UNDO, STATE)
    page = shown(request, datetime.fromisoformat(at))
    assert ("<form" in page) is is_there
    assert "Deleted." in page


@pytest.mark.parametrize("at", ["2026-11-26T04:00:00+00:00", "2026-11-26T04:00:12+00:00"])
def test_up_to_twelve_seconds_later_the_state_comes_back(at):
    assert taken_back(asked(datetime.fromisoformat(at), undo=offered_at(NOON))) == STATE


def test_a_microsecond_later_it_is_too_late():
    late = datetime(2026, 11, 26, 4, 0, 12, 1, tzinfo=UTC)
    with pytest.raises(TooLate, match="more than 10 seconds ago") as refused:
        taken_back(asked(late, undo=offered_at(NOON)))
    assert isinstance(refused.value, IllegalMove)
    assert refused.value.status == 409


@pytest.mark.parametrize(
    "other",
    [{"person": 2}, {"path": "/complaints/views/undo/"}, {"undo": ""}, {"undo": "x:y:z"}],
    ids=["another person", "another address", "nothing", "nonsense"],
)
def test_it_is_taken_back_by_the_same_person_at_the_same_address_only(other):
    given = {"undo": offered_at(NOON), **other}
    with pytest.raises(TooLate, match="nothing to undo"):
        taken_back(asked(NOON, **given))


def test_an_altered_state_is_refused():
    token = offered_at(NOON)
    altered = token[:5] + ("A" if token[5] != "A" else "B") + token[6:]
    with pytest.raises(TooLate, match="nothing to undo"):
        taken_back(asked(NOON, undo=altered))


def test_the_state_of_five_hundred_rows_comes_back_whole_on_the_next_page():
    request = asked(NOON)
    state = {"assignees": {str(number): number % 9 or None for number in range(1_000_000, 1_000_500)}}
    offer_undo(request, "Assigned.", UNDO, state)
    response = HttpResponse()
    stored: Any = get_messages(request)
    stored.update(response)  # too long for a cookie: it waits in the session
    later: Any = asked(NOON, path="/complaints/")
    later.session, later.COOKIES = request.session, {k: each.value for k, each in response.cookies.items()}
    later._messages = FallbackStorage(later)
    found = re.search('name="undo" value="([^"]+)"', shown(later, NOON))
    assert found
    assert taken_back(asked(NOON, undo=unescape(found[1]))) == state


def refused_at(view: Callable[..., Any], request: HttpRequest) -> Any:
    """What the middleware answers when the view takes something back."""
    middleware = portal_error_middleware(view)
    try:
        return view(request)
    except TooLate as refusal:
        return middleware.process_exception(request, refusal)


@pytest.mark.parametrize(
    ("wanted", "comes_to"),
    [
        ("/complaints/?status=pending", "/complaints/?status=pending"),
        ("https://evil.example/", "/"),
        ("", "/"),
        ("a mere word", "/"),
    ],
)
def test_who_comes_too_late_reads_it_on_the_page_of_the_button(wanted, comes_to):
    late = datetime(2026, 11, 26, 4, 1, tzinfo=UTC)
    request = asked(late, undo=offered_at(NOON), next=wanted)
    response = refused_at(taken_back, request)
    assert (response.status_code, response.url) == (302, comes_to)
    assert [str(each) for each in get_messages(request)] == [
        "That was more than 10 seconds ago: it can no longer be undone."
    ]


def test_the_way_back_has_a_default():
    assert way_back(asked(NOON), "/complaints/") == "/complaints/"
    assert way_back(asked(NOON, next="//evil.example/"), "/complaints/") == "/complaints/"
