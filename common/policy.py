"""The policy numbers, on one screen.

Elapsed time is a `timedelta`; working days are a plain count that only the calendar understands, so nobody adds one to
the other. A case is judged by the policy that was in force when its clock started: `policy_at(moment)`.

Source of the numbers: the guide to handling trade complaints and appealing penalties, and design.md, section 3.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers in force during one span of time; each line says what its number means."""

    handle_hours: int = 96
    """A complaint must be handled within so many hours after it was filed."""
    handle_points: int = 1
    """What each complaint that was not handled in time costs."""
    refund_hours: int = 168
    """A pending refund must be paid within so many hours after the ruling."""
    refund_points: int = 1
    """What each overdue refund costs, each time."""
    appeal_complaint_timeout_hours: int = 168
    """The appeal window of a penalty for a complaint not handled, from the moment the penalty is issued."""
    appeal_refund_overdue_hours: int = 720
    """The appeal window of a penalty for an overdue refund."""
    review_working_days: int = 3
    """Staff review an appeal or a no-refund claim by the end of this working day after its submission."""
    supplement_hours: int = 168
    """A merchant whom staff asked for more evidence has so long; then the review goes on with what is there."""
    appeals_per_penalty: int = 3
    refusals_per_refund: int = 1
    finish_hours: int = 168
    """A handled complaint finishes by itself when the consumer is silent for so long."""
    bonus_percent: int = 30
    """The bonus on each top-up of the guarantee deposit."""
    bonus_cap: Decimal = Decimal("10000.00")
    """The most that an account ever gets as bonus, in yuan."""
    bonus_share: int = 3
    """One part in so many of each refund from the fund is paid from the bonus."""
    top_up_four_eyes: Decimal = Decimal("50000.00")
    """A bank transfer above so many yuan is credited only when a second person has looked."""
    four_eyes_cases: int = 100
    """Moving the deadlines, or revoking the penalties, of more cases at once needs a second person."""
    refund_doubt_hours: int = 1
    """Staff see a refund whose result is unknown for so long."""
    reminder_hours: tuple[int, ...] = (48, 24, 6, 1)
    """Reminders before a deadline."""
    pictures_per_submission: int = 9
    picture_megabytes: int = 5
    points_thresholds: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Points at which a platform acts (a warning, hiding a mini program). The guide names none, so none is set."""

    @property
    def handle_within(self) -> timedelta:
        return self.handle_hours * HOUR

    @property
    def refund_within(self) -> timedelta:
        return self.refund_hours * HOUR

    @property
    def supplement_within(self) -> timedelta:
        return self.supplement_hours * HOUR

    @property
    def finish_after(self) -> timedelta:
        return self.finish_hours * HOUR

    @property
    def picture_max_bytes(self) -> int:
        return self.picture_megabytes * 1024 * 1024

    def appeal_within(self, penalty_kind: str) -> timedelta:
        """Return the length of the appeal window of a penalty of this kind."""
        hours = {
            "complaint_timeout": self.appeal_complaint_timeout_hours,
            "refund_overdue": self.appeal_refund_overdue_hours,
        }
        return hours[penalty_kind] * HOUR

    def reminds_at(self, due_at: datetime, now: datetime) -> datetime | None:
        """Return the next moment at which a reminder for `due_at` is sent, or None when none is left."""
        moments = (due_at - hours * HOUR for hours in self.reminder_hours)
        return min((moment for moment in moments if moment > now), default=None)


class PolicyError(ValueError):
    """The operator's policy file cannot be used; the sentence says what is wrong, and what must stand there."""

    path: Path | None = None
    """What the file is called."""
    table = 0
    """In which table, counted from 1; 0 when it is about the whole file."""
    name = ""
    """About which number of that table; nothing when it is about the table itself."""

    def __init__(self, sentence: str, **values: Any) -> None:
        super().__init__(sentence, values)
        self.sentence, self.values = sentence, values

    def __str__(self) -> str:
        """In English and with the file's name: for logs and for who starts the portal."""
        said = self.sentence % self.values
        return f"{self.path}: {said}" if self.path else said

    @property
    def said(self) -> str:
        """In the language of who asks, without the file's name: for pages."""
        return gettext(self.sentence) % self.values


@dataclass(frozen=True, slots=True)
class Span:
    """A policy and the moment from which it holds."""

    since: datetime
    policy: Policy


LARGEST = 32_767
"""As hours, more than three years; as points, what a row can hold."""
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


def policy_at(moment: datetime) -> Policy:
    """Return the policy in force at `moment`; the published one unless the operator's file says otherwise."""
    policy = Policy()
    for span in policy_spans():
        if span.since > moment:
            break
        policy = span.policy
    return policy


@cache
def policy_spans() -> tuple[Span, ...]:
    """Return every policy since the beginning, oldest first. Refuses a bad policy file with `PolicyError`."""
    spans = [Span(BEGINNING, Policy())]
    if settings.POLICY_FILE:
        for since, overrides in read_policy_file(Path(settings.POLICY_FILE)):
            spans.append(Span(since, replace(spans[-1].policy, **overrides)))
    return tuple(spans)


