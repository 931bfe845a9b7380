"""Exports: what a file holds, what is sent at once and what a task makes, killed workers, and who gets which file."""

import csv
import io
import os
import signal
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from common.actors import Actor
from common.errors import BadInput, Conflict, NotAllowed
from complaints.models import Complaint, Export, InternalLine
from complaints.permissions import visible_to
from complaints.queries import segments
from complaints.services import cancel
from complaints.states import Status
from complaints.tests.factories import consumer_actor, file_at, handle_at, make_member, make_program, moment
from complaints.tests.pages import browser, make_shop, member, text_of
from complaints.tests.racing import collide
from complaints.workspace import exporting, sheets
from evidence.models import evidence_files
from merchants.members import member_now
from merchants.models import Grant, Membership

pytestmark = pytest.mark.django_db

FILED = "2026-03-09T09:00+08:00"
NOON = moment("2026-03-10T12:00+08:00")
LIST = "/complaints/exports/"


@pytest.fixture
def shop():
    return make_shop()


def copies(complaint: Complaint, number: int, **fields) -> None:
    """As many complaints like this one, without the clocks and histories that only the verb makes."""
    template = {field.attname: getattr(complaint, field.attname) for field in Complaint._meta.concrete_fields}
    template.pop("id")
    Complaint.objects.bulk_create(
        Complaint(**template | {"complaint_no": f"COPY{each:08d}", "upstream_id": f"copy-{each}", **fields})
        for each in range(number)
    )


def acting(user, shop) -> Actor:
    actor = member_now(user.pk, shop.merchant.pk)
    assert actor
    return actor


def body_of(response) -> bytes:
    return b"".join(response.streaming_content)


