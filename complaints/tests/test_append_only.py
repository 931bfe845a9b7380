"""What the database itself refuses, whoever asks: changing the history, deleting cases, rows that cannot be true."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Model

from complaints.models import Complaint, Handling, HistoryLine, Message
from complaints.services import leave_message
from complaints.tests.factories import file_at, handle_at, make_program, member_actor, moment
from deadlines.models import Deadline
from deadlines.sweeping import run_sweep
from notifications.models import Event
from penalties.models import Penalty

pytestmark = pytest.mark.django_db

FILED = "2026-11-20T02:00Z"
DUE = "2026-11-24T02:00Z"
AFTER_DUE = "2026-11-24T02:00:00.000001Z"


@pytest.fixture
def case() -> Complaint:
    """A complaint with a message, a missed deadline and its penalty, so that every table has rows."""
    complaint = file_at(FILED)
    leave_message(complaint.pk, "We look into it.", actor=member_actor(complaint.merchant), now=moment(FILED))
    run_sweep("handle", cut_off=moment(AFTER_DUE), issued_at=moment(AFTER_DUE), ran_by="test")
    return complaint


def rows(model: type[Model]) -> list[dict[str, Any]]:
    return list(model._default_manager.order_by("pk").values())


ADDED_ONLY = [
    (HistoryLine, {"actor_name": "Nobody"}),
    (Event, {"payload": {}}),
    (Message, {"text": "Never said."}),
]


@pytest.mark.parametrize(("model", "change"), ADDED_ONLY)
class TestAddedOnly:
    def test_no_row_is_changed_through_the_orm(self, case, model, change):
        before = rows(model)
        assert before
        for attempt in (
            lambda: model.objects.update(**change),
            lambda: model.objects.bulk_update([self.changed(model, change)], list(change)),
            lambda: self.changed(model, change).save(),
        ):
            with pytest.raises(DatabaseError, match="Cannot update or delete rows"), transaction.atomic():
                attempt()
            assert rows(model) == before

    def test_no_row_is_deleted_through_the_orm(self, case, model, change):
        before = rows(model)
        assert before
        for attempt in (lambda: model.objects.all().delete(), lambda: model.objects.latest("id").delete()):
            with pytest.raises(DatabaseError, match="Cannot update or delete rows"), transaction.atomic():
                attempt()
            assert rows(model) == before

    @pytest.mark.parametrize("statement", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
    def test_no_row_is_changed_or_deleted_with_plain_sql(self, case, model, change, statement):
        before = rows(model)
        (column,) = change
        with (
            pytest.raises(DatabaseError, match="Cannot update or delete rows"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.format(table=model._meta.db_table, column=column))
        assert rows(model) == before

    def changed(self, model: type[Model], change: dict[str, Any]) -> Model:
        row = model._default_manager.latest("pk")
        for name, value in change.items():
            setattr(row, name, value)
        return row


@pytest.mark.parametrize("model", [Complaint, Penalty])
class TestNeverDeleted:
    def test_not_through_the_orm(self, case, model):
        before = rows(model)
        assert len(before) == 1
        with pytest.raises(DatabaseError), transaction.atomic():
            model.objects.all().delete()
        with pytest.raises(DatabaseError, match="Cannot delete rows"), transaction.atomic():
            model.objects.all()._raw_delete(using="default")
        assert rows(model) == before

    def test_not_with_plain_sql(self, case, model):
        with (
            pytest.raises(DatabaseError, match="Cannot delete rows"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
        assert model.objects.count() == 1


def refused_by(constraint: str, write) -> None:
    """Expect that the database refuses a write because of this very constraint."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        write()
    diagnosis = getattr(refusal.value.__cause__, "diag", None)
    assert diagnosis is not None
    assert diagnosis.constraint_name == constraint


def copy_of(row: Model, **changes: Any) -> Model:
    """Return a row like this one that is not in the database yet."""
    row.pk, row._state.adding = None, True
    for name, value in changes.items():
        setattr(row, name, value)
    return row


