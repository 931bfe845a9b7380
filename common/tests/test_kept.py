"""Pieces of pages that are kept: by all that they depend on, and by nothing else."""

from datetime import date
from types import SimpleNamespace

import pytest
from django import forms
from django.template import Context, Template
from django.utils import translation
from django.utils.safestring import SafeString

from common.kept import FormRenderer, NotPlain, SharedFields, exact


class WishForm(forms.Form):
    default_renderer = FormRenderer
    text = forms.CharField(label="Text", required=False)
    way = forms.ChoiceField(label="Way", choices=[("a", "A way"), ("b", "B way")], required=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<b>", SafeString("<b>")),
        (1, True),
        (0, False),
        (["1"], [1]),
        ([1], (1,)),
        ({"a": 1}, {"b": 1}),
        (None, ""),
        (date(2026, 1, 2), date(2026, 1, 3)),
    ],
)
def test_what_differs_on_the_page_has_another_key(one: object, other: object) -> None:
    assert exact(one) != exact(other)
    assert exact(one) == exact(one)


def test_what_may_change_by_itself_has_no_key() -> None:
    with pytest.raises(NotPlain):
        exact([SimpleNamespace(name="row")])


def test_a_part_sees_what_it_names_and_nothing_else() -> None:
    page = Template("{% load kept %}{% kept name=name %}{{ name }}{{ other }}{{ csrf_token }}{% endkept %}")
    assert page.render(Context({"name": "<a>", "other": "secret", "csrf_token": "token"})) == "&lt;a&gt;"
    assert page.render(Context({"name": SafeString("<a>")})) == "<a>"
    assert page.render(Context({"name": "b"})) == "b"


def test_what_is_put_into_a_part_differs_each_time_and_is_escaped() -> None:
    page = Template(
        "{% load kept %}{% kept name=name put csrf_token=csrf_token next=next %}"
        '{% csrf_token %}{{ name }} <a href="{{ next }}">{% endkept %}'
    )
    first = page.render(Context({"name": "a", "csrf_token": "one", "next": "/?a=1&b=2"}))
    assert first == '<input type="hidden" name="csrfmiddlewaretoken" value="one">a <a href="/?a=1&amp;b=2">'
    other = page.render(Context({"name": "a", "csrf_token": "two", "next": '"><script>'}))
    assert other == '<input type="hidden" name="csrfmiddlewaretoken" value="two">a <a href="&quot;&gt;&lt;script&gt;">'


def test_what_is_put_into_a_part_is_no_name_that_somebody_could_type() -> None:
    page = Template("{% load kept %}{% kept name=name put secret=secret %}{{ name }}{{ secret }}{% endkept %}")
    assert page.render(Context({"name": "secret", "secret": "token"})) == "secrettoken"


def test_a_part_that_depends_on_what_is_not_plain_is_written_anew() -> None:
    page = Template("{% load kept %}{% kept row=row %}{{ row.name }}{% endkept %}")
    row = SimpleNamespace(name="before")
    assert page.render(Context({"row": row})) == "before"
    row.name = "after"
    assert page.render(Context({"row": row})) == "after"


class Shown:
    def __init__(self, name: str, beside: str) -> None:
        self.name, self.beside = name, beside

    def as_shown(self) -> tuple[str]:
        return (self.name,)


def test_what_says_how_it_is_shown_is_kept_by_that() -> None:
    assert exact(Shown("a", "b")) == exact(Shown("a", "c")) != exact(Shown("b", "b"))
    assert exact([Shown("a", "b")]) != exact([("a",)])
    with pytest.raises(NotPlain):
        exact(Shown(SimpleNamespace(), "b"))  # type: ignore[arg-type]  # no plain value


def test_a_form_copies_only_the_fields_that_it_changes() -> None:
    class Changed(WishForm):
        pass

    Changed.base_fields = SharedFields(Changed.base_fields, changed=["way"])
    one, other = Changed(), Changed()
    one.fields["way"].choices = [("c", "C way")]  # type: ignore[attr-defined]  # a field with choices
    assert "C way" in str(one["way"])
    assert "C way" not in str(other["way"])
    assert one.fields["text"] is other.fields["text"]
    assert list(one.fields) == ["text", "way"]


def test_a_part_speaks_the_language_of_who_asks() -> None:
    page = Template("{% load i18n kept %}{% kept %}{% translate 'Search' %}{% endkept %}")
    written = {}
    for language in ("en", "zh-hans", "en"):
        with translation.override(language):
            written[language] = page.render(Context())
            assert translation.gettext("Search") == written[language]


def test_an_untouched_field_is_the_same_for_everybody() -> None:
    first, second = WishForm(), WishForm()
    assert first["text"].as_field_group() is second["text"].as_field_group()
    assert str(first["way"]) is str(second["way"])


def test_a_field_shows_what_was_typed_chosen_and_wrong() -> None:
    WishForm()["text"].as_field_group()
    assert "mine" in WishForm({"text": "mine"})["text"].as_field_group()
    assert "mine" not in WishForm({"text": ""})["text"].as_field_group()
    assert '<option value="b" selected>' in str(WishForm({"way": "b"})["way"])
    assert "selected" not in str(WishForm({"way": ""})["way"]).replace('value="" selected', "")
    wrong = WishForm({"way": "c"})
    assert "field--error" in wrong["way"].as_field_group()
    assert "field--error" not in WishForm({"way": "b"})["way"].as_field_group()


def test_a_form_may_change_its_own_fields() -> None:
    plain, other = WishForm(), WishForm()
    plain["way"].as_field_group()
    other.fields["way"].choices = [("z", "Another way")]  # type: ignore[attr-defined]  # a field with choices
    other.fields["text"].label = "Other"
    other.fields["text"].widget.attrs["maxlength"] = "7"
    assert "Another way" in other["way"].as_field_group()
    assert "Other" in other["text"].as_field_group()
    assert 'maxlength="7"' in str(other["text"])
    assert "maxlength" not in str(plain["text"])