def rows_of_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def rows_of_xlsx(data: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def asked(user, shop, query="status=all", format_name="csv", now=NOON, language="en") -> Export:
    return exporting.ask_export(query, format_name, language=language, actor=acting(user, shop), now=now)


def made(at=NOON) -> Export:
    """Let a worker make the export that waits."""
    export = exporting.make_next(clock_from(at))
    assert export
    return export


def taken(at=NOON) -> Export:
    """Let a worker take the export that waits, and do nothing about it yet."""
    export = exporting.take(now=at)
    assert export
    return export


def clock_from(start=NOON, step=timedelta(0)):
    """A clock that begins here and goes on by a step each time it is read."""
    ticks = count()
    return lambda: start + next(ticks) * step


# What a file holds


def test_a_csv_says_what_the_list_says_with_names_and_phones_masked(shop):
    complaint = shop.files(
        FILED,
        dispute_type="not delivered",
        description="第一行\n第二行, “quoted”",
        consumer_name="张小明",
        consumer_phone="13812345678",
        requested_refund_amount=Decimal("100.00"),
        trade_no="T-1",
        merchant_order_no="O-1",
    )
    handle_at("2026-03-10T09:00:07+08:00", complaint, refund_reference="R-9")
    Complaint.objects.update(assignee=Membership.objects.get(user=shop.administrator))
    InternalLine.objects.create(complaint=complaint, kind="note", text="secret note", actor_name="x", at=NOON)
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        response = client.post(LIST, {"query": "status=all", "format": "csv"})
        data = body_of(response)
    assert data.startswith(b"\xef\xbb\xbf")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="complaints-2026-03-10-1200.csv"'
    assert response["Cache-Control"] == "private, no-store"
    names, row = rows_of_csv(data)
    said = dict(zip(names, row, strict=True))
    assert said == {
        "Complaint number": complaint.complaint_no,
        "Status": "Handled",
        "Mini program": shop.program.name,
        "Dispute type": "not delivered",
        "Demand": "",
        "Description": "第一行\n第二行, “quoted”",
        "Trade number": "T-1",
        "Merchant order number": "O-1",
        "Trade amount (yuan)": "128.00",
        "Requested refund (yuan)": "100.00",
        "Consumer, masked": "张**",
        "Phone, masked": "138****5678",
        "Advance protection": "no",
        "Filed at (Beijing time, UTC+08:00)": "2026-03-09 09:00:00",
        "Handle by (Beijing time, UTC+08:00)": "2026-03-13 09:00:00",
        "Assigned to": "Wang Fang",
        "Way of handling": "Refunded in another way",
        "Refunded (yuan)": "128.00",
        "Handled at (Beijing time, UTC+08:00)": "2026-03-10 09:00:07",
        "Handled in time": "yes",
    }
    for hidden in ("13812345678", "张小明", "secret note"):
        assert hidden not in data.decode()


def test_a_workbook_holds_the_same_with_moments_and_amounts_as_such(shop):
    shop.files(FILED, description="=1+1", consumer_name="张小明", consumer_phone="13812345678")
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        response = client.post(LIST, {"query": "", "format": "xlsx"})
        names, row = rows_of_xlsx(body_of(response))
    said = dict(zip(names, row, strict=True))
    assert response["Content-Disposition"] == 'attachment; filename="complaints-2026-03-10-1200.xlsx"'
    assert response["Cache-Control"] == "private, no-store"
    assert said["Trade amount (yuan)"] == Decimal("128")
    assert f"{said['Filed at (Beijing time, UTC+08:00)']:%Y-%m-%d %H:%M}" == "2026-03-09 09:00"
    assert said["Description"] == "'=1+1"
    assert (said["Consumer, masked"], said["Phone, masked"]) == ("张**", "138****5678")


def test_headings_and_words_are_in_the_language_of_the_member(shop):
    shop.files(FILED)
    with browser(shop.administrator, "2026-03-10T12:00+08:00", language="zh-hans") as client:
        names, row = rows_of_csv(body_of(client.post(LIST, {"query": "", "format": "csv"})))
    assert "待处理" in row
    assert "Status" not in names
    assert names[:8] == [
        "投诉单号",
        "状态",
        "小程序",
        "纠纷类型",
        "用户诉求",
        "投诉内容",
        "交易号",
        "商家订单号",
    ]


@pytest.mark.parametrize("start", [*"=+-@\t\r\n＝＋－＠|%", " =", "\u3000=", "\t@", "\x00=", "\x07="])
def test_no_cell_begins_like_a_formula(start):
    written = sheets.harmless(f"{start}cmd|' /C calc'!A0")
    assert written.startswith("'")


@pytest.mark.parametrize("text", ["", "plain", "退款=1", "a-b", "'=quoted already", "2026-03-10", "¥5"])
def test_other_cells_stay_as_they_are(text):
    assert sheets.harmless(text) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠"])
@pytest.mark.parametrize("format_name", ["csv", "xlsx"])
def test_dangerous_texts_are_texts_in_both_files_and_come_back(shop, start, format_name):
    text = f'{start}HYPERLINK("http://example.com";"x")'
    shop.files(FILED, description=text, dispute_type=text, consumer_name=text, merchant_order_no=text[:20])
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        data = body_of(client.post(LIST, {"query": "", "format": format_name}))
    if format_name == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(data))
        assert not any(cell.data_type == "f" for row in book.worksheets[0].iter_rows() for cell in row)
    names, row = (rows_of_csv if format_name == "csv" else rows_of_xlsx)(data)
    said = dict(zip(names, row, strict=True))
    assert said["Description"] == said["Dispute type"] == f"'{text}"
    assert said["Description"].removeprefix("'") == text
    assert all(str(cell or "")[:1] not in "=+-@＝＋－＠" for cell in row if cell)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 32_767, "x" * 32_767),
        ("x" * 32_768, "x" * 32_766 + "…"),
        ("=" * 32_767, "'" + "=" * 32_765 + "…"),
        ("😀" * 16_384, "😀" * 16_383 + "…"),
        ("a" + "😀" * 16_384, "a" + "😀" * 16_382 + "…"),
    ],
    ids=["fits", "one more", "with the mark before it", "two each", "cut between the halves"],
)
def test_a_long_cell_is_cut_to_what_spreadsheets_open(text, expected):
    assert sheets.harmless(text) == expected
    assert len(expected.encode("utf-16-le")) // 2 <= 32_767


