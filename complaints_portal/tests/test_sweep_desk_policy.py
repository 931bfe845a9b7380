"""The numbers on the desk: which hold, which will, and what days would have cost under others."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from appeals.tests.test_desk import member_of, signed_in, text_of
from common.policy import Policy, PolicyError, read_policy
from complaints.tests.factories import file_at, handle_at, make_program, moment
from complaints_portal.sweep_desk.forms import LARGEST
from complaints_portal.sweep_desk.policy_views import line_of
from complaints_portal.sweep_desk.words import NUMBERS
from complaints_portal.tests.test_sweep_desk import get, post
from deadlines.models import PolicyChange
from deadlines.policies import numbers_of, record_policies

pytestmark = pytest.mark.django_db

NOW = moment("2026-11-25T02:00Z")
SHORTER = "# tighter\n[[policy]]\nsince = 2026-12-01T00:00:00+08:00\nhandle_hours = 48\nhandle_points = 3\n"
DAYS = {"first": "2026-11-20", "last": "2026-11-20"}


@pytest.fixture
def auditor():
    return signed_in(member_of("auditor", "Shen"))


def test_the_page_shows_what_holds_what_is_ahead_and_what_was_recorded(auditor, policy_file):
    policy_file(
        "[[policy]]\nsince = 2026-11-01T00:00:00+08:00\nhandle_points = 2\n"
        "[[policy]]\nsince = 2026-12-01T00:00:00+08:00\nhandle_hours = 72\nreminder_hours = [12, 1]\n"
    )
    record_policies(by="beat", now=NOW)
    shown = get(auditor, "policy", clock=NOW)
    numbers = {name: (value, differs) for name, value, differs, _published in shown.context_data["numbers"]}
    assert numbers["handle_points"] == (2, True)
    assert numbers["handle_hours"] == (96, False)
    assert [
        (holds, {name: after for name, _b, after in changes}) for _s, holds, changes in shown.context_data["dated"]
    ] == [
        (True, {"handle_points": 2}),
        (False, {"handle_hours": 72, "reminder_hours": [12, 1]}),
    ]
    text = text_of(shown)
    assert "2026-12-01 00:00 Beijing time" in text
    assert "48, 24, 6, 1" in text
    assert text.count("beat") >= PolicyChange.objects.count() == 2


def test_every_number_of_the_policy_has_words():
    assert list(NUMBERS) == list(numbers_of(Policy()))


def test_what_is_wrong_with_the_numbers_is_said_in_chinese_and_in_english_to_the_log(auditor):
    with translation.override("zh-hans"), pytest.raises(PolicyError) as refusal:
        read_policy(SHORTER.replace("48", "0"), Path("policy.toml"))
    assert str(refusal.value) == "policy.toml: handle_hours must be above zero, not 0"
    with translation.override("zh-hans"):
        assert refusal.value.said == "handle_hours必须大于零，不能是0"


def test_without_a_file_the_published_numbers_hold(auditor):
    text = text_of(get(auditor, "policy", clock=NOW))
    assert "None: the published numbers hold." in text
    assert "Nothing was recorded yet." in text


def cases_of_a_day():
    program = make_program()
    handle_at("2026-11-23T01:00Z", file_at("2026-11-20T01:00Z", program), "shipped")  # after 72 hours
    handle_at("2026-11-20T02:00Z", file_at("2026-11-20T01:00Z", program), "shipped")
    file_at("2026-11-20T01:00Z", program)  # missed


def ask(client, **given):
    return post(client, "what_if", clock=NOW, **{"policy": SHORTER, **DAYS, **given})


def test_days_are_counted_now_and_then(auditor):
    cases_of_a_day()
    shown = ask(auditor)
    assert shown.status_code == 200
    (_noun, complaints), (_other, refunds) = shown.context_data["compared"]
    assert (complaints.obligations, complaints.missed, complaints.would_miss) == (3, 1, 2)
    assert (complaints.points, complaints.would_cost) == (1, 6)
    assert refunds.obligations == 0
    assert ("handle_hours", 96, 48) in shown.context_data["changes"]
    assert SHORTER in shown.context_data["typed"]
    assert "handle_hours = 48" in text_of(shown)


def test_a_file_takes_the_place_of_the_text_and_stays_on_the_page(auditor):
    cases_of_a_day()
    file = SimpleUploadedFile("next.toml", b"\xef\xbb\xbf" + SHORTER.encode())
    shown = ask(auditor, policy="nonsense", file=file)
    assert shown.status_code == 200
    assert shown.context_data["compared"][0][1].would_miss == 2
    wrong = ask(auditor, file=SimpleUploadedFile("next.toml", SHORTER.replace("48", "0").encode()))
    assert wrong.status_code == 400
    assert "handle_hours = 0" in text_of(wrong)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (SHORTER.replace("48", "0"), "Line 4: handle_hours must be above zero, not 0"),
        (SHORTER.replace("handle_hours", "handel_hours"), "Line 4: unknown number &#x27;handel_hours&#x27;"),
        (SHORTER + "[[policy]]\nhandle_hours = 1\n", "Line 6: every policy needs `since`"),
        (SHORTER + SHORTER, "two policies start at"),
        ("[[policy]\n", "at line 1"),
        ("handle_hours = 3\n", "only [[policy]] tables may stand here"),
        ("  \n", "Choose a policy file, or paste its text."),
    ],
)
def test_what_is_wrong_with_the_numbers_is_said_with_its_line_and_nothing_typed_is_lost(auditor, text, sentence):
    refused = ask(auditor, policy=text)
    assert refused.status_code == 400
    shown = text_of(refused)
    assert sentence in shown
    assert "compared" not in refused.context_data
    assert refused.context_data["typed"] == text.replace("\r\n", "\n")
    assert 'value="2026-11-20"' in shown


def test_the_line_is_that_of_the_right_table():
    text = "[[policy]]\nsince = 2026-12-01T00:00:00Z\nhandle_hours = 4\n[[policy]]\nsince = 2027-12-01T00:00:00Z\n"
    text += '"handle_hours" = -4\n'
    with pytest.raises(PolicyError) as refusal:
        read_policy(text, Path("x"))
    assert (refusal.value.table, refusal.value.name, line_of(text, refusal.value)) == (2, "handle_hours", 6)


@pytest.mark.parametrize(
    ("days", "status", "sentence"),
    [
        ({"first": "2026-08-21", "last": "2026-11-20"}, 200, "would have cost"),
        ({"first": "2026-08-20", "last": "2026-11-20"}, 400, "Look at no more than 92 days at once."),
        ({"first": "2026-11-21", "last": "2026-11-20"}, 400, "This day lies before the first one."),
        ({"first": "", "last": "2026-11-20"}, 400, "This field is required."),
        ({"first": "0001-01-01", "last": "0001-01-01"}, 400, "Give days of this century."),
    ],
)
def test_days_are_bounded(auditor, days, status, sentence):
    answer = ask(auditor, **days)
    assert answer.status_code == status
    assert sentence in text_of(answer)
    assert "handle_hours = 48" in text_of(answer)


def test_a_file_that_is_no_policy_is_refused(auditor):
    big = SimpleUploadedFile("next.toml", b"#" * (LARGEST + 1))
    assert "This file is too large for a policy." in text_of(ask(auditor, file=big))
    assert "This file is not text in UTF-8." in text_of(ask(auditor, file=SimpleUploadedFile("x", b"\xff\xfe")))
