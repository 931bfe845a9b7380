"""Keyset pages: every row once, in both directions, also across segments and among rows with the same value."""

import base64
import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from common.counting import CAP, capped_counts, count_words
from common.keyset import BadCursor, Page, Segment, keyset_page
from deadlines.models import Deadline

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def clocks(kind: str, *hours: int) -> list[Deadline]:
    """Running clocks of one kind, due so many hours after Monday morning."""
    return Deadline.objects.bulk_create(
        Deadline(
            kind=kind,
            subject_id=number,
            complaint_id=number,
            merchant_id=1,
            mini_program_id=1,
            due_at=MONDAY + timedelta(hours=after),
        )
        for number, after in enumerate(hours, start=1)
    )


def two_segments() -> list[Segment[Deadline]]:
    """First what is to be handled, by deadline; then the refunds, latest first."""
    return [
        Segment(Deadline.objects.filter(kind="handle"), "due_at"),
        Segment(Deadline.objects.filter(kind="refund"), "-due_at"),
    ]


def walk(segments: list[Segment[Deadline]], size: int) -> list[Page[Deadline]]:
    """All pages from the first to the last."""
    pages = [keyset_page(segments, size=size)]
    while cursor := pages[-1].next:
        pages.append(keyset_page(segments, cursor=cursor, size=size))
    return pages


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9, 10])
def test_pages_hold_every_row_once_in_order_and_lead_back(size):
    handle = clocks("handle", 3, 1, 1, 1, 2)
    refund = clocks("refund", 7, 7, 5, 7)
    expected = [
        *(handle[index].pk for index in (1, 2, 3, 4, 0)),
        *(refund[index].pk for index in (3, 1, 0, 2)),  # the same moment: the later id first, as the order descends
    ]
    pages = walk(two_segments(), size)
    assert [row.pk for page in pages for row in page.rows] == expected
    assert pages[0].previous is None
    for before, page in pairwise(pages):
        assert page.previous is not None
        back = keyset_page(two_segments(), cursor=page.previous, size=size)
        assert [row.pk for row in back.rows] == [row.pk for row in before.rows]
        assert back.next is not None
        assert (back.previous is None) == (before is pages[0])


def test_rows_that_share_one_moment_in_both_segments_keep_their_segments():
    handle, refund = clocks("handle", 4, 4, 4), clocks("refund", 4, 4, 4)
    pages = walk(two_segments(), 2)
    expected = [[handle[0].pk, handle[1].pk], [handle[2].pk, refund[2].pk], [refund[1].pk, refund[0].pk]]
    assert [[row.pk for row in page.rows] for page in pages] == expected


def test_a_row_that_comes_in_front_while_reading_moves_no_row_of_the_next_page():
    rows = clocks("handle", 1, 2, 3, 4)
    segments = two_segments()[:1]
    first = keyset_page(segments, size=2)
    Deadline.objects.create(
        kind="handle", subject_id=99, complaint_id=99, merchant_id=1, mini_program_id=1, due_at=MONDAY
    )
    assert first.next is not None
    assert [row.pk for row in keyset_page(segments, cursor=first.next, size=2).rows] == [rows[2].pk, rows[3].pk]


def test_a_page_whose_rows_are_gone_is_the_first_page():
    rows = clocks("handle", 1, 2, 3, 4)
    segments = two_segments()[:1]
    second = keyset_page(segments, size=2).next
    assert second is not None
    Deadline.objects.filter(pk__in=[rows[2].pk, rows[3].pk]).delete()
    assert [row.pk for row in keyset_page(segments, cursor=second, size=2).rows] == [rows[0].pk, rows[1].pk]


def test_going_back_past_rows_that_are_gone_shows_a_full_first_page():
    rows = clocks("handle", 1, 2, 3, 4)
    segments = two_segments()[:1]
    pages = walk(segments, 2)
    rows[0].delete()
    assert pages[1].previous is not None
    back = keyset_page(segments, cursor=pages[1].previous, size=2)
    assert [row.pk for row in back.rows] == [rows[1].pk, rows[2].pk]
    assert back.previous is None


def test_an_empty_list_is_one_empty_page():
    assert keyset_page(two_segments()) == Page(rows=[], previous=None, next=None)


def test_a_page_costs_one_statement_a_segment_and_uses_no_offset(django_assert_num_queries):
    clocks("handle", *range(30))
    clocks("refund", *range(30))
    pages = walk(two_segments(), 20)
    with django_assert_num_queries(1) as first:
        keyset_page(two_segments())
    assert pages[0].next is not None
    with django_assert_num_queries(2) as second:
        keyset_page(two_segments(), cursor=pages[0].next)
    statements = [each["sql"] for each in (*first.captured_queries, *second.captured_queries)]
    assert not any("OFFSET" in sql or "COUNT" in sql for sql in statements)


def written(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "é",
        "%00",
        "A" * 5000,
        written(),
        written("after", 0, "2026-03-02T09:30:00+00:00"),
        written("sideways", 0, "2026-03-02T09:30:00+00:00", 1),
        written("after", 2, "2026-03-02T09:30:00+00:00", 1),
        written("after", -1, "2026-03-02T09:30:00+00:00", 1),
        written("after", True, "2026-03-02T09:30:00+00:00", 1),
        written("after", 0, "yesterday", 1),
        written("after", 0, "2026-13-45T09:30:00+00:00", 1),
        written("after", 0, "2026-03-02T09:30:00", 1),
        written("after", 0, 17, 1),
        written("after", 0, "2026-03-02T09:30:00+00:00\0", 1),
        written("after", 0, "2026-03-02T09:30:00+00:00", 2**63),
        written("after", 0, "2026-03-02T09:30:00+00:00", "1 OR 1=1"),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
    ],
)
def test_a_cursor_that_no_page_gave_out_is_refused(cursor):
    with pytest.raises(BadCursor):
        keyset_page(two_segments(), cursor=cursor)


def test_counts_stop_at_the_cap_and_cost_one_statement(django_assert_num_queries):
    clocks("handle", *([1] * (CAP + 5)))
    clocks("refund", 1, 2)
    with django_assert_num_queries(1):
        counts = capped_counts(
            {
                "handle": Deadline.objects.filter(kind="handle"),
                "refund": Deadline.objects.filter(kind="refund"),
                "appeal": Deadline.objects.filter(kind="appeal"),
                "nothing": Deadline.objects.none(),
            }
        )
    assert counts == {"handle": 1001, "refund": 2, "appeal": 0, "nothing": 0}


@pytest.mark.parametrize(("count", "words"), [(0, "0"), (999, "999"), (1000, "1,000"), (1001, "1,000+")])
def test_a_count_above_the_cap_says_so(count, words):
    assert count_words(count) == words