def read_policy_file(path: Path) -> list[tuple[datetime, dict[str, Any]]]:
    """Read `[[policy]]` tables, each with `since` and the numbers that change from then on.

    Refuses, with `PolicyError`: a file that cannot be read, and what `read_policy` refuses.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        refusal = PolicyError(_("it cannot be read: %(error)s"), error=error)
        refusal.path = path
        raise refusal from error
    return read_policy(text, path)


def read_policy(text: str, path: Path) -> list[tuple[datetime, dict[str, Any]]]:
    """Read the text of a policy file; `path` is what it is called.

    Refuses, with `PolicyError`: what is not TOML or holds anything else, an unknown name, a number that is zero,
    negative or of another type, a `since` without a time zone, and two tables that start at the same moment.
    """
    try:
        return _read_tables(text)
    except PolicyError as error:
        error.path = path
        raise


def _read_tables(text: str) -> list[tuple[datetime, dict[str, Any]]]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(_("this is not TOML: %(error)s"), error=error) from error
    except (ValueError, RecursionError) as error:  # a number of five thousand digits, five thousand brackets
        raise PolicyError(_("this has a number or a depth that no policy has")) from error
    unknown = set(document) - {"policy"}
    if unknown:
        raise PolicyError(_("only [[policy]] tables may stand here, not %(names)s"), names=", ".join(sorted(unknown)))
    written = document.get("policy", [])
    if not isinstance(written, list) or not all(isinstance(table, dict) for table in written):
        raise PolicyError(_("write each policy as a table of its own, under [[policy]]"))
    tables = [_read_table(table, number) for number, table in enumerate(written, 1)]
    tables.sort(key=lambda entry: entry[0])
    for (since, _numbers), (following, _others) in pairwise(tables):
        if since == following:
            raise PolicyError(
                _("two policies start at %(moment)s; give each a moment of its own"), moment=since.isoformat()
            )
    return tables


def laid_upon(policy: Policy, tables: Iterable[tuple[datetime, dict[str, Any]]]) -> Policy:
    """Return a policy with what the tables of a file change, one upon the other, whatever the moments they name."""
    for _since, overrides in tables:
        policy = replace(policy, **overrides)
    return policy


def _read_table(table: dict[str, Any], number: int) -> tuple[datetime, dict[str, Any]]:
    name = ""
    try:
        overrides = dict(table)
        since = _since(overrides.pop("since", None))
        known = {each.name: getattr(Policy(), each.name) for each in fields(Policy)}
        for name, value in overrides.items():
            if name not in known:
                raise PolicyError(
                    _("unknown number %(name)s; known are %(known)s"), name=repr(name), known=", ".join(known)
                )
            overrides[name] = _checked(name, value, like=known[name])
    except PolicyError as error:
        error.table, error.name = number, name
        raise
    return since, overrides


def _since(since: Any) -> datetime:
    if not isinstance(since, datetime) or since.tzinfo is None:
        raise PolicyError(
            _("every policy needs `since`, a date and time with its offset, not %(value)s"), value=repr(since)
        )
    return since


def _checked(name: str, value: Any, *, like: Any) -> Any:
    def refusal(sentence: str, shown: str = "") -> PolicyError:
        return PolicyError(sentence, name=name, value=shown or _shown(value), largest=LARGEST)

    if isinstance(like, tuple):
        if not isinstance(value, list):
            raise refusal(_("%(name)s must be a list of whole numbers above zero, not %(value)s"))
        return tuple(sorted((_checked(name, each, like=1) for each in value), reverse=True))
    if isinstance(like, Mapping):
        if not isinstance(value, dict):
            raise refusal(_("%(name)s must be a table of names and points, not %(value)s"))
        return MappingProxyType({key: _checked(f"{name}.{key}", each, like=1) for key, each in value.items()})
    checked = _amount(value) if isinstance(like, Decimal) else _whole(value)
    if checked is None and isinstance(like, Decimal):
        raise refusal(_("%(name)s must be an amount in yuan, as a string, not %(value)s"))
    if checked is None:
        raise refusal(_("%(name)s must be a whole number, not %(value)s"))
    if checked <= 0:
        raise refusal(_("%(name)s must be above zero, not %(value)s"), str(checked))
    if isinstance(checked, int) and checked > LARGEST:
        raise refusal(_("%(name)s must not be above %(largest)d, not %(value)s"))
    return checked


def _shown(value: Any) -> str:
    """Return a value as it is written; Python writes no number of five thousand digits."""
    try:
        return repr(value)
    except ValueError:
        return "…"


def _whole(value: Any) -> int | None:
    """Return a whole number; None when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _amount(value: Any) -> Decimal | None:
    """Return yuan with two decimals; None when it is no amount."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    try:
        amount = Decimal(value).quantize(Decimal("0.01"))
    except ArithmeticError:
        return None
    return None if amount.is_nan() else amount
