"""The component tags: what they escape, what they say to a screen reader, and what they refuse."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django import forms
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import translation

from common.appearance import set_theme
from common.templatetags.ui import STATE_LOOKS

NOON = datetime(2026, 2, 13, 4, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def in_english():
    with translation.override("en"):
        yield


def rendered(source: str, **given: Any) -> str:
    return Template("{% load ui %}" + source).render(Context(given))


def test_what_a_person_wrote_is_escaped_inside_every_block() -> None:
    html = rendered(
        "{% card title %}{{ text }}{% endcard %}{% callout title %}{{ text }}{% endcallout %}{% fact title %}{{ text }}"
        '{% endfact %}{% entry role="consumer" name=title at=now %}{{ text }}{% endentry %}{% empty title %}{{ text }}'
        '{% endempty %}{% choice title name="m" value="v" %}{{ text }}{% endchoice %}{% dialog "d" title %}{{ text }}'
        "{% enddialog %}{% badge title title %}{% button title %}",
        title="<b>title</b>",
        text="<script>text</script>",
        now=NOON,
    )
    assert "<script>" not in html
    assert "<b>" not in html
    assert html.count("&lt;script&gt;") == 7
    assert "&amp;lt;" not in html


def test_markup_inside_a_block_stays_markup() -> None:
    assert '<div class="choice__body"><p>more</p></div>' in rendered(
        '{% choice "Shipped" name="method" value="shipped" %}<p>more</p>{% endchoice %}'
    )


def test_a_clock_takes_the_moment_from_the_page() -> None:
    html = rendered("{% clock due_at %}", due_at=datetime(2026, 2, 13, 9, 30, tzinfo=UTC), now=NOON)
    assert 'data-state="urgent"' in html
    assert "5 h 30 min left" in html
    assert '<time datetime="2026-02-13T09:30:00+00:00">2026-02-13 17:30 Beijing time</time>' in html


def test_a_clock_refuses_to_guess_the_moment() -> None:
    with pytest.raises(TemplateSyntaxError, match="needs the moment"):
        rendered("{% clock due_at %}", due_at=NOON)


def test_a_stopped_clock_does_not_run_on_in_the_browser() -> None:
    assert "data-due" in rendered("{% clock at %}", at=NOON, now=NOON)
    assert "data-due" not in rendered("{% clock at stopped_at=at %}", at=NOON, now=NOON)


def test_states_of_one_tone_differ_in_shape() -> None:
    for noun in (
        ("pending", "handled", "in_review", "refund_due", "finished", "cancelled", "closed"),
        ("in_effect", "under_appeal", "revoked"),
        ("submitted", "more_wanted", "approved", "rejected", "withdrawn"),
    ):
        assert len({STATE_LOOKS[state][1] for state in noun}) == len(noun)


def test_an_empty_fact_and_an_absent_amount_become_a_dash() -> None:
    assert "–" in rendered('{% fact "Order" %}  {% endfact %}')
    assert "–" in rendered("{% money nothing %}{% moment nothing %}", nothing=None)


class Wanted(forms.Form):
    reason = forms.CharField(label="Reason", help_text="In a sentence.")
    agreed = forms.BooleanField(label="Agreed")


def test_a_wrong_field_names_its_hint_and_its_error() -> None:
    html = str(Wanted({}).as_div())
    assert 'aria-describedby="id_reason_helptext id_reason_error"' in html
    assert 'aria-invalid="true"' in html
    assert 'id="id_reason_helptext"' in html
    assert 'id="id_reason_error"' in html


def test_the_error_summary_leads_to_each_field_and_is_absent_when_all_is_well() -> None:
    html = rendered("{% error_summary form %}", form=Wanted({}))
    assert '<a href="#id_reason">Reason</a>' in html
    assert '<a href="#id_agreed">Agreed</a>' in html
    assert "error-summary" not in rendered("{% error_summary form %}", form=Wanted({"reason": "x", "agreed": "on"}))


def test_pictures_already_uploaded_are_sent_again_unless_unticked() -> None:
    kept = [SimpleNamespace(id=7, url="/evidence/7/", alt="Receipt")]
    html = rendered('{% picture_upload name="pictures" kept=kept errors=errors %}', kept=kept, errors=["Too large."])
    assert '<input type="checkbox" name="kept_pictures" value="7" checked>' in html
    assert 'aria-describedby="id_pictures_helptext id_pictures_error"' in html
    assert "Up to 9 pictures, each at most 5 MB" in html
    assert 'data-too-big="A picture may have at most 5 MB: "' in html  # a name follows


def test_the_theme_is_kept_and_the_reader_goes_back() -> None:
    response = set_theme(RequestFactory().post("/theme/", {"theme": "dark", "next": "/complaints/"}))
    assert (response.url, response.cookies["theme"].value) == ("/complaints/", "dark")


def test_an_unknown_theme_and_a_foreign_address_are_not_followed() -> None:
    response = set_theme(RequestFactory().post("/theme/", {"theme": "pink", "next": "https://elsewhere.example/"}))
    assert response.url == "/"
    assert "theme" not in response.cookies
