"""Reading events so that none is missed: in order, up to the oldest transaction that is still open."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import psycopg2  # type: ignore[import-untyped]  # no stubs for a connection beside Django's
import pytest
from django.db import connection, transaction

from common.actors import SYSTEM, Actor, ActorKind
from common.errors import BadInput
from complaints.tests.factories import (
    STAFF,
    consumer_actor,
    file_at,
    make_merchant,
    make_program,
    member_actor,
    moment,
    platform_actor,
)
from merchants.models import Grant, Merchant
from notifications.models import Event
from notifications.queries import Position, events_after, oldest_open, visible_to
from notifications.services import emit

AT = moment("2026-11-20T02:00Z")


def tell(name: str, merchant: Merchant) -> Event:
    return emit(name, merchant_id=merchant.pk, subject_id=1, at=AT)


def names(position: Position, actor: Actor, limit: int = 100) -> list[str]:
    return [event.name for event in events_after(position, actor=actor, limit=limit)]


def after(event: Event) -> Position:
    return Position(event.transaction, event.pk)


@contextmanager
def held_open(work: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Do the work on a connection of its own, in a transaction that is committed by calling what this yields."""
    done, let_go = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                assert let_go.wait(timeout=60)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        running: Future[None] = pool.submit(run)

        def commit() -> None:
            let_go.set()
            running.result(timeout=60)

        try:
            assert done.wait(timeout=60)
            yield commit
        finally:
            let_go.set()


@pytest.mark.django_db(transaction=True)
class TestOrder:
    def test_an_older_open_transaction_holds_the_reader_back_and_then_both_arrive_in_order(self):
        merchant = make_merchant()
        actor = platform_actor(merchant.platform)
        start = after(tell("before", merchant))
        with held_open(lambda: tell("older", merchant)) as commit:
            tell("younger", merchant)
            assert list(visible_to(actor).order_by("id").values_list("name", flat=True)) == ["before", "younger"], (
                "the younger one is committed, so nothing but the rule holds it back"
            )
            assert names(start, actor) == []
            assert names(Position(), actor) == ["before"], "what is older than the open one is given out"
            commit()
        assert names(start, actor) == ["older", "younger"]

    def test_a_reader_who_goes_on_where_it_stopped_misses_nobody_and_meets_nobody_twice(self):
        merchant = make_merchant()
        actor = platform_actor(merchant.platform)
        seen: list[str] = []
        position = Position()

        def read_on() -> None:
            nonlocal position
            for event in events_after(position, actor=actor, limit=100):
                seen.append(event.name)
                position = after(event)

        with held_open(lambda: tell("first to write", merchant)) as commit_first:
            with held_open(lambda: tell("second to write", merchant)) as commit_second:
                commit_second()
                read_on()
                assert seen == []
            tell("third", merchant)
            read_on()
            assert seen == []
            commit_first()
        read_on()
        read_on()
        assert seen == ["first to write", "second to write", "third"]

    def test_a_transaction_that_is_rolled_back_holds_nobody_longer(self):
        merchant = make_merchant()
        actor = platform_actor(merchant.platform)

        with transaction.atomic():
            tell("never happened", merchant)
            transaction.set_rollback(True)
        tell("happened", merchant)
        assert names(Position(), actor) == ["happened"]

    def test_events_of_one_transaction_stand_in_the_order_in_which_they_were_written(self):
        merchant = make_merchant()
        actor = platform_actor(merchant.platform)
        with transaction.atomic():
            first, second, _third = (tell(name, merchant) for name in ("1", "2", "3"))
            assert names(Position(), actor) == [], "not before the commit, not even to oneself"
        tell("4", merchant)
        assert first.transaction == second.transaction
        assert names(Position(), actor) == ["1", "2", "3", "4"]
        assert names(after(second), actor) == ["3", "4"]
        assert names(Position(), actor, limit=2) == ["1", "2"]
        assert names(after(second), actor, limit=1) == ["3"]


def elsewhere() -> Any:
    """A connection to another database of the same server."""
    given = connection.get_connection_params()
    known = {name: given[name] for name in ("user", "password", "host", "port") if name in given}
    return closing(psycopg2.connect(**known, dbname="postgres"))


NUMBER = "SELECT pg_current_xact_id()::text::bigint"
BUSY = f"""
    DO $$ BEGIN
        FOR each IN 1..500 LOOP
            EXECUTE '{NUMBER}'; PERFORM count(*) FROM generate_series(1, (random() * 300)::int); COMMIT;
        END LOOP;
    END $$
"""
"""Many short transactions, each with a number, some of which end while a reader looks at them."""

ROUNDS = 300


@contextmanager
def busy_elsewhere() -> Iterator[None]:
    """Let two sessions write in another database of the same server, one transaction after the other."""
    enough = threading.Event()

    def write() -> int:
        with elsewhere() as other:
            other.autocommit = True
            for rounds in range(10_000):
                if enough.is_set():
                    return rounds
                other.cursor().execute(BUSY)
        raise AssertionError("the reader did not come to its end")

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            yield
        finally:
            enough.set()
        assert all(writer.result(timeout=60) for writer in writers)


