"""The search: what is understood of what was typed, what is found, that no sign does harm, and which indexes serve."""

import pytest
from django.db import connection, transaction
from django.http import QueryDict

from complaints import search
from complaints.filters import FilterForm
from complaints.models import Complaint
from complaints.permissions import visible_to
from complaints.queries import Wanted, narrowed
from complaints.search import understood
from complaints.tests.copying import copy_complaint
from complaints.tests.factories import (
    file_at,
    make_merchant,
    make_program,
    member_actor,
    moment,
)
from deadlines.tests.explaining import plans_of

pytestmark = pytest.mark.django_db

NOON = moment("2026-03-10T12:00+08:00")
FILED = "2026-03-09T09:00+08:00"


def found(typed: str, program=None) -> set[str]:
    """The demands of what is found, which name the rows of a test."""
    complaints = Complaint.objects.filter(merchant_id=program.merchant_id) if program else Complaint.objects.all()
    return {each.demand for each in narrowed(complaints, Wanted(search=typed), now=NOON)}


def form_of(typed: str) -> FilterForm:
    query = QueryDict(mutable=True)
    query["q"] = typed
    return FilterForm(query, actor=member_actor(make_merchant()))


@pytest.mark.parametrize(
    ("typed", "number", "words"),
    [
        ("138 1234 5678", "13812345678", ("138", "1234", "5678")),
        ("１３８１２", "13812", ("13812",)),
        ("未发货", "", ("未发货",)),
        ("没有 发货，退款！", "", ("没有", "发货", "退款")),
        ("ＳＦ-Express", "SF-Express", ("sf", "express")),
        ("a_b%", "a_b%", ()),
        ("退 款", "", ()),
        ("😀😀", "", ()),
        ("发货 发货", "", ("发货",)),
        ("ab\0cd", "abcd", ("ab", "cd")),
    ],
)
def test_what_is_understood(typed, number, words):
    sought = understood(typed)
    assert (sought.number, sought.words) == (number, words)


def test_words_are_found_in_the_description_and_the_dispute_type():
    program = make_program()
    file_at(FILED, program, demand="说明", description="买了青花瓷瓶，一直没有发货。", dispute_type="其他")
    file_at(FILED, program, demand="类型", description="Nothing came.", dispute_type="未收到青花瓷")
    file_at(FILED, program, demand="neither", description="瓷青花", dispute_type="其他")
    assert found("青花瓷") == {"说明", "类型"}
    assert found("瓷瓶") == {"说明"}
    assert found("发货 青花") == {"说明"}
    assert found("发货 nothing") == set()
    assert found("青花") == {"说明", "类型", "neither"}
    assert found("货。") == set()  # of this sign and one character nothing can be looked for
    assert found("花瓷一") == set()


def test_width_and_capitals_make_no_difference():
    program = make_program()
    file_at(FILED, program, demand="wide", description="ＳＦ１２３４ never came; ÄRGER")
    assert found("sf1234") == {"wide"}
    assert found("ＳＦ１２３４") == {"wide"}
    assert found("Never CAME") == {"wide"}
    assert found("ärger") == {"wide"}
    assert found("sf") == {"wide"}


def test_numbers_come_before_words():
    program = make_program()
    file_at(FILED, program, demand="number", trade_no="88001")
    file_at(FILED, program, demand="word", trade_no="77", description="My trade 88001 never came.")
    assert found("88001") == {"number"}
    assert found("8800") == {"number"}
    assert found("trade 88001") == {"word"}
    assert found("88 001") == {"number"}


def test_where_no_number_of_the_merchant_starts_like_this_words_are_looked_for():
    program = make_program()
    file_at(FILED, demand="another merchant's", trade_no="99001")
    file_at(FILED, program, demand="word", description="My other order was 99001.")
    assert found("99001", program) == {"word"}


def test_letters_may_begin_a_number_and_be_a_word():
    program = make_program()
    file_at(FILED, program, demand="number", trade_no="order-1")
    file_at(FILED, program, demand="word", description="My order never came.")
    file_at(FILED, program, demand="neither", description="Nothing.")
    assert found("order") == {"number", "word"}


