"""Many made-up complaints: everything that must be true of real ones is true of them, and the portal goes on."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from appeals.models import Appeal
from complaints.models import Complaint, Consultation, HistoryLine
from complaints.states import Status
from complaints.tests.factories import file_at
from complaints_portal import seeding
from complaints_portal.seeding import rebuilding
from complaints_portal.seeding.statements import TABLES
from complaints_portal.verifying import verify
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from merchants.models import MiniProgram
from notifications.models import Event, Notice, Watermark
from notifications.telling import tell
from penalties.models import Penalty
from refunds.ledger import verify_ledger
from refunds.models import RefundCase

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SOME = 4000

pytestmark = pytest.mark.django_db


def draw_alike():
    """Let the database draw the same each time: what is rare is rarely missing, and that is no reason to fail."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")


@pytest.fixture(autouse=True)
def _alike(db):
    draw_alike()


@pytest.fixture(scope="class")
def filled(django_db_setup, django_db_blocker):
    """Some thousands of complaints, made once for the tests that only look at them."""
    with django_db_blocker.unblock(), transaction.atomic():
        draw_alike()
        list(seeding.fill(SOME, now=NOW, batch=1500))
        yield
        transaction.set_rollback(True)


def broken():
    return [finding for finding in verify() if finding.count] + verify_ledger().broken


def indexes_and_references():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = ANY (%(tables)s::regclass[]) UNION ALL"
            " SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = ANY (%(tables)s::regclass[]) ORDER BY 1",
            {"tables": list(TABLES)},
        )
        # The text of a condition changes when it is read back, its meaning does not.
        return [definition.partition(" WHERE ")[0] for (definition,) in cursor.fetchall()]


@pytest.mark.usefixtures("filled")
class TestWhatIsFilled:
    def test_every_invariant_holds_of_it(self):
        assert Complaint.objects.count() == SOME
        assert broken() == []

    def test_all_states_are_there_over_two_years(self):
        assert set(Complaint.objects.values_list("status", flat=True)) == set(Status.values)
        assert set(RefundCase.objects.values_list("status", flat=True)) >= {"refunded", "waived", "due"}
        assert set(Appeal.objects.values_list("status", flat=True)) >= {"approved", "rejected"}
        assert set(Consultation.objects.values_list("status", flat=True)) >= {"answered", "closed"}
        filed = Complaint.objects.order_by("filed_at").values_list("filed_at", flat=True)
        assert filed[0] < NOW - timedelta(days=700)
        assert NOW - timedelta(days=3) < filed[SOME - 1] < NOW
        assert not HistoryLine.objects.filter(at__gt=NOW).exists()
        assert not Event.objects.filter(at__gt=NOW).exists()

    def test_the_largest_merchant_has_far_more_than_the_others(self):
        assert seeding.merchants_for(SOME) == 200
        largest = Complaint.objects.filter(merchant__name="商家 000001").count()
        assert largest > 5 * SOME / 200

    def test_the_texts_hardly_ever_repeat(self):
        texts = set(Complaint.objects.values_list("description", flat=True))
        assert len(texts) > 0.95 * SOME
        assert 0 < Complaint.objects.filter(description__contains="青花瓷").count() < SOME / 10

    def test_numbers_say_the_day_of_their_moment_in_beijing(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM complaints_complaint WHERE left(complaint_no, 10)"
                " <> to_char(filed_at AT TIME ZONE 'Asia/Shanghai', 'YYYYMMDD') || '01' OR length(complaint_no) <> 28"
            )
            assert cursor.fetchone() == (0,)

    def test_nobody_is_told_of_a_made_up_past(self):
        tell(now=NOW)
        assert Notice.objects.count() == 0
        assert Watermark.objects.filter(transaction=0, event_id=0).count() == 0


def test_the_portal_goes_on_filing_and_sweeping_afterwards():
    list(seeding.fill(300, now=NOW))
    program = MiniProgram.objects.filter(platform__code="seeded-1")[0]
    filed = file_at(NOW + timedelta(hours=1), program=program)
    assert filed.pk > Complaint.objects.filter(upstream_id__startswith="seeded").latest("pk").pk
    late = NOW + timedelta(days=30)
    for kind in ("handle", "refund", "appeal", "finish"):
        assert run_sweep(kind, cut_off=late, issued_at=late, ran_by="test").failed == 0
    assert Penalty.objects.filter(complaint=filed).count() == 1
    assert broken() == []


def test_more_can_be_added_to_what_is_there():
    list(seeding.fill(200, now=NOW))
    list(seeding.fill(300, now=NOW + timedelta(days=1)))
    assert Complaint.objects.count() == 500
    assert broken() == []


def test_a_fill_that_was_killed_goes_on_where_it_stopped(monkeypatch):
    monkeypatch.setattr(seeding, "WORTH_IT", 100)
    before = indexes_and_references()
    fill = seeding.fill(600, now=NOW, batch=200)
    assert [next(fill).done, next(fill).done] == [0, 200]
    fill.close()
    assert rebuilding.is_left_out()
    assert len(indexes_and_references()) < len(before)
    steps = list(seeding.fill(9999, now=NOW + timedelta(days=3), batch=200))
    assert [step.done for step in steps if not step.making] == [200, 400, 600]
    assert Complaint.objects.count() == 600
    assert not Complaint.objects.filter(filed_at__gt=NOW).exists()
    assert indexes_and_references() == before
    assert not rebuilding.is_left_out()
    assert broken() == []


def test_ten_million_complaints_are_spread_over_two_years():
    moments = [seeding.moment_of(part, 10_000_000, now=NOW) for part in (0, 5_000_000, 9_900_000, 10_000_000)]
    assert [NOW - moment for moment in moments] == [timedelta(days=days) for days in (730, 365, 7.3, 0)]


def test_a_database_in_use_keeps_its_indexes_meanwhile(monkeypatch):
    monkeypatch.setattr(seeding, "WORTH_IT", 100)
    monkeypatch.setattr(seeding, "FEW", 50)
    list(seeding.fill(80, now=NOW))
    fill = seeding.fill(200, now=NOW)
    next(fill)
    assert not rebuilding.is_left_out()
    fill.close()


def test_a_disk_without_room_refuses_with_a_sentence(monkeypatch):
    monkeypatch.setattr(seeding, "free_room", lambda: 40 * 1024**3)
    with pytest.raises(CommandError, match=r"10,000,000 complaints need about 46\.6 GB.* has 40\.0 GB left"):
        call_command("seed_demo", "--complaints", "10000000", stdout=StringIO(), stderr=StringIO())
    assert not Complaint.objects.filter(upstream_id__startswith="seeded").exists()


def test_the_command_says_how_quick_it_was():
    out = StringIO()
    call_command("seed_demo", "--complaints", "5001", stdout=out, stderr=StringIO())
    said = out.getvalue()
    assert "5,001 complaints need about 0.0 GB" in said
    assert "Added 5,001 complaints in" in said
    assert "a second with all that belongs to them" in said
    assert Complaint.objects.filter(merchant__name="青禾鲜果").count() > 200


def test_what_was_left_waits_for_a_sweep():
    draw = seeding.Drawing(20, now=NOW)
    day = datetime(2026, 11, 17, 16, 0, tzinfo=UTC)
    draw.left(50, since=day, until=day + timedelta(days=1))
    due = Deadline.objects.filter(kind="handle", due_at__lt=NOW)
    assert due.count() == 50
    assert set(Complaint.objects.values_list("status", flat=True)) == {"pending"}
    assert run_sweep("handle", cut_off=NOW, issued_at=NOW, ran_by="test").acted == 50
    assert broken() == []