@pytest.mark.django_db(transaction=True)
class TestOtherTransactions:
    def test_one_of_another_database_holds_nobody_back(self):
        merchant = make_merchant()
        with elsewhere() as other, other.cursor() as cursor:
            cursor.execute(NUMBER)
            (number,) = cursor.fetchone()
            event = tell("younger", merchant)
            assert number < event.transaction
            assert names(Position(), platform_actor(merchant.platform)) == ["younger"]

    def test_readers_wait_for_none_of_many_short_ones_of_another_database(self):
        merchant = make_merchant()
        actor, position, missed = platform_actor(merchant.platform), Position(), []
        with busy_elsewhere():
            for number in range(ROUNDS):
                event = tell(f"event {number}", merchant)
                if names(position, actor) != [event.name]:
                    missed.append(event.name)
                position = after(event)
        assert missed == []

    def test_one_that_ends_between_the_two_looks_is_over_and_its_events_are_read(self):
        merchant = make_merchant()
        actor, looks = platform_actor(merchant.platform), []

        def look(execute, sql, params, many, context):
            looks.append(sql)
            if len(looks) == 2:
                commit()
            return execute(sql, params, many, context)

        with held_open(lambda: tell("older", merchant)) as commit:
            tell("younger", merchant)
            with connection.execute_wrapper(look):
                assert names(Position(), actor) == ["older", "younger"]

    def test_one_that_ends_after_the_second_look_holds_the_reader_back_until_it_asks_again(self):
        merchant = make_merchant()
        actor, looks = platform_actor(merchant.platform), []

        def look(execute, sql, params, many, context):
            looks.append(sql)
            if len(looks) == 3:
                commit()
            return execute(sql, params, many, context)

        with held_open(lambda: tell("older", merchant)) as commit:
            tell("younger", merchant)
            with connection.execute_wrapper(look):
                assert names(Position(), actor) == []
        assert names(Position(), actor) == ["older", "younger"]

    def test_a_role_that_may_not_see_what_other_sessions_do_sees_their_numbers(self):
        merchant = make_merchant()
        with elsewhere() as other, other.cursor() as cursor, connection.cursor() as own:
            cursor.execute(NUMBER)
            (number,) = cursor.fetchone()
            tell("younger", merchant)
            own.execute("SET ROLE pg_stat_scan_tables")  # no monitor, as the role of a deployment may be none
            try:
                own.execute("SELECT query FROM pg_stat_activity WHERE backend_xid = %s::text::xid", [number])
                assert own.fetchone() == ("<insufficient privilege>",)
                assert oldest_open() > number
            finally:
                own.execute("RESET ROLE")


@pytest.mark.django_db(transaction=True)
def test_each_reads_their_own_and_nobody_elses():
    merchant = make_merchant()
    neighbour = make_merchant(platform=merchant.platform)
    stranger = make_merchant()
    for name, whose in (("own", merchant), ("neighbour", neighbour), ("stranger", stranger)):
        tell(name, whose)
    key = Actor(ActorKind.MERCHANT, "ERP", id=3, merchant_id=merchant.pk, grants=frozenset({Grant.VIEW}))
    assert names(Position(), platform_actor(merchant.platform)) == ["own", "neighbour"]
    assert names(Position(), member_actor(merchant)) == ["own"]
    assert names(Position(), member_actor(merchant, Grant.VIEW)) == ["own"]
    assert names(Position(), key) == ["own"]
    assert names(Position(), member_actor(stranger)) == ["stranger"]


@pytest.mark.django_db(transaction=True)
def test_who_is_neither_platform_nor_a_merchant_with_that_grant_reads_nothing():
    complaint = file_at("2026-11-20T02:00Z", make_program())
    assert names(Position(), platform_actor(complaint.mini_program.platform)) == ["complaint.filed"]
    for actor in (member_actor(complaint.merchant, Grant.HANDLE), consumer_actor(complaint), STAFF, SYSTEM):
        assert names(Position(), actor) == []


class TestPosition:
    @pytest.mark.parametrize("position", [Position(), Position(7, 12), Position(2**63 - 1, 2**63 - 1)])
    def test_what_is_written_is_read_again(self, position):
        assert Position.parse(str(position)) == position

    def test_it_is_written_as_two_numbers(self):
        assert str(Position(7, 12)) == "7-12"

    def test_the_transaction_counts_first(self):
        assert Position(1, 9) < Position(2, 1) < Position(2, 2)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-",
            "7",
            "7-",
            "-12",
            "7-x",
            "7--12",
            "7-12-1",
            " 7-12",
            "7-12 ",
            "+7-12",
            "7.0-12",
            "²-1",
            "9" * 40 + "-1",
        ],
    )
    def test_anything_else_is_refused(self, text):
        with pytest.raises(BadInput) as refusal:
            Position.parse(text)
        assert refusal.value.field == "after"
