"""Parts of a page that ask together: they find what they find alone, in fewer statements."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings

from common.prepared import MADE_UP, Place, Statement, forget
from common.together import ask, together
from common.written import written, written_counts, written_sums
from complaints.models import Complaint
from complaints.tests.factories import file_at, make_program

pytestmark = pytest.mark.django_db

FRIDAY = "2026-02-13T12:00+08:00"
MONDAY = "2026-02-16T12:00+08:00"

KINDS = Statement(
    """
        SELECT %s + 1, 2::smallint, 3.50::numeric, true, false, NULL::int, NULL, '100 %% “\\"'' \n', ''::text,
            '2026-02-13'::date, '2026-02-13T12:00:00.000001+08:00'::timestamptz, '2026-02-13 12:00'::timestamp,
            '96 hours'::interval, '{"a": [1, null]}'::jsonb, ARRAY[1, NULL, 3], ARRAY['a,b', '"', NULL], 1.5::float8,
            'a'::name, '中文'::varchar, '\\x0001'::bytea, 'infinity'::text
        UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL
    """,
    [Place(0)],
)
NUMBERS = Statement("SELECT number, -number FROM generate_series(1, %s) AS number ORDER BY number DESC", [Place(0)])
NOTHING = Statement("SELECT 1, 'a' WHERE %s < 0", [Place(0)])
STEADY = Statement("SELECT number FROM (VALUES (1), (2)) AS numbers (number) WHERE number <= %s", [Place(0)])
"""Whatever its value is, the database expects as many rows."""
BROKEN = Statement("SELECT 1 / %s", [Place(0)])


def as_read(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows that can be compared: a piece of memory is equal to what stands in it."""
    return [tuple(bytes(each) if isinstance(each, memoryview) else each for each in row) for row in rows]


def test_values_have_the_types_that_they_have_alone() -> None:
    alone = as_read(ask(KINDS, [41]))
    with CaptureQueriesContext(connection) as queries, together() as side:
        kinds, numbers, nothing = side(ask, KINDS, [41]), side(ask, NUMBERS, [3]), side(ask, NOTHING, [1])
    assert len(queries) == 1
    found = as_read(kinds.value)
    assert found == alone
    assert [type(each) for each in found[0]] == [type(each) for each in alone[0]]
    assert found[0][:6] == (42, 2, Decimal("3.50"), True, False, None)
    assert found[0][7] == "100 % “\\\"' \n"
    assert found[0][9] == date(2026, 2, 13)
    assert found[0][10] == datetime(2026, 2, 13, 4, 0, 0, 1, tzinfo=UTC)
    assert found[0][12:16] == (timedelta(hours=96), '{"a": [1, null]}', [1, None, 3], ["a,b", '"', None])
    assert found[1] == (None,) * len(alone[1])
    assert numbers.value == [(3, -3), (2, -2), (1, -1)]
    assert nothing.value == []


@written
def filed_until(merchant_id: int, ids: list[int]) -> QuerySet[Complaint]:
    return Complaint.objects.filter(merchant_id=merchant_id, pk__in=ids).select_related("mini_program").order_by("pk")


@written_counts
def counted(merchant_id: int) -> dict[str, QuerySet[Complaint]]:
    own = Complaint.objects.filter(merchant_id=merchant_id)
    return {"all": own, "none": own.filter(pk__in=[])}


@written_sums("count(*)", "sum(trade_amount)", "max(filed_at)")
def summed(merchant_id: int) -> QuerySet[Complaint, Any]:
    return Complaint.objects.filter(merchant_id=merchant_id).values("trade_amount", "filed_at")


def test_what_querysets_say_is_found_as_it_is_alone() -> None:
    program, other = make_program(), make_program()
    cases = [file_at(FRIDAY, program), file_at(MONDAY, program)]
    foreign = file_at(MONDAY, other)
    ids, merchant = [*(each.pk for each in cases), foreign.pk], program.merchant_id
    with CaptureQueriesContext(connection) as queries, together() as side:
        rows, counts, sums = side(filed_until, merchant, ids), side(counted, merchant), side(summed, merchant)
        theirs = side(filed_until, other.merchant_id, ids)
    assert len(queries) == 1
    assert rows.value == cases
    assert theirs.value == [foreign]
    with CaptureQueriesContext(connection) as queries:
        assert [each.mini_program for each in rows.value] == [program, program]
    assert not queries
    assert [vars(each)["filed_at"] for each in rows.value] == [each.filed_at for each in cases]
    assert counts.value == counted(merchant) == {"all": 2, "none": 0}
    assert sums.value == summed(merchant) == (2, sum(each.trade_amount for each in cases), cases[1].filed_at)


