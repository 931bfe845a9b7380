"""XLSX, JSON Lines and a JSON array: what Excel does to numbers, what breaks in the middle."""

import json
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from complaints.importing.jsonrows import JsonArray
from complaints.importing.rows import UnusableFile
from complaints.models import Complaint
from complaints.tests.calling import sent
from complaints.tests.factories import make_program, moment
from complaints.tests.importing import bad_rows, run_import
from merchants.models import MiniProgram

COLUMNS = ["小程序ID", "交易号", "交易金额", "投诉类型", "投诉内容", "投诉时间", "投诉编号"]


@pytest.fixture
def program(db: None) -> MiniProgram:
    return make_program("2021000000000001")


def workbook(path: Path, *rows: list[Any]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for cells in (COLUMNS, *rows):
        sheet.append(cells)
    book.save(path)
    return path


def cells(trade_no: Any, amount: Any = 128, filed_at: Any = datetime(2026, 11, 20, 10, 0)) -> list[Any]:  # noqa: DTZ001 (as Excel has it)
    return ["2021000000000001", trade_no, amount, "未收到货", "没有发货", filed_at, f"U-{trade_no}"]


def test_a_workbook_is_read_with_its_dates_in_beijing_time(program, tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", cells("2026111822001456781234567890"), [None] * 7, cells("T2", 19.989999999999998)
    )
    outcome = run_import(path)
    assert (outcome.status, outcome.counts["new"]) == (0, 2)
    complaint = Complaint.objects.get(trade_no="2026111822001456781234567890")
    assert complaint.filed_at == moment("2026-11-20T02:00Z")
    assert str(Complaint.objects.get(trade_no="T2").trade_amount) == "19.99"


@pytest.mark.parametrize("number", [2.0261118220014567e27, 2026111822001456781234567890, 12345.5])
def test_a_trade_number_that_excel_rounded_is_refused_with_what_to_do(program, tmp_path, number):
    path = workbook(tmp_path / "a.xlsx", cells(number))
    assert run_import(path).counts["bad"] == 1
    (bad,) = bad_rows(path)
    assert (bad["line"], bad["field"].split(",")[0]) == ("2", "trade_no")
    assert "Format the column as text" in bad["reason"]


def test_a_short_number_of_a_sheet_is_taken_as_its_digits(program, tmp_path):
    run_import(workbook(tmp_path / "a.xlsx", cells(88213)))
    assert Complaint.objects.get().trade_no == "88213"


def test_a_trade_number_that_excel_wrote_into_csv_rounded_is_refused_too(program, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(COLUMNS) + "\n2021000000000001,2.02611E+27,5,a,b,2026-11-20,U1\n")
    assert run_import(path).counts["bad"] == 1
    assert "Format the column as text" in bad_rows(path)[0]["reason"]


def test_a_formula_that_was_never_calculated_is_an_empty_cell(program, tmp_path):
    path = workbook(tmp_path / "a.xlsx", cells("T1", amount="=1+1"), cells("T2"))
    assert run_import(path).counts["new"] == 1
    assert bad_rows(path)[0]["field"] == "trade_amount"


def test_text_in_a_sheet_may_look_like_a_formula_or_a_number(program, tmp_path):
    run_import(workbook(tmp_path / "a.xlsx", cells("0012", amount="￥1,000.00元", filed_at="2026年11月20日 10:00")))
    complaint = Complaint.objects.get()
    assert (complaint.trade_no, str(complaint.trade_amount)) == ("0012", "1000.00")
    assert complaint.filed_at == moment("2026-11-20T02:00Z")


def test_a_workbook_without_rows_or_columns_is_refused(db, tmp_path):
    path = tmp_path / "a.xlsx"
    openpyxl.Workbook().save(path)
    assert run_import(path).status == 2
    path.write_bytes(path.read_bytes()[:-200])
    assert "damaged" in run_import(path).sentence


def test_json_lines_report_the_bad_line_and_load_the_others(program, tmp_path):
    path = tmp_path / "a.jsonl"
    good = [json.dumps(sent(program, trade_no=f"T{number}", upstream_id=f"U{number}")) for number in range(3)]
    deep = "[" * 100_000
    lines = [
        good[0],
        "",
        '{"app_id": ',
        "[1]",
        '{"trade_no": NaN}',
        deep,
        '{"a": ' + "9" * 5000 + "}",
        good[1],
        "\xff",
        good[2],
    ]
    path.write_bytes("\n".join(lines).encode("latin-1"))
    outcome = run_import(path)
    assert (outcome.status, outcome.counts["new"], outcome.counts["bad"]) == (1, 3, 6)
    assert [bad["line"] for bad in bad_rows(path)] == ["3", "4", "5", "6", "7", "9"]


def test_json_may_hold_the_consumer_as_an_object_or_flat(program, tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        sent(program, trade_no="T1", consumer={"name": "韩梅梅"}),
        sent(program, trade_no="T2", consumer_name="李雷", shop="x"),
    ]
    path.write_text("\n".join(json.dumps(each) for each in rows))
    outcome = run_import(path)
    assert set(Complaint.objects.values_list("consumer_name", flat=True)) == {"韩梅梅", "李雷"}
    assert "not used: shop" in outcome.said


def test_a_number_with_a_fraction_is_no_trade_number_in_json_either(program, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        json.dumps(sent(program, trade_no=1.5))
        + "\n"
        + json.dumps(sent(program, trade_no=2026111822001456781234567890))
    )
    assert run_import(path).counts["bad"] == 1
    assert Complaint.objects.get().trade_no == "2026111822001456781234567890"


@pytest.mark.parametrize("wrapping", ["%s", '{"complaints": %s}', ' \n{ "complaints" :\n%s } '])
def test_a_json_array_is_read_as_it_comes(program, tmp_path, wrapping):
    path = tmp_path / "a.json"
    rows = [sent(program, trade_no=f"T{number}", description="没有发货" * 1000) for number in range(40)]
    path.write_text(wrapping % json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    assert run_import(path).counts["new"] == 40


@pytest.mark.parametrize(
    ("text", "whole", "broken"),
    [
        ("[]", 0, 0),
        ('[{"a": 1}, {"a": 2}]', 2, 0),
        ('[{"a": 1}', 1, 1),
        ('[{"a": 1}, ', 1, 1),
        ('[{"a": 1} {"a": 2}]', 1, 1),
        ('[{"a": 1}, 2]', 1, 1),
        ('[{"a": 1}, {"a": }]', 1, 1),
        ('[{"a": 1}] x', 1, 1),
        ('{"complaints": [{"a": 1}], "b": 2}', 1, 1),
        ("[,]", 0, 1),
    ],
)
def test_what_stands_before_the_break_in_an_array_is_read(text, whole, broken):
    rows = list(JsonArray(BytesIO(text.encode())))
    assert [bool(row.problem) for row in rows] == [False] * whole + [True] * broken


@pytest.mark.parametrize("text", ["", "{}", '"a"', "1", '{"complaint": []}'])
def test_what_is_no_array_of_complaints_is_refused(text):
    with pytest.raises(UnusableFile):
        JsonArray(BytesIO(text.encode()))