class TestOnePenalty:
    def test_for_each_missed_obligation(self, case):
        penalty = Penalty.objects.get()
        refused_by("one_penalty_per_missed_obligation", copy_of(penalty, penalty_no="another").save)
        assert Penalty.objects.count() == 1

    @pytest.mark.parametrize("change", [{"round": 2}, {"kind": "refund_overdue"}, {"subject_id": 0}])
    def test_and_another_for_another_one(self, case, change):
        copy_of(Penalty.objects.get(), penalty_no="another", **change).save()
        assert Penalty.objects.count() == 2

    def test_for_each_number(self, case):
        refused_by("one_penalty_per_number", copy_of(Penalty.objects.get(), subject_id=0).save)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("penalty_status_known", {"status": "forgiven"}),
        ("never_issued_before_missed", {"issued_at": moment("2026-11-24T01:59:59.999999Z")}),
        ("window_opens_when_issued", {"appeal_by": moment(AFTER_DUE)}),
    ],
)
def test_a_penalty_that_cannot_be_true_is_refused(case, constraint, change):
    refused_by(constraint, lambda: Penalty.objects.update(**change))


def test_a_penalty_may_be_issued_at_the_very_moment_of_the_deadline(case):
    assert Penalty.objects.update(issued_at=moment(DUE)) == 1


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("complaint_status_known", {"status": "overdue"}),
        ("trade_amount_not_negative", {"trade_amount": Decimal("-0.01")}),
        ("requested_refund_within_trade", {"requested_refund_amount": Decimal("128.01")}),
        ("requested_refund_within_trade", {"requested_refund_amount": Decimal("-0.01")}),
        ("handle_by_after_filed_at", {"handle_by": moment(FILED)}),
    ],
)
def test_a_complaint_that_cannot_be_true_is_refused(case, constraint, change):
    refused_by(constraint, lambda: Complaint.objects.update(**change))


@pytest.mark.parametrize(
    "change",
    [
        {"trade_amount": Decimal(0)},
        {"requested_refund_amount": Decimal(0)},
        {"requested_refund_amount": Decimal("128.00")},
        {"handle_by": moment(FILED) + timedelta(microseconds=1)},
    ],
)
def test_a_complaint_at_the_edge_is_taken(case, change):
    assert Complaint.objects.update(**change) == 1


def test_an_upstream_id_is_used_once_on_a_platform_and_no_upstream_id_any_number_of_times():
    program = make_program()
    first, _second = file_at(FILED, program, upstream_id="U-1"), file_at(FILED, program)
    file_at(FILED, program)
    file_at(FILED, upstream_id="U-1")
    assert Complaint.objects.count() == 4
    refused_by("one_complaint_per_upstream_id", copy_of(first, complaint_no="another").save)


class TestHandlings:
    def test_a_complaint_is_handled_once(self):
        handling = handle_at(DUE, file_at(FILED))
        with pytest.raises(IntegrityError), transaction.atomic():
            copy_of(handling).save()
        assert Handling.objects.count() == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"refund_amount": None},
            {"refund_amount": Decimal(0)},
            {"refund_amount": Decimal(-1)},
            {"refund_amount": Decimal(0), "taken_in": True},
            {"method": "shipped"},
        ],
    )
    def test_a_way_that_refunds_has_an_amount_and_no_other_has(self, change):
        handle_at(DUE, file_at(FILED))
        refused_by("a_refunding_way_has_an_amount", lambda: Handling.objects.update(**change))

    @pytest.mark.parametrize(
        "change", [{"refund_amount": None, "taken_in": True}, {"refund_amount": None, "method": "shipped"}]
    )
    def test_only_what_was_handled_elsewhere_may_leave_it_open(self, change):
        handle_at(DUE, file_at(FILED))
        assert Handling.objects.update(**change) == 1


def test_one_clock_of_a_kind_runs_for_a_subject():
    file_at(FILED)
    clock = Deadline.objects.get()
    refused_by("one_clock_per_kind_and_subject", copy_of(clock).save)
    copy_of(clock, kind="finish").save()
    assert Deadline.objects.count() == 2
