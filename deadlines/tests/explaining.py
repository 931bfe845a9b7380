"""What tests about plans share: how the database goes about the statements of a call."""

from collections.abc import Callable
from typing import Any

from django.db import connection


def plans_of(call: Callable[[], Any]) -> list[str]:
    """Call something, and return the plan of each statement that it ran, as if its tables were large.

    The tables of a test are so small, and their statistics so much those of other tests, that reading one from end to
    end, or sorting a few rows, may be cheapest; here that is only done where no index serves.
    """
    plans: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")

    def explain(execute, sql, params, many, context):
        if not sql.startswith(("SAVEPOINT", "RELEASE", "EXPLAIN", "SET")):
            execute(f"EXPLAIN {sql}", params, many, context)
            plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        call()
    return plans
