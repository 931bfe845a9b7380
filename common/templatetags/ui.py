"""The components of the design system as template tags; docs/design-system.md shows each with an example."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from html import escape
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.template import Context, TemplateSyntaxError
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from common import undo, wording
from common.kept import Pieces, exact

register = template.Library()

# Every state that design.md names: its tone and its icon, so that the shape tells it apart without the colour.
STATE_LOOKS: dict[str, tuple[str, str]] = {
    # complaints
    "pending": ("accent", "pending"),
    "handled": ("neutral", "reply"),
    "in_review": ("neutral", "review"),
    "refund_due": ("warn", "refund"),
    "finished": ("ok", "done"),
    "cancelled": ("neutral", "cancelled"),
    "closed": ("neutral", "lock"),
    # penalties
    "in_effect": ("danger", "violation"),
    "under_appeal": ("warn", "appeal"),
    "revoked": ("neutral", "undo"),
    # refunds and no-refund claims
    "due": ("warn", "refund"),
    "refused": ("neutral", "review"),
    "refunded": ("ok", "done"),
    "waived": ("neutral", "cancelled"),
    "accepted": ("ok", "done"),
    "overruled": ("warn", "refund"),
    "lapsed": ("neutral", "undo"),
    "processing": ("accent", "pending"),
    "succeeded": ("ok", "done"),
    "failed": ("danger", "refused"),
    "reversed": ("neutral", "undo"),
    # top-ups
    "credited": ("ok", "done"),
    "declined": ("danger", "refused"),
    # appeals
    "submitted": ("neutral", "review"),
    "more_wanted": ("warn", "upload"),
    "approved": ("ok", "done"),
    "rejected": ("danger", "refused"),
    "withdrawn": ("neutral", "undo"),
    # consultations
    "open": ("accent", "open"),
    "answered": ("ok", "reply"),
}
TONE_ICONS = {
    "neutral": "info",
    "accent": "info",
    "ok": "done",
    "warn": "warn",
    "danger": "danger",
}
ROLE_ICONS = {
    "consumer": "user",
    "merchant": "shop",
    "platform": "platform",
    "staff": "platform",
    "system": "system",
}
UNSAFE = re.compile("[&<>\"']")
MESSAGE_TONES = {"success": "ok", "warning": "warn", "error": "danger"}


def escaped(text: Any) -> str:
    """Return a text as it may stand in a page: markup that is safe stays, everything else is escaped."""
    kind = type(text)
    if kind is str:  # as most are, and with nothing to escape
        return escape(text) if UNSAFE.search(text) else text
    return text if kind is SafeString else conditional_escape(text)


def attributes(given: Mapping[str, Any]) -> str:
    """Return the attributes of an element that have a value, each with a blank in front."""
    return "".join([f' {name}="{escaped(value)}"' for name, value in given.items() if value])


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of static/img/icons.svg, 1.25 em high; hidden from screen readers unless it has a label of its own."""
    return _drawn(name, str(label))


@lru_cache(maxsize=1000)
def _drawn(name: str, label: str) -> SafeString:
    """Return an icon as it is written; a page has fifty, mostly the same ones."""
    use = format_html('<use href="{}#{}"/>', static("img/icons.svg"), name)
    spoken = format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"')
    return format_html('<svg class="icon" width="16" height="16" {}>{}</svg>', spoken, use)


@register.simple_tag
def badge(state: str, label: str) -> SafeString:
    """The state of a complaint, a penalty, an appeal ...: {% badge complaint.status complaint.get_status_display %}."""
    tone, shape = STATE_LOOKS.get(state, ("neutral", "open"))
    return _badge(label, tone, shape)


@register.simple_tag
def tag(label: str, tone: str = "neutral", icon: str = "") -> SafeString:
    """A short remark in the shape of a badge, for what is not a state: points, advance protection."""
    return _badge(label, tone, icon)


def _badge(label: str, tone: str, shape: str) -> SafeString:
    drawn = icon(shape) if shape else ""
    return SafeString(f'<span class="badge" data-tone="{escaped(tone)}">{drawn}{escaped(label)}</span>')


