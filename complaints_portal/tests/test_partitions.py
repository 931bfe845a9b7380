"""The plan for a billion complaints, tried on the real tables: partitions by month, filed into and listed as they are.

What docs/scale.md says about keys is held here: which of them can be kept across months, and how the others are.
"""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, connection, transaction

from common.keyset import keyset_page
from complaints import intake
from complaints.models import Complaint, HistoryLine
from complaints.queries import Wanted, narrowed, segments
from complaints.states import Status
from complaints.tests.factories import file_at, make_program
from notifications.models import Event

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
MONTHS = ("2026-09-01", "2026-10-01", "2026-11-01", "2026-12-01")
"""Each begins at midnight in Beijing, as the days in all numbers do."""

BY_MONTH = {
    "complaints_complaint": "filed_at",
    "complaints_historyline": "at",
    "notifications_event": "at",
    "penalties_penalty": "issued_at",
}
BY_SUBJECT = "deadlines_deadline"

KEPT_IN_EACH_MONTH = {"complaints_complaint_complaint_no_key", "one_penalty_per_number"}
"""These numbers begin with the day of the very moment that parts the months: what is unique in a month is unique."""
KEPT_IN_A_TABLE_OF_KEYS = {"one_complaint_per_upstream_id", "one_penalty_per_missed_obligation"}
"""Nothing in these keys says in which month the row is; a small table beside holds them, and is asked first."""
KEPT_AS_THEY_ARE = {"one_clock_per_kind_and_subject"}
"""Clocks are parted by what they are about, which is in the key."""

pytestmark = pytest.mark.django_db


