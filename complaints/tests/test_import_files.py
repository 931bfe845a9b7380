"""CSV as people really have it: encodings, delimiters, columns in Chinese, rows that are damaged, and running again."""

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from complaints.models import Complaint, Method
from complaints.tests.factories import make_platform, make_program, moment
from complaints.tests.importing import HEADER, bad_rows, row, run_import
from complaints.tests.racing import sessions, until_gone
from merchants.models import MiniProgram

pytestmark = pytest.mark.django_db


@pytest.fixture
def program() -> MiniProgram:
    return make_program("2021000000000001")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "complaints.csv"


def test_good_rows_start_their_clocks_and_the_status_is_0(program, file):
    file.write_text(HEADER + row(program, "T1") + row(program, "T2"))
    outcome = run_import(file)
    assert (outcome.status, outcome.counts["new"], outcome.counts["bad"]) == (0, 2, 0)
    assert not file.with_name("complaints.csv.errors.csv").exists()
    assert Complaint.objects.get(trade_no="T1").handle_by == moment("2026-11-24T02:00Z")


def test_who_imported_stands_in_the_history(program, file):
    file.write_text(HEADER + row(program, "T1"))
    run_import(file)
    line = Complaint.objects.get().history.get()
    assert line.actor_kind == "platform"
    assert line.actor_name.startswith("import by ")


def test_bad_rows_are_reported_with_their_lines_and_the_others_are_loaded(program, file):
    file.write_text(
        HEADER
        + row(program, "T1", description='"over\ntwo lines"')
        + row(program, "T2", trade_amount="-1.00")
        + row(program, "T3", trade_amount="1.001")
        + row(program, "T4", app_id="nowhere")
        + row(program, "T5", filed_at="2999-01-01T00:00:00Z")
        + row(program, "", upstream_id="U-none")
        + row(program, "T7")
    )
    outcome = run_import(file)
    assert (outcome.status, outcome.counts["new"], outcome.counts["bad"]) == (1, 2, 5)
    assert "5 rows were bad" in outcome.sentence
    assert [(bad["line"], bad["field"]) for bad in bad_rows(file)] == [
        ("4", "trade_amount"),
        ("5", "trade_amount"),
        ("6", "app_id"),
        ("7", "filed_at"),
        ("8", "trade_no"),
    ]
    assert all(bad["reason"] for bad in bad_rows(file))
    assert set(Complaint.objects.values_list("trade_no", flat=True)) == {"T1", "T7"}


def test_a_cell_that_a_spreadsheet_would_run_is_made_safe(program, file):
    file.write_text(HEADER + row(program, "T1", trade_amount="x", description='"=HYPERLINK(1)"'))
    run_import(file)
    assert bad_rows(file)[0]["description"] == "'=HYPERLINK(1)"


def test_the_mended_file_of_bad_rows_can_be_imported_itself(program, file):
    file.write_text(HEADER + row(program, "T1", trade_amount="x"))
    run_import(file)
    errors = file.with_name("complaints.csv.errors.csv")
    mended = file.with_name("mended.csv")
    mended.write_text(errors.read_text(encoding="utf-8-sig").replace(",x,", ",5.00,"), encoding="utf-8")
    assert run_import(mended).counts["new"] == 1


def test_a_row_that_was_mended_in_both_files_is_one_complaint(program, file):
    bad, good = (row(program, "T1", trade_amount=amount, upstream_id="") for amount in ("x", "5.00"))
    file.write_text(HEADER + bad)
    run_import(file)
    mended = file.with_name("mended.csv")
    mended.write_text(f"line,field,reason,{HEADER}2,trade_amount,mended,{good}")
    assert run_import(mended).counts["new"] == 1
    file.write_text(HEADER + good)
    assert run_import(file).counts["known"] == 1


@pytest.mark.parametrize("written", ['="202611180012"', "'202611180012", "`202611180012", "202611180012\t"])
def test_a_trade_number_that_was_kept_from_a_spreadsheet_is_taken_without_its_wrapping(program, file, written):
    file.write_text(HEADER + row(program, written, upstream_id="U1"))
    run_import(file)
    assert Complaint.objects.get().trade_no == "202611180012"


def test_rows_with_an_upstream_id_are_known_again_even_when_their_text_changed(program, file):
    file.write_text(HEADER + row(program, "T1"))
    run_import(file)
    file.write_text(HEADER + row(program, "T1", description="Something else."))
    outcome = run_import(file)
    assert (outcome.status, outcome.counts["new"], outcome.counts["known"]) == (0, 0, 1)
    assert Complaint.objects.get().description == "Nothing came."


def test_rows_without_an_upstream_id_are_known_again_by_their_content(program, file):
    file.write_text(HEADER + row(program, "T1", upstream_id="") + row(program, "T2", upstream_id=""))
    assert run_import(file).counts["new"] == 2
    file.write_text(HEADER + row(program, "T2", upstream_id="") + row(program, "T3", upstream_id=""))
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["known"]) == (1, 1)
    assert Complaint.objects.count() == 3


