"""Every move of a complaint from every state, against a table written by hand from design.md, 5."""

import itertools

import pytest
from django.utils import translation

from common.errors import IllegalMove
from complaints.states import COMPLAINT, Status

STATES = ["pending", "handled", "in_review", "refund_due", "finished", "cancelled", "closed"]
LABELS = {each: each for each in STATES} | {
    "in_review": "in review", "refund_due": "refund due", "closed": "closed by the system",
}  # fmt: skip
MOVES = {
    ("handle", "pending"): {"handled", "in_review"},
    ("confirm", "handled"): {"finished"},
    ("contest", "handled"): {"in_review"},
    ("rule", "in_review"): {"finished", "refund_due"},
    ("settle", "refund_due"): {"finished"},
    ("reopen", "finished"): {"refund_due"},
    ("finish", "handled"): {"finished"},
    ("cancel", "pending"): {"cancelled"},
    ("cancel", "handled"): {"cancelled"},
    ("cancel", "in_review"): {"cancelled"},
    ("cancel", "refund_due"): {"cancelled"},
    ("close", "pending"): {"closed"},
    ("close", "handled"): {"closed"},
    ("close", "in_review"): {"closed"},
    ("close", "refund_due"): {"closed"},
    # A message moves nothing; it is only refused at the end.
    ("leave_message", "pending"): {"pending"},
    ("leave_message", "handled"): {"handled"},
    ("leave_message", "in_review"): {"in_review"},
    ("leave_message", "refund_due"): {"refund_due"},
}
"""Whatever is not here is refused."""

VERBS = ["handle", "confirm", "contest", "rule", "settle", "reopen", "finish", "cancel", "close", "leave_message"]
CASES = list(itertools.product(VERBS, STATES, STATES))


def test_there_are_no_other_states_and_verbs():
    assert Status.values == STATES
    assert set(COMPLAINT.labels) == set(STATES)
    assert set(COMPLAINT.moves) == set(VERBS)


@pytest.mark.parametrize(("verb", "state", "to"), CASES)
def test_a_complaint_moves_as_the_design_says_and_not_otherwise(verb, state, to):
    targets = MOVES.get((verb, state))
    assert (verb in COMPLAINT.allowed(state)) == (targets is not None)
    if targets is None:
        with translation.override("en"), pytest.raises(IllegalMove) as refusal:
            COMPLAINT.target(verb, state, to=to)
        assert str(refusal.value) == f"The complaint is “{LABELS[state]}” now, so this can no longer be done."
    elif to in targets:
        assert COMPLAINT.target(verb, state, to=to) == to
    else:
        with pytest.raises(ValueError, match="never leads to"):
            COMPLAINT.target(verb, state, to=to)


def test_the_diagram_has_an_arrow_for_every_move_and_no_other():
    arrows = {f"    {state} --> {target}: {verb}" for (verb, state), targets in MOVES.items() for target in targets}
    head, *lines = COMPLAINT.as_mermaid().splitlines()
    assert head == "stateDiagram-v2"
    assert set(lines) == arrows
