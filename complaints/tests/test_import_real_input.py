"""Real complaints, imported and swept: the penalties are exactly those that a count on the raw file finds."""

import csv
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from complaints.models import Complaint, Handling, Method
from complaints.states import Status
from complaints.tests.factories import moment
from complaints.tests.importing import bad_rows, run_import
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from merchants.models import Merchant, MiniProgram
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

PART = Path(__file__).parent / "data" / "cfpb-part.csv"
SWEPT_AT = moment("2023-09-20T00:00Z")
RECORDS = 251


def raw_records() -> list[dict[str, str]]:
    """The records as the csv module reads them, without the last one, which is cut."""
    with PART.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))[:-1]


def expected_penalties() -> set[tuple[str, datetime, int]]:
    """Upstream id, missed moment and points of every record that was not handled, or not in time."""
    return {
        (each["Complaint ID"], datetime.fromisoformat(each["Date received"]).replace(tzinfo=UTC) + timedelta(days=4), 1)
        for each in raw_records()
        if each["Company response to consumer"] == "In progress" or each["Timely response?"] == "No"
    }


def penalties() -> set[tuple[str, datetime, int]]:
    return set(Penalty.objects.values_list("complaint__upstream_id", "missed_at", "points"))


def sweep() -> None:
    run_sweep("handle", cut_off=SWEPT_AT, issued_at=SWEPT_AT, ran_by="test")


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A copy, so that the bad rows are written where the test may write."""
    return Path(shutil.copy(PART, tmp_path / "part.csv"))


def shuffled(part: Path) -> Path:
    """The same records in another order, the cut one left out."""
    records = raw_records()
    random.Random(20230920).shuffle(records)
    path = part.with_name("shuffled.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, records[0].keys())
        writer.writeheader()
        writer.writerows(records)
    return path


def test_the_part_holds_what_makes_the_real_input_hard():
    records = raw_records()
    assert len(records) == RECORDS
    assert sum("\n" in each["Consumer complaint narrative"] for each in records) >= 20
    assert sum(each["Timely response?"] == "No" for each in records) == 1
    assert not PART.read_bytes().endswith(b"\n")


def test_every_whole_record_is_taken_in_and_the_cut_one_is_reported(part):
    outcome = run_import(part, "--mapping", "cfpb")
    assert (outcome.status, outcome.counts["new"], outcome.counts["bad"]) == (1, RECORDS, 1)
    (bad,) = bad_rows(part)
    assert int(bad["line"]) == PART.read_text(encoding="utf-8").count("\n") + 1
    assert "ends in the middle" in bad["reason"]
    assert Complaint.objects.count() == RECORDS


def test_companies_become_merchants_and_their_products_mini_programs(part):
    run_import(part, "--mapping", "cfpb")
    companies = {each["Company"] for each in raw_records()}
    products = {(each["Company"], each["Product"]) for each in raw_records()}
    assert set(Merchant.objects.values_list("name", flat=True)) == companies
    assert MiniProgram.objects.count() == len(products)


def test_a_record_is_mapped_as_the_table_says(part):
    run_import(part, "--mapping", "cfpb")
    late = next(each for each in raw_records() if each["Timely response?"] == "No")
    complaint = Complaint.objects.select_related("merchant").get(upstream_id=late["Complaint ID"])
    assert complaint.trade_no == late["Complaint ID"]
    assert complaint.merchant.name == late["Company"]
    assert complaint.dispute_type == f"{late['Issue']} / {late['Sub-issue']}"
    assert complaint.filed_at == datetime.fromisoformat(late["Date received"]).replace(tzinfo=UTC)
    assert complaint.handling.handled_at - complaint.filed_at == timedelta(hours=97)
    assert not complaint.handling.in_time


def test_a_narrative_over_many_lines_stays_whole(part):
    run_import(part, "--mapping", "cfpb")
    told = next(each for each in raw_records() if "\n" in each["Consumer complaint narrative"])
    complaint = Complaint.objects.get(upstream_id=told["Complaint ID"])
    assert complaint.description == told["Consumer complaint narrative"].strip()


def test_how_it_was_handled_follows_the_response(part):
    run_import(part, "--mapping", "cfpb")
    responses = [each["Company response to consumer"] for each in raw_records()]
    relief = responses.count("Closed with monetary relief")
    closed = sum(response.startswith("Closed") for response in responses)
    assert Complaint.objects.filter(status=Status.PENDING).count() == responses.count("In progress")
    assert Handling.objects.filter(method=Method.OTHER_REFUND, refund_amount=None, taken_in=True).count() == relief
    assert Handling.objects.filter(method=Method.AFTER_SALES).count() == closed - relief


def test_the_sweep_finds_exactly_what_a_count_on_the_raw_file_finds(part):
    run_import(part, "--mapping", "cfpb")
    sweep()
    assert len(expected_penalties()) == 77
    assert penalties() == expected_penalties()


def test_importing_again_adds_nothing(part):
    run_import(part, "--mapping", "cfpb")
    sweep()
    again = run_import(part, "--mapping", "cfpb")
    sweep()
    assert (again.counts["new"], again.counts["known"]) == (0, RECORDS)
    assert Complaint.objects.count() == RECORDS
    assert Deadline.objects.filter(kind="handle").count() == 0
    assert penalties() == expected_penalties()


def test_another_order_gives_the_same_penalties(part):
    assert run_import(shuffled(part), "--mapping", "cfpb", "--batch", "37").counts["new"] == RECORDS
    sweep()
    assert penalties() == expected_penalties()


def test_importing_after_a_sweep_gives_the_same_penalties(part):
    half = part.with_name("half.csv")
    text = PART.read_text(encoding="utf-8")
    half.write_text(text[: text.rindex("\n", 0, len(text) // 2) + 1], encoding="utf-8")
    run_import(half, "--mapping", "cfpb")
    sweep()
    assert 0 < Penalty.objects.count() < len(expected_penalties())
    run_import(part, "--mapping", "cfpb")
    sweep()
    assert penalties() == expected_penalties()


def test_history_starts_no_clock_and_penalises_nobody(part):
    assert run_import(part, "--mapping", "cfpb", "--history").counts["new"] == RECORDS
    sweep()
    assert Complaint.objects.filter(is_history=True).count() == RECORDS
    assert not Deadline.objects.exists()
    assert not Penalty.objects.exists()


def test_a_dry_run_counts_the_same_and_keeps_nothing(part):
    outcome = run_import(part, "--mapping", "cfpb", "--dry-run")
    assert (outcome.status, outcome.counts["new"], outcome.counts["bad"]) == (1, RECORDS, 1)
    assert not Complaint.objects.exists()
    assert not Merchant.objects.exists()
    assert not MiniProgram.objects.exists()
