"""A year is taken in whole or not at all; what is wrong is said line by line; deadlines move only ever later."""

import base64
from datetime import date
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from appeals.models import Appeal
from appeals.tests.making import appeal_at, penalty_issued
from complaints.tests.factories import make_user, moment
from deadlines.calendar import published_through
from deadlines.calendar_import import PROBLEMS_SHOWN, UnusableCalendar, publish_year, read_year
from deadlines.models import Deadline, WorkDay
from deadlines.tests.publishing import publish_the_known_years, published_file

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _calendar(db):
    publish_the_known_years()


@pytest.fixture(autouse=True)
def _in_english():
    with override("en"):
        yield


NOTICE = "Notice for 2027"
# An invented year: New Year's Day is a Friday, and Monday 01-04 is given free against Sunday 01-10.
OF_2027 = """day,is_working,name
2027-01-01,0,元旦
2027-01-04,0,元旦
2027-01-10,1,元旦调休
2027-05-01,0,劳动节
2027-10-01,0,国庆节
2027-10-02,0,国庆节
2027-10-03,0,国庆节
"""


def year_2027(**changed: str):
    text = OF_2027
    for old, new in changed.items():
        text = text.replace(old, new)
    return read_year(text.encode())


def problems_of(content: bytes | str) -> list[str]:
    with pytest.raises(UnusableCalendar) as refusal:
        read_year(content if isinstance(content, bytes) else content.encode())
    return refusal.value.problems


def test_days_that_the_file_does_not_name_follow_the_week():
    publish_year(year_2027(), source=NOTICE)
    assert WorkDay.objects.filter(day__year=2027).count() == 365
    assert published_through() == date(2027, 12, 31)
    kinds = dict(WorkDay.objects.filter(day__year=2027).values_list("day", "is_working"))
    assert [kinds[date(2027, 1, day)] for day in (1, 2, 4, 5, 9, 10, 11)] == [
        False,
        False,
        False,
        True,
        False,
        True,
        True,
    ]
    assert WorkDay.objects.get(day="2027-01-10").name == "元旦调休"
    assert set(WorkDay.objects.filter(day__year=2027).values_list("source", flat=True)) == {NOTICE}


def test_a_file_of_all_days_says_the_same_as_one_of_the_exceptions():
    exceptions = read_year(published_file(2026))
    lines = [f"{each.day},{int(each.is_working)},{each.name}" for each in exceptions.days()]
    assert len(lines) == 365
    every_day = read_year("\n".join(["day,is_working,name", *lines]).encode())
    assert list(every_day.days()) == list(exceptions.days())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_encodings_that_chinese_spreadsheets_write_are_read(encoding):
    year = read_year(OF_2027.replace("\n", "\r\n").encode(encoding))
    assert year.named[0].name == "元旦"


def test_days_may_be_written_as_excel_writes_them_and_words_may_say_whether_one_works():
    text = OF_2027.replace("2027-01-04,0", "2027/1/4,否").replace("2027-01-10,1", "2027-1-10,YES")
    assert list(read_year(text.encode()).days()) == list(year_2027().days())


