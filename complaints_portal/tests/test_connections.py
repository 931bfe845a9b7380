"""What holds for every connection to the database."""

import pytest
from django.db import connection


@pytest.mark.django_db(transaction=True)
def test_no_statement_starts_workers_to_read_with_also_on_a_new_connection():
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute("SHOW max_parallel_workers_per_gather")
            assert cursor.fetchone() == ("0",)
        connection.close()
