"""Every move of a consultation from every state, against a table written by hand from design.md, 5."""

import itertools

import pytest
from django.utils import translation

from common.errors import IllegalMove
from complaints.consultations.states import CONSULTATION, Status

STATES = ["open", "answered", "closed"]
MOVES = {
    ("ask", "open"): "open",
    ("ask", "answered"): "open",
    ("reply", "open"): "answered",
    ("reply", "answered"): "answered",
    ("close", "open"): "closed",
    ("close", "answered"): "closed",
    ("complain", "open"): "closed",
    ("complain", "answered"): "closed",
}
"""Whatever is not here is refused."""

VERBS = ["reply", "ask", "close", "complain"]


def test_there_are_no_other_states_and_verbs():
    assert Status.values == STATES
    assert set(CONSULTATION.labels) == set(STATES)
    assert set(CONSULTATION.moves) == set(VERBS)


@pytest.mark.parametrize(("verb", "state"), list(itertools.product(VERBS, STATES)))
def test_a_consultation_moves_as_the_design_says_and_not_otherwise(verb, state):
    target = MOVES.get((verb, state))
    assert (verb in CONSULTATION.allowed(state)) == (target is not None)
    if target is None:
        with translation.override("en"), pytest.raises(IllegalMove, match="The consultation is “closed” now"):
            CONSULTATION.target(verb, state)
    else:
        assert CONSULTATION.target(verb, state) == target
