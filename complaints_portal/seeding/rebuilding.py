"""Leave out the indexes and references of an empty database while it is filled, and make them again afterwards.

What is left out is written down in the transaction that drops it, in a table that is there only meanwhile: a fill that
was killed goes on where it stopped, or at least makes everything again.
"""

from collections.abc import Iterator

from django.db import connection, transaction

from complaints_portal.seeding.statements import TABLES

# First the numbers that must be unique, then what searches use, then the references, which look the first ones up.
LEFT_OUT = """
    SELECT 1, conrelid::regclass::text, quote_ident(conname), true,
        format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'u' AND conrelid = ANY (%(tables)s::regclass[])
    UNION ALL
    SELECT 2, indrelid::regclass::text, indexrelid::regclass::text, false, pg_get_indexdef(indexrelid)
    FROM pg_index WHERE NOT indisprimary AND indrelid = ANY (%(tables)s::regclass[])
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype = 'u')
    UNION ALL
    SELECT 3, conrelid::regclass::text, quote_ident(conname), true,
        format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY (%(tables)s::regclass[])
"""


@transaction.atomic
def leave_out() -> None:
    """Drop every index but the primary keys, and every reference, of the tables that are filled."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "CREATE TABLE seeding_left_out (id integer GENERATED ALWAYS AS IDENTITY, step integer, about text,"
            " name text, is_constraint boolean, definition text)"
        )
        cursor.execute(
            "INSERT INTO seeding_left_out (step, about, name, is_constraint, definition)"
            f" SELECT * FROM ({LEFT_OUT}) AS found (step, about, name, is_constraint, definition)"
            " ORDER BY step, about, name",
            {"tables": list(TABLES)},
        )
        cursor.execute("SELECT about, name, is_constraint FROM seeding_left_out ORDER BY step DESC, id")
        for about, name, is_constraint in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {about} DROP CONSTRAINT {name}" if is_constraint else f"DROP INDEX {name}")


def is_left_out() -> bool:
    """Say whether something waits to be made again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('seeding_left_out') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def make_again() -> Iterator[tuple[str, int, int]]:
    """Make what was left out, one after another; yield the name of each before it is made, its place, and how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name, definition FROM seeding_left_out ORDER BY step, id")
        waiting = cursor.fetchall()
        for place, (number, name, definition) in enumerate(waiting, start=1):
            yield name, place, len(waiting)
            with transaction.atomic():
                # One that is built by itself, not beside others, may use what the others would.
                cursor.execute("SET LOCAL maintenance_work_mem = '1GB'; SET LOCAL max_parallel_maintenance_workers = 2")
                cursor.execute(definition)
                cursor.execute("DELETE FROM seeding_left_out WHERE id = %s", [number])
        cursor.execute("DROP TABLE seeding_left_out")
