"""The books of a sandbox: trades, refunds and payments in one SQLite file, which survives a kill at any moment.

A change is one transaction that holds the only right to write. Amounts are whole cents.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

BEIJING = timezone(timedelta(hours=8))
GENEROUS = 100_000_000
"""Cents of a trade that nobody has told the sandbox about: it is taken as paid, and for so much."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS trade (
    trade_no TEXT PRIMARY KEY,
    out_trade_no TEXT UNIQUE,
    status TEXT NOT NULL,
    total INTEGER NOT NULL CHECK (total > 0),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND total),
    subject TEXT NOT NULL DEFAULT '',
    return_url TEXT NOT NULL DEFAULT '',
    token TEXT NOT NULL DEFAULT '',
    paid_at TEXT NOT NULL DEFAULT '',
    pay_by TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS refund (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trade_no TEXT NOT NULL REFERENCES trade,
    out_request_no TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    reason TEXT NOT NULL,
    refunded_at TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 1,
    UNIQUE (trade_no, out_request_no)
);
"""

WAITING, PAID, CLOSED = "WAIT_BUYER_PAY", "TRADE_SUCCESS", "TRADE_CLOSED"


class Refusal(Exception):
    """The books do not take a change; `code` is the `sub_code` of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade, or a payment that is to become one."""

    trade_no: str
    out_trade_no: str | None
    status: str
    total: int
    refunded: int
    subject: str
    return_url: str
    token: str
    paid_at: str
    pay_by: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund, and whether it was made just now or stood there already."""

    trade: Trade
    out_request_no: str
    amount: int
    reason: str
    refunded_at: str
    is_new: bool = False


class Books:
    """One file of books; safe for many threads and processes."""

    def __init__(self, file: Path) -> None:
        """Open the books, new ones when there are none."""
        self.file = file
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(SCHEMA)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=30, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            yield connection

    # Trades and their refunds.

    def tell_trade(self, trade_no: str, total: int) -> None:
        """Take in a paid trade and what it cost; one that is there gets this total if its refunds allow it."""
        try:
            with self._changing() as books:
                books.execute(
                    "INSERT INTO trade (trade_no, status, total) VALUES (?, ?, ?)"
                    " ON CONFLICT (trade_no) DO UPDATE SET total = excluded.total",
                    (trade_no, PAID, total),
                )
        except sqlite3.IntegrityError:
            raise Refusal("ACQ.INVALID_PARAMETER", "More than this was refunded already.") from None

    def refund(self, names: dict[str, str], out_request_no: str, amount: int, reason: str) -> Refunded:
        """Refund a part of a trade once: the same number again changes nothing and says so."""
        with self._changing() as books:
            trade = _find(books, names) or _suppose(books, names)
            number = out_request_no or trade.trade_no
            before = _refund(books, trade, number)
            if before:
                if before.amount != amount:
                    raise Refusal("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致")
                books.execute(
                    "UPDATE refund SET requests = requests + 1 WHERE trade_no = ? AND out_request_no = ?",
                    (trade.trade_no, number),
                )
                return before
            if trade.status == CLOSED:
                raise Refusal("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")
            if trade.status != PAID:
                raise Refusal("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
            if trade.refunded + amount > trade.total:
                raise Refusal("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限")
            books.execute("UPDATE trade SET refunded = refunded + ? WHERE trade_no = ?", (amount, trade.trade_no))
            books.execute(
                "INSERT INTO refund (trade_no, out_request_no, amount, reason, refunded_at) VALUES (?, ?, ?, ?, ?)",
                (trade.trade_no, number, amount, reason, beijing_now()),
            )
            made = _refund(books, _read_trade(books, trade.trade_no), number, is_new=True)
            if made is None:
                raise RuntimeError("a refund that was just written is not there")
            return made

    def find_refund(self, names: dict[str, str], out_request_no: str) -> Refunded | None:
        """Return the refund with this number; refuse when the trade itself is not known."""
        with self._reading() as books:
            trade = _find(books, names)
            if trade is None:
                raise Refusal("ACQ.TRADE_NOT_EXIST", "交易不存在")
            return _refund(books, trade, out_request_no)

    def refunds(self, trade_no: str = "") -> list[dict[str, Any]]:
        """Return the refunds of a trade, or all, in the order in which they were made."""
        with self._reading() as books:
            rows = books.execute(
                "SELECT trade_no, out_request_no, amount, reason, refunded_at, requests FROM refund"
                " WHERE trade_no = ? OR ? = '' ORDER BY id",
                (trade_no, trade_no),
            )
            return [dict(row) | {"amount": in_yuan(row["amount"])} for row in rows]

    # Payments.

    def open_payment(self, out_trade_no: str, total: int, subject: str, return_url: str, pay_by: str) -> Trade:
        """Begin a payment, or come back to it; refuse the same number with another amount."""
        with self._changing() as books:
            trade = _find(books, {"out_trade_no": out_trade_no})
            if trade is None:
                books.execute(
                    "INSERT INTO trade (trade_no, out_trade_no, status, total, subject, return_url, token, pay_by)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        _new_number(),
                        out_trade_no,
                        WAITING,
                        total,
                        subject,
                        return_url,
                        secrets.token_urlsafe(16),
                        pay_by,
                    ),
                )
            elif trade.total != total:
                raise Refusal("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")
            return _read_trade_by_number(books, out_trade_no)

    def decide_payment(self, out_trade_no: str, token: str, *, is_paid: bool) -> Trade:
        """Pay or close a payment that waits; its time over, it is closed. What was decided before stays."""
        with self._changing() as books:
            trade = _find(books, {"out_trade_no": out_trade_no})
            if trade is None or not secrets.compare_digest(trade.token.encode(), token.encode()):
                raise Refusal("ACQ.TRADE_NOT_EXIST", "交易不存在")
            if trade.status == WAITING:
                is_paid = is_paid and (not trade.pay_by or beijing_now() <= trade.pay_by)
                books.execute(
                    "UPDATE trade SET status = ?, paid_at = ? WHERE out_trade_no = ?",
                    (PAID if is_paid else CLOSED, beijing_now() if is_paid else "", out_trade_no),
                )
            return _read_trade_by_number(books, out_trade_no)

    def find_trade(self, names: dict[str, str]) -> Trade:
        """Return a trade; refuse one that the books do not have."""
        with self._reading() as books:
            trade = _find(books, names)
        if trade is None:
            raise Refusal("ACQ.TRADE_NOT_EXIST", "交易不存在")
        return trade


