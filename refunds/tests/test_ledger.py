"""`manage.py verify_ledger`: silent about sound data, and a cent of difference anywhere is found and named."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from complaints.tests.factories import file_at, handle_at, make_program, moment
from refunds import services
from refunds.ledger import CHECKS, LOOKED_AT, verify_ledger
from refunds.models import FundEntry, Refund
from refunds.tests.making import case_at, fund_at, refund_at, staff

pytestmark = pytest.mark.django_db

RULED = "2026-11-20T05:00Z"
AT = "2026-11-21T05:00Z"


GUARDED = ("refunds_fundentry", "refunds_fundtransfer", "refunds_topup", "refunds_refund", "refunds_refundcase")


def in_sql(statement: str) -> None:
    """Change rows as somebody who owns the tables could: with no trigger of ours in the way."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(statement)


@contextmanager
def undone() -> Iterator[None]:
    """Take back whatever was done."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def broken() -> set[str]:
    return {finding.check.name for finding in verify_ledger().broken}


@pytest.fixture
def books():
    """Two accounts with all that can happen: top-ups in each state, refunds in each channel and state, reversals."""
    program = make_program()
    fund_at(RULED, program.merchant, "1000.00")
    gone = fund_at(RULED, program.merchant, "10.00").top_ups.latest("pk")
    fund_at(RULED, program.merchant, "40000.00")
    services.reverse_top_up(gone.pk, reason="It bounced.", actor=staff(), now=moment(AT))
    waits = services.record_top_up(
        gone.account_id, Decimal("60000.00"), bank_reference="B-waits", actor=staff(), now=moment(RULED)
    )
    services.decline_top_up(waits.pk, reason="A typing error.", actor=staff(), now=moment(AT))
    case = case_at(RULED, program=program)
    back = refund_at(AT, case, "40.00")
    services.reverse_refund(back.pk, reason="It bounced.", actor=staff(), now=moment(AT))
    refund_at(AT, case, "100.00")
    refund_at(AT, case, "28.00", channel="elsewhere", reference="R-1")
    refund_at(AT, case_at(RULED, program=program), "0.02")
    handle_at(RULED, file_at(RULED, program), "fund_refund", refund_amount=Decimal("50.00"))
    other = case_at(RULED)
    fund_at(RULED, other.merchant, "33.33")
    refund_at(AT, other, "10.00")


@pytest.mark.usefixtures("books")
def test_sound_books_break_nothing_and_it_says_what_it_looked_at():
    assert broken() == set()
    out = StringIO()
    call_command("verify_ledger", stdout=out)
    said = out.getvalue()
    counts = "2 accounts, 16 transfers, 37 entries, 5 top-ups, 6 refunds, 4 trades, 3 pending refunds"
    assert f"Looked at {counts}." in said
    assert said.count("holds") == len(CHECKS)
    assert len(LOOKED_AT) == 7


def test_empty_books_break_nothing():
    assert verify_ledger().broken == []


BREAKS = {
    "transfers_balance": "UPDATE refunds_fundentry SET amount = amount + 0.01 WHERE book = 'consumers'",
    "books_add_up": """
        UPDATE refunds_fundentry SET amount = amount - 0.01 WHERE id = (SELECT min(id) FROM refunds_fundentry)
    """,
    "kinds_move_their_books": "UPDATE refunds_fundentry SET book = 'subsidy' WHERE book = 'consumers'",
    "never_overdrawn": "UPDATE refunds_fundentry SET amount = amount * 1000 WHERE book = 'bonus' AND amount < 0",
    "top_ups_are_in_the_ledger": "UPDATE refunds_topup SET amount = amount + 0.01 WHERE status = 'credited'",
    "bonus_by_the_policy": """
        UPDATE refunds_fundentry AS entry SET amount = amount + sign(amount) * 0.01
        FROM refunds_fundtransfer AS transfer
        WHERE transfer.id = transfer_id AND kind = 'bonus' AND book IN ('bonus', 'subsidy')
    """,
    "refunds_are_in_the_ledger": "UPDATE refunds_refund SET amount = amount - 0.01 WHERE channel = 'fund'",
    "refunds_are_split_by_the_policy": """
        UPDATE refunds_fundentry AS entry SET amount = amount + CASE book WHEN 'bonus' THEN 0.01 ELSE -0.01 END
        FROM refunds_fundtransfer AS transfer
        WHERE transfer.id = transfer_id AND kind = 'refund' AND book IN ('bonus', 'deposit')
            AND EXISTS (SELECT FROM refunds_fundentry AS each WHERE each.transfer_id = transfer.id AND book = 'bonus')
    """,
    "reversals_are_opposite": """
        UPDATE refunds_fundentry AS entry SET amount = amount * 2 FROM refunds_fundtransfer AS transfer
        WHERE transfer.id = transfer_id AND kind = 'reversal'
    """,
    "bonus_goes_with_its_top_up": """
        DELETE FROM refunds_fundentry WHERE transfer_id IN (SELECT back.id FROM refunds_fundtransfer AS back
            JOIN refunds_fundtransfer AS bonus ON bonus.id = back.reverses_id WHERE bonus.kind = 'bonus');
        DELETE FROM refunds_fundtransfer AS back USING refunds_fundtransfer AS bonus
            WHERE bonus.id = back.reverses_id AND bonus.kind = 'bonus'
    """,
    "accounts_hold_what_came_and_did_not_leave": """
        UPDATE refunds_fundentry SET amount = amount - 0.01 WHERE book = 'cash'
    """,
    "trades_count_their_refunds": """
        UPDATE refunds_refundedtrade SET refunded = refunded - 0.01
        WHERE id = (SELECT trade_id FROM refunds_refund WHERE status = 'succeeded' LIMIT 1)
    """,
    "refunds_are_of_their_trade": "UPDATE refunds_refundedtrade SET trade_no = 'other'||id",
    "cases_are_refunded_by_their_refunds": """
        UPDATE refunds_refundcase SET amount = amount + 0.01 WHERE status = 'refunded'
    """,
}


def test_every_check_is_broken_once_below():
    assert set(BREAKS) == {check.name for check in CHECKS}


@pytest.mark.usefixtures("books")
def test_a_difference_is_found_and_its_rows_are_named():
    """Each is made for itself, and mended by taking back: to make the books takes longer than to look at them."""
    for name, statement in BREAKS.items():
        with undone():
            in_sql(statement)
            (finding,) = [each for each in verify_ledger().findings if each.check.name == name]
            assert finding.count > 0, name
            assert len(finding.examples) == min(finding.count, 10)
            err = StringIO()
            with pytest.raises(CommandError, match="does not add up"):
                call_command("verify_ledger", stdout=StringIO(), stderr=err)
            assert finding.examples[0] in err.getvalue()


@pytest.mark.usefixtures("books")
def test_a_cent_in_any_entry_is_found():
    for number, entry in enumerate(FundEntry.objects.order_by("pk")):
        cent = "0.01" if number % 2 else "-0.01"
        with undone():
            in_sql(f"UPDATE refunds_fundentry SET amount = amount + {cent} WHERE id = {entry.pk}")
            assert {"transfers_balance", "books_add_up"} <= broken()


@pytest.mark.usefixtures("books")
def test_a_cent_moved_between_the_books_of_any_transfer_is_found():
    """The transfer still balances; what it was for says that it is wrong."""
    pairs = 0
    for entry in FundEntry.objects.all():
        for other in FundEntry.objects.filter(transfer=entry.transfer_id).exclude(pk=entry.pk):
            pairs += 1
            with undone():
                in_sql(f"""
                    UPDATE refunds_fundentry SET amount = amount + 0.01 WHERE id = {entry.pk};
                    UPDATE refunds_fundentry SET amount = amount - 0.01 WHERE id = {other.pk}
                """)
                assert broken() - {"transfers_balance", "books_add_up"}, (entry.transfer.kind, entry, other)
    assert pairs > 40


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("refunds_topup", "amount"),
        ("refunds_refund", "amount"),
        ("refunds_refundedtrade", "refunded"),
    ],
)
def test_a_cent_in_what_the_ledger_is_about_is_found(table, column):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {table} WHERE {column} > 0")
        ids = [row[0] for row in cursor.fetchall()]
    unseen = []
    for row_id in ids:
        with undone():
            in_sql(f"UPDATE {table} SET {column} = {column} - 0.01 WHERE id = {row_id}")
            if not broken():
                unseen.append(row_id)
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM refunds_topup WHERE status = 'declined'")
        never_moved = {row[0] for row in cursor.fetchall()} if table == "refunds_topup" else set()
    assert set(unseen) == never_moved, "what was declined moved nothing, so nothing is there to compare it with"


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("table", ["refunds_fundentry", "refunds_fundtransfer", "refunds_topup", "refunds_refund"])
def test_a_row_that_is_gone_is_found(table):
    with connection.cursor() as cursor:
        declined = "WHERE status <> 'declined'" if table == "refunds_topup" else ""
        cursor.execute(f"SELECT id FROM {table} {declined}")
        ids = [row[0] for row in cursor.fetchall()]
    for row_id in ids:
        with undone():
            in_sql(f"DELETE FROM {table} WHERE id = {row_id}")
            assert broken(), row_id


@pytest.mark.usefixtures("books")
def test_a_refund_that_was_never_paid_out_is_found():
    fund_refund = Refund.objects.filter(channel="elsewhere", status="succeeded").earliest("pk")
    in_sql(f"UPDATE refunds_refund SET channel = 'fund' WHERE id = {fund_refund.pk}")
    assert "refunds_are_in_the_ledger" in broken()


def test_the_policy_of_its_moment_is_what_counts(policy_file):
    rules = "[[policy]]\nsince = 2026-11-21T00:00:00Z\nbonus_percent = 50\nbonus_share = 2\n"
    policy_file(rules)
    case = case_at("2026-11-20T05:00Z", amount="100.00")
    fund_at("2026-11-20T23:59:59.999999Z", case.merchant, "100.00")
    fund_at("2026-11-21T00:00Z", case.merchant, "100.00")
    refund_at("2026-11-20T23:59:59.999999Z", case, "10.00")
    refund_at("2026-11-21T00:00Z", case, "10.00")
    assert broken() == set()
    policy_file(rules.replace("2026-11-21T00:00:00Z", "2026-11-21T00:00:00.000001Z"))
    assert broken() == {"bonus_by_the_policy", "refunds_are_split_by_the_policy"}
    policy_file("")
    assert broken() == {"bonus_by_the_policy", "refunds_are_split_by_the_policy"}
