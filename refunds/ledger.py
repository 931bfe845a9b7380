"""What must be true of every cent, recomputed from the first row on, each as one statement over whole tables.

A transfer of an account is always written while the account is locked, so their numbers stand in the order in which
they were made.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from common.policy import policy_spans

EXAMPLES = 10
"""So many of the rows that do not add up are named."""
END = datetime(9999, 12, 31, tzinfo=UTC)

LOOKED_AT = {
    "accounts": "refunds_guaranteeaccount",
    "transfers": "refunds_fundtransfer",
    "entries": "refunds_fundentry",
    "top-ups": "refunds_topup",
    "refunds": "refunds_refund",
    "trades": "refunds_refundedtrade",
    "pending refunds": "refunds_refundcase",
}

POLICY = """
    policy AS (
        SELECT * FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[], %(percent)s::int[],
            %(cap)s::numeric[], %(share)s::int[]) AS span (since, until, percent, cap, share)
    )
"""

PARTS = """
    part AS (
        SELECT transfer.id, transfer.account_id, transfer.kind, transfer.top_up_id, transfer.refund_id, transfer.at,
            coalesce(sum(amount) FILTER (WHERE book = 'deposit'), 0) AS deposit,
            coalesce(sum(amount) FILTER (WHERE book = 'bonus'), 0) AS bonus,
            coalesce(sum(amount) FILTER (WHERE book = 'cash'), 0) AS cash,
            coalesce(sum(amount) FILTER (WHERE book = 'subsidy'), 0) AS subsidy,
            coalesce(sum(amount) FILTER (WHERE book = 'consumers'), 0) AS consumers
        FROM refunds_fundtransfer AS transfer
        LEFT JOIN refunds_fundentry AS entry ON entry.transfer_id = transfer.id
        GROUP BY transfer.id
    ), standing AS (
        SELECT part.*,
            sum(deposit) OVER so_far AS deposit_after, sum(bonus) OVER so_far AS bonus_after,
            sum(bonus) OVER so_far - bonus AS bonus_before, -(sum(subsidy) OVER so_far - subsidy) AS granted_before
        FROM part WINDOW so_far AS (PARTITION BY account_id ORDER BY id ROWS UNBOUNDED PRECEDING)
    )
