"""How fast is the search? `python bench/search.py [--rows 1000000] [--calls 40]`

A million complaints, half of them one merchant's, a thousand other merchants share the rest; texts of 40 to 120 words,
Chinese in four of five, with words as unevenly spread as in a language. Measured is what the list page asks for: the
first page of the pending ones and of all statuses, and the counts by status, for numbers, and for words that are rare,
middling and very common, in the big merchant and in a small one. Each call is a new word of its kind where there are
several. Milliseconds, p50 and p95.
"""

# ruff: noqa: PLC0415 (what needs Django can be imported only after it knows its database)

import argparse
import io
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from harness import last_line, portal

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MERCHANTS = 1001
BIG, SMALL = 1, 500
PLANTED = {
    "退款": 0.6,
    "未收到": 0.5,
    "refund": 0.15,
    "客服": 0.2,
    "运费险": 0.01,
    "换货": 0.01,
    "parcel": 0.003,
    "青花瓷": 0.00002,
    "瓷瓶": 0.00002,
    "porcelain": 0.00002,
}
"""How many texts in a whole hold each word, in the big merchant and in the others."""

WORDS = {
    "very common, 2 characters": ("退款",),
    "very common, 3 characters": ("未收到",),
    "common, 2 characters": ("客服",),
    "common, latin": ("refund",),
    "middling, 2 characters": ("换货",),
    "middling, 3 characters": ("运费险",),
    "middling, latin": ("parcel",),
    "rare, 2 characters": ("瓷瓶",),
    "rare, 3 characters": ("青花瓷",),
    "rare, latin": ("porcelain",),
    "in none": ("鼹鼠饲养", "unheard-of"),
    "two words, both common": ("退款 未收到",),
    "two words, one rare": ("退款 青花瓷",),
    "number, whole": ("trade-1", "trade-4242", "order-77777"),
    "number, by its start": ("trade-4242", "order-777", "C00000000000000000000012"),
    "number, in none": ("nothing-4242", "13900000000"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=40, help="of each kind")
    options = parser.parse_args()
    with portal("search"):
        fill(options.rows)
        figures = measure(options.calls)
    last_line(figures)


def fill(rows: int) -> None:
    """Fill the table of complaints and leave it as a night's autovacuum would."""
    from django.db import connection

    started = time.monotonic()
    with connection.cursor() as cursor:
        for index in ("complaint_by_words", "complaint_by_pairs"):
            cursor.execute("SELECT pg_get_indexdef(%s::regclass)", [index])
            (definition,) = cursor.fetchone()
            cursor.execute(f"DROP INDEX {index}")
            DEFINITIONS[index] = definition
        cursor.execute(
            f"""
            INSERT INTO merchants_platform (id, code, name, created_at) VALUES (1, 'bench', 'Bench', now());
            INSERT INTO merchants_merchant (id, platform_id, name, created_at)
                SELECT n, 1, 'Merchant ' || n, now() FROM generate_series(1, {MERCHANTS}) AS n;
            INSERT INTO merchants_miniprogram (id, platform_id, merchant_id, app_id, kind, name)
                SELECT n, 1, n, 'app-' || n, 'mini_program', 'App ' || n FROM generate_series(1, {MERCHANTS}) AS n;
            """
        )
        columns = (
            "id, complaint_no, platform_id, merchant_id, mini_program_id, upstream_id, trade_no, merchant_order_no, "
            "trade_amount, dispute_type, demand, description, consumer_reference, consumer_name, consumer_phone, "
            "advance_protection, status, filed_at, received_at, handle_by, is_history"
        )
        cursor.copy_expert(f"COPY complaints_complaint ({columns}) FROM STDIN", Lines(complaints(rows)))
        print(f"Filled {rows:,} complaints in {time.monotonic() - started:.0f} s.", flush=True)
        for index, definition in DEFINITIONS.items():
            started = time.monotonic()
            cursor.execute(definition)
            cursor.execute("SELECT pg_size_pretty(pg_relation_size(%s::regclass))", [index])
            (size,) = cursor.fetchone()
            print(f"Built {index} in {time.monotonic() - started:.0f} s: {size}.", flush=True)
        cursor.execute("SELECT setval(pg_get_serial_sequence('complaints_complaint', 'id'), %s)", [rows])
        cursor.execute("VACUUM ANALYZE complaints_complaint")
        cursor.execute("SELECT pg_size_pretty(pg_relation_size('complaints_complaint'))")
        print(f"The complaints themselves: {cursor.fetchone()[0]}.", flush=True)


DEFINITIONS: dict[str, str] = {}


def complaints(rows: int) -> Iterator[str]:
    """Write each complaint as a line of COPY, the same ones in each run."""
    chance = random.Random(7)
    hanzi = [chr(0x4E00 + chance.randrange(3000)) for _each in range(1200)]
    chinese = ["".join(chance.choices(hanzi, k=2)) for _each in range(4000)]
    letters = "etaoinshrdlucmfwypvbgk"
    latin = ["".join(chance.choices(letters, k=chance.randrange(3, 9))) for _each in range(4000)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(4000)))
    for number in range(1, rows + 1):
        merchant = BIG if number % 2 else 2 + number // 2 % (MERCHANTS - 1)
        is_chinese = chance.random() < 0.8
        words = chance.choices(chinese if is_chinese else latin, cum_weights=weights, k=chance.randrange(40, 120))
        for planted, share in PLANTED.items():
            if chance.random() < share:
                words[chance.randrange(len(words))] = planted
        text = ("" if is_chinese else " ").join(words)
        filed_at = NOW - timedelta(seconds=30 * (rows - number))
        status = chance.choices(("pending", "handled", "finished", "in_review"), (1, 6, 12, 4))[0]
        yield "\t".join(
            (
                *(str(number), f"C{number:027d}", "1", str(merchant), str(merchant), f"u-{number}"),
                *(f"trade-{number}", f"order-{number}", "128.00", "not delivered", "refund", text),
                *(f"c-{number}", "Han Meimei", f"138{number:08d}", "f", status),
                *(filed_at.isoformat(), filed_at.isoformat(), (filed_at + timedelta(hours=96)).isoformat(), "f\n"),
            )
        )


