"""Find complaints by what a person types: a number from its start, or words of what the consumer wrote.

A number has indexes of its own and comes first; only when no number of the merchant starts like this are words looked
for. Words of three characters and more are found by their trigrams, words of two (most Chinese ones) by their pairs;
both indexes begin with the merchant. What is compared is the text as `complaint_words` in the database writes it: full
width made half, capitals made small.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.lookups import DataContains
from django.db import connection, models, transaction
from django.db.models import Case, Count, F, Func, Q, QuerySet, Sum, When
from django.db.models.lookups import Contains

NUMBERS = ("complaint_no", "trade_no", "merchant_order_no", "consumer_phone")
LIMIT = 64
"""Characters that are looked for at once; every number is shorter."""
SHORTEST = 2
"""Characters of the shortest word that is looked for: one is in nearly every complaint."""

INDEXES = ("complaint_by_words", "complaint_by_pairs")
SETTLE = "SELECT coalesce(sum(gin_clean_pending_list(to_regclass(name))), 0) FROM unnest(%s) AS name"
WAITING_LIMIT = 16_384
"""Kilobytes of new entries that wait beside each index, some thousands of complaints; a search reads through them."""
MOST_NUMBERS = 1_000
"""Complaints with a number that starts as it was typed. So many are looked up; more are found in the list's order."""
NEWEST = 2_000
COMMON = 12
"""A word that so many of a merchant's newest complaints hold is found sooner by reading on, the newest first: a page is
full after some thousands of them. A rarer one is looked up in an index, and put in order for the page."""
MOST_LOOKED_UP = 5_000
"""Complaints. A word that was common once, and is rare now, is read for as well: an index would name too many."""

WORD = re.compile(r"[^\W_]+")
HAN = re.compile("[\u4e00-\u9fff]+")
NUMBER = re.compile(r"[!-~]*[0-9A-Za-z][!-~]*")
"""Numbers are written in ASCII, whoever made them up, and have a figure or a letter."""


class ComplaintWords(Func):
    """The dispute type and the description of a complaint as they are searched. The indexes hold this very call."""

    function = "complaint_words"
    output_field = models.TextField()

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        super().__init__(*(expressions or (F("dispute_type"), F("description"))), **extra)


class ComplaintPairs(Func):
    """Each two characters of a text that stand beside each other."""

    function = "complaint_pairs"
    output_field = ArrayField(models.TextField())

    def __init__(self, *expressions: Any, **extra: Any) -> None:
        super().__init__(*(expressions or (ComplaintWords(),)), **extra)


@dataclass(frozen=True, slots=True)
class Sought:
    """What was typed, as it is looked for."""

    number: str
    """Without the blanks with which numbers are pasted; empty when no number looks like this."""
    words: tuple[str, ...]

    @property
    def is_too_short(self) -> bool:
        """Whether there is something, and nothing of it can be looked for."""
        return not self.words and len(self.number) < SHORTEST

    @property
    def is_in_words(self) -> bool:
        """Whether words are meant. A common one stands in so many complaints that nobody waits for their number."""
        return bool(self.words) and not any(map(str.isdigit, self.number))


def understood(typed: str) -> Sought:
    """Read what was typed. Signs part words and are not looked for; `%` and `_` mean nothing else than themselves."""
    plain = unicodedata.normalize("NFKC", typed.replace("\0", " "))[: 2 * LIMIT]
    number = "".join(plain.split())
    words = dict.fromkeys(word for word in WORD.findall(plain.lower()) if len(word) >= SHORTEST)
    return Sought(number if NUMBER.fullmatch(number) and len(number) <= LIMIT else "", tuple(words))


def matching(complaints: QuerySet[Any], typed: str) -> Q:
    """Return the condition for what was typed, among these complaints: what can be looked for, or else nothing."""
    sought = understood(typed)
    numbers = with_number(complaints, sought.number)
    if numbers:
        by_number = Q(pk__in=numbers) if len(numbers) <= MOST_NUMBERS else starts_with(sought.number)
        # A number is meant when it has a digit; letters alone may begin a number and be a word as well.
        is_number = not sought.words or any(map(str.isdigit, sought.number))
        return by_number if is_number else by_number | _holds_all(complaints, sought.words)
    return _holds_all(complaints, sought.words) if sought.words else Q(pk__in=())