@register.simple_tag(takes_context=True)
def clock(
    context: Context,
    due_at: datetime,
    *,
    now: datetime | None = None,
    stopped_at: datetime | None = None,
    label: str = "",
    large: bool = False,
    zone: bool = True,
    provisional: bool = False,
) -> SafeString:
    """A deadline: the time left in words and the exact Beijing time.

    `now` is the moment that the view read; without the argument the tag takes `now` from the page's context, and
    refuses to guess when there is none. Written here and not as a template, because a list has one or two in each row.
    """
    read_at = now or context.get("now")
    if read_at is None:
        raise TemplateSyntaxError("{% clock %} needs the moment: put `now` into the context, or pass now=.")
    face = wording.clock_face(due_at, now=read_at, stopped_at=stopped_at)
    named = f'<span class="clock__label">{escaped(label)}</span>' if label else ""
    running = f' data-due="{due_at.isoformat()}"' if face.running else ""
    note = f' <span class="clock__note">{escaped(_("provisional"))}</span>' if provisional else ""
    return SafeString(
        f'<span class="clock{" clock--large" if large else ""}" data-state="{face.state}">\n'
        f'{icon(f"clock-{face.state}")}\n<span class="clock__text">{named}\n'
        f'<span class="clock__left"{running}>{escaped(face.words)}</span>\n'
        f'<span class="clock__at">{moment(due_at, zone=zone)}{note}</span></span></span>\n'
    )


@register.simple_tag
def clock_words() -> SafeString:
    """The phrases that static/js/ui.js needs to let the clocks of a page run on."""
    return json_script(wording.clock_words(), "clock-words")


@register.simple_tag
def moment(at: datetime | None, zone: bool = True, seconds: bool = False) -> SafeString:
    """A moment as exact Beijing time in a <time> element; a dash when there is none."""
    if at is None:
        return SafeString('<span class="none">–</span>')
    written = wording.beijing_time(at, zone=zone, seconds=seconds)
    return SafeString(f'<time datetime="{at.isoformat()}">{escaped(written)}</time>')


@register.simple_tag
def money(amount: Decimal | int | None) -> SafeString:
    """An amount in yuan, with figures that stand under each other in a column; a dash when there is none."""
    if amount is None:
        return SafeString('<span class="none">–</span>')
    return SafeString(f'<span class="money">{wording.yuan(Decimal(amount))}</span>')


@register.filter
def masked_phone(phone: str) -> str:
    """138****1234."""
    return wording.masked_phone(phone)


@register.filter
def masked_name(name: str) -> str:
    """张**."""
    return wording.masked_name(name)


@register.simple_tag
def button(
    label: str,
    *,
    href: str = "",
    kind: str = "",
    icon: str = "",
    type: str = "submit",
    name: str = "",
    value: str = "",
    form: str = "",
    opens: str = "",
    small: bool = False,
    disabled: bool = False,
) -> SafeString:
    """A button, or a link that looks like one when it has an `href`; `opens` is the id of a dialog or menu.

    `kind` is primary (one a screen), danger, quiet, or nothing.
    """
    looks = f"button{f' button--{kind}' if kind else ''}{' button--small' if small else ''}"
    inside = f"{_drawn(icon, '') if icon else ''}{escaped(label)}"
    if href:
        return SafeString(f'<a class="{looks}" href="{escaped(href)}">{inside}</a>')
    given = {"type": "button" if opens else type, "name": name, "value": value, "form": form, "popovertarget": opens}
    return SafeString(f'<button class="{looks}"{attributes(given)}{" disabled" if disabled else ""}>{inside}</button>')


@register.simple_block_tag
def card(
    content: str,
    title: str = "",
    *,
    id: str = "",
    href: str = "",
    note: str = "",
    tone: str = "",
    flush: bool = False,
) -> SafeString:
    """A surface with a heading; with an `href` the whole card is the link; `flush` lets a table reach its edges."""
    looks = f"card{' card--link' if href else ''}{' card--flush' if flush else ''}"
    head = ""
    if title:
        named = f'<a href="{escaped(href)}">{escaped(title)}</a>' if href else escaped(title)
        remark = f'<p class="card__note">{escaped(note)}</p>' if note else ""
        head = (
            f'<header class="card__head">\n<div class="card__title">\n<h2>{named}</h2>\n{remark}\n</div>\n'
            f"{icon('right') if href else ''}\n</header>"
        )
    return SafeString(
        f'<section class="{looks}"{attributes({"id": id, "data-tone": tone})}>\n{head}\n'
        f'<div class="card__body">{content}</div>\n</section>\n'
    )