"""


@dataclass(frozen=True, slots=True)
class Check:
    """A sentence that must be true, and the statement that returns the name of each row that makes it false."""

    name: str
    sentence: str
    broken_by: str


CHECKS = [
    Check(
        "transfers_balance",
        "The entries of each transfer add up to zero, and are of its account.",
        """
        SELECT 'transfer ' || transfer.id || ' is off by ¥' || coalesce(sum(amount), 0)
        FROM refunds_fundtransfer AS transfer
        LEFT JOIN refunds_fundentry AS entry ON entry.transfer_id = transfer.id
        GROUP BY transfer.id
        HAVING coalesce(sum(amount), 1) <> 0 OR bool_or(entry.account_id <> transfer.account_id)
        """,
    ),
    Check(
        "books_add_up",
        "The books of each account add up to zero.",
        """
        SELECT 'account ' || account_id || ' is off by ¥' || sum(amount) FROM refunds_fundentry
        GROUP BY account_id HAVING sum(amount) <> 0
        """,
    ),
    Check(
        "kinds_move_their_books",
        "A top-up moves cash into the deposit, a bonus the platform's money, a refund what consumers get.",
        f"""
        WITH {PARTS}
        SELECT kind || ' ' || id FROM part WHERE NOT CASE kind
            WHEN 'top_up' THEN deposit > 0 AND cash = -deposit AND bonus = 0 AND subsidy = 0 AND consumers = 0
            WHEN 'bonus' THEN bonus > 0 AND subsidy = -bonus AND deposit = 0 AND cash = 0 AND consumers = 0
            WHEN 'refund' THEN deposit <= 0 AND bonus <= 0 AND consumers = -deposit - bonus AND consumers > 0
                AND cash = 0 AND subsidy = 0
            ELSE true END
        """,  # noqa: S608 (the pieces are constants)
    ),
    Check(
        "never_overdrawn",
        "After no transfer did an account hold less than nothing.",
        f"""
        WITH {PARTS}
        SELECT 'account ' || account_id || ' after transfer ' || id || ': ¥' || least(deposit_after, bonus_after)
        FROM standing WHERE deposit_after < 0 OR bonus_after < 0
        """,  # noqa: S608
    ),
    Check(
        "top_ups_are_in_the_ledger",
        "Each credited top-up moved its amount once; one that was reversed was taken back, and no other was.",
        """
        SELECT 'top-up ' || number || ', ' || status || ', ¥' || top_up.amount
        FROM refunds_topup AS top_up LEFT JOIN (
            SELECT transfer.top_up_id, min(transfer.account_id) AS account_id, sum(entry.amount) AS moved,
                count(*) AS transfers, count(reversal.id) AS reversals
            FROM refunds_fundtransfer AS transfer
            JOIN refunds_fundentry AS entry ON entry.transfer_id = transfer.id AND entry.book = 'deposit'
            LEFT JOIN refunds_fundtransfer AS reversal ON reversal.reverses_id = transfer.id
            WHERE transfer.kind = 'top_up' GROUP BY transfer.top_up_id
        ) AS ledger ON ledger.top_up_id = top_up.id
        WHERE CASE WHEN status IN ('credited', 'reversed')
            THEN (transfers, reversals, moved, ledger.account_id) IS DISTINCT FROM
                (1::bigint, (status = 'reversed')::int::bigint, top_up.amount, top_up.account_id)
            ELSE transfers IS NOT NULL END
        UNION ALL
        SELECT 'transfer ' || transfer.id || ' of a top-up that is not there' FROM refunds_fundtransfer AS transfer
        LEFT JOIN refunds_topup AS top_up ON top_up.id = transfer.top_up_id
        WHERE transfer.top_up_id IS NOT NULL AND top_up.id IS NULL
        """,
    ),
    Check(
        "bonus_by_the_policy",
        "The bonus on each top-up is what the policy of its moment gave, in order, and never above the cap.",
        f"""
        WITH {POLICY}, {PARTS}, due AS (
            SELECT standing.*, greatest(0, least(trunc(deposit * percent / 100, 2), cap - granted_before)) AS wanted
            FROM standing JOIN policy ON since <= at AND at < until WHERE kind = 'top_up'
        )
        SELECT 'bonus on top-up ' || number || ': ¥' || coalesce(given.bonus, 0) || ' instead of ¥' || wanted
        FROM due JOIN refunds_topup AS top_up ON top_up.id = due.top_up_id
        LEFT JOIN part AS given ON given.kind = 'bonus' AND given.top_up_id = due.top_up_id
        WHERE coalesce(given.bonus, 0) <> wanted OR given.account_id <> due.account_id
        UNION ALL
        SELECT 'bonus ' || given.id || ' without its top-up' FROM part AS given
        WHERE given.kind = 'bonus' AND NOT EXISTS (SELECT FROM due WHERE due.top_up_id = given.top_up_id)
        """,  # noqa: S608
    ),
    Check(
        "refunds_are_in_the_ledger",
        "Each refund from the fund moved its amount once; one that was reversed came back; no other refund is there.",
        """
        SELECT 'refund ' || refund_no || ', ' || status || ', ¥' || refund.amount
        FROM refunds_refund AS refund
        LEFT JOIN refunds_guaranteeaccount AS account ON account.merchant_id = refund.merchant_id
        LEFT JOIN (
            SELECT transfer.refund_id, min(transfer.account_id) AS account_id, sum(entry.amount) AS moved,
                count(*) AS transfers, count(reversal.id) AS reversals
            FROM refunds_fundtransfer AS transfer
            JOIN refunds_fundentry AS entry ON entry.transfer_id = transfer.id AND entry.book = 'consumers'
            LEFT JOIN refunds_fundtransfer AS reversal ON reversal.reverses_id = transfer.id
            WHERE transfer.kind = 'refund' GROUP BY transfer.refund_id
        ) AS ledger ON ledger.refund_id = refund.id
        WHERE CASE WHEN channel = 'fund' AND status IN ('succeeded', 'reversed')
            THEN (transfers, reversals, moved, ledger.account_id) IS DISTINCT FROM
                (1::bigint, (status = 'reversed')::int::bigint, refund.amount, account.id)
            ELSE transfers IS NOT NULL OR channel = 'fund' END
        UNION ALL
        SELECT 'transfer ' || transfer.id || ' of a refund that is not there' FROM refunds_fundtransfer AS transfer
        LEFT JOIN refunds_refund AS refund ON refund.id = transfer.refund_id
        WHERE transfer.refund_id IS NOT NULL AND refund.id IS NULL
        """,
    ),
    Check(
        "refunds_are_split_by_the_policy",
        "Of each refund the bonus paid the share that the policy of its moment says, as far as it reached.",
        f"""
        WITH {POLICY}, {PARTS}
        SELECT 'refund ' || refund_no || ': ¥' || -bonus || ' from the bonus instead of ¥'
            || least(trunc(consumers / share, 2), bonus_before)
        FROM standing JOIN policy ON since <= at AND at < until JOIN refunds_refund AS refund ON refund.id = refund_id
        WHERE kind = 'refund' AND -bonus <> least(trunc(consumers / share, 2), bonus_before)
        """,  # noqa: S608
    ),
    Check(
        "reversals_are_opposite",
        "Each reversal is the exact opposite of what it reverses, with the same account and the same reason.",
        """
        SELECT 'reversal ' || reversal.id || ' of transfer ' || reversed.id
        FROM refunds_fundtransfer AS reversal
        JOIN refunds_fundtransfer AS reversed ON reversed.id = reversal.reverses_id
        WHERE reversed.kind = 'reversal' OR reversed.account_id <> reversal.account_id
            OR (reversed.top_up_id, reversed.refund_id) IS DISTINCT FROM (reversal.top_up_id, reversal.refund_id)
            OR EXISTS (
                SELECT FROM (SELECT book, amount FROM refunds_fundentry WHERE transfer_id = reversal.id) AS back
                FULL JOIN (SELECT book, amount FROM refunds_fundentry WHERE transfer_id = reversed.id) AS away
                    USING (book)
                WHERE back.amount IS DISTINCT FROM -away.amount
            )
        """,
    ),
    Check(
        "bonus_goes_with_its_top_up",
        "A top-up that was taken back was taken back with the bonus on it, and no bonus without its top-up.",
        """
        SELECT 'top-up ' || number FROM refunds_topup AS top_up
        JOIN refunds_fundtransfer AS bonus ON bonus.top_up_id = top_up.id AND bonus.kind = 'bonus'
        LEFT JOIN refunds_fundtransfer AS back ON back.reverses_id = bonus.id
        WHERE (status = 'reversed') <> (back.id IS NOT NULL)
        """,
    ),
    Check(
        "accounts_hold_what_came_and_did_not_leave",
        "What an account received is the sum of its top-ups, and what it paid the sum of its refunds.",
        """
        SELECT 'account ' || account.id || ' received ¥' || received || ' instead of ¥' || wanted_in
            || ', paid ¥' || paid || ' instead of ¥' || wanted_out
        FROM (
            SELECT account.id, coalesce(received, 0) AS received, coalesce(wanted_in, 0) AS wanted_in,
                coalesce(paid, 0) AS paid, coalesce(wanted_out, 0) AS wanted_out
            FROM refunds_guaranteeaccount AS account
            LEFT JOIN (SELECT account_id, -sum(amount) FILTER (WHERE book = 'cash') AS received,
                    sum(amount) FILTER (WHERE book = 'consumers') AS paid
                FROM refunds_fundentry GROUP BY account_id) AS ledger ON ledger.account_id = account.id
            LEFT JOIN (SELECT account_id, sum(amount) AS wanted_in
                FROM refunds_topup WHERE status = 'credited' GROUP BY account_id) AS ins ON ins.account_id = account.id
            LEFT JOIN (SELECT merchant_id, sum(amount) AS wanted_out
                FROM refunds_refund WHERE channel = 'fund' AND status = 'succeeded' GROUP BY merchant_id) AS outs
                ON outs.merchant_id = account.merchant_id
        ) AS account WHERE received <> wanted_in OR paid <> wanted_out
        """,
    ),
    Check(
        "trades_count_their_refunds",
        "What a trade counts as refunded is the sum of its refunds, made or under way, and not above its amount.",
        """
        SELECT 'trade ' || trade.trade_no || ' counts ¥' || refunded || ' instead of ¥' || coalesce(made, 0)
        FROM refunds_refundedtrade AS trade LEFT JOIN (
            SELECT trade_id, sum(amount) AS made FROM refunds_refund
            WHERE status IN ('processing', 'succeeded') GROUP BY trade_id
        ) AS sums ON sums.trade_id = trade.id
        WHERE refunded <> coalesce(made, 0) OR refunded > trade_amount
        """,
    ),
    Check(
        "refunds_are_of_their_trade",
        "A refund counts against the trade, the merchant and the pending refund of its complaint.",
        """
        SELECT 'refund ' || refund_no FROM refunds_refund AS refund
        JOIN complaints_complaint AS complaint ON complaint.id = refund.complaint_id
        JOIN refunds_refundedtrade AS trade ON trade.id = refund.trade_id
        LEFT JOIN refunds_refundcase AS refund_case ON refund_case.id = refund.refund_case_id
        WHERE refund.merchant_id <> complaint.merchant_id OR trade.merchant_id <> complaint.merchant_id
            OR trade.trade_no <> complaint.trade_no OR refund_case.complaint_id <> complaint.id
        """,
    ),
    Check(
        "cases_are_refunded_by_their_refunds",
        "A pending refund is refunded exactly when its refunds add up to it, and never above it.",
        """
        SELECT 'case ' || case_no || ', ' || refund_case.status || ', ¥' || refund_case.amount || ', refunded ¥'
            || coalesce(succeeded, 0)
        FROM refunds_refundcase AS refund_case LEFT JOIN (
            SELECT refund_case_id, sum(amount) AS counting, sum(amount) FILTER (WHERE status = 'succeeded') AS succeeded
            FROM refunds_refund WHERE status IN ('processing', 'succeeded') GROUP BY refund_case_id
        ) AS sums ON sums.refund_case_id = refund_case.id
        WHERE coalesce(counting, 0) > refund_case.amount
            OR (refund_case.status <> 'waived'
                AND (refund_case.status = 'refunded') <> (coalesce(succeeded, 0) = refund_case.amount))
        """,
    ),
]


@dataclass(slots=True)
class Finding:
    """How many rows break a check, and the names of the first of them."""

    check: Check
    count: int
    examples: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What was looked at, what the fund holds in all, in yuan, and what every check found."""

    looked_at: dict[str, int]
    books: dict[str, Any]
    findings: list[Finding]

    @property
    def broken(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.count]


