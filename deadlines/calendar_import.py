"""Take in a year of the calendar: the days that the State Council's notice names, or all days, as a CSV file.

The file has the columns `day,is_working,name`. Days that it does not name follow the week. All that is wrong with a
file is said at once, line by line, and nothing is taken in.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import Max, Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from common.errors import BadInput
from deadlines.calendar import Moved, move_provisional_deadlines, works_by_rule
from deadlines.models import WorkDay

log = structlog.get_logger(__name__)

LARGEST = 256 * 1024
PROBLEMS_SHOWN = 50
YEARS = range(2007, 2100)
"""Years that may be taken in; make-up days as they are today began in 2007."""
COLUMNS = ("day", "is_working", "name")
DAY = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})")
WORKING = {"1": True, "true": True, "yes": True, "是": True, "0": False, "false": False, "no": False, "否": False}
ALWAYS_FREE = ((1, 1), (5, 1), (10, 1), (10, 2), (10, 3))
"""Days that are public holidays by law each year: a file without them is not whole."""


class UnusableCalendar(BadInput):
    """A file that cannot be taken in; `problems` are the sentences, each with its line where there is one."""

    code = "unusable_calendar"

    def __init__(self, *problems: str) -> None:
        self.problems = list(problems[:PROBLEMS_SHOWN])
        more = len(problems) - PROBLEMS_SHOWN
        if more > 0:
            self.problems.append(ngettext("%(n)d more problem.", "%(n)d more problems.", more) % {"n": more})
        super().__init__("\n".join(self.problems), field="file")


@dataclass(frozen=True, slots=True)
class NamedDay:
    """What one line says: a day, whether people work on it, and what it is called."""

    day: date
    is_working: bool
    name: str


@dataclass(frozen=True, slots=True)
class Year:
    """One year of the calendar as a file gives it; `named` are the days in it, in order."""

    number: int
    named: tuple[NamedDay, ...]

    def days(self) -> Iterator[NamedDay]:
        """Yield every day of the year: as the file says, or by the rule of the week."""
        named = {each.day: each for each in self.named}
        day = date(self.number, 1, 1)
        while day.year == self.number:
            yield named.get(day, NamedDay(day, works_by_rule(day), ""))
            day += timedelta(days=1)

    def exceptions(self) -> list[NamedDay]:
        """Return the days that differ from the week: holidays from Monday to Friday, make-up days at weekends."""
        return [each for each in self.days() if each.is_working != works_by_rule(each.day)]


@dataclass(frozen=True, slots=True)
class Preview:
    """What taking a year in would change; `different` are the days that are published otherwise, as they would be."""

    year: Year
    is_new: bool
    different: tuple[NamedDay, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """What taking a year in did: whether anything changed, and which deadlines moved."""

    year: Year
    has_changed: bool
    moved: Moved


def read_year(content: bytes) -> Year:
    """Read a file. Refuses, with every problem at once, what is not a whole year in CSV."""
    lines = list(_lines(_text(content)))
    problems: list[tuple[int, str]] = []
    named: dict[date, tuple[int, NamedDay]] = {}
    for number, cells in lines:
        try:
            read = _named_day(cells)
        except ValueError as problem:
            problems.append((number, str(problem)))
            continue
        if read.day in named:
            earlier = named[read.day][0]
            problems.append(
                (number, _("%(day)s stands in line %(line)d already.") % {"day": read.day, "line": earlier})
            )
        else:
            named[read.day] = (number, read)
    year = next(iter(named)).year if named else 0
    problems += [
        (number, _("%(day)s is not a day of %(year)d.") % {"day": day, "year": year})
        for day, (number, _named) in named.items()
        if day.year != year
    ]
    if problems:
        raise UnusableCalendar(*(_at(number, sentence) for number, sentence in sorted(problems)))
    _refuse_what_is_no_year(year, named)
    return Year(year, tuple(named[day][1] for day in sorted(named)))


def preview(year: Year) -> Preview:
    """Say what taking this year in would change. Refuses a year that would leave a gap."""
    known = dict(WorkDay.objects.filter(day__year=year.number).values_list("day", "is_working"))
    if not known:
        _refuse_a_gap(year.number)
    different = tuple(each for each in year.days() if known and known.get(each.day) != each.is_working)
    return Preview(year, is_new=not known, different=different)


def publish_year(year: Year, *, source: str, replace: bool = False) -> Published:
    """Take a year in, in one transaction; then move the deadlines that were provisional.

    The same year once more changes nothing. Refuses: no source, a gap between the years, and a year that is published
    with other days, unless `replace` says that the notice itself was changed.
    """
    source = source.strip()
    if not source:
        raise BadInput(_("Name the notice that these days were published with."), field="source")
    if len(source) > 200:
        raise BadInput(_("Keep the name of the notice to 200 characters."), field="source")
    with transaction.atomic(), connection.cursor() as cursor:
        # Wait for whoever counts with the old days: their deadlines are there when the provisional ones are moved.
        cursor.execute("LOCK TABLE deadlines_workday IN ACCESS EXCLUSIVE MODE")
        found = preview(year)
        if found.different and not replace:
            raise UnusableCalendar(_published_otherwise(found))
        has_changed = found.is_new or bool(found.different)
        if has_changed:
            _write(year, source)
    moved = move_provisional_deadlines(all_of_them=bool(found.different))
    log.info("calendar_published", year=year.number, changed=has_changed, certain=moved.certain, later=moved.later)
    return Published(year, has_changed, moved)


def _write(year: Year, source: str) -> None:
    WorkDay.objects.bulk_create(
        [WorkDay(day=each.day, is_working=each.is_working, name=each.name, source=source) for each in year.days()],
        update_conflicts=True,
        unique_fields=["day"],
        update_fields=["is_working", "name", "source"],
    )


def _text(content: bytes) -> str:
    """Decode a file: UTF-8, or GB18030 as Chinese Excel writes it. Refuses anything else."""
    if len(content) > LARGEST:
        raise UnusableCalendar(_("This file is too large for one year of days."))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnusableCalendar(_("This file is UTF-16. Save it as “CSV UTF-8”."))
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnusableCalendar(_("This file is neither UTF-8 nor GB18030 text. Save it as “CSV UTF-8”."))


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line with its number and its cells by column; empty lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        missing = [column for column in COLUMNS[:2] if column not in header]
        if missing or len(set(header)) < len(header):
            raise UnusableCalendar(_("The first line must name the columns: day,is_working,name."))
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=False))
    except csv.Error as error:
        raise UnusableCalendar(_at(reader.line_num, _("this is not CSV: %(reason)s.") % {"reason": error})) from error


def _named_day(cells: dict[str, str]) -> NamedDay:
    """Read one line. Raises `ValueError` with a sentence that says what is wrong with it."""
    text, working, name = (cells.get(column, "") for column in COLUMNS)
    match = DAY.fullmatch(text)
    if not match or not text.isascii():
        raise ValueError(_("“%(text)s” is not a day such as 2027-01-31.") % {"text": text[:40]})
    try:
        day = date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        raise ValueError(_("“%(text)s” is not a day of the calendar.") % {"text": text}) from None
    if working.lower() not in WORKING:
        raise ValueError(_("is_working is 1 for a working day or 0 for a day off, not “%s”.") % working[:40])
    if len(name) > 64:
        raise ValueError(_("the name is longer than 64 characters."))
    return NamedDay(day, WORKING[working.lower()], name)


def _refuse_what_is_no_year(year: int, named: dict[date, tuple[int, NamedDay]]) -> None:
    """Refuse a file without days, one of a year long gone, and one that lacks the days that the law makes holidays."""
    if not named:
        raise UnusableCalendar(_("This file names no day."))
    if year not in YEARS:
        raise UnusableCalendar(
            _("%(year)d is not a year from %(first)d to %(last)d.")
            % {"year": year, "first": YEARS.start, "last": YEARS.stop - 1}
        )
    holidays = [date(year, month, day) for month, day in ALWAYS_FREE]
    working = [day for day in holidays if (named[day][1].is_working if day in named else works_by_rule(day))]
    if working:
        raise UnusableCalendar(
            *(
                _("%(day)s is a public holiday by law, but a working day in this file. Is it whole?") % {"day": day}
                for day in working
            )
        )


def _refuse_a_gap(year: int) -> None:
    bounds = WorkDay.objects.aggregate(first=Min("day"), last=Max("day"))
    if bounds["first"] is None or year in (bounds["first"].year - 1, bounds["last"].year + 1):
        return
    raise UnusableCalendar(
        _(
            "The calendar is published through %(day)s. Take in %(following)d before %(year)d,"
            " so that no year is missing."
        )
        % {"day": bounds["last"], "following": bounds["last"].year + 1, "year": year}
    )


def _published_otherwise(found: Preview) -> str:
    days = ", ".join(each.day.isoformat() for each in found.different[:10])
    return ngettext(
        "%(year)d is published already, and %(count)d day is different in this file: %(days)s."
        " Replace the year only if the notice itself was changed.",
        "%(year)d is published already, and %(count)d days are different in this file: %(days)s."
        " Replace the year only if the notice itself was changed.",
        len(found.different),
    ) % {"year": found.year.number, "count": len(found.different), "days": days}


def _at(line: int, sentence: str) -> str:
    return _("Line %(line)d: %(sentence)s") % {"line": line, "sentence": sentence}
