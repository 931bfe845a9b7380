"""Whether attempts to appeal a penalty are left. The floor above counts them, and tells this one how when it starts."""

from collections.abc import Callable

from penalties.models import Penalty

Judge = Callable[[Penalty], bool]

_judges: list[Judge] = []


def register(judge: Judge) -> Judge:
    """Make a function the judge of what is left; the app that keeps the attempts does so when it is ready."""
    if judge not in _judges:
        _judges.append(judge)
    return judge


def are_left(penalty: Penalty) -> bool:
    """Say whether the penalty could be appealed while its window is open."""
    return all(judge(penalty) for judge in _judges)
