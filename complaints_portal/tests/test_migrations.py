"""Migrations let people work: an index of a table that has rows is built beside them."""

from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import NotSupportedError, connection, models
from django.db.migrations import AddIndex, CreateModel
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from common.indexing import AddIndexBeside

OWN = ("merchants", "evidence", "notifications", "deadlines", "complaints", "refunds", "penalties", "appeals")
EARLY = {
    ("complaints", "complaint_by_assignee"): "of rows with an assignee, a column that the same migration adds",
    ("deadlines", "deadline_handle_by_merchant"): "of clocks that run, and replaced by a later migration",
}
"""What was there before this rule, and why it may stay."""


def test_indexes_of_tables_with_rows_are_built_beside_those_who_work():
    loader, locking = MigrationLoader(None), set()
    for (app, _name), migration in loader.disk_migrations.items():
        if app not in (*OWN, "complaints_portal") or migration.initial:
            continue
        new = {operation.name_lower for operation in migration.operations if isinstance(operation, CreateModel)}
        for operation in migration.operations:
            if isinstance(operation, AddIndexConcurrently):
                assert not migration.atomic
            elif isinstance(operation, AddIndex) and operation.model_name_lower not in new:
                locking.add((app, operation.index.name))
    assert {each for each in locking if not is_first(*each, loader)} == set(EARLY)


def is_first(app, index, loader):
    """Say whether an index belongs to the first schema of an app, which may be several migrations."""
    return any(
        isinstance(operation, AddIndex) and operation.index.name == index and name[:4] in ("0001", "0002")
        for (label, name), migration in loader.disk_migrations.items()
        if label == app
        for operation in migration.operations
    )


@pytest.mark.django_db(transaction=True)
class TestAnIndexBeside:
    @pytest.fixture
    def states(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE common_thing (id bigint PRIMARY KEY, place integer)")
            cursor.execute("INSERT INTO common_thing VALUES (1, 5), (2, 5)")
        before, after = ProjectState(), ProjectState()
        fields: list[tuple[str, models.Field[Any, Any]]] = [
            ("id", models.BigIntegerField(primary_key=True)),
            ("place", models.IntegerField()),
        ]
        for state in (before, after):
            state.add_model(ModelState("common", "Thing", fields))
        yield before, after
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE common_thing")

    @pytest.fixture
    def operation(self, states):
        operation = AddIndexBeside("thing", models.Index(fields=["place"], name="thing_by_place"))
        operation.state_forwards("common", states[1])
        return operation

    def is_valid(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('thing_by_place')")
            return cursor.fetchone()

    def run(self, operation, states, *, atomic=False):
        with connection.schema_editor(atomic=atomic) as editor:
            operation.database_forwards("common", editor, *states)

    def test_it_is_built_and_what_an_interrupted_start_left_does_not_stop_it(self, states, operation):
        with connection.cursor() as cursor, pytest.raises(Exception, match="could not create unique index"):
            cursor.execute("CREATE UNIQUE INDEX CONCURRENTLY thing_by_place ON common_thing (place)")
        assert self.is_valid() == (False,)
        self.run(operation, states)
        assert self.is_valid() == (True,)
        self.run(operation, states)
        assert self.is_valid() == (True,)

    def test_it_refuses_a_transaction(self, states, operation):
        with pytest.raises(NotSupportedError):
            self.run(operation, states, atomic=True)
        assert self.is_valid() is None
