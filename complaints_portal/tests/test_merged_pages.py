"""Pages say the same before and after their statements are prepared and asked together."""

import re
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

import common.together
from appeals.tests.making import penalty_issued
from common.prepared import MADE_UP, PATIENCE, forget
from complaints.services import leave_message
from complaints.tests.factories import consumer_actor, moment
from complaints.tests.pages import Shop, browser, make_shop

pytestmark = pytest.mark.django_db

ENOUGH = MADE_UP + PATIENCE + 10
"""Visits until the parts are known, and what is merged of them is known too."""
DIFFERS = re.compile(r"""name="csrfmiddlewaretoken" value="[^"]*"|"X-CSRFToken": "[^"]*"|nonce="[^"]*\"""")


@pytest.fixture(autouse=True)
def prepared(db: None, settings: Settings) -> Iterator[None]:
    """Prepare statements, which other tests do without, and leave none behind.

    Which plans are kept would depend on how large other tests have let the tables become; here all are.
    """
    settings.PREPARE_STATEMENTS = True
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    yield
    forget()


@pytest.fixture
def shop() -> Shop:
    found = make_shop()
    penalty_issued("2026-03-05T09:00+08:00", program=found.program)
    for minute in range(3):
        complaint = found.files(f"2026-03-09T12:{minute:02d}+08:00")
        leave_message(complaint.pk, "Well?", actor=consumer_actor(complaint), now=moment("2026-03-09T14:00+08:00"))
    return found


def visited(client: Client, path: str) -> tuple[str, int]:
    """What a page says, and in how many statements of its own."""
    with CaptureQueriesContext(connection) as queries:
        response = client.get(path)
    assert response.status_code == 200
    return DIFFERS.sub("", response.content.decode()), len(queries)


@pytest.mark.parametrize("path", ["/", "/complaints/", "/complaints/{}/"])
def test_a_page_says_the_same_when_its_parts_ask_together(
    shop: Shop, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = shop.files("2026-03-09T13:00+08:00").complaint_no
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        with monkeypatch.context() as each_alone:
            each_alone.setattr(common.together, "_may_merge", lambda _statement: False)
            client.get(path.format(number))
            first, alone = visited(client, path.format(number))
        for _each in range(ENOUGH):
            last, asked = visited(client, path.format(number))
            assert last == first
    assert asked < alone * 2 / 3


def test_what_depends_on_whose_it_is_is_never_planned_for_all(shop: Shop) -> None:
    """The latest complaints and the open windows: by a plan for all, all of the largest merchant's would be read."""
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        for _each in range(ENOUGH):
            for path in ("/", "/complaints/"):
                client.get(path)
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        known = [statement for (statement,) in cursor.fetchall()]
    assert len(known) >= 5
    assert not [words for words in known if re.search(r"LIMIT 500|SELECT FROM penalties_penalty", words)]