def with_number(complaints: QuerySet[Any], number: str) -> set[int]:
    """Look up those of these complaints one of whose numbers starts like this; of too many, one above `MOST_NUMBERS`.

    Each kind of number has an index of its own, and is read no further than that.
    """
    if len(number) < SHORTEST:
        return set()
    each = [
        complaints.filter(_starts_with(name, number)).order_by().values("pk")[: MOST_NUMBERS + 1] for name in NUMBERS
    ]
    found = set(each[0].union(*each[1:], all=True).values_list("pk", flat=True))
    return set(sorted(found)[: MOST_NUMBERS + 1])


def is_counted(complaints: QuerySet[Any], typed: str) -> bool:
    """Say whether what is found is worth counting: a common word, or how very many numbers start, is not."""
    sought = understood(typed)
    return not sought.is_in_words and len(with_number(complaints, sought.number)) <= MOST_NUMBERS


def _holds_all(complaints: QuerySet[Any], words: Sequence[str]) -> Q:
    return reduce(and_, (holds(complaints, word) for word in words))


def starts_with(text: str) -> Q:
    """Match complaints one of whose numbers is this text or starts with it. Each alternative has its own index."""
    return reduce(or_, (_starts_with(name, text) for name in NUMBERS))


def _starts_with(name: str, text: str) -> Q:
    # The indexes leave out empty values; only a condition that says so may use them.
    return Q(**{f"{name}__startswith": text}) & ~Q(**{name: ""})


def settle() -> int:
    """Put what was filed lately in its place in the indexes, and return how many pages of it there were.

    An index that is not there has none: a great fill leaves them out meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, [list(INDEXES)])
        return int(cursor.fetchone()[0])


def holds(complaints: QuerySet[Any], word: str) -> Q:
    """Match those of these complaints whose text holds this word, which is in small letters.

    For a word of Chinese, and for any of two characters, the choice between the index and reading in the order of the
    list is made here: the planner takes words that it has not counted for far rarer, or far more common, than they are.
    The rest is left to it: the trigrams and the text are one condition, and pairs of Latin letters tell nothing.
    """
    if len(word) > SHORTEST and not HAN.fullmatch(word):
        return Q(Contains(ComplaintWords(), word))
    in_text = _in_text(word)
    if _is_common(complaints, in_text):
        return in_text
    by_index = Q(DataContains(ComplaintPairs(), [word]) if len(word) == SHORTEST else Contains(ComplaintWords(), word))
    found = _looked_up(complaints.filter(by_index))
    return in_text if found is None else Q(pk__in=found)


def _looked_up(complaints: QuerySet[Any]) -> list[int] | None:
    """Return which these are, once for all parts of the list; None when they are too many.

    What an index says of a large merchant must fit in memory: else each row of the pages that it names is read, and
    its pairs are made anew to look at them, which takes a thousand times as long.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        # Distinct, so that the planner does not read on in some order until it has as many as are asked for.
        found = list(complaints.order_by().values_list("pk", flat=True).distinct()[: MOST_LOOKED_UP + 1])
        cursor.execute("SET LOCAL work_mem TO DEFAULT")
    return found if len(found) <= MOST_LOOKED_UP else None


def _in_text(word: str) -> Q:
    if HAN.fullmatch(word):
        # What `complaint_words` does to a text leaves these characters alone; without it a row costs a fifth.
        return Q(description__contains=word) | Q(dispute_type__contains=word)
    return Q(Contains(ComplaintWords(), word))


def _is_common(complaints: QuerySet[Any], in_text: Q) -> bool:
    """Look at the newest of these complaints, and say whether many of them are matched, or there are no others."""
    holds_it = Case(When(in_text, then=1), default=0, output_field=models.IntegerField())
    newest = complaints.order_by("-filed_at", "-pk").annotate(holds_it=holds_it)[:NEWEST]
    seen = newest.aggregate(number=Count("pk"), matched=Sum("holds_it", default=0))
    return bool(seen["number"] < NEWEST or seen["matched"] >= COMMON)