def test_the_same_upstream_id_twice_in_one_file_is_one_complaint(program, file):
    file.write_text(HEADER + row(program, "T1", upstream_id="U") + row(program, "T2", upstream_id="U"))
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["known"]) == (1, 1)
    assert Complaint.objects.get().trade_no == "T1"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_merchants_table_is_read_whatever_excel_made_of_it(program, file, encoding, delimiter):
    columns = [
        "小程序ID",
        "交易号",
        "商家订单号",
        "交易金额（元）",
        "投诉类型",
        "投诉内容",
        "先行保障",
        "投诉时间",
        "联系电话",
        "备注",
    ]
    cells = [
        program.app_id,
        "2026111822001456781234567890",
        "A-1",
        '"1,234.50"',
        "未收到货",
        "商家一直没有发货，客服不理睬",
    ]
    cells += ["是", "2026/11/20 10:00", "13800138000", ""]
    file.write_bytes("".join(delimiter.join(line) + "\r\n" for line in (columns, cells)).encode(encoding))
    outcome = run_import(file)
    assert (outcome.status, outcome.counts["new"]) == (0, 1)
    assert "备注" in outcome.said
    complaint = Complaint.objects.get()
    assert complaint.trade_no == "2026111822001456781234567890"
    assert str(complaint.trade_amount) == "1234.50"
    assert complaint.description == "商家一直没有发货，客服不理睬"
    assert complaint.advance_protection
    assert complaint.filed_at == moment("2026-11-20T02:00Z")
    assert complaint.consumer_phone == "13800138000"


def test_a_byte_that_is_not_utf_8_late_in_a_utf_8_file_costs_its_row_only(program, file):
    good = "".join(row(program, f"T{number}", description="没有发货") for number in range(50))
    bad = row(program, "T98", description="caf@").encode().replace(b"@", b"\xe9")
    file.write_bytes((HEADER + good).encode() + bad + row(program, "T99").encode())
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["bad"]) == (51, 1)
    assert "utf-8" in bad_rows(file)[0]["reason"]


def test_a_latin_1_file_is_not_taken_for_chinese(program, file):
    text = HEADER + row(program, "T1", description="My résumé sent to your society")
    file.write_bytes((text + row(program, "T2")).encode("latin-1"))
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["bad"]) == (1, 1)
    assert run_import(file, "--encoding", "latin-1").counts["new"] == 1
    assert Complaint.objects.get(trade_no="T1").description == "My résumé sent to your society"


def test_gb18030_is_found_although_only_the_last_line_is_chinese(program, file):
    plain = "".join(row(program, f"T{number}") for number in range(2000))
    file.write_bytes((HEADER + plain + row(program, "T-last", description="商品与描述不符")).encode("gb18030"))
    assert run_import(file).counts["bad"] == 0
    assert Complaint.objects.get(trade_no="T-last").description == "商品与描述不符"


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param('2021000000000001,T2,12.00,"not del', id="in a quoted cell"),
        pytest.param("2021000000000001,T2,12.00,not del", id="between quotes"),
    ],
)
def test_a_last_row_that_is_cut_is_one_bad_row_and_never_loaded(program, file, cut):
    file.write_text(HEADER + row(program, "T1") + cut)
    outcome = run_import(file)
    assert (outcome.status, outcome.counts["new"], outcome.counts["bad"]) == (1, 1, 1)
    (bad,) = bad_rows(file)
    assert bad["line"] == "3"
    assert "ends in the middle" in bad["reason"]


def test_a_last_row_without_its_line_break_is_loaded_with_a_warning(program, file):
    file.write_text(HEADER + row(program, "T1").rstrip("\n"))
    outcome = run_import(file)
    assert outcome.counts["new"] == 1
    assert "no line break at its end" in outcome.said


def test_one_stray_quotation_mark_costs_one_row(program, file):
    file.write_text(
        HEADER
        + row(program, "T1", description='"opened')
        + row(program, "T2", description='"quoted, as it should be"')
        + row(program, "T3")
    )
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["bad"]) == (2, 1)
    assert bad_rows(file)[0]["line"] == "2"


def test_a_stray_mark_that_nothing_closes_costs_one_row_too(program, file):
    many = "".join(row(program, f"T{number}") for number in range(50))
    file.write_text(HEADER + row(program, "T-open", description='"opened') + many)
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["bad"]) == (50, 1)
    assert bad_rows(file)[0]["line"] == "2"


def test_a_cell_of_ten_megabytes_is_one_bad_row(program, file):
    huge = "x" * (10 * 1024 * 1024)
    lines = ("y" * 1000 + "\n") * (10 * 1024)
    file.write_text(
        HEADER
        + row(program, "T1", description=huge)
        + row(program, "T2", description=f'"{lines}"')
        + row(program, "T3", description=huge * 2)
        + row(program, "T4")
    )
    outcome = run_import(file)
    assert (outcome.counts["new"], outcome.counts["bad"]) == (1, 3)
    assert file.with_name("complaints.csv.errors.csv").stat().st_size < 200_000


