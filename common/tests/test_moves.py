"""A table of moves: what it allows, what it refuses, how it draws itself. And the table of penalties, by hand."""

import itertools

import pytest
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.errors import IllegalMove
from common.moves import Move, MoveTable
from penalties.states import PENALTY, Status

LABELS: dict[str, Promise] = {"open": _("open"), "shut": _("shut"), "gone": _("gone")}
DOOR = MoveTable(
    _("The door"),
    LABELS,
    [
        Move("shut", ("open",), ("shut",)),
        Move("push", ("open", "shut"), ("shut", "gone")),
    ],
)


def test_one_target_needs_no_choice():
    assert DOOR.target("shut", "open") == "shut"
    assert DOOR.target("shut", "open", to="shut") == "shut"


@pytest.mark.parametrize("to", ["shut", "gone"])
def test_among_two_targets_the_caller_chooses(to):
    assert DOOR.target("push", "open", to=to) == to


def test_among_two_targets_the_caller_must_choose():
    with pytest.raises(ValueError, match="too many values"):
        DOOR.target("push", "open")


def test_a_target_that_the_verb_never_leads_to_is_a_fault_of_the_program():
    with pytest.raises(ValueError, match="'shut' never leads to 'gone'"):
        DOOR.target("shut", "open", to="gone")


def test_a_verb_that_is_not_in_the_table_is_a_fault_of_the_program():
    with pytest.raises(KeyError):
        DOOR.target("paint", "open")


@pytest.mark.parametrize("to", [None, "shut", "gone"])
def test_what_cannot_be_done_now_is_refused_with_noun_and_state(to):
    with translation.override("en"), pytest.raises(IllegalMove) as refusal:
        DOOR.target("shut", "gone", to=to)
    assert str(refusal.value) == "The door is “gone” now, so this can no longer be done."
    assert (refusal.value.status, refusal.value.code) == (409, "illegal_move")


@pytest.mark.parametrize(("state", "verbs"), [("open", ["shut", "push"]), ("shut", ["push"]), ("gone", [])])
def test_the_allowed_verbs_stand_in_the_order_of_the_table(state, verbs):
    assert DOOR.allowed(state) == verbs


def test_it_draws_itself_with_an_arrow_for_every_source_and_target():
    table = MoveTable(_("The door"), LABELS, [Move("build", ("",), ("open",)), *DOOR.moves.values()])
    assert table.as_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> open: build",
        "    open --> shut: shut",
        "    open --> shut: push",
        "    open --> gone: push",
        "    shut --> shut: push",
        "    shut --> gone: push",
    ]


PENALTY_MOVES = {
    ("appeal", "in_effect"): "under_appeal",
    ("uphold", "under_appeal"): "in_effect",
    ("revoke", "in_effect"): "revoked",
    ("revoke", "under_appeal"): "revoked",
    ("reinstate", "revoked"): "in_effect",
}
"""From design.md, 5, and `reinstate`, which corrects a wrong revocation; whatever is not here is refused."""


@pytest.mark.parametrize(
    ("verb", "state"),
    list(itertools.product(["appeal", "uphold", "revoke", "reinstate"], ["in_effect", "under_appeal", "revoked"])),
)
def test_a_penalty_moves_as_the_design_says_and_not_otherwise(verb, state):
    expected = PENALTY_MOVES.get((verb, state))
    assert (verb in PENALTY.allowed(state)) == (expected is not None)
    if expected:
        assert PENALTY.target(verb, state) == expected
    else:
        with translation.override("en"), pytest.raises(IllegalMove, match="The penalty is"):
            PENALTY.target(verb, state)


def test_the_table_of_penalties_has_no_other_verb_and_no_other_state():
    assert set(PENALTY.moves) == {"appeal", "uphold", "revoke", "reinstate"}
    assert set(Status.values) == set(PENALTY.labels) == {"in_effect", "under_appeal", "revoked"}
