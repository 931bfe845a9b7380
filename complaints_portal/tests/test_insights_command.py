"""`manage.py recompute_insights`: counts anew, compares, and names what differs."""

import json
from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from complaints.tests.factories import file_at, make_program, moment
from complaints_portal.insights import summaries
from complaints_portal.insights.figures import Range, look_up
from complaints_portal.insights.models import DaySummary
from complaints_portal.insights.summaries import READER, refresh
from notifications.models import Watermark
from notifications.queries import oldest_open

pytestmark = pytest.mark.django_db

YEAR = Range(first=date(2026, 1, 1), last=date(2026, 12, 31))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("recompute_insights", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def shops():
    """Two merchants with a complaint on each of three days."""
    programs = [make_program(), make_program()]
    for program in programs:
        for day in (2, 3, 4):
            file_at(f"2026-11-0{day}T10:00+08:00", program)
    return programs


def filed(shops) -> list[int]:
    return [look_up(program.merchant_id, YEAR).total.filed for program in shops]


def test_it_counts_every_merchant(shops):
    said = run("--json")
    assert filed(shops) == [3, 3]
    assert "Counted 6 days of 2 merchants." in said
    assert json.loads(said.splitlines()[-1]) == {"merchants": 2, "days": 6}


def test_it_counts_one_merchant_and_leaves_the_others(shops):
    run("--merchant", str(shops[1].merchant_id))
    assert filed(shops) == [0, 3]
    assert not Watermark.objects.filter(name=READER, transaction__gt=0).exists()


def test_after_it_the_task_need_not_read_what_was_before(shops, monkeypatch):
    before = oldest_open()
    run()
    # Transactions of other databases on the same server, as those of other tests, have numbers of the same row.
    assert before <= Watermark.objects.get(name=READER).transaction + 1 <= oldest_open()
    monkeypatch.setattr(summaries, "oldest_open", lambda: 2**62)
    assert refresh(now=moment("2026-11-26T12:00+08:00")) == 6, "this test's own transaction is still open: it is read"


def test_comparing_names_merchant_and_day_and_changes_nothing(shops):
    run()
    assert "Compared 6 days of 2 merchants." in run("--compare")
    first = shops[0].merchant_id
    DaySummary.objects.filter(merchant_id=first, day=date(2026, 11, 3), by="total").update(refunded=1)
    before = sorted(DaySummary.objects.values_list())
    out = StringIO()
    with pytest.raises(CommandError, match=r"1 day\(s\) differ"):
        call_command("recompute_insights", "--compare", "--json", stdout=out, stderr=StringIO())
    lines = out.getvalue().splitlines()
    assert lines[0] == f"merchant {first}, 2026-11-03: differs"
    assert json.loads(lines[-1])["different"] == [{"merchant": first, "day": "2026-11-03"}]
    assert sorted(DaySummary.objects.values_list()) == before
    run("--merchant", str(first))
    run("--compare")


def test_a_merchant_that_is_not_there_is_refused(shops):
    with pytest.raises(CommandError, match="There is no merchant 0"):
        run("--merchant", "0")
    assert filed(shops) == [0, 0]
