"""The tables of moves, as a product manager reads them."""

import pytest

from common.errors import IllegalMove
from refunds.states import NO_REFUND_CLAIM, REFUND, REFUND_CASE, TOP_UP

TABLES = [
    (NO_REFUND_CLAIM, "submitted", ["accept", "overrule", "lapse"]),
    (NO_REFUND_CLAIM, "accepted", ["correct"]),
    (NO_REFUND_CLAIM, "overruled", ["correct"]),
    (NO_REFUND_CLAIM, "lapsed", []),
    (REFUND_CASE, "due", ["refund", "refuse", "waive"]),
    (REFUND_CASE, "refused", ["waive", "overrule"]),
    (REFUND_CASE, "refunded", ["reopen"]),
    (REFUND_CASE, "waived", ["reopen"]),
    (REFUND, "processing", ["succeed", "fail"]),
    (REFUND, "succeeded", ["reverse"]),
    (REFUND, "failed", []),
    (REFUND, "reversed", []),
    (TOP_UP, "pending", ["credit", "decline"]),
    (TOP_UP, "credited", ["reverse"]),
    (TOP_UP, "declined", []),
    (TOP_UP, "reversed", []),
]


@pytest.mark.parametrize(("table", "state", "verbs"), TABLES)
def test_what_can_be_done_in_each_state(table, state, verbs):
    assert table.allowed(state) == verbs
    for verb in set(table.moves) - set(verbs):
        with pytest.raises(IllegalMove):
            table.target(verb, state)


def test_every_state_is_above():
    for table in (NO_REFUND_CLAIM, REFUND_CASE, REFUND, TOP_UP):
        assert {state for each, state, _verbs in TABLES if each is table} == set(table.labels)