@register.simple_block_tag
def callout(content: str, title: str = "", *, tone: str = "accent", id: str = "", role: str = "") -> SafeString:
    """A remark that must not be overlooked: accent for a note, warn, danger, ok."""
    named = f'<p class="callout__title">{escaped(title)}</p>' if title else ""
    return SafeString(
        f'<div class="callout"{attributes({"data-tone": tone, "id": id, "role": role})}>\n{icon(TONE_ICONS[tone])}\n'
        f'<div class="callout__body">\n{named}\n{content}\n</div>\n</div>\n'
    )


@register.simple_block_tag
def empty(content: str, title: str, *, icon: str = "empty") -> SafeString:
    """What stands where a list has no rows: what that means, and what to do next."""
    return render_to_string("components/empty.html", {"content": content, "title": title, "icon_name": icon})


@register.simple_block_tag
def dialog(content: str, id: str, title: str) -> SafeString:
    """A dialog that a button with `opens=id` opens, also without a script."""
    return SafeString(
        f'<dialog class="dialog" id="{escaped(id)}" popover aria-labelledby="{escaped(id)}-title">\n'
        f'<header class="dialog__head">\n<h2 id="{escaped(id)}-title">{escaped(title)}</h2>\n'
        f'<button class="icon-button" type="button" popovertarget="{escaped(id)}" popovertargetaction="hide"'
        f' aria-label="{escaped(_("Close"))}">{icon("close")}</button>\n</header>\n'
        f'<div class="dialog__body">{content}</div>\n</dialog>\n'
    )


@register.simple_block_tag
def fact(content: str, label: str, *, wide: bool = False) -> SafeString:
    """One row of a <dl class="facts">; an empty value becomes a dash."""
    shown = content if content.strip() else '<span class="none">–</span>'
    looks = f"fact{' fact--wide' if wide else ''}"
    return SafeString(f'<div class="{looks}"><dt>{escaped(label)}</dt><dd>{shown}</dd></div>\n')


@register.simple_block_tag
def entry(
    content: str,
    *,
    role: str,
    name: str,
    at: datetime,
    role_label: str = "",
    internal: bool = False,
) -> SafeString:
    """One line of an <ol class="timeline">: who (consumer, merchant, platform, system), when, and what was said."""
    part = f'<span class="entry__role">{escaped(role_label)}</span>' if role_label else ""
    mark = tag(_("Internal, the consumer does not see this"), tone="warn", icon="lock") if internal else ""
    return SafeString(
        f'<li class="entry" data-role="{escaped(role)}">\n'
        f'<span class="entry__mark">{icon(ROLE_ICONS.get(role, "system"))}</span>\n'
        f'<p class="entry__head">\n<strong>{escaped(name)}</strong>\n{part}\n{mark}\n'
        f'<span class="entry__at">{moment(at)}</span>\n</p>\n<div class="entry__body">{content}</div>\n</li>\n'
    )


@register.simple_block_tag
def choice(
    content: str,
    label: str,
    *,
    name: str,
    value: str,
    checked: bool = False,
    hint: str = "",
    reveals: str = "",
) -> SafeString:
    """A radio button as a card. What the block holds shows while it is chosen; `reveals` names a <div data-reveal>
    after the group that shows with it."""
    own = f"id_{name}_{value}"
    given = {"name": name, "value": value, "id": own, "data-reveals": reveals}
    described = f' aria-describedby="{escaped(own)}_hint"' if hint else ""
    advice = f'<p class="choice__hint" id="{escaped(own)}_hint">{escaped(hint)}</p>' if hint else ""
    body = f'<div class="choice__body">{content}</div>' if content.strip() else ""
    return SafeString(
        f'<div class="choice">\n<input type="radio"{attributes(given)}{described}{" checked" if checked else ""}>\n'
        f'<label for="{escaped(own)}">{escaped(label)}</label>\n{advice}\n{body}\n</div>\n'
    )


