"""A state machine that reads as a table: verb, from, to."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.errors import IllegalMove


@dataclass(frozen=True, slots=True)
class Move:
    """One line of a table: `verb` leads from any of `sources` to one of `targets`, or stays where there are none."""

    verb: str
    sources: tuple[str, ...]
    targets: tuple[str, ...] = ()

    def targets_from(self, state: str) -> tuple[str, ...]:
        """Return the states that the move may lead to from this one."""
        return self.targets or (state,)


class MoveTable:
    """The moves of one noun. Buttons, allowed actions and the diagram in the docs come from here."""

    def __init__(self, noun: Promise, labels: dict[str, Promise], moves: Iterable[Move]) -> None:
        self.noun = noun
        self.labels = labels
        self.moves = {move.verb: move for move in moves}

    def allowed(self, state: str) -> list[str]:
        """Return the verbs that are possible from `state`, in the order of the table."""
        return [verb for verb, move in self.moves.items() if state in move.sources]

    def target(self, verb: str, state: str, *, to: str | None = None) -> str:
        """Return the state that `verb` leads to; `to` chooses where there is a choice. Refuses with `IllegalMove`."""
        move = self.moves[verb]
        if state not in move.sources:
            raise IllegalMove(
                _("%(noun)s is “%(state)s” now, so this can no longer be done.")
                % {"noun": self.noun, "state": self.labels[state]}
            )
        targets = move.targets_from(state)
        if to is None:
            (to,) = targets
        if to not in targets:
            raise ValueError(f"{verb!r} never leads to {to!r}")
        return to

    def as_mermaid(self) -> str:
        """Return the table as a Mermaid state diagram for the docs."""
        lines = ["stateDiagram-v2"]
        for verb, move in self.moves.items():
            lines += [
                f"    {source or '[*]'} --> {target}: {verb}"
                for source in move.sources
                for target in move.targets_from(source)
            ]
        return "\n".join(lines)