@pytest.mark.parametrize("format_name", ["csv", "xlsx"])
def test_a_cell_of_32768_characters_and_control_signs_make_a_file_that_opens(shop, format_name):
    shop.files(FILED, description="款" * 32_768)
    shop.files("2026-03-09T10:00+08:00", description="bell\x07 \x1b[31m \ufffe end")
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        data = body_of(client.post(LIST, {"query": "", "format": format_name}))
    _names, long, odd = (rows_of_csv if format_name == "csv" else rows_of_xlsx)(data)
    assert long[5] == "款" * 32_766 + "…"
    assert odd[5] == "bell [31m  end"


def test_rows_stand_in_the_order_of_the_list(shop):
    for day in (3, 1, 2):
        shop.files(f"2026-03-0{day}T09:00+08:00")
    for day in (4, 6, 5):
        complaint = shop.files(f"2026-03-0{day}T09:00+08:00")
        cancel(complaint.pk, reason="", actor=consumer_actor(complaint), now=NOON)
    own = Complaint.objects.all()
    listed = [row.pk for segment in segments(own, Status.values) for row in segment.take(10)]
    assert list(sheets.in_order(own).values_list("pk", flat=True)) == listed


def test_the_filters_of_the_list_hold_and_so_does_the_merchant(shop):
    wanted = shop.files(FILED, dispute_type="wanted")
    shop.files("2026-03-01T09:00+08:00", dispute_type="too old")
    file_at(FILED, make_program(), dispute_type="another merchant's")
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        data = body_of(client.post(LIST, {"query": "filed_from=2026-03-05&cursor=nonsense", "format": "csv"}))
    assert [row[0] for row in rows_of_csv(data)[1:]] == [wanted.complaint_no]


@pytest.mark.parametrize("number", [3, 40])
def test_rows_cost_no_query_each(shop, number, django_assert_num_queries):
    copies(shop.files(FILED), number - 1)
    own = visible_to(acting(shop.administrator, shop))
    with django_assert_num_queries(1):
        assert len(list(sheets.rows_of(own))) == number


def test_wrong_filters_and_formats_are_refused(shop):
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        wrong = client.post(LIST, {"query": "q=x", "format": "csv"})
        assert wrong.status_code == 302
        assert wrong["Location"].startswith("/complaints/?")
        assert client.post(LIST, {"query": "", "format": "pdf"}).status_code == 400
    assert not Export.objects.exists()


# At once, or by a task


def test_five_thousand_are_sent_at_once_and_one_more_by_a_task(shop, monkeypatch):
    monkeypatch.setattr(exporting, "AT_ONCE", 5)
    copies(shop.files(FILED), 4)
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        assert len(rows_of_csv(body_of(client.post(LIST, {"query": "", "format": "csv"})))) == 6
        assert not Export.objects.exists()
        shop.files(FILED)
        response = client.post(LIST, {"query": "status=pending", "format": "csv"})
    export = Export.objects.get()
    assert response["Location"] == reverse("complaints:export", args=[export.pk])
    assert (export.query, export.format, export.language) == ("status=pending", "csv", "en")
    assert export.asked_at == NOON


def test_the_published_limits():
    assert (exporting.AT_ONCE, exporting.TAKEN_AGAIN) == (5000, 3)
    assert (timedelta(minutes=2), timedelta(days=1)) == (exporting.SILENT_FOR, exporting.KEPT_FOR)