class Lines(io.RawIOBase):
    """Lines as a file that is read in pieces."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines, self.rest = lines, b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        pieces, length = [self.rest], len(self.rest)
        while length < size and (line := next(self.lines, None)) is not None:
            pieces.append(line.encode())
            length += len(pieces[-1])
        together = b"".join(pieces)
        self.rest = together[size:]
        return together[:size]


@dataclass(frozen=True)
class Asked:
    """What a page asks about one search, and who."""

    name: str
    ask: Callable[[Any], Any]


def measure(calls: int) -> dict[str, float]:
    """Time each question for each kind of word."""
    from common.actors import Actor, ActorKind
    from common.keyset import keyset_page
    from complaints.permissions import visible_to
    from complaints.queries import Wanted, narrowed, segments, status_counts
    from complaints.states import Status

    questions = (
        Asked("pending", lambda rows: keyset_page(segments(rows, [Status.PENDING]))),
        Asked("all", lambda rows: keyset_page(segments(rows, Status.values))),
        Asked("counts", status_counts),
    )
    figures: dict[str, float] = {}
    for who, merchant in (("big", BIG), ("small", SMALL)):
        own = visible_to(Actor(kind=ActorKind.MEMBER, name=who, merchant_id=merchant, grants=frozenset(["view"])))
        print(f"\nThe {who} merchant: {own.count():,} complaints. Milliseconds, p50 / p95")
        print(f"  {'':<28}" + "".join(f"{asked.name:>20}" for asked in questions))
        for kind, words in WORDS.items():
            cells = []
            for asked in questions:
                taken = []
                for call in range(calls):
                    wanted = Wanted(search=words[call % len(words)])
                    started = time.perf_counter()
                    asked.ask(narrowed(own, wanted, now=NOW))
                    taken.append(1000 * (time.perf_counter() - started))
                    if sum(taken) > 20_000:  # no need to see it forty times
                        break
                p50, p95 = at(taken, 0.5), at(taken, 0.95)
                figures[f"{who}, {kind}, {asked.name}, p95_ms"] = p95
                cells.append(f"{p50:>11.1f} /{p95:>7.1f}")
            print(f"  {kind:<28}" + "".join(cells), flush=True)
    return figures


def at(values: Sequence[float], share: float) -> float:
    """Return the value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
