"""What stands out, in sentences; each leads to the complaints that it is about."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from complaints.outcomes import Outcome
from complaints_portal.insights import comparing
from complaints_portal.insights.comparing import Change, change
from complaints_portal.insights.figures import Figures, grown
from complaints_portal.insights.links import complaints_url
from complaints_portal.insights.tables import Sight, cause_words


@dataclass(frozen=True, slots=True)
class Headline:
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure of the whole stretch, how it compares, and the address of the complaints behind it."""

    label: str
    value: str
    url: str = ""
    change: Change | None = None
    note: str = ""
    note_url: str = ""


def headlines(sight: Sight) -> Iterator[Headline]:
    """Yield a few sentences: how many, what grew most, how quickly, what led to it, and who came again."""
    now, before, wanted = sight.now.total, sight.before.total, sight.wanted
    yield Headline(_how_many(now.filed, before.filed), complaints_url(wanted))
    for growth in grown(sight.now.parts["dispute_type"], sight.before.parts["dispute_type"], shown=1):
        figures = sight.now.of("dispute_type")[growth.dispute_type]
        narrowed = replace(wanted, dispute_types=(growth.dispute_type,))
        grew = _("Complaints about “%(type)s” grew from %(before)s to %(now)s") % {
            "type": growth.dispute_type,
            "before": comparing.number(growth.before),
            "now": comparing.number(growth.now),
        }
        yield Headline(_with_cost(grew, figures), complaints_url(narrowed))
    if now.share_in_time is not None and now.median is not None:
        yield Headline(
            _(
                "%(share)s were handled in time. Half of what was handled took up to %(median)s, nine of ten up to"
                " %(ninetieth)s."
            )
            % {
                "share": comparing.share(now.share_in_time),
                "median": comparing.minutes(now.median),
                "ninetieth": comparing.minutes(now.ninetieth),
            },
            complaints_url(wanted, outcome=Outcome.IN_TIME),
        )
    said = [figures for figures in sight.now.parts["root_cause"] if figures.part]
    for worst in said[:1]:
        led = ngettext(
            "The cause that was named most is “%(cause)s”: %(number)s complaint",
            "The cause that was named most is “%(cause)s”: %(number)s complaints",
            worst.filed,
        ) % {"cause": cause_words(worst.part), "number": comparing.number(worst.filed)}
        yield Headline(_with_cost(led, worst), complaints_url(wanted, root_cause=worst.part))
    if now.repeated:
        again = ngettext(
            "%(number)s complaint is about a trade, or from a phone, that had complained before.",
            "%(number)s complaints are about a trade, or from a phone, that had complained before.",
            now.repeated,
        )
        yield Headline(
            again % {"number": comparing.number(now.repeated)}, complaints_url(wanted, outcome=Outcome.REPEAT)
        )


def _how_many(now: int, before: int) -> str:
    given = {"now": comparing.number(now), "before": comparing.number(before)}
    if now > before:
        return _("Complaints grew from %(before)s to %(now)s.") % given
    if now < before:
        return _("Complaints fell from %(before)s to %(now)s.") % given
    return _("There were as many complaints as before: %(now)s.") % given


def _with_cost(said: str, figures: Figures) -> str:
    """Say what complaints cost, after what they are; nothing where they cost nothing."""
    cost = comparing.cost(figures.points, figures.refunded)
    if cost:
        return _("%(said)s; they cost %(cost)s.") % {"said": said, "cost": cost}
    return _("%(said)s.") % {"said": said}


def tiles(sight: Sight) -> list[Tile]:
    """Return the figures of the whole stretch."""
    now, before = sight.now.total, sight.before.total

    def url(outcome: str = "") -> str:
        return complaints_url(sight.wanted, outcome=outcome)

    def count(label: str, value: int, earlier: int, outcome: str = "", note: str = "", back: str = "") -> Tile:
        compared = change(value, earlier, comparing.number(earlier))
        return Tile(label, comparing.number(value), url(outcome), compared, note, back)

    given_back = _("%(number)s given back") % {"number": comparing.number(now.points_given_back)}
    return [
        count(_("Complaints"), now.filed, before.filed),
        Tile(
            pgettext("a share", "Handled in time"),
            comparing.share(now.share_in_time),
            url(Outcome.IN_TIME),
            change(
                now.share_in_time, before.share_in_time, comparing.share(before.share_in_time), good=comparing.Way.UP
            ),
            _("%(number)s of %(all)s")
            % {"number": comparing.number(now.in_time), "all": comparing.number(now.handled + now.unhandled)},
        ),
        Tile(
            _("Half handled within"),
            comparing.minutes(now.median),
            url(Outcome.HANDLED),
            change(now.median, before.median, comparing.minutes(before.median)),
        ),
        Tile(
            _("Nine of ten within"),
            comparing.minutes(now.ninetieth),
            url(Outcome.HANDLED),
            change(now.ninetieth, before.ninetieth, comparing.minutes(before.ninetieth)),
        ),
        count(pgettext("how many", "Missed"), now.missed, before.missed, Outcome.MISSED),
        count(
            _("Points lost"),
            now.points_lost,
            before.points_lost,
            Outcome.PENALISED,
            given_back if now.points_given_back else "",
            url(Outcome.GIVEN_BACK),
        ),
        Tile(
            _("Refunded"),
            comparing.money(now.refunded),
            url(Outcome.REFUNDED),
            change(now.refunded, before.refunded, comparing.money(before.refunded), good=None),
        ),
        count(_("Complained again"), now.repeated, before.repeated, Outcome.REPEAT),
        count(_("Had asked first"), now.from_consultation, before.from_consultation, Outcome.ASKED_FIRST),
    ]