def test_who_asks_again_asks_with_the_others() -> None:
    def doubled(number: int) -> int:
        (row, *_rest) = ask(NUMBERS, [number])
        return len(ask(NUMBERS, [row[0] * 2]))

    def both() -> tuple[int, int]:
        with together() as inner:
            first, second = inner(doubled, 3), inner(doubled, 4)
        return first.value, second.value + len(ask(NUMBERS, [1]))

    with CaptureQueriesContext(connection) as queries, together() as side:
        outer, nested, alone = side(doubled, 5), side(both), side(lambda: 7)
    assert (outer.value, nested.value, alone.value) == (10, (6, 9), 7)
    assert len(queries) == 3


def test_the_same_question_is_asked_once() -> None:
    with CaptureQueriesContext(connection) as queries, together() as side:
        found = [side(ask, NUMBERS, [2]) for _each in range(3)]
    assert [each.value for each in found] == [[(2, -2), (1, -1)]] * 3
    assert [query["sql"] for query in queries] == [NUMBERS.sql % 2]


def test_nothing_to_ask_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        run_all()
        run_all(run_all, lambda: None)
    assert not queries


def test_an_error_of_one_is_raised_when_all_are_done() -> None:
    done: list[int] = []

    def refuse() -> None:
        ask(NUMBERS, [1])
        raise LookupError("not here")

    def go_on() -> None:
        done.append(len(ask(NUMBERS, [2])))

    with pytest.raises(LookupError, match="not here"):
        run_all(refuse, go_on)
    assert done == [2]
    with pytest.raises(LookupError, match="not here"):
        run_all(lambda: run_all(refuse))


def run_all(*looks: Callable[[], object]) -> None:
    with together() as side:
        for look in looks:
            side(look)


def test_an_error_of_the_database_reaches_the_page() -> None:
    ask(BROKEN, [1])
    with pytest.raises(DataError), transaction.atomic():
        run_all(lambda: ask(BROKEN, [0]), lambda: ask(NUMBERS, [1]))
    assert ask(NUMBERS, [1]) == [(1, -1)]


def test_an_error_in_the_block_lets_nothing_run() -> None:
    ran: list[int] = []

    def stumble() -> None:
        with together() as side:
            side(ran.append, 1)
            raise LookupError

    with pytest.raises(LookupError):
        stumble()
    assert ran == []


def test_a_part_in_a_transaction_of_its_own_is_not_left_alone_in_it() -> None:
    order: list[str] = []

    def writes() -> None:
        with transaction.atomic():
            order.append("begins")
            ask(NUMBERS, [1])
            run_all(lambda: ask(NUMBERS, [1]), lambda: order.append(f"{len(ask(NUMBERS, [3]))} are there"))
            order.append("ends")

    def reads() -> None:
        ask(NUMBERS, [2])
        order.append("reads")

    with together() as side:
        side(writes)
        side(reads)
    assert order == ["begins", "3 are there", "ends", "reads"]


spoken: ContextVar[str] = ContextVar("spoken", default="nothing")


def test_each_part_knows_what_its_page_knows() -> None:
    def tell() -> tuple[str, str]:
        ask(NUMBERS, [1])
        return spoken.get(), str(translation.get_language())

    token = spoken.set("of the page")
    with translation.override("zh-hans"), together() as side:
        first, second = side(tell), side(tell)
    spoken.reset(token)
    assert first.value == second.value == ("of the page", "zh-hans")


@pytest.fixture
def prepared(settings: Settings) -> Iterator[None]:
    settings.PREPARE_STATEMENTS = True
    yield
    forget()


def fresh() -> Statement:
    """A statement of which nobody knows yet how it is planned."""
    return Statement(STEADY.sql, STEADY.parameters)


def statements(*asked: Statement) -> list[str]:
    with CaptureQueriesContext(connection) as queries, together() as side:
        found = [side(ask, statement, [2]) for statement in asked]
    assert [len(each.value) for each in found] == [2 for _each in asked]
    return [query["sql"] for query in queries]


@pytest.mark.usefixtures("prepared")
def test_prepared_statements_are_merged_once_their_plans_are_kept() -> None:
    first, second = fresh(), fresh()
    for _each in range(MADE_UP - 1):
        assert len([sql for sql in statements(first, second) if "UNION ALL" not in sql]) >= 2
        assert first.keeps_plan is None
    statements(first, second)
    assert first.keeps_plan is True
    assert second.keeps_plan is True
    for _each in range(MADE_UP + 1):
        merged = statements(first, second)
    assert len(merged) == 1
    assert merged[0].startswith("EXECUTE")


@pytest.mark.usefixtures("prepared")
def test_a_statement_that_is_planned_for_its_values_is_asked_by_itself() -> None:
    first, second, third = fresh(), fresh(), fresh()
    first.keeps_plan, second.keeps_plan, third.keeps_plan = True, False, True
    assert len(statements(first, second, third)) == 2


@pytest.mark.usefixtures("prepared")
def test_statements_whose_merged_plan_is_not_kept_are_asked_apart_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
    first, second = fresh(), fresh()
    first.keeps_plan = second.keeps_plan = True
    for _each in range(MADE_UP):
        assert any("UNION ALL" in sql or sql.startswith("EXECUTE") for sql in statements(first, second))
    assert len(statements(first, second)) == 2