@pytest.mark.parametrize(("format_name", "number"), [("csv", 10_000), ("xlsx", 5_001)])
def test_more_rows_than_are_sent_at_once_are_made_by_the_task(shop, format_name, number):
    """A sheet is one row too long for the request; a row of it takes eight times as long as one of plain text."""
    copies(shop.files(FILED), number - 1)
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        page = client.post(LIST, {"query": "", "format": format_name}, follow=True)
        assert "waits for its turn" in text_of(page)
        export = made()
        export.refresh_from_db()
        assert (export.status, export.total, export.done) == ("ready", number, number)
        assert f"The file is ready: {number} complaints" in text_of(client.get(f"{LIST}{export.pk}/"))
        response = client.get(f"{LIST}{export.pk}/file/")
        data = body_of(response)
    assert response["Cache-Control"] == "private, no-store"
    assert response["Content-Disposition"] == f'attachment; filename="complaints-2026-03-10-1200.{format_name}"'
    rows = (rows_of_csv if format_name == "csv" else rows_of_xlsx)(data)
    assert len(rows) == number + 1
    assert len({row[0] for row in rows}) == number + 1


def test_a_page_shows_how_far_an_export_is_and_works_without_a_script(shop):
    export = asked(shop.administrator, shop)
    Export.objects.update(status="running", total=12_000, done=4_000, beaten_at=NOON)
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        page = client.get(f"{LIST}{export.pk}/")
        part = client.get(f"{LIST}{export.pk}/", headers={"HX-Request": "true"})
        assert "4000 of 12000 complaints are written." in text_of(page)
        assert '<progress class="export__bar" max="12000" value="4000">' in page.content.decode()
        assert "Look again" in text_of(page)
        assert part.content.decode().lstrip().startswith('<div class="stack" id="export" hx-get=')
        Export.objects.update(status="ready", ended_at=NOON)
        assert "hx-get" not in client.get(f"{LIST}{export.pk}/", headers={"HX-Request": "true"}).content.decode()


def test_a_member_has_one_export_made_at_a_time(shop):
    asked(shop.administrator, shop)
    with pytest.raises(Conflict):
        asked(shop.administrator, shop)
    asked(member(shop, Grant.VIEW), shop)
    assert Export.objects.count() == 2
    Export.objects.update(status="ready", ended_at=NOON)
    asked(shop.administrator, shop)


def test_what_cannot_be_asked_for(shop):
    actor = acting(member(shop, Grant.HANDLE), shop)
    with pytest.raises(NotAllowed):
        exporting.ask_export("", "csv", language="en", actor=actor, now=NOON)
    with pytest.raises(BadInput):
        asked(shop.administrator, shop, query="q=" + "x" * 999)
    with pytest.raises(BadInput):
        asked(shop.administrator, shop, format_name="exe")
    assert not Export.objects.exists()


def test_too_many_rows_and_filters_that_are_gone_fail_with_a_sentence(shop, monkeypatch):
    shop.files(FILED)
    monkeypatch.setitem(exporting.MOST, "csv", 0)
    export = asked(shop.administrator, shop)
    exporting.make_next(clock_from())
    export.refresh_from_db()
    assert (export.status, export.problem, export.ended_at) == ("failed", "too_long", NOON)
    gone = asked(shop.administrator, shop, query="mini_program=999999")
    exporting.make_next(clock_from())
    gone.refresh_from_db()
    assert (gone.status, gone.problem) == ("failed", "filters")
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        assert "One of its filters does not exist any more." in text_of(client.get(f"{LIST}{gone.pk}/"))
        assert client.get(f"{LIST}{gone.pk}/file/").status_code == 302


# Workers that die


def stored() -> set[str]:
    storage = evidence_files()
    return set(storage.listdir("exports")[1]) if storage.exists("exports") else set()


def test_an_export_whose_worker_fell_silent_is_taken_again_after_two_minutes(shop):
    shop.files(FILED)
    asked(shop.administrator, shop)
    first = taken()
    assert exporting.take(now=NOON + timedelta(minutes=2) - timedelta(microseconds=1)) is None
    second = taken(NOON + timedelta(minutes=2))
    assert second.pk == first.pk
    assert second.file.name != first.file.name
    assert second.failures == 1


def test_taken_again_three_times_it_has_failed(shop):
    asked(shop.administrator, shop)
    moments = [NOON + minutes * timedelta(minutes=2) for minutes in range(5)]
    assert [exporting.take(now=at) is not None for at in moments] == [True, True, True, True, False]
    export = Export.objects.get()
    assert (export.status, export.problem, export.ended_at) == ("failed", "broken", moments[-1])