def test_every_bad_line_has_its_own_sentence():
    lines = ["2027-02-30,0,", "", "soon,0,", "2027-01-04,maybe,", "2027-01-05,0,", "2027-01-05,1,", "2028-01-01,0,"]
    lines.append(f"2027-01-06,0,{'x' * 65}")
    assert problems_of("\n".join(["day,is_working,name", *lines])) == [
        "Line 2: “2027-02-30” is not a day of the calendar.",
        "Line 4: “soon” is not a day such as 2027-01-31.",
        "Line 5: is_working is 1 for a working day or 0 for a day off, not “maybe”.",
        "Line 7: 2027-01-05 stands in line 6 already.",
        "Line 8: 2028-01-01 is not a day of 2027.",
        "Line 9: the name is longer than 64 characters.",
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The first line must name the columns"),
        (b"day,name\n2027-01-01,x\n", "The first line must name the columns"),
        (b"day,is_working,day\n2027-01-01,0,x\n", "The first line must name the columns"),
        (b"day,is_working,name\n", "This file names no day."),
        (OF_2027.encode("utf-16"), "This file is UTF-16."),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "neither UTF-8 nor GB18030"),
        (b"day,is_working,name\n2027-01-01,0,\x00\n", "neither UTF-8 nor GB18030"),
        (b"day,is_working,name\n" + b"2027-01-01,0,x\n" * 20_000, "too large"),
        (b'day,is_working,name\n2027-01-01,0,"x\n', "this is not CSV"),
        (b"day,is_working,name\n1999-01-01,0,x\n", "1999 is not a year from 2007 to 2099."),
        (b"day,is_working,name\n2027-01-01,0,x\n", "2027-10-01 is a public holiday by law, but a working day in this"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_calendar_is_refused_with_a_sentence(content, sentence):
    assert any(sentence in problem for problem in problems_of(content))


def test_a_very_bad_file_gets_a_list_that_ends():
    problems = problems_of("day,is_working,name\n" + "never,0,\n" * 400)
    assert len(problems) == PROBLEMS_SHOWN + 1
    assert problems[-1] == "350 more problems."


def test_a_gap_between_published_years_is_refused():
    of_2028 = read_year(OF_2027.replace("2027", "2028").encode())
    with pytest.raises(UnusableCalendar, match=r"through 2026-12-31\. Take in 2027 before 2028"):
        publish_year(of_2028, source=NOTICE)
    assert published_through() == date(2026, 12, 31)


def test_a_published_year_is_replaced_only_when_that_is_said():
    publish_year(year_2027(), source=NOTICE)
    changed = year_2027(**{"2027-01-10,1": "2027-01-10,0", "2027-01-04,0": "2027-01-04,1"})
    with pytest.raises(UnusableCalendar, match="2 days are different in this file: 2027-01-04, 2027-01-10"):
        publish_year(changed, source="Another")
    assert WorkDay.objects.get(day="2027-01-10").is_working
    assert publish_year(changed, source="Another", replace=True).has_changed
    assert not WorkDay.objects.get(day="2027-01-10").is_working


def test_the_same_year_twice_changes_nothing():
    publish_year(year_2027(), source=NOTICE)
    assert not publish_year(year_2027(), source="Another").has_changed
    assert not WorkDay.objects.filter(source="Another").exists()


@pytest.mark.parametrize("source", ["", "  ", "x" * 201])
def test_a_notice_must_be_named(source):
    with pytest.raises(Exception, match="notice"):
        publish_year(year_2027(), source=source)
    assert published_through() == date(2026, 12, 31)


def review_of(appeal: Appeal):
    appeal.refresh_from_db()
    clock = Deadline.objects.get(kind="review", subject_id=appeal.pk)
    assert (appeal.review_by, appeal.is_provisional) == (clock.due_at, clock.is_provisional)
    return appeal.review_by, appeal.is_provisional


def test_a_provisional_deadline_becomes_certain_and_moves_later_with_its_appeal():
    """Submitted on Wednesday 2026-12-30: 12-31 and, by the rule of the week, 01-01 and 01-04."""
    appeal = appeal_at("2026-12-30T10:00+08:00", penalty_issued("2026-12-29T10:00+08:00"))
    assert review_of(appeal) == (moment("2027-01-04T23:59:59.999999+08:00"), True)
    published = publish_year(year_2027(), source=NOTICE)
    assert (published.moved.certain, published.moved.later) == (1, 1)
    assert review_of(appeal) == (moment("2027-01-06T23:59:59.999999+08:00"), False)


def test_a_deadline_never_moves_earlier():
    """Sunday 2027-01-03 becomes a working day, so by the table the third working day is that one."""
    appeal = appeal_at("2026-12-30T10:00+08:00", penalty_issued("2026-12-29T10:00+08:00"))
    earlier = OF_2027.replace("2027-01-04,0,元旦", "2027-01-02,1,x\n2027-01-03,1,x")
    published = publish_year(read_year(earlier.encode()), source=NOTICE)
    assert (published.moved.certain, published.moved.later) == (1, 0)
    assert review_of(appeal) == (moment("2027-01-04T23:59:59.999999+08:00"), False)


def test_a_certain_deadline_stays_where_it_is():
    appeal = appeal_at("2026-12-28T10:00+08:00", penalty_issued("2026-12-27T10:00+08:00"))
    assert review_of(appeal) == (moment("2026-12-31T23:59:59.999999+08:00"), False)
    assert publish_year(year_2027(), source=NOTICE).moved.certain == 0
    assert review_of(appeal) == (moment("2026-12-31T23:59:59.999999+08:00"), False)


def test_a_replaced_year_moves_certain_deadlines_too_and_only_later():
    appeal = appeal_at("2026-12-30T10:00+08:00", penalty_issued("2026-12-29T10:00+08:00"))
    publish_year(year_2027(), source=NOTICE)
    longer = year_2027(**{"2027-01-04,0,元旦": "2027-01-04,0,元旦\n2027-01-05,0,元旦"})
    published = publish_year(longer, source="Notice, changed", replace=True)
    assert (published.moved.certain, published.moved.later) == (0, 1)
    assert review_of(appeal) == (moment("2027-01-07T23:59:59.999999+08:00"), False)
    publish_year(year_2027(), source=NOTICE, replace=True)
    assert review_of(appeal) == (moment("2027-01-07T23:59:59.999999+08:00"), False)


def imported(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_calendar", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_command_says_how_many_deadlines_moved(tmp_path):
    appeal_at("2026-12-30T10:00+08:00", penalty_issued("2026-12-29T10:00+08:00"))
    path = tmp_path / "2027.csv"
    path.write_text(OF_2027, encoding="gb18030")
    out, _err = imported(str(path), "--source", NOTICE, "--dry-run")
    assert "would be: 2027-01-10 work 元旦调休" in out
    assert published_through() == date(2026, 12, 31)
    out, _err = imported(str(path), "--source", NOTICE)
    assert out == (
        "2027 is published; the calendar reaches through 2027-12-31."
        " 1 provisional deadline(s) are certain now, 1 moved to a later day.\n"
    )


def test_the_command_names_each_bad_line_and_takes_nothing_in(tmp_path):
    path = tmp_path / "2027.csv"
    path.write_text(OF_2027 + "2027-02-30,0,\n", encoding="utf-8")
    err = StringIO()
    with pytest.raises(CommandError, match="Nothing was taken in"):
        call_command("import_calendar", str(path), "--source", NOTICE, stdout=StringIO(), stderr=err)
    assert err.getvalue() == "Line 9: “2027-02-30” is not a day of the calendar.\n"
    assert published_through() == date(2026, 12, 31)


def test_the_command_says_when_there_is_no_file(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        imported(str(tmp_path / "missing.csv"), "--source", NOTICE)


IMPORT = "/admin/deadlines/workday/import/"


@pytest.fixture
def client():
    return Client(HTTP_ACCEPT_LANGUAGE="en")


@pytest.fixture
def operator(client):
    user = make_user("ops", is_staff=True, is_superuser=True)
    client.force_login(user, backend="merchants.backends.PeopleBackend")
    return user


def upload(client, text: str = OF_2027, **fields):
    file = SimpleUploadedFile("2027.csv", text.encode("gb18030"), content_type="text/csv")
    return client.post(IMPORT, {"file": file, "source": NOTICE, **fields})


def test_the_page_shows_what_would_change_and_takes_it_in_when_confirmed(client, operator):
    appeal_at("2026-12-30T10:00+08:00", penalty_issued("2026-12-29T10:00+08:00"))
    shown = upload(client)
    assert "2027-01-10" in shown.content.decode()
    assert published_through() == date(2026, 12, 31)
    confirmed = client.post(
        IMPORT, {"content": shown.context["content"], "source": NOTICE, "confirm": "1"}, follow=True
    )
    assert published_through() == date(2027, 12, 31)
    assert confirmed.redirect_chain[-1][0] == f"{reverse('admin:deadlines_workday_changelist')}?day__year=2027"
    assert [str(message) for message in confirmed.context["messages"]] == [
        "2027 is published. 1 deadline that was provisional is certain now; 1 moved to a later day."
    ]


def test_the_page_names_each_bad_line_and_takes_nothing_in(client, operator):
    page = upload(client, OF_2027 + "2027-02-30,0,\nsoon,0,\n").content.decode()
    assert "Line 9: “2027-02-30” is not a day of the calendar." in page
    assert "Line 10: “soon” is not a day such as 2027-01-31." in page
    assert published_through() == date(2026, 12, 31)


@pytest.mark.parametrize("content", ["", "not base64", "bm90IGEgY2FsZW5kYXI="])
def test_a_confirmation_that_was_tampered_with_takes_nothing_in(client, operator, content):
    page = client.post(IMPORT, {"content": content, "source": NOTICE, "confirm": "1"})
    assert page.status_code == 200
    assert page.context["problems"]
    assert published_through() == date(2026, 12, 31)


def test_a_published_year_needs_the_box_to_be_ticked(client, operator):
    publish_year(year_2027(), source=NOTICE)
    changed = OF_2027.replace("2027-01-10,1", "2027-01-10,0")
    shown = upload(client, changed)
    assert [each.day for each in shown.context["found"].different] == [date(2027, 1, 10)]
    sent = {"content": shown.context["content"], "source": NOTICE, "confirm": "1"}
    assert "2027-01-10" in client.post(IMPORT, sent).context["problems"][0]
    assert WorkDay.objects.get(day="2027-01-10").is_working
    client.post(IMPORT, {**sent, "replace": "on"})
    assert not WorkDay.objects.get(day="2027-01-10").is_working


def in_group(client, name: str):
    """Sign in somebody of the staff who is in this group and nothing else."""
    staff = make_user(f"one of {name}", is_staff=True)
    staff.groups.add(Group.objects.get(name=name))
    client.force_login(staff, backend="merchants.backends.PeopleBackend")
    return staff


def test_who_is_only_in_ops_takes_a_year_in_from_the_list_to_the_list(client):
    ops = in_group(client, "ops")
    days = reverse("admin:deadlines_workday_changelist")
    assert f'href="{IMPORT}"' in client.get(days).content.decode()
    assert client.get(IMPORT).status_code == 200
    shown = upload(client)
    assert "2027-01-10" in shown.content.decode()
    assert published_through() == date(2026, 12, 31)
    sent = {"content": shown.context["content"], "source": NOTICE, "confirm": "1"}
    done = client.post(IMPORT, sent, follow=True)
    assert (done.status_code, done.redirect_chain[-1][0]) == (200, f"{days}?day__year=2027")
    assert published_through() == date(2027, 12, 31)
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.get_change_message()) == (ops.pk, f"2027: {NOTICE}")


@pytest.mark.parametrize("name", ["reviewer", "auditor"])
def test_who_is_in_another_group_sees_the_calendar_and_takes_no_year_in(client, name):
    in_group(client, name)
    page = client.get(reverse("admin:deadlines_workday_changelist"))
    assert page.status_code == 200
    assert IMPORT not in page.content.decode()
    content = base64.b64encode(OF_2027.encode()).decode()
    assert client.get(IMPORT).status_code == 403
    assert upload(client).status_code == 403
    assert client.post(IMPORT, {"content": content, "source": NOTICE, "confirm": "1"}).status_code == 403
    assert published_through() == date(2026, 12, 31)


def test_staff_in_no_group_cannot_take_a_year_in(client):
    staff = make_user("nobody", is_staff=True)
    client.force_login(staff, backend="merchants.backends.PeopleBackend")
    assert upload(client).status_code == 403
    assert published_through() == date(2026, 12, 31)


def test_the_list_shows_a_year_and_changes_nothing(client, operator):
    page = client.get(reverse("admin:deadlines_workday_changelist"), {"day__year": 2026})
    assert "The calendar is published through 2026-12-31." in page.content.decode()
    assert page.context["cl"].result_count == 365
    change = client.post(reverse("admin:deadlines_workday_change", args=["2026-01-01"]), {"is_working": "on"})
    assert change.status_code == 403
    assert not WorkDay.objects.get(day="2026-01-01").is_working
