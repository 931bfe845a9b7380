"""Statements that a connection knows by name: they find what they find in words, and survive a change of the schema."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.utils import NotSupportedError
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings
from structlog.testing import capture_logs

from common.prepared import MADE_UP, PATIENCE, Place, Statement, again, forget
from common.written import written, written_counts
from complaints.models import Complaint
from complaints.tests.factories import file_at, make_program, moment

pytestmark = pytest.mark.django_db

FRIDAY = "2026-02-13T12:00+08:00"
MONDAY = "2026-02-16T12:00+08:00"


@pytest.fixture(autouse=True)
def prepared(settings: Settings) -> Iterator[None]:
    """Prepare statements, which other tests do without, and leave none behind."""
    settings.PREPARE_STATEMENTS = True
    yield
    forget()


def run(statement: Statement, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        statement.run(cursor, values)
        found: list[Any] = cursor.fetchall()
        return found


def known() -> list[str]:
    """The names that the connection knows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements ORDER BY prepare_time")
        return [name for (name,) in cursor.fetchall()]


def test_a_statement_that_runs_often_is_known_by_name() -> None:
    statement = Statement("SELECT %s + %s, %s", [Place(0), 2, Place(0)])
    for number in range(PATIENCE):
        assert run(statement, number) == [(number + 2, number)]
        assert statement.name not in known()
    with CaptureQueriesContext(connection) as queries:
        assert run(statement, 40) == [(42, 40)]
    assert statement.name in known()
    assert queries[-1]["sql"] == f"EXECUTE {statement.name} (40)"
    assert run(statement, 2**40) == [(2**40 + 2, 2**40)]


def test_rows_and_counts_are_those_of_the_values_that_are_given() -> None:
    @written
    def filed_until(merchant_id: int, until: datetime, ids: list[int]) -> QuerySet[Complaint]:
        found = Complaint.objects.filter(merchant_id=merchant_id, filed_at__lte=until, pk__in=ids, status="pending")
        return found.select_related("mini_program").order_by("pk")

    @written_counts
    def counted(merchant_id: int, until: datetime) -> dict[str, QuerySet[Complaint]]:
        own = Complaint.objects.filter(merchant_id=merchant_id)
        return {"all": own, "early": own.filter(filed_at__lte=until), "none": own.filter(pk__in=[])}

    program, other = make_program(), make_program()
    early, late, foreign = file_at(FRIDAY, program), file_at(MONDAY, program), file_at(FRIDAY, other)
    ids = [early.pk, late.pk, foreign.pk]
    for _each in range(PATIENCE + 2):
        assert filed_until(program.merchant_id, moment(FRIDAY), ids) == [early]
        assert filed_until(program.merchant_id, moment(MONDAY), ids) == [early, late]
        assert filed_until(other.merchant_id, moment(MONDAY), ids)[0].mini_program == other
        assert counted(program.merchant_id, moment(FRIDAY)) == {"all": 2, "early": 1, "none": 0}
        assert counted(other.merchant_id, moment(MONDAY)) == {"all": 1, "early": 1, "none": 0}
    assert len(known()) == 2


def test_what_does_not_change_stays_in_the_words_where_partial_indexes_are_recognised() -> None:
    statement = Statement("SELECT status = %s FROM complaints_complaint WHERE merchant_id = %s", ["it's %", Place(0)])
    for _each in range(PATIENCE + 1):
        run(statement, 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, parameter_types::text FROM pg_prepared_statements")
        (words, types), *_others = cursor.fetchall()
    assert words.endswith("SELECT status = 'it''s %' FROM complaints_complaint WHERE merchant_id = $1")
    assert types == "{bigint}"


def test_a_value_that_no_part_needs_is_not_sent() -> None:
    statement = Statement("SELECT %s", [Place(1)])
    for _each in range(PATIENCE + 2):
        assert run(statement, "nobody asks", 7) == [(7,)]
    assert statement.name in known()


def test_a_statement_whose_values_have_no_type_stays_as_it_is_and_the_transaction_whole() -> None:
    statement = Statement("SELECT 1 WHERE %s IS NULL", [Place(0)])
    with transaction.atomic(), capture_logs() as logs:
        for _each in range(PATIENCE + 3):
            assert run(statement, "text") == []
        assert file_at(FRIDAY, make_program()).pk
    assert statement.name not in known()
    assert [each["event"] for each in logs].count("statement_not_prepared") == 1


@pytest.mark.django_db(transaction=True)
def test_a_changed_schema_is_planned_for_anew() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE scratch (number integer); INSERT INTO scratch VALUES (7)")
    statement = Statement("SELECT * FROM scratch WHERE number = %s", [Place(0)])
    try:
        for _each in range(PATIENCE + 1):
            assert run(statement, 7) == [(7,)]
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE scratch ADD COLUMN word text DEFAULT 'new'")
        with pytest.raises(NotSupportedError), transaction.atomic():
            run(statement, 7)
        with transaction.atomic():
            assert run(statement, 7) == [(7, "new")]
        for _each in range(PATIENCE + 2):
            assert run(statement, 7) == [(7, "new")]
        assert statement.name in known()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE scratch DROP COLUMN word")
        assert run(statement, 7) == [(7,)]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE scratch")


def test_another_connection_knows_nothing_of_it() -> None:
    statement = Statement("SELECT %s", [Place(0)])
    for _each in range(PATIENCE + 1):
        run(statement, 1)
    forget()
    with CaptureQueriesContext(connection) as queries:
        assert run(statement, 1) == [(1,)]
    assert "EXECUTE" not in queries[0]["sql"]


def test_nothing_is_prepared_where_that_is_switched_off(settings: Settings) -> None:
    settings.PREPARE_STATEMENTS = False
    statement = Statement("SELECT %s", [Place(0)])
    for _each in range(PATIENCE + 2):
        assert run(statement, 1) == [(1,)]
    assert known() == []


def test_what_fails_for_another_reason_is_not_tried_again() -> None:
    tries = []

    def fail() -> None:
        tries.append(1)
        raise ValueError("another reason")

    with pytest.raises(ValueError, match="another reason"):
        again(fail)
    assert tries == [1]


def test_an_expression_of_a_query_may_stand_beside_a_value() -> None:
    @written
    def of_own_program(merchant_id: int) -> QuerySet[Complaint]:
        return Complaint.objects.filter(merchant_id=merchant_id, mini_program__merchant_id=F("merchant_id"))

    complaint = file_at(FRIDAY, make_program())
    for _each in range(PATIENCE + 2):
        assert of_own_program(complaint.merchant_id) == [complaint]


def test_a_statement_that_is_planned_each_time_is_never_known_by_name() -> None:
    statement = Statement("SELECT %s", [Place(0)], planned_each_time=True)
    for number in range(2 * MADE_UP):
        assert run(statement, number) == [(number,)]
    assert statement.name not in known()
    assert statement.keeps_plan is False