@register.simple_tag
def evidence(pictures: Sequence[Any], label: str = "") -> SafeString:
    """Thumbnails that lead to the full pictures; each has `url`, and may have `thumbnail_url` and `alt`."""
    if not pictures:
        return SafeString("")
    return render_to_string("components/evidence.html", {"pictures": pictures, "label": label})


_uploads = Pieces()


@register.simple_tag
def picture_upload(
    name: str = "pictures",
    *,
    id: str = "",
    label: str = "",
    hint: str = "",
    kept: Iterable[Any] = (),
    kept_name: str = "kept_pictures",
    errors: Iterable[str] = (),
    limit: int = 9,
    max_bytes: int = 5 * 1024 * 1024,
    required: bool = False,
) -> SafeString:
    """A field for several pictures; `kept` are those already uploaded (`id`, `url`, `alt`), sent again as `kept_name`.

    A kept picture is a ticked box with its thumbnail: unticking removes it, also without a script.
    """
    given = {
        "name": name,
        "id": id or f"id_{name}",
        "label": label,
        "hint": hint,
        "kept": kept,
        "kept_name": kept_name,
        "errors": errors,
        "limit": limit,
        "max_bytes": max_bytes,
        "max_megabytes": max_bytes // (1024 * 1024),
        "required": required,
    }

    def write() -> SafeString:
        return render_to_string("components/picture_upload.html", given)

    if kept or errors:
        return write()
    return _uploads.get(exact(given | {"kept": (), "errors": ()}), write)


@register.simple_tag
def error_summary(*forms: Any) -> SafeString:
    """What is wrong with one or more forms, each error a link to its field; nothing when all is well."""
    if not any(form.errors for form in forms):
        return SafeString("")
    return render_to_string("components/error_summary.html", {"forms": forms})


@register.simple_tag
def pagination(previous: str | None = None, next: str | None = None, summary: str = "") -> SafeString:
    """The way through keyset pages: the addresses of the page before and the page after."""
    if not (previous or next or summary):
        return SafeString("")
    earlier, later, label = _("Previous page"), _("Next page"), _("Pages")
    step = '\n<a class="button button--small" rel="{}" href="{}">{}</a>'
    before = step.format("prev", escaped(previous), f"{icon('left')}{earlier}") if previous else ""
    after = step.format("next", escaped(next), f"{later}{icon('right')}") if next else ""
    return SafeString(
        f'<nav class="pagination" aria-label="{label}">\n'
        f'<p class="pagination__summary">{escaped(summary)}</p>{before}{after}\n</nav>'
    )


@register.simple_tag
def tabs(items: Iterable[Mapping[str, Any]], label: str) -> SafeString:
    """Links that stand beside each other, each with `url`, `label`, `current`, and perhaps a `count`."""
    written = "".join([_tab(item) for item in items])
    return SafeString(
        f'<nav class="tabs" aria-label="{escaped(label)}">\n<ul class="tabs__list">{written}</ul>\n</nav>'
    )


def _tab(item: Mapping[str, Any]) -> str:
    current = ' aria-current="page"' if item["current"] else ""
    count = "" if item.get("count") is None else f' <span class="count">{escaped(item["count"])}</span>'
    return f'\n<li><a href="{escaped(item["url"])}"{current}>{escaped(item["label"])}{count}</a></li>\n'


@register.inclusion_tag("components/steps.html")
def steps(items: Iterable[str], current: int) -> dict[str, Any]:
    """Steps in their order; `current` counts from 1, and one more than there are means that all is done."""
    return {"items": items, "current": current}


@register.simple_tag
def undo_offer(message: Message, request: HttpRequest | None) -> undo.Offer | None:
    """The offer to take back what a message tells of, or nothing; pages show it through components/messages.html."""
    return undo.offer_in(message, undo.arrived_at(request)) if request else None


@register.filter
def once_each(messages: Iterable[Message]) -> list[Message]:
    """Return what is to be said, each sentence once: a double click has two answers, and one page shows both."""
    return list({(each.level, str(each.message), each.extra_tags): each for each in messages}.values())


@register.filter
def message_tone(level_tag: str) -> str:
    """The tone of a message of django.contrib.messages."""
    return MESSAGE_TONES.get(level_tag, "accent")


@register.filter
def tone_icon(tone: str) -> str:
    """The icon that says the same as a tone."""
    return TONE_ICONS[tone]