@pytest.mark.parametrize(
    "typed",
    ["%", "_", "%%%", "___", "\\", "'", '"', "*", "😀", "\0", " ", "a", "款", "!!", "((", "退 款", "\u202e%", "；—"],
)
def test_what_cannot_be_looked_for_finds_nothing_and_does_no_harm(typed):
    file_at(FILED, description="100% _ 退款 'quoted' \\ back")
    assert found(typed) == set()


@pytest.mark.parametrize("typed", ["100%", "un_der", "back\\slash", "it's"])
def test_signs_within_words_only_part_them(typed):
    file_at(FILED, demand="has it", description="100% un_der back\\slash it's")
    file_at(FILED, demand="has it not", description="1000 rows of stitches")
    assert "has it" in found(typed)
    assert found("un_der") == {"has it"}


@pytest.mark.parametrize("typed", ["退", "x", "%", "😀", "!?"])
def test_one_character_is_refused_with_a_sentence(typed):
    assert form_of(typed).errors["q"] == [
        "Type a number, or words of two characters or more: one alone finds too much."
    ]


@pytest.mark.parametrize("typed", ["x" * 10_000, "退款" * 5000, "%" * 10_000, "ab\0cd"])
def test_a_needle_that_is_too_long_or_holds_nul_is_refused(typed):
    assert form_of(typed).errors["q"]


@pytest.mark.parametrize("typed", ["退款" * 5000, "﷽" * 64, "%" * 10_000, "x1" * 5000, "a b " * 3000])
def test_no_needle_is_too_long_for_the_search_itself(typed):
    file_at(FILED, description="退款")
    assert found(typed) == set()


def two_signs(number: int) -> str:
    """A word of two characters that no other number has."""
    return f"{chr(0x4E00 + number)}{chr(0x5E00 + number)}"


TWO_SIGNS = f"chr({0x4E00} + n) || chr({0x5E00} + n)"
"""The same in SQL."""


def is_looked_up(rows) -> bool:
    """Say whether a search names what it found in an index, and does not look into each text."""
    return '"id" IN (' in str(rows.query)


@pytest.fixture(scope="class")
def many(django_db_setup, django_db_blocker):
    """Three thousand complaints of one merchant and as many of another, and no plan that reads them one by one.

    They are filed once for the class; what a test changes is undone after it.
    """
    with django_db_blocker.unblock(), transaction.atomic():
        programs = [make_program(), make_program()]
        for program in programs:
            first = file_at(
                NOON,
                program,
                merchant_order_no="JC000000",
                consumer_phone="13800000000",
                description=f"第0号包裹{two_signs(0)}一直没有收到 parcel0",
            )
            copy_complaint(
                first,
                2999,
                merchant_order_no="'JC' || lpad(n::text, 6, '0')",
                consumer_phone="'138' || lpad(n::text, 8, '0')",
                description=f"'第' || n || '号包裹' || {TWO_SIGNS} || '一直没有收到 parcel' || n",
            )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE complaints_complaint")
            cursor.execute("SET LOCAL enable_seqscan = off")  # how large the table is depends on the tests before
        search.settle()  # what waits beside an index is read whole, and the planner counts that
        yield visible_to(member_actor(programs[0].merchant))
        transaction.set_rollback(True)