def test_an_error_is_a_failure_too_and_nothing_half_done_is_left(shop, monkeypatch):
    shop.files(FILED)
    before = stored()
    asked(shop.administrator, shop)

    def broken(*_given):
        raise OSError("no space left")

    monkeypatch.setitem(exporting.WRITERS, "csv", broken)
    states = []
    for _try in range(4):
        exporting.make_next(clock_from())
        states.append(Export.objects.get().status)
    assert states == ["waiting", "waiting", "waiting", "failed"]
    assert Export.objects.get().problem == "broken"
    assert exporting.make_next(clock_from()) is None
    assert stored() == before


def test_a_worker_that_was_overtaken_stops_and_leaves_the_newer_ones_file(shop, monkeypatch):
    """The old worker comes back to life when the new one is done: it must neither end the export nor keep a file."""
    shop.files(FILED)
    before = stored()
    asked(shop.administrator, shop)
    slow = taken()
    newer = made(NOON + timedelta(minutes=3))
    with pytest.raises(exporting.Lost):
        exporting._make(slow, clock_from(NOON + timedelta(minutes=4)))
    export = Export.objects.get()
    assert (export.status, export.file.name) == ("ready", newer.file.name)
    assert len(stored() - before) == 1
    assert evidence_files().exists(str(export.file))


def test_one_is_made_at_a_time_whoever_asked(shop):
    asked(shop.administrator, shop)
    asked(member(shop, Grant.VIEW), shop)
    assert exporting.take(now=NOON) is not None
    assert exporting.take(now=NOON) is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_two(shop):
    asked(shop.administrator, shop)
    asked(member(shop, Grant.VIEW), shop)
    taken = collide(Export.objects.all(), *[lambda: exporting.take(now=NOON)] * 2)
    assert sorted(each is not None for each in taken) == [False, True]
    assert Export.objects.filter(status="running").count() == 1


