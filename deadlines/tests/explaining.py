"""What tests about plans share: how the database goes about the statements of a call."""

from collections.abc import Callable
from typing import Any

from django.db import connection


def plans_of(call: Callable[[], Any]) -> list[str]:
    """Call something, and return the plan of each statement that it ran."""
    plans: list[str] = []

    def explain(execute, sql, params, many, context):
        execute(f"EXPLAIN {sql}", params, many, context)
        plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        call()
    return plans