def test_nul_bytes_are_left_out_of_texts(program, file):
    file.write_text(HEADER + row(program, "T1", description="No\0thing") + row(program, "T2"))
    assert run_import(file).counts["new"] == 2
    assert Complaint.objects.get(trade_no="T1").description == "Nothing"


def test_a_row_with_too_few_or_too_many_columns_is_bad(program, file):
    file.write_text(
        HEADER + "a,b\n" + row(program, "T1").rstrip() + ",more,and more\n" + row(program, "T2").rstrip() + ",,\n"
    )
    outcome = run_import(file)
    assert [bad["line"] for bad in bad_rows(file)] == ["2", "3"]
    assert outcome.counts["new"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"name,age\nLi,3\n", "no column for: app_id (小程序ID), trade_no (交易号)"),
        (b"app_id,APPID,trade_no,trade_amount,dispute_type,description\n", "mean the same"),
        ("app_id,trade_no\n".encode("utf-16"), "UTF-16"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"PK\x03\x04broken", "damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_sentence_and_status_2(program, file, content, sentence):
    file.write_bytes(content)
    outcome = run_import(file)
    assert outcome.status == 2
    assert sentence in outcome.sentence
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_not_there_and_an_encoding_that_does_not_exist_are_refused(program, file):
    assert run_import(file).status == 2
    file.write_text(HEADER)
    assert run_import(file, "--encoding", "klingon").status == 2
    assert run_import(file, "--errors", str(file)).status == 2
    assert file.read_text() == HEADER


def test_whose_complaints_they_are_must_be_said_when_there_are_several_platforms(program, file):
    make_platform("other")
    file.write_text(HEADER + row(program, "T1"))
    assert "--platform" in run_import(file).sentence
    assert run_import(file, "--platform", "nobody").status == 2
    assert run_import(file, "--platform", "other").counts["bad"] == 1
    assert run_import(file, "--platform", program.platform.code).counts["new"] == 1


def test_what_was_handled_elsewhere_is_taken_in_with_its_handling(program, file):
    header = HEADER.replace("\n", ",处理时间,处理办法,退款金额\n")
    late, unknown = "2026-11-24 10:00:01,通过其他方式退款,100.00", "2026-11-21,other_refund,"
    file.write_text(
        header
        + row(program, "T1").replace("\n", f",{late}\n")
        + row(program, "T2").replace("\n", f",{unknown}\n")
        + row(program, "T3").replace("\n", ",,,\n").replace(",,,\n", ",,,")
        + "\n"
        + row(program, "T4").replace("\n", ",2026-11-21,shipped,5.00\n")
        + row(program, "T5").replace("\n", ",2026-11-21,other_refund,128.01\n")
    )
    outcome = run_import(file)
    assert [bad["field"] for bad in bad_rows(file)] == ["refund_amount", "refund_amount"]
    assert outcome.counts["new"] == 3
    first = Complaint.objects.get(trade_no="T1").handling
    assert (first.method, str(first.refund_amount), first.in_time) == (Method.OTHER_REFUND, "100.00", False)
    assert Complaint.objects.get(trade_no="T2").handling.refund_amount is None
    assert Complaint.objects.get(trade_no="T3").status == "pending"


def test_a_merchant_is_not_made_for_a_row_that_is_refused(file):
    file.write_text(
        "Complaint ID,Company,Product,Issue,Sub-issue,Consumer complaint narrative,Date received,"
        "Company response to consumer,Timely response?\n"
        "1,Bad Inc.,Loan,Fees,,,2999-01-01,In progress,Yes\n"
        "2,Good Inc.,Loan,Fees,,,2023-01-01,In progress,Yes\n"
        "3,Worse Inc.,Loan,Fees,,,2023-01-01,Lost,Yes\n"
    )
    outcome = run_import(file, "--mapping", "cfpb")
    assert (outcome.counts["new"], outcome.counts["bad"]) == (1, 2)
    assert list(MiniProgram.objects.values_list("merchant__name", "name")) == [("Good Inc.", "Good Inc. · Loan")]
    assert "“Lost” is not a value" in bad_rows(file)[1]["reason"]


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_run_again_it_ends_the_same(program, file):
    count = 6000
    file.write_text(HEADER + "".join(row(program, f"T{number}") for number in range(count)))
    before = sessions()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "import_complaints", str(file), "--batch", "100"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + 300
    while Complaint.objects.count() < 500 and time.monotonic() < limit:
        time.sleep(0.02)
    process.kill()
    process.wait()
    until_gone(before)
    landed = Complaint.objects.count()
    assert 500 <= landed < count
    assert landed % 100 == 0
    outcome = run_import(file)
    assert (outcome.status, outcome.counts["new"], outcome.counts["known"]) == (0, count - landed, landed)
    assert Complaint.objects.count() == count


def database_url() -> str:
    """The address of the tests' database, for a program of its own."""
    return urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