KILLED = """
import os, signal, sys
import django
django.setup()
from django.utils import timezone
from complaints.workspace import exporting, sheets
rows_of = sheets.rows_of
def dying(complaints):
    for number, row in enumerate(rows_of(complaints)):
        if number == 700:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row
exporting.rows_of = dying
exporting.make_next(timezone.now)
"""


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_in_the_middle_costs_two_minutes_and_nothing_else(shop, settings):
    copies(shop.files(FILED), 999)
    before = stored()
    asked(shop.administrator, shop)
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].replace("/portal?", f"/{name}?")
    assert name in url
    done = subprocess.run(
        [sys.executable, "-c", KILLED],
        env={**os.environ, "DATABASE_URL": url},
        cwd=settings.BASE_DIR,
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    export = Export.objects.get()
    assert (export.status, export.failures) == ("running", 0)
    assert export.beaten_at is not None
    assert exporting.make_next(clock_from(export.beaten_at + timedelta(seconds=119))) is None
    exporting.make_next(clock_from(export.beaten_at + timedelta(minutes=2)))
    export.refresh_from_db()
    assert (export.status, export.done, export.failures) == ("ready", 1000, 1)
    with evidence_files().open(str(export.file)) as file:
        assert len(rows_of_csv(file.read())) == 1001
    assert len(stored() - before) == 1


def test_signs_of_life_are_given_while_rows_are_written(shop, monkeypatch):
    copies(shop.files(FILED), 2_500)
    asked(shop.administrator, shop)
    beats: list[dict[str, Any]] = []
    ticks = count()
    note = exporting._note

    def noting(export, **fields):
        beats.append(fields)
        note(export, **fields)

    monkeypatch.setattr("complaints.workspace.exporting.time.monotonic", lambda: float(next(ticks)))
    monkeypatch.setattr(exporting, "_note", noting)
    exporting.make_next(clock_from())
    assert [fields["done"] for fields in beats if "done" in fields] == [500, 1000, 1500, 2000, 2500, 2501]


# Who gets which file


def test_a_member_who_was_removed_meanwhile_gets_nothing(shop):
    shop.files(FILED)
    before = stored()
    user = member(shop, Grant.VIEW)
    asked(user, shop)
    Membership.objects.filter(user=user).delete()
    assert exporting.make_next(clock_from()) is None
    assert not Export.objects.exists()
    assert stored() == before


@pytest.mark.parametrize("loss", ["removed", "without the grant", "not active"])
def test_a_member_who_is_removed_while_it_is_made_gets_nothing(shop, monkeypatch, loss):
    shop.files(FILED)
    before = stored()
    user = member(shop, Grant.VIEW)
    asked(user, shop)
    write = exporting.WRITERS["csv"]

    def writing(*given):
        write(*given)
        if loss == "removed":
            Membership.objects.filter(user=user).delete()
        elif loss == "without the grant":
            Membership.objects.filter(user=user).update(grants=[])
        else:
            type(user).objects.filter(pk=user.pk).update(is_active=False)

    monkeypatch.setitem(exporting.WRITERS, "csv", writing)
    exporting.make_next(clock_from())
    assert not Export.objects.exists()
    assert stored() == before


def test_the_rows_are_those_of_the_merchant_for_whom_it_was_asked(shop):
    own = shop.files(FILED)
    other = make_shop()
    other.files(FILED)
    Membership.objects.create(merchant=other.merchant, user=shop.administrator, is_administrator=True)
    export = asked(shop.administrator, shop)
    exporting.make_next(clock_from())
    export.refresh_from_db()
    with evidence_files().open(str(export.file)) as file:
        assert [row[0] for row in rows_of_csv(file.read())[1:]] == [own.complaint_no]


def test_nobody_else_sees_an_export(shop):
    shop.files(FILED)
    export = asked(shop.administrator, shop)
    exporting.make_next(clock_from())
    others = [member(shop, Grant.VIEW), make_shop().administrator]
    others.append(make_member(shop.merchant, is_administrator=True))
    for user in others:
        with browser(user, "2026-03-10T12:00+08:00") as client:
            for address in (f"{LIST}{export.pk}/", f"{LIST}{export.pk}/file/"):
                assert client.get(address).status_code == 404
            assert client.post(f"{LIST}{export.pk}/delete/").status_code == 404
            assert f"{LIST}{export.pk}/" not in client.get(LIST).content.decode()
    assert Client().get(f"{LIST}{export.pk}/file/").status_code == 302
    assert Export.objects.get().status == "ready"


def test_an_export_is_gone_after_a_day_with_its_file(shop):
    shop.files(FILED)
    before = stored()
    export = asked(shop.administrator, shop)
    exporting.make_next(clock_from())
    actor, day = acting(shop.administrator, shop), timedelta(days=1)
    last = NOON + day
    assert exporting.exports_of(actor, now=last).exists()
    assert exporting.forget_exports(now=last) == 0
    late = last + timedelta(microseconds=1)
    assert not exporting.exports_of(actor, now=late).exists()
    assert exporting.forget_exports(now=late) == 1
    assert exporting.forget_exports(now=late) == 0
    assert not Export.objects.filter(pk=export.pk).exists()
    assert stored() == before


def test_an_export_can_be_stopped_and_deleted(shop):
    shop.files(FILED)
    before = stored()
    export = asked(shop.administrator, shop)
    running = taken()
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client:
        assert client.post(f"{LIST}{export.pk}/delete/").status_code == 302
    with pytest.raises(exporting.Lost):
        exporting._make(running, clock_from())
    assert not Export.objects.exists()
    assert stored() == before


def test_the_list_of_exports_costs_no_query_each(shop, django_assert_max_num_queries):
    for hour in range(12):
        asked(shop.administrator, shop, now=NOON - timedelta(hours=hour))
        Export.objects.update(status="ready", ended_at=NOON)
    with browser(shop.administrator, "2026-03-10T12:00+08:00") as client, django_assert_max_num_queries(12):
        assert client.get(LIST).content.decode().count("row-link") == 12
