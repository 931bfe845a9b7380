"""What an invariant is, and those that hold of the history of every noun."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """A sentence that must be true, and the statement that returns the name of each row that makes it false."""

    name: str
    sentence: str
    broken_by: str


def history_of(noun: str, table: str, name: str) -> tuple[Invariant, Invariant]:
    """Return what must hold of the history of each row of a table: no gap in it, and an end in the row's status."""
    return (
        Invariant(
            f"{noun}_history_is_unbroken",
            f"In the history of each {_words(noun)}, every move starts from the state that the one before it led to.",
            f"""
            SELECT '{noun} ' || noun_id || ', line ' || id FROM (
                SELECT id, noun_id, from_state, lag(to_state, 1, '') OVER (PARTITION BY noun_id ORDER BY id) AS led_to
                FROM complaints_historyline WHERE noun = '{noun}'
            ) AS line WHERE from_state <> led_to
            """,  # noqa: S608 (names that stand below)
        ),
        Invariant(
            f"{noun}_history_ends_in_the_status",
            f"The last move of each {_words(noun)} led to the status that it has.",
            f"""
            SELECT {name} FROM {table} AS row LEFT JOIN (
                SELECT DISTINCT ON (noun_id) noun_id, to_state FROM complaints_historyline
                WHERE noun = '{noun}' ORDER BY noun_id, id DESC
            ) AS last ON last.noun_id = row.id
            WHERE last.to_state IS DISTINCT FROM row.status
            """,  # noqa: S608 (as above)
        ),
    )


def _words(noun: str) -> str:
    return noun.replace("_", " ")