def ask(statement, given=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall() if cursor.description else []


def unique_keys(table):
    """Return the keys of a table beside its primary one."""
    return ask(
        "SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
        " WHERE indrelid = %s::regclass AND indisunique AND NOT indisprimary",
        [f"public.{table}"],
    )


def others(table):
    return ask(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisunique",
        [f"public.{table}"],
    )


def triggers(table):
    return ask(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
        [f"public.{table}"],
    )


@pytest.fixture
def _parted(monkeypatch):
    """The real tables once more, parted, in a schema that is looked at first: the code finds them under their names.

    That an upstream id is there already is for the table of keys to say, so filing names no constraint any more.
    """
    monkeypatch.setattr(intake, "ONE_PER_UPSTREAM_ID", "")
    ask("CREATE SCHEMA parted")
    for table, moment in BY_MONTH.items():
        make(table, f"RANGE ({moment})", f"id, {moment}")
        for first, until in pairwise(MONTHS):
            month = f"parted.{table}_{first[:7].replace('-', '_')}"
            ask(
                f"CREATE TABLE {month} PARTITION OF parted.{table} FOR VALUES"
                f" FROM ('{first} 00:00+08') TO ('{until} 00:00+08')"
            )
            for name, definition in unique_keys(table):
                if name in KEPT_IN_EACH_MONTH:
                    ask(definition.replace(f"INDEX {name} ON public.{table}", f"INDEX ON {month}"))
    make(BY_SUBJECT, "HASH (subject_id)", "id, subject_id")
    for remainder in range(4):
        ask(
            f"CREATE TABLE parted.{BY_SUBJECT}_{remainder} PARTITION OF parted.{BY_SUBJECT}"
            f" FOR VALUES WITH (MODULUS 4, REMAINDER {remainder})"
        )
    ask("ALTER TABLE parted.deadlines_deadline ADD CONSTRAINT one_clock UNIQUE (subject_id, kind)")
    ask(
        "CREATE TABLE parted.complaint_key (platform_id int8, upstream_id text, PRIMARY KEY (platform_id, upstream_id))"
    )
    ask(
        "CREATE TABLE parted.penalty_key (subject_id bigint, kind text, round smallint,"
        " PRIMARY KEY (subject_id, kind, round))"
    )
    ask("SET LOCAL search_path = parted, public")


def make(table, parting, key):
    """Make a parted table from the definition of a real one: columns, defaults, checks, indexes and triggers."""
    ask(
        f"CREATE TABLE parted.{table} (LIKE public.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        f" PARTITION BY {parting}"
    )
    ask(f"ALTER TABLE parted.{table} ADD PRIMARY KEY ({key})")
    ((sequence,),) = ask("SELECT pg_get_serial_sequence(%s, 'id')", [f"public.{table}"])
    ask(f"ALTER TABLE parted.{table} ALTER id SET DEFAULT nextval('{sequence}')")
    for (definition,) in others(table):
        ask(definition.replace(f"ON public.{table}", f"ON parted.{table}"))
    for (definition,) in triggers(table):
        ask(definition.replace(f"ON public.{table}", f"ON parted.{table}"))


def explained(rows, number=21):
    """Return every node of the plan of a queryset, as it ran."""
    sql, given = rows[:number].query.sql_with_params()
    ((plan,),) = ask(f"EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) {sql}", given)
    found, left = [], [(plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]]
    while left:
        node = left.pop()
        found.append(node)
        left += node.get("Plans", [])
    return found


def months_read(nodes):
    return {
        node["Relation Name"]
        for node in nodes
        if node.get("Relation Name", "").startswith("complaints_complaint_") and node["Actual Loops"]
    }


def file_some():
    """File complaints of three months by the verb, and handle none; return the last."""
    program = make_program()
    for day in range(60):
        complaint = file_at(NOW - timedelta(days=day), program=program)
    ask("UPDATE complaints_complaint SET status = 'finished', ended_at = handle_by")
    ask("ANALYZE complaints_complaint")
    return complaint


@pytest.mark.usefixtures("_parted")
class TestPartedByMonth:
    def test_the_verb_files_into_the_months_with_its_line_its_event_and_its_clock(self):
        program = make_program()
        for moment in (NOW, NOW - timedelta(days=40)):
            file_at(moment, program=program)
        for table in ("complaints_complaint", "complaints_historyline"):
            counted = ask(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1 ORDER BY 1")
            assert counted == [(f"{table}_2026_10", 1), (f"{table}_2026_11", 1)]
        assert Event.objects.filter(name="complaint.filed").count() == 2
        assert ask("SELECT count(*) FROM parted.deadlines_deadline") == [(2,)]
        assert ask("SELECT count(*) FROM public.complaints_complaint") == [(0,)]

    def test_a_complaint_is_filed_by_one_statement_that_asks_the_table_of_keys_first(self):
        program = make_program()
        filing = """
            WITH new AS (
                INSERT INTO complaint_key VALUES (%(platform)s, %(upstream)s) ON CONFLICT DO NOTHING RETURNING *
            ), filed AS (
                INSERT INTO complaints_complaint (complaint_no, platform_id, merchant_id, mini_program_id, upstream_id,
                    trade_no, merchant_order_no, trade_amount, dispute_type, demand, description, consumer_reference,
                    consumer_name, consumer_phone, advance_protection, status, filed_at, received_at, handle_by,
                    is_history)
                SELECT %(number)s, platform_id, %(merchant)s, %(program)s, upstream_id, 'T-1', '', 12.00, '质量问题',
                    '退款', '用了两天就坏了', '', '', '',
                    false, 'pending', %(at)s, %(at)s, %(at)s + interval '96 hours', false
                FROM new RETURNING *
            )
            INSERT INTO complaints_historyline (complaint_id, noun, noun_id, verb, from_state, to_state, actor_kind,
                actor_name, at, detail)
            SELECT id, 'complaint', id, 'file', '', status, 'platform', 'desk', filed_at, '{}' FROM filed
        """
        given = {
            "platform": program.platform_id,
            "merchant": program.merchant_id,
            "program": program.pk,
            "upstream": "U-1",
            "at": NOW,
            "number": "2026112401" + "1" * 18,
        }
        ask(filing, given)
        # The same upstream id a month later is the same complaint, although it would be in another month.
        ask(filing, given | {"at": NOW - timedelta(days=40), "number": "2026101501" + "2" * 18})
        assert Complaint.objects.count() == HistoryLine.objects.count() == 1

    def test_a_list_of_some_days_reads_their_month_alone(self):
        complaint = file_some()
        own = Complaint.objects.filter(merchant_id=complaint.merchant_id)
        days = Wanted(filed_from=datetime(2026, 10, 5).date(), filed_to=datetime(2026, 10, 20).date())  # noqa: DTZ001
        rows = narrowed(own, days, now=NOW)
        assert len(keyset_page(segments(rows, Status.values)).rows) == 16
        (_pending, others_) = segments(rows, Status.values)
        nodes = explained(others_.rows.order_by("-filed_at", "-pk"))
        assert months_read(nodes) == {"complaints_complaint_2026_10"}

    def test_the_first_page_of_a_list_stops_in_the_newest_month(self):
        complaint = file_some()
        (_pending, newest) = segments(Complaint.objects.filter(merchant_id=complaint.merchant_id), Status.values)
        ask("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off")
        nodes = explained(newest.rows.order_by("-filed_at", "-pk"), number=10)
        assert months_read(nodes) == {"complaints_complaint_2026_11"}
        assert "Sort" not in {node["Node Type"] for node in nodes}

    def test_a_number_is_unique_although_each_month_sees_to_its_own(self):
        program = make_program()
        file_at(NOW, program=program)
        later = file_at(NOW + timedelta(hours=1), program=program)
        first = Complaint.objects.earliest("filed_at")
        with pytest.raises(IntegrityError), transaction.atomic():
            Complaint.objects.filter(pk=later.pk).update(complaint_no=first.complaint_no)

    def test_history_stays_append_only(self):
        file_at(NOW, program=make_program())
        with pytest.raises(Exception, match="append_only"), transaction.atomic():
            HistoryLine.objects.all().delete()


def test_each_unique_key_is_kept_in_one_of_three_ways():
    """A key that is added later has to be given its way here, and in docs/scale.md."""
    names = {name for table in (*BY_MONTH, BY_SUBJECT) for name, _definition in unique_keys(table)}
    assert names == KEPT_IN_EACH_MONTH | KEPT_IN_A_TABLE_OF_KEYS | KEPT_AS_THEY_ARE


def test_a_key_without_the_moment_cannot_be_kept_across_months():
    """The control: this is why the tables of keys are there."""
    ask(
        "CREATE TABLE some_complaint (platform_id bigint, upstream_id text, filed_at timestamptz)"
        " PARTITION BY RANGE (filed_at)"
    )
    with pytest.raises(Exception, match="must include all partitioning columns"), transaction.atomic():
        ask("CREATE UNIQUE INDEX ON some_complaint (platform_id, upstream_id)")


def test_these_references_to_a_complaint_need_its_month_or_have_to_be_verified():
    """A reference to a parted table must name the month as well. History, clocks and penalties have none already."""
    found = ask(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        " AND confrelid = 'complaints_complaint'::regclass"
    )
    referring = {table for (table,) in found}
    assert {"complaints_handling", "complaints_message", "refunds_refundcase", "refunds_norefundclaim"} <= referring
    assert not referring & {"complaints_historyline", "penalties_penalty", "deadlines_deadline", "notifications_event"}