class TestAmongThousands:
    @pytest.mark.parametrize(
        ("typed", "index"),
        [
            ("parcel1234", "complaint_by_words"),
            (f"裹{two_signs(1234)}", "complaint_by_words"),
            (two_signs(1234), "complaint_by_pairs"),
            ("JC001234", "complaint_by_order_no"),
            ("13800001234", "complaint_by_phone"),
        ],
    )
    def test_the_indexes_are_used_and_the_merchant_is_part_of_the_question(self, many, typed, index):
        rows: list[Complaint] = []
        plans = plans_of(lambda: rows.extend(narrowed(many, Wanted(search=typed), now=NOON)))
        assert len(rows) == 1
        # The first look, at how common a word is, may read the merchant's rows by any index.
        assert any(index in each and "Index Cond: ((merchant_id = " in each for each in plans)
        assert not any("Seq Scan" in each for each in plans)

    @pytest.mark.parametrize(("word", "number"), [("包裹", 3000), ("有收到", 3000), (two_signs(7), 1), ("el", 3000)])
    def test_a_common_word_is_read_for_and_a_rare_one_looked_up_and_both_find_the_same(
        self, many, monkeypatch, word, number
    ):
        """Which way is taken is a matter of speed only."""
        wanted = Wanted(search=word)
        found = {}
        for common in (0, search.NEWEST + 1):
            monkeypatch.setattr(search, "COMMON", common)
            rows = narrowed(many, wanted, now=NOON)
            assert is_looked_up(rows) == bool(common)
            found[common] = set(rows.values_list("pk", flat=True))
        assert found[0] == found[search.NEWEST + 1]
        assert len(found[0]) == number

    def test_the_newest_complaints_say_how_common_a_word_is(self, many):
        """Eleven of the newest hold it, and forty older ones; then twelve."""
        newest = many.order_by("-filed_at", "-pk")
        eleven = [each.pk for each in newest[search.NEWEST - search.COMMON + 1 : search.NEWEST]]
        older = [each.pk for each in newest[search.NEWEST : search.NEWEST + 40]]
        Complaint.objects.filter(pk__in=[*eleven, *older]).update(description="青花瓷瓶碎了")
        assert is_looked_up(narrowed(many, Wanted(search="青花瓷瓶"), now=NOON))
        Complaint.objects.filter(pk=newest[0].pk).update(description="青花瓷瓶碎了")
        assert not is_looked_up(narrowed(many, Wanted(search="青花瓷瓶"), now=NOON))

    def test_a_word_that_was_common_once_is_not_looked_up_without_end(self, many, monkeypatch):
        older = [each.pk for each in many.order_by("filed_at", "pk")[:40]]
        Complaint.objects.filter(pk__in=older).update(description="青花瓷瓶碎了")
        wanted = Wanted(search="青花瓷瓶")
        for most, looked_up in ((40, True), (39, False)):
            monkeypatch.setattr(search, "MOST_LOOKED_UP", most)
            rows = narrowed(many, wanted, now=NOON)
            assert is_looked_up(rows) == looked_up
            assert set(rows.values_list("pk", flat=True)) == set(older)

    def test_the_memory_for_a_search_is_given_back(self, many):
        narrowed(many, Wanted(search=two_signs(7)), now=NOON)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('work_mem'), boot_val || unit FROM pg_settings WHERE name = 'work_mem'"
            )
            assert cursor.fetchone() == ("4MB", "4096kB")

    def test_a_number_that_very_many_begin_with_finds_the_same_and_is_not_counted(self, many, monkeypatch):
        wanted = Wanted(search="JC0012")
        looked_up = set(narrowed(many, wanted, now=NOON).values_list("pk", flat=True))
        assert search.is_counted(many, "JC0012")
        monkeypatch.setattr(search, "MOST_NUMBERS", 99)
        assert set(narrowed(many, wanted, now=NOON).values_list("pk", flat=True)) == looked_up
        assert len(looked_up) == 100
        assert not search.is_counted(many, "JC0012")
        assert search.is_counted(many, "JC00123")
        assert search.is_counted(many, "no such number 1")
        assert not search.is_counted(many, "包裹")


def test_what_was_filed_waits_beside_the_indexes_is_found_and_is_put_in_its_place():
    with connection.cursor() as cursor:  # a vacuum would put it there first
        cursor.execute("LOCK TABLE complaints_complaint IN SHARE UPDATE EXCLUSIVE MODE")
    search.settle()
    file_at(FILED, demand="new", description="买了青花瓷瓶")
    assert found("青花瓷") == found("瓷瓶") == {"new"}
    assert search.settle() >= 2
    assert search.settle() == 0
    assert found("青花瓷") == found("瓷瓶") == {"new"}


def test_while_a_great_fill_leaves_the_indexes_out_there_is_nothing_to_put_in_its_place():
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {', '.join(search.INDEXES)}")
    assert search.settle() == 0