def _find(books: sqlite3.Connection, names: dict[str, str]) -> Trade | None:
    """Return a trade by the payment system's number, or else by the merchant's."""
    name = "trade_no" if names.get("trade_no") else "out_trade_no"
    row = books.execute(f"SELECT * FROM trade WHERE {name} = ?", (names.get(name, ""),)).fetchone()  # noqa: S608 (two names)
    return Trade(**row) if row else None


def _suppose(books: sqlite3.Connection, names: dict[str, str]) -> Trade:
    """Take a trade that nobody told of as paid, and for a generous amount."""
    trade_no = names.get("trade_no") or _new_number()
    books.execute(
        "INSERT INTO trade (trade_no, out_trade_no, status, total) VALUES (?, ?, ?, ?)",
        (trade_no, None if names.get("trade_no") else names["out_trade_no"], PAID, GENEROUS),
    )
    return _read_trade(books, trade_no)


def _read_trade(books: sqlite3.Connection, trade_no: str) -> Trade:
    return Trade(**books.execute("SELECT * FROM trade WHERE trade_no = ?", (trade_no,)).fetchone())


def _read_trade_by_number(books: sqlite3.Connection, out_trade_no: str) -> Trade:
    return Trade(**books.execute("SELECT * FROM trade WHERE out_trade_no = ?", (out_trade_no,)).fetchone())


def _refund(books: sqlite3.Connection, trade: Trade, out_request_no: str, *, is_new: bool = False) -> Refunded | None:
    row = books.execute(
        "SELECT out_request_no, amount, reason, refunded_at FROM refund WHERE trade_no = ? AND out_request_no = ?",
        (trade.trade_no, out_request_no),
    ).fetchone()
    return Refunded(trade, **row, is_new=is_new) if row else None


def _new_number() -> str:
    """Return a trade number as the payment system makes them: 28 digits that begin with the day."""
    return f"{datetime.now(BEIJING):%Y%m%d}{secrets.randbelow(10**20):020}"


def beijing_now() -> str:
    """Return the time of Beijing, as the protocol writes it."""
    return f"{datetime.now(BEIJING):%Y-%m-%d %H:%M:%S}"


def in_yuan(cents: int) -> str:
    """Return cents as yuan with two decimals."""
    return f"{Decimal(cents) / 100:.2f}"
