"""What the templates of complaint pages need beside the components."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from common.addresses import address
from common.templatetags.ui import badge, button, clock, escaped, icon, money, tag
from common.wording import initials
from complaints.filters import ALL, FilterForm, Option
from complaints.models import Complaint, Method
from complaints.queries import Queued
from complaints.states import Status
from complaints.strip import Line, Timed, strip
from deadlines.models import Deadline
from evidence.forms import KeptPicture
from evidence.models import Evidence

register = template.Library()


@register.filter
def as_pictures(evidence: Iterable[Evidence]) -> list[KeptPicture]:
    """Evidence as the components show pictures: with the address that asks again who may see it."""
    return [KeptPicture(id=each.token, url=address("evidence:show", each.token), alt=each.name) for each in evidence]


@register.filter
def of(found: Mapping[Any, Any], complaint: Complaint) -> Any:
    """What was looked up for all complaints of a page: {{ points|of:complaint }}."""
    return found.get(complaint.pk)


@register.simple_tag(takes_context=True)
def clock_strip(
    context: template.Context, complaint: Complaint, clocks: Iterable[Deadline] | None, penalty: Any = None
) -> SafeString:
    """Every clock of a complaint: {% clock_strip complaint clocks %}, with what `clocks_by_complaint` found for it.

    With the penalty for not handling it, where the page knows it, the strip says what was lost.
    """
    return Clocks(context).written(_strip(context, complaint, clocks, penalty))


def _strip(context: template.Context, complaint: Timed, clocks: Iterable[Deadline] | None, penalty: Any) -> list[Line]:
    lost = None if penalty is None else 0 if penalty.status == "revoked" else penalty.points
    return strip(complaint, clocks or (), now=context["now"], lost=lost)


@register.simple_tag(takes_context=True)
def clock_lines(context: template.Context, lines: Iterable[Line]) -> SafeString:
    """The clocks of a strip, as `complaints.strip` makes them: {% clock_lines lines %}."""
    return Clocks(context).written(lines)


class Clocks:
    """Writes the clocks of complaints, for one page; what a clock is about is looked up once."""

    def __init__(self, context: template.Context) -> None:
        self.context = context
        self.kinds: dict[str, str] = {}

    def written(self, lines: Iterable[Line]) -> SafeString:
        return SafeString(f'<ul class="clocks">{"".join([self._line(line) for line in lines])}</ul>')

    def _line(self, line: Line) -> str:
        face = (
            f'<span class="clocks__remark">{escaped(line.remark)}</span>'
            if line.remark
            else clock(self.context, line.due_at, stopped_at=line.stopped_at, zone=False, provisional=line.provisional)
        )
        lost = " data-lost" if line.is_lost else ""
        points = f'<span class="clocks__points"{lost}>{escaped(line.points)}</span>' if line.points else ""
        if line.kind not in self.kinds:
            self.kinds[line.kind] = f'<span class="clocks__kind">{escaped(line.words)}</span>'
        return f'\n<li class="clocks__line">\n{self.kinds[line.kind]}\n{face}\n{points}\n</li>\n'


@register.simple_tag
def filter_menu(form: FilterForm, name: str) -> SafeString:
    """A filter of which several values can be chosen: {% filter_menu form "status" %}."""
    options, errors = form.options(name), form[name].errors
    number = sum(option.is_chosen for option in options) if ALL not in form.chosen(name) else 0
    label = escaped(form.fields[name].label)
    count = f' <span class="count">{number}</span>' if number else ""
    offered = "".join([_option(name, option) for option in options])
    return SafeString(
        f'<details class="menu filter" data-menu{" open" if errors else ""}>\n'
        f'<summary class="button">{label}{count}{icon("down")}</summary>\n'
        f'<fieldset class="menu__list menu__list--form" id="filter_{name}" tabindex="-1">\n'
        f'<legend class="visually-hidden">{label}</legend>\n<div class="filter__options">\n{offered}\n</div>\n'
        f"{errors if errors else ''}\n{button(_('Apply'), small=True)}\n</fieldset>\n</details>\n"
    )


def _option(name: str, option: Option) -> str:
    return (
        f'<label class="filter__option"><input type="checkbox" name="{name}" value="{escaped(option.value)}"'
        f"{' checked' if option.is_chosen else ''}>{escaped(capfirst(option.label))}</label>"
    )


@register.simple_tag(takes_context=True)
def queue_rows(context: template.Context, complaints: Iterable[Queued], penalties: Mapping[int, Any]) -> SafeString:
    """The rows of the list: {% queue_rows complaints penalties %}, with `clocks`, `query`, `only_pending`,
    `may_handle`, `user` and `now` of the page.

    Written here and not as a template, which would take half of the page's time.
    """
    rows = QueueRows(context, penalties)
    return SafeString("".join([rows.row(complaint) for complaint in complaints]))


class QueueRows:
    """Writes the rows of one page; what all of them say is looked up once."""

    def __init__(self, context: template.Context, penalties: Mapping[int, Any]) -> None:
        self.context = context
        self.penalties = penalties
        self.strips = Clocks(context)
        self.clocks: Mapping[int, Iterable[Deadline]] = context["clocks"]
        self.may_handle = bool(context.get("may_handle"))
        self.shows_status = not context.get("only_pending")
        query = context.get("query")
        self.ending = f"?from={quote(query, safe='')}" if query else ""
        self.address = reverse("complaints:detail", args=["NUMBER"])
        self.whose = Whose(context)
        self.choose, self.handle = _("Choose complaint %(number)s"), escaped(_("Handle complaint"))
        self.clocks_heading, self.assignee_heading = escaped(_("Clocks (Beijing time)")), escaped(_("Assigned to"))
        self.method_heading = escaped(_("Handling"))

    def row(self, complaint: Queued) -> str:
        address = self.address.replace("NUMBER", complaint.complaint_no) + self.ending
        program = escaped(complaint.program)
        penalty = self.penalties.get(complaint.pk)
        clocks = self.strips.written(_strip(self.context, complaint, self.clocks.get(complaint.pk), penalty))
        return (
            f"<tr data-row>\n{self._choice(complaint)}\n{self._heading(complaint, address)}\n"
            f'<td data-label="{self.clocks_heading}">{clocks}</td>\n'
            f'<td class="queue__whose" data-label="{self.assignee_heading}">{self._whose(complaint)}</td>\n'
            f'<td data-label="" class="queue__trade">{money(complaint.trade_amount)}'
            f'<small title="{program}">{program}</small></td>\n'
            f'<td data-label="{self.method_heading}">{self._method(complaint, address)}</td>\n</tr>\n'
        )

    def _whose(self, complaint: Queued) -> str:
        if complaint.assignee_id is None:
            return self.whose.cell(complaint.complaint_no)
        is_self = complaint.assigned_user_id == self.whose.user_id
        return self.whose.cell(complaint.complaint_no, complaint.assigned_to, is_self=is_self)

    def _choice(self, complaint: Queued) -> str:
        if not self.may_handle:
            return ""
        number = complaint.complaint_no
        return (
            f'<td class="queue__choose"><label class="choose"><input type="checkbox" name="chosen" value="{number}"'
            f' aria-label="{escaped(self.choose % {"number": number})}"></label></td>'
        )

    def _heading(self, complaint: Queued, address: str) -> str:
        status = badge(complaint.status, str(Status(complaint.status).label)) if self.shows_status else ""
        mark = ""
        if complaint.advance_protection:
            words = _("advance protection")
            mark = f'<span class="queue__mark" title="{escaped(words)}">{icon("shield", label=words)}</span>'
        return (
            f'<th scope="row">\n<a class="row-link" href="{address}">{escaped(complaint.dispute_type)}</a>\n{status}\n'
            f'<span class="queue__about">\n<small class="number-plate">{complaint.complaint_no}</small>\n{mark}\n'
            "</span>\n</th>"
        )

    def _method(self, complaint: Queued, address: str) -> str:
        if complaint.method:
            return escaped(Method(complaint.method).label)
        if complaint.status == Status.PENDING and self.may_handle:
            looks = "button button--small button--quiet"
            return f'<a class="{looks}" data-row-key="h" href="{address}#handle">{self.handle}</a>'
        return '<span class="none">–</span>'


@register.simple_tag(takes_context=True)
def due_rows(context: template.Context, complaints: Iterable[Complaint]) -> SafeString:
    """The rows of a short list of what is due next: {% due_rows complaints %}, with `points` and `now` of the page."""
    points: Mapping[int, int] = context["points"]
    headings = (_("Deadline (Beijing time)"), _("Points"), _("Mini program"), _("Trade amount"))
    due, stake, program, amount = map(escaped, headings)
    address = reverse("complaints:detail", args=["NUMBER"])
    rows = []
    for complaint in complaints:
        number, mark = complaint.complaint_no, ""
        if complaint.advance_protection:
            mark = f'<span class="row">{tag(_("advance protection"), tone="accent", icon="shield")}</span>'
        at_stake = points.get(complaint.pk)
        rows.append(
            f'<tr>\n<th scope="row">\n<a class="row-link" href="{address.replace("NUMBER", number)}">'
            f'{escaped(complaint.dispute_type)}</a>\n<small class="number-plate">{number}</small>\n{mark}\n</th>\n'
            f'<td data-label="{due}">{clock(context, complaint.handle_by, zone=False)}</td>\n'
            f'<td data-label="{stake}" class="number">{"–" if at_stake is None else at_stake}</td>\n'
            f'<td data-label="{program}">{escaped(complaint.mini_program.name)}</td>\n'
            f'<td data-label="{amount}" class="number">{money(complaint.trade_amount)}</td>\n</tr>\n'
        )
    return SafeString("".join(rows))


@register.simple_tag(takes_context=True)
def whose(context: template.Context, complaint: Complaint) -> SafeString:
    """Whose a complaint is, and the way to assign it for who `may_handle`. An answer to htmx replaces it."""
    person, whose = complaint.assignee.user if complaint.assignee else None, Whose(context)
    if person is None:
        return whose.cell(complaint.complaint_no)
    return whose.cell(complaint.complaint_no, str(person), is_self=person.pk == whose.user_id)


class Whose:
    """Writes whose complaints are, for one page."""

    def __init__(self, context: template.Context) -> None:
        self.user_id = getattr(context.get("user"), "pk", None)
        self.may_handle = bool(context.get("may_handle"))
        self.assign = address("complaints:assign")
        self.taken = _("Assigned to %(person)s; assign to somebody else")
        self.free = escaped(_("Assigned to nobody; assign"))
        self.nobody = (
            '<span class="avatar avatar--nobody" aria-hidden="true"></span>'
            f'<span class="faint">{escaped(pgettext("assigned to", "nobody"))}</span>'
        )

    def cell(self, number: str, person: str = "", *, is_self: bool = False) -> SafeString:
        shown = _person(person, is_self=is_self) if person else self.nobody
        if self.may_handle:
            words = escaped(self.taken % {"person": person}) if person else self.free
            shown = (
                f'<button class="assignee" type="submit" name="one" value="{number}" formaction="{self.assign}"'
                f' data-assign data-row-key="a" aria-label="{words}">{shown}</button>'
            )
        elif person:
            shown = f'<span class="assignee">{shown}</span>'
        return SafeString(f'<div class="whose" id="whose-{number}">{shown}</div>')


def _person(name: str, *, is_self: bool) -> str:
    return (
        f'<span class="avatar"{" data-self" if is_self else ""} aria-hidden="true">{escaped(initials(name))}</span>'
        f'<span class="assignee__name">{escaped(name)}</span>'
    )


@register.inclusion_tag("complaints/_avatar.html")
def avatar(name: str, *, is_self: bool = False) -> dict[str, Any]:
    """The initials of a member in a disc; the name itself stands beside it."""
    return {"initials": initials(name), "is_self": is_self}