def verify_ledger() -> Report:
    """Recompute the whole ledger, all at the same moment of the data."""
    with transaction.atomic(), connection.cursor() as cursor:
        if len(connection.atomic_blocks) == 1:  # else somebody has looked at the data in this transaction already
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        looked_at = {name: _count(cursor, table) for name, table in LOOKED_AT.items()}
        cursor.execute("SELECT book, sum(amount) FROM refunds_fundentry GROUP BY book ORDER BY book")
        books = dict(cursor.fetchall())
        parameters = _policy()
        findings = []
        for check in CHECKS:
            cursor.execute(
                f"SELECT count(*) OVER (), broken.* FROM ({check.broken_by}) AS broken LIMIT {EXAMPLES}",  # noqa: S608
                parameters,
            )
            rows = cursor.fetchall()
            findings.append(Finding(check, rows[0][0] if rows else 0, [name for _count, name in rows]))
    return Report(looked_at, books, findings)


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 (a table of ours)
    row: tuple[int] = cursor.fetchone()
    return row[0]


def _policy() -> dict[str, Any]:
    """Return the dated policies as columns."""
    spans = policy_spans()
    since = [span.since for span in spans]
    return {
        "since": since,
        "until": [*since[1:], END],
        "percent": [span.policy.bonus_percent for span in spans],
        "cap": [span.policy.bonus_cap for span in spans],
        "share": [span.policy.bonus_share for span in spans],
    }
