"""The quick `{% translate %}` and `{% url %}` say what Django's own say."""

from typing import Any

import pytest
from django.template import Context, Engine
from django.urls import NoReverseMatch, reverse
from django.utils import translation

from common.addresses import MARK, address

QUICK = Engine(builtins=["common.templatetags.quick"], libraries={"i18n": "common.templatetags.quick"})
DJANGOS = Engine(libraries={"i18n": "django.templatetags.i18n"})
VALUES: dict[str, Any] = {
    "number": "2026030800000000000000000001",
    "pk": 7,
    "word": "Home",
    "odd": "a b/<c>",
    "page": "complaints:detail",
    "nothing": None,
}


def said(engine: Engine, source: str) -> list[str]:
    """What a template says, twice in each language."""
    template = engine.from_string("{% load i18n %}" + source)
    shown: list[str] = []
    for language in ("zh-hans", "en", "zh-hans", "en"):
        with translation.override(language):
            shown.append(template.render(Context(VALUES)))
    return shown


def refused(engine: Engine, source: str) -> bool:
    try:
        said(engine, source)
    except NoReverseMatch:
        return True
    return False


@pytest.mark.parametrize(
    "source",
    [
        '{% translate "Complaints" %}',
        "{% trans 'Complaints' %}",
        '[{% translate "Complaints" as words %}]{{ words }}{{ words|upper }}',
        '{% translate "nobody" context "assigned to" %}',
        '{% translate "nobody" context word %}',
        '{% translate "Complaints" noop %}',
        "{% translate word %}",
        '{% translate "Complaints"|lower %}',
        '{% translate "100%" %}{% translate "a < b & c" %}',
        '{% autoescape off %}{% translate "a < b" %}{% endautoescape %}',
        '{% translate "" %}',
        '{% url "home" %}',
        '{% url "complaints:list" %}{% url "complaints:list" as list_url %}[{{ list_url }}]',
        '{% url "complaints:detail" number %}',
        '{% url "complaints:detail" complaint_no=number %}',
        "{% url page number %}",
        '{% url "complaints:export" pk as there %}{{ there }}',
        '[{% url "complaints:nowhere" as there %}]{{ there }}[{% url "admin:index" %}]',
        '[{% url "complaints:detail" nothing as there %}]{{ there }}',
        "{% blocktranslate %}Complaints{% endblocktranslate %}{% get_current_language as code %}{{ code }}",
    ],
)
def test_they_say_what_djangos_say(source: str) -> None:
    assert said(QUICK, source) == said(DJANGOS, source)


@pytest.mark.parametrize("args", ['"complaints:nowhere"', '"complaints:detail"', '"complaints:detail" odd', "word"])
def test_they_refuse_what_djangos_refuse(args: str) -> None:
    assert refused(QUICK, f"{{% url {args} %}}")
    assert refused(DJANGOS, f"{{% url {args} %}}")


def test_words_are_translated() -> None:
    chinese, english, *_again = said(QUICK, '{% translate "Complaints" %}')
    assert english == "Complaints"
    assert chinese not in ("", english)


@pytest.mark.parametrize("about", ["2026030800000000000000000001", "0", 7, "a-b", "F1_7", MARK])
def test_an_address_is_what_reversing_finds(about: object) -> None:
    for _each in range(2):
        assert address("complaints:detail", about) == reverse("complaints:detail", args=[about])


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("complaints:detail", ("a b",)),
        ("complaints:detail", ("１２",)),
        ("complaints:detail", ()),
        ("complaints:export", ("x",)),
        ("complaints:export", (-1,)),
        ("complaints:export", (1, 2)),
        ("complaints:list", (1,)),
    ],
)
def test_an_address_is_refused_as_reversing_refuses(name: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name, args=args)
    with pytest.raises(NoReverseMatch):
        address(name, *args)
